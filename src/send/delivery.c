#include "send/delivery.h"

#include "base/log.h"
#include "send/hosts.h"
#include "send/tally.h"
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

/* The sentences are translated: which server it was about, the message's history has (note_failure). */
static const struct lack {
    const char *status, *text;
} lacks[] = {
    {"5.7.10", "The message requires secure connections, and none could be made to a server of the "
               "recipient's domain."},
    {"5.7.30", "The message requires secure connections, also from server to server, and the recipient's "
               "server does not promise that (REQUIRETLS)."},
};

static bool falls_short(const struct shortfall *shortfall)
{
    return shortfall->tls || shortfall->promise;
}

/* RFC 8689 4.2.1: when no server will ever do, the sender is told at once. */
static bool tell_shortfall(const struct delivery *delivery, const struct outbound_parcel *parcel,
                           struct arena *arena, struct outbound_result *results)
{
    const struct shortfall *shortfall = &delivery->shortfall;
    if (shortfall->other || !falls_short(shortfall))
        return false;
    const struct lack *told = &lacks[shortfall->promise];
    tell_all(parcel, OUTBOUND_FAILED, told->status, told->text, arena, results);
    return true;
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

/* --- what was set --- */

static struct terms terms_here(const struct delivery *delivery, const struct terms *server)
{
    return terms_both(delivery->terms != NULL ? delivery->terms : &terms_none, server);
}

/* The address of ours that the connection leaves from: as is set for the destination, else for the sender's
 * domain, else for the server. Where some are set, and none of the peer's family, it can't be used. */
static enum err choose_source(const struct delivery *delivery, const struct terms *terms,
                              struct client_options *options, struct error *error)
{
    const struct own_addresses *own = terms->addresses.count > 0      ? &terms->addresses
                                      : delivery->addresses.count > 0 ? &delivery->addresses
                                                                      : &delivery->options->addresses;
    options->source = own_addresses_of(own, options->address.family);
    if (options->source != NULL || own->count == 0)
        return ERR_OK;
    return fail(error, ERR_UNAVAILABLE, NULL, "%s: no address to send from by %s is set", options->host,
                options->address.family == AF_INET6 ? "IPv6" : "IPv4");
}

static bool enter(struct delivery *delivery, const struct terms *server, struct error *error)
{
    if (delivery->gate == NULL || delivery->gate->enter(delivery->gate->context, server)) {
        delivery->server = server;
        return true;
    }
    delivery->busy_until_us = clock_mono_us() + DELIVERY_BUSY_US;
    (void)fail(error, ERR_BUSY, NULL, "%.*s: there are as many connections as may be",
               SLICE_ARGS(server->pattern));
    return false;
}

static void leave(struct delivery *delivery)
{
    if (delivery->gate != NULL && delivery->server != NULL)
        delivery->gate->leave(delivery->gate->context, delivery->server);
    delivery->server = NULL;
}

void delivery_close(struct delivery *delivery, bool polite)
{
    client_close(delivery->client, polite);
    delivery->client = NULL;
    leave(delivery);
}

/* Waits for a server's turn, if that is near. False: it is not. */
static bool await_turn(struct delivery *delivery)
{
    if (delivery->gate == NULL || delivery->server == NULL)
        return true;
    int64_t turn = delivery->gate->turn(delivery->gate->context, delivery->server);
    int64_t wait = turn - clock_mono_us();
    if (wait > DELIVERY_TURN_US) {
        delivery->busy_until_us = turn;
        return false;
    }
    if (wait > 0)
        nanosleep(&(struct timespec){.tv_sec = wait / CLOCK_SECOND, .tv_nsec = wait % CLOCK_SECOND * 1000},
                  NULL);
    return true;
}

/* --- a session --- */

/* Counted: what came of TLS, if it got so far. */
static enum err open_counted(struct delivery *delivery, const struct policy *policy,
                             const struct sts_policy *sts, struct client_options *options,
                             bool *ret_tls_failed, struct error *error)
{
    const struct tally tally = {delivery, sts};
    struct client_told told = {.decided = false};
    char address[INET6_ADDRSTRLEN];
    options->told = &told;
    enum err err = client_open(options, &delivery->client, ret_tls_failed, error);
    options->told = NULL;
    if (!told.decided)
        return err;
    resolver_address_text(&options->address, address);
    if (told.result == TLS_RESULT_SUCCESS && policy->unnamed)
        told.result = TLS_RESULT_VALIDATION_FAILURE;
    else if (told.result == TLS_RESULT_SUCCESS && policy->level == POLICY_ENCRYPTED)
        told.result = TLS_RESULT_TLSA_INVALID;
    const struct tally_session session = {.policy = policy,
                                          .result = told.result,
                                          .host = slice_cstr(options->host),
                                          .address = slice_cstr(address),
                                          .local = slice_cstr(told.local)};
    tally_count(&tally, &session);
    return err;
}

/* The connection is there. Who requires TLS wants more of it. */
static enum err check_promise(struct delivery *delivery, const struct policy *policy, struct error *error)
{
    struct client *client = delivery->client;
    client->proven = client->stream.tls != NULL && policy_is_proof(policy);
    if (!delivery->require_tls || transaction_may_require_tls(client))
        return ERR_OK;
    delivery->shortfall.promise = true;
    delivery->client = NULL;
    (void)fail(error, ERR_UNSUPPORTED, NULL, "%s: the server does not offer REQUIRETLS", client->peer);
    client_close(client, true);
    return error->code;
}

/* No connection. */
static void note_shortfall(struct delivery *delivery, bool tls_failed)
{
    if (tls_failed)
        delivery->shortfall.tls = true;
    else
        delivery->shortfall.other = true;
}

/* As a policy of mode testing would demand it; when that fails, nothing is lost but a connection. */
static bool open_on_trial(struct delivery *delivery, const struct policy *policy,
                          const struct sts_policy *sts, const struct client_options *usual)
{
    struct client_options options = *usual;
    struct tls_expectation expectation = policy->expectation;
    struct error error;
    bool tls_failed;
    expectation.authority = true;
    options.expectation = &expectation;
    options.tls_required = true;
    if (open_counted(delivery, policy, sts, &options, &tls_failed, &error) == ERR_OK)
        return true;
    note_failure(delivery, &error);
    return false;
}

/*
 * As the policy demands; where it demands nothing, with TLS if it is offered, and without when that fails, on
 * a new connection (RFC 7435: better than nothing). ERR_AUTH: the server is not as the policy wants it.
 */
static enum err open_at(struct delivery *delivery, const struct policy *policy, const struct sts_policy *sts,
                        const char *host, const struct resolver_address *address, struct error *error)
{
    const struct tls_expectation anybody = {.name = host};
    bool demanded = policy->level != POLICY_MAY && !delivery->tls_optional;
    struct client_options options = {
        .address = *address,
        .port = delivery->options->port,
        .own_name = delivery->options->own_name,
        .host = host,
        .tls = delivery->tls,
        .expectation = delivery->tls_optional ? &anybody : &policy->expectation,
        .tls_required = demanded,
    };
    const struct terms terms =
        terms_here(delivery, delivery->server != NULL ? delivery->server : &terms_none);
    enum err source = choose_source(delivery, &terms, &options, error);
    if (source != ERR_OK)
        return source;
    if (policy->clear)
        options.tls = NULL;
    bool tls_failed;
    bool on_trial = policy->trial && delivery->options->tls_reports && !delivery->tls_optional;
    if (on_trial && open_on_trial(delivery, policy, sts, &options))
        return ERR_OK;
    /* What only the sender demands, says nothing about the domain. */
    bool counted = !on_trial && policy->level != POLICY_REQUIRED;
    enum err err = counted ? open_counted(delivery, policy, sts, &options, &tls_failed, error)
                           : client_open(&options, &delivery->client, &tls_failed, error);
    if (err == ERR_OK)
        return check_promise(delivery, policy, error);
    note_shortfall(delivery, tls_failed);
    if (!tls_failed)
        return err;
    if (options.tls_required) {
        error_context(error, "%s", policy_name(policy));
        return error->code = ERR_AUTH;
    }
    LOG(LOG_INFO, NO_SID, "send.without_tls", F_CSTR("host", host), F_ERR(error));
    note_failure(delivery, error);
    options.tls = NULL;
    return client_open(&options, &delivery->client, &tls_failed, error);
}

/* What may still be done to find a server that is there; and why none was. */
struct search {
    struct sts_policy sts; /* the domain's */
    size_t tries;
    int64_t dns_us;
    bool busy;           /* one has as many connections as it may */
    size_t closed;       /* hosts that lead to no public address */
    bool insecure;       /* one was there, and not as its policy wants it */
    struct error reason; /* of that one; else of the last */
};

static bool is_unnamed(const struct sts_policy *sts, struct slice host)
{
    return sts->mode == STS_ENFORCE && !sts_names_host(sts, host);
}

/* A host that nothing is sent to: its domain's policy does not name it, or DNSSEC says that it is forged. */
static void count_unnamed(const struct delivery *delivery, const struct sts_policy *sts, struct slice host)
{
    const struct tally tally = {delivery, sts};
    const struct tally_session session = {.result = is_unnamed(sts, host) ? TLS_RESULT_VALIDATION_FAILURE
                                                                          : TLS_RESULT_DNSSEC_INVALID,
                                          .host = host};
    tally_count(&tally, &session);
}

/* A host's addresses that may be tried, and how it must be spoken to. */
static enum err look_up(struct delivery *delivery, const struct hosts *hosts, struct slice name,
                        struct search *search, struct arena *arena, struct resolver_host *ret_host,
                        struct policy *ret_policy, struct error *error)
{
    const struct sender_options *options = delivery->options;
    int64_t now = clock_mono_us();
    struct resolver_host host;
    const struct terms terms = terms_here(delivery, delivery->server);
    enum err err = resolver_host(options->resolver, name, now + search->dns_us, &host, error);
    const struct policy_question question = {.resolver = options->resolver,
                                             .port = options->port,
                                             .domain = delivery->domain,
                                             .hosts = hosts,
                                             .sts = &search->sts,
                                             .name = name,
                                             .host = &host,
                                             .terms = &terms,
                                             .deadline_us = now + search->dns_us,
                                             .required = delivery->require_tls};
    if (err == ERR_OK && delivery->tls_optional)
        *ret_policy = (struct policy){.level = POLICY_MAY};
    else if (err == ERR_OK)
        err = policy_find(&question, arena, ret_policy, error);
    if (err == ERR_AUTH)
        count_unnamed(delivery, &search->sts, name);
    if (err != ERR_OK) /* a policy that could not be had might have vouched for it */
        note_shortfall(delivery, is_unnamed(&search->sts, name) ||
                                     (err == ERR_UNSUPPORTED && search->sts.trouble == TLS_RESULT_SUCCESS));
    search->dns_us = MAX(search->dns_us - (clock_mono_us() - now), INT64_C(0));
    if (err != ERR_OK)
        return err;
    size_t count = 0;
    for (size_t i = 0; i < host.count; i++)
        if (options->private_too || resolver_is_public(&host.addresses[i]))
            host.addresses[count++] = host.addresses[i];
    if (count == 0) {
        search->closed++;
        return fail(error, ERR_DENIED, NULL, "%.*s leads to no address of the public internet",
                    SLICE_ARGS(name));
    }
    host.count = count;
    *ret_host = host;
    return ERR_OK;
}

/* The first of a host's addresses that has a server. */
static enum err open_host(struct delivery *delivery, const struct hosts *hosts, struct slice name,
                          struct search *search, struct arena *arena, struct error *error)
{
    struct resolver_host host = {.count = 0};
    struct policy policy;
    char text[RESOLVER_NAME_MAX + 1];
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(name));
    if (!enter(delivery, terms_of_server(delivery->table, name), error)) {
        search->busy = true;
        return ERR_BUSY;
    }
    enum err err = look_up(delivery, hosts, name, search, arena, &host, &policy, error);
    if (err != ERR_OK) {
        search->tries--; /* else a domain could keep a thread busy with names that lead nowhere */
        note_failure(delivery, error);
        leave(delivery);
        return err;
    }
    err = ERR_UNAVAILABLE;
    for (size_t i = 0; i < host.count && err != ERR_OK && search->tries > 0; i++) {
        search->tries--;
        err = open_at(delivery, &policy, &search->sts, text, &host.addresses[i], error);
        if (err != ERR_OK)
            note_failure(delivery, error);
    }
    if (err != ERR_OK)
        leave(delivery);
    return err;
}

