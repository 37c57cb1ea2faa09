/*
 * An SPF record (RFC 7208 4.6, 12) read into its terms, all of it or not at all: an error anywhere makes the
 * record an error, wherever evaluation would have stopped (4.6).
 *
 * Ownership: the terms live in the arena, their texts borrow from the record. Errors: ERR_INVALID names the
 * term; ERR_NOMEM. Threads: any. Limits: SPF_RECORD_MAX, SPF_TERMS_MAX. Private to the authres room.
 */
#ifndef POSTHORN_AUTHRES_SPF_RECORD_H
#define POSTHORN_AUTHRES_SPF_RECORD_H

#include <netinet/in.h>

#include "base/arena.h"
#include "base/error.h"

enum { SPF_RECORD_MAX = 8192 /* bytes */, SPF_TERMS_MAX = 512 };

/* name, as written, has a domain-spec: 'n'o, 'm'ay have, 'y'es; may have prefix lengths (5) */
#define SPF_MECHANISM_TABLE(X)        \
    X(ALL, "all", 'n', false)         \
    X(INCLUDE, "include", 'y', false) \
    X(A, "a", 'm', true)              \
    X(MX, "mx", 'm', true)            \
    X(PTR, "ptr", 'm', false)         \
    X(IP4, "ip4", 'y', true)          \
    X(IP6, "ip6", 'y', true)          \
    X(EXISTS, "exists", 'y', false)

enum spf_mechanism {
#define X(name, text, domain, prefix) SPF_MECHANISM_##name,
    SPF_MECHANISM_TABLE(X)
#undef X
        SPF_MECHANISMS
};

struct spf_term {
    enum spf_mechanism mechanism;
    char qualifier;      /* + - ~ ? */
    struct slice text;   /* all of it, as written */
    struct slice domain; /* the domain-spec with its macros; empty: the domain itself */
    unsigned prefix4;    /* 0 to 32 */
    unsigned prefix6;    /* 0 to 128 */
    union {
        struct in_addr v4; /* ip4 */
        struct in6_addr v6;
    } network;
};

struct spf_record {
    struct spf_term *terms;
    size_t count;
    bool has_all;
    struct slice redirect;    /* empty: none */
    struct slice explanation; /* "exp="; empty: none */
};

/* A TXT record that is one of SPF, of version 1 (4.5). */
bool spf_record_is(struct slice text);
enum err spf_record_parse(struct slice text, struct arena *arena, struct spf_record *ret_record,
                          struct error *error) MUST_CHECK;

#endif
