#include "mime/summary.h"

#include "base/utf8.h"
#include "mime/address.h"
#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "mime/html_text.h"
#include "mime/imap_text.h"

enum {
    SCRATCH_MAX = 24 << 20,
    PLAIN_READ_FIRST = 1 << 10, /* bytes of a body that are read for a preview */
    PLAIN_READ_MAX = 8 << 10,
    WORDS_READ_MAX = 8 << 10, /* bytes of a subject or name that are decoded */
    HTML_READ_FIRST = 4 << 10,
    HTML_READ_MAX = 128 << 10,
    PREVIEW_BYTES_MAX = 4 * MIME_PREVIEW_MAX,
};

/* One summary in the making. */
struct maker {
    struct arena *arena; /* of the results */
    struct arena scratch;
    struct buf text; /* of the value at hand */
    struct mime_summary *summary;
    bool failed;
};

static void maker_release(struct maker *m)
{
    arena_release(&m->scratch);
    buf_release(&m->text);
}

/* The text at hand, kept. */
static struct slice keep_text(struct maker *m, size_t max)
{
    struct slice kept = arena_dup(m->arena, utf8_cut(buf_slice(&m->text), max));
    m->failed |= kept.p == NULL || buf_failed(&m->text);
    return kept;
}

/* Blanks collapsed to single spaces, in place, from the start on. */
static void collapse_blanks(struct buf *text)
{
    size_t to = 0;
    for (size_t i = 0; i < text->n; i++) {
        bool blank = (unsigned char)text->p[i] <= ' ';
        if (blank && (to == 0 || text->p[to - 1] == ' '))
            continue;
        text->p[to++] = blank ? ' ' : text->p[i];
    }
    text->n = to > 0 && text->p[to - 1] == ' ' ? to - 1 : to;
}

/* The octets of a text that could not be converted, as the text at hand. */
static void put_octets(struct maker *m, struct slice raw)
{
    buf_clear(&m->text);
    mime_words_octets(&m->text, raw);
}

/* A sort key, kept, of octets. */
static struct slice keep_octets(struct maker *m, struct slice octets, size_t max)
{
    octets = slice_sub(octets, 0, max);
    char *key = arena_alloc(m->arena, octets.n + 1);
    m->failed |= key == NULL || buf_failed(&m->text);
    if (key == NULL)
        return slice_none();
    key[0] = MIME_SORT_KEY_OCTETS;
    if (octets.n > 0)
        memcpy(key + 1, octets.p, octets.n);
    return slice_of(key, octets.n + 1);
}

static void take_subject(struct maker *m, struct slice value)
{
    struct slice raw = slice_sub(value, 0, WORDS_READ_MAX);
    bool *marked = &m->summary->is_reply_or_forward;
    struct slice base;
    buf_clear(&m->text);
    bool good = mime_words_convert(&m->text, raw);
    m->summary->subject = keep_text(m, MIME_SUBJECT_MAX);
    if (!good)
        put_octets(m, raw);
    collapse_blanks(&m->text);
    if (good) {
        mime_base_subject(keep_text(m, MIME_SUBJECT_MAX), &m->summary->base_subject, marked);
        return;
    }
    mime_base_subject(slice_sub(buf_slice(&m->text), 0, MIME_SUBJECT_MAX), &base, marked);
    m->summary->base_subject = keep_octets(m, base, MIME_SUBJECT_MAX);
}

/* The name that is shown of an address, else the address (RFC 5957 3). */
static void take_display(struct maker *m, const struct mime_address *shown, struct mime_summary_address *ret)
{
    CLEANUP(buf_release) struct buf spec = BUF(2 * shown->local.n + shown->domain.n + 8);
    struct slice raw = shown->name;
    buf_clear(&m->text);
    bool good = mime_words_convert(&m->text, raw);
    if (m->text.n == 0) {
        mime_address_put_spec(&spec, shown);
        raw = buf_slice(&spec);
        good = mime_words_convert(&m->text, raw);
    }
    ret->display = ret->display_key = keep_text(m, MIME_DISPLAY_MAX);
    if (good)
        return;
    put_octets(m, raw);
    ret->display_key = keep_octets(m, buf_slice(&m->text), MIME_DISPLAY_MAX);
}

