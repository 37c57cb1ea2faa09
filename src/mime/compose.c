#include "mime/compose.h"

#include "base/ids.h"
#include "base/must.h"
#include "base/utf8.h"
#include "mime/encoded_word.h"
#include "mime/encoding.h"
#include "mime/parameter.h"

enum {
    LINE_GOOD = 78, /* RFC 5322 2.1.1 */
    LINE_MOST = 998,
    TOKEN_CUT = 900, /* a longer run without a blank is parted */
    FIELD_MAX = 1 << 20,
    FILENAME_CUT = 200,
};

/* "Name: value" folded at spaces; what is not printable ASCII becomes '?', runs of blanks one space. */
static void put_folded(struct buf *out, const char *name, struct slice value)
{
    buf_put(out, slice_cstr(name));
    buf_putc(out, ':');
    size_t column = strlen(name) + 1;
    struct cursor c = cursor_of(value);
    for (bool first = true;; first = false) {
        while (!cursor_done(&c) && (unsigned char)*c.p <= ' ')
            c.p++;
        if (cursor_done(&c))
            break;
        const char *from = c.p;
        while (!cursor_done(&c) && (unsigned char)*c.p > ' ' && c.p - from < TOKEN_CUT)
            c.p++;
        size_t n = (size_t)(c.p - from);
        bool fold = column + 1 + n > LINE_GOOD && (!first || column + 1 + n > LINE_MOST);
        buf_put(out, fold ? S("\r\n ") : S(" "));
        column = (fold ? 1 : column + 1) + n;
        for (; from < c.p; from++)
            buf_putc(out, *from > ' ' && *from < 0x7f ? *from : '?');
    }
    buf_put(out, S("\r\n"));
}

void mime_compose_text_field(struct buf *out, const char *name, struct slice utf8)
{
    CLEANUP(buf_release) struct buf value = BUF(FIELD_MAX);
    mime_words_encode(&value, slice_trim(utf8), false);
    put_folded(out, name, buf_slice(&value));
}

void mime_compose_field(struct buf *out, const char *name, struct slice ascii)
{
    put_folded(out, name, ascii);
}

static void put_mailbox(struct buf *value, struct slice display, struct slice spec)
{
    mime_words_encode(value, slice_trim(display), true);
    buf_put(value, slice_trim(display).n > 0 ? S(" <") : S("<"));
    buf_put(value, spec);
    buf_putc(value, '>');
}

void mime_compose_addresses(struct buf *out, const char *name, const struct mime_address *first)
{
    CLEANUP(buf_release) struct buf value = BUF(FIELD_MAX);
    CLEANUP(buf_release) struct buf spec = BUF(FIELD_MAX);
    bool comma = false;
    if (first == NULL)
        return;
    for (const struct mime_address *a = first; a != NULL; a = a->next) {
        if (comma && a->kind != MIME_ADDRESS_GROUP_END)
            buf_put(&value, S(", "));
        comma = a->kind != MIME_ADDRESS_GROUP_START;
        if (a->kind == MIME_ADDRESS_GROUP_START) {
            mime_words_encode(&value, a->local, true);
            buf_put(&value, S(": "));
        } else if (a->kind == MIME_ADDRESS_GROUP_END) {
            buf_putc(&value, ';');
        } else {
            buf_clear(&spec);
            mime_address_put_spec(&spec, a);
            put_mailbox(&value, a->name, buf_slice(&spec));
        }
    }
    put_folded(out, name, buf_slice(&value));
}

void mime_compose_mailbox(struct buf *out, const char *name, struct slice display, struct slice address)
{
    CLEANUP(buf_release) struct buf value = BUF(FIELD_MAX);
    put_mailbox(&value, display, address);
    put_folded(out, name, buf_slice(&value));
}

void mime_compose_date(struct buf *out, const char *name, struct mime_date date)
{
    CLEANUP(buf_release) struct buf value = BUF(64);
    mime_date_put(&value, date);
    put_folded(out, name, buf_slice(&value));
}

void mime_message_id_put(struct buf *out, struct slice host)
{
    char left[ID_TEXT_MAX];
    char right[ID_TEXT_MAX];
    id_to_text(id_random(), left);
    id_to_text(id_random(), right);
    buf_printf(out, "<%s.%s@", left, right);
    for (size_t i = 0; i < host.n; i++)
        if (ascii_is_alnum(host.p[i]) || host.p[i] == '.' || host.p[i] == '-')
            buf_putc(out, host.p[i]);
    buf_putc(out, '>');
}

static void put_version(struct mime_composer *composer)
{
    if (composer->depth == 0)
        put_folded(composer->out, "MIME-Version", S("1.0"));
}

static void put_encoding(struct mime_composer *composer, enum mime_encoding encoding)
{
    put_folded(composer->out, "Content-Transfer-Encoding", slice_cstr(mime_encoding_name(encoding)));
}

