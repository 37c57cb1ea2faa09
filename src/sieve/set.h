/*
 * The modifiers of `set` and `extracttext` (RFC 5229 4.1). Of this room only.
 */
#ifndef POSTHORN_SIEVE_SET_H
#define POSTHORN_SIEVE_SET_H

#include "sieve/run.h"

/* Sets the variable of SLOT_NAME to the value as the node's modifiers change it. */
enum err set_modified(struct run *run, const struct node *node, struct slice value,
                      struct error *error) MUST_CHECK;

#endif
