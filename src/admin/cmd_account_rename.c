#include "admin/admin.h"

static const struct admin_argument arguments[] = {
    {"from", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the address now"},
    {"to", ARGUMENT_TEXT, true, true, "NEW@DOMAIN", "the address from now on"},
    {"keep-alias", ARGUMENT_FLAG, false, false, NULL, "the old address stays, as an alias of the account"},
    {"renew", ARGUMENT_FLAG, false, false, NULL, "the old address gets a new, empty account"},
    {"aliases-follow", ARGUMENT_FLAG, false, false, NULL,
     "with --renew: what stands for the old address goes with the mail all the same"},
    {"password", ARGUMENT_SECRET, false, false, NULL, "with --renew: a password for the new account is read"},
    {"hash", ARGUMENT_TEXT, false, false, "HASH", "with --renew: its crypt(3) or {SSHA} hash instead"},
    {0},
};

static enum err read_rename(const struct admin_call *call, struct account_rename *rename, struct error *error)
{
    bool keep_alias = call_flag(call, "keep-alias");
    bool renew = call_flag(call, "renew");
    *rename = (struct account_rename){
        .from = call_text(call, "from"),
        .to = call_text(call, "to"),
        .old = renew        ? OLD_ADDRESS_ANEW
               : keep_alias ? OLD_ADDRESS_ALIAS
                            : OLD_ADDRESS_FREE,
        .password = call_text(call, "password"),
        .hash = call_text(call, "hash"),
        .aliases_follow = call_flag(call, "aliases-follow"),
    };
    if (keep_alias && renew)
        return fail_plain(error, ERR_INVALID, "--keep-alias or --renew: the old address can't be both");
    if (!renew && (rename->aliases_follow || rename->password.p != NULL || rename->hash.p != NULL))
        return fail_plain(error, ERR_INVALID,
                          "--aliases-follow, --password-stdin and --hash are about --renew's new account");
    if (rename->password.p != NULL && rename->password.n == 0)
        return fail_plain(error, ERR_INVALID, "the password is empty");
    return ERR_OK;
}

/* The new account's folder; what can't be made now is made at its first delivery or log-in. */
static void make_folder(struct admin_call *call, struct account_id id)
{
    struct error error;
    if (store_account_create(call->context->store, id, &error) != ERR_OK)
        call_message(call, "its mailbox could not be made yet (%s); the first message or log-in makes it",
                     error.client);
}

/* What it holds counts for its new domain now. */
static enum err tell_domains(struct admin_call *call, const struct account_rename *rename,
                             struct error *error)
{
    struct account_entry entry;
    enum err e = account_entry_find(call->context->directory, rename->to, &call->arena, &entry, error);
    if (e == ERR_OK)
        call_moved(call, entry.id, rename->from, rename->to);
    return e;
}

static enum err rename_account(struct admin_call *call, struct error *error)
{
    struct account_rename rename;
    struct account_id new_id;
    enum err e = read_rename(call, &rename, error);
    if (e == ERR_OK)
        e = account_entry_rename(call->context->directory, &rename, &new_id, error);
    if (e == ERR_OK)
        e = tell_domains(call, &rename, error);
    if (e != ERR_OK)
        return e;
    call_message(call, "renamed account %.*s to %.*s", SLICE_ARGS(rename.from), SLICE_ARGS(rename.to));
    if (rename.old == OLD_ADDRESS_ALIAS)
        call_message(call, "%.*s is an alias of it now", SLICE_ARGS(rename.from));
    if (rename.old != OLD_ADDRESS_ANEW)
        return ERR_OK;
    bool has_password = rename.password.n + rename.hash.n > 0;
    call_message(call, "%.*s is a new, empty account now%s", SLICE_ARGS(rename.from),
                 has_password ? "" : ", without a password yet: posthorn account password");
    make_folder(call, new_id);
    return ERR_OK;
}

const struct admin_command admin_account_rename = {
    .name = "account.rename",
    .run = rename_account,
    .arguments = arguments,
    .flags = COMMAND_MAY_ASK,
    .summary = "give an account another address, and perhaps the old one to a new account",
    .about =
        "The account keeps its mail, passwords, shares and rights under the new address, also in another "
        "domain of ours. Running sessions go on. Aliases, groups and catch-alls that named the old address "
        "name the new one. The old address is free afterwards, or stays as an alias, or (--renew) is set up "
        "anew in the same step: an empty account with the same name, plan, language and quotas. Then "
        "aliases, groups and catch-alls stay with the old address, unless --aliases-follow.",
    .example = "posthorn account rename anna@example.org anna.old@example.org --renew --password-stdin",
};
