/* Capabilities that are switched off. */
#include "imap/capability.h"
#include "imap/words.h"

#include "rt/settings.h"

#include "base/test.h"

static void assert_said_with(const struct settings *settings, bool logged_in, const char *off,
                             const char *with, const char *without)
{
    CLEANUP(buf_release) struct buf out = BUF(4096);
    buf_putc(&out, ' ');
    imap_put_capabilities(&out, logged_in, slice_cstr(off), settings);
    buf_putc(&out, ' ');
    assert_true(slice_find(buf_slice(&out), slice_cstr(with)) >= 0);
    assert_true(slice_find(buf_slice(&out), slice_cstr(without)) < 0);
}

static void assert_said(bool logged_in, const char *off, const char *with, const char *without)
{
    const struct settings settings = {0};
    assert_said_with(&settings, logged_in, off, with, without);
}

static void test_says_what_is_not_off(void **state)
{
    (void)state;
    assert_said(true, "", " QRESYNC ", " SASL-IR ");
    assert_said(false, "", " SASL-IR ", " QRESYNC ");
    assert_said(true, "IDLE MOVE", " QRESYNC ", " MOVE ");
    assert_said(true, "IDLE MOVE", " QRESYNC ", " IDLE ");
    assert_said(false, "SASL-IR", " IMAP4rev1 ", " SASL-IR ");
}

static void test_what_needs_another_goes_with_it(void **state)
{
    (void)state;
    assert_said(true, "CONDSTORE", " ESEARCH ", " QRESYNC ");
    assert_said(true, "ENABLE", " CONDSTORE ", " QRESYNC ");
    assert_said(true, "SORT", " ESEARCH ", " ESORT ");
    assert_said(true, "QRESYNC", " CONDSTORE ", " QRESYNC ");
}

static void test_literal_minus_takes_the_place_of_plus(void **state)
{
    (void)state;
    assert_said(true, "", " LITERAL+ ", " LITERAL- ");
    assert_said(true, "LITERAL-", " LITERAL+ ", " LITERAL- ");
    assert_said(true, "LITERAL+", " LITERAL- ", " LITERAL+ ");
    assert_said(true, "LITERAL+ LITERAL-", " IDLE ", " LITERAL");
    assert_true(imap_literal_plus_max(slice_none()) == UINT64_MAX);
    assert_true(imap_literal_plus_max(S("LITERAL+")) == 4096);
    assert_true(imap_literal_plus_max(S("LITERAL+ LITERAL-")) == 0);
}

static void test_a_limit_is_said_with_its_number_where_there_is_one(void **state)
{
    (void)state;
    const struct settings messages = {.imap_message_limit = 2000};
    const struct settings saving = {.imap_save_limit = 1000};
    assert_said(true, "", " IDLE ", "LIMIT=");
    assert_said_with(&messages, true, "", " MESSAGELIMIT=2000 ", " SAVELIMIT");
    assert_said_with(&messages, false, "", " IDLE ", "MESSAGELIMIT");
    assert_said_with(&messages, true, "MESSAGELIMIT", " IDLE ", "MESSAGELIMIT");
    assert_said_with(&saving, true, "", " SAVELIMIT=1000 ", " MESSAGELIMIT");
    assert_said_with(&saving, true, "SAVELIMIT", " IDLE ", " SAVELIMIT");
}

/* What a client of that name and version does not get, with one line for that pattern. */
static void assert_off_for(const char *pattern, const char *name, const char *version, bool wanted)
{
    CLEANUP(buf_release) struct buf off = BUF(100);
    struct settings settings = {.imap_clients = {{pattern, "IDLE"}}, .imap_client_count = 1};
    buf_put(&off, S("MOVE"));
    assert_int_equal(imap_add_off_for(&off, &settings, slice_cstr(name), slice_cstr(version)), wanted);
    assert_true(slice_eq(buf_slice(&off), wanted ? S("MOVE IDLE") : S("MOVE")));
}

