/* Notifications (RFC 5435, RFC 5436). */
#include "sieve/testing.h"

#include "sieve/mailto.h"
#include "sieve/notify.h"

#define REQUIRED                                                                                    \
    "require [\"enotify\", \"fileinto\", \"variables\", \"envelope\", \"relational\", \"reject\", " \
    "\"enclose\"];\n"

static struct sieve_input notify_input(const char *message)
{
    struct sieve_input input = test_input();
    input.message = slice_cstr(message);
    return input;
}

/* The only action that is a notification: its message, without its id. */
static struct sieve_result run_notify(const char *script, const struct sieve_input *input,
                                      const struct sieve_action **ret)
{
    struct sieve_result result = test_run(script, input);
    *ret = NULL;
    if (result.failed)
        fail_msg("line %u: %s", result.failure_line, result.failure);
    for (size_t i = 0; i < result.count; i++)
        if (result.actions[i].kind == SIEVE_ACTION_NOTIFY)
            *ret = &result.actions[i];
    if (*ret == NULL)
        fail_msg("no notification: %s", result.note);
    return result;
}

static void expect_in(struct slice text, const char *wanted, int line)
{
    if (slice_find(text, slice_cstr(wanted)) < 0)
        fail_msg("line %d: \"%s\" is not in: %.*s", line, wanted, SLICE_ARGS(text));
}
#define EXPECT_IN(text, wanted) expect_in(text, wanted, __LINE__)
#define EXPECT_NOT_IN(text, unwanted) assert_true(slice_find(text, S(unwanted)) < 0)

/* --- RFC 5435 --- */

static const char first_example[] =
    REQUIRED "if header :contains \"from\" \"boss@example.org\" {\n"
             "    notify :importance \"1\"\n        :message \"This is probably very important\"\n"
             "                    \"mailto:alm@example.com\";\n"
             "    # Don't send any further notifications\n    stop;\n}\n"
             "if header :contains \"to\" \"sievemailinglist@example.org\" {\n"
             "    if header :matches \"Subject\" \"*\" {\n        set \"subject\" \"${1}\";\n    }\n"
             "    if header :matches \"From\" \"*\" {\n        set \"from\" \"${1}\";\n    }\n"
             "    notify :importance \"3\"\n        :message \"[SIEVE] ${from}: ${subject}\"\n"
             "        \"mailto:alm@example.com\";\n    fileinto \"INBOX.sieve\";\n}\n";

/* RFC 5435 3.7 example 1 */
static void test_importance_and_a_message(void **state)
{
    (void)state;
    const struct sieve_input boss = notify_input("From: boss@example.org\r\nSubject: x\r\n\r\n");
    const struct sieve_input list =
        notify_input("From: Tim <tim@example.org>\r\nTo: sievemailinglist@example.org\r\nSubject: "
                     "Gr\303\274\303\237e\r\n\r\n");
    const struct sieve_action *action;
    EXPECT_WITH(&boss, first_example, "notify alm@example.com; keep");
    EXPECT_WITH(&list, first_example, "notify alm@example.com; fileinto INBOX.sieve");
    struct sieve_result result = run_notify(first_example, &boss, &action);
    EXPECT_IN(action->reply, "\r\nSubject: This is probably very important\r\nImportance: high\r\n");
    assert_true(slice_ends(action->reply, S("\r\n\r\n")));
    sieve_result_release(&result);
    result = run_notify(first_example, &list, &action);
    EXPECT_IN(action->reply,
              "\r\nSubject: =?utf-8?b?W1NJRVZFXSBUaW0gPHRpbUBleGFtcGxlLm9yZz46IEdyw7zDn2U=?=\r\n");
    EXPECT_IN(action->reply, "\r\nImportance: low\r\n");
    sieve_result_release(&result);
}

