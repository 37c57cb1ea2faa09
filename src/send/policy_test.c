/* How a session with a host must be secured, where DNSSEC proves nothing: what the domain's policy says. */
#include "send/policy.h"

#include "base/test.h"

static struct slice named[] = {S("mx.there.example"), S("*.more.example")};

static enum err find(enum sts_mode mode, struct slice name, struct arena *arena, struct policy *ret_policy)
{
    struct error error;
    const struct hosts hosts = {.each = {{.name = name}}, .count = 1};
    const struct resolver_host host = {.count = 0};
    const struct sts_policy sts = {.mode = mode, .mx = named, .mx_count = ARRAY_LEN(named)};
    const struct policy_question question = {
        .port = 25, .domain = S("there.example"), .hosts = &hosts, .sts = &sts, .name = name, .host = &host};
    return policy_find(&question, arena, ret_policy, &error);
}

static void test_without_a_policy_it_is_as_it_comes(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct policy policy;
    assert_int_equal(find(STS_NONE, S("mx.there.example"), &arena, &policy), ERR_OK);
    assert_int_equal(policy.level, POLICY_MAY);
    assert_false(policy.expectation.authority);
    assert_string_equal(policy.expectation.name, "mx.there.example");
    assert_string_equal(policy_name(&policy), "");
}

static void test_a_policy_in_force_demands_a_good_certificate(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct policy policy;
    assert_int_equal(find(STS_ENFORCE, S("mx.there.example"), &arena, &policy), ERR_OK);
    assert_int_equal(policy.level, POLICY_STS);
    assert_true(policy.expectation.authority);
    assert_int_equal(policy.expectation.tlsa_count, 0);
    assert_string_equal(policy_name(&policy), "MTA-STS");
    assert_int_equal(find(STS_ENFORCE, S("a.more.example"), &arena, &policy), ERR_OK);
    assert_string_equal(policy.expectation.name, "a.more.example");
}

static void test_a_host_that_the_policy_does_not_name_is_not_used(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct policy policy = {.level = POLICY_LEVELS};
    assert_int_equal(find(STS_ENFORCE, S("else.example"), &arena, &policy), ERR_AUTH);
    assert_int_equal(find(STS_ENFORCE, S("a.b.more.example"), &arena, &policy), ERR_AUTH);
}

static void test_a_policy_that_is_only_tried_demands_nothing(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct policy policy;
    assert_int_equal(find(STS_TESTING, S("else.example"), &arena, &policy), ERR_OK);
    assert_int_equal(policy.level, POLICY_MAY);
    assert_false(policy.expectation.authority);
}

struct vouching {
    enum sts_mode mode;
    bool direct, literal;
    const char *canonical;
    struct slice name;
};

static enum err require(const struct vouching *v, struct arena *arena, struct policy *ret_policy)
{
    struct error error;
    const struct hosts hosts = {.each = {{.name = v->name}},
                                .count = 1,
                                .direct = v->direct,
                                .literal = v->literal,
                                .canonical = slice_cstr(v->canonical)};
    const struct resolver_host host = {.count = 0};
    const struct sts_policy sts = {.mode = v->mode, .mx = named, .mx_count = ARRAY_LEN(named)};
    const struct policy_question question = {.port = 25,
                                             .domain = S("there.example"),
                                             .hosts = &hosts,
                                             .sts = &sts,
                                             .name = v->name,
                                             .host = &host,
                                             .required = true};
    return policy_find(&question, arena, ret_policy, &error);
}

/* RFC 8689 2 */
static void test_who_requires_tls_wants_a_name_that_is_vouched_for(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    static const struct {
        struct vouching how;
        enum err err;
        enum policy_level level;
    } cases[] = {
        {{STS_NONE, false, false, "there.example", S("mx.there.example")}, ERR_UNSUPPORTED, POLICY_MAY},
        {{STS_TESTING, false, false, "there.example", S("mx.there.example")}, ERR_OK, POLICY_REQUIRED},
        {{STS_TESTING, false, false, "there.example", S("else.example")}, ERR_UNSUPPORTED, POLICY_MAY},
        {{STS_ENFORCE, false, false, "there.example", S("mx.there.example")}, ERR_OK, POLICY_STS},
        {{STS_ENFORCE, false, false, "there.example", S("else.example")}, ERR_AUTH, POLICY_MAY},
        {{STS_NONE, true, false, "there.example", S("there.example")}, ERR_OK, POLICY_REQUIRED},
        {{STS_NONE, true, false, "alias.example", S("alias.example")}, ERR_UNSUPPORTED, POLICY_MAY},
        {{STS_NONE, false, true, "there.example", S("192.0.2.1")}, ERR_UNSUPPORTED, POLICY_MAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy policy;
        assert_int_equal(require(&cases[i].how, &arena, &policy), cases[i].err);
        if (cases[i].err != ERR_OK)
            continue;
        assert_int_equal(policy.level, cases[i].level);
        assert_true(policy.expectation.authority && policy_is_proof(&policy));
        assert_true(slice_eq(slice_cstr(policy.expectation.name), cases[i].how.name));
    }
}

static void test_no_memory_is_told(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(8);
    struct policy policy;
    assert_int_equal(find(STS_NONE, S("mx.there.example"), &arena, &policy), ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_policy_it_is_as_it_comes),
        cmocka_unit_test(test_a_policy_in_force_demands_a_good_certificate),
        cmocka_unit_test(test_a_host_that_the_policy_does_not_name_is_not_used),
        cmocka_unit_test(test_a_policy_that_is_only_tried_demands_nothing),
        cmocka_unit_test(test_who_requires_tls_wants_a_name_that_is_vouched_for),
        cmocka_unit_test(test_no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
