#include "store/search_build.h"

#include <stdlib.h>

#include "base/must.h"
#include "store/search_merge.h"
#include "store/work.h"

struct listed {
    uint64_t id;
    uint64_t size;
};

/* --- reading --- */

static enum err list_objects(struct account *account, uint64_t first, uint64_t last, struct listed *listed,
                             size_t *ret_count, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    size_t count = 0;
    enum err err = db_statement(account, STATEMENT_OBJECT_SIZES, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)first);
    sqlite3_bind_int64(statement, 2, (int64_t)last);
    sqlite3_bind_int64(statement, 3, SEARCH_BATCH_SPAN);
    bool row;
    while ((err = db_step(account, statement, &row, error)) == ERR_OK && row)
        listed[count++] = (struct listed){(uint64_t)sqlite3_column_int64(statement, 0),
                                          (uint64_t)sqlite3_column_int64(statement, 1)};
    *ret_count = count;
    return err;
}

/* A message that can't be read may hold anything: then the search that opens it says what is wrong. */
static enum err add_object(struct account *account, struct search_grams *grams, uint16_t place,
                           const struct listed *listed, int64_t *objects, struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    enum err err = ERR_LIMIT;
    if (listed->size <= SEARCH_MESSAGE_MAX)
        err = message_read(account, (struct object_id){listed->id}, CONTENT_WHOLE, &content, error);
    if (err == ERR_NOT_FOUND)
        return ERR_OK; /* purged meanwhile */
    ++*objects;
    if (err == ERR_OK)
        return search_grams_add(grams, place, &content, error);
    if (err != ERR_LIMIT && err != ERR_CORRUPT)
        return err;
    search_grams_add_any(grams, place);
    return ERR_OK;
}

static void listed_free(struct listed **listed)
{
    free(*listed);
}

enum err search_gather(struct account *account, struct search_grams *grams, uint64_t base, uint64_t first,
                       uint64_t *last, int64_t *ret_objects, const atomic_bool *stop, struct error *error)
{
    size_t count = 0;
    int64_t objects = 0;
    must(*last - first < SEARCH_BATCH_SPAN);
    search_grams_clear(grams);
    CLEANUP(listed_free) struct listed *listed = malloc(SEARCH_BATCH_SPAN * sizeof(*listed));
    if (listed == NULL)
        return fail_nomem(error);
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = list_objects(account, first, *last, listed, &count, error);
    account_unlock(account);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (atomic_load(stop))
            return fail(error, ERR_CLOSED, NULL, "the search index is not needed any more");
        if (!search_grams_room(grams)) {
            *last = listed[i].id - 1;
            break;
        }
        err = add_object(account, grams, (uint16_t)(listed[i].id - base), &listed[i], &objects, error);
    }
    if (err == ERR_OK)
        err = search_grams_sort(grams, error);
    *ret_objects = objects;
    return err;
}

/* One batch: the objects behind `indexed`. */
struct batch {
    struct search *search;
    struct search_grams *grams;
    uint64_t first;
    uint64_t last;
    int64_t objects;
    struct search_writer writer;
};

/* --- writing --- */

