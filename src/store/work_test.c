#include "store/testing.h"
#include "store/work.h"

#include "store/account.h"

/* As when there was no memory for what the change would have been noted in. */
static void test_a_change_that_can_not_be_noted_is_not_made(void **state)
{
    struct fixture *fixture = *state;
    for (int which = 0; which < 3; which++) {
        CLEANUP(work_end) struct work work = {0};
        struct touched *touched;
        OK(work_begin(&work, fixture->account, &fixture->error));
        OK(work_mailbox(&work, fixture->inbox.id, &touched, &fixture->error));
        struct uid_set *sets[] = {&touched->added, &touched->flags, &touched->expunged};
        assert_false(work_changed(&work));
        sets[which]->failed = true;
        assert_true(work_changed(&work)); /* or the caller would leave out the commit, and be content */
        touched->row.messages++;
        assert_int_equal(work_commit(&work, &fixture->error), ERR_NOMEM);
    }
    struct folder inbox;
    OK(folder_find(fixture->account, S("inbox"), &fixture->arena, &inbox, &fixture->error));
    assert_int_equal(inbox.messages, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_change_that_can_not_be_noted_is_not_made, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
