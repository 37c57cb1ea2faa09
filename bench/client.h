/*
 * One blocking connection to a server, with TLS where asked for: lines in, bytes out.
 *
 * Ownership: the client owns its socket, its TLS state and its buffers; client_close frees them. A line
 * is borrowed until the next read.
 * Errors: ERR_CLOSED when the peer left, ERR_TIMEOUT after options->timeout seconds of silence.
 * Threads: one at a time. Limits: a line has at most CLIENT_LINE_MAX bytes.
 */
#ifndef POSTHORN_BENCH_CLIENT_H
#define POSTHORN_BENCH_CLIENT_H

#include "base/buf.h"
#include "bench/options.h"

enum { CLIENT_LINE_MAX = 32 * 1024 * 1024 };

struct client {
    const struct options *options;
    int fd;
    SSL *ssl;
    char *in; /* bytes [at, end) are read and not used yet */
    size_t at;
    size_t end;
    size_t room;
    uint64_t received; /* bytes used, of lines and of what was skipped */
    unsigned tag;      /* of the last IMAP command */
};

#define CLIENT_NONE ((struct client){.fd = -1})

/* Connects, and does the handshake where the door is TLS from its first byte. */
enum err client_open(struct client *client, const struct options *options, const struct endpoint *endpoint,
                     struct error *error) NONNULL MUST_CHECK;
void client_close(struct client *client) NONNULL;
/* A full handshake; nothing is resumed. */
enum err client_start_tls(struct client *client, struct error *error) NONNULL MUST_CHECK;
enum err client_send(struct client *client, struct slice bytes, struct error *error) NONNULL MUST_CHECK;
enum err client_printf(struct client *client, struct error *error, const char *format, ...)
    FORMAT(3, 4) NONNULL MUST_CHECK;
/* Without its CRLF. */
enum err client_line(struct client *client, struct slice *ret_line, struct error *error) NONNULL MUST_CHECK;
/* Passes over n bytes. */
enum err client_skip(struct client *client, uint64_t n, struct error *error) NONNULL MUST_CHECK;

#endif
