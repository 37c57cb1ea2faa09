/*
 * Another server's mailbox by IMAP (RFC 3501, RFC 9051), read and never changed: EXAMINE and BODY.PEEK.
 *
 * imap_origin_create reads the files that are needed (authorities, name servers) and so comes before the
 * sandbox; imap_origin_start connects and logs in, after it. Ownership: options are borrowed until close.
 * Errors: origin.h; ERR_AUTH the password was refused. Limits: origin.h, response_reader.h; what comes
 * between a command and its end is counted.
 */
#ifndef POSTHORN_MOVE_IMAP_ORIGIN_H
#define POSTHORN_MOVE_IMAP_ORIGIN_H

#include "move/origin.h"

struct imap_options {
    const char *host;
    uint16_t port;
    bool tls; /* from the first byte; else STARTTLS, but not with this machine itself */
    bool insecure;
    const char *user;
    const char *password; /* or a token */
    const char *token;    /* OAuth; NULL: none */
    const char *ca_file;
    const char *resolver;
    uint64_t message_max; /* bytes */
};

struct imap_origin;

enum err imap_origin_create(const struct imap_options *options, struct imap_origin **ret_origin,
                            struct error *error) MUST_CHECK;
enum err imap_origin_start(struct imap_origin *origin, struct error *error) MUST_CHECK;
/* To be closed by its `close`. */
struct origin *imap_origin_base(struct imap_origin *origin);

#endif
