/* Words, grammar, places of errors, and limits of the language (RFC 5228 2, 3, 8). */
#include "sieve/testing.h"

static void test_an_empty_script_keeps(void **state)
{
    (void)state;
    EXPECT("", "keep");
    EXPECT("# a comment\r\n/* another\n */ ", "keep");
}

static void test_control_structures(void **state)
{
    (void)state;
    EXPECT("if true { discard; }", "");
    EXPECT("if false { discard; } else { redirect \"a@b.example\"; }", "redirect a@b.example");
    EXPECT("if false { discard; } elsif true { redirect \"a@b.example\"; } else { discard; }",
           "redirect a@b.example");
    EXPECT("if true { } elsif true { discard; } else { discard; }", "keep");
    EXPECT("if true { if false { discard; } } else { discard; }", "keep");
    EXPECT("IF TRUE { Discard; }", "");
    EXPECT("discard; stop; redirect \"a@b.example\";", "");
    EXPECT("if true { stop; } discard;", "keep");
}

static void test_logic_short_circuits(void **state)
{
    (void)state;
    EXPECT("if anyof (false, true) { discard; }", "");
    EXPECT("if anyof (false, false) { discard; }", "keep");
    EXPECT("if allof (true, false) { discard; }", "keep");
    EXPECT("if allof (true, true) { discard; }", "");
    EXPECT("if not allof (not false, not not true) { discard; }", "keep");
    EXPECT("require [\"variables\"]; if anyof (true, header :matches \"subject\" \"*\") {"
           " redirect \"a${1}@b.example\"; }",
           "redirect a@b.example");
}

static void test_strings(void **state)
{
    (void)state;
    EXPECT("require \"reject\"; reject \"a\\\"b\\\\c\\d\";", "reject a\"b\\cd");
    EXPECT("require \"reject\"; reject text:\none\r\n..two\n.three\n.\n;",
           "reject one\r\n.two\r\n.three\r\n");
    EXPECT("require \"reject\"; reject text: # comment\r\n.\r\n;", "reject ");
    EXPECT("require \"reject\"; reject \"two\r\nlines\";", "reject two\r\nlines");
}

