/*
 * A connection to another server, in the clear or with TLS: blocking, with a time limit for every step.
 *
 * Ownership: source_stream_close frees what source_stream_connect and source_stream_tls made; the TLS context
 * is the caller's. Errors: ERR_CLOSED the peer hung up, ERR_TIMEOUT, ERR_UNAVAILABLE (no such host, nobody
 * listens), ERR_DENIED (its certificate is not good); the client text is for the person. Threads: one at a
 * time.
 */
#ifndef POSTHORN_MOVE_STREAM_H
#define POSTHORN_MOVE_STREAM_H

#include <openssl/types.h>

#include "base/clock.h"
#include "fetch/resolver.h"
#include "move/response_reader.h"

#define STREAM_CONNECT_US (30 * CLOCK_SECOND) /* to each address; for the handshake too */
#define STREAM_IDLE_US (5 * CLOCK_MINUTE)     /* without a byte */

struct source_stream {
    struct response_input input;
    int fd;
    SSL *ssl; /* NULL: in the clear */
    bool loopback;
    int64_t idle_us; /* STREAM_IDLE_US, or what a test says */
};

enum err source_stream_connect(struct source_stream *stream, struct resolver *resolver, const char *host,
                               uint16_t port, struct error *error) MUST_CHECK;
/* The certificate must be the host's, unless the context verifies nobody. */
enum err source_stream_tls(struct source_stream *stream, SSL_CTX *context, const char *host,
                           struct error *error) MUST_CHECK;
enum err source_stream_write(struct source_stream *stream, struct slice bytes,
                             struct error *error) MUST_CHECK;
void source_stream_close(struct source_stream *stream);

#endif
