#include "imap/mailbox_name.h"
#include "imap/session_internal.h"

/* RFC 5255 3.4: only to who has asked for a language, as older clients don't expect it. In modified UTF-7,
 * whatever is enabled. */
static void put_translation(struct imap_session *s, struct buf *out)
{
    CLEANUP(buf_release) struct buf name = BUF(LANGUAGE_SENTENCE_MAX);
    CLEANUP(buf_release) struct buf encoded = BUF(16 * LANGUAGE_SENTENCE_MAX);
    if (!s->tongue.negotiated || s->tongue.language == LANGUAGE_EN)
        return;
    language_put(&name, s->tongue, S(IMAP_OTHER_USERS));
    buf_putc(&name, '/');
    mailbox_name_encode(&encoded, buf_slice(&name));
    buf_put(out, S(" \"TRANSLATION\" ("));
    imap_put_string(out, buf_slice(&encoded));
    buf_putc(out, ')');
}

/* RFC 2342: the personal namespace at the root, and that of others where there are any. */
void imap_put_namespace(struct imap_session *s, struct buf *out)
{
    buf_put(out, S("* NAMESPACE ((\"\" \"/\")) "));
    if (s->directory != NULL) {
        buf_put(out, S("((\"" IMAP_OTHER_USERS "/\" \"/\""));
        put_translation(s, out);
        buf_put(out, S(")) NIL\r\n"));
    } else {
        buf_put(out, S("NIL NIL\r\n"));
    }
}

void cmd_namespace(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    imap_put_namespace(s, conn_output(s->conn));
    conn_wrote(s->conn);
}