/* RFC 5228 2.4.2.4 */
static void test_encoded_characters(void **state)
{
    static const char *const rows[][2] = {
        {"$${hex:40}", "$@"},
        {"${hex: 40 }", "@"},
        {"${HEX: 40}", "@"},
        {"${hex:40", "${hex:40"},
        {"${hex:400}", "${hex:400}"},
        {"${hex:4${hex:30}}", "${hex:40}"},
        {"${unicode:40}", "@"},
        {"${ unicode:40}", "${ unicode:40}"},
        {"${UNICODE:40}", "@"},
        {"${UnICoDE:0000040}", "@"},
        {"${Unicode:40}", "@"},
        {"${Unicode:Cool}", "${Unicode:Cool}"},
        {"${hex:24 24}", "$$"},
        {"${unicode:20AC 41}", "\xe2\x82\xac"
                               "A"},
        {"${hex:}", "${hex:}"},
        {"${hex:4041}", "${hex:4041}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(buf_release) struct buf script = BUF(1000), wanted = BUF(1000);
        buf_printf(&script, "require [\"reject\", \"encoded-character\"]; reject \"%s\";", rows[i][0]);
        buf_printf(&wanted, "reject %s", rows[i][1]);
        EXPECT(buf_cstr(&script), buf_cstr(&wanted));
    }
    EXPECT("require \"reject\"; reject \"${hex:40}\";", "reject ${hex:40}");
    EXPECT_WRONG("require \"encoded-character\";\nredirect \"${unicode:200000}\";", 2, 10, "no character");
    EXPECT_WRONG("require \"encoded-character\";\nredirect \"${unicode:DF01}\";", 2, 10, "no character");
}

static void test_numbers(void **state)
{
    (void)state;
    EXPECT("if size :under 1k { discard; }", "");
    EXPECT("if size :over 1G { discard; }", "keep");
    EXPECT("if size :over 2147483647 { discard; }", "keep");
    EXPECT_WRONG("if size :over 1X { }", 1, 15, "only digits");
    EXPECT_WRONG("if size :over 1KK { }", 1, 15, "only digits");
    EXPECT_WRONG("if size :over 9223372036854775808 { }", 1, 15, "too large");
    EXPECT_WRONG("if size :over 9223372036854775807G { }", 1, 15, "too large");
}

static void test_says_where_grammar_is_broken(void **state)
{
    (void)state;
    EXPECT_WRONG("keep", 1, 5, "';' or '{'");
    EXPECT_WRONG("keep;\n  discard;;", 2, 11, "a command");
    EXPECT_WRONG("if true { keep;", 1, 16, "ends where");
    EXPECT_WRONG("if true { keep; }}", 1, 18, "a command");
    EXPECT_WRONG("redirect \"a", 1, 10, "never ends");
    EXPECT_WRONG("redirect text:\nabc\n", 1, 10, "single dot");
    EXPECT_WRONG("redirect text: \"a\";", 1, 10, "the line must end");
    EXPECT_WRONG("/* abc", 1, 1, "comment");
    EXPECT_WRONG("if header [] \"a\" { }", 1, 12, "a string");
    EXPECT_WRONG("if header [\"a\" \"b\"] \"a\" { }", 1, 16, "a comma or ']'");
    EXPECT_WRONG("if anyof (true false) { }", 1, 16, "takes no test");
    EXPECT_WRONG("if anyof () { }", 1, 11, "a test");
    EXPECT_WRONG("keep %;", 1, 6, "no word");
    EXPECT_WRONG(": keep;", 1, 1, "no word");
    EXPECT_WRONG("if true :tag { }", 1, 9, "no argument");
}

static void test_says_where_the_tables_are_broken(void **state)
{
    (void)state;
    EXPECT_WRONG("keep;\nkeepp;", 2, 1, "no command \"keepp\"");
    EXPECT_WRONG("if wrong { }", 1, 4, "no test \"wrong\"");
    EXPECT_WRONG("fileinto \"a\";", 1, 1, "needs require \"fileinto\"");
    EXPECT_WRONG("require \"nonsense\";", 1, 9, "no extension");
    EXPECT_WRONG("keep; require \"fileinto\";", 1, 7, "before all other");
    EXPECT_WRONG("if true { require \"fileinto\"; }", 1, 11, "before all other");
    EXPECT_WRONG("else { }", 1, 1, "only after if");
    EXPECT_WRONG("if true { } keep; elsif true { }", 1, 19, "only after if");
    EXPECT_WRONG("if true { } else { } else { }", 1, 22, "only after if");
    EXPECT_WRONG("keep \"a\";", 1, 1, "takes 0 arguments");
    EXPECT_WRONG("redirect;", 1, 1, "takes 1 argument ");
    EXPECT_WRONG("redirect 5;", 1, 10, "a string should");
    EXPECT_WRONG("redirect [\"a@b.example\"];", 1, 10, "a string should");
    EXPECT_WRONG("if size :over \"a\" { }", 1, 15, "a number should");
    EXPECT_WRONG("if size 5 { }", 1, 4, "\":over\" or \":under\"");
    EXPECT_WRONG("if size :over :under 5 { }", 1, 15, "contradicts");
    EXPECT_WRONG("if header :is :contains \"a\" \"b\" { }", 1, 15, "contradicts");
    EXPECT_WRONG("if header \"a\" :is \"b\" { }", 1, 15, "must stand before");
    EXPECT_WRONG("if header :comparator \"i;klingon\" \"a\" \"b\" { }", 1, 23, "no comparator");
    EXPECT_WRONG("if header :comparator { }", 1, 11, "after \":comparator\"");
    EXPECT_WRONG("if true;", 1, 1, "takes a block");
    EXPECT_WRONG("keep { }", 1, 1, "takes no block");
    EXPECT_WRONG("keep true;", 1, 6, "takes no test");
    EXPECT_WRONG("if not (true) { }", 1, 4, "takes one test");
    EXPECT_WRONG("if anyof true { }", 1, 4, "list of tests");
    EXPECT_WRONG("if not true, false { }", 1, 12, "'{'");
}

static void test_tells_all_that_is_wrong(void **state)
{
    (void)state;
    struct sieve_program *program;
    struct sieve_complaints complaints;
    struct error error;
    struct slice script = S("one;\nkeep;\ntwo;\nif three { four; }\n");
    assert_int_equal(sieve_compile(script, SIEVE_ALL, &program, &complaints, &error), ERR_INVALID);
    assert_int_equal(complaints.count, 4);
    CLEANUP(buf_release) struct buf text = BUF(10000);
    sieve_complaints_put(&complaints, &text);
    assert_string_equal(buf_cstr(&text), "line 1, column 1: there is no command \"one\"\n"
                                         "line 3, column 1: there is no command \"two\"\n"
                                         "line 4, column 4: there is no test \"three\"\n"
                                         "line 4, column 12: there is no command \"four\"\n");
    CLEANUP(buf_release) struct buf many = BUF(10000);
    for (size_t i = 0; i <= SIEVE_COMPLAINTS_MAX; i++)
        buf_put(&many, S("x;"));
    assert_int_equal(sieve_compile(buf_slice(&many), SIEVE_ALL, &program, &complaints, &error), ERR_INVALID);
    assert_int_equal(complaints.count, SIEVE_COMPLAINTS_MAX);
}

static void test_only_allowed_extensions(void **state)
{
    (void)state;
    struct sieve_program *program;
    struct sieve_complaints complaints;
    struct error error;
    struct slice script = S("require \"copy\"; keep;");
    assert_int_equal(sieve_compile(script, SIEVE_ALL & ~SIEVE_BIT(SIEVE_COPY), &program, &complaints, &error),
                     ERR_INVALID);
    assert_int_equal(sieve_compile(script, SIEVE_BIT(SIEVE_COPY), &program, &complaints, &error), ERR_OK);
    sieve_program_free(program);
    CLEANUP(buf_release) struct buf names = BUF(1000);
    sieve_extensions_put(SIEVE_BIT(SIEVE_COPY) | SIEVE_BIT(SIEVE_FILEINTO) | SIEVE_BIT(SIEVE_BASE), &names);
    assert_string_equal(buf_cstr(&names), "fileinto copy");
}

static bool compiles(const struct buf *script)
{
    struct sieve_program *program;
    struct sieve_complaints complaints;
    struct error error;
    enum err e = sieve_compile(buf_slice(script), SIEVE_ALL, &program, &complaints, &error);
    if (e == ERR_OK)
        sieve_program_free(program);
    return e == ERR_OK;
}

static void put_times(struct buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_printf(out, "%s", text);
}

static void test_nesting_has_a_limit(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf blocks = BUF(100000), tests = BUF(100000);
        put_times(&blocks, "if true {", SIEVE_NESTING_MAX - 1 + more);
        put_times(&blocks, "}", SIEVE_NESTING_MAX - 1 + more);
        assert_int_equal(compiles(&blocks), more == 0);
        buf_put(&tests, S("if "));
        put_times(&tests, "not ", SIEVE_NESTING_MAX - 2 + more);
        buf_put(&tests, S("true { }"));
        assert_int_equal(compiles(&tests), more == 0);
    }
}

static void test_a_script_has_a_size_limit(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(2 * SIEVE_SCRIPT_MAX);
        put_times(&script, "keep;\n  ", SIEVE_SCRIPT_MAX / 8);
        put_times(&script, " ", more);
        assert_int_equal(compiles(&script), more == 0);
    }
}

static void test_steps_have_a_limit(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(2 * SIEVE_SCRIPT_MAX);
        buf_put(&script, S("if anyof (false"));
        put_times(&script, ",false", SIEVE_STEPS_MAX - 3 + more);
        buf_put(&script, S(") { }"));
        EXPECT(buf_cstr(&script),
               more == 0 ? "keep"
                         : "failed: line 1: the script takes too much time or memory with this message");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_script_keeps),
        cmocka_unit_test(test_control_structures),
        cmocka_unit_test(test_logic_short_circuits),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_encoded_characters),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_says_where_grammar_is_broken),
        cmocka_unit_test(test_says_where_the_tables_are_broken),
        cmocka_unit_test(test_tells_all_that_is_wrong),
        cmocka_unit_test(test_only_allowed_extensions),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_a_script_has_a_size_limit),
        cmocka_unit_test(test_steps_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
