#include "pop3/surrogate.h"

#include "base/utf8.h"
#include "mime/compose.h"
#include "mime/encoded_word.h"
#include "mime/header.h"

enum { FIELD_ARENA_MAX = 16 * 1024 * 1024, EDITS_FIRST = 4 };

/* Puts the field's ASCII form; putting nothing leaves the field out. */
typedef void put_field_fn(struct buf *out, const char *name, struct slice value);

static struct slice decoded(struct arena *arena, struct slice raw)
{
    CLEANUP(buf_release) struct buf text = BUF(8 * SURROGATE_FIELD_MAX);
    mime_words_decode(&text, raw);
    return arena_dup(arena, buf_slice(&text));
}

/* RFC 6858 2.1: who it is can be read, and no answer goes astray. */
static void hide_address(struct arena *arena, struct mime_address *address)
{
    CLEANUP(buf_release) struct buf spec = BUF(SURROGATE_FIELD_MAX);
    CLEANUP(buf_release) struct buf name = BUF(16 * SURROGATE_FIELD_MAX);
    mime_address_put_spec(&spec, address);
    buf_put(&name, address->name);
    buf_put(&name, address->name.n > 0 ? S(" <") : S("<"));
    utf8_put_repaired(&name, buf_slice(&spec));
    buf_putc(&name, '>');
    address->name = arena_dup(arena, buf_slice(&name));
    address->local = S("invalid");
    address->domain = S("internationalized-address.invalid");
}

static void put_addresses(struct buf *out, const char *name, struct slice value)
{
    CLEANUP(arena_release) struct arena arena = ARENA(FIELD_ARENA_MAX);
    struct mime_addresses list;
    struct error error;
    if (mime_addresses_parse(&arena, value, &list, &error) != ERR_OK)
        return;
    for (struct mime_address *a = list.first; a != NULL; a = a->next) {
        struct slice *shown = a->kind == MIME_ADDRESS_GROUP_START ? &a->local : &a->name;
        *shown = decoded(&arena, *shown);
        if (a->kind == MIME_ADDRESS_MAILBOX && !(slice_is_ascii(a->local) && slice_is_ascii(a->domain)))
            hide_address(&arena, a);
    }
    if (!arena_failed(&arena))
        mime_compose_addresses(out, name, list.first);
}

static void put_text(struct buf *out, const char *name, struct slice value)
{
    CLEANUP(buf_release) struct buf text = BUF(8 * SURROGATE_FIELD_MAX);
    mime_words_decode(&text, value);
    mime_compose_text_field(out, name, buf_slice(&text));
}

static void put_parameters(struct buf *out, const char *name, struct slice value)
{
    CLEANUP(arena_release) struct arena arena = ARENA(FIELD_ARENA_MAX);
    CLEANUP(buf_release) struct buf field = BUF(16 * SURROGATE_FIELD_MAX);
    struct mime_parameter *list;
    struct slice first, rest;
    struct error error;
    slice_cut(value, ';', &first, &rest);
    if (!slice_is_ascii(first) || mime_parameters_parse(&arena, rest, &list, &error) != ERR_OK)
        return;
    buf_put(&field, slice_trim(first));
    for (const struct mime_parameter *p = list; p != NULL; p = p->next) {
        CLEANUP(buf_release) struct buf text = BUF(8 * SURROGATE_FIELD_MAX);
        if (slice_is_ascii(p->name) && slice_ends(p->name, S("*")) && slice_is_ascii(p->value))
            buf_printf(&field, "; %.*s=%.*s", SLICE_ARGS(p->name), SLICE_ARGS(p->value));
        else if (slice_is_ascii(p->name) && slice_is_ascii(p->value))
            mime_parameter_put(&field, p->name, p->value);
        else if (slice_is_ascii(p->name) && mime_parameter_decode(&text, list, p->name))
            mime_parameter_put(&field, p->name, buf_slice(&text));
    }
    mime_compose_field(out, name, buf_slice(&field));
}

/* All others that are not ASCII are left out (RFC 6858 2.4). */
static const struct {
    const char *name;
    put_field_fn *put;
} fields[] = {
    {"From", put_addresses},
    {"Sender", put_addresses},
    {"Reply-To", put_addresses},
    {"To", put_addresses},
    {"Cc", put_addresses},
    {"Bcc", put_addresses},
    {"Resent-From", put_addresses},
    {"Resent-Sender", put_addresses},
    {"Resent-To", put_addresses},
    {"Resent-Cc", put_addresses},
    {"Resent-Bcc", put_addresses},
    {"Subject", put_text},
    {"Comments", put_text},
    {"Content-Description", put_text},
    {"Content-Type", put_parameters},
    {"Content-Disposition", put_parameters},
};

static void put_field(struct buf *out, const struct mime_field *field)
{
    if (field->whole.n > SURROGATE_FIELD_MAX)
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (slice_eq_nocase(field->name, slice_cstr(fields[i].name)))
            fields[i].put(out, fields[i].name, field->value);
}

static void put_if_ascii(struct buf *out, struct slice text)
{
    if (slice_is_ascii(text))
        buf_put(out, text);
}

/* What lies between the fields (an mbox line, the empty line at the end) goes along. */
static void put_header(struct buf *out, struct slice header)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    size_t done = 0;
    while (mime_field_next(&c, &field)) {
        size_t at = (size_t)(field.whole.p - header.p);
        put_if_ascii(out, slice_sub(header, done, at - done));
        done = at + field.whole.n;
        if (slice_is_ascii(field.whole))
            buf_put(out, field.whole);
        else
            put_field(out, &field);
    }
    put_if_ascii(out, slice_from(header, done));
}

static enum err replace(struct surrogate *surrogate, size_t at, struct slice header, size_t *cap,
                        struct error *error)
{
    if (surrogate->count == *cap) {
        size_t more = *cap > 0 ? 2 * *cap : EDITS_FIRST;
        struct surrogate_header *headers = arena_array(&surrogate->arena, more, sizeof(*headers));
        if (headers == NULL)
            return fail_plain(error, ERR_LIMIT, "too many headers that are not ASCII");
        for (size_t i = 0; i < surrogate->count; i++)
            headers[i] = surrogate->headers[i];
        surrogate->headers = headers;
        *cap = more;
    }
    size_t from = surrogate->texts.n;
    put_header(&surrogate->texts, header);
    if (buf_failed(&surrogate->texts))
        return fail_plain(error, ERR_LIMIT, "headers grow too large in ASCII");
    surrogate->headers[surrogate->count++] =
        (struct surrogate_header){.at = at, .n = header.n, .from = from, .to = surrogate->texts.n};
    return ERR_OK;
}

enum err pop3_surrogate_make(struct slice message, struct surrogate *ret, struct error *error)
{
    struct mime_part *root;
    size_t cap = 0;
    *ret =
        (struct surrogate){.arena = ARENA(2 * MIME_STRUCTURE_ARENA_MAX), .texts = BUF(SURROGATE_HEADERS_MAX)};
    if (slice_is_ascii(message))
        return ERR_OK;
    enum err err = mime_parse(&ret->arena, message, &root, error);
    if (err != ERR_OK)
        return err;
    for (const struct mime_part *p = root; p != NULL && err == ERR_OK; p = mime_part_walk(root, p))
        if (!slice_is_ascii(p->header))
            err = replace(ret, mime_part_offset(root, p), p->header, &cap, error);
    return err;
}

void pop3_surrogate_release(struct surrogate *surrogate)
{
    buf_release(&surrogate->texts);
    arena_release(&surrogate->arena);
}
