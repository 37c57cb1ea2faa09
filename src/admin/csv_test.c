#include "base/test.h"

#include "admin/csv.h"

struct fixture {
    struct arena arena;
    struct csv csv;
    struct csv_record record;
};

static struct fixture begin(const char *text)
{
    struct fixture f = {.arena = ARENA(1024 * 1024)};
    csv_init(&f.csv, slice_cstr(text));
    return f;
}

/* The next record has these fields, joined by '|'. */
static void expect(struct fixture *f, size_t line, const char *fields)
{
    char got[200];
    size_t n = 0;
    assert_int_equal(csv_next(&f->csv, &f->arena, &f->record), CSV_RECORD);
    for (size_t i = 0; i < f->record.count; i++)
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s", i > 0 ? "|" : "",
                              SLICE_ARGS(f->record.fields[i]));
    assert_string_equal(got, fields);
    assert_int_equal(f->record.line, line);
}

static void expect_bad(struct fixture *f, size_t line)
{
    assert_int_equal(csv_next(&f->csv, &f->arena, &f->record), CSV_BAD);
    assert_non_null(f->record.problem);
    assert_int_equal(f->record.line, line);
}

static void expect_end(struct fixture *f)
{
    assert_int_equal(csv_next(&f->csv, &f->arena, &f->record), CSV_END);
    arena_release(&f->arena);
}

static void test_reads_fields_and_both_line_ends(void **state)
{
    (void)state;
    struct fixture f = begin("a,b,\r\n,,\n\nc");
    expect(&f, 1, "a|b|");
    expect(&f, 2, "||");
    expect(&f, 4, "c");
    expect_end(&f);
}

static void test_reads_quoted_fields(void **state)
{
    (void)state;
    struct fixture f = begin("\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\"\r\n\"\",x\n");
    expect(&f, 1, "a,b|say \"hi\"|two\r\nlines");
    expect(&f, 3, "|x");
    expect_end(&f);
}

static void test_passes_over_byte_order_mark(void **state)
{
    (void)state;
    struct fixture f = begin("\xef\xbb\xbf"
                             "address\n");
    expect(&f, 1, "address");
    expect_end(&f);
}

static void test_names_bad_lines_and_goes_on(void **state)
{
    (void)state;
    struct fixture f = begin("a\"b,c\nok\n\"a\"b\nok,2\n\"never\nends");
    expect_bad(&f, 1);
    expect(&f, 2, "ok");
    expect_bad(&f, 3);
    expect(&f, 4, "ok|2");
    expect_bad(&f, 5);
    expect_end(&f);
}

static void test_limits_fields(void **state)
{
    (void)state;
    char text[CSV_FIELDS_MAX + 2];
    memset(text, ',', sizeof(text));
    text[CSV_FIELDS_MAX - 1] = 0;
    struct fixture f = begin(text);
    assert_int_equal(csv_next(&f.csv, &f.arena, &f.record), CSV_RECORD);
    assert_int_equal(f.record.count, CSV_FIELDS_MAX);
    expect_end(&f);
    text[CSV_FIELDS_MAX - 1] = ',';
    text[CSV_FIELDS_MAX] = 0;
    f = begin(text);
    expect_bad(&f, 1);
    expect_end(&f);
}

static void test_fails_without_memory(void **state)
{
    (void)state;
    struct fixture f = begin("\"a\"\"b\"\nc\n");
    f.arena = ARENA(1);
    expect_bad(&f, 1);
    expect(&f, 2, "c");
    expect_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_fields_and_both_line_ends),
        cmocka_unit_test(test_reads_quoted_fields),
        cmocka_unit_test(test_passes_over_byte_order_mark),
        cmocka_unit_test(test_names_bad_lines_and_goes_on),
        cmocka_unit_test(test_limits_fields),
        cmocka_unit_test(test_fails_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
