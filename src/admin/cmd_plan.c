#include "admin/admin.h"

/* The plans that every directory has from its first day. */
static const char *const plans[] = {"pop3", "imap", "exchange"};

static const struct admin_column columns[] = {
    {"plan", "PLAN", COLUMN_TEXT},
    {"quota", "QUOTA", COLUMN_SIZE},
    {"doors", "DOORS", COLUMN_LIST},
    {0},
};

static enum err plan_row(struct admin_call *call, struct slice name, struct error *error)
{
    struct plan plan;
    enum err e = directory_plan(call->context->directory, name, &call->arena, &plan, error);
    if (e != ERR_OK)
        return e;
    return call_row(call,
                    json_pack("{s:o,s:I,s:o}", "plan", json_text(plan.name), "quota",
                              (json_int_t)plan.quota_bytes, "doors", json_doors(plan.doors)),
                    error);
}

static enum err list(struct admin_call *call, struct error *error)
{
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(plans); i++)
        e = plan_row(call, slice_cstr(plans[i]), error);
    return e;
}

const struct admin_command admin_plan_list = {
    .name = "plan.list",
    .run = list,
    .columns = columns,
    .summary = "list the plans",
    .about =
        "Lists the plans: the doors that each opens to an account, and the quota of its accounts that have "
        "none of their own.",
    .example = "posthorn plan list",
};

static const struct admin_argument show_arguments[] = {
    {"plan", ARGUMENT_TEXT, true, true, "PLAN", "pop3, imap or exchange"},
    {0},
};

static enum err show(struct admin_call *call, struct error *error)
{
    return plan_row(call, call_text(call, "plan"), error);
}

const struct admin_command admin_plan_show = {
    .name = "plan.show",
    .run = show,
    .arguments = show_arguments,
    .columns = columns,
    .flags = COMMAND_ONE,
    .summary = "show a plan",
    .about = "Shows the doors that a plan opens, and its quota.",
    .example = "posthorn plan show exchange",
};
