/* App passwords of an account: made by us, shown once. */
#include "admin/admin.h"
#include "base/clock.h"
#include "base/duration.h"
#include "directory/app_password.h"

enum { NAMES_TRIED_MAX = APP_PASSWORDS_MAX + 1 };

#define ADDRESS_ARGUMENT                                                                     \
    {                                                                                        \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address" \
    }

/* "app password 1", or the first number that is free. */
static enum err choose_name(struct admin_call *call, struct slice address, struct slice *ret_name,
                            struct error *error)
{
    struct app_password *passwords;
    size_t count;
    enum err e =
        app_password_list(call->context->directory, address, &call->arena, &passwords, &count, error);
    for (unsigned number = 1; e == ERR_OK && number <= NAMES_TRIED_MAX; number++) {
        char name[40];
        bool taken = false;
        snprintf(name, sizeof(name), "app password %u", number);
        for (size_t i = 0; i < count; i++)
            taken = taken || slice_eq(passwords[i].name, slice_cstr(name));
        if (taken)
            continue;
        *ret_name = arena_dup(&call->arena, slice_cstr(name));
        return ret_name->p != NULL ? ERR_OK : fail_nomem(error);
    }
    return e;
}

static enum err read_expires(struct slice text, int64_t *ret_expires, struct error *error)
{
    int64_t seconds = 0;
    if (text.p != NULL && !duration_parse(text, &seconds))
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is no time; write it like 12h, 90d or 4w",
                          SLICE_ARGS(slice_sub(text, 0, 40)));
    *ret_expires = text.p != NULL ? clock_wall_us() / CLOCK_SECOND + seconds : 0;
    return ERR_OK;
}

static json_t *doors_row(unsigned doors)
{
    return doors != 0 ? json_doors(doors) : json_pack("[s]", "all");
}

static const struct admin_argument add_arguments[] = {
    ADDRESS_ARGUMENT,
    {"name", ARGUMENT_TEXT, false, false, "TEXT", "what it is for: a device or a program"},
    {"doors", ARGUMENT_TEXT, false, false, "NAMES", "where it opens, as in imap,submission (default all)"},
    {"expires", ARGUMENT_TEXT, false, false, "TIME", "for how long, as in 12h, 90d or 4w (default for ever)"},
    {0},
};

static const struct admin_column add_columns[] = {
    {"name", "Name", COLUMN_TEXT},
    {"password", "Password", COLUMN_TEXT},
    {"doors", "Doors", COLUMN_LIST},
    {"expires", "Expires", COLUMN_TIME},
    {0},
};

static enum err add(struct admin_call *call, struct error *error)
{
    struct slice address = call_text(call, "address");
    struct app_password_new wanted = {.name = call_text(call, "name")};
    char text[APP_PASSWORD_TEXT];
    enum err e = call_doors(call, &wanted.doors, error);
    if (e == ERR_OK)
        e = read_expires(call_text(call, "expires"), &wanted.expires, error);
    if (e == ERR_OK && wanted.name.p == NULL)
        e = choose_name(call, address, &wanted.name, error);
    if (e == ERR_OK)
        e = app_password_add(call->context->directory, address, &wanted, text, error);
    if (e != ERR_OK)
        return e;
    e = call_row(call,
                 json_pack("{s:o,s:s,s:o,s:I}", "name", json_text(wanted.name), "password", text, "doors",
                           doors_row(wanted.doors), "expires", (json_int_t)wanted.expires),
                 error);
    explicit_bzero(text, sizeof(text));
    if (e == ERR_OK)
        call_message(call, "this password is not shown again");
    return e;
}

const struct admin_command admin_account_app_password_add = {
    .name = "account.app-password.add",
    .run = add,
    .arguments = add_arguments,
    .columns = add_columns,
    .flags = COMMAND_ONE,
    .summary = "make a password for one program or device",
    .about =
        "Makes a password and shows it, this once. It logs in to the account like the account's own, by the "
        "doors that are named, until it expires or is removed; the account's own password stays as it is.",
    .example =
        "posthorn account app-password add anna@example.org --name \"Anna's phone\" --doors imap,submission "
        "--expires 90d",
};

static const struct admin_argument list_arguments[] = {
    ADDRESS_ARGUMENT,
    {0},
};

static const struct admin_column list_columns[] = {
    {"name", "NAME", COLUMN_TEXT},       {"doors", "DOORS", COLUMN_LIST}, {"made", "MADE", COLUMN_TIME},
    {"expires", "EXPIRES", COLUMN_TIME}, {"used", "USED", COLUMN_TIME},   {0},
};

static enum err list(struct admin_call *call, struct error *error)
{
    struct app_password *passwords;
    size_t count;
    enum err e = app_password_list(call->context->directory, call_text(call, "address"), &call->arena,
                                   &passwords, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call,
                     json_pack("{s:o,s:o,s:I,s:I,s:I}", "name", json_text(passwords[i].name), "doors",
                               doors_row(passwords[i].doors), "made", (json_int_t)passwords[i].made,
                               "expires", (json_int_t)passwords[i].expires, "used",
                               (json_int_t)passwords[i].used),
                     error);
    return e;
}

const struct admin_command admin_account_app_password_list = {
    .name = "account.app-password.list",
    .run = list,
    .arguments = list_arguments,
    .columns = list_columns,
    .summary = "list an account's app passwords",
    .about = "Lists the app passwords, those that have expired too, with the time of their last use (to the "
             "hour). "
             "The passwords themselves are not kept.",
    .example = "posthorn account app-password list anna@example.org",
};

static const struct admin_argument remove_arguments[] = {
    ADDRESS_ARGUMENT,
    {"name", ARGUMENT_TEXT, false, false, "TEXT", "which one"},
    {"all", ARGUMENT_FLAG, false, false, NULL, "every one"},
    {0},
};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct slice address = call_text(call, "address");
    struct slice name = call_text(call, "name");
    size_t removed;
    if ((name.p != NULL) == call_flag(call, "all"))
        return fail_plain(error, ERR_INVALID, "which one? give --name, or --all");
    enum err e = app_password_remove(call->context->directory, address, name, &removed, error);
    if (e != ERR_OK)
        return e;
    if (call->context->access_changed != NULL)
        call->context->access_changed(call->context->owner);
    call_message(call, "removed %zu app password%s of %.*s", removed, removed == 1 ? "" : "s",
                 SLICE_ARGS(address));
    return ERR_OK;
}

const struct admin_command admin_account_app_password_remove = {
    .name = "account.app-password.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "remove an app password",
    .about = "It logs in no more, and the IMAP and POP3 sessions that it opened end.",
    .example = "posthorn account app-password remove anna@example.org --name \"Anna's phone\"",
};
