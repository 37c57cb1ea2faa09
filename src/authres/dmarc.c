/*
 * A walk (4.10) asks at a domain and at its parents, and remembers of each record found where it was. From it
 * come the policy's place and the organization.
 */
#include "authres/dmarc.h"

#include "authres/dns_records.h"
#include "base/must.h"

struct found {
    struct slice domain;
    struct dmarc_record record;
};

struct walk {
    struct slice start;
    struct found found[DMARC_WALK_MAX]; /* the longest name first */
    size_t count;
};

struct check {
    const struct authres_dns *dns;
    const struct dmarc_query *query;
    struct arena *arena;
    struct slice reason;
};

const char *dmarc_result_name(enum dmarc_result result)
{
    static const char *const names[] = {
#define X(name, text) text,
        DMARC_RESULT_TABLE(X)
#undef X
    };
    must(result < DMARC_RESULTS);
    return names[result];
}

/* --- the walk --- */

/* False: the DNS has no answer. *ret_found: there is one record, and only one. */
static bool find_record(struct check *check, struct slice domain, bool *ret_found,
                        struct dmarc_record *ret_record)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX);
    struct resolver_records records;
    struct error error;
    size_t versions = 0;
    *ret_found = false;
    buf_put(&name, S("_dmarc."));
    buf_put(&name, domain);
    if (buf_failed(&name) || !dns_name_valid(buf_slice(&name)))
        return true;
    enum err err = check->dns->records(check->dns->context, buf_slice(&name), RESOLVER_TXT,
                                       check->query->deadline_us, check->arena, &records, &error);
    if (err == ERR_INVALID)
        return true;
    if (err != ERR_OK) {
        check->reason = arena_dup(check->arena, err == ERR_AUTH ? S("forged answer about the policy")
                                                                : S("no answer about the policy"));
        return false;
    }
    for (size_t i = 0; i < records.count; i++) {
        struct slice text = dns_text(records.data[i], check->arena);
        if (!dmarc_record_is(text))
            continue;
        versions++;
        *ret_found = dmarc_record_parse(text, ret_record);
    }
    *ret_found = *ret_found && versions == 1;
    return true;
}

static size_t count_labels(struct slice name)
{
    size_t dots = 0;
    for (size_t i = 0; i < name.n; i++)
        dots += name.p[i] == '.';
    return dots + 1;
}

/* The parent; of a name with too many labels the one from which the rest can be asked. */
static struct slice parent_of(struct slice domain)
{
    struct slice label;
    size_t labels = count_labels(domain);
    do {
        if (!slice_cut(domain, '.', &label, &domain))
            return slice_none();
        labels--;
    } while (labels >= DMARC_WALK_MAX);
    return domain;
}

/* False: the DNS has no answer. */
static bool walk_up(struct check *check, struct slice domain, struct walk *ret_walk)
{
    struct walk walk = {.start = domain};
    for (unsigned asked = 0; domain.n > 0 && asked < DMARC_WALK_MAX; asked++) {
        struct found *found = &walk.found[walk.count];
        bool is_there;
        if (!find_record(check, domain, &is_there, &found->record))
            return false;
        found->domain = domain;
        if (is_there) {
            walk.count++;
            if (found->record.psd == 'n' || (found->record.psd == 'y' && asked > 0))
                break;
        }
        domain = parent_of(domain);
    }
    *ret_walk = walk;
    return true;
}

/* The name one label longer than `parent` that `name` lies in. */
static struct slice below(struct slice name, struct slice parent)
{
    size_t at = name.n - parent.n - 1;
    while (at > 0 && name.p[at - 1] != '.')
        at--;
    return slice_from(name, at);
}

/* 4.10.2 */
static struct slice organization_of(const struct walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        const struct found *found = &walk->found[i];
        if (found->record.psd == 'n')
            return found->domain;
        if (found->record.psd == 'y' && found->domain.n < walk->start.n)
            return below(walk->start, found->domain);
    }
    return walk->count > 0 ? walk->found[walk->count - 1].domain : walk->start;
}

/* --- policy (4.10.1) --- */

/* The author's own, else the organization's, else that of the public suffix above it. NULL: none applies. */
static const struct found *policy_in(const struct walk *walk)
{
    struct slice organization = organization_of(walk);
    for (size_t i = 0; i < walk->count; i++)
        if (walk->found[i].domain.n == walk->start.n || walk->found[i].domain.n <= organization.n)
            return &walk->found[i];
    return NULL;
}