static void give_reason(struct search *search, const struct error *error)
{
    if (search->insecure)
        return;
    search->insecure = error->code == ERR_AUTH;
    search->reason = *error;
}

/* --- by way of a smart host --- */

static enum err open_smart_host_at(struct delivery *delivery, const struct smart_host *route,
                                   const struct policy *policy, const char *name,
                                   const struct resolver_address *address, struct error *error)
{
    const struct terms terms =
        terms_here(delivery, delivery->server != NULL ? delivery->server : &terms_none);
    const bool required = policy->level != POLICY_MAY;
    struct client_options options = {
        .address = *address,
        .port = route->port,
        .own_name = delivery->options->own_name,
        .host = name,
        .tls = delivery->tls,
        .expectation = &policy->expectation,
        .tls_required = required,
        .tls_implicit = route->tls == SMART_HOST_TLS_IMPLICIT,
        .user = route->user,
        .password = route->password,
        .deadline_us = delivery->deadline_us,
        .other = delivery->other,
    };
    bool tls_failed;
    enum err err = choose_source(delivery, &terms, &options, error);
    if (err != ERR_OK)
        return err;
    if (policy->clear)
        options.tls = NULL;
    err = client_open(&options, &delivery->client, &tls_failed, error);
    if (err == ERR_OK)
        return check_promise(delivery, policy, error);
    note_shortfall(delivery, tls_failed);
    if (tls_failed && route->tls == SMART_HOST_TLS_OFFERED && required)
        error_context(error, "%s", policy_name(policy));
    if (!tls_failed || required)
        return err;
    note_failure(delivery, error);
    options.tls = NULL;
    return client_open(&options, &delivery->client, &tls_failed, error);
}

