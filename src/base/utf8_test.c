#include "base/test.h"
#include "base/utf8.h"

static void test_every_code_point_returns(void **state UNUSED)
{
    for (uint32_t v = 0; v <= 0x10ffff; v++) {
        CLEANUP(buf_release) struct buf b = BUF(4);
        if (v >= 0xd800 && v <= 0xdfff)
            continue;
        utf8_put(&b, v);
        struct cursor c = cursor_of(buf_slice(&b));
        assert_int_equal(utf8_next(&c), (int32_t)v);
        assert_true(cursor_done(&c));
    }
}

static void test_rejects_what_rfc3629_forbids(void **state UNUSED)
{
    static const char *const wrong[] = {
        "\x80",             /* a continuation alone */
        "\xc3",             /* cut */
        "\xe2\x82",         /* cut */
        "\xf0\x9f\x98",     /* cut */
        "\xc0\x80",         /* overlong */
        "\xc1\xbf",         /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* above U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xc3(",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(utf8_valid(slice_cstr(wrong[i])));
    assert_true(utf8_valid(S("Gr\xc3\xbc\xc3\x9f"
                             "e \xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80")));
    assert_true(utf8_valid(S("\0")));
    assert_true(utf8_valid(slice_none()));
}

static void test_bad_byte_passes_one_byte(void **state UNUSED)
{
    struct cursor c = cursor_of(S("\xe2\x82x"));
    assert_int_equal(utf8_next(&c), -1);
    assert_int_equal(cursor_left(&c), 2);
    assert_int_equal(utf8_next(&c), -1);
    assert_int_equal(utf8_next(&c), 'x');
    assert_true(cursor_done(&c));
}

static void test_put_never_makes_invalid_text(void **state UNUSED)
{
    static const uint32_t wrong[] = {0xd800, 0xdfff, 0x110000, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CLEANUP(buf_release) struct buf b = BUF(10);
        utf8_put(&b, wrong[i]);
        assert_true(slice_eq(buf_slice(&b), S("\xef\xbf\xbd")));
    }
}

static void test_cut_leaves_sequences_whole(void **state UNUSED)
{
    struct slice s = S("a\xe2\x82\xac\xf0\x9f\x98\x80"); /* 1 + 3 + 4 bytes */
    static const size_t wanted[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8};
    for (size_t n = 0; n < ARRAY_LEN(wanted); n++)
        assert_int_equal(utf8_cut(s, n).n, wanted[n]);
}

static void test_cut_of_rubbish_still_advances(void **state UNUSED)
{
    /* Whoever cuts a text into pieces must not get an empty one for ever. */
    assert_int_equal(utf8_cut(S("\x80\x80\x80\x80\x80\x80\x80\x80"), 6).n, 6);
}

static void test_repair_replaces_bad_bytes(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(100);
    utf8_put_repaired(&b, S("a\xff\xc3\xbc\xe2\x82"));
    assert_true(slice_eq(buf_slice(&b), S("a\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point_returns),
        cmocka_unit_test(test_rejects_what_rfc3629_forbids),
        cmocka_unit_test(test_bad_byte_passes_one_byte),
        cmocka_unit_test(test_put_never_makes_invalid_text),
        cmocka_unit_test(test_cut_leaves_sequences_whole),
        cmocka_unit_test(test_cut_of_rubbish_still_advances),
        cmocka_unit_test(test_repair_replaces_bad_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
