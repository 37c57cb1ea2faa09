#include "store/quota.h"

#include "store/ledger.h"
#include "store/registry.h"
#include "store/work.h"

unsigned quota_percent(uint64_t used, uint64_t limit)
{
    if (limit == 0)
        return 0;
    return used >= limit ? 100 : (unsigned)((double)used * 100.0 / (double)limit);
}

static unsigned percent_used(const struct account *account)
{
    const struct account_limits *limits = &account->limits;
    return MAX(quota_percent((uint64_t)account->meta.bytes, limits->quota_bytes),
               quota_percent((uint64_t)account->meta.messages, limits->quota_messages));
}

/* The highest step that has been reached, or 0. */
static unsigned step_at(const uint8_t *steps, unsigned used)
{
    unsigned step = 0;
    for (size_t i = 0; i < QUOTA_STEPS_MAX && steps[i] > 0 && steps[i] <= used; i++)
        step = steps[i];
    return step;
}

unsigned quota_step_now(const uint8_t steps[static QUOTA_STEPS_MAX], unsigned warned, unsigned used)
{
    unsigned step = step_at(steps, used);
    if (step > warned)
        return step;
    if (used > 0)
        used += QUOTA_HYSTERESIS;
    return used < warned ? step_at(steps, used) : warned;
}

static unsigned step_now(const struct account *account)
{
    return quota_step_now(account->limits.warn, (unsigned)account->meta.quota_warned, percent_used(account));
}

unsigned quota_due(const struct account *account)
{
    unsigned step = step_now(account);
    return step > account->meta.quota_warned ? step : 0;
}

void quota_settle(struct account *account)
{
    account->meta.quota_warned = MIN(step_now(account), account->meta.quota_warned);
}

enum err quota_state(struct account *account, struct quota_state *ret_state, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_state = (struct quota_state){
        .usage = {.bytes = (uint64_t)account->meta.bytes,
                  .messages = (uint64_t)account->meta.messages,
                  .limits = account->limits,
                  .domain = ledger_use(account)},
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
