#include "base/test.h"

#include "admin/size.h"

static void expect(const char *text, uint64_t bytes)
{
    uint64_t got;
    assert_true(size_parse(slice_cstr(text), &got));
    assert_int_equal(got, bytes);
}

static void test_reads_sizes(void **state)
{
    (void)state;
    expect("0", 0);
    expect("4096", 4096);
    expect("1k", 1024);
    expect("10G", UINT64_C(10) << 30);
    expect("2T", UINT64_C(2) << 40);
    expect("9223372036854775807", INT64_MAX);
    expect("8388607T", UINT64_C(8388607) << 40);
}

static void test_refuses_what_is_no_size(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "G",
                                        "10X",
                                        "-1",
                                        "1.5G",
                                        "10 G",
                                        "10GB",
                                        "10GG",
                                        "0x10",
                                        "K1",
                                        " 1",
                                        "1 ",
                                        "9223372036854775808",
                                        "8388608T",
                                        "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        uint64_t got;
        assert_false(size_parse(slice_cstr(wrong[i]), &got));
    }
}

static void test_writes_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {
        {0, "0"},           {1023, "1023"},         {1024, "1K"}, {1536, "1.5K"}, {10737418240, "10G"},
        {1048575, "1023K"}, {INT64_MAX, "8388607T"}};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char text[SIZE_TEXT_MAX];
        size_text(sizes[i].bytes, text);
        assert_string_equal(text, sizes[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_sizes),
        cmocka_unit_test(test_refuses_what_is_no_size),
        cmocka_unit_test(test_writes_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
