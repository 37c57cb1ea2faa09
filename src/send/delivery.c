#include "send/delivery.h"

#include "base/log.h"
#include "send/hosts.h"
#include "send/transaction.h"

/* The same word to all. */
static void tell_all(const struct outbound_parcel *parcel, enum outbound_outcome outcome, const char *status,
                     const char *text, struct arena *arena, struct outbound_result *results)
{
    struct slice kept = arena_dup(arena, slice_cstr(text));
    for (size_t i = 0; i < parcel->recipient_count; i++)
        results[i] = (struct outbound_result){.recipient = parcel->recipients[i].number,
                                              .outcome = outcome,
                                              .status = slice_cstr(status),
                                              .text = kept.p != NULL ? kept : S("out of memory")};
}

static void note_failure(struct delivery *delivery, const struct error *error)
{
    if (!buf_failed(&delivery->tried) && delivery->tried.n + strlen(error->detail) < DELIVERY_TRIED_MAX)
        buf_printf(&delivery->tried, "%s%s", delivery->tried.n > 0 ? "\n" : "", error->detail);
}

/* With whom it was, for the message's history. */
static void note_way(const struct delivery *delivery, struct arena *arena, struct outbound_result *results,
                     size_t count)
{
    CLEANUP(buf_release) struct buf text = BUF(OUTBOUND_TEXT_MAX);
    const struct client *client = delivery->client;
    const struct tls *tls = client != NULL ? client->stream.tls : NULL;
    if (tls != NULL)
        buf_printf(&text, "%s %s", tls_version(tls), tls_cipher(tls));
    struct slice kept = arena_dup(arena, buf_slice(&text));
    struct slice via = arena_dup(arena, slice_cstr(client != NULL ? client->peer : ""));
    struct slice tried = arena_dup(arena, buf_slice(&delivery->tried));
    for (size_t i = 0; i < count; i++) {
        results[i].tls = kept;
        results[i].via = via;
        results[i].tried = tried;
    }
}

/* With TLS where it is offered; without when that fails, on a new connection (RFC 7435: better than nothing).
 */
static enum err open_at(struct delivery *delivery, const char *host, const struct resolver_address *address,
                        struct error *error)
{
    const struct smart_host *route = delivery->route;
    const bool verified = route->host.n > 0 && route->tls != SMART_HOST_TLS_OFFERED;
    const struct tls_expectation expectation = {.name = host, .authority = verified};
    struct client_options options = {
        .address = *address,
        .port = route->host.n > 0 ? route->port : delivery->options->port,
        .own_name = delivery->options->own_name,
        .host = host,
        .tls = delivery->tls,
        .expectation = &expectation,
        .tls_required = verified,
        .tls_implicit = verified && route->tls == SMART_HOST_TLS_IMPLICIT,
        .user = route->user,
        .password = route->password,
    };
    bool tls_failed;
    enum err err = client_open(&options, &delivery->client, &tls_failed, error);
    if (err == ERR_OK || !tls_failed || verified)
        return err;
    LOG(LOG_INFO, NO_SID, "send.without_tls", F_CSTR("host", host), F_ERR(error));
    note_failure(delivery, error);
    options.tls = NULL;
    return client_open(&options, &delivery->client, &tls_failed, error);
}

/* What may still be done to find a server that is there. */
struct patience {
    size_t tries;
    int64_t dns_us;
    size_t closed; /* hosts that were passed over, since they lead to no public address */
};

/* A host's addresses that may be tried. */
static enum err find_addresses(struct delivery *delivery, const struct host *host, struct patience *patience,
                               struct resolver_address ret[static DELIVERY_ADDRESSES_MAX], size_t *ret_count,
                               struct error *error)
{
    const struct sender_options *options = delivery->options;
    /* A smart host is an administrator's choice, wherever it stands. */
    bool private_too = options->private_too || delivery->route->host.n > 0;
    int64_t now = clock_mono_us();
    size_t found = 0;
    size_t count = 0;
    enum err err = resolver_addresses(options->resolver, host->name, now + patience->dns_us, ret,
                                      DELIVERY_ADDRESSES_MAX, &found, error);
    patience->dns_us = MAX(patience->dns_us - (clock_mono_us() - now), INT64_C(0));
    if (err != ERR_OK) {
        patience->tries--; /* else a domain could keep a thread busy with names that have none */
        return err;
    }
    for (size_t i = 0; i < found; i++)
        if (private_too || resolver_is_public(&ret[i]))
            ret[count++] = ret[i];
    if (count == 0) {
        patience->tries--;
        patience->closed++;
        return fail(error, ERR_DENIED, NULL, "%.*s leads to no address of the public internet",
                    SLICE_ARGS(host->name));
    }
    *ret_count = count;
    return ERR_OK;
}

