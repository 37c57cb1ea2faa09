#include "store/volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"

struct place_of_test {
    char path[64];
    struct volume *volume;
    struct error error;
};

static int set_up(void **state)
{
    struct place_of_test *t = calloc(1, sizeof(*t));
    snprintf(t->path, sizeof(t->path), "/tmp/volume-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    assert_int_equal(volume_open_local(t->path, &t->volume, &t->error), ERR_OK);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct place_of_test *t = *state;
    volume_close(t->volume);
    char lock[128];
    snprintf(lock, sizeof(lock), "%s/lock", t->path);
    unlink(lock);
    rmdir(t->path);
    free(t);
    return 0;
}

static bool there(const struct place_of_test *t, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", t->path, name);
    return stat(path, &st) == 0;
}

static void test_second_owner_is_refused(void **state)
{
    struct place_of_test *t = *state;
    struct volume *second = NULL;
    assert_int_equal(volume_open_local(t->path, &second, &t->error), ERR_BUSY);
    assert_null(second);
    assert_non_null(strstr(t->error.detail, "process"));
}

static void test_owner_that_died_leaves_the_volume_free(void **state)
{
    struct place_of_test *t = *state;
    volume_close(t->volume);
    t->volume = NULL;
    pid_t child = fork();
    if (child == 0) {
        struct volume *volume = NULL;
        struct error error;
        _exit(volume_open_local(t->path, &volume, &error) == ERR_OK ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(volume_open_local(t->path, &t->volume, &t->error), ERR_OK);
}

static void test_files_are_made_listed_renamed_removed(void **state)
{
    struct place_of_test *t = *state;
    int fd = -1;
    assert_int_equal(volume_directory_make(t->volume, "a/b/c", &t->error), ERR_OK);
    assert_int_equal(volume_directory_make(t->volume, "a/b/c", &t->error), ERR_OK);
    assert_int_equal(volume_file_open(t->volume, "a/b/c/two", false, &fd, &t->error), ERR_NOT_FOUND);
    assert_int_equal(fd, -1);
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof(name), "a/b/c/%03d", 99 - i);
        assert_int_equal(volume_file_open(t->volume, name, true, &fd, &t->error), ERR_OK);
        fd_close(&fd);
    }
    assert_int_equal(volume_file_rename(t->volume, "a/b/c/000", "a/b/zz", &t->error), ERR_OK);
    assert_int_equal(volume_file_remove(t->volume, "a/b/c/001", &t->error), ERR_OK);
    assert_int_equal(volume_file_remove(t->volume, "a/b/c/001", &t->error), ERR_NOT_FOUND);
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct slice *names;
    size_t count = 0;
    assert_int_equal(volume_list(t->volume, "a/b/c", &arena, &names, &count, &t->error), ERR_OK);
    assert_int_equal(count, 98);
    assert_true(slice_eq(names[0], S("002")));
    assert_true(slice_eq(names[97], S("099")));
    assert_int_equal(volume_list(t->volume, "none", &arena, &names, &count, &t->error), ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(volume_directory_remove(t->volume, "a", &t->error), ERR_OK);
    assert_false(there(t, "a"));
    assert_int_equal(volume_directory_remove(t->volume, "a", &t->error), ERR_NOT_FOUND);
}

static void test_scratch_file_leaves_nothing(void **state)
{
    struct place_of_test *t = *state;
    CLEANUP(fd_close) int fd = -1;
    struct stat status;
    assert_int_equal(volume_scratch_file(t->volume, &fd, &t->error), ERR_OK);
    assert_int_equal(pwrite(fd, "x", 1, 1000), 1);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 1001);
    assert_int_equal(status.st_nlink, 0);
}

static void test_removing_a_directory_does_not_follow_links(void **state)
{
    struct place_of_test *t = *state;
    char path[128];
    int fd = -1;
    assert_int_equal(volume_directory_make(t->volume, "keep", &t->error), ERR_OK);
    assert_int_equal(volume_directory_make(t->volume, "gone", &t->error), ERR_OK);
    assert_int_equal(volume_file_open(t->volume, "keep/file", true, &fd, &t->error), ERR_OK);
    fd_close(&fd);
    snprintf(path, sizeof(path), "%s/gone/link", t->path);
    assert_int_equal(symlink("../keep", path), 0);
    assert_int_equal(volume_file_open(t->volume, "gone/link", false, &fd, &t->error), ERR_IO);
    assert_int_equal(volume_directory_remove(t->volume, "gone", &t->error), ERR_OK);
    assert_true(there(t, "keep/file"));
    assert_int_equal(volume_directory_remove(t->volume, "keep", &t->error), ERR_OK);
}

static void test_database_is_exclusive_and_keeps_what_was_written(void **state)
{
    struct place_of_test *t = *state;
    struct database database = {0};
    struct database second = {0};
    assert_int_equal(volume_database_open(t->volume, "x.db", false, &database, &t->error), ERR_NOT_FOUND);
    assert_int_equal(volume_database_open(t->volume, "x.db", true, &database, &t->error), ERR_OK);
    assert_int_equal(sqlite3_exec(database.sqlite, "CREATE TABLE t(a); INSERT INTO t VALUES(7)", 0, 0, 0), 0);
    assert_int_equal(volume_database_sync(&database, &t->error), ERR_OK);
    assert_true(there(t, "x.db-wal"));
    assert_false(there(t, "x.db-shm"));
    assert_int_equal(volume_database_open(t->volume, "x.db", false, &second, &t->error), ERR_BUSY);
    volume_database_close(&database);
    volume_database_close(&database);
    assert_int_equal(volume_database_open(t->volume, "x.db", false, &database, &t->error), ERR_OK);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(database.sqlite, "SELECT a FROM t", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), 7);
    sqlite3_finalize(statement);
    volume_database_close(&database);
    assert_int_equal(volume_file_remove(t->volume, "x.db", &t->error), ERR_OK);
    assert_int_equal(volume_file_remove(t->volume, "x.db-wal", &t->error), ERR_OK);
}

