/*
 * One FETCH response (RFC 3501 7.4.2). What the store keeps wire-ready is copied; a body goes from the mapped
 * content to the connection piece by piece and is never copied whole.
 */
#include "imap/session_internal.h"
#include "mime/binary.h"
#include "mime/header.h"
#include "mime/imap_text.h"

enum need { NEED_NOTHING, NEED_HEADER, NEED_WHOLE };

/* What a BINARY item gives. */
struct decoded {
    const struct mime_part *part; /* NULL: there is none, or it is the whole message */
    struct slice bytes;
    struct buf made;
};

/* One response being written. */
struct output {
    struct imap_call *call;
    struct conn *conn;
    const struct message *message;
    struct arena *arena;
    struct content content;
    struct mime_part *root;  /* parsed when first needed */
    struct decoded *decoded; /* of each item; NULL: no item asks for BINARY */
    size_t decoded_count;
    const char *space;
};

static enum need need_of(const struct imap_fetch_item *item)
{
    switch (item->kind) {
    case IMAP_FETCH_BODY:
    case IMAP_FETCH_RFC822:
    case IMAP_FETCH_RFC822_TEXT:
    case IMAP_FETCH_BINARY:
    case IMAP_FETCH_BINARY_SIZE:
        return NEED_WHOLE;
    case IMAP_FETCH_RFC822_HEADER:
        return NEED_HEADER;
    case IMAP_FETCH_SECTION:
        return item->section.count == 0 && item->section.what == MIME_SECTION_HEADER ? NEED_HEADER
                                                                                     : NEED_WHOLE;
    case IMAP_FETCH_UID:
    case IMAP_FETCH_FLAGS:
    case IMAP_FETCH_INTERNALDATE:
    case IMAP_FETCH_SIZE:
    case IMAP_FETCH_ENVELOPE:
    case IMAP_FETCH_BODYSTRUCTURE:
    case IMAP_FETCH_MODSEQ:
    case IMAP_FETCH_EMAILID:
    case IMAP_FETCH_THREADID:
    case IMAP_FETCH_SAVEDATE:
    case IMAP_FETCH_PREVIEW:
        return NEED_NOTHING;
    }
    return NEED_NOTHING;
}

static bool read_content(struct output *o, const struct imap_fetch *fetch)
{
    enum need need = NEED_NOTHING;
    for (size_t i = 0; i < fetch->count; i++)
        need = MAX(need, need_of(&fetch->items[i]));
    if (need == NEED_NOTHING)
        return true;
    return message_read(o->call->session->account, o->message->object,
                        need == NEED_HEADER ? CONTENT_HEADER : CONTENT_WHOLE, &o->content,
                        &o->call->error) == ERR_OK;
}

static bool parse_structure(struct output *o)
{
    return o->root != NULL || mime_parse(o->arena, o->content.whole, &o->root, &o->call->error) == ERR_OK;
}

static bool is_binary(const struct imap_fetch_item *item)
{
    return item->kind == IMAP_FETCH_BINARY || item->kind == IMAP_FETCH_BINARY_SIZE;
}

/* The part that a BINARY item names; NULL: there is none, or it is the whole message, which has no encoding.
 */
static const struct mime_part *binary_part(const struct output *o, const struct imap_section *section)
{
    return section->count > 0 ? mime_section_part(o->root, section->numbers, section->count) : NULL;
}

/* Each part once: a command may name it a hundred times. */
static bool find_decoded(const struct output *o, const struct mime_part *part, struct slice *ret)
{
    for (size_t i = 0; i < o->decoded_count; i++) {
        if (o->decoded[i].part == part) {
            *ret = o->decoded[i].bytes;
            return true;
        }
    }
    return false;
}

