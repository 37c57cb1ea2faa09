#include "admin/admin.h"
#include "admin/domain_keys.h"
#include "admin/domain_zone.h"
#include "admin/inquiry.h"
#include "admin/options.h"
#include "directory/destination.h"
#include "directory/domain_rest.h"
#include "store/ledger.h"

static const struct admin_argument only_domain[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "the part of addresses after the @"},
    {0},
};

static const struct admin_argument add_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "the part of addresses after the @"},
    {"no-dkim", ARGUMENT_FLAG, false, false, NULL, "without keys: its mail is not signed"},
    {0},
};

static const struct admin_column add_columns[] = {ZONE_COLUMNS{0}};

/* In the store: the domain and its keys. */
static enum err add_there(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "domain");
    struct domain_id id;
    enum err e = domain_add(call->context->directory, name, &id, error);
    if (e != ERR_OK)
        return e;
    call_message(call, "added domain %.*s", SLICE_ARGS(name));
    return call_flag(call, "no-dkim") ? ERR_OK : call_make_domain_keys(call, name, error);
}

/* At the command line, which knows more of what belongs into the DNS. */
static enum err add(struct admin_call *call, struct error *error)
{
    const struct inquiry inquiry = {.call = call};
    json_t *keys = NULL;
    if (call->context->settings == NULL)
        return add_there(call, error);
    enum err e = inquire(call->context, &inquiry, json_deep_copy(call->request), &keys, error);
    json_decref(keys);
    if (e != ERR_OK)
        return e;
    call_message(call, "publish these records in the DNS; then: posthorn domain check %.*s",
                 SLICE_ARGS(call_text(call, "domain")));
    return call_zone(call, call_text(call, "domain"), false, error);
}

const struct admin_command admin_domain_add = {
    .name = "domain.add",
    .run = add,
    .arguments = add_arguments,
    .columns = add_columns,
    .show = show_zone_record,
    .flags = COMMAND_HERE,
    .summary = "take mail for a domain",
    .about =
        "From now on mail for addresses of this domain is ours. Names with other letters than a-z are "
        "given as they are written. Two keys are made that sign the domain's mail, and the records printed "
        "that are to be set in the DNS, as lines of a zone file; `posthorn domain records` prints them "
        "again.",
    .example = "posthorn domain add example.org",
};

/* clang-format off */
#define DOMAIN_COLUMNS \
    {"domain", "DOMAIN", COLUMN_TEXT}, {"accounts", "ACCOUNTS", COLUMN_NUMBER}, \
    {"bytes", "USED", COLUMN_SIZE}, {"domain_quota", "QUOTA", COLUMN_SIZE}, \
    {"messages", "MESSAGES", COLUMN_NUMBER}, {"catch_all", "CATCH-ALL", COLUMN_TEXT}
/* clang-format on */

static const struct admin_column list_columns[] = {DOMAIN_COLUMNS, {0}};

static enum err domain_row(struct admin_call *call, const struct domain *domain, json_t **ret_row,
                           struct error *error)
{
    struct domain_state state = {0};
    enum err e = store_domain_state(call->context->store, domain->id, &state, error);
    if (e == ERR_OK)
        *ret_row = json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:o}", "domain", json_text(domain->name), "accounts",
                             (json_int_t)domain->accounts, "bytes", (json_int_t)state.use.bytes,
                             "domain_quota", (json_int_t)domain->quota_bytes, "messages",
                             (json_int_t)state.use.messages, "domain_messages",
                             (json_int_t)domain->quota_messages, "catch_all", json_text(domain->catch_all));
    return e;
}

static enum err list(struct admin_call *call, struct error *error)
{
    struct domain *domains;
    size_t count;
    enum err e = domain_list(call->context->directory, &call->arena, &domains, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        json_t *row = NULL;
        e = domain_row(call, &domains[i], &row, error);
        if (e == ERR_OK)
            e = call_row(call, row, error);
    }
    return e;
}

const struct admin_command admin_domain_list = {
    .name = "domain.list",
    .run = list,
    .columns = list_columns,
    .summary = "list the domains",
    .about = "Lists the domains whose mail is ours, in alphabetical order, with what their accounts hold "
             "together.",
    .example = "posthorn domain list --json",
};

static const struct admin_column show_columns[] = {DOMAIN_COLUMNS,
                                                   {"domain_messages", "MOST MESSAGES", COLUMN_NUMBER},
                                                   {"max_accounts", "MAX-ACCOUNTS", COLUMN_NUMBER},
                                                   {"rest_to", "REST-TO", COLUMN_TEXT},
                                                   {"rest_tls", "REST-TLS", COLUMN_TEXT},
                                                   {"source_addresses", "SOURCE-ADDRESSES", COLUMN_TEXT},
                                                   OPTION_COLUMNS{0}};

