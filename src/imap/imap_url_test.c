#include "imap/imap_url.h"

#include "base/test.h"

static struct arena arena = ARENA(1024 * 1024);

static struct imap_url parsed(const char *text)
{
    struct imap_url url;
    arena_reset(&arena);
    if (!imap_url_parse(slice_cstr(text), &arena, &url))
        fail_msg("refused: %s", text);
    return url;
}

#define assert_slice(s, text) assert_true(slice_eq((s), S(text)))

static void test_reads_a_message(void **state)
{
    (void)state;
    struct imap_url url = parsed("/INBOX/;UID=7");
    assert_true(!url.absolute && url.from_root);
    assert_slice(url.mailbox, "INBOX");
    assert_int_equal(url.uidvalidity, 0);
    assert_int_equal(url.uid, 7);
    assert_null(url.section.p);
    assert_false(url.partial);
    assert_int_equal(url.access, IMAP_URL_NO_ACCESS);
}

static void test_reads_every_piece(void **state)
{
    (void)state;
    struct imap_url url =
        parsed("imap://joe%40a.example;auth=*@example.com:143/a%20b/c&d%C3%BC;uidvalidity=385759045/;uid=20/;"
               "section=1.HEADER.FIELDS%20(To)/;partial=5.1024;expire=2026-12-31T00:00:00Z;urlauth=submit+"
               "fr%2Bed:Internal:0123456789abcdef0123456789ABCDEF");
    assert_true(url.absolute);
    assert_slice(url.user, "joe@a.example");
    assert_slice(url.mailbox, "a b/c&d\xc3\xbc");
    assert_int_equal(url.uidvalidity, 385759045);
    assert_int_equal(url.uid, 20);
    assert_slice(url.section, "1.HEADER.FIELDS (To)");
    assert_true(url.partial && url.offset == 5 && url.length == 1024);
    assert_int_equal(url.access, IMAP_URL_SUBMIT);
    assert_slice(url.access_user, "fr+ed");
    assert_true(url.expires);
    assert_int_equal(url.expires_seconds, 1798675200);
    assert_true(slice_starts(url.rump, S("imap://joe")) && slice_ends(url.rump, S("=submit+fr%2Bed")));
    assert_slice(url.mechanism, "Internal");
    assert_slice(url.token, "0123456789abcdef0123456789ABCDEF");
}

static void test_reads_relative_ones(void **state)
{
    (void)state;
    struct imap_url url = parsed(";UID=20/;SECTION=TEXT");
    assert_true(!url.absolute && !url.from_root);
    assert_null(url.mailbox.p);
    assert_slice(url.section, "TEXT");
    url = parsed("Drafts;UIDVALIDITY=1/;UID=20/;PARTIAL=3");
    assert_false(url.from_root);
    assert_slice(url.mailbox, "Drafts");
    assert_true(url.partial && url.offset == 3 && url.length == 0);
}

static void test_reads_what_is_not_authorized_yet(void **state)
{
    (void)state;
    struct imap_url url = parsed("imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=anonymous");
    assert_int_equal(url.access, IMAP_URL_ANONYMOUS);
    assert_slice(url.rump, "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=anonymous");
    assert_null(url.mechanism.p);
    assert_int_equal(parsed("imap://[::1]/x/;UID=1;URLAUTH=authuser").access, IMAP_URL_AUTHUSER);
    assert_slice(parsed("/x/;UID=1;URLAUTH=user+fred").access_user, "fred");
}

static void test_refuses_what_means_no_message(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "imap://example.com",
        "imap://example.com/",
        "imap:///INBOX/;UID=1",
        "imap://joe@/INBOX/;UID=1",
        "imap://@example.com/INBOX/;UID=1",
        "imap://joe;x@example.com/INBOX/;UID=1",
        "imap://a b/INBOX/;UID=1",
        "imaps://example.com/INBOX/;UID=1",
        "//example.com/INBOX/;UID=1",
        "/INBOX",
        "/INBOX;UIDVALIDITY=7",
        "/INBOX?SUBJECT%20x",
        "/INBOX/;UID=",
        "/INBOX/;UID=0",
        "/INBOX/;UID=4294967296",
        "/INBOX/;UID=*",
        "/INBOX/;UID=7x",
        "/INBOX/;UID=7/",
        "/INBOX/;UID=7;SECTION=1",
        "/INBOX/;UID=7/;SECTION=",
        "/INBOX/;UID=7/;SECTION=1/;PARTIAL=",
        "/INBOX/;UID=7/;PARTIAL=1.0",
        "/INBOX/;UID=7/;PARTIAL=1/;SECTION=1",
        "/INBOX;UIDVALIDITY=0/;UID=7",
        "/INBOX;UIDVALIDITY=7x/;UID=7",
        "/INBOX;X=7/;UID=7",
        "/;UID=7",
        "/a b/;UID=7",
        "/a\"b/;UID=7",
        "/a%/;UID=7",
        "/a%2/;UID=7",
        "/a%00/;UID=7",
        "/a%FF/;UID=7",
        "/a\xc3\xbc/;UID=7",
        "/INBOX/;UID=7;EXPIRE=2026-12-31T00:00:00Z",
        "/INBOX/;UID=7;EXPIRE=tomorrow;URLAUTH=authuser",
        "/INBOX/;UID=7;URLAUTH=",
        "/INBOX/;UID=7;URLAUTH=nobody",
        "/INBOX/;UID=7;URLAUTH=user+",
        "/INBOX/;UID=7;URLAUTH=authuser:INTERNAL",
        "/INBOX/;UID=7;URLAUTH=authuser::0123456789abcdef0123456789abcdef",
        "/INBOX/;UID=7;URLAUTH=authuser:X_Y:0123456789abcdef0123456789abcdef",
        "/INBOX/;UID=7;URLAUTH=authuser:INTERNAL:0123456789abcdef0123456789abcde",
        "/INBOX/;UID=7;URLAUTH=authuser:INTERNAL:0123456789abcdef0123456789abcdeg",
        "/INBOX/;UID=7;URLAUTH=authuser/;PARTIAL=1",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct imap_url url;
        arena_reset(&arena);
        if (imap_url_parse(slice_cstr(bad[i]), &arena, &url))
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_refuses_what_needs_too_much_memory(void **state)
{
    (void)state;
    struct arena small = ARENA(10);
    struct imap_url url;
    assert_false(imap_url_parse(S("/INBOX/;UID=7"), &small, &url));
    arena_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_message),
        cmocka_unit_test(test_reads_every_piece),
        cmocka_unit_test(test_reads_relative_ones),
        cmocka_unit_test(test_reads_what_is_not_authorized_yet),
        cmocka_unit_test(test_refuses_what_means_no_message),
        cmocka_unit_test(test_refuses_what_needs_too_much_memory),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failures;
}