static void test_a_client_is_known_by_name_or_name_and_version(void **state)
{
    (void)state;
    assert_off_for("Some Mail", "some mail", "2.1", true);
    assert_off_for("Some Mail", "Some Mail 2", "", false);
    assert_off_for("Some Mail 2.*", "Some Mail", "2.1", true);
    assert_off_for("Some Mail 2.*", "Some Mail", "12.1", false);
    assert_off_for("*mail*1", "Some Mail", "2.1", true);
    assert_off_for("*mail*1", "Some Mail", "2.10", false);
    assert_off_for("a*a*b", "aab", "", true);
    assert_off_for("a*a*b", "ab", "", false);
    assert_off_for("*", "x", "", true);
    assert_off_for("*", "", "", false); /* who says nothing is no client of any name */
    assert_off_for("?", "x", "", false);
}

static void test_clients_lines_add_up_and_say_each_once(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf off = BUF(100);
    struct settings settings = {.imap_clients = {{"a", "IDLE"}, {"b", "SORT"}, {"*", "MOVE IDLE"}},
                                .imap_client_count = 3};
    assert_true(imap_add_off_for(&off, &settings, S("a"), slice_none()));
    assert_true(slice_eq(buf_slice(&off), S("IDLE MOVE")));
    assert_false(imap_add_off_for(&off, &settings, S("a"), S("1")));
}

static bool is_capability(struct slice name)
{
    static const char *const names[] = {
#define X(text, before, after) text,
        IMAP_CAPABILITY_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq(name, slice_cstr(names[i])))
            return true;
    return false;
}

static void test_words_and_needs_name_capabilities_there_are(void **state)
{
    (void)state;
    static const char *const owners[] = {
#define X(place, word, owner) owner,
        IMAP_WORD_TABLE(X)
#undef X
#define X(name, needed) name, needed,
            IMAP_NEED_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(owners); i++)
        if (!is_capability(slice_cstr(owners[i])))
            assert_true(false);
}

static void test_words_go_with_their_capability(void **state)
{
    (void)state;
    assert_true(imap_word_known(slice_none(), IMAP_WORD_VERB, S("MOVE")));
    assert_true(imap_word_known(S("IDLE"), IMAP_WORD_VERB, S("MOVE")));
    assert_false(imap_word_known(S("IDLE MOVE"), IMAP_WORD_VERB, S("move")));
    assert_true(imap_word_known(S("MOVE"), IMAP_WORD_FETCH, S("MOVE")));
    assert_false(imap_word_known(S("CONDSTORE"), IMAP_WORD_FETCH_MODIFIER, S("VANISHED")));
    assert_true(imap_word_known(S("SPECIAL-USE"), IMAP_WORD_LIST_OPTION, S("CHILDREN")));
    assert_false(imap_word_known(S("SPECIAL-USE"), IMAP_WORD_LIST_OPTION, S("SPECIAL-USE")));
    assert_true(imap_word_known(S("LIST-EXTENDED"), IMAP_WORD_LIST_OPTION, S("SPECIAL-USE")));
    assert_false(imap_word_known(S("LIST-EXTENDED"), IMAP_WORD_LIST_OPTION, S("CHILDREN")));
    assert_false(imap_word_known(S("ESEARCH"), IMAP_WORD_SEARCH_OPTION, S("RETURN")));
    assert_true(imap_word_known(S("ESEARCH"), IMAP_WORD_SORT_OPTION, S("RETURN")));
    assert_false(imap_word_known(S("URLAUTH"), IMAP_WORD_VERB, S("URLFETCH")));
    assert_false(imap_word_known(S("URLAUTH"), IMAP_WORD_URLFETCH, S("(")));
    assert_true(imap_word_known(S("URLAUTH=BINARY"), IMAP_WORD_VERB, S("URLFETCH")));
    assert_false(imap_word_known(S("URLAUTH=BINARY"), IMAP_WORD_URLFETCH, S("(")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_is_not_off),
        cmocka_unit_test(test_what_needs_another_goes_with_it),
        cmocka_unit_test(test_literal_minus_takes_the_place_of_plus),
        cmocka_unit_test(test_a_limit_is_said_with_its_number_where_there_is_one),
        cmocka_unit_test(test_a_client_is_known_by_name_or_name_and_version),
        cmocka_unit_test(test_clients_lines_add_up_and_say_each_once),
        cmocka_unit_test(test_words_and_needs_name_capabilities_there_are),
        cmocka_unit_test(test_words_go_with_their_capability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
