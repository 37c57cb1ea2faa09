/*
 * As whom an account may send: directory_may_send_as (directory.h), and the rights that are given one by one.
 * Its primary address and its aliases are its own; a group's address is not its members', unless it is given
 * to them.
 *
 * A right is for an address of ours with its sub-addresses, or for a whole domain of ours ("@example.org").
 * It goes along when the address is renamed, and ends with it. Errors: ERR_NOT_FOUND, ERR_INVALID, ERR_LIMIT.
 * Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_SEND_AS_H
#define POSTHORN_DIRECTORY_SEND_AS_H

#include "directory/directory.h"

enum { SEND_AS_MAX = 100 /* rights of one account */ };

/* what: an address, or a domain with or without an '@' before it. */
enum err send_as_give(struct directory *directory, struct slice account, struct slice what,
                      struct error *error) MUST_CHECK;
enum err send_as_take(struct directory *directory, struct slice account, struct slice what,
                      struct error *error) MUST_CHECK;
/* Sorted; *ret_whats in the arena. */
enum err send_as_list(struct directory *directory, struct slice account, struct arena *arena,
                      struct slice **ret_whats, size_t *ret_count, struct error *error) MUST_CHECK;

#endif
