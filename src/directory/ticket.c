#include "directory/ticket.h"

#include <pthread.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

/* In the order of their last use. */
struct ticket {
    struct ticket *older;
    struct ticket *newer;
    unsigned char bits[TICKET_SIZE];
    struct sasl_holder holder;
    enum door door;
    int64_t used; /* monotonic */
};

struct ticket_table {
    pthread_mutex_t lock;
    struct map map; /* bits -> ticket; keyed hashing, so looking up tells no time */
    struct ticket *oldest;
    struct ticket *newest;
    size_t max;
};

struct ticket_table *ticket_table_new(size_t max)
{
    must(max > 0);
    struct ticket_table *table = calloc(1, sizeof(*table));
    if (table == NULL)
        return NULL;
    pthread_mutex_init(&table->lock, NULL);
    table->max = max;
    return table;
}

static void unlink_ticket(struct ticket_table *table, struct ticket *ticket)
{
    if (ticket->older != NULL)
        ticket->older->newer = ticket->newer;
    else
        table->oldest = ticket->newer;
    if (ticket->newer != NULL)
        ticket->newer->older = ticket->older;
    else
        table->newest = ticket->older;
}

static void link_newest(struct ticket_table *table, struct ticket *ticket)
{
    ticket->used = clock_mono_us();
    ticket->newer = NULL;
    ticket->older = table->newest;
    if (table->newest != NULL)
        table->newest->newer = ticket;
    else
        table->oldest = ticket;
    table->newest = ticket;
}

static void forget(struct ticket_table *table, struct ticket *ticket)
{
    unlink_ticket(table, ticket);
    map_remove(&table->map, slice_of(ticket->bits, TICKET_SIZE));
    sodium_memzero(ticket, sizeof(*ticket));
    free(ticket);
}

static void forget_idle(struct ticket_table *table)
{
    int64_t before = clock_mono_us() - TICKET_IDLE_HOURS * CLOCK_HOUR;
    while (table->oldest != NULL && table->oldest->used <= before)
        forget(table, table->oldest);
}

void ticket_table_free(struct ticket_table *table)
{
    if (table == NULL)
        return;
    while (table->oldest != NULL)
        forget(table, table->oldest);
    map_release(&table->map);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

enum err ticket_make(struct ticket_table *table, const struct sasl_holder *holder, enum door door,
                     unsigned char ret_ticket[static TICKET_SIZE], struct error *error)
{
    struct ticket *ticket = calloc(1, sizeof(*ticket));
    if (ticket == NULL)
        return fail_nomem(error);
    ticket->holder = *holder;
    ticket->door = door;
    randombytes_buf(ticket->bits, sizeof(ticket->bits));
    pthread_mutex_lock(&table->lock);
    forget_idle(table);
    if (table->map.count == table->max)
        forget(table, table->oldest);
    bool set = map_set(&table->map, slice_of(ticket->bits, TICKET_SIZE), ticket);
    if (set) {
        link_newest(table, ticket);
        memcpy(ret_ticket, ticket->bits, TICKET_SIZE);
    }
    pthread_mutex_unlock(&table->lock);
    if (set)
        return ERR_OK;
    free(ticket);
    return fail_nomem(error);
}

enum err ticket_find(struct ticket_table *table, struct slice bits, enum door door, bool use_up,
                     struct sasl_holder *ret_holder, struct error *error)
{
    pthread_mutex_lock(&table->lock);
    forget_idle(table);
    struct ticket *ticket = map_get(&table->map, bits);
    bool good = ticket != NULL && ticket->door == door;
    if (good) {
        *ret_holder = ticket->holder;
        if (use_up) {
            forget(table, ticket);
        } else {
            unlink_ticket(table, ticket);
            link_newest(table, ticket);
        }
    }
    pthread_mutex_unlock(&table->lock);
    return good ? ERR_OK : fail_plain(error, ERR_AUTH, "no such log-in, or it has ended");
}

void ticket_drop(struct ticket_table *table, struct slice bits)
{
    pthread_mutex_lock(&table->lock);
    struct ticket *ticket = map_get(&table->map, bits);
    if (ticket != NULL)
        forget(table, ticket);
    pthread_mutex_unlock(&table->lock);
}

size_t ticket_count(struct ticket_table *table)
{
    pthread_mutex_lock(&table->lock);
    size_t count = table->map.count;
    pthread_mutex_unlock(&table->lock);
    return count;
}
