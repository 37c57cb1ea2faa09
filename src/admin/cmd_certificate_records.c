#include "acme/question.h"
#include "admin/admin.h"

/* `certificate records`: the records that an authority is to find in the DNS, as the program of `certificate
 * renew --hook` is told of them, and what became of them. Relay knows them. */

static enum err records(struct admin_call *call, struct error *error)
{
    struct acme_record wanted[ACME_ANSWERS_MAX];
    struct slice set = call_text(call, "set");
    struct slice why = call_text(call, "give-up");
    size_t count = 0;
    if (call->context->relay == NULL)
        return fail_plain(error, ERR_UNAVAILABLE, "no server runs");
    enum err e = acme_ask_records(call->context->relay,
                                  set.n > 0   ? ACME_RECORDS_SET
                                  : why.n > 0 ? ACME_RECORDS_GIVE_UP
                                              : ACME_RECORDS_LOOK,
                                  set.n > 0 ? set : why, wanted, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call,
                     json_pack("{s:o,s:o,s:b}", "name", json_text(slice_cstr(wanted[i].name)), "value",
                               json_text(slice_cstr(wanted[i].value)), "set", wanted[i].set),
                     error);
    return e;
}

static const struct admin_argument arguments[] = {
    {"set", ARGUMENT_TEXT, false, false, "VALUE", "the record with this value is in the DNS"},
    {"give-up", ARGUMENT_TEXT, false, false, "WHY", "one can't be set"},
    {0},
};

static const struct admin_column columns[] = {
    {"name", "NAME", COLUMN_TEXT}, {"value", "VALUE", COLUMN_TEXT}, {"set", "SET", COLUMN_YES_NO}, {0}};

const struct admin_command admin_certificate_records = {
    .name = "certificate.records",
    .run = records,
    .arguments = arguments,
    .columns = columns,
    .flags = COMMAND_SERVER | COMMAND_INNER,
    .summary = "list the records that an authority is to find in the DNS",
    .about = "Lists them while an attempt is under way that proves names by DNS-01, and takes what became of "
             "one.",
    .example = "posthorn certificate records",
};
