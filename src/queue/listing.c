/* The entries as people see them: queue list, show, flush. */
#include "queue/database.h"

static const char *state_of(struct queue *queue, const struct entry *entry)
{
    if (entry->next_us < 0)
        return "scheduled";
    if (hold_covers_all(queue, entry))
        return "held";
    if (entry->next_us == ENTRY_NEXT_RELAY)
        return entry->relay_us == ENTRY_RELAY_LISTED ? "waiting" : "deferred";
    return entry->next_us > 0 ? "deferred" : "filing";
}

/* The row as people see it; strings in the arena. */
static bool describe(struct queue *queue, const struct entry *entry, struct arena *arena,
                     struct queue_entry *ret)
{
    const char *state = state_of(queue, entry);
    bool held = entry->relay_us == ENTRY_RELAY_HELD || strcmp(state, "held") == 0;
    *ret = (struct queue_entry){
        .id = entry->id,
        .sender = arena_dup(arena, entry->envelope.sender),
        .recipients = arena_array(arena, entry->recipient_count, sizeof(struct slice)),
        .size = entry->size,
        .received_us = entry->received_us,
        .next_us = MIN(entry->next_us < 0 ? -entry->next_us : entry->next_us,
                       entry->relay_us > 0 && !held ? entry->relay_us : INT64_MAX),
        .state = slice_cstr(state),
        .sid = entry->envelope.sid,
    };
    for (size_t i = 0; i < entry->recipient_count && ret->recipients != NULL; i++) {
        const struct entry_recipient *r = &entry->recipients[i];
        ret->recipients[ret->recipient_count++] = arena_dup(arena, r->given.address);
        if (ret->reason.n == 0)
            ret->reason = arena_dup(arena, r->reason);
    }
    return !arena_failed(arena);
}

static enum err list_locked(struct queue *queue, struct queue_id after, size_t max, struct arena *arena,
                            struct queue_entry *entries, size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = queue->statements[STATEMENT_LIST];
    size_t count = 0;
    int code;
    enum err err = ERR_OK;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)after.v);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)max);
    while (err == ERR_OK && count < max && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        CLEANUP(entry_release) struct entry *entry = NULL;
        if (code != SQLITE_ROW) {
            err = database_fail(queue, "listing", error);
            break;
        }
        struct queue_id id = {(uint64_t)sqlite3_column_int64(statement, 0)};
        err = entry_decode(id, database_column_blob(statement, 2), &entry, error);
        if (err == ERR_CORRUPT) {
            entries[count++] = (struct queue_entry){
                .id = id, .state = S("damaged"), .reason = arena_dup(arena, slice_cstr(error->detail))};
            err = ERR_OK;
        } else if (err == ERR_OK) {
            entry->next_us = sqlite3_column_int64(statement, 1);
            entry->relay_us = database_column_time(statement, 3);
            if (!describe(queue, entry, arena, &entries[count++]))
                err = fail_nomem(error);
        }
    }
    sqlite3_reset(statement);
    *ret_count = count;
    return err;
}

enum err queue_list(struct queue *queue, struct queue_id after, size_t max, struct arena *arena,
                    struct queue_entry **ret_entries, size_t *ret_count, struct error *error)
{
    struct queue_entry *entries = arena_array(arena, max, sizeof(*entries));
    size_t count = 0;
    if (entries == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&queue->database_lock);
    enum err err = list_locked(queue, after, max, arena, entries, &count, error);
    pthread_mutex_unlock(&queue->database_lock);
    if (err != ERR_OK)
        return err;
    *ret_entries = entries;
    *ret_count = count;
    return ERR_OK;
}

enum err queue_get(struct queue *queue, struct queue_id id, struct arena *arena,
                   struct queue_entry *ret_entry, char **ret_body, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    enum err err = database_load(queue, id, true, &entry, error);
    if (err != ERR_OK)
        return err;
    if (!describe(queue, entry, arena, ret_entry))
        return fail_nomem(error);
    *ret_body = take(entry->body);
    return ERR_OK;
}

enum err queue_flush(struct queue *queue, struct queue_id id, struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    sqlite3_bind_int64(queue->statements[STATEMENT_FLUSH], 1, (sqlite3_int64)id.v);
    enum err err = database_run(queue, STATEMENT_FLUSH, error);
    sqlite3_bind_int64(queue->statements[STATEMENT_FLUSH_RELAY], 1, (sqlite3_int64)id.v);
    if (err == ERR_OK)
        err = database_run(queue, STATEMENT_FLUSH_RELAY, error);
    pthread_mutex_unlock(&queue->database_lock);
    if (err == ERR_OK) {
        backlog_due_at(queue, 1);
        outbound_flush(queue);
    }
    return err;
}
