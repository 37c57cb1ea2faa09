#include "mime/testing.h"

#include "mime/parameter.h"

static struct arena arena = {.cap = 1 << 20};

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct mime_parameter *parse(const char *text)
{
    struct mime_parameter *list;
    struct error error;
    assert_int_equal(mime_parameters_parse(&arena, slice_cstr(text), &list, &error), ERR_OK);
    return list;
}

/* "name=value" for each, separated by '|'. */
static void assert_joined(const char *text, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(100000);
    struct mime_parameter *list;
    struct error error;
    assert_int_equal(mime_parameters_join(&arena, parse(text), &list, &error), ERR_OK);
    for (struct mime_parameter *p = list; p != NULL; p = p->next)
        buf_printf(&out, "%s%.*s=%.*s", p == list ? "" : "|", SLICE_ARGS(p->name), SLICE_ARGS(p->value));
    assert_buf(&out, wanted);
}

static void assert_value(const char *text, const char *name, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(100000);
    bool found = mime_parameter_decode(&out, parse(text), slice_cstr(name));
    assert_int_equal(found, wanted != NULL);
    assert_buf(&out, wanted != NULL ? wanted : "");
}

static void test_reads_lists(void **state)
{
    (void)state;
    assert_joined("; a=b; C=\"d e\"", "a=b|C=d e");
    assert_joined(";a = b ; c\t=\r\n \"d\"", "a=b|c=d");
    assert_joined("; charset=us-ascii (Plain text)", "charset=us-ascii");
    assert_joined("; a=\"x\\\"y\\\\z\"", "a=x\"y\\z");
    assert_joined("; a=\"one\r\n two\"", "a=one two");
    assert_joined("", "");
}

static void test_reads_broken_lists(void **state)
{
    (void)state;
    assert_joined("; charset=utf-8 format=flowed", "charset=utf-8|format=flowed");
    assert_joined("; a=\"b\" c=d", "a=b|c=d");
    assert_joined("; name=my file.txt; b=c", "name=my file.txt|b=c");
    assert_joined("; name=\"open", "name=open");
    assert_joined(";;; a=b;;", "a=b");
    assert_joined("; junk; =x; a=b", "a=b");
    assert_joined("; name=\"C:\\temp\\x\"", "name=C:\\temp\\x");
    assert_joined("; a=", "a=");
    assert_joined("; a=b (open; c=d", "a=b");
}

static void test_joins_continuations(void **state)
{
    (void)state;
    assert_joined("; a*1=y; b=c; a*0=\"x \"; a*3=no", "a=x y|b=c");
    assert_joined("; a*0*=utf-8''x%20; a*1=\"y z\"", "a*=utf-8''x%20y%20z");
    assert_joined("; a*=utf-8'de'x%20", "a*=utf-8'de'x%20");
    assert_joined("; a*1=y", "");
}

static void test_decodes_values(void **state)
{
    (void)state;
    assert_value("; filename*=iso-8859-1'de'%FC.txt; filename=u.txt", "filename", "\xc3\xbc.txt");
    assert_value("; filename*0*=utf-8''%C3; filename*1*=%BC; filename*2=.txt", "filename", "\xc3\xbc.txt");
    assert_value("; name=\"=?utf-8?q?=C3=BC?=.txt\"", "NAME", "\xc3\xbc.txt");
    assert_value("; name*0=\"=?utf-8?q?=C3\"; name*1=\"=BC?=\"", "name", "\xc3\xbc");
    assert_value("; name=\"\xfc\"", "name", "\xc3\xbc");
    assert_value("; name=x", "filename", NULL);
    assert_value("; name*=no-quotes%20x", "name", "no-quotes x");
    assert_value("; name*=x'y", "name", "y");
}

static void test_list_length_is_limited(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(10000);
    for (int i = 0; i < MIME_PARAMETERS_MAX + 1; i++)
        buf_put(&text, S("; a=b"));
    size_t count = 0;
    for (struct mime_parameter *p = parse(buf_cstr(&text)); p != NULL; p = p->next)
        count++;
    assert_int_equal(count, MIME_PARAMETERS_MAX);
}

static void test_field_length_is_limited(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(2 * MIME_PARAMETER_FIELD_MAX);
    buf_put(&text, S("; a=\""));
    while (text.n < MIME_PARAMETER_FIELD_MAX + 1)
        buf_putc(&text, 'x');
    struct mime_parameter *list = parse(buf_cstr(&text));
    assert_int_equal(list->value.n, MIME_PARAMETER_FIELD_MAX - 5);
}

static void test_writes_parameters(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    mime_parameter_put(&out, S("a"), S("b.txt"));
    assert_buf(&out, "; a=b.txt");
    mime_parameter_put(&out, S("a"), S("b \"c\""));
    assert_buf(&out, "; a=\"b \\\"c\\\"\"");
    mime_parameter_put(&out, S("a"), S("\xc3\xbc x"));
    assert_buf(&out, "; a*=utf-8''%C3%BC%20x");
    mime_parameter_put(&out, S("a"), S(""));
    assert_buf(&out, "; a=\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_lists),
        cmocka_unit_test(test_reads_broken_lists),
        cmocka_unit_test(test_joins_continuations),
        cmocka_unit_test(test_decodes_values),
        cmocka_unit_test(test_list_length_is_limited),
        cmocka_unit_test(test_field_length_is_limited),
        cmocka_unit_test(test_writes_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
