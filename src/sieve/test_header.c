/* What the header and the envelope say: header, address, envelope, exists, size (RFC 5228 5). */
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "sieve/loop.h"
#include "sieve/match.h"
#include "sieve/part.h"

enum err test_size(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct mime_part *part = NULL;
    enum err e = run->frame->part != NULL ? loop_message(run, &part, error) : ERR_OK;
    if (e != ERR_OK)
        return e;
    const uint64_t size = part != NULL ? part->whole.n : run->input->message.n,
                   limit = node_number(node, SLOT_VALUE, 0);
    *ret = node_choice(node, SLOT_LIMIT, LIMIT_OVER) == LIMIT_OVER ? size > limit : size < limit;
    return ERR_OK;
}

static bool has_all(struct slice header, const struct slice *names, size_t count)
{
    struct mime_field field;
    for (size_t i = 0; i < count; i++)
        if (!mime_field_find(header, names[i], &field))
            return false;
    return true;
}

enum err test_exists(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct value *wanted = node_value(node, SLOT_HEADERS);
    const struct slice *names;
    struct headers headers;
    struct slice header;
    bool all = false;
    enum err e = run_texts(run, wanted, &names, error);
    if (e == ERR_OK)
        e = headers_open(run, node, &headers, error);
    while (e == ERR_OK && !all && headers_next(&headers, &header)) {
        all = has_all(header, names, wanted->count);
        e = run_spend(run, wanted->count * header.n, error);
    }
    if (e == ERR_OK)
        *ret = all;
    return e;
}

/* --- header --- */

/* The values of parameters (RFC 5703 4.1). */
static enum err try_parameters(struct run *run, const struct node *node, struct match *match,
                               struct slice text, bool *ret, struct error *error)
{
    const struct value *wanted = node_value(node, SLOT_MIME_PIECE);
    const struct slice *names;
    struct mime_parameter *list;
    bool found = false;
    enum err e = run_texts(run, wanted, &names, error);
    if (e == ERR_OK && mime_parameters_parse(&run->scratch, text, &list, error) != ERR_OK)
        return run_too_much(run, error);
    for (uint32_t i = 0; e == ERR_OK && !found && i < wanted->count; i++) {
        buf_clear(&run->decoded);
        if (mime_parameter_decode(&run->decoded, list, names[i]))
            e = match_try(match, buf_slice(&run->decoded), &found, error);
    }
    if (e == ERR_OK)
        *ret = found;
    return e;
}

/* A piece of a field that looks like Content-Type; none of one that doesn't. */
static enum err try_piece(struct run *run, const struct node *node, struct match *match, struct slice raw,
                          bool *ret, struct error *error)
{
    const enum mime_piece piece = (enum mime_piece)node_choice(node, SLOT_MIME_PIECE, PIECE_TYPE);
    struct cursor c = cursor_of(slice_sub(raw, 0, MIME_PARAMETER_FIELD_MAX));
    struct slice type, subtype;
    mime_take_type(&c, &type, &subtype);
    mime_skip_blanks(&c, '"');
    *ret = false;
    if (type.n == 0 || (!cursor_done(&c) && cursor_peek(&c) != ';'))
        return ERR_OK;
    if (piece == PIECE_PARAMETER)
        return try_parameters(run, node, match, cursor_rest(&c), ret, error);
    buf_clear(&run->decoded);
    if (piece != PIECE_SUBTYPE)
        buf_put(&run->decoded, type);
    if (piece == PIECE_CONTENT_TYPE && subtype.n > 0)
        buf_putc(&run->decoded, '/');
    if (piece != PIECE_TYPE)
        buf_put(&run->decoded, subtype);
    return match_try(match, buf_slice(&run->decoded), ret, error);
}

static enum err try_value(struct run *run, const struct node *node, struct match *match, struct slice raw,
                          bool *ret, struct error *error)
{
    if (node_has(node, SLOT_MIME_PIECE))
        return try_piece(run, node, match, raw, ret, error);
    buf_clear(&run->decoded);
    mime_words_decode(&run->decoded, raw);
    return match_try(match, buf_slice(&run->decoded), ret, error);
}

typedef enum err try_fn(struct run *run, const struct node *node, struct match *match, struct slice raw,
                        bool *ret, struct error *error);

/* All fields of the names in all headers that the test looks at. */
static enum err try_fields(struct run *run, const struct node *node, struct match *match, try_fn *try,
                           bool *ret, struct error *error)
{
    const struct slice *values;
    struct headers headers;
    struct slice header;
    size_t count;
    bool found = false;
    enum err e = headers_open(run, node, &headers, error);
    while (e == ERR_OK && !found && headers_next(&headers, &header)) {
        e = run_fields(run, node, header, &values, &count, error);
        for (size_t i = 0; e == ERR_OK && !found && i < count; i++)
            e = try(run, node, match, values[i], &found, error);
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
    return e == ERR_OK ? try_fields(run, node, &match, try_value, ret, error) : e;
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

enum err test_address(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_fields(run, node, &match, try_addresses, ret, error) : e;
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
