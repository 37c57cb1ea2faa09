#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "rt/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void make_pair(int fds[static 2])
{
    struct error error;
    assert_int_equal(ipc_pair(fds, &error), ERR_OK);
}

static void close_pair(int fds[static 2])
{
    fd_close(&fds[0]);
    fd_close(&fds[1]);
}

static void test_carries_type_body_and_descriptors(void **state)
{
    (void)state;
    int fds[2];
    int pipe_fds[2];
    struct error error;
    make_pair(fds);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct ipc_message out = {.type = 0x01020304, .body = S("hello"), .fds = {pipe_fds[1]}, .fd_count = 1};
    assert_int_equal(ipc_send(fds[0], &out, &error), ERR_OK);
    fd_close(&pipe_fds[1]);

    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    struct ipc_message in;
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &in, &error), ERR_OK);
    assert_int_equal(in.type, 0x01020304);
    assert_true(slice_eq(in.body, S("hello")));
    assert_int_equal(in.fd_count, 1);
    assert_true((fcntl(in.fds[0], F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(write(in.fds[0], "x", 1), 1);
    char c = 0;
    assert_int_equal(read(pipe_fds[0], &c, 1), 1);
    assert_int_equal(c, 'x');
    ipc_message_close(&in);
    assert_int_equal(read(pipe_fds[0], &c, 1), 0);
    fd_close(&pipe_fds[0]);
    close_pair(fds);
}

static void test_body_at_the_limit_passes_and_one_more_is_refused(void **state)
{
    (void)state;
    int fds[2];
    struct error error;
    make_pair(fds);
    char *bytes = test_calloc(1, IPC_BODY_MAX + 1);
    struct ipc_message out = {.type = 1, .body = slice_of(bytes, IPC_BODY_MAX)};
    assert_int_equal(ipc_send(fds[0], &out, &error), ERR_OK);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    struct ipc_message in;
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &in, &error), ERR_OK);
    assert_int_equal(in.body.n, IPC_BODY_MAX);
    out.body.n++;
    assert_int_equal(ipc_send(fds[0], &out, &error), ERR_INVALID);
    test_free(bytes);
    close_pair(fds);
}

static void test_refuses_records_too_short_or_too_long(void **state)
{
    (void)state;
    int fds[2];
    struct error error;
    make_pair(fds);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    struct ipc_message in;
    assert_int_equal(send(fds[0], "abc", 3, 0), 3);
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &in, &error), ERR_INVALID);
    char *bytes = test_calloc(1, IPC_BODY_MAX + 5);
    assert_int_equal(send(fds[0], bytes, IPC_BODY_MAX + 5, 0), IPC_BODY_MAX + 5);
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &in, &error), ERR_INVALID);
    test_free(bytes);
    close_pair(fds);
}

static void test_too_many_descriptors_are_refused_and_none_leaks(void **state)
{
    (void)state;
    int fds[2];
    int pipe_fds[2];
    struct error error;
    make_pair(fds);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * (IPC_FDS_MAX + 1))];
    } control = {0};
    char text[] = "typebody";
    struct iovec part = {text, 8};
    struct msghdr h = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    h.msg_controllen = sizeof(control.bytes);
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * (IPC_FDS_MAX + 1));
    for (size_t i = 0; i <= IPC_FDS_MAX; i++)
        memcpy(CMSG_DATA(c) + i * sizeof(int), &pipe_fds[1], sizeof(int));
    assert_int_equal(sendmsg(fds[0], &h, 0), 8);
    fd_close(&pipe_fds[1]);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    struct ipc_message in;
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &in, &error), ERR_INVALID);
    char byte;
    assert_int_equal(read(pipe_fds[0], &byte, 1), 0); /* every writing end is closed */
    fd_close(&pipe_fds[0]);
    close_pair(fds);
}

static void test_says_closed_and_timeout(void **state)
{
    (void)state;
    int fds[2];
    struct error error;
    make_pair(fds);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    struct ipc_message in;
    assert_int_equal(ipc_receive(fds[1], clock_mono_us() + CLOCK_MS, &storage, &in, &error), ERR_TIMEOUT);
    fd_close(&fds[0]);
    assert_int_equal(ipc_receive(fds[1], 0, &storage, &in, &error), ERR_CLOSED);
    struct ipc_message out = {.type = 1};
    assert_int_equal(ipc_send(fds[1], &out, &error), ERR_CLOSED);
    fd_close(&fds[1]);
}

static void test_memfd_is_sealed_and_reads_back(void **state)
{
    (void)state;
    struct error error;
    CLEANUP(fd_close) int fd = -1;
    assert_int_equal(ipc_memfd(S("some bytes"), &fd, &error), ERR_OK);
    assert_true(write(fd, "x", 1) < 0 && errno == EPERM);
    assert_true(ftruncate(fd, 0) < 0 && errno == EPERM);
    struct slice bytes;
    assert_int_equal(ipc_map(fd, 9, &bytes, &error), ERR_LIMIT);
    assert_int_equal(ipc_map(fd, 10, &bytes, &error), ERR_OK);
    assert_true(slice_eq(bytes, S("some bytes")));
    ipc_unmap(&bytes);
}

static void test_empty_memfd_is_an_empty_slice(void **state)
{
    (void)state;
    struct error error;
    CLEANUP(fd_close) int fd = -1;
    assert_int_equal(ipc_memfd(slice_none(), &fd, &error), ERR_OK);
    struct slice bytes;
    assert_int_equal(ipc_map(fd, 0, &bytes, &error), ERR_OK);
    assert_int_equal(bytes.n, 0);
    ipc_unmap(&bytes);
}

static void test_map_refuses_what_is_no_file(void **state)
{
    (void)state;
    struct error error;
    int fds[2];
    make_pair(fds);
    struct slice bytes;
    assert_int_equal(ipc_map(fds[0], 100, &bytes, &error), ERR_INVALID);
    close_pair(fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_carries_type_body_and_descriptors),
        cmocka_unit_test(test_body_at_the_limit_passes_and_one_more_is_refused),
        cmocka_unit_test(test_refuses_records_too_short_or_too_long),
        cmocka_unit_test(test_too_many_descriptors_are_refused_and_none_leaks),
        cmocka_unit_test(test_says_closed_and_timeout),
        cmocka_unit_test(test_memfd_is_sealed_and_reads_back),
        cmocka_unit_test(test_empty_memfd_is_an_empty_slice),
        cmocka_unit_test(test_map_refuses_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
