#include "base/test.h"

#include "directory/claims.h"

#include "base/clock.h"

#define NOW (INT64_C(1800000000) * CLOCK_SECOND)

static const struct claim_rules strict = {
    .issuer = "https://id.example", .audience = "mail", .account = "email", .complete = true};
static const struct claim_rules loose = {.issuer = "", .audience = "", .account = "username"};

static enum err check(const char *text, const struct claim_rules *rules, struct claims *ret)
{
    static char account[100];
    CLEANUP(arena_release) struct arena arena = ARENA(10000);
    struct error error;
    struct claims claims;
    json_t *object = json_loads(text, 0, NULL);
    assert_non_null(object);
    enum err err = claims_check(object, rules, NOW, &arena, &claims, &error);
    json_decref(object);
    if (err == ERR_OK && ret != NULL) {
        snprintf(account, sizeof(account), "%.*s", SLICE_ARGS(claims.account));
        *ret = claims;
        ret->account = slice_cstr(account);
    }
    return err;
}

/* A good token with one more member, or another value of one. */
static enum err with(const char *times, const char *parties, const char *account)
{
    char text[500];
    snprintf(text, sizeof(text), "{%s,%s,%s}", times, parties, account);
    return check(text, &strict, NULL);
}

#define TIMES "\"exp\":1800000100"
#define PARTIES "\"iss\":\"https://id.example\",\"aud\":\"mail\""
#define ANNA "\"email\":\"anna@demo.example\""

static void test_names_the_account(void **state)
{
    (void)state;
    struct claims claims;
    assert_int_equal(check("{" TIMES "," PARTIES "," ANNA "}", &strict, &claims), ERR_OK);
    assert_true(slice_eq(claims.account, S("anna@demo.example")));
    assert_true(claims.expires_us == NOW + 100 * CLOCK_SECOND);
    assert_int_equal(check("{\"username\":\"otto\"}", &loose, &claims), ERR_OK);
    assert_true(claims.expires_us == INT64_MAX);
}

static void test_times_have_a_skew(void **state)
{
    (void)state;
    assert_int_equal(with("\"exp\":1799999941", PARTIES, ANNA), ERR_OK);
    assert_int_equal(with("\"exp\":1799999940", PARTIES, ANNA), ERR_AUTH);
    assert_int_equal(with("\"exp\":1800000100.5", PARTIES, ANNA), ERR_OK);
    assert_int_equal(with(TIMES ",\"nbf\":1800000060", PARTIES, ANNA), ERR_OK);
    assert_int_equal(with(TIMES ",\"nbf\":1800000061", PARTIES, ANNA), ERR_AUTH);
}

static void test_refuses_times_that_are_none(void **state)
{
    (void)state;
    static const char *const times[] = {"\"x\":1",    "\"exp\":\"1800000100\"", "\"exp\":null",
                                        "\"exp\":-1", "\"exp\":1e300",          TIMES ",\"nbf\":\"now\"",
                                        "\"exp\":[]", "\"exp\":true",           TIMES ",\"nbf\":-1"};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        assert_int_equal(with(times[i], PARTIES, ANNA), ERR_AUTH);
}

static void test_parties_must_be_ours(void **state)
{
    (void)state;
    static const char *const good[] = {"\"iss\":\"https://id.example\",\"aud\":[\"web\",\"mail\"]"};
    static const char *const bad[] = {
        "\"iss\":\"https://id.example\"",
        "\"aud\":\"mail\"",
        "\"iss\":\"https://id.example/\",\"aud\":\"mail\"",
        "\"iss\":[\"https://id.example\"],\"aud\":\"mail\"",
        "\"iss\":\"https://id.example\",\"aud\":\"mails\"",
        "\"iss\":\"https://id.example\",\"aud\":\"\"",
        "\"iss\":\"https://id.example\",\"aud\":[]",
        "\"iss\":\"https://id.example\",\"aud\":[7,[\"mail\"]]",
        "\"iss\":\"https://id.example\",\"aud\":{\"mail\":\"mail\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(with(TIMES, good[i], ANNA), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(with(TIMES, bad[i], ANNA), ERR_AUTH);
}

static void test_an_introspection_need_not_say_all(void **state)
{
    (void)state;
    struct claim_rules rules = loose;
    rules.issuer = "https://id.example";
    assert_int_equal(check("{\"username\":\"otto\"}", &rules, NULL), ERR_OK);
    assert_int_equal(check("{\"username\":\"otto\",\"iss\":\"https://other.example\"}", &rules, NULL),
                     ERR_AUTH);
    assert_int_equal(check("{\"username\":\"otto\",\"exp\":1}", &rules, NULL), ERR_AUTH);
    rules.audience = "mail";
    assert_int_equal(check("{\"username\":\"otto\"}", &rules, NULL), ERR_AUTH);
}

static void test_unverified_addresses_are_nobodys(void **state)
{
    (void)state;
    assert_int_equal(with(TIMES, PARTIES, ANNA ",\"email_verified\":true"), ERR_OK);
    assert_int_equal(with(TIMES, PARTIES, ANNA ",\"email_verified\":\"true\""), ERR_OK);
    assert_int_equal(with(TIMES, PARTIES, ANNA ",\"email_verified\":false"), ERR_AUTH);
    assert_int_equal(with(TIMES, PARTIES, ANNA ",\"email_verified\":\"false\""), ERR_AUTH);
    assert_int_equal(with(TIMES, PARTIES, ANNA ",\"email_verified\":null"), ERR_AUTH);
    assert_int_equal(check("{\"username\":\"otto\",\"email_verified\":false}", &loose, NULL), ERR_OK);
}

static void test_account_must_be_a_text(void **state)
{
    (void)state;
    static char text[CLAIMS_ACCOUNT_MAX + 100];
    assert_int_equal(with(TIMES, PARTIES, "\"email\":7"), ERR_AUTH);
    assert_int_equal(with(TIMES, PARTIES, "\"email\":\"\""), ERR_AUTH);
    assert_int_equal(with(TIMES, PARTIES, "\"email\":[\"anna@demo.example\"]"), ERR_AUTH);
    assert_int_equal(with(TIMES, PARTIES, "\"sub\":\"anna\""), ERR_AUTH);
    for (int more = 0; more < 2; more++) {
        snprintf(text, sizeof(text), "{\"username\":\"%0*d\"}", CLAIMS_ACCOUNT_MAX + more, 0);
        assert_int_equal(check(text, &loose, NULL), more == 0 ? ERR_OK : ERR_AUTH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_the_account),
        cmocka_unit_test(test_times_have_a_skew),
        cmocka_unit_test(test_refuses_times_that_are_none),
        cmocka_unit_test(test_parties_must_be_ours),
        cmocka_unit_test(test_an_introspection_need_not_say_all),
        cmocka_unit_test(test_unverified_addresses_are_nobodys),
        cmocka_unit_test(test_account_must_be_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
