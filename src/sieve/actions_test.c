/* What actions come to: delivery, flags, variables, reject, vacation, conflicts, limits. */
#include "sieve/testing.h"

static void test_delivery(void **state)
{
    (void)state;
    EXPECT("keep;", "keep");
    EXPECT("keep; keep;", "keep");
    EXPECT("discard; keep;", "keep");
    EXPECT("require \"fileinto\"; fileinto \"A\"; fileinto \"B\"; fileinto \"A\";", "fileinto A; fileinto B");
    EXPECT("require \"fileinto\"; keep; fileinto \"inbox\";", "keep");
    EXPECT("require [\"fileinto\", \"copy\"]; fileinto :copy \"A\";", "fileinto A; keep");
    EXPECT("require \"copy\"; redirect :copy \"a@b.example\";", "redirect a@b.example; keep");
    EXPECT("redirect \"a@b.example\"; redirect \"a@b.example\";", "redirect a@b.example");
    EXPECT("redirect \"Someone <a@b.example>\";", "redirect a@b.example");
    EXPECT("redirect \"\\\"a b\\\"@b.example\";", "redirect \"a b\"@b.example");
    EXPECT("require \"fileinto\"; fileinto \"Gr\xc3\xbc\xc3\x9f"
           "e\";",
           "fileinto Gr\xc3\xbc\xc3\x9f"
           "e");
    EXPECT_WRONG("redirect \"nobody\";", 1, 10, "is no address");
    EXPECT_WRONG("redirect \"a@b.example, c@d.example\";", 1, 10, "is no address");
    EXPECT_WRONG("require \"fileinto\"; fileinto \"\";", 1, 30, "no mailbox");
    EXPECT("require [\"variables\", \"fileinto\"];\nfileinto \"${x}\";",
           "failed: line 2: \"\" can be no mailbox");
    EXPECT("require \"variables\";\nredirect \"x${x}\";", "failed: line 2: \"x\" is no address");
}

static void test_failure_undoes_all(void **state)
{
    (void)state;
    struct sieve_input input = test_input();
    struct sieve_result result =
        test_run("require [\"variables\", \"imap4flags\"]; addflag \"\\\\Seen\"; redirect \"a@b.example\";"
                 " redirect \"${x}\";",
                 &input);
    assert_true(result.failed);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.actions[0].kind, SIEVE_ACTION_KEEP);
    assert_int_equal(result.actions[0].flag_count, 0);
    assert_int_equal(result.actions[0].line, 0);
    assert_ptr_equal(result.actions[0].message.p, test_message);
    sieve_result_release(&result);
}

static void test_limits_of_actions(void **state)
{
    (void)state;
    struct sieve_input input = test_input();
    input.redirects_max = 2;
    EXPECT_WITH(&input, "redirect \"a@b.example\"; redirect \"b@b.example\";",
                "redirect a@b.example; redirect b@b.example");
    EXPECT_WITH(&input, "redirect \"a@b.example\"; redirect \"b@b.example\"; redirect \"c@b.example\";",
                "failed: line 1: more than 2 redirects");
    input.actions_max = 1;
    EXPECT_WITH(&input, "require \"fileinto\"; fileinto \"A\"; fileinto \"B\";",
                "failed: line 1: more than 1 actions");
}

/* RFC 5429 */
static void test_reject(void **state)
{
    (void)state;
    EXPECT("require \"reject\"; reject \"no\";", "reject no");
    EXPECT("require \"ereject\"; ereject \"no\"; discard;", "ereject no");
    EXPECT("require \"reject\"; reject \"no\"; reject \"no\";",
           "failed: line 1: the message is rejected twice");
    EXPECT("require [\"reject\", \"ereject\"]; reject \"no\"; ereject \"no\";",
           "failed: line 1: the message is rejected twice");
    EXPECT("require \"reject\"; reject \"no\"; keep;", "failed: line 1: keep after the message was rejected");
    EXPECT("require \"reject\"; keep; reject \"no\";", "failed: line 1: reject after keep");
    EXPECT("require \"reject\"; redirect \"a@b.example\"; reject \"no\";",
           "failed: line 1: reject after redirect");
    EXPECT("require [\"reject\", \"vacation\"]; vacation \"away\"; reject \"no\";",
           "failed: line 1: reject after vacation");
    EXPECT("require [\"reject\", \"vacation\"]; reject \"no\"; vacation \"away\";",
           "failed: line 1: vacation after reject");
}

