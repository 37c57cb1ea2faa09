/*
 * CATENATE (RFC 4469): a message made of texts and of URLs of messages on this server. A URL is relative to
 * the person's own server, or to the selected mailbox (RFC 4469 3); one with a server is not for us to
 * follow.
 */
#include "imap/imap_url.h"
#include "imap/message_part.h"
#include "imap/session_internal.h"

/* What must not stand in a response code (RFC 4469 5, url-resp-text) is written as a URL writes it. */
static void put_url(struct buf *out, struct slice url)
{
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c > ' ' && c < 0x7f && c != ']')
            buf_putc(out, url.p[i]);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static bool bad_url(struct imap_call *call, struct slice url, const char *why)
{
    imap_reply_set(&call->reply, IMAP_STATUS_NO, "", "%s", why);
    buf_put(&call->reply.code, S("[BADURL "));
    put_url(&call->reply.code, url);
    buf_putc(&call->reply.code, ']');
    return false;
}

/* RFC 3986 5.2.3: a relative path takes the place of the selected mailbox's last name. */
static bool absolute_name(struct imap_call *call, const struct imap_url *url, struct slice *ret)
{
    struct imap_session *s = call->session;
    struct folder selected = {0};
    if (url->from_root || s->view == NULL || s->account != s->own) {
        *ret = url->mailbox;
        return true;
    }
    if (folder_get(s->account, s->folder, &call->arena, &selected, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    size_t parents = (size_t)(slice_rfind_char(selected.path, '/') + 1);
    char *name = arena_alloc(&call->arena, parents + url->mailbox.n + 1);
    if (name == NULL) {
        imap_call_no(call, "LIMIT", "The command needs too much memory");
        return false;
    }
    memcpy(name, selected.path.p, parents);
    memcpy(name + parents, url->mailbox.p, url->mailbox.n);
    *ret = slice_of(name, parents + url->mailbox.n);
    return true;
}

static bool resolve(struct imap_call *call, struct slice text, const struct imap_url *url,
                    struct imap_mailbox *ret_mailbox)
{
    struct imap_session *s = call->session;
    if (url->mailbox.p == NULL) {
        struct imap_mailbox mailbox = {.account = s->account};
        if (s->view == NULL)
            return bad_url(call, text, "No mailbox is selected");
        if (folder_get(s->account, s->folder, &call->arena, &mailbox.folder, &call->error) != ERR_OK)
            return bad_url(call, text, "The selected mailbox is gone");
        *ret_mailbox = mailbox;
        return true;
    }
    struct slice name;
    if (!absolute_name(call, url, &name))
        return false;
    return imap_resolve_mailbox(call, name, RIGHT_READ, "NONEXISTENT", ret_mailbox) ||
           bad_url(call, text, "There is no such mailbox");
}

static bool append_bytes(struct imap_call *call, struct buf *out, struct slice bytes)
{
    if (bytes.n > out->max - out->n)
        imap_call_no(call, "TOOBIG", "The message is larger than we take");
    else
        buf_put(out, bytes);
    if (buf_failed(out))
        imap_call_no(call, "SERVERBUG", "out of memory");
    return call->reply.status == IMAP_STATUS_OK;
}

static bool append_url(struct imap_call *call, struct buf *out, struct slice text)
{
    struct imap_url url;
    struct imap_mailbox mailbox;
    if (!imap_url_parse(text, &call->arena, &url) || url.absolute || url.access != IMAP_URL_NO_ACCESS)
        return bad_url(call, text, "This is no URL of a message of yours");
    if (!resolve(call, text, &url, &mailbox))
        return false;
    if (url.uidvalidity != 0 && url.uidvalidity != mailbox.folder.uidvalidity)
        return bad_url(call, text, "The mailbox has another UIDVALIDITY");
    CLEANUP(imap_part_release) struct imap_part part = {0};
    enum err err = imap_part_read(mailbox.account, mailbox.folder.id, (struct uid){url.uid}, url.section,
                                  &part, &call->error);
    if (err == ERR_NOT_FOUND || err == ERR_INVALID)
        return bad_url(call, text, call->error.client);
    if (err != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    struct slice bytes = part.bytes;
    if (url.partial)
        bytes = slice_sub(bytes, url.offset, url.length > 0 ? url.length : SIZE_MAX);
    return append_bytes(call, out, bytes);
}

bool imap_catenate(struct imap_call *call, const struct imap_append_message *message, struct buf *out)
{
    for (const struct imap_append_part *part = message->parts; part != NULL; part = part->next)
        if (part->is_url ? !append_url(call, out, part->text) : !append_bytes(call, out, part->text))
            return false;
    return true;
}
