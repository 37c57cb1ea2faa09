/*
 * A child appends and is killed at a random moment; what it was told is there must be there afterwards,
 * whole. A torn pack (as after power loss) loses exactly the messages whose bytes are gone, with their
 * delivery ids.
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "store/recover.h"
#include "store/testing.h"

enum { ROUNDS = 12, KILL_WITHIN_US = 40000 };

static void delivery_id(uint32_t number, char ret_id[static 16])
{
    memset(ret_id, 0, 16);
    memcpy(ret_id, &number, sizeof(number));
}

/* Appends until it is killed, and writes each number to the pipe after it was added. */
static void child_run(const char *directory, int out, uint32_t from)
{
    struct store_options options = {.directory = directory};
    struct store *store;
    struct account *account;
    struct error error;
    struct folder inbox;
    struct arena arena = ARENA(1 << 20);
    if (store_open(&options, &store, &error) != ERR_OK ||
        store_account(store, test_account, &account, &error) != ERR_OK ||
        folder_by_role(account, ROLE_FOLDER_INBOX, &arena, &inbox, &error) != ERR_OK)
        _exit(1);
    for (uint32_t number = from;; number++) {
        char id[16];
        delivery_id(number, id);
        struct append_item item = {
            .folder = inbox.id, .body = small_message, .delivery_id = slice_of(id, sizeof(id))};
        struct append_result result;
        if (message_append(account, &item, 1, &result, &error) != ERR_OK || result.duplicate)
            _exit(1);
        if (write(out, &number, sizeof(number)) != sizeof(number))
            _exit(1);
    }
}

static uint32_t kill_one(struct fixture *fixture, uint32_t from, useconds_t after)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        child_run(fixture->directory, ends[1], from);
    close(ends[1]);
    uint32_t last = from - 1;
    uint32_t number;
    assert_int_equal(read(ends[0], &number, sizeof(number)), sizeof(number)); /* it has begun */
    last = number;
    usleep(after);
    assert_int_equal(kill(child, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &number, sizeof(number)) == sizeof(number))
        last = number;
    close(ends[0]);
    return last;
}

static void fixture_close(struct fixture *fixture)
{
    account_unref(take(fixture->account));
    store_close(take(fixture->store));
}

static bool is_duplicate(struct fixture *fixture, uint32_t number)
{
    char id[16];
    delivery_id(number, id);
    struct append_item item = {
        .folder = fixture->inbox.id, .body = small_message, .delivery_id = slice_of(id, sizeof(id))};
    struct append_result result;
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
    return result.duplicate;
}

static void check_readable(struct fixture *fixture, size_t *ret_count)
{
    CLEANUP(uid_set_release) struct uid_set all = range(1, UINT32_MAX);
    CLEANUP(arena_release) struct arena arena = ARENA(64U << 20);
    struct message *messages;
    OK(message_list(fixture->account, fixture->inbox.id, &all, WANT_FLAGS, 0, &arena, &messages, ret_count,
                    &fixture->error));
    for (size_t i = 0; i < *ret_count; i++) {
        CLEANUP(content_release) struct content content = {0};
        OK(message_read(fixture->account, messages[i].object, CONTENT_WHOLE, &content, &fixture->error));
        assert_true(slice_eq(content.whole, small_message));
    }
}

static void test_kill_loses_nothing_that_was_added(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    uint32_t next = 1;
    uint32_t uidnext = 1;
    unsigned seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        uint32_t last = kill_one(fixture, next, (seed >> 8) % KILL_WITHIN_US);
        fixture_open(fixture);
        fixture_account(fixture);
        account_check_invariants(fixture->account);
        size_t count;
        check_readable(fixture, &count);
        assert_in_range(count, last, last + 1); /* one may have been added and not told */
        for (uint32_t number = next; number <= last; number++)
            assert_true(is_duplicate(fixture, number));
        is_duplicate(fixture, last + 1);
        assert_true(fixture->inbox.uidnext > uidnext);
        uidnext = fixture->inbox.uidnext;
        next = last + 2;
        fixture_close(fixture);
    }
    fixture_open(fixture);
    fixture_account(fixture);
}

/* As if the kernel had written SQLite's log but not the end of the pack. */
static void test_lost_bytes_are_delivered_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_close(fixture);
    uint32_t last = kill_one(fixture, 1, KILL_WITHIN_US);
    char path[200];
    snprintf(path, sizeof(path), "%s/accounts/12/1234567890abcdef/packs/00000001.pack", fixture->directory);
    struct stat stat_buf;
    assert_int_equal(stat(path, &stat_buf), 0);
    off_t record = stat_buf.st_size / (off_t)last;
    assert_int_equal(truncate(path, stat_buf.st_size - record / 2 - 2 * record), 0);
    fixture_open(fixture);
    fixture_account(fixture);
    account_check_invariants(fixture->account);
    size_t count;
    check_readable(fixture, &count);
    assert_in_range(count, last - 4, last - 1);
    assert_false(is_duplicate(fixture, last));
    assert_true(is_duplicate(fixture, 1));
}

