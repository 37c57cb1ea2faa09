/* What the relay's results make of an entry's recipients, and what the sender is told. */
#include "queue/internal.h"
#include "queue/outbound.h"
#include "rt/metrics.h"

enum { STATUS_MAX = 16 };

/* One report about the recipients of one kind. */
struct telling {
    struct report_item *items;
    char (*statuses)[STATUS_MAX];
    char (*texts)[OUTBOUND_TEXT_MAX + 1];
    size_t count;
};

static bool telling_make(struct arena *arena, size_t count, struct telling *ret)
{
    ret->items = arena_array(arena, count, sizeof(*ret->items));
    ret->statuses = arena_array(arena, count, sizeof(*ret->statuses));
    ret->texts = arena_array(arena, count, sizeof(*ret->texts));
    ret->count = 0;
    return !arena_failed(arena);
}

/* One line, as it goes into a report: a peer's words. */
static void copy_line(char *to, size_t size, struct slice from)
{
    size_t n = MIN(from.n, size - 1);
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)from.p[i] < ' ' || from.p[i] == 0x7f ? ' ' : from.p[i];
    to[n] = 0;
}

static void tell(struct telling *telling, const struct entry_recipient *recipient, struct slice status,
                 const struct outbound_result *result)
{
    size_t at = telling->count++;
    copy_line(telling->statuses[at], STATUS_MAX, status);
    copy_line(telling->texts[at], OUTBOUND_TEXT_MAX + 1, result->text);
    telling->items[at] = (struct report_item){
        .recipient = recipient,
        .status = telling->statuses[at],
        .diagnostic = telling->texts[at],
        .peer = result->peer,
    };
}

/* RFC 3461 4.1: without a wish, failures and delays are told. */
static bool wants(const struct entry_recipient *recipient, unsigned what)
{
    unsigned notify = recipient->given.notify;
    return notify == 0 ? (what & (DSN_FAILURE | DSN_DELAY)) != 0 : (notify & what) != 0;
}

static int64_t retry_after(uint32_t attempts)
{
    int64_t seconds = (int64_t)QUEUE_DEFER_FIRST_SECONDS << MIN(attempts, UINT32_C(6));
    return MIN(seconds, INT64_C(3600)) * CLOCK_SECOND;
}

struct tellings {
    struct telling failed, delayed, relayed, traced;
};

static void fail_recipient(struct entry_recipient *recipient, struct slice status,
                           const struct outbound_result *result, struct tellings *tellings)
{
    recipient->state = RECIPIENT_DONE;
    recipient->reported = true;
    if (wants(recipient, DSN_FAILURE))
        tell(&tellings->failed, recipient, status, result);
}

static void defer(struct entry *entry, struct entry_recipient *recipient,
                  const struct outbound_result *result, struct tellings *tellings)
{
    char text[OUTBOUND_TEXT_MAX + 1];
    int64_t now = clock_wall_us();
    int64_t age = now - entry_since(entry);
    if (age > QUEUE_EXPIRE_DAYS * CLOCK_DAY || deliver_by_is_over(&entry->envelope.by, now)) {
        fail_recipient(recipient, S("4.4.7"), result, tellings); /* RFC 3463: delivery time expired */
        return;
    }
    copy_line(text, sizeof(text), result->text);
    entry_set_reason(entry, recipient, text);
    recipient->next_us = entry_within(entry, now + retry_after(recipient->attempts++));
    const struct deliver_by *by = &entry->envelope.by;
    bool late = by->mode == DELIVER_BY_NOTIFY && now >= by->until_us; /* RFC 2852 4.1.3 */
    if ((late || age > OUTBOUND_DELAY_HOURS * CLOCK_HOUR) && !recipient->delay_told) {
        recipient->delay_told = true;
        if (wants(recipient, DSN_DELAY))
            tell(&tellings->delayed, recipient, result->status, result);
    }
}

/* RFC 3461 5.2.1: who passes on to a server without DSN says so. RFC 2852 4.1.4: so does who passes on to one
 * that knows nothing of the time, or when each is to say it. */
static void tell_relayed(const struct entry *entry, const struct entry_recipient *recipient,
                         const struct outbound_result *result, struct tellings *tellings)
{
    const struct deliver_by *by = &entry->envelope.by;
    bool never = (recipient->given.notify & DSN_NEVER) != 0;
    if (!result->told_on && recipient->given.notify != 0 && wants(recipient, DSN_SUCCESS))
        tell(&tellings->relayed, recipient, result->status, result);
    else if (by->mode != DELIVER_BY_NONE && !never && (by->trace || !result->by_passed_on))
        tell(&tellings->traced, recipient, result->status, result);
}

