/*
 * The inside of a connection, shared by conn.c (what sessions call), conn_serve.c (what the loop calls) and
 * conn_bridge.c. Nobody else includes this.
 *
 *   NEW --conn_start--> HANDSHAKE --> OPEN --conn_close, end, failure--> [LINGER] --> gone
 *                           ^----------|  `--conn_bridge--> BRIDGE --> [LINGER] --> gone
 *                           conn_start_tls     ^------------' conn_give_back, at the other end
 *
 * Invariants: 1. Only the runner of `place` touches a conn; in BRIDGE also the runner of the bridge's other
 * place, under the bridge's lock. 2. Nothing is read while output waits. 3. `input` is empty outside a turn;
 * what was left is in `pending`. 4. Parked with nothing owed, no buffer is held. 5. With `squeeze` the first
 * `squeezed` bytes of output are in the form of the wire, those behind them not yet.
 */
#ifndef POSTHORN_RT_CONN_PRIVATE_H
#define POSTHORN_RT_CONN_PRIVATE_H

#include "rt/conn.h"
#include "rt/squeeze.h"
#include "rt/tls_stream.h"

enum conn_phase { CONN_NEW, CONN_HANDSHAKE, CONN_OPEN, CONN_BRIDGE, CONN_LINGER };

struct bridge;

struct conn {
    struct loop *loop;
    struct place place;
    const struct conn_handler *handler;
    void *session;
    struct reader *reader;
    struct tls *tls;
    struct tls_context *tls_next; /* a handshake is to begin */
    struct bridge *bridge;
    struct squeeze *squeeze;      /* the stream is compressed; NULL: it is not */
    struct squeeze *squeeze_next; /* it is to be, from the end of this unit on */
    struct buf output;            /* not yet sent */
    struct buf pending;           /* input kept for a later turn */
    struct buf compressed;        /* input that is not decompressed yet */
    size_t squeezed;              /* bytes of output in the form of the wire */
    uint64_t compressed_received;
    uint64_t compressed_units; /* that came out of them */
    struct slice input;        /* within a turn: what is not used yet, in `pending` or in the turn's chunk */
    int64_t idle_us;
    int64_t deadline;       /* for the unit, the handshake or the lingering; 0: none */
    int64_t write_deadline; /* set while output waits; 0: none */
    struct session_id sid;
    uint32_t received; /* since the deadline was set */
    uint32_t sent;     /* since the write deadline was set */
    int fd;
    int bridge_fd; /* conn_bridge was called */
    const struct conn_home *home;
    uint16_t peer_port;
    enum conn_phase phase;
    bool tls_outside;
    bool expecting;  /* conn_expect was called, and the unit is not complete */
    bool unit_begun; /* the reader has had bytes of it */
    bool dry;        /* the descriptor gave all it had; set false when the loop says there is more */
    bool read_wants_output;
    bool output_waited; /* it parked until output could be sent */
    bool in_turn;       /* units are being served from `input` */
    bool eof;
    bool closing;
    bool broken;
    bool ended; /* session over: closed was called */
    bool noticed;
    bool again;
    bool decompressor_full; /* it gave all there was room for, and may have more */
    char peer[];
};

/* conn_io.c */
enum io conn_io_read(struct conn *conn, char *to, size_t n, size_t *ret_n) MUST_CHECK;
enum io conn_io_write(struct conn *conn, struct slice s, size_t *ret_n) MUST_CHECK;
/* Sends output as far as it goes without blocking. IO_DONE: none is left. IO_FAILED: conn->broken. */
enum io conn_drain(struct conn *conn) MUST_CHECK;
void conn_break(struct conn *conn);
/* A unit came out of compressed input. Compression pays for words, not for work: too many units for the bytes
 * that came break the connection. */
void conn_count_unit(struct conn *conn);
/* What is written is sent; the compressed stream that the peer sends ends behind the last unit, and what
 * follows it is left in `compressed`. Blocks until then, at most CONN_DEFLATE_END_US. */
enum err conn_end_deflate(struct conn *conn, struct error *error) MUST_CHECK;

/* conn_serve.c */
void conn_wake(struct loop *loop, struct place place, void *owner, unsigned wakes);
void conn_begin_handshake(struct conn *conn);
/* Parks, or begins what was asked for: close, handshake, bridge. The conn may be gone afterwards. */
void conn_settle(struct conn *conn);
/* A bridge has ended, the connection is at home: a session takes it up. */
void conn_come_back(struct conn *conn, bool stopping);
/* Calls handler->closed, once. */
void conn_end_session(struct conn *conn);
/* Output is sent: say goodbye to the peer and end, lingering if it still sends. */
void conn_finish(struct conn *conn);
void conn_free(struct conn *conn);

/* conn_bridge.c */
void bridge_begin(struct conn *conn);
void bridge_wake_peer(struct conn *conn, unsigned wakes);

static inline unsigned conn_interest(enum io io)
{
    return io == IO_WANT_OUTPUT ? WAKE_OUTPUT : WAKE_INPUT;
}

#endif
