/* What a person's Sieve script makes of mail that comes for him. */
#include "queue/script_testing.h"

/* --- folders --- */

static void test_files_into_folders_and_makes_them(void **state)
{
    struct house *t = *state;
    make_folder(t, t->anna, "Work");
    give(t, t->anna,
         "require [\"fileinto\", \"mailbox\", \"copy\"];\n"
         "fileinto \"Work\"; fileinto :create \"New/Deep\"; fileinto :copy \"Archive\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(count_in(t, t->anna, "Work"), 1);
    assert_int_equal(count_in(t, t->anna, "New/Deep"), 1);
    assert_int_equal(count_in(t, t->anna, "Archive"), 1);
    assert_int_equal(house_count(t, t->anna), 0);
}

static void test_one_copy_in_a_folder(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "require [\"fileinto\"]; fileinto \"INBOX\"; fileinto \"inbox\"; keep;");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 1);
}

static void test_flags_and_keywords_come_with_it(void **state)
{
    struct house *t = *state;
    struct message *messages;
    give(t, t->anna, "require \"imap4flags\"; addflag [\"\\\\Seen\", \"\\\\Flagged\", \"urgent\"];");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_inbox(t, t->anna, &messages), 1);
    assert_true(flag_has(&messages[0].flags, FLAG_SEEN) && flag_has(&messages[0].flags, FLAG_FLAGGED));
    assert_true(flag_has(&messages[0].flags, FLAG_KEYWORDS_FROM));
}

static void test_what_is_discarded_is_nowhere(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "discard;");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 0);
    assert_int_equal(house_left(t), 0);
}

static void test_a_changed_header_is_filed(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "require \"editheader\"; addheader \"X-Filter\" \"yes\"; deleteheader \"Subject\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "X-Filter: yes\r\n");
    ASSERT_HAS(text, "Received: from");
    assert_null(strstr(text, "Subject:"));
}

static void test_asks_about_the_account(void **state)
{
    struct house *t = *state;
    make_folder(t, t->anna, "There");
    give(t, t->anna,
         "require [\"mailbox\", \"special-use\", \"fileinto\", \"imap4flags\", \"environment\"];\n"
         "if not mailboxexists \"There\" { discard; stop; } if mailboxexists \"Not there\" { discard; stop; "
         "}\n"
         "if not specialuse_exists \"Junk\" \"\\\\Junk\" { discard; stop; }\n"
         "if specialuse_exists \"There\" \"\\\\Junk\" { discard; stop; }\n"
         "if not environment \"remote-ip\" \"192.0.2.1\" { discard; stop; }\n");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 1);
}

/* --- scripts that fail --- */

static void test_a_script_that_fails_keeps_the_message_and_tells_the_owner_once(void **state)
{
    struct house *t = *state;
    struct message *messages;
    give(t, t->anna,
         "require [\"fileinto\", \"copy\"];\nredirect :copy \"b@outside.example\";\nfileinto \"Nowhere\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_inbox(t, t->anna, &messages), 2);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Subject: Your mail filter failed\r\n");
    ASSERT_HAS(text, "filter:3: there is no folder \"Nowhere\"");
    assert_int_equal(house_left(t), 0); /* nothing of it is done */
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 3);
    give(t, t->anna, "require \"fileinto\"; fileinto \"Not there\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 5);
}

/* --- what goes out --- */

static void test_redirects_and_keeps_no_copy(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "redirect \"b@outside.example\";");
    send(t, "", "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 0);
    const char *text = waiting(t, "", "b@outside.example");
    ASSERT_HAS(text, "Delivered-To: anna@demo.example\r\n");
    ASSERT_HAS(text, "\r\n\r\nhello\r\n");
}

static void test_a_changed_message_is_redirected_as_it_is(void **state)
{
    struct house *t = *state;
    give(t, t->anna,
         "require \"editheader\"; addheader \"X-Filter\" \"yes\"; redirect \"b@outside.example\";");
    send(t, "", "anna@demo.example");
    const char *text = waiting(t, "", "b@outside.example");
    ASSERT_HAS(text, "X-Filter: yes\r\n");
    assert_null(strstr(text, "Return-Path:"));
}

