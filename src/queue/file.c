/*
 * Filing: entries off the backlog go into accounts, a batch at a time. First each new recipient is routed;
 * then the messages of the batch are appended account by account, one transaction each; then one store_sync
 * makes all of it durable; only then are the entries removed, or written back with what is left to do.
 */
#include <stdlib.h>

#include "base/must.h"
#include "directory/forward.h"
#include "mime/header.h"
#include "queue/internal.h"
#include "queue/junk.h"
#include "rt/metrics.h"

enum { FILINGS_PER_BATCH_MAX = 20000, FILE_ARENA_MAX = 64 * 1024 * 1024, PREFIX_MAX = 32 * 1024 };

/* One entry on its way into one account. */
struct filing {
    struct entry *entry;
    size_t recipient; /* index: the array moves when foreign targets are added */
    struct account_id account;
    struct buf prefix;
    bool junk; /* into Junk */
    enum err result;
    struct error error;
};

/* A message that goes on as an entry of its own; committed with what is left of the one it came from. */
struct onward {
    struct entry *from;
    struct entry *entry;
    bool committed;
};

struct batch {
    struct queue *queue;
    struct arena arena;
    struct filing *filings;
    size_t count;
    size_t cap;
    struct onward *onwards;
    size_t onward_count;
    size_t onward_cap;
};

struct failure {
    const char *status;
    const char *diagnostic;
};
static const struct failure failure_unknown = {"5.1.1", "There is no such address here."};
static const struct failure failure_loop = {"5.4.6",
                                            "The message goes in a circle: too many Received fields."};
static const struct failure failure_expired = {"4.4.7", "It could not be delivered within five days."};
static const struct failure failure_refused = {"5.3.4", "The mailbox can't hold a message like this."};

static bool add_filing(struct batch *batch, struct entry *entry, size_t recipient, struct account_id account)
{
    for (size_t i = batch->count; i > 0 && batch->filings[i - 1].entry == entry; i--)
        if (batch->filings[i - 1].account.v == account.v)
            return true; /* one copy, however many addresses lead there */
    if (batch->count == FILINGS_PER_BATCH_MAX)
        return false;
    if (batch->count == batch->cap) {
        size_t cap = batch->cap > 0 ? 2 * batch->cap : QUEUE_FILE_BATCH;
        struct filing *filings = realloc(batch->filings, cap * sizeof(*filings));
        if (filings == NULL)
            return false;
        batch->filings = filings;
        batch->cap = cap;
    }
    batch->filings[batch->count++] = (struct filing){
        .entry = entry, .recipient = recipient, .account = account, .prefix = BUF(PREFIX_MAX)};
    return true;
}

static void remember(struct queue *queue, const struct entry *entry, const struct entry_recipient *recipient,
                     enum history_kind kind, const char *status, const char *text)
{
    struct history_event event = {.kind = kind,
                                  .address = recipient->given.address,
                                  .status = slice_cstr(status),
                                  .text = slice_cstr(text)};
    history_put(queue->history, entry->id, &event);
}

static void give_up(struct queue *queue, struct entry *entry, struct entry_recipient *recipient,
                    const struct failure *failure)
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

static enum err add_onward(struct batch *batch, struct entry *entry, size_t at,
                           const struct onward_order *order, struct error *error)
{
    if (batch->onward_count == batch->onward_cap) {
        size_t cap = MAX(2 * batch->onward_cap, (size_t)8);
        struct onward *onwards = realloc(batch->onwards, cap * sizeof(*onwards));
        if (onwards == NULL)
            return fail_nomem(error);
        batch->onwards = onwards;
        batch->onward_cap = cap;
    }
    struct onward *onward = &batch->onwards[batch->onward_count];
    *onward = (struct onward){.from = entry};
    enum err err = onward_make(batch->queue, entry, at, order, &onward->entry, error);
    batch->onward_count += err == ERR_OK;
    return err;
}

/* The foreign targets of a group or an alias: recipients of their own, or, when their servers would take the
 * sender for a forged one, an entry of its own. */
