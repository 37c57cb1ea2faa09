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