static void take_address(struct maker *m, struct slice value, struct mime_summary_address *ret)
{
    struct mime_addresses list;
    struct error error;
    if (mime_addresses_parse(&m->scratch, value, &list, &error) != ERR_OK) {
        m->failed = true;
        return;
    }
    const struct mime_address *first = list.first;
    if (first != NULL) {
        bool group = first->kind == MIME_ADDRESS_GROUP_START;
        struct mime_address shown = *first;
        shown.name = slice_sub(group ? first->local : first->name, 0, WORDS_READ_MAX);
        take_display(m, &shown, ret);
        buf_clear(&m->text);
        struct slice local = first->local;
        bool good = mime_charset_read(&m->text, slice_none(), first->local, &local);
        if (local.p == first->local.p)
            buf_put(&m->text, local);
        ret->local_key =
            good ? keep_text(m, MIME_DISPLAY_MAX) : keep_octets(m, first->local, MIME_DISPLAY_MAX);
        buf_clear(&m->text);
        if (!group)
            mime_address_put_spec(&m->text, first);
        ret->address = keep_text(m, MIME_DISPLAY_MAX);
    }
    arena_reset(&m->scratch);
}

/* Reads the next message id of a value into the text at hand, as "<left@right>" without blanks and needless
 * quotes (RFC 5256 3, REFERENCES). False: no more. */
static bool next_id(struct maker *m, struct cursor *c)
{
    while (!cursor_done(c)) {
        ssize_t start = slice_find_char(cursor_rest(c), '<');
        if (start < 0)
            break;
        c->p += start + 1;
        ssize_t end = slice_find_char(cursor_rest(c), '>');
        if (end < 0)
            break;
        struct slice id = cursor_take(c, (size_t)end);
        c->p++;
        ssize_t inner = slice_rfind_char(id, '<');
        id = inner < 0 ? id : slice_from(id, (size_t)inner + 1);
        if (id.n == 0 || id.n > MIME_MESSAGE_ID_MAX)
            continue;
        buf_clear(&m->text);
        buf_putc(&m->text, '<');
        for (size_t i = 0; i < id.n; i++)
            if ((unsigned char)id.p[i] > ' ' && id.p[i] != '"' && id.p[i] != '\\')
                buf_putc(&m->text, id.p[i]);
        buf_putc(&m->text, '>');
        if (m->text.n > 2)
            return true;
    }
    c->p = c->end;
    return false;
}

/* The ids of a value: the first and the last ones, where they are more than MIME_REFERENCES_MAX. */
static void take_ids(struct maker *m, struct slice value, struct slice **ret, size_t *ret_count)
{
    size_t total = 0;
    struct cursor c = cursor_of(value);
    while (next_id(m, &c))
        total++;
    if (total == 0)
        return;
    size_t skipped = total > MIME_REFERENCES_MAX ? total - MIME_REFERENCES_MAX : 0;
    struct slice *ids = arena_array(m->arena, total - skipped, sizeof(*ids));
    if (ids == NULL) {
        m->failed = true;
        return;
    }
    size_t count = 0;
    c = cursor_of(value);
    for (size_t i = 0; next_id(m, &c); i++)
        if (i == 0 || i > skipped)
            ids[count++] = keep_text(m, MIME_MESSAGE_ID_MAX + 2);
    *ret = ids;
    *ret_count = count;
}

static void take_message_id(struct maker *m, struct slice value)
{
    struct cursor c = cursor_of(value);
    if (next_id(m, &c)) {
        m->summary->message_id = keep_text(m, MIME_MESSAGE_ID_MAX + 2);
        return;
    }
    /* Without brackets: the whole value, if it is one word. */
    value = slice_trim(value);
    if (value.n == 0 || value.n > MIME_MESSAGE_ID_MAX || slice_find_char(value, '<') >= 0)
        return;
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] <= ' ' || value.p[i] == '>')
            return;
    buf_clear(&m->text);
    buf_putc(&m->text, '<');
    buf_put(&m->text, value);
    buf_putc(&m->text, '>');
    m->summary->message_id = keep_text(m, MIME_MESSAGE_ID_MAX + 2);
}

