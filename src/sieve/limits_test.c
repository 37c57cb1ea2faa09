/* Each limit of a run at its edge and one past it, and where in a script a complaint points. */
#include "sieve/testing.h"

/* Runs; whether the script failed. */
static bool fails(const struct sieve_host *host, struct slice script, const struct sieve_input *input)
{
    struct sieve_result result = {0};
    struct sieve_program *program = NULL;
    struct sieve_complaints complaints;
    struct error error;
    if (sieve_compile(script, SIEVE_ALL, &program, &complaints, &error) != ERR_OK)
        fail_msg("line %u: %s", complaints.items[0].line, complaints.items[0].text);
    assert_int_equal(sieve_run(program, input, host, &result, &error), ERR_OK);
    const bool failed = result.failed;
    sieve_result_release(&result);
    sieve_program_free(program);
    return failed;
}

static bool fails_alone(struct slice script, struct slice message)
{
    const struct sieve_host host = {0};
    struct sieve_input input = test_input();
    input.message = message;
    return fails(&host, script, &input);
}

/* --- include --- */

struct library {
    struct sieve_program *programs[SIEVE_INCLUDES_MAX + 2];
};

/* The script "7" is the eighth. */
static enum err find_numbered(void *context, struct slice name, bool global, const struct sieve_program **ret,
                              struct error *error)
{
    const struct library *library = context;
    uint32_t number = 0;
    (void)global, (void)error;
    assert_true(slice_to_u32(name, &number) && number < ARRAY_LEN(library->programs));
    *ret = library->programs[number];
    return ERR_OK;
}

static void test_depth_of_includes(void **state)
{
    (void)state;
    struct library library = {{0}};
    const struct sieve_host host = {.context = &library, .script = find_numbered};
    const struct sieve_input input = test_input();
    for (uint32_t more = 0; more < 2; more++) {
        const uint32_t depth = SIEVE_INCLUDE_DEPTH_MAX + more;
        for (uint32_t i = 1; i <= depth; i++) {
            char script[100];
            snprintf(script, sizeof(script), "require \"include\"; include \"%u\";", i + 1);
            library.programs[i] = test_compile(i < depth ? script : "discard;");
        }
        assert_int_equal(fails(&host, S("require \"include\"; include \"1\";"), &input), more);
        for (uint32_t i = 1; i <= depth; i++)
            sieve_program_free(take(library.programs[i]));
    }
}

static void test_count_of_includes(void **state)
{
    (void)state;
    struct library library = {{0}};
    const struct sieve_host host = {.context = &library, .script = find_numbered};
    const struct sieve_input input = test_input();
    library.programs[1] = test_compile("keep;");
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(65536);
        buf_put(&script, S("require \"include\";"));
        for (int i = 0; i < SIEVE_INCLUDES_MAX + more; i++)
            buf_put(&script, S("include \"1\";"));
        assert_int_equal(fails(&host, buf_slice(&script), &input), more);
    }
    sieve_program_free(library.programs[1]);
}

/* --- work and memory --- */

/* A comparison costs its bytes and 64 more; all of them together are exactly what is allowed. */
static void test_bytes_that_a_run_looks_at(void **state)
{
    (void)state;
    enum { EACH = 1 << 24, COMPARISONS = (int)(SIEVE_WORK_MAX / EACH) };
    CLEANUP(buf_release) struct buf message = BUF(EACH + 100);
    buf_put(&message, S("\r\n"));
    char *body = buf_reserve(&message, EACH - 64);
    assert_non_null(body);
    memset(body, 'x', EACH - 64);
    buf_grew(&message, EACH - 64);
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(65536);
        buf_put(&script, S("require \"body\"; if body :raw :comparator \"i;octet\" [\"a\""));
        for (int i = 1; i < COMPARISONS + more; i++)
            buf_put(&script, S(",\"a\""));
        buf_put(&script, S("] { discard; }"));
        assert_int_equal(fails_alone(buf_slice(&script), buf_slice(&message)), more);
    }
}

