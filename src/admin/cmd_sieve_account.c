/* The Sieve scripts of an account. */
#include "admin/sieve_complaints.h"
#include "admin/targets.h"
#include "store/script.h"

#define NAME_ARGUMENT                                                                        \
    {                                                                                        \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address" \
    }
#define SCRIPT_ARGUMENT                                                  \
    {                                                                    \
        "name", ARGUMENT_TEXT, true, true, "SCRIPT", "the script's name" \
    }

static const struct admin_argument account_arguments[] = {NAME_ARGUMENT, {0}};
static const struct admin_argument script_arguments[] = {NAME_ARGUMENT, SCRIPT_ARGUMENT, {0}};

/* --- list, show --- */

static const struct admin_column list_columns[] = {
    {"name", "NAME", COLUMN_TEXT},
    {"active", "ACTIVE", COLUMN_YES_NO},
    {"size", "SIZE", COLUMN_NUMBER},
    {"changed", "CHANGED", COLUMN_TIME},
    {0},
};

static enum err list(struct admin_call *call, struct error *error)
{
    struct account *account;
    struct script *scripts = NULL;
    size_t count = 0;
    enum err e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = script_list(account, &call->arena, &scripts, &count, error);
    account_unref(account);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call,
                     json_pack("{s:o,s:b,s:I,s:I}", "name", json_text(scripts[i].name), "active",
                               scripts[i].active, "size", (json_int_t)scripts[i].size, "changed",
                               (json_int_t)(scripts[i].changed_us / CLOCK_SECOND)),
                     error);
    return e;
}

const struct admin_command admin_sieve_list = {
    .name = "sieve.list",
    .run = list,
    .arguments = account_arguments,
    .columns = list_columns,
    .summary = "list an account's Sieve scripts",
    .about = "Lists the scripts by name. The active one is run for each message that comes.",
    .example = "posthorn sieve list anna@example.org",
};

static const struct admin_column show_columns[] = {{"text", "TEXT", COLUMN_TEXT}, {0}};

static void show_text(const json_t *row)
{
    (void)fputs(json_string_value(json_object_get(row, "text")), stdout);
}

static enum err show(struct admin_call *call, struct error *error)
{
    struct account *account;
    struct slice text;
    enum err e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = script_get(account, call_text(call, "name"), &call->arena, &text, error);
    account_unref(account);
    return e == ERR_OK ? call_row(call, json_pack("{s:o}", "text", json_text(text)), error) : e;
}

const struct admin_command admin_sieve_show = {
    .name = "sieve.show",
    .run = show,
    .arguments = script_arguments,
    .columns = show_columns,
    .show = show_text,
    .summary = "show a Sieve script of an account",
    .about = "Writes the script as it was given.",
    .example = "posthorn sieve show anna@example.org holiday > holiday.sieve",
};

/* --- put --- */

static const struct admin_argument put_arguments[] = {
    NAME_ARGUMENT,
    SCRIPT_ARGUMENT,
    {"file", ARGUMENT_FILE, true, true, "FILE", "the script; - is standard input"},
    {"activate", ARGUMENT_FLAG, false, false, NULL, "make it the active one"},
    {0},
};

static enum err put_script(struct admin_call *call, struct account *account, struct error *error)
{
    struct sieve_complaints complaints;
    const struct slice name = call_text(call, "name");
    enum err e = script_put(account, name, call_text(call, "file"), &complaints, error);
    if (e == ERR_INVALID && complaints.count > 0)
        return sieve_complaints_tell(call, &complaints, error);
    if (e == ERR_OK)
        e = sieve_complaints_tell(call, &complaints, error);
    if (e == ERR_OK && call_flag(call, "activate"))
        e = script_activate(account, name, error);
    if (e == ERR_OK)
        call_message(call, "%.*s: \"%.*s\" is kept%s", SLICE_ARGS(call_text(call, "address")),
                     SLICE_ARGS(name), call_flag(call, "activate") ? " and active" : "");
    return e;
}

static enum err put(struct admin_call *call, struct error *error)
{
    struct account *account;
    enum err e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = put_script(call, account, error);
    account_unref(account);
    return e;
}

const struct admin_command admin_sieve_put = {
    .name = "sieve.put",
    .run = put,
    .arguments = put_arguments,
    .columns = sieve_complaint_columns,
    .show = sieve_complaint_show,
    .summary = "give an account a Sieve script",
    .about = "Keeps the script under this name, in the place of one that has it. A wrong script is not kept: "
             "what is "
             "wrong is said with line and column, and the exit status is 1.",
    .example = "posthorn sieve put anna@example.org holiday holiday.sieve --activate",
};

/* --- activate, deactivate, remove --- */

static enum err change(struct admin_call *call, struct slice name, bool remove, const char *what,
                       struct error *error)
{
    struct account *account;
    enum err e = target_open(call, &account, error);
    if (e != ERR_OK)
        return e;
    e = remove ? script_delete(account, name, error) : script_activate(account, name, error);
    account_unref(account);
    if (e == ERR_OK)
        call_message(call, "%.*s: %s", SLICE_ARGS(call_text(call, "address")), what);
    return e;
}

static enum err activate(struct admin_call *call, struct error *error)
{
    return change(call, call_text(call, "name"), false, "the script is active", error);
}

const struct admin_command admin_sieve_activate = {
    .name = "sieve.activate",
    .run = activate,
    .arguments = script_arguments,
    .summary = "make a Sieve script an account's active one",
    .about = "From now on it is run for each message that comes, in the place of the one that was active.",
    .example = "posthorn sieve activate anna@example.org holiday",
};

static enum err deactivate(struct admin_call *call, struct error *error)
{
    return change(call, slice_none(), false, "no script is active", error);
}

const struct admin_command admin_sieve_deactivate = {
    .name = "sieve.deactivate",
    .run = deactivate,
    .arguments = account_arguments,
    .summary = "run no Sieve script for an account",
    .about = "The scripts stay; mail goes into the Inbox, or Junk.",
    .example = "posthorn sieve deactivate anna@example.org",
};

static enum err remove_script(struct admin_call *call, struct error *error)
{
    return change(call, call_text(call, "name"), true, "the script is removed", error);
}

const struct admin_command admin_sieve_remove = {
    .name = "sieve.remove",
    .run = remove_script,
    .arguments = script_arguments,
    .flags = COMMAND_CONFIRM,
    .summary = "remove a Sieve script of an account",
    .about = "The active one is not removed: deactivate it first, or activate another.",
    .example = "posthorn sieve remove anna@example.org holiday --yes",
};
