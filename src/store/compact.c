#include "store/compact.h"

#include "base/must.h"
#include "store/work.h"

enum { COMPACT_ARENA_MAX = 16 * 1024 * 1024 };

struct pack_use {
    uint32_t pack;
    uint64_t size;
    uint64_t living; /* bytes of records that an object's row names */
    bool chosen;
    bool stuck; /* something living in it could not be moved */
};

struct object_place {
    struct object_id object;
    struct pack_place place;
    struct pack_place moved; /* pack 0: not moved */
};

struct compact {
    struct account *account;
    enum compact_how how;
    struct pack_use *packs; /* by number, ascending */
    size_t count;
    struct object_place rows[COMPACT_ROWS];
    size_t row_count;
    struct compact_result result;
};

static struct pack_use *use_of(struct compact *c, uint32_t pack)
{
    size_t low = 0;
    size_t high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->packs[middle].pack < pack)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && c->packs[low].pack == pack ? &c->packs[low] : NULL;
}

/* --- rows, a batch at a time --- */

static enum err rows_read_locked(struct compact *c, uint64_t above, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(c->account, STATEMENT_OBJECT_PLACES, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)above);
    sqlite3_bind_int64(statement, 2, COMPACT_ROWS);
    c->row_count = 0;
    for (;;) {
        bool row = false;
        err = db_step(c->account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        must(c->row_count < COMPACT_ROWS);
        c->rows[c->row_count++] = (struct object_place){
            .object = {(uint64_t)sqlite3_column_int64(statement, 0)},
            .place = {.pack = (uint32_t)sqlite3_column_int64(statement, 1),
                      .offset = (uint64_t)sqlite3_column_int64(statement, 2),
                      .length = (uint64_t)sqlite3_column_int64(statement, 3)},
        };
    }
}

/* The next rows after *above, which moves on; none left: row_count 0. */
static enum err rows_read(struct compact *c, uint64_t *above, struct error *error)
{
    enum err err = account_lock(c->account, error);
    if (err != ERR_OK)
        return err;
    err = rows_read_locked(c, *above, error);
    account_unlock(c->account);
    if (err == ERR_OK && c->row_count > 0)
        *above = c->rows[c->row_count - 1].object.v;
    return err;
}

static enum err living_count(struct compact *c, struct error *error)
{
    uint64_t above = 0;
    for (size_t i = 0; i < c->count; i++)
        c->packs[i].living = 0;
    for (;;) {
        enum err err = rows_read(c, &above, error);
        if (err != ERR_OK || c->row_count == 0)
            return err;
        for (size_t i = 0; i < c->row_count; i++) {
            struct pack_use *use = use_of(c, c->rows[i].place.pack);
            if (use != NULL)
                use->living += c->rows[i].place.length;
        }
    }
}

/* --- choosing --- */

static bool worth_it(const struct pack_use *use, enum compact_how how)
{
    if (use->living >= use->size)
        return false;
    if (how == COMPACT_ALL)
        return true;
    uint64_t dead = use->size - use->living;
    return dead > use->size / 100 * PACK_COMPACT_DEAD_PERCENT &&
           (dead >= COMPACT_DEAD_MIN || use->living == 0);
}

/* Chooses, and sees to it that nothing is appended to a chosen pack any more. */
static enum err choose(struct compact *c, bool *ret_any, struct error *error)
{
    uint64_t bytes = 0;
    bool any = false;
    enum err err = account_lock(c->account, error);
    if (err != ERR_OK)
        return err;
    uint32_t newest = packs_end(c->account->packs).pack;
    for (size_t i = 0; i < c->count; i++) {
        struct pack_use *use = &c->packs[i];
        if (!worth_it(use, c->how) || (any && bytes + use->living > COMPACT_RUN_BYTES))
            continue;
        use->chosen = true;
        any = true;
        bytes += use->living;
        if (use->pack == newest)
            packs_turn(c->account->packs);
    }
    account_unlock(c->account);
    *ret_any = any;
    return ERR_OK;
}

/* --- moving --- */

static enum err row_move(struct compact *c, struct object_place *row, struct pack_use *use,
                         struct error *error)
{
    enum err err = account_lock(c->account, error);
    if (err != ERR_OK)
        return err;
    struct error verdict;
    err = packs_move(c->account->packs, row->place, row->object, &row->moved, &verdict);
    account_unlock(c->account);
    if (err == ERR_CORRUPT || err == ERR_NOT_FOUND) {
        use->stuck = true;
        return ERR_OK;
    }
    if (err != ERR_OK)
        *error = verdict;
    else
        c->result.moved += row->moved.length;
    return err;
}

