/*
 * What an administrator has set for destinations (directory/destination.h), as the relay uses it: a table
 * that is never changed, and of which there is a new one when something was.
 *
 * Ownership: counted; whoever holds a table may use its rows. Errors: ERR_NOMEM. Threads: any.
 */
#ifndef POSTHORN_SEND_TERMS_H
#define POSTHORN_SEND_TERMS_H

#include "directory/destination.h"
#include "rt/own_address.h"

struct terms {
    struct slice pattern;
    uint32_t connections, messages, rate; /* 0: as usual */
    enum destination_tls tls;
    const char *const *names; /* of its certificate; ".example.net": below that */
    size_t name_count;
    struct own_addresses addresses;
};
/* Nothing is set. */
extern const struct terms terms_none;

struct terms_table;
/* rows: copied. An address that can't be read is none. */
enum err terms_table_create(const struct destination *rows, size_t count, struct terms_table **ret_table,
                            struct error *error) MUST_CHECK;
struct terms_table *terms_table_ref(struct terms_table *table);
void terms_table_unref(struct terms_table *table);
/* What is set for a domain of recipients; terms_none: nothing. table NULL: the same. */
const struct terms *terms_of_domain(const struct terms_table *table, struct slice domain);
/* For a server, by its name as the domain's MX has it: the longest pattern. */
const struct terms *terms_of_server(const struct terms_table *table, struct slice host);

/* What holds for a session, of what is set for the domain and for the server: the domain's where both say
 * something; of messages over a connection the fewer. */
struct terms terms_both(const struct terms *domain, const struct terms *server);
/* 0: as many as any destination gets. */
uint32_t terms_fewer(uint32_t a, uint32_t b);

#endif
