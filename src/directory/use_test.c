/* The store counts into a real directory: what a domain holds is what its accounts hold, whatever happens. */
#include "directory/use.h"

#include <pthread.h>

#include "directory/test.h"
#include "store/folder.h"
#include "store/message.h"

enum { SMALL = 100 };

static void fill_limits(void *context UNUSED, struct account_id id UNUSED, struct account_limits *ret_limits)
{
    *ret_limits = ACCOUNT_LIMITS_DEFAULT;
}

/* t->volume is the store's. */
struct counted {
    struct fixture f;
    struct store *store;
    struct domain_id demo, other;
    struct account_id anna, otto;
};

static void house_open(struct counted *t)
{
    struct fixture *f = &t->f;
    const struct store_options options = {
        .directory = f->path, .limits = fill_limits, .without_index = true, .open_max = 2};
    ASSERT_OK(f, store_open(&options, &t->store, &f->error));
    f->volume = store_volume(t->store);
    ASSERT_OK(f, directory_open(f->volume, &f->directory, &f->error));
    ASSERT_OK(f, directory_count(f->directory, t->store, &f->error));
}

static void house_close(struct counted *t, bool orderly)
{
    if (orderly)
        store_rest(t->store);
    store_drop_ledger(t->store);
    directory_close(t->f.directory);
    store_close(t->store);
}

static struct account_id account_make(struct counted *t, const char *address)
{
    struct account_id id = make_account(&t->f, address, "secret");
    ASSERT_OK(&t->f, store_account_create(t->store, id, &t->f.error));
    return id;
}

static struct domain domain_of(struct counted *t, const char *name)
{
    struct domain domain = {0};
    ASSERT_OK(&t->f, domain_find(t->f.directory, slice_cstr(name), &t->f.arena, &domain, &t->f.error));
    return domain;
}

static int counted_make(void **state)
{
    struct counted *t = calloc(1, sizeof(*t));
    must(t != NULL);
    snprintf(t->f.path, sizeof(t->f.path), "/tmp/directory-use-XXXXXX");
    must(mkdtemp(t->f.path) != NULL);
    t->f.arena = ARENA(64 * 1024 * 1024);
    house_open(t);
    make_domain(&t->f, "demo.example");
    make_domain(&t->f, "other.example");
    t->demo = domain_of(t, "demo.example").id;
    t->other = domain_of(t, "other.example").id;
    t->anna = account_make(t, "anna@demo.example");
    t->otto = account_make(t, "otto@demo.example");
    *state = t;
    return 0;
}

