/*
 * Where data lies: the only way of this room to files. `local` is a directory; a cluster volume comes later
 * behind the same functions, so nothing else may open, sync, list or remove a file of the store.
 *
 * Databases are opened with locking_mode=EXCLUSIVE, journal_mode=WAL, synchronous=NORMAL;
 * volume_database_sync makes what was committed durable (fdatasync of the write-ahead log). Names are paths
 * relative to the volume ("accounts/ab/.../account.db"), at most VOLUME_NAME_MAX bytes, no part of them "."
 * or
 * "..". Errors: ERR_BUSY when another process owns the volume; a sync that failed once fails for ever on that
 * handle, since the kernel forgets what it could not write: close and open anew. Threads: any, but a database
 * is serialised by its owner (SQLite runs without its own mutexes); only volume_database_sync may run beside
 * a statement.
 */
#ifndef POSTHORN_STORE_VOLUME_H
#define POSTHORN_STORE_VOLUME_H

#include <sqlite3.h>
#include <stdatomic.h>

#include <sys/statvfs.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/ids.h"

struct volume;
struct codec_pool;

enum { VOLUME_NAME_MAX = 255, VOLUME_DEPTH_MAX = 16 };

/* Takes ownership (a lock on the file `lock`); makes missing directories. */
enum err volume_open_local(const char *directory, struct volume **ret_volume, struct error *error) MUST_CHECK;
void volume_close(struct volume *volume);
/* Called whenever a sync fails, by whichever thread it failed for: what is on disk is unknown from then on.
 */
typedef void volume_broken_fn(void *context, const struct error *error);
void volume_on_broken(struct volume *volume, volume_broken_fn *broken, void *context);
/* A sync of something on this volume failed; returns error->code. */
enum err volume_broke(struct volume *volume, const struct error *error);
/* Compression contexts shared by all who read and write packs on this volume. */
struct codec_pool *volume_codecs(struct volume *volume);

/* A database, made when `create` (its directory must be there). ERR_NOT_FOUND, ERR_CORRUPT, ERR_BUSY (open
 * already). Close with volume_database_close. */
struct database {
    sqlite3 *sqlite;
    int wal_fd; /* what volume_database_sync syncs */
    char *name;
    struct volume *volume;
    atomic_bool named;  /* the log's directory entry is durable */
    atomic_bool broken; /* a sync failed */
};
enum err volume_database_open(struct volume *volume, const char *name, bool create,
                              struct database *ret_database, struct error *error) MUST_CHECK;
enum err volume_database_sync(struct database *database, struct error *error) MUST_CHECK;
/* ERR_IO: a sync failed earlier, so this one would fail too. */
enum err volume_database_usable(const struct database *database, struct error *error) MUST_CHECK;
/* Rolls back what was begun, if anything was. When that fails, a later commit would write it: volume_broke.
 */
void volume_database_undo(struct database *database);
/* Writes the log back into the database, syncs both, and closes. Zeroed and closed ones are passed over. */
void volume_database_close(struct database *database);
/* Fills *error after a SQLite call: its message, and ERR_CORRUPT, ERR_BUSY, ERR_NOMEM, ERR_UNAVAILABLE (disk
 * full) or ERR_IO by its result. `what` says what was tried. */
enum err volume_database_fail(const struct database *database, const char *what, struct error *error);

/* Files: packs and spool. open: read and write, O_CLOEXEC; create makes it and syncs the directory. All are
 * durable on return; ERR_NOT_FOUND when there is no such file. rename replaces what stands at `to`. */
enum err volume_file_open(struct volume *volume, const char *name, bool create, int *ret_fd,
                          struct error *error) MUST_CHECK;
/* For reading only, as for another process, which could change the file by any other descriptor. */
enum err volume_file_open_read(struct volume *volume, const char *name, int *ret_fd,
                               struct error *error) MUST_CHECK;
enum err volume_file_remove(struct volume *volume, const char *name, struct error *error) MUST_CHECK;
enum err volume_file_rename(struct volume *volume, const char *from, const char *to,
                            struct error *error) MUST_CHECK;
/* Directory entries without "." and "..", sorted; empty when the directory is missing. */
enum err volume_list(struct volume *volume, const char *name, struct arena *arena, struct slice **ret_names,
                     size_t *ret_count, struct error *error) MUST_CHECK;
/* With its parents; not an error when it is there. */
/* The file system's room, as fstatvfs has it. */
enum err volume_room(struct volume *volume, struct statvfs *ret_room, struct error *error) MUST_CHECK;
enum err volume_directory_make(struct volume *volume, const char *name, struct error *error) MUST_CHECK;
enum err volume_directory_remove(struct volume *volume, const char *name,
                                 struct error *error) MUST_CHECK; /* with all in it */
/* Everything on the volume made durable at once (syncfs). */
/* A file without a name, gone with its descriptor: for what is too large for memory. */
enum err volume_scratch_file(struct volume *volume, int *ret_fd, struct error *error) MUST_CHECK;
enum err volume_sync(struct volume *volume, struct error *error) MUST_CHECK;

#endif
