#include "authres/guards.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "authres/authors.h"
#include "authres/dns_records.h"
#include "authres/results.h"

struct guards {
    struct rate *health; /* of the lists */
    struct pace *connections;
    struct pace *messages;
};

/* One client while he is looked at. */
struct look {
    struct guards *guards;
    const struct guard_query *query;
    struct arena *arena;
    struct guard_finding *finding;
    struct buf results;
    int64_t deadline;
    int64_t points;
    bool refused, deferred, junk; /* by a list */
    /* Of the list that weighs most. */
    const struct list_setting *worst;
    struct slice worst_about, worst_reason;
};

enum err guards_create(struct guards **ret_guards, struct error *error)
{
    struct guards *guards = calloc(1, sizeof(*guards));
    if (guards == NULL)
        return fail_nomem(error);
    guards->health = block_list_health();
    guards->connections = pace_create();
    guards->messages = pace_create();
    if (guards->health == NULL || guards->connections == NULL || guards->messages == NULL) {
        guards_destroy(guards);
        return fail_nomem(error);
    }
    *ret_guards = guards;
    return ERR_OK;
}

void guards_destroy(struct guards *guards)
{
    if (guards == NULL)
        return;
    rate_destroy(guards->health);
    pace_destroy(guards->connections);
    pace_destroy(guards->messages);
    free(guards);
}

/* --- how much comes from an address --- */

/* IPv6 counts per /64, which is what one customer has at least. */
static bool take_one(struct pace *pace, struct slice peer, struct pace_limit limit)
{
    enum { NETWORK_BYTES = 8 };
    struct resolver_address address;
    if (!dns_address_parse(peer, &address))
        return true;
    return pace_take(pace,
                     address.family == AF_INET ? slice_of(&address.v4, sizeof(address.v4))
                                               : slice_of(&address.v6, NETWORK_BYTES),
                     limit);
}

bool guards_connection(struct guards *guards, struct slice peer, const struct settings *settings)
{
    return take_one(guards->connections, peer, settings->connection_rate);
}

bool guards_message(struct guards *guards, struct slice peer, const struct settings *settings)
{
    return take_one(guards->messages, peer, settings->message_rate);
}

/* --- HELO --- */

/* Without the brackets of an address literal (RFC 5321 4.1.3). */
static struct slice literal_of(struct slice helo)
{
    if (!slice_starts(helo, S("[")) || !slice_ends(helo, S("]")))
        return slice_none();
    struct slice inside = slice_sub(helo, 1, helo.n - 2);
    return slice_starts_nocase(inside, S("IPv6:")) ? slice_from(inside, 5) : inside;
}

enum helo_fault helo_check(struct slice helo, struct slice own_name, struct slice own_address)
{
    struct resolver_address address;
    struct slice literal = literal_of(helo);
    if (slice_ends(helo, S(".")))
        helo.n--;
    if (slice_eq_nocase(helo, own_name) ||
        (own_address.n > 0 && (slice_eq_nocase(helo, own_address) || slice_eq_nocase(literal, own_address))))
        return HELO_FAULT_OWN_NAME;
    if (literal.n > 0)
        return HELO_FAULTS;
    if (dns_address_parse(helo, &address))
        return HELO_FAULT_BARE_ADDRESS;
    return slice_find_char(helo, '.') < 0 ? HELO_FAULT_NO_DOMAIN : HELO_FAULTS;
}

static const char *const fault_texts[] = {
#define X(name, member, key, text) text,
    HELO_FAULT_TABLE(X)
#undef X
};

static void look_at_helo(struct look *l)
{
    const struct guard_query *query = l->query;
    enum helo_fault fault = helo_check(query->helo, slice_cstr(query->settings->hostname), query->own);
    if (fault == HELO_FAULTS || query->settings->helo_actions[fault] == HELO_OFF)
        return;
    l->finding->suspicious = true;
    results_put(&l->results, "x-helo", "fail", slice_cstr(fault_texts[fault]));
    results_put_property(&l->results, "smtp.helo", query->helo);
    if (query->settings->helo_actions[fault] != HELO_REJECT)
        return;
    l->finding->verdict = GUARD_REFUSE;
    snprintf(l->finding->reply, sizeof(l->finding->reply), "554 5.7.1 you call yourself %.*s: that is %s",
             SLICE_ARGS(slice_sub(query->helo, 0, 200)), fault_texts[fault]);
}

/* --- lists --- */

/* A list more or less says nothing new then. */
static bool has_room(const struct look *l)
{
    enum { ONE_MAX = 2 * (RESOLVER_NAME_MAX + SETTINGS_LIST_ZONE_MAX + BLOCK_LIST_REASON_MAX) + 100 };
    return l->results.n + ONE_MAX <= GUARDS_RESULTS_MAX;
}