static void test_what_goes_in_a_circle_is_kept(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "redirect \"otto@demo.example\";");
    give(t, t->otto, "redirect \"anna@demo.example\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna) + house_count(t, t->otto), 1);
    assert_int_equal(house_left(t), 0);
    give(t, t->anna, "redirect \"anna@demo.example\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna) + house_count(t, t->otto), 2);
}

#define AWAY "require \"vacation\"; vacation :days 3 :subject \"Away\" \"I am away.\";"

static void test_a_vacation_answers_each_sender_once(void **state)
{
    struct house *t = *state;
    give(t, t->anna, AWAY);
    send(t, FROM_OUTSIDE, "anna@demo.example");
    send(t, "SENDER@outside.example", "anna@demo.example");
    const char *text = waiting(t, "", FROM_OUTSIDE);
    ASSERT_HAS(text, "Subject: Away\r\n");
    ASSERT_HAS(text, "Auto-Submitted: auto-replied");
    ASSERT_HAS(text, "From: <anna@demo.example>\r\n");
    send(t, "other@outside.example", "anna@demo.example");
    assert_int_equal(house_left(t), 2);
    assert_int_equal(house_count(t, t->anna), 3);
}

static void test_a_vacation_does_not_answer_lists_robots_and_nobody(void **state)
{
    struct house *t = *state;
    give(t, t->anna, AWAY);
    send(t, "", "anna@demo.example");
    static const char *const silent[] = {"List-Id: <a.list.example>", "Auto-Submitted: auto-generated",
                                         "Precedence: bulk", "To: undisclosed@outside.example"};
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        char message[300];
        snprintf(message, sizeof(message), "From: a@outside.example\r\n%s%s\r\nSubject: x\r\n\r\nhello\r\n",
                 i < 3 ? "To: anna@demo.example\r\n" : "", silent[i]);
        send_text(t, FROM_OUTSIDE, "anna@demo.example", slice_cstr(message));
    }
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 5);
}

#define NOTIFY "require \"enotify\"; notify :message \"Mail\" \"mailto:phone@outside.example\";"

static void test_somebody_is_notified(void **state)
{
    struct house *t = *state;
    give(t, t->anna, NOTIFY);
    send(t, FROM_OUTSIDE, "anna@demo.example");
    const char *text = waiting(t, "anna@demo.example", "phone@outside.example");
    ASSERT_HAS(text, "Auto-Submitted: auto-notified; owner-email=\"anna@demo.example\"\r\n");
    ASSERT_HAS(text, "Subject: Mail\r\n");
    assert_int_equal(house_count(t, t->anna), 1);
}

static void test_a_notification_of_what_has_no_sender_has_none(void **state)
{
    struct house *t = *state;
    give(t, t->anna, NOTIFY);
    send(t, "", "anna@demo.example");
    assert_non_null(waiting(t, "", "phone@outside.example"));
}

static void test_people_do_not_notify_each_other_for_ever(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "require \"enotify\"; notify \"mailto:otto@demo.example?cc=anna@demo.example\";");
    give(t, t->otto, "require \"enotify\"; notify \"mailto:anna@demo.example\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 2);
    assert_int_equal(house_count(t, t->otto), 1);
}

static void test_duplicate_knows_what_came_before(void **state)
{
    struct house *t = *state;
    const struct slice message = S("Message-ID: <one@outside.example>\r\nSubject: x\r\n\r\nhello\r\n");
    give(t, t->anna, "require [\"duplicate\", \"fileinto\"]; if duplicate { fileinto \"Trash\"; }");
    for (int i = 0; i < 3; i++)
        send_text(t, FROM_OUTSIDE, "anna@demo.example", message);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(count_in(t, t->anna, "Trash"), 2);
}

static void test_duplicate_remembers_what_was_thrown_away(void **state)
{
    struct house *t = *state;
    const struct slice message = S("Message-ID: <one@outside.example>\r\nSubject: x\r\n\r\nhello\r\n");
    give(t, t->anna,
         "require [\"duplicate\", \"fileinto\"]; if duplicate { fileinto \"Trash\"; } else { discard; }");
    send_text(t, FROM_OUTSIDE, "anna@demo.example", message);
    send_text(t, FROM_OUTSIDE, "anna@demo.example", message);
    assert_int_equal(count_in(t, t->anna, "Trash"), 1);
}

static void test_reject_answers_with_a_disposition(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "require \"reject\"; reject \"No birdseed, bitte für immer.\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 0);
    const char *text = waiting(t, "", FROM_OUTSIDE);
    ASSERT_HAS(text, "report-type=disposition-notification");
    ASSERT_HAS(text, "Disposition: automatic-action/MDN-sent-automatically; deleted\r\n");
    ASSERT_HAS(text, "Final-Recipient: rfc822; anna@demo.example\r\n");
}

