/*
 * Who wrote a message: the domains of its From field (RFC 9989 5.3.1).
 *
 * Ownership: domains live in the arena, as A-labels in lower case. Threads: any.
 */
#ifndef POSTHORN_AUTHRES_AUTHORS_H
#define POSTHORN_AUTHRES_AUTHORS_H

#include "base/arena.h"

#define AUTHORS_TABLE(X)                          \
    X(FOUND, "")                                  \
    X(NO_FIELD, "no From field")                  \
    X(SEVERAL_FIELDS, "more than one From field") \
    X(NO_DOMAIN, "From names no domain")          \
    X(TOO_MANY, "From names too many domains")
enum authors_status {
#define X(name, text) AUTHORS_##name,
    AUTHORS_TABLE(X)
#undef X
        AUTHORS_STATUSES
};

const char *authors_text(enum authors_status status);
/* The different domains, at most max. */
enum authors_status authors_find(struct slice header, struct arena *arena, struct slice *ret_domains,
                                 size_t max, size_t *ret_count);
/* A domain as the DNS has it (RFC 5891): p NULL when it is none. */
struct slice author_domain(struct slice domain, struct arena *arena);

#endif
