#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "rt/listener.h"
#include "rt/test_wire.h"

struct seen {
    _Atomic int count;
    pthread_mutex_t lock;
    struct accepted last;
    int fds[16];
};

static void on_accept(void *context, struct accepted *accepted)
{
    struct seen *seen = context;
    pthread_mutex_lock(&seen->lock);
    seen->last = *accepted;
    seen->fds[atomic_load(&seen->count)] = accepted->fd;
    pthread_mutex_unlock(&seen->lock);
    atomic_fetch_add(&seen->count, 1);
}

static int listen_on(int family, struct sockaddr_storage *ret_address, socklen_t *ret_length)
{
    struct sockaddr_storage address = {.ss_family = (sa_family_t)family};
    socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (family == AF_INET)
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        fd_close(&fd);
        return -1;
    }
    *ret_address = address;
    *ret_length = length;
    return fd;
}

static struct wire dial(const struct sockaddr_storage *address, socklen_t length)
{
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, length), 0);
    return wire_of(fd);
}

static void close_all(struct seen *seen, struct limit *limit)
{
    for (int i = 0; i < atomic_load(&seen->count); i++) {
        close(seen->fds[i]);
        if (limit != NULL)
            limit_leave(limit, slice_of(seen->last.limit_key, seen->last.limit_key_n));
    }
    atomic_store(&seen->count, 0);
}

static void accept_and_refuse(int family, const char *peer, size_t key_n)
{
    struct sockaddr_storage address;
    socklen_t length;
    struct error error;
    int fd = listen_on(family, &address, &length);
    if (fd < 0)
        skip(); /* a machine without this address family */
    struct loop *loop = wire_loop();
    struct limit *limit = limit_create(2);
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct listener_options options = {
        .fd = fd, .per_peer = limit, .refuse = S("421 too many\r\n"), .accept = on_accept, .context = &seen};
    assert_int_equal(listener_start(loop, &options, &error), ERR_OK);
    struct wire a = dial(&address, length);
    struct wire b = dial(&address, length);
    wire_wait(&seen.count, 2);
    assert_string_equal(seen.last.peer, peer);
    assert_true(seen.last.peer_port > 0);
    assert_int_equal(seen.last.limit_key_n, key_n);
    struct wire c = dial(&address, length);
    wire_expect(&c, "421 too many\r\n");
    wire_expect_end(&c);
    wire_close(&c);
    close_all(&seen, limit);
    struct wire d = dial(&address, length);
    wire_wait(&seen.count, 1);
    close_all(&seen, limit);
    wire_close(&a);
    wire_close(&b);
    wire_close(&d);
    wire_finish(loop);
    limit_destroy(limit);
}

static void test_counts_ipv4_by_address_and_refuses_over_the_limit(void **state)
{
    (void)state;
    accept_and_refuse(AF_INET, "127.0.0.1", 4);
}

static void test_counts_ipv6_by_its_upper_half(void **state)
{
    (void)state;
    accept_and_refuse(AF_INET6, "::1", 8);
}

static void test_pauses_when_descriptors_run_out_and_goes_on(void **state)
{
    (void)state;
    struct sockaddr_storage address;
    socklen_t length;
    struct error error;
    int fd = listen_on(AF_INET, &address, &length);
    struct loop *loop = wire_loop();
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct listener_options options = {.fd = fd, .accept = on_accept, .context = &seen};
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    int next_free = dup(socket_fd);
    close(next_free);
    struct rlimit tight = {.rlim_cur = (rlim_t)next_free, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    assert_int_equal(listener_start(loop, &options, &error), ERR_OK);
    assert_int_equal(connect(socket_fd, (struct sockaddr *)&address, length), 0);
    usleep(250000);
    assert_int_equal(seen.count, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    wire_wait(&seen.count, 1);
    close_all(&seen, NULL);
    close(socket_fd);
    wire_finish(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_ipv4_by_address_and_refuses_over_the_limit),
        cmocka_unit_test(test_counts_ipv6_by_its_upper_half),
        cmocka_unit_test(test_pauses_when_descriptors_run_out_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
