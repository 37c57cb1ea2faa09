/*
 * How mail leaves: what an administrator says about destinations, and from which addresses a domain's mail is
 * sent.
 *
 * A destination is the domain of recipients, or, as "mx:HOST" or "mx:*.DOMAIN", the servers that domains'
 * mail goes to, whichever domains those are. What is not set (0, empty, DEFAULT) is as usual. Where both say
 * something, the domain goes before the server, but limits of both hold.
 *
 * Ownership: texts live in the arena. Errors: ERR_INVALID says what would be right; ERR_NOT_FOUND; ERR_LIMIT
 * past DESTINATIONS_MAX. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_DESTINATION_H
#define POSTHORN_DIRECTORY_DESTINATION_H

#include "directory/smart_host.h"

enum {
    DESTINATIONS_MAX = 2000,
    DESTINATION_CONNECTIONS_MAX = 100,
    DESTINATION_MESSAGES_MAX = 10000, /* over one connection */
    DESTINATION_RATE_MAX = 100000,    /* messages a minute */
    DESTINATION_TEXT_MAX = 2000,      /* bytes of a list of names */
};
#define DESTINATION_SERVER "mx:" /* begins the pattern of servers */

/* Values are on disk: append, never renumber. */
#define DESTINATION_TLS_TABLE(X)                                                             \
    X(DEFAULT, 0, "default")   /* DANE, else MTA-STS, else as it is offered */               \
    X(NONE, 1, "none")         /* in the clear */                                            \
    X(OFFERED, 2, "offered")   /* where it is offered, with whomever, whatever others say */ \
    X(REQUIRED, 3, "required") /* TLS, with whomever */                                      \
    X(DANE, 4, "dane")         /* by TLSA records, or not at all */                          \
    X(VERIFY, 5, "verify")     /* by an authority's certificate for one of the names */
enum destination_tls {
#define X(name, number, text) DESTINATION_TLS_##name = (number),
    DESTINATION_TLS_TABLE(X)
#undef X
        DESTINATION_TLS_KINDS
};
const char *destination_tls_name(enum destination_tls tls);
bool destination_tls_find(struct slice name, enum destination_tls *ret_tls) MUST_CHECK;

struct destination {
    struct slice pattern;
    uint32_t connections; /* at once */
    uint32_t messages;    /* over one connection */
    uint32_t rate;        /* messages a minute */
    enum destination_tls tls;
    struct slice names;     /* VERIFY: with blanks between them; empty: the domain, and what is below it */
    struct slice addresses; /* to send from (rt/own_address.h) */
    struct slice host;      /* where its mail goes instead of its MX; A-labels, or an address in [] */
    uint16_t port;          /* of host */
};
/* As it is kept: lower case, A-labels. */
enum err destination_normalise(struct slice pattern, struct arena *arena, struct slice *ret_pattern,
                               struct error *error) MUST_CHECK;
/* All of it is set anew. A server can't have a host, nor names where its TLS is not `verify`. */
enum err destination_set(struct directory *directory, const struct destination *destination,
                         struct error *error) MUST_CHECK;
enum err destination_find(struct directory *directory, struct slice pattern, struct arena *arena,
                          struct destination *ret_destination, struct error *error) MUST_CHECK;
enum err destination_remove(struct directory *directory, struct slice pattern,
                            struct error *error) MUST_CHECK;
/* By pattern. */
enum err destination_list(struct directory *directory, struct arena *arena, struct destination **ret_rows,
                          size_t *ret_count, struct error *error) MUST_CHECK;
/* Where mail for this domain, as it is compared, goes instead of its MX; host empty: nothing is said. */
enum err destination_route(struct directory *directory, struct slice domain, struct arena *arena,
                           struct smart_host *ret_host, struct error *error) MUST_CHECK;
/* Another number after each change; never 0. */
uint64_t destination_generation(struct directory *directory);

/* From where mail of this domain's senders is sent (rt/own_address.h); empty: as the server's. */
enum err domain_addresses_set(struct directory *directory, struct slice domain, struct slice addresses,
                              struct error *error) MUST_CHECK;
/* The domain is as it is compared; one that is not ours has none. */
enum err domain_addresses(struct directory *directory, struct slice domain, struct arena *arena,
                          struct slice *ret_addresses, struct error *error) MUST_CHECK;

#endif
