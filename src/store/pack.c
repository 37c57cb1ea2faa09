/*
 * An account's pack files: which there are, which are open, what is synced.
 */
#include "store/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/must.h"
#include "store/pack_file.h"

enum { PACK_LIST_ARENA = 32 * 1024 * 1024 };

/* --- names --- */

void packs_directory(struct account_id account, char ret_name[static PACK_NAME_SIZE])
{
    char id[ID_TEXT_MAX];
    id_to_text(account.v, id);
    snprintf(ret_name, PACK_NAME_SIZE, "accounts/%.2s/%s/packs", id, id);
}

void pack_file_name(const struct packs *packs, uint32_t number, char ret_name[static PACK_NAME_SIZE])
{
    char directory[PACK_NAME_SIZE];
    packs_directory(packs->account, directory);
    int n = snprintf(ret_name, PACK_NAME_SIZE, "%s/%08u.pack", directory, number);
    must(n > 0 && n < PACK_NAME_SIZE);
}

uint32_t pack_file_number(struct slice name)
{
    uint32_t number = 0;
    if (name.n != 13 || !slice_ends(name, S(".pack")) || !slice_to_u32(slice_sub(name, 0, 8), &number))
        return 0;
    return number;
}

/* --- the table; the lock is held --- */

static size_t file_index(const struct packs *packs, uint32_t number)
{
    size_t low = 0;
    size_t high = packs->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (packs->files[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct pack_file *file_find(const struct packs *packs, uint32_t number)
{
    size_t i = file_index(packs, number);
    return i < packs->count && packs->files[i]->number == number ? packs->files[i] : NULL;
}

/* Numbers are added in ascending order. */
static struct pack_file *file_add(struct packs *packs, uint32_t number)
{
    must(packs->count == 0 || packs->files[packs->count - 1]->number < number);
    if (packs->count == packs->room) {
        size_t room = packs->room == 0 ? 8 : packs->room * 2;
        struct pack_file **more = realloc(packs->files, room * sizeof(struct pack_file *));
        if (more == NULL)
            return NULL;
        packs->files = more;
        packs->room = room;
    }
    struct pack_file *file = calloc(1, sizeof(*file));
    if (file == NULL)
        return NULL;
    file->number = number;
    file->fd = -1;
    packs->files[packs->count++] = file;
    return file;
}

static void file_forget(struct packs *packs, struct pack_file *file)
{
    size_t i = file_index(packs, file->number);
    must(i < packs->count && packs->files[i] == file);
    memmove(packs->files + i, packs->files + i + 1, (packs->count - i - 1) * sizeof(struct pack_file *));
    packs->count--;
    free(file);
}

static void file_shut(struct packs *packs, struct pack_file *file)
{
    if (file->fd < 0)
        return;
    fd_close(&file->fd);
    packs->open--;
}

/* Keeps the number of idle descriptors small: an account may have hundreds of packs. */
static void files_trim(struct packs *packs)
{
    while (packs->open > PACK_OPEN_MAX) {
        struct pack_file *oldest = NULL;
        for (size_t i = 0; i < packs->count; i++) {
            struct pack_file *file = packs->files[i];
            if (file->fd >= 0 && file->holders == 0 && (oldest == NULL || file->stamp < oldest->stamp))
                oldest = file;
        }
        if (oldest == NULL)
            return;
        file_shut(packs, oldest);
    }
}

static enum err file_hold(struct packs *packs, struct pack_file *file, bool create, struct error *error)
{
    if (file->fd < 0) {
        char name[PACK_NAME_SIZE];
        pack_file_name(packs, file->number, name);
        enum err code = volume_file_open(packs->volume, name, create, &file->fd, error);
        if (code != ERR_OK)
            return code;
        packs->open++;
    }
    file->holders++;
    file->stamp = ++packs->clock;
    return ERR_OK;
}

static enum err file_release(struct packs *packs, struct pack_file *file, struct error *error)
{
    must(file->holders > 0);
    file->holders--;
    if (file->holders > 0)
        return ERR_OK;
    if (!file->dropped) {
        files_trim(packs);
        return ERR_OK;
    }
    char name[PACK_NAME_SIZE];
    pack_file_name(packs, file->number, name);
    file_shut(packs, file);
    file_forget(packs, file);
    return volume_file_remove(packs->volume, name, error);
}

/* --- holding --- */

enum err pack_file_hold(struct packs *packs, uint32_t number, struct pack_file **ret_file,
                        struct error *error)
{
    pthread_mutex_lock(&packs->lock);
    struct pack_file *file = file_find(packs, number);
    enum err code;
    if (file == NULL || file->dropped)
        code = fail(error, ERR_NOT_FOUND, NULL, "pack %u is missing", number);
    else
        code = file_hold(packs, file, false, error);
    pthread_mutex_unlock(&packs->lock);
    if (code == ERR_OK)
        *ret_file = file;
    return code;
}

void pack_file_release(struct packs *packs, struct pack_file *file)
{
    if (file == NULL)
        return;
    struct error ignored; /* a dropped file that can't be removed now is found by the next compaction */
    pthread_mutex_lock(&packs->lock);
    enum err code = file_release(packs, file, &ignored);
    (void)code;
    pthread_mutex_unlock(&packs->lock);
}

enum err pack_file_size(const struct pack_file *file, uint64_t *ret_size, struct error *error)
{
    struct stat st;
    if (fstat(file->fd, &st) < 0)
        return fail_errno(error, "pack %u", file->number);
    *ret_size = (uint64_t)st.st_size;
    return ERR_OK;
}

/* --- opening --- */

static enum err files_find(struct packs *packs, struct error *error)
{
    char directory[PACK_NAME_SIZE];
    packs_directory(packs->account, directory);
    CLEANUP(arena_release) struct arena arena = ARENA(PACK_LIST_ARENA);
    struct slice *names = NULL;
    size_t count = 0;
    enum err code = volume_list(packs->volume, directory, &arena, &names, &count, error);
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        uint32_t number = pack_file_number(names[i]);
        if (number != 0 && packs->count == PACKS_MAX)
            code = fail(error, ERR_LIMIT, NULL, "%s: more than %d packs", directory, PACKS_MAX);
        else if (number != 0 && file_add(packs, number) == NULL)
            code = fail_nomem(error);
    }
    return code;
}

/* What lies behind the mark. */
struct tail {
    const struct packs *packs;
    const struct pack_file *file;
    uint64_t end; /* of the last whole record */
    bool damaged; /* something */
    bool holes;   /* before the end */
};

static enum err tail_find(void *context, const struct pack_scan *scan, struct error *error)
{
    (void)error;
    struct tail *tail = context;
    tail->damaged |= scan->damaged;
    if (scan->damaged)
        return ERR_OK;
    tail->end = scan->place.offset + scan->place.length;
    tail->holes = tail->damaged;
    return ERR_OK;
}

/* One that can't be filled stays damage. */
static enum err hole_fill(void *context, const struct pack_scan *scan, struct error *error)
{
    const struct tail *tail = context;
    struct error why;
    (void)error;
    if (scan->damaged && pack_fill(tail->packs, tail->file, scan->place, &why) != ERR_OK)
        LOG(LOG_WARN, NO_SID, "store.pack_hole", F_ID("account", tail->packs->account.v), F_ERR(&why));
    return ERR_OK;
}

/* Nothing refers to what is damaged behind the mark, or will when the account has looked at its rows. */
static enum err tail_mend(struct packs *packs, struct pack_file *file, uint64_t size, uint64_t *end,
                          struct error *error)
{
    uint64_t from = *end;
    struct tail tail = {.packs = packs, .file = file, .end = from};
    enum err code = pack_file_scan(packs, file, from, true, tail_find, &tail, error);
    if (code == ERR_OK && size > tail.end && ftruncate(file->fd, (off_t)tail.end) < 0)
        code = fail_errno(error, "truncate pack %u", file->number);
    if (code == ERR_OK && tail.holes)
        code = pack_file_scan(packs, file, from, true, hole_fill, &tail, error);
    *end = tail.end;
    return code;
}

/*
 * Where to go on appending. A pack shorter than what was synced of it lost something: its rows' places must
 * not be filled with other records, so it is left alone and a new one begun.
 */
static enum err tail_open(struct packs *packs, struct pack_mark mark, struct error *error)
{
    uint32_t newest = packs->count > 0 ? packs->files[packs->count - 1]->number : 0;
    packs->next = MAX(newest + 1, mark.pack + (mark.offset > 0 ? 1 : 0));
    if (newest == 0 || newest < mark.pack)
        return ERR_OK;
    struct pack_file *file = NULL;
    enum err code = pack_file_hold(packs, newest, &file, error);
    if (code != ERR_OK)
        return code;
    uint64_t size = 0;
    uint64_t end = mark.pack == newest ? mark.offset : 0;
    code = pack_file_size(file, &size, error);
    if (code == ERR_OK && size > end)
        code = tail_mend(packs, file, size, &end, error);
    if (code != ERR_OK || size < end) {
        pack_file_release(packs, file);
        return code;
    }
    packs->tail = file;
    packs->end = end;
    return ERR_OK;
}

enum err packs_open(struct volume *volume, struct account_id account, struct pack_mark synced,
                    struct packs **ret_packs, struct error *error)
{
    struct packs *packs = calloc(1, sizeof(*packs));
    if (packs == NULL)
        return fail_nomem(error);
    packs->volume = volume;
    packs->account = account;
    packs->synced = synced;
    pthread_mutex_init(&packs->lock, NULL);
    enum err code = files_find(packs, error);
    if (code == ERR_OK)
        code = tail_open(packs, synced, error);
    if (code != ERR_OK) {
        packs_close(packs);
        return code;
    }
    *ret_packs = packs;
    return ERR_OK;
}

void packs_close(struct packs *packs)
{
    if (packs == NULL)
        return;
    if (packs->tail != NULL)
        pack_file_release(packs, take(packs->tail));
    for (size_t i = 0; i < packs->count; i++) {
        must(packs->files[i]->holders == 0);
        fd_close(&packs->files[i]->fd);
        free(packs->files[i]);
    }
    free(packs->files);
    pthread_mutex_destroy(&packs->lock);
    free(packs);
}

/* --- syncing --- */

static struct pack_mark end_locked(const struct packs *packs)
{
    if (packs->tail == NULL)
        return (struct pack_mark){.pack = packs->next};
    return (struct pack_mark){.pack = packs->tail->number, .offset = packs->end};
}

static bool mark_before(struct pack_mark a, struct pack_mark b)
{
    return a.pack < b.pack || (a.pack == b.pack && a.offset < b.offset);
}

enum err packs_sync(struct packs *packs, struct error *error)
{
    pthread_mutex_lock(&packs->lock);
    struct pack_file *file = packs->tail;
    struct pack_mark end = end_locked(packs);
    bool needed = file != NULL && mark_before(packs->synced, end);
    bool broken = packs->broken;
    if (needed)
        file->holders++;
    pthread_mutex_unlock(&packs->lock);
    if (broken)
        return fail(error, ERR_IO, NULL, "packs: an earlier sync failed");
    if (!needed)
        return ERR_OK;
    enum err code = ERR_OK;
    if (fdatasync(file->fd) < 0)
        code = fail_errno(error, "fdatasync pack %u", end.pack);
    pthread_mutex_lock(&packs->lock);
    if (code != ERR_OK)
        packs->broken = true;
    else if (mark_before(packs->synced, end))
        packs->synced = end;
    pthread_mutex_unlock(&packs->lock);
    pack_file_release(packs, file);
    return code == ERR_OK ? ERR_OK : volume_broke(packs->volume, error);
}

struct pack_mark packs_synced(struct packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    struct pack_mark mark = packs->synced;
    pthread_mutex_unlock(&packs->lock);
    return mark;
}

struct pack_mark packs_end(struct packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    struct pack_mark mark = end_locked(packs);
    pthread_mutex_unlock(&packs->lock);
    return mark;
}

void packs_was_synced(struct packs *packs, struct pack_mark end)
{
    pthread_mutex_lock(&packs->lock);
    if (!packs->broken && mark_before(packs->synced, end))
        packs->synced = end;
    pthread_mutex_unlock(&packs->lock);
}

/* --- the table, for the appender and for compaction --- */

enum err packs_tail_new(struct packs *packs, struct error *error)
{
    /* What is behind in the old one must be durable before the mark may pass on to the next. */
    enum err code = packs_sync(packs, error);
    if (code != ERR_OK)
        return code;
    char directory[PACK_NAME_SIZE];
    packs_directory(packs->account, directory);
    code = volume_directory_make(packs->volume, directory, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&packs->lock);
    struct pack_file *file = packs->count < PACKS_MAX ? file_add(packs, packs->next) : NULL;
    if (file == NULL)
        code = fail(error, ERR_LIMIT, NULL, "no room for another pack");
    else
        code = file_hold(packs, file, true, error);
    if (code == ERR_OK) {
        struct pack_file *old = packs->tail;
        packs->tail = file;
        packs->end = 0;
        packs->next++;
        packs->turn = false;
        if (old != NULL)
            code = file_release(packs, old, error);
    } else if (file != NULL) {
        file_forget(packs, file);
    }
    pthread_mutex_unlock(&packs->lock);
    return code;
}

void packs_turn(struct packs *packs)
{
    pthread_mutex_lock(&packs->lock);
    packs->turn = packs->tail != NULL && packs->end > 0;
    pthread_mutex_unlock(&packs->lock);
}

enum err packs_drop(struct packs *packs, uint32_t pack, struct error *error)
{
    pthread_mutex_lock(&packs->lock);
    struct pack_file *file = file_find(packs, pack);
    enum err code = ERR_OK;
    if (file == NULL || file->dropped) {
        code = fail(error, ERR_NOT_FOUND, NULL, "pack %u is missing", pack);
    } else {
        file->dropped = true;
        if (file == packs->tail) {
            must(packs->turn);
            packs->tail = NULL; /* its hold is released here */
            packs->end = 0;
            packs->turn = false;
        } else {
            file->holders++; /* so that releasing removes it, now or at its last reader's end */
        }
        code = file_release(packs, file, error);
    }
    pthread_mutex_unlock(&packs->lock);
    return code;
}

enum err packs_list(struct packs *packs, struct arena *arena, struct pack_figures **ret_figures,
                    size_t *ret_count, struct error *error)
{
    enum err code = ERR_OK;
    size_t n = 0;
    pthread_mutex_lock(&packs->lock);
    struct pack_figures *figures = arena_array(arena, packs->count + 1, sizeof(*figures));
    if (figures == NULL)
        code = fail_nomem(error);
    for (size_t i = 0; code == ERR_OK && i < packs->count; i++) {
        struct pack_file *file = packs->files[i];
        if (file->dropped)
            continue;
        code = file_hold(packs, file, false, error);
        if (code != ERR_OK)
            break;
        figures[n].pack = file->number;
        code = pack_file_size(file, &figures[n++].size, error);
        file->holders--;
        files_trim(packs);
    }
    pthread_mutex_unlock(&packs->lock);
    if (code != ERR_OK)
        return code;
    *ret_figures = figures;
    *ret_count = n;
    return ERR_OK;
}
