#include "rt/sd_notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_sends_the_state_to_an_abstract_socket(void **state)
{
    (void)state;
    char path[64];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(path, sizeof(path), "@posthorn-notify-%d", getpid());
    memcpy(at.sun_path, path, (size_t)n);
    at.sun_path[0] = 0;
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, size), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    sd_notify_send("READY=%d\nSTATUS=%s", 1, "well");
    unsetenv("NOTIFY_SOCKET");
    char text[100];
    ssize_t got = recv(fd, text, sizeof(text), MSG_DONTWAIT);
    assert_true(got > 0 && slice_eq(slice_of(text, (size_t)got), S("READY=1\nSTATUS=well")));
}

static void test_without_a_manager_nothing_happens(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "relative", "/nonexistent/socket", "@"};
    unsetenv("NOTIFY_SOCKET");
    sd_notify_send("READY=1");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        setenv("NOTIFY_SOCKET", paths[i], 1);
        sd_notify_send("READY=1");
    }
    unsetenv("NOTIFY_SOCKET");
}

/* In a child, where descriptors from 3 on are ours to arrange. */
static size_t take_in_child(pid_t pid_offset, const char *count)
{
    int result[2];
    assert_int_equal(pipe2(result, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char text[32];
        int fds[SD_LISTEN_MAX];
        int answer = dup2(result[1], STDOUT_FILENO);
        snprintf(text, sizeof(text), "%d", getpid() + pid_offset);
        setenv("LISTEN_PID", text, 1);
        setenv("LISTEN_FDS", count, 1);
        close_range(3, ~0u, 0);
        if (dup2(0, 3) != 3 || dup2(0, 4) != 4)
            _exit(1);
        unsigned char taken = (unsigned char)sd_notify_take_sockets(fds);
        bool good = getenv("LISTEN_PID") == NULL && getenv("LISTEN_FDS") == NULL;
        for (unsigned i = 0; i < taken; i++)
            good = good && fds[i] == 3 + (int)i && (fcntl(fds[i], F_GETFD) & FD_CLOEXEC) != 0;
        _exit(good && write(answer, &taken, 1) == 1 ? 0 : 1);
    }
    int status = 0;
    unsigned char taken = 0;
    close(result[1]);
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(read(result[0], &taken, 1), 1);
    close(result[0]);
    return taken;
}

static void test_takes_sockets_meant_for_this_process(void **state)
{
    (void)state;
    assert_int_equal(take_in_child(0, "2"), 2);
    assert_int_equal(take_in_child(0, "1"), 1);
    assert_int_equal(take_in_child(1, "2"), 0);    /* another process's */
    assert_int_equal(take_in_child(0, "9999"), 2); /* only those that are there */
    assert_int_equal(take_in_child(0, "-1"), 0);
    assert_int_equal(take_in_child(0, ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sends_the_state_to_an_abstract_socket),
        cmocka_unit_test(test_without_a_manager_nothing_happens),
        cmocka_unit_test(test_takes_sockets_meant_for_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