static bool decode(struct output *o, const struct imap_section *section, struct decoded *decoded)
{
    const struct mime_part *part = binary_part(o, section);
    struct error *error = &o->call->error;
    if (part == NULL || find_decoded(o, part, &decoded->bytes))
        return true;
    if (!mime_part_decodable(part)) {
        fail_plain(error, ERR_UNSUPPORTED, "Its transfer encoding is unknown");
        return false;
    }
    decoded->bytes = mime_part_binary(part, &decoded->made);
    decoded->part = part;
    if (!buf_failed(&decoded->made))
        return true;
    fail_nomem(error);
    return false;
}

static bool decode_all(struct output *o, const struct imap_fetch *fetch)
{
    o->decoded = arena_array(o->arena, fetch->count, sizeof(*o->decoded));
    if (o->decoded == NULL) {
        fail_nomem(&o->call->error);
        return false;
    }
    o->decoded_count = fetch->count;
    for (size_t i = 0; i < fetch->count; i++)
        if (is_binary(&fetch->items[i]) && !decode(o, &fetch->items[i].section, &o->decoded[i]))
            return false;
    return true;
}

/* Before the line is begun: everything that may fail. */
static bool prepare(struct output *o, const struct imap_fetch *fetch)
{
    bool binary = false;
    if (!read_content(o, fetch))
        return false;
    for (size_t i = 0; i < fetch->count; i++) {
        const struct imap_fetch_item *item = &fetch->items[i];
        bool parsed = item->kind == IMAP_FETCH_BODY || item->section.count > 0;
        if (parsed && !parse_structure(o))
            return false;
        binary = binary || is_binary(item);
    }
    return !binary || decode_all(o, fetch);
}

static void put(struct output *o, struct slice text)
{
    conn_write(o->conn, text);
}

/* No printf in what a FETCH of a whole folder repeats for each message: it was a fifth of its time. */
static void put_name(struct output *o, struct slice name)
{
    struct buf *out = conn_output(o->conn);
    buf_put(out, slice_cstr(o->space));
    buf_put(out, name);
    buf_putc(out, ' ');
    o->space = " ";
}

static void put_number(struct output *o, uint64_t number)
{
    buf_put_u64(conn_output(o->conn), number);
    conn_wrote(o->conn);
}

static void put_literal(struct output *o, const struct imap_fetch_item *item, struct slice text)
{
    if (item->partial)
        text = slice_sub(text, item->offset, item->length);
    /* RFC 3516 4.3: the mark tells of a NUL. */
    bool nul = item->kind == IMAP_FETCH_BINARY && text.n > 0 && memchr(text.p, 0, text.n) != NULL;
    conn_printf(o->conn, " %s{%zu}\r\n", nul ? "~" : "", text.n);
    put(o, text);
}

static void put_section_name(struct output *o, const char *name, const struct imap_section *section)
{
    static const char *const words[] = {[MIME_SECTION_ALL] = "",
                                        [MIME_SECTION_HEADER] = "HEADER",
                                        [MIME_SECTION_TEXT] = "TEXT",
                                        [MIME_SECTION_MIME] = "MIME"};
    struct buf *out = conn_output(o->conn);
    buf_printf(out, "%s%s[", o->space, name);
    for (size_t i = 0; i < section->count; i++)
        buf_printf(out, "%s%u", i > 0 ? "." : "", section->numbers[i]);
    buf_printf(out, "%s%s", section->count > 0 && section->what != MIME_SECTION_ALL ? "." : "",
               words[section->what]);
    if (section->fields) {
        buf_put(out, section->but ? S(".FIELDS.NOT (") : S(".FIELDS ("));
        for (size_t i = 0; i < section->name_count; i++) {
            if (i > 0)
                buf_putc(out, ' ');
            imap_put_astring(out, section->names[i]);
        }
        buf_putc(out, ')');
    }
    buf_putc(out, ']');
    conn_wrote(o->conn);
    o->space = " ";
}

static struct slice header_of(const struct output *o)
{
    return slice_sub(o->content.whole, 0, o->content.header_n);
}

