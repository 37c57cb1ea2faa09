/* Who gets a message in the end: each once, and somebody always. */
#include "directory/forward.h"

#include "base/clock.h"
#include "directory/srs.h"
#include "directory/test.h"

static enum err forward_to(struct fixture *t, const char *from, bool keep, const char *first,
                           const char *second)
{
    struct slice targets[] = {slice_cstr(first), slice_cstr(second != NULL ? second : "")};
    const struct forward forward = {
        .targets = targets, .target_count = second != NULL ? 2 : first != NULL, .keep_copy = keep};
    return forward_set(t->directory, slice_cstr(from), &forward, &t->error);
}

/* Planned with fields of the question beside the route. */
static const char *plan_with(struct fixture *t, const char *to, struct forward_question question)
{
    struct route route;
    struct forward_plan plan;
    char *text = arena_alloc(&t->arena, 4096);
    size_t n = 0;
    ASSERT_OK(t, directory_route(t->directory, slice_cstr(to), &t->arena, &route, &t->error));
    question.route = &route;
    ASSERT_OK(t, forward_plan(t->directory, &question, &t->arena, &plan, &t->error));
    for (size_t i = 0; i < plan.account_count; i++) {
        struct account_entry entry;
        ASSERT_OK(t, account_entry_get(t->directory, plan.accounts[i], &t->arena, &entry, &t->error));
        n += (size_t)snprintf(text + n, 4096 - n, "%s%.1s", n > 0 ? " " : "", entry.address.p);
    }
    for (size_t i = 0; i < plan.step_count; i++)
        for (size_t k = 0; k < plan.steps[i].target_count; k++)
            n += (size_t)snprintf(text + n, 4096 - n, "%s%.1s:%.*s", n > 0 ? " " : "", plan.steps[i].by.p,
                                  SLICE_ARGS(plan.steps[i].targets[k]));
    return text;
}

static const char *plan(struct fixture *t, const char *to)
{
    return plan_with(t, to, (struct forward_question){.again_since_us = INT64_MAX});
}

static struct fixture *people(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "x.example");
    make_account(t, "a@x.example", "secret");
    make_account(t, "b@x.example", "secret");
    make_account(t, "c@x.example", "secret");
    return t;
}

static void test_with_and_without_a_copy(void **state)
{
    struct fixture *t = people(state);
    assert_string_equal(plan(t, "a@x.example"), "a");
    ASSERT_OK(t, forward_to(t, "a@x.example", true, "b@x.example", "y@far.example"));
    assert_string_equal(plan(t, "a@x.example"), "a b a:y@far.example");
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "b@x.example", "y@far.example"));
    assert_string_equal(plan(t, "a@x.example"), "b a:y@far.example");
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "b@x.example", "a@x.example"));
    assert_string_equal(plan(t, "a@x.example"), "a b");
    fixture_reopen(t);
    assert_string_equal(plan(t, "a@x.example"), "a b");
    ASSERT_OK(t, forward_to(t, "a@x.example", false, NULL, NULL));
    assert_string_equal(plan(t, "a@x.example"), "a");
}

static void test_circles_end_with_whom_the_message_was_for(void **state)
{
    struct fixture *t = people(state);
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "b@x.example", NULL));
    ASSERT_OK(t, forward_to(t, "b@x.example", false, "a@x.example", NULL));
    assert_string_equal(plan(t, "a@x.example"), "a");
    assert_string_equal(plan(t, "b@x.example"), "b");
    ASSERT_OK(t, forward_to(t, "b@x.example", false, "a@x.example", "c@x.example"));
    assert_string_equal(plan(t, "a@x.example"), "c");
    ASSERT_OK(t, forward_to(t, "b@x.example", true, "a@x.example", NULL));
    assert_string_equal(plan(t, "a@x.example"), "b");
}

static void test_nobody_gets_it_twice(void **state)
{
    struct fixture *t = people(state);
    ASSERT_OK(t, set_alias(t, "all@x.example", true, "a@x.example", "b@x.example"));
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "b@x.example", "Y@far.example"));
    ASSERT_OK(t, forward_to(t, "b@x.example", false, "c@x.example", "y@FAR.example"));
    assert_string_equal(plan(t, "all@x.example"), "c a:Y@far.example");
    ASSERT_OK(t, set_alias(t, "all@x.example", true, "a@x.example", "y@far.example"));
    assert_string_equal(plan(t, "all@x.example"), "c");
}

