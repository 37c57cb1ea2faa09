/*
 * One check walks through the records of the domain and of those that it includes; `struct check` counts what
 * it costs. A verdict that is an error ends all of it, wherever it was found.
 */
#include "authres/spf.h"

#include "authres/dns_records.h"
#include "authres/spf_macro.h"
#include "authres/spf_record.h"
#include "base/buf.h"
#include "base/must.h"

struct check {
    const struct authres_dns *dns;
    const struct spf_query *query;
    struct resolver_address client;
    struct arena *arena;
    unsigned lookups;
    unsigned voids;
    bool knows_names;
    struct slice names[SPF_NAMES_MAX]; /* the client's, proven */
    size_t name_count;
    struct slice reason;
};

/* One domain's record within a check. */
struct scope {
    struct check *check;
    struct slice domain;
};

enum verdict { NO_MATCH, MATCH, TEMPORARY, PERMANENT };
enum lookup { LOOKUP_FOUND, LOOKUP_NOTHING, LOOKUP_FAILED };

const char *spf_result_name(enum spf_result result)
{
    static const char *const names[] = {
#define X(name, text) text,
        SPF_RESULT_TABLE(X)
#undef X
    };
    must(result < SPF_RESULTS);
    return names[result];
}

/* Keeps the first reason: the others follow from it. */
static void explain_error(struct check *check, const char *format, ...) FORMAT(2, 3);
static void explain_error(struct check *check, const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF(400);
    va_list args;
    if (check->reason.n > 0)
        return;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    check->reason = arena_dup(check->arena, buf_slice(&text));
}

static enum lookup ask(struct check *check, struct slice name, int type, struct resolver_records *ret)
{
    struct error error;
    if (!dns_name_valid(name))
        return LOOKUP_NOTHING;
    enum err err = check->dns->records(check->dns->context, name, type, check->query->deadline_us,
                                       check->arena, ret, &error);
    if (err == ERR_INVALID)
        return LOOKUP_NOTHING;
    if (err != ERR_OK) {
        explain_error(check, "%s about %.*s", err == ERR_AUTH ? "forged answer" : "no answer",
                      SLICE_ARGS(name));
        return LOOKUP_FAILED;
    }
    return ret->count > 0 ? LOOKUP_FOUND : LOOKUP_NOTHING;
}

/* One of the ten (4.6.4). */
static bool count_lookup(struct check *check)
{
    if (++check->lookups <= SPF_LOOKUPS_MAX)
        return true;
    explain_error(check, "more than %d terms that ask the DNS", SPF_LOOKUPS_MAX);
    return false;
}

/* The same, for what a mechanism wants to know: an empty answer is counted. */
static enum verdict ask_term(struct check *check, struct slice name, int type, struct resolver_records *ret)
{
    enum lookup found = ask(check, name, type, ret);
    if (found == LOOKUP_FOUND)
        return MATCH;
    if (found == LOOKUP_FAILED)
        return TEMPORARY;
    if (!dns_name_valid(name) || ++check->voids <= SPF_VOID_LOOKUPS_MAX)
        return NO_MATCH;
    explain_error(check, "more than %d questions without an answer", SPF_VOID_LOOKUPS_MAX);
    return PERMANENT;
}

static int address_type(const struct check *check)
{
    return check->client.family == AF_INET ? RESOLVER_A : RESOLVER_AAAA;
}

static bool in_network(const struct resolver_address *address, const void *network, unsigned prefix)
{
    const unsigned char *own = (const unsigned char *)&address->v6;
    const unsigned char *other = network;
    if (memcmp(own, other, prefix / 8) != 0)
        return false;
    unsigned mask = prefix % 8 == 0 ? 0 : 0xffu << (8 - prefix % 8) & 0xffu;
    return mask == 0 || ((own[prefix / 8] ^ other[prefix / 8]) & mask) == 0;
}

