#include "store/ledger.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "store/quota.h"
#include "store/registry.h"
#include "store/tidy.h"
#include "store/work.h"

enum { OPENED_ARENA_MAX = 256 * 1024 * 1024 };

struct pool {
    struct domain_id id;
    pthread_mutex_t mutex;             /* everything below */
    struct ledger_domain rows;         /* as the ledger has it */
    int64_t more_bytes, more_messages; /* what open accounts hold beyond their rows */
    uint64_t reserved_bytes, reserved_messages;
    bool noted;
};

struct ledger_book {
    struct ledger ledger;
    atomic_bool kept; /* the ledger is there */
    pthread_mutex_t mutex;
    struct map pools;                /* domain id -> struct pool */
    _Atomic uint64_t opened, synced; /* rows that were opened; of these durable */
    pthread_mutex_t due_mutex;       /* comes last */
    struct domain_id due[POOLS_DUE_MAX];
    size_t due_count;
};

enum err ledger_book_make(struct ledger_book **ret_book, struct error *error)
{
    struct ledger_book *book = calloc(1, sizeof(*book));
    if (book == NULL)
        return fail_nomem(error);
    pthread_mutex_init(&book->mutex, NULL);
    pthread_mutex_init(&book->due_mutex, NULL);
    *ret_book = book;
    return ERR_OK;
}

