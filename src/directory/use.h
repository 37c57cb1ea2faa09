/*
 * The ledger of what accounts hold (store/ledger.h): the table `usage` has a row for each account; triggers
 * keep the sum of a domain's rows in the domain's, also when an account is renamed into another domain or
 * removed, in that very transaction.
 *
 * Ownership: the store calls it until store_rest. Errors: the database's. Threads: any; it takes the
 * directory's lock and nothing else.
 */
#ifndef POSTHORN_DIRECTORY_USE_H
#define POSTHORN_DIRECTORY_USE_H

#include "directory/directory.h"
#include "store/ledger.h"

/* The store counts into this directory from now on; accounts whose rows a crash left open are read first. */
enum err directory_count(struct directory *directory, struct store *store, struct error *error) MUST_CHECK;
/* Somebody was told that the domain's quota is used up to this step; 0: it has fallen. */
enum err domain_set_warned(struct directory *directory, struct domain_id id, unsigned step,
                           struct error *error) MUST_CHECK;

#endif
