/* Delivery status notifications (RFC 3461, 3464, 6522). */
#include "queue/testing.h"

static void send_as(struct house *t, struct account_id account, const char *sender, const char *to,
                    unsigned notify, enum dsn_ret ret)
{
    struct queue_recipient recipient = {
        .address = slice_cstr(to), .orcpt = S("rfc822;who@old.example"), .notify = notify};
    struct queue_envelope envelope = {.sender = slice_cstr(sender),
                                      .recipients = &recipient,
                                      .recipient_count = 1,
                                      .account = account,
                                      .protocol = S("ESMTP"),
                                      .helo = S("client.example"),
                                      .envid = S("QQ\r\n314159"),
                                      .ret = ret};
    struct queue_id id;
    ASSERT_OK(t, queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error));
    house_settle(t);
    assert_int_equal(house_left(t), 0);
}

static void send(struct house *t, const char *sender, const char *to, unsigned notify, enum dsn_ret ret)
{
    send_as(t, (struct account_id){0}, sender, to, notify, ret);
}

static void test_unknown_recipient_is_reported(void **state)
{
    struct house *t = *state;
    send(t, "anna@demo.example", "who@demo.example", 0, DSN_RET_NONE);
    assert_int_equal(house_count(t, t->anna), 1);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Return-Path: <>\r\n");
    ASSERT_HAS(text, "MAILER-DAEMON@mail.example");
    ASSERT_HAS(text, "To: anna@demo.example");
    ASSERT_HAS(text, "Auto-Submitted: auto-replied\r\n");
    ASSERT_HAS(text, "Content-Type: multipart/report; report-type=delivery-status;");
    ASSERT_HAS(text, "Content-Type: text/plain;");
    ASSERT_HAS(text, "Content-Type: message/delivery-status\r\n");
    ASSERT_HAS(text,
               "Reporting-MTA: dns; mail.example\r\nOriginal-Envelope-Id: QQ??314159\r\nArrival-Date: ");
    ASSERT_HAS(text, "\r\n\r\nOriginal-Recipient: rfc822;who@old.example\r\n"
                     "Final-Recipient: rfc822; who@demo.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                     "Diagnostic-Code: x-posthorn; There is no such address here.\r\n");
    ASSERT_HAS(text, "Content-Type: message/rfc822\r\n");
    ASSERT_HAS(text, "\r\nhello\r\n");
}

/* Who has logged in is told in his language; who only calls himself so isn't. */
static void test_is_in_the_language_of_who_submits(void **state)
{
    struct house *t = *state;
    struct account_changes german = ACCOUNT_CHANGES_NONE;
    german.language = S("de");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &german, &t->error));
    send_as(t, t->anna, "anna@demo.example", "who@demo.example", 0, DSN_RET_NONE);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Subject: Ihre Nachricht konnte nicht zugestellt werden\r\n");
    ASSERT_HAS(text, "Ihre Nachricht konnte nicht zugestellt werden an:\r\n\r\n  who@demo.example\r\n"
                     "    Diese Adresse gibt es hier nicht.\r\n");
    ASSERT_HAS(text, "Diagnostic-Code: x-posthorn; There is no such address here.\r\n");
    send(t, "anna@demo.example", "who@demo.example", 0, DSN_RET_NONE);
    assert_int_equal(house_count(t, t->anna), 2);
    ASSERT_HAS(house_read(t, t->anna), "Subject: Your message could not be delivered\r\n");
}

static void test_ret_says_how_much_comes_back(void **state)
{
    struct house *t = *state;
    send(t, "anna@demo.example", "who@demo.example", DSN_FAILURE, DSN_RET_HDRS);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Content-Type: text/rfc822-headers\r\n");
    assert_null(strstr(text, "\r\nhello\r\n"));
}