static void test_targets_may_be_aliases_groups_and_sub_addresses(void **state)
{
    struct fixture *t = people(state);
    ASSERT_OK(t, set_alias(t, "all@x.example", true, "b@x.example", "y@far.example"));
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "all@x.example", "c+work@x.example"));
    assert_string_equal(plan(t, "a@x.example"), "b c a:y@far.example");
}

static void test_what_was_there_before_stays(void **state)
{
    struct fixture *t = people(state);
    struct slice been[] = {S("not an address"), S("A@X.example")};
    struct forward_question question = {.been = been, .been_count = 2, .again_since_us = INT64_MAX};
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "y@far.example", NULL));
    assert_string_equal(plan_with(t, "a@x.example", question), "a");
    question.been_count = 1;
    assert_string_equal(plan_with(t, "a@x.example", question), "a:y@far.example");
}

static void test_who_began_to_forward_meanwhile_keeps_a_copy(void **state)
{
    struct fixture *t = people(state);
    struct forward_question question = {.again_since_us = clock_wall_us() - CLOCK_SECOND};
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "y@far.example", NULL));
    assert_string_equal(plan_with(t, "a@x.example", question), "a a:y@far.example");
    question.again_since_us = clock_wall_us() + CLOCK_SECOND;
    assert_string_equal(plan_with(t, "a@x.example", question), "a:y@far.example");
}

static void test_targets_follow_and_leave_with_their_accounts(void **state)
{
    struct fixture *t = people(state);
    struct account_id none;
    struct account_entry entry;
    struct forward forward;
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "b@x.example", "c@x.example"));
    assert_string_equal(plan(t, "a@x.example"), "b c");
    const struct account_rename rename = {.from = S("b@x.example"), .to = S("d@x.example")};
    ASSERT_OK(t, account_entry_rename(t->directory, &rename, &none, &t->error));
    assert_string_equal(plan(t, "a@x.example"), "d c");
    ASSERT_OK(t, account_entry_remove(t->directory, S("c@x.example"), &t->error));
    make_account(t, "c@x.example", "secret"); /* somebody else */
    assert_string_equal(plan(t, "a@x.example"), "d");
    ASSERT_OK(t, account_entry_remove(t->directory, S("d@x.example"), &t->error));
    assert_string_equal(plan(t, "a@x.example"), "a");
    ASSERT_OK(t, account_entry_find(t->directory, S("a@x.example"), &t->arena, &entry, &t->error));
    ASSERT_OK(t, forward_get(t->directory, entry.id, &t->arena, &forward, &t->error));
    assert_int_equal(forward.target_count, 0);
}

static void test_a_target_that_is_gone_leaves_the_message_where_it_is(void **state)
{
    struct fixture *t = people(state);
    ASSERT_OK(t, set_alias(t, "info@x.example", false, "b@x.example", NULL));
    ASSERT_OK(t, forward_to(t, "a@x.example", false, "info@x.example", NULL));
    assert_string_equal(plan(t, "a@x.example"), "b");
    ASSERT_OK(t, alias_remove(t->directory, S("info@x.example"), &t->error));
    assert_string_equal(plan(t, "a@x.example"), "a");
}

static void test_limits_and_refusals(void **state)
{
    struct fixture *t = people(state);
    char texts[FORWARD_TARGETS_MAX + 1][32];
    struct slice targets[FORWARD_TARGETS_MAX + 1];
    for (size_t i = 0; i <= FORWARD_TARGETS_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "p%zu@far.example", i);
        targets[i] = slice_cstr(texts[i]);
    }
    struct forward forward = {.targets = targets, .target_count = FORWARD_TARGETS_MAX};
    ASSERT_OK(t, forward_set(t->directory, S("a@x.example"), &forward, &t->error));
    forward.target_count++;
    assert_int_equal(forward_set(t->directory, S("a@x.example"), &forward, &t->error), ERR_LIMIT);
    assert_int_equal(forward_to(t, "a@x.example", true, "nobody@x.example", NULL), ERR_NOT_FOUND);
    assert_int_equal(forward_to(t, "nobody@x.example", true, "a@x.example", NULL), ERR_NOT_FOUND);
    assert_int_equal(forward_to(t, "a@x.example", true, "no address", NULL), ERR_INVALID);
}