/* RFC 5435 3.7 example 2 */
static void test_variables_make_a_message(void **state)
{
    (void)state;
    struct sieve_input input = notify_input("From: Tim <tim@a.example.org>\r\nSubject: Hi\r\n\r\n");
    const struct sieve_action *action;
    input.envelope_from = S("bounce@a.example.org");
    struct sieve_result result = run_notify(
        REQUIRED "if header :matches \"from\" \"*@*.example.org*\" {\n"
                 "    if envelope :all :matches \"from\" \"*\" {\n        set \"env_from\" \" [really: "
                 "${1}]\";\n    }\n"
                 "    if header :matches \"Subject\" \"*\" {\n        set \"subject\" \"${1}\";\n    }\n"
                 "    if address :matches :all \"from\" \"*\" {\n        set \"from_addr\" \"${1}\";\n    }\n"
                 "    notify :message \"${from_addr}${env_from}: ${subject}\"\n"
                 "                    \"mailto:alm@example.com\";\n}\n",
        &input, &action);
    EXPECT_IN(action->reply, "\r\nSubject: tim@a.example.org [really: bounce@a.example.org]: Hi\r\n");
    sieve_result_release(&result);
}

/* RFC 5435 3.7 example 3: methods that this server does not have are an error when they are used (3.2). */
static void test_other_methods_fail_when_they_run(void **state)
{
    (void)state;
    static const char script[] = REQUIRED
        "set \"notif_method\"\n\"xmpp:tim@example.com?message;subject=SIEVE;body=You%20got%20mail\";\n"
        "if header :contains \"subject\" \"Your dog\" {\n    set \"notif_method\" \"tel:+14085551212\";\n}\n"
        "if header :contains \"to\" \"sievemailinglist@example.org\" {\n    set \"notif_method\" \"\";\n}\n"
        "if not string :is \"${notif_method}\" \"\" {\n    notify \"${notif_method}\";\n}\n"
        "if header :contains \"from\" \"boss@example.org\" {\n"
        "    if header :matches \"Subject\" \"*\" {\n        set \"subject\" \"${1}\";\n    }\n"
        "    if not header :contains \"subject\" \"FYI:\" {\n"
        "        notify :importance \"1\" :message \"BOSS: ${subject}\"\n"
        "                           \"tel:+14085551212\";\n    }\n}\n";
    const struct sieve_input quiet =
        notify_input("To: sievemailinglist@example.org\r\nSubject: FYI: x\r\n\r\n");
    const struct sieve_input boss =
        notify_input("From: boss@example.org\r\nTo: sievemailinglist@example.org\r\nSubject: x\r\n\r\n");
    EXPECT_WITH(&quiet, script, "keep");
    EXPECT(script, "failed: line 11: nobody can be notified by "
                   "\"xmpp:tim@example.com?message;subject=SIEVE;body=You%20got%20mail\"");
    EXPECT_WITH(&boss, script, "failed: line 18: nobody can be notified by \"tel:+14085551212\"");
}

static void test_a_method_nobody_has_is_warned_of(void **state)
{
    (void)state;
    struct sieve_program *program;
    struct sieve_complaints complaints;
    struct error error;
    assert_int_equal(sieve_compile(S("require \"enotify\";\nnotify \"tel:+1\";"), SIEVE_ALL, &program,
                                   &complaints, &error),
                     ERR_OK);
    assert_int_equal(complaints.count, 1);
    assert_true(complaints.items[0].warning);
    assert_int_equal(complaints.items[0].line, 2);
    assert_int_equal(complaints.items[0].column, 8);
    sieve_program_free(program);
}

/* RFC 5435 4 example 4, 5 example 5 */
static void test_methods_can_be_asked_for(void **state)
{
    (void)state;
    EXPECT(REQUIRED
           "if not valid_notify_method [\"mailto:\",\n\"http://gw.example.net/notify?test\"] {\n    stop;\n}"
           "discard;",
           "keep");
    EXPECT_TRUE("\"enotify\"", "valid_notify_method [\"mailto:\", \"MAILTO:a@example.com?subject=x\"]");
    EXPECT_FALSE("\"enotify\"", "valid_notify_method \"mailto:a@\"");
    EXPECT(
        REQUIRED
        "if notify_method_capability\n\"xmpp:tim@example.com?message;subject=SIEVE\"\n\"Online\"\n\"yes\" {\n"
        "notify :importance \"1\" :message \"You got "
        "mail\"\n\"xmpp:tim@example.com?message;subject=SIEVE\";\n"
        "} else {\n notify :message \"You got mail\" \"tel:+14085551212\";\n}",
        "failed: line 9: nobody can be notified by \"tel:+14085551212\"");
    EXPECT_TRUE("\"enotify\"", "notify_method_capability \"mailto:a@example.com\" \"Online\" \"maybe\"");
    EXPECT_FALSE("\"enotify\"",
                 "notify_method_capability \"mailto:a@example.com\" \"online\" [\"yes\", \"no\"]");
    EXPECT_FALSE("\"enotify\"", "notify_method_capability \"mailto:a@example.com\" \"telepathy\" \"\"");
    EXPECT_FALSE("\"enotify\"", "notify_method_capability \"tel:+1\" \"online\" \"maybe\"");
    EXPECT_TRUE("\"enotify\", \"relational\"",
                "notify_method_capability :count \"eq\" \"mailto:\" \"online\" \"1\"");
    EXPECT_FALSE("\"enotify\", \"relational\"",
                 "notify_method_capability :count \"eq\" \"tel:1\" \"online\" \"0\"");
}

