/* What was deleted from an account: brought back, or erased; and what goes by itself: at once. */
#include "admin/targets.h"
#include "base/clock.h"
#include "base/duration.h"
#include "store/tidy.h"
#include "store/undelete.h"

#define NAME_ARGUMENT                                                                        \
    {                                                                                        \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address" \
    }

static const struct admin_argument undelete_arguments[] = {
    NAME_ARGUMENT,
    {"list", ARGUMENT_FLAG, false, false, NULL, "only tell what could be brought back"},
    {"since", ARGUMENT_TEXT, false, false, "TIME", "deleted no longer ago than that: 30m, 12h, 2d, 1w"},
    {"folder", ARGUMENT_TEXT, false, false, "FOLDER", "deleted from that folder"},
    {"subject", ARGUMENT_TEXT, false, false, "TEXT", "a part of the subject"},
    {"from", ARGUMENT_TEXT, false, false, "TEXT", "a part of the sender's name or address"},
    {"to-folder", ARGUMENT_TEXT, false, false, "FOLDER", "into that folder, not where it was"},
    {0},
};

static const struct admin_column undelete_columns[] = {
    {"deleted", "DELETED", COLUMN_TIME}, {"until", "UNTIL", COLUMN_TIME},
    {"folder", "FOLDER", COLUMN_TEXT},   {"from", "FROM", COLUMN_TEXT},
    {"subject", "SUBJECT", COLUMN_TEXT}, {"date", "DATE", COLUMN_TIME},
    {"size", "SIZE", COLUMN_SIZE},       {0},
};

static enum err query_read(const struct admin_call *call, struct deleted_query *ret_query,
                           struct error *error)
{
    struct slice since = call_text(call, "since");
    int64_t seconds = 0;
    if (since.p != NULL && !duration_parse(since, &seconds))
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is no span of time; write 30m, 12h, 2d or 1w",
                          SLICE_ARGS(since));
    *ret_query = (struct deleted_query){
        .since_us = since.p != NULL ? MAX(clock_wall_us() - seconds * CLOCK_SECOND, 0) : 0,
        .folder = call_text(call, "folder"),
        .subject = call_text(call, "subject"),
        .from = call_text(call, "from")};
    return ERR_OK;
}

static enum err tell(void *context, const struct deleted_message *message, struct error *error)
{
    return call_row(
        context,
        json_pack("{s:I,s:I,s:o,s:o,s:o,s:I,s:I}", "deleted",
                  (json_int_t)(message->removed_us / CLOCK_SECOND), "until",
                  (json_int_t)(message->until_us / CLOCK_SECOND), "folder", json_text(message->folder),
                  "from", json_text(message->from), "subject", json_text(message->subject), "date",
                  (json_int_t)(message->sent_us / CLOCK_SECOND), "size", (json_int_t)message->size),
        error);
}

static enum err bring_back(struct admin_call *call, struct account *account,
                           const struct deleted_query *query, struct error *error)
{
    struct undelete_result result;
    struct account_usage usage;
    struct slice address = call_text(call, "address");
    enum err e = undelete(account, query, call_text(call, "to-folder"), &result, error);
    if (e == ERR_OK)
        e = account_sync(account, error);
    if (e == ERR_OK)
        e = account_usage(account, &usage, error);
    if (e != ERR_OK)
        return e;
    call_message(call, "brought back %llu message%s of %.*s", (unsigned long long)result.messages,
                 result.messages == 1 ? "" : "s", SLICE_ARGS(address));
    if (result.messages > 0 &&
        ((usage.limits.quota_bytes > 0 && usage.bytes > usage.limits.quota_bytes) ||
         (usage.limits.quota_messages > 0 && usage.messages > usage.limits.quota_messages)))
        call_message(call, "%.*s is over its quota now: no mail comes in", SLICE_ARGS(address));
    return ERR_OK;
}

static enum err run_undelete(struct admin_call *call, struct error *error)
{
    struct deleted_query query;
    struct account *account = NULL;
    if (call_flag(call, "list") && call_text(call, "to-folder").p != NULL)
        return fail_plain(error, ERR_INVALID, "--list brings nothing back, so --to-folder means nothing");
    enum err e = query_read(call, &query, error);
    if (e == ERR_OK)
        e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = call_flag(call, "list") ? deleted_each(account, &query, tell, call, error)
                                : bring_back(call, account, &query, error);
    account_unref(account);
    return e;
}

const struct admin_command admin_account_undelete = {
    .name = "account.undelete",
    .run = run_undelete,
    .arguments = undelete_arguments,
    .columns = undelete_columns,
    .summary = "bring back deleted messages",
    .about =
        "What was deleted, by whatever program, can be brought back for some days: with its flags, into the "
        "folder where it was, which is made anew if it is gone. Mail programs see it as new. All that the "
        "options name comes back, so look with --list first. A message that lies in another folder is not "
        "deleted.",
    .example = "posthorn account undelete anna@example.org --since 2d --folder INBOX",
};

/* --- purge --- */

static const struct admin_argument purge_arguments[] = {NAME_ARGUMENT, {0}};

static enum err run_purge(struct admin_call *call, struct error *error)
{
    struct account *account;
    struct undelete_result result;
    enum err e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = undelete_purge(account, &result, error);
    account_unref(account);
    if (e == ERR_OK)
        call_message(call, "erased %llu deleted message%s of %.*s", (unsigned long long)result.messages,
                     result.messages == 1 ? "" : "s", SLICE_ARGS(call_text(call, "address")));
    return e;
}

const struct admin_command admin_account_purge = {
    .name = "account.purge",
    .run = run_purge,
    .arguments = purge_arguments,
    .flags = COMMAND_CONFIRM,
    .summary = "erase deleted messages at once",
    .about =
        "Erases what was deleted and could still be brought back: rows are overwritten, packs written anew "
        "without it. What backups hold is not touched.",
    .example = "posthorn account purge anna@example.org --yes",
};

/* --- tidy --- */

static enum err run_tidy(struct admin_call *call, struct error *error)
{
    struct account *account;
    int64_t due;
    enum err e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = tidy_account(account, true, &due, error);
    account_unref(account);
    if (e == ERR_OK)
        call_message(call, "tidied %.*s", SLICE_ARGS(call_text(call, "address")));
    return e;
}

const struct admin_command admin_account_tidy = {
    .name = "account.tidy",
    .run = run_tidy,
    .arguments = purge_arguments,
    .summary = "remove what is over its time, now",
    .about =
        "Does at once what the server does by itself within hours: removes from Trash, Junk and Inbox what "
        "the "
        "options trash-keep, junk-keep and pop3-keep no longer keep, forgets what was deleted too long ago, "
        "and gives back the space.",
    .example = "posthorn account tidy anna@example.org",
};
