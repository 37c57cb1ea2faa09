#include "store/undelete.h"

#include "base/clock.h"
#include "mime/fold.h"
#include "mime/summary.h"
#include "store/compact.h"
#include "store/folder_row.h"
#include "store/member.h"
#include "store/search_build.h"
#include "store/tombstone.h"

enum {
    TEXT_ARENA_MAX = MIME_STRUCTURE_ARENA_MAX + MIME_SUMMARY_ARENA_MAX,
    PATH_ARENA_MAX = 1024 * 1024,
    FOLDED_MAX = 64 * 1024,
};

/* --- which --- */

struct walk {
    struct account *account;
    const struct deleted_query *query;
    bool texts;               /* subject and sender are wanted */
    struct folder_path only;  /* depth 0: any folder */
    struct buf subject, from; /* folded */
    int64_t keep_us;
    struct arena text_arena; /* of one message */
    struct arena path_arena;
    struct folder_id path_folder; /* whose path is known */
    struct slice path;
};

typedef enum err walk_fn(void *context, const struct tombstone *tombstone,
                         const struct deleted_message *message, struct error *error);

static void walk_release(struct walk *walk)
{
    arena_release(&walk->text_arena);
    arena_release(&walk->path_arena);
    buf_release(&walk->subject);
    buf_release(&walk->from);
}

static enum err walk_init(struct walk *walk, struct account *account, const struct deleted_query *query,
                          bool texts, struct error *error)
{
    *walk = (struct walk){.account = account,
                          .query = query,
                          .texts = texts || query->subject.n > 0 || query->from.n > 0,
                          .subject = BUF(FOLDED_MAX),
                          .from = BUF(FOLDED_MAX),
                          .text_arena = ARENA(TEXT_ARENA_MAX),
                          .path_arena = ARENA(PATH_ARENA_MAX)};
    mime_fold_search(&walk->subject, query->subject);
    mime_fold_search(&walk->from, query->from);
    if (buf_failed(&walk->subject) || buf_failed(&walk->from))
        return fail_plain(error, ERR_LIMIT, "The text to look for is too long");
    return query->folder.n > 0 ? folder_path_parse(query->folder, &walk->only, error) : ERR_OK;
}

