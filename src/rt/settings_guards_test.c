/* Keys that say who is kept out at the door. */
#include "rt/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct settings *parse_good(const char *text)
{
    struct settings *settings = NULL;
    struct error error;
    CLEANUP(buf_release) struct buf whole = BUF(SETTINGS_FILE_MAX);
    buf_put(&whole, S("hostname = mail.example\n"));
    buf_put(&whole, slice_cstr(text));
    if (settings_parse(buf_slice(&whole), "posthorn.conf", &settings, &error) != ERR_OK)
        fail_msg("%s", error.client);
    return settings;
}

static void assert_refused(const char *text, const char *why)
{
    struct settings *settings = NULL;
    struct error error;
    assert_int_equal(settings_parse(slice_cstr(text), "posthorn.conf", &settings, &error), ERR_INVALID);
    if (strstr(error.client, why) == NULL)
        fail_msg("%s", error.client);
}

static void assert_written_the_same(const struct settings *s, const char *line)
{
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_FILE_MAX);
    settings_text(s, &text);
    if (strstr(buf_cstr(&text), line) == NULL)
        fail_msg("no %s in %s", line, buf_cstr(&text));
}

static void test_lists_and_their_answers(void **state)
{
    (void)state;
    struct settings *s = parse_good("block-list = zen.example reject\n"
                                    "block-list = bl.example 3 127.0.0.2, 127.0.1.0/24\n"
                                    "domain-list = dbl.example junk &6\n"
                                    "block-list = white.example allow\nlist-points = 4 8\n");
    assert_int_equal(s->list_count, 4);
    assert_true(s->lists[0].action == LIST_REJECT && !s->lists[0].of_names);
    assert_true(s->lists[1].action == LIST_POINTS && s->lists[1].points == 3);
    assert_true(s->lists[2].action == LIST_JUNK && s->lists[2].of_names);
    assert_true(s->list_junk_points == 4 && s->list_reject_points == 8);
    assert_written_the_same(s, "\nblock-list = bl.example 3 127.0.0.2/32 127.0.1.0/24\n");
    assert_written_the_same(s, "\ndomain-list = dbl.example junk &6\n");
    assert_written_the_same(s, "\nlist-points = 4 8\n");
    settings_free(s);
    s = parse_good("");
    assert_true(s->list_count == 0 && s->list_junk_points == 5 && s->list_reject_points == 10);
    settings_free(s);
}

static void test_lists_that_are_none(void **state)
{
    (void)state;
    assert_refused("block-list = zen.example\n", "a list and an action are expected");
    assert_refused("block-list = zen reject\n", "\"zen\" is not a list's name");
    assert_refused("block-list = a..b reject\n", "is not a list's name");
    assert_refused("block-list = a.b drop\n", "is not reject, defer, junk, mark, allow");
    assert_refused("block-list = a.b 0\n", "is not reject");
    assert_refused("block-list = a.b 1001\n", "is not reject");
    assert_refused("block-list = a.b reject 128.0.0.2\n", "is no answer of a list");
    assert_refused("block-list = a.b reject 127.0.0.0/7\n", "is no answer of a list");
    assert_refused("block-list = a.b reject &256\n", "is no answer of a list");
    assert_refused("list-points = 5\n", "two numbers");
    assert_refused("list-points = 5 1001\n", "two numbers");
}

static void test_as_many_lists_as_there_may_be(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_FILE_MAX);
    for (int i = 0; i < SETTINGS_LISTS_MAX; i++)
        buf_printf(&text, "block-list = l%d.example mark\n", i);
    settings_free(parse_good(buf_cstr(&text)));
    buf_put(&text, S("domain-list = more.example mark\n"));
    assert_refused(buf_cstr(&text), "more than 32 lists");
    buf_clear(&text);
    buf_put(&text, S("block-list = a.example mark"));
    for (int i = 0; i < SETTINGS_LIST_ANSWERS_MAX; i++)
        buf_printf(&text, " 127.0.0.%d", i);
    settings_free(parse_good(buf_cstr(&text)));
    buf_put(&text, S(" 127.0.0.99"));
    assert_refused(buf_cstr(&text), "more than 16 answers");
}