static enum err add_foreign(struct batch *batch, struct entry *entry, size_t at, const struct route *route,
                            struct error *error)
{
    const struct entry_recipient like = entry->recipients[at];
    struct onward_order order = {
        .by = like.given.address, .targets = route->foreign, .target_count = route->foreign_count};
    if (route->foreign_count == 0)
        return ERR_OK;
    enum err err = forward_sender(batch->queue->directory, entry->envelope.sender, order.by, &batch->arena,
                                  &order.sender, error);
    if (err == ERR_OK && !slice_eq(order.sender, entry->envelope.sender))
        return add_onward(batch, entry, at, &order, error);
    for (size_t i = 0; err == ERR_OK && i < route->foreign_count; i++)
        if (!entry_add_foreign(entry, route->foreign[i], &like))
            err = fail(error, ERR_LIMIT, NULL, "too many recipients at once, or no memory");
    return err;
}

static enum err add_steps(struct batch *batch, struct entry *entry, size_t at,
                          const struct forward_plan *plan, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < plan->step_count; i++) {
        const struct forward_step *step = &plan->steps[i];
        struct onward_order order = {
            .by = step->by, .targets = step->targets, .target_count = step->target_count};
        err = forward_sender(batch->queue->directory, entry->envelope.sender, step->by, &batch->arena,
                             &order.sender, error);
        if (err == ERR_OK)
            err = add_onward(batch, entry, at, &order, error);
    }
    return err;
}

/* What goes to the outside: all of it, once, or nothing. */
static enum err add_outside(struct batch *batch, struct entry *entry, size_t at, const struct route *route,
                            const struct forward_plan *plan, struct error *error)
{
    size_t recipients = entry->recipient_count;
    size_t onwards = batch->onward_count;
    if (entry->recipients[at].expanded)
        return ERR_OK;
    enum err err = add_foreign(batch, entry, at, route, error);
    if (err == ERR_OK)
        err = add_steps(batch, entry, at, plan, error);
    entry->recipients[at].expanded = err == ERR_OK;
    if (err == ERR_OK)
        return err;
    entry->recipient_count = recipients;
    while (batch->onward_count > onwards)
        onward_drop(batch->queue, batch->onwards[--batch->onward_count].entry);
    return err;
}

/* The recipient's targets: those outside on their way, its accounts in the batch. *ret_accounts: how many. */
static enum err add_targets(struct batch *batch, struct entry *entry, size_t at, const struct route *route,
                            size_t *ret_accounts, struct error *error)
{
    struct forward_plan plan;
    struct forward_question question = {.route = route, .again_since_us = INT64_MAX};
    if (entry->recipients[at].expanded)
        question.again_since_us = entry->received_us;
    enum err err = onward_been(slice_of(entry->body, entry->size), &batch->arena, &question.been,
                               &question.been_count, error);
    if (err == ERR_OK)
        err = forward_plan(batch->queue->directory, &question, &batch->arena, &plan, error);
    if (err != ERR_OK)
        return err;
    err = add_outside(batch, entry, at, route, &plan, error);
    for (size_t i = 0; i < plan.account_count; i++)
        if (!add_filing(batch, entry, at, plan.accounts[i]) && err == ERR_OK)
            err = fail(error, ERR_LIMIT, NULL, "too many recipients at once, or no memory");
    *ret_accounts = plan.account_count;
    return err;
}

/* Where mail for the address goes; if it was renamed since it was accepted, to who had it then. */
static enum err route_address(struct batch *batch, struct slice address, struct route *ret_route,
                              struct error *error)
{
    struct account_id id;
    struct directory *directory = batch->queue->directory;
    enum err err = directory_route(directory, address, &batch->arena, ret_route, error);
    if (err != ERR_OK || ret_route->kind != ROUTE_UNKNOWN)
        return err;
    err = directory_former(directory, address, &id, error);
    if (err != ERR_OK || id.v == 0)
        return err;
    ret_route->accounts = ARENA_NEW(&batch->arena, struct route_account);
    if (ret_route->accounts == NULL)
        return fail_nomem(error);
    ret_route->accounts[0].id = id;
    ret_route->account_count = 1;
    ret_route->kind = ROUTE_LOCAL;
    return ERR_OK;
}

