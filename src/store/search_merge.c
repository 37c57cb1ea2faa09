#include "store/search_merge.h"

#include <stdlib.h>

#include "base/must.h"
#include "store/search_build.h"
#include "store/work.h"

enum { ALIVE_ROWS = 1024, DROP_BLOCKS = 512, FREE_PAGES_MIN = 256, FREE_PART = 4 };

static const uint64_t levels[] = {SEARCH_SPAN_MAX, SEARCH_BATCH_SPAN, 256};

/* --- dropping --- */

/* Gives free pages back, once they are a good part of the file. */
static enum err shrink(struct search *search, bool *ret_did, struct error *error)
{
    int64_t unused = 0;
    int64_t pages = 0;
    *ret_did = false;
    enum err err = search_number(search, "PRAGMA freelist_count", &unused, error);
    if (err == ERR_OK)
        err = search_number(search, "PRAGMA page_count", &pages, error);
    if (err != ERR_OK || unused < FREE_PAGES_MIN || unused < pages / FREE_PART)
        return err;
    *ret_did = true;
    if (sqlite3_exec(search->database.sqlite, "PRAGMA incremental_vacuum(512)", NULL, NULL, NULL) !=
        SQLITE_OK)
        return volume_database_fail(&search->database, "shrinking the search index", error);
    return ERR_OK;
}

static enum err drop_locked(struct search *search, bool *ret_did, struct error *error)
{
    int64_t id = 0;
    {
        CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
        enum err err = search_statement(search, SEARCH_STATEMENT_SEGMENT_LEFT, &statement, error);
        if (err == ERR_OK)
            err = search_step(search, statement, ret_did, error);
        if (err != ERR_OK)
            return err;
        if (*ret_did)
            id = sqlite3_column_int64(statement, 0);
    }
    if (!*ret_did)
        return shrink(search, ret_did, error);
    enum err err = SEARCH_RUN(search, BLOCK_DELETE, error, search_key(id, 0), search_key(id, SEARCH_GRAM_ANY),
                              DROP_BLOCKS);
    if (err == ERR_OK && sqlite3_changes(search->database.sqlite) < DROP_BLOCKS)
        err = SEARCH_RUN(search, SEGMENT_DELETE, error, id);
    return err;
}

enum err search_drop_step(struct search *search, bool *ret_did, struct error *error)
{
    *ret_did = false;
    enum err err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    err = drop_locked(search, ret_did, error);
    search_end(search);
    return err;
}

/* --- merging --- */

/* One of the segments that become one. */
struct source {
    struct search_segment segment;
    struct search_block block;
    struct search_entry entry; /* the next; gram SEARCH_GRAM_END: no more */
    char bytes[SEARCH_BLOCK_MAX];
};

struct merge {
    struct search *search;
    const atomic_bool *stop;
    struct search_segment target;
    struct source *sources;
    size_t count;
    uint64_t alive[SEARCH_SPAN_MAX / 64];
    uint16_t own[SEARCH_SPAN_MAX];    /* places of one source's entry */
    uint16_t places[SEARCH_SPAN_MAX]; /* of the target's */
    size_t place_count;
    struct search_writer writer;
    char (*blocks)[SEARCH_BLOCK_MAX]; /* written in one go */
    struct {
        uint32_t first;
        size_t n;
    } pending[SEARCH_WRITE_BLOCKS];
    size_t pending_count;
};

static enum err alive_rows(struct merge *merge, uint64_t from, uint64_t *ret_next, struct error *error)
{
    struct account *account = merge->search->account;
    const struct search_segment *target = &merge->target;
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_OBJECT_SIZES, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)from);
    sqlite3_bind_int64(statement, 2, (int64_t)target->last);
    sqlite3_bind_int64(statement, 3, ALIVE_ROWS);
    size_t rows = 0;
    *ret_next = from;
    for (bool row; (err = db_step(account, statement, &row, error)) == ERR_OK && row; rows++) {
        uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0);
        merge->alive[(id - target->first) / 64] |= UINT64_C(1) << (id - target->first) % 64;
        merge->target.objects++;
        *ret_next = id + 1;
    }
    if (rows < ALIVE_ROWS)
        *ret_next = target->last + 1;
    return err;
}

