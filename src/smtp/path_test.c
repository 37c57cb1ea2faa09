#include "smtp/path.h"

#include "base/buf.h"
#include "base/test.h"
#include "directory/directory.h"

static bool parse(struct slice text, bool postmaster, struct smtp_path *ret)
{
    struct cursor c = cursor_of(text);
    return smtp_path_parse(&c, postmaster, ret) && cursor_done(&c);
}

static void assert_path(struct slice text, struct slice address)
{
    struct smtp_path path;
    if (!parse(text, false, &path)) {
        print_error("not a path: %.*s\n", SLICE_ARGS(text));
        assert_true(false);
    }
    if (!slice_eq(path.address, address)) {
        print_error("%.*s gave %.*s\n", SLICE_ARGS(text), SLICE_ARGS(path.address));
        assert_true(false);
    }
}

/* RFC 5321 4.1.2. */
static void test_takes_what_the_grammar_allows(void **state)
{
    (void)state;
    assert_path(S("<>"), S(""));
    assert_path(S("<a@b>"), S("a@b"));
    assert_path(S(" <a.b-c+d_e@f-1.example>"), S("a.b-c+d_e@f-1.example"));
    assert_path(S("<!#$%&'*+-/=?^_`{|}~@b.example>"), S("!#$%&'*+-/=?^_`{|}~@b.example"));
    assert_path(S("<\"a b\\\"@>c\"@d.example>"), S("\"a b\\\"@>c\"@d.example"));
    assert_path(S("<\"\"@d.example>"), S("\"\"@d.example"));
    assert_path(S("<a@[192.0.2.1]>"), S("a@[192.0.2.1]"));
    assert_path(S("<a@[IPv6:2001:db8::1]>"), S("a@[IPv6:2001:db8::1]"));
    assert_path(S("<@one.example,@[192.0.2.1]:a@b.example>"), S("a@b.example"));
}

static void test_refuses_everything_else(void **state)
{
    static const struct slice wrong[] = {
        {"", 0},
        {"<", 1},
        {"a@b", 3},
        {"<a@b", 4},
        {"<a>", 3},
        {"<@>", 3},
        {"<a@>", 4},
        {"<@b>", 4},
        {"<.a@b>", 6},
        {"<a.@b>", 6},
        {"<a..b@c>", 8},
        {"<a b@c>", 7},
        {"<a@b c>", 7},
        {"<a@b..c>", 8},
        {"<a@b.>", 6},
        {"<a@-b>", 6},
        {"<a@b->", 6},
        {"<a@b@c>", 7},
        {"<\"a@b>", 6},
        {"<\"a\"b@c>", 8},
        {"<\"a\\", 4},
        {"<\"a\x01\"@b>", 8},
        {"<\"a\\\x7f\"@b>", 9},
        {"<a@[]>", 6},
        {"<a@[x>", 6},
        {"<a@[x y]>", 9},
        {"<a@[\x01]>", 7},
        {"<@a@b>", 6},
        {"<@a,b:c@d>", 10},
        {"<@a:>", 5},
        {"<@a,:b@c>", 9},
        {"<a\0@b>", 6},
        {"<a\r@b>", 6},
        {"<postmaster>", 12},
    };
    struct smtp_path path;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        if (parse(wrong[i], false, &path)) {
            print_error("taken: %.*s\n", SLICE_ARGS(wrong[i]));
            assert_true(false);
        }
}

static void test_postmaster_needs_no_domain_at_rcpt(void **state)
{
    struct smtp_path path;
    (void)state;
    assert_true(parse(S("<PostMaster>"), true, &path));
    assert_true(slice_eq(path.address, S("PostMaster")));
    assert_false(parse(S("<anna>"), true, &path));
}