/* Where one recipient's message goes. */
static void route_recipient(struct batch *batch, struct entry *entry, size_t at)
{
    struct route route;
    struct error error;
    struct entry_recipient *recipient = &entry->recipients[at];
    if (route_address(batch, recipient->given.address, &route, &error) != ERR_OK) {
        entry_set_reason(entry, recipient, error.detail);
        return;
    }
    if (route.kind == ROUTE_FOREIGN) {
        recipient->state = RECIPIENT_WAITING;
        return;
    }
    if (route.kind == ROUTE_UNKNOWN) {
        give_up(batch->queue, entry, recipient, &failure_unknown);
        return;
    }
    size_t accounts;
    enum err err = add_targets(batch, entry, at, &route, &accounts, &error);
    recipient = &entry->recipients[at];
    if (err != ERR_OK)
        entry_set_reason(entry, recipient, error.detail);
    else if (accounts == 0)
        recipient->state = RECIPIENT_DONE;
    else
        recipient->routed = true;
}

static void route_entry(struct batch *batch, struct entry *entry)
{
    bool loop = trace_hops(slice_of(entry->body, entry->size)) > QUEUE_HOPS_MAX;
    size_t given = entry->recipient_count;
    for (size_t i = 0; i < given; i++) {
        if (entry->recipients[i].state != RECIPIENT_NEW)
            continue;
        if (loop)
            give_up(batch->queue, entry, &entry->recipients[i], &failure_loop);
        else
            route_recipient(batch, entry, i);
    }
}

static int by_account(const void *a, const void *b)
{
    const struct filing *left = a;
    const struct filing *right = b;
    if (left->account.v != right->account.v)
        return left->account.v < right->account.v ? -1 : 1;
    return left->entry->id.v < right->entry->id.v ? -1 : left->entry->id.v > right->entry->id.v;
}

struct target {
    struct account *account;
    struct folder_id inbox;
    struct folder_id junk; /* the Inbox, where there is no Junk */
};

static enum err append(struct batch *batch, const struct target *target, struct filing *filings, size_t count,
                       struct error *error)
{
    struct append_item *items = arena_array(&batch->arena, count, sizeof(*items));
    struct append_result *results = arena_array(&batch->arena, count, sizeof(*results));
    if (items == NULL || results == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = filings[i].entry;
        unsigned char *delivery_id = arena_alloc(&batch->arena, 16);
        if (delivery_id == NULL || buf_failed(&filings[i].prefix))
            return fail_nomem(error);
        entry_delivery_id(entry, filings[i].account, delivery_id);
        items[i] = (struct append_item){
            .folder = filings[i].junk ? target->junk : target->inbox,
            .prefix = buf_slice(&filings[i].prefix),
            .body = slice_of(entry->body, entry->size),
            .internal_date_us = entry->received_us,
            .delivery_id = slice_of(delivery_id, 16),
        };
    }
    return message_append(target->account, items, count, results, error);
}

static enum err open_target(struct batch *batch, struct account_id id, struct target *ret,
                            struct error *error)
{
    struct folder inbox, junk;
    enum err err = store_account_ensure(batch->queue->store, id, &ret->account, error);
    if (err != ERR_OK)
        return err;
    err = folder_by_role(ret->account, ROLE_FOLDER_INBOX, &batch->arena, &inbox, error);
    if (err == ERR_OK) {
        err = folder_by_role(ret->account, ROLE_FOLDER_JUNK, &batch->arena, &junk, error);
        if (err == ERR_NOT_FOUND) {
            junk = inbox;
            err = ERR_OK;
        }
    }
    if (err != ERR_OK) {
        account_unref(ret->account);
        return err;
    }
    ret->inbox = inbox.id;
    ret->junk = junk.id;
    return ERR_OK;
}

