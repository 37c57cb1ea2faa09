#include "mime/testing.h"

#include "mime/encoded_word.h"

static void assert_decoded(const char *raw, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(10000);
    mime_words_decode(&out, slice_cstr(raw));
    assert_buf(&out, wanted);
}

static void test_decodes_words(void **state)
{
    (void)state;
    assert_decoded("plain", "plain");
    assert_decoded("=?ISO-8859-1?Q?Gr=FC=DFe_an?= alle", "Gr\xc3\xbc\xc3\x9f"
                                                         "e an alle");
    assert_decoded("=?utf-8?B?w7w=?=", "\xc3\xbc");
    assert_decoded("=?utf-8*de?q?x?=", "x");
    assert_decoded("a =?utf-8?q?b?= c", "a b c");
    assert_decoded("(=?utf-8?q?b?=)", "(b)");
    assert_decoded("=?utf-8?q?"
                   "?=",
                   "");
}

/* RFC 2047 6.2 */
static void test_joins_adjacent_words(void **state)
{
    (void)state;
    assert_decoded("=?utf-8?q?a?= =?utf-8?q?b?=", "ab");
    assert_decoded("=?utf-8?q?a?=\r\n  =?iso-8859-1?q?=FC?=", "a\xc3\xbc");
    assert_decoded("=?utf-8?q?=C3?= =?UTF-8?b?vA==?=", "\xc3\xbc");
    assert_decoded("=?utf-8?q?a?==?utf-8?q?b?=", "ab");
    assert_decoded("=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b");
}

static void test_reads_bad_words(void **state)
{
    (void)state;
    assert_decoded("=?utf-8?q?has blanks?=", "has blanks");
    assert_decoded("=?utf-8?b?w7w?=", "\xc3\xbc");
    assert_decoded("=?utf-8?q?open", "=?utf-8?q?open");
    assert_decoded("=?utf-8?x?a?=", "=?utf-8?x?a?=");
    assert_decoded("=??q?a?=", "=??q?a?=");
    assert_decoded("=?", "=?");
    assert_decoded("=?nonsense?q?=FC?=", "\xc3\xbc");
    assert_decoded("=?utf-8?q?=FC=Z?=", "\xef\xbf\xbd=Z");
    assert_decoded("8-bit \xfc", "8-bit \xc3\xbc");
    assert_decoded("8-bit \xc3\xbc", "8-bit \xc3\xbc");
}

static void test_result_is_one_clean_line(void **state)
{
    (void)state;
    assert_decoded("a\r\n b\r\n", "a b");
    assert_decoded("=?utf-8?q?a=0D=0ABcc:_x=00?=", "a  Bcc: x");
    assert_decoded(" \t ", "");
}

static void test_hostile_text_takes_linear_time(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(2 << 20);
    CLEANUP(buf_release) struct buf out = BUF(8 << 20);
    while (text.n < 1000000)
        buf_put(&text, S("=?a?q?x"));
    mime_words_decode(&out, buf_slice(&text));
    assert_false(buf_failed(&out));
}

static void assert_encoded(const char *utf8, bool phrase, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(10000);
    CLEANUP(buf_release) struct buf back = BUF(10000);
    mime_words_encode(&out, slice_cstr(utf8), phrase);
    if (!phrase) {
        mime_words_decode(&back, buf_slice(&out));
        assert_buf(&back, utf8);
    }
    assert_buf(&out, wanted);
}

static void test_encodes(void **state)
{
    (void)state;
    assert_encoded("plain text", false, "plain text");
    assert_encoded("a, b", true, "\"a, b\"");
    assert_encoded("J. \"X\" Doe", true, "\"J. \\\"X\\\" Doe\"");
    assert_encoded("John Doe", true, "John Doe");
    assert_encoded("Gr\xc3\xbc\xc3\x9f", false, "=?utf-8?b?R3LDvMOf?=");
    assert_encoded("Gr\xc3\xbc an alle Leute", false, "=?utf-8?q?Gr=C3=BC_an_alle_Leute?=");
    assert_encoded("=?x", false, "=?utf-8?b?PT94?=");
}

static void test_encoded_words_are_short(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(10000);
    CLEANUP(buf_release) struct buf out = BUF(10000);
    CLEANUP(buf_release) struct buf back = BUF(10000);
    for (int i = 0; i < 200; i++)
        buf_put(&text, i % 3 == 0 ? S("\xe2\x82\xac") : S("ab"));
    mime_words_encode(&out, buf_slice(&text), false);
    struct slice rest = buf_slice(&out);
    while (rest.n > 0) {
        struct slice word;
        (void)slice_cut(rest, ' ', &word, &rest);
        assert_true(word.n <= 64);
    }
    mime_words_decode(&back, buf_slice(&out));
    assert_true(slice_eq(buf_slice(&back), buf_slice(&text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_words),
        cmocka_unit_test(test_joins_adjacent_words),
        cmocka_unit_test(test_reads_bad_words),
        cmocka_unit_test(test_result_is_one_clean_line),
        cmocka_unit_test(test_hostile_text_takes_linear_time),
        cmocka_unit_test(test_encodes),
        cmocka_unit_test(test_encoded_words_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
