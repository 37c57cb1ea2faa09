#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/test.h"

enum { LARGE = 300000 }; /* more than a pipe holds */

static int new_file(void)
{
    int fd = memfd_create("fdio_test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_close_forgets_the_descriptor(void **state UNUSED)
{
    int fd = new_file();
    int same = fd;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(same, F_GETFD), -1);
    fd_close(&fd); /* nothing to close */
}

static void test_take_leaves_nothing_behind(void **state UNUSED)
{
    CLEANUP(fd_close) int owner = new_file();
    CLEANUP(fd_close) int taken = fd_take(&owner);
    assert_int_equal(owner, -1);
    assert_true(fcntl(taken, F_GETFD) >= 0);
}

static void test_pread_wants_every_byte(void **state UNUSED)
{
    CLEANUP(fd_close) int fd = new_file();
    struct error error;
    char bytes[4] = "";
    assert_int_equal(fd_pwrite_all(fd, S("abcdef"), 2, &error), ERR_OK);
    assert_int_equal(fd_pread_exact(fd, bytes, 4, 4, &error), ERR_OK);
    assert_memory_equal(bytes, "cdef", 4);
    assert_int_equal(fd_pread_exact(fd, bytes, 4, 5, &error), ERR_CORRUPT);
    assert_int_equal(fd_pread_exact(fd, bytes, 0, 100, &error), ERR_OK);
    assert_int_equal(fd_pread_exact(fd, bytes, 1, UINT64_MAX, &error), ERR_IO);
}

static void test_read_all_up_to_the_limit(void **state UNUSED)
{
    CLEANUP(fd_close) int fd = new_file();
    CLEANUP(buf_release) struct buf exact = BUF(6);
    CLEANUP(buf_release) struct buf small = BUF(5);
    struct error error;
    assert_int_equal(fd_write_all(fd, S("abcdef"), &error), ERR_OK);
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(fd_read_all(fd, &exact, &error), ERR_OK);
    assert_true(slice_eq(buf_slice(&exact), S("abcdef")));
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(fd_read_all(fd, &small, &error), ERR_LIMIT);
}

static void *read_slowly(void *context)
{
    int fd = *(int *)context;
    char chunk[1000];
    size_t *total = calloc(1, sizeof(*total));
    for (ssize_t n; (n = read(fd, chunk, sizeof(chunk))) > 0;)
        *total += (size_t)n;
    return total;
}

static void test_write_all_goes_on_after_short_writes(void **state UNUSED)
{
    int ends[2];
    static char bytes[LARGE];
    struct error error;
    pthread_t reader;
    void *total;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &ends[0]), 0);
    assert_int_equal(fd_write_all(ends[1], slice_of(bytes, LARGE), &error), ERR_OK);
    fd_close(&ends[1]);
    pthread_join(reader, &total);
    assert_int_equal(*(size_t *)total, LARGE);
    free(total);
    fd_close(&ends[0]);
}

static void test_failures_carry_the_systems_reason(void **state UNUSED)
{
    CLEANUP(fd_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    CLEANUP(buf_release) struct buf out = BUF(10);
    struct error error;
    char byte;
    assert_int_equal(fd_write_all(full, S("x"), &error), ERR_UNAVAILABLE);
    assert_non_null(strstr(error.detail, "No space left"));
    assert_int_equal(fd_write_all(-1, S("x"), &error), ERR_IO);
    assert_int_equal(fd_pwrite_all(-1, S("x"), 0, &error), ERR_IO);
    assert_int_equal(fd_pread_exact(-1, &byte, 1, 0, &error), ERR_IO);
    assert_int_equal(fd_read_all(-1, &out, &error), ERR_IO);
    assert_int_equal(fd_write_all(-1, S(""), &error), ERR_OK); /* nothing to do */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_forgets_the_descriptor),
        cmocka_unit_test(test_take_leaves_nothing_behind),
        cmocka_unit_test(test_pread_wants_every_byte),
        cmocka_unit_test(test_read_all_up_to_the_limit),
        cmocka_unit_test(test_write_all_goes_on_after_short_writes),
        cmocka_unit_test(test_failures_carry_the_systems_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
