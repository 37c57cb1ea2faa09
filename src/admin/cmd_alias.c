#include "admin/targets.h"

static const struct admin_argument add_arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "ALIAS@DOMAIN", "the new address, in a domain of ours"},
    {"target", ARGUMENT_TEXT, true, true, "ADDRESS", "who gets its mail"},
    {0},
};

static enum err add(struct admin_call *call, struct error *error)
{
    struct slice target = call_text(call, "target");
    const struct alias alias = {.address = call_text(call, "address"), .targets = &target, .target_count = 1};
    enum err e = alias_set(call->context->directory, &alias, false, error);
    if (e == ERR_OK)
        call_message(call, "added alias %.*s for %.*s", SLICE_ARGS(alias.address), SLICE_ARGS(target));
    return e;
}

const struct admin_command admin_alias_add = {
    .name = "alias.add",
    .run = add,
    .arguments = add_arguments,
    .summary = "give an account one more address",
    .about =
        "Mail for ALIAS goes to ADDRESS, which may send under that name too when it is an account of ours.",
    .example = "posthorn alias add office@example.org anna@example.org",
};

static const struct admin_argument list_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, false, "DOMAIN", "only this domain's"},
    {0},
};

static const struct admin_column list_columns[] = {
    {"address", "ALIAS", COLUMN_TEXT},
    {"targets", "STANDS FOR", COLUMN_LIST},
    {0},
};

static enum err list(struct admin_call *call, struct error *error)
{
    return targets_list(call, false, "targets", error);
}

const struct admin_command admin_alias_list = {
    .name = "alias.list",
    .run = list,
    .arguments = list_arguments,
    .columns = list_columns,
    .summary = "list the aliases",
    .about = "Lists all aliases, or those of one domain, and whom they stand for.",
    .example = "posthorn alias list example.org",
};

static const struct admin_argument remove_arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "ALIAS@DOMAIN", "an alias"},
    {0},
};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct alias alias;
    enum err e = targets_find(call, call_text(call, "address"), false, &alias, error);
    if (e == ERR_OK)
        e = alias_remove(call->context->directory, alias.address, error);
    if (e == ERR_OK)
        call_message(call, "removed alias %.*s", SLICE_ARGS(alias.address));
    return e;
}

const struct admin_command admin_alias_remove = {
    .name = "alias.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "remove an alias",
    .about = "Mail for the alias is refused from now on. The account that it stood for stays as it is.",
    .example = "posthorn alias remove office@example.org",
};
