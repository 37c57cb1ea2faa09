#include "imap/search_match.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* One message in a store, and the searches it is put to. */
struct fixture {
    char directory[64];
    struct store *store;
    struct imap_session session;
    struct arena arena;
    struct message *message;
    struct error error;
};

static void must_ok(const struct fixture *fixture, enum err err)
{
    if (err != ERR_OK)
        fail_msg("%s: %s", err_name(err), fixture->error.detail);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->arena = ARENA(16 << 20);
    snprintf(f->directory, sizeof(f->directory), "/tmp/imap-search-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    must_ok(f, store_open(&(struct store_options){.directory = f->directory}, &f->store, &f->error));
    must_ok(f, store_account_create(f->store, (struct account_id){1}, &f->error));
    must_ok(f, store_account(f->store, (struct account_id){1}, &f->session.account, &f->error));
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    account_unref(f->session.account);
    store_close(f->store);
    nftw(f->directory, remove_entry, 10, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

/* The message that is searched from now on. */
static void put(struct fixture *f, struct slice text)
{
    struct folder inbox;
    struct append_result result;
    size_t count;
    must_ok(f, folder_find(f->session.account, S("INBOX"), &f->arena, &inbox, &f->error));
    struct append_item item = {
        .folder = inbox.id, .body = text, .internal_date_us = INT64_C(760000000) * CLOCK_SECOND};
    flag_set(&item.flags, FLAG_SEEN);
    must_ok(f, message_append(f->session.account, &item, 1, &result, &f->error));
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    uid_set_add(&uids, result.uid.v, result.uid.v);
    must_ok(f, message_list(f->session.account, inbox.id, &uids, WANT_FLAGS, 0, &f->arena, &f->message,
                            &count, &f->error));
    assert_int_equal(count, 1);
}

static bool finds(struct fixture *f, const char *program)
{
    struct imap_call call = {.session = &f->session, .reply = IMAP_REPLY, .arena = ARENA(16 << 20)};
    struct imap_parser p = {.text = cursor_of(slice_cstr(program)), .arena = &call.arena};
    struct imap_search search;
    struct imap_matcher matcher;
    bool matches = false;
    if (!imap_parse_search(&p, &search) || !cursor_done(&p.text))
        fail_msg("%s: %s", program, p.problem != NULL ? p.problem : "more than a search");
    assert_true(imap_search_prepare(&call, &search));
    imap_matcher_init(&matcher, &call, &search);
    must_ok(f, imap_matcher_test(&matcher, f->message, &matches, &f->error));
    imap_matcher_release(&matcher);
    imap_search_release(&search);
    arena_release(&call.arena);
    buf_release(&call.reply.code);
    return matches;
}

static void test_header_keys_look_at_decoded_fields(void **state)
{
    struct fixture *f = *state;
    put(f, S("From: =?iso-8859-1?Q?J=F6rg?= <joerg@example.org>\r\nSubject: a =?utf-8?B?w4Q=?=\r\n bc\r\n"
             "X-Empty:\r\nDate: Tue, 1 Feb 1994 23:30:00 -0800\r\n\r\nbody\r\n"));
    assert_true(finds(f, "FROM \"J\xc3\xb6RG <joe\""));
    assert_true(finds(f, "SUBJECT \"\xc3\xa4 BC\""));
    assert_false(finds(f, "SUBJECT body"));
    assert_true(finds(f, "HEADER x-empty \"\""));
    assert_false(finds(f, "HEADER x-none \"\""));
    assert_false(finds(f, "HEADER x-empty x"));
    assert_true(finds(f, "SENTON 1-Feb-1994"));
    assert_false(finds(f, "SENTON 2-Feb-1994"));
    assert_true(finds(f, "SENTBEFORE 2-Feb-1994 SENTSINCE 1-Feb-1994"));
}

static void test_text_finds_in_header_and_body_and_body_only_there(void **state)
{
    struct fixture *f = *state;
    put(f, S("Subject: alpha\r\n\r\nbeta\r\n"));
    assert_true(finds(f, "TEXT ALPHA") && finds(f, "TEXT Beta") && finds(f, "TEXT \"subject: al\""));
    assert_true(finds(f, "BODY bet"));
    assert_false(finds(f, "BODY alpha") || finds(f, "TEXT gamma"));
    assert_true(finds(f, "BODY \"\""));
}

static void test_bodies_are_decoded_and_html_is_text_too(void **state)
{
    struct fixture *f = *state;
    put(f, S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
             "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: "
             "quoted-printable\r\n\r\n"
             "Stra=\r\n=DFe\r\n--b\r\n"
             "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             "PHA+bmVlPGI+ZGxlPC9iPjwvcD4=\r\n--b\r\n"
             "Content-Type: application/octet-stream; name=secret.bin\r\n\r\nhidden\r\n--b--\r\n"));
    assert_true(finds(f, "BODY \"stra\xc3\x9f"
                         "e\""));
    assert_false(finds(f, "BODY STRASSE")); /* the titlecase of sharp s is sharp s */
    assert_true(finds(f, "FUZZY BODY STRASSE"));
    assert_true(finds(f, "BODY needle") && finds(f, "BODY <b>dle"));
    assert_true(finds(f, "BODY secret.bin"));
    assert_false(finds(f, "BODY hidden") || finds(f, "BODY PHA+"));
}

static void test_broken_bytes_do_not_hide_the_rest(void **state)
{
    struct fixture *f = *state;
    put(f, S("Content-Type: text/plain; charset=utf-8\r\n\r\nbefore \xff\xc3 after\r\n"));
    assert_true(finds(f, "BODY before") && finds(f, "BODY after"));
}

/* RFC 5255 4.6 (c) */
static void test_what_is_not_of_its_charset_is_compared_by_octets(void **state)
{
    struct fixture *f = *state;
    put(f, S("Subject: =?x-nope?q?Gr=FC=DFe?= =?koi8-r?q?=C1?=\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n\r\nbefore \xff\xc3 Stra\xc3\x9f"
             "e\r\n"));
    assert_true(finds(f, "BODY before") && finds(f, "BODY \"Stra\xc3\x9f"
                                                    "e\""));
    assert_false(finds(f, "BODY BEFORE") || finds(f, "TEXT Before"));
    assert_true(finds(f, "BODY {2+}\r\n\xff\xc3") && finds(f, "CHARSET ISO-8859-1 BODY {2+}\r\n\xff\xc3"));
    assert_true(finds(f, "SUBJECT {4+}\r\nGr\xfc\xdf") && finds(f, "CHARSET KOI8-R SUBJECT {2+}\r\n\xdf"
                                                                   "e"));
    assert_false(finds(f, "SUBJECT gr") || finds(f, "SUBJECT \"Gr\xc3\xbc\""));
    assert_true(finds(f, "SUBJECT {1+}\r\n\xc1")); /* one broken word makes octets of the whole */
    assert_true(finds(f, "FUZZY BODY BEFORE"));    /* is not exact anyway, and takes what it can read */
}

static void test_the_comparator_decides(void **state)
{
    struct fixture *f = *state;
    put(f, S("Subject: =?utf-8?q?=C3=84rger?=\r\n\r\n=?\r\n"));
    assert_true(finds(f, "SUBJECT \"\xc3\xa4RG\""));
    f->session.comparator.collation = 1; /* i;ascii-casemap */
    assert_true(finds(f, "SUBJECT \"\xc3\x84RG\"") && finds(f, "CHARSET ISO-8859-1 TEXT {3+}\r\n\xc4rg"));
    assert_false(finds(f, "SUBJECT \"\xc3\xa4RG\""));
    assert_true(finds(f, "FUZZY SUBJECT \"\xc3\xa4rger\""));
    f->session.comparator.collation = 0;
}

static void test_keys_combine(void **state)
{
    struct fixture *f = *state;
    put(f, S("Subject: alpha\r\n\r\nbeta\r\n"));
    assert_true(finds(f, "OR SUBJECT x BODY beta") && finds(f, "NOT OR SUBJECT x BODY y"));
    assert_true(finds(f, "SEEN (NOT FLAGGED OR BODY beta DRAFT)"));
    assert_false(finds(f, "NOT SUBJECT alpha") || finds(f, "SUBJECT alpha BODY x") || finds(f, "NOT ALL"));
    assert_true(finds(f, "NOT NOT TEXT beta"));
    assert_false(finds(f, "UNSEEN TEXT beta"));
}

static void test_rows_are_enough_for_dates_and_sizes(void **state)
{
    struct fixture *f = *state;
    put(f, S("Subject: x\r\n\r\n1234\r\n"));
    f->message->object.v = 0;                     /* the content can't be read */
    f->message->internal_date_us = -CLOCK_SECOND; /* a second before 1970 */
    assert_true(finds(f, "ON 31-Dec-1969") && finds(f, "BEFORE 1-Jan-1970") && finds(f, "SINCE 31-Dec-1969"));
    assert_true(finds(f, "LARGER 19") && finds(f, "SMALLER 21"));
    assert_false(finds(f, "LARGER 20") || finds(f, "SMALLER 20"));
    assert_true(finds(f, "OR SEEN BODY x") && finds(f, "OLDER 1"));
    assert_false(finds(f, "FLAGGED BODY x") || finds(f, "YOUNGER 1"));
}

int main(void)
{
#define MATCH_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        MATCH_TEST(test_header_keys_look_at_decoded_fields),
        MATCH_TEST(test_text_finds_in_header_and_body_and_body_only_there),
        MATCH_TEST(test_bodies_are_decoded_and_html_is_text_too),
        MATCH_TEST(test_broken_bytes_do_not_hide_the_rest),
        MATCH_TEST(test_what_is_not_of_its_charset_is_compared_by_octets),
        MATCH_TEST(test_the_comparator_decides),
        MATCH_TEST(test_keys_combine),
        MATCH_TEST(test_rows_are_enough_for_dates_and_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
