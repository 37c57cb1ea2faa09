#include "store/junk_model.h"

#include <sodium.h>

#include "store/junk.h"

enum { TAG_SHIFT = 18, COUNT_MOST = UINT16_MAX * JUNK_WEIGHT };

_Static_assert(1 << TAG_SHIFT == JUNK_SLOTS, "a feature's slot and its tag share no bit");

enum err junk_model_read(struct account *account, bool *ret_there, struct error *error)
{
    struct junk_model *model = &account->junk;
    *ret_there = model->loaded && model->there;
    if (model->loaded)
        return ERR_OK;
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_JUNK_MODEL_READ, &statement, error);
    bool row = false;
    if (err == ERR_OK)
        err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    struct junk_model read = {.loaded = true, .there = row, .seen = model->seen};
    if (row) {
        struct slice key = db_column(statement, 0);
        if (key.n != JUNK_KEY_SIZE)
            return fail(error, ERR_CORRUPT, NULL, "the junk filter's key has %zu bytes", key.n);
        memcpy(read.key.bytes, key.p, JUNK_KEY_SIZE);
        int at = 1;
#define X(name) read.name = sqlite3_column_int64(statement, at++);
        JUNK_MODEL_TABLE(X)
#undef X
        /* Counted in 32 bits where it matters; what a disk says is not believed. */
        read.junk = MAX(0, MIN(read.junk, COUNT_MOST));
        read.good = MAX(0, MIN(read.good, COUNT_MOST));
    }
    *model = read;
    *ret_there = row;
    return ERR_OK;
}

enum err junk_model_make(struct account *account, struct error *error)
{
    struct junk_model model = {.loaded = true, .there = true, .reading = JUNK_READING};
    model.seen = account->junk.seen;
    model.change = account->meta.log_oldest;
    randombytes_buf(model.key.bytes, sizeof(model.key.bytes));
    account->junk = model;
    return junk_model_write(account, error);
}

enum err junk_model_write(struct account *account, struct error *error)
{
    sqlite3_stmt *statement;
    const struct junk_model *model = &account->junk;
    enum err err = db_statement(account, STATEMENT_JUNK_MODEL_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    int at = 2;
    db_bind_blob(statement, 1, slice_of(model->key.bytes, JUNK_KEY_SIZE));
#define X(name) sqlite3_bind_int64(statement, at++, model->name);
    JUNK_MODEL_TABLE(X)
#undef X
    return db_finish(account, statement, error);
}

void junk_model_lost(struct account *account)
{
    account->junk.loaded = false;
    account->junk.seen = 0;
}

/* --- counts --- */

struct slot {
    int64_t number;
    int64_t tag; /* the feature's own */
    bool used;
    bool ours;
    struct junk_counts counts; /* as of now */
};

static enum err slot_read(struct account *account, uint64_t hash, struct slot *ret_slot, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    struct slot slot = {.number = (int64_t)(hash % JUNK_SLOTS),
                        .tag = (int64_t)(uint32_t)(hash >> TAG_SHIFT)};
    enum err err = db_statement(account, STATEMENT_JUNK_TOKEN_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, slot.number);
    err = db_step(account, statement, &slot.used, error);
    if (err != ERR_OK)
        return err;
    if (slot.used) {
        uint64_t eras = (uint64_t)(account->junk.era - sqlite3_column_int64(statement, 3));
        slot.ours = sqlite3_column_int64(statement, 0) == slot.tag;
        slot.counts.junk = junk_aged((uint32_t)sqlite3_column_int64(statement, 1), eras);
        slot.counts.good = junk_aged((uint32_t)sqlite3_column_int64(statement, 2), eras);
    }
    *ret_slot = slot;
    return ERR_OK;
}

enum err junk_count_read(struct account *account, uint64_t hash, struct junk_counts *ret_counts,
                         struct error *error)
{
    struct slot slot;
    enum err err = slot_read(account, hash, &slot, error);
    if (err == ERR_OK)
        *ret_counts = slot.ours ? slot.counts : (struct junk_counts){0};
    return err;
}

static uint32_t changed(uint32_t count, bool add, uint64_t eras)
{
    uint32_t weight = junk_aged(JUNK_WEIGHT, eras);
    return add ? MIN(count + JUNK_WEIGHT, (uint32_t)COUNT_MOST) : count - MIN(count, weight);
}

enum err junk_count_change(struct account *account, uint64_t hash, enum junk_class class, bool add,
                           int64_t era, struct error *error)
{
    struct slot slot;
    uint64_t eras = (uint64_t)(account->junk.era - era);
    enum err err = slot_read(account, hash, &slot, error);
    if (err != ERR_OK)
        return err;
    if (slot.used && !slot.ours) {
        if (!add || slot.counts.junk + slot.counts.good > JUNK_WEIGHT)
            return ERR_OK;
        slot.counts = (struct junk_counts){0};
    }
    uint32_t *count = class == JUNK_CLASS_JUNK ? &slot.counts.junk : &slot.counts.good;
    *count = changed(*count, add, eras);
    if (slot.counts.junk + slot.counts.good == 0)
        return slot.used ? DB_RUN(account, JUNK_TOKEN_DROP, error, slot.number) : ERR_OK;
    return DB_RUN(account, JUNK_TOKEN_WRITE, error, slot.number, slot.tag, slot.counts.junk, slot.counts.good,
                  account->junk.era);
}

/* --- objects --- */

enum err junk_object_read(struct account *account, uint64_t id, struct junk_object *ret_object,
                          struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_JUNK_OBJECT_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)id);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    *ret_object = (struct junk_object){.id = id};
    if (row) {
        ret_object->wanted = (enum junk_class)sqlite3_column_int64(statement, 0);
        ret_object->learnt = (enum junk_class)sqlite3_column_int64(statement, 1);
        ret_object->era = sqlite3_column_int64(statement, 2);
    }
    return ERR_OK;
}

enum err junk_object_write(struct account *account, const struct junk_object *object, struct error *error)
{
    if (object->wanted == JUNK_CLASS_NONE)
        return DB_RUN(account, JUNK_OBJECT_DROP, error, (int64_t)object->id);
    return DB_RUN(account, JUNK_OBJECT_WRITE, error, (int64_t)object->id, object->wanted, object->learnt,
                  object->era);
}
