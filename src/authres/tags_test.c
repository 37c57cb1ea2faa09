#include "base/test.h"

#include "authres/tags.h"

/* "name=value|..." of what was read; NULL: not a list. */
static void assert_tags(const char *text, const char *wanted)
{
    CLEANUP(buf_release) struct buf got = BUF(64 << 10);
    struct tag_list tags;
    if (!tag_list_parse(slice_cstr(text), &tags)) {
        assert_null(wanted);
        return;
    }
    for (size_t i = 0; i < tags.count; i++)
        buf_printf(&got, "%.*s=%.*s|", SLICE_ARGS(tags.tags[i].name), SLICE_ARGS(tags.tags[i].value));
    assert_non_null(wanted);
    assert_string_equal(buf_cstr(&got), wanted);
}

static void test_reads_lists(void **state)
{
    (void)state;
    assert_tags("v=1", "v=1|");
    assert_tags(" v = 1 ;\r\n\ta=rsa-sha256 ; ", "v=1|a=rsa-sha256|");
    assert_tags("h=from : to;b=", "h=from : to|b=|");
    assert_tags("i=\xc3\xa4@example.org", "i=\xc3\xa4@example.org|");
    assert_tags("x_1=a=b", "x_1=a=b|");
    /* Names have a case. */
    assert_tags("a=1;A=2", "a=1|A=2|");
}

static void test_refuses_what_is_no_list(void **state)
{
    (void)state;
    assert_tags("", NULL);
    assert_tags(" ; ", NULL);
    assert_tags("v", NULL);
    assert_tags("v=1;;a=2", NULL);
    assert_tags("=1", NULL);
    assert_tags("1v=1", NULL);
    assert_tags("v w=1", NULL);
    assert_tags("a=1; a=2", NULL);
    assert_tags("a=\x01", NULL);
    assert_tags("a=x\x7f", NULL);
}

static void test_limits_tags(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF(4096);
    struct tag_list tags;
    (void)state;
    for (int i = 0; i < TAGS_MAX; i++)
        buf_printf(&text, "t%d=%d;", i, i);
    assert_true(tag_list_parse(buf_slice(&text), &tags));
    assert_int_equal(tags.count, TAGS_MAX);
    buf_put(&text, S("more=1"));
    assert_false(tag_list_parse(buf_slice(&text), &tags));
}

static void test_raw_value_reaches_from_sign_to_semicolon(void **state)
{
    struct tag_list tags;
    (void)state;
    assert_true(tag_list_parse(S("a=1; b = x\r\n y ;c=2"), &tags));
    const struct tag *tag = tag_list_find(&tags, S("b"));
    assert_true(slice_eq(tag->raw, S(" x\r\n y ")));
    assert_null(tag_list_find(&tags, S("d")));
    assert_null(tag_list_value(&tags, S("d")).p);
}

static void test_items(void **state)
{
    (void)state;
    assert_true(tag_items_have(S("sha1 : sha256"), S("SHA256")));
    assert_false(tag_items_have(S("sha1:sha2567"), S("sha256")));
    assert_false(tag_items_have(S(""), S("y")));
    assert_true(tag_items_have(S("y"), S("y")));
}

static void test_base64_with_blanks(void **state)
{
    CLEANUP(buf_release) struct buf out = BUF(4);
    (void)state;
    assert_true(tag_base64(S(" YW\r\n Jj\tZA= ="), &out));
    assert_true(slice_eq(buf_slice(&out), S("abcd")));
    buf_clear(&out);
    assert_true(tag_base64(S("YWJjZA"), &out));
    buf_clear(&out);
    assert_false(tag_base64(S("YW-j"), &out));
    buf_clear(&out);
    assert_false(tag_base64(S("YWJjZGU="), &out)); /* longer than there is room for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_lists), cmocka_unit_test(test_refuses_what_is_no_list),
        cmocka_unit_test(test_limits_tags), cmocka_unit_test(test_raw_value_reaches_from_sign_to_semicolon),
        cmocka_unit_test(test_items),       cmocka_unit_test(test_base64_with_blanks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