/* Each keep of a changed message takes a copy of it in the result; what doesn't fit fails the script. */
static void test_memory_of_a_run(void **state)
{
    (void)state;
    enum { EACH = 20 << 20, FIT = SIEVE_RUN_MEMORY_MAX / EACH };
    CLEANUP(buf_release) struct buf message = BUF(EACH + 100);
    buf_put(&message, S("Subject: x\r\n\r\n"));
    char *body = buf_reserve(&message, EACH);
    assert_non_null(body);
    memset(body, 'x', EACH);
    buf_grew(&message, EACH);
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(65536);
        buf_put(&script, S("require [\"editheader\", \"fileinto\"];"));
        for (int i = 0; i < FIT + more; i++)
            buf_printf(&script, "addheader \"X\" \"%d\"; fileinto \"%d\";", i, i);
        assert_int_equal(fails_alone(buf_slice(&script), buf_slice(&message)), more);
    }
}

static void test_length_of_a_text(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(1 << 20);
        buf_put(&script, S("require \"variables\"; set \"a\" \""));
        for (int i = 0; i < SIEVE_VARIABLE_MAX; i++)
            buf_putc(&script, 'x');
        buf_put(&script, S("\"; if string :is \""));
        for (int i = 0; i < SIEVE_TEXT_MAX / SIEVE_VARIABLE_MAX; i++)
            buf_put(&script, S("${a}"));
        buf_printf(&script, "%s\" \"y\" {}", more ? "z" : "");
        assert_int_equal(fails_alone(buf_slice(&script), S("")), more);
    }
}

/* --- numbers of things --- */

static void test_flags_of_a_message(void **state)
{
    (void)state;
    const struct sieve_host host = {0};
    const struct sieve_input input = test_input();
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(65536);
        buf_put(&script, S("require \"imap4flags\"; addflag \""));
        for (int i = 0; i < SIEVE_FLAGS_MAX + more; i++)
            buf_printf(&script, "f%d ", i);
        buf_put(&script, S("\";"));
        struct sieve_result result = test_run_on(&host, buf_cstr(&script), &input);
        assert_false(result.failed);
        assert_int_equal(result.actions[0].flag_count, SIEVE_FLAGS_MAX);
        sieve_result_release(&result);
    }
}

static void test_length_of_a_flag(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(1000), wanted = BUF(1000);
        buf_put(&script, S("require \"imap4flags\"; addflag \""));
        buf_put(&wanted, more ? S("keep") : S("keep ["));
        for (int i = 0; i < SIEVE_FLAG_NAME_MAX + more; i++) {
            buf_putc(&script, 'f');
            if (!more)
                buf_putc(&wanted, 'f');
        }
        buf_put(&script, S("\";"));
        buf_put(&wanted, more ? S("") : S("]"));
        EXPECT(buf_cstr(&script), buf_cstr(&wanted));
    }
}

static void put_many(struct buf *out, const char *format, int count)
{
    for (int i = 0; i < count; i++) {
        char text[100];
        snprintf(text, sizeof(text), format, i);
        buf_put(out, slice_cstr(text));
    }
}

static void test_actions_and_redirects(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf actions = BUF(65536), redirects = BUF(65536);
        buf_put(&actions, S("require \"fileinto\";"));
        put_many(&actions, "fileinto \"%d\";", SIEVE_ACTIONS_MAX + more);
        put_many(&redirects, "redirect \"%d@example.org\";", SIEVE_REDIRECTS_MAX + more);
        assert_int_equal(fails_alone(buf_slice(&actions), S("")), more);
        assert_int_equal(fails_alone(buf_slice(&redirects), S("")), more);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf variable = BUF(1000), script = BUF(2000);
        struct sieve_program *program = NULL;
        struct sieve_complaints complaints;
        struct error error;
        buf_put(&variable, S("require \"variables\"; set \""));
        put_many(&variable, "v", SIEVE_VARIABLE_NAME_MAX + more);
        buf_put(&variable, S("\" \"\";"));
        enum err e = sieve_compile(buf_slice(&variable), SIEVE_ALL, &program, &complaints, &error);
        assert_int_equal(e, more ? ERR_INVALID : ERR_OK);
        sieve_program_free(e == ERR_OK ? program : NULL);
        buf_put(&script, S("require \"include\"; include \""));
        put_many(&script, "s", SIEVE_SCRIPT_NAME_MAX + more);
        buf_put(&script, S("\";"));
        e = sieve_compile(buf_slice(&script), SIEVE_ALL, &program, &complaints, &error);
        assert_int_equal(e, more ? ERR_INVALID : ERR_OK);
        sieve_program_free(e == ERR_OK ? program : NULL);
    }
}

