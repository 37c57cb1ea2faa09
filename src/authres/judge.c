#include "authres/judge.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "authres/arc_trust.h"
#include "authres/authors.h"
#include "authres/dns_records.h"
#include "authres/results.h"
#include "rt/limit.h"

struct judge {
    struct authres_dns dns;
    struct limit *per_peer;
    atomic_uint at_work;
};

/* One message while it is judged. */
struct trial {
    struct judge *judge;
    const struct judge_query *query;
    struct arena *arena;
    struct judgement *judgement;
    struct buf field;
    struct resolver_address client;
    struct spf_answer spf_helo, spf_sender;
    struct arena helo_arena, sender_arena; /* of those answers */
    struct arc_verdict arc;
    struct arena arc_arena;     /* its texts */
    struct slice sender_domain; /* of MAIL FROM, A-labels; empty: the null path */
};

enum err judge_create(const struct authres_dns *dns, struct judge **ret_judge, struct error *error)
{
    struct judge *judge = calloc(1, sizeof(*judge));
    if (judge == NULL)
        return fail_nomem(error);
    judge->dns = *dns;
    judge->per_peer = limit_create(JUDGE_PER_PEER_MAX);
    if (judge->per_peer == NULL) {
        free(judge);
        return fail_nomem(error);
    }
    *ret_judge = judge;
    return ERR_OK;
}

void judge_destroy(struct judge *judge)
{
    if (judge == NULL)
        return;
    limit_destroy(judge->per_peer);
    free(judge);
}

bool judge_enter(struct judge *judge, struct slice peer)
{
    if (atomic_fetch_add(&judge->at_work, 1) < JUDGE_AT_ONCE_MAX && limit_enter(judge->per_peer, peer))
        return true;
    atomic_fetch_sub(&judge->at_work, 1);
    return false;
}

void judge_leave(struct judge *judge, struct slice peer)
{
    limit_leave(judge->per_peer, peer);
    atomic_fetch_sub(&judge->at_work, 1);
}

const struct authres_dns *judge_dns(const struct judge *judge)
{
    return &judge->dns;
}

/* --- iprev (RFC 8601 3) --- */

static bool leads_back(const struct resolver_records *addresses, const struct resolver_address *client)
{
    size_t size = client->family == AF_INET ? sizeof(client->v4) : sizeof(client->v6);
    for (size_t i = 0; i < addresses->count; i++)
        if (slice_eq(addresses->data[i], slice_of(&client->v6, size)))
            return true;
    return false;
}

/* The first of the address's names that leads back to it. */
static const char *look_back(const struct trial *t, struct slice *ret_name)
{
    CLEANUP(buf_release) struct buf reverse = BUF(RESOLVER_NAME_MAX);
    const struct authres_dns *dns = &t->judge->dns;
    int64_t deadline = clock_mono_us() + JUDGE_IPREV_US;
    int type = t->client.family == AF_INET ? RESOLVER_A : RESOLVER_AAAA;
    struct resolver_records pointers, addresses;
    struct error error;
    const char *result = "fail";
    dns_put_reverse(&t->client, &reverse);
    if (dns->records(dns->context, buf_slice(&reverse), RESOLVER_PTR, deadline, t->arena, &pointers,
                     &error) != ERR_OK)
        return "temperror";
    if (pointers.count == 0)
        return "permerror";
    for (size_t i = 0; i < MIN(pointers.count, (size_t)JUDGE_NAMES_MAX); i++) {
        struct slice name = dns_name(pointers.data[i], 0, t->arena);
        if (!dns_name_valid(name))
            continue;
        if (dns->records(dns->context, name, type, deadline, t->arena, &addresses, &error) != ERR_OK) {
            result = "temperror";
        } else if (leads_back(&addresses, &t->client)) {
            *ret_name = name;
            return "pass";
        }
    }
    return result;
}

