/* When and how a long command tells how far it is (RFC 9585). */
#include "imap/progress.h"

#include "base/test.h"

static void step(struct imap_progress *progress, struct slice tag, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_int_equal(imap_progress_step(progress, tag, &out), wanted[0] != 0);
    buf_putc(&out, 0);
    assert_string_equal(out.p, wanted);
}

static void test_tells_every_ten_seconds(void **state)
{
    struct imap_progress progress = {.goal = 4};
    (void)state;
    step(&progress, S("a1"), "");
    clock_shift(IMAP_PROGRESS_US);
    step(&progress, S("a1"), "* OK [INPROGRESS (\"a1\" 2 4)] Still at work\r\n");
    step(&progress, S("a1"), "");
    clock_shift(IMAP_PROGRESS_US);
    step(&progress, S("a1"), "* OK [INPROGRESS (\"a1\" 4 4)] Still at work\r\n");
}

static void test_tells_no_goal_that_is_passed_or_unknown(void **state)
{
    struct imap_progress progress = {.goal = 1};
    (void)state;
    step(&progress, S("a1"), "");
    clock_shift(IMAP_PROGRESS_US);
    step(&progress, S("a1"), "* OK [INPROGRESS (\"a1\" 2 NIL)] Still at work\r\n");
}

static void test_leaves_out_a_tag_that_seems_to_end_the_code(void **state)
{
    struct imap_progress progress = {.goal = 9};
    (void)state;
    step(&progress, S("a]1"), "");
    clock_shift(IMAP_PROGRESS_US);
    step(&progress, S("a]1"), "* OK [INPROGRESS (NIL 2 9)] Still at work\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells_every_ten_seconds),
        cmocka_unit_test(test_tells_no_goal_that_is_passed_or_unknown),
        cmocka_unit_test(test_leaves_out_a_tag_that_seems_to_end_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
