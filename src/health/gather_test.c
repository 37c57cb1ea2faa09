#include "health/gather.h"

#include <unistd.h>

#include "base/test.h"
#include "health/status.h"

static struct gatherer *make(void)
{
    struct gatherer *gatherer = NULL;
    struct error error;
    const struct gather_options options = {.pages = {[METRIC_STORE] = metrics_own()}};
    assert_int_equal(gatherer_create(&options, &gatherer, &error), ERR_OK);
    return gatherer;
}

static void test_remembers_five_minutes(void **state UNUSED)
{
    struct gatherer *gatherer = make();
    struct metrics_sample sample;
    int64_t age;
    gather_now(gatherer, &sample);
    int64_t begin = metric_of(&sample, MESSAGE_BYTES, METRIC_ONE);
    for (int i = 0; i < 60; i++) { /* ten minutes, a hundred bytes each ten seconds */
        metric_add(MESSAGE_BYTES, METRIC_ONE, 100);
        clock_shift(GATHER_SECONDS * CLOCK_SECOND);
        gather_tick(gatherer);
    }
    gather_now(gatherer, &sample);
    assert_int_equal(metric_of(&sample, MESSAGE_BYTES, METRIC_ONE) - begin, 6000);
    gather_before(gatherer, 60, &sample, &age);
    assert_int_equal(metric_of(&sample, MESSAGE_BYTES, METRIC_ONE) - begin, 5400);
    assert_int_equal((age + CLOCK_SECOND / 2) / CLOCK_SECOND, 60);
    gather_before(gatherer, 100000, &sample, &age);
    assert_int_equal(metric_of(&sample, MESSAGE_BYTES, METRIC_ONE) - begin, 3000);
    assert_int_equal((age + CLOCK_SECOND / 2) / CLOCK_SECOND, GATHER_HISTORY_SECONDS);
    gatherer_destroy(gatherer);
}

static void test_status_counts_the_last_minute(void **state UNUSED)
{
    struct gatherer *gatherer = make();
    metric_add(LOGINS, METRIC_LABELS(METRIC_IMAP, METRIC_LOGIN_OK, METRIC_LOGIN_COUNT), 5);
    metric_add(LOGINS, METRIC_LABELS(METRIC_POP3, METRIC_LOGIN_WRONG, METRIC_LOGIN_COUNT), 2);
    metric_count(LOGINS, METRIC_LABELS(METRIC_POP3, METRIC_LOGIN_SLOWED, METRIC_LOGIN_COUNT));
    json_t *status = status_json(gatherer);
    const json_t *minute = json_object_get(status, "minute");
    assert_int_equal(json_integer_value(json_object_get(minute, "logins")), 5);
    assert_int_equal(json_integer_value(json_object_get(minute, "logins-failed")), 3);
    assert_int_equal(json_integer_value(json_object_get(minute, "seconds")), 0);
    json_decref(status);
    gatherer_destroy(gatherer);
}

static void test_health_is_json_within_its_limit(void **state UNUSED)
{
    struct gatherer *gatherer = make();
    CLEANUP(buf_release) struct buf out = BUF(HEALTH_ANSWER_MAX);
    bool well = true;
    metric_set(QUEUE_BROKEN, METRIC_ONE, 1);
    status_put_health(gatherer, &out, &well);
    metric_set(QUEUE_BROKEN, METRIC_ONE, 0);
    assert_false(well);
    json_t *answer = json_loads(buf_cstr(&out), 0, NULL);
    assert_string_equal(json_string_value(json_object_get(answer, "status")), "failing");
    assert_true(json_array_size(json_object_get(answer, "problems")) >= 1);
    json_decref(answer);
    gatherer_destroy(gatherer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers_five_minutes),
        cmocka_unit_test(test_status_counts_the_last_minute),
        cmocka_unit_test(test_health_is_json_within_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
