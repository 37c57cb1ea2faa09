/*
 * Names to addresses, without opening a file or asking glibc: libunbound in this process.
 *
 * What it needs of the machine (name servers, /etc/hosts) is read by resolver_create, before the sandbox;
 * resolver_start makes its threads, after it. Answers are cached as long as they may be.
 *
 * Errors: ERR_UNAVAILABLE no such name, or nobody answers; ERR_TIMEOUT. Threads: resolver_addresses any; a
 * call blocks until the deadline at most. Limits: names of RESOLVER_NAME_MAX bytes.
 */
#ifndef POSTHORN_FETCH_RESOLVER_H
#define POSTHORN_FETCH_RESOLVER_H

#include <netinet/in.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

enum { RESOLVER_NAME_MAX = 253, RESOLVER_HOST_ADDRESSES_MAX = 8 };

struct resolver;

struct resolver_address {
    int family; /* AF_INET, AF_INET6 */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
};

/* server: "192.0.2.1", "[2001:db8::1]:53"; empty: what /etc/resolv.conf names, and if that is nobody, the
 * world's name servers themselves. */
enum err resolver_create(const char *server, struct resolver **ret_resolver, struct error *error) MUST_CHECK;
/*
 * One that asks for signatures and checks them (RFC 4035): what it calls secure is proven here, whatever a
 * name server says of it. Without them, or with false ones, where DNSSEC says that there are some, there is
 * no answer: see resolver_records. anchor: a file of DNSKEY or DS records, one a line, read now; empty: the
 * root's keys that are built in, and Debian's RESOLVER_ANCHOR_FILE where it is. ERR_INVALID: what the file
 * says.
 */
#define RESOLVER_ANCHOR_FILE "/usr/share/dns/root.key"
enum { RESOLVER_ANCHOR_MAX = 64 * 1024 };
enum err resolver_create_validating(const char *server, const char *anchor, struct resolver **ret_resolver,
                                    struct error *error) MUST_CHECK;
enum err resolver_start(struct resolver *resolver, struct error *error) MUST_CHECK;
void resolver_destroy(struct resolver *resolver);

/* At least one, at most max. ERR_AUTH: DNSSEC says that they are forged. The name may be an address already.
 * deadline: monotonic us. */
enum err resolver_addresses(struct resolver *resolver, struct slice name, int64_t deadline_us,
                            struct resolver_address *ret_addresses, size_t max, size_t *ret_count,
                            struct error *error) MUST_CHECK;
/* The same, with what DNSSEC says. */
struct resolver_host {
    struct resolver_address addresses[RESOLVER_HOST_ADDRESSES_MAX];
    size_t count;                          /* at least one */
    bool secure;                           /* proven; an address as name never is */
    char canonical[RESOLVER_NAME_MAX + 1]; /* after CNAMEs, without a final dot */
};
enum err resolver_host(struct resolver *resolver, struct slice name, int64_t deadline_us,
                       struct resolver_host *ret_host, struct error *error) MUST_CHECK;
/*
 * A name's records of one type, as they are on the wire (RFC 1035 3.2.1); names in them are not compressed.
 * `exists`: the name or the type is known to be there; secure: DNSSEC proves the answer, also that there is
 * none. ERR_UNAVAILABLE: nobody answers, or no sense (SERVFAIL); ERR_AUTH: DNSSEC says that the answer is
 * forged; ERR_TIMEOUT. No such name or no such record is ERR_OK with count 0.
 */
enum {
    RESOLVER_A = 1,
    RESOLVER_CNAME = 5,
    RESOLVER_PTR = 12,
    RESOLVER_MX = 15,
    RESOLVER_TXT = 16,
    RESOLVER_AAAA = 28,
    RESOLVER_TLSA = 52,
    RESOLVER_RECORDS_MAX = 100,
};
struct resolver_records {
    struct slice *data;
    size_t count;
    struct slice canonical; /* the name after CNAMEs; the name itself without */
    bool secure;
    bool no_name; /* NXDOMAIN */
};
enum err resolver_records(struct resolver *resolver, struct slice name, int type, int64_t deadline_us,
                          struct arena *arena, struct resolver_records *ret_records,
                          struct error *error) MUST_CHECK;
/* It is this machine's own. */
bool resolver_is_loopback(const struct resolver_address *address);
/* It is one of the public internet: no loopback, no private network, no group of machines (RFC 6890). */
bool resolver_is_public(const struct resolver_address *address);
/* As text; in IPv6 without brackets. */
void resolver_address_text(const struct resolver_address *address, char ret_text[static INET6_ADDRSTRLEN]);

#endif
