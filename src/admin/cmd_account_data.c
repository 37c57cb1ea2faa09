#include <inttypes.h>

#include "admin/admin.h"
#include "admin/options.h"
#include "store/check.h"
#include "store/folder.h"
#include "store/search_build.h"
#include "store/search_index.h"

/* What concerns an account's data: show, check, reindex, remove. */

#define NAME_ARGUMENT                                                                        \
    {                                                                                        \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address" \
    }

static const struct admin_argument show_arguments[] = {NAME_ARGUMENT, {0}};

static const struct admin_column show_columns[] = {
    {"address", "Address", COLUMN_TEXT},
    {"name", "Name", COLUMN_TEXT},
    {"id", "Id", COLUMN_TEXT},
    {"plan", "Plan", COLUMN_TEXT},
    {"doors", "Doors", COLUMN_LIST},
    {"language", "Language", COLUMN_TEXT},
    {"enabled", "Enabled", COLUMN_YES_NO},
    {"bytes", "Used", COLUMN_SIZE},
    {"quota", "Quota", COLUMN_SIZE},
    {"deleted_bytes", "Deleted", COLUMN_SIZE},
    {"messages", "Messages", COLUMN_NUMBER},
    {"messages_max", "Most messages", COLUMN_NUMBER},
    {"folders", "Folders", COLUMN_NUMBER},
    {"imap_without", "IMAP without", COLUMN_TEXT},
    {"certificate_login", "By certificate", COLUMN_YES_NO},
    OPTION_COLUMNS{0},
};

struct figures {
    struct account_usage usage;
    size_t folders;
};

/* An account that nobody has used has no data yet: all is 0. */
static enum err look(struct admin_call *call, struct account_id id, struct figures *ret, struct error *error)
{
    struct account *account;
    struct folder *folders;
    *ret = (struct figures){0};
    enum err e = store_account(call->context->store, id, &account, error);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e != ERR_OK)
        return e;
    e = account_usage(account, &ret->usage, error);
    if (e == ERR_OK)
        e = folder_list(account, &call->arena, &folders, &ret->folders, error);
    account_unref(account);
    return e;
}

static enum err show(struct admin_call *call, struct error *error)
{
    struct account_entry entry;
    struct figures figures;
    char id[ID_TEXT_MAX];
    enum err e =
        account_entry_find(call->context->directory, call_text(call, "address"), &call->arena, &entry, error);
    if (e == ERR_OK)
        e = look(call, entry.id, &figures, error);
    if (e != ERR_OK)
        return e;
    id_to_text(entry.id.v, id);
    json_t *row = json_pack(
        "{s:o,s:o,s:s,s:o,s:o,s:o,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:b}", "address", json_text(entry.address),
        "name", json_text(entry.name), "id", id, "plan", json_text(entry.plan), "doors",
        json_doors(entry.doors), "language", json_text(entry.language), "enabled", entry.enabled, "bytes",
        (json_int_t)figures.usage.bytes, "quota", (json_int_t)entry.quota_bytes, "deleted_bytes",
        (json_int_t)figures.usage.deleted_bytes, "messages", (json_int_t)figures.usage.messages,
        "messages_max", (json_int_t)entry.quota_messages, "folders", (json_int_t)figures.folders,
        "imap_without", json_text(entry.capabilities_off), "certificate_login", entry.certificate_login);
    return call_row(call, row_options(row, &entry.options), error);
}

const struct admin_command admin_account_show = {
    .name = "account.show",
    .run = show,
    .arguments = show_arguments,
    .columns = show_columns,
    .flags = COMMAND_ONE,
    .summary = "show an account",
    .about = "Shows an account's plan, what it uses and what it may use.",
    .example = "posthorn account show anna@example.org",
};

/* --- check --- */

static const struct admin_argument check_arguments[] = {
    NAME_ARGUMENT,
    {"repair", ARGUMENT_FLAG, false, false, NULL, "mend what can be mended; the old database is kept"},
    {0},
};

