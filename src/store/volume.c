/*
 * The local volume: a directory whose descriptor is held open, so that names are looked up below it whatever
 * happens to the path, and so that Landlock rules on the directory cover all access.
 */
#include "store/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/codec.h"
#include "store/pack.h"

enum { NAME_SIZE = VOLUME_NAME_MAX + 8, ENTRIES_FIRST = 64 };

struct volume {
    int directory_fd;
    int lock_fd;
    char *path; /* absolute: SQLite opens by path */
    struct codec_pool *codecs;
    volume_broken_fn *broken; /* may be NULL */
    void *broken_context;
};

/* Names are made by this room's code, so a bad one is our own mistake. */
static void name_check(const char *name)
{
    size_t n = strlen(name);
    must(n > 0 && n <= VOLUME_NAME_MAX);
    struct slice rest = slice_of(name, n);
    bool more = true;
    while (more) {
        struct slice part;
        more = slice_cut(rest, '/', &part, &rest);
        must(part.n > 0 && !slice_eq(part, S(".")) && !slice_eq(part, S("..")));
    }
}

static enum err fail_name(struct error *error, const char *what, const char *name)
{
    if (errno == ENOENT)
        return fail(error, ERR_NOT_FOUND, NULL, "%s %s: no such file", what, name);
    return fail_errno(error, "%s %s", what, name);
}

/* --- opening --- */

/* Makes every missing directory of a path. */
static enum err path_make(const char *path, struct error *error)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part))
        return fail_plain(error, ERR_INVALID, "the data directory's name is empty or too long");
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char kept = part[i];
        part[i] = 0;
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return fail_errno(error, "mkdir %s", part);
        part[i] = kept;
    }
    return ERR_OK;
}

static enum err volume_lock(struct volume *volume, struct error *error)
{
    volume->lock_fd = openat(volume->directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (volume->lock_fd < 0)
        return fail_errno(error, "open %s/lock", volume->path);
    char text[32] = "";
    if (flock(volume->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK)
            return fail_errno(error, "flock %s/lock", volume->path);
        ssize_t n = pread(volume->lock_fd, text, sizeof(text) - 1, 0);
        struct slice owner = slice_trim(slice_of(text, n > 0 ? (size_t)n : 0));
        return fail(error, ERR_BUSY, "the data directory is in use by another process",
                    "%s is in use by process %.*s", volume->path, SLICE_ARGS(owner));
    }
    /* Only a hint for the next one's error text: the lock itself is what counts. */
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(volume->lock_fd, 0) < 0)
        return fail_errno(error, "truncate %s/lock", volume->path);
    return fd_pwrite_all(volume->lock_fd, slice_of(text, (size_t)n), 0, error);
}

enum err volume_open_local(const char *directory, struct volume **ret_volume, struct error *error)
{
    /* Picks the fastest BLAKE2b for this machine; repeated calls do nothing. */
    if (sodium_init() < 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "libsodium can't start");
    enum err code = path_make(directory, error);
    if (code != ERR_OK)
        return code;
    struct volume *volume = calloc(1, sizeof(*volume));
    if (volume == NULL)
        return fail_nomem(error);
    volume->lock_fd = -1;
    volume->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    volume->path = realpath(directory, NULL);
    volume->codecs = codec_pool_new(PACK_ZSTD_LEVEL);
    if (volume->directory_fd < 0 || volume->path == NULL)
        code = fail_errno(error, "open %s", directory);
    else if (volume->codecs == NULL)
        code = fail_nomem(error);
    else
        code = volume_lock(volume, error);
    if (code != ERR_OK) {
        volume_close(volume);
        return code;
    }
    *ret_volume = volume;
    return ERR_OK;
}

void volume_close(struct volume *volume)
{
    if (volume == NULL)
        return;
    fd_close(&volume->lock_fd);
    fd_close(&volume->directory_fd);
    codec_pool_free(volume->codecs);
    free(volume->path);
    free(volume);
}

struct codec_pool *volume_codecs(struct volume *volume)
{
    return volume->codecs;
}

/* --- files --- */

