/*
 * Who else may do what in a folder: access control lists (RFC 4314), kept in the owner's database.
 *
 * A grantee is a text: "anyone", "account:<16 hex digits>" or "group:<address>"; with "-" before it its
 * rights are taken away (RFC 4314 2). The store compares them, no more: what they mean for a person, the
 * directory knows. A person's rights are those of all grantees that mean him, without those that are taken
 * from one of them. The owner has all rights always and stands in no list.
 *
 * A folder takes over its parent's list when it is made; deleting it deletes the list; renaming keeps it. A
 * change is one transaction with a change number, so that views hear of it. Ownership: results live in the
 * arena given. Errors: ERR_NOT_FOUND (the folder is gone), ERR_LIMIT, ERR_INVALID (a grantee that is none).
 * Threads: any. Limits: below.
 */
#ifndef POSTHORN_STORE_SHARE_H
#define POSTHORN_STORE_SHARE_H

#include "base/buf.h"
#include "store/message.h"

enum {
    SHARE_ENTRIES_MAX = 1000, /* of one folder */
    SHARE_GRANTEE_MAX = 300,  /* bytes */
};

/* RFC 4314 2.1, in the order in which they are shown: name, letter, bit */
#define RIGHT_TABLE(X)   \
    X(LOOKUP, 'l', 1)    \
    X(READ, 'r', 2)      \
    X(SEEN, 's', 4)      \
    X(WRITE, 'w', 8)     \
    X(INSERT, 'i', 16)   \
    X(POST, 'p', 32)     \
    X(CREATE, 'k', 64)   \
    X(DELETE, 'x', 128)  \
    X(TRASH, 't', 256)   \
    X(EXPUNGE, 'e', 512) \
    X(ADMINISTER, 'a', 1024)
enum right {
#define X(name, letter, bit) RIGHT_##name = (bit),
    RIGHT_TABLE(X)
#undef X
};
enum {
    RIGHTS_ALL = 0
#define X(name, letter, bit) | (bit)
    RIGHT_TABLE(X)
#undef X
        ,
    /* one of these, and MYRIGHTS tells of it (RFC 4314 4) */
    RIGHTS_TOLD = RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE | RIGHT_DELETE | RIGHT_ADMINISTER,
    RIGHTS_VISIBLE = RIGHT_LOOKUP | RIGHT_READ, /* without one of these a folder is not there for a person */
    RIGHTS_OLD_CREATE = RIGHT_CREATE | RIGHT_DELETE, /* "c" of RFC 2086 (RFC 4314 2.1.1) */
    RIGHTS_OLD_DELETE = RIGHT_TRASH | RIGHT_EXPUNGE, /* "d" */
};

/* Letters, "c" and "d" standing for theirs. False: *ret_unknown is one that is no right. */
bool rights_parse(struct slice letters, unsigned *ret_rights, char *ret_unknown) NONNULL MUST_CHECK;
/* "lrswipkxtea". old: also "c" and "d" where one of theirs is in it, as IMAP wants it. */
void rights_put(struct buf *out, unsigned rights, bool old) NONNULL;

/* The flags that a person with these rights may change (RFC 4314 4): "s" \Seen, "t" \Deleted, "w" all others.
 */
struct flagset rights_flags(unsigned rights);

struct share_entry {
    struct slice grantee;
    unsigned rights;
};
/* A folder's list, by grantee. */
enum err share_list(struct account *account, struct folder_id folder, struct arena *arena,
                    struct share_entry **ret_entries, size_t *ret_count, struct error *error) MUST_CHECK;
enum share_how { SHARE_REPLACE, SHARE_ADD, SHARE_REMOVE };
/* An entry without rights is none. */
enum err share_change(struct account *account, struct folder_id folder, struct slice grantee,
                      enum share_how how, unsigned rights, struct error *error) MUST_CHECK;

/* What a person may do in a folder, whom these grantees mean. */
enum err share_rights(struct account *account, struct folder_id folder, const struct slice *grantees,
                      size_t count, unsigned *ret_rights, struct error *error) MUST_CHECK;
struct share_folder {
    struct folder folder;
    unsigned rights;
};
/* Every folder in which the person has a right, in folder_list's order. */
enum err share_folders(struct account *account, const struct slice *grantees, size_t count,
                       struct arena *arena, struct share_folder **ret_folders, size_t *ret_count,
                       struct error *error) MUST_CHECK;
/* Everybody to whom a folder of the account gives something, each once, sorted. */
enum err share_grantees(struct account *account, struct arena *arena, struct slice **ret_grantees,
                        size_t *ret_count, struct error *error) MUST_CHECK;
/* Another number after every change of a list; costs no database access. */
uint64_t share_generation(const struct account *account);

#endif
