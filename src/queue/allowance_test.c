/* What an account may submit in an hour and in a day. */
#include "queue/allowance.h"

#include "queue/testing.h"

static void limit(struct house *t, enum option option, uint64_t most)
{
    ASSERT_OK(t, option_set(t->directory, LEVEL_ACCOUNT, S("anna@demo.example"), option, &most, &t->error));
}

static enum err submit(struct house *t, size_t recipients)
{
    struct queue_recipient to[20];
    struct queue_id id;
    assert_true(recipients <= ARRAY_LEN(to));
    for (size_t i = 0; i < recipients; i++)
        to[i] = (struct queue_recipient){.address = S("max@elsewhere.example")};
    const struct queue_envelope envelope = {.sender = S("anna@demo.example"),
                                            .recipients = to,
                                            .recipient_count = recipients,
                                            .account = t->anna,
                                            .protocol = S("ESMTPSA")};
    return queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error);
}

static void after(int64_t us)
{
    clock_shift(us);
}

static void test_takes_the_limit_and_no_more(void **state)
{
    struct house *t = *state;
    limit(t, OPTION_MESSAGES_PER_HOUR, 3);
    for (int i = 0; i < 3; i++)
        ASSERT_OK(t, submit(t, 1));
    assert_int_equal(submit(t, 1), ERR_BUSY);
    enum recipient_answer answer;
    ASSERT_OK(t, queue_recipient_check(t->queue, t->anna, S("max@elsewhere.example"), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_TOO_MANY);
    ASSERT_OK(t, queue_recipient_check(t->queue, t->otto, S("max@elsewhere.example"), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_FOREIGN);
    after(21 * CLOCK_MINUTE); /* a third of it is free again */
    ASSERT_OK(t, submit(t, 1));
    assert_int_equal(submit(t, 1), ERR_BUSY);
    after(2 * CLOCK_HOUR);
    for (int i = 0; i < 3; i++)
        ASSERT_OK(t, submit(t, 1));
    after(-2 * CLOCK_HOUR - 21 * CLOCK_MINUTE);
}

static void test_each_limit_counts(void **state)
{
    struct house *t = *state;
    static const struct {
        enum option option;
        size_t recipients; /* of two messages of which the second is one too many */
        int64_t pause_us;  /* that changes nothing */
    } rows[] = {{OPTION_MESSAGES_PER_HOUR, 1, 0},
                {OPTION_MESSAGES_PER_DAY, 1, CLOCK_HOUR},
                {OPTION_RECIPIENTS_PER_HOUR, 8, 0},
                {OPTION_RECIPIENTS_PER_DAY, 8, CLOCK_HOUR}};
    int64_t shifted = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t most = rows[i].recipients == 1 ? 1 : 14;
        limit(t, rows[i].option, most);
        ASSERT_OK(t, submit(t, rows[i].recipients));
        after(rows[i].pause_us);
        assert_int_equal(submit(t, rows[i].recipients), ERR_BUSY);
        ASSERT_HAS(t->error.client, "sent as much");
        ASSERT_HAS(t->error.detail, option_name(rows[i].option));
        limit(t, rows[i].option, 0); /* lifted at once */
        ASSERT_OK(t, submit(t, rows[i].recipients));
        after(72 * CLOCK_HOUR); /* all has sunk, by any limit */
        shifted += rows[i].pause_us + 72 * CLOCK_HOUR;
    }
    after(-shifted);
}

static void test_more_at_once_than_the_limit_is_refused(void **state)
{
    struct house *t = *state;
    limit(t, OPTION_RECIPIENTS_PER_HOUR, 10);
    assert_int_equal(submit(t, 11), ERR_BUSY);
    ASSERT_OK(t, submit(t, 10));
    assert_int_equal(submit(t, 1), ERR_BUSY);
}

static void test_outlives_a_restart(void **state)
{
    struct house *t = *state;
    limit(t, OPTION_MESSAGES_PER_DAY, 2);
    ASSERT_OK(t, submit(t, 1));
    ASSERT_OK(t, submit(t, 1));
    house_close(t);
    house_open(t);
    assert_int_equal(submit(t, 1), ERR_BUSY);
    house_close(t);
    after(25 * CLOCK_HOUR);
    house_open(t);
    ASSERT_OK(t, submit(t, 1));
    after(-25 * CLOCK_HOUR);
}

static void test_tells_the_postmaster_once_a_day(void **state)
{
    struct house *t = *state;
    struct slice target = S("otto@demo.example");
    house_alias(t, "postmaster@demo.example", &target, 1, false);
    limit(t, OPTION_MESSAGES_PER_HOUR, 1);
    ASSERT_OK(t, submit(t, 1));
    for (int i = 0; i < 3; i++)
        assert_int_equal(submit(t, 1), ERR_BUSY);
    house_settle(t);
    assert_int_equal(house_count(t, t->otto), 1);
    ASSERT_HAS(house_read(t, t->otto), "The account anna@demo.example has sent as much as it may");
    ASSERT_HAS(house_read(t, t->otto), "messages-per-hour is 1.");
}

static void test_mail_of_strangers_is_not_counted(void **state)
{
    struct house *t = *state;
    limit(t, OPTION_MESSAGES_PER_HOUR, 1);
    for (int i = 0; i < 3; i++)
        house_send(t, "anna@demo.example", "otto@demo.example");
    ASSERT_OK(t, submit(t, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_takes_the_limit_and_no_more, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_each_limit_counts, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_more_at_once_than_the_limit_is_refused, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_outlives_a_restart, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_tells_the_postmaster_once_a_day, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_mail_of_strangers_is_not_counted, house_make, house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