/* RFC 8461 3.4: a smart host has its own policy; and its TLSA records (RFC 7672 2.2.3), as its name came from
 * an administrator. What he demands himself, no record can take away. */
static enum err smart_host_policy(struct delivery *delivery, const struct smart_host *route,
                                  const struct resolver_host *host, int64_t deadline_us, struct arena *arena,
                                  struct policy *ret_policy, struct error *error)
{
    struct sts_policy sts = {.mode = STS_NONE};
    const struct terms terms =
        terms_here(delivery, delivery->server != NULL ? delivery->server : &terms_none);
    const bool literal = slice_starts(route->host, S("["));
    const struct hosts hosts = {.canonical = route->host, .secure = true, .direct = true, .literal = literal};
    const struct policy_question question = {.resolver = delivery->options->resolver,
                                             .port = route->port,
                                             .domain = route->host,
                                             .hosts = &hosts,
                                             .sts = &sts,
                                             .name = route->host,
                                             .host = host,
                                             .terms = &terms,
                                             .deadline_us = deadline_us,
                                             .required = delivery->require_tls};
    *ret_policy = (struct policy){.level = POLICY_MAY};
    if (route->tls != SMART_HOST_TLS_OFFERED) {
        *ret_policy = (struct policy){.level = POLICY_REQUIRED, .expectation = {.authority = true}};
        return ERR_OK;
    }
    if (delivery->tls_optional)
        return ERR_OK;
    if (delivery->sts != NULL && !literal && terms.tls == DESTINATION_TLS_DEFAULT) {
        enum err err = sts_cache_find(delivery->sts, route->host, deadline_us, arena, &sts, error);
        if (err != ERR_OK)
            return err;
    }
    return policy_find(&question, arena, ret_policy, error);
}