void mime_compose_multipart(struct mime_composer *composer, const char *subtype)
{
    must(composer->depth < MIME_COMPOSE_DEPTH_MAX);
    put_version(composer);
    char *boundary = composer->boundaries[composer->depth++];
    char text[ID_TEXT_MAX];
    id_to_text(id_random(), text);
    int n = snprintf(boundary, MIME_BOUNDARY_TEXT_MAX, "=_%s_", text);
    id_to_text(id_random(), text);
    must(n > 0 && n + (int)strlen(text) < MIME_BOUNDARY_TEXT_MAX);
    memcpy(boundary + n, text, strlen(text) + 1);
    CLEANUP(buf_release) struct buf value = BUF(FIELD_MAX);
    buf_printf(&value, "multipart/%s; boundary=\"%s\"", subtype, boundary);
    put_folded(composer->out, "Content-Type", buf_slice(&value));
    buf_put(composer->out, S("\r\n"));
}

void mime_compose_part(struct mime_composer *composer)
{
    must(composer->depth > 0);
    buf_printf(composer->out, "\r\n--%s\r\n", composer->boundaries[composer->depth - 1]);
}

void mime_compose_end(struct mime_composer *composer)
{
    must(composer->depth > 0);
    buf_printf(composer->out, "\r\n--%s--\r\n", composer->boundaries[--composer->depth]);
}

/* ASCII text in lines short enough to be sent as it is. */
static bool is_7bit(struct slice text)
{
    size_t column = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool end = c == '\n' || (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n');
        column = end ? 0 : column + 1;
        if (!end && c != '\t' && !(c >= ' ' && c < 0x7f))
            return false;
        if (column > LINE_MOST)
            return false;
    }
    return true;
}

/* Lines end in CRLF, the last one too. */
static void put_lines(struct buf *out, struct slice text)
{
    while (text.n > 0) {
        struct slice line;
        (void)slice_cut(text, '\n', &line, &text);
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        buf_put(out, line);
        buf_put(out, S("\r\n"));
    }
}

void mime_compose_text(struct mime_composer *composer, const char *subtype, struct slice utf8)
{
    bool plain = is_7bit(utf8);
    CLEANUP(buf_release) struct buf type = BUF(FIELD_MAX);
    put_version(composer);
    buf_printf(&type, "text/%s; charset=%s", subtype, plain ? "us-ascii" : "utf-8");
    put_folded(composer->out, "Content-Type", buf_slice(&type));
    put_encoding(composer, plain ? MIME_ENCODING_7BIT : MIME_ENCODING_QUOTED_PRINTABLE);
    buf_put(composer->out, S("\r\n"));
    if (plain) {
        put_lines(composer->out, utf8);
        return;
    }
    CLEANUP(buf_release) struct buf repaired = BUF(3 * utf8.n + 16);
    utf8_put_repaired(&repaired, utf8);
    composer->out->failed |= buf_failed(&repaired);
    mime_encode_quoted_printable(composer->out, buf_slice(&repaired), true);
    if (!slice_ends(utf8, S("\n")))
        buf_put(composer->out, S("\r\n"));
}

void mime_compose_attachment(struct mime_composer *composer, const char *type, struct slice filename,
                             struct slice bytes)
{
    CLEANUP(buf_release) struct buf disposition = BUF(FIELD_MAX);
    put_version(composer);
    put_folded(composer->out, "Content-Type", slice_cstr(type));
    buf_put(&disposition, S("attachment"));
    if (filename.n > 0)
        mime_parameter_put(&disposition, S("filename"), utf8_cut(filename, FILENAME_CUT));
    put_folded(composer->out, "Content-Disposition", buf_slice(&disposition));
    put_encoding(composer, MIME_ENCODING_BASE64);
    buf_put(composer->out, S("\r\n"));
    mime_encode_base64(composer->out, bytes);
}

void mime_compose_status(struct mime_composer *composer, const char *type, struct slice ascii)
{
    size_t start;
    put_version(composer);
    put_folded(composer->out, "Content-Type", slice_cstr(type));
    buf_put(composer->out, S("\r\n"));
    start = composer->out->n;
    put_lines(composer->out, ascii);
    for (size_t i = start; i < composer->out->n; i++)
        if ((unsigned char)composer->out->p[i] >= 0x7f || composer->out->p[i] == 0)
            composer->out->p[i] = '?';
}

void mime_compose_original(struct mime_composer *composer, struct slice message)
{
    bool plain = is_7bit(message);
    put_version(composer);
    put_folded(composer->out, "Content-Type", plain ? S("message/rfc822") : S("message/global"));
    put_encoding(composer, plain ? MIME_ENCODING_7BIT : MIME_ENCODING_BASE64);
    buf_put(composer->out, S("\r\n"));
    if (plain)
        put_lines(composer->out, message);
    else
        mime_encode_base64(composer->out, message);
}

void mime_compose_original_header(struct mime_composer *composer, struct slice header)
{
    bool plain = is_7bit(header);
    put_version(composer);
    put_folded(composer->out, "Content-Type",
               plain ? S("text/rfc822-headers") : S("text/rfc822-headers; charset=utf-8"));
    put_encoding(composer, plain ? MIME_ENCODING_7BIT : MIME_ENCODING_QUOTED_PRINTABLE);
    buf_put(composer->out, S("\r\n"));
    if (plain)
        put_lines(composer->out, header);
    else
        mime_encode_quoted_printable(composer->out, header, true);
}