static void apply_one(struct entry *entry, const struct outbound_result *result, struct tellings *tellings)
{
    struct entry_recipient *recipient = &entry->recipients[result->recipient];
    switch (result->outcome) {
    case OUTBOUND_RELAYED:
        metric_count(SENDS, METRIC_SENT);
        recipient->state = RECIPIENT_DONE;
        tell_relayed(entry, recipient, result, tellings);
        break;
    case OUTBOUND_FAILED:
        metric_count(SENDS, METRIC_SEND_FAILED);
        fail_recipient(recipient, result->status, result, tellings);
        break;
    case OUTBOUND_DEFERRED:
        metric_count(SENDS, METRIC_SEND_DEFERRED);
        defer(entry, recipient, result, tellings);
        break;
    default:
        recipient->next_us = entry_within(entry, result->after_us);
    }
    LOG(result->outcome == OUTBOUND_FAILED ? LOG_WARN : LOG_INFO, entry->envelope.sid, "queue.outbound",
        F_ID("entry", entry->id.v), F_STR("to", recipient->given.address), F_INT("outcome", result->outcome),
        F_STR("status", result->status), F_STR("peer", result->peer), F_STR("said", result->text));
}

static enum err send(struct queue *queue, struct entry *entry, enum report_kind kind,
                     const struct telling *telling, struct error *error)
{
    if (telling->count == 0)
        return ERR_OK;
    if (entry->body == NULL) {
        enum err err =
            entry->spool != 0 ? spool_read(queue, entry, error) : database_load_body(queue, entry, error);
        if (err != ERR_OK)
            return err;
    }
    return report_send(queue, entry, kind, telling->items, telling->count, slice_of(entry->body, entry->size),
                       error);
}

static void remember(struct queue *queue, const struct entry *entry, const struct outbound_result *result)
{
    static const enum history_kind kinds[] = {[OUTBOUND_RELAYED] = HISTORY_RELAYED,
                                              [OUTBOUND_FAILED] = HISTORY_FAILED,
                                              [OUTBOUND_DEFERRED] = HISTORY_DEFERRED};
    const struct entry_recipient *recipient = &entry->recipients[result->recipient];
    if (result->outcome == OUTBOUND_UNTRIED)
        return;
    struct history_event event = {.kind = kinds[result->outcome],
                                  .address = recipient->given.address,
                                  .peer = result->via,
                                  .tls = result->tls,
                                  .status = result->status,
                                  .text = result->text,
                                  .tried = result->tried};
    if (event.kind == HISTORY_DEFERRED && recipient->state == RECIPIENT_WAITING)
        event.next_us = recipient->next_us;
    else if (event.kind == HISTORY_DEFERRED)
        event.kind = HISTORY_FAILED; /* it was the last attempt */
    history_put(queue->history, entry->id, &event);
}

enum err outcome_apply(struct queue *queue, struct entry *entry, const struct outbound_result *results,
                       size_t count, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024 * 1024);
    struct tellings tellings;
    /* Should a report not be made, the recipients are as they were. */
    struct entry_recipient *before = arena_array(&arena, entry->recipient_count, sizeof(*before));
    if (before == NULL || !telling_make(&arena, count, &tellings.failed) ||
        !telling_make(&arena, count, &tellings.delayed) || !telling_make(&arena, count, &tellings.relayed) ||
        !telling_make(&arena, count, &tellings.traced))
        return fail_nomem(error);
    memcpy(before, entry->recipients, entry->recipient_count * sizeof(*before));
    for (size_t i = 0; i < count; i++)
        apply_one(entry, &results[i], &tellings);
    enum err err = send(queue, entry, REPORT_FAILED, &tellings.failed, error);
    if (err == ERR_OK)
        err = send(queue, entry, REPORT_DELAYED, &tellings.delayed, error);
    if (err == ERR_OK)
        err = send(queue, entry, REPORT_RELAYED, &tellings.relayed, error);
    if (err == ERR_OK)
        err = send(queue, entry, REPORT_TRACED, &tellings.traced, error);
    if (err != ERR_OK)
        memcpy(entry->recipients, before, entry->recipient_count * sizeof(*before));
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        remember(queue, entry, &results[i]);
    return err;
}
