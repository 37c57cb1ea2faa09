/*
 * The message as the script has changed it (RFC 5293). Of this room only.
 */
#ifndef POSTHORN_SIEVE_EDIT_H
#define POSTHORN_SIEVE_EDIT_H

#include "sieve/run.h"

enum { FIELD_NAME_MAX = 100 };

/* A name that a field can have (RFC 5322 3.6.8). */
bool field_name_valid(struct slice name);
/* The message as it is now, in the result or borrowed from the input. */
enum err run_message(struct run *run, struct slice *ret, struct error *error) MUST_CHECK;

#endif
