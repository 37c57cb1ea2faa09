#include "store/compact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/account.h"
#include "store/change.h"
#include "store/check.h"
#include "store/message.h"
#include "store/prune.h"
#include "store/tidy.h"
#include "store/volume.h"

static const struct account_id id = {UINT64_C(0x0123456789abcdef)};

enum { MESSAGES = 60, MESSAGE_SIZE = 100 * 1024 };

struct fixture {
    char path[64];
    struct store *store;
    struct account *account;
    struct folder_id inbox;
    struct object_id objects[MESSAGES];
    char *bodies;
    struct error error;
};

static struct slice body_of(const struct fixture *t, unsigned n)
{
    return slice_of(t->bodies + (size_t)n * MESSAGE_SIZE, MESSAGE_SIZE);
}

static void fill(struct fixture *t)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct folder folder;
    assert_int_equal(folder_find(t->account, S("INBOX"), &arena, &folder, &t->error), ERR_OK);
    t->inbox = folder.id;
    for (unsigned n = 0; n < MESSAGES; n++) {
        char *p = t->bodies + (size_t)n * MESSAGE_SIZE;
        randombytes_buf(p, MESSAGE_SIZE);
        memcpy(p, "Subject: x\r\n\r\n", 14);
        struct append_item item = {.folder = t->inbox, .body = body_of(t, n)};
        struct append_result result;
        assert_int_equal(message_append(t->account, &item, 1, &result, &t->error), ERR_OK);
        assert_int_equal(result.uid.v, n + 1);
        t->objects[n] = result.object;
    }
    assert_int_equal(account_sync(t->account, &t->error), ERR_OK);
}

static int set_up(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));
    must(t != NULL);
    t->bodies = malloc((size_t)MESSAGES * MESSAGE_SIZE);
    must(t->bodies != NULL);
    snprintf(t->path, sizeof(t->path), "/tmp/compact-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    const struct store_options options = {.directory = t->path};
    assert_int_equal(store_open(&options, &t->store, &t->error), ERR_OK);
    assert_int_equal(store_account_create(t->store, id, &t->error), ERR_OK);
    assert_int_equal(store_account(t->store, id, &t->account, &t->error), ERR_OK);
    fill(t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *t = *state;
    account_unref(t->account);
    assert_int_equal(store_account_remove(t->store, id, &t->error), ERR_OK);
    store_close(t->store);
    static const char *const left[] = {"lock", "generation", "accounts/01", "accounts", ""};
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", t->path, left[i]);
        remove(path);
    }
    free(t->bodies);
    free(t);
    return 0;
}

static bool pack_there(const struct fixture *t, unsigned pack)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/accounts/01/0123456789abcdef/packs/%08u.pack", t->path, pack);
    return access(path, F_OK) == 0;
}

/* Expunges UIDs first to last, and forgets them as if their keeping time were over. */
static void remove_messages(struct fixture *t, uint32_t first, uint32_t last)
{
    struct uid_set uids = {0};
    struct uid_set removed = {0};
    uid_set_add(&uids, first, last);
    assert_int_equal(message_expunge(t->account, t->inbox, &uids, false, &removed, &t->error), ERR_OK);
    assert_int_equal(uid_set_size(&removed), last - first + 1);
    uid_set_release(&uids);
    uid_set_release(&removed);
    clock_shift((CHANGE_KEEP_DAYS + 2) * CLOCK_DAY);
    assert_int_equal(account_prune(t->account, &t->error), ERR_OK);
    clock_shift(-(CHANGE_KEEP_DAYS + 2) * CLOCK_DAY);
}

static void assert_reads(struct fixture *t, unsigned n)
{
    CLEANUP(content_release) struct content content = {0};
    if (message_read(t->account, t->objects[n], CONTENT_WHOLE, &content, &t->error) != ERR_OK)
        fail_msg("%s", t->error.detail);
    assert_true(slice_eq(content.whole, body_of(t, n)));
}

static struct compact_result compact(struct fixture *t)
{
    struct compact_result result = {0};
    if (compact_account(t->account, COMPACT_WORTH, &result, &t->error) != ERR_OK)
        fail_msg("%s", t->error.detail);
    return result;
}

static void show(void *context, const struct check_finding *finding)
{
    (void)context;
    print_message("  %s | %s | %s\n", finding->what, finding->where, finding->problem);
}

static uint64_t check_findings(struct fixture *t, bool repair)
{
    const struct check_options options = {.repair = repair, .report = show};
    struct check_result result;
    account_unref(t->account);
    if (check_account(t->store, id, &options, &result, &t->error) != ERR_OK)
        fail_msg("%s", t->error.detail);
    assert_int_equal(store_account(t->store, id, &t->account, &t->error), ERR_OK);
    return result.findings;
}