static void judge_address(struct trial *t)
{
    struct slice name = slice_none();
    const char *result = look_back(t, &name);
    results_put(&t->field, "iprev", result, name);
    results_put_property(&t->field, "policy.iprev", t->query->peer);
}

/* --- SPF --- */

static void put_spf(struct trial *t, const struct spf_answer *answer, const char *property,
                    struct slice value)
{
    CLEANUP(buf_release) struct buf comment = BUF(4 * RESULTS_COMMENT_MAX);
    if (answer->reason.n > 0 &&
        (answer->result == SPF_RESULT_TEMPERROR || answer->result == SPF_RESULT_PERMERROR))
        buf_put(&comment, answer->reason);
    else if (answer->term.n > 0)
        buf_printf(&comment, "%.*s: %.*s", SLICE_ARGS(slice_sub(answer->domain, 0, RESOLVER_NAME_MAX)),
                   SLICE_ARGS(slice_sub(answer->term, 0, RESULTS_COMMENT_MAX)));
    results_put(&t->field, "spf", spf_result_name(answer->result), buf_slice(&comment));
    results_put_property(&t->field, property, value);
}

/* local@domain, with the domain as the DNS has it. */
static struct slice spf_sender(struct trial *t, struct slice local, struct slice domain)
{
    CLEANUP(buf_release) struct buf text = BUF(1024);
    buf_put(&text, local);
    buf_putc(&text, '@');
    buf_put(&text, domain);
    return buf_failed(&text) ? slice_none() : arena_dup(t->arena, buf_slice(&text));
}

static struct spf_answer check_spf(struct trial *t, struct slice local, struct slice domain, int64_t wait_us,
                                   struct arena *arena)
{
    const struct judge_query *query = t->query;
    const struct spf_query asked = {
        .client = t->client,
        .sender = spf_sender(t, local, domain),
        .helo = query->helo,
        .receiver = query->server,
        .deadline_us = clock_mono_us() + wait_us,
        .now_seconds = query->now_seconds,
    };
    return spf_check(&t->judge->dns, &asked, arena);
}

static void judge_spf(struct trial *t)
{
    const struct judge_query *query = t->query;
    struct judgement *judgement = t->judgement;
    ssize_t at = slice_rfind_char(query->sender, '@');
    struct slice helo = author_domain(query->helo, t->arena);
    t->spf_helo = check_spf(t, S("postmaster"), helo, JUDGE_HELO_US, &t->helo_arena);
    put_spf(t, &t->spf_helo, "smtp.helo", query->helo);
    judgement->spf = judgement->spf_helo = t->spf_helo.result;
    judgement->spf_domain = helo;
    if (at < 0)
        return;
    t->sender_domain = author_domain(slice_from(query->sender, (size_t)at + 1), t->arena);
    t->spf_sender = check_spf(t, slice_sub(query->sender, 0, (size_t)at), t->sender_domain, JUDGE_SPF_US,
                              &t->sender_arena);
    put_spf(t, &t->spf_sender, "smtp.mailfrom", query->sender);
    judgement->spf = t->spf_sender.result;
    judgement->spf_domain = t->sender_domain;
}

/* --- DKIM --- */

static void put_signature(struct trial *t, const struct dkim_signature_result *signature)
{
    enum { SHOWN = 8 /* RFC 6008 4 */ };
    const char *reason = signature->outcome.reason;
    results_put(&t->field, "dkim", dkim_result_word(signature->outcome.result),
                reason[0] == 0 && signature->testing ? S("testing") : slice_cstr(reason));
    if (signature->domain.n > 0)
        results_put_property(&t->field, "header.d", signature->domain);
    if (signature->selector.n > 0)
        results_put_property(&t->field, "header.s", signature->selector);
    if (signature->algorithm.n > 0)
        results_put_property(&t->field, "header.a", signature->algorithm);
    if (signature->signature.n > 0)
        results_put_property(&t->field, "header.b", slice_sub(signature->signature, 0, SHOWN));
}

