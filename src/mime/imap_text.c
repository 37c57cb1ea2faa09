#include "mime/imap_text.h"

#include "mime/address.h"
#include "mime/header.h"

enum {
    SCRATCH_MAX = 24 << 20, /* for all addresses of MIME_ENVELOPE_HEADER_MAX bytes */
    LEAN_STRING_MAX = 64,
};

struct writer {
    struct buf *out;
    struct arena scratch; /* empty between parts */
    size_t start;         /* of out, in bytes */
    bool extensible;
    bool lean;
    bool too_long;
};

static void writer_release(struct writer *w)
{
    arena_release(&w->scratch);
}

static bool is_quotable(struct slice s)
{
    if (s.n > MIME_QUOTED_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || (unsigned char)s.p[i] >= 0x7f)
            return false;
    return true;
}

static void put_quoted(struct buf *out, struct slice s)
{
    char *at = buf_reserve(out, 2 * s.n + 2);
    if (at == NULL)
        return;
    char *to = at;
    *to++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            *to++ = '\\';
        *to++ = s.p[i];
    }
    *to++ = '"';
    buf_grew(out, (size_t)(to - at));
}

void mime_put_nstring(struct buf *out, struct slice value)
{
    if (value.p == NULL) {
        buf_put(out, S("NIL"));
    } else if (is_quotable(value)) {
        put_quoted(out, value);
    } else {
        buf_putc(out, '{');
        buf_put_u64(out, value.n);
        buf_put(out, S("}\r\n"));
        buf_put(out, value);
    }
}

/* A raw header value in one line; p NULL: NIL. */
static void put_raw(struct writer *w, struct slice raw)
{
    if (raw.p == NULL || mime_is_unfolded(slice_trim(raw))) {
        mime_put_nstring(w->out, raw.p == NULL ? raw : slice_trim(raw));
        return;
    }
    CLEANUP(buf_release) struct buf text = BUF(raw.n + 1);
    mime_unfold(&text, raw);
    mime_put_nstring(w->out, text.n > 0 ? buf_slice(&text) : S(""));
}

/* The fields of an envelope; the addresses come first, in the order of the wire. */
#define ENVELOPE_TABLE(X)         \
    X(FROM, "From")               \
    X(SENDER, "Sender")           \
    X(REPLY_TO, "Reply-To")       \
    X(TO, "To")                   \
    X(CC, "Cc")                   \
    X(BCC, "Bcc")                 \
    X(DATE, "Date")               \
    X(SUBJECT, "Subject")         \
    X(IN_REPLY_TO, "In-Reply-To") \
    X(MESSAGE_ID, "Message-ID")

enum envelope_field {
#define X(name, text) ENVELOPE_##name,
    ENVELOPE_TABLE(X)
#undef X
        ENVELOPE_FIELDS,
    ENVELOPE_LISTS = ENVELOPE_DATE,
};

static const struct slice envelope_names[] = {
#define X(name, text) {text, sizeof(text) - 1},
    ENVELOPE_TABLE(X)
#undef X
};

struct envelope {
    struct mime_addresses lists[ENVELOPE_LISTS];
    struct mime_address *last[ENVELOPE_LISTS];
    struct slice values[ENVELOPE_FIELDS];
};

/* RFC 5322 3.6.3 allows one To, Cc and Bcc; where there are several, all count. */
static void append_list(struct envelope *e, enum envelope_field which, struct mime_addresses more)
{
    struct mime_address *last = more.first;
    while (last != NULL && last->next != NULL)
        last = last->next;
    if (last == NULL)
        return;
    if (e->last[which] != NULL)
        e->last[which]->next = more.first;
    else
        e->lists[which].first = more.first;
    e->last[which] = last;
    e->lists[which].count += more.count;
}

static enum err take_list(struct writer *w, struct envelope *e, enum envelope_field which, struct slice value,
                          struct error *error)
{
    struct mime_addresses list = {0};
    bool many = which == ENVELOPE_TO || which == ENVELOPE_CC || which == ENVELOPE_BCC;
    if (e->lists[which].count > 0 && (!many || e->lists[which].count >= MIME_ADDRESSES_MAX))
        return ERR_OK;
    enum err err = mime_addresses_parse(&w->scratch, value, &list, error);
    if (err == ERR_OK)
        append_list(e, which, list);
    return err;
}

static enum err read_envelope(struct writer *w, struct slice header, struct envelope *e, struct error *error)
{
    struct cursor c = cursor_of(slice_sub(header, 0, MIME_ENVELOPE_HEADER_MAX));
    struct mime_field field;
    enum err err = ERR_OK;
    while (err == ERR_OK && mime_field_next(&c, &field)) {
        enum envelope_field which = 0;
        while (which < ENVELOPE_FIELDS && !slice_eq_nocase(field.name, envelope_names[which]))
            which++;
        if (which < ENVELOPE_LISTS)
            err = take_list(w, e, which, field.value, error);
        else if (which < ENVELOPE_FIELDS && e->values[which].p == NULL)
            e->values[which] = field.value;
    }
    return err;
}

