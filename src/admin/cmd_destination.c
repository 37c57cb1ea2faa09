/* What holds for mail to a domain, or to servers. */
#include "admin/admin.h"
#include "directory/destination.h"

enum { PORT_SMTP = 25 };

static const struct admin_argument set_arguments[] = {
    {"destination", ARGUMENT_TEXT, true, true, "DOMAIN|mx:HOST",
     "a domain; mx:mail.example.net, mx:*.example.net: servers"},
    {"connections", ARGUMENT_NUMBER, false, false, "NUMBER",
     "most at once; 0: as many as it bears, 20 at most"},
    {"messages", ARGUMENT_NUMBER, false, false, "NUMBER", "most over one connection; 0: 100"},
    {"rate", ARGUMENT_NUMBER, false, false, "NUMBER", "most messages in a minute; 0: any number"},
    {"tls", ARGUMENT_TEXT, false, false, "KIND", "default, none, offered, required, dane or verify"},
    {"tls-names", ARGUMENT_TEXT, false, false, "NAME,...",
     "verify: names of a good certificate; .example.net: all below it"},
    {"source-addresses", ARGUMENT_TEXT, false, false, "ADDRESS[=NAME],...",
     "where mail for it leaves from; none: as usual"},
    {"route", ARGUMENT_TEXT, false, false, "HOST[:PORT]", "the server that takes its mail; none: its MX"},
    {0},
};

static enum err read_route(struct admin_call *call, struct destination *d, struct error *error)
{
    struct slice text = call_text(call, "route");
    struct smart_host host = {.host = S("")};
    if (text.p == NULL)
        return ERR_OK;
    enum err e = slice_eq(text, S("none")) ? ERR_OK : smart_host_parse(text, &call->arena, &host, error);
    if (e != ERR_OK)
        return e;
    d->host = host.host;
    d->port = host.port != 0 ? host.port : PORT_SMTP;
    return ERR_OK;
}

/* What is given; the rest stays. */
static enum err read_changes(struct admin_call *call, struct destination *d, struct error *error)
{
    struct slice tls = call_text(call, "tls");
    struct slice names = call_text(call, "tls-names");
    struct slice addresses = call_text(call, "source-addresses");
    d->connections = (uint32_t)MIN(call_number(call, "connections", d->connections), (uint64_t)UINT32_MAX);
    d->messages = (uint32_t)MIN(call_number(call, "messages", d->messages), (uint64_t)UINT32_MAX);
    d->rate = (uint32_t)MIN(call_number(call, "rate", d->rate), (uint64_t)UINT32_MAX);
    if (tls.p != NULL && !destination_tls_find(tls, &d->tls))
        return fail_plain(error, ERR_INVALID, "--tls is default, none, offered, required, dane or verify");
    if (names.p != NULL)
        d->names = names;
    else if (d->tls != DESTINATION_TLS_VERIFY)
        d->names = S("");
    if (addresses.p != NULL)
        d->addresses = addresses;
    return read_route(call, d, error);
}

static enum err set(struct admin_call *call, struct error *error)
{
    struct destination d = {.names = S(""), .addresses = S(""), .host = S("")};
    struct slice pattern = call_text(call, "destination");
    if (json_object_size(call->request) <= 2)
        return fail_plain(error, ERR_INVALID, "nothing to set: give an option; --help lists them");
    enum err e = destination_find(call->context->directory, pattern, &call->arena, &d, error);
    if (e == ERR_NOT_FOUND)
        e = ERR_OK;
    if (e == ERR_OK)
        e = read_changes(call, &d, error);
    d.pattern = pattern;
    if (e == ERR_OK)
        e = destination_set(call->context->directory, &d, error);
    if (e == ERR_OK)
        call_message(call, "changed what holds for mail to %.*s", SLICE_ARGS(pattern));
    return e;
}

const struct admin_command admin_destination_set = {
    .name = "destination.set",
    .run = set,
    .arguments = set_arguments,
    .summary = "say how mail to a domain or a server is sent",
    .about =
        "Changes what is given and leaves the rest. A destination is the domain of recipients, or the "
        "servers "
        "that mail goes to, whichever domains those are: mx:mail.example.net, mx:*.example.net. A domain's "
        "settings go before its servers'; limits of both hold. TLS: none, offered (with whomever, DANE and "
        "MTA-STS don't count), required (with whomever), dane (proven TLSA records, or not at all), verify "
        "(an "
        "authority's certificate for one of --tls-names, else for the domain or a name below it), default "
        "(DANE, else MTA-STS, else as it is offered). With --route its mail goes to that server instead of "
        "its "
        "MX, also where senders have a smart host. It holds from the next message on.",
    .example = "posthorn destination set example.org --connections 5 --rate 100",
};

static const struct admin_argument remove_arguments[] = {
    {"destination", ARGUMENT_TEXT, true, true, "DOMAIN|mx:HOST", "as `posthorn destination list` shows it"},
    {0},
};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct slice pattern = call_text(call, "destination");
    enum err e = destination_remove(call->context->directory, pattern, error);
    if (e == ERR_OK)
        call_message(call, "mail to %.*s is sent as usual", SLICE_ARGS(pattern));
    return e;
}

const struct admin_command admin_destination_remove = {
    .name = "destination.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "send mail to a domain or a server as usual",
    .about = "What `posthorn destination set` has set for it is set no more.",
    .example = "posthorn destination remove example.org",
};

static const struct admin_column columns[] = {
    {"destination", "DESTINATION", COLUMN_TEXT},
    {"connections", "CONNECTIONS", COLUMN_NUMBER},
    {"messages", "MESSAGES", COLUMN_NUMBER},
    {"rate", "RATE", COLUMN_NUMBER},
    {"tls", "TLS", COLUMN_TEXT},
    {"tls_names", "TLS-NAMES", COLUMN_TEXT},
    {"source_addresses", "SOURCE-ADDRESSES", COLUMN_TEXT},
    {"route", "ROUTE", COLUMN_TEXT},
    {0},
};

static json_t *row_of(const struct destination *d)
{
    CLEANUP(buf_release) struct buf route = BUF(2 * SMART_HOST_NAME_MAX);
    if (d->host.n > 0)
        buf_printf(&route, "%.*s:%u", SLICE_ARGS(d->host), d->port);
    return json_pack("{s:o,s:i,s:i,s:i,s:s,s:o,s:o,s:o}", "destination", json_text(d->pattern), "connections",
                     (int)d->connections, "messages", (int)d->messages, "rate", (int)d->rate, "tls",
                     destination_tls_name(d->tls), "tls_names", json_text(d->names), "source_addresses",
                     json_text(d->addresses), "route", json_text(buf_slice(&route)));
}

static enum err list(struct admin_call *call, struct error *error)
{
    struct destination *rows;
    size_t count;
    enum err e = destination_list(call->context->directory, &call->arena, &rows, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call, row_of(&rows[i]), error);
    return e;
}

const struct admin_command admin_destination_list = {
    .name = "destination.list",
    .run = list,
    .columns = columns,
    .summary = "list what is set for mail to domains and servers",
    .about = "Lists what `posthorn destination set` has set; 0 and nothing: as usual.",
    .example = "posthorn destination list",
};
