#include "imap/response.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "imap/mailbox_name.h"
#include "imap/parser.h"
#include "mime/date.h"

enum { QUOTED_MAX = 1000 /* longer strings go as literals */ };

static void put_quoted(struct buf *out, struct slice text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}

static void put_literal(struct buf *out, struct slice text)
{
    buf_printf(out, "{%zu}\r\n", text.n);
    buf_put(out, text);
}

void imap_put_string(struct buf *out, struct slice text)
{
    bool quoted = text.n <= QUOTED_MAX;
    for (size_t i = 0; i < text.n && quoted; i++)
        quoted = text.p[i] >= 0x20 && text.p[i] < 0x7f;
    if (quoted)
        put_quoted(out, text);
    else
        put_literal(out, text);
}

void imap_put_literal8(struct buf *out, struct slice bytes)
{
    buf_printf(out, "~{%zu}\r\n", bytes.n);
    buf_put(out, bytes);
}

void imap_put_astring(struct buf *out, struct slice text)
{
    bool atom = text.n > 0;
    for (size_t i = 0; i < text.n && atom; i++)
        atom = imap_is_astring_char(text.p[i]);
    if (atom)
        buf_put(out, text);
    else
        imap_put_string(out, text);
}

void imap_put_mailbox(struct buf *out, struct slice path, bool utf8)
{
    if (utf8 && utf8_valid(path)) { /* without controls: store/folder_path.h */
        put_quoted(out, path);
        return;
    }
    CLEANUP(buf_release) struct buf name = BUF(16 * FOLDER_PATH_MAX);
    mailbox_name_encode(&name, path);
    imap_put_string(out, buf_slice(&name));
}

static const struct {
    unsigned bit;
    const char *name;
} system_flags[] = {
    {FLAG_ANSWERED, "\\Answered"}, {FLAG_FLAGGED, "\\Flagged"}, {FLAG_DELETED, "\\Deleted"},
    {FLAG_SEEN, "\\Seen"},         {FLAG_DRAFT, "\\Draft"},
};

void imap_put_flags(struct buf *out, const struct flagset *flags, const struct slice *names, size_t count,
                    bool recent)
{
    struct slice space = slice_none();
    buf_putc(out, '(');
    for (size_t i = 0; i < ARRAY_LEN(system_flags); i++) {
        if (flag_has(flags, system_flags[i].bit)) {
            buf_put(out, space);
            buf_put(out, slice_cstr(system_flags[i].name));
            space = S(" ");
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (flag_has(flags, FLAG_KEYWORDS_FROM + (unsigned)i)) {
            buf_put(out, space);
            buf_put(out, names[i]);
            space = S(" ");
        }
    }
    if (recent) {
        buf_put(out, space);
        buf_put(out, S("\\Recent"));
    }
    buf_putc(out, ')');
}

void imap_put_flag_names(struct buf *out, const struct flagset *only, const struct slice *names, size_t count)
{
    const char *space = "";
    for (size_t i = 0; i < ARRAY_LEN(system_flags); i++) {
        if (flag_has(only, system_flags[i].bit)) {
            buf_printf(out, "%s%s", space, system_flags[i].name);
            space = " ";
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (flag_has(only, FLAG_KEYWORDS_FROM + (unsigned)i)) {
            buf_printf(out, "%s%.*s", space, SLICE_ARGS(names[i]));
            space = " ";
        }
    }
}

void imap_put_internal_date(struct buf *out, int64_t at_us)
{
    int64_t seconds = at_us / CLOCK_SECOND - (at_us % CLOCK_SECOND < 0);
    buf_putc(out, '"');
    mime_date_put_internal(out, (struct mime_date){.seconds = seconds});
    buf_putc(out, '"');
}

void imap_reply_set(struct imap_reply *reply, enum imap_status status, const char *code, const char *format,
                    ...)
{
    reply->status = status;
    buf_clear(&reply->code);
    if (code[0] != 0)
        buf_printf(&reply->code, "[%s]", code);
    va_list args;
    va_start(args, format);
    vsnprintf(reply->text, sizeof(reply->text), format, args);
    va_end(args);
    for (char *c = reply->text; *c != 0; c++)
        if (*c == '\r' || *c == '\n')
            *c = ' ';
}

void imap_reply_copy(struct imap_reply *reply, const struct imap_reply *other)
{
    imap_reply_set(reply, other->status, "", "%s", other->text);
    buf_put(&reply->code, buf_slice(&other->code));
}

void imap_reply_error(struct imap_reply *reply, const struct error *error)
{
    static const char *const codes[] = {
        [ERR_NOMEM] = "SERVERBUG",
        [ERR_IO] = "SERVERBUG",
        [ERR_CORRUPT] = "CORRUPTION",
        [ERR_NOT_FOUND] = "NONEXISTENT",
        [ERR_EXISTS] = "ALREADYEXISTS",
        [ERR_INVALID] = "CANNOT",
        [ERR_LIMIT] = "LIMIT",
        [ERR_QUOTA] = "OVERQUOTA",
        [ERR_DENIED] = "NOPERM",
        [ERR_AUTH] = "AUTHENTICATIONFAILED",
        [ERR_BUSY] = "INUSE",
        [ERR_TIMEOUT] = "UNAVAILABLE",
        [ERR_UNAVAILABLE] = "UNAVAILABLE",
        [ERR_UNSUPPORTED] = "CANNOT",
    };
    size_t code = (size_t)error->code;
    const char *word = code < ARRAY_LEN(codes) && codes[code] != NULL ? codes[code] : "SERVERBUG";
    imap_reply_set(reply, IMAP_STATUS_NO, word, "%s", error->client);
}