/* RFC 5232 */
static void test_flags(void **state)
{
    (void)state;
#define FLAGS                                                                \
    "require [\"imap4flags\", \"variables\", \"fileinto\", \"relational\", " \
    "\"comparator-i;ascii-numeric\"];\n"
    EXPECT(FLAGS "addflag \"\\\\Seen\";", "keep [\\Seen]");
    EXPECT(FLAGS "addflag \"flagvar\" \"\\\\Deleted\"; addflag \"flagvar\" \"\\\\Answered\"; keep :flags "
                 "\"${flagvar}\";",
           "keep [\\Deleted \\Answered]");
    EXPECT(
        FLAGS
        "addflag \"flagvar\" [\"\\\\Deleted\", \"\\\\Answered  \\\\DELETED\"]; keep :flags \"${flagvar}\";",
        "keep [\\Deleted \\Answered]");
    EXPECT(FLAGS "setflag \"A B C\"; removeflag \"b\"; keep;", "keep [A C]");
    EXPECT(FLAGS "setflag \"A\"; setflag \"B\"; fileinto \"X\"; keep :flags \"\";", "fileinto X [B]; keep");
    EXPECT(FLAGS "keep :flags \"A\"; keep :flags \"B\";", "keep [B]");
    EXPECT(FLAGS "setflag [\"\\\\Recent\", \"\\\\Foo\", \"a(b\", \"\", \"ok\"]; keep;", "keep [ok]");
    EXPECT(FLAGS "setflag \"A B\"; if hasflag :is \"b A\" { discard; }", "");
    EXPECT(FLAGS "setflag \"A B\"; if hasflag [\"b\", \"A\"] { discard; }", "");
    EXPECT(FLAGS "setflag \"A B\"; if hasflag \"C\" { discard; }", "keep [A B]");
    EXPECT(FLAGS
           "set \"MyVar\" \"NonJunk Junk gnus-forward $Forwarded NotJunk\"; if hasflag :contains \"MyVar\" "
           "[\"label\", \"forward\"] { discard; }",
           "");
    EXPECT(FLAGS "set \"MyVar\" \"NonJunk Junk\"; if hasflag :contains \"MyVar\" [\"label1\", \"label2\"] "
                 "{ discard; }",
           "keep");
    EXPECT(FLAGS "set \"MyVar\" \"NonJunk\"; if hasflag :matches \"MyVar\" \"x non*\" { discard; }", "");
    EXPECT(FLAGS "setflag \"MyFlags\" \"A B\"; if hasflag :count \"ge\" :comparator \"i;ascii-numeric\" "
                 "\"MyFlags\" \"2\" { discard; }",
           "");
    EXPECT(FLAGS "set \"v\" \"A a B\"; if hasflag :count \"eq\" :comparator \"i;ascii-numeric\" \"v\" \"2\" "
                 "{ discard; }",
           "");
    EXPECT_WRONG("require \"imap4flags\"; addflag \"v\" \"x\";", 1, 31, "needs require \"variables\"");
#undef FLAGS
}

