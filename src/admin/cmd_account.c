#include "admin/admin.h"
#include "admin/known_names.h"
#include "admin/options.h"
#include "directory/app_password.h"
#include "directory/limits.h"

/* Accounts in the directory; their data is cmd_account_data.c's. */

#define NAME_ARGUMENT                                                                        \
    {                                                                                        \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address" \
    }

/* What the person typed after --plan etc., as the directory wants it. */
static enum err check_password_given(const struct admin_call *call, struct error *error)
{
    struct slice password = call_text(call, "password");
    struct slice hash = call_text(call, "hash");
    if (password.n > 0 && hash.n > 0)
        return fail_plain(error, ERR_INVALID, "give a password or a hash, not both");
    if (password.n == 0 && hash.n == 0)
        return fail_plain(error, ERR_INVALID, "the password is empty");
    return ERR_OK;
}

static const struct admin_argument add_arguments[] = {
    NAME_ARGUMENT,
    {"password", ARGUMENT_SECRET, false, false, NULL, "the first line of standard input is the password"},
    {"hash", ARGUMENT_TEXT, false, false, "HASH", "instead of a password: its crypt(3) or {SSHA} hash"},
    {"name", ARGUMENT_TEXT, false, false, "TEXT", "the person's name"},
    {"plan", ARGUMENT_TEXT, false, false, "PLAN", "what is open to the account (default imap)"},
    {"quota", ARGUMENT_SIZE, false, false, "SIZE", "most bytes of mail, with K, M or G (default the plan's)"},
    {"language", ARGUMENT_TEXT, false, false, "de|en", "language of what we write to the person"},
    {0},
};

/* The directory's row, then the data; without the data no row is left. */
static enum err add(struct admin_call *call, struct error *error)
{
    struct account_new account = {
        .address = call_text(call, "address"),
        .name = call_text(call, "name"),
        .plan = call_text(call, "plan"),
        .language = call_text(call, "language"),
        .password = call_text(call, "password"),
        .hash = call_text(call, "hash"),
        .quota_bytes = call_number(call, "quota", 0),
    };
    struct account_id id;
    enum err e = check_password_given(call, error);
    if (e == ERR_OK)
        e = account_entry_add(call->context->directory, &account, &id, error);
    if (e != ERR_OK)
        return e;
    e = store_account_create(call->context->store, id, error);
    if (e != ERR_OK) {
        struct error second;
        if (account_entry_remove(call->context->directory, account.address, &second) != ERR_OK)
            error_context(error, "and the entry could not be removed again (%s)", second.detail);
        return e;
    }
    call_message(call, "added account %.*s", SLICE_ARGS(account.address));
    return ERR_OK;
}

const struct admin_command admin_account_add = {
    .name = "account.add",
    .run = add,
    .arguments = add_arguments,
    .summary = "make an account",
    .about =
        "Makes an account with a mailbox. The password is asked for, or read from standard input when that "
        "is no terminal.",
    .example = "posthorn account add anna@example.org --name \"Anna Example\" --quota 10G",
};

static const struct admin_argument list_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, false, "DOMAIN", "only this domain's"},
    {0},
};

static const struct admin_column list_columns[] = {
    {"address", "ADDRESS", COLUMN_TEXT}, {"name", "NAME", COLUMN_TEXT},         {"plan", "PLAN", COLUMN_TEXT},
    {"quota", "QUOTA", COLUMN_SIZE},     {"enabled", "ENABLED", COLUMN_YES_NO}, {0},
};

static json_t *entry_row(const struct account_entry *entry)
{
    return json_pack("{s:o,s:o,s:o,s:I,s:b}", "address", json_text(entry->address), "name",
                     json_text(entry->name), "plan", json_text(entry->plan), "quota",
                     (json_int_t)entry->quota_bytes, "enabled", entry->enabled);
}

static enum err list(struct admin_call *call, struct error *error)
{
    struct slice domain = call_text(call, "domain");
    char last[ADDRESS_LOCAL_MAX + ADDRESS_DOMAIN_MAX + 1];
    struct slice after = slice_none();
    for (;;) {
        struct account_entry *entries;
        size_t count;
        arena_reset(&call->arena);
        enum err e = account_entry_list(call->context->directory, domain, after, ADMIN_PAGE, &call->arena,
                                        &entries, &count, error);
        for (size_t i = 0; e == ERR_OK && i < count; i++)
            e = call_row(call, entry_row(&entries[i]), error);
        if (e != ERR_OK || count < ADMIN_PAGE)
            return e;
        struct slice address = entries[count - 1].address;
        if (address.n > sizeof(last))
            return fail(error, ERR_CORRUPT, NULL, "an address of %zu bytes", address.n);
        memcpy(last, address.p, address.n);
        after = slice_of(last, address.n);
    }
}

const struct admin_command admin_account_list = {
    .name = "account.list",
    .run = list,
    .arguments = list_arguments,
    .columns = list_columns,
    .summary = "list the accounts",
    .about = "Lists all accounts, or those of one domain, in alphabetical order of their addresses.",
    .example = "posthorn account list example.org",
};

