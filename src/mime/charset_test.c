#include "mime/testing.h"

#include "base/utf8.h"
#include "mime/charset.h"

static void assert_utf8(const char *charset, const char *in, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(10000);
    CLEANUP(buf_release) struct buf pieces = BUF(10000);
    CLEANUP(mime_charset_release) struct mime_charset stream;
    mime_charset_to_utf8(&out, slice_cstr(charset), slice_cstr(in));
    assert_buf(&out, wanted);
    mime_charset_open(&stream, slice_cstr(charset));
    if (stream.way == MIME_CHARSET_GUESS)
        return;
    for (const char *p = in; *p != 0; p++)
        mime_charset_feed(&stream, &pieces, slice_of(p, 1));
    mime_charset_finish(&stream, &pieces);
    assert_buf(&pieces, wanted);
}

static void test_converts_known_charsets(void **state)
{
    (void)state;
    assert_utf8("utf-8", "Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f");
    assert_utf8("ISO-8859-1", "Gr\xfc\xdf", "Gr\xc3\xbc\xc3\x9f");
    assert_utf8("\"latin1\"", "\x80", "\xe2\x82\xac");
    assert_utf8("windows-1252", "\x81", "\xef\xbf\xbd");
    assert_utf8("iso-8859-15", "\xa4", "\xe2\x82\xac");
    assert_utf8("koi8-r", "\xc1", "\xd0\xb0");
    assert_utf8("gb2312", "\xc4\xe3", "\xe4\xbd\xa0");
    assert_utf8("Shift_JIS", "\x82\xa0", "\xe3\x81\x82");
    assert_utf8("iso-2022-jp", "\x1b$B$\"\x1b(B.", "\xe3\x81\x82.");
    assert_utf8("ks_c_5601-1987", "\xb0\xa1", "\xea\xb0\x80");
}

static void test_repairs_bad_bytes(void **state)
{
    (void)state;
    assert_utf8("utf-8", "a\xff z", "a\xef\xbf\xbd z");
    assert_utf8("utf-8", "a\xe2\x82", "a\xef\xbf\xbd");
    assert_utf8("gb2312", "\xc4", "\xef\xbf\xbd");
    assert_utf8("euc-jp", "a\xff z", "a\xef\xbf\xbd z");
}

static void test_guesses_unknown_charsets(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "x-nonsense",
                                        "us-ascii",
                                        "unknown-8bit",
                                        "utf-8//TRANSLIT",
                                        "0123456789012345678901234567890123456789x"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_utf8(names[i], "\xc3\xbc", "\xc3\xbc");
        assert_utf8(names[i], "\xfc\xc3\xbc", "\xc3\xbc\xc3\x83\xc2\xbc");
    }
    CLEANUP(buf_release) struct buf out = BUF(100);
    CLEANUP(mime_charset_release) struct mime_charset stream;
    mime_charset_open(&stream, S(""));
    mime_charset_feed(&stream, &out, S("\xc3"));
    mime_charset_feed(&stream, &out, S("\xbc\xfc"));
    mime_charset_finish(&stream, &out);
    assert_true(utf8_valid(buf_slice(&out)));
}

static void test_knows_names(void **state)
{
    (void)state;
    assert_true(mime_charset_known(S("utf-8")));
    assert_true(mime_charset_known(S("US-ASCII")));
    assert_true(mime_charset_known(S("iso-8859-5")));
    assert_false(mime_charset_known(S("x-nonsense")));
    assert_false(mime_charset_known(S("")));
    assert_false(mime_charset_known(S("utf-16//IGNORE")));
    assert_false(mime_charset_known(S("../../tmp/x")));
}

static void test_output_is_capped(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(10);
    mime_charset_to_utf8(&out, S("koi8-r"), S("aaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    assert_true(buf_failed(&out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converts_known_charsets),  cmocka_unit_test(test_repairs_bad_bytes),
        cmocka_unit_test(test_guesses_unknown_charsets), cmocka_unit_test(test_knows_names),
        cmocka_unit_test(test_output_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
