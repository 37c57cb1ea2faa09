/*
 * What edge and store say to each other: one table of messages, typed calls for the edge, one dispatcher for
 * the store.
 *
 * Every call is a request and its reply (rt/ipc.h); bodies are base/wire.h records. A large mail body travels
 * as a spool file that store made and whose descriptor edge writes to; a small one inside the request or in a
 * sealed memfd. One message goes the other way: a connection whose person has logged out without closing it
 * (IMAP's UNAUTHENTICATE) is edge's again; edge gives store a channel for that. The store trusts nothing that
 * edge says about people: who somebody is, is a ticket (directory/sasl.h). Errors: ERR_UNAVAILABLE when store
 * can't be reached: the client is told to try again later.
 */
#ifndef POSTHORN_LINK_LINK_H
#define POSTHORN_LINK_LINK_H

#include "directory/sasl.h"
#include "feedback/feedback.h"
#include "greylist/greylist.h"
#include "queue/queue.h"
#include "rt/ipc.h"

/* name, number on the wire */
#define LINK_MESSAGE_TABLE(X)                                                  \
    X(SASL_BEGIN, 10)     /* start an exchange */                              \
    X(SASL_STEP, 11)      /* one more response */                              \
    X(SASL_CANCEL, 12)    /* the client gave up */                             \
    X(TICKET_RELEASE, 13) /* a submission session ended */                     \
    X(HAND_OVER, 20)      /* a connection after log-in, with its descriptor */ \
    X(WAY_BACK, 21)       /* the channel for GIVE_BACK */                      \
    X(RECIPIENT, 30)      /* RCPT: what to answer */                           \
    X(SPOOL_CREATE, 31)   /* a file for a large body */                        \
    X(SPOOL_DROP, 32)     /* the body was not completed */                     \
    X(ACCEPT, 33)         /* a complete message: durable when answered */      \
    X(URL, 34)            /* what an IMAP URL means, to be submitted */        \
    X(SIGHTING, 35)       /* what was seen of a domain that wants reports */   \
    X(GREYLIST, 36)       /* RCPT: has this client come before? */             \
    X(HEALTH, 40)         /* figures and state of the house, as text */
/* From relay. */
#define LINK_RELAY_TABLE(X)                                                \
    X(OUTBOUND_TAKE, 50) /* what is to be sent to other servers */         \
    X(OUTBOUND_OPEN, 51) /* a message of it */                             \
    X(OUTBOUND_DONE, 52) /* what became of its recipients */               \
    X(POLICY_GET, 53)    /* the MTA-STS policy that is kept of a domain */ \
    X(POLICY_PUT, 54)    /* one to be kept */                              \
    X(POLICY_OLD, 55)    /* of which domains to fetch it anew */           \
    X(TLS_NOTE, 56)      /* how a session went, for a TLS report */        \
    X(DESTINATIONS, 59)  /* what is set for destinations */                \
    X(REST, 58)          /* the server that an address of ours belongs to */
/* And from store to edge. */
#define LINK_TO_EDGE_TABLE(X) X(GIVE_BACK, 60) /* a connection whose person has logged out */
enum link_message {
#define X(name, number) LINK_##name = (number),
    LINK_MESSAGE_TABLE(X) LINK_RELAY_TABLE(X) LINK_TO_EDGE_TABLE(X)
#undef X
        LINK_ERROR = 1 /* reply: code and the client's sentence */
};

#define LINK_TIMEOUT_US (60 * CLOCK_SECOND)

/* --- edge: each call blocks until the reply --- */

/* A connection that store has no more to do with. */
struct link_give_back {
    struct session_id sid;
    struct slice peer;
    uint16_t peer_port;
    bool tls;             /* edge speaks TLS for it: fd is the end of its bridge (conn_give_back) */
    struct slice pending; /* input that came behind the log-out */
    int fd;               /* taken in any case */
};

struct link {
    struct ipc_client *client;
    struct loop *loop; /* serves what store sends; NULL: connections don't come back */
    /* A connection in the clear has come back. */
    void (*came)(void *context, struct link_give_back *given);
    void *context;
    _Atomic bool has_way_back;
};
/* The way to store, anew when store was restarted. Takes fd. */
void link_connect(struct link *link, int fd);

enum err link_sasl_begin(struct link *link, const struct sasl_start *start, struct arena *arena,
                         struct sasl_result *ret_result, struct error *error) MUST_CHECK;