/* Syncs the directory that holds `name`, so that what was made, renamed or removed in it stays so. */
static enum err parent_sync(struct volume *volume, const char *name, struct error *error)
{
    char parent[NAME_SIZE];
    ssize_t cut = slice_rfind_char(slice_cstr(name), '/');
    if (cut < 0)
        snprintf(parent, sizeof(parent), ".");
    else
        snprintf(parent, sizeof(parent), "%.*s", (int)cut, name);
    CLEANUP(fd_close)
    int fd = openat(volume->directory_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_name(error, "open", parent);
    if (fsync(fd) == 0)
        return ERR_OK;
    fail_errno(error, "fsync %s", parent);
    return volume_broke(volume, error);
}

enum err volume_file_open(struct volume *volume, const char *name, bool create, int *ret_fd,
                          struct error *error)
{
    name_check(name);
    int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
    CLEANUP(fd_close) int fd = openat(volume->directory_fd, name, flags, 0600);
    if (fd < 0)
        return fail_name(error, "open", name);
    if (create) {
        enum err code = parent_sync(volume, name, error);
        if (code != ERR_OK)
            return code;
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

enum err volume_file_open_read(struct volume *volume, const char *name, int *ret_fd, struct error *error)
{
    name_check(name);
    int fd = openat(volume->directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_name(error, "open", name);
    *ret_fd = fd;
    return ERR_OK;
}

enum err volume_file_remove(struct volume *volume, const char *name, struct error *error)
{
    name_check(name);
    if (unlinkat(volume->directory_fd, name, 0) < 0)
        return fail_name(error, "remove", name);
    return parent_sync(volume, name, error);
}

enum err volume_file_rename(struct volume *volume, const char *from, const char *to, struct error *error)
{
    name_check(from);
    name_check(to);
    if (renameat(volume->directory_fd, from, volume->directory_fd, to) < 0)
        return fail_name(error, "rename", from);
    enum err code = parent_sync(volume, to, error);
    return code == ERR_OK ? parent_sync(volume, from, error) : code;
}

enum err volume_scratch_file(struct volume *volume, int *ret_fd, struct error *error)
{
    int fd = openat(volume->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(error, "scratch file in %s", volume->path);
    *ret_fd = fd;
    return ERR_OK;
}

enum err volume_sync(struct volume *volume, struct error *error)
{
    if (syncfs(volume->directory_fd) == 0)
        return ERR_OK;
    fail_errno(error, "syncfs %s", volume->path);
    return volume_broke(volume, error);
}

void volume_on_broken(struct volume *volume, volume_broken_fn *broken, void *context)
{
    volume->broken = broken;
    volume->broken_context = context;
}

enum err volume_broke(struct volume *volume, const struct error *error)
{
    if (volume->broken != NULL)
        volume->broken(volume->broken_context, error);
    return error->code;
}

/* --- directories --- */

static void dir_close(DIR **dir)
{
    if (*dir != NULL)
        closedir(*dir);
}

static enum err dir_open(struct volume *volume, const char *name, DIR **ret_dir, struct error *error)
{
    CLEANUP(fd_close)
    int fd = openat(volume->directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_name(error, "open", name);
    DIR *dir = fdopendir(fd);
    if (dir == NULL)
        return fail_errno(error, "list %s", name);
    fd = -1;
    *ret_dir = dir;
    return ERR_OK;
}

/* The next entry; NULL at the end (then *ret_code is ERR_OK) or on failure. */
static struct dirent *dir_next(DIR *dir, const char *name, enum err *ret_code, struct error *error)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            *ret_code = errno != 0 ? fail_errno(error, "list %s", name) : ERR_OK;
            return NULL;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry;
    }
}

static int name_compare(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

enum err volume_list(struct volume *volume, const char *name, struct arena *arena, struct slice **ret_names,
                     size_t *ret_count, struct error *error)
{
    name_check(name);
    struct slice *names = NULL;
    size_t count = 0;
    size_t room = 0;
    CLEANUP(dir_close) DIR *dir = NULL;
    enum err code = dir_open(volume, name, &dir, error);
    if (code == ERR_NOT_FOUND) {
        *ret_names = NULL;
        *ret_count = 0;
        return ERR_OK;
    }
    if (code != ERR_OK)
        return code;
    struct dirent *entry;
    while ((entry = dir_next(dir, name, &code, error)) != NULL) {
        if (count == room) {
            room = room == 0 ? ENTRIES_FIRST : room * 2;
            struct slice *more = arena_array(arena, room, sizeof(*more));
            if (more == NULL)
                return fail_nomem(error);
            if (count > 0)
                memcpy(more, names, count * sizeof(*more));
            names = more;
        }
        names[count] = arena_dup(arena, slice_cstr(entry->d_name));
        if (names[count++].p == NULL)
            return fail_nomem(error);
    }
    if (code != ERR_OK)
        return code;
    if (count > 1)
        qsort(names, count, sizeof(*names), name_compare);
    *ret_names = names;
    *ret_count = count;
    return ERR_OK;
}

enum err volume_room(struct volume *volume, struct statvfs *ret_room, struct error *error)
{
    return fstatvfs(volume->directory_fd, ret_room) == 0 ? ERR_OK : fail_errno(error, "statvfs");
}

enum err volume_directory_make(struct volume *volume, const char *name, struct error *error)
{
    name_check(name);
    char part[NAME_SIZE];
    size_t n = strlen(name);
    memcpy(part, name, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        char kept = part[i];
        part[i] = 0;
        if (mkdirat(volume->directory_fd, part, 0700) == 0) {
            enum err code = parent_sync(volume, part, error);
            if (code != ERR_OK)
                return code;
        } else if (errno != EEXIST) {
            return fail_errno(error, "mkdir %s", part);
        }
        part[i] = kept;
    }
    return ERR_OK;
}

/* Removes what is in the open directory. A tree deeper than ours ever are was not made by us. */
static enum err tree_clear(int directory, const char *name, unsigned depth, struct error *error)
{
    if (depth == VOLUME_DEPTH_MAX)
        return fail(error, ERR_LIMIT, NULL, "%s: directories nested too deep", name);
    CLEANUP(fd_close)
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_name(error, "open", name);
    CLEANUP(dir_close) DIR *dir = fdopendir(fd);
    if (dir == NULL)
        return fail_errno(error, "list %s", name);
    int held = fd_take(&fd);
    enum err code = ERR_OK;
    struct dirent *entry;
    while ((entry = dir_next(dir, name, &code, error)) != NULL) {
        if (unlinkat(held, entry->d_name, 0) == 0)
            continue;
        if (errno != EISDIR)
            return fail_errno(error, "remove %s/%s", name, entry->d_name);
        code = tree_clear(held, entry->d_name, depth + 1, error);
        if (code != ERR_OK)
            return code;
        if (unlinkat(held, entry->d_name, AT_REMOVEDIR) < 0)
            return fail_errno(error, "remove %s/%s", name, entry->d_name);
    }
    return code;
}

enum err volume_directory_remove(struct volume *volume, const char *name, struct error *error)
{
    name_check(name);
    enum err code = tree_clear(volume->directory_fd, name, 0, error);
    if (code != ERR_OK)
        return code;
    if (unlinkat(volume->directory_fd, name, AT_REMOVEDIR) < 0)
        return fail_name(error, "remove", name);
    return parent_sync(volume, name, error);
}

/* --- databases --- */

enum err volume_database_fail(const struct database *database, const char *what, struct error *error)
{
    int result = sqlite3_errcode(database->sqlite);
    enum err code = ERR_IO;
    switch (result & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        code = ERR_CORRUPT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_BUSY;
        break;
    case SQLITE_NOMEM:
        code = ERR_NOMEM;
        break;
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
        code = ERR_UNAVAILABLE;
        break;
    default:
        break;
    }
    return fail(error, code, NULL, "%s: %s: %s (%d)", database->name, what, sqlite3_errmsg(database->sqlite),
                sqlite3_extended_errcode(database->sqlite));
}

/*
 * EXCLUSIVE before the first access, so that the log's index lives on the heap and there is no -shm file.
 * mmap_size 0: a bad sector under a mapping is a signal that ends the process for all accounts, with read(2)
 * it is an error of one. A checkpoint at 2 MB keeps the log, and what it costs to open after a crash, small.
 */
static const char database_settings[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                        "PRAGMA journal_mode=WAL;"
                                        "PRAGMA synchronous=NORMAL;"
                                        "PRAGMA temp_store=MEMORY;"
                                        "PRAGMA mmap_size=0;"
                                        "PRAGMA cache_size=-384;"
                                        "PRAGMA busy_timeout=0;"
                                        "PRAGMA wal_autocheckpoint=512;"
                                        "PRAGMA journal_size_limit=4194304;"
                                        "PRAGMA foreign_keys=OFF;"
                                        "PRAGMA trusted_schema=OFF;"
                                        "PRAGMA cell_size_check=ON;"
                                        "SELECT count(*) FROM sqlite_schema;";

static enum err database_start(struct database *database, struct error *error)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", database->volume->path, database->name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return fail_plain(error, ERR_INVALID, "the data directory's name is too long");
    int result = sqlite3_open_v2(path, &database->sqlite,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (database->sqlite == NULL)
        return fail_nomem(error);
    if (result != SQLITE_OK)
        return volume_database_fail(database, "open", error);
    sqlite3_extended_result_codes(database->sqlite, 1);
    sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (sqlite3_exec(database->sqlite, database_settings, NULL, NULL, NULL) != SQLITE_OK)
        return volume_database_fail(database, "open", error);
    /* The log file stays when the database is closed, so that its name need not be made durable each time. */
    int persist = 1;
    sqlite3_file_control(database->sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    char wal[NAME_SIZE];
    snprintf(wal, sizeof(wal), "%s-wal", database->name);
    return volume_file_open(database->volume, wal, false, &database->wal_fd, error);
}

enum err volume_database_open(struct volume *volume, const char *name, bool create,
                              struct database *ret_database, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    /* Made here, not by SQLite, for its permissions; an empty file is an empty database. */
    name_check(name);
    fd = openat(volume->directory_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0), 0600);
    if (fd < 0)
        return fail_name(error, "open", name);
    /* Closed before SQLite opens it: closing it later would drop SQLite's locks (POSIX locks are the
     * process's). */
    fd_close(&fd);
    struct database database = {.wal_fd = -1, .name = slice_to_cstr(slice_cstr(name)), .volume = volume};
    if (database.name == NULL)
        return fail_nomem(error);
    enum err code = database_start(&database, error);
    if (code != ERR_OK) {
        volume_database_close(&database);
        return code;
    }
    ret_database->sqlite = database.sqlite;
    ret_database->wal_fd = database.wal_fd;
    ret_database->name = database.name;
    ret_database->volume = volume;
    atomic_init(&ret_database->named, false);
    atomic_init(&ret_database->broken, false);
    return ERR_OK;
}

enum err volume_database_usable(const struct database *database, struct error *error)
{
    if (atomic_load(&database->broken))
        return fail(error, ERR_IO, NULL, "%s: an earlier sync failed", database->name);
    return ERR_OK;
}

/*
 * Why fdatasync of the log is enough. A commit appends its frames to the log before it returns, so either
 * they are still there now, and this makes them durable; or a checkpoint ran since. With synchronous=NORMAL a
 * checkpoint syncs the log, copies the frames into the database, syncs the database, and only after that may
 * a later writer start the log over (and syncs its new header). So at any moment each commit is durable in
 * the database or lies in the log file this descriptor names: SQLite truncates or overwrites the log in place
 * and never replaces the file while the database is open. fdatasync covers the file's length. What is left is
 * the file's name: the directory is synced before the first sync counts.
 */
enum err volume_database_sync(struct database *database, struct error *error)
{
    enum err usable = volume_database_usable(database, error);
    if (usable != ERR_OK)
        return usable;
    if (!atomic_load(&database->named)) {
        enum err code = parent_sync(database->volume, database->name, error);
        if (code != ERR_OK)
            return code;
        atomic_store(&database->named, true);
    }
    if (fdatasync(database->wal_fd) < 0) {
        atomic_store(&database->broken, true);
        fail_errno(error, "fdatasync %s-wal", database->name);
        return volume_broke(database->volume, error);
    }
    return ERR_OK;
}

void volume_database_undo(struct database *database)
{
    struct error error;
    if (sqlite3_get_autocommit(database->sqlite) != 0)
        return; /* SQLite rolls back by itself after some failures, of a full disk for one */
    (void)sqlite3_exec(database->sqlite, "ROLLBACK", NULL, NULL, NULL);
    if (sqlite3_get_autocommit(database->sqlite) != 0)
        return;
    volume_database_fail(database, "rolling back", &error);
    (void)volume_broke(database->volume, &error);
}

void volume_database_close(struct database *database)
{
    if (database->volume == NULL)
        return;
    if (database->sqlite != NULL) {
        int result = sqlite3_close(database->sqlite);
        must(result == SQLITE_OK); /* a statement was left unfinalized */
        database->sqlite = NULL;
    }
    fd_close(&database->wal_fd);
    free(database->name);
    database->name = NULL;
    database->volume = NULL;
}