static bool any_matches(const struct check *check, const struct resolver_records *records, unsigned prefix4,
                        unsigned prefix6)
{
    struct resolver_address address;
    unsigned prefix = check->client.family == AF_INET ? prefix4 : prefix6;
    for (size_t i = 0; i < records->count; i++)
        if (dns_address(records->data[i], &address) && address.family == check->client.family &&
            in_network(&check->client, &address.v6, prefix))
            return true;
    return false;
}

/* --- the client's names (5.5) --- */

static void find_names(struct check *check)
{
    CLEANUP(buf_release) struct buf reverse = BUF(RESOLVER_NAME_MAX);
    struct slice reason = check->reason;
    struct resolver_records pointers, addresses;
    if (check->knows_names)
        return;
    check->knows_names = true;
    dns_put_reverse(&check->client, &reverse);
    if (ask(check, buf_slice(&reverse), RESOLVER_PTR, &pointers) != LOOKUP_FOUND)
        pointers.count = 0;
    for (size_t i = 0; i < MIN(pointers.count, (size_t)SPF_NAMES_MAX); i++) {
        struct slice name = dns_name(pointers.data[i], 0, check->arena);
        if (ask(check, name, address_type(check), &addresses) == LOOKUP_FOUND &&
            any_matches(check, &addresses, 32, 128))
            check->names[check->name_count++] = name;
    }
    check->reason = reason; /* a name that nobody knows is no error */
}

/* %{p} (7.3): the domain itself, else a name below it, else any. */
static struct slice client_name(void *context, struct slice domain)
{
    struct check *check = context;
    struct slice best = slice_none();
    find_names(check);
    for (size_t i = 0; i < check->name_count; i++) {
        struct slice name = check->names[i];
        if (slice_eq_nocase(name, domain))
            return name;
        bool within = dns_name_within(name, domain);
        if (best.n == 0 || (within && !dns_name_within(best, domain)))
            best = name;
    }
    return best.n > 0 ? best : S("unknown");
}

/* --- mechanisms (5) --- */

static struct spf_values values_of(const struct scope *scope)
{
    const struct spf_query *query = scope->check->query;
    return (struct spf_values){
        .sender = query->sender,
        .domain = scope->domain,
        .helo = query->helo,
        .receiver = query->receiver,
        .client = &scope->check->client,
        .now_seconds = query->now_seconds,
        .client_name = client_name,
        .context = scope->check,
    };
}

/* The term's <target-name> (4.8); p NULL: what comes of the macros is too long. */
static struct slice target_of(const struct scope *scope, struct slice domain_spec)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX);
    const struct spf_values values = values_of(scope);
    if (domain_spec.n == 0)
        return scope->domain;
    if (!spf_expand_domain(domain_spec, &values, &name))
        return slice_none();
    return arena_dup(scope->check->arena, buf_slice(&name));
}

static enum verdict match_a(struct check *check, struct slice name, const struct spf_term *term)
{
    struct resolver_records records;
    enum verdict verdict = ask_term(check, name, address_type(check), &records);
    if (verdict == MATCH && !any_matches(check, &records, term->prefix4, term->prefix6))
        verdict = NO_MATCH;
    return verdict;
}

static enum verdict match_mx(struct check *check, struct slice name, const struct spf_term *term)
{
    struct resolver_records records;
    enum verdict verdict = ask_term(check, name, RESOLVER_MX, &records);
    if (verdict != MATCH)
        return verdict;
    if (records.count > SPF_NAMES_MAX) {
        explain_error(check, "more than %d MX of %.*s", SPF_NAMES_MAX, SLICE_ARGS(name));
        return PERMANENT;
    }
    verdict = NO_MATCH;
    for (size_t i = 0; verdict == NO_MATCH && i < records.count; i++) {
        struct slice host = dns_name(records.data[i], 2, check->arena);
        verdict = host.n > 0 ? match_a(check, host, term) : NO_MATCH;
    }
    return verdict;
}

static enum verdict match_ptr(struct check *check, struct slice name)
{
    find_names(check);
    for (size_t i = 0; i < check->name_count; i++)
        if (dns_name_within(check->names[i], name))
            return MATCH;
    return NO_MATCH;
}

