#include "store/junk_learn.h"

#include <stdlib.h>

#include "mime/address.h"
#include "mime/header.h"
#include "store/junk.h"
#include "store/junk_acts.h"
#include "store/junk_model.h"
#include "store/work.h"

/* What one message brings: hashes of features, or of addresses. */
struct lesson {
    struct junk_object object; /* as its row said when it was read */
    uint64_t *hashes;
    size_t count;
    bool nothing; /* it is gone, or can't be read */
};

struct lessons {
    struct lesson list[JUNK_LEARN_BATCH];
    size_t count;
    struct junk_key key;
    struct arena arena;
};

/* --- reading --- */

static enum err due_read(struct account *account, struct lessons *lessons, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_JUNK_OBJECT_DUE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, JUNK_LEARN_BATCH);
    bool row;
    while ((err = db_step(account, statement, &row, error)) == ERR_OK && row)
        lessons->list[lessons->count++].object =
            (struct junk_object){.id = (uint64_t)sqlite3_column_int64(statement, 0),
                                 .wanted = (enum junk_class)sqlite3_column_int64(statement, 1),
                                 .learnt = (enum junk_class)sqlite3_column_int64(statement, 2),
                                 .era = sqlite3_column_int64(statement, 3)};
    return err;
}

static enum err due_list(struct account *account, struct lessons *lessons, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    if (account->limits.junk_filter != JUNK_FILTER_OFF && account->junk.loaded && account->junk.there) {
        lessons->key = account->junk.key;
        err = due_read(account, lessons, error);
    }
    account_unlock(account);
    return err;
}

static void keep_recipients(struct lessons *lessons, struct lesson *lesson, struct slice value)
{
    CLEANUP(arena_release) struct arena arena = ARENA(JUNK_ARENA_MAX);
    struct mime_addresses list = {0};
    struct error ignored;
    if (mime_addresses_parse(&arena, value, &list, &ignored) != ERR_OK)
        return;
    for (const struct mime_address *a = list.first; a != NULL && lesson->count < JUNK_RECIPIENTS_MAX;
         a = a->next) {
        CLEANUP(buf_release) struct buf spec = BUF(1024);
        if (a->kind != MIME_ADDRESS_MAILBOX || a->domain.n == 0)
            continue;
        mime_address_put_spec(&spec, a);
        if (!buf_failed(&spec))
            lesson->hashes[lesson->count++] = junk_address_hash(&lessons->key, buf_slice(&spec));
    }
}

static enum err read_recipients(struct lessons *lessons, struct lesson *lesson, struct slice header,
                                struct error *error)
{
    struct cursor cursor = cursor_of(header);
    struct mime_field field;
    lesson->hashes = arena_array(&lessons->arena, JUNK_RECIPIENTS_MAX, sizeof(uint64_t));
    if (lesson->hashes == NULL)
        return fail_nomem(error);
    while (mime_field_next(&cursor, &field))
        if (slice_eq_nocase(field.name, S("To")) || slice_eq_nocase(field.name, S("Cc")) ||
            slice_eq_nocase(field.name, S("Bcc")))
            keep_recipients(lessons, lesson, field.value);
    return ERR_OK;
}

static enum err read_tokens(struct lessons *lessons, struct lesson *lesson, struct slice message,
                            struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(JUNK_ARENA_MAX);
    struct junk_tokens tokens;
    enum err err = junk_tokens_read(&arena, &lessons->key, slice_none(), message, &tokens, error);
    if (err != ERR_OK)
        return err;
    lesson->hashes = arena_array(&lessons->arena, tokens.count, sizeof(uint64_t));
    if (tokens.count > 0 && lesson->hashes == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < tokens.count; i++)
        lesson->hashes[lesson->count++] = tokens.list[i].hash;
    return ERR_OK;
}

static enum err lesson_read(struct account *account, struct lessons *lessons, struct lesson *lesson,
                            struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    bool sent = lesson->object.wanted == JUNK_CLASS_SENT;
    enum err err = message_read(account, (struct object_id){lesson->object.id},
                                sent ? CONTENT_HEADER : CONTENT_WHOLE, &content, error);
    lesson->nothing = err == ERR_NOT_FOUND || err == ERR_CORRUPT;
    if (lesson->nothing)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    return sent ? read_recipients(lessons, lesson, content.whole, error)
                : read_tokens(lessons, lesson, content.whole, error);
}

/* --- counting --- */

static bool is_counted(enum junk_class class)
{
    return class == JUNK_CLASS_JUNK || class == JUNK_CLASS_GOOD;
}

