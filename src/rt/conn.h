/*
 * A connection: descriptor, TLS, buffered output, and the reader that waits for a complete command.
 *
 * The connection layer does all the waiting. A `reader` gathers input as it trickles in; only when it has
 * a complete unit (a line, an IMAP command with its literals, a DATA body) is the session's `ready`
 * called, on a worker thread. It reads top to bottom: guards, effect, reply. Then it has called conn_expect
 * for the next unit, or conn_close. A stranger who sends slowly holds a parked record, no thread.
 *
 * Output is collected and sent when the connection parks, or when it passes CONN_OUTPUT_MAX: then conn_write
 * blocks, until the write deadline. Meanwhile the loop may have another thread in its place
 * (loop_wait_begin); a reader slower than CONN_WAITING_BYTES in that time, or one too many, is cut off.
 * Failures are sticky: writes to a broken connection do nothing and the session is closed at its next wait,
 * so verb code never checks I/O.
 *
 * Ownership: the conn owns its descriptor and calls handler->closed(session) as its last act; the session
 * is the protocol's. Threads: calls into one session never overlap; conn functions are for the thread
 * that runs the session, except conn_place with loop_notify.
 * Limits: CONN_* below; a reader bounds its own unit.
 */
#ifndef POSTHORN_RT_CONN_H
#define POSTHORN_RT_CONN_H

#include "base/buf.h"
#include "base/clock.h"
#include "rt/loop.h"
#include "rt/tls.h"

struct conn;

enum {
    CONN_OUTPUT_MAX = 256 * 1024,            /* bytes collected before a write blocks */
    CONN_READ_CHUNK = 64 * 1024,             /* bytes read at once */
    CONN_PENDING_MAX = 256 * 1024,           /* pipelined bytes kept for later units; then reading stops */
    CONN_UNITS_IN_A_ROW = 64,                /* units served before others get their turn */
    CONN_PROGRESS_BYTES = 1024,              /* must come (or go) before the time for more is counted anew */
    CONN_WAITING_BYTES = 64 * 1024,          /* the same while a thread waits for a slow reader */
    CONN_OUTPUT_HARD_MAX = 64 * 1024 * 1024, /* built at once through conn_output; more breaks it */
    CONN_COMPRESSED_UNITS_MAX = 1000,        /* for nothing; more must have brought a compressed byte each */
    CONN_GIVEN_BACK_MAX = 1024 * 1024,       /* bytes of input that come back with a connection */
    CONN_PEER_TEXT_MAX = 64,
};
#define CONN_WRITE_TIMEOUT_US (60 * CLOCK_SECOND)
#define CONN_HANDSHAKE_TIMEOUT_US (30 * CLOCK_SECOND)
#define CONN_DEFLATE_END_US (5 * CLOCK_SECOND) /* for the rest of a compressed stream that ends */
#define CONN_LINGER_US (2 * CLOCK_SECOND)      /* for a peer that still sends to take our last words */

enum reader_status {
    READER_MORE,   /* all input used, unit incomplete */
    READER_DONE,   /* unit complete; what was not used belongs to the next one */
    READER_FAILED, /* too long or malformed: handler->failed decides */
    READER_NOMEM,  /* no memory for it: nothing true can be said of the unit, and the connection breaks */
};

/*
 * Gathers one unit. feed uses a part of `in` (says how much) and may append to `out` what must be sent at
 * once (IMAP's "+ OK" for a literal). Embedded in the protocol's own reader; never called again after DONE or
 * FAILED until the session expects it anew.
 */
struct reader {
    enum reader_status (*feed)(struct reader *reader, struct slice in, size_t *ret_used, struct buf *out);
    /* May be NULL. The connection parks between two units: give memory back that the next feed makes again.
     */
    void (*idle)(struct reader *reader);
};

/* What a protocol supplies. NULL members: the default in brackets. */
struct conn_handler {
    const char *protocol;                               /* "imap" */
    void (*ready)(struct conn *conn, void *session);    /* the reader has a complete unit */
    void (*failed)(struct conn *conn, void *session);   /* the reader gave up [close] */
    void (*notice)(struct conn *conn, void *session);   /* loop_notify [nothing] */
    void (*expired)(struct conn *conn, void *session);  /* the idle time is over [close] */
    void (*stopping)(struct conn *conn, void *session); /* the server stops: say so [close] */
    void (*secured)(struct conn *conn, void *session);  /* a TLS handshake is done [nothing] */
    void (*closed)(void *session);                      /* last call: free the session */
};

