/* What is answered while the owner is out of office. */
#include "queue/script_testing.h"
#include "store/away.h"

static void go(struct house *t, struct away away)
{
    struct account *account = open_account(t, t->anna);
    away.on = true;
    away.days = away.days > 0 ? away.days : AWAY_DAYS;
    if (away.text.p == NULL)
        away.text = S("Ich bin \"weg\" \\ away.\n");
    ASSERT_OK(t, away_set(account, &away, &t->error));
    account_unref(account);
}

static void test_each_sender_is_answered_once_in_a_period(void **state)
{
    struct house *t = *state;
    go(t, (struct away){.subject = S("Away \"now\"")});
    send(t, FROM_OUTSIDE, "anna@demo.example");
    send(t, "SENDER@outside.example", "anna@demo.example");
    const char *text = waiting(t, "", FROM_OUTSIDE);
    ASSERT_HAS(text, "Subject: Away \"now\"\r\n");
    ASSERT_HAS(text, "Auto-Submitted: auto-replied");
    ASSERT_HAS(text, "From: <anna@demo.example>\r\n");
    ASSERT_HAS(text, "\r\n\r\nIch bin \"weg\" \\ away.\r\n");
    send(t, "other@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 2);
    assert_int_equal(house_count(t, t->anna), 3);
    clock_shift(AWAY_DAYS * CLOCK_DAY + CLOCK_SECOND);
    send(t, "other@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 3);
}

static void test_without_a_subject_it_has_that_of_the_message(void **state)
{
    struct house *t = *state;
    go(t, (struct away){.subject = S("")});
    send(t, FROM_OUTSIDE, "anna@demo.example");
    ASSERT_HAS(waiting(t, "", FROM_OUTSIDE), "Subject: Auto: x\r\n");
}

static void test_another_absence_is_answered_again(void **state)
{
    struct house *t = *state;
    go(t, (struct away){.text = S("one")});
    send(t, FROM_OUTSIDE, "anna@demo.example");
    go(t, (struct away){.text = S("one"), .days = 3});
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_left(t), 1);
    go(t, (struct away){.text = S("two")});
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_left(t), 2);
}

static void test_only_between_its_days(void **state)
{
    struct house *t = *state;
    const int64_t now = clock_wall_us();
    go(t, (struct away){.from_us = now + CLOCK_DAY, .until_us = now + 2 * CLOCK_DAY});
    send(t, "a@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 0);
    clock_shift(CLOCK_DAY + 60 * CLOCK_SECOND);
    send(t, "b@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 1);
    clock_shift(CLOCK_DAY);
    send(t, "c@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 1);
}

static void test_lists_robots_and_nobody_are_not_answered(void **state)
{
    struct house *t = *state;
    static const char *const silent[] = {"List-Id: <a.list.example>", "Auto-Submitted: auto-generated",
                                         "Precedence: bulk", "To: undisclosed@outside.example"};
    go(t, (struct away){.days = 1});
    send(t, "", "anna@demo.example");
    send(t, "noreply@outside.example", "anna@demo.example");
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        char message[300];
        snprintf(message, sizeof(message), "From: a@outside.example\r\n%s%s\r\nSubject: x\r\n\r\nhello\r\n",
                 i < 3 ? "To: anna@demo.example\r\n" : "", silent[i]);
        send_text(t, FROM_OUTSIDE, "anna@demo.example", slice_cstr(message));
    }
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 6);
}

static void accept_with(struct house *t, struct slice results, bool junk)
{
    struct queue_id id;
    struct queue_recipient to = {.address = S("anna@demo.example")};
    const struct queue_envelope envelope = {.sender = S(FROM_OUTSIDE),
                                            .recipients = &to,
                                            .recipient_count = 1,
                                            .protocol = S("ESMTP"),
                                            .results = results,
                                            .junk = junk};
    ASSERT_OK(t,
              queue_accept(t->queue, &envelope, S("To: anna@demo.example\r\n\r\nx\r\n"), 0, &id, &t->error));
    house_settle(t);
}

static void test_junk_and_who_did_not_write_it_are_not_answered(void **state)
{
    struct house *t = *state;
    go(t, (struct away){.days = 1});
    accept_with(t, S("Authentication-Results: mail.example;\r\n\tdmarc=fail\r\n"), false);
    accept_with(t, S(""), true);
    assert_int_equal(house_left(t), 0);
    accept_with(t, S(""), false);
    assert_int_equal(house_left(t), 1);
}

static void test_what_the_script_threw_away_refused_or_called_junk_is_not_answered(void **state)
{
    struct house *t = *state;
    static const char *const scripts[] = {"discard;", "require \"fileinto\"; fileinto \"Junk\";"};
    go(t, (struct away){.days = 1});
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        give(t, t->anna, scripts[i]);
        send(t, FROM_OUTSIDE, "anna@demo.example");
        assert_int_equal(house_left(t), 0);
    }
    give(t, t->anna, "require \"reject\"; reject \"No birdseed.\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    ASSERT_HAS(waiting(t, "", FROM_OUTSIDE), "No birdseed.");
}

static void test_what_the_script_filed_or_sent_on_is_answered(void **state)
{
    struct house *t = *state;
    go(t, (struct away){.days = 1});
    give(t, t->anna, "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Work\";");
    send(t, "a@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 1);
    give(t, t->anna, "redirect \"b@outside.example\";");
    send(t, "c@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 3);
    give(t, t->anna, "require \"fileinto\"; fileinto \"Nowhere\";");
    send(t, "d@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 4);
}

static void test_the_scripts_own_vacation_goes_first(void **state)
{
    struct house *t = *state;
    go(t, (struct away){.days = 1});
    give(t, t->anna, "require \"vacation\"; vacation :subject \"Mine\" \"I am away.\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    ASSERT_HAS(waiting(t, "", FROM_OUTSIDE), "Subject: Mine\r\n");
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, house_make, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_each_sender_is_answered_once_in_a_period),
        HOUSE_TEST(test_without_a_subject_it_has_that_of_the_message),
        HOUSE_TEST(test_another_absence_is_answered_again),
        HOUSE_TEST(test_only_between_its_days),
        HOUSE_TEST(test_lists_robots_and_nobody_are_not_answered),
        HOUSE_TEST(test_junk_and_who_did_not_write_it_are_not_answered),
        HOUSE_TEST(test_what_the_script_threw_away_refused_or_called_junk_is_not_answered),
        HOUSE_TEST(test_what_the_script_filed_or_sent_on_is_answered),
        HOUSE_TEST(test_the_scripts_own_vacation_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