static void test_pack_with_little_dead_stays(void **state)
{
    struct fixture *t = *state;
    remove_messages(t, 1, 20);
    struct compact_result result = compact(t);
    assert_int_equal(result.removed, 0);
    assert_int_equal(result.moved, 0);
    assert_true(pack_there(t, 1));
}

static void test_living_messages_move_and_the_pack_goes(void **state)
{
    struct fixture *t = *state;
    remove_messages(t, 1, 50);
    struct compact_result result = compact(t);
    assert_int_equal(result.removed, 1);
    assert_true(result.moved >= 10 * MESSAGE_SIZE && result.moved < 11 * MESSAGE_SIZE);
    assert_true(result.freed > MESSAGES * MESSAGE_SIZE);
    assert_false(pack_there(t, 1));
    assert_true(pack_there(t, 2));
    for (unsigned n = 50; n < MESSAGES; n++)
        assert_reads(t, n);
    assert_int_equal(compact(t).removed, 0);
    assert_int_equal(check_findings(t, false), 0);
    for (unsigned n = 50; n < MESSAGES; n++)
        assert_reads(t, n);
}

static void test_pack_without_anything_living_goes(void **state)
{
    struct fixture *t = *state;
    remove_messages(t, 1, MESSAGES);
    struct compact_result result = compact(t);
    assert_int_equal(result.removed, 1);
    assert_int_equal(result.moved, 0);
    assert_false(pack_there(t, 1));
    assert_int_equal(check_findings(t, false), 0);
    struct append_item item = {.folder = t->inbox, .body = body_of(t, 0)};
    struct append_result appended;
    assert_int_equal(message_append(t->account, &item, 1, &appended, &t->error), ERR_OK);
    t->objects[0] = appended.object;
    assert_reads(t, 0);
    assert_false(pack_there(t, 1)); /* its number is not used again */
}

static void test_expunged_messages_live_while_they_are_kept(void **state)
{
    struct fixture *t = *state;
    struct uid_set uids = {0};
    struct uid_set removed = {0};
    uid_set_add(&uids, 1, MESSAGES);
    assert_int_equal(message_expunge(t->account, t->inbox, &uids, false, &removed, &t->error), ERR_OK);
    uid_set_release(&uids);
    uid_set_release(&removed);
    assert_int_equal(compact(t).removed, 0);
    assert_reads(t, 3);
}

static void test_damaged_record_keeps_its_pack(void **state)
{
    struct fixture *t = *state;
    remove_messages(t, 1, 58);
    char path[256];
    struct stat st;
    snprintf(path, sizeof(path), "%s/accounts/01/0123456789abcdef/packs/00000001.pack", t->path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(pwrite(fd, "damage", 6, st.st_size - 10), 6);
    assert_int_equal(compact(t).removed, 0);
    assert_true(pack_there(t, 1));
    assert_reads(t, 58);
    assert_true(check_findings(t, false) >= 2);
    assert_true(check_findings(t, true) >= 2);
    assert_int_equal(check_findings(t, false), 0);
    assert_reads(t, 58);
    assert_false(pack_there(t, 1));
}

struct readers {
    struct fixture *t;
    atomic_bool stop;
    atomic_uint reads;
};

static void *read_on(void *context)
{
    struct readers *r = context;
    while (!atomic_load(&r->stop)) {
        for (unsigned n = 40; n < MESSAGES; n++) {
            struct content content;
            struct error error;
            must(message_read(r->t->account, r->t->objects[n], CONTENT_WHOLE, &content, &error) == ERR_OK);
            must(slice_eq(content.whole, body_of(r->t, n)));
            content_release(&content);
            atomic_fetch_add(&r->reads, 1);
        }
    }
    return NULL;
}

static void test_readers_go_on_meanwhile(void **state)
{
    struct fixture *t = *state;
    struct readers readers = {.t = t};
    pthread_t threads[2];
    remove_messages(t, 1, 40);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers), 0);
    while (atomic_load(&readers.reads) < 10)
        usleep(100);
    assert_int_equal(compact(t).removed, 1);
    unsigned before = atomic_load(&readers.reads);
    while (atomic_load(&readers.reads) < before + 50)
        usleep(100);
    atomic_store(&readers.stop, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_false(pack_there(t, 1));
}