/* RFC 5229 */
static void test_variables(void **state)
{
    static const char *const rows[][2] = {
        {"set \"a\" \"juMBlEd lETteRS\"; set \"b\" \"${a}\";", "juMBlEd lETteRS"},
        {"set \"a\" \"juMBlEd lETteRS\"; set :length \"b\" \"${a}\";", "15"},
        {"set \"a\" \"juMBlEd lETteRS\"; set :lower \"b\" \"${A}\";", "jumbled letters"},
        {"set \"a\" \"juMBlEd lETteRS\"; set :upperfirst \"b\" \"${a}\";", "JuMBlEd lETteRS"},
        {"set \"a\" \"juMBlEd lETteRS\"; set :upperfirst :lower \"b\" \"${a}\";", "Jumbled letters"},
        {"set :quotewildcard \"b\" \"Rock*\";", "Rock\\*"},
        {"set :quotewildcard :length \"b\" \"a*?\\\\\";", "7"},
        {"set :length \"b\" \"\xc3\xa9\";", "1"},
        {"set \"b\" \"&%${}!\";", "&%${}!"},
        {"set \"b\" \"${doh!}\";", "${doh!}"},
        {"set \"company\" \"ACME\"; set \"b\" \"a${President, ${Company} Inc.}\";",
         "a${President, ACME Inc.}"},
        {"set \"b\" \"${BAD${Company}\";", "${BAD"},
        {"set \"b\" \"x${unset}y\";", "xy"},
        {"set \"dollar\" \"$\"; set \"b\" \"regarding ${dollar}{beep}\";", "regarding ${beep}"},
        {"set \"foo\" \"1\"; set \"b\" \"${fo\\o}\";", "1"},
        {"set \"foo\" \"1\"; set \"b\" \"${fo\\\\o}\";", "${fo\\o}"},
        {"set \"foo\" \"1\"; set \"b\" \"\\${foo}\";", "1"},
        {"set \"foo\" \"1\"; set \"b\" \"\\\\${foo}\";", "\\1"},
        {"set \"b\" \"a\"; set \"b\" \"${b}${b}\";", "aa"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000), wanted = BUF(1000);
        buf_printf(&script, "require [\"variables\", \"reject\"]; %s reject \"${b}\";", rows[i][0]);
        buf_printf(&wanted, "reject %s", rows[i][1]);
        EXPECT(buf_cstr(&script), buf_cstr(&wanted));
    }
    EXPECT("require [\"encoded-character\", \"variables\", \"reject\"]; set \"name\" \"Ethelbert\";"
           " reject \"dear${hex:20 24 7b 4e}ame}\";",
           "reject dear Ethelbert");
    EXPECT_WRONG("require \"variables\"; set \"1\" \"a\";", 1, 26, "no name of a variable");
    EXPECT_WRONG("require \"variables\"; set \"a.b\" \"a\";", 1, 26, "no name of a variable");
    EXPECT_WRONG("require \"variables\"; set \"${a}\" \"a\";", 1, 26, "variables can't stand here");
    EXPECT_WRONG("require \"variables\"; set :lower :upper \"a\" \"a\";", 1, 33, "contradicts");
    EXPECT_WRONG("require \"variables\"; set :wide \"a\" \"a\";", 1, 26, "no argument");
    EXPECT_WRONG("require \"variables\"; redirect \"${ext.a}\";", 1, 31, "no extension");
    EXPECT_WRONG("require \"variables\"; redirect \"${32}@a.example\";", 1, 31, "match variables end");
}

