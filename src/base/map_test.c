#include "base/map.h"
#include "base/test.h"

enum { MANY = 10000 };

static void test_empty_map_has_nothing(void **state UNUSED)
{
    CLEANUP(map_release) struct map m = {0};
    assert_null(map_get(&m, S("a")));
    assert_null(map_remove(&m, S("a")));
    assert_int_equal(m.count, 0);
}

static void test_sets_replaces_removes(void **state UNUSED)
{
    CLEANUP(map_release) struct map m = {0};
    int one;
    int two;
    assert_true(map_set(&m, S("key"), &one));
    assert_ptr_equal(map_get(&m, S("key")), &one);
    assert_true(map_set(&m, S("key"), &two));
    assert_int_equal(m.count, 1);
    assert_null(map_get(&m, S("ke")));
    assert_null(map_get(&m, S("KEY")));
    assert_ptr_equal(map_remove(&m, S("key")), &two);
    assert_null(map_get(&m, S("key")));
    assert_int_equal(m.count, 0);
}

static void test_keys_are_copied_bytes(void **state UNUSED)
{
    CLEANUP(map_release) struct map m = {0};
    int one;
    int two;
    int three;
    char key[] = "a\0b";
    assert_true(map_set(&m, slice_of(key, 3), &one));
    key[2] = 'c';
    assert_true(map_set(&m, slice_of(key, 3), &two));
    assert_true(map_set(&m, slice_none(), &three));
    assert_ptr_equal(map_get(&m, S("a\0b")), &one);
    assert_ptr_equal(map_get(&m, S("a\0c")), &two);
    assert_ptr_equal(map_get(&m, S("")), &three);
}

static void count_entry(void *context, struct slice key, void *value)
{
    uint64_t *sum = context;
    uint64_t number;
    assert_int_equal(key.n, sizeof(number));
    memcpy(&number, key.p, sizeof(number));
    assert_int_equal(*(uint64_t *)value, number);
    *sum += number;
}

static void test_many_entries(void **state UNUSED)
{
    CLEANUP(map_release) struct map m = {0};
    static uint64_t numbers[MANY];
    for (uint64_t i = 0; i < MANY; i++) {
        numbers[i] = i;
        assert_true(map_set(&m, map_key_u64(&numbers[i]), &numbers[i]));
    }
    for (uint64_t i = 0; i < MANY; i += 2)
        assert_ptr_equal(map_remove(&m, map_key_u64(&i)), &numbers[i]);
    assert_int_equal(m.count, MANY / 2);
    for (uint64_t i = 0; i < MANY; i++)
        assert_ptr_equal(map_get(&m, map_key_u64(&i)), i % 2 == 0 ? NULL : &numbers[i]);
    uint64_t sum = 0;
    map_each(&m, count_entry, &sum);
    assert_int_equal(sum, (uint64_t)MANY / 2 * (MANY / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_map_has_nothing),
        cmocka_unit_test(test_sets_replaces_removes),
        cmocka_unit_test(test_keys_are_copied_bytes),
        cmocka_unit_test(test_many_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
