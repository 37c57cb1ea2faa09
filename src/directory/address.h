/*
 * An address taken apart. address_normalise (directory.h) is this with less detail.
 *
 * The local part is compared in NFC and simply case-folded, a quoted one without its quotes; the domain in
 * lower-case A-labels. Since no domain holds an '@', local@domain is unambiguous as a key, whatever the local
 * part holds. Ownership: slices are in the arena. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_ADDRESS_H
#define POSTHORN_DIRECTORY_ADDRESS_H

#include "base/arena.h"
#include "base/error.h"

struct address_parts {
    struct slice local;  /* unquoted, folded */
    struct slice domain; /* A-labels */
    struct slice key;    /* local@domain */
    struct slice shown;  /* the local part as written, @, A-labels */
    struct slice plain;  /* the local part unquoted, in NFC, case kept */
};
enum err address_parse(struct slice address, struct arena *arena, struct address_parts *ret_parts,
                       struct error *error) MUST_CHECK;

/* A domain name alone, in lower-case A-labels. ERR_INVALID. */
enum err domain_normalise(struct slice name, struct arena *arena, struct slice *ret_name,
                          struct error *error) MUST_CHECK;

#endif
