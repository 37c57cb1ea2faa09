/*
 * What notify takes (RFC 5435), for the compiler. Of this room only.
 */
#ifndef POSTHORN_SIEVE_NOTIFY_H
#define POSTHORN_SIEVE_NOTIFY_H

#include "base/slice.h"

/* One address, with or without a name. */
bool notify_from_valid(struct slice from);
/* "1" to "3". */
bool notify_importance_valid(struct slice importance);
/* "name=value" (RFC 5435 3.5). */
bool notify_option_valid(struct slice option);
/* A URI of a method that this server has. */
bool notify_method_valid(struct slice method);

#endif
