/*
 * One parcel on its way: the domain's hosts in their order until one takes it; the connection stays for the
 * next parcel.
 *
 * Ownership: results' texts live in the arena. Threads: a delivery is one thread's.
 */
#ifndef POSTHORN_SEND_DELIVERY_H
#define POSTHORN_SEND_DELIVERY_H

#include "link/outbound.h"
#include "send/client.h"
#include "send/sender.h"
#include "send/sts_cache.h"
#include "send/terms.h"

enum {
    DELIVERY_ADDRESSES_MAX = 8,             /* that are tried for one parcel */
    DELIVERY_POLICY_MAX = 1024 * 1024,      /* bytes of what is known of a smart host's TLS */
    DELIVERY_TRIED_MAX = OUTBOUND_TEXT_MAX, /* bytes of what is told of those that were not there */
};
#define DELIVERY_BUSY_US CLOCK_SECOND       /* until a server is asked again that has connections enough */
#define DELIVERY_TURN_US (2 * CLOCK_SECOND) /* a turn that is so near is waited for */
#define DELIVERY_DNS_US (30 * CLOCK_SECOND) /* for the hosts, and as much for all addresses */

/* Servers with a limit of their own: send/schedule.h. */
struct delivery_gate {
    bool (*enter)(void *context, const struct terms *server);
    void (*leave)(void *context, const struct terms *server);
    int64_t (*turn)(void *context,
                    const struct terms *server); /* monotonic us: when the next message may begin */
    void *context;
};

/* What was amiss with the servers that were asked for a message that requires TLS. */
struct shortfall {
    bool tls;     /* none, or not with who it should be */
    bool promise; /* they don't pass the requirement on */
    bool other;   /* nothing that would not mend: they were not there */
};

struct delivery {
    const struct sender_options *options;
    const struct delivery_gate *gate; /* NULL: nothing is set for servers */
    struct terms_table *table;        /* borrowed; NULL: nothing is set */
    const struct terms *terms;        /* of the domain; NULL: the same */
    struct own_addresses addresses;   /* of the parcels' sender; none: the server's own */
    const struct terms *server;       /* of the server that is spoken with; NULL: of nobody */
    unsigned connections;             /* that were opened, ever */
    int64_t busy_until_us;            /* after DELIVERY_BUSY, monotonic */
    struct tls_context *tls;
    struct sts_cache *sts; /* NULL: MTA-STS is not asked for */
    struct link *link;     /* to store, for what is counted */
    bool tls_optional;     /* this parcel goes whatever policies demand, and is not counted */
    bool require_tls;      /* this one leaves in proven TLS only, to who promises the same (RFC 8689) */
    struct shortfall shortfall;
    struct slice domain;   /* the parcels' */
    struct client *client; /* NULL: none is open */
    struct buf tried;      /* what went wrong on the way to this one, a line each */
    int64_t deadline_us;   /* monotonic, of a session with one host (delivery_open_route); 0: none */
    bool other;            /* that host must not be this server */
};

enum delivery_end {
    DELIVERY_SENT,        /* a server was there and said what it thinks of it */
    DELIVERY_REFUSED,     /* without a server's word: no such domain, or no server is good enough */
    DELIVERY_UNREACHABLE, /* nobody was there */
    DELIVERY_BUSY,        /* not now: its servers get as much as they may; there are no results */
};
enum delivery_end delivery_run(struct delivery *delivery, const struct outbound_parcel *parcel,
                               const struct outbound_message *message, struct arena *arena,
                               struct outbound_result *results);
/* A session with the one host of a route, which an administrator has chosen. ERR_*: as client_open. */
enum err delivery_open_route(struct delivery *delivery, const struct smart_host *route,
                             struct error *error) MUST_CHECK;
/* The session that is kept, if there is one. */
void delivery_close(struct delivery *delivery, bool polite);
/* A new one has .tried = BUF(DELIVERY_TRIED_MAX). */
void delivery_end(struct delivery *delivery);

#endif
