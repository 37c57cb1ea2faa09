#include "mime/fold.h"

#include "base/test.h"
#include "base/utf8.h"

static void assert_folds(const char *text, const char *wide, const char *casemap)
{
    CLEANUP(buf_release) struct buf out = BUF(4096);
    mime_fold_search(&out, slice_cstr(text));
    assert_string_equal(buf_cstr(&out), wide);
    buf_clear(&out);
    mime_fold_sort(&out, slice_cstr(text));
    assert_string_equal(buf_cstr(&out), casemap);
}

static void test_folding_is_that_of_unicode_casemap(void **state)
{
    (void)state;
    assert_folds("Hello_World 12", "hello_world 12", "HELLO_WORLD 12");
    assert_folds("a\xc3\xa4z", "aa\xcc\x88z", "AA\xcc\x88Z");
    assert_folds("\xef\xac\x81", "fi", "fi");     /* a ligature has no titlecase of its own */
    assert_folds("\xc4\xb1x", "\xc4\xb1x", "IX"); /* dotless i */
    assert_folds("\xe2\x84\xaa", "k", "K");       /* the Kelvin sign */
    assert_folds("\xff", "\xef\xbf\xbd", "\xef\xbf\xbd");
    assert_folds("", "", "");
    assert_folds("\xc3\x9f", "ss", "\xc3\x9f");           /* sharp s has no titlecase in UnicodeData */
    assert_folds("\xe1\xba\x9e", "ss", "\xe1\xba\x9e");   /* nor has the capital one a lower case there */
    assert_folds("\xc7\x84", "dz\xcc\x8c", "Dz\xcc\x8c"); /* the example of RFC 5051 2: U+01C4 */
    assert_folds("\xcd\x85", "\xce\xb9", "\xce\x99");     /* U+0345 */
    assert_folds("\xcf\x82", "\xcf\x83", "\xce\xa3");     /* final sigma */
    assert_folds("e\xcc\x81\xcc\xa3", "e\xcc\xa3\xcc\x81", "E\xcc\x81\xcc\xa3"); /* not reordered */
}

static void test_ascii_casemap_leaves_other_letters(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100);
    mime_fold_ascii(&out, S("aZ{`\xc3\xa4\xff"));
    assert_string_equal(buf_cstr(&out), "AZ{`\xc3\xa4\xff");
}

/* On this stands that the index rules out nothing that a comparator finds. */
static void test_the_key_of_a_part_is_a_part_of_the_key(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int round = 0; round < 20000; round++) {
        struct buf parts[3] = {BUF(1000), BUF(1000), BUF(1000)};
        CLEANUP(buf_release) struct buf whole = BUF(3000);
        CLEANUP(buf_release) struct buf joined = BUF(9000);
        CLEANUP(buf_release) struct buf key = BUF(9000);
        CLEANUP(buf_release) struct buf upper = BUF(3000);
        for (int part = 0; part < 3; part++) {
            for (int i = 0; i < 4; i++) {
                static const uint32_t ranges[] = {0x20, 0x300, 0x340, 0xc0, 0x1f80, 0xac00, 0xfb00, 0x1d400};
                random = random * 1103515245 + 12345;
                utf8_put(&parts[part], ranges[(random >> 16) % 8] + (random >> 20) % 0x60);
            }
            buf_put(&whole, buf_slice(&parts[part]));
            mime_fold_sort(&joined, buf_slice(&parts[part]));
        }
        mime_fold_sort(&key, buf_slice(&whole));
        assert_true(slice_eq(buf_slice(&key), buf_slice(&joined)));
        /* And what i;ascii-casemap finds equal, it finds equal. */
        mime_fold_ascii(&upper, buf_slice(&whole));
        buf_clear(&key);
        mime_fold_sort(&key, buf_slice(&upper));
        assert_true(slice_eq(buf_slice(&key), buf_slice(&joined)));
        for (int part = 0; part < 3; part++)
            buf_release(&parts[part]);
    }
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
    buf_clear(&wanted);
    buf_clear(&out);
    mime_fold_sort(&wanted, buf_slice(&text));
    mime_fold_sort(&out, buf_slice(&wanted));
    assert_true(slice_eq(buf_slice(&wanted), buf_slice(&text)) &&
                slice_eq(buf_slice(&out), buf_slice(&text)));
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
        cmocka_unit_test(test_ascii_casemap_leaves_other_letters),
        cmocka_unit_test(test_the_key_of_a_part_is_a_part_of_the_key),
        cmocka_unit_test(test_long_runs_fold_like_short_ones),
        cmocka_unit_test(test_runs_fold_in_a_text_as_they_do_alone),
        cmocka_unit_test(test_every_ascii_byte_folds_at_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
