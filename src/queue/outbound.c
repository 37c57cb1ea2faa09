/* What the relay does with its leases: it opens the message, and brings results. */
#include "queue/outbound.h"

#include <unistd.h>

#include "base/fdio.h"
#include "mime/header.h"
#include "queue/lease.h"

enum { PREFIX_MAX = 32 * 1024 };

/* --- the message --- */

void outbound_message_release(struct outbound_message *message)
{
    buf_release(&message->text);
    fd_close(&message->fd);
}

static enum err no_lease(struct error *error)
{
    return fail(error, ERR_NOT_FOUND, NULL, "no lease of this entry");
}

/* The header of a message in a spool file, as far as it is looked at. */
static enum err read_start(int fd, struct buf *start, struct error *error)
{
    char bytes[64 * 1024];
    ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
    if (n < 0)
        return fail_errno(error, "reading a spool file");
    buf_put(start, slice_of(bytes, (size_t)n));
    return buf_failed(start) ? fail_nomem(error) : ERR_OK;
}

/* Signatures stand on top. */
static enum err put_before(struct queue *queue, const struct entry *entry, struct slice header,
                           struct outbound_message *message, struct error *error)
{
    struct buf text = BUF(message->text.max);
    enum err err = sign_outbound(queue, entry, header, message, &text, error);
    if (err == ERR_OK && text.n > 0) {
        buf_put(&text, buf_slice(&message->text));
        err = buf_failed(&text) ? fail_nomem(error) : ERR_OK;
        if (err == ERR_OK) {
            const struct buf unsigned_text = message->text;
            message->text = text;
            text = unsigned_text;
        }
    }
    buf_release(&text);
    return err;
}

static enum err open_message(struct queue *queue, struct queue_id id, struct outbound_message *message,
                             struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    CLEANUP(buf_release) struct buf start = BUF(QUEUE_INLINE_MAX + 1);
    enum err err = database_load(queue, id, false, &entry, error);
    if (err == ERR_OK && entry->spool != 0)
        err = spool_open(queue, entry, &message->fd, error);
    else if (err == ERR_OK)
        err = database_load_body(queue, entry, error);
    if (err == ERR_OK && entry->spool != 0)
        err = read_start(message->fd, &start, error);
    if (err != ERR_OK)
        return err;
    struct slice text = entry->spool != 0 ? buf_slice(&start) : slice_of(entry->body, entry->size);
    struct slice header = mime_split(text).header;
    trace_put_relayed(&message->text, queue, entry, header);
    if (entry->spool == 0)
        buf_put(&message->text, text);
    return buf_failed(&message->text) ? fail_nomem(error) : put_before(queue, entry, header, message, error);
}

enum err queue_outbound_open(struct queue *queue, uint64_t hand, struct queue_id id,
                             struct outbound_message *ret_message, struct error *error)
{
    CLEANUP(outbound_message_release)
    struct outbound_message message = {.text = BUF(QUEUE_INLINE_MAX + PREFIX_MAX), .fd = -1};
    struct lease *lease = lease_use(queue, hand, id);
    if (lease == NULL)
        return no_lease(error);
    enum err err = open_message(queue, id, &message, error);
    lease_done(queue, lease, false);
    if (err != ERR_OK)
        return err;
    *ret_message = message;
    message = (struct outbound_message){.fd = -1};
    return ERR_OK;
}

/* --- results --- */

static bool results_fit(const struct entry *entry, const struct outbound_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].recipient >= entry->recipient_count || !entry->recipients[results[i].recipient].away ||
            results[i].outcome >= OUTBOUND_OUTCOMES)
            return false;
        for (size_t k = 0; k < i; k++)
            if (results[k].recipient == results[i].recipient)
                return false;
    }
    return true;
}

/* The entry as it is now, or its end, written down. */
static enum err write_entry(struct queue *queue, struct entry *entry, struct error *error)
{
    CLEANUP(buf_release) struct buf envelope = BUF(ENTRY_ARENA_MAX);
    struct job job = {.kind = JOB_DELETE, .id = entry->id, .lasting = true};
    entry->relay_us = entry_relay_due(entry, clock_wall_us());
    if (entry_has_state(entry, RECIPIENT_NEW) || entry_has_state(entry, RECIPIENT_WAITING)) {
        entry_encode(entry, &envelope);
        if (buf_failed(&envelope))
            return fail_nomem(error);
        job.kind = JOB_UPDATE;
        job.next_us = entry->next_us;
        job.relay_us = entry->relay_us;
        job.envelope = buf_slice(&envelope);
    }
    enum err err = intake_submit(queue, &job, 1, error);
    if (err == ERR_OK && job.kind == JOB_DELETE && entry->spool != 0)
        spool_remove(queue, entry->spool);
    return err;
}

static enum err apply(struct queue *queue, struct lease *lease, const struct outbound_result *results,
                      size_t count, struct error *error)
{
    struct entry *entry = lease->entry;
    if (!results_fit(entry, results, count))
        return fail(error, ERR_INVALID, NULL, "results that fit no recipient");
    enum err err = outcome_apply(queue, entry, results, count, error);
    if (err == ERR_OK)
        err = write_entry(queue, entry, error);
    /* What could not be written stays as it was on disk, and is tried again when the lease is over. */
    for (size_t i = 0; i < count; i++)
        entry->recipients[results[i].recipient].away = false;
    lease->away -= count;
    return err;
}

enum err queue_outbound_done(struct queue *queue, uint64_t hand, struct queue_id id,
                             const struct outbound_result *results, size_t count, struct error *error)
{
    struct lease *lease = lease_use(queue, hand, id);
    if (lease == NULL)
        return no_lease(error);
    pthread_mutex_lock(&lease->lock);
    enum err err = apply(queue, lease, results, count, error);
    bool over = lease->away == 0;
    int64_t again = over ? lease->entry->relay_us : ENTRY_RELAY_NONE;
    pthread_mutex_unlock(&lease->lock);
    lease_done(queue, lease, over);
    if (over && err != ERR_OK && err != ERR_INVALID)
        again = clock_wall_us() + CLOCK_MINUTE; /* the row still says 0: to be listed again */
    struct error second;
    if (over && err != ERR_OK && database_defer_relay(queue, id, MAX(again, INT64_C(1)), &second) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "queue.outbound", F_ID("entry", id.v), F_ERR(&second));
    outbound_note(queue, id, again);
    return err;
}
