/*
 * What DNSSEC says about a host's TLS (RFC 7672): its TLSA records, when the way to them is proven.
 *
 * Ownership: records live in the arena. Errors: dane_find's are those of a look-up that failed or was forged:
 * such a host must not be used, for there may be records that somebody hides (RFC 7672 2.2). Threads: any.
 * Limits: TLSA_MAX records, TLSA_DATA_MAX bytes each; what is beyond counts as unusable.
 */
#ifndef POSTHORN_SEND_DANE_H
#define POSTHORN_SEND_DANE_H

#include "fetch/resolver.h"
#include "rt/tls_client.h"

enum dane_level {
    DANE_NONE,      /* no record that is proven */
    DANE_ENCRYPTED, /* records, none of which can be used: TLS, with whomever (RFC 7672 2.2) */
    DANE_PROVEN,    /* the server must be who they say */
};
struct dane {
    enum dane_level level;
    struct slice base; /* the name at which they stand: the server's first name (RFC 7672 2.2.3) */
    struct tlsa *records;
    size_t count;
};

/* name: the host, whose name came by a proven answer; host: its addresses, as the resolver found them. */
enum err dane_find(struct resolver *resolver, struct slice name, const struct resolver_host *host,
                   uint16_t port, int64_t deadline_us, struct arena *arena, struct dane *ret_dane,
                   struct error *error) MUST_CHECK;

/* One record's data (RFC 6698 2.1). False: for SMTP it can't be used (RFC 7672 3.1). ret->data borrows. */
bool dane_read(struct slice data, struct tlsa *ret) MUST_CHECK;

#endif
