#include "link/login_guard.h"

#include "base/test.h"

enum { CROWD = 22 }; /* addresses that make an attack, with what fades between */

#define ANNA S("anna@demo.example")

static int make(void **state)
{
    *state = login_guard_create();
    assert_non_null(*state);
    return 0;
}

static int destroy(void **state)
{
    login_guard_destroy(*state);
    return 0;
}

static const char *peer_of(int i)
{
    static char text[CONN_PEER_TEXT_MAX];
    snprintf(text, sizeof(text), "198.%d.%d.%d", 18 + i / 65536, i / 256 % 256, i % 256);
    return text;
}

/* Each address fails once. */
static void attack(struct login_guard *guard, int from, int count)
{
    for (int i = from; i < from + count; i++) {
        assert_false(guard_must_wait(guard, peer_of(i), ANNA));
        guard_failed(guard, peer_of(i), ANNA);
    }
}

static void test_in_an_attack_each_address_has_one_guess(void **state)
{
    struct login_guard *guard = *state;
    attack(guard, 0, 10);
    assert_false(guard_must_wait(guard, peer_of(0), ANNA)); /* ten are no attack */
    attack(guard, 10, CROWD - 10);
    for (int i = 0; i < CROWD; i++)
        assert_true(guard_must_wait(guard, peer_of(i), ANNA));
    assert_false(guard_must_wait(guard, peer_of(0), S("ben@demo.example"))); /* others' names are as ever */
    attack(guard, CROWD, 1);
    assert_true(guard_must_wait(guard, peer_of(CROWD), ANNA));
}

static void test_a_new_place_of_the_owner_is_not_locked_out(void **state)
{
    struct login_guard *guard = *state;
    attack(guard, 0, 1000);
    assert_false(guard_must_wait(guard, "203.0.113.9", ANNA));
    guard_failed(guard, "203.0.113.9", ANNA); /* he mistyped */
    assert_true(guard_must_wait(guard, "203.0.113.9", ANNA));
    assert_false(guard_must_wait(guard, "203.0.113.10", ANNA));
}

static void test_where_the_owner_has_been_he_may_mistype(void **state)
{
    struct login_guard *guard = *state;
    guard_succeeded(guard, "203.0.113.9", S("anna"), ANNA);
    guard_succeeded(guard, "2001:db8:1:2::3", ANNA, ANNA);
    clock_shift(29 * CLOCK_DAY);
    attack(guard, 0, 1000);
    /* His telephone has another address of the same network. */
    for (int i = 0; i < 5; i++) {
        assert_false(guard_must_wait(guard, "203.0.7.7", ANNA));
        guard_failed(guard, "203.0.7.7", ANNA);
        assert_false(guard_must_wait(guard, "2001:db8:ffff::1", ANNA));
        guard_failed(guard, "2001:db8:ffff::1", ANNA);
    }
    assert_false(guard_must_wait(guard, "203.0.7.7", ANNA));
    guard_failed(guard, "203.0.7.7", ANNA);
    assert_true(guard_must_wait(guard, "203.0.7.7", ANNA)); /* as ever: six failures */
    guard_failed(guard, "2001:db9::1", ANNA);
    assert_true(guard_must_wait(guard, "2001:db9::1", ANNA)); /* not his network */
    clock_shift(-29 * CLOCK_DAY);
}

static void test_a_home_is_forgotten_after_a_month(void **state)
{
    struct login_guard *guard = *state;
    guard_succeeded(guard, "203.0.113.9", ANNA, ANNA);
    clock_shift(31 * CLOCK_DAY);
    attack(guard, 0, CROWD);
    guard_failed(guard, "203.0.113.9", ANNA);
    assert_true(guard_must_wait(guard, "203.0.113.9", ANNA));
    clock_shift(-31 * CLOCK_DAY);
}

static void test_one_device_with_an_old_password_is_no_attack(void **state)
{
    struct login_guard *guard = *state;
    int64_t passed = 0;
    for (int i = 0; i < 2000; i++) {
        if (!guard_must_wait(guard, "203.0.113.9", ANNA))
            guard_failed(guard, "203.0.113.9", ANNA);
        clock_shift(10 * CLOCK_SECOND);
        passed += 10 * CLOCK_SECOND;
    }
    guard_failed(guard, "192.0.2.7", ANNA);
    assert_false(guard_must_wait(guard, "192.0.2.7", ANNA));
    clock_shift(-passed);
}

static void test_an_attack_ends_an_hour_after_its_last_guess(void **state)
{
    struct login_guard *guard = *state;
    attack(guard, 0, 1000);
    clock_shift(30 * CLOCK_MINUTE);
    assert_true(guard_must_wait(guard, peer_of(0), ANNA));
    clock_shift(30 * CLOCK_MINUTE);
    assert_false(guard_must_wait(guard, peer_of(0), ANNA));
    clock_shift(-CLOCK_HOUR);
}

/* One new address in ten minutes keeps the guard up; each may guess again after six hours. */
static void test_a_slow_attack_stays_one(void **state)
{
    struct login_guard *guard = *state;
    int64_t passed = 0;
    attack(guard, 0, 1000);
    for (int i = 1000; i < 1035; i++) {
        clock_shift(9 * CLOCK_MINUTE);
        passed += 9 * CLOCK_MINUTE;
        attack(guard, i, 1);
    }
    assert_true(guard_must_wait(guard, peer_of(1), ANNA));
    clock_shift(CLOCK_HOUR - 6 * CLOCK_MINUTE);
    passed += CLOCK_HOUR - 6 * CLOCK_MINUTE;
    attack(guard, 2000, CROWD);
    assert_false(guard_must_wait(guard, peer_of(1), ANNA));
    assert_true(guard_must_wait(guard, peer_of(1034), ANNA));
    clock_shift(-passed);
}

static void test_success_is_no_licence_for_others_names(void **state)
{
    struct login_guard *guard = *state;
    attack(guard, 0, CROWD);
    guard_succeeded(guard, peer_of(0), S("ben@demo.example"), S("ben@demo.example"));
    assert_true(guard_must_wait(guard, peer_of(0), ANNA));
}

static void test_no_name_is_nobodys(void **state)
{
    struct login_guard *guard = *state;
    for (int i = 0; i < 1000; i++)
        guard_failed(guard, peer_of(i), slice_none());
    assert_false(guard_must_wait(guard, peer_of(0), slice_none()));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_in_an_attack_each_address_has_one_guess),
        TEST(test_a_new_place_of_the_owner_is_not_locked_out),
        TEST(test_where_the_owner_has_been_he_may_mistype),
        TEST(test_a_home_is_forgotten_after_a_month),
        TEST(test_one_device_with_an_old_password_is_no_attack),
        TEST(test_an_attack_ends_an_hour_after_its_last_guess),
        TEST(test_a_slow_attack_stays_one),
        TEST(test_success_is_no_licence_for_others_names),
        TEST(test_no_name_is_nobodys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
