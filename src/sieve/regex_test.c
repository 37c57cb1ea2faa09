/* Regular expressions: what matches, what groups take, what is wrong, and that time is bounded. */
#include "sieve/regex.h"
#include "sieve/testing.h"

/* "whole|group 1|...", "no", or "wrong: ...". */
static void put_match(struct buf *out, const char *pattern, bool fold, struct slice text)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 << 20);
    struct wildcard_span spans[REGEX_GROUPS];
    struct regex_result result;
    struct regex *regex;
    const char *wrong = regex_compile(&arena, slice_cstr(pattern), fold, &regex);
    if (wrong != NULL) {
        buf_printf(out, "wrong: %s", wrong);
        return;
    }
    assert_true(regex_match(&arena, regex, text, INT64_C(1) << 40, spans, &result));
    if (!result.matched)
        buf_put(out, S("no"));
    for (size_t i = 0; result.matched && i < result.count; i++)
        buf_printf(out, "%s%.*s", i > 0 ? "|" : "", SLICE_ARGS(slice_sub(text, spans[i].at, spans[i].n)));
}

static void test_matches(void **state)
{
    static const char *const rows[][3] = {
        {"abc", "xabcx", "abc"},
        {"abc", "xabx", "no"},
        {"", "abc", ""},
        {"a*", "baa", ""},
        {"a+", "baa", "aa"},
        {"a?b", "cab", "ab"},
        {"^b", "ab", "no"},
        {"b$", "ab", "b"},
        {"^$", "", ""},
        {"a.c", "abc", "abc"},
        {".", "\xc3\xa9", "\xc3\xa9"},
        {"[a-c]+", "xabcd", "abc"},
        {"[^a-c]+", "abxyc", "xy"},
        {"[]x]", "a]", "]"},
        {"[a-]+", "b-a", "-a"},
        {"[[:digit:][:upper:]]+", "abC4d", "C4"},
        {"[\xc3\xa0-\xc3\xbf]", "e\xc3\xa9", "\xc3\xa9"},
        {"(a|ab)(c|bcd)(d*)", "abcd", "abcd|a|bcd|"},
        {"(a+|b+)x", "aabbx", "bbx|bb"},
        {"(a)|(b)", "b", "b||b"},
        {"(a*)*", "aa", "aa|aa"},
        {"(a*)+b", "aab", "aab|aa"},
        {"x{2}", "axxx", "xx"},
        {"x{2,}", "axxx", "xxx"},
        {"x{0,1}y", "xxy", "xy"},
        {"a{", "a{", "a{"},
        {"\\*\\.", "a*.", "*."},
        {"\\w+ \\d", "ab 1", "ab 1"},
        {"\\W", "ab!", "!"},
        {"one|two|three", "a three", "three"},
        {"a|ab|abc", "abc", "abc"},
        {"(.*)<(.*)@(.*)>", "Ann <a@b.c>", "Ann <a@b.c>|Ann |a|b.c"},
        {"[", "", "wrong: \"[\" is never closed"},
        {"(a", "", "wrong: \"(\" is never closed"},
        {"a)", "a)", "a)"},
        {"*a", "", "wrong: there is nothing to repeat"},
        {"a\\", "", "wrong: it ends with a backslash"},
        {"(a)\\1", "", "wrong: back-references and escapes like \"\\b\" are not supported"},
        {"[z-a]", "", "wrong: a range ends before it starts"},
        {"[[:letter:]]", "", "wrong: there is no class of that name"},
        {"a{3,2}", "", "wrong: a repetition is at most 255 times, the smaller number first"},
        {"a{256}", "", "wrong: a repetition is at most 255 times, the smaller number first"},
        {"(((a{255}){255}){255})", "", "wrong: it is too complex"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf got = BUF(10000);
        put_match(&got, rows[i][0], false, slice_cstr(rows[i][1]));
        if (!slice_eq(buf_slice(&got), slice_cstr(rows[i][2])))
            fail_msg("%s over %s: got %s", rows[i][0], rows[i][1], buf_cstr(&got));
    }
}

static void test_folds_ascii_only_when_asked(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf got = BUF(1000);
    put_match(&got, "[a-c]X", true, S("Bx"));
    buf_put(&got, S(" "));
    put_match(&got, "[a-c]X", false, S("Bx"));
    assert_string_equal(buf_cstr(&got), "Bx no");
}

/* What makes others take exponential time takes size times length here. */
static void test_time_is_bounded(void **state)
{
    static const char *const patterns[] = {"(a*)*b", "(a|a)*b", "(a|aa)+$b", "((a?){20}){20}b",
                                           "(.*)(.*)(.*)(.*)x"};
    CLEANUP(buf_release) struct buf text = BUF(100000);
    (void)state;
    for (size_t i = 0; i < 5000; i++)
        buf_putc(&text, 'a');
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA(64 << 20);
        struct wildcard_span spans[REGEX_GROUPS];
        struct regex_result result;
        struct regex *regex;
        assert_null(regex_compile(&arena, slice_cstr(patterns[i]), false, &regex));
        assert_true(regex_match(&arena, regex, buf_slice(&text), INT64_C(1) << 40, spans, &result));
        assert_false(result.matched);
        assert_true(result.steps < (int64_t)(text.n + 1) * 2 * REGEX_SIZE_MAX);
    }
}