/* Nothing is said where there is no chain (RFC 8617 6). */
static void judge_arc(struct trial *t)
{
    char oldest[16];
    struct arc_verdict verdict;
    struct error error;
    if (arc_verify(t->query->verifier, &t->judge->dns, t->query->now_seconds, clock_mono_us() + JUDGE_ARC_US,
                   &t->arc_arena, &verdict, &error) != ERR_OK ||
        verdict.status == ARC_NONE)
        return;
    t->arc = verdict;
    results_put(&t->field, "arc", arc_status_word(verdict.status), slice_cstr(verdict.reason));
    if (verdict.status != ARC_PASS)
        return;
    snprintf(oldest, sizeof(oldest), "%u", verdict.oldest_pass);
    results_put_property(&t->field, "header.oldest-pass", slice_cstr(oldest));
}

static void judge_dkim(struct trial *t)
{
    struct error error;
    struct dkim_results *results = &t->judgement->dkim;
    if (dkim_verifier_finish(t->query->verifier, &t->judge->dns, t->query->now_seconds,
                             clock_mono_us() + JUDGE_DKIM_US, t->arena, results, &error) != ERR_OK) {
        *results = (struct dkim_results){0};
        results_put(&t->field, "dkim", "temperror", S("out of memory"));
        return;
    }
    for (size_t i = 0; i < results->count; i++)
        put_signature(t, &results->signatures[i]);
    if (results->count == 0)
        results_put(&t->field, "dkim", "none", slice_none());
    judge_arc(t);
}

/* --- DMARC --- */

/* A key on trial proves nothing (RFC 6376 3.6.1). */
static enum dmarc_proof proof_of(const struct dkim_signature_result *signature)
{
    if (signature->outcome.result == DKIM_TEMPERROR)
        return PROOF_TEMPERROR;
    return signature->outcome.result == DKIM_PASS && !signature->testing ? PROOF_PASS : PROOF_NONE;
}

static size_t collect_identifiers(const struct trial *t, struct dmarc_identifier *ret)
{
    const struct judgement *judgement = t->judgement;
    size_t count = 0;
    ret[count++] = (struct dmarc_identifier){
        .method = DMARC_SPF,
        .proof = judgement->spf == SPF_RESULT_PASS        ? PROOF_PASS
                 : judgement->spf == SPF_RESULT_TEMPERROR ? PROOF_TEMPERROR
                                                          : PROOF_NONE,
        .domain = judgement->spf_domain,
    };
    for (size_t i = 0; i < MIN(judgement->dkim.count, (size_t)DKIM_SIGNATURES_MAX); i++)
        ret[count++] = (struct dmarc_identifier){.method = DMARC_DKIM,
                                                 .proof = proof_of(&judgement->dkim.signatures[i]),
                                                 .domain = judgement->dkim.signatures[i].domain};
    return count;
}

/* Whom a trusted sealer saw proven is taken for proven, whatever the domain wants (RFC 8617 7.2.1). */
static struct slice override(struct trial *t, struct slice author, struct dmarc_answer *answer)
{
    CLEANUP(buf_release) struct buf comment = BUF(2 * ARC_COMMENT_MAX);
    if (answer->wanted == DMARC_POLICY_NONE)
        return slice_none();
    struct slice sealer = arc_vouching(&t->arc, t->query->arc_trusted, author);
    if (sealer.n == 0)
        return slice_none();
    arc_comment_put(&comment, &t->arc);
    answer->overridden = arena_dup(t->arena, buf_slice(&comment));
    if (answer->overridden.n > 0)
        answer->wanted = DMARC_POLICY_NONE;
    return answer->overridden.n > 0 ? sealer : slice_none();
}

