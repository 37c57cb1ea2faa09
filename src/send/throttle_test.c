#include "base/test.h"

#include "base/clock.h"
#include "send/throttle.h"

enum { MAX_CONNECTIONS = 20 };

static void succeed(struct throttle *t, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        throttle_success(t);
}

static void test_each_success_adds_a_connection(void **state UNUSED)
{
    struct throttle t = throttle_new(MAX_CONNECTIONS);
    assert_int_equal(t.limit, 1);
    succeed(&t, 3);
    assert_int_equal(t.limit, 4);
    succeed(&t, 100);
    assert_int_equal(t.limit, MAX_CONNECTIONS);
}

static void test_who_says_too_much_gets_half_and_recovers_slowly(void **state UNUSED)
{
    struct throttle t = throttle_new(MAX_CONNECTIONS);
    succeed(&t, 100);
    throttle_pushed_back(&t, CLOCK_SECOND);
    assert_int_equal(t.limit, 10);
    assert_false(throttle_is_blocked(&t, CLOCK_SECOND));
    succeed(&t, 9);
    assert_int_equal(t.limit, 10);
    succeed(&t, 1);
    assert_int_equal(t.limit, 11);
    succeed(&t, 1000);
    assert_int_equal(t.limit, MAX_CONNECTIONS);
    for (int i = 0; i < THROTTLE_PATIENCE - 1; i++)
        throttle_pushed_back(&t, CLOCK_SECOND);
    assert_int_equal(t.limit, 1);
    assert_false(throttle_is_blocked(&t, CLOCK_SECOND));
    throttle_pushed_back(&t, CLOCK_SECOND);
    assert_true(throttle_is_blocked(&t, CLOCK_SECOND + 59 * CLOCK_SECOND));
    assert_false(throttle_is_blocked(&t, CLOCK_SECOND + 60 * CLOCK_SECOND));
}

static void test_nobody_is_asked_again_after_longer_and_longer(void **state UNUSED)
{
    struct throttle t = throttle_new(MAX_CONNECTIONS);
    static const int64_t seconds[] = {60, 120, 240, 480, 960, 1800, 1800};
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        throttle_unreachable(&t, 5);
        assert_int_equal(t.blocked_until_us, 5 + seconds[i] * CLOCK_SECOND);
    }
    throttle_unblock(&t);
    assert_false(throttle_is_blocked(&t, 5));
    throttle_unreachable(&t, 5);
    assert_int_equal(t.blocked_until_us, 5 + 60 * CLOCK_SECOND);
}

static void test_a_full_house_is_no_trouble(void **state UNUSED)
{
    struct throttle t = throttle_new(MAX_CONNECTIONS);
    succeed(&t, 7);
    throttle_crowded(&t, 5);
    assert_int_equal(t.limit, 5);
    assert_false(throttle_is_blocked(&t, 1));
    succeed(&t, 5);
    assert_int_equal(t.limit, 6); /* it is tried again, now and then */
    throttle_crowded(&t, 0);
    assert_int_equal(t.limit, 1);
}

static void test_another_maximum_holds_at_once(void **state UNUSED)
{
    struct throttle t = throttle_new(MAX_CONNECTIONS);
    succeed(&t, 100);
    throttle_set_max(&t, 3);
    assert_int_equal(t.limit, 3);
    throttle_set_max(&t, 6);
    succeed(&t, 3);
    assert_int_equal(t.limit, 6);
}

static void test_a_rate_spaces_messages(void **state UNUSED)
{
    int64_t turn = 0;
    assert_int_equal(throttle_take_turn(&turn, 60, 100), 100);
    assert_int_equal(throttle_take_turn(&turn, 60, 100), 100 + CLOCK_SECOND);
    assert_int_equal(throttle_take_turn(&turn, 60, 100), 100 + 2 * CLOCK_SECOND);
    assert_int_equal(throttle_take_turn(&turn, 60, CLOCK_MINUTE), CLOCK_MINUTE);
    assert_int_equal(throttle_take_turn(&turn, 0, CLOCK_MINUTE), CLOCK_MINUTE);
    assert_int_equal(turn, 0);
}

static enum throttle_word word_of(enum outbound_outcome outcome, const char *status, const char *text)
{
    const struct outbound_result results[] = {
        {.outcome = OUTBOUND_DEFERRED, .status = S("4.7.1"), .text = S("450 4.7.1 later"), .peer = S("mx")},
        {.outcome = outcome, .status = slice_cstr(status), .text = slice_cstr(text), .peer = S("mx")}};
    return throttle_word_of(results, 2);
}

static void test_what_a_server_says_about_itself(void **state UNUSED)
{
    assert_int_equal(word_of(OUTBOUND_RELAYED, "2.0.0", "250 ok"), THROTTLE_TAKEN);
    assert_int_equal(word_of(OUTBOUND_FAILED, "5.1.1", "550 no"), THROTTLE_TAKEN);
    assert_int_equal(word_of(OUTBOUND_DEFERRED, "4.7.1", "451 4.7.1 greylisted"), THROTTLE_NEITHER);
    assert_int_equal(word_of(OUTBOUND_DEFERRED, "4.0.0", "421 too many messages"), THROTTLE_TOO_MUCH);
    assert_int_equal(word_of(OUTBOUND_DEFERRED, "4.7.0", "421 4.7.0 slow down"), THROTTLE_TOO_MUCH);
    assert_int_equal(word_of(OUTBOUND_DEFERRED, "4.3.2", "452 4.3.2 not now"), THROTTLE_TOO_MUCH);
    assert_int_equal(word_of(OUTBOUND_DEFERRED, "4.4.5", "451 4.4.5 busy"), THROTTLE_TOO_MUCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_success_adds_a_connection),
        cmocka_unit_test(test_who_says_too_much_gets_half_and_recovers_slowly),
        cmocka_unit_test(test_nobody_is_asked_again_after_longer_and_longer),
        cmocka_unit_test(test_a_full_house_is_no_trouble),
        cmocka_unit_test(test_another_maximum_holds_at_once),
        cmocka_unit_test(test_a_rate_spaces_messages),
        cmocka_unit_test(test_what_a_server_says_about_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
