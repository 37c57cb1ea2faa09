/* Byte code is the same program again, and nothing else is one. */
#include "sieve/testing.h"

static const char script[] =
    "require [\"fileinto\", \"variables\", \"vacation\", \"relational\", \"imap4flags\", \"date\"];\n"
    "if anyof (header :matches \"subject\" [\"*a*\", \"b${x}\"], not size :over 5K) {\n"
    "  set :lower \"x\" \"${1} and ${y}\";\n"
    "  addflag \"x\" [\"\\\\Seen\", \"b\"];\n"
    "} elsif currentdate :value \"ge\" \"hour\" \"09\" { fileinto :flags \"a\" \"b\"; } else { stop; }\n"
    "vacation :days 3 :addresses [\"a@b.example\"] \"away\";\n";

static void put_code(struct buf *out)
{
    struct sieve_program *program = test_compile(script);
    sieve_program_put(program, out);
    sieve_program_free(program);
    assert_false(buf_failed(out));
}

static void test_loads_what_was_put(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX), again = BUF(SIEVE_CODE_MAX);
    struct sieve_program *program;
    struct error error;
    put_code(&code);
    assert_int_equal(sieve_program_load(buf_slice(&code), &program, &error), ERR_OK);
    sieve_program_put(program, &again);
    sieve_program_free(program);
    assert_true(slice_eq(buf_slice(&code), buf_slice(&again)));
}

static void test_loads_nothing_cut_or_longer(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    struct sieve_program *program;
    struct error error;
    put_code(&code);
    for (size_t n = 0; n < code.n; n++)
        assert_int_not_equal(sieve_program_load(slice_of(code.p, n), &program, &error), ERR_OK);
    buf_putc(&code, 0);
    assert_int_equal(sieve_program_load(buf_slice(&code), &program, &error), ERR_CORRUPT);
}

static void test_changed_bytes_do_no_harm(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    const struct sieve_input input = test_input();
    const struct sieve_host host = {0};
    put_code(&code);
    for (size_t i = 0; i < code.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct sieve_program *program;
            struct sieve_result result;
            struct error error;
            code.p[i] = (char)(code.p[i] ^ (1 << bit));
            if (sieve_program_load(buf_slice(&code), &program, &error) == ERR_OK) {
                assert_int_equal(sieve_run(program, &input, &host, &result, &error), ERR_OK);
                sieve_result_release(&result);
                sieve_program_free(program);
            }
            code.p[i] = (char)(code.p[i] ^ (1 << bit));
        }
}

static void test_other_versions_are_named(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    struct sieve_program *program;
    struct error error;
    put_code(&code);
    code.p[3]++;
    assert_int_equal(sieve_program_load(buf_slice(&code), &program, &error), ERR_VERSION);
    code.p[3]--;
    code.p[4]++;
    assert_int_equal(sieve_program_load(buf_slice(&code), &program, &error), ERR_VERSION);
    assert_int_equal(sieve_program_load(S("something else"), &program, &error), ERR_CORRUPT);
}

static void test_code_has_a_size_limit(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf code = BUF(2 * SIEVE_CODE_MAX);
    struct sieve_program *program;
    struct error error;
    put_code(&code);
    while (code.n <= SIEVE_CODE_MAX)
        buf_putc(&code, 0);
    assert_int_equal(sieve_program_load(buf_slice(&code), &program, &error), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loads_what_was_put),       cmocka_unit_test(test_loads_nothing_cut_or_longer),
        cmocka_unit_test(test_changed_bytes_do_no_harm), cmocka_unit_test(test_other_versions_are_named),
        cmocka_unit_test(test_code_has_a_size_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