static void test_gives_up_at_the_limit_of_steps(void **state)
{
    (void)state;
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct wildcard_span spans[REGEX_GROUPS];
    struct regex_result result;
    struct regex *regex;
    assert_null(regex_compile(&arena, S("a*b"), false, &regex));
    assert_true(regex_match(&arena, regex, S("aaaaaaaaaaaaaaaaab"), 10, spans, &result));
    assert_false(result.matched);
    assert_true(regex_match(&arena, regex, S("aaaaaaaaaaaaaaaaab"), 1000, spans, &result));
    assert_true(result.matched);
}

static void test_sizes_have_limits(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(arena_release) struct arena arena = ARENA(64 << 20);
        CLEANUP(buf_release) struct buf pattern = BUF(100000), nested = BUF(1000);
        struct regex *regex;
        /* Three steps besides the characters: two borders and the end. */
        for (size_t i = 0; i < REGEX_SIZE_MAX - 3 + more; i++)
            buf_putc(&pattern, 'a');
        assert_int_equal(regex_compile(&arena, buf_slice(&pattern), false, &regex) == NULL, more == 0);
        for (size_t i = 0; i < REGEX_DEPTH_MAX + more; i++)
            buf_putc(&nested, '(');
        for (size_t i = 0; i < REGEX_DEPTH_MAX + more; i++)
            buf_putc(&nested, ')');
        assert_int_equal(regex_compile(&arena, buf_slice(&nested), false, &regex) == NULL, more == 0);
    }
}

static void test_in_scripts(void **state)
{
    (void)state;
#define REGEX "require [\"regex\", \"variables\", \"reject\", \"imap4flags\"]; "
    EXPECT(REGEX "if header :regex \"subject\" \"^i have\" { discard; }", "");
    EXPECT(REGEX "if header :regex :comparator \"i;octet\" \"subject\" \"^i have\" { discard; }", "keep");
    EXPECT(REGEX "if address :regex \"from\" \"(.*)@(desert|sea)\" { reject \"${1} ${2} ${0}\"; }",
           "reject coyote desert coyote@desert");
    EXPECT(REGEX "set :quoteregex \"x\" \"a.b*\"; reject \"${x}\";", "reject a\\.b\\*");
    EXPECT(REGEX "set :quoteregex \"x\" \"a.b\"; if string :regex \"a.b\" \"^${x}$\" { discard; }", "");
    EXPECT(REGEX "setflag \"abc\"; if hasflag :regex \"^a b|c$\" { discard; }", "");
    EXPECT(REGEX "set \"x\" \"(\"; if string :regex \"a\" \"${x}\" { }",
           "failed: line 1: \"(\": \"(\" is never closed");
    EXPECT_WRONG("require \"regex\"; if header :regex \"a\" \"[\" { }", 1, 39, "never closed");
    EXPECT_WRONG("require [\"regex\", \"comparator-i;ascii-numeric\"]; if header :regex :comparator "
                 "\"i;ascii-numeric\" \"a\" \"b\" { }",
                 1, 60, "knows only");
    EXPECT_WRONG("if header :regex \"a\" \"b\" { }", 1, 11, "needs require \"regex\"");
#undef REGEX
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),           cmocka_unit_test(test_folds_ascii_only_when_asked),
        cmocka_unit_test(test_time_is_bounded),   cmocka_unit_test(test_gives_up_at_the_limit_of_steps),
        cmocka_unit_test(test_sizes_have_limits), cmocka_unit_test(test_in_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
