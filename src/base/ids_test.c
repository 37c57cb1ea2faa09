#include "base/ids.h"
#include "base/test.h"

static void test_text_is_sixteen_digits(void **state UNUSED)
{
    char text[ID_TEXT_MAX];
    id_to_text(0x00c0ffee, text);
    assert_string_equal(text, "0000000000c0ffee");
    id_to_text(UINT64_MAX, text);
    assert_string_equal(text, "ffffffffffffffff");
}

static void test_text_returns(void **state UNUSED)
{
    static const uint64_t values[] = {0, 1, 0x0123456789abcdef, INT64_MAX, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[ID_TEXT_MAX];
        uint64_t back = 42;
        id_to_text(values[i], text);
        assert_true(id_from_text(slice_cstr(text), &back));
        assert_int_equal(back, values[i]);
    }
}

static void test_rejects_other_texts(void **state UNUSED)
{
    static const char *const wrong[] = {
        "",
        "000000000000000",
        "00000000000000000",
        "000000000000000g",
        " 00000000000000a",
        "0x0000000000000a",
        "../../../etc/abc",
    };
    uint64_t value = 42;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(id_from_text(slice_cstr(wrong[i]), &value));
    assert_int_equal(value, 42);
}

static void test_random_ids_fit_sqlite_and_differ(void **state UNUSED)
{
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t v = id_random();
        assert_true(v > 0 && v <= INT64_MAX);
        assert_true(v != last);
        last = v;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_sixteen_digits),
        cmocka_unit_test(test_text_returns),
        cmocka_unit_test(test_rejects_other_texts),
        cmocka_unit_test(test_random_ids_fit_sqlite_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