#define SUMMARY_FIELD_TABLE(X)    \
    X(SUBJECT, "Subject")         \
    X(FROM, "From")               \
    X(TO, "To")                   \
    X(CC, "Cc")                   \
    X(DATE, "Date")               \
    X(MESSAGE_ID, "Message-ID")   \
    X(IN_REPLY_TO, "In-Reply-To") \
    X(REFERENCES, "References")

enum summary_field {
#define X(name, text) SUMMARY_##name,
    SUMMARY_FIELD_TABLE(X)
#undef X
        SUMMARY_FIELDS,
};

static const struct slice summary_names[] = {
#define X(name, text) {text, sizeof(text) - 1},
    SUMMARY_FIELD_TABLE(X)
#undef X
};

static void take_field(struct maker *m, enum summary_field which, struct slice value)
{
    struct mime_summary *s = m->summary;
    switch (which) {
    case SUMMARY_SUBJECT:
        take_subject(m, value);
        return;
    case SUMMARY_FROM:
        take_address(m, value, &s->from);
        return;
    case SUMMARY_TO:
        take_address(m, value, &s->to);
        return;
    case SUMMARY_CC:
        take_address(m, value, &s->cc);
        return;
    case SUMMARY_DATE:
        s->has_sent = mime_date_parse(value, &s->sent);
        return;
    case SUMMARY_MESSAGE_ID:
        take_message_id(m, value);
        return;
    case SUMMARY_IN_REPLY_TO:
        take_ids(m, value, &s->in_reply_to, &s->in_reply_to_count);
        return;
    case SUMMARY_REFERENCES:
        take_ids(m, value, &s->references, &s->references_count);
        return;
    case SUMMARY_FIELDS:
        return;
    }
}

/* The first field of each name counts. */
static void take_fields(struct maker *m, struct slice header)
{
    struct cursor c = cursor_of(slice_sub(header, 0, MIME_ENVELOPE_HEADER_MAX));
    struct mime_field field;
    bool seen[SUMMARY_FIELDS] = {false};
    while (!m->failed && mime_field_next(&c, &field)) {
        enum summary_field which = 0;
        while (which < SUMMARY_FIELDS && !slice_eq_nocase(field.name, summary_names[which]))
            which++;
        if (which == SUMMARY_FIELDS || seen[which])
            continue;
        seen[which] = true;
        take_field(m, which, field.value);
    }
}

/* True when the list has a parameter of that name in any of its forms (RFC 2231). */
static bool has_parameter(const struct mime_parameter *list, struct slice stem)
{
    for (; list != NULL; list = list->next)
        if (slice_starts_nocase(list->name, stem) && (list->name.n == stem.n || list->name.p[stem.n] == '*'))
            return true;
    return false;
}

static bool is_attachment(const struct mime_part *part)
{
    bool in_report = part->parent != NULL && mime_part_is(part->parent, S("multipart"), S("report"));
    bool is_text = slice_eq_nocase(part->type, S("text"));
    bool is_inline = slice_eq_nocase(part->disposition, S("inline"));
    if (part->kind == MIME_MULTIPART || in_report)
        return false;
    if (mime_part_is(part, S("application"), S("pgp-signature")) ||
        mime_part_is(part, S("application"), S("pkcs7-signature")) ||
        mime_part_is(part, S("application"), S("x-pkcs7-signature")))
        return false;
    if (slice_eq_nocase(part->disposition, S("attachment")))
        return true;
    /* A picture that a page shows by its id is no attachment, nor is anything shown inline. */
    if (is_inline || (part->id.n > 0 && slice_eq_nocase(part->type, S("image"))))
        return false;
    return !is_text || has_parameter(part->disposition_parameters, S("filename")) ||
           has_parameter(part->parameters, S("name"));
}

/* The start of a text part in UTF-8. */
static void read_start(struct buf *out, const struct mime_part *part, size_t max)
{
    struct slice body = slice_sub(part->body, 0, max);
    CLEANUP(buf_release) struct buf bytes = BUF(max + 16);
    CLEANUP(mime_charset_release) struct mime_charset charset;
    mime_decode_all(&bytes, part->encoding, body);
    mime_charset_open(&charset, mime_parameter_raw(part->parameters, S("charset")));
    mime_charset_feed(&charset, out, buf_slice(&bytes));
    if (body.n == part->body.n)
        mime_charset_finish(&charset, out);
}

