/* replace and enclose (RFC 5703 5, 6). */
#include "mime/compose.h"
#include "mime/header.h"
#include "sieve/edit.h"
#include "sieve/letter.h"
#include "sieve/loop.h"

enum {
    PARTS_BEFORE_ENCLOSED = 3, /* multipart/mixed, text/plain, message/rfc822 */
    SUBJECT_MAX = 1000,
    LINE_MOST = 998, /* RFC 5322 2.1.1 */
};

/* --- the message becomes another --- */

/* Where the next text is written: not where the present one is. */
static struct buf *next_draft(struct run *run)
{
    struct buf *draft = &run->drafts[run->text.p != NULL && run->text.p == run->drafts[0].p];
    buf_clear(draft);
    return draft;
}

static enum err take_draft(struct run *run, struct buf *draft, struct error *error)
{
    if (buf_failed(draft))
        return run_too_much(run, error);
    struct mime_split split = mime_split(buf_slice(draft));
    run->text = buf_slice(draft);
    run->header = split.header;
    run->body = split.body;
    run->message = slice_none(); /* made anew when it is needed */
    run->structure = NULL;
    run->generation++;
    return run_spend(run, draft->n, error);
}

static void put_subject(struct buf *out, struct slice subject)
{
    mime_compose_text_field(out, "Subject", slice_sub(subject, 0, SUBJECT_MAX));
}

static bool is_of_mime(struct slice name)
{
    return slice_starts_nocase(name, S("content-")) || slice_eq_nocase(name, S("mime-version"));
}

static void put_field(struct buf *out, struct slice name, struct slice value)
{
    buf_printf(out, "%.*s:", SLICE_ARGS(name));
    buf_put(out, value);
    buf_put(out, S("\r\n"));
}

/* --- replace --- */

struct replacing {
    struct slice text;
    struct slice subject; /* p NULL: not given */
    struct slice from;
    bool mime;
};

/* The header but for what describes the old body. With a subject or From, the old one gets another name. */
static void put_header(struct run *run, const struct replacing *replacing, struct slice header,
                       struct buf *out)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    while (mime_field_next(&c, &field)) {
        if (is_of_mime(field.name))
            continue;
        if (replacing->subject.p != NULL && slice_eq_nocase(field.name, S("subject")))
            put_field(out, S("Original-Subject"), field.value);
        else if (replacing->from.p != NULL && slice_eq_nocase(field.name, S("from")))
            put_field(out, S("Original-From"), field.value);
        else
            put_field(out, field.name, field.value);
    }
    if (replacing->from.p != NULL)
        letter_put_from(run, replacing->from, out);
    if (replacing->subject.p != NULL)
        put_subject(out, replacing->subject);
    buf_put(out, S("MIME-Version: 1.0\r\n"));
}

static void put_entity(const struct replacing *replacing, struct buf *out)
{
    struct mime_composer composer = MIME_COMPOSER(out);
    composer.depth = 1; /* in a message that says its MIME-Version already */
    if (replacing->mime)
        letter_put_entity(out, replacing->text);
    else
        mime_compose_text(&composer, "plain", replacing->text);
}

/* Whether a line of the text would end a part of one of the multiparts around. */
static bool holds_boundary(const struct mime_part *part, struct slice text)
{
    for (part = part->parent; part != NULL; part = part->parent) {
        struct slice boundary = mime_parameter_raw(part->parameters, S("boundary"));
        struct cursor c = cursor_of(text);
        while (part->kind == MIME_MULTIPART && !cursor_done(&c)) {
            struct slice line = cursor_take_until(&c, S("\n"));
            cursor_skip_char(&c, '\n');
            if (slice_starts(line, S("--")) && slice_starts(slice_from(line, 2), boundary))
                return true;
        }
    }
    return false;
}

static enum err put_replaced(struct run *run, const struct replacing *replacing, const struct mime_part *part,
                             struct buf *out, struct error *error)
{
    const struct mime_part *root = run->structure;
    const char *end = run->text.p + run->text.n, *after = part->whole.p + part->whole.n;
    const struct replacing plain = {.text = replacing->text, .mime = replacing->mime};
    if (part == root) {
        put_header(run, replacing, run->header, out);
        put_entity(replacing, out);
        return ERR_OK;
    }
    buf_put(out, run->header);
    buf_put(out, slice_of(root->body.p, (size_t)(part->whole.p - root->body.p)));
    const size_t start = out->n;
    if (part->parent->kind == MIME_MESSAGE)
        put_header(run, &plain, part->header, out);
    put_entity(&plain, out);
    if (!buf_failed(out) && holds_boundary(part, slice_from(buf_slice(out), start)))
        return run_fail(run, error, "the replacement has a line that ends a part of this message");
    buf_put(out, slice_of(after, (size_t)(end - after)));
    return ERR_OK;
}

