/*
 * URLFETCH (RFC 4467 7, RFC 5524): what signed URLs mean. One response a URL; NIL for every URL that is not
 * good, whatever the reason.
 */
#include "imap/urlauth.h"
#include "mime/binary.h"
#include "mime/imap_text.h"

/* One URL being answered. */
struct answer {
    struct conn *conn;
    const struct imap_url *url;
    const struct imap_part *part;
    struct slice binary; /* when that is asked for */
    struct buf made;     /* what `binary` may borrow from */
    bool undecodable;
};

static void answer_release(struct answer *answer)
{
    buf_release(&answer->made);
}

static void put_bytes(struct conn *conn, struct slice bytes)
{
    conn_printf(conn, "{%zu}\r\n", bytes.n);
    conn_write(conn, bytes);
}

/* RFC 5524 3.1: a literal8 when there is a NUL in it. */
static void put_binary(struct conn *conn, struct slice bytes)
{
    if (bytes.n > 0 && memchr(bytes.p, 0, bytes.n) != NULL)
        conn_write(conn, S("~"));
    put_bytes(conn, bytes);
}

/* The part whose body the URL means; NULL: something else, a header or the whole message. */
static const struct mime_part *body_part(const struct imap_part *part)
{
    const struct imap_section *section = &part->section;
    return section->count > 0 && section->what == MIME_SECTION_ALL
               ? mime_section_part(part->root, section->numbers, section->count)
               : NULL;
}

static enum err decode(struct answer *answer, struct error *error)
{
    const struct mime_part *part = body_part(answer->part);
    answer->binary = answer->part->bytes; /* what is no part has no encoding */
    if (part != NULL && mime_part_decodable(part))
        answer->binary = mime_part_binary(part, &answer->made);
    answer->undecodable = part != NULL && !mime_part_decodable(part);
    return buf_failed(&answer->made) ? fail_nomem(error) : ERR_OK;
}

static enum mime_encoding identity_of(struct slice bytes)
{
    enum mime_encoding encoding = MIME_ENCODING_7BIT;
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == 0)
            return MIME_ENCODING_BINARY;
        if ((unsigned char)bytes.p[i] >= 0x80)
            encoding = MIME_ENCODING_8BIT;
    }
    return encoding;
}

static size_t count_lines(struct slice bytes)
{
    size_t lines = 0;
    for (size_t i = 0; i < bytes.n; i++)
        lines += bytes.p[i] == '\n';
    return lines;
}

/* What is sent, as a part: with BINARY it has no transfer encoding; a header is text. */
static struct mime_part described(const struct answer *answer, bool binary)
{
    const struct imap_section *section = &answer->part->section;
    const struct mime_part *part = section->count > 0 ? body_part(answer->part) : answer->part->root;
    bool whole = section->what == MIME_SECTION_ALL;
    struct mime_part it = {.type = S("text"), .subtype = S("plain"), .body = answer->part->bytes};
    if (whole)
        it = *part;
    bool decoded = whole && section->count > 0 && binary && !answer->undecodable && it.kind == MIME_LEAF;
    if (decoded)
        it.body = answer->binary;
    if (decoded || !whole) {
        it.encoding = identity_of(it.body);
        it.body_lines = count_lines(it.body);
    }
    return it;
}

static void put_structure(struct answer *answer, bool binary)
{
    CLEANUP(buf_release) struct buf text = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    struct mime_part part = described(answer, binary);
    if (mime_put_bodystructure(&text, &part, false, &error) == ERR_OK && !buf_failed(&text))
        conn_write(answer->conn, buf_slice(&text));
    else
        conn_write(answer->conn, S("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)"));
}

static void put_item(struct answer *answer, enum imap_url_item item, bool binary)
{
    struct conn *conn = answer->conn;
    switch (item) {
    case IMAP_URL_BODY:
        conn_write(conn, S(" (BODY "));
        put_bytes(conn, imap_url_cut(answer->url, answer->part->bytes));
        break;
    case IMAP_URL_BINARY:
        conn_write(conn, S(" (BINARY "));
        /* RFC 5524 3.2: NIL when the encoding is unknown. */
        if (answer->undecodable)
            conn_write(conn, S("NIL"));
        else
            put_binary(conn, imap_url_cut(answer->url, answer->binary));
        break;
    case IMAP_URL_BODYPARTSTRUCTURE:
        conn_write(conn, S(" (BODYPARTSTRUCTURE "));
        put_structure(answer, binary);
        break;
    }
    conn_write(conn, S(")"));
}

static bool asks_for(const struct imap_url_request *request, enum imap_url_item item)
{
    for (size_t i = 0; i < request->item_count; i++)
        if (request->items[i] == item)
            return true;
    return false;
}

/* False: the server failed, the reply says how. */
static bool fetch(struct imap_session *s, struct imap_call *call, const struct imap_url_request *request)
{
    CLEANUP(imap_part_release) struct imap_part part = {0};
    struct imap_url url;
    CLEANUP(answer_release) struct answer answer = {.conn = s->conn, .url = &url, .part = &part};
    bool binary = asks_for(request, IMAP_URL_BINARY);
    enum err err = imap_urlauth_read(call, request->url, &url, &part, &call->error);
    if (err == ERR_OK && binary)
        err = decode(&answer, &call->error);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        imap_call_failed(call);
        return false;
    }
    conn_write(s->conn, S("* URLFETCH "));
    imap_put_string(conn_output(s->conn), request->url);
    conn_wrote(s->conn);
    if (err != ERR_OK) {
        conn_write(s->conn, S(" NIL"));
    } else if (request->item_count == 0) {
        conn_write(s->conn, S(" "));
        put_bytes(s->conn, imap_url_cut(&url, part.bytes));
    }
    for (size_t i = 0; err == ERR_OK && i < request->item_count; i++)
        put_item(&answer, request->items[i], binary);
    conn_write(s->conn, S("\r\n"));
    return true;
}

void cmd_urlfetch(struct imap_session *s, struct imap_call *call)
{
    const struct imap_urls *urls = &call->command.urls;
    for (size_t i = 0; i < urls->count && !conn_broken(s->conn); i++)
        if (!fetch(s, call, &urls->requests[i]))
            return;
}