static const struct admin_column check_columns[] = {
    {"what", "WHAT", COLUMN_TEXT},           {"where", "WHERE", COLUMN_TEXT},
    {"problem", "PROBLEM", COLUMN_TEXT},     {"lost", "LOST", COLUMN_YES_NO},
    {"repaired", "REPAIRED", COLUMN_YES_NO}, {0},
};

/* What check.h calls back with. */
struct checking {
    struct admin_call *call;
    enum err code; /* of the first row that could not be told */
    struct error *error;
};

static void report(void *context, const struct check_finding *finding)
{
    struct checking *checking = context;
    if (checking->code != ERR_OK)
        return;
    checking->code = call_row(checking->call,
                              json_pack("{s:o,s:o,s:o,s:b,s:b}", "what", json_text(slice_cstr(finding->what)),
                                        "where", json_text(slice_cstr(finding->where)), "problem",
                                        json_text(slice_cstr(finding->problem)), "lost", finding->lost,
                                        "repaired", finding->repaired),
                              checking->error);
}

static void progress(void *context, uint64_t done, uint64_t total)
{
    const struct checking *checking = context;
    call_progress(checking->call, done, total);
}

/* Nobody has used the account yet: then there is no folder of it, where a damaged account has one. */
static enum err is_unused(struct admin_call *call, struct account_id id, bool *ret_unused,
                          struct error *error)
{
    struct account_id *ids;
    size_t count;
    enum err e = store_account_list(call->context->store, &call->arena, &ids, &count, error);
    if (e != ERR_OK)
        return e;
    size_t i = 0;
    while (i < count && ids[i].v != id.v)
        i++;
    *ret_unused = i == count;
    return ERR_OK;
}

static enum err run_check(struct admin_call *call, struct error *error)
{
    struct slice address = call_text(call, "address");
    struct account_entry entry;
    enum err e = account_entry_find(call->context->directory, address, &call->arena, &entry, error);
    bool unused = false;
    if (e == ERR_OK)
        e = is_unused(call, entry.id, &unused, error);
    if (e != ERR_OK)
        return e;
    if (unused) {
        call_message(call, "%.*s: nobody has used it yet, there is nothing to check", SLICE_ARGS(address));
        return ERR_OK;
    }
    struct checking checking = {call, ERR_OK, error};
    const struct check_options options = {call_flag(call, "repair"), report, progress, &checking};
    struct check_result result;
    struct error failure;
    e = check_account(call->context->store, entry.id, &options, &result, &failure);
    if (e == ERR_BUSY)
        return fail_plain(error, ERR_BUSY,
                          "%.*s is in use: end its sessions (or stop the server), then check again",
                          SLICE_ARGS(address));
    if (e != ERR_OK) {
        *error = failure;
        return e;
    }
    if (checking.code != ERR_OK)
        return checking.code;
    call->unclean = result.findings > 0;
    call_message(call,
                 "%.*s: %" PRIu64 " messages, %" PRIu64 " bytes; %" PRIu64 " findings, %" PRIu64
                 " repaired, %" PRIu64 " lost",
                 SLICE_ARGS(address), result.messages, result.bytes, result.findings, result.repaired,
                 result.lost);
    return ERR_OK;
}

const struct admin_command admin_account_check = {
    .name = "account.check",
    .run = run_check,
    .arguments = check_arguments,
    .columns = check_columns,
    .summary = "verify an account's data, and repair it",
    .about =
        "Verifies every record of the account and names what is damaged; the exit status is 1 if anything "
        "is. With --repair what is whole is taken over and the rest is made again as far as possible. "
        "Nobody may be logged in meanwhile.",
    .example = "posthorn account check anna@example.org --repair",
};

/* --- reindex --- */

static const struct admin_argument reindex_arguments[] = {NAME_ARGUMENT, {0}};

