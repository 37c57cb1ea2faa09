#include "move/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"

enum { ADDRESSES_MAX = 8 };

/* --- waiting --- */

static enum err await(int fd, short events, int64_t deadline_us, struct error *error)
{
    for (;;) {
        struct pollfd one = {.fd = fd, .events = events};
        int64_t left_ms = (deadline_us - clock_mono_us()) / CLOCK_MS;
        int ready = left_ms > 0 ? poll(&one, 1, (int)MIN(left_ms, INT64_C(1000000))) : 0;
        if (ready > 0)
            return ERR_OK;
        if (ready == 0 && left_ms <= 1000000)
            return fail_plain(error, ERR_TIMEOUT, "the other server does not answer");
        if (ready < 0 && errno != EINTR)
            return fail_errno(error, "poll");
    }
}

/* --- connecting --- */

static enum err connect_one(const struct resolver_address *address, uint16_t port, int *ret_fd,
                            struct error *error)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool six = address->family == AF_INET6;
    int one = 1;
    int problem = 0;
    socklen_t size = sizeof(problem);
    if (six)
        v6.sin6_addr = address->v6;
    else
        v4.sin_addr = address->v4;
    resolver_address_text(address, text);
    CLEANUP(fd_close)
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(error, "socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    int result = six ? connect(fd, (const struct sockaddr *)&v6, sizeof(v6))
                     : connect(fd, (const struct sockaddr *)&v4, sizeof(v4));
    if (result != 0 && errno != EINPROGRESS)
        return fail_plain(error, ERR_UNAVAILABLE, "cannot connect to %s port %u: %s", text, port,
                          strerror(errno));
    enum err err = await(fd, POLLOUT, clock_mono_us() + STREAM_CONNECT_US, error);
    if (err != ERR_OK)
        return err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) != 0 || problem != 0)
        return fail_plain(error, ERR_UNAVAILABLE, "cannot connect to %s port %u: %s", text, port,
                          strerror(problem));
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

static enum err source_stream_read(struct response_input *input, char *to, size_t n, size_t *ret_n,
                                   struct error *error);

enum err source_stream_connect(struct source_stream *stream, struct resolver *resolver, const char *host,
                               uint16_t port, struct error *error)
{
    struct resolver_address addresses[ADDRESSES_MAX];
    size_t count = 0;
    enum err err = resolver_addresses(resolver, slice_cstr(host), clock_mono_us() + STREAM_CONNECT_US,
                                      addresses, ADDRESSES_MAX, &count, error);
    if (err != ERR_OK)
        return fail_plain(error, err, "cannot find the address of %s", host);
    *stream = (struct source_stream){.input = {source_stream_read}, .fd = -1, .idle_us = STREAM_IDLE_US};
    for (size_t i = 0; i < count; i++) {
        err = connect_one(&addresses[i], port, &stream->fd, error);
        stream->loopback = resolver_is_loopback(&addresses[i]);
        if (err == ERR_OK)
            return ERR_OK;
    }
    return err;
}

void source_stream_close(struct source_stream *stream)
{
    SSL_free(take(stream->ssl));
    fd_close(&stream->fd);
    stream->fd = -1;
}

/* --- TLS --- */

/* After a step of OpenSSL that is not done. */
static enum err ssl_await(struct source_stream *stream, int result, int64_t deadline_us, struct error *error)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return await(stream->fd, POLLIN, deadline_us, error);
    case SSL_ERROR_WANT_WRITE:
        return await(stream->fd, POLLOUT, deadline_us, error);
    case SSL_ERROR_ZERO_RETURN:
    case SSL_ERROR_SYSCALL:
        return fail_plain(error, ERR_CLOSED, "the other server closed the connection");
    default: {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        return fail_plain(error, ERR_CLOSED, "TLS with the other server failed: %s",
                          reason != NULL ? reason : "no reason is known");
    }
    }
}

static bool expect_host(SSL *ssl, const char *host)
{
    struct in6_addr any;
    bool address = inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
    if (address)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

enum err source_stream_tls(struct source_stream *stream, SSL_CTX *context, const char *host,
                           struct error *error)
{
    int64_t deadline = clock_mono_us() + STREAM_CONNECT_US;
    stream->ssl = SSL_new(context);
    if (stream->ssl == NULL || !expect_host(stream->ssl, host) || SSL_set_fd(stream->ssl, stream->fd) != 1)
        return fail_nomem(error);
    for (;;) {
        ERR_clear_error();
        int result = SSL_connect(stream->ssl);
        if (result == 1)
            return ERR_OK;
        long verdict = SSL_get_verify_result(stream->ssl);
        if (verdict != X509_V_OK && SSL_get_verify_mode(stream->ssl) != SSL_VERIFY_NONE)
            return fail_plain(error, ERR_DENIED,
                              "the certificate of %s is not good: %s (--insecure-tls would do without)", host,
                              X509_verify_cert_error_string(verdict));
        enum err err = ssl_await(stream, result, deadline, error);
        if (err != ERR_OK)
            return err;
    }
}

/* --- bytes --- */

static enum err source_stream_read(struct response_input *input, char *to, size_t n, size_t *ret_n,
                                   struct error *error)
{
    struct source_stream *stream = container_of(input, struct source_stream, input);
    int64_t deadline = clock_mono_us() + stream->idle_us;
    for (;;) {
        enum err err;
        if (stream->ssl != NULL) {
            ERR_clear_error();
            int result = SSL_read_ex(stream->ssl, to, n, ret_n);
            if (result == 1)
                return ERR_OK;
            err = ssl_await(stream, result, deadline, error);
        } else {
            ssize_t got = recv(stream->fd, to, n, 0);
            *ret_n = got > 0 ? (size_t)got : 0;
            if (got > 0)
                return ERR_OK;
            if (got == 0 || (errno != EAGAIN && errno != EINTR))
                return fail_plain(error, ERR_CLOSED, "the other server closed the connection");
            err = await(stream->fd, POLLIN, deadline, error);
        }
        if (err != ERR_OK)
            return err;
    }
}

enum err source_stream_write(struct source_stream *stream, struct slice bytes, struct error *error)
{
    int64_t deadline = clock_mono_us() + stream->idle_us;
    while (bytes.n > 0) {
        size_t written = 0;
        enum err err = ERR_OK;
        if (stream->ssl != NULL) {
            ERR_clear_error();
            int result = SSL_write_ex(stream->ssl, bytes.p, bytes.n, &written);
            if (result != 1)
                err = ssl_await(stream, result, deadline, error);
        } else {
            ssize_t sent = send(stream->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
            written = sent > 0 ? (size_t)sent : 0;
            if (sent < 0 && errno != EAGAIN && errno != EINTR)
                return fail_plain(error, ERR_CLOSED, "the other server closed the connection");
            if (sent < 0)
                err = await(stream->fd, POLLOUT, deadline, error);
        }
        if (err != ERR_OK)
            return err;
        bytes = slice_from(bytes, written);
    }
    return ERR_OK;
}