static int counted_free(void **state)
{
    struct counted *t = *state;
    house_close(t, true);
    arena_release(&t->f.arena);
    nftw(t->f.path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

static enum err add(struct counted *t, struct account_id id, size_t count, bool ignore_quota)
{
    struct account *account = NULL;
    struct folder inbox;
    struct append_item items[SMALL];
    struct append_result results[SMALL];
    ASSERT_OK(&t->f, store_account_ensure(t->store, id, &account, &t->f.error));
    ASSERT_OK(&t->f, folder_find(account, S("inbox"), &t->f.arena, &inbox, &t->f.error));
    for (size_t i = 0; i < count; i++)
        items[i] = (struct append_item){
            .folder = inbox.id, .body = S("Subject: x\r\n\r\n.\r\n"), .ignore_quota = ignore_quota};
    enum err code = message_append(account, items, count, results, &t->f.error);
    account_unref(account);
    return code;
}

static void take_away(struct counted *t, struct account_id id, uint32_t first, uint32_t last)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set gone = {0};
    struct account *account = NULL;
    struct folder inbox;
    uid_set_add(&uids, first, last);
    ASSERT_OK(&t->f, store_account(t->store, id, &account, &t->f.error));
    ASSERT_OK(&t->f, folder_find(account, S("inbox"), &t->f.arena, &inbox, &t->f.error));
    ASSERT_OK(&t->f, message_expunge(account, inbox.id, &uids, false, &gone, &t->f.error));
    account_unref(account);
}

static struct domain_state state_of(struct counted *t, struct domain_id id)
{
    struct domain_state state = {0};
    ASSERT_OK(&t->f, store_domain_state(t->store, id, &state, &t->f.error));
    return state;
}

static uint64_t messages_of(struct counted *t, struct domain_id id)
{
    return state_of(t, id).use.messages;
}

static void limit(struct counted *t, uint64_t bytes, uint64_t messages)
{
    struct domain_changes changes = DOMAIN_CHANGES_NONE;
    changes.quota_bytes = bytes;
    changes.quota_messages = messages;
    ASSERT_OK(&t->f, domain_set(t->f.directory, S("demo.example"), &changes, &t->f.error));
    store_domain_changed(t->store, t->demo);
}

static void test_counts_all_accounts_of_a_domain(void **state)
{
    struct counted *t = *state;
    ASSERT_OK(&t->f, add(t, t->anna, 5, false));
    ASSERT_OK(&t->f, add(t, t->otto, 3, false));
    assert_int_equal(messages_of(t, t->demo), 8);
    assert_int_equal(state_of(t, t->demo).use.bytes, 8 * 17);
    assert_int_equal(messages_of(t, t->other), 0);
    take_away(t, t->anna, 1, 2);
    assert_int_equal(messages_of(t, t->demo), 6);
}

static void test_the_limit_is_exact_and_deleting_makes_room(void **state)
{
    struct counted *t = *state;
    limit(t, 0, 10);
    ASSERT_OK(&t->f, add(t, t->anna, 6, false));
    ASSERT_OK(&t->f, add(t, t->otto, 4, false));
    assert_int_equal(add(t, t->otto, 1, false), ERR_QUOTA);
    assert_int_equal(add(t, t->anna, 1, false), ERR_QUOTA);
    assert_int_equal(messages_of(t, t->demo), 10); /* what was refused is not reserved any more */
    ASSERT_OK(&t->f, add(t, t->otto, 1, true));    /* not asked, but counted */
    assert_int_equal(messages_of(t, t->demo), 11);
    take_away(t, t->anna, 1, 2);
    ASSERT_OK(&t->f, add(t, t->otto, 1, false));
    assert_int_equal(add(t, t->otto, 1, false), ERR_QUOTA);
    limit(t, 0, 0);
    ASSERT_OK(&t->f, add(t, t->otto, 1, false));
    limit(t, 11 * 17 + 16, 0);
    assert_int_equal(add(t, t->otto, 1, false), ERR_QUOTA);
    limit(t, 12 * 17, 0);
    ASSERT_OK(&t->f, add(t, t->otto, 1, false));
}

static void test_a_transaction_that_is_given_up_reserves_nothing(void **state)
{
    struct counted *t = *state;
    limit(t, 0, 10);
    assert_int_equal(add(t, t->anna, 11, false), ERR_QUOTA);
    assert_int_equal(messages_of(t, t->demo), 0);
    ASSERT_OK(&t->f, add(t, t->anna, 10, false));
}

static void test_numbers_outlive_a_stop_and_a_crash(void **state)
{
    struct counted *t = *state;
    ASSERT_OK(&t->f, add(t, t->anna, 5, false));
    house_close(t, true);
    house_open(t);
    assert_int_equal(domain_of(t, "demo.example").used_messages, 5);
    ASSERT_OK(&t->f, add(t, t->anna, 2, false));
    ASSERT_OK(&t->f, add(t, t->otto, 4, false));
    house_close(t, false); /* rows are left open, as by a crash */
    house_open(t);
    assert_int_equal(messages_of(t, t->demo), 11);
    assert_int_equal(domain_of(t, "demo.example").used_messages, 11);
}

static void test_closed_accounts_are_settled(void **state)
{
    struct counted *t = *state;
    ASSERT_OK(&t->f, add(t, t->anna, 5, false));
    ASSERT_OK(&t->f, store_sync(t->store, &t->f.error));
    for (size_t i = 0; i < 4; i++) { /* two may be open */
        char address[64];
        snprintf(address, sizeof(address), "user%zu@other.example", i);
        ASSERT_OK(&t->f, add(t, account_make(t, address), 1, false));
        ASSERT_OK(&t->f, store_sync(t->store, &t->f.error));
    }
    assert_int_equal(domain_of(t, "demo.example").used_messages, 5);
    assert_int_equal(messages_of(t, t->demo), 5);
    assert_int_equal(messages_of(t, t->other), 4);
}

static void rename_to(struct counted *t, const char *from, const char *to, struct account_id id)
{
    const struct account_rename rename = {.from = slice_cstr(from), .to = slice_cstr(to)};
    struct account_id anew;
    ASSERT_OK(&t->f, account_entry_rename(t->f.directory, &rename, &anew, &t->f.error));
    store_account_moved(t->store, id);
    store_domain_changed(t->store, t->demo);
    store_domain_changed(t->store, t->other);
}

static void test_a_renamed_account_takes_its_use_along(void **state)
{
    struct counted *t = *state;
    struct account *open = NULL;
    ASSERT_OK(&t->f, add(t, t->anna, 5, false));
    ASSERT_OK(&t->f, add(t, t->otto, 3, false));
    assert_int_equal(messages_of(t, t->other), 0);
    ASSERT_OK(&t->f, store_account(t->store, t->anna, &open, &t->f.error)); /* with what is not settled */
    rename_to(t, "anna@demo.example", "anna@other.example", t->anna);
    assert_int_equal(messages_of(t, t->demo), 3);
    assert_int_equal(messages_of(t, t->other), 5);
    ASSERT_OK(&t->f, add(t, t->anna, 1, false));
    assert_int_equal(messages_of(t, t->other), 6);
    account_unref(open);
    house_close(t, true); /* and one that nobody has open */
    house_open(t);
    rename_to(t, "anna@other.example", "anna@demo.example", t->anna);
    assert_int_equal(messages_of(t, t->demo), 9);
    assert_int_equal(messages_of(t, t->other), 0);
}

static void test_a_removed_account_holds_nothing(void **state)
{
    struct counted *t = *state;
    ASSERT_OK(&t->f, add(t, t->anna, 5, false));
    ASSERT_OK(&t->f, add(t, t->otto, 3, false));
    ASSERT_OK(&t->f, store_account_remove(t->store, t->anna, &t->f.error));
    assert_int_equal(messages_of(t, t->demo), 3);
    ASSERT_OK(&t->f, account_entry_remove(t->f.directory, S("anna@demo.example"), &t->f.error));
    store_domain_changed(t->store, t->demo);
    assert_int_equal(messages_of(t, t->demo), 3);
    assert_int_equal(domain_of(t, "demo.example").used_messages, 0); /* otto's row is still open */
}

static bool due(struct counted *t)
{
    struct domain_id ids[2];
    size_t count = store_domains_due(t->store, ids, ARRAY_LEN(ids));
    assert_true(count <= 1 && (count == 0 || ids[0].v == t->demo.v));
    return count == 1;
}

static void warned(struct counted *t, unsigned step)
{
    ASSERT_OK(&t->f, domain_set_warned(t->f.directory, t->demo, step, &t->f.error));
    store_domain_changed(t->store, t->demo);
}

static void test_a_step_of_the_domain_is_due_once(void **state)
{
    struct counted *t = *state;
    limit(t, 0, 100);
    ASSERT_OK(&t->f, add(t, t->anna, 60, false));
    assert_false(due(t));
    ASSERT_OK(&t->f, add(t, t->otto, 10, false));
    assert_true(due(t));
    assert_int_equal(state_of(t, t->demo).warn, 70);
    assert_int_equal(state_of(t, t->demo).percent, 70);
    warned(t, 70);
    ASSERT_OK(&t->f, add(t, t->otto, 1, false));
    assert_false(due(t));
    take_away(t, t->anna, 1, 10); /* 61: fallen by more than what doesn't count */
    assert_true(due(t));
    assert_int_equal(state_of(t, t->demo).warn, 0);
    warned(t, 0);
    assert_false(due(t));
    limit(t, 0, 65); /* 93 % */
    assert_true(due(t));
    assert_int_equal(state_of(t, t->demo).warn, 90);
}

static void *add_many(void *context)
{
    struct counted *t = ((void **)context)[0];
    const struct account_id *id = ((void **)context)[1];
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct account *account = NULL;
    struct folder inbox;
    struct error error;
    must(store_account(t->store, *id, &account, &error) == ERR_OK);
    must(folder_find(account, S("inbox"), &arena, &inbox, &error) == ERR_OK);
    for (size_t i = 0; i < SMALL; i++) {
        struct append_result result;
        const struct append_item item = {.folder = inbox.id, .body = S("Subject: x\r\n\r\n.\r\n")};
        enum err code = message_append(account, &item, 1, &result, &error);
        must(code == ERR_OK || code == ERR_QUOTA);
    }
    account_unref(account);
    return NULL;
}

static void test_two_at_once_never_pass_the_quota(void **state)
{
    struct counted *t = *state;
    pthread_t threads[2];
    void *contexts[2][2] = {{t, &t->anna}, {t, &t->otto}};
    limit(t, 0, 150);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, contexts[i]), 0);
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(messages_of(t, t->demo), 150);
    assert_int_equal(add(t, t->anna, 1, false), ERR_QUOTA);
}

#define COUNTED(test) cmocka_unit_test_setup_teardown(test, counted_make, counted_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COUNTED(test_counts_all_accounts_of_a_domain),
        COUNTED(test_the_limit_is_exact_and_deleting_makes_room),
        COUNTED(test_a_transaction_that_is_given_up_reserves_nothing),
        COUNTED(test_numbers_outlive_a_stop_and_a_crash),
        COUNTED(test_closed_accounts_are_settled),
        COUNTED(test_a_renamed_account_takes_its_use_along),
        COUNTED(test_a_removed_account_holds_nothing),
        COUNTED(test_a_step_of_the_domain_is_due_once),
        COUNTED(test_two_at_once_never_pass_the_quota),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
