/* What the queue believes of whom it serves, and what it says when the disk fails. */
#include "base/test.h"

#include <errno.h>
#include <ftw.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "queue/queue.h"

enum { MESSAGE_MAX = 32 * 1024 * 1024 };

struct fixture {
    char path[64];
    struct store *store;
    struct directory *directory;
    struct queue *queue;
    struct account_id anna;
    struct arena arena;
    struct error error;
};

#define ASSERT_OK(t, call) assert_string_equal((call) == ERR_OK ? "" : (t)->error.detail, "")

/* Takes the C library's place: a disk that can't write. */
static atomic_bool disk_fails;
int fdatasync(int fd)
{
    if (atomic_load(&disk_fails)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void set_quota(struct fixture *t, uint64_t bytes)
{
    const struct account_limits limits = {.quota_bytes = bytes};
    store_account_limits(t->store, t->anna, &limits);
}

static void open_queue(struct fixture *t)
{
    const struct queue_options options = {.store = t->store,
                                          .directory = t->directory,
                                          .hostname = "mail.example.org",
                                          .message_size_max = MESSAGE_MAX,
                                          .filers = 1};
    ASSERT_OK(t, queue_open(&options, &t->queue, &t->error));
}

static int setup(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));
    struct domain_id domain;
    snprintf(t->path, sizeof(t->path), "/tmp/queue-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    t->arena = ARENA(64 * 1024 * 1024);
    const struct store_options options = {.directory = t->path};
    ASSERT_OK(t, store_open(&options, &t->store, &t->error));
    ASSERT_OK(t, directory_open(store_volume(t->store), &t->directory, &t->error));
    ASSERT_OK(t, domain_add(t->directory, S("example.org"), &domain, &t->error));
    const struct account_new anna = {.address = S("anna@example.org")};
    ASSERT_OK(t, account_entry_add(t->directory, &anna, &t->anna, &t->error));
    ASSERT_OK(t, store_account_create(t->store, t->anna, &t->error));
    open_queue(t);
    *state = t;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status UNUSED, int type UNUSED,
                        struct FTW *ftw UNUSED)
{
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *t = *state;
    atomic_store(&disk_fails, false);
    queue_close(t->queue);
    directory_close(t->directory);
    store_close(t->store);
    arena_release(&t->arena);
    nftw(t->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(t);
    return 0;
}

static enum err accept_for(struct fixture *t, struct slice address, struct slice body, uint64_t spool,
                           struct queue_id *ret_id)
{
    struct queue_recipient recipient = {.address = address, .notify = DSN_NEVER};
    const struct queue_envelope envelope = {.sender = S("bert@example.net"),
                                            .recipients = &recipient,
                                            .recipient_count = 1,
                                            .account = t->anna,
                                            .protocol = S("ESMTPSA")};
    return queue_accept(t->queue, &envelope, body, spool, ret_id, &t->error);
}

/* A spool file of that many bytes, all of them a hole. */
static uint64_t make_spool(struct fixture *t, uint64_t size, int *ret_fd)
{
    uint64_t spool;
    ASSERT_OK(t, queue_spool_create(t->queue, &spool, ret_fd, &t->error));
    assert_int_equal(ftruncate(*ret_fd, (off_t)size), 0);
    return spool;
}

static size_t entries(struct fixture *t)
{
    struct queue_entry *listed;
    size_t count;
    ASSERT_OK(t, queue_list(t->queue, (struct queue_id){0}, 100, &t->arena, &listed, &count, &t->error));
    return count;
}

static uint64_t filed(struct fixture *t)
{
    struct account *account;
    struct account_usage usage;
    ASSERT_OK(t, store_account(t->store, t->anna, &account, &t->error));
    ASSERT_OK(t, account_usage(account, &usage, &t->error));
    account_unref(account);
    return usage.messages;
}

static bool idle(struct fixture *t)
{
    return queue_idle(t->queue, clock_mono_us() + 20 * CLOCK_SECOND);
}

static void test_second_acceptance_of_a_spool_file_leaves_the_entry_its_body(void **state)
{
    struct fixture *t = *state;
    CLEANUP(fd_close) int fd = -1;
    struct queue_id id, other;
    struct queue_entry entry;
    char *body = NULL;
    uint64_t spool = make_spool(t, 1000, &fd);
    ASSERT_OK(t, accept_for(t, S("cara@example.net"), slice_none(), spool, &id)); /* waits for the relay */
    assert_int_equal(accept_for(t, S("cara@example.net"), slice_none(), spool, &other), ERR_UNAVAILABLE);
    queue_spool_drop(t->queue, spool);
    ASSERT_OK(t, queue_get(t->queue, id, &t->arena, &entry, &body, &t->error));
    assert_int_equal(entry.size, 1000);
    free(body);
}

static void test_spool_file_over_the_largest_message_is_refused(void **state)
{
    struct fixture *t = *state;
    CLEANUP(fd_close) int fd = -1;
    struct queue_id id;
    struct stat status;
    uint64_t spool = make_spool(t, MESSAGE_MAX + 1, &fd);
    assert_int_equal(accept_for(t, S("anna@example.org"), slice_none(), spool, &id), ERR_LIMIT);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_nlink, 0); /* and the file is gone */
    assert_int_equal(entries(t), 0);
}

static void test_spool_file_cut_after_acceptance_holds_up_nobody(void **state)
{
    struct fixture *t = *state;
    CLEANUP(fd_close) int fd = -1;
    struct queue_id id;
    uint64_t spool = make_spool(t, 1000, &fd);
    struct account *account;
    ASSERT_OK(t, store_account(t->store, t->anna, &account, &t->error)); /* limits are of an open account */
    set_quota(t, 1); /* not filed before the file is cut */
    ASSERT_OK(t, accept_for(t, S("anna@example.org"), slice_none(), spool, &id));
    assert_true(idle(t));
    set_quota(t, 0);
    account_unref(account);
    assert_int_equal(ftruncate(fd, 10), 0);
    int64_t before = clock_mono_us();
    ASSERT_OK(t, queue_flush(t->queue, id, &t->error));
    ASSERT_OK(t, accept_for(t, S("anna@example.org"), S("A: b\r\n\r\nhello\r\n"), 0, &id));
    assert_true(idle(t));
    assert_true(clock_mono_us() - before < CLOCK_SECOND);
    assert_int_equal(filed(t), 1);
    assert_int_equal(entries(t), 1); /* it waits, and is not forgotten */
}

static void test_more_than_a_batch_may_hold_in_memory_is_filed_in_order(void **state)
{
    struct fixture *t = *state;
    enum { COUNT = 6 };
    int fds[COUNT];
    uint64_t spools[COUNT];
    struct queue_id id;
    for (int i = 0; i < COUNT; i++)
        spools[i] = make_spool(t, MESSAGE_MAX, &fds[i]);
    for (int i = 0; i < COUNT; i++)
        ASSERT_OK(t, accept_for(t, S("anna@example.org"), slice_none(), spools[i], &id));
    assert_true(idle(t));
    assert_int_equal(filed(t), COUNT);
    assert_int_equal(entries(t), 0);
    for (int i = 0; i < COUNT; i++)
        close(fds[i]);
}

static void test_what_a_failed_sync_refused_is_not_there_after_a_restart(void **state)
{
    struct fixture *t = *state;
    struct queue_id id;
    atomic_store(&disk_fails, true);
    assert_int_equal(accept_for(t, S("anna@example.org"), S("A: 1\r\n\r\n"), 0, &id), ERR_IO);
    atomic_store(&disk_fails, false);
    /* The kernel forgets what it could not write, so a later sync proves nothing. */
    assert_int_equal(accept_for(t, S("anna@example.org"), S("A: 2\r\n\r\n"), 0, &id), ERR_IO);
    queue_close(t->queue);
    open_queue(t);
    assert_true(idle(t));
    assert_int_equal(filed(t), 0);
    ASSERT_OK(t, accept_for(t, S("anna@example.org"), S("A: 3\r\n\r\n"), 0, &id));
    assert_true(idle(t));
    assert_int_equal(filed(t), 1);
}

#define QUEUE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_second_acceptance_of_a_spool_file_leaves_the_entry_its_body),
        QUEUE_TEST(test_spool_file_over_the_largest_message_is_refused),
        QUEUE_TEST(test_spool_file_cut_after_acceptance_holds_up_nobody),
        QUEUE_TEST(test_more_than_a_batch_may_hold_in_memory_is_filed_in_order),
        QUEUE_TEST(test_what_a_failed_sync_refused_is_not_there_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
