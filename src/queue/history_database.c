/*
 * history.db: a row a message, a row an event. Ids of messages are the times of their arrival
 * (intake_next_id), so the table's order is that of time.
 */
#include "base/wire.h"
#include "queue/history_private.h"
#include "queue/internal.h"
#include "store/migrate.h"

static const char *const texts[HISTORY_STATEMENTS] = {
    [HISTORY_PUT_MESSAGE] =
        "INSERT OR REPLACE INTO message (id, message_id, sender, detail) VALUES (?1, ?2, ?3, ?4)",
    [HISTORY_PUT_EVENT] =
        "INSERT OR REPLACE INTO event (message, number, kind, address, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    [HISTORY_MESSAGE] = "SELECT message_id, detail FROM message WHERE id = ?1",
    [HISTORY_EVENTS] = "SELECT number, kind, detail FROM event WHERE message = ?1 ORDER BY number LIMIT ?2",
    [HISTORY_FIND] = "SELECT id FROM message WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    [HISTORY_FIND_ID] = "SELECT id FROM message WHERE message_id IN (?4, ?5) AND id >= ?1 AND id < ?2"
                        " ORDER BY id DESC LIMIT ?3",
    [HISTORY_FIND_ADDRESS] =
        "SELECT id FROM message WHERE sender = ?4 AND id >= ?1 AND id < ?2 UNION"
        " SELECT message FROM event WHERE address = ?4 AND message >= ?1 AND message < ?2"
        " ORDER BY 1 DESC LIMIT ?3",
    [HISTORY_BOUND] = "SELECT max(id) FROM (SELECT id FROM message ORDER BY id LIMIT ?1)",
    [HISTORY_TRIM_MESSAGES] = "DELETE FROM message WHERE id <= ?1",
    [HISTORY_TRIM_EVENTS] = "DELETE FROM event WHERE message <= ?1",
    [HISTORY_PAGES] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,"
                      " pragma_freelist_count, pragma_page_size",
    [HISTORY_BEGIN] = "BEGIN IMMEDIATE",
    [HISTORY_COMMIT] = "COMMIT",
};

static const char *const migrations[] = {
    "CREATE TABLE message (id INTEGER PRIMARY KEY, message_id BLOB NOT NULL, sender BLOB NOT NULL,"
    " detail BLOB NOT NULL);"
    "CREATE INDEX message_by_message_id ON message (message_id);"
    "CREATE INDEX message_by_sender ON message (sender);"
    "CREATE TABLE event (message INTEGER NOT NULL, number INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " address BLOB NOT NULL, detail BLOB NOT NULL, PRIMARY KEY (message, number)) WITHOUT ROWID;"
    "CREATE INDEX event_by_address ON event (address, message);",
};

static enum err fail_sql(struct history *history, enum history_statement which, struct error *error)
{
    return volume_database_fail(&history->database, texts[which], error);
}

enum err history_database_open(struct volume *volume, struct history *history, struct error *error)
{
    enum err err = volume_database_open(volume, "history.db", true, &history->database, error);
    if (err == ERR_OK)
        err = database_migrate(&history->database, migrations, ARRAY_LEN(migrations), error);
    for (size_t i = 0; i < HISTORY_STATEMENTS && err == ERR_OK; i++)
        if (sqlite3_prepare_v3(history->database.sqlite, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &history->statements[i], NULL) != SQLITE_OK)
            err = fail_sql(history, (enum history_statement)i, error);
    return err;
}

void history_database_close(struct history *history)
{
    for (size_t i = 0; i < HISTORY_STATEMENTS; i++)
        sqlite3_finalize(history->statements[i]);
    if (history->database.sqlite != NULL)
        volume_database_close(&history->database);
}

/* --- statements; locked --- */

static void bind_text(sqlite3_stmt *statement, int at, struct slice s)
{
    sqlite3_bind_blob64(statement, at, s.n > 0 ? s.p : "", s.n, SQLITE_STATIC);
}

static struct slice column(sqlite3_stmt *statement, int at)
{
    const void *p = sqlite3_column_blob(statement, at);
    return slice_of(p, (size_t)sqlite3_column_bytes(statement, at));
}

