#include "base/test.h"
#include "rt/json.h"

static void test_reads_a_value(void **state UNUSED)
{
    struct error error;
    json_t *value;
    const struct slice text = slice_cstr("{\"a\":[1,\"b\"]}");
    assert_int_equal(json_read(text, &value, &error), ERR_OK);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(value, "a"), 0)), 1);
    json_decref(value);
}

static void test_refuses_what_is_no_json(void **state UNUSED)
{
    struct error error;
    json_t *value;
    static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "{} {}", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(json_read(slice_cstr(bad[i]), &value, &error), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_value),
        cmocka_unit_test(test_refuses_what_is_no_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
