/*
 * greylist.db: one table; a row is the hash of a triplet, a network or an address, and when it was seen.
 *
 *   triplet: (none) --ask--> waiting (count 0) --ask, late enough--> passed (count 1), the network counts one
 *            waiting --GREYLIST_RETRY_US--> (none); passed --GREYLIST_KEPT_US since last seen--> (none)
 */
#include "greylist/greylist.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/must.h"
#include "store/migrate.h"

enum { KEY_BYTES = 16 };
#define PRUNE_US CLOCK_HOUR
#define TOUCH_US CLOCK_HOUR /* a row is not written anew for less */

enum kind { TRIPLET, CLIENT, CORRESPONDENT, KINDS };
enum statement { GET, PUT, COUNT, PRUNE, DROP_OLDEST, STATEMENTS };

static const char *const statement_texts[STATEMENTS] = {
    [GET] = "SELECT first, last, count FROM seen WHERE kind = ?1 AND key = ?2",
    [PUT] = "INSERT INTO seen (kind, key, first, last, count) VALUES (?1, ?2, ?3, ?4, ?5)"
            " ON CONFLICT (kind, key) DO UPDATE SET first = ?3, last = ?4, count = ?5",
    [COUNT] = "SELECT count(*) FROM seen WHERE kind = ?1",
    [PRUNE] = "DELETE FROM seen WHERE kind = ?1 AND last < ?2 AND (count = 0) = ?3",
    [DROP_OLDEST] = "DELETE FROM seen WHERE kind = ?1 AND key ="
                    " (SELECT key FROM seen WHERE kind = ?1 ORDER BY last LIMIT 1)",
};

/* Those of before versions were counted have the table already. */
static const char *const migrations[] = {"CREATE TABLE IF NOT EXISTS seen ("
                                         " kind INTEGER NOT NULL,"
                                         " key BLOB NOT NULL,"
                                         " first INTEGER NOT NULL," /* us since 1970 */
                                         " last INTEGER NOT NULL,"
                                         " count INTEGER NOT NULL,"
                                         " PRIMARY KEY (kind, key)) WITHOUT ROWID;"
                                         "CREATE INDEX IF NOT EXISTS seen_last ON seen (kind, last)"};

struct greylist {
    struct database database;
    sqlite3_stmt *statements[STATEMENTS];
    pthread_mutex_t lock; /* of all */
    uint32_t rows_max;
    uint64_t rows[KINDS]; /* upper bounds */
    int64_t pruned_at;
};

struct row {
    int64_t first, last, count;
};

struct key {
    unsigned char bytes[KEY_BYTES];
};

const char *greylist_answer_text(enum greylist_answer answer)
{
    static const char *const texts[] = {
#define X(name, text) text,
        GREYLIST_ANSWER_TABLE(X)
#undef X
    };
    must(answer < GREYLIST_ANSWERS);
    return texts[answer];
}

/* --- the database; locked --- */

static enum err fail_sql(const struct greylist *g, enum statement which, struct error *error)
{
    return volume_database_fail(&g->database, statement_texts[which], error);
}

static enum err get_row(struct greylist *g, enum kind kind, const struct key *key, struct row *ret_row,
                        bool *ret_found, struct error *error)
{
    sqlite3_stmt *statement = g->statements[GET];
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_blob(statement, 2, key->bytes, KEY_BYTES, SQLITE_STATIC);
    int result = sqlite3_step(statement);
    enum err err = result == SQLITE_ROW || result == SQLITE_DONE ? ERR_OK : fail_sql(g, GET, error);
    *ret_found = result == SQLITE_ROW;
    if (result == SQLITE_ROW)
        *ret_row = (struct row){sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                                sqlite3_column_int64(statement, 2)};
    sqlite3_reset(statement);
    return err;
}