/* RFC 5435 6 example 6 */
static void test_a_value_is_encoded_for_a_uri(void **state)
{
    (void)state;
    const struct sieve_input input = notify_input("Subject: x\r\n\r\n");
    const struct sieve_action *action;
    struct sieve_result result = run_notify(
        "require [\"enotify\", \"variables\"];\nset :encodeurl \"body_param\" \"Safe body&evil=evilbody\";\n"
        "notify \"mailto:tim@example.com?body=${body_param}\";",
        &input, &action);
    assert_true(slice_ends(action->reply, S("\r\n\r\nSafe body&evil=evilbody\r\n")));
    sieve_result_release(&result);
    EXPECT(REQUIRED "set :encodeurl :length \"a\" \"\303\244-._~ \"; fileinto \"${a}\";", "fileinto 13");
    EXPECT(REQUIRED "set :encodeurl :quotewildcard :upper \"a\" \"a*\"; fileinto \"${a}\";",
           "fileinto A%5C%2A");
    EXPECT_WRONG("require \"variables\"; set :encodeurl \"a\" \"b\";", 1, 26, "needs require \"enotify\"");
}

static void test_notify_goes_with_all(void **state)
{
    (void)state;
    EXPECT(REQUIRED "notify \"mailto:a@example.com\"; reject \"no\";", "notify a@example.com; reject no");
    EXPECT(REQUIRED "reject \"no\"; notify \"mailto:a@example.com\";", "reject no; notify a@example.com");
    EXPECT(REQUIRED "discard; notify \"mailto:a@example.com\";", "notify a@example.com");
}

static void test_arguments_are_checked(void **state)
{
    (void)state;
    EXPECT_WRONG("require \"enotify\"; notify :importance \"4\" \"mailto:\";", 1, 39, "is none of");
    EXPECT_WRONG("require \"enotify\"; notify :from \"x\" \"mailto:\";", 1, 33, "is no address");
    EXPECT_WRONG("require \"enotify\"; notify :options [\"a=b\", \"a\"] \"mailto:\";", 1, 36,
                 "is no \"name=value\"");
    EXPECT(REQUIRED "set \"v\" \"-a=b\"; notify :options \"${v}\" \"mailto:a@example.com\";",
           "failed: line 2: \":options\" are \"name=value\"");
    EXPECT(REQUIRED "set \"v\" \"x\"; notify :from \"${v}\" \"mailto:a@example.com\";",
           "failed: line 2: \":from\" is no address");
    EXPECT(REQUIRED "set \"v\" \"0\"; notify :importance \"${v}\" \"mailto:a@example.com\";",
           "failed: line 2: \":importance\" is \"1\", \"2\" or \"3\"");
    EXPECT(REQUIRED "notify :options \"a.b-c_d=\" :importance \"2\" \"mailto:a@example.com\";",
           "notify a@example.com; keep");
}

/* --- RFC 5436 --- */

