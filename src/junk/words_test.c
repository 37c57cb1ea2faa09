#include "junk/words.h"

#include "base/buf.h"
#include "base/test.h"
#include "junk/tokens.h"

static void gather(void *context, struct slice kind, struct slice word)
{
    struct buf *out = context;
    if (out->n > 0)
        buf_putc(out, ' ');
    buf_put(out, kind);
    buf_put(out, word);
}

static void expect_words(struct slice text, const char *words)
{
    CLEANUP(buf_release) struct buf out = BUF(64 * 1024);
    junk_words(text, S(""), gather, &out);
    assert_string_equal(buf_cstr(&out), words);
}

static void expect_hosts(struct slice text, const char *hosts)
{
    CLEANUP(buf_release) struct buf out = BUF(64 * 1024);
    junk_hosts(text, gather, &out);
    assert_string_equal(buf_cstr(&out), hosts);
}

static void test_words_are_letters_with_digits(void **state)
{
    (void)state;
    expect_words(S("buy now, v1agra for $99! (100% free)"), "buy now v1agra for $99 100% free");
    expect_words(S("a an 2026 12345"), "");
    expect_words(S("stra\xc3\x9f"
                   "e \xc3\xbc"
                   "ber"),
                 "stra\xc3\x9f"
                 "e \xc3\xbc"
                 "ber");
}

static void test_languages_without_spaces_give_pairs(void **state)
{
    (void)state;
    expect_words(S("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"),
                 "\xe6\x97\xa5\xe6\x9c\xac \xe6\x9c\xac\xe8\xaa\x9e");
    expect_words(S("\xe6\x97\xa5 \xe6\x9c\xac"), ""); /* pairs don't reach over a gap */
    expect_words(S("\xe0\xb8\x81\xe0\xb8\x82"), "\xe0\xb8\x81\xe0\xb8\x82");
}

static void test_bytes_that_are_no_utf8_end_a_word(void **state)
{
    (void)state;
    expect_words(S("casino\xff"
                   "poker\xc3"),
                 "casino poker");
}

static void test_a_word_over_the_limit_is_none(void **state)
{
    (void)state;
    char text[JUNK_WORD_MAX + 1];
    memset(text, 'x', sizeof(text));
    CLEANUP(buf_release) struct buf out = BUF(1024);
    junk_words(slice_of(text, JUNK_WORD_MAX), S(""), gather, &out);
    assert_int_equal(out.n, JUNK_WORD_MAX);
    buf_clear(&out);
    junk_words(slice_of(text, JUNK_WORD_MAX + 1), S(""), gather, &out);
    assert_int_equal(out.n, 0);
}

static void test_links_give_their_hosts(void **state)
{
    (void)state;
    expect_hosts(S("see https://shop.pills.example/buy?x=1 now"),
                 "host:shop.pills.example host:pills.example");
    expect_hosts(S("www.pills.example. and //no"), "host:www.pills.example host:pills.example");
    expect_hosts(S("<a href=\"http://192.0.2.1:8080/\">"), "host:192.0.2.1 host:0.2.1 host:2.1");
    expect_hosts(S("http://"), "");
    expect_hosts(S("http://localhost/"), "");
}

static void test_a_name_before_the_host_does_not_hide_it(void **state)
{
    (void)state;
    expect_hosts(S("https://www.bank.example@evil.example/"), "host:evil.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_letters_with_digits),
        cmocka_unit_test(test_languages_without_spaces_give_pairs),
        cmocka_unit_test(test_bytes_that_are_no_utf8_end_a_word),
        cmocka_unit_test(test_a_word_over_the_limit_is_none),
        cmocka_unit_test(test_links_give_their_hosts),
        cmocka_unit_test(test_a_name_before_the_host_does_not_hide_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
