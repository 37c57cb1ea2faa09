/*
 * A visit at the store: a connection that was handed over after log-in, and the account that it is for.
 *
 * Ownership: starting a session takes the visit's descriptor and account reference in every case; the texts
 * are borrowed during the start only. `ended(context)` is called once, when the session is over; settings
 * live until then.
 */
#ifndef POSTHORN_LINK_VISIT_H
#define POSTHORN_LINK_VISIT_H

#include "base/language.h"
#include "link/link.h"
#include "rt/loop.h"
#include "rt/settings.h"
#include "store/store.h"

struct directory;

struct visit {
    struct account *account;
    struct store *store;         /* for the mailboxes of others */
    struct directory *directory; /* who they are; may be NULL in tests */
    int fd;
    struct slice tag; /* IMAP: of the command that logged in; answered first. POP3: POP3_MODE_UTF8 or empty */
    struct slice pending; /* input that came behind it */
    struct session_id sid;
    const char *peer;
    uint16_t peer_port;
    bool tls;
    struct slice capabilities_off; /* of IMAP, by the settings or for this account: base/name_list.h */
    struct tongue tongue;          /* in which the person is spoken to */
    enum language preferred;       /* the account's own language */
    unsigned lacks; /* rights (store/share.h) that the person has not in this account, which is not his own */
    const struct settings *settings;
    void (*ended)(void *context);
    void *context;
    /* Back to where log-ins are; called after `ended`. NULL: it can't be given back. */
    enum err (*give_back)(void *owner, struct link_give_back *given, struct error *error);
    void *owner; /* lives longer than all sessions */
};

#endif