static enum err run(struct greylist *g, enum statement which, struct error *error)
{
    sqlite3_stmt *statement = g->statements[which];
    enum err err = sqlite3_step(statement) == SQLITE_DONE ? ERR_OK : fail_sql(g, which, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

static enum err put_row(struct greylist *g, enum kind kind, const struct key *key, const struct row *row,
                        struct error *error)
{
    sqlite3_stmt *statement = g->statements[PUT];
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_blob(statement, 2, key->bytes, KEY_BYTES, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, row->first);
    sqlite3_bind_int64(statement, 4, row->last);
    sqlite3_bind_int64(statement, 5, row->count);
    return run(g, PUT, error);
}

static enum err count_rows(struct greylist *g, enum kind kind, struct error *error)
{
    sqlite3_stmt *statement = g->statements[COUNT];
    sqlite3_bind_int(statement, 1, (int)kind);
    enum err err = sqlite3_step(statement) == SQLITE_ROW ? ERR_OK : fail_sql(g, COUNT, error);
    if (err == ERR_OK)
        g->rows[kind] = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return err;
}

/* waiting: of triplets, those that have not passed. */
static enum err prune_kind(struct greylist *g, enum kind kind, bool waiting, int64_t before_us,
                           struct error *error)
{
    sqlite3_stmt *statement = g->statements[PRUNE];
    sqlite3_bind_int(statement, 1, (int)kind);
    sqlite3_bind_int64(statement, 2, before_us);
    sqlite3_bind_int(statement, 3, waiting);
    return run(g, PRUNE, error);
}

static enum err prune(struct greylist *g, int64_t now_us, struct error *error)
{
    enum err err = prune_kind(g, TRIPLET, true, now_us - GREYLIST_RETRY_US, error);
    if (err == ERR_OK)
        err = prune_kind(g, TRIPLET, false, now_us - GREYLIST_KEPT_US, error);
    if (err == ERR_OK)
        err = prune_kind(g, CLIENT, false, now_us - GREYLIST_KEPT_US, error);
    if (err == ERR_OK)
        err = prune_kind(g, CORRESPONDENT, false, now_us - GREYLIST_CORRESPONDENT_US, error);
    for (unsigned kind = 0; err == ERR_OK && kind < KINDS; kind++)
        err = count_rows(g, (enum kind)kind, error);
    if (err == ERR_OK)
        g->pruned_at = now_us;
    return err;
}

/* One more row of a kind that has a right to be kept: the one not seen for longest goes. */
static enum err make_room(struct greylist *g, enum kind kind, struct error *error)
{
    if (g->rows[kind]++ < g->rows_max)
        return ERR_OK;
    g->rows[kind]--;
    sqlite3_bind_int(g->statements[DROP_OLDEST], 1, (int)kind);
    return run(g, DROP_OLDEST, error);
}

/* --- opening --- */

static enum err prepare(struct greylist *g, struct error *error)
{
    enum err err = database_migrate(&g->database, migrations, ARRAY_LEN(migrations), error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(g->database.sqlite, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &g->statements[i], NULL) != SQLITE_OK)
            return fail_sql(g, (enum statement)i, error);
    return prune(g, clock_wall_us(), error);
}

enum err greylist_open(const struct greylist_options *options, struct greylist **ret_greylist,
                       struct error *error)
{
    struct greylist *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return fail_nomem(error);
    pthread_mutex_init(&g->lock, NULL);
    g->rows_max = options->rows_max > 0 ? options->rows_max : GREYLIST_ROWS_MAX;
    enum err err = volume_database_open(options->volume, "greylist.db", true, &g->database, error);
    if (err == ERR_OK)
        err = prepare(g, error);
    if (err != ERR_OK) {
        greylist_close(g);
        return err;
    }
    *ret_greylist = g;
    return ERR_OK;
}

void greylist_close(struct greylist *g)
{
    if (g == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(g->statements[i]);
    volume_database_close(&g->database);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* --- questions --- */

static void hash_part(crypto_generichash_state *state, struct slice part)
{
    char lower[GREYLIST_PARTS_MAX];
    uint32_t n = (uint32_t)MIN(part.n, sizeof(lower));
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(part.p[i]);
    crypto_generichash_update(state, (const unsigned char *)&n, sizeof(n));
    crypto_generichash_update(state, (const unsigned char *)lower, n);
}

static struct key key_of(const struct slice *parts, size_t count)
{
    crypto_generichash_state state;
    struct key key;
    crypto_generichash_init(&state, NULL, 0, KEY_BYTES);
    for (size_t i = 0; i < count; i++)
        hash_part(&state, parts[i]);
    crypto_generichash_final(&state, key.bytes, KEY_BYTES);
    return key;
}

static struct slice domain_of(struct slice address)
{
    ssize_t at = slice_rfind_char(address, '@');
    return at < 0 ? slice_none() : slice_from(address, (size_t)at + 1);
}

/* What is seen again and again is written down once in a while. */
static enum err touch(struct greylist *g, enum kind kind, const struct key *key, struct row *row,
                      int64_t now_us, struct error *error)
{
    if (now_us - row->last < TOUCH_US)
        return ERR_OK;
    row->last = now_us;
    return put_row(g, kind, key, row, error);
}

/* Both ends of what is known for longer than a letter. */
static enum err find_known(struct greylist *g, const struct greylist_question *q, int64_t now_us,
                           enum greylist_answer *ret_answer, bool *ret_found, struct error *error)
{
    struct row row;
    const struct key sender = key_of(&q->sender, 1), network = key_of(&q->network, 1);
    *ret_found = false;
    if (q->sender.n > 0) {
        enum err err = get_row(g, CORRESPONDENT, &sender, &row, ret_found, error);
        if (err != ERR_OK)
            return err;
        *ret_found = *ret_found && now_us - row.last < GREYLIST_CORRESPONDENT_US;
        *ret_answer = GREYLIST_CORRESPONDENT;
        if (*ret_found)
            return ERR_OK;
    }
    enum err err = get_row(g, CLIENT, &network, &row, ret_found, error);
    if (err != ERR_OK || !*ret_found)
        return err;
    *ret_found = now_us - row.last < GREYLIST_KEPT_US && row.count >= GREYLIST_PASSES_KNOWN;
    *ret_answer = GREYLIST_KNOWN;
    return *ret_found ? touch(g, CLIENT, &network, &row, now_us, error) : ERR_OK;
}

/* One more letter of the network has come twice. */
static enum err count_client(struct greylist *g, struct slice network, int64_t now_us, struct error *error)
{
    struct row row;
    bool found;
    const struct key key = key_of(&network, 1);
    enum err err = get_row(g, CLIENT, &key, &row, &found, error);
    if (err == ERR_OK && !found)
        err = make_room(g, CLIENT, error);
    if (err != ERR_OK)
        return err;
    if (!found || now_us - row.last >= GREYLIST_KEPT_US)
        row = (struct row){.first = now_us};
    row.last = now_us;
    row.count++;
    return put_row(g, CLIENT, &key, &row, error);
}

/* A clock that was set back makes nobody wait for longer. */
static int64_t age(int64_t now_us, int64_t then_us)
{
    return MAX(now_us - then_us, INT64_C(0));
}

static enum err ask_triplet(struct greylist *g, const struct greylist_question *q, int64_t now_us,
                            enum greylist_answer *ret_answer, int64_t *ret_left_us, struct error *error)
{
    const struct slice parts[] = {q->network, domain_of(q->sender), q->recipient};
    const struct key key = key_of(parts, ARRAY_LEN(parts));
    struct row row;
    bool found;
    enum err err = get_row(g, TRIPLET, &key, &row, &found, error);
    if (err != ERR_OK)
        return err;
    if (!found && g->rows[TRIPLET] >= g->rows_max) {
        *ret_answer = GREYLIST_FULL;
        return ERR_OK;
    }
    g->rows[TRIPLET] += !found;
    bool passed = found && row.count > 0;
    if (!found || age(now_us, row.last) >= (passed ? GREYLIST_KEPT_US : GREYLIST_RETRY_US)) {
        row = (struct row){.first = now_us, .last = now_us};
        *ret_answer = GREYLIST_WAIT;
        *ret_left_us = q->wait_us;
        return put_row(g, TRIPLET, &key, &row, error);
    }
    if (passed) {
        *ret_answer = GREYLIST_SEEN;
        return touch(g, TRIPLET, &key, &row, now_us, error);
    }
    if (age(now_us, row.first) < q->wait_us) {
        *ret_answer = GREYLIST_WAIT;
        *ret_left_us = q->wait_us - age(now_us, row.first);
        return ERR_OK;
    }
    row.last = now_us;
    row.count = 1;
    *ret_answer = GREYLIST_WAITED;
    err = put_row(g, TRIPLET, &key, &row, error);
    return err == ERR_OK ? count_client(g, q->network, now_us, error) : err;
}

enum err greylist_ask(struct greylist *g, const struct greylist_question *q, int64_t now_us,
                      enum greylist_answer *ret_answer, int64_t *ret_left_us, struct error *error)
{
    enum greylist_answer answer = GREYLIST_WAIT;
    int64_t left_us = 0;
    bool known = false;
    pthread_mutex_lock(&g->lock);
    enum err err = now_us - g->pruned_at >= PRUNE_US ? prune(g, now_us, error) : ERR_OK;
    if (err == ERR_OK)
        err = find_known(g, q, now_us, &answer, &known, error);
    if (err == ERR_OK && !known)
        err = ask_triplet(g, q, now_us, &answer, &left_us, error);
    pthread_mutex_unlock(&g->lock);
    if (err == ERR_OK) {
        *ret_answer = answer;
        *ret_left_us = left_us;
    }
    return err;
}

enum err greylist_wrote_to(struct greylist *g, struct slice address, int64_t now_us, struct error *error)
{
    struct row row;
    bool found;
    const struct key key = key_of(&address, 1);
    pthread_mutex_lock(&g->lock);
    enum err err = get_row(g, CORRESPONDENT, &key, &row, &found, error);
    if (err == ERR_OK && !found)
        err = make_room(g, CORRESPONDENT, error);
    if (err == ERR_OK && found) {
        err = touch(g, CORRESPONDENT, &key, &row, now_us, error);
    } else if (err == ERR_OK) {
        row = (struct row){now_us, now_us, 1};
        err = put_row(g, CORRESPONDENT, &key, &row, error);
    }
    pthread_mutex_unlock(&g->lock);
    return err;
}
