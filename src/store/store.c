#include "store/store.h"
#include "rt/metrics.h"

#include "base/fdio.h"
#include "base/must.h"
#include "store/due.h"
#include "store/generation.h"
#include "store/junk_learn.h"
#include "store/ledger.h"
#include "store/registry.h"
#include "store/search_database.h"
#include "store/search_worker.h"
#include "store/sync.h"
#include "store/tidy.h"

enum { LIST_FIRST = 64 };

static unsigned open_max(const struct store *store)
{
    return store->options.open_max > 0 ? store->options.open_max : STORE_OPEN_MAX;
}

enum err store_open(const struct store_options *options, struct store **ret_store, struct error *error)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return fail_nomem(error);
    store->options = *options;
    store->generation_fd = -1;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->changed, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum err err = ledger_book_make(&store->book, error);
    if (err == ERR_OK)
        err = volume_open_local(options->directory, &store->volume, error);
    if (err == ERR_OK)
        err = generation_begin(store->volume, &store->generation_fd, &store->generation, error);
    if (err == ERR_OK)
        err = syncer_start(store, error);
    if (err == ERR_OK)
        err = tidier_start(store, &store->tidier, error);
    if (err == ERR_OK && !options->without_index)
        err = indexer_start(store, &store->indexer, error);
    if (err == ERR_OK && !options->without_learning)
        err = learner_start(store, &store->learner, error);
    if (err != ERR_OK) {
        background_stop(store->indexer);
        background_stop(store->tidier);
        syncer_stop(store);
        fd_close(&store->generation_fd);
        volume_close(store->volume);
        ledger_book_free(store->book);
        free(store);
        return err;
    }
    *ret_store = store;
    return ERR_OK;
}

struct volume *store_volume(struct store *store)
{
    return store->volume;
}

int64_t store_generation(const struct store *store)
{
    return store->generation;
}

struct account_limits store_limits(struct store *store, struct account_id id)
{
    struct account_limits limits = ACCOUNT_LIMITS_DEFAULT;
    if (store->options.limits != NULL)
        store->options.limits(store->options.context, id, &limits);
    return limits;
}

/* --- lists, with store->mutex held --- */

static void idle_add(struct account *account)
{
    struct store *store = account->store;
    account->idle_previous = store->idle_last;
    account->idle_next = NULL;
    if (store->idle_last != NULL)
        store->idle_last->idle_next = account;
    else
        store->idle_first = account;
    store->idle_last = account;
}

static void idle_remove(struct account *account)
{
    struct store *store = account->store;
    if (account->idle_previous != NULL)
        account->idle_previous->idle_next = account->idle_next;
    else
        store->idle_first = account->idle_next;
    if (account->idle_next != NULL)
        account->idle_next->idle_previous = account->idle_previous;
    else
        store->idle_last = account->idle_previous;
    account->idle_previous = account->idle_next = NULL;
}

static void dirty_remove(struct account *account)
{
    struct store *store = account->store;
    if (!account->dirty)
        return;
    account->dirty = false;
    if (account->dirty_previous != NULL)
        account->dirty_previous->dirty_next = account->dirty_next;
    else
        store->dirty_first = account->dirty_next;
    if (account->dirty_next != NULL)
        account->dirty_next->dirty_previous = account->dirty_previous;
    account->dirty_previous = account->dirty_next = NULL;
    store->dirty_count--;
}

void store_mark_dirty(struct account *account)
{
    struct store *store = account->store;
    pthread_mutex_lock(&store->mutex);
    if (!account->dirty) {
        account->dirty = true;
        account->dirty_previous = NULL;
        account->dirty_next = store->dirty_first;
        if (store->dirty_first != NULL)
            store->dirty_first->dirty_previous = account;
        store->dirty_first = account;
        store->dirty_count++;
    }
    pthread_mutex_unlock(&store->mutex);
}

void store_mark_clean(struct account *account)
{
    pthread_mutex_lock(&account->store->mutex);
    dirty_remove(account);
    pthread_mutex_unlock(&account->store->mutex);
}

