/*
 * The addresses of this machine that mail leaves from, each with the name that it gives itself in EHLO: at
 * most one of IPv4 and one of IPv6. Written "192.0.2.1=mx1.example.org, 2001:db8::1"; without a name it is
 * the host's.
 *
 * Ownership: none, values. Errors: ERR_INVALID says what would be right. Threads: any.
 */
#ifndef POSTHORN_RT_OWN_ADDRESS_H
#define POSTHORN_RT_OWN_ADDRESS_H

#include <netinet/in.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    OWN_ADDRESSES_MAX = 2, /* one of each family */
    OWN_NAME_MAX = 253,    /* bytes (RFC 1035 3.1) */
    OWN_ADDRESSES_TEXT_MAX = OWN_ADDRESSES_MAX * (INET6_ADDRSTRLEN + OWN_NAME_MAX + 3),
};

struct own_address {
    int family; /* AF_INET, AF_INET6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
    char name[OWN_NAME_MAX + 1]; /* empty: the host's */
};
struct own_addresses {
    struct own_address each[OWN_ADDRESSES_MAX];
    size_t count; /* 0: the machine chooses */
};

/* Blanks or commas between them; "" and "none" are no addresses. */
enum err own_addresses_parse(struct slice text, struct own_addresses *ret_sources,
                             struct error *error) MUST_CHECK;
/* As it is written; nothing of none. */
void own_addresses_put(const struct own_addresses *sources, struct buf *out);
/* A host's name as it may stand in EHLO and in a certificate: more than one label. */
bool own_name_valid(struct slice name) MUST_CHECK;
/* Of that family; NULL: there is none. */
const struct own_address *own_addresses_of(const struct own_addresses *sources, int family);

#endif