static void put_address(struct buf *out, const struct mime_address *address)
{
    buf_putc(out, '(');
    mime_put_nstring(out, address->name);
    buf_putc(out, ' ');
    mime_put_nstring(out, address->route);
    buf_putc(out, ' ');
    mime_put_nstring(out, address->local);
    buf_putc(out, ' ');
    mime_put_nstring(out, address->domain);
    buf_putc(out, ')');
}

static void put_list(struct buf *out, const struct mime_addresses *list)
{
    if (list->first == NULL) {
        buf_put(out, S("NIL "));
        return;
    }
    buf_putc(out, '(');
    for (const struct mime_address *a = list->first; a != NULL; a = a->next)
        put_address(out, a);
    buf_put(out, S(") "));
}

static enum err put_envelope(struct writer *w, struct slice header, struct error *error)
{
    struct envelope e = {0};
    enum err err = read_envelope(w, header, &e, error);
    if (err != ERR_OK)
        return err;
    /* RFC 9051 7.5.2: where Sender or Reply-To is missing, From stands for it. */
    if (e.lists[ENVELOPE_SENDER].first == NULL)
        e.lists[ENVELOPE_SENDER] = e.lists[ENVELOPE_FROM];
    if (e.lists[ENVELOPE_REPLY_TO].first == NULL)
        e.lists[ENVELOPE_REPLY_TO] = e.lists[ENVELOPE_FROM];
    buf_putc(w->out, '(');
    put_raw(w, e.values[ENVELOPE_DATE]);
    buf_putc(w->out, ' ');
    put_raw(w, e.values[ENVELOPE_SUBJECT]);
    buf_putc(w->out, ' ');
    for (size_t i = 0; i < ENVELOPE_LISTS; i++)
        put_list(w->out, &e.lists[i]);
    put_raw(w, e.values[ENVELOPE_IN_REPLY_TO]);
    buf_putc(w->out, ' ');
    put_raw(w, e.values[ENVELOPE_MESSAGE_ID]);
    buf_putc(w->out, ')');
    arena_reset(&w->scratch);
    return ERR_OK;
}

/* Real lack of memory apart, the scratch is large enough for anything. */
static enum err as_nomem(enum err err, struct error *error)
{
    return err == ERR_OK ? ERR_OK : fail_nomem(error);
}

enum err mime_put_envelope(struct buf *out, struct slice header, struct error *error)
{
    CLEANUP(writer_release) struct writer w = {.out = out, .scratch = ARENA(SCRATCH_MAX)};
    return as_nomem(put_envelope(&w, header, error), error);
}

static void put_string(struct writer *w, struct slice s)
{
    mime_put_nstring(w->out, w->lean ? slice_sub(s, 0, LEAN_STRING_MAX) : s);
}

static void put_optional(struct writer *w, struct slice raw)
{
    put_raw(w, w->lean ? slice_none() : raw);
}

static enum err put_parameters(struct writer *w, const struct mime_parameter *list, struct error *error)
{
    struct mime_parameter *joined;
    if (list == NULL || w->lean) {
        buf_put(w->out, S("NIL"));
        return ERR_OK;
    }
    enum err err = mime_parameters_join(&w->scratch, list, &joined, error);
    if (err != ERR_OK)
        return err;
    for (const struct mime_parameter *p = joined; p != NULL; p = p->next) {
        buf_putc(w->out, p == joined ? '(' : ' ');
        mime_put_nstring(w->out, p->name);
        buf_putc(w->out, ' ');
        mime_put_nstring(w->out, p->value);
    }
    buf_put(w->out, joined != NULL ? S(")") : S("NIL"));
    return ERR_OK;
}

/* RFC 3282: language tags, separated by commas. */
static void put_languages(struct writer *w, struct slice raw)
{
    bool any = false;
    CLEANUP(buf_release) struct buf text = BUF(raw.n + 1);
    mime_unfold(&text, w->lean ? slice_none() : raw);
    struct slice rest = buf_slice(&text);
    while (rest.n > 0) {
        struct slice tag;
        (void)slice_cut(rest, ',', &tag, &rest);
        tag = slice_trim(tag);
        if (tag.n == 0)
            continue;
        buf_putc(w->out, any ? ' ' : '(');
        mime_put_nstring(w->out, tag);
        any = true;
    }
    buf_put(w->out, any ? S(")") : S("NIL"));
}