static enum err count_all(struct account *account, const struct lesson *lesson, enum junk_class class,
                          bool add, struct error *error)
{
    struct junk_model *model = &account->junk;
    int64_t *learnt = class == JUNK_CLASS_JUNK ? &model->junk : &model->good;
    int64_t era = add ? model->era : lesson->object.era;
    int64_t weight = junk_aged(JUNK_WEIGHT, (uint64_t)(model->era - era));
    *learnt += add ? weight : -MIN(weight, *learnt);
    for (size_t i = 0; i < lesson->count; i++) {
        enum err err = junk_count_change(account, lesson->hashes[i], class, add, era, error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static void era_advance(struct junk_model *model)
{
    if (++model->era_messages < JUNK_ERA_MESSAGES)
        return;
    model->era_messages = 0;
    model->era++;
    model->junk /= 2;
    model->good /= 2;
}

static enum err meet_all(struct account *account, const struct lesson *lesson, struct error *error)
{
    bool found;
    int64_t known = 0;
    int64_t now = clock_wall_us();
    for (size_t i = 0; i < lesson->count; i++) {
        enum err err = DB_RUN(account, JUNK_KNOWN_SET, error, (int64_t)lesson->hashes[i], now);
        if (err != ERR_OK)
            return err;
    }
    enum err err = db_number(account, STATEMENT_JUNK_KNOWN_COUNT, NULL, 0, &found, &known, error);
    if (err != ERR_OK || known <= JUNK_KNOWN_MAX)
        return err;
    /* More than is needed, so that it is not done each time. */
    return DB_RUN(account, JUNK_KNOWN_TRIM, error, known - JUNK_KNOWN_MAX + JUNK_KNOWN_MAX / 8);
}

static enum err lesson_count(struct account *account, const struct lesson *lesson, struct error *error)
{
    struct junk_object object;
    enum err err = junk_object_read(account, lesson->object.id, &object, error);
    if (err != ERR_OK || object.wanted != lesson->object.wanted || object.learnt != lesson->object.learnt ||
        object.wanted == object.learnt)
        return err; /* it was forgotten meanwhile */
    if (lesson->nothing || object.wanted == JUNK_CLASS_SENT) {
        err = lesson->nothing ? ERR_OK : meet_all(account, lesson, error);
        object.wanted = JUNK_CLASS_NONE;
        return err == ERR_OK ? junk_object_write(account, &object, error) : err;
    }
    if (is_counted(object.learnt))
        err = count_all(account, lesson, object.learnt, false, error);
    if (err == ERR_OK)
        err = count_all(account, lesson, object.wanted, true, error);
    object.learnt = object.wanted;
    object.era = account->junk.era;
    era_advance(&account->junk);
    return err == ERR_OK ? junk_object_write(account, &object, error) : err;
}

static enum err lessons_count(struct account *account, const struct lessons *lessons, struct error *error)
{
    bool there;
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    err = junk_model_read(account, &there, error);
    if (err != ERR_OK || !there || memcmp(&account->junk.key, &lessons->key, sizeof(lessons->key)) != 0)
        return err; /* all is forgotten */
    for (size_t i = 0; err == ERR_OK && i < lessons->count; i++)
        err = lesson_count(account, &lessons->list[i], error);
    if (err == ERR_OK)
        err = junk_model_write(account, error);
    if (err == ERR_OK)
        err = work_commit(&work, error);
    if (err != ERR_OK)
        junk_model_lost(account);
    return err;
}

static enum err lessons_learn(struct account *account, const atomic_bool *stopping, bool *ret_more,
                              struct error *error)
{
    struct lessons lessons = {.arena = ARENA(JUNK_ARENA_MAX)};
    enum err err = due_list(account, &lessons, error);
    *ret_more = lessons.count == JUNK_LEARN_BATCH;
    for (size_t i = 0; err == ERR_OK && i < lessons.count; i++)
        err = atomic_load(stopping) ? fail(error, ERR_CLOSED, NULL, "the server stops")
                                    : lesson_read(account, &lessons, &lessons.list[i], error);
    if (err == ERR_OK && lessons.count > 0)
        err = lessons_count(account, &lessons, error);
    arena_release(&lessons.arena);
    return err;
}

enum err junk_learn_step(struct account *account, const atomic_bool *stopping, bool *ret_more,
                         struct error *error)
{
    bool more_acts = false;
    bool more_lessons = false;
    bool more_kept = false;
    enum err err = junk_acts_note(account, &more_acts, error);
    if (err == ERR_OK)
        err = lessons_learn(account, stopping, &more_lessons, error);
    if (err == ERR_OK && !more_acts && !more_lessons)
        err = junk_kept_note(account, &more_kept, error);
    *ret_more = err == ERR_OK && (more_acts || more_lessons || more_kept);
    return err;
}

/* --- the thread --- */

static enum err turn(void *context, struct account *account, const atomic_bool *stopping, bool *ret_more,
                     struct error *error)
{
    (void)context;
    return junk_learn_step(account, stopping, ret_more, error);
}

enum err learner_start(struct store *store, struct background **ret_learner, struct error *error)
{
    const struct background_work work = {
        .name = "store-junk", .interval_s = JUNK_INTERVAL_S, .nice = JUNK_NICE, .turn = turn};
    return background_start(store, &work, ret_learner, error);
}