static enum err run(struct history *history, enum history_statement which, struct error *error)
{
    sqlite3_stmt *statement = history->statements[which];
    enum err err = sqlite3_step(statement) == SQLITE_DONE ? ERR_OK : fail_sql(history, which, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

/* One number, 0 when there is none. */
static enum err ask_number(struct history *history, enum history_statement which, int64_t *ret,
                           struct error *error)
{
    sqlite3_stmt *statement = history->statements[which];
    enum err err = ERR_OK;
    *ret = 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *ret = sqlite3_column_int64(statement, 0);
    else
        err = fail_sql(history, which, error);
    sqlite3_reset(statement);
    return err;
}

static enum err end(struct history *history, enum err err, struct error *error)
{
    if (err == ERR_OK)
        err = run(history, HISTORY_COMMIT, error);
    if (err != ERR_OK)
        volume_database_undo(&history->database);
    return err;
}

/* --- writing --- */

static enum err write_one(struct history *history, struct wire_reader *r, struct error *error)
{
    uint8_t kind = wire_get_u8(r);
    enum history_statement which = kind == 0 ? HISTORY_PUT_MESSAGE : HISTORY_PUT_EVENT;
    sqlite3_stmt *statement = history->statements[which];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)wire_get_u64(r));
    if (kind == 0) {
        bind_text(statement, 2, wire_get_slice(r));
        bind_text(statement, 3, wire_get_slice(r));
        bind_text(statement, 4, wire_get_slice(r));
    } else {
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)wire_get_u64(r));
        sqlite3_bind_int64(statement, 3, kind);
        bind_text(statement, 4, wire_get_slice(r));
        bind_text(statement, 5, wire_get_slice(r));
    }
    return run(history, which, error);
}

enum err history_database_write(struct history *history, struct slice records, struct error *error)
{
    struct wire_reader r = wire_reader_of(records);
    pthread_mutex_lock(&history->database_lock);
    enum err err = run(history, HISTORY_BEGIN, error);
    while (err == ERR_OK && wire_ok(&r) && !wire_end(&r))
        err = write_one(history, &r, error);
    err = end(history, err, error);
    pthread_mutex_unlock(&history->database_lock);
    return err;
}

/* The id up to which all goes; 0: nothing does. */
static enum err find_bound(struct history *history, int64_t before_us, uint64_t bytes_max, int64_t *ret_bound,
                           bool *ret_more, struct error *error)
{
    int64_t bytes = 0;
    int64_t bound = 0;
    enum err err = ask_number(history, HISTORY_PAGES, &bytes, error);
    sqlite3_bind_int64(history->statements[HISTORY_BOUND], 1, HISTORY_TRIM);
    if (err == ERR_OK)
        err = ask_number(history, HISTORY_BOUND, &bound, error);
    *ret_more = err == ERR_OK && (uint64_t)bytes > bytes_max && bound > 0;
    if (!*ret_more && bound >= before_us)
        bound = before_us - 1;
    else
        *ret_more = bound > 0;
    *ret_bound = bound;
    return err;
}

enum err history_database_trim(struct history *history, int64_t before_us, uint64_t bytes_max, bool *ret_more,
                               struct error *error)
{
    int64_t bound;
    pthread_mutex_lock(&history->database_lock);
    enum err err = find_bound(history, before_us, bytes_max, &bound, ret_more, error);
    if (err == ERR_OK)
        err = run(history, HISTORY_BEGIN, error);
    if (err == ERR_OK) {
        sqlite3_bind_int64(history->statements[HISTORY_TRIM_MESSAGES], 1, bound);
        sqlite3_bind_int64(history->statements[HISTORY_TRIM_EVENTS], 1, bound);
        err = run(history, HISTORY_TRIM_MESSAGES, error);
        if (err == ERR_OK)
            err = run(history, HISTORY_TRIM_EVENTS, error);
        err = end(history, err, error);
    }
    pthread_mutex_unlock(&history->database_lock);
    *ret_more = err == ERR_OK && *ret_more;
    return err;
}

/* --- reading --- */

static enum err need(const struct queue *queue, struct error *error)
{
    if (queue->history != NULL)
        return ERR_OK;
    return fail_plain(error, ERR_UNAVAILABLE, "there is no history; the log says why");
}

static enum err find_locked(struct history *history, enum history_statement which, struct queue_id *ids,
                            size_t max, size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = history->statements[which];
    size_t count = 0;
    int code;
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)max);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && count < max)
        ids[count++].v = (uint64_t)sqlite3_column_int64(statement, 0);
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : fail_sql(history, which, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    *ret_count = count;
    return err;
}

static struct slice lower(struct slice text, struct arena *arena)
{
    struct slice copy = arena_dup(arena, text);
    char *p = (char *)copy.p;
    for (size_t i = 0; p != NULL && i < copy.n; i++)
        p[i] = ascii_lower(p[i]);
    return copy;
}

