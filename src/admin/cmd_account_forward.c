#include "admin/admin.h"
#include "directory/forward.h"

static const struct admin_argument arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address"},
    {"to", ARGUMENT_TEXT, false, false, "A@B,C@D", "where its mail goes on to, instead of what was set"},
    {"keep-copy", ARGUMENT_YES_NO, false, false, "yes|no", "whether it stays here too (yes)"},
    {"off", ARGUMENT_FLAG, false, false, NULL, "its mail stays here only"},
    {0},
};

static const struct admin_column columns[] = {
    {"address", "Address", COLUMN_TEXT},
    {"to", "Forwards to", COLUMN_LIST},
    {"keep-copy", "Keeps a copy", COLUMN_YES_NO},
    {0},
};

static enum err find(struct admin_call *call, struct account_entry *ret_entry, struct forward *ret_forward,
                     struct error *error)
{
    struct directory *directory = call->context->directory;
    enum err e = account_entry_find(directory, call_text(call, "address"), &call->arena, ret_entry, error);
    return e == ERR_OK ? forward_get(directory, ret_entry->id, &call->arena, ret_forward, error) : e;
}

/* The words between commas; one more than there may be, for the directory to refuse. */
static void read_targets(struct slice text, struct slice *targets, struct forward *forward)
{
    bool more = text.n > 0;
    forward->targets = targets;
    forward->target_count = 0;
    while (more && forward->target_count <= FORWARD_TARGETS_MAX) {
        struct slice word;
        more = slice_cut(text, ',', &word, &text);
        targets[forward->target_count++] = slice_trim(word);
    }
}

static enum err change(struct admin_call *call, struct forward *forward, struct error *error)
{
    struct slice targets[FORWARD_TARGETS_MAX + 1];
    struct slice to = call_text(call, "to");
    int keep_copy = call_yes_no(call, "keep-copy");
    bool off = call_flag(call, "off");
    if (off && (to.p != NULL || keep_copy >= 0))
        return fail_plain(error, ERR_INVALID, "--off goes alone: its mail stays here only");
    if (to.p != NULL && to.n == 0)
        return fail_plain(error, ERR_INVALID, "--to names at least one address; --off ends forwarding");
    if (to.p != NULL)
        read_targets(to, targets, forward);
    if (off)
        forward->target_count = 0;
    else if (forward->target_count == 0)
        return fail_plain(error, ERR_INVALID, "nothing is forwarded; say where to with --to");
    if (keep_copy >= 0)
        forward->keep_copy = keep_copy != 0;
    return forward_set(call->context->directory, call_text(call, "address"), forward, error);
}

static enum err forward(struct admin_call *call, struct error *error)
{
    struct account_entry entry;
    struct forward forward;
    enum err e = find(call, &entry, &forward, error);
    bool changes =
        call_text(call, "to").p != NULL || call_yes_no(call, "keep-copy") >= 0 || call_flag(call, "off");
    if (e == ERR_OK && changes)
        e = change(call, &forward, error);
    if (e == ERR_OK && changes)
        e = find(call, &entry, &forward, error);
    if (e != ERR_OK)
        return e;
    return call_row(call,
                    json_pack("{s:o,s:o,s:b}", "address", json_text(entry.address), "to",
                              json_texts(forward.targets, forward.target_count), "keep-copy",
                              forward.keep_copy),
                    error);
}

const struct admin_command admin_account_forward = {
    .name = "account.forward",
    .run = forward,
    .arguments = arguments,
    .columns = columns,
    .flags = COMMAND_ONE,
    .summary = "send an account's mail on to other addresses",
    .about = "Shows where the account's mail goes on to, or sets it: to addresses here or outside, with or "
             "without "
             "a copy that stays. What can't go on (an address of ours that is no more, a circle) stays in "
             "any case, "
             "and nobody gets a message twice. To the outside the sender is rewritten (SRS), and bounces go "
             "back to "
             "the first sender.",
    .example = "posthorn account forward anna@example.org --to anna@home.example --keep-copy no",
};
