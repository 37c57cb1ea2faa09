#include "base/test.h"

#include "base/duration.h"

static void assert_seconds(const char *text, int64_t expected)
{
    int64_t seconds = 0;
    assert_true(duration_parse(slice_cstr(text), &seconds));
    assert_true(seconds == expected);
}

static void test_units(void **state)
{
    (void)state;
    assert_seconds("30m", 1800);
    assert_seconds("12h", 43200);
    assert_seconds("90d", 7776000);
    assert_seconds("4W", 2419200);
}

static void test_refuses_what_is_no_time(void **state)
{
    static const char *const texts[] = {
        "", "d", "0d", "-1d", "90", "9x", "1.5h", "90 d", "99999999999999999999d"};
    (void)state;
    int64_t seconds;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(duration_parse(slice_cstr(texts[i]), &seconds));
}

static void test_a_hundred_years_and_a_day_more(void **state)
{
    (void)state;
    int64_t seconds;
    assert_seconds("36600d", DURATION_MAX_SECONDS);
    assert_false(duration_parse(S("36601d"), &seconds));
}

static void test_says_the_largest_unit_that_fits(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } spans[] = {{30 * 86400, "30d"}, {36 * 3600, "36h"}, {5400, "90m"}, {61, "61s"}};
    (void)state;
    char text[DURATION_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        duration_text(spans[i].seconds, text);
        assert_string_equal(text, spans[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_refuses_what_is_no_time),
        cmocka_unit_test(test_a_hundred_years_and_a_day_more),
        cmocka_unit_test(test_says_the_largest_unit_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
