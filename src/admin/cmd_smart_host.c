/* Servers that take our outgoing mail, whoever it is for. */
#include "admin/admin.h"
#include "directory/smart_host.h"

enum { PORT_SMTP = 25, PORT_IMPLICIT = 465, PORT_SUBMISSION = 587 };

#define OWNER_ARGUMENTS                                                                        \
    {"account", ARGUMENT_TEXT, false, false, "ADDRESS", "only what this account sends"},       \
        {"domain", ARGUMENT_TEXT, false, false, "DOMAIN", "what senders of this domain send"}, \
    {                                                                                          \
        "plan", ARGUMENT_TEXT, false, false, "PLAN", "what accounts of this plan send"         \
    }

/* Whose smart host it is; none given: the installation's. */
static enum err read_owner(const struct admin_call *call, enum option_level *ret_level,
                           struct slice *ret_owner, struct error *error)
{
    static const struct {
        const char *argument;
        enum option_level level;
    } owners[] = {{"account", LEVEL_ACCOUNT}, {"domain", LEVEL_DOMAIN}, {"plan", LEVEL_PLAN}};
    size_t given = 0;
    *ret_level = LEVEL_BUILT_IN;
    *ret_owner = S("");
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        struct slice owner = call_text(call, owners[i].argument);
        if (owner.p == NULL)
            continue;
        given++;
        *ret_level = owners[i].level;
        *ret_owner = owner;
    }
    if (given > 1)
        return fail_plain(error, ERR_INVALID, "give one of --account, --domain and --plan, or none");
    return ERR_OK;
}

static enum err read_tls(const struct admin_call *call, struct smart_host *host, struct error *error)
{
    struct slice text = call_text(call, "tls");
    if (text.p == NULL) {
        host->tls = host->port == PORT_IMPLICIT ? SMART_HOST_TLS_IMPLICIT
                    : host->user.n > 0          ? SMART_HOST_TLS_REQUIRED
                                                : SMART_HOST_TLS_OFFERED;
        return ERR_OK;
    }
    return smart_host_tls_find(text, &host->tls)
               ? ERR_OK
               : fail_plain(error, ERR_INVALID, "--tls is offered, required or implicit");
}

static enum err read_host(struct admin_call *call, struct smart_host *ret, struct error *error)
{
    struct smart_host host;
    enum err e = smart_host_parse(call_text(call, "host"), &call->arena, &host, error);
    if (e != ERR_OK)
        return e;
    struct slice user = call_text(call, "user");
    struct slice password = call_text(call, "password");
    host.user = user.p != NULL ? user : S("");
    host.password = password.p != NULL ? password : S("");
    if (host.host.n == 0 && (host.user.n > 0 || call_text(call, "tls").p != NULL))
        return fail_plain(error, ERR_INVALID, "direct has neither --tls nor --user");
    if ((host.user.n > 0) != (host.password.n > 0))
        return fail_plain(error, ERR_INVALID, "--user and --password-stdin go together");
    e = read_tls(call, &host, error);
    if (host.port == 0)
        host.port = host.tls == SMART_HOST_TLS_IMPLICIT ? PORT_IMPLICIT
                    : host.user.n > 0                   ? PORT_SUBMISSION
                                                        : PORT_SMTP;
    *ret = host;
    return e;
}

static const struct admin_argument set_arguments[] = {
    {"host", ARGUMENT_TEXT, true, true, "HOST[:PORT]",
     "the server; direct: none, to each domain's own servers"},
    OWNER_ARGUMENTS,
    {"tls", ARGUMENT_TEXT, false, false, "KIND", "offered, required or implicit"},
    {"user", ARGUMENT_TEXT, false, false, "NAME", "the name to log in with"},
    {"password", ARGUMENT_SECRET, false, false, NULL, "the first line of standard input is the password"},
    {0},
};

static enum err set(struct admin_call *call, struct error *error)
{
    enum option_level level;
    struct slice owner;
    struct smart_host host;
    enum err e = read_owner(call, &level, &owner, error);
    if (e == ERR_OK)
        e = read_host(call, &host, error);
    if (e == ERR_OK)
        e = smart_host_set(call->context->directory, level, owner, &host, error);
    if (e == ERR_OK && host.host.n == 0)
        call_message(call, "mail goes to each domain's own servers");
    else if (e == ERR_OK)
        call_message(call, "mail goes by way of %.*s:%u, TLS %s", SLICE_ARGS(host.host), host.port,
                     smart_host_tls_name(host.tls));
    return e;
}

const struct admin_command admin_smart_host_set = {
    .name = "smart-host.set",
    .run = set,
    .arguments = set_arguments,
    .flags = COMMAND_MAY_ASK,
    .summary = "send outgoing mail by way of a server",
    .about = "Mail for other servers is handed to HOST, whoever it is for: all mail, or what one account, "
             "the senders "
             "of a domain or the accounts of a plan send. What is set nearest to the sender counts: account, "
             "domain, "
             "plan, all. TLS required or implicit: the server's certificate must be good; a log-in needs "
             "that, and is "
             "by SCRAM, PLAIN or LOGIN. The port is 25, with a log-in 587, with implicit TLS 465, unless it "
             "is given.",
    .example =
        "posthorn smart-host set mail.example.net --domain example.org --user example --password-stdin",
};

static const struct admin_argument remove_arguments[] = {OWNER_ARGUMENTS, {0}};

static enum err drop(struct admin_call *call, struct error *error)
{
    enum option_level level;
    struct slice owner;
    enum err e = read_owner(call, &level, &owner, error);
    if (e == ERR_OK)
        e = smart_host_remove(call->context->directory, level, owner, error);
    if (e == ERR_OK)
        call_message(call, "removed the smart host");
    return e;
}

const struct admin_command admin_smart_host_remove = {
    .name = "smart-host.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "no longer send by way of a server",
    .about =
        "What was set for an account, a domain, a plan, or without any of them for all mail, is set no more.",
    .example = "posthorn smart-host remove --domain example.org",
};

static const struct admin_column columns[] = {
    {"for", "FOR", COLUMN_TEXT},
    {"owner", "NAME", COLUMN_TEXT},
    {"host", "HOST", COLUMN_TEXT},
    {"port", "PORT", COLUMN_NUMBER},
    {"tls", "TLS", COLUMN_TEXT},
    {"user", "USER", COLUMN_TEXT},
    {0},
};

static enum err list(struct admin_call *call, struct error *error)
{
    struct smart_host_row *rows;
    size_t count;
    enum err e = smart_host_list(call->context->directory, &call->arena, &rows, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        const struct smart_host *host = &rows[i].host;
        bool all = rows[i].level == LEVEL_BUILT_IN;
        e = call_row(
            call,
            json_pack("{s:s,s:o,s:o,s:i,s:s,s:o}", "for", all ? "all" : option_level_name(rows[i].level),
                      "owner", json_text(rows[i].owner), "host",
                      json_text(host->host.n > 0 ? host->host : S("direct")), "port", (int)host->port, "tls",
                      smart_host_tls_name(host->tls), "user", json_text(host->user)),
            error);
    }
    return e;
}

const struct admin_command admin_smart_host_list = {
    .name = "smart-host.list",
    .run = list,
    .columns = columns,
    .summary = "list the servers that outgoing mail goes by way of",
    .about = "Lists what `posthorn smart-host set` has set; passwords are not shown.",
    .example = "posthorn smart-host list",
};
