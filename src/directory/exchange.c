#include "directory/exchange.h"

#include <pthread.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

struct exchange_table {
    pthread_mutex_t lock;
    struct map map; /* id -> exchange */
    struct exchange *oldest;
    struct exchange *newest;
    size_t max;
};

struct exchange *exchange_new(const struct sasl_start *start)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    exchange->deadline = clock_mono_us() + SASL_EXCHANGE_SECONDS * CLOCK_SECOND;
    exchange->door = start->door;
    exchange->sid = start->sid;
    exchange->binding_type = BUF(SASL_MESSAGE_MAX);
    exchange->binding = BUF(SASL_MESSAGE_MAX);
    exchange->user = BUF(SASL_MESSAGE_MAX);
    buf_put(&exchange->binding_type, start->binding_type);
    buf_put(&exchange->binding, start->binding);
    const struct sasl_scram *scram = sasl_scram_of(start->mechanism);
    scram_init(&exchange->scram, scram != NULL ? scram->hash : SCRAM_SHA_256,
               scram != NULL && start->mechanism == scram->plus, buf_slice(&exchange->binding_type),
               buf_slice(&exchange->binding));
    if (buf_failed(&exchange->binding_type) || buf_failed(&exchange->binding))
        exchange_free(&exchange);
    return exchange;
}

void exchange_free(struct exchange **place)
{
    struct exchange *exchange = *place;
    if (exchange == NULL)
        return;
    scram_release(&exchange->scram);
    buf_release(&exchange->binding_type);
    buf_release(&exchange->binding);
    buf_release(&exchange->user);
    sodium_memzero(exchange, sizeof(*exchange));
    free(exchange);
    *place = NULL;
}

struct exchange_table *exchange_table_new(size_t max)
{
    struct exchange_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return NULL;
    pthread_mutex_init(&table->lock, NULL);
    table->max = max;
    return table;
}

static void unlink_exchange(struct exchange_table *table, struct exchange *exchange)
{
    if (exchange->older != NULL)
        exchange->older->newer = exchange->newer;
    else
        table->oldest = exchange->newer;
    if (exchange->newer != NULL)
        exchange->newer->older = exchange->older;
    else
        table->newest = exchange->older;
    exchange->older = NULL;
    exchange->newer = NULL;
    map_remove(&table->map, map_key_u64(&exchange->id));
}

/* A step puts its exchange back with the deadline it had, so the list is only nearly in order; what stands
 * behind a later one goes a little later. exchange_take looks at the deadline itself. */
static void drop_expired(struct exchange_table *table)
{
    int64_t now = clock_mono_us();
    while (table->oldest != NULL && table->oldest->deadline <= now) {
        struct exchange *exchange = table->oldest;
        unlink_exchange(table, exchange);
        exchange_free(&exchange);
    }
}

void exchange_table_free(struct exchange_table *table)
{
    if (table == NULL)
        return;
    while (table->oldest != NULL) {
        struct exchange *exchange = table->oldest;
        unlink_exchange(table, exchange);
        exchange_free(&exchange);
    }
    map_release(&table->map);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

enum err exchange_put(struct exchange_table *table, struct exchange *exchange, uint64_t *ret_id,
                      struct error *error)
{
    exchange->id = id_random();
    pthread_mutex_lock(&table->lock);
    drop_expired(table);
    bool room = table->map.count < table->max;
    bool put = room && map_set(&table->map, map_key_u64(&exchange->id), exchange);
    if (put) {
        *ret_id = exchange->id;
        exchange->older = table->newest;
        if (table->newest != NULL)
            table->newest->newer = exchange;
        else
            table->oldest = exchange;
        table->newest = exchange;
    }
    pthread_mutex_unlock(&table->lock);
    if (put)
        return ERR_OK;
    exchange_free(&exchange);
    return room ? fail_nomem(error)
                : fail_plain(error, ERR_LIMIT, "too many log-ins at once; try again later");
}

struct exchange *exchange_take(struct exchange_table *table, uint64_t id)
{
    pthread_mutex_lock(&table->lock);
    drop_expired(table);
    struct exchange *exchange = map_get(&table->map, map_key_u64(&id));
    if (exchange != NULL)
        unlink_exchange(table, exchange);
    pthread_mutex_unlock(&table->lock);
    if (exchange != NULL && exchange->deadline <= clock_mono_us())
        exchange_free(&exchange);
    return exchange;
}
