/*
 * Sends mail to other servers: takes parcels from store, tries each at its domain's servers, tells store what
 * came of it.
 *
 * Destinations (domains) are independent of each other: one that is slow or dead holds up nobody else. Up to
 * SENDER_CONNECTIONS_MAX connections to one, as many as it bears. Ownership: the sender ends with the
 * process. Threads: sender_start once; sender_stop any. Limits: SENDER_*.
 */
#ifndef POSTHORN_SEND_SENDER_H
#define POSTHORN_SEND_SENDER_H

#include "fetch/resolver.h"
#include "link/callout.h"
#include "link/lanes.h"
#include "rt/own_address.h"

enum {
    SENDER_THREADS_MAX = 200,
    SENDER_PARCELS_MAX = 8000,   /* taken from store and not yet tried */
    SENDER_CONNECTIONS_MAX = 20, /* to one destination, unless it is set (directory/destination.h) */
    SENDER_MESSAGES_MAX = 100,   /* over one connection, likewise */
    SENDER_IDLE_SECONDS = 2,     /* a connection waits for one more message */
};

struct sender;
struct fetcher;
struct x509_store_st;

struct sender_options {
    struct ipc_client *store;
    struct resolver *resolver;
    const char *own_name;
    struct own_addresses addresses;    /* to send from; none: as the machine chooses */
    uint16_t port;                     /* of the other servers */
    uint16_t sts_port;                 /* of the servers of MTA-STS policies; 0: they are not asked */
    struct fetcher *fetcher;           /* by which */
    struct x509_store_st *authorities; /* for their certificates, and those of the servers that they name */
    bool tls_reports;                  /* how sessions went is counted for who asks for it */
    bool private_too;                  /* also to addresses that are not of the public internet */
};
enum err sender_create(const struct sender_options *options, struct sender **ret_sender,
                       struct error *error) MUST_CHECK;
/* After the sandbox: makes threads. */
enum err sender_start(struct sender *sender, struct error *error) MUST_CHECK;
/* A callout_fn whose context is a struct sender: asks the server that has the rest of a domain of ours. */
callout_fn sender_callout;
/* A lanes_fn whose context is a struct sender: how it stands with each destination. */
lanes_fn sender_lanes;
/* Takes nothing more; waits for what is being sent, until the deadline (monotonic us). */
void sender_stop(struct sender *sender, int64_t deadline_us);

#endif
