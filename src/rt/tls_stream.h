/*
 * One connection's TLS as the connection layer uses it: non-blocking steps over a socket.
 *
 * Ownership: tls_new takes its own reference to the context; the descriptor stays the caller's and must
 * outlive the struct tls. Errors: as enum io. Threads: one at a time.
 */
#ifndef POSTHORN_RT_TLS_STREAM_H
#define POSTHORN_RT_TLS_STREAM_H

#include "rt/tls.h"

/* How a step on a non-blocking stream ended. */
enum io {
    IO_DONE,
    IO_WANT_INPUT,  /* again when the descriptor is readable */
    IO_WANT_OUTPUT, /* again when it is writable */
    IO_END,         /* the peer will send nothing more */
    IO_FAILED,
};

struct tls *tls_new(struct tls_context *context, int fd); /* NULL: no memory */
void tls_free(struct tls *tls);                           /* NULL is fine */
enum io tls_handshake(struct tls *tls, struct error *error) MUST_CHECK;
enum io tls_read(struct tls *tls, char *to, size_t n, size_t *ret_n) MUST_CHECK;
enum io tls_write(struct tls *tls, struct slice s, size_t *ret_n) MUST_CHECK;
/* Bytes were taken from the socket that tls_read has not yet given: epoll won't tell of them. */
bool tls_has_more(const struct tls *tls);
/* Says to the peer that nothing more will come (close_notify). */
void tls_end(struct tls *tls);

#endif
