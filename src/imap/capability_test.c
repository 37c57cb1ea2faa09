/* Capabilities that are switched off. */
#include "imap/capability.h"
#include "imap/words.h"

#include "base/test.h"

static void assert_said(bool logged_in, const char *off, const char *with, const char *without)
{
    CLEANUP(buf_release) struct buf out = BUF(4096);
    buf_putc(&out, ' ');
    imap_put_capabilities(&out, logged_in, slice_cstr(off));
    buf_putc(&out, ' ');
    if (slice_find(buf_slice(&out), slice_cstr(with)) < 0)
        fail_msg("not said: %s", with);
    if (slice_find(buf_slice(&out), slice_cstr(without)) >= 0)
        fail_msg("said: %s", without);
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
            fail_msg("no such capability: %s", owners[i]);
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
        cmocka_unit_test(test_words_and_needs_name_capabilities_there_are),
        cmocka_unit_test(test_words_go_with_their_capability),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
