/*
 * Signing keys of domains (DKIM) in commands: their rows, and how a record looks in a zone file. Threads:
 * any.
 */
#ifndef POSTHORN_ADMIN_DOMAIN_KEYS_H
#define POSTHORN_ADMIN_DOMAIN_KEYS_H

#include "admin/admin.h"
#include "directory/domain_key.h"

/* clang-format off */
#define DOMAIN_KEY_COLUMNS                      \
    {"selector", "SELECTOR", COLUMN_TEXT},      \
    {"algorithm", "ALGORITHM", COLUMN_TEXT},    \
    {"state", "STATE", COLUMN_TEXT},            \
    {"made", "MADE", COLUMN_TIME},              \
    {"changed", "SINCE", COLUMN_TIME},
/* clang-format on */

/* A key as a row; with the columns above also "name" and "record". */
enum err call_domain_key(struct admin_call *call, const struct domain_key *key,
                         struct error *error) MUST_CHECK;
/* Makes a key of each algorithm, a row each. */
enum err call_make_domain_keys(struct admin_call *call, struct slice domain, struct error *error) MUST_CHECK;
/* An admin_command's `show`: the row as a line of a zone file, cut into strings of at most 255 bytes. */
void show_domain_key_record(const json_t *row);

#endif