/* --- opening and closing accounts --- */

static struct account *account_new(struct store *store, struct account_id id)
{
    struct account *account = calloc(1, sizeof(*account));
    if (account == NULL)
        return NULL;
    account->store = store;
    account->id = id;
    account->phase = ACCOUNT_OPENING;
    account->database.wal_fd = -1;
    account->search = search_new(account);
    if (account->search == NULL) {
        free(account);
        return NULL;
    }
    pthread_mutex_init(&account->mutex, NULL);
    pthread_mutex_init(&account->sync_mutex, NULL);
    pthread_mutex_init(&account->compact_mutex, NULL);
    return account;
}

static void account_free(struct account *account)
{
    if (account->broken)
        metric_add(ACCOUNTS_BROKEN, METRIC_ONE, -1);
    pthread_mutex_destroy(&account->mutex);
    pthread_mutex_destroy(&account->sync_mutex);
    pthread_mutex_destroy(&account->compact_mutex);
    search_free(account->search);
    free(account);
}

/* Out of the registry, with store->mutex held; tells those who wait for it. */
static void forget(struct account *account)
{
    struct store *store = account->store;
    dirty_remove(account);
    map_remove(&store->accounts, map_key_u64(&account->id.v));
    pthread_cond_broadcast(&store->changed);
}

/* Closes an idle account. store->mutex is held, but not meanwhile. */
static void close_idle(struct account *account)
{
    struct store *store = account->store;
    must(account->phase == ACCOUNT_OPEN && account->refs == 0);
    idle_remove(account);
    account->phase = ACCOUNT_CLOSING;
    pthread_mutex_unlock(&store->mutex);
    account_close(account);
    pthread_mutex_lock(&store->mutex);
    forget(account);
    account_free(account);
}

/* The longest idle account that needs no sync: closing must not fail silently. NULL: none. */
static struct account *victim(struct store *store)
{
    struct account *account = store->idle_first;
    while (account != NULL && account->dirty)
        account = account->idle_next;
    return account;
}

static void close_surplus(struct store *store)
{
    struct account *account;
    while (store->accounts.count > open_max(store) && (account = victim(store)) != NULL)
        close_idle(account);
    if (store->accounts.count > open_max(store))
        pthread_cond_signal(&store->wake); /* only unsynced ones are left: sync now */
}

void registry_close_surplus(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    close_surplus(store);
    pthread_mutex_unlock(&store->mutex);
}

/* An account in the registry that is neither being opened nor closed, or NULL. store->mutex held. */
static struct account *settled(struct store *store, struct account_id id)
{
    for (;;) {
        struct account *account = map_get(&store->accounts, map_key_u64(&id.v));
        if (account == NULL || account->phase == ACCOUNT_OPEN)
            return account;
        pthread_cond_wait(&store->changed, &store->mutex);
    }
}

void registry_ref(struct account *account)
{
    if (account->refs++ == 0)
        idle_remove(account);
}

static enum err open_referenced(struct store *store, struct account_id id, bool house,
                                struct account **ret_account, struct error *error)
{
    pthread_mutex_lock(&store->mutex);
    struct account *account = settled(store, id);
    if (account != NULL) {
        registry_ref(account);
        account->house_refs += house;
        pthread_mutex_unlock(&store->mutex);
        *ret_account = account;
        return ERR_OK;
    }
    account = account_new(store, id);
    if (account == NULL || !map_set(&store->accounts, map_key_u64(&id.v), account)) {
        pthread_mutex_unlock(&store->mutex);
        if (account != NULL)
            account_free(account);
        return fail_nomem(error);
    }
    account->refs = 1;
    account->house_refs = house;
    pthread_mutex_unlock(&store->mutex);
    enum err err = account_open(account, error);
    pthread_mutex_lock(&store->mutex);
    if (err == ERR_OK) {
        account->phase = ACCOUNT_OPEN;
        pthread_cond_broadcast(&store->changed);
        close_surplus(store);
    } else {
        forget(account);
        account_free(account);
    }
    pthread_mutex_unlock(&store->mutex);
    if (err == ERR_OK)
        *ret_account = account;
    return err;
}