enum err queue_history_find(struct queue *queue, const struct history_question *question, struct arena *arena,
                            struct queue_id **ret_ids, size_t *ret_count, struct error *error)
{
    size_t max = MIN(question->max, (size_t)HISTORY_FIND_MAX);
    struct queue_id *ids = arena_array(arena, max, sizeof(*ids));
    struct slice address = lower(question->address, arena);
    CLEANUP(buf_release) struct buf bracketed = BUF(HISTORY_TEXT_MAX + 2);
    buf_printf(&bracketed, "<%.*s>", SLICE_ARGS(slice_sub(question->message_id, 0, HISTORY_TEXT_MAX)));
    enum err err = need(queue, error);
    if (err == ERR_OK && (arena_failed(arena) || buf_failed(&bracketed)))
        err = fail_nomem(error);
    if (err != ERR_OK)
        return err;
    struct history *history = queue->history;
    enum history_statement which = question->message_id.n > 0 ? HISTORY_FIND_ID
                                   : address.n > 0            ? HISTORY_FIND_ADDRESS
                                                              : HISTORY_FIND;
    history_flush(history);
    pthread_mutex_lock(&history->database_lock);
    sqlite3_stmt *statement = history->statements[which];
    sqlite3_bind_int64(statement, 1, question->since_us);
    sqlite3_bind_int64(statement, 2, question->until_us > 0 ? question->until_us : INT64_MAX);
    if (which != HISTORY_FIND)
        bind_text(statement, 4, which == HISTORY_FIND_ID ? question->message_id : address);
    if (which == HISTORY_FIND_ID)
        bind_text(statement, 5, buf_slice(&bracketed));
    err = find_locked(history, which, ids, max, ret_count, error);
    pthread_mutex_unlock(&history->database_lock);
    if (err == ERR_OK)
        *ret_ids = ids;
    return err;
}

static struct slice get_text(struct wire_reader *r, struct arena *arena)
{
    return arena_dup(arena, wire_get_slice(r));
}

static enum err read_message(struct history *history, struct queue_id id, struct arena *arena,
                             struct history_message *ret, struct error *error)
{
    sqlite3_stmt *statement = history->statements[HISTORY_MESSAGE];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id.v);
    enum err err = ERR_OK;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        struct wire_reader r = wire_reader_of(column(statement, 1));
        *ret = (struct history_message){
            .id = id,
            .message_id = arena_dup(arena, column(statement, 0)),
        };
        ret->received_us = (int64_t)wire_get_u64(&r);
        ret->sender = get_text(&r, arena);
        ret->size = wire_get_u64(&r);
        ret->account.v = wire_get_u64(&r);
        ret->protocol = get_text(&r, arena);
        ret->helo = get_text(&r, arena);
        ret->peer = get_text(&r, arena);
        ret->tls = get_text(&r, arena);
        if (!wire_end(&r))
            err = fail(error, ERR_CORRUPT, NULL, "history.db: a damaged message");
    } else {
        err = fail_plain(error, ERR_NOT_FOUND, "nothing is known of this message");
    }
    sqlite3_reset(statement);
    return err;
}

static struct history_event read_event(sqlite3_stmt *statement, struct arena *arena)
{
    struct wire_reader r = wire_reader_of(column(statement, 2));
    struct history_event event = {.at_us = sqlite3_column_int64(statement, 0),
                                  .kind = (enum history_kind)sqlite3_column_int(statement, 1)};
    event.address = get_text(&r, arena);
    event.peer = get_text(&r, arena);
    event.tls = get_text(&r, arena);
    event.status = get_text(&r, arena);
    event.text = get_text(&r, arena);
    event.tried = get_text(&r, arena);
    event.next_us = (int64_t)wire_get_u64(&r);
    event.other.v = wire_get_u64(&r);
    return event;
}

static enum err read_events(struct history *history, struct queue_id id, struct arena *arena,
                            struct history_event **ret_events, size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = history->statements[HISTORY_EVENTS];
    struct history_event *events = NULL;
    size_t count = 0;
    size_t room = 0;
    int code;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id.v);
    sqlite3_bind_int64(statement, 2, HISTORY_EVENTS_MAX);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && !arena_failed(arena)) {
        if (count == room) {
            room = MAX(2 * room, (size_t)16);
            struct history_event *more = arena_array(arena, room, sizeof(*more));
            if (more == NULL)
                break;
            if (count > 0)
                memcpy(more, events, count * sizeof(*more));
            events = more;
        }
        events[count++] = read_event(statement, arena);
    }
    enum err err = arena_failed(arena)   ? fail_nomem(error)
                   : code == SQLITE_DONE ? ERR_OK
                                         : fail_sql(history, HISTORY_EVENTS, error);
    sqlite3_reset(statement);
    *ret_events = events;
    *ret_count = count;
    return err;
}

enum err queue_history_read(struct queue *queue, struct queue_id id, struct arena *arena,
                            struct history_message *ret_message, struct history_event **ret_events,
                            size_t *ret_count, struct error *error)
{
    struct history_message message = {0};
    enum err err = need(queue, error);
    if (err != ERR_OK)
        return err;
    struct history *history = queue->history;
    history_flush(history);
    pthread_mutex_lock(&history->database_lock);
    err = read_message(history, id, arena, &message, error);
    if (err == ERR_OK)
        err = read_events(history, id, arena, ret_events, ret_count, error);
    pthread_mutex_unlock(&history->database_lock);
    if (err == ERR_OK)
        *ret_message = message;
    return err;
}
