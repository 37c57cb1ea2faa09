/* A message's story: who brought it, and each attempt with the others' words. */
#include <time.h>

#include "admin/admin.h"
#include "admin/size.h"
#include "base/clock.h"
#include "base/duration.h"
#include "queue/history.h"

enum { TRACE_MESSAGES = 100, TRACE_TEXT_MAX = 8 * 1024 };

static const struct admin_argument arguments[] = {
    {"id", ARGUMENT_TEXT, true, false, "ID", "a message's id, from a log, a Received field or `queue list`"},
    {"message-id", ARGUMENT_TEXT, false, false, "MESSAGE-ID", "messages with this Message-ID"},
    {"address", ARGUMENT_TEXT, false, false, "ADDRESS", "messages from or to this address"},
    {"since", ARGUMENT_TEXT, false, false, "TIME",
     "accepted since then: 2h (ago), 2026-11-22, \"2026-11-22 15:04\""},
    {"until", ARGUMENT_TEXT, false, false, "TIME", "accepted before then"},
    {"max", ARGUMENT_NUMBER, false, false, "NUMBER", "the newest so many messages; 100 when not given"},
    {0},
};

static const struct admin_column columns[] = {
    {"time", "TIME", COLUMN_TIME},
    {"id", "ID", COLUMN_TEXT},
    {"event", "EVENT", COLUMN_TEXT},
    {"address", "ADDRESS", COLUMN_TEXT},
    {"next", "NEXT TRY", COLUMN_TIME},
    {"said", "WHAT WAS SAID", COLUMN_TEXT},
    {0},
};

/* --- times --- */

/* "2h" is that long ago; else a day, or a day and a time, of this machine's time zone. Absent: 0. */
static enum err read_time(const struct admin_call *call, const char *name, int64_t *ret_us,
                          struct error *error)
{
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    struct slice text = call_text(call, name);
    int64_t seconds;
    char copy[32];
    *ret_us = 0;
    if (text.p == NULL)
        return ERR_OK;
    if (duration_parse(text, &seconds)) {
        *ret_us = MAX(clock_wall_us() - seconds * CLOCK_SECOND, INT64_C(1));
        return ERR_OK;
    }
    snprintf(copy, sizeof(copy), "%.*s", SLICE_ARGS(slice_sub(text, 0, sizeof(copy) - 1)));
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct tm tm = {.tm_isdst = -1};
        const char *end = strptime(copy, forms[i], &tm);
        if (end == NULL || *end != 0)
            continue;
        *ret_us = MAX((int64_t)mktime(&tm) * CLOCK_SECOND, INT64_C(1));
        return ERR_OK;
    }
    return fail_plain(error, ERR_INVALID,
                      "--%s takes a span like 2h, or a time like \"2026-11-22 15:04\", not \"%s\"", name,
                      copy);
}

/* --- one message --- */

static void put_part(struct buf *out, const char *before, struct slice text, const char *after)
{
    if (text.n > 0)
        buf_printf(out, "%s%s%.*s%s", out->n > 0 ? " " : "", before, SLICE_ARGS(text), after);
}

/* Who submitted it; empty: a stranger. */
static struct slice account_name(struct admin_call *call, struct account_id id)
{
    struct account_entry entry;
    struct error error;
    char text[ID_TEXT_MAX];
    if (id.v == 0)
        return slice_none();
    if (account_entry_get(call->context->directory, id, &call->arena, &entry, &error) == ERR_OK)
        return entry.address;
    id_to_text(id.v, text);
    return arena_dup(&call->arena, slice_cstr(text));
}

static void put_origin(struct buf *out, const struct history_message *message, struct slice account)
{
    char size[SIZE_TEXT_MAX];
    size_text(message->size, size);
    buf_printf(out, "from <%.*s>", SLICE_ARGS(message->sender));
    put_part(out, "by account ", account, "");
    put_part(out, "at ", message->helo, "");
    put_part(out, "[", message->peer, "]");
    put_part(out, "with ", message->protocol, "");
    put_part(out, "(", message->tls, ")");
    put_part(out, "", slice_cstr(size), "");
    put_part(out, "", message->message_id, "");
}

static void put_event(struct buf *out, const struct history_event *event)
{
    char other[ID_TEXT_MAX];
    id_to_text(event->other.v, other);
    put_part(out, "", event->peer, "");
    put_part(out, "(", event->tls, ")");
    if (out->n > 0)
        buf_put(out, S(":"));
    if (!slice_starts(slice_from(event->text, MIN(event->text.n, (size_t)4)), event->status))
        put_part(out, "", event->status, "");
    put_part(out, "", event->text, "");
    if (event->other.v != 0)
        put_part(out, "as ", slice_cstr(other), "");
    put_part(out, "; before that: ", event->tried, "");
}

static json_t *tried_list(struct slice tried)
{
    json_t *list = json_array();
    while (list != NULL && tried.n > 0) {
        struct slice line;
        struct slice rest = slice_none();
        slice_cut(tried, '\n', &line, &rest);
        json_array_append_new(list, json_text(line));
        tried = rest;
    }
    return list;
}

static json_t *id_value(struct queue_id id)
{
    char text[ID_TEXT_MAX];
    id_to_text(id.v, text);
    return id.v != 0 ? json_string(text) : json_null();
}

