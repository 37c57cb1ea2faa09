#include "admin/admin.h"
#include "queue/destinations.h"

static const struct admin_column columns[] = {
    {"id", "ID", COLUMN_TEXT},
    {"state", "STATE", COLUMN_TEXT},
    {"size", "SIZE", COLUMN_SIZE},
    {"received", "RECEIVED", COLUMN_TIME},
    {"next", "NEXT TRY", COLUMN_TIME},
    {"sender", "SENDER", COLUMN_TEXT},
    {"recipients", "RECIPIENTS", COLUMN_LIST},
    {"reason", "LAST PROBLEM", COLUMN_TEXT},
    {0},
};

/* Null while there is no time set: the message waits for the relay. */
static json_t *next_try(const struct queue_entry *entry)
{
    return entry->next_us == INT64_MAX ? json_null() : json_integer(entry->next_us / CLOCK_SECOND);
}

static json_t *entry_row(const struct queue_entry *entry)
{
    char id[ID_TEXT_MAX];
    id_to_text(entry->id.v, id);
    return json_pack("{s:s,s:o,s:I,s:I,s:o,s:o,s:o,s:o}", "id", id, "state", json_text(entry->state), "size",
                     (json_int_t)entry->size, "received", (json_int_t)(entry->received_us / CLOCK_SECOND),
                     "next", next_try(entry), "sender", json_text(entry->sender), "recipients",
                     json_texts(entry->recipients, entry->recipient_count), "reason",
                     json_text(entry->reason));
}

static enum err list(struct admin_call *call, struct error *error)
{
    struct queue_id after = {0};
    for (;;) {
        struct queue_entry *entries;
        size_t count;
        arena_reset(&call->arena);
        enum err e =
            queue_list(call->context->queue, after, ADMIN_PAGE, &call->arena, &entries, &count, error);
        for (size_t i = 0; e == ERR_OK && i < count; i++)
            e = call_row(call, entry_row(&entries[i]), error);
        if (e != ERR_OK || count < ADMIN_PAGE)
            return e;
        after = entries[count - 1].id;
    }
}

const struct admin_command admin_queue_list = {
    .name = "queue.list",
    .run = list,
    .columns = columns,
    .flags = COMMAND_QUEUE,
    .summary = "list the mail in flight",
    .about =
        "Lists messages that are not with all their recipients yet: being filed, deferred after a problem, "
        "or waiting to be sent on.",
    .example = "posthorn queue list",
};

static enum err read_id(struct admin_call *call, struct queue_id *ret_id, struct error *error)
{
    struct slice text = call_text(call, "id");
    if (!id_from_text(text, &ret_id->v) || ret_id->v == 0)
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is not an id; `posthorn queue list` shows them",
                          (int)MIN(text.n, (size_t)ID_TEXT_MAX), text.p);
    return ERR_OK;
}

static const struct admin_argument id_arguments[] = {
    {"id", ARGUMENT_TEXT, true, true, "ID", "a message's id, from `posthorn queue list`"},
    {0},
};

static const struct admin_column show_columns[] = {
    {"id", "Id", COLUMN_TEXT},
    {"state", "State", COLUMN_TEXT},
    {"size", "Size", COLUMN_SIZE},
    {"received", "Received", COLUMN_TIME},
    {"next", "Next try", COLUMN_TIME},
    {"sender", "Sender", COLUMN_TEXT},
    {"recipients", "Recipients", COLUMN_LIST},
    {"reason", "Last problem", COLUMN_TEXT},
    {"header", "Header", COLUMN_TEXT},
    {0},
};

/* The message's header, of which people see who it is from and what it is about. */
static struct slice header_of(struct slice message)
{
    ssize_t end = slice_find(message, S("\r\n\r\n"));
    return end < 0 ? message : slice_sub(message, 0, (size_t)end + 2);
}

static void free_text(char **text)
{
    free(*text);
}

static enum err show(struct admin_call *call, struct error *error)
{
    struct queue_id id;
    struct queue_entry entry;
    CLEANUP(free_text) char *body = NULL;
    enum err e = read_id(call, &id, error);
    if (e == ERR_OK)
        e = queue_get(call->context->queue, id, &call->arena, &entry, &body, error);
    if (e != ERR_OK)
        return e;
    json_t *row = entry_row(&entry);
    if (row != NULL)
        json_object_set_new(row, "header", json_text(header_of(slice_of(body, entry.size))));
    return call_row(call, row, error);
}

const struct admin_command admin_queue_show = {
    .name = "queue.show",
    .run = show,
    .arguments = id_arguments,
    .columns = show_columns,
    .flags = COMMAND_QUEUE | COMMAND_ONE,
    .summary = "show a message in flight",
    .about = "Shows a message's sender, recipients that it has not reached yet, last problem and header.",
    .example = "posthorn queue show 00c0ffee00c0ffee",
};

static const struct admin_argument flush_arguments[] = {
    {"id", ARGUMENT_TEXT, true, false, "ID", "only this message"},
    {"domain", ARGUMENT_TEXT, false, false, "DOMAIN", "only messages that wait for addresses of this domain"},
    {0},
};

static enum err flush(struct admin_call *call, struct error *error)
{
    struct queue_id id = {0};
    struct slice domain = call_text(call, "domain");
    enum err e = call_text(call, "id").p != NULL ? read_id(call, &id, error) : ERR_OK;
    if (e == ERR_OK && id.v != 0 && domain.p != NULL)
        e = fail_plain(error, ERR_INVALID, "give a message's id or --domain, not both");
    if (e == ERR_OK && domain.p != NULL)
        e = queue_flush_domain(call->context->queue, domain, error);
    else if (e == ERR_OK)
        e = queue_flush(call->context->queue, id, error);
    if (e == ERR_OK && domain.p != NULL)
        call_message(call, "what waits for %.*s is tried now", SLICE_ARGS(domain));
    else if (e == ERR_OK)
        call_message(call, id.v == 0 ? "deferred messages are tried now" : "the message is tried now");
    return e;
}

const struct admin_command admin_queue_flush = {
    .name = "queue.flush",
    .run = flush,
    .arguments = flush_arguments,
    .flags = COMMAND_QUEUE,
    .summary = "try deferred messages now",
    .about =
        "Messages that wait after a problem are tried at once: all, the one named, or those for a domain.",
    .example = "posthorn queue flush",
};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct queue_id id;
    enum err e = read_id(call, &id, error);
    if (e == ERR_OK)
        e = queue_drop(call->context->queue, id, error);
    if (e == ERR_OK)
        call_message(call, "dropped the message");
    return e;
}

const struct admin_command admin_queue_drop = {
    .name = "queue.drop",
    .run = drop,
    .arguments = id_arguments,
    .flags = COMMAND_QUEUE | COMMAND_CONFIRM,
    .summary = "throw a message in flight away",
    .about = "The message goes to no further recipient, and its sender is not told.",
    .example = "posthorn queue drop 00c0ffee00c0ffee --yes",
};
