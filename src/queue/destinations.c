#include "queue/destinations.h"

#include <stdlib.h>

#include "base/map.h"
#include "directory/address.h"
#include "queue/entry.h"
#include "queue/way.h"

enum { PAGE = 500, SCRATCH_MAX = 16 * 1024 * 1024 };

/* What is done with each entry that waits for the relay. */
typedef enum err visit_fn(void *context, struct entry *entry, struct arena *scratch, struct error *error);

static enum err visit_entry(struct queue *queue, const struct pending *pending, visit_fn *visit,
                            void *context, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    CLEANUP(entry_release) struct entry *entry = NULL;
    if (pending->relay_us == ENTRY_RELAY_NONE)
        return ERR_OK;
    enum err err = database_load(queue, pending->id, false, &entry, error);
    if (err == ERR_OK)
        err = visit(context, entry, &scratch, error);
    return err == ERR_NOT_FOUND || err == ERR_CORRUPT ? ERR_OK : err;
}

static enum err visit_all(struct queue *queue, visit_fn *visit, void *context, struct error *error)
{
    struct pending *page = calloc(PAGE, sizeof(*page));
    struct queue_id after = {0};
    size_t count = PAGE;
    enum err err = page != NULL ? ERR_OK : fail_nomem(error);
    while (err == ERR_OK && count == PAGE) {
        err = database_pending(queue, after, page, PAGE, &count, error);
        for (size_t i = 0; err == ERR_OK && i < count; i++) {
            err = visit_entry(queue, &page[i], visit, context, error);
            after = page[i].id;
        }
    }
    free(page);
    return err;
}

/* --- adding up --- */

struct adding {
    struct queue *queue;
    struct arena *arena; /* of the rows */
    struct map rows;     /* by name and addresses */
};

static struct queue_destination *row_of(struct adding *adding, struct slice name, struct slice addresses)
{
    CLEANUP(buf_release) struct buf key = BUF(4096);
    buf_printf(&key, "%.*s\n%.*s", SLICE_ARGS(name), SLICE_ARGS(addresses));
    struct queue_destination *row = buf_failed(&key) ? NULL : map_get(&adding->rows, buf_slice(&key));
    if (row != NULL || buf_failed(&key))
        return row;
    row = ARENA_NEW(adding->arena, struct queue_destination);
    if (row == NULL || !map_set(&adding->rows, buf_slice(&key), row))
        return NULL;
    *row = (struct queue_destination){.name = arena_dup(adding->arena, name),
                                      .addresses = arena_dup(adding->arena, addresses),
                                      .next_us = INT64_MAX};
    return row;
}

static enum err add_recipient(struct adding *adding, const struct entry_recipient *recipient, struct way way,
                              bool held, struct arena *scratch, struct error *error)
{
    struct slice domain = way_domain(recipient->given.address, scratch);
    enum err err = way_of_recipient(adding->queue, domain, scratch, &way, error);
    if (err != ERR_OK)
        return err;
    struct queue_destination *row = row_of(adding, way.key.n > 0 ? way.key : domain, way.addresses);
    if (row == NULL)
        return fail_nomem(error);
    held = held || hold_covers_domain(adding->queue, domain);
    row->waiting++;
    row->held += held;
    if (!held && recipient->next_us > 0)
        row->next_us = MIN(row->next_us, recipient->next_us);
    if (recipient->reason.n > 0)
        row->reason = arena_dup(adding->arena, recipient->reason);
    return arena_failed(adding->arena) || arena_failed(scratch) ? fail_nomem(error) : ERR_OK;
}

static enum err add_entry(void *context, struct entry *entry, struct arena *scratch, struct error *error)
{
    struct adding *adding = context;
    struct way way = {.key = S("")};
    bool held = hold_covers_entry(adding->queue, entry);
    enum err err = way_of_entry(adding->queue, entry, scratch, &way, error);
    for (size_t i = 0; err == ERR_OK && i < entry->recipient_count; i++)
        if (entry->recipients[i].state == RECIPIENT_WAITING)
            err = add_recipient(adding, &entry->recipients[i], way, held, scratch, error);
    return err;
}

struct gathering {
    struct queue_destination *rows;
    size_t count;
};

static void gather(void *context, struct slice key UNUSED, void *value)
{
    struct gathering *gathering = context;
    gathering->rows[gathering->count++] = *(struct queue_destination *)value;
}

static int by_name(const void *a, const void *b)
{
    const struct queue_destination *left = a;
    const struct queue_destination *right = b;
    int order = slice_cmp(left->name, right->name);
    return order != 0 ? order : slice_cmp(left->addresses, right->addresses);
}

enum err queue_destinations(struct queue *queue, struct arena *arena, struct queue_destination **ret_rows,
                            size_t *ret_count, struct error *error)
{
    struct adding adding = {.queue = queue, .arena = arena};
    enum err err = visit_all(queue, add_entry, &adding, error);
    struct gathering all = {.rows = arena_array(arena, adding.rows.count + 1, sizeof(*all.rows))};
    if (err == ERR_OK && all.rows == NULL)
        err = fail_nomem(error);
    if (err == ERR_OK) {
        map_each(&adding.rows, gather, &all);
        qsort(all.rows, all.count, sizeof(*all.rows), by_name);
        *ret_rows = all.rows;
        *ret_count = all.count;
    }
    map_release(&adding.rows);
    return err;
}

/* --- trying now --- */

struct flushing {
    struct queue *queue;
    struct slice domain;
};

static enum err flush_entry(void *context, struct entry *entry, struct arena *scratch, struct error *error)
{
    const struct flushing *flushing = context;
    for (size_t i = 0; i < entry->recipient_count; i++)
        if (entry->recipients[i].state == RECIPIENT_WAITING &&
            slice_eq(way_domain(entry->recipients[i].given.address, scratch), flushing->domain))
            return queue_flush(flushing->queue, entry->id, error);
    return ERR_OK;
}

enum err queue_flush_domain(struct queue *queue, struct slice domain, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(SCRATCH_MAX);
    struct flushing flushing = {.queue = queue};
    enum err err = domain_normalise(domain, &arena, &flushing.domain, error);
    return err == ERR_OK ? visit_all(queue, flush_entry, &flushing, error) : err;
}
