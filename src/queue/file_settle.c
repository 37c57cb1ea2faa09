/* The entries of a batch as they are after filing: gone, or written back with what is left to do. */
#include <stdlib.h>

#include "queue/file.h"

static int64_t next_attempt(const struct entry *entry)
{
    uint32_t doublings = MIN(entry->attempts, 6U);
    int64_t seconds = MIN((int64_t)QUEUE_DEFER_FIRST_SECONDS << doublings, INT64_C(3600));
    return entry_within(entry, clock_wall_us() + seconds * CLOCK_SECOND);
}

/* What becomes of the entry: gone, or back to the database with what is left. */
static void settle(struct queue *queue, struct entry *entry, struct job *job, struct buf *envelope)
{
    filing_report_success(queue, entry);
    const struct deliver_by *by = &entry->envelope.by;
    const int64_t now = clock_wall_us();
    if (entry_has_state(entry, RECIPIENT_NEW) &&
        (now - entry_since(entry) > QUEUE_EXPIRE_DAYS * CLOCK_DAY || deliver_by_is_over(by, now)))
        filing_expire(queue, entry);
    if (by->mode == DELIVER_BY_NOTIFY && now >= by->until_us)
        filing_tell_late(queue, entry);
    bool deferred = entry_has_state(entry, RECIPIENT_NEW);
    /* A spool file must not go before its entry: it would be missed at the start after a power loss. */
    *job = (struct job){.kind = JOB_DELETE, .id = entry->id, .lasting = entry->spool != 0};
    if (!deferred && !entry_has_state(entry, RECIPIENT_WAITING))
        return;
    job->kind = JOB_UPDATE;
    job->next_us = deferred ? next_attempt(entry) : ENTRY_NEXT_RELAY;
    job->relay_us = entry_relay_due(entry, clock_wall_us());
    entry->attempts += deferred;
    entry_encode(entry, envelope);
    job->envelope = buf_slice(envelope);
}

static bool is_gone(const struct entry *entry)
{
    return !entry_has_state(entry, RECIPIENT_NEW) && !entry_has_state(entry, RECIPIENT_WAITING);
}

struct settling {
    struct job *jobs;
    struct buf *envelopes;
    size_t count;
    int64_t due; /* the first of the deferred ones */
};

/* What goes on by itself, before what becomes of the entry. False: no memory. */
static bool put_onwards(struct batch *batch, const struct entry *from, struct settling *settling)
{
    bool whole = true;
    for (size_t i = 0; i < batch->onward_count; i++) {
        struct onward *onward = &batch->onwards[i];
        if (onward->from != from)
            continue;
        const struct entry *entry = onward->entry;
        struct buf *envelope = &settling->envelopes[settling->count];
        *envelope = BUF(ENTRY_ARENA_MAX);
        entry_encode(entry, envelope);
        settling->jobs[settling->count++] = (struct job){
            .kind = JOB_INSERT,
            .id = entry->id,
            .next_us = ENTRY_NEXT_NOW,
            .relay_us = ENTRY_RELAY_NONE,
            .envelope = buf_slice(envelope),
            .body = slice_of(entry->body, entry->spool == 0 ? entry->size : 0),
        };
        onward->committed = true;
        whole = whole && !buf_failed(envelope);
    }
    return whole;
}

/* What can't be written now stays as it is on disk: filing it again changes nothing. */
static void put_jobs(struct batch *batch, struct entry *entry, struct settling *settling)
{
    size_t before = settling->count;
    bool whole = put_onwards(batch, entry, settling);
    struct job *job = &settling->jobs[settling->count];
    struct buf *envelope = &settling->envelopes[settling->count++];
    *envelope = BUF(ENTRY_ARENA_MAX);
    settle(batch->queue, entry, job, envelope);
    if (job->kind == JOB_UPDATE)
        settling->due = MIN(settling->due, job->next_us);
    entry->relay_us = job->kind == JOB_UPDATE ? job->relay_us : ENTRY_RELAY_NONE;
    if (whole && !buf_failed(envelope))
        return;
    while (settling->count > before)
        buf_release(&settling->envelopes[--settling->count]);
    for (size_t i = 0; i < batch->onward_count; i++)
        batch->onwards[i].committed = batch->onwards[i].committed && batch->onwards[i].from != entry;
}

/* They are in the queue like others; those that were not committed never were. */
static void release_onwards(struct batch *batch, bool committed)
{
    for (size_t i = 0; i < batch->onward_count; i++) {
        struct onward *onward = &batch->onwards[i];
        if (!committed || !onward->committed) {
            onward_drop(batch->queue, onward->entry);
            continue;
        }
        struct queue_id id = onward->entry->id;
        LOG(LOG_INFO, onward->entry->envelope.sid, "queue.forwarded", F_ID("entry", onward->from->id.v),
            F_ID("as", id.v), F_STR("from", onward->entry->envelope.sender),
            F_INT("recipients", onward->entry->recipient_count));
        queue_remember(batch->queue, onward->entry);
        history_put(batch->queue->history, onward->from->id,
                    &(struct history_event){.kind = HISTORY_FORWARDED, .other = id});
        backlog_add(batch->queue, id, take(onward->entry));
    }
    free(batch->onwards);
}

/* The entries as they are after filing, in one submission; then the spool files of those that are gone go
 * too. */
enum err file_settle(struct batch *batch, struct flight *flights, size_t count, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(FILE_ARENA_MAX);
    struct queue *queue = batch->queue;
    struct settling settling = {.due = INT64_MAX};
    settling.jobs = arena_array(&arena, count + batch->onward_count, sizeof(*settling.jobs));
    settling.envelopes = arena_array(&arena, count + batch->onward_count, sizeof(*settling.envelopes));
    if (settling.jobs == NULL || settling.envelopes == NULL) {
        release_onwards(batch, false);
        return fail_nomem(error);
    }
    for (struct flight *f = flights; f != NULL; f = f->next)
        if (f->entry != NULL)
            put_jobs(batch, f->entry, &settling);
    enum err err = intake_submit(queue, settling.jobs, settling.count, error);
    for (size_t i = 0; i < settling.count; i++)
        buf_release(&settling.envelopes[i]);
    release_onwards(batch, err == ERR_OK);
    for (struct flight *f = flights; f != NULL && err == ERR_OK; f = f->next) {
        if (f->entry == NULL)
            continue;
        if (f->entry->spool != 0 && is_gone(f->entry))
            spool_remove(queue, f->entry->spool);
        if (f->claimed)
            outbound_unclaim(queue, f->id);
        f->claimed = false;
        outbound_note(queue, f->id, f->entry->relay_us);
    }
    if (settling.due != ENTRY_NEXT_RELAY)
        backlog_due_at(queue, settling.due);
    return err;
}