static enum err grave_locked(struct walk *walk, struct folder_id folder, struct slice *ret_path,
                             struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err err = db_statement(walk->account, STATEMENT_GRAVE_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    err = db_step(walk->account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    /* Without a row it was deleted before there were any. */
    *ret_path = arena_dup(&walk->path_arena, row ? db_column(statement, 0) : S("Recovered"));
    return ret_path->p == NULL ? fail_nomem(error) : ERR_OK;
}

static enum err grave_read(struct walk *walk, struct folder_id folder, struct slice *ret_path,
                           struct error *error)
{
    enum err err = account_lock(walk->account, error);
    if (err != ERR_OK)
        return err;
    err = grave_locked(walk, folder, ret_path, error);
    account_unlock(walk->account);
    return err;
}

/* Neighbours are mostly of one folder. */
static enum err path_find(struct walk *walk, struct folder_id folder, struct error *error)
{
    struct folder found;
    if (walk->path.n > 0 && walk->path_folder.v == folder.v)
        return ERR_OK;
    arena_reset(&walk->path_arena);
    walk->path = slice_none();
    enum err err = folder_get(walk->account, folder, &walk->path_arena, &found, error);
    if (err == ERR_OK)
        walk->path = found.path;
    else if (err == ERR_NOT_FOUND)
        err = grave_read(walk, folder, &walk->path, error);
    walk->path_folder = folder;
    return err;
}

static struct slice joined(struct arena *arena, const struct mime_summary_address *from)
{
    size_t room = from->display.n + from->address.n + 4;
    char *text = arena_alloc(arena, room);
    if (text == NULL || slice_eq(from->display, from->address) || from->display.n == 0)
        return from->address;
    int n = snprintf(text, room, "%.*s <%.*s>", SLICE_ARGS(from->display), SLICE_ARGS(from->address));
    return from->address.n > 0 ? slice_of(text, (size_t)n) : from->display;
}

/* Subject and sender; what is damaged has none. ERR_NOT_FOUND: purged meanwhile. */
static enum err texts_read(struct walk *walk, struct deleted_message *message, struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    struct arena *arena = &walk->text_arena;
    struct mime_part *root;
    struct mime_summary summary;
    enum err err = message_read(walk->account, message->object, CONTENT_HEADER, &content, error);
    if (err == ERR_OK)
        err = mime_parse(arena, content.whole, &root, error);
    if (err == ERR_OK)
        err = mime_summarize(arena, root, &summary, error);
    if (err == ERR_CORRUPT)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    message->subject = arena_dup(arena, summary.subject); /* may borrow from the content */
    message->from = arena_dup(arena, joined(arena, &summary.from));
    return message->subject.p == NULL || message->from.p == NULL ? fail_nomem(error) : ERR_OK;
}

static bool holds(struct slice text, const struct buf *part)
{
    CLEANUP(buf_release) struct buf folded = BUF(FOLDED_MAX);
    if (part->n == 0)
        return true;
    mime_fold_search(&folded, text);
    return !buf_failed(&folded) && memmem(folded.p, folded.n, part->p, part->n) != NULL;
}

static enum err look_at(struct walk *walk, const struct tombstone *tombstone, walk_fn *each, void *context,
                        struct error *error)
{
    struct deleted_message message = {.object = tombstone->object,
                                      .sent_us = tombstone->sent_us,
                                      .removed_us = tombstone->removed_us,
                                      .until_us = tombstone->removed_us + walk->keep_us,
                                      .size = (uint64_t)tombstone->size};
    enum err err = path_find(walk, key_folder(tombstone->key), error);
    if (err != ERR_OK)
        return err;
    message.folder = walk->path;
    if (walk->only.depth > 0 && !slice_eq(message.folder, folder_path_text(&walk->only)))
        return ERR_OK;
    arena_reset(&walk->text_arena);
    if (walk->texts)
        err = texts_read(walk, &message, error);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err == ERR_OK && holds(message.subject, &walk->subject) && holds(message.from, &walk->from))
        err = each(context, tombstone, &message, error);
    return err;
}

static enum err page_read(struct walk *walk, const struct tombstone *after,
                          struct tombstone page[static TOMBSTONE_BATCH], size_t *ret_count,
                          struct error *error)
{
    enum err err = account_lock(walk->account, error);
    if (err != ERR_OK)
        return err;
    walk->keep_us = (int64_t)walk->account->limits.undelete_keep_s * CLOCK_SECOND;
    err = tombstones_page(walk->account, after, page, ret_count, error);
    account_unlock(walk->account);
    return err;
}

static enum err walk_all(struct walk *walk, walk_fn *each, void *context, struct error *error)
{
    struct tombstone page[TOMBSTONE_BATCH];
    struct tombstone after = {.removed_us = walk->query->since_us - 1, .key = INT64_MAX};
    size_t count = TOMBSTONE_BATCH;
    enum err err = ERR_OK;
    while (err == ERR_OK && count == TOMBSTONE_BATCH) {
        int64_t now = clock_wall_us();
        err = page_read(walk, &after, page, &count, error);
        for (size_t i = 0; err == ERR_OK && i < count; i++)
            if (page[i].removed_us + walk->keep_us > now) /* else it is gone, the room just not swept yet */
                err = look_at(walk, &page[i], each, context, error);
        if (count > 0)
            after = page[count - 1];
    }
    return err;
}

/* --- seeing --- */

struct telling {
    deleted_fn *each;
    void *context;
};

static enum err tell(void *context, const struct tombstone *tombstone, const struct deleted_message *message,
                     struct error *error)
{
    const struct telling *telling = context;
    (void)tombstone;
    return telling->each(telling->context, message, error);
}

enum err deleted_each(struct account *account, const struct deleted_query *query, deleted_fn *each,
                      void *context, struct error *error)
{
    CLEANUP(walk_release) struct walk walk = {0};
    struct telling telling = {each, context};
    enum err err = walk_init(&walk, account, query, true, error);
    return err == ERR_OK ? walk_all(&walk, tell, &telling, error) : err;
}

/* --- bringing back --- */

struct raised {
    struct tombstone tombstone;
    struct slice path; /* where it was */
};

struct raising {
    struct account *account;
    struct folder_path to; /* depth 0: where each was */
    struct arena arena;    /* of the batch */
    struct raised batch[UNDELETE_BATCH];
    size_t count;
    struct undelete_result result;
};

/* The folder itself, under whatever name today; if it is gone or a mere name, one at its path. */
static enum err target_find(const struct raising *raising, struct work *work, const struct raised *raised,
                            struct touched **ret_target, struct error *error)
{
    struct folder_path path = raising->to;
    struct folder_id id;
    enum err err = ERR_NOT_FOUND;
    if (path.depth == 0)
        err = work_mailbox(work, key_folder(raised->tombstone.key), ret_target, error);
    if (err != ERR_NOT_FOUND)
        return err;
    err = path.depth > 0 ? ERR_OK : folder_path_parse(raised->path, &path, error);
    if (err == ERR_OK)
        err = folder_ensure(work, &path, &id, error);
    return err == ERR_OK ? work_mailbox(work, id, ret_target, error) : err;
}

static enum err flags_read(struct account *account, const struct tombstone *tombstone, bool *ret_found,
                           struct flagset *ret_flags, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_TOMBSTONE_FLAGS, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, tombstone->key);
    sqlite3_bind_int64(statement, 2, (int64_t)tombstone->object.v);
    err = db_step(account, statement, ret_found, error);
    if (err == ERR_OK && *ret_found)
        *ret_flags = flags_column(statement, 0);
    return err;
}

