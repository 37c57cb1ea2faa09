/* Large bodies in spool files, and what is damaged or left over. */
#include <dirent.h>
#include <fcntl.h>

#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdio.h"
#include "queue/testing.h"

static size_t spool_files(struct house *t)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct slice *names;
    size_t count;
    ASSERT_OK(t, volume_list(store_volume(t->store), "spool", &arena, &names, &count, &t->error));
    return count;
}

static uint64_t spool_make(struct house *t, size_t lines)
{
    CLEANUP(fd_close) int fd = -1;
    uint64_t spool = 0;
    ASSERT_OK(t, queue_spool_create(t->queue, &spool, &fd, &t->error));
    ASSERT_OK(t, fd_write_all(fd, S("Subject: large\r\n\r\n"), &t->error));
    for (size_t i = 0; i < lines; i++)
        ASSERT_OK(t, fd_write_all(fd, S("eight or more bytes\r\n"), &t->error));
    return spool;
}

static enum err accept_spool(struct house *t, const char *recipient, uint64_t spool, struct queue_id *ret_id)
{
    struct queue_recipient to = {.address = slice_cstr(recipient)};
    struct queue_envelope envelope = {
        .sender = S("max@other.example"), .recipients = &to, .recipient_count = 1, .protocol = S("ESMTP")};
    return queue_accept(t->queue, &envelope, slice_none(), spool, ret_id, &t->error);
}

static void test_large_body_is_filed_and_its_file_removed(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    ASSERT_OK(t, accept_spool(t, "anna@demo.example", spool_make(t, 5000), &id));
    house_settle(t);
    struct message *messages;
    assert_int_equal(house_inbox(t, t->anna, &messages), 1);
    assert_true(messages[0].size > 5000 * 21);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(spool_files(t), 0);
}

/* Take the C library's place, to see what comes first. */
static atomic_int syncs, syncs_at_commit;
static atomic_bool removed_too_early;
int fdatasync(int fd)
{
    int result = (int)syscall(SYS_fdatasync, fd);
    atomic_fetch_add(&syncs, 1);
    return result;
}
int unlinkat(int directory, const char *name, int flags)
{
    if (slice_starts(slice_cstr(name), S("spool/")) && atomic_load(&syncs) == atomic_load(&syncs_at_commit))
        atomic_store(&removed_too_early, true);
    return (int)syscall(SYS_unlinkat, directory, name, flags);
}
static int note_commit(void *context UNUSED)
{
    atomic_store(&syncs_at_commit, atomic_load(&syncs));
    return 0;
}

/* Otherwise a power loss could bring the entry back without its body. */
static void test_file_goes_only_after_its_entry_is_gone_for_good(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    atomic_store(&removed_too_early, false);
    pthread_mutex_lock(&t->queue->database_lock);
    sqlite3_commit_hook(t->queue->database.sqlite, note_commit, NULL);
    pthread_mutex_unlock(&t->queue->database_lock);
    ASSERT_OK(t, accept_spool(t, "anna@demo.example", spool_make(t, 5000), &id));
    house_settle(t);
    assert_int_equal(spool_files(t), 0);
    assert_false(atomic_load(&removed_too_early));
    ASSERT_OK(t, accept_spool(t, "x@elsewhere.example", spool_make(t, 5000), &id));
    ASSERT_OK(t, queue_drop(t->queue, id, &t->error));
    assert_int_equal(spool_files(t), 0);
    assert_false(atomic_load(&removed_too_early));
}

static void test_dropped_body_leaves_nothing(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    uint64_t spool = spool_make(t, 10);
    assert_int_equal(spool_files(t), 1);
    queue_spool_drop(t->queue, spool);
    assert_int_equal(spool_files(t), 0);
    queue_spool_drop(t->queue, spool);
    assert_int_equal(accept_spool(t, "anna@demo.example", spool, &id), ERR_UNAVAILABLE);
    ASSERT_OK(t, accept_spool(t, "x@elsewhere.example", spool_make(t, 10), &id));
    house_settle(t);
    ASSERT_OK(t, queue_drop(t->queue, id, &t->error));
    assert_int_equal(spool_files(t), 0);
}