static void test_match_variables(void **state)
{
    struct sieve_input input = test_input();
    (void)state;
    input.message = S("List-ID: Mailing <l.filters@example.com>\r\nTo: coyote@ACME.Example.COM\r\n"
                      "Subject: [acme-users] [fwd] version 1.0 is out\r\n\r\n");
    EXPECT_WITH(&input,
                "require [\"fileinto\", \"variables\"]; if header :matches \"List-ID\" \"*<*@*\" {"
                " fileinto \"INBOX.lists.${2}\"; stop; }",
                "fileinto INBOX.lists.l.filters");
    EXPECT_WITH(
        &input,
        "require [\"reject\", \"variables\"]; if header :matches \"Subject\" \"[*] *\" {"
        " reject \"${1}|${2}|${0}|${3}|${01}\"; stop; }",
        "reject acme-users|[fwd] version 1.0 is out|[acme-users] [fwd] version 1.0 is out||acme-users");
    EXPECT_WITH(
        &input,
        "require [\"reject\", \"variables\"]; if address :matches [\"To\", \"Cc\"] [\"coyote@**.com\","
        " \"wile@**.com\"] { reject \"${0}|${1}|${2}\"; }",
        "reject coyote@ACME.Example.COM||ACME.Example");
    EXPECT_WITH(
        &input,
        "require [\"reject\", \"variables\"]; if anyof (true, address :domain :matches \"To\" \"*.com\") {"
        " reject \"${1}\"; }",
        "reject ");
    EXPECT_WITH(&input,
                "require [\"reject\", \"variables\"]; if header :matches \"Subject\" \"*s*\" { }"
                " if header :matches \"Subject\" \"x*\" { } reject \"${1}\";",
                "reject [acme-u");
    EXPECT_WITH(&input,
                "require [\"reject\", \"variables\", \"comparator-i;unicode-casemap\"];"
                " if string :matches :comparator \"i;unicode-casemap\" \"\xc3\x84pfel\" \"?P*\" {"
                " reject \"${1}|${2}\"; }",
                "reject \xc3\x84|fel");
}

static void put_times(struct buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_printf(out, "%s", text);
}

static void test_limits_of_variables(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf script = BUF(10 * SIEVE_VARIABLE_MAX);
    buf_put(&script, S("require [\"variables\", \"reject\"]; set \"a\" \""));
    put_times(&script, "x", SIEVE_VARIABLE_MAX);
    buf_put(&script, S("\"; set :length \"n\" \"${a}${a}\"; set \"b\" \"${a}y\"; set :length \"m\" \"${b}\";"
                       " reject \"${n} ${m}\";"));
    EXPECT(buf_cstr(&script), "reject 32768 16384");
    buf_clear(&script);
    buf_put(&script, S("require \"variables\"; set \"a\" \""));
    put_times(&script, "x", SIEVE_VARIABLE_MAX + 1);
    buf_put(&script, S("\";"));
    EXPECT_WRONG(buf_cstr(&script), 1, 30, "at most");
    for (int more = 0; more < 2; more++) {
        struct sieve_program *program;
        struct sieve_complaints complaints;
        struct error error;
        buf_clear(&script);
        buf_put(&script, S("require \"variables\";"));
        for (int i = 0; i < SIEVE_VARIABLES_MAX + more; i++)
            buf_printf(&script, "set \"v%d\" \"\";", i);
        assert_int_equal(sieve_compile(buf_slice(&script), SIEVE_ALL, &program, &complaints, &error),
                         more == 0 ? ERR_OK : ERR_INVALID);
        if (more == 0)
            sieve_program_free(program);
    }
}

/* --- vacation (RFC 5230) --- */

static bool replies(const struct sieve_input *input, const char *script)
{
    struct sieve_result result = test_run(script, input);
    bool found = false;
    for (size_t i = 0; i < result.count; i++)
        found = found || result.actions[i].kind == SIEVE_ACTION_VACATION;
    assert_true(found || result.note[0] != 0);
    sieve_result_release(&result);
    return found;
}

#define AWAY "require \"vacation\"; vacation \"away\";"

static void with_field(struct buf *out, const char *field)
{
    buf_clear(out);
    buf_printf(out, "%s\r\n%s", field, test_message);
}

static void test_vacation_replies_to_people_only(void **state)
{
    static const char *const refused[] = {
        "List-Id: <a.b>",   "List-Unsubscribe: <mailto:x@y>", "Auto-Submitted: auto-generated",
        "Precedence: bulk", "List-Archive: <http://x>",
    };
    static const char *const machines[] = {"MAILER-DAEMON@a.example",
                                           "owner-list@a.example",
                                           "list-request@a.example",
                                           "majordomo@a.example",
                                           "",
                                           "roadrunner@acme.example.com"};
    CLEANUP(buf_release) struct buf message = BUF(10000);
    struct sieve_input input = test_input();
    (void)state;
    assert_true(replies(&input, AWAY));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        with_field(&message, refused[i]);
        input.message = buf_slice(&message);
        assert_false(replies(&input, AWAY));
    }
    with_field(&message, "Auto-Submitted: no");
    input.message = buf_slice(&message);
    assert_true(replies(&input, AWAY));
    for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
        input = test_input();
        input.envelope_from = slice_cstr(machines[i]);
        assert_false(replies(&input, AWAY));
    }
}

