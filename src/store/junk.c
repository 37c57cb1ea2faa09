#include "store/junk.h"

#include "mime/address.h"
#include "mime/header.h"
#include "store/junk_learn.h"
#include "store/junk_model.h"
#include "store/work.h"

static enum err is_known(struct account *account, uint64_t hash, bool *ret_known, struct error *error)
{
    int64_t one;
    *ret_known = false;
    return hash == 0 ? ERR_OK : DB_NUMBER(account, JUNK_KNOWN_FIND, ret_known, &one, error, (int64_t)hash);
}

/* Who wrote it; 0: nobody, or several. */
static uint64_t author_hash(const struct junk_key *key, struct slice message)
{
    CLEANUP(arena_release) struct arena arena = ARENA(JUNK_ARENA_MAX);
    CLEANUP(buf_release) struct buf spec = BUF(1024);
    struct mime_address author;
    struct slice from = mime_field_value(mime_split(slice_sub(message, 0, JUNK_READ_MAX)).header, S("From"));
    if (from.p == NULL || !mime_address_parse_one(&arena, from, &author))
        return 0;
    mime_address_put_spec(&spec, &author);
    return buf_failed(&spec) ? 0 : junk_address_hash(key, buf_slice(&spec));
}

/* Whether there is anything to ask. */
static enum err begin(struct account *account, bool *ret_able, struct junk_key *ret_key, struct error *error)
{
    bool there = false;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    if (account->limits.junk_filter != JUNK_FILTER_OFF)
        err = junk_model_read(account, &there, error);
    *ret_able = err == ERR_OK && there && account->junk.reading == JUNK_READING &&
                junk_learnt_enough(junk_model_learnt(account));
    *ret_key = account->junk.key;
    account_unlock(account);
    return err;
}

static enum err read_counts(struct account *account, const struct junk_tokens *tokens,
                            struct junk_counts *counts, struct junk_counts *ret_learnt, struct error *error)
{
    bool there;
    enum err err = junk_model_read(account, &there, error);
    *ret_learnt = junk_model_learnt(account);
    for (size_t i = 0; err == ERR_OK && i < tokens->count; i++)
        err = junk_count_read(account, tokens->list[i].hash, &counts[i], error);
    return err;
}

static enum err look_up(struct account *account, const struct junk_tokens *tokens, uint64_t author,
                        struct junk_counts *counts, struct junk_counts *ret_learnt, bool *ret_known,
                        struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_learnt = (struct junk_counts){0};
    /* One transaction for all: each by itself would cost a third more. */
    err = DB_RUN_PLAIN(account, BEGIN, error);
    if (err == ERR_OK) {
        err = read_counts(account, tokens, counts, ret_learnt, error);
        if (err == ERR_OK)
            err = is_known(account, author, ret_known, error);
        volume_database_undo(&account->database); /* nothing was written */
    }
    account_unlock(account);
    return err;
}

enum err junk_ask(struct account *account, struct slice prefix, struct slice message, struct arena *arena,
                  struct junk_opinion *ret_opinion, struct error *error)
{
    struct junk_key key;
    struct junk_tokens tokens;
    struct junk_counts learnt;
    bool able;
    *ret_opinion = (struct junk_opinion){0};
    enum err err = begin(account, &able, &key, error);
    if (err != ERR_OK || !able)
        return err;
    err = junk_tokens_read(arena, &key, prefix, message, &tokens, error);
    if (err != ERR_OK || tokens.count == 0)
        return err;
    struct junk_counts *counts = arena_array(arena, tokens.count, sizeof(*counts));
    if (counts == NULL)
        return fail_nomem(error);
    bool known = false;
    err = look_up(account, &tokens, author_hash(&key, message), counts, &learnt, &known, error);
    if (err != ERR_OK)
        return err;
    junk_judge(learnt, &tokens, counts, &ret_opinion->verdict);
    ret_opinion->known = known;
    return ERR_OK;
}

/* --- for people --- */

static enum err due_count(struct account *account, uint64_t *ret_due, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_JUNK_OBJECT_DUE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, JUNK_FIGURES_DUE_MAX);
    bool row;
    while ((err = db_step(account, statement, &row, error)) == ERR_OK && row)
        ++*ret_due;
    return err;
}

enum err junk_figures(struct account *account, struct junk_figures *ret_figures, struct error *error)
{
    bool found;
    int64_t features = 0;
    int64_t known = 0;
    struct junk_figures figures = {0};
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = junk_model_read(account, &found, error);
    figures.junk = (uint64_t)account->junk.junk / JUNK_WEIGHT;
    figures.good = (uint64_t)account->junk.good / JUNK_WEIGHT;
    if (err == ERR_OK)
        err = db_number(account, STATEMENT_JUNK_TOKEN_COUNT, NULL, 0, &found, &features, error);
    if (err == ERR_OK)
        err = db_number(account, STATEMENT_JUNK_KNOWN_COUNT, NULL, 0, &found, &known, error);
    if (err == ERR_OK)
        err = due_count(account, &figures.due, error);
    account_unlock(account);
    figures.features = (uint64_t)features;
    figures.known = (uint64_t)known;
    if (err == ERR_OK)
        *ret_figures = figures;
    return err;
}

static enum err forget_rows(struct account *account, struct error *error)
{
    enum err err = DB_RUN_PLAIN(account, JUNK_TOKENS_FORGET, error);
    if (err == ERR_OK)
        err = DB_RUN_PLAIN(account, JUNK_KNOWN_FORGET, error);
    /* What came into Junk by itself stays known as that. */
    if (err == ERR_OK)
        err = DB_RUN(account, JUNK_OBJECTS_FORGET, error, JUNK_CLASS_MACHINE);
    if (err == ERR_OK)
        err = junk_model_make(account, error);
    if (err != ERR_OK)
        return err;
    account->junk.change = account->junk.seen = account->meta.change;
    account->junk.kept = account->meta.next_object - 1;
    account->junk.pruned = account->meta.pruned;
    return junk_model_write(account, error);
}

enum err junk_forget(struct account *account, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    err = forget_rows(account, error);
    if (err == ERR_OK)
        err = work_commit(&work, error);
    if (err != ERR_OK)
        junk_model_lost(account);
    return err;
}
