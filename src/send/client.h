/*
 * A session with one server, as its client: greeting, EHLO, STARTTLS, and then messages (transaction.h).
 *
 * Ownership: client_open gives the client; client_close says QUIT and frees it. Errors: ERR_CLOSED,
 * ERR_TIMEOUT, ERR_DENIED (it does not want us), ERR_AUTH, ERR_INVALID (it speaks no SMTP; TLS). The detail
 * is one line for the sender of a message. Threads: one at a time.
 */
#ifndef POSTHORN_SEND_CLIENT_H
#define POSTHORN_SEND_CLIENT_H

#include "base/clock.h"
#include "feedback/tls_note.h"
#include "send/reply.h"
#include "send/stream.h"

/* RFC 5321 4.5.3.2 */
#define CLIENT_CONNECT_US (30 * CLOCK_SECOND)
#define CLIENT_GREETING_US (5 * CLOCK_MINUTE)
#define CLIENT_COMMAND_US (5 * CLOCK_MINUTE)
#define CLIENT_DATA_US (2 * CLOCK_MINUTE)
#define CLIENT_BLOCK_US (3 * CLOCK_MINUTE)
#define CLIENT_END_US (10 * CLOCK_MINUTE)
#define CLIENT_QUIT_US (5 * CLOCK_SECOND)

#define CLIENT_EXTENSION_TABLE(X)           \
    X(PIPELINING, 1, "PIPELINING")          \
    X(SIZE, 2, "SIZE")                      \
    X(EIGHT_BIT, 4, "8BITMIME")             \
    X(SMTPUTF8, 8, "SMTPUTF8")              \
    X(DSN, 16, "DSN")                       \
    X(STARTTLS, 32, "STARTTLS")             \
    X(CHUNKING, 64, "CHUNKING")             \
    X(BINARY, 128, "BINARYMIME")            \
    X(ENHANCED, 256, "ENHANCEDSTATUSCODES") \
    X(REQUIRETLS, 512, "REQUIRETLS")        \
    X(DELIVERBY, 1024, "DELIVERBY")
enum client_extension {
#define X(name, bit, text) CLIENT_##name = (bit),
    CLIENT_EXTENSION_TABLE(X)
#undef X
};

#define CLIENT_MECHANISM_TABLE(X)        \
    X(SCRAM_SHA_256, 1, "SCRAM-SHA-256") \
    X(SCRAM_SHA_1, 2, "SCRAM-SHA-1")     \
    X(PLAIN, 4, "PLAIN")                 \
    X(LOGIN, 8, "LOGIN")
enum client_mechanism {
#define X(name, bit, text) CLIENT_##name = (bit),
    CLIENT_MECHANISM_TABLE(X)
#undef X
};

/* How far TLS got, for reports about it. */
struct client_told {
    bool decided; /* the server was there and said what it offers */
    enum tls_result result;
    char local[INET6_ADDRSTRLEN]; /* our address */
};

struct client_options {
    struct client_told *told; /* NULL: nobody wants to know */
    struct resolver_address address;
    uint16_t port;
    const struct own_address *source;          /* of address's family; NULL: as the machine chooses */
    const char *own_name;                      /* for EHLO, where the source has no name of its own */
    const char *host;                          /* its name, for people and for TLS */
    struct tls_context *tls;                   /* NULL: in the clear, though it offers TLS */
    const struct tls_expectation *expectation; /* of the certificate */
    bool tls_required;                         /* without TLS, nothing is sent */
    bool tls_implicit;                         /* from the first byte */
    struct slice user, password;               /* user empty: no log-in */
    int64_t deadline_us; /* monotonic: over by then, whatever the timeouts allow; 0: none */
    bool other;          /* it must not be this server itself */
};

struct client {
    struct stream stream;
    unsigned extensions;
    unsigned mechanisms; /* of AUTH */
    uint64_t size_max;   /* of SIZE; 0: none */
    uint64_t by_min;     /* of DELIVERBY, in seconds; 0: none */
    struct reply reply;  /* the last one */
    bool in_transaction; /* RSET is due before the next message */
    bool proven;         /* in TLS, with who it should be: good enough for REQUIRETLS (RFC 8689 2) */
    unsigned replies;
    unsigned messages;   /* sent so far */
    int64_t deadline_us; /* as in client_options */
    char peer[300];      /* "mx.example.org [192.0.2.1]" */
};

/* *ret_tls_failed: it is not there, though it is required, or the handshake failed; without TLS it may work.
 */
enum err client_open(const struct client_options *options, struct client **ret_client, bool *ret_tls_failed,
                     struct error *error) MUST_CHECK;
void client_close(struct client *client, bool polite);
/* Waits for the next reply, into client->reply. */
enum err client_reply(struct client *client, int64_t timeout_us, struct error *error) MUST_CHECK;
/* Sends a command (with its line end) and waits for the reply. */
enum err client_ask(struct client *client, struct slice command, int64_t timeout_us,
                    struct error *error) MUST_CHECK;

#endif
