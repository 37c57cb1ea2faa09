#include "directory/address.h"

#include "directory/test.h"

static void assert_key(const char *address, const char *expected)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct address_parts parts;
    struct error error = {0};
    enum err code = address_parse(slice_cstr(address), &arena, &parts, &error);
    if (code == ERR_OK)
        ASSERT_SLICE(parts.key, expected);
    else
        assert_string_equal(error.client, expected);
}

static void assert_invalid(struct slice address)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct slice local;
    struct slice domain;
    struct error error;
    assert_int_equal(address_normalise(address, &arena, &local, &domain, &error), ERR_INVALID);
    assert_true(error.client[0] != 0);
}

static void test_folds_case_and_unicode(void **state UNUSED)
{
    assert_key("Anna@Demo.Example", "anna@demo.example");
    assert_key("ANN\xc3\x84@b\xc3\xbc"
               "cher.example",
               "ann\xc3\xa4@xn--bcher-kva.example");
    assert_key("anna\xcc\x88@XN--BCHER-KVA.example", "ann\xc3\xa4@xn--bcher-kva.example");
    assert_key("\xce\xa3\xcf\x82@x.example", "\xcf\x83\xcf\x83@x.example"); /* final sigma */
    assert_key("a.b+c!#$%&'*/=?^_`{|}~-@x.example", "a.b+c!#$%&'*/=?^_`{|}~-@x.example");
}

static void test_quotes_count_only_where_needed(void **state UNUSED)
{
    assert_key("\"Anna\"@x.example", "anna@x.example");
    assert_key("\"john doe\"@x.example", "john doe@x.example");
    assert_key("\"a\\@\\\"b\"@x.example", "a@\"b@x.example");
}

static void test_keeps_the_spelling_for_showing(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct address_parts parts;
    struct error error;
    assert_int_equal(address_parse(S("\"John Doe\"@X.Example"), &arena, &parts, &error), ERR_OK);
    ASSERT_SLICE(parts.shown, "\"John Doe\"@x.example");
    ASSERT_SLICE(parts.plain, "John Doe");
}

static void test_refuses_what_is_no_address(void **state UNUSED)
{
    static const char *const wrong[] = {
        "",
        "@",
        "anna",
        "@x.example",
        "anna@",
        ".anna@x.example",
        "anna.@x.example",
        "an..na@x.example",
        "an na@x.example",
        "anna@x@y.example",
        "anna@x..example",
        "anna@.example",
        "anna@example.",
        "anna@-x.example",
        "anna@x y.example",
        "anna@[192.0.2.1]",
        "<anna@x.example>",
        "\"\"@x.example",
        "\"anna@x.example",
        "\"a\"b@x.example",
        "\"a\nb\"@x.example",
        "\xff@x.example",
        "a@\xff.example",
        "a\xe2\x80\x8b@x.example",
        "a\x7f@x.example",
        "\"\\\xc3\xa4\"@x.example",
        "a@xn--\x80.example",
        "a@xn--0.example",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_invalid(slice_cstr(wrong[i]));
    assert_invalid(S("a\0b@x.example"));
    assert_invalid(S("a@x\0.example"));
}

/* A local part of n bytes, and a domain that makes the whole `total` long. */
static enum err parse_sized(size_t local_n, size_t total)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    char address[ADDRESS_MAX + 2];
    struct address_parts parts;
    struct error error;
    memset(address, 'a', sizeof(address));
    address[local_n] = '@';
    for (size_t at = local_n + 62; at + 2 < total; at += 62)
        address[at] = '.';
    return address_parse(slice_of(address, total), &arena, &parts, &error);
}

static void test_limits(void **state UNUSED)
{
    assert_int_equal(parse_sized(ADDRESS_LOCAL_MAX, 100), ERR_OK);
    assert_int_equal(parse_sized(ADDRESS_LOCAL_MAX + 1, 100), ERR_INVALID);
    assert_int_equal(parse_sized(10, ADDRESS_MAX), ERR_OK);
    assert_int_equal(parse_sized(10, ADDRESS_MAX + 1), ERR_INVALID);
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    char label[65];
    struct slice name;
    struct error error;
    memset(label, 'a', sizeof(label));
    assert_int_equal(domain_normalise(slice_of(label, 63), &arena, &name, &error), ERR_OK);
    assert_int_equal(domain_normalise(slice_of(label, 64), &arena, &name, &error), ERR_INVALID);
    char domain[ADDRESS_DOMAIN_MAX + 1];
    memset(domain, 'a', sizeof(domain));
    for (size_t at = 50; at < sizeof(domain); at += 51)
        domain[at] = at + 1 < ADDRESS_DOMAIN_MAX ? '.' : 'a';
    assert_int_equal(domain_normalise(slice_of(domain, ADDRESS_DOMAIN_MAX), &arena, &name, &error), ERR_OK);
    assert_int_equal(domain_normalise(slice_of(domain, ADDRESS_DOMAIN_MAX + 1), &arena, &name, &error),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folds_case_and_unicode),
        cmocka_unit_test(test_quotes_count_only_where_needed),
        cmocka_unit_test(test_keeps_the_spelling_for_showing),
        cmocka_unit_test(test_refuses_what_is_no_address),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
