/*
 * RESETKEY (RFC 4467 7): revokes what GENURLAUTH gave away, of one mailbox or of all.
 *
 * The mechanisms (URLMECH) are told on connections only where nobody can listen (RFC 4467 8).
 */
#include "imap/urlauth.h"

void imap_tell_urlmech(struct imap_session *s)
{
    if (s->view == NULL || s->account != s->own)
        return;
    uint64_t generation = access_key_generation(s->own);
    bool changed = generation != s->urls_as_of;
    s->urls_as_of = generation;
    if (changed && s->tls && imap_has(s, S("URLAUTH")))
        imap_say(s, "OK", "Signed URLs were revoked", "[URLMECH INTERNAL]");
}

static void reset_one(struct imap_session *s, struct imap_call *call, const struct imap_resetkey *reset)
{
    struct imap_mailbox mailbox;
    if (reset->unknown_mechanism) {
        imap_call_no(call, "CANNOT", "There is no such authorization mechanism");
        return;
    }
    if (!imap_resolve_mailbox(call, reset->mailbox, RIGHT_ADMINISTER, "NONEXISTENT", &mailbox))
        return;
    if (mailbox.account != s->own)
        imap_call_no(call, "NOPERM", "This mailbox is not yours");
    else if (access_key_reset(s->own, mailbox.folder.id, &call->error) != ERR_OK)
        imap_call_failed(call);
    else if (s->tls)
        imap_reply_set(&call->reply, IMAP_STATUS_OK, "URLMECH INTERNAL", "RESETKEY completed");
    /* The answer has told it. */
    s->urls_as_of = access_key_generation(s->own);
}

void cmd_resetkey(struct imap_session *s, struct imap_call *call)
{
    const struct imap_resetkey *reset = &call->command.resetkey;
    if (reset->given)
        reset_one(s, call, reset);
    else if (imap_may(call, imap_own_rights(s), RIGHT_ADMINISTER) &&
             access_key_remove_all(s->own, &call->error) != ERR_OK)
        imap_call_failed(call);
}
