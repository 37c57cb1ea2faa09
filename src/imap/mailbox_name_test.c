#include "imap/mailbox_name.h"

/* Last: cmocka has a macro by the name of base/error.h's fail. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void assert_both_ways(struct slice wire, struct slice utf8)
{
    CLEANUP(buf_release) struct buf decoded = BUF(1000);
    CLEANUP(buf_release) struct buf encoded = BUF(1000);
    assert_true(mailbox_name_decode(&decoded, wire));
    assert_true(slice_eq(buf_slice(&decoded), utf8));
    mailbox_name_encode(&encoded, utf8);
    assert_true(slice_eq(buf_slice(&encoded), wire));
}

static void test_reads_and_writes_modified_utf7(void **state)
{
    (void)state;
    assert_both_ways(S("INBOX"), S("INBOX"));
    assert_both_ways(S(""), S(""));
    assert_both_ways(S("Tom &- Jerry"), S("Tom & Jerry"));
    /* RFC 3501 5.1.3 */
    assert_both_ways(S("~peter/mail/&U,BTFw-/&ZeVnLIqe-"), S("~peter/mail/台北/日本語"));
    assert_both_ways(S("Entw&APw-rfe"), S("Entwürfe"));
    assert_both_ways(S("&2D3eAA-"), S("\xf0\x9f\x98\x80"));
}

static void test_refuses_what_is_no_modified_utf7(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "&",     /* a shift without an end */
        "&Jjo",  /* likewise */
        "&Jjo!", /* RFC 3501 5.1.3's own bad examples */
        "&U,BTFw-&ZeVnLIqe-",
        "&AGE-", /* "a" has to stand for itself */
        "&2D0-", /* half a surrogate pair */
        "&3gA-",
        "&AAA-", /* NUL */
        "&A-",   /* half a unit */
        "Entw\xc3\xbcrfe",
        "a\tb",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(buf_release) struct buf out = BUF(1000);
        if (mailbox_name_decode(&out, slice_cstr(bad[i])))
            fail_msg("taken: %s", bad[i]);
    }
}

static void assert_reads(const char *wire, bool utf8, const char *expected)
{
    CLEANUP(buf_release) struct buf out = BUF(1000);
    if (!mailbox_name_read(&out, slice_cstr(wire), utf8))
        fail_msg("refused: %s", wire);
    assert_string_equal(buf_cstr(&out), expected);
}

static void test_reads_names_as_nfc(void **state)
{
    (void)state;
    assert_reads("Entw&APw-rfe", false, "Entw\xc3\xbcrfe");
    assert_reads("Entwu&Awg-rfe", false, "Entw\xc3\xbcrfe");
    assert_reads("Entwu\xcc\x88rfe", false, "Entw\xc3\xbcrfe");
    assert_reads("Entwu\xcc\x88rfe &- %", true, "Entw\xc3\xbcrfe &- %");
    assert_reads("&APw-", true, "&APw-");
    assert_reads("", true, "");
    assert_reads("", false, "");
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_false(mailbox_name_read(&out, S("\xfc"), true));
    assert_false(mailbox_name_read(&out, S("\xfc"), false));
    assert_false(mailbox_name_read(&out, S("&"), false));
    CLEANUP(buf_release) struct buf small = BUF(2);
    assert_true(mailbox_name_read(&small, S("ab"), false));
    buf_clear(&small);
    assert_false(mailbox_name_read(&small, S("abc"), false));
    buf_clear(&small);
    assert_false(mailbox_name_read(&small, S("abc"), true));
}

static void test_matches_wildcards(void **state)
{
    (void)state;
    assert_true(mailbox_name_matches(S("a/b"), S("*")));
    assert_false(mailbox_name_matches(S("a/b"), S("%")));
    assert_true(mailbox_name_matches(S("a/b"), S("%/%")));
    assert_true(mailbox_name_matches(S("a/b/c"), S("a/*")));
    assert_false(mailbox_name_matches(S("a/b/c"), S("a/%")));
    assert_true(mailbox_name_matches(S("a/b/c"), S("*c")));
    assert_true(mailbox_name_matches(S("a/b/c"), S("%*c")));
    assert_true(mailbox_name_matches(S("xaay"), S("*a%y")));
    assert_false(mailbox_name_matches(S("ab"), S("a")));
    assert_false(mailbox_name_matches(S("a"), S("ab")));
    assert_true(mailbox_name_matches(S("a"), S("a*%")));
    assert_true(mailbox_name_matches(S("xA/yAB"), S("%/%AB")));
    assert_true(mailbox_name_matches(S(""), S("*")));
}

static void test_inbox_has_no_case(void **state)
{
    (void)state;
    assert_true(mailbox_name_matches(S("INBOX"), S("inbox")));
    assert_true(mailbox_name_matches(S("INBOX/Sub"), S("Inbox/%")));
    assert_false(mailbox_name_matches(S("INBOX/Sub"), S("Inbox/sub")));
    assert_false(mailbox_name_matches(S("Sent"), S("sent")));
    assert_false(mailbox_name_matches(S("INBOXES"), S("inboxes")));
}

static void test_many_wildcards_cost_no_more_than_name_times_pattern(void **state)
{
    (void)state;
    char name[1000];
    char pattern[1000];
    memset(name, 'a', sizeof(name));
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof(pattern) - 1] = 'b';
    assert_false(mailbox_name_matches(slice_of(name, sizeof(name)), slice_of(pattern, sizeof(pattern))));
}

static void test_refuses_pattern_beyond_the_limit(void **state)
{
    (void)state;
    char pattern[4097];
    memset(pattern, '*', sizeof(pattern));
    assert_true(mailbox_name_matches(S("a"), slice_of(pattern, 4096)));
    assert_false(mailbox_name_matches(S("a"), slice_of(pattern, 4097)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_and_writes_modified_utf7),
        cmocka_unit_test(test_refuses_what_is_no_modified_utf7),
        cmocka_unit_test(test_reads_names_as_nfc),
        cmocka_unit_test(test_matches_wildcards),
        cmocka_unit_test(test_inbox_has_no_case),
        cmocka_unit_test(test_many_wildcards_cost_no_more_than_name_times_pattern),
        cmocka_unit_test(test_refuses_pattern_beyond_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