static void test_marks_and_checks_utf8(void **state)
{
    struct smtp_path path;
    (void)state;
    assert_true(parse(S("<a@b>"), false, &path));
    assert_false(path.has_utf8);
    assert_true(parse(S("<j\xc3\xbcrgen@b\xc3\xbc.example>"), false, &path));
    assert_true(path.has_utf8);
    assert_false(parse(S("<j\xc3@b>"), false, &path));
    assert_false(parse(S("<\"\xff\"@b>"), false, &path));
}

/* RFC 5321 4.5.3.1: 64 for the local part; errata 1690: 254 in all, so that a domain of 255 never fits. */
static void test_keeps_the_limits(void **state)
{
    static const struct {
        size_t local, domain;
        bool fits;
    } cases[] = {{64, 100, true},  {65, 100, false}, {64, 189, true},
                 {64, 190, false}, {1, 252, true},   {1, 253, false}};
    struct smtp_path path;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_release) struct buf text = BUF(1000);
        buf_putc(&text, '<');
        for (size_t n = 0; n < cases[i].local; n++)
            buf_putc(&text, 'a');
        buf_putc(&text, '@');
        for (size_t n = 0; n < cases[i].domain; n++)
            buf_putc(&text, 'b');
        buf_putc(&text, '>');
        assert_int_equal(parse(buf_slice(&text), false, &path), cases[i].fits);
    }
}

static bool parameters(struct slice text, struct smtp_parameter *ret, size_t max, size_t *ret_count)
{
    struct cursor c = cursor_of(text);
    return smtp_parameters_parse(&c, ret, max, ret_count);
}

static void test_reads_parameters(void **state)
{
    struct smtp_parameter found[3];
    size_t count = 9;
    (void)state;
    assert_true(parameters(S(""), found, 3, &count));
    assert_int_equal(count, 0);
    assert_true(parameters(S("  SIZE=100 SMTPUTF8  X-1=<a>  "), found, 3, &count));
    assert_int_equal(count, 3);
    assert_true(slice_eq(found[0].name, S("SIZE")) && slice_eq(found[0].value, S("100")));
    assert_true(slice_eq(found[1].name, S("SMTPUTF8")) && found[1].value.p == NULL);
    assert_true(slice_eq(found[2].name, S("X-1")) && slice_eq(found[2].value, S("<a>")));
    assert_false(parameters(S(" A B C D"), found, 3, &count));
    assert_false(parameters(S("A"), found, 3, &count));
    assert_false(parameters(S(" A="), found, 3, &count));
    assert_false(parameters(S(" A=b=c"), found, 3, &count));
    assert_false(parameters(S(" =b"), found, 3, &count));
    assert_false(parameters(S(" -A"), found, 3, &count));
    assert_false(parameters(S(" A=\x7f"), found, 3, &count));
    assert_false(parameters(S(" A=b\tC"), found, 3, &count));
}

/* RFC 3461 4. */
static void test_decodes_xtext(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA(4096);
    struct slice text;
    (void)state;
    assert_true(smtp_xtext_decode(S("a+2Bb+3D+20c"), &arena, &text));
    assert_true(slice_eq(text, S("a+b= c")));
    assert_true(smtp_xtext_decode(S(""), &arena, &text));
    assert_int_equal(text.n, 0);
    assert_false(smtp_xtext_decode(S("a+2b"), &arena, &text));
    assert_false(smtp_xtext_decode(S("a+2"), &arena, &text));
    assert_false(smtp_xtext_decode(S("a+"), &arena, &text));
    assert_false(smtp_xtext_decode(S("a=b"), &arena, &text));
    assert_false(smtp_xtext_decode(S("a b"), &arena, &text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_what_the_grammar_allows),
        cmocka_unit_test(test_refuses_everything_else),
        cmocka_unit_test(test_postmaster_needs_no_domain_at_rcpt),
        cmocka_unit_test(test_marks_and_checks_utf8),
        cmocka_unit_test(test_keeps_the_limits),
        cmocka_unit_test(test_reads_parameters),
        cmocka_unit_test(test_decodes_xtext),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
