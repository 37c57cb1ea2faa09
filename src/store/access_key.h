/*
 * Mailbox access keys (RFC 4467 2.2): one secret for each of a person's own mailboxes, with which the server
 * signs the URLs that the person gives away. Whoever changes or removes a key revokes all URLs signed with
 * it.
 *
 * A key goes with its folder and stays when that is renamed. Ownership: results are copied. Errors:
 * ERR_NOT_FOUND (no such folder, or no key). Threads: any. Limits: a key a folder.
 */
#ifndef POSTHORN_STORE_ACCESS_KEY_H
#define POSTHORN_STORE_ACCESS_KEY_H

#include "store/folder.h"

enum { ACCESS_KEY_BYTES = 32 /* RFC 4467 2.2: unpredictable; as long as what HMAC-SHA-256 gives */ };

struct access_key {
    unsigned char bytes[ACCESS_KEY_BYTES];
};

enum err access_key_get(struct account *account, struct folder_id folder, struct access_key *ret_key,
                        struct error *error) MUST_CHECK;
/* The same, made when there is none. Durable when it returns. */
enum err access_key_ensure(struct account *account, struct folder_id folder, struct access_key *ret_key,
                           struct error *error) MUST_CHECK;
/* A new one in place of the old. Durable. */
enum err access_key_reset(struct account *account, struct folder_id folder, struct error *error) MUST_CHECK;
/* None any more, of no folder. Durable. */
enum err access_key_remove_all(struct account *account, struct error *error) MUST_CHECK;
/* Another number after every access_key_reset; costs no database access. */
uint64_t access_key_generation(const struct account *account);

#endif
