#include "store/access_key.h"

#include "store/testing.h"

static struct access_key ensure(struct fixture *fixture, struct folder_id folder)
{
    struct access_key key;
    OK(access_key_ensure(fixture->account, folder, &key, &fixture->error));
    return key;
}

static bool same(const struct access_key *a, const struct access_key *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static void test_a_key_is_made_once_and_stays(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id other = make_folder(fixture, "other");
    struct access_key key;
    assert_int_equal(access_key_get(fixture->account, fixture->inbox.id, &key, &fixture->error),
                     ERR_NOT_FOUND);
    struct access_key first = ensure(fixture, fixture->inbox.id);
    struct access_key second = ensure(fixture, fixture->inbox.id);
    assert_true(same(&first, &second));
    second = ensure(fixture, other);
    assert_false(same(&first, &second));
    fixture_again(fixture);
    OK(access_key_get(fixture->account, fixture->inbox.id, &key, &fixture->error));
    assert_true(same(&first, &key));
    OK(folder_rename(fixture->account, S("other"), S("renamed"), &fixture->error));
    OK(access_key_get(fixture->account, other, &key, &fixture->error));
    assert_true(same(&second, &key));
    account_check_invariants(fixture->account);
}

static void test_a_reset_key_is_another(void **state)
{
    struct fixture *fixture = *state;
    struct access_key before = ensure(fixture, fixture->inbox.id);
    uint64_t generation = access_key_generation(fixture->account);
    OK(access_key_reset(fixture->account, fixture->inbox.id, &fixture->error));
    struct access_key after = ensure(fixture, fixture->inbox.id);
    assert_false(same(&before, &after));
    assert_int_not_equal(access_key_generation(fixture->account), generation);
    struct folder_id none = {fixture->inbox.id.v + 1000};
    assert_int_equal(access_key_reset(fixture->account, none, &fixture->error), ERR_NOT_FOUND);
    assert_int_equal(access_key_ensure(fixture->account, none, &before, &fixture->error), ERR_NOT_FOUND);
}

static void test_keys_go_all_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id other = make_folder(fixture, "other");
    struct access_key key = ensure(fixture, fixture->inbox.id);
    key = ensure(fixture, other);
    OK(access_key_remove_all(fixture->account, &fixture->error));
    assert_int_equal(access_key_get(fixture->account, other, &key, &fixture->error), ERR_NOT_FOUND);
    assert_int_equal(access_key_get(fixture->account, fixture->inbox.id, &key, &fixture->error),
                     ERR_NOT_FOUND);
}

static void test_a_key_goes_with_its_folder(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id parent = make_folder(fixture, "parent");
    make_folder(fixture, "parent/child");
    struct access_key key = ensure(fixture, parent);
    /* It stays as a name, and may become a mailbox again: another one. */
    OK(folder_delete(fixture->account, S("parent"), &fixture->error));
    assert_int_equal(access_key_get(fixture->account, parent, &key, &fixture->error), ERR_NOT_FOUND);
    account_check_invariants(fixture->account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_key_is_made_once_and_stays),
        STORE_TEST(test_a_reset_key_is_another),
        STORE_TEST(test_keys_go_all_at_once),
        STORE_TEST(test_a_key_goes_with_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