static enum err member_raise(struct work *work, const struct tombstone *tombstone,
                             const struct flagset *flags, struct touched *target, struct error *error)
{
    struct account *account = work->account;
    uint32_t uid;
    sqlite3_stmt *statement;
    enum err err = work_next_uid(target, &uid, error);
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_TOMBSTONE_RAISE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, tombstone->key);
    sqlite3_bind_int64(statement, 2, member_key(target->id, uid));
    sqlite3_bind_int64(statement, 3, (int64_t)work->change.v);
    sqlite3_bind_int64(statement, 4, work->now_us);
    sqlite3_bind_int64(statement, 5, account->meta.next_member++);
    flags_bind(statement, 6, flags);
    err = db_finish(account, statement, error);
    if (err == ERR_OK && sqlite3_changes(account->database.sqlite) != 1)
        return fail(error, ERR_CORRUPT, NULL, "object %llu of a deleted message is missing",
                    (unsigned long long)tombstone->object.v);
    work_count(work, target, flags->words[0], tombstone->size, 1);
    target->row.recent++;
    uid_set_add(&target->added, uid, uid);
    return err == ERR_OK ? tombstone_remove(work, tombstone, error) : err;
}

/* What another call brought back, or a purge erased, meanwhile is passed over. */
static enum err raise_one(struct raising *raising, struct work *work, const struct raised *raised,
                          struct undelete_result *done, struct error *error)
{
    bool found;
    struct flagset flags;
    struct touched *target;
    enum err err = flags_read(work->account, &raised->tombstone, &found, &flags, error);
    if (err != ERR_OK || !found)
        return err;
    flag_clear(&flags, FLAG_DELETED);
    err = target_find(raising, work, raised, &target, error);
    if (err == ERR_OK)
        err = member_raise(work, &raised->tombstone, &flags, target, error);
    done->messages++;
    done->bytes += (uint64_t)raised->tombstone.size;
    return err;
}

