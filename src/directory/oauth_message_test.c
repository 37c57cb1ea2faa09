#include "base/test.h"

#include "directory/oauth_message.h"

enum { USER_MAX = 100 };

static bool bearer(const char *text, const char *user, const char *token)
{
    CLEANUP(buf_release) struct buf name = BUF(USER_MAX);
    struct oauth_message message;
    if (!oauthbearer_parse(slice_cstr(text), &name, &message))
        return false;
    assert_true(slice_eq(message.user, slice_cstr(user)));
    assert_true(slice_eq(message.token, slice_cstr(token)));
    return true;
}

static bool xoauth2(struct slice text, const char *user, const char *token)
{
    struct oauth_message message;
    if (!xoauth2_parse(text, &message))
        return false;
    assert_true(slice_eq(message.user, slice_cstr(user)));
    assert_true(slice_eq(message.token, slice_cstr(token)));
    return true;
}

/* RFC 7628 4.1, and its variations. */
static void test_reads_oauthbearer(void **state)
{
    (void)state;
    assert_true(bearer("n,a=user@example.com,\1host=server.example.com\1port=143\1"
                       "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1",
                       "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="));
    assert_true(bearer("n,,\1auth=Bearer abc\1\1", "", "abc"));
    assert_true(bearer("y,,\1auth=bearer  a.b-c_d~e+f/g\1\1", "", "a.b-c_d~e+f/g"));
    assert_true(bearer("n,a=a=2Cb=3Dc,\1auth=Bearer abc\1\1", "a,b=c", "abc"));
    assert_true(bearer("n,,\1user=x\1auth=Bearer abc\1new=\1\1", "", "abc"));
}

static void test_refuses_what_is_no_oauthbearer(void **state)
{
    static const char *const texts[] = {
        "",
        "\1",
        "n",
        "n,,",
        "n,,\1",
        "n,,\1\1",
        "n,,\1auth=Bearer abc",
        "n,,\1auth=Bearer abc\1",
        "n,,\1auth=Bearer abc\1\1x",
        "n,,\1auth=Bearer abc\1\1\1",
        "n,,x\1auth=Bearer abc\1\1",
        "n,user,\1auth=Bearer abc\1\1",
        "n,a=,\1auth=Bearer abc\1\1",
        "n,a=a=2,\1auth=Bearer abc\1\1",
        "p=tls-exporter,,\1auth=Bearer abc\1\1",
        "F,n,,\1auth=Bearer abc\1\1",
        "n,,\1auth=Basic abc\1\1",
        "n,,\1auth=Bearer\1\1",
        "n,,\1auth=Bearer \1\1",
        "n,,\1auth=Bearer ===\1\1",
        "n,,\1auth=Bearer a b\1\1",
        "n,,\1auth=Bearer a=b\1\1",
        "n,,\1auth=Bearer abc\r\nX: y\1\1",
        "n,,\1auth=Bearer abc\1auth=Bearer abc\1\1",
        "n,,\1=x\1auth=Bearer abc\1\1",
        "n,,\1x\1auth=Bearer abc\1\1",
        "n,,\1host=a\1\1",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(bearer(texts[i], "", "abc"));
}

static void test_reads_xoauth2(void **state)
{
    (void)state;
    assert_true(
        xoauth2(S("user=someuser@example.com\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1"),
                "someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"));
    assert_true(xoauth2(S("user=\1auth=Bearer abc\1\1"), "", "abc"));
}

static void test_refuses_what_is_no_xoauth2(void **state)
{
    static const struct slice texts[] = {{"", 0},
                                         {"user=a", 6},
                                         {"user=a\1", 7},
                                         {"auth=Bearer abc\1\1", 17},
                                         {"user=a\1auth=Bearer abc\1", 23},
                                         {"user=a\0b\1auth=Bearer abc\1\1", 26},
                                         {"n,,\1auth=Bearer abc\1\1", 21}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(xoauth2(texts[i], "", "abc"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_oauthbearer),
        cmocka_unit_test(test_refuses_what_is_no_oauthbearer),
        cmocka_unit_test(test_reads_xoauth2),
        cmocka_unit_test(test_refuses_what_is_no_xoauth2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