static void test_vacation_replies_when_the_owner_is_named(void **state)
{
    struct sieve_input input = test_input();
    (void)state;
    input.message = S("From: a@b.example\r\nTo: Other <TJS@example.edu>\r\n\r\n");
    assert_false(replies(&input, AWAY));
    assert_true(replies(&input,
                        "require \"vacation\"; vacation :addresses [\"x@y.example\", \"tjs@example.edu\"] "
                        "\"away\";"));
    input.envelope_to = S("tjs@example.edu");
    assert_true(replies(&input, AWAY));
    input = test_input();
    input.message = S("From: a@b.example\r\nBcc: x: roadrunner@acme.example.com;\r\n\r\n");
    assert_true(replies(&input, AWAY));
}

static struct sieve_action vacation_of(const char *script, struct sieve_result *result)
{
    struct sieve_input input = test_input();
    *result = test_run(script, &input);
    assert_int_equal(result->count, 2);
    assert_int_equal(result->actions[0].kind, SIEVE_ACTION_VACATION);
    assert_int_equal(result->actions[1].kind, SIEVE_ACTION_KEEP);
    return result->actions[0];
}

static void expect_reply(const char *script, const char *part, bool there)
{
    struct sieve_result result;
    struct sieve_action action = vacation_of(script, &result);
    if ((slice_find(action.reply, slice_cstr(part)) >= 0) != there)
        fail_msg("the reply is:\n%.*s", SLICE_ARGS(action.reply));
    sieve_result_release(&result);
}

static void test_vacation_reply_is_a_message(void **state)
{
    (void)state;
    expect_reply(AWAY, "From: Road Runner <roadrunner@acme.example.com>\r\n", true);
    expect_reply(AWAY, "To: <coyote@desert.example.org>\r\n", true);
    expect_reply(AWAY, "Subject: =?utf-8?q?Auto=3A_I_have_a_pr=C3=A9sent_for_you?=\r\n", true);
    expect_reply(AWAY, "Date: Fri, 29 Jun 2007 15:00:00 +0200\r\n", true);
    expect_reply(AWAY, "In-Reply-To: <1@desert.example.org>\r\nReferences: <1@desert.example.org>\r\n", true);
    expect_reply(AWAY, "Auto-Submitted: auto-replied\r\n", true);
    expect_reply(AWAY, "\r\n\r\naway\r\n", true);
    expect_reply("require \"vacation\"; vacation :subject \"Gone\" \"away\";", "Subject: Gone\r\n", true);
    expect_reply("require \"vacation\"; vacation :subject \"a\nBcc: x@y.example\" \"away\";",
                 "\r\nBcc:", false);
    expect_reply("require \"vacation\"; vacation :from \"Me <me@x.example>\" \"away\";",
                 "From: Me <me@x.example>\r\n", true);
    expect_reply(
        "require \"vacation\"; vacation :mime text:\nContent-Type: text/html\nBcc: x@y.example\n\n<b>x</b>\n"
        ".\n;",
        "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n", true);
    EXPECT_WRONG("require \"vacation\"; vacation :from \"nobody\" \"away\";", 1, 36, "no list of mailboxes");
    EXPECT_WRONG("require \"vacation\"; vacation :mime \"Content-Type: text/\xc3\xa9\n\nx\";", 1, 36,
                 "8-bit");
    EXPECT("require \"vacation\"; vacation \"a\"; vacation \"b\";", "failed: line 1: vacation runs twice");
}