/* --- complaints --- */

struct complained {
    const char *script;
    unsigned line, column;
    const char *says;
};

static const struct complained complained[] = {
    {"keep\n  ?;", 2, 3, "belongs to no word of the language"},
    {"keep ]", 1, 6, "should stand"},
    {"keep;\n redirect \"abc", 2, 11, "string"},
    {"keep;\n /* abc", 2, 2, "comment"},
    {"if size :over 99999999999999999999 {}", 1, 15, "the number is too large"},
    {"if true {\n keep;", 2, 7, "the script ends where"},
    {"keep keep;", 1, 6, "takes no test"},
    {"keep;\n frob;", 2, 2, "there is no command \"frob\""},
    {"if\n frob {}", 2, 2, "there is no test \"frob\""},
    {"keep;\nrequire \"date\";", 2, 1, "require stands before"},
    {"require [\"date\",\n \"frob\"];", 1, 9, "there is no extension \"frob\" here"},
    {"\nelse {}", 2, 1, "stands only after if or elsif"},
    {"if true;", 1, 1, "takes a block in braces"},
    {"keep {}", 1, 1, "takes no block"},
    {"keep true;", 1, 6, "takes no test"},
    {"if {}", 1, 1, "takes one test"},
    {"if (true, false) {}", 1, 1, "takes one test"},
    {"if anyof true {}", 1, 4, "takes a list of tests"},
    {"redirect;", 1, 1, "takes 1 argument besides its tags, not 0"},
    {"redirect \"a@b.example\" \"c\";", 1, 1, "takes 1 argument besides its tags, not 2"},
    {"redirect 5;", 1, 10, "a string should stand here"},
    {"if size :over \"5\" {}", 1, 15, "a number should stand here"},
    {"redirect [\"a@b.example\"];", 1, 10, "a string should stand here"},
    {"if header 1 \"x\" {}", 1, 11, "a string or a list of strings should stand here"},
    {"keep :frob;", 1, 6, "has no argument \":frob\""},
    {"keep :flags \"x\";", 1, 6, "needs require \"imap4flags\""},
    {"if header :is :contains \"a\" \"b\" {}", 1, 15, "contradicts or repeats"},
    {"if header :comparator {}", 1, 11, "after \":comparator\" a string should stand"},
    {"if header \"a\" :is \"b\" {}", 1, 15, "must stand before the arguments without a tag"},
    {"fileinto \"x\";", 1, 1, "\"fileinto\" needs require \"fileinto\""},
    {"redirect\n\"x\";", 2, 1, "\"x\" is no address"},
    {"require \"fileinto\"; fileinto \"\";", 1, 30, "can be no mailbox"},
    {"if header :comparator \"frob\" \"a\" \"b\" {}", 1, 23, "there is no comparator \"frob\""},
    {"if header :comparator \"i;ascii-numeric\" \"a\" \"b\" {}", 1, 23,
     "needs require \"comparator-i;ascii-num"},
    {"require \"comparator-i;ascii-numeric\";\nif header :contains :comparator \"i;ascii-numeric\" \"a\" "
     "\"b\" {}",
     2, 11, "knows no substrings"},
    {"require \"relational\"; if header :count \"up\" \"a\" \"1\" {}", 1, 40, "is none of gt, ge"},
    {"require \"regex\"; if header :regex \"a\" \"(\" {}", 1, 39, "\"(\": "},
    {"require [\"regex\", \"comparator-i;ascii-numeric\"];\nif header :regex :comparator \"i;ascii-numeric\" "
     "\"a\" \"b\" {}",
     2, 11, "knows only i;octet"},
    {"require \"index\"; if header :last \"a\" \"b\" {}", 1, 28, "\":last\" needs \":index\""},
    {"require \"index\"; if header :index 0 \"a\" \"b\" {}", 1, 35, "counts from 1"},
    {"if address [\"to\", \"subject\"] \"b\" {}", 1, 12, "is no field that holds addresses"},
    {"require \"envelope\"; if envelope \"auth\" \"b\" {}", 1, 33, "is no part of the envelope"},
    {"if size 5 {}", 1, 4, "takes \":over\" or \":under\""},
    {"require \"date\"; if date :zone \"x\" \"date\" \"year\" \"1\" {}", 1, 31, "is no time zone"},
    {"require \"date\"; if date \"date\" \"century\" \"1\" {}", 1, 32, "is no part of a date"},
    {"require \"variables\"; set \"1\" \"\";", 1, 26, "is no name of a variable"},
    {"require \"variables\"; set \"${a}\" \"\";", 1, 26, "variables can't stand here"},
    {"require \"variables\"; keep;\nredirect \"${32}\";", 2, 10, "match variables end at ${31}"},
    {"require \"variables\"; redirect \"${a.b}\";", 1, 31,
     "no extension that is required has such variables"},
    {"require \"encoded-character\"; redirect \"${unicode:d800}\";", 1, 39,
     "holds a number that is no character"},
    {"require \"imap4flags\"; setflag \"a\" \"b\";", 1, 31, "naming a variable needs require \"variables\""},
    {"require [\"imap4flags\", \"variables\"]; setflag \"${a}\" \"b\";", 1, 46, "can't hold variables"},
    {"require [\"fileinto\", \"mailboxid\", \"special-use\"];\nfileinto :specialuse \"\\\\Junk\" :mailboxid "
     "\"x\" \"y\";",
     2, 42, "exclude each other"},
    {"require [\"vacation\", \"mailbox\", \"fcc\"];\nvacation :create \"x\";", 2, 10, "this needs \":fcc\""},
    {"require \"vacation\"; vacation :from \"x\" \"y\";", 1, 36, "is no list of mailboxes"},
    {"require \"vacation\"; vacation :mime \"Subject: \303\244\r\n\r\n\";", 1, 36, "can't hold 8-bit text"},
    {"require \"editheader\"; addheader \"a b\" \"\";", 1, 33, "is no name of a field"},
    {"require \"editheader\"; deleteheader \":\";", 1, 36, "is no name of a field"},
    {"require \"include\"; include \"a/b\";", 1, 28, "is no name of a script"},
    {"require \"include\"; global \"a\";", 1, 20, "\"global\" needs require \"variables\""},
    {"require [\"include\", \"variables\"]; global \"a.b\";", 1, 42, "is no name of a variable"},
};