/* False: nobody knows. */
static bool author_exists(const struct check *check, bool *ret_exists)
{
    struct resolver_records records;
    struct error error;
    const struct dmarc_query *query = check->query;
    enum err err = check->dns->records(check->dns->context, query->author, RESOLVER_A, query->deadline_us,
                                       check->arena, &records, &error);
    if (err != ERR_OK)
        return false;
    *ret_exists = !records.no_name;
    return true;
}

static enum dmarc_policy policy_of(const struct check *check, const struct found *found)
{
    bool exists = true;
    const struct dmarc_record *record = &found->record;
    if (found->domain.n == check->query->author.n)
        return record->policy;
    if (record->non_existent != record->subdomain && author_exists(check, &exists) && !exists)
        return record->non_existent;
    return record->subdomain;
}

/* One step milder for those who test (9989 4.7 "t"; 7489 6.6.4 for "pct"). */
static enum dmarc_policy wanted_of(const struct dmarc_record *record, enum dmarc_policy policy, unsigned dice)
{
    if ((record->testing || dice >= record->percent) && policy > DMARC_POLICY_NONE)
        policy--;
    return policy;
}

/* --- alignment (4.4) --- */

/* False: nobody knows. */
static bool is_aligned(struct check *check, const struct dmarc_identifier *identifier, bool strict,
                       struct slice organization, bool *ret_aligned)
{
    struct walk walk;
    *ret_aligned = slice_eq_nocase(identifier->domain, check->query->author);
    if (*ret_aligned || strict || !dns_name_within(identifier->domain, organization) ||
        !dns_name_valid(identifier->domain))
        return true;
    if (!walk_up(check, identifier->domain, &walk))
        return false;
    *ret_aligned = slice_eq_nocase(organization_of(&walk), organization);
    return true;
}

/* An error counts only where a pass would have: else whoever forges could hide behind an error of his own. */
static enum dmarc_result align(struct check *check, const struct dmarc_record *record,
                               struct slice organization, struct dmarc_answer *answer)
{
    enum dmarc_result result = DMARC_RESULT_FAIL;
    for (size_t i = 0; i < check->query->count; i++) {
        const struct dmarc_identifier *identifier = &check->query->identifiers[i];
        bool of_spf = identifier->method == DMARC_SPF;
        bool aligned = false;
        if (identifier->proof == PROOF_NONE)
            continue;
        bool known = is_aligned(check, identifier, of_spf ? record->strict_spf : record->strict_dkim,
                                organization, &aligned);
        if (known && !aligned)
            continue;
        if (known && identifier->proof == PROOF_PASS) {
            *(of_spf ? &answer->spf_aligned : &answer->dkim_aligned) = true;
            result = DMARC_RESULT_PASS;
        } else if (result == DMARC_RESULT_FAIL) {
            result = DMARC_RESULT_TEMPERROR;
            if (check->reason.n == 0)
                check->reason = of_spf ? S("SPF has no result") : S("DKIM has no result");
        }
    }
    return result;
}

struct dmarc_answer dmarc_check(const struct authres_dns *dns, const struct dmarc_query *query,
                                struct arena *arena)
{
    struct check check = {.dns = dns, .query = query, .arena = arena};
    struct dmarc_answer answer = {.result = DMARC_RESULT_TEMPERROR};
    struct walk walk;
    if (!dns_name_valid(query->author)) {
        answer.result = DMARC_RESULT_PERMERROR;
        answer.reason = S("the author's domain is no name");
        return answer;
    }
    if (!walk_up(&check, query->author, &walk)) {
        answer.reason = check.reason;
        return answer;
    }
    const struct found *found = policy_in(&walk);
    if (found == NULL) {
        answer.result = DMARC_RESULT_NONE;
        return answer;
    }
    answer.policy_domain = found->domain;
    answer.record = found->record;
    answer.policy = policy_of(&check, found);
    answer.result = align(&check, &found->record, organization_of(&walk), &answer);
    if (answer.result == DMARC_RESULT_FAIL)
        answer.wanted = wanted_of(&found->record, answer.policy, query->dice);
    if (answer.result == DMARC_RESULT_TEMPERROR)
        answer.reason = check.reason;
    return answer;
}