static const struct admin_argument set_arguments[] = {
    NAME_ARGUMENT,
    {"name", ARGUMENT_TEXT, false, false, "TEXT", "the person's name"},
    {"plan", ARGUMENT_TEXT, false, false, "PLAN", "what is open to the account"},
    {"quota", ARGUMENT_SIZE, false, false, "SIZE", "most bytes of mail, with K, M or G; 0: the plan's"},
    {"messages", ARGUMENT_NUMBER, false, false, "NUMBER", "most messages; 0: no limit"},
    {"language", ARGUMENT_TEXT, false, false, "de|en", "language of what we write to the person"},
    {"enabled", ARGUMENT_YES_NO, false, false, "yes|no", "no: nobody can log in, mail still comes"},
    {"certificate-login", ARGUMENT_YES_NO, false, false, "yes|no",
     "a certificate for the address logs in too"},
    {"imap-without", ARGUMENT_TEXT, false, false, "NAMES", "IMAP capabilities not offered: A,B or none"},
    OPTION_ARGUMENTS{0},
};

/* An account that is open learns its new limits. */
static enum err tell_limits(struct admin_call *call, struct slice address, struct error *error)
{
    struct account_entry entry;
    enum err e = account_entry_find(call->context->directory, address, &call->arena, &entry, error);
    if (e != ERR_OK)
        return e;
    const struct account_limits limits = account_entry_limits(&entry);
    store_account_limits(call->context->store, entry.id, &limits);
    return ERR_OK;
}

static enum err read_capabilities(const struct admin_call *call, struct slice *ret_list, struct error *error)
{
    *ret_list = call_text(call, "imap-without");
    if (slice_eq_nocase(*ret_list, S("none")))
        *ret_list = S("");
    return known_capabilities(*ret_list, error);
}

static enum err set(struct admin_call *call, struct error *error)
{
    struct slice address = call_text(call, "address");
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.name = call_text(call, "name");
    changes.plan = call_text(call, "plan");
    changes.language = call_text(call, "language");
    changes.quota_bytes = call_number(call, "quota", UINT64_MAX);
    changes.quota_messages = call_number(call, "messages", UINT64_MAX);
    changes.enabled = call_yes_no(call, "enabled");
    changes.certificate_login = call_yes_no(call, "certificate-login");
    if (json_object_size(call->request) <= 2)
        return fail_plain(error, ERR_INVALID,
                          "nothing to set: give --name, --plan, --quota, --messages, --language, --enabled, "
                          "--certificate-login, --imap-without or an option; --help lists them");
    struct option_changes options = {0};
    changes.options = &options;
    enum err e = call_options(call, &options, error);
    if (e == ERR_OK)
        e = read_capabilities(call, &changes.capabilities_off, error);
    if (e == ERR_OK)
        e = account_entry_set(call->context->directory, address, &changes, error);
    if (e == ERR_OK)
        e = tell_limits(call, address, error);
    if (e == ERR_OK && call->context->access_changed != NULL)
        call->context->access_changed(call->context->owner);
    if (e == ERR_OK)
        call_message(call, "changed account %.*s", SLICE_ARGS(address));
    return e;
}

const struct admin_command admin_account_set = {
    .name = "account.set",
    .run = set,
    .arguments = set_arguments,
    .summary = "change an account's plan, quota, name, language, options",
    .about = "Changes what is given and leaves the rest. A new plan opens and shuts doors at once: sessions "
             "behind "
             "one that shuts end, as they do when the account is disabled; no data moves. An option set to "
             "default is the domain's, the plan's or the built-in one again.",
    .example = "posthorn account set anna@example.org --plan exchange --quota 20G",
};

static const struct admin_argument password_arguments[] = {
    NAME_ARGUMENT,
    {"password", ARGUMENT_SECRET, false, false, NULL, "the first line of standard input is the password"},
    {"hash", ARGUMENT_TEXT, false, false, "HASH", "instead of a password: its crypt(3) or {SSHA} hash"},
    {"revoke-app-passwords", ARGUMENT_FLAG, false, false, NULL, "remove all its app passwords too"},
    {0},
};

static enum err revoke_app_passwords(struct admin_call *call, struct slice address, struct error *error)
{
    size_t removed;
    enum err e = app_password_remove(call->context->directory, address, slice_none(), &removed, error);
    if (e == ERR_OK && call->context->access_changed != NULL)
        call->context->access_changed(call->context->owner);
    return e;
}

static enum err set_password(struct admin_call *call, struct error *error)
{
    struct slice address = call_text(call, "address");
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    enum err e = check_password_given(call, error);
    if (e != ERR_OK)
        return e;
    changes.password = call_text(call, "password");
    changes.hash = call_text(call, "hash");
    e = account_entry_set(call->context->directory, address, &changes, error);
    if (e == ERR_OK && call_flag(call, "revoke-app-passwords"))
        e = revoke_app_passwords(call, address, error);
    if (e == ERR_OK)
        call_message(call, "changed the password of %.*s", SLICE_ARGS(address));
    return e;
}

const struct admin_command admin_account_password = {
    .name = "account.password",
    .run = set_password,
    .arguments = password_arguments,
    .summary = "set an account's password",
    .about = "Asks for the new password twice, or reads it from standard input when that is no terminal. App "
             "passwords "
             "stay, unless they are to be removed too.",
    .example = "posthorn account password anna@example.org",
};
