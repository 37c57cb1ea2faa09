#include "base/test.h"

#include "base/clock.h"
#include "send/schedule.h"
#include "send/sender.h"

enum { THREADS = 10 };

static struct item items[100];

static struct lane *lane_of(struct schedule *s, const char *domain)
{
    struct lane *lane =
        schedule_lane(s, &(struct outbound_parcel){.domain = slice_cstr(domain), .addresses = slice_none()});
    assert_non_null(lane);
    return lane;
}

static void fill(struct schedule *s, struct lane *lane, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        items[i] = (struct item){.load = NULL};
        schedule_put(s, lane, &items[i]);
    }
}

static void empty(struct schedule *s, struct lane *lane)
{
    while (schedule_take(s, lane) != NULL)
        continue;
    schedule_forget_if_unused(s, lane);
}

static void make(struct schedule *s)
{
    struct error error;
    assert_int_equal(schedule_init(s, THREADS, &error), ERR_OK);
}

/* One more thread serves what is next. */
static struct lane *begin(struct schedule *s)
{
    struct lane *lane = schedule_next(s);
    if (lane == NULL)
        return NULL;
    lane->active++;
    s->serving++;
    schedule_make_ready(s, lane);
    return lane;
}

static void end(struct schedule *s, struct lane *lane)
{
    lane->active--;
    s->serving--;
}

static void test_lanes_take_turns(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    struct lane *a = lane_of(&s, "a.example");
    struct lane *b = lane_of(&s, "b.example");
    assert_ptr_equal(lane_of(&s, "a.example"), a);
    fill(&s, a, 0, 5);
    fill(&s, b, 5, 1);
    assert_ptr_equal(begin(&s), a);
    assert_ptr_equal(begin(&s), b);
    assert_null(begin(&s)); /* each has one connection at first */
    end(&s, a);
    end(&s, b);
    empty(&s, a);
    empty(&s, b);
    assert_int_equal(s.lanes.count, 0);
    schedule_release(&s);
}

static void test_a_lane_leaves_threads_to_the_others(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    struct lane *slow = lane_of(&s, "slow.example");
    unsigned taken = 0;
    slow->throttle.limit = 100;
    slow->throttle.max = 100;
    fill(&s, slow, 0, 50);
    while (begin(&s) != NULL)
        taken++;
    assert_int_equal(taken, THREADS / 2);
    struct lane *fast = lane_of(&s, "fast.example");
    fill(&s, fast, 50, 1);
    assert_ptr_equal(begin(&s), fast);
    end(&s, fast);
    empty(&s, fast);
    while (taken-- > 0)
        end(&s, slow);
    empty(&s, slow);
    schedule_release(&s);
}

static void test_a_slow_lane_gives_way_when_room_is_short(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    struct lane *slow = lane_of(&s, "slow.example");
    struct lane *fast = lane_of(&s, "fast.example");
    int64_t now = 1000 * CLOCK_SECOND;
    int64_t wall = 5000 * CLOCK_SECOND;
    fill(&s, slow, 0, 20);
    fill(&s, fast, 20, 40);
    slow->each_us = CLOCK_SECOND;
    fast->each_us = CLOCK_MS;
    assert_true(schedule_squeeze(&s, now, wall));
    assert_int_equal(slow->waiting, 10);
    assert_int_equal(fast->waiting, 40);
    assert_int_equal(s.back->waiting, 10);
    /* The first of them after those that stay, a second later each. */
    assert_int_equal(s.back->first->back_until_us, wall + 11 * CLOCK_SECOND);
    assert_int_equal(s.back->first->next->back_until_us, wall + 12 * CLOCK_SECOND);
    assert_false(schedule_squeeze(&s, now, wall)); /* ten seconds are not slow */
    empty(&s, slow);
    empty(&s, fast);
    empty(&s, s.back);
    schedule_release(&s);
}

