/*
 * A connection to a server, with deadlines: bytes in and out, in the clear or in TLS.
 *
 * Ownership: the stream owns its descriptor. Errors: ERR_TIMEOUT, ERR_CLOSED, ERR_IO; a stream that failed is
 * good for nothing but stream_close. Threads: one at a time. Deadlines are monotonic microseconds.
 */
#ifndef POSTHORN_SEND_STREAM_H
#define POSTHORN_SEND_STREAM_H

#include "base/buf.h"
#include "fetch/resolver.h"
#include "rt/own_address.h"
#include "rt/tls_client.h"

enum { STREAM_INPUT_MAX = 128 * 1024 };

struct stream {
    int fd;
    struct tls *tls;
    struct buf input; /* read and not yet used */
    size_t used;
};

/* source: of the address's family, which it leaves from; NULL: as the machine chooses. */
enum err stream_connect(const struct resolver_address *address, uint16_t port,
                        const struct own_address *source, int64_t deadline_us, struct stream *ret_stream,
                        struct error *error) MUST_CHECK;
void stream_close(struct stream *stream);
enum err stream_write(struct stream *stream, struct slice bytes, int64_t deadline_us,
                      struct error *error) MUST_CHECK;
/* What is there and not used. */
struct slice stream_input(const struct stream *stream);
void stream_use(struct stream *stream, size_t n);
/* Waits for more of it. ERR_LIMIT: STREAM_INPUT_MAX are there already. */
enum err stream_more(struct stream *stream, int64_t deadline_us, struct error *error) MUST_CHECK;
/* ERR_INVALID: there is input that came before the handshake, and would be taken for what comes after it. */
enum err stream_start_tls(struct stream *stream, struct tls_context *context,
                          const struct tls_expectation *expectation, int64_t deadline_us,
                          struct error *error) MUST_CHECK;

#endif