bool imap_section_find(const struct content *content, const struct mime_part *root,
                       const struct imap_section *section, struct slice *ret)
{
    if (section->count > 0)
        return mime_section_slice(root, section->numbers, section->count, section->what, ret);
    if (section->what == MIME_SECTION_HEADER)
        *ret = slice_sub(content->whole, 0, content->header_n);
    else if (section->what == MIME_SECTION_TEXT)
        *ret = slice_from(content->whole, content->header_n);
    else
        *ret = content->whole;
    return true;
}

static void put_section(struct output *o, const struct imap_fetch_item *item)
{
    const struct imap_section *section = &item->section;
    struct slice bytes;
    put_section_name(o, "BODY", section);
    if (item->partial)
        conn_printf(o->conn, "<%llu>", (unsigned long long)item->offset);
    if (!imap_section_find(&o->content, o->root, section, &bytes)) {
        put(o, S(" NIL"));
        return;
    }
    if (!section->fields) {
        put_literal(o, item, bytes);
        return;
    }
    CLEANUP(buf_release) struct buf fields = BUF(bytes.n + 16);
    mime_header_select(&fields, bytes, section->names, section->name_count, section->but);
    put_literal(o, item, buf_slice(&fields));
}

static void put_binary(struct output *o, const struct imap_fetch_item *item, const struct decoded *decoded)
{
    bool exists = item->section.count == 0 || binary_part(o, &item->section) != NULL;
    struct slice bytes = item->section.count == 0 ? o->content.whole : decoded->bytes;
    put_section_name(o, item->kind == IMAP_FETCH_BINARY ? "BINARY" : "BINARY.SIZE", &item->section);
    if (item->partial)
        conn_printf(o->conn, "<%llu>", (unsigned long long)item->offset);
    if (item->kind == IMAP_FETCH_BINARY_SIZE)
        conn_printf(o->conn, " %zu", bytes.n);
    else if (exists)
        put_literal(o, item, bytes);
    else
        put(o, S(" NIL"));
}

static void put_body_structure(struct output *o)
{
    CLEANUP(buf_release) struct buf text = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    put_name(o, S("BODY"));
    if (mime_put_bodystructure(&text, o->root, false, &error) == ERR_OK && !buf_failed(&text))
        put(o, buf_slice(&text));
    else
        put(o, S("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)"));
}

static void put_flags(struct output *o)
{
    struct imap_session *s = o->call->session;
    put_name(o, S("FLAGS"));
    struct buf *out = conn_output(o->conn);
    imap_put_flags(out, &o->message->flags, o->call->keywords, o->call->keyword_count,
                   !s->rev2 && view_is_recent(s->view, o->message->uid));
    conn_wrote(o->conn);
}

static void put_date(struct output *o, struct slice name, int64_t at_us)
{
    put_name(o, name);
    imap_put_internal_date(conn_output(o->conn), at_us);
    conn_wrote(o->conn);
}

static void put_preview(struct output *o)
{
    put_name(o, S("PREVIEW"));
    imap_put_string(conn_output(o->conn), o->message->preview);
    conn_wrote(o->conn);
}

static void put_whole(struct output *o, const struct imap_fetch_item *item, const char *name,
                      struct slice bytes)
{
    conn_printf(o->conn, "%s%s", o->space, name);
    o->space = " ";
    put_literal(o, item, bytes);
}

static void put_modseq(struct output *o)
{
    struct imap_session *s = o->call->session;
    put_name(o, S("MODSEQ"));
    conn_printf(o->conn, "(%llu)", (unsigned long long)o->message->changed.v);
    s->modseq_told = MAX(s->modseq_told, o->message->changed.v);
}

