#include "queue/policies.h"

#include "queue/testing.h"

#define NOW INT64_C(1700000000000000)

static struct policies *open_at(struct house *t)
{
    struct policies *policies;
    struct error error;
    assert_int_equal(policies_open(store_volume(t->store), &policies, &error), ERR_OK);
    return policies;
}

static enum err put(struct policies *p, const char *domain, const char *text, int64_t fetched_us,
                    int64_t seconds)
{
    struct error error;
    const struct kept_policy policy = {slice_cstr(domain), S("id1"), slice_cstr(text), fetched_us,
                                       fetched_us + seconds * CLOCK_SECOND};
    return policies_put(p, &policy, NOW, &error);
}

static void test_policy_outlives_a_restart_until_it_expires(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct policies *p = open_at(*state);
    struct kept_policy got;
    struct error error;
    assert_int_equal(put(p, "a.example", "old", NOW, 10), ERR_OK);
    assert_int_equal(put(p, "a.example", "text", NOW, 100), ERR_OK);
    policies_close(p);
    p = open_at(*state);
    assert_int_equal(policies_get(p, S("b.example"), NOW, &arena, &got, &error), ERR_NOT_FOUND);
    assert_int_equal(policies_get(p, S("a.example"), NOW + 99 * CLOCK_SECOND, &arena, &got, &error), ERR_OK);
    assert_true(slice_eq(got.text, S("text")) && slice_eq(got.id, S("id1")));
    assert_int_equal(got.fetched_us, NOW);
    assert_int_equal(got.expires_us, NOW + 100 * CLOCK_SECOND);
    assert_int_equal(policies_get(p, S("a.example"), NOW + 100 * CLOCK_SECOND, &arena, &got, &error),
                     ERR_NOT_FOUND);
    policies_close(p);
}

static void test_only_old_ones_in_force_are_named(void **state)
{
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct policies *p = open_at(*state);
    struct slice *names;
    size_t count;
    struct error error;
    const int64_t day = (int64_t)POLICIES_REFRESH_SECONDS * CLOCK_SECOND;
    assert_int_equal(put(p, "gone.example", "", NOW - 2 * day, 86400), ERR_OK);
    assert_int_equal(put(p, "half.example", "", NOW - 60 * CLOCK_SECOND, 120), ERR_OK);
    assert_int_equal(put(p, "new.example", "", NOW - day / 2, 10 * 86400), ERR_OK);
    assert_int_equal(put(p, "old.example", "", NOW - day, 10 * 86400), ERR_OK);
    assert_int_equal(policies_old(p, S(""), NOW, &arena, &names, &count, &error), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(slice_eq(names[0], S("half.example")) && slice_eq(names[1], S("old.example")));
    assert_int_equal(policies_old(p, names[0], NOW, &arena, &names, &count, &error), ERR_OK);
    assert_int_equal(count, 1);
    policies_close(p);
}

static void test_what_is_beyond_the_limits_is_refused(void **state)
{
    static char text[POLICIES_TEXT_MAX + 2];
    struct policies *p = open_at(*state);
    memset(text, 'x', POLICIES_TEXT_MAX + 1);
    assert_int_equal(put(p, "a.example", text, NOW, 10), ERR_INVALID);
    assert_int_equal(put(p, "a.example", text + 1, NOW, 10), ERR_OK);
    assert_int_equal(put(p, "", "", NOW, 10), ERR_INVALID);
    text[POLICIES_NAME_MAX + 1] = 0;
    assert_int_equal(put(p, text, "", NOW, 10), ERR_INVALID);
    policies_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_policy_outlives_a_restart_until_it_expires, house_make,
                                        house_free),
        cmocka_unit_test_setup_teardown(test_only_old_ones_in_force_are_named, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_what_is_beyond_the_limits_is_refused, house_make, house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
