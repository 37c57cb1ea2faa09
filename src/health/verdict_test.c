#include "health/verdict.h"

#include <stdlib.h>

#include "base/test.h"

enum { NOW = 1800000000, DAY = 24 * 60 * 60 };

struct house {
    struct metrics_sample now, before;
    struct verdict verdicts[VERDICTS_MAX];
    size_t count;
};

#define SET(h, when, name, label, value) ((h)->when.cells[METRIC_AT_##name + (label)] = (value))

static int make(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    for (unsigned i = 0; i < METRIC_PROCESS_COUNT; i++)
        SET(h, now, PROCESS_ID, i, 100 + (int64_t)i);
    SET(h, now, DISK_SIZE, 0, INT64_C(1) << 40);
    SET(h, now, DISK_FREE, 0, INT64_C(1) << 39);
    SET(h, now, CERTIFICATE_END, 0, NOW + 90 * DAY);
    *state = h;
    return 0;
}

static int drop(void **state)
{
    free(*state);
    return 0;
}

static void expect(struct house *h, enum verdict_level level, const char *what)
{
    assert_int_equal(verdict_judge(&h->now, &h->before, NOW, h->verdicts, &h->count), level);
    assert_int_equal(h->count, what != NULL);
    if (what != NULL)
        assert_string_equal(h->verdicts[0].what, what);
}

static void test_nothing_is_wrong_with_a_good_house(void **state)
{
    expect(*state, VERDICT_OK, NULL);
}

static void test_a_process_that_is_not_there_fails_the_house(void **state)
{
    struct house *h = *state;
    SET(h, now, PROCESS_ID, METRIC_RELAY, 0);
    expect(h, VERDICT_FAILING, "process-down");
}

static void test_restarts_count_from_the_third(void **state)
{
    struct house *h = *state;
    SET(h, before, PROCESS_DEATHS, METRIC_EDGE, 10);
    SET(h, now, PROCESS_DEATHS, METRIC_EDGE, 10 + VERDICT_RESTARTS - 1);
    expect(h, VERDICT_OK, NULL);
    SET(h, now, PROCESS_DEATHS, METRIC_EDGE, 10 + VERDICT_RESTARTS);
    expect(h, VERDICT_WARNING, "process-restarts");
}

static void test_failed_syncs_are_an_alarm(void **state)
{
    struct house *h = *state;
    SET(h, now, ACCOUNTS_BROKEN, 0, 1);
    expect(h, VERDICT_FAILING, "accounts-broken");
    assert_non_null(strstr(h->verdicts[0].text, "1 account is closed until a restart"));
    SET(h, now, ACCOUNTS_BROKEN, 0, 0);
    SET(h, now, QUEUE_BROKEN, 0, 1);
    expect(h, VERDICT_FAILING, "queue-broken");
    SET(h, now, QUEUE_BROKEN, 0, 0);
    SET(h, now, SYNC_FAILURES, METRIC_SYNC_QUEUE, 1);
    expect(h, VERDICT_WARNING, "sync-failed");
    SET(h, before, SYNC_FAILURES, METRIC_SYNC_QUEUE, 1); /* long ago */
    expect(h, VERDICT_OK, NULL);
}

static void test_a_disk_is_low_and_then_full(void **state)
{
    struct house *h = *state;
    SET(h, now, DISK_SIZE, 0, INT64_C(100) << 30);
    SET(h, now, DISK_FREE, 0, INT64_C(9) << 30);
    expect(h, VERDICT_WARNING, "disk-space");
    SET(h, now, DISK_FREE, 0, INT64_C(1) << 30);
    expect(h, VERDICT_FAILING, "disk-space");
    SET(h, now, DISK_SIZE, 0, INT64_C(1000) << 30); /* 2 % of much is enough */
    SET(h, now, DISK_FREE, 0, VERDICT_DISK_ENOUGH);
    expect(h, VERDICT_OK, NULL);
    SET(h, now, DISK_INODES, 0, 1000000);
    SET(h, now, DISK_INODES_FREE, 0, 10000);
    expect(h, VERDICT_FAILING, "disk-inodes");
}

static void test_a_certificate_that_can_t_be_had_is_a_warning(void **state)
{
    struct house *h = *state;
    SET(h, now, ACME_FAILURES, 0, 2);
    expect(h, VERDICT_WARNING, "acme");
}

static void test_certificates_are_called_two_weeks_before(void **state)
{
    struct house *h = *state;
    SET(h, now, CERTIFICATE_END, 0, NOW + VERDICT_CERTIFICATE_DAYS * DAY);
    expect(h, VERDICT_OK, NULL);
    SET(h, now, CERTIFICATE_END, 0, NOW + VERDICT_CERTIFICATE_DAYS * DAY - 1);
    expect(h, VERDICT_WARNING, "certificate");
    SET(h, now, CERTIFICATE_END, 0, NOW);
    expect(h, VERDICT_FAILING, "certificate");
}

static void test_mail_that_is_not_filed_is_noticed(void **state)
{
    struct house *h = *state;
    SET(h, now, QUEUE_OLDEST, METRIC_QUEUE_FILING, VERDICT_STUCK_SECONDS);
    expect(h, VERDICT_WARNING, "queue-stuck");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_wrong_with_a_good_house),
        TEST(test_a_process_that_is_not_there_fails_the_house),
        TEST(test_restarts_count_from_the_third),
        TEST(test_failed_syncs_are_an_alarm),
        TEST(test_a_certificate_that_can_t_be_had_is_a_warning),
        TEST(test_a_disk_is_low_and_then_full),
        TEST(test_certificates_are_called_two_weeks_before),
        TEST(test_mail_that_is_not_filed_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
