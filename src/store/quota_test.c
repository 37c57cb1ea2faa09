#include "store/quota.h"

#include "store/testing.h"

enum { LIMIT = 100 };

/* A hundred messages may be there; told at 70 and 90. */
static void limit(struct fixture *fixture, uint64_t messages)
{
    fixture->limits = (struct account_limits){.quota_messages = messages, .warn = {70, 90}};
    store_account_limits(fixture->store, test_account, &fixture->limits);
}

static enum err append_many(struct fixture *fixture, size_t count, unsigned step, bool *ret_duplicate)
{
    struct append_item items[LIMIT];
    struct append_result results[LIMIT];
    for (size_t i = 0; i < count; i++)
        items[i] = (struct append_item){.folder = fixture->inbox.id,
                                        .body = S("Subject: x\r\n\r\n.\r\n"),
                                        .ignore_quota = step > 0,
                                        .quota_step = step};
    enum err err = message_append(fixture->account, items, count, results, &fixture->error);
    if (err == ERR_OK && ret_duplicate != NULL)
        *ret_duplicate = results[0].duplicate;
    return err;
}

static void add(struct fixture *fixture, size_t count)
{
    OK(append_many(fixture, count, 0, NULL));
}

static bool warn(struct fixture *fixture, unsigned step)
{
    bool duplicate = false;
    OK(append_many(fixture, 1, step, &duplicate));
    return !duplicate;
}

static unsigned due(struct fixture *fixture)
{
    struct quota_state state = {0};
    OK(quota_state(fixture->account, &state, &fixture->error));
    return state.due;
}

static bool listed(struct fixture *fixture)
{
    struct account_id ids[2];
    size_t count = store_quota_due(fixture->store, ids, ARRAY_LEN(ids));
    assert_true(count <= 1 && (count == 0 || ids[0].v == test_account.v));
    return count == 1;
}

static void expunge(struct fixture *fixture, uint32_t first, uint32_t last)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set gone = {0};
    uid_set_add(&uids, first, last);
    OK(message_expunge(fixture->account, fixture->inbox.id, &uids, false, &gone, &fixture->error));
}

static void test_a_step_is_due_once(void **state)
{
    struct fixture *fixture = *state;
    limit(fixture, LIMIT);
    add(fixture, 69);
    assert_int_equal(due(fixture), 0);
    assert_false(listed(fixture));
    add(fixture, 1);
    assert_int_equal(due(fixture), 70);
    assert_true(listed(fixture));
    assert_false(listed(fixture)); /* taken */
    assert_true(warn(fixture, 70));
    assert_int_equal(due(fixture), 0);
    assert_false(warn(fixture, 70));
    add(fixture, 5);
    assert_false(listed(fixture));
}

static void test_what_was_not_warned_of_is_noted_again(void **state)
{
    struct fixture *fixture = *state;
    limit(fixture, LIMIT);
    add(fixture, 95);
    assert_true(listed(fixture));
    assert_int_equal(due(fixture), 90); /* 70 is passed over */
    add(fixture, 1);
    assert_true(listed(fixture));
    fixture_again(fixture); /* also by opening */
    assert_true(listed(fixture));
    assert_true(warn(fixture, 90));
    fixture_again(fixture);
    assert_false(listed(fixture));
    assert_int_equal(due(fixture), 0);
}

static void test_only_after_having_fallen_again(void **state)
{
    struct fixture *fixture = *state;
    limit(fixture, LIMIT);
    add(fixture, 70);
    assert_true(listed(fixture) && warn(fixture, 70));
    expunge(fixture, 1, 6); /* 65 left: as near as not to count */
    add(fixture, 5);
    assert_int_equal(due(fixture), 0);
    expunge(fixture, 7, 12); /* 64 */
    add(fixture, 6);
    assert_int_equal(due(fixture), 70);
    assert_true(listed(fixture));
}

static void test_a_smaller_quota_warns_and_a_larger_forgets(void **state)
{
    struct fixture *fixture = *state;
    limit(fixture, LIMIT);
    add(fixture, 60);
    limit(fixture, 80);
    assert_true(listed(fixture));
    assert_int_equal(due(fixture), 70);
    assert_true(warn(fixture, 70));
    limit(fixture, LIMIT);
    add(fixture, 1);
    limit(fixture, 80);
    assert_int_equal(due(fixture), 70);
}

static void test_no_limit_or_no_steps_no_warning(void **state)
{
    struct fixture *fixture = *state;
    limit(fixture, 0);
    add(fixture, 99);
    fixture->limits = (struct account_limits){.quota_messages = LIMIT};
    store_account_limits(fixture->store, test_account, &fixture->limits);
    add(fixture, 1);
    assert_int_equal(due(fixture), 0);
    assert_false(listed(fixture));
}

/* A full mailbox can be emptied by every way there is, and takes a warning, but nothing else. */
static void test_a_full_mailbox_can_be_made_room_in(void **state)
{
    struct fixture *fixture = *state;
    struct folder trash;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(copy_result_release) struct copy_result moved = {0};
    limit(fixture, 10);
    add(fixture, 10);
    assert_int_equal(append_many(fixture, 1, 0, NULL), ERR_QUOTA);
    assert_true(warn(fixture, 90));
    OK(folder_by_role(fixture->account, ROLE_FOLDER_TRASH, &fixture->arena, &trash, &fixture->error));
    uid_set_add(&uids, 1, 3);
    struct copy_result copied = {0};
    assert_int_equal(
        message_copy(fixture->account, fixture->inbox.id, &uids, trash.id, false, &copied, &fixture->error),
        ERR_QUOTA);
    OK(message_copy(fixture->account, fixture->inbox.id, &uids, trash.id, true, &moved, &fixture->error));
    expunge(fixture, 4, 6);
    OK(folder_get(fixture->account, trash.id, &fixture->arena, &trash, &fixture->error));
    assert_int_equal(trash.messages, 3);
    add(fixture, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_step_is_due_once),
        cmocka_unit_test_setup_teardown(test_what_was_not_warned_of_is_noted_again, fixture_setup,
                                        fixture_teardown),
        STORE_TEST(test_only_after_having_fallen_again),
        cmocka_unit_test_setup_teardown(test_a_smaller_quota_warns_and_a_larger_forgets, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_limit_or_no_steps_no_warning, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_full_mailbox_can_be_made_room_in, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
