#include "store/uid_set.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { UNIVERSE = 200, ROUNDS = 2000 };

static void assert_printed(const struct uid_set *set, const char *expected)
{
    CLEANUP(buf_release) struct buf out = BUF(1000);
    uid_set_print(set, &out);
    assert_string_equal(buf_cstr(&out), expected);
}

static void test_merges_neighbours_and_overlaps(void **state)
{
    (void)state;
    CLEANUP(uid_set_release) struct uid_set set = {0};
    uid_set_add(&set, 5, 7);
    uid_set_add(&set, 1, 3);
    assert_printed(&set, "1:3,5:7");
    uid_set_add(&set, 4, 4);
    assert_printed(&set, "1:7");
    uid_set_add(&set, 9, 9);
    uid_set_add(&set, 2, 20);
    assert_printed(&set, "1:20");
    uid_set_add(&set, UINT32_MAX, UINT32_MAX);
    uid_set_add(&set, UINT32_MAX - 1, UINT32_MAX);
    assert_printed(&set, "1:20,4294967294:4294967295");
    assert_int_equal(uid_set_size(&set), 22);
}

static void test_removes_from_the_middle(void **state)
{
    (void)state;
    CLEANUP(uid_set_release) struct uid_set set = {0};
    uid_set_add(&set, 1, 10);
    uid_set_remove(&set, 4, 5);
    assert_printed(&set, "1:3,6:10");
    uid_set_remove(&set, 3, 6);
    assert_printed(&set, "1:2,7:10");
    uid_set_remove(&set, 0, UINT32_MAX);
    assert_int_equal(set.count, 0);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16 & 0x7fff;
}

static void test_equals_a_plain_bitmap(void **state)
{
    (void)state;
    unsigned seed = 1;
    bool bits[UNIVERSE] = {false};
    CLEANUP(uid_set_release) struct uid_set set = {0};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t first = next_random(&seed) % UNIVERSE;
        uint32_t last = first + next_random(&seed) % 12;
        last = MIN(last, UNIVERSE - 1);
        bool add = next_random(&seed) % 2 == 0;
        for (uint32_t i = first; i <= last; i++)
            bits[i] = add;
        if (add)
            uid_set_add(&set, first, last);
        else
            uid_set_remove(&set, first, last);
        for (uint32_t i = 0; i < UNIVERSE; i++)
            assert_int_equal(uid_set_has(&set, i), bits[i]);
        for (size_t i = 1; i < set.count; i++)
            assert_true(set.ranges[i].first > set.ranges[i - 1].last + 1);
        CLEANUP(buf_release) struct buf encoded = BUF(10000);
        CLEANUP(uid_set_release) struct uid_set back = {0};
        uid_set_encode(&set, &encoded);
        assert_true(uid_set_decode(buf_slice(&encoded), &back));
        assert_int_equal(back.count, set.count);
        if (set.count > 0)
            assert_memory_equal(back.ranges, set.ranges, set.count * sizeof(*set.ranges));
    }
}

static void test_keeps_what_is_in_both(void **state)
{
    (void)state;
    CLEANUP(uid_set_release) struct uid_set set = {0};
    CLEANUP(uid_set_release) struct uid_set other = {0};
    CLEANUP(uid_set_release) struct uid_set common = {0};
    for (uint32_t uid = 1; uid <= 300; uid++) {
        if (uid % 7 < 4)
            uid_set_add(&set, uid, uid);
        if (uid % 5 < 3)
            uid_set_add(&other, uid, uid);
    }
    uid_set_add(&set, UINT32_MAX, UINT32_MAX);
    uid_set_add(&other, 1000, UINT32_MAX);
    uid_set_union(&common, &set);
    uid_set_intersect(&common, &other);
    uid_set_subtract(&set, &other);
    for (uint32_t uid = 1; uid <= 300; uid++) {
        assert_int_equal(uid_set_has(&common, uid), uid % 7 < 4 && uid % 5 < 3);
        assert_int_equal(uid_set_has(&set, uid), uid % 7 < 4 && uid % 5 >= 3);
    }
    assert_true(uid_set_has(&common, UINT32_MAX));
    assert_false(uid_set_has(&set, UINT32_MAX));
    assert_false(common.failed);
}

static void test_refuses_damaged_encodings(void **state)
{
    (void)state;
    struct uid_set set = {0};
    assert_false(uid_set_decode(S("\x01"), &set));
    assert_false(uid_set_decode(S("\xff\xff\xff\xff\x0f\x01"), &set)); /* past 2^32 - 1 */
    assert_false(uid_set_decode(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"), &set));
    assert_null(set.ranges);
}

static void test_a_set_has_so_many_ranges_at_most(void **state)
{
    (void)state;
    CLEANUP(uid_set_release) struct uid_set set = {0};
    for (uint32_t i = 1; i <= UID_SET_RANGES_MAX; i++)
        uid_set_add(&set, 2 * i, 2 * i);
    assert_false(set.failed);
    assert_int_equal(set.count, UID_SET_RANGES_MAX);
    uid_set_add(&set, 3, 3); /* joins two */
    uid_set_add(&set, UINT32_MAX - 2, UINT32_MAX - 2);
    assert_false(set.failed);
    uid_set_add(&set, UINT32_MAX, UINT32_MAX);
    assert_true(set.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges_neighbours_and_overlaps),
        cmocka_unit_test(test_removes_from_the_middle),
        cmocka_unit_test(test_equals_a_plain_bitmap),
        cmocka_unit_test(test_keeps_what_is_in_both),
        cmocka_unit_test(test_refuses_damaged_encodings),
        cmocka_unit_test(test_a_set_has_so_many_ranges_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