static void test_tidying_prunes_and_compacts_when_it_is_due(void **state)
{
    struct fixture *t = *state;
    struct uid_set uids = {0};
    struct uid_set removed = {0};
    uid_set_add(&uids, 1, 50);
    assert_int_equal(message_expunge(t->account, t->inbox, &uids, false, &removed, &t->error), ERR_OK);
    uid_set_release(&uids);
    uid_set_release(&removed);
    assert_int_equal(tidy_account(t->account, &t->error), ERR_OK);
    assert_true(pack_there(t, 1));
    clock_shift((CHANGE_KEEP_DAYS + 2) * CLOCK_DAY);
    assert_int_equal(tidy_account(t->account, &t->error), ERR_OK);
    clock_shift(-(CHANGE_KEEP_DAYS + 2) * CLOCK_DAY);
    assert_false(pack_there(t, 1));
    assert_reads(t, 55);
}

static void test_account_in_use_is_not_checked(void **state)
{
    struct fixture *t = *state;
    const struct check_options options = {.repair = true};
    struct check_result result;
    assert_int_equal(check_account(t->store, id, &options, &result, &t->error), ERR_BUSY);
}

static void test_store_and_check_agree_on_what_an_account_is(void **state)
{
    struct fixture *t = *state;
    struct uid_set uids = {0};
    struct flag_result flags;
    struct flagset seen = {0};
    uid_set_add(&uids, 3, 9);
    flag_set(&seen, FLAG_SEEN);
    flag_set(&seen, FLAG_DELETED);
    assert_int_equal(message_flags(t->account, t->inbox, &uids, FLAGS_ADD, &seen, (struct change_no){0},
                                   &flags, &t->error),
                     ERR_OK);
    flag_result_release(&flags);
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct folder trash;
    struct copy_result copied;
    assert_int_equal(folder_by_role(t->account, ROLE_FOLDER_TRASH, &arena, &trash, &t->error), ERR_OK);
    assert_int_equal(message_copy(t->account, t->inbox, &uids, trash.id, true, &copied, &t->error), ERR_OK);
    copy_result_release(&copied);
    uid_set_release(&uids);
    assert_int_equal(check_findings(t, false), 0);
    assert_int_equal(check_findings(t, true), 0);
}

/* With the database gone: INBOX by its id, other folders under "Recovered". */
static void test_account_opens_after_its_database_was_rebuilt(void **state)
{
    struct fixture *t = *state;
    char path[256];
    account_unref(t->account);
    struct check_result result;
    const struct check_options options = {.repair = true};
    /* The check before closes the account's database, so that its file can be taken away. */
    assert_int_equal(check_account(t->store, id, &options, &result, &t->error), ERR_OK);
    store_close(t->store);
    snprintf(path, sizeof(path), "%s/accounts/01/0123456789abcdef/account.db", t->path);
    assert_int_equal(unlink(path), 0);
    const struct store_options store_options = {.directory = t->path};
    assert_int_equal(store_open(&store_options, &t->store, &t->error), ERR_OK);
    if (check_account(t->store, id, &options, &result, &t->error) != ERR_OK)
        fail_msg("%s", t->error.detail);
    assert_int_equal(result.messages, MESSAGES);
    assert_int_equal(result.lost, 0);
    if (store_account(t->store, id, &t->account, &t->error) != ERR_OK)
        fail_msg("%s", t->error.detail);
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct folder inbox;
    assert_int_equal(folder_find(t->account, S("INBOX"), &arena, &inbox, &t->error), ERR_OK);
    assert_int_equal(inbox.messages, MESSAGES);
    assert_true(inbox.role == ROLE_FOLDER_INBOX);
    assert_reads(t, 7);
    struct append_item item = {.folder = inbox.id, .body = body_of(t, 0)};
    struct append_result appended;
    assert_int_equal(message_append(t->account, &item, 1, &appended, &t->error), ERR_OK);
    assert_true(appended.uid.v > MESSAGES);
    assert_int_equal(folder_by_role(t->account, ROLE_FOLDER_SENT, &arena, &inbox, &t->error), ERR_OK);
    assert_int_equal(check_findings(t, false), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_pack_with_little_dead_stays),
        TEST(test_living_messages_move_and_the_pack_goes),
        TEST(test_pack_without_anything_living_goes),
        TEST(test_expunged_messages_live_while_they_are_kept),
        TEST(test_damaged_record_keeps_its_pack),
        TEST(test_readers_go_on_meanwhile),
        TEST(test_tidying_prunes_and_compacts_when_it_is_due),
        TEST(test_account_in_use_is_not_checked),
        TEST(test_store_and_check_agree_on_what_an_account_is),
        TEST(test_account_opens_after_its_database_was_rebuilt),
    };
    return cmocka_run_group_tests_name("compaction", tests, NULL, NULL);
}