static void put_prefix(struct queue *queue, struct account *account, struct filing *filing)
{
    struct entry *entry = filing->entry;
    struct slice body = slice_of(entry->body, entry->size);
    struct slice header = mime_split(body).header;
    trace_put(&filing->prefix, queue, entry, entry->recipients[filing->recipient].given.address, header);
    filing->junk = junk_filing(account, entry, &filing->prefix);
}

/* All filings of one account: in one transaction; if that fails, one by one, so that one bad message harms no
 * other. */
static void file_into_account(struct batch *batch, struct filing *filings, size_t count)
{
    struct target target;
    struct error error;
    enum err err = open_target(batch, filings[0].account, &target, &error);
    if (err != ERR_OK) {
        for (size_t i = 0; i < count; i++) {
            filings[i].result = err;
            filings[i].error = error;
        }
        return;
    }
    for (size_t i = 0; i < count; i++)
        put_prefix(batch->queue, target.account, &filings[i]);
    err = append(batch, &target, filings, count, &error);
    for (size_t i = 0; i < count && err != ERR_OK; i++)
        filings[i].result = append(batch, &target, &filings[i], 1, &filings[i].error);
    account_unref(target.account);
}

static void file_all(struct batch *batch)
{
    if (batch->count == 0)
        return;
    qsort(batch->filings, batch->count, sizeof(batch->filings[0]), by_account);
    for (size_t from = 0; from < batch->count;) {
        size_t to = from + 1;
        while (to < batch->count && to - from < APPEND_ITEMS_MAX &&
               batch->filings[to].account.v == batch->filings[from].account.v)
            to++;
        file_into_account(batch, &batch->filings[from], to - from);
        from = to;
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
    remember(queue, f->entry, recipient_of(f), HISTORY_FILED, "2.1.5", NULL);
    metric_count(DELIVERIES, METRIC_DELIVERY_FILED);
    LOG(LOG_INFO, f->entry->envelope.sid, "queue.filed", F_ID("entry", f->entry->id.v),
        F_STR("to", recipient_of(f)->given.address), F_INT("bytes", f->entry->size));
}

/*
 * A recipient with several accounts is done when each has it or has refused it; the sender hears of a refusal
 * once, and only when nothing is left to try, since trying again will be refused again.
 */
static void note_results(struct batch *batch, struct flight *flights, bool synced,
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
            give_up(batch->queue, f->entry, recipient, &failure_refused);
        else if (f->result == ERR_OK && synced)
            note_success(batch->queue, f);
    }
}

static void report_success(struct queue *queue, struct entry *entry)
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

static void expire(struct queue *queue, struct entry *entry)
{
    for (size_t i = 0; i < entry->recipient_count; i++)
        if (entry->recipients[i].state == RECIPIENT_NEW)
            give_up(queue, entry, &entry->recipients[i], &failure_expired);
}

static int64_t next_attempt(const struct entry *entry)
{
    uint32_t doublings = MIN(entry->attempts, 6U);
    int64_t seconds = MIN((int64_t)QUEUE_DEFER_FIRST_SECONDS << doublings, INT64_C(3600));
    return clock_wall_us() + seconds * CLOCK_SECOND;
}

/* What becomes of the entry: gone, or back to the database with what is left. */
static void settle(struct queue *queue, struct entry *entry, struct job *job, struct buf *envelope)
{
    report_success(queue, entry);
    if (entry_has_state(entry, RECIPIENT_NEW) &&
        clock_wall_us() - entry->received_us > QUEUE_EXPIRE_DAYS * CLOCK_DAY)
        expire(queue, entry);
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
static enum err settle_all(struct batch *batch, struct flight *flights, size_t count, struct error *error)
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
            route_entry(&batch, f->entry);
    }
    file_all(&batch);
    bool synced = batch.count == 0 || store_sync(queue->store, &error) == ERR_OK;
    note_results(&batch, flights, synced, &error);
    if (settle_all(&batch, flights, count, &error) != ERR_OK) {
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
