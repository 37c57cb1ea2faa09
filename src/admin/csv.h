/*
 * Comma-separated values (RFC 4180), a record at a time.
 *
 * Fields are separated by commas, records by CRLF or LF. A field in double quotes may hold commas, line ends
 * and quotes, each quote doubled. A byte order mark at the start and empty lines are passed over. Ownership:
 * fields borrow from the text or lie in the arena. Errors: CSV_BAD says what is wrong with the record; the
 * next call goes on at the next line. Limits: CSV_FIELDS_MAX fields a record.
 */
#ifndef POSTHORN_ADMIN_CSV_H
#define POSTHORN_ADMIN_CSV_H

#include "base/arena.h"

enum { CSV_FIELDS_MAX = 32 };

struct csv {
    struct cursor c;
    size_t line; /* of the next record, from 1 */
};

enum csv_status { CSV_RECORD, CSV_END, CSV_BAD };

struct csv_record {
    struct slice fields[CSV_FIELDS_MAX];
    size_t count;
    size_t line;         /* where it begins */
    const char *problem; /* with CSV_BAD */
};

void csv_init(struct csv *csv, struct slice text);
enum csv_status csv_next(struct csv *csv, struct arena *arena, struct csv_record *ret_record) MUST_CHECK;

#endif
