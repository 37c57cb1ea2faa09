/*
 * directory.db's tables, by migrations: PRAGMA user_version counts those that ran. A database of a newer
 * program is refused with ERR_VERSION. Threads: the caller holds the only connection.
 */
#ifndef POSTHORN_DIRECTORY_SCHEMA_H
#define POSTHORN_DIRECTORY_SCHEMA_H

#include "store/volume.h"

enum err directory_schema_migrate(struct database *database, struct error *error) MUST_CHECK;

#endif