/* The copies first, then, when they are durable, the rows. A row that went away meanwhile is left alone. */
static enum err rows_commit(struct compact *c, size_t from, size_t to, struct error *error)
{
    struct account *account = c->account;
    enum err err = packs_sync(account->packs, error);
    if (err != ERR_OK)
        return err;
    CLEANUP(work_end) struct work work = {0};
    err = work_begin(&work, account, error);
    for (size_t i = from; err == ERR_OK && i < to; i++) {
        const struct object_place *row = &c->rows[i];
        if (row->moved.pack != 0)
            err = DB_RUN(account, OBJECT_MOVE, error, (int64_t)row->object.v, row->moved.pack,
                         (int64_t)row->moved.offset, row->place.pack, (int64_t)row->place.offset);
    }
    if (err != ERR_OK)
        return err;
    struct pack_mark mark = packs_synced(account->packs);
    account->meta.synced_pack = mark.pack;
    account->meta.synced_offset = (int64_t)mark.offset;
    return work_commit(&work, error);
}

static enum err rows_move(struct compact *c, struct error *error)
{
    size_t from = 0;
    uint64_t bytes = 0;
    bool any = false;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < c->row_count; i++) {
        struct pack_use *use = use_of(c, c->rows[i].place.pack);
        if (use == NULL || !use->chosen || use->stuck)
            continue;
        err = row_move(c, &c->rows[i], use, error);
        any = true;
        bytes += c->rows[i].place.length;
        if (err == ERR_OK && bytes >= COMPACT_BATCH_BYTES) {
            err = rows_commit(c, from, i + 1, error);
            from = i + 1;
            bytes = 0;
            any = false;
        }
    }
    return err == ERR_OK && any ? rows_commit(c, from, c->row_count, error) : err;
}

static enum err living_move(struct compact *c, struct error *error)
{
    uint64_t above = 0;
    for (;;) {
        enum err err = rows_read(c, &above, error);
        if (err != ERR_OK || c->row_count == 0)
            return err;
        err = rows_move(c, error);
        if (err != ERR_OK)
            return err;
    }
}

/* Counted anew: a pack goes only when no row at all names it. */
static enum err emptied_drop(struct compact *c, struct error *error)
{
    enum err err = account_sync(c->account, error);
    if (err == ERR_OK)
        err = living_count(c, error);
    for (size_t i = 0; err == ERR_OK && i < c->count; i++) {
        const struct pack_use *use = &c->packs[i];
        if (!use->chosen || use->stuck || use->living > 0)
            continue;
        err = account_lock(c->account, error);
        if (err != ERR_OK)
            return err;
        err = packs_drop(c->account->packs, use->pack, error);
        account_unlock(c->account);
        c->result.freed += use->size;
        c->result.removed++;
    }
    return err;
}

static enum err packs_find(struct compact *c, struct arena *arena, struct error *error)
{
    struct pack_figures *figures = NULL;
    enum err err = packs_list(c->account->packs, arena, &figures, &c->count, error);
    if (err != ERR_OK)
        return err;
    c->packs = arena_array(arena, c->count + 1, sizeof(*c->packs));
    if (c->packs == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < c->count; i++)
        c->packs[i] = (struct pack_use){.pack = figures[i].pack, .size = figures[i].size};
    return ERR_OK;
}

/* What was purged before this run doesn't count any more; what was meanwhile does. */
static enum err purged_settle(struct account *account, int64_t settled, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = settled > 0 ? work_begin(&work, account, error) : ERR_OK;
    if (err != ERR_OK || settled == 0)
        return err;
    account->meta.purged_bytes -= settled;
    return work_commit(&work, error);
}

static enum err purged_read(struct account *account, int64_t *ret_purged, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_purged = account->meta.purged_bytes;
    account_unlock(account);
    return ERR_OK;
}

static enum err run(struct compact *c, struct arena *arena, struct error *error)
{
    bool any = false;
    int64_t purged = 0;
    enum err err = purged_read(c->account, &purged, error);
    if (err == ERR_OK)
        err = packs_find(c, arena, error);
    if (err == ERR_OK)
        err = living_count(c, error);
    if (err == ERR_OK)
        err = choose(c, &any, error);
    if (err == ERR_OK && any)
        err = living_move(c, error);
    if (err == ERR_OK && any)
        err = emptied_drop(c, error);
    return err == ERR_OK ? purged_settle(c->account, purged, error) : err;
}

enum err compact_account(struct account *account, enum compact_how how, struct compact_result *ret_result,
                         struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(COMPACT_ARENA_MAX);
    struct compact *c = ARENA_NEW(&arena, struct compact);
    if (c == NULL)
        return fail_nomem(error);
    c->account = account;
    c->how = how;
    pthread_mutex_lock(&account->compact_mutex);
    enum err err = run(c, &arena, error);
    pthread_mutex_unlock(&account->compact_mutex);
    if (err == ERR_OK)
        *ret_result = c->result;
    return err;
}
