/*
 * Where data lies: the only way of this room to files. `local` is a directory; a cluster volume comes later
 * behind the same functions, so nothing else may open, sync, list or remove a file of the store.
 *
 * Databases are opened with locking_mode=EXCLUSIVE, journal_mode=WAL, synchronous=NORMAL;
 * volume_database_sync makes what was committed durable (fdatasync of the write-ahead log). Names are paths
 * relative to the volume ("accounts/ab/.../account.db"). Errors: ERR_BUSY when another process owns the
 * volume. Threads: any.
 */
#ifndef POSTHORN_STORE_VOLUME_H
#define POSTHORN_STORE_VOLUME_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/ids.h"

struct volume;

/* Takes ownership (a lock on the file `lock`); makes missing directories. */
enum err volume_open_local(const char *directory, struct volume **ret_volume, struct error *error) MUST_CHECK;
void volume_close(struct volume *volume);

/* A database, made when `create`. ERR_NOT_FOUND, ERR_CORRUPT. Close with volume_database_close. */
struct database {
    sqlite3 *sqlite;
    int wal_fd; /* what volume_database_sync syncs; -1 until needed */
    char *name;
    struct volume *volume;
};
enum err volume_database_open(struct volume *volume, const char *name, bool create,
                              struct database *ret_database, struct error *error) MUST_CHECK;
enum err volume_database_sync(struct database *database, struct error *error) MUST_CHECK;
void volume_database_close(struct database *database);

/* Files: packs and spool. open: read and write, O_CLOEXEC; create makes it and syncs the directory. */
enum err volume_file_open(struct volume *volume, const char *name, bool create, int *ret_fd,
                          struct error *error) MUST_CHECK;
enum err volume_file_remove(struct volume *volume, const char *name, struct error *error) MUST_CHECK;
enum err volume_file_rename(struct volume *volume, const char *from, const char *to,
                            struct error *error) MUST_CHECK;
/* Directory entries without "." and "..", sorted; empty when the directory is missing. */
enum err volume_list(struct volume *volume, const char *name, struct arena *arena, struct slice **ret_names,
                     size_t *ret_count, struct error *error) MUST_CHECK;
enum err volume_directory_make(struct volume *volume, const char *name, struct error *error) MUST_CHECK;
enum err volume_directory_remove(struct volume *volume, const char *name,
                                 struct error *error) MUST_CHECK; /* with all in it */
/* Everything on the volume made durable at once (syncfs). */
enum err volume_sync(struct volume *volume, struct error *error) MUST_CHECK;

#endif