/* " disposition language location", the extension data all parts end in. */
static enum err put_extension(struct writer *w, const struct mime_part *part, struct error *error)
{
    enum err err = ERR_OK;
    buf_putc(w->out, ' ');
    if (part->disposition.p == NULL) {
        buf_put(w->out, S("NIL"));
    } else {
        buf_putc(w->out, '(');
        put_string(w, part->disposition);
        buf_putc(w->out, ' ');
        err = put_parameters(w, part->disposition_parameters, error);
        buf_putc(w->out, ')');
    }
    buf_putc(w->out, ' ');
    put_languages(w, part->language);
    buf_putc(w->out, ' ');
    put_optional(w, part->location);
    return err;
}

/* type subtype parameters id description encoding octets */
static enum err put_fields(struct writer *w, const struct mime_part *part, struct error *error)
{
    struct slice encoding = part->encoding == MIME_ENCODING_UNKNOWN
                                ? part->encoding_name
                                : slice_cstr(mime_encoding_name(part->encoding));
    put_string(w, part->type);
    buf_putc(w->out, ' ');
    put_string(w, part->subtype);
    buf_putc(w->out, ' ');
    enum err err = put_parameters(w, part->parameters, error);
    buf_putc(w->out, ' ');
    put_optional(w, part->id);
    buf_putc(w->out, ' ');
    put_optional(w, part->description);
    buf_putc(w->out, ' ');
    put_raw(w, w->lean ? slice_sub(encoding, 0, LEAN_STRING_MAX) : encoding);
    buf_putc(w->out, ' ');
    buf_put_u64(w->out, part->body.n);
    return err;
}

static enum err put_body(struct writer *w, const struct mime_part *part, struct error *error);

static enum err put_multipart(struct writer *w, const struct mime_part *part, struct error *error)
{
    enum err err = ERR_OK;
    for (const struct mime_part *child = part->first_child; child != NULL && err == ERR_OK;
         child = child->next)
        err = put_body(w, child, error);
    if (err != ERR_OK)
        return err;
    buf_putc(w->out, ' ');
    put_string(w, part->subtype);
    if (!w->extensible)
        return ERR_OK;
    buf_putc(w->out, ' ');
    err = put_parameters(w, part->parameters, error);
    return err == ERR_OK ? put_extension(w, part, error) : err;
}

static enum err put_inner_message(struct writer *w, const struct mime_part *part, struct error *error)
{
    enum err err = ERR_OK;
    buf_putc(w->out, ' ');
    if (w->lean)
        buf_put(w->out, S("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"));
    else
        err = put_envelope(w, part->first_child->header, error);
    buf_putc(w->out, ' ');
    return err == ERR_OK ? put_body(w, part->first_child, error) : err;
}

static enum err put_single(struct writer *w, const struct mime_part *part, struct error *error)
{
    enum err err = put_fields(w, part, error);
    if (err == ERR_OK && part->kind == MIME_MESSAGE)
        err = put_inner_message(w, part, error);
    if (err != ERR_OK)
        return err;
    if (part->kind == MIME_MESSAGE || slice_eq_nocase(part->type, S("text"))) {
        buf_putc(w->out, ' ');
        buf_put_u64(w->out, part->body_lines);
    }
    if (!w->extensible)
        return ERR_OK;
    buf_putc(w->out, ' ');
    put_optional(w, part->md5);
    return put_extension(w, part, error);
}

/* Calls itself for inner parts: MIME_DEPTH_MAX levels at most. */
static enum err put_body(struct writer *w, const struct mime_part *part, struct error *error)
{
    w->too_long |= !w->lean && (w->out->failed || w->out->n - w->start > MIME_BODYSTRUCTURE_MAX);
    if (w->too_long)
        return ERR_OK;
    arena_reset(&w->scratch);
    buf_putc(w->out, '(');
    enum err err = part->kind == MIME_MULTIPART ? put_multipart(w, part, error) : put_single(w, part, error);
    buf_putc(w->out, ')');
    return err;
}

enum err mime_put_bodystructure(struct buf *out, const struct mime_part *part, bool extensible,
                                struct error *error)
{
    CLEANUP(writer_release)
    struct writer w = {.out = out, .scratch = ARENA(SCRATCH_MAX), .start = out->n, .extensible = extensible};
    bool failed = out->failed;
    enum err err = put_body(&w, part, error);
    if (err == ERR_OK && (w.too_long || out->failed || out->n - w.start > MIME_BODYSTRUCTURE_MAX)) {
        out->n = w.start;
        out->failed = failed;
        w.lean = true;
        w.too_long = false;
        err = put_body(&w, part, error);
    }
    return as_nomem(err, error);
}
