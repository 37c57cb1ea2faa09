/* What filing made of each recipient, and who is told. */
#include "queue/file.h"
#include "rt/metrics.h"

static const struct filing_failure failure_expired = {"4.4.7", "It could not be delivered within five days."};
static const struct filing_failure failure_late = {
    "5.4.7", "It could not be delivered in the time that was set for it."};
static const struct filing_failure failure_refused = {"5.3.4", "The mailbox can't hold a message like this."};

static void remember(struct queue *queue, const struct entry *entry, const struct entry_recipient *recipient,
                     enum history_kind kind, const char *status, const char *text)
{
    struct history_event event = {.kind = kind,
                                  .address = recipient->given.address,
                                  .status = slice_cstr(status),
                                  .text = slice_cstr(text)};
    history_put(queue->history, entry->id, &event);
}

void filing_give_up(struct queue *queue, struct entry *entry, struct entry_recipient *recipient,
                    const struct filing_failure *failure)
{
    recipient->state = RECIPIENT_DONE;
    recipient->filed = false;
    recipient->reported = true;
    metric_count(DELIVERIES, METRIC_DELIVERY_FAILED);
    LOG(LOG_WARN, entry->envelope.sid, "queue.failed", F_ID("entry", entry->id.v),
        F_STR("to", recipient->given.address), F_CSTR("status", failure->status));
    remember(queue, entry, recipient, HISTORY_FAILED, failure->status, failure->diagnostic);
    if (recipient->given.notify != 0 && (recipient->given.notify & DSN_FAILURE) == 0)
        return;
    struct report_item item = {recipient, failure->status, failure->diagnostic, slice_none()};
    struct slice message = slice_of(entry->body, entry->size);
    struct error error;
    if (report_send(queue, entry, REPORT_FAILED, &item, 1, message, &error) != ERR_OK) {
        LOG(LOG_ERROR, entry->envelope.sid, "queue.report", F_ERR(&error));
        recipient->state = RECIPIENT_NEW; /* nobody must be left without a message or a report */
        entry_set_reason(entry, recipient, error.detail);
    }
}

/* No later attempt will do better. */
static bool is_refusal(enum err result)
{
    return result == ERR_LIMIT || result == ERR_INVALID;
}

static struct entry_recipient *recipient_of(const struct filing *filing)
{
    return &filing->entry->recipients[filing->recipient];
}

/* Those whose accounts are all in the batch, also by another of the entry's addresses, have it: so far. */
static void note_filed(struct flight *flights)
{
    for (struct flight *f = flights; f != NULL; f = f->next) {
        for (size_t i = 0; f->entry != NULL && i < f->entry->recipient_count; i++) {
            struct entry_recipient *recipient = &f->entry->recipients[i];
            recipient->filed = recipient->routed && recipient->state == RECIPIENT_NEW;
            if (recipient->filed)
                recipient->state = RECIPIENT_DONE;
        }
    }
}

static void note_try_again(struct queue *queue, const struct filing *filing, const struct error *why)
{
    struct entry_recipient *recipient = recipient_of(filing);
    recipient->state = RECIPIENT_NEW;
    recipient->filed = false;
    metric_count(DELIVERIES, METRIC_DELIVERY_DEFERRED);
    entry_set_reason(filing->entry, recipient, why->detail);
    remember(queue, filing->entry, recipient, HISTORY_DEFERRED, "4.3.0", why->detail);
}

static void note_success(struct queue *queue, const struct filing *f)
{
    remember(queue, f->entry, recipient_of(f), HISTORY_FILED, "2.1.5",
             f->discarded ? "The account's script threw it away." : NULL);
    metric_count(DELIVERIES, METRIC_DELIVERY_FILED);
    LOG(LOG_INFO, f->entry->envelope.sid, "queue.filed", F_ID("entry", f->entry->id.v),
        F_STR("to", recipient_of(f)->given.address), F_INT("bytes", f->entry->size));
}

/* The account's script refused it. While another of the recipient's accounts is tried again, so is this one.
 */
static void note_refusal(struct queue *queue, const struct filing *f)
{
    struct entry_recipient *recipient = recipient_of(f);
    const struct filing_failure failure = {"5.7.1", f->refusal.p};
    if (recipient->state == RECIPIENT_DONE && !recipient->reported)
        filing_give_up(queue, f->entry, recipient, &failure);
}

