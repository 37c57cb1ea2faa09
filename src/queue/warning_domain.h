/*
 * Telling those who administer a domain that its quota fills up: one message for each step (store/ledger.h),
 * in each one's language, into their Inboxes; without administrators, to the domain's postmaster.
 *
 * Errors: the store's and the directory's; the step is due again then. Threads: any, one at a time.
 */
#ifndef POSTHORN_QUEUE_WARNING_DOMAIN_H
#define POSTHORN_QUEUE_WARNING_DOMAIN_H

#include "directory/use.h"

enum err warning_domain_send(struct store *store, struct directory *directory, const char *hostname,
                             struct domain_id id, struct error *error) MUST_CHECK;

#endif