static enum err batch_raise(struct raising *raising, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    struct undelete_result done = {0};
    enum err err = work_begin(&work, raising->account, error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; err == ERR_OK && i < raising->count; i++)
        err = raise_one(raising, &work, &raising->batch[i], &done, error);
    if (err == ERR_OK && done.messages > 0)
        err = work_commit(&work, error);
    if (err != ERR_OK)
        return err;
    raising->result.messages += done.messages;
    raising->result.bytes += done.bytes;
    raising->count = 0;
    arena_reset(&raising->arena);
    return ERR_OK;
}

static enum err collect(void *context, const struct tombstone *tombstone,
                        const struct deleted_message *message, struct error *error)
{
    struct raising *raising = context;
    struct slice path = arena_dup(&raising->arena, message->folder);
    if (path.p == NULL)
        return fail_nomem(error);
    raising->batch[raising->count++] = (struct raised){*tombstone, path};
    return raising->count == UNDELETE_BATCH ? batch_raise(raising, error) : ERR_OK;
}

static void raising_free(struct raising **raising)
{
    if (*raising != NULL)
        arena_release(&(*raising)->arena);
    free(*raising);
}

enum err undelete(struct account *account, const struct deleted_query *query, struct slice to,
                  struct undelete_result *ret_result, struct error *error)
{
    CLEANUP(walk_release) struct walk walk = {0};
    CLEANUP(raising_free) struct raising *raising = calloc(1, sizeof(*raising));
    if (raising == NULL)
        return fail_nomem(error);
    raising->account = account;
    raising->arena = ARENA(PATH_ARENA_MAX);
    enum err err = walk_init(&walk, account, query, false, error);
    if (err == ERR_OK && to.n > 0)
        err = folder_path_parse(to, &raising->to, error);
    if (err == ERR_OK)
        err = walk_all(&walk, collect, raising, error);
    if (err == ERR_OK)
        err = batch_raise(raising, error);
    if (err == ERR_OK)
        *ret_result = raising->result;
    return err;
}

/* --- erasing --- */

/* secure_delete: SQLite overwrites what it deletes. The truncated log holds no older pages either. */
static enum err pragma(struct account *account, const char *sql, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    if (sqlite3_exec(account->database.sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        err = volume_database_fail(&account->database, sql, error);
    account_unlock(account);
    return err;
}

static enum err drop_some(struct account *account, int64_t before, struct undelete_result *result,
                          bool *ret_more, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    struct account_meta *meta = &account->meta;
    uint64_t messages = (uint64_t)meta->deleted_messages;
    uint64_t bytes = (uint64_t)meta->deleted_bytes;
    err = tombstones_drop(&work, before, ret_more, error);
    messages -= (uint64_t)meta->deleted_messages;
    bytes -= (uint64_t)meta->deleted_bytes;
    if (err == ERR_OK)
        err = work_commit(&work, error);
    result->messages += messages;
    result->bytes += bytes;
    return err;
}

static enum err packs_clean(struct account *account, struct error *error)
{
    struct compact_result compacted = {.removed = 1};
    enum err err = ERR_OK;
    while (err == ERR_OK && compacted.removed > 0)
        err = compact_account(account, COMPACT_ALL, &compacted, error);
    return err;
}

enum err undelete_purge(struct account *account, struct undelete_result *ret_result, struct error *error)
{
    struct undelete_result result = {0};
    int64_t before = clock_wall_us() + 1;
    bool more = true;
    enum err err = pragma(account, "PRAGMA secure_delete=ON", error);
    while (err == ERR_OK && more)
        err = drop_some(account, before, &result, &more, error);
    if (err == ERR_OK)
        err = search_build_forget(account, error);
    if (err == ERR_OK)
        err = packs_clean(account, error);
    if (err == ERR_OK)
        err = account_sync(account, error);
    if (err == ERR_OK)
        err = pragma(account, "PRAGMA secure_delete=OFF; PRAGMA wal_checkpoint(TRUNCATE)", error);
    if (err == ERR_OK)
        *ret_result = result;
    return err;
}