static void test_complaints_point_at_what_is_wrong(void **state)
{
    (void)state;
    size_t bad = 0;
    for (size_t i = 0; i < ARRAY_LEN(complained); i++) {
        const struct complained *row = &complained[i];
        struct sieve_program *program = NULL;
        struct sieve_complaints complaints;
        struct error error;
        enum err e = sieve_compile(slice_cstr(row->script), SIEVE_ALL, &program, &complaints, &error);
        const struct sieve_complaint *got = &complaints.items[0];
        if (e == ERR_INVALID && got->line == row->line && got->column == row->column &&
            strstr(got->text, row->says) != NULL)
            continue;
        print_error("%s: line %u, column %u: %s\n", row->script, got->line, got->column, got->text);
        sieve_program_free(e == ERR_OK ? program : NULL);
        bad++;
    }
    assert_int_equal(bad, 0);
}

static void test_variables_in_one_string(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf script = BUF(65536);
        buf_put(&script, S("require [\"variables\", \"reject\"];\nreject \""));
        put_many(&script, "${a}x", 2048 + more);
        buf_put(&script, S("\";"));
        if (more)
            EXPECT_WRONG(buf_cstr(&script), 2, 8, "more than 2048 variables in one string");
        else
            assert_false(fails_alone(buf_slice(&script), S("")));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth_of_includes),
        cmocka_unit_test(test_count_of_includes),
        cmocka_unit_test(test_bytes_that_a_run_looks_at),
        cmocka_unit_test(test_memory_of_a_run),
        cmocka_unit_test(test_length_of_a_text),
        cmocka_unit_test(test_flags_of_a_message),
        cmocka_unit_test(test_length_of_a_flag),
        cmocka_unit_test(test_actions_and_redirects),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_complaints_point_at_what_is_wrong),
        cmocka_unit_test(test_variables_in_one_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