static enum err tell_event(struct admin_call *call, const struct history_message *message,
                           const struct history_event *event, struct error *error)
{
    CLEANUP(buf_release) struct buf said = BUF(TRACE_TEXT_MAX);
    bool accepted = event->kind == HISTORY_ACCEPTED;
    struct slice account = accepted ? account_name(call, message->account) : slice_none();
    const char *kind = history_kind_name(event->kind);
    if (accepted)
        put_origin(&said, message, account);
    else
        put_event(&said, event);
    json_t *row =
        json_pack("{s:I,s:o,s:s,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "time",
                  (json_int_t)(event->at_us / CLOCK_SECOND), "id", id_value(message->id), "event",
                  kind != NULL ? kind : "?", "address", json_text(event->address), "next",
                  (json_int_t)(event->next_us / CLOCK_SECOND), "said", json_text(buf_slice(&said)), "peer",
                  json_text(accepted ? message->peer : event->peer), "tls",
                  json_text(accepted ? message->tls : event->tls), "status", json_text(event->status), "text",
                  json_text(event->text), "tried", tried_list(event->tried), "other", id_value(event->other));
    if (row != NULL && accepted) {
        json_object_set_new(row, "sender", json_text(message->sender));
        json_object_set_new(row, "message_id", json_text(message->message_id));
        json_object_set_new(row, "size", json_integer((json_int_t)message->size));
        json_object_set_new(row, "account", json_text(account));
        json_object_set_new(row, "protocol", json_text(message->protocol));
        json_object_set_new(row, "helo", json_text(message->helo));
    }
    return call_row(call, row, error);
}

/* --- those that are told of --- */

struct tracing {
    struct queue_id ids[HISTORY_FIND_MAX + TRACE_MESSAGES];
    size_t count;
    size_t max; /* with those that they became */
};

/* What a message became is told after it. */
static void follow(struct tracing *tracing, struct queue_id id)
{
    for (size_t i = 0; i < tracing->count; i++)
        if (tracing->ids[i].v == id.v)
            return;
    if (id.v != 0 && tracing->count < tracing->max)
        tracing->ids[tracing->count++] = id;
}

static enum err tell_message(struct admin_call *call, struct tracing *tracing, struct queue_id id,
                             struct error *error)
{
    struct history_message message;
    struct history_event *events;
    size_t count;
    arena_reset(&call->arena);
    enum err e = queue_history_read(call->context->queue, id, &call->arena, &message, &events, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = tell_event(call, &message, &events[i], error);
        follow(tracing, events[i].other);
    }
    return e;
}

static enum err find(struct admin_call *call, struct tracing *tracing, struct error *error)
{
    struct history_question question = {
        .message_id = call_text(call, "message-id"),
        .address = call_text(call, "address"),
        .max = call_number(call, "max", TRACE_MESSAGES),
    };
    struct queue_id *ids;
    if (question.max < 1 || question.max > HISTORY_FIND_MAX)
        return fail_plain(error, ERR_INVALID, "--max is from 1 to %d", HISTORY_FIND_MAX);
    if (question.message_id.n > 0 && question.address.n > 0)
        return fail_plain(error, ERR_INVALID, "give --message-id or --address, not both");
    enum err e = read_time(call, "since", &question.since_us, error);
    if (e == ERR_OK)
        e = read_time(call, "until", &question.until_us, error);
    if (e == ERR_OK)
        e = queue_history_find(call->context->queue, &question, &call->arena, &ids, &tracing->count, error);
    if (e == ERR_OK && tracing->count > 0)
        memcpy(tracing->ids, ids, tracing->count * sizeof(*ids));
    /* What became of one message is told to the end; of a list, each for itself. */
    tracing->max = question.message_id.n > 0 ? tracing->count + TRACE_MESSAGES : tracing->count;
    return e;
}

static enum err trace(struct admin_call *call, struct error *error)
{
    struct tracing tracing = {.max = TRACE_MESSAGES};
    struct slice text = call_text(call, "id");
    enum err e = ERR_OK;
    if (text.p == NULL)
        e = find(call, &tracing, error);
    else if (json_object_size(call->request) > 2)
        return fail_plain(error, ERR_INVALID, "an id says which message it is; give nothing else");
    else if (!id_from_text(text, &tracing.ids[0].v) || tracing.ids[0].v == 0)
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is not an id", SLICE_ARGS(slice_sub(text, 0, 40)));
    else
        tracing.count = 1;
    for (size_t i = 0; e == ERR_OK && i < tracing.count; i++) {
        e = tell_message(call, &tracing, tracing.ids[i], error);
        if (e == ERR_NOT_FOUND && (i > 0 || text.p == NULL))
            e = ERR_OK; /* forgotten meanwhile */
        call_progress(call, i + 1, tracing.count);
    }
    return e;
}

const struct admin_command admin_queue_trace = {
    .name = "queue.trace",
    .run = trace,
    .arguments = arguments,
    .columns = columns,
    .flags = COMMAND_QUEUE,
    .summary = "tell what became of a message",
    .about =
        "Tells a message's story: who brought it and how, and each attempt to pass it on with the words of "
        "the other server; also after it has left, for 14 days. By its id or Message-ID it tells of what "
        "the message became, too: forwarded copies, reports. Without any of them: the newest messages.",
    .example = "posthorn queue trace --address friend@example.net --since 2h",
};
