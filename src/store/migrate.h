/*
 * A database's tables as a list of migrations that is only ever added to.
 *
 * PRAGMA user_version counts those that a database has had. Those that are missing run in one transaction: it
 * is brought up to date wholly or not at all. Errors: ERR_VERSION when it has had more than this program
 * knows, with a sentence for whoever runs the machine; else as volume_database_fail. Threads: the caller owns
 * the connection.
 */
#ifndef POSTHORN_STORE_MIGRATE_H
#define POSTHORN_STORE_MIGRATE_H

#include "store/volume.h"

enum err database_migrate(struct database *database, const char *const migrations[], size_t count,
                          struct error *error) MUST_CHECK;

#endif
