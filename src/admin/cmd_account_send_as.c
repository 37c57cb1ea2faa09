#include "admin/admin.h"
#include "directory/send_as.h"

static const struct admin_argument arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address"},
    {"add", ARGUMENT_TEXT, false, false, "ADDRESS|DOMAIN",
     "it may send as this address, or any of the domain"},
    {"remove", ARGUMENT_TEXT, false, false, "ADDRESS|DOMAIN", "it may no longer"},
    {0},
};

static const struct admin_column columns[] = {{"address", "MAY SEND AS", COLUMN_TEXT}, {0}};

static enum err send_as(struct admin_call *call, struct error *error)
{
    struct directory *directory = call->context->directory;
    struct slice address = call_text(call, "address");
    struct slice add = call_text(call, "add");
    struct slice remove = call_text(call, "remove");
    struct slice *whats;
    size_t count;
    enum err e = add.p != NULL ? send_as_give(directory, address, add, error) : ERR_OK;
    if (e == ERR_OK && remove.p != NULL)
        e = send_as_take(directory, address, remove, error);
    if (e == ERR_OK)
        e = send_as_list(directory, address, &call->arena, &whats, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call, json_pack("{s:o}", "address", json_text(whats[i])), error);
    return e;
}

const struct admin_command admin_account_send_as = {
    .name = "account.send-as",
    .run = send_as,
    .arguments = arguments,
    .columns = columns,
    .summary = "let an account send under another address",
    .about =
        "Shows what the account may send as beside its own address and its aliases, and gives or takes such "
        "a "
        "right: for an address of ours (an account's, an alias, a group's) with its sub-addresses, or for a "
        "whole domain of ours. Members of a group may not send as the group without it.",
    .example = "posthorn account send-as anna@example.org --add info@example.org",
};