static void test_vacation_periods(void **state)
{
    static const struct {
        const char *arguments;
        uint64_t seconds;
    } rows[] = {
        {"", 7 * 86400},
        {":days 23", 23 * 86400},
        {":days 0", 86400},
        {":days 100000", (uint64_t)SIEVE_VACATION_DAYS_MAX * 86400},
        {":seconds 1800", 1800},
        {":seconds 0", 0},
        {":seconds 2147483648", (uint64_t)SIEVE_VACATION_DAYS_MAX * 86400},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000);
        struct sieve_result result;
        buf_printf(&script, "require \"vacation-seconds\"; vacation %s \"away\";", rows[i].arguments);
        assert_int_equal(vacation_of(buf_cstr(&script), &result).seconds, rows[i].seconds);
        sieve_result_release(&result);
    }
    EXPECT_WRONG("require \"vacation-seconds\"; vacation :days 1 :seconds 1 \"away\";", 1, 46, "contradicts");
    EXPECT_WRONG("require \"vacation\"; vacation :seconds 1 \"away\";", 1, 30, "needs require");
}

static bool same_handle(const char *one, const char *other)
{
    struct sieve_result first, second;
    bool same = slice_eq(vacation_of(one, &first).handle, vacation_of(other, &second).handle);
    sieve_result_release(&first);
    sieve_result_release(&second);
    return same;
}

/* RFC 5230 4.2 */
static void test_vacation_handles(void **state)
{
    (void)state;
#define WITH "require [\"vacation\", \"variables\"]; "
    assert_true(same_handle(WITH "vacation \"a\";", WITH "vacation :days 3 \"a\";"));
    assert_false(same_handle(WITH "vacation \"a\";", WITH "vacation \"b\";"));
    assert_false(same_handle(WITH "vacation \"a\";", WITH "vacation :subject \"a\" \"a\";"));
    assert_true(same_handle(WITH "vacation :handle \"h\" \"a\";", WITH "vacation :handle \"h\" \"b\";"));
    assert_false(same_handle(WITH "vacation :handle \"h\" \"a\";", WITH "vacation :handle \"i\" \"a\";"));
    /* Before variables are put in. */
    assert_true(same_handle(WITH "set \"x\" \"1\"; vacation :subject \"${x}\" \"a\";",
                            WITH "set \"x\" \"2\"; vacation :subject \"${x}\" \"a\";"));
#undef WITH
}

/* --- editheader (RFC 5293) --- */

static void expect_edited(const char *script, const char *message, const char *wanted, int line)
{
    CLEANUP(buf_release) struct buf whole = BUF(10000);
    struct sieve_input input = test_input();
    input.message = slice_cstr(message);
    buf_printf(&whole,
               "require [\"editheader\", \"fileinto\", \"reject\", \"variables\", \"relational\"]; %s",
               script);
    struct sieve_result result = test_run(buf_cstr(&whole), &input);
    assert_int_equal(result.count, 1);
    if (!slice_eq(result.actions[0].message, slice_cstr(wanted)))
        fail_msg("line %d: got\n%.*s", line, SLICE_ARGS(result.actions[0].message));
    sieve_result_release(&result);
}

#define EDITED(script, message, wanted) expect_edited(script, message, wanted, __LINE__)
#define THREE "X-H: 1\r\nA: b\r\nx-h: 2\r\nX-H: 3\r\n\r\nbody\r\n"