/* The first of a host's addresses that has a server. */
static enum err open_host(struct delivery *delivery, const struct host *host, struct patience *patience,
                          struct error *error)
{
    struct resolver_address addresses[DELIVERY_ADDRESSES_MAX];
    char name[RESOLVER_NAME_MAX + 1];
    size_t count = 0;
    snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(host->name));
    enum err err = find_addresses(delivery, host, patience, addresses, &count, error);
    if (err != ERR_OK) {
        note_failure(delivery, error);
        return err;
    }
    err = ERR_UNAVAILABLE;
    for (size_t i = 0; i < count && err != ERR_OK && patience->tries > 0; i++) {
        patience->tries--;
        err = open_at(delivery, name, &addresses[i], error);
        if (err != ERR_OK)
            note_failure(delivery, error);
    }
    return err;
}

/* A smart host is one host: its name is looked up, no MX. */
static enum delivery_end open_route(struct delivery *delivery, const struct outbound_parcel *parcel,
                                    struct arena *arena, struct outbound_result *results)
{
    struct error error = {.detail = "the smart host could not be tried"};
    struct patience patience = {DELIVERY_ADDRESSES_MAX, DELIVERY_DNS_US, 0};
    struct host host = {.name = parcel->route.host};
    if (slice_starts(host.name, S("[")))
        host.name = slice_sub(host.name, 1, host.name.n - 2);
    if (open_host(delivery, &host, &patience, &error) == ERR_OK)
        return DELIVERY_SENT;
    LOG(LOG_WARN, parcel->sid, "send.smart_host", F_STR("host", host.name), F_ERR(&error));
    tell_all(parcel, OUTBOUND_DEFERRED, error.code == ERR_AUTH ? "4.7.0" : "4.4.1", error.detail, arena,
             results);
    return DELIVERY_UNREACHABLE;
}

static enum delivery_end open_any(struct delivery *delivery, const struct outbound_parcel *parcel,
                                  struct arena *arena, struct outbound_result *results)
{
    struct hosts hosts;
    struct error error = {.detail = "no host could be tried"};
    struct patience patience = {DELIVERY_ADDRESSES_MAX, DELIVERY_DNS_US, 0};
    if (parcel->route.host.n > 0)
        return open_route(delivery, parcel, arena, results);
    hosts_find(delivery->options->resolver, delivery->domain, slice_cstr(delivery->options->own_name),
               clock_mono_us() + DELIVERY_DNS_US, arena, &hosts);
    if (hosts.count == 0) {
        bool for_good = hosts.status[0] == '5';
        tell_all(parcel, for_good ? OUTBOUND_FAILED : OUTBOUND_DEFERRED, hosts.status, hosts.why, arena,
                 results);
        return for_good ? DELIVERY_REFUSED : DELIVERY_UNREACHABLE;
    }
    for (size_t i = 0; i < hosts.count && patience.tries > 0; i++) {
        if (open_host(delivery, &hosts.each[i], &patience, &error) == ERR_OK)
            return DELIVERY_SENT;
        LOG(LOG_INFO, parcel->sid, "send.host", F_STR("domain", delivery->domain),
            F_STR("host", hosts.each[i].name), F_ERR(&error));
    }
    bool closed = patience.closed == hosts.count;
    tell_all(parcel, closed ? OUTBOUND_FAILED : OUTBOUND_DEFERRED, closed ? "5.4.4" : "4.4.1", error.detail,
             arena, results);
    return closed ? DELIVERY_REFUSED : DELIVERY_UNREACHABLE;
}

enum delivery_end delivery_run(struct delivery *delivery, const struct outbound_parcel *parcel,
                               const struct outbound_message *message, struct arena *arena,
                               struct outbound_result *results)
{
    bool kept = delivery->client != NULL;
    buf_clear(&delivery->tried);
    delivery->route = &parcel->route;
    for (;;) {
        if (delivery->client == NULL) {
            enum delivery_end end = open_any(delivery, parcel, arena, results);
            if (end != DELIVERY_SENT) {
                note_way(delivery, arena, results, parcel->recipient_count);
                return end;
            }
        }
        enum transaction_end end = transaction_run(delivery->client, parcel, message, arena, results);
        note_way(delivery, arena, results, parcel->recipient_count);
        if (end != TRANSACTION_DONE || delivery->client->messages >= SENDER_MESSAGES_MAX) {
            client_close(delivery->client, end == TRANSACTION_DONE);
            delivery->client = NULL;
        }
        /* A connection that was kept may be over meanwhile: that says nothing about the server. */
        if (!kept || end != TRANSACTION_UNSAID)
            return DELIVERY_SENT;
        kept = false;
    }
}

void delivery_end(struct delivery *delivery)
{
    buf_release(&delivery->tried);
    client_close(delivery->client, true);
    delivery->client = NULL;
}
