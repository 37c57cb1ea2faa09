#include "base/clock.h"
#include "store/derived.h"
#include "store/import.h"
#include "store/member.h"
#include "store/remembered_row.h"
#include "store/schema.h"
#include "store/seen_row.h"
#include "store/thread.h"

/* What is made of one item before the account is locked. */
struct prepared {
    struct arena arena;
    struct derived derived;
    int64_t internal_us;
};

static void prepared_free(struct prepared *prepared, size_t count)
{
    for (size_t i = 0; prepared != NULL && i < count; i++)
        arena_release(&prepared[i].arena);
    free(prepared);
}

static enum err item_check(const struct append_item *item, struct error *error)
{
    if (item->delivery_id.n != 0 && item->delivery_id.n != DELIVERY_ID_SIZE)
        return fail(error, ERR_INVALID, NULL, "a delivery id of %zu bytes", item->delivery_id.n);
    if (item->prefix.n > PACK_MESSAGE_MAX || item->body.n > PACK_MESSAGE_MAX - item->prefix.n)
        return fail(error, ERR_LIMIT, "The message is too large", "%zu + %zu bytes", item->prefix.n,
                    item->body.n);
    return ERR_OK;
}

static enum err prepare(const struct append_item *items, size_t count, struct prepared *prepared,
                        struct error *error)
{
    int64_t now = clock_wall_us();
    for (size_t i = 0; i < count; i++) {
        const struct append_item *item = &items[i];
        enum err err = item_check(item, error);
        if (err != ERR_OK)
            return err;
        prepared[i].arena = ARENA(DERIVED_ARENA_MAX + item->prefix.n + item->body.n);
        prepared[i].internal_us = item->internal_date_us != 0 ? item->internal_date_us : now;
        err = derived_make_joined(&prepared[i].arena, item->prefix, item->body, prepared[i].internal_us,
                                  &prepared[i].derived, error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* --- deliveries seen before --- */

static enum err delivery_find(struct account *account, struct slice id, bool *ret_found,
                              struct object_id *ret_object, struct error *error)
{
    *ret_found = false;
    if (id.n == 0)
        return ERR_OK;
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_DELIVERY_FIND, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_blob(statement, 1, id);
    err = db_step(account, statement, ret_found, error);
    if (err == ERR_OK && *ret_found)
        ret_object->v = (uint64_t)sqlite3_column_int64(statement, 0);
    return err;
}

static enum err delivery_note(struct work *work, struct slice id, struct object_id object,
                              struct error *error)
{
    if (id.n == 0)
        return ERR_OK;
    sqlite3_stmt *statement;
    enum err err = db_statement(work->account, STATEMENT_DELIVERY_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_blob(statement, 1, id);
    sqlite3_bind_int64(statement, 2, (int64_t)object.v);
    sqlite3_bind_int64(statement, 3, work->now_us);
    return db_finish(work->account, statement, error);
}

/* --- rows --- */

struct row {
    struct object_id object;
    struct thread_id thread;
    uint32_t uid;
    int64_t size;
    struct flagset flags;
    struct pack_place place;
};

static enum err text_insert(struct account *account, struct object_id object, const struct derived *derived,
                            struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_TEXT_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    derived_bind(statement, object, derived);
    return db_finish(account, statement, error);
}

static enum err member_insert(struct work *work, struct folder_id folder, const struct row *row,
                              const struct flagset *flags, int64_t internal_us, struct error *error)
{
    struct account *account = work->account;
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_MEMBER_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, member_key(folder, row->uid));
    flags_bind(statement, 2, flags);
    sqlite3_bind_int64(statement, 4, (int64_t)work->change.v);
    sqlite3_bind_int64(statement, 5, row->size);
    sqlite3_bind_int64(statement, 6, internal_us);
    sqlite3_bind_int64(statement, 7, work->now_us);
    sqlite3_bind_int64(statement, 8, account->meta.next_member++);
    sqlite3_bind_int64(statement, 9, (int64_t)row->object.v);
    sqlite3_bind_int64(statement, 10, (int64_t)row->thread.v);
    return db_finish(account, statement, error);
}

static enum err rows_insert(struct work *work, const struct append_item *item,
                            const struct prepared *prepared, struct row *row, struct error *error)
{
    struct account *account = work->account;
    enum err err = thread_assign(account, &prepared->derived.summary, row->object, &row->thread, error);
    if (err == ERR_OK)
        err = DB_RUN(account, OBJECT_INSERT, error, (int64_t)row->object.v, OBJECT_MESSAGE,
                     (int64_t)row->thread.v, row->place.pack, (int64_t)row->place.offset,
                     (int64_t)row->place.length, row->size, (int64_t)prepared->derived.header_n,
                     prepared->internal_us, work->now_us, prepared->derived.sent_us);
    if (err == ERR_OK)
        err = text_insert(account, row->object, &prepared->derived, error);
    if (err == ERR_OK)
        err = member_insert(work, item->folder, row, &row->flags, prepared->internal_us, error);
    return err == ERR_OK ? delivery_note(work, item->delivery_id, row->object, error) : err;
}

static enum err mark_seen(struct work *work, struct touched *folder, struct account_id person, uint32_t uid,
                          struct error *error)
{
    static const struct uid_set none = {0};
    CLEANUP(uid_set_release) struct uid_set one = {0};
    uid_set_add(&one, uid, uid);
    return seen_mark(work, folder, person, &one, &none, error);
}

/* The bytes go first: a record without a row is only dead space. */
static enum err append_content(struct work *work, const struct append_item *item,
                               const struct prepared *prepared, struct row *row, struct error *error)
{
    struct account *account = work->account;
    row->object.v = (uint64_t)account->meta.next_object++;
    const struct pack_record record = {
        .object = row->object,
        .folder = item->folder,
        .uid = {row->uid},
        .internal_date_us = prepared->internal_us,
        .prefix = item->prefix,
        .body = item->body,
    };
    enum err err = packs_append(account->packs, &record, &row->place, error);
    return err == ERR_OK ? rows_insert(work, item, prepared, row, error) : err;
}

/* Whether the message is here already, and whether at least its content is. */
static enum err look_for(struct work *work, const struct append_item *item, struct row *row,
                         bool *ret_duplicate, bool *ret_content, struct error *error)
{
    struct import_twin twin = {0};
    *ret_content = false;
    if (item->import == NULL)
        return delivery_find(work->account, item->delivery_id, ret_duplicate, &row->object, error);
    enum err err = import_judge(work, item->import, (size_t)row->size, &twin, error);
    *ret_content = item->import->verdict == IMPORT_SHARED;
    *ret_duplicate = item->import->verdict != IMPORT_SHARED && item->import->verdict != IMPORT_NEW;
    row->object = twin.object;
    row->thread = twin.thread;
    return err;
}

static enum err append_one(struct work *work, const struct append_item *item, const struct prepared *prepared,
                           struct append_result *ret_result, struct error *error)
{
    struct touched *folder;
    enum err err = work_mailbox(work, item->folder, &folder, error);
    bool duplicate = false;
    bool content = false;
    struct row row = {.size = (int64_t)(item->prefix.n + item->body.n), .flags = item->flags};
    if (err == ERR_OK)
        err = look_for(work, item, &row, &duplicate, &content, error);
    if (err == ERR_OK && item->quota_step > 0 && work->account->meta.quota_warned >= item->quota_step)
        duplicate = true;
    if (err == ERR_OK && !duplicate && !item->ignore_quota)
        err = work_quota(work, (uint64_t)row.size, 1, error);
    if (err == ERR_OK && !duplicate)
        err = work_next_uid(folder, &row.uid, error);
    if (err != ERR_OK)
        return err;
    if (folder->row.seen_apart)
        flag_clear(&row.flags, FLAG_SEEN); /* only this person has seen it */
    if (!duplicate) {
        err = content ? member_insert(work, item->folder, &row, &row.flags, prepared->internal_us, error)
                      : append_content(work, item, prepared, &row, error);
        if (err == ERR_OK && folder->row.seen_apart && flag_has(&item->flags, FLAG_SEEN))
            err = mark_seen(work, folder, item->person, row.uid, error);
        if (err == ERR_OK)
            err = remembered_write(work, item->remember, item->remember_count, item->delivery_id, error);
        if (err == ERR_OK && item->import != NULL)
            err = import_note(work, item->import, member_key(item->folder, row.uid), row.object, &item->flags,
                              error);
        if (err != ERR_OK)
            return err;
        work_count(work, folder, row.flags.words[0], row.size, 1);
        if (item->quota_step > 0)
            work->account->meta.quota_warned = item->quota_step;
        folder->row.recent++;
        uid_set_add(&folder->added, row.uid, row.uid);
    }
    *ret_result = (struct append_result){
        .uid = {row.uid},
        .uidvalidity = (uint32_t)folder->row.uidvalidity,
        .object = row.object,
        .duplicate = duplicate,
    };
    return ERR_OK;
}

/* A message that goes when others come. */
struct replaced {
    struct folder_id folder;
    struct uid uid;
};

static enum err take_away(struct work *work, const struct replaced *replaced, struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    uid_set_add(&uids, replaced->uid.v, replaced->uid.v);
    struct touched *folder;
    enum err err = work_mailbox(work, replaced->folder, &folder, error);
    if (err == ERR_OK)
        err = uids.failed ? fail_nomem(error) : members_expunge(work, folder, &uids, false, error);
    if (err == ERR_OK && folder->expunged.count == 0)
        err = fail(error, ERR_NOT_FOUND, "The message to be replaced is gone", "UID %u of folder %llu",
                   replaced->uid.v, (unsigned long long)replaced->folder.v);
    return err;
}

/* replaced NULL: none. */
static enum err append_all(struct account *account, const struct append_item *items, size_t count,
                           const struct prepared *prepared, const struct replaced *replaced,
                           struct append_result *results, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    /* A crash from here on is cleared up from this mark: see recover.h. */
    struct pack_mark mark = packs_synced(account->packs);
    account->meta.synced_pack = mark.pack;
    account->meta.synced_offset = (int64_t)mark.offset;
    if (replaced != NULL)
        err = take_away(&work, replaced, error);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = append_one(&work, &items[i], &prepared[i], &results[i], error);
    /* An import notes also what it does not add. */
    if (err == ERR_OK && (work_changed(&work) || items[0].import != NULL))
        err = work_commit(&work, error);
    return err;
}

enum err message_append(struct account *account, const struct append_item *items, size_t count,
                        struct append_result *ret_results, struct error *error)
{
    if (count == 0)
        return ERR_OK;
    if (count > APPEND_ITEMS_MAX)
        return fail_plain(error, ERR_LIMIT, "%d messages may be added at once", APPEND_ITEMS_MAX);
    struct prepared *prepared = calloc(count, sizeof(*prepared));
    struct append_result *results = calloc(count, sizeof(*results));
    enum err err = prepared == NULL || results == NULL ? fail_nomem(error) : ERR_OK;
    if (err == ERR_OK)
        err = prepare(items, count, prepared, error);
    if (err == ERR_OK)
        err = append_all(account, items, count, prepared, NULL, results, error);
    if (err == ERR_OK)
        memcpy(ret_results, results, count * sizeof(*results));
    prepared_free(prepared, count);
    free(results);
    return err;
}

enum err message_replace(struct account *account, const struct append_item *item, struct folder_id folder,
                         struct uid uid, struct append_result *ret_result, struct error *error)
{
    struct prepared prepared = {0};
    struct append_result result;
    const struct replaced replaced = {folder, uid};
    enum err err = prepare(item, 1, &prepared, error);
    if (err == ERR_OK)
        err = append_all(account, item, 1, &prepared, &replaced, &result, error);
    if (err == ERR_OK)
        *ret_result = result;
    arena_release(&prepared.arena);
    return err;
}