static void bounce(struct house *t, bool require_tls, const char *message)
{
    struct queue_recipient recipient = {.address = S("who@demo.example")};
    struct queue_envelope envelope = {.sender = S("anna@demo.example"),
                                      .recipients = &recipient,
                                      .recipient_count = 1,
                                      .protocol = S("ESMTPS"),
                                      .ret = DSN_RET_FULL,
                                      .require_tls = require_tls};
    struct queue_id id;
    ASSERT_OK(t, queue_accept(t->queue, &envelope, slice_cstr(message), 0, &id, &t->error));
    house_settle(t);
}

/* RFC 8689 5: whatever RET says. */
static void test_message_that_requires_tls_comes_back_as_its_header(void **state)
{
    struct house *t = *state;
    bounce(t, true, "Subject: x\r\nTLS-Required: No\r\n\r\nsecret\r\n");
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Content-Type: text/rfc822-headers\r\n");
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "auto-replied\r\nTLS-Required"));
}

/* RFC 8689 6 */
static void test_report_of_what_needs_no_tls_needs_none(void **state)
{
    struct house *t = *state;
    bounce(t, false, "Subject: x\r\nTLS-Required: No\r\n\r\nopen\r\n");
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Auto-Submitted: auto-replied\r\nTLS-Required: No\r\n");
    ASSERT_HAS(text, "\r\nopen\r\n");
}

static void test_null_sender_is_never_answered(void **state)
{
    struct house *t = *state;
    send(t, "", "who@demo.example", DSN_FAILURE | DSN_SUCCESS, DSN_RET_NONE);
    send(t, "who@demo.example", "nobody@demo.example", 0, DSN_RET_NONE); /* its report can't be delivered */
    assert_int_equal(house_count(t, t->anna), 0);
}

static void test_notify_never_and_success_alone_hide_failures(void **state)
{
    struct house *t = *state;
    send(t, "anna@demo.example", "who@demo.example", DSN_NEVER, DSN_RET_NONE);
    send(t, "anna@demo.example", "who@demo.example", DSN_SUCCESS, DSN_RET_NONE);
    assert_int_equal(house_count(t, t->anna), 0);
}

static void test_success_is_told_to_those_who_ask(void **state)
{
    struct house *t = *state;
    send(t, "anna@demo.example", "otto@demo.example", 0, DSN_RET_NONE);
    assert_int_equal(house_count(t, t->anna), 0);
    send(t, "anna@demo.example", "otto@demo.example", DSN_SUCCESS | DSN_FAILURE, DSN_RET_FULL);
    assert_int_equal(house_count(t, t->otto), 2);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Action: delivered\r\nStatus: 2.1.5\r\n");
    ASSERT_HAS(text, "Content-Type: text/rfc822-headers\r\n"); /* RFC 3461 4.3: RET is for failures */
    /* A failure is not told as a success as well. */
    send(t, "anna@demo.example", "who@demo.example", DSN_SUCCESS | DSN_FAILURE, DSN_RET_NONE);
    assert_int_equal(house_count(t, t->anna), 2);
    ASSERT_HAS(house_read(t, t->anna), "Action: failed\r\n");
}

static void test_large_message_comes_back_as_its_header(void **state)
{
    struct house *t = *state;
    CLEANUP(buf_release) struct buf body = BUF(QUEUE_INLINE_MAX);
    struct queue_recipient to = {.address = S("who@demo.example")};
    buf_put(&body, S("Subject: large\r\n\r\n"));
    while (body.n + 10 <= QUEUE_INLINE_MAX)
        buf_put(&body, S("12345678\r\n"));
    house_send_to(t, "anna@demo.example", &to, 1, buf_slice(&body));
    house_settle(t);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "Subject: large\r\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)
    const struct CMUnitTest tests[] = {
        TEST(test_unknown_recipient_is_reported),
        TEST(test_ret_says_how_much_comes_back),
        TEST(test_is_in_the_language_of_who_submits),
        TEST(test_message_that_requires_tls_comes_back_as_its_header),
        TEST(test_report_of_what_needs_no_tls_needs_none),
        TEST(test_null_sender_is_never_answered),
        TEST(test_notify_never_and_success_alone_hide_failures),
        TEST(test_success_is_told_to_those_who_ask),
        TEST(test_large_message_comes_back_as_its_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
