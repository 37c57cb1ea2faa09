/*
 * URLs that carry authorization (RFC 4467): signing them, and following them.
 *
 * The only mechanism is INTERNAL: "01", which names the algorithm (RFC 4467 2.4.1), and HMAC-SHA-256 of the
 * URL up to its access identifier with the mailbox's access key, all in hexadecimal. A URL lets others do no
 * more than its owner may: read one message of a mailbox of his own.
 *
 * Ownership: results live in the call's arena or are the caller's. Errors: ERR_NOT_FOUND for every URL that
 * is not good, whatever the reason, so that nothing can be found out by trying; others are the server's.
 * Threads: the session's.
 */
#ifndef POSTHORN_IMAP_URLAUTH_H
#define POSTHORN_IMAP_URLAUTH_H

#include "imap/imap_url.h"
#include "imap/message_part.h"
#include "imap/session_internal.h"
#include "store/access_key.h"

/* The token of a URL's rump, in hexadecimal. */
void imap_urlauth_put_token(struct buf *out, const struct access_key *key, struct slice rump);
/* A userid in a URL means the person whose session this is. */
enum err imap_urlauth_is_self(struct imap_call *call, struct slice user, bool *ret_self,
                              struct error *error) MUST_CHECK;
/* What an authorized URL means, if this session may have it now. */
enum err imap_urlauth_read(struct imap_call *call, struct slice text, struct imap_url *ret_url,
                           struct imap_part *ret_part, struct error *error) MUST_CHECK;
/* The same for a submission server that acts for this session's person (RFC 4468 3.3). *ret_authorized: the
 * URL is good, whatever has become of the message. */
enum err imap_urlauth_read_submitted(struct imap_call *call, struct slice text, bool *ret_authorized,
                                     struct imap_url *ret_url, struct imap_part *ret_part,
                                     struct error *error) MUST_CHECK;
/* The bytes that a URL with a range means (RFC 5550 3.1). */
struct slice imap_url_cut(const struct imap_url *url, struct slice bytes);

#endif
