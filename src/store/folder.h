/*
 * An account's folders: a tree with stable ids, classes, roles, counters and subscriptions.
 *
 * A path is UTF-8 (NFC), parts separated by '/'. "INBOX" is recognised in any ASCII case as a first part.
 * Renaming keeps the id, UIDs and UIDVALIDITY; deleting a folder expunges its members (kept as tombstones).
 * Counters are kept in the transaction that changes them, so that reading them costs the same for any size.
 * Errors: ERR_NOT_FOUND, ERR_EXISTS, ERR_INVALID (a name that may not be; deleting or renaming what may not),
 * ERR_LIMIT.
 */
#ifndef POSTHORN_STORE_FOLDER_H
#define POSTHORN_STORE_FOLDER_H

#include "store/store.h"

enum {
    FOLDER_DEPTH_MAX = 20,
    FOLDER_NAME_MAX = 255,  /* bytes of one part */
    FOLDER_PATH_MAX = 1000, /* bytes */
    FOLDERS_MAX = 10000,    /* per account */
};

#define FOLDER_CLASS_TABLE(X) \
    X(MAIL, "mail") X(CALENDAR, "calendar") X(CONTACTS, "contacts") X(TASKS, "tasks") X(NOTES, "notes")
enum folder_class {
#define X(name, text) FOLDER_##name,
    FOLDER_CLASS_TABLE(X)
#undef X
};

/* role, word (JMAP), IMAP attribute (RFC 6154), default name */
#define FOLDER_ROLE_TABLE(X)                  \
    X(NONE, "", "", "")                       \
    X(INBOX, "inbox", "", "INBOX")            \
    X(SENT, "sent", "\\Sent", "Sent")         \
    X(DRAFTS, "drafts", "\\Drafts", "Drafts") \
    X(TRASH, "trash", "\\Trash", "Trash")     \
    X(JUNK, "junk", "\\Junk", "Junk")         \
    X(ARCHIVE, "archive", "\\Archive", "Archive")
enum folder_role {
#define X(name, word, attribute, text) ROLE_FOLDER_##name,
    FOLDER_ROLE_TABLE(X)
#undef X
};
const char *folder_role_attribute(enum folder_role role); /* "\\Sent" or "" */
/* NONE where no folder can have that use. */
enum folder_role folder_role_by_attribute(struct slice attribute);

/* How a folder's id is written: its OBJECTID (RFC 8474). */
#define FOLDER_ID_FORMAT "F%llx"
bool folder_id_parse(struct slice text, struct folder_id *ret) NONNULL MUST_CHECK;

struct folder {
    struct folder_id id;
    struct folder_id parent; /* 0: top */
    struct slice path;
    enum folder_class class;
    enum folder_role role;
    bool has_children;
    bool selectable; /* false: a mere name in the tree, left when a folder with children was deleted */
    bool subscribed;
    uint32_t uidvalidity;
    uint32_t uidnext;
    uint32_t messages;
    uint32_t unseen;  /* seen_apart: of somebody new; seen_count (seen.h) makes it a person's */
    uint32_t deleted; /* flagged \Deleted */
    uint32_t recent;  /* not yet shown to any read-write SELECT */
    uint64_t bytes;   /* sum of message sizes */
    uint64_t deleted_bytes;
    struct change_no changed; /* HIGHESTMODSEQ: the last change in it, at least 1 */
    bool seen_apart;          /* each person has a \Seen of his own there: seen.h */
};

/* All, by path with parents first (INBOX first). Strings live in the arena. */
enum err folder_list(struct account *account, struct arena *arena, struct folder **ret_folders,
                     size_t *ret_count, struct error *error) MUST_CHECK;
enum err folder_find(struct account *account, struct slice path, struct arena *arena,
                     struct folder *ret_folder, struct error *error) MUST_CHECK;
enum err folder_get(struct account *account, struct folder_id id, struct arena *arena,
                    struct folder *ret_folder, struct error *error) MUST_CHECK;
enum err folder_by_role(struct account *account, enum folder_role role, struct arena *arena,
                        struct folder *ret_folder, struct error *error) MUST_CHECK;

/* Missing parents are made as folders too (RFC 9051 6.3.4). A trailing '/' is dropped. */
enum err folder_create(struct account *account, struct slice path, enum folder_class class,
                       enum folder_role role, struct folder_id *ret_id, struct error *error) MUST_CHECK;
/* With its subtree. INBOX: its messages move to a new folder of that name, INBOX stays, empty (RFC
 * 9051 6.3.6). */
enum err folder_rename(struct account *account, struct slice from, struct slice to,
                       struct error *error) MUST_CHECK;
/* With inferiors it stays as an unselectable name; INBOX may not be deleted. */
enum err folder_delete(struct account *account, struct slice path, struct error *error) MUST_CHECK;
/* Names need not exist (RFC 9051 6.3.7). */
enum err folder_subscribe(struct account *account, struct slice path, bool subscribed,
                          struct error *error) MUST_CHECK;
/* Subscribed names, whether they exist or not, sorted. */
enum err folder_subscriptions(struct account *account, struct arena *arena, struct slice **ret_paths,
                              size_t *ret_count, struct error *error) MUST_CHECK;

#endif
