/*
 * Spool files: bodies too large for the database. A file exists from spool_create until its entry is gone;
 * what a crash leaves without an entry is removed at the next start.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/map.h"
#include "queue/internal.h"

struct spool {
    int fd;
};

enum { SPOOL_NAME_MAX = 32 };

static void spool_name(uint64_t spool, char ret_name[static SPOOL_NAME_MAX])
{
    char id[ID_TEXT_MAX];
    id_to_text(spool, id);
    snprintf(ret_name, SPOOL_NAME_MAX, "spool/%s", id);
}

/* The spool files that entries own. ERR_CORRUPT: an entry does not say. */
static enum err owned_spools(struct queue *queue, struct map *owned, struct error *error)
{
    struct queue_id after = {0};
    for (;;) {
        sqlite3_stmt *statement = queue->statements[STATEMENT_LIST];
        size_t count = 0;
        enum err err = ERR_OK;
        int code = SQLITE_DONE;
        sqlite3_bind_int64(statement, 1, (sqlite3_int64)after.v);
        sqlite3_bind_int64(statement, 2, QUEUE_BATCH_MAX);
        while (err == ERR_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
            CLEANUP(entry_release) struct entry *entry = NULL;
            after.v = (uint64_t)sqlite3_column_int64(statement, 0);
            count++;
            struct slice blob =
                slice_of(sqlite3_column_blob(statement, 2), (size_t)sqlite3_column_bytes(statement, 2));
            err = entry_decode(after, blob, &entry, error);
            if (err == ERR_OK && entry->spool != 0 && !map_set(owned, map_key_u64(&entry->spool), owned))
                err = fail_nomem(error);
        }
        sqlite3_reset(statement);
        if (err == ERR_OK && code != SQLITE_DONE)
            err = fail(error, ERR_IO, NULL, "queue.db: looking for spool files: %s",
                       sqlite3_errmsg(queue->database.sqlite));
        if (err != ERR_OK || count == 0)
            return err;
    }
}

enum err spool_setup(struct queue *queue, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024 * 1024);
    CLEANUP(map_release) struct map owned = {0};
    struct slice *names;
    size_t count;
    enum err err = volume_directory_make(queue->volume, "spool", error);
    if (err == ERR_OK)
        err = volume_list(queue->volume, "spool", &arena, &names, &count, error);
    if (err == ERR_OK)
        err = owned_spools(queue, &owned, error);
    if (err == ERR_CORRUPT) {
        /* One of the files may be that entry's: none is removed until it was dropped. */
        LOG(LOG_ERROR, NO_SID, "queue.damaged", F_ERR(error));
        return ERR_OK;
    }
    for (size_t i = 0; i < count && err == ERR_OK; i++) {
        uint64_t id;
        if (id_from_text(names[i], &id) && map_get(&owned, map_key_u64(&id)) == NULL)
            spool_remove(queue, id);
    }
    return err;
}

static void close_spool(void *context, struct slice key, void *value)
{
    struct spool *spool = value;
    (void)context;
    (void)key;
    fd_close(&spool->fd);
    free(spool);
}

void spool_teardown(struct queue *queue)
{
    map_each(&queue->spools.files, close_spool, NULL);
    map_release(&queue->spools.files);
}

enum err queue_spool_create(struct queue *queue, uint64_t *ret_spool, int *ret_fd, struct error *error)
{
    uint64_t id = id_random();
    char name[SPOOL_NAME_MAX];
    CLEANUP(fd_close) int fd = -1;
    spool_name(id, name);
    enum err err = volume_file_open(queue->volume, name, true, &fd, error);
    if (err != ERR_OK)
        return err;
    CLEANUP(fd_close) int copy = dup(fd);
    struct spool *spool = malloc(sizeof(*spool));
    pthread_mutex_lock(&queue->spools.lock);
    bool kept = spool != NULL && copy >= 0 && queue->spools.files.count < QUEUE_SPOOLS_MAX &&
                map_set(&queue->spools.files, map_key_u64(&id), spool);
    pthread_mutex_unlock(&queue->spools.lock);
    if (!kept) {
        free(spool);
        spool_remove(queue, id);
        return fail(error, ERR_UNAVAILABLE, NULL, "no room for one more spool file");
    }
    spool->fd = fd_take(&fd);
    *ret_spool = id;
    *ret_fd = fd_take(&copy);
    return ERR_OK;
}

