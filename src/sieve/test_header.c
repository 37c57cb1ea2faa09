/* What the header and the envelope say: header, address, envelope, exists, size (RFC 5228 5). */
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "sieve/match.h"
#include "sieve/part.h"

enum err test_size(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    (void)error;
    const uint64_t size = run->input->message.n, limit = node_number(node, SLOT_VALUE, 0);
    *ret = node_choice(node, SLOT_LIMIT, LIMIT_OVER) == LIMIT_OVER ? size > limit : size < limit;
    return ERR_OK;
}

enum err test_exists(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct value *wanted = node_value(node, SLOT_HEADERS);
    const struct slice *names;
    enum err e = run_texts(run, wanted, &names, error);
    bool all = true;
    for (uint32_t i = 0; i < wanted->count && all && e == ERR_OK; i++) {
        struct mime_field field;
        all = mime_field_find(run->header, names[i], &field);
        e = run_spend(run, run->header.n, error);
    }
    if (e == ERR_OK)
        *ret = all;
    return e;
}

/* --- header --- */

static enum err try_header(struct run *run, const struct node *node, struct match *match, bool *ret,
                           struct error *error)
{
    const struct slice *values;
    size_t count;
    bool found = false;
    enum err e = run_fields(run, node, &values, &count, error);
    for (size_t i = 0; i < count && !found && e == ERR_OK; i++) {
        buf_clear(&run->decoded);
        mime_words_decode(&run->decoded, values[i]);
        e = match_try(match, buf_slice(&run->decoded), &found, error);
    }
    if (e == ERR_OK && !found)
        e = match_close(match, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

enum err test_header(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_header(run, node, &match, ret, error) : e;
}

/* --- address parts --- */

static struct slice separators(const struct run *run)
{
    return run->input->separators.n > 0 ? run->input->separators : S("+");
}

/* user or detail: before or after the first separator (RFC 5233 4). */
static bool subaddress(struct run *run, struct slice local, bool detail, struct slice *ret)
{
    struct cursor c = cursor_of(local);
    struct slice user = cursor_take_until(&c, separators(run));
    if (!detail) {
        *ret = user;
        return true;
    }
    if (cursor_done(&c))
        return false;
    c.p++;
    *ret = cursor_rest(&c);
    return true;
}

bool address_part(struct run *run, const struct mime_address *address, enum part_choice part,
                  struct slice *ret)
{
    if (part != PART_ALL && address->domain.n == 0)
        return false; /* no valid address (RFC 5228 2.7.4) */
    switch (part) {
    case PART_LOCAL:
        *ret = address->local;
        return true;
    case PART_DOMAIN:
        *ret = address->domain;
        return true;
    case PART_USER:
    case PART_DETAIL:
        return subaddress(run, address->local, part == PART_DETAIL, ret);
    default:
        break;
    }
    if (address->domain.n == 0) {
        *ret = address->local;
        return true;
    }
    char *p = arena_alloc(&run->scratch, address->local.n + address->domain.n + 1);
    if (p == NULL)
        return false;
    memcpy(p, address->local.p, address->local.n);
    p[address->local.n] = '@';
    memcpy(p + address->local.n + 1, address->domain.p, address->domain.n);
    *ret = slice_of(p, address->local.n + address->domain.n + 1);
    return true;
}

static enum err try_addresses(struct run *run, const struct node *node, struct match *match,
                              struct slice value, bool *ret, struct error *error)
{
    const enum part_choice part = (enum part_choice)node_choice(node, SLOT_PART, PART_ALL);
    struct mime_addresses list;
    if (mime_addresses_parse(&run->scratch, value, &list, error) != ERR_OK)
        return run_too_much(run, error);
    enum err e = ERR_OK;
    bool found = false;
    for (const struct mime_address *a = list.first; a != NULL && !found && e == ERR_OK; a = a->next) {
        struct slice text;
        if (a->kind != MIME_ADDRESS_MAILBOX)
            continue;
        if (match->type == MATCH_COUNT)
            e = match_try(match, S(""), &found, error);
        else if (address_part(run, a, part, &text))
            e = match_try(match, text, &found, error);
    }
    if (e == ERR_OK)
        *ret = found;
    return e;
}

static enum err try_address(struct run *run, const struct node *node, struct match *match, bool *ret,
                            struct error *error)
{
    const struct slice *values;
    size_t count;
    bool found = false;
    enum err e = run_fields(run, node, &values, &count, error);
    for (size_t i = 0; i < count && !found && e == ERR_OK; i++)
        e = try_addresses(run, node, match, values[i], &found, error);
    if (e == ERR_OK && !found)
        e = match_close(match, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

enum err test_address(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_address(run, node, &match, ret, error) : e;
}

/* --- envelope --- */

static enum err try_envelope_address(struct run *run, const struct node *node, struct match *match,
                                     struct slice address, bool *ret, struct error *error)
{
    const enum part_choice part = (enum part_choice)node_choice(node, SLOT_PART, PART_ALL);
    struct mime_address parsed;
    struct slice text;
    *ret = false;
    if (address.p == NULL || (address.n == 0 && match->type == MATCH_COUNT))
        return ERR_OK; /* not known; and the null sender counts for nothing (RFC 5231 4.2) */
    if (address.n == 0)
        return match_try(match, S(""), ret, error); /* whatever the part (RFC 5228 5.4) */
    if (!mime_address_parse_one(&run->scratch, address, &parsed))
        parsed = (struct mime_address){.local = address, .domain = S("")};
    return address_part(run, &parsed, part, &text) ? match_try(match, text, ret, error) : ERR_OK;
}

static enum err try_envelope(struct run *run, const struct node *node, struct match *match, bool *ret,
                             struct error *error)
{
    const struct value *wanted = node_value(node, SLOT_HEADERS);
    const struct slice *parts;
    bool found = false;
    enum err e = run_texts(run, wanted, &parts, error);
    for (uint32_t i = 0; i < wanted->count && !found && e == ERR_OK; i++) {
        if (slice_eq_nocase(parts[i], S("from")))
            e = try_envelope_address(run, node, match, run->input->envelope_from, &found, error);
        else if (slice_eq_nocase(parts[i], S("to")))
            e = try_envelope_address(run, node, match, run->input->envelope_to, &found, error);
        else
            e = run_fail(run, error, "the envelope has no part \"%.*s\"",
                         SLICE_ARGS(slice_sub(parts[i], 0, 40)));
    }
    if (e == ERR_OK && !found)
        e = match_close(match, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

enum err test_envelope(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_envelope(run, node, &match, ret, error) : e;
}