static void put_dmarc(struct trial *t, const struct dmarc_answer *answer, struct slice author,
                      struct slice sealer)
{
    CLEANUP(buf_release) struct buf comment = BUF(2 * RESULTS_COMMENT_MAX);
    if (answer->reason.n > 0)
        buf_put(&comment, answer->reason);
    else if (answer->policy_domain.n > 0)
        buf_printf(&comment, "p=%s", dmarc_policy_name(answer->policy));
    if (sealer.n > 0)
        buf_printf(&comment, "%slocal policy: sealed by %.*s", comment.n > 0 ? ", " : "",
                   SLICE_ARGS(slice_sub(sealer, 0, RESULTS_COMMENT_MAX / 2)));
    results_put(&t->field, "dmarc", dmarc_result_name(answer->result), buf_slice(&comment));
    results_put_property(&t->field, "header.from", author);
}

/* Which of two authors is worse for the message. */
static bool is_worse(const struct dmarc_answer *a, const struct dmarc_answer *b)
{
    static const unsigned badness[] = {[DMARC_RESULT_PASS] = 0,
                                       [DMARC_RESULT_NONE] = 1,
                                       [DMARC_RESULT_PERMERROR] = 2,
                                       [DMARC_RESULT_TEMPERROR] = 3,
                                       [DMARC_RESULT_FAIL] = 4};
    return a->wanted != b->wanted ? a->wanted > b->wanted : badness[a->result] > badness[b->result];
}

static enum authors_status judge_authors(struct trial *t)
{
    struct dmarc_identifier identifiers[DKIM_SIGNATURES_MAX + 1];
    struct slice authors[JUDGE_AUTHORS_MAX];
    struct judgement *judgement = t->judgement;
    size_t count;
    enum authors_status status =
        authors_find(dkim_verifier_header(t->query->verifier), t->arena, authors, JUDGE_AUTHORS_MAX, &count);
    if (status != AUTHORS_FOUND) {
        judgement->dmarc.result = DMARC_RESULT_PERMERROR;
        results_put(&t->field, "dmarc", "permerror", slice_cstr(authors_text(status)));
        return status;
    }
    size_t identifier_count = collect_identifiers(t, identifiers);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(arena_release) struct arena scratch = ARENA(JUDGE_SCRATCH_MAX);
        const struct dmarc_query query = {
            .author = authors[i],
            .identifiers = identifiers,
            .count = identifier_count,
            .dice = t->query->dice,
            .deadline_us = clock_mono_us() + JUDGE_DMARC_US,
        };
        struct dmarc_answer answer = dmarc_check(&t->judge->dns, &query, &scratch);
        answer.record.reports = arena_dup(t->arena, answer.record.reports);
        struct slice sealer = override(t, authors[i], &answer);
        put_dmarc(t, &answer, authors[i], sealer);
        if (i > 0 && !is_worse(&answer, &judgement->dmarc))
            continue;
        judgement->dmarc = answer;
        judgement->author = authors[i];
    }
    return status;
}

/* --- the verdict --- */

static void refuse(struct judgement *judgement, const char *format, ...) FORMAT(2, 3);
static void refuse(struct judgement *judgement, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(judgement->reply, sizeof(judgement->reply), format, args);
    va_end(args);
    judgement->action = JUDGE_REFUSE;
}

/* Were it taken, a forger would only have to make an answer late. */
static void defer(struct judgement *judgement)
{
    refuse(judgement,
           "451 4.7.26 it can't be found out now whether %.*s sent this (DMARC); please try again later",
           SLICE_ARGS(slice_sub(judgement->author, 0, RESOLVER_NAME_MAX)));
    judgement->action = JUDGE_DEFER;
}

/* RFC 7372 3.2; what his domain says to that comes last, since it may be cut. */
static void refuse_spf(struct trial *t, const struct spf_answer *answer)
{
    refuse(t->judgement, "550 5.7.23 %.*s does not let %.*s send (SPF)%s%.*s",
           SLICE_ARGS(slice_sub(answer->domain, 0, 100)), SLICE_ARGS(t->query->peer),
           answer->explanation.n > 0 ? ": " : "", SLICE_ARGS(slice_sub(answer->explanation, 0, 200)));
}