/* It is one host: its name is looked up, no MX. An administrator chose it, so it may stand anywhere. */
enum err delivery_open_route(struct delivery *delivery, const struct smart_host *route, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(DELIVERY_POLICY_MAX);
    struct resolver_host host = {.count = 0};
    struct policy policy;
    char text[SMART_HOST_NAME_MAX + 1];
    struct slice name = route->host;
    if (slice_starts(name, S("[")))
        name = slice_sub(name, 1, name.n - 2);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(name));
    if (!enter(delivery, terms_of_server(delivery->table, name), error))
        return ERR_BUSY;
    int64_t dns_until_us = clock_mono_us() + DELIVERY_DNS_US;
    if (delivery->deadline_us != 0)
        dns_until_us = MIN(dns_until_us, delivery->deadline_us);
    enum err err = resolver_host(delivery->options->resolver, name, dns_until_us, &host, error);
    if (err == ERR_OK)
        err = smart_host_policy(delivery, route, &host, dns_until_us, &arena, &policy, error);
    if (err != ERR_OK) {
        note_shortfall(delivery, err == ERR_UNSUPPORTED);
        note_failure(delivery, error);
        leave(delivery);
        return err;
    }
    if (policy.expectation.name == NULL)
        policy.expectation.name = text;
    err = ERR_UNAVAILABLE;
    for (size_t i = 0; i < MIN(host.count, (size_t)DELIVERY_ADDRESSES_MAX) && err != ERR_OK; i++) {
        err = open_smart_host_at(delivery, route, &policy, text, &host.addresses[i], error);
        if (err != ERR_OK)
            note_failure(delivery, error);
    }
    if (err != ERR_OK)
        leave(delivery);
    return err;
}