static enum spf_result evaluate(struct scope *scope, struct slice *term, struct slice *explanation);

/* 5.2: another's fail is not ours, but his errors are. */
static enum verdict match_include(struct check *check, struct slice name)
{
    struct scope scope = {check, name};
    struct slice term;
    switch (evaluate(&scope, &term, NULL)) {
    case SPF_RESULT_PASS:
        return MATCH;
    case SPF_RESULT_TEMPERROR:
        return TEMPORARY;
    case SPF_RESULT_NONE:
        explain_error(check, "%.*s is included and has no record", SLICE_ARGS(name));
        return PERMANENT;
    case SPF_RESULT_PERMERROR:
        return PERMANENT;
    default:
        return NO_MATCH;
    }
}

static enum verdict match_exists(struct check *check, struct slice name)
{
    struct resolver_records records;
    return ask_term(check, name, RESOLVER_A, &records);
}

static enum verdict match(const struct scope *scope, const struct spf_term *term)
{
    struct check *check = scope->check;
    bool four = check->client.family == AF_INET;
    switch (term->mechanism) {
    case SPF_MECHANISM_ALL:
        return MATCH;
    case SPF_MECHANISM_IP4:
        return four && in_network(&check->client, &term->network, term->prefix4) ? MATCH : NO_MATCH;
    case SPF_MECHANISM_IP6:
        return !four && in_network(&check->client, &term->network, term->prefix6) ? MATCH : NO_MATCH;
    default:
        break;
    }
    if (!count_lookup(check))
        return PERMANENT;
    struct slice target = target_of(scope, term->domain);
    switch (term->mechanism) {
    case SPF_MECHANISM_INCLUDE:
        return match_include(check, target);
    case SPF_MECHANISM_A:
        return match_a(check, target, term);
    case SPF_MECHANISM_MX:
        return match_mx(check, target, term);
    case SPF_MECHANISM_PTR:
        return match_ptr(check, target);
    default:
        return match_exists(check, target);
    }
}

/* --- records --- */

/* The one record of SPF (4.4, 4.5). *ret_text empty with SPF_RESULT_PASS does not happen. */
static enum spf_result find_record(struct scope *scope, struct slice *ret_text)
{
    struct check *check = scope->check;
    struct resolver_records records;
    size_t count = 0;
    enum lookup found = ask(check, scope->domain, RESOLVER_TXT, &records);
    if (found != LOOKUP_FOUND)
        return found == LOOKUP_FAILED ? SPF_RESULT_TEMPERROR : SPF_RESULT_NONE;
    for (size_t i = 0; i < records.count; i++) {
        struct slice text = dns_text(records.data[i], check->arena);
        if (!spf_record_is(text))
            continue;
        count++;
        *ret_text = text;
    }
    if (count > 1)
        explain_error(check, "%.*s has %zu records of SPF", SLICE_ARGS(scope->domain), count);
    return count == 0 ? SPF_RESULT_NONE : count == 1 ? SPF_RESULT_PASS : SPF_RESULT_PERMERROR;
}

/* 6.2: an explanation that can't be had is none. */
static void find_explanation(const struct scope *scope, struct slice domain_spec, struct slice *explanation)
{
    struct check *check = scope->check;
    CLEANUP(buf_release) struct buf text = BUF(SPF_EXPANSION_MAX);
    const struct spf_values values = values_of(scope);
    struct resolver_records records;
    if (domain_spec.n == 0 ||
        ask(check, target_of(scope, domain_spec), RESOLVER_TXT, &records) != LOOKUP_FOUND ||
        records.count != 1)
        return;
    if (spf_expand_explanation(dns_text(records.data[0], check->arena), &values, &text))
        *explanation = arena_dup(check->arena, slice_sub(buf_slice(&text), 0, SPF_EXPLANATION_MAX));
    for (size_t i = 0; i < explanation->n; i++) /* the values of macros may hold anything */
        if (explanation->p[i] < ' ' || explanation->p[i] > '~')
            *explanation = slice_none();
}

