/*
 * ADDRESS-PART (RFC 5228 2.7.4, RFC 5233 4): which piece of an address a test looks at. Of this room only.
 */
#ifndef POSTHORN_SIEVE_PART_H
#define POSTHORN_SIEVE_PART_H

#include "mime/address.h"
#include "sieve/run.h"

/* *ret in scratch or borrowed. False: the address has no such part. */
bool address_part(struct run *run, const struct mime_address *address, enum part_choice part,
                  struct slice *ret);

#endif