static void test_a_lane_that_says_nothing_is_slow(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    struct lane *silent = lane_of(&s, "silent.example");
    fill(&s, silent, 0, 4);
    silent->event_us = CLOCK_SECOND;
    assert_false(schedule_squeeze(&s, 3 * CLOCK_SECOND, 1));
    assert_true(schedule_squeeze(&s, 4 * CLOCK_SECOND, 1));
    assert_int_equal(silent->waiting, 2);
    empty(&s, silent);
    empty(&s, s.back);
    schedule_release(&s);
}

static void test_what_is_delayed_comes_in_its_time(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    struct lane *a = lane_of(&s, "a.example");
    fill(&s, a, 0, 1);
    schedule_delay(&s, a, 50);
    assert_null(begin(&s));
    assert_int_equal(schedule_wake(&s, 49), 50);
    assert_null(begin(&s));
    assert_int_equal(schedule_wake(&s, 50), INT64_MAX);
    assert_ptr_equal(begin(&s), a);
    end(&s, a);
    empty(&s, a);
    schedule_release(&s);
}

static void test_what_was_not_sent_is_the_next_again(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    struct lane *a = lane_of(&s, "a.example");
    fill(&s, a, 0, 2);
    struct item *item = schedule_take(&s, a);
    schedule_put_first(&s, a, item);
    assert_ptr_equal(schedule_take(&s, a), &items[0]);
    assert_ptr_equal(schedule_take(&s, a), &items[1]);
    schedule_put_first(&s, a, &items[1]);
    fill(&s, a, 2, 1);
    assert_ptr_equal(schedule_take(&s, a), &items[1]);
    assert_ptr_equal(schedule_take(&s, a), &items[2]);
    schedule_forget_if_unused(&s, a);
    schedule_release(&s);
}

static void test_a_server_has_one_limit_for_all_lanes(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    const struct terms server = {.pattern = S("mx:*.example"), .connections = 2, .rate = 60};
    assert_true(schedule_enter(&s, &server));
    assert_true(schedule_enter(&s, &server));
    assert_false(schedule_enter(&s, &server));
    schedule_leave(&s, &server);
    assert_true(schedule_enter(&s, &server));
    assert_true(schedule_enter(&s, &terms_none));
    assert_int_equal(schedule_turn(&s, &server, 100), 100);
    assert_int_equal(schedule_turn(&s, &server, 100), 100 + CLOCK_SECOND);
    assert_int_equal(schedule_turn(&s, &terms_none, 100), 100);
    schedule_release(&s);
}

static void test_what_is_set_holds_at_once(void **state UNUSED)
{
    struct schedule s;
    make(&s);
    const struct destination row = {.pattern = S("a.example"), .connections = 3, .rate = 7};
    struct terms_table *table = NULL;
    struct error error;
    struct lane *a = lane_of(&s, "a.example");
    assert_int_equal(a->throttle.max, SENDER_CONNECTIONS_MAX);
    assert_int_equal(terms_table_create(&row, 1, &table, &error), ERR_OK);
    schedule_set_terms(&s, table);
    assert_int_equal(a->throttle.max, 3);
    assert_int_equal(a->rate, 7);
    schedule_set_terms(&s, NULL);
    assert_int_equal(a->throttle.max, SENDER_CONNECTIONS_MAX);
    schedule_forget_if_unused(&s, a);
    schedule_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_take_turns),
        cmocka_unit_test(test_a_lane_leaves_threads_to_the_others),
        cmocka_unit_test(test_a_slow_lane_gives_way_when_room_is_short),
        cmocka_unit_test(test_a_lane_that_says_nothing_is_slow),
        cmocka_unit_test(test_what_is_delayed_comes_in_its_time),
        cmocka_unit_test(test_what_was_not_sent_is_the_next_again),
        cmocka_unit_test(test_a_server_has_one_limit_for_all_lanes),
        cmocka_unit_test(test_what_is_set_holds_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