static void put_item(struct output *o, const struct imap_fetch_item *item, const struct decoded *decoded)
{
    switch (item->kind) {
    case IMAP_FETCH_UID:
        put_name(o, S("UID"));
        put_number(o, o->message->uid.v);
        return;
    case IMAP_FETCH_FLAGS:
        put_flags(o);
        return;
    case IMAP_FETCH_INTERNALDATE:
        put_date(o, S("INTERNALDATE"), o->message->internal_date_us);
        return;
    case IMAP_FETCH_SAVEDATE:
        put_date(o, S("SAVEDATE"), o->message->saved_us);
        return;
    case IMAP_FETCH_EMAILID:
        put_name(o, S("EMAILID"));
        conn_printf(o->conn, "(" IMAP_EMAILID_FORMAT ")", (unsigned long long)o->message->object.v);
        return;
    case IMAP_FETCH_THREADID:
        put_name(o, S("THREADID"));
        conn_printf(o->conn, "(" IMAP_THREADID_FORMAT ")", (unsigned long long)o->message->thread.v);
        return;
    case IMAP_FETCH_PREVIEW:
        put_preview(o);
        return;
    case IMAP_FETCH_SIZE:
        put_name(o, S("RFC822.SIZE"));
        put_number(o, o->message->size);
        return;
    case IMAP_FETCH_MODSEQ:
        put_modseq(o);
        return;
    case IMAP_FETCH_ENVELOPE:
        put_name(o, S("ENVELOPE"));
        put(o, o->message->envelope);
        return;
    case IMAP_FETCH_BODYSTRUCTURE:
        put_name(o, S("BODYSTRUCTURE"));
        put(o, o->message->structure);
        return;
    case IMAP_FETCH_BODY:
        put_body_structure(o);
        return;
    case IMAP_FETCH_SECTION:
        put_section(o, item);
        return;
    case IMAP_FETCH_BINARY:
    case IMAP_FETCH_BINARY_SIZE:
        put_binary(o, item, decoded);
        return;
    case IMAP_FETCH_RFC822:
        put_whole(o, item, "RFC822", o->content.whole);
        return;
    case IMAP_FETCH_RFC822_HEADER:
        put_whole(o, item, "RFC822.HEADER", header_of(o));
        return;
    case IMAP_FETCH_RFC822_TEXT:
        put_whole(o, item, "RFC822.TEXT", slice_from(o->content.whole, o->content.header_n));
        return;
    }
}

static void output_release(struct output *o)
{
    for (size_t i = 0; i < o->decoded_count; i++)
        buf_release(&o->decoded[i].made);
    content_release(&o->content);
}

bool imap_send_fetch(struct imap_call *call, const struct imap_fetch *fetch, const struct message *message,
                     uint32_t seq, bool flags_changed, struct arena *arena)
{
    CLEANUP(output_release)
    struct output o = {
        .call = call,
        .conn = call->session->conn,
        .message = message,
        .arena = arena,
        .space = "",
    };
    if (!prepare(&o, fetch))
        return false;
    bool has_uid = false;
    bool has_flags = false;
    for (size_t i = 0; i < fetch->count; i++) {
        has_uid = has_uid || fetch->items[i].kind == IMAP_FETCH_UID;
        has_flags = has_flags || fetch->items[i].kind == IMAP_FETCH_FLAGS;
    }
    /* RFC 7162 3.2.4: an answer that tells of \Seen is an unsolicited one too. */
    bool tells_modseq = flags_changed && call->session->condstore;
    imap_put_fetch(call->session, message->uid, seq);
    if ((call->command.by_uid || tells_modseq) && !has_uid && !call->session->uidonly)
        put_item(&o, &(struct imap_fetch_item){.kind = IMAP_FETCH_UID}, NULL);
    for (size_t i = 0; i < fetch->count; i++)
        put_item(&o, &fetch->items[i], o.decoded != NULL ? &o.decoded[i] : NULL);
    if (flags_changed && !has_flags)
        put_flags(&o);
    if (tells_modseq && !fetch->modseq)
        put_modseq(&o);
    put(&o, S(")\r\n"));
    return true;
}