static enum err read_replacing(struct run *run, const struct node *node, struct replacing *replacing,
                               struct error *error)
{
    enum err e = run_argument(run, node, SLOT_REASON, &replacing->text, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_SUBJECT, &replacing->subject, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_FROM, &replacing->from, error);
    if (e != ERR_OK)
        return e;
    replacing->mime = node_has(node, SLOT_MIME);
    if (replacing->from.p != NULL && !letter_from_valid(replacing->from))
        return run_fail(run, error, "\":from\" is no list of mailboxes");
    if (replacing->mime && !letter_entity_valid(replacing->text))
        return run_fail(run, error, "the fields of a MIME entity can't hold 8-bit text");
    return ERR_OK;
}

enum err act_replace(struct run *run, const struct node *node, struct error *error)
{
    struct replacing replacing = {0};
    const struct mime_part *part;
    enum err e = read_replacing(run, node, &replacing, error);
    if (e == ERR_OK)
        e = loop_part(run, &part, error);
    if (e != ERR_OK || part == NULL)
        return e;
    struct buf *draft = next_draft(run);
    e = put_replaced(run, &replacing, part, draft, error);
    if (e == ERR_OK && run->loop != NULL)
        run->loop->replaced = true;
    return e == ERR_OK ? take_draft(run, draft, error) : e;
}

/* --- enclose --- */

struct enclosing {
    struct slice subject; /* p NULL: not given */
    struct slice text;
    const struct slice *names; /* of fields to copy */
    size_t name_count;
};

static bool is_copied(const struct enclosing *enclosing, struct slice name)
{
    if (is_of_mime(name) || (enclosing->subject.p != NULL && slice_eq_nocase(name, S("subject"))))
        return false;
    for (size_t i = 0; i < enclosing->name_count; i++)
        if (slice_eq_nocase(enclosing->names[i], name))
            return true;
    return enclosing->subject.p == NULL && slice_eq_nocase(name, S("subject"));
}

static bool lacks(const struct run *run, const struct enclosing *enclosing, struct slice name)
{
    struct mime_field field;
    return !is_copied(enclosing, name) || !mime_field_find(run->header, name, &field);
}

static void put_fields(struct run *run, const struct enclosing *enclosing, struct buf *out)
{
    struct cursor c = cursor_of(run->header);
    struct mime_field field;
    while (mime_field_next(&c, &field))
        if (is_copied(enclosing, field.name))
            put_field(out, field.name, field.value);
    if (enclosing->subject.p != NULL)
        put_subject(out, enclosing->subject);
    if (lacks(run, enclosing, S("date")))
        letter_put_date(run, out);
    if (lacks(run, enclosing, S("from")))
        letter_put_from(run, slice_none(), out);
    if (lacks(run, enclosing, S("message-id")))
        letter_put_id(run, out);
}

/* A message/rfc822 stands there as it is (RFC 2046 5.2.1); this says what must carry it. */
static enum mime_encoding encoding_of(struct slice message)
{
    enum mime_encoding encoding = MIME_ENCODING_7BIT;
    struct cursor c = cursor_of(message);
    if (message.n > 0 && memchr(message.p, 0, message.n) != NULL)
        return MIME_ENCODING_BINARY;
    while (!cursor_done(&c)) {
        struct slice line = cursor_take_until(&c, S("\n"));
        cursor_skip_char(&c, '\n');
        if (line.n - slice_ends(line, S("\r")) > LINE_MOST)
            return MIME_ENCODING_BINARY;
        for (size_t i = 0; i < line.n && encoding == MIME_ENCODING_7BIT; i++)
            if ((unsigned char)line.p[i] >= 128)
                encoding = MIME_ENCODING_8BIT;
    }
    return encoding;
}

static void put_enclosing(struct run *run, const struct enclosing *enclosing, struct slice message,
                          struct buf *out)
{
    struct mime_composer composer = MIME_COMPOSER(out);
    put_fields(run, enclosing, out);
    mime_compose_multipart(&composer, "mixed");
    mime_compose_part(&composer);
    mime_compose_text(&composer, "plain", enclosing->text);
    mime_compose_part(&composer);
    mime_compose_field(out, "Content-Type", S("message/rfc822"));
    mime_compose_field(out, "Content-Transfer-Encoding",
                       slice_cstr(mime_encoding_name(encoding_of(message))));
    buf_put(out, S("\r\n"));
    buf_put(out, message);
    mime_compose_end(&composer);
}

enum err act_enclose(struct run *run, const struct node *node, struct error *error)
{
    const struct value *names = node_value(node, SLOT_HEADERS);
    struct enclosing enclosing = {0};
    struct slice message;
    enum err e = run_argument(run, node, SLOT_REASON, &enclosing.text, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_SUBJECT, &enclosing.subject, error);
    if (e == ERR_OK && names != NULL) {
        enclosing.name_count = names->count;
        e = run_texts(run, names, &enclosing.names, error);
    }
    if (e == ERR_OK)
        e = run_message(run, &message, error);
    if (e != ERR_OK)
        return e;
    if (run->unenclosed.p == NULL)
        run->unenclosed = message;
    struct buf *draft = next_draft(run);
    put_enclosing(run, &enclosing, message, draft);
    loop_shift(run, PARTS_BEFORE_ENCLOSED);
    return take_draft(run, draft, error);
}