static void pool_free(void *context UNUSED, struct slice key UNUSED, void *value)
{
    struct pool *pool = value;
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

void ledger_book_free(struct ledger_book *book)
{
    if (book == NULL)
        return;
    map_each(&book->pools, pool_free, NULL);
    map_release(&book->pools);
    pthread_mutex_destroy(&book->mutex);
    pthread_mutex_destroy(&book->due_mutex);
    free(book);
}

static bool is_kept(const struct store *store)
{
    return atomic_load(&store->book->kept);
}

/* --- pools --- */

static uint64_t sum(uint64_t rows, int64_t more)
{
    return more < 0 && (uint64_t)-more > rows ? 0 : rows + (uint64_t)more;
}

static struct domain_use use_of(const struct pool *pool)
{
    return (struct domain_use){.id = pool->id,
                               .bytes = sum(pool->rows.bytes, pool->more_bytes),
                               .messages = sum(pool->rows.messages, pool->more_messages),
                               .quota_bytes = pool->rows.quota_bytes,
                               .quota_messages = pool->rows.quota_messages};
}

static unsigned percent_of(const struct pool *pool)
{
    const struct domain_use use = use_of(pool);
    return MAX(quota_percent(use.bytes, use.quota_bytes), quota_percent(use.messages, use.quota_messages));
}

static unsigned should_be_warned(const struct pool *pool)
{
    return quota_step_now(pool->rows.warn, pool->rows.warned, percent_of(pool));
}

/* With pool->mutex held. */
static void note_due(struct ledger_book *book, struct pool *pool)
{
    if (pool->noted || should_be_warned(pool) == pool->rows.warned)
        return;
    pthread_mutex_lock(&book->due_mutex);
    if (book->due_count < POOLS_DUE_MAX) {
        pool->noted = true;
        book->due[book->due_count++] = pool->id;
    }
    pthread_mutex_unlock(&book->due_mutex);
}

static void pool_add(struct ledger_book *book, struct pool *pool, int64_t bytes, int64_t messages)
{
    pthread_mutex_lock(&pool->mutex);
    pool->more_bytes += bytes;
    pool->more_messages += messages;
    note_due(book, pool);
    pthread_mutex_unlock(&pool->mutex);
}

/* book->mutex held: no row is settled meanwhile. A domain that is gone has no accounts. */
static enum err pool_load(struct ledger_book *book, struct pool *pool, struct error *error)
{
    struct ledger_domain rows = {0};
    enum err err = book->ledger.domain(book->ledger.context, pool->id, &rows, error);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return err;
    pthread_mutex_lock(&pool->mutex);
    pool->rows = rows;
    note_due(book, pool);
    pthread_mutex_unlock(&pool->mutex);
    return ERR_OK;
}

/* book->mutex held. */
static enum err pool_get(struct ledger_book *book, struct domain_id id, struct pool **ret_pool,
                         struct error *error)
{
    struct pool *pool = map_get(&book->pools, map_key_u64(&id.v));
    if (pool != NULL) {
        *ret_pool = pool;
        return ERR_OK;
    }
    pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return fail_nomem(error);
    pool->id = id;
    pthread_mutex_init(&pool->mutex, NULL);
    enum err err = pool_load(book, pool, error);
    if (err == ERR_OK && !map_set(&book->pools, map_key_u64(&id.v), pool))
        err = fail_nomem(error);
    if (err != ERR_OK) {
        pool_free(NULL, slice_none(), pool);
        return err;
    }
    *ret_pool = pool;
    return ERR_OK;
}

void store_domain_changed(struct store *store, struct domain_id id)
{
    struct ledger_book *book = store->book;
    struct error error;
    if (!is_kept(store))
        return;
    pthread_mutex_lock(&book->mutex);
    struct pool *pool = map_get(&book->pools, map_key_u64(&id.v));
    if (pool != NULL && pool_load(book, pool, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.ledger", F_INT("domain", (int64_t)id.v), F_ERR(&error));
    pthread_mutex_unlock(&book->mutex);
}

enum err store_domain_state(struct store *store, struct domain_id id, struct domain_state *ret_state,
                            struct error *error)
{
    struct ledger_book *book = store->book;
    struct pool *pool = NULL;
    if (!is_kept(store))
        return fail(error, ERR_UNAVAILABLE, NULL, "nothing is counted");
    pthread_mutex_lock(&book->mutex);
    enum err err = pool_get(book, id, &pool, error);
    pthread_mutex_unlock(&book->mutex);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&pool->mutex);
    *ret_state = (struct domain_state){.use = use_of(pool),
                                       .percent = percent_of(pool),
                                       .warned = pool->rows.warned,
                                       .warn = should_be_warned(pool)};
    pthread_mutex_unlock(&pool->mutex);
    return ERR_OK;
}

size_t store_domains_due(struct store *store, struct domain_id *ret_ids, size_t max)
{
    struct ledger_book *book = store->book;
    pthread_mutex_lock(&book->due_mutex);
    size_t count = MIN(book->due_count, max);
    for (size_t i = 0; i < count; i++)
        ret_ids[i] = book->due[--book->due_count];
    pthread_mutex_unlock(&book->due_mutex);
    pthread_mutex_lock(&book->mutex);
    for (size_t i = 0; i < count; i++) {
        struct pool *pool = map_get(&book->pools, map_key_u64(&ret_ids[i].v));
        must(pool != NULL);
        pthread_mutex_lock(&pool->mutex);
        pool->noted = false;
        pthread_mutex_unlock(&pool->mutex);
    }
    pthread_mutex_unlock(&book->mutex);
    return count;
}

/* --- rows --- */

static enum err row_open(struct account *account, struct error *error)
{
    struct ledger_book *book = account->store->book;
    if (atomic_load(&account->row_open))
        return ERR_OK;
    enum err err = book->ledger.open(book->ledger.context, account->id, error);
    if (err != ERR_OK)
        return err;
    atomic_store(&account->row_open, true);
    atomic_fetch_add(&book->opened, 1);
    return ERR_OK;
}

/* account->mutex and book->mutex held. */
static enum err row_write(struct account *account, struct error *error)
{
    struct ledger_book *book = account->store->book;
    struct pool *pool = account->pool;
    const struct account_meta *meta = &account->meta;
    enum err err = book->ledger.settle(book->ledger.context, account->id, (uint64_t)meta->bytes,
                                       (uint64_t)meta->messages, error);
    if (err != ERR_OK)
        return err;
    int64_t bytes = meta->bytes - account->row_bytes;
    int64_t messages = meta->messages - account->row_messages;
    pthread_mutex_lock(&pool->mutex);
    pool->rows.bytes = sum(pool->rows.bytes, bytes);
    pool->rows.messages = sum(pool->rows.messages, messages);
    pool->more_bytes -= bytes;
    pool->more_messages -= messages;
    pthread_mutex_unlock(&pool->mutex);
    account->row_bytes = meta->bytes;
    account->row_messages = meta->messages;
    atomic_store(&account->row_open, false);
    return ERR_OK;
}

/* account->mutex held. What is not durable stays open, and what fails is tried again. */
static void settle(struct account *account)
{
    struct ledger_book *book = account->store->book;
    struct error error;
    if (account->pool == NULL || !atomic_load(&account->row_open) || !is_kept(account->store) ||
        account->broken || account->synced_commits != account->commits)
        return;
    pthread_mutex_lock(&book->mutex);
    if (row_write(account, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.ledger", F_ID("account", account->id.v), F_ERR(&error));
    pthread_mutex_unlock(&book->mutex);
}

enum err ledger_sync(struct store *store, struct error *error)
{
    struct ledger_book *book = store->book;
    uint64_t opened = atomic_load(&book->opened);
    if (!is_kept(store) || atomic_load(&book->synced) >= opened)
        return ERR_OK;
    enum err err = book->ledger.sync(book->ledger.context, error);
    if (err == ERR_OK)
        atomic_store(&book->synced, opened); /* an older number only makes another sync */
    return err;
}

/* --- an account comes and goes --- */

/* book->mutex held. */
static enum err join(struct account *account, struct error *error)
{
    struct ledger_book *book = account->store->book;
    struct ledger_row row = {0};
    struct pool *pool = NULL;
    enum err err = book->ledger.account(book->ledger.context, account->id, &row, error);
    if (err != ERR_OK || row.domain.v == 0)
        return err;
    err = pool_get(book, row.domain, &pool, error);
    if (err != ERR_OK)
        return err;
    int64_t bytes = account->meta.bytes - (int64_t)row.bytes;
    int64_t messages = account->meta.messages - (int64_t)row.messages;
    atomic_store(&account->row_open, row.open);
    if (bytes != 0 || messages != 0)
        err = row_open(account, error);
    if (err != ERR_OK)
        return err;
    account->pool = pool;
    account->row_bytes = (int64_t)row.bytes;
    account->row_messages = (int64_t)row.messages;
    pool_add(book, pool, bytes, messages);
    return ERR_OK;
}

enum err ledger_join(struct account *account, struct error *error)
{
    struct ledger_book *book = account->store->book;
    if (!is_kept(account->store))
        return ERR_OK;
    pthread_mutex_lock(&book->mutex);
    enum err err = join(account, error);
    pthread_mutex_unlock(&book->mutex);
    return err;
}

static void leave_pool(struct account *account)
{
    struct pool *pool = take(account->pool);
    if (pool != NULL)
        pool_add(account->store->book, pool, account->row_bytes - account->meta.bytes,
                 account->row_messages - account->meta.messages);
}

void ledger_leave(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    settle(account);
    leave_pool(account);
    pthread_mutex_unlock(&account->mutex);
}

void ledger_gone(struct store *store, struct account_id id)
{
    struct ledger_book *book = store->book;
    struct ledger_row row = {0};
    struct error error;
    if (!is_kept(store))
        return;
    pthread_mutex_lock(&book->mutex);
    enum err err = book->ledger.account(book->ledger.context, id, &row, &error);
    if (err == ERR_OK && row.domain.v != 0)
        err = book->ledger.settle(book->ledger.context, id, 0, 0, &error);
    pthread_mutex_unlock(&book->mutex);
    if (err != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.ledger", F_ID("account", id.v), F_ERR(&error));
    if (row.domain.v != 0)
        store_domain_changed(store, row.domain);
}

/* account->mutex and book->mutex held. */
static enum err move(struct account *account, struct error *error)
{
    struct ledger_book *book = account->store->book;
    struct ledger_row row = {0};
    struct pool *pool = NULL;
    enum err err = book->ledger.account(book->ledger.context, account->id, &row, error);
    if (err == ERR_OK && row.domain.v != 0)
        err = pool_get(book, row.domain, &pool, error);
    if (err != ERR_OK || pool == account->pool)
        return err;
    leave_pool(account);
    account->pool = pool;
    if (pool != NULL)
        pool_add(book, pool, account->meta.bytes - account->row_bytes,
                 account->meta.messages - account->row_messages);
    return ERR_OK;
}

void store_account_moved(struct store *store, struct account_id id)
{
    struct error error;
    struct account *account = is_kept(store) ? registry_open_already(store, id) : NULL;
    if (account == NULL)
        return; /* who opens it sees where it is */
    pthread_mutex_lock(&account->mutex);
    pthread_mutex_lock(&store->book->mutex);
    if (move(account, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.ledger", F_ID("account", id.v), F_ERR(&error));
    pthread_mutex_unlock(&store->book->mutex);
    pthread_mutex_unlock(&account->mutex);
    registry_unref_house(account);
}

/* --- transactions --- */

bool ledger_limits(const struct account *account)
{
    const struct domain_use use = ledger_use(account);
    return use.quota_bytes > 0 || use.quota_messages > 0;
}

struct domain_use ledger_use(const struct account *account)
{
    struct pool *pool = account->pool;
    if (pool == NULL)
        return (struct domain_use){0};
    pthread_mutex_lock(&pool->mutex);
    const struct domain_use use = use_of(pool);
    pthread_mutex_unlock(&pool->mutex);
    return use;
}

static bool fits(uint64_t used, uint64_t reserved, uint64_t more, uint64_t quota)
{
    return quota == 0 || (used <= quota && reserved <= quota - used && more <= quota - used - reserved);
}

enum err ledger_reserve(struct work *work, uint64_t bytes, uint64_t messages, struct error *error)
{
    struct pool *pool = work->account->pool;
    if (pool == NULL)
        return ERR_OK;
    pthread_mutex_lock(&pool->mutex);
    const struct domain_use use = use_of(pool);
    bool room = fits(use.bytes, pool->reserved_bytes, bytes, use.quota_bytes) &&
                fits(use.messages, pool->reserved_messages, messages, use.quota_messages);
    if (room) {
        pool->reserved_bytes += bytes;
        pool->reserved_messages += messages;
        work->reserved_bytes += bytes;
        work->reserved_messages += messages;
    }
    pthread_mutex_unlock(&pool->mutex);
    return room ? ERR_OK
                : fail(error, ERR_QUOTA, NULL, "domain %llu: %llu bytes, %llu messages are there",
                       (unsigned long long)pool->id.v, (unsigned long long)use.bytes,
                       (unsigned long long)use.messages);
}

enum err ledger_prepare(const struct work *work, struct error *error)
{
    struct account *account = work->account;
    bool same = account->meta.bytes == work->before.bytes && account->meta.messages == work->before.messages;
    return same || account->pool == NULL ? ERR_OK : row_open(account, error);
}

void ledger_end(struct work *work)
{
    const struct account *account = work->account;
    struct pool *pool = account->pool;
    int64_t bytes = account->meta.bytes - work->before.bytes;
    int64_t messages = account->meta.messages - work->before.messages;
    bool same = bytes == 0 && messages == 0 && work->reserved_bytes == 0 && work->reserved_messages == 0;
    if (pool == NULL || same)
        return;
    pthread_mutex_lock(&pool->mutex);
    must(pool->reserved_bytes >= work->reserved_bytes && pool->reserved_messages >= work->reserved_messages);
    pool->reserved_bytes -= work->reserved_bytes;
    pool->reserved_messages -= work->reserved_messages;
    pool->more_bytes += bytes;
    pool->more_messages += messages;
    note_due(account->store->book, pool);
    pthread_mutex_unlock(&pool->mutex);
    work->reserved_bytes = work->reserved_messages = 0;
}

/* --- all accounts --- */

struct open_rows {
    struct account_id *ids;
    size_t count;
};

static void gather_open(void *context, struct slice key UNUSED, void *value)
{
    struct open_rows *rows = context;
    const struct account *account = value;
    if (account->phase == ACCOUNT_OPEN && atomic_load(&account->row_open))
        rows->ids[rows->count++] = account->id;
}

void ledger_settle_all(struct store *store, const atomic_bool *stopping)
{
    struct open_rows rows = {0};
    if (!is_kept(store))
        return;
    pthread_mutex_lock(&store->mutex);
    rows.ids = calloc(store->accounts.count + 1, sizeof(*rows.ids));
    if (rows.ids != NULL)
        map_each(&store->accounts, gather_open, &rows);
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; i < rows.count && !atomic_load(stopping); i++) {
        struct account *account = registry_open_already(store, rows.ids[i]);
        if (account == NULL)
            continue;
        pthread_mutex_lock(&account->mutex);
        settle(account);
        pthread_mutex_unlock(&account->mutex);
        registry_unref_house(account);
    }
    free(rows.ids);
}

/* Opening it puts its pool right. One without data holds nothing; one that can't be opened counts with what
 * its row says until it can. */
static void look_into(struct store *store, struct account_id id)
{
    struct account *account = NULL;
    struct error error;
    enum err err = store_account(store, id, &account, &error);
    if (err == ERR_NOT_FOUND) {
        ledger_gone(store, id);
        return;
    }
    if (err != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "store.ledger", F_ID("account", id.v), F_ERR(&error));
        return;
    }
    pthread_mutex_lock(&account->mutex);
    settle(account);
    pthread_mutex_unlock(&account->mutex);
    account_unref(account);
}

enum err store_keep_ledger(struct store *store, const struct ledger *ledger, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(OPENED_ARENA_MAX);
    struct account_id *ids = NULL;
    size_t count = 0;
    int64_t begun = clock_mono_us();
    enum err err = ledger->opened(ledger->context, &arena, &ids, &count, error);
    if (err != ERR_OK)
        return err;
    store->book->ledger = *ledger;
    atomic_store(&store->book->kept, true);
    for (size_t i = 0; i < count; i++)
        look_into(store, ids[i]);
    if (count > 0)
        LOG(LOG_INFO, NO_SID, "store.counted", F_INT("accounts", (int64_t)count),
            F_INT("us", clock_mono_us() - begun));
    return ERR_OK;
}

void store_rest(struct store *store)
{
    static const atomic_bool go_on = false;
    struct error error;
    background_stop(take(store->learner));
    background_stop(take(store->indexer));
    background_stop(take(store->tidier));
    if (store_sync(store, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.sync", F_ERR(&error));
    ledger_settle_all(store, &go_on);
}

void store_drop_ledger(struct store *store)
{
    atomic_store(&store->book->kept, false);
}
