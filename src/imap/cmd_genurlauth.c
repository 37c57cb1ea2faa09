/*
 * GENURLAUTH (RFC 4467 7): URLs of messages, signed so that others may fetch them. Only one's own mailboxes
 * can be given away, not those that others share with one.
 */
#include "imap/urlauth.h"

static bool bad(struct imap_call *call, const char *why)
{
    imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "%s", why);
    return false;
}

static bool internal_failure(struct imap_call *call)
{
    imap_call_failed(call);
    return false;
}

/* RFC 4467 7: what the server must validate. False: the reply says why. */
static bool find_mailbox(struct imap_call *call, const struct imap_url *url, struct folder *ret_folder)
{
    bool self = false;
    if (!url->absolute || url->access == IMAP_URL_NO_ACCESS || url->mechanism.p != NULL)
        return bad(call, "The URL needs a server and an access identifier, and no mechanism");
    if (url->user.p != NULL && imap_urlauth_is_self(call, url->user, &self, &call->error) != ERR_OK)
        return internal_failure(call);
    if (!self)
        return bad(call, "The URL's user is not you");
    enum err err = folder_find(call->session->own, url->mailbox, &call->arena, ret_folder, &call->error);
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        return internal_failure(call);
    if (err != ERR_OK || !ret_folder->selectable || ret_folder->class != FOLDER_MAIL ||
        (url->uidvalidity != 0 && url->uidvalidity != ret_folder->uidvalidity))
        return bad(call, "The URL's mailbox is none of yours");
    return true;
}

static bool put_authorized(struct imap_call *call, const struct imap_url_request *request, struct buf *out)
{
    struct imap_url url;
    struct folder folder;
    struct access_key key;
    if (!slice_eq_nocase(request->mechanism, S("INTERNAL")))
        return bad(call, "There is no such authorization mechanism");
    if (!imap_url_parse(request->url, &call->arena, &url))
        return bad(call, "This is no URL of a message");
    if (!imap_may(call, imap_own_rights(call->session), RIGHT_ADMINISTER) ||
        !find_mailbox(call, &url, &folder))
        return false;
    if (access_key_ensure(call->session->own, folder.id, &key, &call->error) != ERR_OK)
        return internal_failure(call);
    CLEANUP(buf_release) struct buf text = BUF(request->url.n + 1000);
    buf_put(&text, request->url);
    buf_put(&text, S(":INTERNAL:"));
    imap_urlauth_put_token(&text, &key, url.rump);
    buf_putc(out, ' ');
    imap_put_string(out, buf_slice(&text));
    if (!buf_failed(&text) && !buf_failed(out))
        return true;
    imap_call_no(call, "SERVERBUG", "out of memory");
    return false;
}

void cmd_genurlauth(struct imap_session *s, struct imap_call *call)
{
    const struct imap_urls *urls = &call->command.urls;
    CLEANUP(buf_release) struct buf out = BUF(IMAP_COMMAND_MAX + IMAP_LINE_MAX + IMAP_URLS_MAX * 1000);
    for (size_t i = 0; i < urls->count; i++)
        if (!put_authorized(call, &urls->requests[i], &out))
            return;
    conn_write(s->conn, S("* GENURLAUTH"));
    conn_write(s->conn, buf_slice(&out));
    conn_write(s->conn, S("\r\n"));
}
