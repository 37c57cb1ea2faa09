#include "authres/results.h"

#include "base/test.h"

static void test_writes_what_was_found(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(RESULTS_MAX);
    results_begin(&out, S("mail.example"));
    results_put(&out, "spf", "pass", S("a(b)\\\r\nc"));
    results_put_property(&out, "smtp.mailfrom", S("a.b+c@d-e.example"));
    results_put(&out, "dkim", "none", slice_none());
    results_put(&out, "x", "y", slice_none());
    results_put_property(&out, "p.q", S("say \"hi\"\r\n"));
    results_put_property(&out, "p.r", slice_none());
    results_end(&out);
    assert_string_equal(buf_cstr(&out),
                        "Authentication-Results: mail.example;\r\n\tspf=pass (a\\(b\\)\\\\??c) smtp.mailfrom="
                        "a.b+c@d-e.example;\r\n\tdkim=none;\r\n\tx=y p.q=\"say \\\"hi\\\"??\" p.r=\"\"\r\n");
}

static void test_nothing_found_is_none(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(RESULTS_MAX);
    results_begin(&out, S("mail.example"));
    results_end(&out);
    assert_string_equal(buf_cstr(&out), "Authentication-Results: mail.example; none\r\n");
}

static void test_comment_is_cut(void **state)
{
    (void)state;
    char text[RESULTS_COMMENT_MAX + 1];
    memset(text, 'x', sizeof(text));
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf out = BUF(RESULTS_MAX);
        results_put(&out, "m", "r", slice_of(text, RESULTS_COMMENT_MAX + more));
        assert_int_equal(out.n, strlen(";\r\n\tm=r ()") + RESULTS_COMMENT_MAX);
    }
}

static void test_claims_are_seen_through(void **state)
{
    (void)state;
    static const char *const ours[] = {
        " mail.example; spf=pass",
        "MAIL.example 1;",
        "\r\n (a (b) \\) c) mail.example(x);",
        "\"mail.example\"; x",
        "\"ma\\il.example\";",
        "mail.example",
        "mail.example.",
        "",
        "(never ends",
        "\"never ends",
        "; spf=pass",
    };
    static const char *const others[] = {"other.example; mail.example", "mail.example.org; x",
                                         "xmail.example;", "(mail.example) other.example;"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        assert_true(results_claim(slice_cstr(ours[i]), S("mail.example")));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(results_claim(slice_cstr(others[i]), S("mail.example")));
}

static void test_strips_only_claims(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(10000);
    results_strip(
        &out,
        S("A: 1\r\nauthentication-results : mail.example;\r\n x=y\r\nB: 2\r\n"
          "Authentication-Results: other.example; x=y\r\nAuthentication-Results: mail.example; z\r\n\r\n"),
        S("mail.example"));
    assert_string_equal(buf_cstr(&out), "A: 1\r\nB: 2\r\nAuthentication-Results: other.example; x=y\r\n\r\n");
    buf_clear(&out);
    results_strip(&out, S("A: 1\r\nx-posthorn-junk : no, 0.00;\r\n words x\r\nB: 2\r\n\r\n"),
                  S("mail.example"));
    assert_string_equal(buf_cstr(&out), "A: 1\r\nB: 2\r\n\r\n");
    buf_clear(&out);
    results_strip(&out, S("A: 1\r\nno field\r\n"), S("mail.example"));
    assert_string_equal(buf_cstr(&out), "A: 1\r\nno field\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_what_was_found), cmocka_unit_test(test_nothing_found_is_none),
        cmocka_unit_test(test_comment_is_cut),        cmocka_unit_test(test_claims_are_seen_through),
        cmocka_unit_test(test_strips_only_claims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
