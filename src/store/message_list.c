#include "store/member.h"
#include "store/seen_row.h"

enum {
    COLUMN_TEXTS = 10, /* after MEMBER_COLUMNS */
    WANT_TEXTS = WANT_ENVELOPE | WANT_STRUCTURE | WANT_PREVIEW | WANT_SORT_KEYS | WANT_THREAD_KEYS,
    WANT_OBJECT = WANT_SORT_KEYS | WANT_THREAD_KEYS | WANT_SENT,
    WANT_NEWER = WANT_SORT_KEYS | WANT_THREAD_KEYS, /* columns that old rows lack */
    LIST_FIRST = 64,
};

struct listing {
    struct arena *arena;
    unsigned want;
    size_t max;  /* 0: all */
    size_t most; /* members the folder has */
    struct message *messages;
    size_t count;
    size_t cap;
    bool incomplete; /* a row is from before there were thread keys */
};

static enum err make_room(struct listing *listing, uint64_t expected, struct error *error)
{
    if (listing->count < listing->cap)
        return ERR_OK;
    size_t cap = listing->cap > 0 ? listing->cap * 2 : (size_t)MAX(expected, LIST_FIRST);
    if (listing->max > 0)
        cap = MIN(cap, listing->max);
    cap = MIN(cap, MAX(listing->most, listing->count + 1));
    struct message *messages = arena_array(listing->arena, cap, sizeof(*messages));
    if (messages == NULL)
        return fail_plain(error, ERR_LIMIT, "Too many messages at once");
    if (listing->count > 0)
        memcpy(messages, listing->messages, listing->count * sizeof(*messages));
    listing->messages = messages;
    listing->cap = cap;
    return ERR_OK;
}

static void read_texts(struct listing *listing, sqlite3_stmt *statement, struct message *message)
{
    const struct {
        unsigned want;
        enum derived_text text;
        struct slice *to;
    } texts[] = {
        {WANT_ENVELOPE, DERIVED_ENVELOPE, &message->envelope},
        {WANT_STRUCTURE, DERIVED_STRUCTURE, &message->structure},
        {WANT_PREVIEW, DERIVED_PREVIEW, &message->preview},
        {WANT_SORT_KEYS, DERIVED_SUBJECT, &message->subject},
        {WANT_SORT_KEYS | WANT_THREAD_KEYS, DERIVED_BASE_SUBJECT, &message->base_subject},
        {WANT_SORT_KEYS, DERIVED_SORT_FROM, &message->from},
        {WANT_SORT_KEYS, DERIVED_SORT_TO, &message->to},
        {WANT_SORT_KEYS, DERIVED_SORT_CC, &message->cc},
        {WANT_SORT_KEYS, DERIVED_MESSAGE_ID, &message->message_id},
        {WANT_SORT_KEYS, DERIVED_DISPLAY_FROM, &message->display_from},
        {WANT_SORT_KEYS, DERIVED_DISPLAY_TO, &message->display_to},
        {WANT_SORT_KEYS | WANT_THREAD_KEYS, DERIVED_THREAD_KEYS, &message->thread_keys},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if ((listing->want & texts[i].want) != 0)
            *texts[i].to = arena_dup(listing->arena, db_column(statement, COLUMN_TEXTS + (int)texts[i].text));
    if ((listing->want & WANT_NEWER) != 0 &&
        sqlite3_column_type(statement, COLUMN_TEXTS + DERIVED_THREAD_KEYS) == SQLITE_NULL) {
        message->thread_keys = slice_none();
        listing->incomplete = true;
    }
}

static void read_rest(sqlite3_stmt *statement, unsigned want, struct message *message)
{
    if (want == WANT_IDS) {
        message->member.v = (uint64_t)sqlite3_column_int64(statement, 5);
        message->object.v = (uint64_t)sqlite3_column_int64(statement, 6);
    } else if (want != WANT_LEAST) {
        message->internal_date_us = sqlite3_column_int64(statement, 5);
        message->saved_us = sqlite3_column_int64(statement, 6);
        message->member.v = (uint64_t)sqlite3_column_int64(statement, 7);
        message->object.v = (uint64_t)sqlite3_column_int64(statement, 8);
        message->thread.v = (uint64_t)sqlite3_column_int64(statement, 9);
    }
}

static enum err read_row(struct listing *listing, sqlite3_stmt *statement, struct error *error)
{
    struct message *message = &listing->messages[listing->count];
    *message = (struct message){
        .uid = {key_uid(sqlite3_column_int64(statement, 0))},
        .flags = flags_column(statement, 1),
        .changed = {(uint64_t)sqlite3_column_int64(statement, 3)},
        .size = (uint64_t)sqlite3_column_int64(statement, 4),
    };
    read_rest(statement, listing->want, message);
    message->sent_us = message->internal_date_us;
    if ((listing->want & WANT_TEXTS) != 0)
        read_texts(listing, statement, message);
    if ((listing->want & WANT_OBJECT) != 0)
        message->sent_us = sqlite3_column_int64(statement, sqlite3_column_count(statement) - 1);
    if (arena_failed(listing->arena))
        return fail_plain(error, ERR_LIMIT, "Too many messages at once");
    listing->count++;
    return ERR_OK;
}

static enum err list_range(struct account *account, struct listing *listing, struct folder_id folder,
                           struct uid_range range, struct error *error)
{
    enum statement which = STATEMENT_MEMBER_LIST;
    if (listing->want == WANT_LEAST)
        which = STATEMENT_MEMBER_LIST_LEAST;
    else if (listing->want == WANT_IDS)
        which = STATEMENT_MEMBER_LIST_IDS;
    else if ((listing->want & WANT_TEXTS) != 0 && (listing->want & WANT_OBJECT) != 0)
        which = STATEMENT_MEMBER_LIST_SORT;
    else if ((listing->want & WANT_TEXTS) != 0)
        which = STATEMENT_MEMBER_LIST_TEXT;
    else if ((listing->want & WANT_OBJECT) != 0)
        which = STATEMENT_MEMBER_LIST_SENT;
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, which, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, member_key(folder, range.first));
    sqlite3_bind_int64(statement, 2, member_key(folder, range.last));
    sqlite3_bind_int64(statement, 3, listing->max > 0 ? (int64_t)(listing->max - listing->count) : -1);
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        err = make_room(listing, (uint64_t)range.last - range.first + 1, error);
        if (err == ERR_OK)
            err = read_row(listing, statement, error);
        if (err != ERR_OK)
            return err;
    }
}

