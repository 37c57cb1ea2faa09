/* Keeping mail from leaving: one message, all of a sender, all for a domain. */
#include "admin/admin.h"
#include "queue/hold.h"

static const struct admin_argument arguments[] = {
    {"id", ARGUMENT_TEXT, true, false, "ID", "one message, from `posthorn queue list`"},
    {"sender", ARGUMENT_TEXT, false, false, "ADDRESS", "all that this address sends"},
    {"domain", ARGUMENT_TEXT, false, false, "DOMAIN", "all that goes to addresses of this domain"},
    {0},
};

/* Which of the three was given. */
static enum err read_what(struct admin_call *call, enum hold_kind *ret_kind, struct slice *ret_what,
                          struct error *error)
{
    static const struct {
        const char *argument;
        enum hold_kind kind;
    } kinds[] = {{"id", HOLD_ENTRY}, {"sender", HOLD_SENDER}, {"domain", HOLD_DOMAIN}};
    size_t given = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct slice what = call_text(call, kinds[i].argument);
        if (what.p == NULL)
            continue;
        given++;
        *ret_kind = kinds[i].kind;
        *ret_what = what;
    }
    if (given != 1)
        return fail_plain(error, ERR_INVALID, "give one of a message's id, --sender and --domain");
    return ERR_OK;
}

static enum err change(struct admin_call *call,
                       enum err (*change_it)(struct queue *, enum hold_kind, struct slice, struct error *),
                       const char *done, struct error *error)
{
    enum hold_kind kind = HOLD_ENTRY;
    struct slice what = slice_none();
    enum err e = read_what(call, &kind, &what, error);
    if (e == ERR_OK)
        e = change_it(call->context->queue, kind, what, error);
    if (e == ERR_OK)
        call_message(call, "the %s %.*s is %s", hold_kind_name(kind), SLICE_ARGS(what), done);
    return e;
}

static enum err hold(struct admin_call *call, struct error *error)
{
    return change(call, queue_hold, "held", error);
}

const struct admin_command admin_queue_hold = {
    .name = "queue.hold",
    .run = hold,
    .arguments = arguments,
    .flags = COMMAND_QUEUE,
    .summary = "keep mail from leaving",
    .about =
        "Keeps a message, or all that a sender sends, or all for a domain, from going to other servers, "
        "until it is released: what waits now and what comes. What is just being sent goes out. Mail for "
        "accounts here is filed all the same.",
    .example = "posthorn queue hold --sender anna@example.org",
};

static enum err release(struct admin_call *call, struct error *error)
{
    return change(call, queue_release, "released", error);
}

const struct admin_command admin_queue_release = {
    .name = "queue.release",
    .run = release,
    .arguments = arguments,
    .flags = COMMAND_QUEUE,
    .summary = "let mail leave that was held",
    .about = "Ends what `posthorn queue hold` began; what was kept is sent as if it had never been held.",
    .example = "posthorn queue release --sender anna@example.org",
};

static const struct admin_column columns[] = {
    {"kind", "KIND", COLUMN_TEXT},
    {"what", "WHAT", COLUMN_TEXT},
    {"since", "SINCE", COLUMN_TIME},
    {0},
};

static enum err holds(struct admin_call *call, struct error *error)
{
    struct hold *all;
    size_t count;
    enum err e = queue_holds(call->context->queue, &call->arena, &all, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call,
                     json_pack("{s:s,s:o,s:I}", "kind", hold_kind_name(all[i].kind), "what",
                               json_text(all[i].what), "since", (json_int_t)(all[i].since_us / CLOCK_SECOND)),
                     error);
    return e;
}

const struct admin_command admin_queue_holds = {
    .name = "queue.holds",
    .run = holds,
    .columns = columns,
    .flags = COMMAND_QUEUE,
    .summary = "list what is held",
    .about = "Lists the messages, senders and domains whose mail may not leave, the oldest first.",
    .example = "posthorn queue holds",
};