static void test_adding_fields(void **state)
{
    (void)state;
    EDITED("addheader \"X\" \" y \";", "A: b\r\n\r\nc", "X: y\r\nA: b\r\n\r\nc");
    EDITED("addheader :last \"X\" \"y\";", "A: b\r\n\r\nc", "A: b\r\nX: y\r\n\r\nc");
    EDITED("addheader :last \"X\" \"y\";", "A: b", "A: b\r\nX: y\r\n");
    EDITED("addheader \"X\" \"y\";", "\r\nc", "X: y\r\n\r\nc");
    EDITED("addheader \"X\" \"\xc3\xa9\";", "A: b\r\n\r\n", "X: =?utf-8?b?w6k=?=\r\nA: b\r\n\r\n");
    EDITED("addheader \"X\" \"a\r\nBcc: x@y.example\";", "A: b\r\n\r\n",
           "X: a  Bcc: x@y.example\r\nA: b\r\n\r\n");
    EDITED("addheader \"X\" \"y\"; if header \"x\" \"y\" { fileinto \"F\"; }", "A: b\r\n\r\n",
           "X: y\r\nA: b\r\n\r\n");
    EXPECT_WRONG("require \"editheader\"; addheader \"a b\" \"c\";", 1, 33, "no name of a field");
    EXPECT_WRONG("require \"editheader\"; addheader \"a:\" \"c\";", 1, 33, "no name of a field");
}

static void test_deleting_fields(void **state)
{
    (void)state;
    EDITED("deleteheader \"x-h\";", THREE, "A: b\r\n\r\nbody\r\n");
    EDITED("deleteheader :index 2 \"x-h\";", THREE, "X-H: 1\r\nA: b\r\nX-H: 3\r\n\r\nbody\r\n");
    EDITED("deleteheader :index 1 :last \"x-h\";", THREE, "X-H: 1\r\nA: b\r\nx-h: 2\r\n\r\nbody\r\n");
    EDITED("deleteheader :index 1 \"x-h\"; deleteheader :index 2 \"x-h\";", THREE,
           "A: b\r\nx-h: 2\r\n\r\nbody\r\n");
    EDITED("deleteheader \"x-h\" [\"1\", \"3\"];", THREE, "A: b\r\nx-h: 2\r\n\r\nbody\r\n");
    EDITED("deleteheader :index 1 :contains \"x-h\" \"2\";", THREE, THREE);
    EDITED("deleteheader :index 9 \"x-h\";", THREE, THREE);
    EDITED("deleteheader :count \"gt\" \"x-h\" \"2\";", THREE, "A: b\r\n\r\nbody\r\n");
    EDITED("deleteheader :count \"gt\" \"x-h\" \"3\";", THREE, THREE);
    EDITED("addheader \"X-Hello\" \"World\"; deleteheader :index 1 \"X-Hello\";", THREE, THREE);
    EDITED("deleteheader \"received\"; deleteheader \"Auto-Submitted\"; deleteheader \"missing\";",
           "Received: a\r\nAuto-Submitted: b\r\n\r\n", "Received: a\r\nAuto-Submitted: b\r\n\r\n");
    EXPECT_WRONG("require \"editheader\"; deleteheader :last \"a\";", 1, 36, "needs \":index\"");
}

static void test_edits_and_other_actions(void **state)
{
    (void)state;
    /* The sender is told of what he sent; a failure undoes the edits; a message is filed once. */
    EDITED("addheader \"X\" \"y\"; reject \"no\";", THREE, THREE);
    EDITED("addheader \"X\" \"y\"; redirect \"${a}\";", THREE, THREE);
    EDITED("keep; addheader \"X\" \"y\"; keep;", THREE, THREE);
    EDITED("addheader \"X\" \"y\"; redirect \"a@b.example\";", "A: b\r\n\r\n", "X: y\r\nA: b\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_failure_undoes_all),
        cmocka_unit_test(test_limits_of_actions),
        cmocka_unit_test(test_reject),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_match_variables),
        cmocka_unit_test(test_limits_of_variables),
        cmocka_unit_test(test_vacation_replies_to_people_only),
        cmocka_unit_test(test_vacation_replies_when_the_owner_is_named),
        cmocka_unit_test(test_vacation_reply_is_a_message),
        cmocka_unit_test(test_vacation_periods),
        cmocka_unit_test(test_vacation_handles),
        cmocka_unit_test(test_adding_fields),
        cmocka_unit_test(test_deleting_fields),
        cmocka_unit_test(test_edits_and_other_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
