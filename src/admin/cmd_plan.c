#include "admin/admin.h"
#include "admin/options.h"

#define PLAN_COLUMNS                                                \
    {"plan", "PLAN", COLUMN_TEXT}, {"quota", "QUOTA", COLUMN_SIZE}, \
    {                                                               \
        "doors", "DOORS", COLUMN_LIST                               \
    }

static const struct admin_column list_columns[] = {PLAN_COLUMNS, {0}};

static json_t *plan_row(const struct plan *plan)
{
    return json_pack("{s:o,s:I,s:o}", "plan", json_text(plan->name), "quota", (json_int_t)plan->quota_bytes,
                     "doors", json_doors(plan->doors));
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

static const struct admin_argument set_arguments[] = {PLAN_ARGUMENT, OPTION_ARGUMENTS{0}};

static enum err set(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "plan");
    struct option_changes options = {0};
    if (json_object_size(call->request) <= 2)
        return fail_plain(error, ERR_INVALID, "nothing to set: give an option; --help lists them");
    enum err e = call_options(call, &options, error);
    if (e == ERR_OK)
        e = options_change(call->context->directory, LEVEL_PLAN, name, &options, error);
    if (e == ERR_OK)
        call_message(call, "changed plan %.*s", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_plan_set = {
    .name = "plan.set",
    .run = set,
    .arguments = set_arguments,
    .summary = "change a plan",
    .about = "Changes what is given and leaves the rest, for all accounts of the plan at once. Options of an "
             "account or of its domain go before the plan's.",
    .example = "posthorn plan set pop3 --quota-warn 80,95",
};
