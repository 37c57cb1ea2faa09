/*
 * Who shares with whom: what the grantees of store/share.h mean, and the index of who has shared anything.
 *
 * The lists in the owners' databases are the master. The index here (grantee -> owner) says whose accounts
 * need to be looked at at all, so that a list of mailboxes opens no other. It never says too little: a row is
 * written, durable, before the list that it is for, and removed after the list has changed, durable. What it
 * says too much is found and removed when somebody looks (share_index_refresh).
 *
 * Invariant: sharing is changed only through share_set and share_index_refresh, which hold directory->sharing
 * for the whole of it. It is taken before an account's lock and the directory's, never within one.
 * Ownership: results live in the arena. Errors: ERR_NOT_FOUND (there is nobody of that name), ERR_INVALID (it
 * can't be a name), and the store's. Threads: any. Limits: IDENTITY_MAX.
 */
#ifndef POSTHORN_DIRECTORY_SHARE_H
#define POSTHORN_DIRECTORY_SHARE_H

#include "directory/directory.h"
#include "store/share.h"

enum { IDENTITY_MAX = 1000 /* grantees that may mean one person */ };

/* The grantees that mean a person: "anyone", the account, and the groups it is in, however deep. */
struct share_identity {
    struct account_id id;
    struct slice *grantees;
    size_t count;
};
enum err share_identity(struct directory *directory, struct account_id id, struct arena *arena,
                        struct share_identity *ret_identity, struct error *error) MUST_CHECK;
/* Another number after every change of the directory; costs no database access. */
uint64_t directory_generation(struct directory *directory);

/* From what people write to the grantee and back: a log-in name, an alias of one account, a group's address,
 * "anyone"; with "-" before it. Prepared with SASLprep first (RFC 4314 3). */
enum err share_grantee(struct directory *directory, struct slice identifier, struct arena *arena,
                       struct slice *ret_grantee, struct error *error) MUST_CHECK;
enum err share_identifier(struct directory *directory, struct slice grantee, struct arena *arena,
                          struct slice *ret_identifier, struct error *error) MUST_CHECK;
/* The grantee means this account and nobody else. */
bool share_grantee_is(struct slice grantee, struct account_id id);

/* Changes a folder's list and the index; durable when it returns. ERR_INVALID for the owner's own rights. */
struct share_change {
    struct folder_id folder;
    struct slice grantee;
    enum share_how how;
    unsigned rights;
};
enum err share_set(struct directory *directory, struct account *owner, const struct share_change *change,
                   struct error *error) MUST_CHECK;
/* Makes the index right for this owner: after a folder was deleted, after a restore. */
enum err share_index_refresh(struct directory *directory, struct account *owner,
                             struct error *error) MUST_CHECK;

/* Those who have shared something with the person, by address; never the person. */
struct sharer {
    struct account_id id;
    struct slice address;
};
enum err share_owners(struct directory *directory, const struct share_identity *identity, struct arena *arena,
                      struct sharer **ret_sharers, size_t *ret_count, struct error *error) MUST_CHECK;
/* The one of them that has this address. ERR_NOT_FOUND for every other, whether there is such an account or
 * not. */
enum err share_owner(struct directory *directory, const struct share_identity *identity, struct slice address,
                     struct arena *arena, struct sharer *ret_sharer, struct error *error) MUST_CHECK;

#endif