static const char knitting[] = "Return-Path: <knitting-bounces@example.com>\r\n"
                               "Received: from mail.example.com by mail.example.org\r\n"
                               "  for <recipient@example.org>; Wed, 7 Dec 2005 05:08:02 -0500\r\n"
                               "Received: from hobbies.example.com by mail.example.com\r\n"
                               "  for <knitting@example.com>; Wed, 7 Dec 2005 02:00:26 -0800\r\n"
                               "Message-ID: <1234567.89ABCDEF@example.com>\r\n"
                               "Date: Wed, 07 Dec 2005 10:59:19 +0100\r\n"
                               "Precedence: list\r\n"
                               "List-Id: Knitting Mailing List <knitting.example.com>\r\n"
                               "Sender: knitting-bounces@example.com\r\n"
                               "Errors-To: knitting-bounces@example.com\r\n"
                               "From: \"Jeff Smith\" <jeff@hobbies.example.com>\r\n"
                               "To: \"Knitting Mailing List\" <knitting@example.com>\r\n"
                               "Subject: [Knitting] A new sweater\r\n"
                               "\r\n"
                               "I just finished a great new sweater!\r\n";

/* RFC 5436 3 */
static void test_a_notification_is_composed(void **state)
{
    (void)state;
    struct sieve_input input = notify_input(knitting);
    const struct sieve_action *action;
    input.envelope_to = S("recipient@example.org");
    input.owner_address = S("recipient@example.org");
    input.owner_name = S("");
    input.now = 1133950135;
    input.zone_minutes = -300;
    struct sieve_result result =
        run_notify("require [\"enotify\", \"variables\"];\n"
                   "if header :contains \"list-id\" \"knitting.example.com\" {\n"
                   "  if header :matches \"Subject\" \"[*] *\" {\n"
                   "    notify :message \"From ${1} list: ${2}\"\n        :importance \"3\"\n"
                   "        \"mailto:0123456789@sms.example.net?to=backup@example.com\";\n  }\n}",
                   &input, &action);
    assert_true(slice_starts(action->reply,
                             S("Auto-Submitted: auto-notified; owner-email=\"recipient@example.org\"\r\n"
                               "Received: from mail.example.com by mail.example.org\r\n"
                               "  for <recipient@example.org>; Wed, 7 Dec 2005 05:08:02 -0500\r\n"
                               "Received: from hobbies.example.com by mail.example.com\r\n"
                               "  for <knitting@example.com>; Wed, 7 Dec 2005 02:00:26 -0800\r\n"
                               "Date: Wed, 7 Dec 2005 05:08:55 -0500\r\n"
                               "Message-ID: <")));
    EXPECT_IN(action->reply, "\r\nFrom: <recipient@example.org>\r\n"
                             "To: <0123456789@sms.example.net>, <backup@example.com>\r\n"
                             "Subject: From Knitting list: A new sweater\r\n");
    EXPECT_NOT_IN(action->reply, "1234567.89ABCDEF");
    assert_int_equal(action->recipient_count, 2);
    assert_true(slice_eq(action->recipients[1], S("backup@example.com")));
    assert_true(slice_eq(action->sender, S("recipient@example.org")));
    sieve_result_release(&result);
}

static void test_the_null_sender_begets_the_null_sender(void **state)
{
    (void)state;
    struct sieve_input input = notify_input(knitting);
    const struct sieve_action *action;
    input.envelope_from = S("");
    struct sieve_result result = run_notify(REQUIRED "notify \"mailto:a@example.com\";", &input, &action);
    assert_true(slice_eq(action->sender, S("")));
    sieve_result_release(&result);
}

static void test_from_is_the_owners_or_ignored(void **state)
{
    (void)state;
    const struct sieve_input input = notify_input(knitting);
    const struct sieve_action *action;
    struct sieve_result result =
        run_notify(REQUIRED "notify :from \"RR <roadrunner@acme.example.com>\" \"mailto:a@example.com\";",
                   &input, &action);
    EXPECT_IN(action->reply, "\r\nFrom: Road Runner <roadrunner@acme.example.com>\r\n");
    assert_true(slice_eq(action->sender, S("roadrunner@acme.example.com")));
    sieve_result_release(&result);
    result = run_notify(REQUIRED
                        "notify :from \"boss@example.org\" \"mailto:a@example.com?from=boss@example.org\";",
                        &input, &action);
    EXPECT_IN(action->reply, "\r\nFrom: Road Runner <roadrunner+detail@acme.example.com>\r\n");
    EXPECT_NOT_IN(action->reply, "boss@example.org");
    sieve_result_release(&result);
}

