#include "base/arena.h"
#include "base/test.h"

enum { CAP = 10000 };

static void test_gives_zeroed_aligned_bytes(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    for (size_t n = 1; n < 100; n++) {
        char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
}

static void test_nothing_is_no_failure(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    assert_non_null(arena_alloc(&a, 0));
    assert_non_null(arena_array(&a, 0, 8));
    assert_false(arena_failed(&a));
}

static void test_takes_the_cap_and_no_byte_more(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    assert_non_null(arena_alloc(&a, CAP));
    assert_false(arena_failed(&a));
    assert_null(arena_alloc(&a, 1));
    assert_true(arena_failed(&a));
    arena_reset(&a);
    assert_false(arena_failed(&a));
    assert_null(arena_alloc(&a, CAP + 1));
    assert_true(arena_failed(&a));
}

static void test_cap_holds_over_many_small_pieces(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    size_t pieces = 0;
    while (arena_alloc(&a, 16) != NULL)
        pieces++;
    assert_int_equal(pieces, CAP / 16);
    assert_true(arena_failed(&a));
    assert_true(a.used <= CAP);
}

static void test_array_overflow_fails(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    assert_true(arena_failed(&a));
    arena_reset(&a);
    assert_non_null(arena_array(&a, 10, 8));
    assert_null(arena_alloc(&a, SIZE_MAX));
}

static void test_dup_ends_with_nul(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    struct slice copy = arena_dup(&a, S("a\0b"));
    assert_true(slice_eq(copy, S("a\0b")));
    assert_int_equal(copy.p[3], 0);
    copy = arena_dup(&a, slice_none());
    assert_non_null(copy.p);
    assert_int_equal(copy.n, 0);
    assert_int_equal(copy.p[0], 0);
    struct arena small = ARENA(3);
    assert_null(arena_dup(&small, S("abc")).p);
    assert_true(arena_failed(&small));
}

static void test_reset_keeps_one_block(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    void *first = arena_alloc(&a, 100);
    arena_reset(&a);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    assert_non_null(arena_alloc(&a, 5000)); /* a block of its own, too large to be kept */
    arena_reset(&a);
    assert_int_equal(a.used, 0);
    assert_non_null(arena_alloc(&a, 100));
}

static void test_second_command_starts_from_zero(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena a = ARENA(CAP);
    for (int i = 0; i < 1000; i++) {
        unsigned char *p = arena_alloc(&a, 3000);
        assert_non_null(p);
        assert_int_equal(p[2999], 0);
        memset(p, 0xff, 3000);
        assert_non_null(arena_alloc(&a, 3000));
        arena_reset(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_zeroed_aligned_bytes),
        cmocka_unit_test(test_nothing_is_no_failure),
        cmocka_unit_test(test_takes_the_cap_and_no_byte_more),
        cmocka_unit_test(test_cap_holds_over_many_small_pieces),
        cmocka_unit_test(test_array_overflow_fails),
        cmocka_unit_test(test_dup_ends_with_nul),
        cmocka_unit_test(test_reset_keeps_one_block),
        cmocka_unit_test(test_second_command_starts_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