static enum spf_result result_of(char qualifier)
{
    switch (qualifier) {
    case '-':
        return SPF_RESULT_FAIL;
    case '~':
        return SPF_RESULT_SOFTFAIL;
    case '?':
        return SPF_RESULT_NEUTRAL;
    default:
        return SPF_RESULT_PASS;
    }
}

/* 6.1 */
static enum spf_result redirect(struct scope *scope, struct slice domain_spec, struct slice *term,
                                struct slice *explanation)
{
    struct check *check = scope->check;
    if (!count_lookup(check))
        return SPF_RESULT_PERMERROR;
    struct scope other = {check, target_of(scope, domain_spec)};
    enum spf_result result = evaluate(&other, term, explanation);
    if (result != SPF_RESULT_NONE)
        return result;
    explain_error(check, "redirect to %.*s, which has no record", SLICE_ARGS(other.domain));
    return SPF_RESULT_PERMERROR;
}

static enum spf_result run(struct scope *scope, const struct spf_record *record, struct slice *term,
                           struct slice *explanation)
{
    for (size_t i = 0; i < record->count; i++) {
        switch (match(scope, &record->terms[i])) {
        case NO_MATCH:
            break;
        case MATCH:
            *term = record->terms[i].text;
            if (record->terms[i].qualifier == '-' && explanation != NULL)
                find_explanation(scope, record->explanation, explanation);
            return result_of(record->terms[i].qualifier);
        case TEMPORARY:
            return SPF_RESULT_TEMPERROR;
        case PERMANENT:
            return SPF_RESULT_PERMERROR;
        }
    }
    if (record->redirect.n > 0 && !record->has_all)
        return redirect(scope, record->redirect, term, explanation);
    return SPF_RESULT_NEUTRAL; /* 4.7 */
}

/* explanation NULL: not wanted (5.2). */
static enum spf_result evaluate(struct scope *scope, struct slice *term, struct slice *explanation)
{
    struct spf_record record;
    struct slice text;
    struct error error;
    *term = slice_none();
    enum spf_result result = find_record(scope, &text);
    if (result != SPF_RESULT_PASS)
        return result;
    enum err err = spf_record_parse(text, scope->check->arena, &record, &error);
    if (err == ERR_OK)
        return run(scope, &record, term, explanation);
    explain_error(scope->check, "%.*s: %s", SLICE_ARGS(scope->domain), error.client);
    return err == ERR_INVALID ? SPF_RESULT_PERMERROR : SPF_RESULT_TEMPERROR;
}

/* An IPv4 address within IPv6 is what it stands for (5: ip4-mapped). */
static struct resolver_address plain_address(struct resolver_address address)
{
    if (address.family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address.v6))
        return address;
    struct resolver_address four = {.family = AF_INET};
    memcpy(&four.v4, address.v6.s6_addr + 12, sizeof(four.v4));
    return four;
}

struct spf_answer spf_check(const struct authres_dns *dns, const struct spf_query *query, struct arena *arena)
{
    struct check check = {.dns = dns, .query = query, .client = plain_address(query->client), .arena = arena};
    struct slice domain = slice_from(query->sender, (size_t)(slice_rfind_char(query->sender, '@') + 1));
    struct spf_answer answer = {.domain = domain};
    if (slice_ends(domain, S(".")))
        domain.n--;
    struct scope scope = {&check, domain};
    /* 4.3: what can be no domain of mail has no record. */
    if (!dns_name_valid(domain) || slice_find_char(domain, '.') < 0)
        return answer;
    answer.result = evaluate(&scope, &answer.term, &answer.explanation);
    answer.reason = check.reason;
    if (!arena_failed(arena))
        return answer;
    return (struct spf_answer){
        .result = SPF_RESULT_TEMPERROR, .domain = domain, .reason = S("out of memory for this check")};
}
