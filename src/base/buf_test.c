#include "base/buf.h"
#include "base/test.h"

enum { LIMIT = 600 }; /* above buf_vprintf's own text, so that its second way is taken */

static void assert_holds(const struct buf *b, struct slice wanted)
{
    assert_true(slice_eq(buf_slice(b), wanted));
}

static void test_grows_by_what_is_put(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(1000);
    buf_put(&b, S("ab"));
    buf_putc(&b, 'c');
    buf_put_u64(&b, 0);
    buf_put_u64(&b, UINT64_MAX);
    buf_printf(&b, " %s %d", "x", -1);
    buf_put(&b, slice_none());
    assert_false(buf_failed(&b));
    assert_holds(&b, S("abc018446744073709551615 x -1"));
}

static void test_takes_the_limit_and_no_byte_more(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(4);
    buf_put(&b, S("abcd"));
    assert_false(buf_failed(&b));
    buf_putc(&b, 'e');
    assert_true(buf_failed(&b));
    assert_holds(&b, S("abcd"));
}

static void test_failure_is_sticky_and_changes_nothing(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(4);
    buf_put(&b, S("ab"));
    buf_put(&b, S("cde"));
    buf_putc(&b, 'c'); /* would fit */
    assert_true(buf_failed(&b));
    assert_holds(&b, S("ab"));
    assert_null(buf_reserve(&b, 1));
    assert_null(buf_cstr(&b));
    buf_clear(&b);
    assert_false(buf_failed(&b));
    buf_put(&b, S("wxyz"));
    assert_holds(&b, S("wxyz"));
}

static void test_reserve_of_absurd_size_fails(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(100);
    buf_putc(&b, 'a');
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(buf_failed(&b));
}

static void test_lack_of_memory_is_told_from_a_limit(void **state UNUSED)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they end the program */
    CLEANUP(buf_release) struct buf b = BUF(SIZE_MAX / 2);
    assert_null(buf_reserve(&b, SIZE_MAX / 4)); /* no machine has that */
    assert_true(buf_failed(&b) && buf_no_memory(&b));
#endif
    CLEANUP(buf_release) struct buf small = BUF(1);
    buf_put(&small, S("ab"));
    assert_true(buf_failed(&small) && !buf_no_memory(&small));
    buf_clear(&small);
    buf_fail_nomem(&small);
    assert_true(buf_no_memory(&small));
}

static void test_reserve_of_nothing_is_no_failure(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(0);
    assert_non_null(buf_reserve(&b, 0));
    assert_false(buf_failed(&b));
}

static void test_printf_fills_to_the_limit(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(LIMIT);
    buf_printf(&b, "%*d", LIMIT, 7);
    assert_false(buf_failed(&b));
    assert_int_equal(b.n, LIMIT);
    buf_clear(&b);
    buf_printf(&b, "%*d", LIMIT + 1, 7);
    assert_true(buf_failed(&b));
    assert_int_equal(b.n, 0);
}

static void test_cstr_of_a_full_buf(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(3);
    assert_string_equal(buf_cstr(&b), "");
    buf_put(&b, S("abc"));
    assert_string_equal(buf_cstr(&b), "abc");
    assert_int_equal(b.n, 3);
    assert_false(buf_failed(&b));
}

static void test_consume_drops_the_front(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(10);
    buf_consume(&b, 0);
    buf_put(&b, S("abcdef"));
    buf_consume(&b, 2);
    assert_holds(&b, S("cdef"));
    buf_consume(&b, 4);
    assert_holds(&b, S(""));
    buf_put(&b, S("xy"));
    assert_holds(&b, S("xy"));
}

static void test_grows_through_many_sizes(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(100000);
    for (unsigned i = 0; i < 100000; i++)
        buf_putc(&b, (char)(i % 251));
    assert_int_equal(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal((unsigned char)b.p[i], i % 251);
    buf_putc(&b, 0);
    assert_true(buf_failed(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_by_what_is_put),
        cmocka_unit_test(test_takes_the_limit_and_no_byte_more),
        cmocka_unit_test(test_failure_is_sticky_and_changes_nothing),
        cmocka_unit_test(test_reserve_of_absurd_size_fails),
        cmocka_unit_test(test_lack_of_memory_is_told_from_a_limit),
        cmocka_unit_test(test_reserve_of_nothing_is_no_failure),
        cmocka_unit_test(test_printf_fills_to_the_limit),
        cmocka_unit_test(test_cstr_of_a_full_buf),
        cmocka_unit_test(test_consume_drops_the_front),
        cmocka_unit_test(test_grows_through_many_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