/* The server that has the rest of it, and where its mail leaves from; empty: none. */
static enum err show_rest(struct admin_call *call, struct slice domain, json_t *row, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(2 * SMART_HOST_NAME_MAX);
    struct smart_host rest;
    struct slice addresses;
    enum err e = domain_rest(call->context->directory, domain, &call->arena, &rest, error);
    if (e == ERR_OK)
        e = domain_addresses(call->context->directory, domain, &call->arena, &addresses, error);
    if (e != ERR_OK)
        return e;
    json_object_set_new(row, "source_addresses", json_text(addresses));
    if (rest.host.n > 0)
        buf_printf(&text, "%.*s:%u", SLICE_ARGS(rest.host), rest.port);
    json_object_set_new(row, "rest_to", json_text(buf_slice(&text)));
    json_object_set_new(row, "rest_tls", json_string(rest.host.n > 0 ? smart_host_tls_name(rest.tls) : ""));
    return ERR_OK;
}

static enum err show(struct admin_call *call, struct error *error)
{
    struct domain domain;
    enum err e =
        domain_find(call->context->directory, call_text(call, "domain"), &call->arena, &domain, error);
    json_t *row = NULL;
    if (e == ERR_OK)
        e = domain_row(call, &domain, &row, error);
    if (e != ERR_OK)
        return e;
    if (row != NULL)
        json_object_set_new(row, "max_accounts", json_integer((json_int_t)domain.max_accounts));
    if (row != NULL)
        e = show_rest(call, domain.name, row, error);
    if (e != ERR_OK) {
        json_decref(row);
        return e;
    }
    return call_row(call, row_options(row, &domain.options), error);
}

const struct admin_command admin_domain_show = {
    .name = "domain.show",
    .run = show,
    .arguments = only_domain,
    .columns = show_columns,
    .flags = COMMAND_ONE,
    .summary = "show a domain",
    .about =
        "Shows a domain, what its accounts hold together and may hold, how many accounts it may have (0: "
        "no limit), and the options of its accounts.",
    .example = "posthorn domain show example.org",
};

static const struct admin_argument set_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "a domain of ours"},
    {"max-accounts", ARGUMENT_NUMBER, false, false, "NUMBER", "most accounts of the domain; 0: no limit"},
    {"domain-quota", ARGUMENT_SIZE, false, false, "SIZE",
     "most bytes of all its accounts together, with K, M or G; 0: no limit"},
    {"domain-messages", ARGUMENT_NUMBER, false, false, "NUMBER",
     "most messages of all its accounts together; 0: no limit"},
    {"rest-to", ARGUMENT_TEXT, false, false, "HOST[:PORT]",
     "the server that has who is not known here; none: nobody is elsewhere"},
    {"rest-tls", ARGUMENT_TEXT, false, false, "KIND", "to that server: offered, required or implicit"},
    {"source-addresses", ARGUMENT_TEXT, false, false, "ADDRESS[=NAME],...",
     "where its senders' mail leaves from; none: as the server's"},
    OPTION_ARGUMENTS{0},
};

enum { PORT_SMTP = 25, PORT_IMPLICIT = 465 };

/* *ret_given: there is something to set. */
static enum err read_rest(struct admin_call *call, struct smart_host *ret_host, bool *ret_given,
                          struct error *error)
{
    struct slice text = call_text(call, "rest-to");
    struct slice tls = call_text(call, "rest-tls");
    struct smart_host host = {.host = S("")};
    *ret_given = text.p != NULL;
    if (text.p == NULL && tls.p != NULL)
        return fail_plain(error, ERR_INVALID, "--rest-tls goes with --rest-to");
    if (text.p == NULL)
        return ERR_OK;
    enum err e = slice_eq(text, S("none")) ? ERR_OK : smart_host_parse(text, &call->arena, &host, error);
    if (e != ERR_OK)
        return e;
    host.tls = host.port == PORT_IMPLICIT ? SMART_HOST_TLS_IMPLICIT : SMART_HOST_TLS_OFFERED;
    if (tls.p != NULL && !smart_host_tls_find(tls, &host.tls))
        return fail_plain(error, ERR_INVALID, "--rest-tls is offered, required or implicit");
    if (host.port == 0)
        host.port = host.tls == SMART_HOST_TLS_IMPLICIT ? PORT_IMPLICIT : PORT_SMTP;
    *ret_host = host;
    return ERR_OK;
}