static void reindex_progress(void *context, struct search_progress progress)
{
    call_progress(context, progress.done, progress.total);
}

static enum err reindex_account(struct admin_call *call, struct account *account, struct error *error)
{
    static const atomic_bool go_on = false;
    struct search_figures figures;
    enum err e = search_build(account, true, &go_on, reindex_progress, call, error);
    if (e == ERR_OK)
        e = search_index_figures(account, &figures, error);
    if (e != ERR_OK)
        return e;
    call_message(call, "%.*s: indexed %" PRIu64 " messages, %" PRIu64 " bytes of text in %" PRIu64,
                 SLICE_ARGS(call_text(call, "address")), figures.objects, figures.text, figures.bytes);
    return ERR_OK;
}

static enum err reindex(struct admin_call *call, struct error *error)
{
    struct account_entry entry;
    struct account *account;
    struct slice address = call_text(call, "address");
    enum err e = account_entry_find(call->context->directory, address, &call->arena, &entry, error);
    bool unused = false;
    if (e == ERR_OK)
        e = is_unused(call, entry.id, &unused, error);
    if (e == ERR_OK && unused) {
        call_message(call, "%.*s: nobody has used it yet, there is nothing to index", SLICE_ARGS(address));
        return ERR_OK;
    }
    if (e == ERR_OK)
        e = store_account(call->context->store, entry.id, &account, error);
    if (e != ERR_OK)
        return e;
    e = reindex_account(call, account, error);
    account_unref(account);
    return e;
}

const struct admin_command admin_account_reindex = {
    .name = "account.reindex",
    .run = reindex,
    .arguments = reindex_arguments,
    .summary = "make an account's search index anew",
    .about = "Deletes the search index and makes it from the messages. The server does that by itself where "
             "it must; searches meanwhile read the messages, and find the same.",
    .example = "posthorn account reindex anna@example.org",
};

/* --- remove --- */

static const struct admin_argument remove_arguments[] = {NAME_ARGUMENT, {0}};

static enum err remove_data(struct admin_call *call, struct account_id id, struct error *error)
{
    enum err e = store_account_remove(call->context->store, id, error);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err enable(struct admin_call *call, struct slice address, int enabled, struct error *error)
{
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.enabled = enabled;
    return account_entry_set(call->context->directory, address, &changes, error);
}

/*
 * Nobody new may log in, then the data goes, then the entry; what was delivered in between goes last. A crash
 * on the way leaves an account that can be removed again.
 */
static enum err remove_account(struct admin_call *call, struct error *error)
{
    struct slice address = call_text(call, "address");
    struct account_entry entry;
    enum err e = account_entry_find(call->context->directory, address, &call->arena, &entry, error);
    if (e == ERR_OK)
        e = enable(call, address, 0, error);
    if (e != ERR_OK)
        return e;
    e = remove_data(call, entry.id, error);
    if (e != ERR_OK) {
        struct error second;
        if (entry.enabled && enable(call, address, 1, &second) != ERR_OK)
            return error_context(error, "and it stays disabled (%s)", second.detail);
        if (e == ERR_BUSY)
            return fail_plain(error, ERR_BUSY, "%.*s is in use: end its sessions, then remove it",
                              SLICE_ARGS(address));
        return e;
    }
    e = account_entry_remove(call->context->directory, address, error);
    if (e == ERR_OK)
        e = remove_data(call, entry.id, error);
    call_moved(call, entry.id, address, address);
    if (e == ERR_OK)
        call_message(call, "removed account %.*s", SLICE_ARGS(address));
    return e;
}

const struct admin_command admin_account_remove = {
    .name = "account.remove",
    .run = remove_account,
    .arguments = remove_arguments,
    .flags = COMMAND_CONFIRM,
    .summary = "remove an account with all its mail",
    .about = "Removes the account and everything in it. There is no way back but a backup.",
    .example = "posthorn account remove anna@example.org --yes",
};