static void test_programs_notify_nobody(void **state)
{
    (void)state;
    static const char *const values[] = {"auto-generated", "auto-replied",
                                         "auto-notified; owner-email=\"a@b.c\""};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CLEANUP(buf_release) struct buf message = BUF(1000);
        buf_printf(&message, "Auto-Submitted: %s\r\n\r\nx", values[i]);
        const struct sieve_input input = notify_input(buf_cstr(&message));
        struct sieve_result result =
            test_run(REQUIRED "enclose \"x\"; notify \"mailto:a@example.com\";", &input);
        assert_int_equal(result.count, 1);
        assert_string_equal(result.note, "line 2: no notification: a program wrote the message");
        sieve_result_release(&result);
    }
    const struct sieve_input person = notify_input("Auto-Submitted: no\r\n\r\n");
    EXPECT_WITH(&person, REQUIRED "notify \"mailto:a@example.com\";", "notify a@example.com; keep");
}

static void test_nobody_is_told_twice(void **state)
{
    (void)state;
    EXPECT(REQUIRED
           "notify \"mailto:a@example.com?to=A@Example.com&cc=b@example.com\";"
           "notify :message \"x\" \"mailto:b@example.com,c@example.com\"; notify \"mailto:c@example.com\";"
           "notify \"mailto:\";",
           "notify a@example.com b@example.com; notify c@example.com; keep");
}

static void test_notifications_have_a_limit(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(4096), wanted = BUF(4096);
        buf_put(&script, S(REQUIRED));
        for (int i = 0; i < SIEVE_NOTIFICATIONS_MAX + more; i++) {
            buf_printf(&script, "notify \"mailto:a%d@example.com\";", i);
            buf_printf(&wanted, "notify a%d@example.com; ", i);
        }
        buf_put(&wanted, S("keep"));
        EXPECT(buf_cstr(&script), more ? "failed: line 2: more than 5 notifications" : buf_cstr(&wanted));
    }
    struct sieve_input input = test_input();
    input.notifications_max = 1;
    EXPECT_WITH(&input, REQUIRED "notify \"mailto:a@example.com\"; notify \"mailto:b@example.com\";",
                "failed: line 2: more than 1 notifications");
}

static void test_fields_of_the_uri(void **state)
{
    (void)state;
    const struct sieve_input input = notify_input(knitting);
    const struct sieve_action *action;
    struct sieve_result result = run_notify(
        REQUIRED "notify \"mailto:?to=a@example.com&subject=Gr%C3%BC%C3%9Fe&x-priority=1&body=one%0D%0Atwo"
                 "&auto-submitted=no&received=x&date=x&message-id=x&content-type=x&bcc=evil@example.com\";",
        &input, &action);
    EXPECT_IN(action->reply, "\r\nTo: <a@example.com>\r\nSubject: =?utf-8?");
    EXPECT_IN(action->reply, "\r\nX-priority: 1\r\nMIME-Version: 1.0\r\n");
    assert_true(slice_ends(action->reply, S("\r\n\r\none\r\ntwo\r\n")));
    EXPECT_NOT_IN(action->reply, "evil");
    EXPECT_NOT_IN(action->reply, ": x\r\n");
    sieve_result_release(&result);
    result = run_notify(REQUIRED "notify \"mailto:a@example.com\";", &input, &action);
    EXPECT_IN(action->reply, "\r\nSubject: [Knitting] A new sweater\r\n");
    assert_true(slice_ends(
        action->reply,
        S("\r\nFrom: \"Jeff Smith\" <jeff@hobbies.example.com>\r\nSubject: [Knitting] A new sweater\r\n")));
    sieve_result_release(&result);
}

static void test_an_owner_beyond_ascii_is_a_token(void **state)
{
    (void)state;
    struct sieve_input input = notify_input(knitting);
    const struct sieve_action *action;
    input.owner_address = S("j\303\266rg@example.org");
    struct sieve_result result = run_notify(REQUIRED "notify \"mailto:a@example.com\";", &input, &action);
    assert_true(slice_starts(action->reply, S("Auto-Submitted: auto-notified;\r\n owner-token=")));
    sieve_result_release(&result);
    input.owner_address = S("\"a\\\"b\"@example.org");
    result = run_notify(REQUIRED "notify \"mailto:a@example.com\";", &input, &action);
    assert_true(
        slice_starts(action->reply,
                     S("Auto-Submitted: auto-notified; owner-email=\"\\\"a\\\\\\\"b\\\"@example.org\"\r\n")));
    sieve_result_release(&result);
}

