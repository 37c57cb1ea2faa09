/* What is kept of answers, and for how long: the other server is played, the clock is the test's. */
#include "send/callouts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/test.h"

struct world {
    struct callouts *callouts;
    const char *host;
    enum err fails;
    enum callout_answer says;
    unsigned asked;
    unsigned deeper; /* a question during which this many more are asked */
    enum callout_answer deepest;
};

static enum callout_answer ask(struct world *w, const char *address);

static enum err find_rest(void *context, struct slice address, struct arena *arena,
                          struct smart_host *ret_host, struct error *error)
{
    const struct world *w = context;
    (void)arena;
    if (slice_eq(address, S("broken@demo.example")))
        return fail(error, ERR_UNAVAILABLE, NULL, "store is not there");
    *ret_host = (struct smart_host){.host = slice_cstr(w->host), .port = 25};
    return ERR_OK;
}

static enum err play(void *context, const struct smart_host *host, struct slice address, int64_t deadline_us,
                     enum callout_answer *ret_answer, struct error *error)
{
    struct world *w = context;
    assert_true(slice_eq(host->host, slice_cstr(w->host)) && address.n > 0);
    assert_true(deadline_us > clock_mono_us() && deadline_us <= clock_mono_us() + CALLOUT_WAIT_US);
    w->asked++;
    if (w->deeper > 0) {
        char next[40];
        snprintf(next, sizeof(next), "deep%u@demo.example", w->deeper--);
        enum callout_answer answer = ask(w, next);
        if (w->deeper == 0 && w->deepest == CALLOUT_ANSWERS)
            w->deepest = answer;
    }
    if (w->fails != ERR_OK)
        return fail(error, w->fails, NULL, "nobody is there");
    *ret_answer = w->says;
    return ERR_OK;
}

static enum callout_answer ask(struct world *w, const char *address)
{
    enum callout_answer answer = CALLOUT_ANSWERS;
    struct error error;
    assert_int_equal(callouts_answer(w->callouts, slice_cstr(address), &answer, &error), ERR_OK);
    return answer;
}

static int make(void **state)
{
    struct error error;
    struct world *w = calloc(1, sizeof(*w));
    *w = (struct world){.host = "exchange.example", .says = CALLOUT_TAKEN, .deepest = CALLOUT_ANSWERS};
    const struct callouts_source source = {find_rest, play, w};
    assert_int_equal(callouts_create(&source, &w->callouts, &error), ERR_OK);
    *state = w;
    return 0;
}

static int drop(void **state)
{
    struct world *w = *state;
    callouts_free(w->callouts);
    free(w);
    return 0;
}

static void test_an_answer_is_kept_for_its_time(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN);
    w->says = CALLOUT_REFUSED;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN);
    assert_int_equal(ask(w, "max@demo.example"), CALLOUT_REFUSED);
    assert_int_equal(w->asked, 2);
    w->says = CALLOUT_TAKEN;
    clock_shift(CALLOUTS_REFUSED_US - CLOCK_SECOND);
    assert_int_equal(ask(w, "max@demo.example"), CALLOUT_REFUSED);
    clock_shift(2 * CLOCK_SECOND);
    assert_int_equal(ask(w, "max@demo.example"), CALLOUT_TAKEN);
    assert_int_equal(w->asked, 3);
    clock_shift(CALLOUTS_TAKEN_US);
    w->says = CALLOUT_REFUSED;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_REFUSED);
}

static void test_an_answer_is_of_one_server(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN);
    w->host = "other.example";
    w->says = CALLOUT_REFUSED;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_REFUSED);
}

static void test_what_is_not_clear_is_asked_again(void **state)
{
    struct world *w = *state;
    w->says = CALLOUT_UNKNOWN;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_UNKNOWN);
    w->says = CALLOUT_TAKEN;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN);
}

static void test_a_server_that_is_not_there_is_left_alone_for_a_moment(void **state)
{
    struct world *w = *state;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN);
    w->fails = ERR_TIMEOUT;
    assert_int_equal(ask(w, "max@demo.example"), CALLOUT_UNKNOWN);
    w->fails = ERR_OK;
    assert_int_equal(ask(w, "eva@demo.example"), CALLOUT_UNKNOWN);
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN); /* known from before */
    assert_int_equal(w->asked, 2);
    clock_shift(CALLOUTS_SILENT_US);
    assert_int_equal(ask(w, "eva@demo.example"), CALLOUT_TAKEN);
}

static void test_so_many_are_asked_at_once_and_no_more(void **state)
{
    struct world *w = *state;
    w->deeper = CALLOUTS_AT_ONCE_MAX;
    assert_int_equal(ask(w, "otto@demo.example"), CALLOUT_TAKEN);
    assert_int_equal(w->asked, CALLOUTS_AT_ONCE_MAX);
    assert_int_equal(w->deepest, CALLOUT_UNKNOWN);
    assert_int_equal(ask(w, "eva@demo.example"), CALLOUT_TAKEN);
}

static void test_an_older_answer_makes_room(void **state)
{
    struct world *w = *state;
    char address[40];
    for (unsigned i = 0; i < 2 * CALLOUTS_KEPT_MAX; i++) {
        snprintf(address, sizeof(address), "u%u@demo.example", i);
        assert_int_equal(ask(w, address), CALLOUT_TAKEN);
    }
    assert_int_equal(w->asked, 2 * CALLOUTS_KEPT_MAX);
    assert_int_equal(ask(w, address), CALLOUT_TAKEN);
    assert_int_equal(w->asked, 2 * CALLOUTS_KEPT_MAX);
}

static void test_only_an_address_of_the_rest_is_asked_about(void **state)
{
    struct world *w = *state;
    enum callout_answer answer;
    struct error error;
    w->host = "";
    assert_int_equal(ask(w, "anna@demo.example"), CALLOUT_UNKNOWN);
    assert_int_equal(w->asked, 0);
    assert_int_equal(callouts_answer(w->callouts, S("broken@demo.example"), &answer, &error),
                     ERR_UNAVAILABLE);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_an_answer_is_kept_for_its_time),
        WORLD_TEST(test_an_answer_is_of_one_server),
        WORLD_TEST(test_what_is_not_clear_is_asked_again),
        WORLD_TEST(test_a_server_that_is_not_there_is_left_alone_for_a_moment),
        WORLD_TEST(test_so_many_are_asked_at_once_and_no_more),
        WORLD_TEST(test_an_older_answer_makes_room),
        WORLD_TEST(test_only_an_address_of_the_rest_is_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