/* Made, and the process killed before anybody opened it. */
static void test_account_that_was_never_opened_gets_its_folders(void **state)
{
    struct fixture *fixture = *state;
    const struct account_id fresh = {0xf4e54};
    fixture_close(fixture);
    pid_t child = fork();
    if (child == 0) {
        struct store_options options = {.directory = fixture->directory};
        struct store *store;
        if (store_open(&options, &store, &fixture->error) != ERR_OK ||
            store_account_create(store, fresh, &fixture->error) != ERR_OK)
            _exit(1);
        _exit(0); /* without store_close: as good as killed */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    fixture_open(fixture);
    OK(store_account(fixture->store, fresh, &fixture->account, &fixture->error));
    account_check_invariants(fixture->account);
    OK(folder_find(fixture->account, S("INBOX"), &fixture->arena, &fixture->inbox, &fixture->error));
    assert_int_equal(fixture->inbox.id.v, ROLE_FOLDER_INBOX); /* check and repair rely on it */
    account_unref(take(fixture->account));
    fixture_account(fixture);
}

static struct change_no now_of(struct fixture *fixture)
{
    struct account_state account_now;
    OK(account_state(fixture->account, &account_now, &fixture->error));
    return account_now.change;
}

/* Stops as a crash does, `times` over: the last generations were never noted in the account. */
static void crash(struct fixture *fixture, int times)
{
    char path[100];
    struct error ignored;
    snprintf(path, sizeof(path), "%s/generation", fixture->directory);
    fixture_close(fixture);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    char text[64];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct slice number, state;
    uint64_t generation = 0;
    assert_true(n > 0);
    slice_cut(slice_of(text, (size_t)n), ' ', &number, &state);
    assert_true(slice_to_u64(number, &generation));
    n = snprintf(text, sizeof(text), "%llu used\n", (unsigned long long)generation + (unsigned)times - 1);
    assert_int_equal(fd_pwrite_all(fd, slice_of(text, (size_t)n), 0, &ignored), ERR_OK);
    assert_int_equal(ftruncate(fd, n), 0);
    fixture_open(fixture);
    fixture_account(fixture);
}

static bool is_listed(struct fixture *fixture, uint64_t since)
{
    CLEANUP(change_list_release) struct change_list list = {0};
    struct change_no believed = {UINT64_MAX};
    enum err err = change_list(fixture->account, (struct folder_id){0}, (struct change_no){since}, 1, &list,
                               &fixture->error);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    OK(change_believed(fixture->account, (struct change_no){since}, &believed, &fixture->error));
    assert_int_equal(believed.v, err == ERR_OK ? since : 0);
    return err == ERR_OK;
}

static void test_numbers_of_a_crash_are_not_believed(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    uint64_t before = now_of(fixture).v;
    crash(fixture, 1);
    uint64_t after = now_of(fixture).v;
    assert_int_equal(after, before + RECOVER_SKIP_NUMBERS);
    assert_true(is_listed(fixture, before));
    assert_false(is_listed(fixture, before + 1));
    assert_false(is_listed(fixture, after - 1));
    assert_true(is_listed(fixture, after));
    append(fixture, fixture->inbox.id, small_message);
    assert_true(is_listed(fixture, now_of(fixture).v));
    fixture_again(fixture); /* it is remembered */
    assert_false(is_listed(fixture, before + 1));
}

static void test_crashes_in_a_row_have_numbers_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    uint64_t before = now_of(fixture).v;
    uint32_t uidnext = get_folder(fixture, fixture->inbox.id).uidnext;
    crash(fixture, 3);
    assert_int_equal(now_of(fixture).v, before + 3 * RECOVER_SKIP_NUMBERS);
    assert_int_equal(get_folder(fixture, fixture->inbox.id).uidnext, uidnext + 3 * RECOVER_SKIP_UIDS);
    crash(fixture, RECOVER_CRASHES_MAX + 1);
    assert_int_equal(now_of(fixture).v, before + (3 + RECOVER_CRASHES_MAX) * RECOVER_SKIP_NUMBERS);
    assert_false(is_listed(fixture, before + 1));
    assert_false(is_listed(fixture, now_of(fixture).v - 1));
}

static void test_ranges_of_lost_numbers_are_limited(void **state)
{
    struct fixture *fixture = *state;
    uint64_t believed = 0;
    for (int i = 0; i <= CHANGE_LOST_MAX; i++) {
        append(fixture, fixture->inbox.id, small_message);
        uint64_t now = now_of(fixture).v;
        if (i == CHANGE_LOST_MAX - 1)
            believed = now;
        crash(fixture, 1);
        /* The one beyond the limit covers what lies between, too. */
        assert_int_equal(is_listed(fixture, now), i < CHANGE_LOST_MAX);
        assert_false(is_listed(fixture, now + 1));
    }
    assert_true(is_listed(fixture, believed));
    assert_true(is_listed(fixture, now_of(fixture).v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_kill_loses_nothing_that_was_added),
        STORE_TEST(test_lost_bytes_are_delivered_again),
        STORE_TEST(test_account_that_was_never_opened_gets_its_folders),
        STORE_TEST(test_numbers_of_a_crash_are_not_believed),
        STORE_TEST(test_crashes_in_a_row_have_numbers_of_their_own),
        STORE_TEST(test_ranges_of_lost_numbers_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
