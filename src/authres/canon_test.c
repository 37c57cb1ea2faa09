#include "base/test.h"

#include "authres/canon.h"

/* --- fields --- */

static void assert_field(enum canon canon, const char *field, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(4096);
    canon_field(&out, canon, slice_cstr(field));
    assert_string_equal(buf_cstr(&out), wanted);
}

/* RFC 6376 3.4.5, examples 1 and 2. */
static void test_fields_of_the_rfc(void **state)
{
    (void)state;
    assert_field(CANON_RELAXED, "A: X\r\n", "a:X\r\n");
    assert_field(CANON_RELAXED, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n");
    assert_field(CANON_SIMPLE, "A: X\r\n", "A: X\r\n");
    assert_field(CANON_SIMPLE, "B : Y\t\r\n\tZ  \r\n", "B : Y\t\r\n\tZ  \r\n");
}

static void test_odd_fields(void **state)
{
    (void)state;
    assert_field(CANON_RELAXED, "Empty:\r\n", "empty:\r\n");
    assert_field(CANON_RELAXED, "Folded:\r\n  first\r\n \r\n second", "folded:first second\r\n");
    assert_field(CANON_RELAXED, "Colons: a:b : c", "colons:a:b : c\r\n");
    assert_field(CANON_SIMPLE, "No-end: x", "No-end: x\r\n");
    assert_field(CANON_SIMPLE, "Lf: x\n", "Lf: x\r\n");
}

/* --- bodies --- */

/* The canonical body is what hashes as `wanted` does: in one piece, and byte by byte. */
static void assert_body_limited(enum canon canon, struct slice text, bool limited, uint64_t limit,
                                const char *wanted, uint64_t length)
{
    unsigned char right[32];
    assert_int_equal(EVP_Digest(wanted, strlen(wanted), right, NULL, EVP_sha256(), NULL), 1);
    for (size_t step = 1; step <= text.n + 1; step += text.n > 0 ? text.n : 1) {
        unsigned char got[32];
        struct canon_body body = {
            .digest = EVP_MD_CTX_new(), .canon = canon, .limited = limited, .limit = limit};
        assert_int_equal(EVP_DigestInit_ex(body.digest, EVP_sha256(), NULL), 1);
        for (size_t at = 0; at < text.n; at += step)
            canon_body_feed(&body, slice_sub(text, at, step));
        assert_true(canon_body_end(&body));
        assert_int_equal(EVP_DigestFinal_ex(body.digest, got, NULL), 1);
        EVP_MD_CTX_free(body.digest);
        assert_memory_equal(got, right, 32);
        assert_int_equal(body.length, length);
    }
}

static void assert_body(enum canon canon, const char *text, const char *wanted)
{
    assert_body_limited(canon, slice_cstr(text), false, 0, wanted, strlen(wanted));
}

/* 3.4.5. */
static void test_bodies_of_the_rfc(void **state)
{
    const char *body = " C \r\nD \t E\r\n\r\n\r\n";
    (void)state;
    assert_body(CANON_RELAXED, body, " C\r\nD E\r\n");
    assert_body(CANON_SIMPLE, body, " C \r\nD \t E\r\n");
}

/* 3.4.3, 3.4.4. */
static void test_empty_bodies(void **state)
{
    static const char *const empty[] = {"", "\r\n", "\r\n\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        assert_body(CANON_SIMPLE, empty[i], "\r\n");
        assert_body(CANON_RELAXED, empty[i], "");
    }
    assert_body(CANON_RELAXED, " \t\r\n \r\n", "");
    assert_body(CANON_RELAXED, "  ", "");
    assert_body(CANON_SIMPLE, "  ", "  \r\n");
}

static void test_line_ends(void **state)
{
    (void)state;
    assert_body(CANON_SIMPLE, "no end", "no end\r\n");
    assert_body(CANON_RELAXED, "no end ", "no end\r\n");
    assert_body(CANON_SIMPLE, "a\r\n\r\n\r\nb", "a\r\n\r\n\r\nb\r\n");
    assert_body(CANON_RELAXED, "a \r\n \r\n\r\nb\r\n  ", "a\r\n\r\n\r\nb\r\n");
    /* Alone, CR and LF are text. */
    assert_body(CANON_SIMPLE, "a\rb\nc\r\r\nd\r", "a\rb\nc\r\r\nd\r\r\n");
    assert_body(CANON_RELAXED, "a \r b\n \r\n", "a \r b\n\r\n");
}

static void test_length_is_of_the_canonical_body(void **state)
{
    (void)state;
    assert_body_limited(CANON_RELAXED, S("a  b\r\n\r\nc\r\n"), true, 5, "a b\r\n", 10);
    assert_body_limited(CANON_SIMPLE, S("abc\r\n"), true, 5, "abc\r\n", 5);
    assert_body_limited(CANON_SIMPLE, S("abc\r\n"), true, 6, "abc\r\n", 5);
    assert_body_limited(CANON_SIMPLE, S("abc\r\n"), true, 0, "", 5);
    assert_body_limited(CANON_SIMPLE, S("abc"), true, 4, "abc\r", 5);
}

static void test_many_empty_lines_between(void **state)
{
    CLEANUP(buf_release) struct buf text = BUF(4096);
    (void)state;
    buf_put(&text, S("a"));
    for (int i = 0; i < 100; i++)
        buf_put(&text, S("\r\n"));
    buf_put(&text, S("b\r\n"));
    assert_body(CANON_SIMPLE, buf_cstr(&text), buf_cstr(&text));
    assert_body(CANON_RELAXED, buf_cstr(&text), buf_cstr(&text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_of_the_rfc),
        cmocka_unit_test(test_odd_fields),
        cmocka_unit_test(test_bodies_of_the_rfc),
        cmocka_unit_test(test_empty_bodies),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_length_is_of_the_canonical_body),
        cmocka_unit_test(test_many_empty_lines_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