static enum err alive_read(struct merge *merge, struct error *error)
{
    uint64_t next = merge->target.first;
    while (next <= merge->target.last) {
        enum err err = account_lock(merge->search->account, error);
        if (err != ERR_OK)
            return err;
        err = alive_rows(merge, next, &next, error);
        account_unlock(merge->search->account);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* The source's next entry, with its block if need be. */
static enum err source_next(struct merge *merge, struct source *source, struct error *error)
{
    bool found = false;
    if (source->block.next != 0) {
        enum err err = search_block_next(&source->block, &source->entry, &found, error);
        if (err != ERR_OK || found)
            return err;
    }
    uint32_t from = source->block.next;
    source->entry.gram = SEARCH_GRAM_END;
    if (from == SEARCH_GRAM_END)
        return ERR_OK;
    enum err err = search_begin(merge->search, false, error);
    if (err != ERR_OK)
        return err;
    sqlite3_stmt *statement = NULL;
    struct search_block block = {0};
    err = search_block_at(merge->search, &source->segment, from, false, &statement, &block, error);
    if (err == ERR_OK && block.next != 0) {
        struct slice bytes = db_column(statement, 1);
        memcpy(source->bytes, bytes.p, bytes.n);
        size_t head = bytes.n - cursor_left(&block.rest);
        block.rest = cursor_of(slice_of(source->bytes + head, bytes.n - head));
        source->block = block;
    }
    db_reset(&statement);
    search_end(merge->search);
    if (err != ERR_OK)
        return err;
    if (block.next == 0 || block.first != from)
        return fail(error, ERR_CORRUPT, NULL, "search index: a block is missing at gram %u", from);
    return source_next(merge, source, error);
}

static enum err write_locked(struct merge *merge, struct error *error)
{
    struct search *search = merge->search;
    enum err err = SEARCH_RUN_PLAIN(search, BEGIN, error);
    for (size_t i = 0; err == ERR_OK && i < merge->pending_count; i++) {
        CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
        err = search_statement(search, SEARCH_STATEMENT_BLOCK_INSERT, &statement, error);
        if (err != ERR_OK)
            break;
        bool row;
        sqlite3_bind_int64(statement, 1, search_key(merge->target.id, merge->pending[i].first));
        db_bind_blob(statement, 2, slice_of(merge->blocks[i], merge->pending[i].n));
        err = search_step(search, statement, &row, error);
    }
    if (err == ERR_OK)
        err = SEARCH_RUN_PLAIN(search, COMMIT, error);
    return err;
}

static enum err write_pending(struct merge *merge, struct error *error)
{
    if (atomic_load(merge->stop))
        return fail(error, ERR_CLOSED, NULL, "the search index is not needed any more");
    enum err err = search_begin(merge->search, false, error);
    if (err != ERR_OK)
        return err;
    err = search_finish(merge->search, write_locked(merge, error));
    merge->pending_count = 0;
    search_end(merge->search);
    return err;
}

static enum err put_block(void *context, uint32_t first, struct slice block, struct error *error)
{
    struct merge *merge = context;
    enum err err = merge->pending_count == SEARCH_WRITE_BLOCKS ? write_pending(merge, error) : ERR_OK;
    if (err != ERR_OK)
        return err;
    memcpy(merge->blocks[merge->pending_count], block.p, block.n);
    merge->pending[merge->pending_count].first = first;
    merge->pending[merge->pending_count++].n = block.n;
    return ERR_OK;
}

/* Adds the living places of the source's entry, as the target counts them. */
static enum err gather(struct merge *merge, const struct source *source, struct error *error)
{
    size_t n;
    const struct search_segment *segment = &source->segment;
    uint32_t span = (uint32_t)(segment->last - segment->first + 1);
    enum err err = search_entry_places(&source->entry, span, merge->own, &n, error);
    if (err != ERR_OK)
        return err;
    uint32_t shift = (uint32_t)(segment->first - merge->target.first);
    for (size_t i = 0; i < n; i++) {
        uint32_t place = merge->own[i] + shift;
        if (merge->alive[place / 64] >> place % 64 & 1)
            merge->places[merge->place_count++] = (uint16_t)place;
    }
    return ERR_OK;
}

/* Sources lie one behind the other, so their places do too. */
static enum err merge_gram(struct merge *merge, uint32_t gram, struct error *error)
{
    enum err err = ERR_OK;
    merge->place_count = 0;
    for (size_t i = 0; err == ERR_OK && i < merge->count; i++) {
        struct source *source = &merge->sources[i];
        if (source->entry.gram != gram)
            continue;
        err = gather(merge, source, error);
        if (err == ERR_OK)
            err = source_next(merge, source, error);
    }
    if (err != ERR_OK || merge->place_count == 0)
        return err;
    merge->target.any = merge->target.any || gram == SEARCH_GRAM_ANY;
    return search_writer_add(&merge->writer, gram, merge->places, merge->place_count, error);
}

static enum err merge_grams(struct merge *merge, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < merge->count; i++)
        err = source_next(merge, &merge->sources[i], error);
    while (err == ERR_OK) {
        uint32_t least = SEARCH_GRAM_END;
        for (size_t i = 0; i < merge->count; i++)
            least = MIN(least, merge->sources[i].entry.gram);
        if (least == SEARCH_GRAM_END)
            break;
        err = merge_gram(merge, least, error);
    }
    if (err == ERR_OK)
        err = search_writer_end(&merge->writer, error);
    return err == ERR_OK ? write_pending(merge, error) : err;
}

/* Its row stands before its blocks, so that a crash leaves none without one. */
static enum err target_insert(struct merge *merge, struct error *error)
{
    struct search *search = merge->search;
    const struct search_segment *target = &merge->target;
    int64_t next = search->next_segment++;
    merge->target.id = next;
    enum err err = SEARCH_RUN_PLAIN(search, BEGIN, error);
    if (err == ERR_OK)
        err = search_meta_write(search, error);
    if (err == ERR_OK)
        err = SEARCH_RUN(search, SEGMENT_INSERT, error, next, SEARCH_SEGMENT_BUILDING, (int64_t)target->first,
                         (int64_t)target->last, 0, 0, 0);
    if (err == ERR_OK)
        err = SEARCH_RUN_PLAIN(search, COMMIT, error);
    return err;
}

static enum err exchange(struct merge *merge, struct error *error)
{
    struct search *search = merge->search;
    const struct search_segment *target = &merge->target;
    enum err err = SEARCH_RUN_PLAIN(search, BEGIN, error);
    for (size_t i = 0; err == ERR_OK && i < merge->count; i++)
        err = SEARCH_RUN(search, SEGMENT_STATE, error, merge->sources[i].segment.id, SEARCH_SEGMENT_DEAD);
    if (err == ERR_OK && target->objects > 0)
        err =
            SEARCH_RUN(search, SEGMENT_FINISH, error, target->id, target->objects, target->text, target->any);
    if (err == ERR_OK)
        err = SEARCH_RUN_PLAIN(search, COMMIT, error);
    return err;
}

static enum err locked(struct merge *merge, enum err (*act)(struct merge *, struct error *), bool read,
                       struct error *error)
{
    enum err err = search_begin(merge->search, false, error);
    if (err != ERR_OK)
        return err;
    err = search_finish(merge->search, act(merge, error));
    if (err == ERR_OK && read)
        err = search_segments_read(merge->search, error);
    search_end(merge->search);
    return err;
}

static enum err merge_run(struct merge *merge, struct error *error)
{
    merge->writer.put = put_block;
    merge->writer.context = merge;
    enum err err = alive_read(merge, error);
    if (err == ERR_OK)
        err = locked(merge, target_insert, false, error);
    if (err == ERR_OK && merge->target.objects > 0)
        err = merge_grams(merge, error);
    return err == ERR_OK ? locked(merge, exchange, true, error) : err;
}

static void merge_free(struct merge **merge)
{
    if (*merge == NULL)
        return;
    free((*merge)->sources);
    free((*merge)->blocks);
    free(*merge);
}

/* Of `count` segments that follow each other. */
static enum err merge_segments(struct search *search, const struct search_segment *segments, size_t count,
                               const atomic_bool *stop, struct error *error)
{
    CLEANUP(merge_free) struct merge *merge = calloc(1, sizeof(*merge));
    if (merge == NULL)
        return fail_nomem(error);
    merge->search = search;
    merge->stop = stop;
    merge->target.first = segments[0].first;
    merge->target.last = segments[count - 1].last;
    must(merge->target.last - merge->target.first < SEARCH_SPAN_MAX);
    merge->sources = calloc(count, sizeof(*merge->sources));
    merge->blocks = malloc(SEARCH_WRITE_BLOCKS * sizeof(*merge->blocks));
    if (merge->sources == NULL || merge->blocks == NULL)
        return fail_nomem(error);
    merge->count = count;
    for (size_t i = 0; i < count; i++) {
        merge->sources[i].segment = segments[i];
        merge->target.text += segments[i].text;
    }
    return merge_run(merge, error);
}

/* --- what is due --- */

/* The first run of segments that should be one, in a copy; *ret_count 0: none. */
static enum err due_find(struct search *search, struct search_segment **ret_segments, size_t *ret_count,
                         struct error *error)
{
    *ret_count = 0;
    for (size_t level = 0; level < ARRAY_LEN(levels); level++) {
        for (size_t i = 0; i < search->segment_count; i++) {
            uint64_t range = (search->segments[i].first - 1) / levels[level];
            size_t n = 1;
            while (i + n < search->segment_count &&
                   (search->segments[i + n].first - 1) / levels[level] == range)
                n++;
            if (n == 1 || search->indexed < (range + 1) * levels[level])
                continue;
            struct search_segment *copy = malloc(n * sizeof(*copy));
            if (copy == NULL)
                return fail_nomem(error);
            memcpy(copy, search->segments + i, n * sizeof(*copy));
            *ret_segments = copy;
            *ret_count = n;
            return ERR_OK;
        }
    }
    return ERR_OK;
}

enum err search_merge_step(struct search *search, const atomic_bool *stop, bool *ret_did, struct error *error)
{
    struct search_segment *segments = NULL;
    size_t count = 0;
    *ret_did = false;
    enum err err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    err = due_find(search, &segments, &count, error);
    search_end(search);
    if (err == ERR_OK && count > 0)
        err = merge_segments(search, segments, count, stop, error);
    free(segments);
    *ret_did = count > 0;
    return err;
}

/* --- sweeping --- */

static enum err is_sparse(struct search *search, const struct search_segment *segment, bool *ret_sparse,
                          struct error *error)
{
    struct account *account = search->account;
    bool found;
    int64_t alive = 0;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = DB_NUMBER(account, OBJECT_COUNT, &found, &alive, error, (int64_t)segment->first,
                    (int64_t)segment->last);
    account_unlock(account);
    *ret_sparse = (segment->objects - alive) * 100 >= segment->objects * SEARCH_DEAD_PERCENT;
    return err;
}

static enum err sweep_note(struct search *search, int64_t pruned, struct error *error)
{
    enum err err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    search->swept = pruned;
    err = search_meta_write(search, error);
    search_end(search);
    return err;
}

static enum err sweep(struct search *search, const struct search_segment *segments, size_t count,
                      const atomic_bool *stop, bool *ret_did, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        bool sparse = false;
        enum err err = is_sparse(search, &segments[i], &sparse, error);
        if (err != ERR_OK)
            return err;
        if (sparse) {
            *ret_did = true;
            return merge_segments(search, &segments[i], 1, stop, error);
        }
    }
    return ERR_OK;
}

enum err search_sweep_step(struct search *search, const atomic_bool *stop, bool *ret_did, struct error *error)
{
    *ret_did = false;
    enum err err = account_lock(search->account, error);
    if (err != ERR_OK)
        return err;
    int64_t pruned = search->account->meta.pruned;
    account_unlock(search->account);
    err = search_begin(search, false, error);
    if (err != ERR_OK)
        return err;
    bool due = search->swept != pruned;
    size_t count = search->segment_count;
    struct search_segment *segments = due ? calloc(count + 1, sizeof(*segments)) : NULL;
    if (segments != NULL && count > 0)
        memcpy(segments, search->segments, count * sizeof(*segments));
    search_end(search);
    if (segments == NULL)
        return due ? fail_nomem(error) : ERR_OK;
    err = sweep(search, segments, count, stop, ret_did, error);
    free(segments);
    return err == ERR_OK && !*ret_did ? sweep_note(search, pruned, error) : err;
}
