/* The account database's tables; errors and threads as in migrate.h. */
#ifndef POSTHORN_STORE_SCHEMA_H
#define POSTHORN_STORE_SCHEMA_H

#include "store/volume.h"

/* "objects" and "members" of the design, by type. */
#define OBJECT_TYPE_TABLE(X) X(MESSAGE) X(EVENT) X(CONTACT) X(TASK) X(NOTE)
enum object_type {
#define X(name) OBJECT_##name,
    OBJECT_TYPE_TABLE(X)
#undef X
};

/*
 * A migration. Sort keys of texts that are not of their charset are octets (mime/summary.h). Which rows that
 * concerns is seen once: bytes were replaced, or a word names a charset that is not among those that were
 * always read alike. Without thread keys message_list makes all keys anew, from the header.
 */
/* clang-format off */
#define SCHEMA_FORGET_BROKEN_KEYS \
    "UPDATE object_text SET thread_keys = NULL WHERE thread_keys IS NOT NULL AND (" \
    "instr(subject, x'efbfbd') OR instr(sort_from, x'efbfbd') OR instr(sort_to, x'efbfbd') OR " \
    "instr(sort_cc, x'efbfbd') OR instr(display_from, x'efbfbd') OR instr(display_to, x'efbfbd') OR (" \
    "instr(envelope, CAST('=?' AS BLOB)) AND instr(" \
    "replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(" \
    "lower(CAST(envelope AS TEXT)), '=?utf-8?', ''), '=?iso-8859-1?', ''), '=?iso-8859-15?', ''), " \
    "'=?iso-8859-2?', ''), '=?windows-1252?', ''), '=?windows-1251?', ''), '=?koi8-r?', ''), " \
    "'=?iso-2022-jp?', ''), '=?gb2312?', ''), '=?big5?', ''), '=?')));"
/* clang-format on */

/* Brings the database to the version this program writes. */
enum err schema_migrate(struct database *database, struct error *error) MUST_CHECK;

#endif
