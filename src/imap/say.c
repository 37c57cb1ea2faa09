#include "imap/session_internal.h"

/* RFC 9051 9, text: after ENABLE IMAP4rev2 it may be UTF-8; RFC 5255 3.2: after LANGUAGE too. */
struct tongue imap_tongue(const struct imap_session *s)
{
    return (struct tongue){s->tongue.language, s->tongue.negotiated || s->rev2};
}

void imap_put_line(struct imap_session *s, struct slice tag, const char *status, struct slice code,
                   const char *text)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, tag);
    buf_putc(out, ' ');
    buf_put(out, slice_cstr(status));
    buf_putc(out, ' ');
    buf_put(out, code);
    if (code.n > 0)
        buf_putc(out, ' ');
    language_put_coded(out, imap_tongue(s), slice_cstr(text));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

void imap_say(struct imap_session *s, const char *status, const char *text, const char *code, ...)
{
    CLEANUP(buf_release) struct buf formatted = BUF(IMAP_REPLY_CODE_MAX);
    va_list args;
    va_start(args, code);
    buf_vprintf(&formatted, code, args);
    va_end(args);
    imap_put_line(s, S("*"), status, buf_failed(&formatted) ? slice_none() : buf_slice(&formatted), text);
}