static enum err set(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "domain");
    struct option_changes options = {0};
    const struct domain_changes changes = {.max_accounts = call_number(call, "max-accounts", UINT64_MAX),
                                           .quota_bytes = call_number(call, "domain-quota", UINT64_MAX),
                                           .quota_messages = call_number(call, "domain-messages", UINT64_MAX),
                                           .options = &options};
    struct domain domain;
    struct smart_host rest;
    bool rest_given = false;
    if (json_object_size(call->request) <= 2)
        return fail_plain(error, ERR_INVALID, "nothing to set: give an option; --help lists them");
    enum err e = call_options(call, &options, error);
    if (e == ERR_OK)
        e = read_rest(call, &rest, &rest_given, error);
    if (e == ERR_OK && rest_given)
        e = domain_rest_set(call->context->directory, name, &rest, error);
    if (e == ERR_OK && call_text(call, "source-addresses").p != NULL)
        e = domain_addresses_set(call->context->directory, name, call_text(call, "source-addresses"), error);
    if (e == ERR_OK)
        e = domain_set(call->context->directory, name, &changes, error);
    if (e == ERR_OK)
        call_access_changed(call);
    if (e == ERR_OK)
        e = domain_find(call->context->directory, name, &call->arena, &domain, error);
    if (e == ERR_OK)
        store_domain_changed(call->context->store, domain.id);
    if (e == ERR_OK)
        call_message(call, "changed domain %.*s", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_domain_set = {
    .name = "domain.set",
    .run = set,
    .arguments = set_arguments,
    .summary = "change what holds for a domain and its accounts",
    .about =
        "Changes what is given and leaves the rest. Options hold for all accounts of the domain at once; an "
        "account's own go before the domain's, those before its plan's. Past --max-accounts no account is "
        "added, imported or renamed into the domain; those that are there stay. Past --domain-quota or "
        "--domain-messages none of its mailboxes takes mail, whatever its own quota; at --quota-warn of it "
        "the domain's administrators are written to, or its postmaster. With --rest-to the domain is split: "
        "who "
        "is not known here is another server's (a customer's own Exchange, say), which is asked at RCPT "
        "whether it knows the address, and gets the mail. --source-addresses names addresses of this "
        "machine, "
        "one of IPv4 and one of IPv6, from which what the domain's people send is delivered, each with the "
        "name that it gives itself there.",
    .example = "posthorn domain set example.org --domain-quota 50G --quota-warn 80,95",
};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "domain");
    enum err e = domain_remove(call->context->directory, name, error);
    if (e == ERR_OK)
        call_message(call, "removed domain %.*s", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_domain_remove = {
    .name = "domain.remove",
    .run = drop,
    .arguments = only_domain,
    .summary = "take no more mail for a domain",
    .about = "Removes a domain that has no accounts, aliases and groups any more.",
    .example = "posthorn domain remove example.org",
};

static const struct admin_argument catch_all_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "a domain of ours"},
    {"address", ARGUMENT_TEXT, true, false, "ADDRESS", "who gets it; none: nobody"},
    {0},
};

static enum err catch_all(struct admin_call *call, struct error *error)
{
    struct slice name = call_text(call, "domain");
    struct slice address = call_text(call, "address");
    enum err e = domain_set_catch_all(call->context->directory, name, address, error);
    if (e == ERR_OK && address.n > 0)
        call_message(call, "mail for unknown addresses of %.*s goes to %.*s", SLICE_ARGS(name),
                     SLICE_ARGS(address));
    else if (e == ERR_OK)
        call_message(call, "mail for unknown addresses of %.*s is refused", SLICE_ARGS(name));
    return e;
}

const struct admin_command admin_domain_catch_all = {
    .name = "domain.catch-all",
    .run = catch_all,
    .arguments = catch_all_arguments,
    .summary = "say who gets mail for unknown addresses",
    .about =
        "Mail for addresses of the domain that do not exist goes to ADDRESS. Without ADDRESS it is refused, "
        "as at first.",
    .example = "posthorn domain catch-all example.org info@example.org",
};

static const struct admin_argument administrator_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "a domain of ours"},
    {"add", ARGUMENT_TEXT, false, false, "ADDRESS", "an account that may from now on"},
    {"remove", ARGUMENT_TEXT, false, false, "ADDRESS", "an account that may no longer"},
    {0},
};

static const struct admin_column administrator_columns[] = {
    {"address", "ADDRESS", COLUMN_TEXT},
    {0},
};

static enum err administrator(struct admin_call *call, struct error *error)
{
    struct directory *directory = call->context->directory;
    struct slice domain = call_text(call, "domain");
    struct slice added = call_text(call, "add");
    struct slice removed = call_text(call, "remove");
    struct slice *addresses;
    size_t count = 0;
    enum err e = ERR_OK;
    if (added.n > 0)
        e = domain_set_administrator(directory, domain, added, true, error);
    if (e == ERR_OK && removed.n > 0)
        e = domain_set_administrator(directory, domain, removed, false, error);
    if (e == ERR_OK)
        e = domain_administrators(directory, domain, &call->arena, &addresses, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call, json_pack("{s:o}", "address", json_text(addresses[i])), error);
    return e;
}

const struct admin_command admin_domain_administrator = {
    .name = "domain.administrator",
    .run = administrator,
    .arguments = administrator_arguments,
    .columns = administrator_columns,
    .summary = "say who may administer a domain",
    .about = "Lists the people who may set the quotas of the domain's accounts from their mail program (IMAP "
             "SETQUOTA), after adding or removing one.",
    .example = "posthorn domain administrator example.org --add anna@example.org",
};
