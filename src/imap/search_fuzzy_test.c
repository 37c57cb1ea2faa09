/* What FUZZY takes for a match, and its scores (RFC 6203 4). */
#include "imap/search_fuzzy.h"

#include "base/test.h"
#include "mime/fold.h"

static unsigned score_in(const char *query, const char *text, enum imap_fuzzy_place place)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    CLEANUP(buf_release) struct buf folded_query = BUF(1 << 16);
    CLEANUP(buf_release) struct buf folded_text = BUF(1 << 16);
    mime_fold_search(&folded_query, slice_cstr(query));
    mime_fold_search(&folded_text, slice_cstr(text));
    struct imap_fuzzy *fuzzy = imap_fuzzy_new(&arena, buf_slice(&folded_query));
    assert_non_null(fuzzy);
    imap_fuzzy_begin(fuzzy);
    imap_fuzzy_look(fuzzy, buf_slice(&folded_text), place);
    return imap_fuzzy_score(fuzzy);
}

static unsigned score(const char *query, const char *text)
{
    return score_in(query, text, IMAP_FUZZY_IN_SUBJECT);
}

static void test_finds_words_in_any_order_and_case(void **state)
{
    (void)state;
    assert_int_equal(score("World hello", "HELLO, big world!"), 100);
    assert_int_equal(score("hello moon", "Hello world"), 0);
}

static void test_passes_over_accents(void **state)
{
    (void)state;
    assert_int_equal(score("resume", "mon R\u00e9sum\u00e9"), 100);
    assert_int_equal(score("M\u00fcller", "muller"), 100);
}

static void test_takes_the_beginning_of_a_word(void **state)
{
    (void)state;
    assert_int_equal(score("work", "the workshop"), 60);
    assert_int_equal(score("shop", "the workshop"), 0);
}

static void test_forgives_one_letter_in_long_words(void **state)
{
    (void)state;
    assert_int_equal(score("Helo", "hello"), 10);
    assert_int_equal(score("hallo", "hello"), 10);
    assert_int_equal(score("helllo", "hello"), 10);
    assert_int_equal(score("hlelo", "hello"), 10);
    assert_int_equal(score("xello", "hello"), 10);
    assert_int_equal(score("hella", "hello"), 10);
    assert_int_equal(score("hxllx", "hello"), 0);
    assert_int_equal(score("wrok", "work"), 0);
    assert_int_equal(score("olleh", "hello"), 0);
}

static void test_finds_writing_without_spaces_anywhere(void **state)
{
    (void)state;
    assert_int_equal(score("\u4eac\u90fd", "\u6771\u4eac\u90fd\u5e81"), 60);
    assert_int_equal(score("\u4eac\u90fd", "\u6771\u4eac"), 0);
}

static void test_weighs_the_place(void **state)
{
    (void)state;
    assert_int_equal(imap_fuzzy_place_of(S("SUBJECT")), IMAP_FUZZY_IN_SUBJECT);
    assert_int_equal(imap_fuzzy_place_of(S("reply-to")), IMAP_FUZZY_IN_ADDRESS);
    assert_int_equal(imap_fuzzy_place_of(S("X-Other")), IMAP_FUZZY_IN_FIELD);
    assert_int_equal(score_in("hello", "hello", IMAP_FUZZY_IN_ADDRESS), 90);
    assert_int_equal(score_in("hello", "hello", IMAP_FUZZY_IN_BODY), 40);
    assert_int_equal(score_in("hallo", "hello", IMAP_FUZZY_IN_BODY), 4);
}

static void test_bounds_words_and_letters(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    CLEANUP(buf_release) struct buf words = BUF(1 << 16);
    CLEANUP(buf_release) struct buf letters = BUF(1 << 16);
    (void)state;
    for (int i = 0; i < IMAP_FUZZY_WORDS_MAX; i++)
        buf_put(&words, S("word "));
    assert_non_null(imap_fuzzy_new(&arena, buf_slice(&words)));
    buf_put(&words, S("more"));
    assert_null(imap_fuzzy_new(&arena, buf_slice(&words)));
    for (int i = 0; i <= IMAP_FUZZY_LETTERS_MAX; i++)
        buf_putc(&letters, 'x');
    assert_int_equal(score(buf_cstr(&letters), buf_cstr(&letters)), 100);
    assert_int_equal(score("", "text"), 0);
    assert_int_equal(score("!", "!"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_words_in_any_order_and_case),
        cmocka_unit_test(test_passes_over_accents),
        cmocka_unit_test(test_takes_the_beginning_of_a_word),
        cmocka_unit_test(test_forgives_one_letter_in_long_words),
        cmocka_unit_test(test_finds_writing_without_spaces_anywhere),
        cmocka_unit_test(test_weighs_the_place),
        cmocka_unit_test(test_bounds_words_and_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