static enum delivery_end open_route(struct delivery *delivery, const struct outbound_parcel *parcel,
                                    struct arena *arena, struct outbound_result *results)
{
    struct error error = {.detail = "the smart host has no address"};
    enum err err = delivery_open_route(delivery, &parcel->route, &error);
    if (err == ERR_OK || err == ERR_BUSY)
        return err == ERR_OK ? DELIVERY_SENT : DELIVERY_BUSY;
    LOG(LOG_WARN, parcel->sid, "send.smart_host", F_STR("host", parcel->route.host), F_ERR(&error));
    if (delivery->require_tls && tell_shortfall(delivery, parcel, arena, results))
        return DELIVERY_REFUSED;
    tell_all(parcel, OUTBOUND_DEFERRED, error.code == ERR_AUTH ? "4.7.0" : "4.4.1", error.detail, arena,
             results);
    return DELIVERY_UNREACHABLE;
}

static enum err find_sts(struct delivery *delivery, const struct hosts *hosts, struct arena *arena,
                         struct sts_policy *ret_policy, struct error *error)
{
    bool set = delivery->terms != NULL && delivery->terms->tls != DESTINATION_TLS_DEFAULT;
    if (delivery->sts == NULL || hosts->literal || delivery->tls_optional || set)
        return ERR_OK;
    return sts_cache_find(delivery->sts, delivery->domain, clock_mono_us() + DELIVERY_DNS_US, arena,
                          ret_policy, error);
}