static void test_ereject_answers_with_a_delivery_report(void **state)
{
    struct house *t = *state;
    give(t, t->anna, "require \"ereject\"; ereject \"No birdseed.\";");
    send(t, FROM_OUTSIDE, "anna@demo.example");
    assert_int_equal(house_count(t, t->anna), 0);
    const char *text = waiting(t, "", FROM_OUTSIDE);
    ASSERT_HAS(text, "Status: 5.7.1\r\n");
    ASSERT_HAS(text, "No birdseed.");
}

static void test_nobody_is_told_who_did_not_write_it(void **state)
{
    struct house *t = *state;
    struct queue_recipient to = {.address = S("anna@demo.example")};
    struct queue_envelope envelope = {.sender = S(FROM_OUTSIDE),
                                      .recipients = &to,
                                      .recipient_count = 1,
                                      .protocol = S("ESMTP"),
                                      .results =
                                          S("Authentication-Results: mail.example;\r\n\tdmarc=fail\r\n")};
    static const char *const scripts[] = {"require \"reject\"; reject \"No.\";",
                                          "require \"ereject\"; ereject \"No.\";", AWAY};
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct queue_id id;
        give(t, t->anna, scripts[i]);
        ASSERT_OK(
            t, queue_accept(t->queue, &envelope, S("To: anna@demo.example\r\n\r\nx\r\n"), 0, &id, &t->error));
        send(t, "", "anna@demo.example");
    }
    house_settle(t);
    assert_int_equal(house_left(t), 0);
}

/* --- several accounts --- */

/* Small has no room, so that what comes for the group is tried again and again. */
static void test_a_recipient_that_is_tried_again_runs_no_script_twice(void **state)
{
    struct house *t = *state;
    struct slice members[] = {S("anna@demo.example"), S("small@demo.example")};
    struct queue_entry *entries;
    const struct account_limits none = {.quota_bytes = 1};
    struct account *small = open_account(t, t->small); /* stays open, with its limits */
    store_account_limits(t->store, t->small, &none);
    house_alias(t, "all@demo.example", members, ARRAY_LEN(members), true);
    give(t, t->anna, "require \"copy\"; redirect :copy \"b@outside.example\";");
    send(t, "", "all@demo.example");
    assert_int_equal(house_count(t, t->anna), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(house_list(t, &entries), 2); /* what waits for small, and what goes outside */
        ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
        house_settle(t);
    }
    account_unref(small);
    house_close(t);
    house_open(t); /* small has room now */
    for (int i = 0; i < 1000 && house_count(t, t->small) == 0; i++) {
        ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
        usleep(20000);
    }
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(house_count(t, t->small), 1);
    assert_int_equal(house_list(t, &entries), 1);
}

#define HOUSE_TEST(function) cmocka_unit_test_setup_teardown(function, house_make, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(test_files_into_folders_and_makes_them),
        HOUSE_TEST(test_one_copy_in_a_folder),
        HOUSE_TEST(test_flags_and_keywords_come_with_it),
        HOUSE_TEST(test_what_is_discarded_is_nowhere),
        HOUSE_TEST(test_a_changed_header_is_filed),
        HOUSE_TEST(test_asks_about_the_account),
        HOUSE_TEST(test_a_script_that_fails_keeps_the_message_and_tells_the_owner_once),
        HOUSE_TEST(test_redirects_and_keeps_no_copy),
        HOUSE_TEST(test_a_changed_message_is_redirected_as_it_is),
        HOUSE_TEST(test_what_goes_in_a_circle_is_kept),
        HOUSE_TEST(test_a_vacation_answers_each_sender_once),
        HOUSE_TEST(test_a_vacation_does_not_answer_lists_robots_and_nobody),
        HOUSE_TEST(test_somebody_is_notified),
        HOUSE_TEST(test_a_notification_of_what_has_no_sender_has_none),
        HOUSE_TEST(test_people_do_not_notify_each_other_for_ever),
        HOUSE_TEST(test_duplicate_knows_what_came_before),
        HOUSE_TEST(test_duplicate_remembers_what_was_thrown_away),
        HOUSE_TEST(test_reject_answers_with_a_disposition),
        HOUSE_TEST(test_ereject_answers_with_a_delivery_report),
        HOUSE_TEST(test_nobody_is_told_who_did_not_write_it),
        HOUSE_TEST(test_a_recipient_that_is_tried_again_runs_no_script_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