enum err store_account(struct store *store, struct account_id id, struct account **ret_account,
                       struct error *error)
{
    return open_referenced(store, id, false, ret_account, error);
}

enum err registry_open_house(struct store *store, struct account_id id, struct account **ret_account,
                             struct error *error)
{
    return open_referenced(store, id, true, ret_account, error);
}

/* Nothing is opened for this. */
struct account *registry_open_already(struct store *store, struct account_id id)
{
    pthread_mutex_lock(&store->mutex);
    struct account *account = map_get(&store->accounts, map_key_u64(&id.v));
    if (account != NULL && account->phase != ACCOUNT_OPEN)
        account = NULL;
    if (account != NULL)
        registry_ref_house(account);
    pthread_mutex_unlock(&store->mutex);
    return account;
}

struct account *account_ref(struct account *account)
{
    pthread_mutex_lock(&account->store->mutex);
    registry_ref(account);
    pthread_mutex_unlock(&account->store->mutex);
    return account;
}

static void unref_locked(struct account *account)
{
    struct store *store = account->store;
    must(account->refs > 0);
    if (--account->refs > 0)
        return;
    idle_add(account);
    pthread_cond_broadcast(&store->changed); /* registry_hold may wait for it */
    close_surplus(store);
}

enum err account_scratch_file(struct account *account, int *ret_fd, struct error *error)
{
    return volume_scratch_file(account->store->volume, ret_fd, error);
}

void account_unref(struct account *account)
{
    if (account == NULL)
        return;
    struct store *store = account->store;
    pthread_mutex_lock(&store->mutex);
    unref_locked(account);
    pthread_mutex_unlock(&store->mutex);
}

void registry_ref_house(struct account *account)
{
    registry_ref(account);
    account->house_refs++;
}

void registry_unref_house(struct account *account)
{
    struct store *store = account->store;
    pthread_mutex_lock(&store->mutex);
    must(account->house_refs > 0);
    account->house_refs--;
    unref_locked(account);
    pthread_mutex_unlock(&store->mutex);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    background_stop(store->learner);
    background_stop(store->indexer);
    background_stop(store->tidier);
    syncer_stop(store);
    struct error ignored; /* then the stop was not orderly */
    bool clean = store_sync(store, &ignored) == ERR_OK;
    pthread_mutex_lock(&store->mutex);
    while (store->idle_first != NULL)
        close_idle(store->idle_first);
    must(store->accounts.count == 0); /* a session still holds an account */
    pthread_mutex_unlock(&store->mutex);
    if (clean)
        generation_end(&store->generation_fd, store->generation);
    fd_close(&store->generation_fd);
    due_notes_free(store->due_notes);
    map_release(&store->accounts);
    volume_close(store->volume);
    ledger_book_free(store->book);
    pthread_mutex_destroy(&store->mutex);
    pthread_cond_destroy(&store->changed);
    pthread_cond_destroy(&store->wake);
    free(store);
}

void store_account_limits(struct store *store, struct account_id id, const struct account_limits *limits)
{
    pthread_mutex_lock(&store->mutex);
    struct account *account = settled(store, id);
    if (account != NULL)
        registry_ref(account);
    pthread_mutex_unlock(&store->mutex);
    due_changed_limits(store, id);
    if (account == NULL)
        return;
    pthread_mutex_lock(&account->mutex);
    account->limits = *limits;
    account->due_us = 0;
    if (quota_due(account) > 0)
        quota_note(account);
    pthread_mutex_unlock(&account->mutex);
    account_unref(account);
}

struct id_list {
    struct account_id *ids;
    size_t count;
};

static void note_id(void *context, struct slice key UNUSED, void *value)
{
    struct id_list *list = context;
    list->ids[list->count++] = ((const struct account *)value)->id;
}