static void test_a_long_chain_ends_where_the_limit_is(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "x.example");
    char from[32];
    char to[32];
    make_account(t, "0@x.example", "secret");
    for (int i = 0; i <= FORWARD_STOPS_MAX; i++) {
        snprintf(from, sizeof(from), "%d@x.example", i);
        snprintf(to, sizeof(to), "%d@x.example", i + 1);
        make_account(t, to, "secret");
        ASSERT_OK(t, forward_to(t, from, false, to, NULL));
    }
    struct route route;
    struct forward_plan found;
    struct account_entry entry;
    const struct forward_question question = {.route = &route, .again_since_us = INT64_MAX};
    ASSERT_OK(t, directory_route(t->directory, S("0@x.example"), &t->arena, &route, &t->error));
    ASSERT_OK(t, forward_plan(t->directory, &question, &t->arena, &found, &t->error));
    assert_int_equal(found.account_count, 1);
    ASSERT_OK(t, account_entry_get(t->directory, found.accounts[0], &t->arena, &entry, &t->error));
    snprintf(from, sizeof(from), "%d@x.example", FORWARD_STOPS_MAX);
    ASSERT_SLICE(entry.address, from);
}

static struct slice sender_of(struct fixture *t, const char *sender)
{
    struct slice rewritten;
    ASSERT_OK(t, forward_sender(t->directory, slice_cstr(sender), S("a@x.example"), &t->arena, &rewritten,
                                &t->error));
    return rewritten;
}

static void test_senders_from_outside_are_rewritten_and_found_again(void **state)
{
    struct fixture *t = people(state);
    struct route route;
    ASSERT_SLICE(sender_of(t, ""), "");
    ASSERT_SLICE(sender_of(t, "b@x.example"), "b@x.example");
    ASSERT_SLICE(sender_of(t, "\"b b\"@far.example"), "a@x.example");
    struct slice rewritten = sender_of(t, "A.Rather.Long.Name.Of.Somebody@with.a.long.domain.far.example");
    assert_true(slice_starts(rewritten, S("SRS0=")) && slice_ends(rewritten, S("@x.example")));
    assert_true(rewritten.n > ADDRESS_LOCAL_MAX + 10);
    fixture_reopen(t); /* the key is kept */
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("x.example"), S("b@x.example"), &t->error));
    ASSERT_OK(t, directory_route(t->directory, rewritten, &t->arena, &route, &t->error));
    assert_int_equal(route.kind, ROUTE_LOCAL);
    assert_int_equal(route.account_count, 0);
    assert_int_equal(route.foreign_count, 1);
    ASSERT_SLICE(route.foreign[0], "A.Rather.Long.Name.Of.Somebody@with.a.long.domain.far.example");
    ((char *)rewritten.p)[5] ^= 1; /* forged: nobody's, also with a catch-all */
    ASSERT_OK(t, directory_route(t->directory, rewritten, &t->arena, &route, &t->error));
    assert_int_equal(route.kind, ROUTE_UNKNOWN);
    ((char *)rewritten.p)[5] ^= 1;
    clock_shift((SRS_DAYS + 1) * CLOCK_DAY);
    ASSERT_OK(t, directory_route(t->directory, rewritten, &t->arena, &route, &t->error));
    assert_int_equal(route.kind, ROUTE_UNKNOWN);
    clock_shift(-(SRS_DAYS + 1) * CLOCK_DAY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_with_and_without_a_copy),
        TEST(test_circles_end_with_whom_the_message_was_for),
        TEST(test_nobody_gets_it_twice),
        TEST(test_targets_may_be_aliases_groups_and_sub_addresses),
        TEST(test_what_was_there_before_stays),
        TEST(test_who_began_to_forward_meanwhile_keeps_a_copy),
        TEST(test_targets_follow_and_leave_with_their_accounts),
        TEST(test_a_target_that_is_gone_leaves_the_message_where_it_is),
        TEST(test_limits_and_refusals),
        TEST(test_a_long_chain_ends_where_the_limit_is),
        TEST(test_senders_from_outside_are_rewritten_and_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
