/*
 * Sets of IMAP flags as text (RFC 5232 2): words with blanks between them. Of this room only.
 */
#ifndef POSTHORN_SIEVE_FLAGS_H
#define POSTHORN_SIEVE_FLAGS_H

#include "sieve/run.h"

/* The next word; false at the end. */
bool flags_next(struct cursor *list, struct slice *ret) MUST_CHECK;
/* A keyword, or a system flag that can be set (RFC 9051 9). */
bool flag_valid(struct slice flag);
bool flags_has(struct slice list, struct slice flag);

/* The flags of a list, in the result, as an action's flags. */
enum err flags_of(struct run *run, struct slice list, struct sieve_action *action,
                  struct error *error) MUST_CHECK;
/* Those of :flags, or without it those of the internal variable (RFC 5232 5). */
enum err flags_for(struct run *run, const struct node *node, struct sieve_action *action,
                   struct error *error) MUST_CHECK;

#endif
