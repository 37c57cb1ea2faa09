/*
 * The servers that take a domain's mail (RFC 5321 5.1, RFC 7505): its MX in the order of preference, equals
 * shuffled; without MX the domain itself; never ourselves.
 *
 * Ownership: names live in the arena. Threads: any.
 */
#ifndef POSTHORN_SEND_HOSTS_H
#define POSTHORN_SEND_HOSTS_H

#include "base/buf.h"
#include "fetch/resolver.h"

enum {
    HOSTS_MAX = 16,                        /* that may be tried */
    HOSTS_READ_MAX = RESOLVER_RECORDS_MAX, /* among which the best, and ourselves, are looked for */
};

struct host {
    struct slice name; /* without a final dot */
    uint16_t preference;
};
struct hosts {
    struct host each[HOSTS_READ_MAX];
    size_t count;
    struct slice canonical; /* the domain after CNAMEs */
    bool secure;            /* DNSSEC proves them */
    bool literal;           /* each[0] is an address */
    bool direct;            /* there are no MX records: each[0] is the domain itself */
    const char *status;     /* none: why; "5.1.2" is for good */
    char why[200];
};
/* One host at least, or why there is none. own: our name. */
void hosts_find(struct resolver *resolver, struct slice domain, struct slice own, int64_t deadline_us,
                struct arena *arena, struct hosts *ret_hosts);

/* The same of an answer about the domain's MX, also that there is no such domain. */
void hosts_of_answer(const struct resolver_records *records, struct slice domain, struct slice own,
                     struct arena *arena, struct hosts *ret_hosts);

/* A name in wire form (RFC 1035 3.1) as text; the root is ".". False: it is none. */
bool hosts_name(struct slice wire, struct buf *out) MUST_CHECK;
/* Sorts by preference, drops ourselves and what is not better than us. */
void hosts_order(struct hosts *hosts, struct slice own);

#endif