static enum delivery_end open_any(struct delivery *delivery, const struct outbound_parcel *parcel,
                                  struct arena *arena, struct outbound_result *results)
{
    struct hosts hosts;
    struct search search = {.tries = DELIVERY_ADDRESSES_MAX, .dns_us = DELIVERY_DNS_US};
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
    if (find_sts(delivery, &hosts, arena, &search.sts, &search.reason) != ERR_OK) {
        tell_all(parcel, OUTBOUND_DEFERRED, "4.3.0", search.reason.detail, arena, results);
        return DELIVERY_UNREACHABLE;
    }
    if (search.sts.trouble != TLS_RESULT_SUCCESS)
        tally_count(&(struct tally){delivery, &search.sts},
                    &(struct tally_session){.result = search.sts.trouble});
    for (size_t i = 0; i < hosts.count && search.tries > 0; i++) {
        struct error error;
        if (open_host(delivery, &hosts, hosts.each[i].name, &search, arena, &error) == ERR_OK)
            return DELIVERY_SENT;
        if (error.code == ERR_BUSY)
            continue;
        give_reason(&search, &error);
        LOG(LOG_INFO, parcel->sid, "send.host", F_STR("domain", delivery->domain),
            F_STR("host", hosts.each[i].name), F_ERR(&error));
    }
    if (search.busy)
        return DELIVERY_BUSY;
    if (delivery->require_tls && tell_shortfall(delivery, parcel, arena, results))
        return DELIVERY_REFUSED;
    bool closed = search.closed == hosts.count;
    const char *status = closed ? "5.4.4" : search.insecure ? "4.7.5" : "4.4.1";
    tell_all(parcel, closed ? OUTBOUND_FAILED : OUTBOUND_DEFERRED, status, search.reason.detail, arena,
             results);
    bool lacking =
        delivery->require_tls && falls_short(&delivery->shortfall); /* other mail may find it well */
    return closed || lacking ? DELIVERY_REFUSED : DELIVERY_UNREACHABLE;
}

/* RFC 8689 5: a report about a message that requires TLS is sent without rather than lost. */
static enum delivery_end open_for(struct delivery *delivery, const struct outbound_parcel *parcel,
                                  struct arena *arena, struct outbound_result *results)
{
    delivery->require_tls = parcel->require_tls;
    delivery->shortfall = (struct shortfall){0};
    enum delivery_end end = open_any(delivery, parcel, arena, results);
    if (end == DELIVERY_SENT || end == DELIVERY_BUSY || !parcel->require_tls || parcel->sender.n > 0 ||
        !falls_short(&delivery->shortfall))
        return end;
    delivery->require_tls = false;
    return open_any(delivery, parcel, arena, results);
}

/* Over one connection. */
static unsigned messages_max(const struct delivery *delivery)
{
    const struct terms terms =
        terms_here(delivery, delivery->server != NULL ? delivery->server : &terms_none);
    return terms.messages > 0 ? terms.messages : SENDER_MESSAGES_MAX;
}

enum delivery_end delivery_run(struct delivery *delivery, const struct outbound_parcel *parcel,
                               const struct outbound_message *message, struct arena *arena,
                               struct outbound_result *results)
{
    bool kept = delivery->client != NULL;
    buf_clear(&delivery->tried);
    if (deliver_by_is_over(&parcel->by, clock_wall_us())) {
        tell_all(parcel, OUTBOUND_FAILED, "5.4.7", DELIVERY_NOT_IN_TIME, arena, results);
        return DELIVERY_REFUSED;
    }
    delivery->tls_optional = parcel->tls_optional;
    if (kept && parcel->require_tls && !transaction_may_require_tls(delivery->client)) {
        delivery_close(delivery, true);
        kept = false;
    }
    for (;;) {
        if (delivery->client == NULL) {
            enum delivery_end end = open_for(delivery, parcel, arena, results);
            if (end == DELIVERY_BUSY)
                return end;
            delivery->connections += end == DELIVERY_SENT;
            if (end != DELIVERY_SENT) {
                note_way(delivery, arena, results, parcel->recipient_count);
                return end;
            }
        }
        if (!await_turn(delivery)) {
            delivery_close(delivery, true);
            return DELIVERY_BUSY;
        }
        enum transaction_end end = transaction_run(delivery->client, parcel, message, arena, results);
        note_way(delivery, arena, results, parcel->recipient_count);
        /* The next parcel may not use a connection that was opened for one which goes anywhere. */
        if (end != TRANSACTION_DONE || delivery->client->messages >= messages_max(delivery) ||
            delivery->tls_optional)
            delivery_close(delivery, end == TRANSACTION_DONE);
        /* A connection that was kept may be over meanwhile: that says nothing about the server. */
        if (!kept || end != TRANSACTION_UNSAID)
            return DELIVERY_SENT;
        kept = false;
    }
}

void delivery_end(struct delivery *delivery)
{
    buf_release(&delivery->tried);
    delivery_close(delivery, true);
}