/* RFC 8904 for those that vouch; nobody has made a name for the others. */
static void put_answer(struct look *l, const struct list_setting *list, struct slice about,
                       const struct block_list_answer *answer)
{
    static const char *const block_words[] = {[BLOCK_LIST_LISTED] = "fail",
                                              [BLOCK_LIST_SILENT] = "temperror",
                                              [BLOCK_LIST_NOT_WELCOME] = "permerror"};
    static const char *const allow_words[] = {[BLOCK_LIST_LISTED] = "pass",
                                              [BLOCK_LIST_SILENT] = "temperror",
                                              [BLOCK_LIST_NOT_WELCOME] = "permerror"};
    bool allow = list->action == LIST_ALLOW;
    if (!has_room(l))
        return;
    struct in_addr in = {htonl(answer->address)};
    char text[INET_ADDRSTRLEN];
    results_put(&l->results, allow ? "dnswl" : "x-dnsbl", (allow ? allow_words : block_words)[answer->status],
                list->of_names ? about : slice_none());
    results_put_property(&l->results, "dns.zone", slice_cstr(list->zone));
    if (answer->address != 0 && inet_ntop(AF_INET, &in, text, sizeof(text)) != NULL)
        results_put_property(&l->results, "policy.ip", slice_cstr(text));
    if (answer->reason.n > 0)
        results_put_property(&l->results, "policy.txt", answer->reason);
}

/* What a list weighs beside others. */
static int64_t weight_of(const struct list_setting *list)
{
    return list->action == LIST_POINTS ? list->points : (int64_t)list->action * 2 * SETTINGS_POINTS_MAX;
}

static void note_answer(struct look *l, const struct list_setting *list, struct slice about,
                        const struct block_list_answer *answer)
{
    if (answer->status == BLOCK_LIST_NOT_LISTED)
        return;
    put_answer(l, list, about, answer);
    if (answer->status != BLOCK_LIST_LISTED)
        return;
    if (list->action == LIST_ALLOW) {
        l->finding->allowed = true;
        return;
    }
    l->points += list->action == LIST_POINTS ? list->points : 0;
    l->refused |= list->action == LIST_REJECT;
    l->deferred |= list->action == LIST_DEFER;
    l->junk |= list->action == LIST_JUNK;
    l->finding->suspicious |= list->action != LIST_POINTS || list->points > 0;
    if (l->worst != NULL && weight_of(list) <= weight_of(l->worst))
        return;
    l->worst = list;
    l->worst_about = about;
    l->worst_reason = answer->reason;
}

static void ask_about_address(struct look *l)
{
    const struct settings *settings = l->query->settings;
    struct resolver_address address;
    if (!dns_address_parse(l->query->peer, &address))
        return;
    for (size_t i = 0; i < settings->list_count; i++) {
        const struct list_setting *list = &settings->lists[i];
        if (list->of_names)
            continue;
        struct block_list_answer answer =
            block_list_ask_address(l->query->dns, l->guards->health, list, &address, l->deadline, l->arena);
        note_answer(l, list, l->query->peer, &answer);
    }
}

static void ask_about_name(struct look *l, struct slice name)
{
    const struct settings *settings = l->query->settings;
    for (size_t i = 0; name.n > 0 && i < settings->list_count; i++) {
        const struct list_setting *list = &settings->lists[i];
        if (!list->of_names)
            continue;
        struct block_list_answer answer =
            block_list_ask_name(l->query->dns, l->guards->health, list, name, l->deadline, l->arena);
        note_answer(l, list, name, &answer);
    }
}

static void ask_about_names(struct look *l)
{
    struct resolver_address address;
    ssize_t at = slice_rfind_char(l->query->sender, '@');
    struct slice helo = author_domain(l->query->helo, l->arena);
    struct slice domain =
        at >= 0 ? author_domain(slice_from(l->query->sender, (size_t)at + 1), l->arena) : slice_none();
    /* Lists of names answer rubbish about addresses, if they answer. */
    if (!dns_address_parse(helo, &address) && literal_of(helo).n == 0 && slice_find_char(helo, '.') >= 0)
        ask_about_name(l, helo);
    if (!slice_eq_nocase(domain, helo) && literal_of(domain).n == 0)
        ask_about_name(l, domain);
}

/* The list that weighs most gives the reason; what it says itself comes last, since it may be cut. */
static void say_no(struct look *l, const char *code)
{
    snprintf(l->finding->reply, sizeof(l->finding->reply), "%s %.*s is on the list %s%s%.*s", code,
             SLICE_ARGS(slice_sub(l->worst_about, 0, 150)), l->worst->zone, l->worst_reason.n > 0 ? ": " : "",
             SLICE_ARGS(l->worst_reason));
}

static void decide(struct look *l)
{
    const struct settings *settings = l->query->settings;
    struct guard_finding *finding = l->finding;
    if (finding->verdict == GUARD_REFUSE || finding->allowed || l->worst == NULL)
        return;
    if (l->refused || l->points >= settings->list_reject_points) {
        finding->verdict = GUARD_REFUSE;
        say_no(l, "554 5.7.1");
    } else if (l->deferred) {
        finding->verdict = GUARD_DEFER;
        say_no(l, "451 4.7.1");
    } else if (l->junk || l->points >= settings->list_junk_points) {
        finding->verdict = GUARD_JUNK;
    }
}

void guards_look(struct guards *guards, const struct guard_query *query, struct arena *arena,
                 struct guard_finding *ret_finding)
{
    struct look l = {.guards = guards,
                     .query = query,
                     .arena = arena,
                     .finding = ret_finding,
                     .results = BUF(GUARDS_RESULTS_MAX),
                     .deadline = clock_mono_us() + GUARDS_LOOK_US};
    *ret_finding = (struct guard_finding){.verdict = GUARD_PASS};
    look_at_helo(&l);
    ask_about_address(&l);
    ask_about_names(&l);
    decide(&l);
    if (!buf_failed(&l.results))
        ret_finding->results = arena_dup(arena, buf_slice(&l.results));
    buf_release(&l.results);
}
