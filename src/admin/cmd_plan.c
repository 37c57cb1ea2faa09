#include "admin/admin.h"
#include "admin/options.h"

#define PLAN_COLUMNS                                                                                    \
    {"plan", "PLAN", COLUMN_TEXT}, {"quota", "QUOTA", COLUMN_SIZE}, {"quota_max", "MOST", COLUMN_SIZE}, \
    {                                                                                                   \
        "doors", "DOORS", COLUMN_LIST                                                                   \
    }

static const struct admin_column list_columns[] = {PLAN_COLUMNS, {0}};

static json_t *plan_row(const struct plan *plan)
{
    return json_pack("{s:o,s:I,s:I,s:o}", "plan", json_text(plan->name), "quota",
                     (json_int_t)plan->quota_bytes, "quota_max", (json_int_t)plan->quota_max, "doors",
                     json_doors(plan->doors));
}

static enum err list(struct admin_call *call, struct error *error)
{
    struct plan *plans;
    size_t count = 0;
    enum err e = plan_list(call->context->directory, &call->arena, &plans, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call, plan_row(&plans[i]), error);
    return e;
}

const struct admin_command admin_plan_list = {
    .name = "plan.list",
    .run = list,
    .columns = list_columns,
    .summary = "list the plans",
    .about =
        "Lists the plans: the doors that each opens to an account, and the quota of its accounts that have "
        "none of their own.",
    .example = "posthorn plan list",
};

#define PLAN_ARGUMENT                                                            \
    {                                                                            \
        "plan", ARGUMENT_TEXT, true, true, "PLAN", "one of `posthorn plan list`" \
    }

static const struct admin_argument show_arguments[] = {PLAN_ARGUMENT, {0}};

static const struct admin_column show_columns[] = {PLAN_COLUMNS, OPTION_COLUMNS{0}};

static enum err show(struct admin_call *call, struct error *error)
{
    struct plan plan;
    enum err e =
        directory_plan(call->context->directory, call_text(call, "plan"), &call->arena, &plan, error);
    return e == ERR_OK ? call_row(call, row_options(plan_row(&plan), &plan.options), error) : e;
}

const struct admin_command admin_plan_show = {
    .name = "plan.show",
    .run = show,
    .arguments = show_arguments,
    .columns = show_columns,
    .flags = COMMAND_ONE,
    .summary = "show a plan",
    .about = "Shows the doors that a plan opens, its quota, and the options of its accounts.",
    .example = "posthorn plan show exchange",
};

#define PLAN_FIELDS                                                                                   \
    {"doors", ARGUMENT_TEXT, false, false, "DOORS", "what it opens: pop3,imap,submission and so on"}, \
        {"quota", ARGUMENT_SIZE, false,                                                               \
         false,   "SIZE",        "of accounts that have none of their own; 0: no limit"},             \
    {                                                                                                 \
        "quota-max", ARGUMENT_SIZE, false, false, "SIZE",                                             \
            "most that one of its accounts may have; 0: no limit"                                     \
    }

static const struct admin_argument add_arguments[] = {
    {"plan", ARGUMENT_TEXT, true, true, "PLAN", "its name: small letters, digits, hyphens"},
    PLAN_FIELDS,
    OPTION_ARGUMENTS{0},
};

static enum err read_changes(const struct admin_call *call, struct option_changes *options,
                             struct plan_changes *ret_changes, struct error *error)
{
    *ret_changes = (struct plan_changes){.quota_bytes = call_number(call, "quota", UINT64_MAX),
                                         .quota_max = call_number(call, "quota-max", UINT64_MAX),
                                         .options = options};
    enum err e = call_doors(call, &ret_changes->doors, error);
    return e == ERR_OK ? call_options(call, options, error) : e;
}

static enum err add(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "plan");
    struct option_changes options = {0};
    struct plan_changes changes;
    enum err e = read_changes(call, &options, &changes, error);
    if (e == ERR_OK)
        e = plan_add(call->context->directory, name, &changes, error);
    if (e == ERR_OK)
        call_message(call, "added plan %.*s", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_plan_add = {
    .name = "plan.add",
    .run = add,
    .arguments = add_arguments,
    .summary = "make a plan",
    .about = "Makes a plan; accounts get it by `posthorn account add` and `account set`. Without --quota it "
             "is 10G, "
             "or --quota-max when that is less.",
    .example = "posthorn plan add office --doors imap,submission,dav --quota 5G --quota-max 50G",
};

static const struct admin_argument set_arguments[] = {PLAN_ARGUMENT, PLAN_FIELDS, OPTION_ARGUMENTS{0}};

static enum err set(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "plan");
    struct option_changes options = {0};
    struct plan_changes changes;
    if (json_object_size(call->request) <= 2)
        return fail_plain(
            error, ERR_INVALID,
            "nothing to set: give --doors, --quota, --quota-max or an option; --help lists them");
    enum err e = read_changes(call, &options, &changes, error);
    if (e == ERR_OK)
        e = plan_set(call->context->directory, name, &changes, error);
    if (e != ERR_OK)
        return e;
    call_access_changed(call);
    call_message(call, "changed plan %.*s", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_plan_set = {
    .name = "plan.set",
    .run = set,
    .arguments = set_arguments,
    .summary = "change a plan",
    .about =
        "Changes what is given and leaves the rest, for all accounts of the plan at once; sessions behind a "
        "door that shuts end. Accounts that had more quota than --quota-max have that from now on. Options "
        "of "
        "an account or of its domain go before the plan's.",
    .example = "posthorn plan set pop3 --quota 2G --quota-warn 80,95",
};

static const struct admin_argument remove_arguments[] = {PLAN_ARGUMENT, {0}};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "plan");
    enum err e = plan_remove(call->context->directory, name, error);
    if (e == ERR_OK)
        call_message(call, "removed plan %.*s", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_plan_remove = {
    .name = "plan.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "remove a plan that no account has",
    .about = "Removes a plan. While accounts have it, it is refused: give them another one first.",
    .example = "posthorn plan remove office",
};