/* How many messages it has, and whether \Seen is kept apart; ERR_NOT_FOUND unless it is a folder that may
 * hold some. */
static enum err folder_check(struct account *account, struct folder_id folder, size_t *ret_messages,
                             bool *ret_seen_apart, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool found;
    enum err err = db_statement(account, STATEMENT_FOLDER_MESSAGES, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    err = db_step(account, statement, &found, error);
    if (err == ERR_OK && !found)
        return fail(error, ERR_NOT_FOUND, "No such folder", "folder %llu", (unsigned long long)folder.v);
    if (err != ERR_OK)
        return err;
    *ret_messages = (size_t)sqlite3_column_int64(statement, 0);
    *ret_seen_apart = sqlite3_column_int64(statement, 1) != 0;
    return ERR_OK;
}

static enum err put_seen(struct account *account, struct folder_id folder, struct account_id person,
                         struct listing *listing, struct error *error)
{
    CLEANUP(seen_release) struct seen seen = {0};
    enum err err = seen_read(account, folder, person, &seen, error);
    for (size_t i = 0; err == ERR_OK && seen.own && i < listing->count; i++) {
        struct message *message = &listing->messages[i];
        flag_put(&message->flags, FLAG_SEEN, uid_set_has(&seen.uids, message->uid.v));
    }
    return err;
}

/* What an old row lacks, or has from an older reading (schema.c), is made from the message's header. */
static enum err complete_one(struct account *account, struct listing *listing, struct message *message,
                             struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    CLEANUP(arena_release) struct arena arena = ARENA(DERIVED_ARENA_MAX);
    struct derived derived;
    enum err err = message_read(account, message->object, CONTENT_HEADER, &content, error);
    if (err == ERR_OK)
        err = derived_make(&arena, content.whole, message->internal_date_us, &derived, error);
    if (err != ERR_OK)
        return err;
    const struct {
        enum derived_text text;
        struct slice *to;
    } made[] = {
        {DERIVED_BASE_SUBJECT, &message->base_subject},
        {DERIVED_SORT_FROM, &message->from},
        {DERIVED_SORT_TO, &message->to},
        {DERIVED_SORT_CC, &message->cc},
        {DERIVED_DISPLAY_FROM, &message->display_from},
        {DERIVED_DISPLAY_TO, &message->display_to},
        {DERIVED_THREAD_KEYS, &message->thread_keys},
    };
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        *made[i].to = arena_dup(listing->arena, derived.texts[made[i].text]);
    return arena_failed(listing->arena) ? fail_plain(error, ERR_LIMIT, "Too many messages at once") : ERR_OK;
}

/* A message that can't be read now, or was just removed, is listed without. */
static enum err complete(struct account *account, struct listing *listing, struct error *error)
{
    for (size_t i = 0; listing->incomplete && i < listing->count; i++) {
        struct message *message = &listing->messages[i];
        if (message->thread_keys.p == NULL && complete_one(account, listing, message, error) != ERR_OK &&
            arena_failed(listing->arena))
            return error->code;
    }
    return ERR_OK;
}

enum err message_list(struct account *account, struct folder_id folder, const struct uid_set *uids,
                      unsigned want, size_t max, struct arena *arena, struct message **ret_messages,
                      size_t *ret_count, struct error *error)
{
    return message_list_for(account, account->id, folder, uids, want, max, arena, ret_messages, ret_count,
                            error);
}

enum err message_list_for(struct account *account, struct account_id person, struct folder_id folder,
                          const struct uid_set *uids, unsigned want, size_t max, struct arena *arena,
                          struct message **ret_messages, size_t *ret_count, struct error *error)
{
    bool seen_apart = false;
    struct listing listing = {.arena = arena, .want = want, .max = max};
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = folder_check(account, folder, &listing.most, &seen_apart, error);
    for (size_t i = 0; err == ERR_OK && i < uids->count && (max == 0 || listing.count < max); i++)
        err = list_range(account, &listing, folder, uids->ranges[i], error);
    if (err == ERR_OK && seen_apart)
        err = put_seen(account, folder, person, &listing, error);
    account_unlock(account);
    if (err == ERR_OK)
        err = complete(account, &listing, error);
    if (err != ERR_OK)
        return err;
    *ret_messages = listing.messages;
    *ret_count = listing.count;
    return ERR_OK;
}