/* One that is opened meanwhile asks by itself. */
void store_limits_changed(struct store *store)
{
    struct id_list list = {0};
    pthread_mutex_lock(&store->mutex);
    list.ids = calloc(MAX(store->accounts.count, (size_t)1), sizeof(*list.ids));
    if (list.ids != NULL)
        map_each(&store->accounts, note_id, &list);
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; i < list.count; i++) {
        const struct account_limits limits = store_limits(store, list.ids[i]);
        store_account_limits(store, list.ids[i], &limits);
    }
    free(list.ids);
}

/* --- the accounts on the volume --- */

enum err registry_hold(struct store *store, struct account_id id, struct account **ret_holder,
                       struct error *error)
{
    struct account *holder = account_new(store, id);
    if (holder == NULL)
        return fail_nomem(error);
    holder->phase = ACCOUNT_CLOSING;
    enum err err = ERR_OK;
    pthread_mutex_lock(&store->mutex);
    struct account *account;
    while ((account = settled(store, id)) != NULL && account->refs == account->house_refs) {
        if (account->refs == 0)
            close_idle(account); /* meanwhile others may have opened it again */
        else
            pthread_cond_wait(&store->changed, &store->mutex);
    }
    if (account != NULL)
        err = fail(error, ERR_BUSY, "The account is in use", "account %016llx has %u references",
                   (unsigned long long)id.v, account->refs);
    if (err == ERR_OK && !map_set(&store->accounts, map_key_u64(&id.v), holder))
        err = fail_nomem(error);
    pthread_mutex_unlock(&store->mutex);
    if (err != ERR_OK)
        account_free(holder);
    else
        *ret_holder = holder;
    return err;
}

void registry_let_go(struct account *holder)
{
    struct store *store = holder->store;
    pthread_mutex_lock(&store->mutex);
    forget(holder);
    pthread_mutex_unlock(&store->mutex);
    account_free(holder);
}

enum err store_account_remove(struct store *store, struct account_id id, struct error *error)
{
    struct account *holder;
    enum err err = registry_hold(store, id, &holder, error);
    if (err != ERR_OK)
        return err;
    char directory[ACCOUNT_NAME_MAX];
    account_directory(id, directory);
    err = volume_directory_remove(store->volume, directory, error);
    if (err == ERR_OK)
        ledger_gone(store, id);
    registry_let_go(holder);
    return err;
}

static enum err list_bucket(struct store *store, struct slice bucket, struct arena *arena,
                            struct account_id **ids, size_t *count, size_t *cap, struct error *error)
{
    char name[ACCOUNT_NAME_MAX];
    snprintf(name, sizeof(name), "accounts/%.*s", SLICE_ARGS(bucket));
    struct slice *names;
    size_t names_count;
    enum err err = volume_list(store->volume, name, arena, &names, &names_count, error);
    for (size_t i = 0; err == ERR_OK && i < names_count; i++) {
        uint64_t id;
        if (!id_from_text(names[i], &id))
            continue;
        if (*count == *cap) {
            *cap = *cap > 0 ? *cap * 2 : LIST_FIRST;
            struct account_id *more = arena_array(arena, *cap, sizeof(*more));
            if (more == NULL)
                return fail_nomem(error);
            if (*count > 0)
                memcpy(more, *ids, *count * sizeof(*more));
            *ids = more;
        }
        (*ids)[(*count)++] = (struct account_id){id};
    }
    return err;
}

enum err store_account_list(struct store *store, struct arena *arena, struct account_id **ret_ids,
                            size_t *ret_count, struct error *error)
{
    struct slice *buckets;
    size_t bucket_count;
    enum err err = volume_list(store->volume, "accounts", arena, &buckets, &bucket_count, error);
    struct account_id *ids = NULL;
    size_t count = 0;
    size_t cap = 0;
    for (size_t i = 0; err == ERR_OK && i < bucket_count; i++)
        if (buckets[i].n == 2)
            err = list_bucket(store, buckets[i], arena, &ids, &count, &cap, error);
    if (err != ERR_OK)
        return err;
    *ret_ids = ids;
    *ret_count = count;
    return ERR_OK;
}