enum err link_sasl_step(struct link *link, uint64_t exchange, struct slice response, struct arena *arena,
                        struct sasl_result *ret_result, struct error *error) MUST_CHECK;
void link_sasl_cancel(struct link *link, uint64_t exchange);
void link_ticket_release(struct link *link, struct slice ticket);

struct link_hand_over {
    enum door door; /* DOOR_IMAP or DOOR_POP3 */
    struct slice ticket;
    struct session_id sid;
    struct slice peer;
    uint16_t peer_port;
    bool tls;
    struct slice pending;          /* input that came after the log-in command */
    struct slice tag;              /* IMAP: the tag whose OK store sends; POP3: POP3_MODE_UTF8; else empty */
    struct slice language;         /* the tag of what the client has chosen; empty: nothing */
    struct slice capabilities_off; /* of IMAP, for this client: base/name_list.h */
    int fd;                        /* sent; the caller closes its own copy */
};
/* On success store owns the conversation and sends the log-in command's reply itself. ERR_LIMIT: too many
 * sessions. */
enum err link_hand_over(struct link *link, const struct link_hand_over *hand_over,
                        struct error *error) MUST_CHECK;

/* ticket empty: a stranger. */
enum err link_recipient(struct link *link, struct slice ticket, struct slice address, uint64_t size,
                        enum recipient_answer *ret_answer, struct error *error) MUST_CHECK;
enum err link_spool_create(struct link *link, uint64_t *ret_spool, int *ret_fd,
                           struct error *error) MUST_CHECK;
void link_spool_drop(struct link *link, uint64_t spool);
/* envelope->account is ignored: the ticket says who. ERR_DENIED: this account may not send as that sender, or
 * is not the author; the client text is for the reply. */
enum err link_accept(struct link *link, struct slice ticket, const struct queue_envelope *envelope,
                     struct slice body, uint64_t spool, struct queue_id *ret_id,
                     struct error *error) MUST_CHECK;

/* What BURL names (imap/submit_url.h), for the person of the ticket: a sealed memfd, the caller's.
 * ERR_DENIED: the URL is not good for him; ERR_NOT_FOUND: it is, but there is no such message any more. */
enum err link_url(struct link *link, struct slice ticket, struct slice url, int *ret_fd,
                  struct error *error) MUST_CHECK;
/* For the domain's DMARC report; nothing where none are written. */
enum err link_sighting(struct link *link, const struct feedback_note *note, struct error *error) MUST_CHECK;
/* GREYLIST_KNOWN where nobody keeps count. */
enum err link_greylist(struct link *link, const struct greylist_question *question,
                       enum greylist_answer *ret_answer, int64_t *ret_left_us,
                       struct error *error) MUST_CHECK;

/* What /metrics and /health answer, made by store; *ret_well: the house does not fail. */
enum health_question { HEALTH_METRICS, HEALTH_STATE };
enum err link_health(struct link *link, enum health_question question, struct buf *ret_text, bool *ret_well,
                     struct error *error) MUST_CHECK;

/* --- store --- */

/* Back to edge. Whoever called it has nothing more to do with the connection. */
struct link_service;
enum err link_give_back(struct link_service *service, struct link_give_back *given,
                        struct error *error) MUST_CHECK;

struct policies;
struct link_service {
    struct store *store;
    struct directory *directory;
    struct sasl *sasl;
    struct queue *queue;
    struct policies *policies;     /* NULL: none are kept */
    struct feedback *feedback;     /* NULL: no reports are written */
    struct feedback *tls_feedback; /* the same, of TLS reports */
    struct greylist *greylist;     /* NULL: nobody must come again */
    struct ipc_client *edge;       /* for what is given back */
    /* What a URL means that this account submits; of serve/ too. NULL: nothing. */
    enum err (*read_url)(void *context, struct account_id account, struct slice url, int *ret_fd,
                         struct error *error);
    /* Starts the protocol on a connection handed over (fd is the callee's); supplied by serve/, which knows
     * the protocols. */
    enum err (*start_session)(void *context, const struct sasl_holder *holder,
                              const struct link_hand_over *hand_over, struct error *error);
    /* The answer's text into out; supplied by serve/. NULL: ERR_UNSUPPORTED. */
    void (*health)(void *context, enum health_question question, struct buf *out, bool *ret_well);
    void *context;
};
/* ipc_serve_fns for edge and for relay, who may ask for different things; context is a struct link_service.
 */
ipc_serve_fn link_serve;
ipc_serve_fn link_serve_relay;

#endif
