/*
 * Tickets: 128 random bits that stand for a log-in, until they are used up, released, or not used for
 * TICKET_IDLE_HOURS.
 *
 * Errors: ERR_AUTH no such ticket, or one for another door. Limits: TICKETS_MAX; the one unused for longest
 * goes. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_TICKET_H
#define POSTHORN_DIRECTORY_TICKET_H

#include "directory/sasl.h"

struct ticket_table;

enum { TICKETS_MAX = 200000 };

/* NULL: out of memory. */
struct ticket_table *ticket_table_new(size_t max) MUST_CHECK;
void ticket_table_free(struct ticket_table *table);
enum err ticket_make(struct ticket_table *table, const struct sasl_holder *holder, enum door door,
                     unsigned char ret_ticket[static TICKET_SIZE], struct error *error) MUST_CHECK;
enum err ticket_find(struct ticket_table *table, struct slice ticket, enum door door, bool use_up,
                     struct sasl_holder *ret_holder, struct error *error) MUST_CHECK;
void ticket_drop(struct ticket_table *table, struct slice ticket);
size_t ticket_count(struct ticket_table *table);

#endif