/* An edge gone bad names a file that is another entry's. */
static void test_a_file_is_one_entrys(void **state)
{
    struct house *t = *state;
    struct queue_id id, other;
    struct queue_entry entry;
    char *body;
    uint64_t spool = spool_make(t, 10);
    ASSERT_OK(t, accept_spool(t, "x@elsewhere.example", spool, &id));
    assert_int_equal(accept_spool(t, "anna@demo.example", spool, &other), ERR_UNAVAILABLE);
    queue_spool_drop(t->queue, spool);
    house_settle(t);
    ASSERT_OK(t, queue_get(t->queue, id, &t->arena, &entry, &body, &t->error));
    assert_int_equal(entry.size, 18 + 10 * 21);
    free(body);
}

static void test_opening_removes_orphans_only(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    struct queue_entry entry;
    char *body;
    ASSERT_OK(t, accept_spool(t, "x@elsewhere.example", spool_make(t, 10), &id));
    spool_make(t, 10);
    house_settle(t);
    assert_int_equal(spool_files(t), 2);
    house_close(t);
    house_open(t);
    assert_int_equal(spool_files(t), 1);
    ASSERT_OK(t, queue_get(t->queue, id, &t->arena, &entry, &body, &t->error));
    free(body);
}

static void run_sql(struct house *t, const char *sql)
{
    pthread_mutex_lock(&t->queue->database_lock);
    assert_int_equal(sqlite3_exec(t->queue->database.sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
    pthread_mutex_unlock(&t->queue->database_lock);
}

/* One bad row stops nobody else's mail, keeps every spool file, and can be seen and dropped. */
static void test_damaged_entry_stands_aside(void **state)
{
    struct house *t = *state;
    struct queue_id id, bad;
    struct queue_entry *entries;
    ASSERT_OK(t, accept_spool(t, "x@elsewhere.example", spool_make(t, 10), &bad));
    ASSERT_OK(t, accept_spool(t, "y@elsewhere.example", spool_make(t, 10), &id));
    house_settle(t);
    run_sql(t, "UPDATE entry SET next = 0, envelope = x'0102' WHERE id = (SELECT min(id) FROM entry)");
    house_close(t);
    house_open(t);
    house_send(t, "max@other.example", "anna@demo.example");
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(spool_files(t), 2);
    assert_int_equal(house_list(t, &entries), 2);
    assert_int_equal(entries[0].id.v, bad.v);
    assert_string_equal(entries[0].state.p, "damaged");
    ASSERT_OK(t, queue_drop(t->queue, bad, &t->error));
    house_close(t);
    house_open(t);
    assert_int_equal(spool_files(t), 1);
    assert_int_equal(house_left(t), 1);
}

/* The file is not what its entry says. */
static void test_body_of_another_size_is_damage(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    struct queue_entry entry;
    char *body;
    char path[128];
    char name[ID_TEXT_MAX];
    uint64_t spool = spool_make(t, 10);
    ASSERT_OK(t, accept_spool(t, "x@elsewhere.example", spool, &id));
    house_settle(t);
    id_to_text(spool, name);
    snprintf(path, sizeof(path), "%s/spool/%s", t->path, name);
    assert_int_equal(truncate(path, 17), 0);
    assert_int_equal(queue_get(t->queue, id, &t->arena, &entry, &body, &t->error), ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(queue_get(t->queue, id, &t->arena, &entry, &body, &t->error), ERR_CORRUPT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)
    const struct CMUnitTest tests[] = {
        TEST(test_large_body_is_filed_and_its_file_removed),
        TEST(test_file_goes_only_after_its_entry_is_gone_for_good),
        TEST(test_dropped_body_leaves_nothing),
        TEST(test_a_file_is_one_entrys),
        TEST(test_opening_removes_orphans_only),
        TEST(test_damaged_entry_stands_aside),
        TEST(test_body_of_another_size_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
