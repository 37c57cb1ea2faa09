/*
 * What the ACL commands share (RFC 4314 3). Ownership, errors, threads: as handlers (session_internal.h).
 */
#ifndef POSTHORN_IMAP_ACL_H
#define POSTHORN_IMAP_ACL_H

#include "imap/session_internal.h"

/* The mailbox of call->command.acl, which the person may administer, and whom its identifier means. False:
 * the reply says why; an identifier that SASLprep refuses is BAD (RFC 4314 3). */
bool imap_acl_resolve(struct imap_call *call, struct imap_mailbox *ret_mailbox,
                      struct slice *ret_grantee) MUST_CHECK;
/* " lrswipkxteacd" */
void imap_put_rights(struct buf *out, unsigned rights);
/* "* MYRIGHTS name lr" */
void imap_send_myrights(struct imap_session *s, struct slice name, unsigned rights);

#endif
