/* Opening and closing, and what each change to the database begins and ends with. */
#include "directory/directory.h"

#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "directory/inside.h"
#include "directory/schema.h"

#define KEY_FOLDER "keys"
#define KEY_NAME "keys/credential.key"
#define KEY_NEW_NAME "keys/credential.key.new"
#define SRS_KEY_NAME "keys/srs.key"
#define SRS_KEY_NEW_NAME "keys/srs.key.new"

/* --- keys --- */

enum err key_write(struct directory *directory, const char *folder, const char *new_name, const char *name,
                   struct slice key, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err code = volume_directory_make(directory->volume, folder, error);
    if (code == ERR_OK)
        code = volume_file_open(directory->volume, new_name, true, &fd, error);
    if (code == ERR_OK)
        code = fd_pwrite_all(fd, key, 0, error);
    if (code != ERR_OK)
        return code;
    if (ftruncate(fd, (off_t)key.n) < 0 || fsync(fd) < 0)
        return fail_errno(error, "sync %s", new_name);
    return volume_file_rename(directory->volume, new_name, name, error);
}

static enum err key_make(struct directory *directory, struct error *error)
{
    bool sealed = false;
    CLEANUP(sql_release) sqlite3_stmt *any = NULL;
    enum err code = sql_start(directory, STATEMENT_CREDENTIAL_ANY, NULL, 0, &any, error);
    if (code == ERR_OK)
        code = sql_step(directory, any, &sealed, error);
    if (code != ERR_OK)
        return code;
    if (sealed)
        return fail_plain(error, ERR_CORRUPT,
                          "the file " KEY_NAME
                          " is missing; restore it from the backup of the data directory");
    randombytes_buf(directory->key, sizeof(directory->key));
    return key_write(directory, KEY_FOLDER, KEY_NEW_NAME, KEY_NAME,
                     slice_of(directory->key, sizeof(directory->key)), error);
}

/* Whole before it has its name, so a crash leaves no short key. */
static enum err key_load(struct directory *directory, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err code = volume_file_open(directory->volume, KEY_NAME, false, &fd, error);
    if (code == ERR_NOT_FOUND)
        return key_make(directory, error);
    if (code == ERR_OK)
        code = fd_pread_exact(fd, directory->key, sizeof(directory->key), 0, error);
    return code == ERR_OK ? ERR_OK : error_context(error, KEY_NAME);
}

/* With a lost one only bounces that are on their way are lost. */
static enum err srs_key_load(struct directory *directory, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err code = volume_file_open(directory->volume, SRS_KEY_NAME, false, &fd, error);
    if (code == ERR_NOT_FOUND) {
        randombytes_buf(directory->srs_key, SRS_KEY_SIZE);
        return key_write(directory, KEY_FOLDER, SRS_KEY_NEW_NAME, SRS_KEY_NAME,
                         slice_of(directory->srs_key, SRS_KEY_SIZE), error);
    }
    if (code == ERR_OK)
        code = fd_pread_exact(fd, directory->srs_key, SRS_KEY_SIZE, 0, error);
    return code == ERR_OK ? ERR_OK : error_context(error, SRS_KEY_NAME);
}

/* --- opening --- */

static void locks_make(struct directory *directory)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&directory->lock, NULL);
    pthread_mutex_init(&directory->sharing, NULL);
    pthread_mutex_init(&directory->gate.lock, NULL);
    pthread_cond_init(&directory->gate.left, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum err directory_open(struct volume *volume, struct directory **ret_directory, struct error *error)
{
    must(sodium_init() >= 0);
    struct directory *directory = calloc(1, sizeof(*directory));
    if (directory == NULL)
        return fail_nomem(error);
    directory->volume = volume;
    directory->destinations = id_random();
    locks_make(directory);
    key_cache_init(&directory->signing);
    directory->cache = cache_new(CACHE_ENTRIES_MAX, CACHE_BYTES_MAX);
    enum err code = directory->cache == NULL ? fail_nomem(error) : ERR_OK;
    if (code == ERR_OK)
        code = volume_database_open(volume, "directory.db", true, &directory->database, error);
    if (code == ERR_OK)
        code = directory_schema_migrate(&directory->database, error);
    if (code == ERR_OK)
        code = key_load(directory, error);
    if (code == ERR_OK)
        code = srs_key_load(directory, error);
    if (code != ERR_OK) {
        directory_close(directory);
        return code;
    }
    *ret_directory = directory;
    return ERR_OK;
}

void directory_close(struct directory *directory)
{
    if (directory == NULL)
        return;
    must(directory->gate.busy == 0);
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(directory->statements[i]);
    volume_database_close(&directory->database);
    cache_free(directory->cache);
    key_cache_release(&directory->signing);
    pthread_mutex_destroy(&directory->lock);
    pthread_mutex_destroy(&directory->sharing);
    pthread_mutex_destroy(&directory->gate.lock);
    pthread_cond_destroy(&directory->gate.left);
    sodium_memzero(directory, sizeof(*directory));
    free(directory);
}

/* --- changes --- */

enum err change_begin(struct directory *directory, struct error *error)
{
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_run(directory, STATEMENT_BEGIN, NULL, 0, error);
    if (code != ERR_OK)
        pthread_mutex_unlock(&directory->lock);
    return code;
}

enum err change_end(struct directory *directory, enum err code, struct error *error)
{
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_COMMIT, NULL, 0, error);
    if (code != ERR_OK)
        volume_database_undo(&directory->database);
    else
        atomic_fetch_add(&directory->generation, 1);
    pthread_mutex_unlock(&directory->lock);
    return code == ERR_OK ? volume_database_sync(&directory->database, error) : code;
}