static void copy_file(struct volume *volume, const char *from, const char *to)
{
    struct error error;
    CLEANUP(fd_close) int in = -1;
    CLEANUP(fd_close) int out = -1;
    CLEANUP(buf_release) struct buf bytes = BUF(64 << 20);
    assert_int_equal(volume_file_open(volume, from, false, &in, &error), ERR_OK);
    assert_int_equal(volume_file_open(volume, to, true, &out, &error), ERR_OK);
    assert_int_equal(fd_read_all(in, &bytes, &error), ERR_OK);
    assert_int_equal(fd_write_all(out, buf_slice(&bytes), &error), ERR_OK);
}

/* What lies in the two files at any moment is all that was committed, checkpoints in between or not. */
static void test_every_commit_is_in_the_files_across_checkpoints(void **state)
{
    struct place_of_test *t = *state;
    struct database database = {0};
    assert_int_equal(volume_database_open(t->volume, "x.db", true, &database, &t->error), ERR_OK);
    ino_t log = 0;
    struct stat st;
    assert_int_equal(fstat(database.wal_fd, &st), 0);
    log = st.st_ino;
    assert_int_equal(sqlite3_exec(database.sqlite, "CREATE TABLE t(a,b)", 0, 0, 0), SQLITE_OK);
    for (int i = 1; i <= 1000; i++) {
        assert_int_equal(sqlite3_exec(database.sqlite, "INSERT INTO t VALUES(1, randomblob(6000))", 0, 0, 0),
                         SQLITE_OK);
        assert_int_equal(volume_database_sync(&database, &t->error), ERR_OK);
        if (i % 250 != 0)
            continue;
        /* POSIX locks are dropped when the copying closes the file; nobody else wants them here. */
        copy_file(t->volume, "x.db", "y.db");
        copy_file(t->volume, "x.db-wal", "y.db-wal");
        struct database copy = {0};
        sqlite3_stmt *statement = NULL;
        assert_int_equal(volume_database_open(t->volume, "y.db", false, &copy, &t->error), ERR_OK);
        assert_int_equal(sqlite3_prepare_v2(copy.sqlite, "SELECT count(*) FROM t", -1, &statement, NULL), 0);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), i);
        sqlite3_finalize(statement);
        volume_database_close(&copy);
        assert_int_equal(volume_file_remove(t->volume, "y.db", &t->error), ERR_OK);
        assert_int_equal(volume_file_remove(t->volume, "y.db-wal", &t->error), ERR_OK);
    }
    char path[128];
    snprintf(path, sizeof(path), "%s/x.db-wal", t->path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_ino == log); /* the descriptor still names the log */
    assert_true(st.st_size < 8 << 20);
    volume_database_close(&database);
    assert_int_equal(volume_file_remove(t->volume, "x.db", &t->error), ERR_OK);
    assert_int_equal(volume_file_remove(t->volume, "x.db-wal", &t->error), ERR_OK);
}

static void test_garbage_is_not_a_database(void **state)
{
    struct place_of_test *t = *state;
    int fd = -1;
    struct database database = {0};
    char garbage[8192];
    memset(garbage, 'x', sizeof(garbage));
    assert_int_equal(volume_file_open(t->volume, "x.db", true, &fd, &t->error), ERR_OK);
    assert_int_equal(fd_write_all(fd, slice_of(garbage, sizeof(garbage)), &t->error), ERR_OK);
    fd_close(&fd);
    assert_int_equal(volume_database_open(t->volume, "x.db", false, &database, &t->error), ERR_CORRUPT);
    assert_int_equal(volume_file_remove(t->volume, "x.db", &t->error), ERR_OK);
}

static void test_failed_sync_stays_failed(void **state)
{
    struct place_of_test *t = *state;
    struct database database = {0};
    assert_int_equal(volume_database_open(t->volume, "x.db", true, &database, &t->error), ERR_OK);
    int wal = database.wal_fd;
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    database.wal_fd = pipes[0]; /* can't be synced */
    assert_int_equal(volume_database_sync(&database, &t->error), ERR_IO);
    database.wal_fd = wal;
    assert_int_equal(volume_database_sync(&database, &t->error), ERR_IO);
    close(pipes[0]);
    close(pipes[1]);
    volume_database_close(&database);
    assert_int_equal(volume_directory_make(t->volume, "d", &t->error), ERR_OK);
    assert_int_equal(volume_sync(t->volume, &t->error), ERR_OK);
    assert_int_equal(volume_directory_remove(t->volume, "d", &t->error), ERR_OK);
    assert_int_equal(volume_file_remove(t->volume, "x.db", &t->error), ERR_OK);
    assert_int_equal(volume_file_remove(t->volume, "x.db-wal", &t->error), ERR_OK);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_second_owner_is_refused),
        TEST(test_scratch_file_leaves_nothing),
        TEST(test_owner_that_died_leaves_the_volume_free),
        TEST(test_files_are_made_listed_renamed_removed),
        TEST(test_removing_a_directory_does_not_follow_links),
        TEST(test_database_is_exclusive_and_keeps_what_was_written),
        TEST(test_every_commit_is_in_the_files_across_checkpoints),
        TEST(test_garbage_is_not_a_database),
        TEST(test_failed_sync_stays_failed),
    };
    return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