/* Puts the text of a part's first bytes, collapsed and cut to the preview's length, into the text at hand. */
static void preview_start(struct maker *m, const struct mime_part *part, bool html, size_t max)
{
    buf_clear(&m->text);
    if (html) {
        CLEANUP(buf_release) struct buf source = BUF(4 * HTML_READ_MAX);
        read_start(&source, part, max);
        mime_html_to_text(&m->text, buf_slice(&source), PREVIEW_BYTES_MAX);
    } else {
        read_start(&m->text, part, max);
    }
    collapse_blanks(&m->text);
    struct cursor c = cursor_of(buf_slice(&m->text));
    for (size_t i = 0; i < MIME_PREVIEW_MAX && !cursor_done(&c); i++)
        (void)utf8_next(&c);
    m->text.n -= cursor_left(&c);
}

/* False when there is nothing to read. Most parts say enough in their first bytes; only then it reads on. */
static bool preview_part(struct maker *m, const struct mime_part *part, bool html)
{
    size_t first = html ? HTML_READ_FIRST : PLAIN_READ_FIRST;
    preview_start(m, part, html, first);
    if (m->text.n < MIME_PREVIEW_MAX && part->body.n > first)
        preview_start(m, part, html, html ? HTML_READ_MAX : PLAIN_READ_MAX);
    return m->text.n > 0;
}

static void take_preview(struct maker *m, const struct mime_part *plain, const struct mime_part *html)
{
    if ((plain != NULL && preview_part(m, plain, false)) || (html != NULL && preview_part(m, html, true)))
        m->summary->preview = keep_text(m, PREVIEW_BYTES_MAX);
}

/* One walk over the parts, not into inner messages: what to preview, and attachments. */
static void take_parts(struct maker *m, const struct mime_part *message)
{
    const struct mime_part *plain = NULL;
    const struct mime_part *html = NULL;
    for (const struct mime_part *part = message; part != NULL;) {
        bool attachment = is_attachment(part);
        m->summary->has_attachment |= attachment;
        if (!attachment && part->kind == MIME_LEAF) {
            if (plain == NULL && mime_part_is(part, S("text"), S("plain")))
                plain = part;
            else if (html == NULL && mime_part_is(part, S("text"), S("html")))
                html = part;
        }
        if (part->kind != MIME_MESSAGE) {
            part = mime_part_walk(message, part);
            continue;
        }
        while (part != message && part->next == NULL)
            part = part->parent;
        part = part == message ? NULL : part->next;
    }
    take_preview(m, plain, html);
}

static enum err take_texts(struct maker *m, const struct mime_part *message, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    enum err err = mime_put_envelope(&out, message->header, error);
    size_t envelope = out.n;
    if (err == ERR_OK)
        err = mime_put_bodystructure(&out, message, true, error);
    if (err != ERR_OK)
        return err;
    if (buf_failed(&out))
        return fail_nomem(error);
    struct slice both = arena_dup(m->arena, buf_slice(&out));
    m->failed |= both.p == NULL;
    m->summary->envelope = slice_sub(both, 0, envelope);
    m->summary->bodystructure = slice_from(both, envelope);
    return ERR_OK;
}

enum err mime_summarize(struct arena *arena, const struct mime_part *message, struct mime_summary *ret,
                        struct error *error)
{
    struct mime_summary summary = {0};
    CLEANUP(maker_release)
    struct maker m = {
        .arena = arena,
        .scratch = ARENA(SCRATCH_MAX),
        .text = BUF(8 * MIME_ENVELOPE_HEADER_MAX),
        .summary = &summary,
    };
    take_fields(&m, message->header);
    take_parts(&m, message);
    enum err err = take_texts(&m, message, error);
    if (err != ERR_OK)
        return err;
    if (m.failed)
        return fail_plain(error, ERR_LIMIT, "the summary of the message is too large");
    *ret = summary;
    return ERR_OK;
}
