#include "store/quota.h"

#include "store/registry.h"
#include "store/work.h"

static unsigned percent(uint64_t used, uint64_t limit)
{
    if (limit == 0)
        return 0;
    return used >= limit ? 100 : (unsigned)((double)used * 100.0 / (double)limit);
}

static unsigned percent_used(const struct account *account)
{
    const struct account_limits *limits = &account->limits;
    return MAX(percent((uint64_t)account->meta.bytes, limits->quota_bytes),
               percent((uint64_t)account->meta.messages, limits->quota_messages));
}

/* The highest step that has been reached, or 0. */
static unsigned step_at(const struct account_limits *limits, unsigned used)
{
    unsigned step = 0;
    for (size_t i = 0; i < ARRAY_LEN(limits->warn) && limits->warn[i] > 0 && limits->warn[i] <= used; i++)
        step = limits->warn[i];
    return step;
}

unsigned quota_due(const struct account *account)
{
    if (account->limits.warn[0] == 0)
        return 0;
    unsigned step = step_at(&account->limits, percent_used(account));
    return step > account->meta.quota_warned ? step : 0;
}

void quota_settle(struct account *account)
{
    if (account->meta.quota_warned == 0)
        return;
    unsigned used = percent_used(account);
    if (used > 0)
        used += QUOTA_HYSTERESIS;
    if (used < account->meta.quota_warned)
        account->meta.quota_warned = step_at(&account->limits, used);
}

enum err quota_state(struct account *account, struct quota_state *ret_state, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_state = (struct quota_state){
        .usage = {.bytes = (uint64_t)account->meta.bytes,
                  .messages = (uint64_t)account->meta.messages,
                  .limits = account->limits},
        .percent = percent_used(account),
        .due = quota_due(account),
    };
    account_unlock(account);
    return ERR_OK;
}

void quota_note(struct account *account)
{
    struct store *store = account->store;
    pthread_mutex_lock(&store->mutex);
    if (!account->quota_noted && store->quota_due_count < QUOTA_DUE_MAX) {
        account->quota_noted = true;
        store->quota_due[store->quota_due_count++] = account->id;
    }
    pthread_mutex_unlock(&store->mutex);
}

size_t store_quota_due(struct store *store, struct account_id *ret_ids, size_t max)
{
    pthread_mutex_lock(&store->mutex);
    size_t count = MIN(store->quota_due_count, max);
    for (size_t i = 0; i < count; i++) {
        ret_ids[i] = store->quota_due[--store->quota_due_count];
        struct account *account = map_get(&store->accounts, map_key_u64(&ret_ids[i].v));
        if (account != NULL)
            account->quota_noted = false;
    }
    pthread_mutex_unlock(&store->mutex);
    return count;
}