struct conn_options {
    struct session_id sid;
    const char *peer; /* the client's address as text, "192.0.2.1" */
    uint16_t peer_port;
    bool tls_outside;        /* handed over from the process that speaks TLS for it: conn_is_tls is true */
    struct tls_context *tls; /* start with a handshake (implicit TLS); NULL: in the clear */
};

/* A conn for a connected stream socket. On failure fd is closed and handler->closed is called. */
enum err conn_open(struct loop *loop, int fd, const struct conn_handler *handler, void *session,
                   const struct conn_options *options, struct conn **ret_conn,
                   struct error *error) MUST_CHECK;
/*
 * Lets it run: after the greeting was written and the first conn_expect was made. With options.tls the
 * handshake comes first, then `secured`, then collected output. With `pending`, those bytes are input that
 * came before all else.
 */
void conn_start(struct conn *conn, struct slice pending);

/*
 * What comes next, and how long to wait for its completion (0: for ever). The time is counted anew only when
 * CONN_PROGRESS_BYTES have come, so that dripping bytes buys nothing.
 */
void conn_expect(struct conn *conn, struct reader *reader, int64_t idle_us);
/* Close after what is written has been sent. */
void conn_close(struct conn *conn);
/* Input that was sent ahead of its turn is waiting: then STARTTLS must be refused (RFC 3207 4.2 injection).
 */
bool conn_has_pending(const struct conn *conn);
/* After this function's caller returns: output is sent in the clear, the handshake follows, then `secured`.
 * Pending input is dropped, should the caller not have looked at conn_has_pending. */
void conn_start_tls(struct conn *conn, struct tls_context *tls);

/* After the unit that is served now: input is decompressed, output compressed (rt/squeeze.h). What is written
 * before the handler returns is not. Nothing may be pending. */
enum err conn_start_deflate(struct conn *conn, struct error *error) MUST_CHECK;
/* Compression is on, or about to be. */
bool conn_is_deflated(const struct conn *conn);

void conn_write(struct conn *conn, struct slice s);
void conn_printf(struct conn *conn, const char *format, ...) FORMAT(2, 3);
/* Sends what is collected now, blocking until the write deadline. */
void conn_flush(struct conn *conn);
/* The output for direct building (buf functions); call conn_wrote afterwards, which sends if it grew large.
 */
struct buf *conn_output(struct conn *conn);
void conn_wrote(struct conn *conn);
/* The peer is gone or too slow: long work may stop. */
bool conn_broken(const struct conn *conn);

struct place conn_place(const struct conn *conn); /* for loop_notify */
struct loop *conn_loop(const struct conn *conn);
struct session_id conn_sid(const struct conn *conn);
const char *conn_peer(const struct conn *conn);
bool conn_is_tls(const struct conn *conn);
/* The TLS session; NULL in the clear or when TLS is spoken outside. */
const struct tls *conn_tls(const struct conn *conn);

/*
 * After log-in the connection belongs to another process. In the clear the descriptor itself moves:
 * conn_hand_over gives it and the pending input, and ends this conn (handler->closed follows once the caller
 * has returned). With TLS the conn stays as a bridge: it carries the bytes between its peer and `fd` (one end
 * of a stream socket pair, now the conn's), and pending input is sent there first; handler->closed is called
 * once the caller has returned, since no session is left here. Collected output is sent before either.
 * ERR_CLOSED: the peer is gone. Pending input is all that came after the unit that was served last. A
 * compressed stream ends there (RFC 8437 4.1): the pending input lies behind it. ERR_INVALID: it does not.
 */
enum err conn_hand_over(struct conn *conn, int *ret_fd, struct buf *ret_pending,
                        struct error *error) MUST_CHECK;
/* Where a bridged connection goes that is given back: `came` calls conn_resume, or writes and closes. It
 * lives as long as the bridge. */
struct conn_home {
    void (*came)(struct conn *conn, const struct conn_home *home);
};
/* home NULL: it can't be given back. */
void conn_bridge(struct conn *conn, int fd, const struct conn_home *home);
/* From `came`: the session that the connection has now; it has made its first conn_expect when `came`
 * returns. */
void conn_resume(struct conn *conn, const struct conn_handler *handler, void *session);
/* In the process at the other end of a bridge: all that was written to fd is for the peer, then the
 * connection is at home again, with `pending` as its first input, and after it what came here since. fd is
 * taken. */
enum err conn_give_back(int fd, struct slice pending, struct error *error) MUST_CHECK;

#endif
