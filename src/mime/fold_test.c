#include "mime/fold.h"

#include "base/test.h"
#include "base/utf8.h"

static void assert_folds(const char *text, const char *search, const char *sort)
{
    CLEANUP(buf_release) struct buf out = BUF(4096);
    mime_fold_search(&out, slice_cstr(text));
    assert_string_equal(buf_cstr(&out), search);
    buf_clear(&out);
    mime_fold_sort(&out, slice_cstr(text));
    assert_string_equal(buf_cstr(&out), sort);
}

static void test_folding_is_that_of_unicode_casemap(void **state)
{
    (void)state;
    assert_folds("Hello_World 12", "hello_world 12", "HELLO_WORLD 12");
    assert_folds("a\xc3\xa4z", "aa\xcc\x88z", "AA\xcc\x88Z");
    assert_folds("\xef\xac\x81", "fi", "fi"); /* a ligature has no titlecase of its own */
    assert_folds("\xc4\xb1x", "ix", "IX");    /* dotless i */
    assert_folds("\xe2\x84\xaa", "k", "K");   /* the Kelvin sign */
    assert_folds("\xff", "\xef\xbf\xbd", "\xef\xbf\xbd");
    assert_folds("", "", "");
}

static void test_long_runs_fold_like_short_ones(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    CLEANUP(buf_release) struct buf wanted = BUF(1 << 20);
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    for (int i = 0; i < 1000; i++) {
        buf_put(&text, S("\xd0\x96"));
        buf_put(&wanted, S("\xd0\xb6"));
    }
    mime_fold_search(&out, buf_slice(&text));
    assert_true(slice_eq(buf_slice(&out), buf_slice(&wanted)));
}

static void test_runs_fold_in_a_text_as_they_do_alone(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    CLEANUP(buf_release) struct buf wanted = BUF(1 << 20);
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    for (int again = 0; again < 2; again++) {
        for (uint32_t point = 0x80; point < 0x2000; point++) {
            CLEANUP(buf_release) struct buf run = BUF(16);
            utf8_put(&run, point);
            utf8_put(&run, 0x300 + point % 0x40);
            mime_fold_sort(&wanted, buf_slice(&run));
            buf_put(&run, S("X"));
            buf_putc(&wanted, 'X');
            buf_put(&text, buf_slice(&run));
        }
    }
    assert_false(buf_failed(&text) || buf_failed(&wanted));
    mime_fold_sort(&out, buf_slice(&text));
    assert_true(slice_eq(buf_slice(&out), buf_slice(&wanted)));
}

/* Eight bytes are turned at once: each byte, at each place, must come out as it does alone. */
static void test_every_ascii_byte_folds_at_every_place(void **state)
{
    (void)state;
    for (int byte = 0; byte < 0x80; byte++) {
        for (size_t n = 1; n < 20; n++) {
            char text[20];
            memset(text, byte, sizeof(text));
            CLEANUP(buf_release) struct buf out = BUF(64);
            mime_fold_search(&out, slice_of(text, n));
            mime_fold_sort(&out, slice_of(text, n));
            assert_int_equal(out.n, 2 * n);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(out.p[i], ascii_lower((char)byte));
                assert_int_equal(out.p[n + i], ascii_upper((char)byte));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folding_is_that_of_unicode_casemap),
        cmocka_unit_test(test_long_runs_fold_like_short_ones),
        cmocka_unit_test(test_runs_fold_in_a_text_as_they_do_alone),
        cmocka_unit_test(test_every_ascii_byte_folds_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
