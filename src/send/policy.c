#include "send/policy.h"

static const char *keep(struct arena *arena, struct slice name)
{
    char *text = arena_alloc(arena, name.n + 1);
    if (text == NULL)
        return NULL;
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    return text;
}

/*
 * RFC 7672 3.2.2: a certificate below a trust anchor (usage 2) is good for the name of the TLSA records; and,
 * since the MX records are proven, for the domain that was asked for and for the host's other name.
 */
static void expect_dane(const struct policy_question *q, const struct dane *dane, struct arena *arena,
                        struct policy *policy)
{
    policy->level = dane->level == DANE_PROVEN ? POLICY_DANE : POLICY_ENCRYPTED;
    policy->expectation.name = keep(arena, dane->base);
    if (policy->level != POLICY_DANE)
        return;
    const struct slice names[] = {q->domain, q->hosts->canonical, q->name};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].n > 0 && !slice_eq_nocase(names[i], dane->base))
            policy->aliases[count++] = keep(arena, names[i]);
    policy->expectation.aliases = policy->aliases;
    policy->expectation.alias_count = count;
    policy->expectation.tlsa = dane->records;
    policy->expectation.tlsa_count = dane->count;
}

/* Not where something else was set. */
static bool asks_dane(const struct policy_question *q)
{
    return q->terms == NULL || q->terms->tls == DESTINATION_TLS_DEFAULT ||
           q->terms->tls == DESTINATION_TLS_DANE;
}

/* Who must be named, when no name is set: the domain itself, and hosts below it; what its MX records name,
 * nobody vouches for. */
static enum err expect_names(const struct policy_question *q, struct arena *arena, struct policy *policy,
                             struct error *error)
{
    static const size_t own = 2;
    CLEANUP(buf_release) struct buf below = BUF(RESOLVER_NAME_MAX + 2);
    policy->expectation.authority = true;
    if (q->terms->name_count > 0) {
        policy->expectation.aliases = q->terms->names;
        policy->expectation.alias_count = q->terms->name_count;
        return ERR_OK;
    }
    buf_printf(&below, ".%.*s", SLICE_ARGS(q->domain));
    policy->aliases[0] = keep(arena, q->domain);
    policy->aliases[1] = keep(arena, buf_slice(&below));
    policy->expectation.aliases = policy->aliases;
    policy->expectation.alias_count = own;
    return buf_failed(&below) ? fail_nomem(error) : ERR_OK;
}

/* What was set. *ret_decided: nothing else counts. */
static enum err by_terms(const struct policy_question *q, const struct dane *dane, struct arena *arena,
                         struct policy *policy, bool *ret_decided, struct error *error)
{
    enum destination_tls tls = q->terms != NULL ? q->terms->tls : DESTINATION_TLS_DEFAULT;
    *ret_decided = tls != DESTINATION_TLS_DEFAULT && tls != DESTINATION_TLS_DANE;
    if (tls == DESTINATION_TLS_DANE && dane->level != DANE_PROVEN)
        return fail(error, ERR_AUTH, NULL,
                    "TLS by DANE is set for it, and DNSSEC proves no TLSA records of %.*s",
                    SLICE_ARGS(q->name));
    policy->clear = tls == DESTINATION_TLS_NONE;
    if (tls == DESTINATION_TLS_REQUIRED || tls == DESTINATION_TLS_VERIFY)
        policy->level = POLICY_SET;
    return tls == DESTINATION_TLS_VERIFY ? expect_names(q, arena, policy, error) : ERR_OK;
}

/* RFC 8689 2: DNSSEC names the host, or a policy does, or it is the domain itself. */
static bool is_vouched_for(const struct policy_question *q)
{
    const struct hosts *hosts = q->hosts;
    bool named = q->sts->mode != STS_NONE && sts_names_host(q->sts, q->name);
    bool itself = hosts->direct && slice_eq_nocase(hosts->canonical, q->domain);
    return !hosts->literal && (hosts->secure || named || itself);
}

/* What the sender demands above what the domain does. */
static enum err require(const struct policy_question *q, struct arena *arena, struct policy *policy,
                        struct error *error)
{
    if (policy_is_proof(policy))
        return ERR_OK;
    if (!is_vouched_for(q))
        return fail(error, ERR_UNSUPPORTED, NULL,
                    "REQUIRETLS: neither DNSSEC nor MTA-STS says that %.*s is a server of %.*s",
                    SLICE_ARGS(q->name), SLICE_ARGS(q->domain));
    *policy = (struct policy){.level = POLICY_REQUIRED,
                              .expectation = {.name = keep(arena, q->name), .authority = true}};
    return ERR_OK;
}

/* What the domain itself says of it. */
static enum err by_domain(const struct policy_question *q, const struct dane *dane, struct arena *arena,
                          struct policy *policy, struct error *error)
{
    /* RFC 8461 2: where there is DANE, MTA-STS has nothing to say, neither to allow nor to refuse. */
    if (dane->level != DANE_NONE)
        expect_dane(q, dane, arena, policy);
    else if (q->sts->mode == STS_ENFORCE && !sts_names_host(q->sts, q->name))
        return fail(error, ERR_AUTH, NULL, "MTA-STS: the policy of %.*s does not name %.*s",
                    SLICE_ARGS(q->domain), SLICE_ARGS(q->name));
    else if (q->sts->mode == STS_ENFORCE) {
        policy->level = POLICY_STS;
        policy->expectation.authority = true;
    } else if (q->sts->mode == STS_TESTING) {
        policy->unnamed = !sts_names_host(q->sts, q->name);
        policy->trial = !policy->unnamed;
    }
    return ERR_OK;
}

enum err policy_find(const struct policy_question *q, struct arena *arena, struct policy *ret_policy,
                     struct error *error)
{
    struct dane dane = {.level = DANE_NONE};
    bool decided = false;
    enum err err = ERR_OK;
    *ret_policy = (struct policy){.expectation.name = keep(arena, q->name)};
    /* RFC 7672 2.2.1: what an unproven answer named, nobody vouches for. */
    if (q->hosts->secure && !q->hosts->literal && asks_dane(q))
        err = dane_find(q->resolver, q->name, q->host, q->port, q->deadline_us, arena, &dane, error);
    if (err == ERR_OK)
        err = by_terms(q, &dane, arena, ret_policy, &decided, error);
    if (err == ERR_OK && !decided)
        err = by_domain(q, &dane, arena, ret_policy, error);
    if (err == ERR_OK && q->required)
        err = require(q, arena, ret_policy, error);
    return err == ERR_OK && arena_failed(arena) ? fail_nomem(error) : err;
}

bool policy_is_proof(const struct policy *policy)
{
    return policy->level == POLICY_DANE || policy->level == POLICY_STS || policy->level == POLICY_REQUIRED;
}

const char *policy_name(const struct policy *policy)
{
    static const char *const names[] = {
#define X(name, text) text,
        POLICY_LEVEL_TABLE(X)
#undef X
    };
    return names[policy->level];
}
