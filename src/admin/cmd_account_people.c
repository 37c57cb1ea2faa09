#include "admin/admin.h"
#include "directory/people.h"

static const struct admin_argument arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "MAILBOX@DOMAIN", "the account that people share"},
    {"add", ARGUMENT_TEXT, false, false, "NAME@DOMAIN", "an account whose owner may open it"},
    {"rights", ARGUMENT_TEXT, false, false, "read|write|all", "with --add: what he may do there (all)"},
    {"remove", ARGUMENT_TEXT, false, false, "NAME@DOMAIN", "who may not open it any more; his sessions end"},
    {0},
};

static const struct admin_column columns[] = {
    {"address", "WHO", COLUMN_TEXT},
    {"rights", "MAY", COLUMN_TEXT},
    {0},
};

static enum err change(struct admin_call *call, struct error *error)
{
    struct directory *directory = call->context->directory;
    struct slice mailbox = call_text(call, "address");
    struct slice add = call_text(call, "add");
    struct slice remove = call_text(call, "remove");
    struct slice word = call_text(call, "rights");
    enum person_rights rights = PERSON_ALL;
    if (word.p != NULL && add.p == NULL)
        return fail_plain(error, ERR_INVALID, "--rights goes with --add, also to change them");
    if (word.p != NULL && !person_rights_find(word, &rights))
        return fail_plain(error, ERR_INVALID, "rights are read, write or all");
    enum err e = add.p != NULL ? people_set(directory, mailbox, add, rights, error) : ERR_OK;
    if (e == ERR_OK && remove.p != NULL)
        e = people_set(directory, mailbox, remove, PERSON_NONE, error);
    if (e == ERR_OK && (add.p != NULL || remove.p != NULL) && call->context->access_changed != NULL)
        call->context->access_changed(call->context->owner);
    return e;
}

static enum err people(struct admin_call *call, struct error *error)
{
    struct person_entry *found;
    size_t count;
    enum err e = change(call, error);
    if (e == ERR_OK)
        e = people_list(call->context->directory, call_text(call, "address"), &call->arena, &found, &count,
                        error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call,
                     json_pack("{s:o,s:s}", "address", json_text(found[i].address), "rights",
                               person_rights_word(found[i].rights)),
                     error);
    return e;
}

const struct admin_command admin_account_people = {
    .name = "account.people",
    .run = people,
    .arguments = arguments,
    .columns = columns,
    .summary = "let several people use one mailbox, each with his own password",
    .about =
        "Shows who may open the mailbox beside its owner, and lets somebody in or out. He logs in with his "
        "own "
        "password or app password and the name MAILBOX@DOMAIN*NAME@DOMAIN, or names the mailbox as SASL's "
        "authorization identity. read: look at and mark as seen; write: also change messages and folders, "
        "and "
        "send as the mailbox; all: what the owner may.",
    .example = "posthorn account people info@example.org --add anna@example.org --rights write",
};
