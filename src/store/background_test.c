#include "store/background.h"

#include "base/clock.h"
#include "store/testing.h"

enum { SECOND_TURNS = 3, PATIENCE_S = 20 };

struct counted {
    atomic_uint turns;
    atomic_uint rounds;
    atomic_bool released;
    atomic_bool hold; /* a turn lasts until it is told to stop */
};

static enum err turn(void *context, struct account *account, const atomic_bool *stopping, bool *ret_more,
                     struct error *error)
{
    struct counted *counted = context;
    if (account_id(account).v != test_account.v)
        return fail_plain(error, ERR_INVALID, "another account");
    while (atomic_load(&counted->hold) && !atomic_load(stopping))
        usleep(1000);
    *ret_more = atomic_fetch_add(&counted->turns, 1) + 1 < SECOND_TURNS;
    return ERR_OK;
}

static void round_end(void *context, const atomic_bool *stopping)
{
    (void)stopping;
    atomic_fetch_add(&((struct counted *)context)->rounds, 1);
}

static void release(void *context)
{
    atomic_store(&((struct counted *)context)->released, true);
}

static struct background_work work_of(struct counted *counted)
{
    return (struct background_work){.name = "test",
                                    .interval_s = 1,
                                    .nice = 5,
                                    .turn = turn,
                                    .round_end = round_end,
                                    .release = release,
                                    .context = counted};
}

static void test_turns_go_on_while_there_is_more(void **state)
{
    struct fixture *fixture = *state;
    struct counted counted = {0};
    struct background *background;
    const struct background_work work = work_of(&counted);
    OK(background_start(fixture->store, &work, &background, &fixture->error));
    int64_t until = clock_mono_us() + PATIENCE_S * CLOCK_SECOND;
    while (atomic_load(&counted.rounds) == 0 && clock_mono_us() < until)
        usleep(1000);
    assert_true(atomic_load(&counted.turns) >= SECOND_TURNS); /* in the first round */
    background_stop(background);
    assert_true(atomic_load(&counted.released));
}

static void test_stopping_ends_a_turn_that_looks(void **state)
{
    struct fixture *fixture = *state;
    struct counted counted = {.hold = true};
    struct background *background;
    const struct background_work work = work_of(&counted);
    OK(background_start(fixture->store, &work, &background, &fixture->error));
    usleep(1200 * 1000); /* most likely within the turn */
    background_stop(background);
    assert_true(atomic_load(&counted.turns) <= 1);
    assert_true(atomic_load(&counted.released));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_turns_go_on_while_there_is_more),
        STORE_TEST(test_stopping_ends_a_turn_that_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
