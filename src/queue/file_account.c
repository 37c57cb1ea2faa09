/* The messages of a batch into their accounts: one transaction an account. */
#include <stdlib.h>

#include "mime/header.h"
#include "queue/file.h"
#include "queue/junk.h"

static int by_account(const void *a, const void *b)
{
    const struct filing *left = a;
    const struct filing *right = b;
    if (left->account.v != right->account.v)
        return left->account.v < right->account.v ? -1 : 1;
    return left->entry->id.v < right->entry->id.v ? -1 : left->entry->id.v > right->entry->id.v;
}

/* Its copies, all to be added or none. */
static enum err put_items(struct batch *batch, const struct filing *filing, struct append_item *items,
                          struct error *error)
{
    const struct filing_plan *plan = filing->plan;
    for (size_t i = 0; i < plan->deposit_count; i++) {
        const struct deposit *deposit = &plan->deposits[i];
        struct slice id;
        enum err err = filing_delivery_id(filing, deposit->notice ? ORDINAL_NOTICE : (unsigned)i,
                                          &batch->arena, &id, error);
        if (err != ERR_OK)
            return err;
        items[i] = (struct append_item){
            .folder = deposit->folder,
            .prefix = deposit->prefix,
            .body = deposit->body,
            .flags = deposit->flags,
            .internal_date_us = entry_since(filing->entry),
            .delivery_id = id,
            .ignore_quota = deposit->notice,
            .remember = plan->remember,
            .remember_count = i == 0 ? plan->remember_count : 0,
        };
    }
    return ERR_OK;
}

/* A message that is thrown away leaves only what is to be remembered of it. */
static enum err remember_alone(struct batch *batch, const struct target *target, const struct filing *filing,
                               struct error *error)
{
    struct slice id;
    enum err err = filing_delivery_id(filing, 0, &batch->arena, &id, error);
    return err == ERR_OK ? remembered_note(target->account, filing->plan->remember,
                                           filing->plan->remember_count, id, error)
                         : err;
}

/* Those that have a plan. */
static enum err append(struct batch *batch, const struct target *target, const struct filing *filings,
                       size_t count, struct error *error)
{
    size_t room = 1, total = 0;
    for (size_t i = 0; i < count; i++)
        room += filings[i].plan != NULL ? filings[i].plan->deposit_count : 0;
    struct append_item *items = calloc(room, sizeof(*items));
    struct append_result *results = calloc(room, sizeof(*results));
    enum err err = items == NULL || results == NULL ? fail_nomem(error) : ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        const struct filing_plan *plan = filings[i].plan;
        if (plan == NULL)
            continue;
        err = put_items(batch, &filings[i], items + total, error);
        total += plan->deposit_count;
        if (err == ERR_OK && plan->deposit_count == 0 && plan->remember_count > 0)
            err = remember_alone(batch, target, &filings[i], error);
    }
    if (err == ERR_OK)
        err = message_append(target->account, items, total, results, error);
    free(items);
    free(results);
    return err;
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

/* In one transaction; if that fails, one by one, so that one bad message harms no other. */
static void append_all(struct batch *batch, const struct target *target, struct filing *filings, size_t count)
{
    struct error error;
    enum err err = append(batch, target, filings, count, &error);
    for (size_t i = 0; i < count; i++) {
        if (err != ERR_OK && filings[i].plan != NULL)
            filings[i].result = append(batch, target, &filings[i], 1, &filings[i].error);
        filing_plan_free(&filings[i]);
    }
}

/* All filings of one account, as many at once as their scripts' doings leave room for. */
static void file_into_account(struct batch *batch, struct filing *filings, size_t count)
{
    struct target target;
    struct error error;
    enum err err = open_target(batch, filings[0].account, &target, &error);
    for (size_t i = 0; i < count && err != ERR_OK; i++) {
        filings[i].result = err;
        filings[i].error = error;
    }
    if (err != ERR_OK)
        return;
    size_t from = 0, bytes = 0, items = 0;
    for (size_t i = 0; i < count; i++) {
        put_prefix(batch->queue, target.account, &filings[i]);
        filings[i].result = script_plan(batch, &target, &filings[i], &filings[i].error);
        if (filings[i].plan != NULL) {
            bytes += filings[i].plan->arena.used + filings[i].plan->result.arena.used;
            items += filings[i].plan->deposit_count;
        }
        if (bytes > FILING_PLANS_BYTES_MAX || items + FILING_DEPOSITS_MAX > APPEND_ITEMS_MAX) {
            append_all(batch, &target, filings + from, i + 1 - from);
            from = i + 1;
            bytes = items = 0;
        }
    }
    append_all(batch, &target, filings + from, count - from);
    account_unref(target.account);
}

void file_into_accounts(struct batch *batch)
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
