/* Where the messages of a batch go: accounts in it, other servers, entries of their own, or nowhere. */
#include <stdlib.h>

#include "directory/forward.h"
#include "queue/file.h"

static const struct filing_failure failure_unknown = {"5.1.1", "There is no such address here."};
static const struct filing_failure failure_loop = {"5.4.6",
                                                   "The message goes in a circle: too many Received fields."};

static bool add_filing(struct batch *batch, struct entry *entry, size_t recipient, struct account_id account)
{
    for (size_t i = batch->count; i > 0 && batch->filings[i - 1].entry == entry; i--)
        if (batch->filings[i - 1].account.v == account.v)
            return true; /* one copy, however many addresses lead there */
    if (entry_is_settled(entry, account))
        return true;
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
        .entry = entry, .recipient = recipient, .account = account, .prefix = BUF(FILING_PREFIX_MAX)};
    return true;
}

enum err file_add_onward(struct batch *batch, struct onward onward, struct error *error)
{
    if (batch->onward_count == batch->onward_cap) {
        size_t cap = MAX(2 * batch->onward_cap, (size_t)8);
        struct onward *onwards = realloc(batch->onwards, cap * sizeof(*onwards));
        if (onwards == NULL) {
            onward_drop(batch->queue, onward.entry);
            return fail_nomem(error);
        }
        batch->onwards = onwards;
        batch->onward_cap = cap;
    }
    batch->onwards[batch->onward_count++] = onward;
    return ERR_OK;
}

void file_drop_onwards(struct batch *batch, size_t count)
{
    while (batch->onward_count > count)
        onward_drop(batch->queue, batch->onwards[--batch->onward_count].entry);
}

static enum err add_onward(struct batch *batch, struct entry *entry, size_t at,
                           const struct onward_order *order, struct error *error)
{
    struct onward onward = {.from = entry};
    enum err err = onward_make(batch->queue, entry, at, order, &onward.entry, error);
    return err == ERR_OK ? file_add_onward(batch, onward, error) : err;
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
    file_drop_onwards(batch, onwards);
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
        filing_give_up(batch->queue, entry, recipient, &failure_unknown);
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

void file_route(struct batch *batch, struct entry *entry)
{
    if (deliver_by_is_over(&entry->envelope.by, clock_wall_us())) { /* RFC 2852 4.1.2 */
        filing_expire(batch->queue, entry);
        return;
    }
    bool loop = trace_hops(slice_of(entry->body, entry->size)) > QUEUE_HOPS_MAX;
    size_t given = entry->recipient_count;
    for (size_t i = 0; i < given; i++) {
        if (entry->recipients[i].state != RECIPIENT_NEW)
            continue;
        if (loop)
            filing_give_up(batch->queue, entry, &entry->recipients[i], &failure_loop);
        else
            route_recipient(batch, entry, i);
    }
}