/* Takes the descriptor off the table; -1 when unknown. */
static int forget(struct queue *queue, uint64_t id)
{
    int fd = -1;
    pthread_mutex_lock(&queue->spools.lock);
    struct spool *spool = map_remove(&queue->spools.files, map_key_u64(&id));
    if (spool != NULL)
        fd = spool->fd;
    pthread_mutex_unlock(&queue->spools.lock);
    free(spool);
    return fd;
}

enum err queue_spool_size(struct queue *queue, uint64_t spool, uint64_t *ret_size, struct error *error)
{
    struct stat status;
    pthread_mutex_lock(&queue->spools.lock);
    const struct spool *known = map_get(&queue->spools.files, map_key_u64(&spool));
    bool found = known != NULL && fstat(known->fd, &status) == 0;
    pthread_mutex_unlock(&queue->spools.lock);
    if (!found)
        return fail(error, ERR_UNAVAILABLE, NULL, "unknown spool file");
    *ret_size = (uint64_t)status.st_size;
    return ERR_OK;
}

enum err spool_peek(struct queue *queue, uint64_t spool, int *ret_fd, struct error *error)
{
    pthread_mutex_lock(&queue->spools.lock);
    const struct spool *known = map_get(&queue->spools.files, map_key_u64(&spool));
    int fd = known != NULL ? dup(known->fd) : -1;
    pthread_mutex_unlock(&queue->spools.lock);
    if (fd < 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "unknown spool file");
    *ret_fd = fd;
    return ERR_OK;
}

void queue_spool_drop(struct queue *queue, uint64_t spool)
{
    CLEANUP(fd_close) int fd = forget(queue, spool);
    if (fd >= 0)
        spool_remove(queue, spool);
}

/*
 * The file comes from the edge, which strangers talk to: its size is looked at here, not believed (a hole
 * costs no disk, but memory when the file is read). What edge writes to it later changes this one message and
 * nothing else.
 */
enum err spool_finish(struct queue *queue, uint64_t spool, uint64_t *ret_size, struct error *error)
{
    struct stat status;
    enum err err = ERR_OK;
    uint64_t max = atomic_load(&queue->message_size_max);
    CLEANUP(fd_close) int fd = forget(queue, spool);
    if (fd < 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "unknown spool file");
    if (fdatasync(fd) < 0 || fstat(fd, &status) < 0)
        err = fail_errno(error, "syncing a spool file");
    else if ((uint64_t)status.st_size > max)
        err = fail(error, ERR_LIMIT, NULL, "a spool file over %llu bytes", (unsigned long long)max);
    if (err == ERR_OK)
        *ret_size = (uint64_t)status.st_size;
    else
        spool_remove(queue, spool);
    return err;
}

enum err spool_open(struct queue *queue, const struct entry *entry, int *ret_fd, struct error *error)
{
    char name[SPOOL_NAME_MAX];
    CLEANUP(fd_close) int fd = -1;
    struct stat status;
    spool_name(entry->spool, name);
    enum err err = volume_file_open_read(queue->volume, name, &fd, error);
    if (err == ERR_NOT_FOUND)
        return fail(error, ERR_CORRUPT, NULL, "queue entry %llu: %s is missing",
                    (unsigned long long)entry->id.v, name);
    if (err != ERR_OK)
        return err;
    if (fstat(fd, &status) < 0)
        return fail_errno(error, "%s", name);
    if ((uint64_t)status.st_size != entry->size)
        return fail(error, ERR_CORRUPT, NULL, "queue entry %llu: %s has %llu bytes, not %llu",
                    (unsigned long long)entry->id.v, name, (unsigned long long)status.st_size,
                    (unsigned long long)entry->size);
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/*
 * Copied into memory and not mapped: another process held this file open for writing, and a file that shrinks
 * under a mapping kills.
 */
enum err spool_read(struct queue *queue, struct entry *entry, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err err = spool_open(queue, entry, &fd, error);
    if (err != ERR_OK)
        return err;
    char *body = malloc(entry->size + 1);
    if (body == NULL)
        return fail_nomem(error);
    err = fd_pread_exact(fd, body, entry->size, 0, error);
    if (err == ERR_OK)
        entry->body = take(body);
    free(body);
    return err;
}

void spool_remove(struct queue *queue, uint64_t spool)
{
    char name[SPOOL_NAME_MAX];
    struct error error;
    spool_name(spool, name);
    if (volume_file_remove(queue->volume, name, &error) != ERR_OK)
        LOG(LOG_WARN, NO_SID, "queue.spool_remove", F_CSTR("file", name), F_ERR(&error));
}
