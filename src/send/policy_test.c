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
        cmocka_unit_test(test_no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