static void decide(struct trial *t, enum authors_status authors)
{
    const struct judge_query *query = t->query;
    struct judgement *judgement = t->judgement;
    if (query->spf_refuses && t->spf_sender.result == SPF_RESULT_FAIL)
        refuse_spf(t, &t->spf_sender);
    else if (query->spf_refuses && t->spf_helo.result == SPF_RESULT_FAIL)
        refuse_spf(t, &t->spf_helo);
    if (judgement->action == JUDGE_REFUSE || !query->dmarc_enforced)
        return;
    /* Each reader would take another one for the author. */
    if (authors == AUTHORS_SEVERAL_FIELDS || authors == AUTHORS_TOO_MANY)
        refuse(judgement, "550 5.6.0 %s: nobody can say who wrote this", authors_text(authors));
    else if (judgement->dmarc.wanted > DMARC_POLICY_NONE && judgement->dmarc.result == DMARC_RESULT_TEMPERROR)
        defer(judgement);
    else if (judgement->dmarc.wanted == DMARC_POLICY_REJECT)
        refuse(judgement,
               "550 5.7.26 %.*s wants mail refused that neither SPF nor DKIM proves to be its own (DMARC)",
               SLICE_ARGS(slice_sub(judgement->author, 0, RESOLVER_NAME_MAX)));
    else if (judgement->dmarc.wanted == DMARC_POLICY_QUARANTINE)
        judgement->action = JUDGE_JUNK;
}

void judge_message(struct judge *judge, const struct judge_query *query, struct arena *arena,
                   struct judgement *ret_judgement)
{
    struct trial t = {.judge = judge,
                      .query = query,
                      .arena = arena,
                      .judgement = ret_judgement,
                      .field = BUF(RESULTS_MAX),
                      .arc_arena = ARENA(JUDGE_SCRATCH_MAX),
                      .helo_arena = ARENA(JUDGE_SCRATCH_MAX),
                      .sender_arena = ARENA(JUDGE_SCRATCH_MAX)};
    *ret_judgement = (struct judgement){.action = JUDGE_TAKE};
    results_begin(&t.field, query->server);
    if (dns_address_parse(query->peer, &t.client)) {
        judge_address(&t);
        judge_spf(&t);
    }
    judge_dkim(&t);
    decide(&t, judge_authors(&t));
    if (ret_judgement->action == JUDGE_TAKE && query->is_junk)
        ret_judgement->action = JUDGE_JUNK;
    if (query->found.n < RESULTS_MAX - t.field.n) /* what is found here matters more */
        buf_put(&t.field, query->found);
    results_end(&t.field);
    if (!buf_failed(&t.field))
        ret_judgement->field = arena_dup(arena, buf_slice(&t.field));
    buf_release(&t.field);
    arena_release(&t.arc_arena);
    arena_release(&t.helo_arena);
    arena_release(&t.sender_arena);
}

const char *judge_suspects(struct judge *judge, const struct judge_query *query, struct arena *arena)
{
    struct judgement unused = {0};
    struct trial t = {.judge = judge,
                      .query = query,
                      .arena = arena,
                      .judgement = &unused,
                      .field = BUF(RESULTS_MAX),
                      .helo_arena = ARENA(JUDGE_SCRATCH_MAX),
                      .sender_arena = ARENA(JUDGE_SCRATCH_MAX)};
    struct slice name;
    const char *why = NULL;
    if (!dns_address_parse(query->peer, &t.client))
        return NULL;
    /* What the DNS keeps back is not held against him. */
    const char *found = look_back(&t, &name);
    if (strcmp(found, "pass") != 0 && strcmp(found, "temperror") != 0)
        why = "no name of its own";
    if (why == NULL) {
        judge_spf(&t);
        if (unused.spf != SPF_RESULT_PASS && unused.spf != SPF_RESULT_TEMPERROR)
            why = "SPF does not vouch for it";
    }
    buf_release(&t.field);
    arena_release(&t.helo_arena);
    arena_release(&t.sender_arena);
    return why;
}