/* --- mailto --- */

static void test_what_is_no_mailto(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "a@example.com",
        "mailto",
        "http://example.com/",
        "mailto:a",
        "mailto:a@example.com?subject",
        "mailto:a@example.com?&subject=x",
        "mailto:a@example.com?=x",
        "mailto:a b@example.com",
        "mailto:a@example.com?subject=a b",
        "mailto:a@example.com#x",
        "mailto:a@example.com?subject=%",
        "mailto:a@example.com?subject=%4",
        "mailto:a@example.com?subject=%4g",
        "mailto:a@example.com?subject=%ff",
        "mailto:a@example.com?body=%00",
        "mailto:a@example.com?subject=a%0D%0ABcc:%20x@example.com",
        "mailto:a@example.com?x%3A=1",
        "mailto:a@example.com?x%20y=1",
        "mailto:j%C3%B6rg@example.com",
        "mailto:j\303\266rg@example.com",
        "mailto:group:a@example.com;",
        "mailto:a@example.com%0D%0A",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (notify_method_valid(slice_cstr(wrong[i])))
            fail_msg("%s is taken", wrong[i]);
    static const char *const right[] = {
        "mailto:",
        "mailto:?",
        "MailTo:a@example.com",
        "mailto:a%40example.com",
        "mailto:a@example.com%2Cb@example.com",
        "mailto:Ann%20%3Ca@example.com%3E",
        "mailto:a@example.com?cc=b@example.com&body=%0A&keywords=x,y&from=nobody",
    };
    for (size_t i = 0; i < ARRAY_LEN(right); i++)
        if (!notify_method_valid(slice_cstr(right[i])))
            fail_msg("%s is not taken", right[i]);
}

static void test_a_mailto_has_limits(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release)
        struct buf to = BUF(MAILTO_MAX), fields = BUF(MAILTO_MAX), whole = BUF(2 * MAILTO_MAX);
        buf_put(&to, S("mailto:?"));
        for (int i = 0; i < MAILTO_RECIPIENTS_MAX + more; i++)
            buf_printf(&to, "%sto=a@example.com", i > 0 ? "&" : "");
        assert_int_equal(notify_method_valid(buf_slice(&to)), !more);
        buf_put(&fields, S("mailto:?from=x"));
        for (int i = 0; i < MAILTO_FIELDS_MAX + more; i++)
            buf_put(&fields, S("&x=1"));
        assert_int_equal(notify_method_valid(buf_slice(&fields)), !more);
        buf_put(&whole, S("mailto:?body="));
        while (whole.n < MAILTO_MAX + (size_t)more)
            buf_putc(&whole, 'x');
        assert_int_equal(notify_method_valid(buf_slice(&whole)), !more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_importance_and_a_message),
        cmocka_unit_test(test_variables_make_a_message),
        cmocka_unit_test(test_other_methods_fail_when_they_run),
        cmocka_unit_test(test_a_method_nobody_has_is_warned_of),
        cmocka_unit_test(test_methods_can_be_asked_for),
        cmocka_unit_test(test_a_value_is_encoded_for_a_uri),
        cmocka_unit_test(test_notify_goes_with_all),
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_a_notification_is_composed),
        cmocka_unit_test(test_the_null_sender_begets_the_null_sender),
        cmocka_unit_test(test_from_is_the_owners_or_ignored),
        cmocka_unit_test(test_programs_notify_nobody),
        cmocka_unit_test(test_nobody_is_told_twice),
        cmocka_unit_test(test_notifications_have_a_limit),
        cmocka_unit_test(test_fields_of_the_uri),
        cmocka_unit_test(test_an_owner_beyond_ascii_is_a_token),
        cmocka_unit_test(test_what_is_no_mailto),
        cmocka_unit_test(test_a_mailto_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
