/*
 * The account database's tables, as a list of migrations that is only ever added to.
 *
 * PRAGMA user_version counts the migrations a database has had. Errors: ERR_VERSION when it has had more than
 * this program knows, ERR_CORRUPT, ERR_IO. Threads: the caller owns the connection.
 */
#ifndef POSTHORN_STORE_SCHEMA_H
#define POSTHORN_STORE_SCHEMA_H

#include <sqlite3.h>

#include "base/error.h"

/* "objects" and "members" of the design, by type. */
#define OBJECT_TYPE_TABLE(X) X(MESSAGE) X(EVENT) X(CONTACT) X(TASK) X(NOTE)
enum object_type {
#define X(name) OBJECT_##name,
    OBJECT_TYPE_TABLE(X)
#undef X
};

/* The version this program writes. */
int schema_version(void);
/* Brings the database to it, in one transaction. */
enum err schema_migrate(sqlite3 *sqlite, struct error *error) MUST_CHECK;

#endif
