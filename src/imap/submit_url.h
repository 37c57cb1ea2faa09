/*
 * What a URL means that a submission server is told to follow (BURL, RFC 4468): a message, or a part of one,
 * as an authorized URL of RFC 4467 names it.
 *
 * A `submit+` URL is followed for the person whom it names and nobody else; `authuser` and `anonymous` for
 * everybody who submits. Ownership: the descriptor is the caller's, a sealed memfd. Errors: ERR_DENIED for
 * every URL that is not good, whatever the reason; ERR_NOT_FOUND when it is, but the message is gone.
 * Threads: any.
 */
#ifndef POSTHORN_IMAP_SUBMIT_URL_H
#define POSTHORN_IMAP_SUBMIT_URL_H

#include "directory/directory.h"
#include "store/store.h"

enum err imap_submit_url_read(struct store *store, struct directory *directory, struct account_id submitter,
                              struct slice text, int *ret_fd, struct error *error) MUST_CHECK;

#endif
