#include "base/must.h"
#include "store/message.h"

/*
 * A batch is read from the one account and then appended to the other in one transaction. What a failure left
 * half done is taken out of the destination again.
 */
enum {
    ACROSS_MESSAGES = 100,           /* of a batch */
    ACROSS_BYTES = 32 * 1024 * 1024, /* of a batch with more than one message */
    ACROSS_ARENA_MAX = 64 * 1024 * 1024,
    KEYWORD_NONE = -1,    /* not looked up yet */
    KEYWORD_NO_ROOM = -2, /* the other account has no room for it */
};

struct across {
    struct account *from, *to;
    struct folder_id source, destination;
    struct flagset keep;
    struct account_id person;
    struct slice *keywords; /* of the source */
    size_t keyword_count;
    int bits[KEYWORDS_MAX]; /* the other account's bit, or KEYWORD_... */
    struct copy_result result;
};

/* The bit in the other account of the source's keyword k. */
static enum err keyword_across(struct across *across, size_t k, struct error *error)
{
    unsigned bit;
    if (across->bits[k] != KEYWORD_NONE)
        return ERR_OK;
    enum err err = keyword_bit(across->to, across->keywords[k], true, &bit, error);
    if (err != ERR_OK && err != ERR_LIMIT && err != ERR_INVALID)
        return err;
    across->bits[k] = err == ERR_OK ? (int)bit : KEYWORD_NO_ROOM;
    return ERR_OK;
}

static enum err flags_across(struct across *across, const struct flagset *from, struct flagset *ret_flags,
                             struct error *error)
{
    struct flagset flags = flags_and(from, &across->keep);
    struct flagset to = {{flags.words[0] & ((UINT64_C(1) << FLAG_KEYWORDS_FROM) - 1)}};
    for (size_t k = 0; k < across->keyword_count; k++) {
        if (!flag_has(&flags, FLAG_KEYWORDS_FROM + (unsigned)k))
            continue;
        enum err err = keyword_across(across, k, error);
        if (err != ERR_OK)
            return err;
        if (across->bits[k] >= 0)
            flag_set(&to, (unsigned)across->bits[k]);
    }
    *ret_flags = to;
    return ERR_OK;
}

/* Messages whose bytes are at hand. */
struct batch {
    struct content contents[ACROSS_MESSAGES];
    struct append_item items[ACROSS_MESSAGES];
    uint32_t uids[ACROSS_MESSAGES]; /* in the source */
    size_t count;
};

static void batch_clear(struct batch *batch)
{
    while (batch->count > 0)
        content_release(&batch->contents[--batch->count]);
}

static enum err batch_append(struct across *across, struct batch *batch, struct error *error)
{
    struct append_result results[ACROSS_MESSAGES];
    enum err err = message_append(across->to, batch->items, batch->count, results, error);
    for (size_t i = 0; err == ERR_OK && i < batch->count; i++) {
        uid_set_add(&across->result.from, batch->uids[i], batch->uids[i]);
        uid_set_add(&across->result.to, results[i].uid.v, results[i].uid.v);
        across->result.uidvalidity = results[i].uidvalidity;
    }
    batch_clear(batch);
    if (err == ERR_OK && (across->result.from.failed || across->result.to.failed))
        err = fail_nomem(error);
    return err;
}

static enum err batch_add(struct across *across, struct batch *batch, const struct message *message,
                          struct error *error)
{
    struct append_item item = {.folder = across->destination,
                               .person = across->person,
                               .internal_date_us = message->internal_date_us};
    enum err err = flags_across(across, &message->flags, &item.flags, error);
    if (err == ERR_OK)
        err =
            message_read(across->from, message->object, CONTENT_WHOLE, &batch->contents[batch->count], error);
    if (err != ERR_OK)
        return err;
    item.body = batch->contents[batch->count].whole;
    batch->items[batch->count] = item;
    batch->uids[batch->count++] = message->uid.v;
    return ERR_OK;
}

static enum err copy_messages(struct across *across, struct batch *batch, const struct message *messages,
                              size_t count, struct error *error)
{
    enum err err = ERR_OK;
    uint64_t bytes = 0;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        if (batch->count > 0 && bytes + messages[i].size > ACROSS_BYTES) {
            err = batch_append(across, batch, error);
            bytes = 0;
        }
        if (err == ERR_OK)
            err = batch_add(across, batch, &messages[i], error);
        bytes += messages[i].size;
    }
    return err == ERR_OK && batch->count > 0 ? batch_append(across, batch, error) : err;
}

static enum err copy_all(struct across *across, const struct uid_set *uids, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ACROSS_ARENA_MAX);
    CLEANUP(uid_set_release) struct uid_set rest = {0};
    struct batch *batch = calloc(1, sizeof(*batch));
    struct message *messages;
    size_t count = 1;
    enum err err = batch != NULL ? ERR_OK : fail_nomem(error);
    uid_set_union(&rest, uids);
    while (err == ERR_OK && count > 0) {
        arena_reset(&arena);
        if (rest.failed)
            err = fail_nomem(error);
        else
            err = message_list_for(across->from, across->person, across->source, &rest, WANT_FLAGS,
                                   ACROSS_MESSAGES, &arena, &messages, &count, error);
        if (err != ERR_OK || count == 0)
            break;
        err = copy_messages(across, batch, messages, count, error);
        uid_set_remove(&rest, 1, messages[count - 1].uid.v);
    }
    if (batch != NULL)
        batch_clear(batch);
    free(batch);
    return err;
}

/* What could not be copied whole is not copied at all. */
static void undo(const struct across *across)
{
    struct error error;
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    enum err ignored = ERR_OK; /* when the destination itself is broken or gone */
    if (across->result.to.count > 0)
        ignored =
            message_expunge(across->to, across->destination, &across->result.to, false, &removed, &error);
    (void)ignored;
}

static enum err copy_durably(struct across *across, const struct uid_set *uids, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ACROSS_ARENA_MAX);
    for (size_t k = 0; k < ARRAY_LEN(across->bits); k++)
        across->bits[k] = KEYWORD_NONE;
    enum err err = keyword_names(across->from, &arena, &across->keywords, &across->keyword_count, error);
    if (err == ERR_OK)
        err = copy_all(across, uids, error);
    return err == ERR_OK ? account_sync(across->to, error) : err;
}

enum err message_copy_across(struct account *account, struct folder_id from, const struct uid_set *uids,
                             struct account *other, struct folder_id to, const struct copy_order *order,
                             struct copy_result *ret_result, struct error *error)
{
    must(account != other);
    struct across across = {.from = account,
                            .to = other,
                            .source = from,
                            .destination = to,
                            .keep = order->keep,
                            .person = order->person};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    enum err err = copy_durably(&across, uids, error);
    if (err == ERR_OK && order->move && across.result.from.count > 0)
        err = message_expunge(account, from, &across.result.from, false, &removed, error);
    if (err != ERR_OK) {
        undo(&across);
        copy_result_release(&across.result);
        return err;
    }
    *ret_result = across.result;
    return ERR_OK;
}
