/*
 * Smart hosts: servers that take our outgoing mail, whoever it is for. One can be set for an account, a
 * domain, a plan and the whole installation; the nearest to the sender counts: the account that submitted the
 * message, then the domain of its sender, then the account's plan, then the installation.
 *
 * The password that we log in with is sealed with the directory's key, bound to its place, and given to
 * nobody but who sends (smart_host_for). Errors: ERR_INVALID, ERR_NOT_FOUND. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_SMART_HOST_H
#define POSTHORN_DIRECTORY_SMART_HOST_H

#include "directory/directory.h"

enum {
    SMART_HOST_NAME_MAX = 255,
    SMART_HOST_USER_MAX = 255,
    SMART_HOST_PASSWORD_MAX = PASSWORD_MAX,
};

#define SMART_HOST_TLS_TABLE(X)                                              \
    X(OFFERED, "offered")   /* used where it is offered, unverified */       \
    X(REQUIRED, "required") /* STARTTLS, and its certificate must be good */ \
    X(IMPLICIT, "implicit") /* TLS from the first byte; the same */
enum smart_host_tls {
#define X(name, text) SMART_HOST_TLS_##name,
    SMART_HOST_TLS_TABLE(X)
#undef X
        SMART_HOST_TLS_KINDS
};
const char *smart_host_tls_name(enum smart_host_tls tls);
/* By its name. False: there is no such kind. */
bool smart_host_tls_find(struct slice name, enum smart_host_tls *ret_tls) MUST_CHECK;

struct smart_host {
    struct slice
        host; /* A-labels, or an address in []; empty: none, mail goes to each domain's own servers */
    uint16_t port;
    enum smart_host_tls tls;
    struct slice user; /* empty: no log-in */
    struct slice password;
};
/* "mail.example.net", "mail.example.net:587", "[2001:db8::1]:25", "direct"; port 0: none was given. */
enum err smart_host_parse(struct slice text, struct arena *arena, struct smart_host *ret_host,
                          struct error *error) MUST_CHECK;

/* owner: an account's address, a domain, a plan; of LEVEL_BUILT_IN, the installation, empty. A log-in needs
 * TLS that is required or implicit. */
enum err smart_host_set(struct directory *directory, enum option_level level, struct slice owner,
                        const struct smart_host *host, struct error *error) MUST_CHECK;
enum err smart_host_remove(struct directory *directory, enum option_level level, struct slice owner,
                           struct error *error) MUST_CHECK;
struct smart_host_row {
    enum option_level level;
    struct slice owner;
    struct smart_host host; /* without its password */
};
enum err smart_host_list(struct directory *directory, struct arena *arena, struct smart_host_row **ret_rows,
                         size_t *ret_count, struct error *error) MUST_CHECK;
/* What counts for a message; host empty: none. account 0: nobody submitted it. */
enum err smart_host_for(struct directory *directory, struct account_id account, struct slice sender,
                        struct arena *arena, struct smart_host *ret_host, struct error *error) MUST_CHECK;

#endif