/* While the entry stays for others, this account is done with it. If there is no memory to say so, it is
 * filed once more, which changes nothing, and its script runs once more. */
static void note_settled(const struct filing *f, bool synced)
{
    if (synced && (f->result == ERR_OK || is_refusal(f->result)) && f->refusal.p == NULL &&
        entry_has_state(f->entry, RECIPIENT_NEW) && !entry_add_settled(f->entry, f->account))
        LOG(LOG_WARN, f->entry->envelope.sid, "queue.settle", F_ID("entry", f->entry->id.v));
}

/* What a script sends goes only when what it files is there. */
static void drop_failed_onwards(struct batch *batch, bool synced)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->onward_count; i++) {
        const struct onward *onward = &batch->onwards[i];
        if (onward->cause != NULL && (!synced || onward->cause->result != ERR_OK))
            onward_drop(batch->queue, onward->entry);
        else
            batch->onwards[kept++] = *onward;
    }
    batch->onward_count = kept;
}

/*
 * A recipient with several accounts is done when each has it or has refused it; the sender hears of a refusal
 * once, and only when nothing is left to try, since trying again will be refused again.
 */
void file_note_results(struct batch *batch, struct flight *flights, bool synced,
                       const struct error *sync_error)
{
    note_filed(flights);
    for (size_t i = 0; i < batch->count; i++) {
        const struct filing *f = &batch->filings[i];
        if (f->result != ERR_OK && !is_refusal(f->result))
            note_try_again(batch->queue, f, &f->error);
        else if (!synced)
            note_try_again(batch->queue, f, sync_error);
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct filing *f = &batch->filings[i];
        struct entry_recipient *recipient = recipient_of(f);
        if (is_refusal(f->result) && recipient->state == RECIPIENT_DONE && !recipient->reported)
            filing_give_up(batch->queue, f->entry, recipient, &failure_refused);
        else if (f->result == ERR_OK && synced && f->refusal.p != NULL)
            note_refusal(batch->queue, f);
        else if (f->result == ERR_OK && synced)
            note_success(batch->queue, f);
        note_settled(f, synced);
    }
    drop_failed_onwards(batch, synced);
}

void filing_report_success(struct queue *queue, struct entry *entry)
{
    struct error error;
    for (size_t i = 0; i < entry->recipient_count; i++) {
        struct entry_recipient *r = &entry->recipients[i];
        struct report_item item = {r, "2.1.5", "The message is in the mailbox.", slice_none()};
        if (r->filed && (r->given.notify & DSN_SUCCESS) != 0 &&
            report_send(queue, entry, REPORT_DELIVERED, &item, 1, slice_of(entry->body, entry->size),
                        &error) != ERR_OK)
            LOG(LOG_ERROR, entry->envelope.sid, "queue.report", F_ERR(&error));
    }
}

void filing_tell_late(struct queue *queue, struct entry *entry)
{
    struct error error;
    for (size_t i = 0; i < entry->recipient_count; i++) {
        struct entry_recipient *r = &entry->recipients[i];
        struct report_item item = {r, "4.4.7", "It is not in the mailbox in the time that was set for it.",
                                   slice_none()};
        bool wanted = r->given.notify == 0 || (r->given.notify & DSN_DELAY) != 0;
        if (r->state != RECIPIENT_NEW || r->delay_told)
            continue;
        r->delay_told = true;
        if (wanted && report_send(queue, entry, REPORT_DELAYED, &item, 1, slice_of(entry->body, entry->size),
                                  &error) != ERR_OK) {
            LOG(LOG_ERROR, entry->envelope.sid, "queue.report", F_ERR(&error));
            r->delay_told = false;
        }
    }
}

void filing_expire(struct queue *queue, struct entry *entry)
{
    bool late = deliver_by_is_over(&entry->envelope.by, clock_wall_us());
    for (size_t i = 0; i < entry->recipient_count; i++)
        if (entry->recipients[i].state == RECIPIENT_NEW)
            filing_give_up(queue, entry, &entry->recipients[i], late ? &failure_late : &failure_expired);
}
