/* What the runtime's tests share: a loop, socket pairs, and a client that talks plainly or by TLS. */
#ifndef POSTHORN_RT_TEST_WIRE_H
#define POSTHORN_RT_TEST_WIRE_H

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "rt/conn.h"
#include "rt/line_reader.h"
#include "rt/tls.h"

#include <cmocka.h> /* last: it defines fail() */

static inline struct loop *wire_loop(void)
{
    struct loop_options options = {.name = "test", .threads_min = 2, .threads_max = 8};
    struct loop *loop;
    struct error error;
    assert_int_equal(loop_create(&options, &loop, &error), ERR_OK);
    assert_int_equal(loop_start(loop, &error), ERR_OK);
    return loop;
}

static inline void wire_finish(struct loop *loop)
{
    loop_stop(loop);
    assert_true(loop_drained(loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(loop);
}

static inline void wire_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static inline void wire_wait(_Atomic int *value, int wanted)
{
    for (int i = 0; i < 10000 && atomic_load(value) < wanted; i++)
        usleep(1000);
    assert_int_equal(atomic_load(value), wanted);
}

static inline int wire_open_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static inline struct tls_context *wire_tls(const char *host)
{
    CLEANUP(buf_release) struct buf chain = {0};
    CLEANUP(buf_release) struct buf key = {0};
    struct tls_context *context;
    struct error error;
    assert_int_equal(tls_make_self_signed(host, &chain, &key, &error), ERR_OK);
    struct tls_pem pem = {buf_slice(&chain), buf_slice(&key)};
    assert_int_equal(tls_context_create(&pem, 1, &context, &error), ERR_OK);
    return context;
}

/* A client: blocking, ten seconds for everything. */
struct wire {
    int fd;
    SSL_CTX *context;
    SSL *ssl;
};

static inline struct wire wire_of(int fd)
{
    struct timeval t = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    return (struct wire){.fd = fd};
}

static inline void wire_start_tls(struct wire *w, const char *name, int version)
{
    w->context = SSL_CTX_new(TLS_client_method());
    assert_non_null(w->context);
    if (version != 0)
        SSL_CTX_set_max_proto_version(w->context, version);
    w->ssl = SSL_new(w->context);
    assert_non_null(w->ssl);
    if (name != NULL)
        SSL_set_tlsext_host_name(w->ssl, name);
    SSL_set_fd(w->ssl, w->fd);
    assert_int_equal(SSL_connect(w->ssl), 1);
}

static inline void wire_close(struct wire *w)
{
    SSL_free(w->ssl);
    SSL_CTX_free(w->context);
    fd_close(&w->fd);
    *w = (struct wire){.fd = -1};
}

static inline ssize_t wire_recv(struct wire *w, void *to, size_t n)
{
    return w->ssl != NULL ? SSL_read(w->ssl, to, (int)n) : recv(w->fd, to, n, 0);
}

static inline void wire_send(struct wire *w, const char *text)
{
    size_t n = strlen(text);
    ssize_t put = w->ssl != NULL ? SSL_write(w->ssl, text, (int)n) : send(w->fd, text, n, MSG_NOSIGNAL);
    assert_int_equal(put, n);
}

/* Exactly this text comes next. */
static inline void wire_expect(struct wire *w, const char *text)
{
    char got[4096];
    size_t n = strlen(text);
    size_t have = 0;
    assert_true(n < sizeof(got));
    while (have < n) {
        ssize_t m = wire_recv(w, got + have, n - have);
        if (m <= 0)
            break;
        have += (size_t)m;
    }
    got[have] = 0;
    assert_string_equal(got, text);
}

/* Nothing more comes: the connection ends. */
static inline void wire_expect_end(struct wire *w)
{
    char c;
    assert_true(wire_recv(w, &c, 1) <= 0);
    assert_true(w->ssl != NULL || errno != EAGAIN);
}

#endif
