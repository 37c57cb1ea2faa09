/*
 * Scripts that run other scripts (RFC 6609). Of this room only.
 */
#ifndef POSTHORN_SIEVE_INCLUDE_H
#define POSTHORN_SIEVE_INCLUDE_H

#include "base/slice.h"

/* A name that ManageSieve allows (RFC 5804 1.6). */
bool script_name_valid(struct slice name);

#endif