static void test_answers_that_count(void **state)
{
    (void)state;
    static const struct {
        const char *wanted; /* NULL: any */
        uint32_t answer;
        bool counts;
    } cases[] = {
        {NULL, 0x7f000002, true},
        {NULL, 0x7f010203, true},
        {NULL, 0x7f000001, false},
        {NULL, 0x7ffffffe, false},
        {NULL, 0xc0000201, false},
        {"127.0.0.4/30", 0x7f000007, true},
        {"127.0.0.4/30", 0x7f000008, false},
        {"127.0.0.0/8", 0xc0000201, false},
        {"127.0.0.0/8", 0x7ffffffe, false},
        {"&4", 0x7f000006, true},
        {"&4", 0x7f000402, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct list_setting list = {.zone = "a.b", .answer_count = cases[i].wanted != NULL};
        if (cases[i].wanted != NULL)
            assert_true(list_answer_parse(slice_cstr(cases[i].wanted), &list.answers[0]));
        if (list_answer_counts(&list, cases[i].answer) != cases[i].counts)
            fail_msg("case %zu", i);
    }
}

static void test_the_door(void **state)
{
    (void)state;
    struct settings *s = parse_good("");
    for (size_t i = 0; i < HELO_FAULTS; i++)
        assert_int_equal(s->helo_actions[i], HELO_MARK);
    assert_true(s->connection_rate.count == 300 && s->connection_rate.period_us == INT64_C(60000000));
    assert_true(s->message_rate.count == 0 && s->greeting_delay_seconds == 0);
    settings_free(s);
    s = parse_good("helo-own-name = reject\nhelo-no-domain = off\nmessage-rate = 20/2h\n"
                   "connection-rate = none\ngreeting-delay = 60\n");
    assert_int_equal(s->helo_actions[HELO_FAULT_OWN_NAME], HELO_REJECT);
    assert_written_the_same(s, "\nhelo-own-name = reject\nhelo-bare-address = mark\nhelo-no-domain = off\n"
                               "connection-rate = none\nmessage-rate = 20/120m\ngreylist = off\n"
                               "greylist-wait = 5m\ngreeting-delay = 60\n");
    settings_free(s);
    assert_refused("connection-rate = 300\n", "is not COUNT/TIME");
    assert_refused("connection-rate = 0/1m\n", "is not COUNT/TIME");
    assert_refused("connection-rate = 1000001/1m\n", "is not COUNT/TIME");
    s = parse_good("greylist = suspicious\ngreylist-wait = 12h\n");
    assert_true(s->greylist == GREYLIST_SUSPICIOUS && s->greylist_wait_seconds == INT64_C(43200));
    assert_written_the_same(s, "\ngreylist = suspicious\ngreylist-wait = 720m\n");
    settings_free(s);
    assert_refused("greylist-wait = 13h\n", "is not a time from 1m to 12h");
    assert_refused("greeting-delay = 61\n", "is not none or seconds");
    assert_refused("helo-own-name = junk\n", "is not off, mark or reject");
}

static void test_milters(void **state)
{
    (void)state;
    struct settings *s =
        parse_good("milter = unix:/run/a.sock\n"
                   "milter = inet:127.0.0.1:11332 submission smtp accept timeout=5 size=25M\n"
                   "milter = inet:[::1]:25 submission\n");
    assert_int_equal(s->milter_count, 3);
    assert_true(s->milters[0].of_smtp && !s->milters[0].of_submission && !s->milters[0].accepts);
    assert_true(s->milters[0].seconds == 60);
    assert_true(s->milters[2].of_submission && !s->milters[2].of_smtp);
    assert_written_the_same(
        s, "\nmilter = \"inet:127.0.0.1:11332\" smtp submission accept timeout=5 size=26214400\n");
    settings_free(s);
    assert_refused("milter = /run/a.sock\n", "is not unix:PATH or inet:ADDRESS:PORT");
    assert_refused("milter = inet:localhost:25\n", "is not unix:PATH");
    assert_refused("milter = inet:127.0.0.1\n", "is not unix:PATH");
    assert_refused("milter = inet:[::1]\n", "is not unix:PATH");
    assert_refused("milter = unix:/a timeout=601\n", "\"timeout=601\" is not smtp");
    assert_refused("milter = unix:/a size=63K\n", "\"size=63K\" is not smtp");
    assert_refused(
        "milter = unix:/a\nmilter = unix:/a\nmilter = unix:/a\nmilter = unix:/a\nmilter = unix:/a\n"
        "milter = unix:/a\nmilter = unix:/a\nmilter = unix:/a\nmilter = unix:/a\n",
        "more than 8 milters");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_and_their_answers),
        cmocka_unit_test(test_lists_that_are_none),
        cmocka_unit_test(test_as_many_lists_as_there_may_be),
        cmocka_unit_test(test_answers_that_count),
        cmocka_unit_test(test_the_door),
        cmocka_unit_test(test_milters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