static enum err put_block(void *context, uint32_t first, struct slice block, struct error *error)
{
    struct batch *batch = context;
    struct search *search = batch->search;
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = search_statement(search, SEARCH_STATEMENT_BLOCK_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    bool row;
    sqlite3_bind_int64(statement, 1, search_key(search->next_segment, first));
    db_bind_blob(statement, 2, block);
    return search_step(search, statement, &row, error);
}

static enum err write_locked(struct batch *batch, struct error *error)
{
    struct search *search = batch->search;
    struct search_grams *grams = batch->grams;
    enum err err = SEARCH_RUN_PLAIN(search, BEGIN, error);
    if (err == ERR_OK && batch->objects > 0) {
        err = SEARCH_RUN(search, SEGMENT_INSERT, error, search->next_segment, SEARCH_SEGMENT_LIVE,
                         (int64_t)batch->first, (int64_t)batch->last, batch->objects, (int64_t)grams->text,
                         grams->any_count > 0);
        batch->writer = (struct search_writer){.put = put_block, .context = batch};
        if (err == ERR_OK)
            err = search_grams_write(grams, &batch->writer, error);
    }
    if (err == ERR_OK)
        err = SEARCH_RUN(search, META_WRITE, error, (int64_t)batch->last, search->next_segment + 1,
                         search->swept);
    return err == ERR_OK ? SEARCH_RUN_PLAIN(search, COMMIT, error) : err;
}

static enum err batch_write(struct batch *batch, struct error *error)
{
    struct search *search = batch->search;
    enum err err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    must(search->indexed == batch->first - 1); /* only who holds `building` changes it */
    err = search_finish(search, write_locked(batch, error));
    if (err == ERR_OK) {
        search->indexed = batch->last;
        search->next_segment++;
        err = search_segments_read(search, error);
    }
    search_end(search);
    return err;
}

/* --- what is to be done --- */

struct plan {
    uint64_t newest; /* object */
    bool worth;      /* an index, if there is none yet */
};

static enum err plan_read(struct account *account, bool every, struct plan *ret_plan, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_plan = (struct plan){(uint64_t)account->meta.next_object - 1,
                              every || account->meta.messages >= SEARCH_WORTH};
    account_unlock(account);
    return ERR_OK;
}

static enum err batch_step(struct search *search, struct search_grams *grams, uint64_t indexed,
                           uint64_t newest, const atomic_bool *stop, struct error *error)
{
    struct batch batch = {.search = search, .grams = grams, .first = indexed + 1};
    batch.last = MIN(newest, (indexed / SEARCH_BATCH_SPAN + 1) * SEARCH_BATCH_SPAN);
    enum err err = search_gather(search->account, grams, batch.first, batch.first, &batch.last,
                                 &batch.objects, stop, error);
    return err == ERR_OK ? batch_write(&batch, error) : err;
}

static enum err step_locked(struct search *search, struct search_grams *grams, bool every,
                            const atomic_bool *stop, bool *ret_more, struct error *error)
{
    struct plan plan;
    *ret_more = false;
    enum err err = plan_read(search->account, every, &plan, error);
    if (err == ERR_OK)
        err = search_begin(search, plan.worth, error);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    uint64_t indexed = search->indexed;
    search_end(search);
    uint64_t tail = plan.newest - MIN(indexed, plan.newest);
    if (tail >= (every ? 1 : SEARCH_TAIL)) {
        *ret_more = true;
        return batch_step(search, grams, indexed, plan.newest, stop, error);
    }
    err = search_drop_step(search, ret_more, error);
    if (err == ERR_OK && !*ret_more)
        err = search_merge_step(search, stop, ret_more, error);
    if (err == ERR_OK && !*ret_more)
        err = search_sweep_step(search, stop, ret_more, error);
    return err;
}

enum err search_build_step(struct account *account, struct search_grams *grams, bool every,
                           const atomic_bool *stop, bool *ret_more, struct error *error)
{
    struct search *search = account->search;
    pthread_mutex_lock(&search->building);
    enum err err = step_locked(search, grams, every, stop, ret_more, error);
    if (err == ERR_CORRUPT) {
        pthread_mutex_lock(&search->mutex);
        search_damaged(search);
        pthread_mutex_unlock(&search->mutex);
    }
    pthread_mutex_unlock(&search->building);
    return err;
}

/* --- all at once --- */

enum err search_build_forget(struct account *account, struct error *error)
{
    struct search *search = account->search;
    pthread_mutex_lock(&search->building);
    pthread_mutex_lock(&search->mutex);
    enum err err = search_delete(search, error);
    pthread_mutex_unlock(&search->mutex);
    pthread_mutex_unlock(&search->building);
    return err;
}

static enum err progress_read(struct account *account, struct search_progress *ret_progress,
                              struct error *error)
{
    struct plan plan;
    enum err err = plan_read(account, true, &plan, error);
    if (err == ERR_OK)
        err = search_begin(account->search, false, error);
    if (err != ERR_OK)
        return err;
    *ret_progress = (struct search_progress){MIN(account->search->indexed, plan.newest), plan.newest};
    search_end(account->search);
    return ERR_OK;
}

static void grams_free(struct search_grams **grams)
{
    if (*grams != NULL)
        search_grams_release(*grams);
    free(*grams);
}

enum err search_build(struct account *account, bool fresh, const atomic_bool *stop,
                      void (*progress)(void *context, struct search_progress progress), void *context,
                      struct error *error)
{
    CLEANUP(grams_free) struct search_grams *grams = calloc(1, sizeof(*grams));
    if (grams == NULL)
        return fail_nomem(error);
    enum err err = search_grams_init(grams, error);
    if (err == ERR_OK && fresh)
        err = search_build_forget(account, error);
    bool more = true;
    while (err == ERR_OK && more) {
        err = search_build_step(account, grams, true, stop, &more, error);
        struct search_progress now;
        if (err == ERR_OK && progress != NULL)
            err = progress_read(account, &now, error);
        if (err == ERR_OK && progress != NULL)
            progress(context, now);
    }
    return err;
}
