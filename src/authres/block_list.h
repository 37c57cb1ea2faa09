/*
 * Lists in the DNS (RFC 5782): asking one of them about an address or a name.
 *
 * Ownership: the answer's texts live in the arena. Errors: none; a list that does not answer says so, and is
 * not asked for a while when it goes on like that, so that it holds up no mail. Threads: any. Limits:
 * BLOCK_LIST_*.
 */
#ifndef POSTHORN_AUTHRES_BLOCK_LIST_H
#define POSTHORN_AUTHRES_BLOCK_LIST_H

#include "authres/dns.h"
#include "base/clock.h"
#include "rt/limit.h"
#include "rt/settings_guards.h"

enum { BLOCK_LIST_REASON_MAX = 200 /* bytes of what a list says */ };
#define BLOCK_LIST_US (3 * CLOCK_SECOND) /* for one list */

/* How the lists have answered of late; NULL: no memory. */
struct rate *block_list_health(void);

enum block_list_status {
    BLOCK_LIST_NOT_LISTED,
    BLOCK_LIST_LISTED,
    BLOCK_LIST_SILENT,      /* no answer, or it was not asked after several without one */
    BLOCK_LIST_NOT_WELCOME, /* it does not answer us, and says so */
};

struct block_list_answer {
    enum block_list_status status;
    uint32_t address;    /* the answer, in the machine's order; 0: none */
    struct slice reason; /* its TXT record, printable; empty: none, or nobody wanted it */
};

/* About an address; the list must be one of addresses. */
struct block_list_answer block_list_ask_address(const struct authres_dns *dns, struct rate *health,
                                                const struct list_setting *list,
                                                const struct resolver_address *address, int64_t deadline_us,
                                                struct arena *arena);
/* About a domain, which the DNS must be able to hold; the list must be one of names. */
struct block_list_answer block_list_ask_name(const struct authres_dns *dns, struct rate *health,
                                             const struct list_setting *list, struct slice name,
                                             int64_t deadline_us, struct arena *arena);

#endif
