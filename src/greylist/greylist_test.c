/* Which clients have come before, which must wait. */
#include "greylist/greylist.h"

#include <stdlib.h>

#include "base/test.h"

enum { SMALL = 4 };
#define WAIT_US (5 * CLOCK_MINUTE)

struct desk {
    char directory[64];
    struct volume *volume;
    struct greylist *greylist;
    struct greylist_question question;
    int64_t now;
    int64_t left;
    struct error error;
};

static void open_desk(struct desk *t, uint32_t rows_max)
{
    const struct greylist_options options = {.volume = t->volume, .rows_max = rows_max};
    assert_int_equal(greylist_open(&options, &t->greylist, &t->error), ERR_OK);
}

static int setup(void **state)
{
    struct desk *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    snprintf(t->directory, sizeof(t->directory), "/tmp/greylist-test-XXXXXX");
    assert_non_null(mkdtemp(t->directory));
    assert_int_equal(volume_open_local(t->directory, &t->volume, &t->error), ERR_OK);
    open_desk(t, SMALL);
    t->now = clock_wall_us();
    t->question = (struct greylist_question){.network = S("192.0.2.0"),
                                             .sender = S("x@a.example"),
                                             .recipient = S("anna@demo.example"),
                                             .wait_us = WAIT_US};
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct desk *t = *state;
    greylist_close(t->greylist);
    assert_int_equal(volume_file_remove(t->volume, "greylist.db", &t->error), ERR_OK);
    volume_close(t->volume);
    char lock[80];
    snprintf(lock, sizeof(lock), "%s/lock", t->directory);
    (void)remove(lock);
    (void)remove(t->directory);
    free(t);
    return 0;
}

static enum greylist_answer ask(struct desk *t)
{
    enum greylist_answer answer;
    assert_int_equal(greylist_ask(t->greylist, &t->question, t->now, &answer, &t->left, &t->error), ERR_OK);
    return answer;
}

static enum greylist_answer ask_for(struct desk *t, const char *recipient)
{
    t->question.recipient = slice_cstr(recipient);
    return ask(t);
}

static void test_who_comes_again_passes(void **state)
{
    struct desk *t = *state;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    assert_true(t->left == WAIT_US);
    t->now += WAIT_US - 1;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    assert_true(t->left == 1);
    t->now++;
    t->question.sender = S("other@A.example"); /* the domain counts */
    assert_int_equal(ask(t), GREYLIST_WAITED);
    assert_int_equal(ask(t), GREYLIST_SEEN);
    t->question.sender = S("x@b.example");
    assert_int_equal(ask(t), GREYLIST_WAIT);
}

static void test_restart_forgets_nobody(void **state)
{
    struct desk *t = *state;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    greylist_close(t->greylist);
    open_desk(t, SMALL);
    t->now += WAIT_US;
    assert_int_equal(ask(t), GREYLIST_WAITED);
}

static void test_who_comes_too_late_is_new(void **state)
{
    struct desk *t = *state;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    t->now += GREYLIST_RETRY_US;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    t->now += WAIT_US;
    assert_int_equal(ask(t), GREYLIST_WAITED);
    t->now += GREYLIST_KEPT_US - 1;
    assert_int_equal(ask(t), GREYLIST_SEEN);
    t->now += GREYLIST_KEPT_US;
    assert_int_equal(ask(t), GREYLIST_WAIT);
}

static void pass_for(struct desk *t, const char *recipient)
{
    assert_int_equal(ask_for(t, recipient), GREYLIST_WAIT);
    t->now += WAIT_US;
    assert_int_equal(ask_for(t, recipient), GREYLIST_WAITED);
}

static void test_network_that_has_passed_some_times_is_known(void **state)
{
    struct desk *t = *state;
    pass_for(t, "1@demo.example");
    pass_for(t, "2@demo.example");
    pass_for(t, "3@demo.example");
    assert_int_equal(ask_for(t, "4@demo.example"), GREYLIST_KNOWN);
    t->now += 30 * CLOCK_DAY;
    assert_int_equal(ask_for(t, "5@demo.example"), GREYLIST_KNOWN);
    t->now += GREYLIST_KEPT_US;
    assert_int_equal(ask_for(t, "6@demo.example"), GREYLIST_WAIT);
}

static void test_who_was_written_to_does_not_wait(void **state)
{
    struct desk *t = *state;
    assert_int_equal(greylist_wrote_to(t->greylist, S("X@a.example"), t->now, &t->error), ERR_OK);
    assert_int_equal(ask(t), GREYLIST_CORRESPONDENT);
    t->question.sender = S("y@a.example");
    assert_int_equal(ask(t), GREYLIST_WAIT);
    t->question.sender = slice_none();
    assert_int_equal(ask(t), GREYLIST_WAIT);
    t->question.sender = S("x@a.example");
    t->now += GREYLIST_CORRESPONDENT_US;
    assert_int_equal(ask_for(t, "new@demo.example"), GREYLIST_WAIT);
}

static void test_full_table_makes_nobody_wait(void **state)
{
    struct desk *t = *state;
    char name[32];
    for (int i = 0; i < SMALL; i++) {
        snprintf(name, sizeof(name), "%d@demo.example", i);
        assert_int_equal(ask_for(t, name), GREYLIST_WAIT);
    }
    assert_int_equal(ask_for(t, "more@demo.example"), GREYLIST_FULL);
    assert_int_equal(ask_for(t, "0@demo.example"), GREYLIST_WAIT);
    t->now += GREYLIST_RETRY_US + CLOCK_HOUR;
    assert_int_equal(ask_for(t, "more@demo.example"), GREYLIST_WAIT);
}

static void test_oldest_correspondent_is_forgotten_first(void **state)
{
    struct desk *t = *state;
    char name[32];
    for (int i = 0; i <= SMALL; i++) {
        snprintf(name, sizeof(name), "%d@a.example", i);
        assert_int_equal(greylist_wrote_to(t->greylist, slice_cstr(name), t->now + i, &t->error), ERR_OK);
    }
    t->question.sender = S("0@a.example");
    assert_int_equal(ask(t), GREYLIST_WAIT);
    t->question.sender = S("1@a.example");
    assert_int_equal(ask(t), GREYLIST_CORRESPONDENT);
    t->question.sender = S("4@a.example");
    assert_int_equal(ask(t), GREYLIST_CORRESPONDENT);
}

static void test_clock_that_goes_back(void **state)
{
    struct desk *t = *state;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    t->now -= CLOCK_DAY;
    assert_int_equal(ask(t), GREYLIST_WAIT);
    assert_true(t->left == WAIT_US);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_who_comes_again_passes),
        TEST(test_restart_forgets_nobody),
        TEST(test_who_comes_too_late_is_new),
        TEST(test_network_that_has_passed_some_times_is_known),
        TEST(test_who_was_written_to_does_not_wait),
        TEST(test_full_table_makes_nobody_wait),
        TEST(test_oldest_correspondent_is_forgotten_first),
        TEST(test_clock_that_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
