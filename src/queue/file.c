/*
 * Filing: entries off the backlog go into accounts, a batch at a time. First each new recipient is routed;
 * then the messages of the batch are appended account by account, one transaction each; then one store_sync
 * makes all of it durable; only then are the entries removed, or written back with what is left to do.
 */
#include <stdlib.h>

#include "queue/file.h"

/* Claimed before what is there is believed: until then the relay could change it. ERR_BUSY: the relay has it.
 */
static enum err load_claimed(struct queue *queue, struct flight *f, struct error *error)
{
    enum err err = database_load(queue, f->id, true, &f->entry, error);
    if (err != ERR_OK || !entry_has_state(f->entry, RECIPIENT_WAITING))
        return err;
    entry_release(&f->entry);
    f->claimed = outbound_claim(queue, f->id);
    if (!f->claimed)
        return fail(error, ERR_BUSY, NULL, "with the relay");
    err = database_load(queue, f->id, true, &f->entry, error);
    if (err != ERR_OK) {
        outbound_unclaim(queue, f->id);
        f->claimed = false;
    }
    return err;
}

/* Reads what is not in memory. An entry that is gone (dropped by hand) is passed over; so is a damaged one,
 * for a person to look at (queue_list shows it); one that can't be read waits a while and holds up nobody. */
static void load_flight(struct queue *queue, struct flight *f)
{
    struct error error;
    if (f->entry != NULL && f->entry->body == NULL)
        entry_release(&f->entry);
    if (f->entry != NULL)
        return;
    enum err err = load_claimed(queue, f, &error);
    if (err == ERR_OK || err == ERR_NOT_FOUND)
        return;
    if (err != ERR_BUSY)
        LOG(LOG_ERROR, NO_SID, "queue.load", F_ID("entry", f->id.v), F_ERR(&error));
    if (err == ERR_CORRUPT)
        return;
    int64_t later = clock_wall_us() + QUEUE_DEFER_FIRST_SECONDS * CLOCK_SECOND;
    f->again = database_defer(queue, f->id, later, &error) != ERR_OK;
    if (!f->again)
        backlog_due_at(queue, later);
}

/* As many bodies into memory as may be there at once; what is behind them is given back. */
static void load_flights(struct queue *queue, struct flight *flights)
{
    uint64_t bytes = 0;
    for (struct flight *f = flights; f != NULL; f = f->next) {
        load_flight(queue, f);
        bytes += f->entry != NULL ? f->entry->size : 0;
        if (bytes >= QUEUE_FILE_BYTES_MAX && f->next != NULL)
            backlog_give_back(queue, take(f->next));
    }
}

static void file_batch(struct queue *queue, struct flight *flights)
{
    struct batch batch = {.queue = queue, .arena = ARENA(FILE_ARENA_MAX)};
    struct error error;
    size_t count = 0;
    load_flights(queue, flights);
    for (struct flight *f = flights; f != NULL; f = f->next) {
        count++;
        if (f->entry != NULL)
            file_route(&batch, f->entry);
    }
    file_into_accounts(&batch);
    bool synced = batch.count == 0 || store_sync(queue->store, &error) == ERR_OK;
    file_note_results(&batch, flights, synced, &error);
    if (file_settle(&batch, flights, count, &error) != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "queue.settle", F_ERR(&error));
        for (struct flight *f = flights; f != NULL; f = f->next)
            f->again = true;
    }
    for (size_t i = 0; i < batch.count; i++)
        buf_release(&batch.filings[i].prefix);
    free(batch.filings);
    arena_release(&batch.arena);
}

/* Frees the flights. Those whose end could not be written down are taken up again after a pause. */
static void land(struct queue *queue, struct flight *flights)
{
    bool paused = false;
    while (flights != NULL) {
        struct flight *next = flights->next;
        if (flights->again && !paused) {
            nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
            paused = true;
        }
        if (flights->again)
            backlog_add(queue, flights->id, NULL);
        entry_free(flights->entry);
        free(flights);
        flights = next;
    }
}

void *filer_main(void *context)
{
    struct queue *queue = context;
    struct flight *flights;
    while ((flights = backlog_take(queue, QUEUE_FILE_BATCH)) != NULL) {
        file_batch(queue, flights);
        land(queue, flights);
        backlog_done(queue);
    }
    return NULL;
}
