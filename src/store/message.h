/*
 * Messages in folders: adding, reading, flags, copying, moving, expunging.
 *
 * An *object* is the immutable content (bytes in a pack, values derived at delivery); a *member* is its place
 * in one folder with a UID and flags. Every call that changes something is one transaction and takes one
 * change number. Ownership: results live in the arena given. Errors: ERR_NOT_FOUND (the folder is gone),
 * ERR_QUOTA, ERR_LIMIT, ERR_CORRUPT.
 */
#ifndef POSTHORN_STORE_MESSAGE_H
#define POSTHORN_STORE_MESSAGE_H

#include "store/folder.h"
#include "store/uid_set.h"

enum {
    FLAG_SEEN = 0,
    FLAG_ANSWERED = 1,
    FLAG_FLAGGED = 2,
    FLAG_DELETED = 3,
    FLAG_DRAFT = 4,
    FLAG_KEYWORDS_FROM = 16, /* keyword k of the account is bit FLAG_KEYWORDS_FROM + k */
    FLAG_BITS = 256,
    KEYWORDS_MAX = FLAG_BITS - FLAG_KEYWORDS_FROM, /* different ones per account */
    KEYWORD_NAME_MAX = 255,
    APPEND_ITEMS_MAX = 1000,
    DELIVERY_ID_SIZE = 16,   /* bytes */
    CONDITION_REACH = 10000, /* change numbers back to which a condition is looked for in the change log */
};

struct flagset {
    uint64_t words[FLAG_BITS / 64];
};
#define FLAGS_ALL ((struct flagset){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}})
static inline struct flagset flags_and(const struct flagset *a, const struct flagset *b)
{
    struct flagset both;
    for (size_t i = 0; i < FLAG_BITS / 64; i++)
        both.words[i] = a->words[i] & b->words[i];
    return both;
}
static inline bool flag_has(const struct flagset *f, unsigned bit)
{
    return f->words[bit / 64] >> (bit % 64) & 1;
}
static inline void flag_set(struct flagset *f, unsigned bit)
{
    f->words[bit / 64] |= UINT64_C(1) << (bit % 64);
}
static inline void flag_clear(struct flagset *f, unsigned bit)
{
    f->words[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

static inline void flag_put(struct flagset *f, unsigned bit, bool on)
{
    if (on)
        flag_set(f, bit);
    else
        flag_clear(f, bit);
}

/* The bit of "\\Seen" and the others that are no keywords. */
bool flag_system(struct slice name, unsigned *ret_bit) NONNULL MUST_CHECK;
/* The keyword's bit; case-insensitive, first spelling kept. With create, a new one is made (ERR_LIMIT past
 * KEYWORDS_MAX). */
enum err keyword_bit(struct account *account, struct slice name, bool create, unsigned *ret_bit,
                     struct error *error) MUST_CHECK;
/* All names; index k belongs to bit FLAG_KEYWORDS_FROM + k. */
enum err keyword_names(struct account *account, struct arena *arena, struct slice **ret_names,
                       size_t *ret_count, struct error *error) MUST_CHECK;

/* --- adding --- */

struct import_mark;
struct remembered;
struct append_item {
    struct folder_id folder;
    struct slice prefix; /* trace fields put before the message, or empty */
    struct slice body;   /* the message (mapped or in memory), CRLF line ends */
    struct flagset flags;
    struct account_id person; /* who brings it, for \Seen (seen.h); 0: the owner */
    int64_t internal_date_us; /* 0: now */
    struct slice delivery_id; /* DELIVERY_ID_SIZE bytes, or empty: seen before in this account -> not added
                                 again, duplicate is set */
    const struct remembered *remember; /* noted with the message, see remembered.h */
    size_t remember_count;
    bool ignore_quota;
    unsigned quota_step; /* a warning that this step is reached; when it was filed before: duplicate is set */
    struct import_mark *import; /* it comes from elsewhere, see import.h; NULL: it does not. All of a call or
                                   none; then there is no delivery id */
};
struct append_result {
    struct uid uid;
    uint32_t uidvalidity;
    struct object_id object;
    bool duplicate;
};
/* All items or none, in one transaction; not yet synced. */
enum err message_append(struct account *account, const struct append_item *items, size_t count,
                        struct append_result *ret_results, struct error *error) MUST_CHECK;

/* Adds one message and expunges another of the same account, in one transaction and on net quota (RFC
 * 8508 3.4). ERR_NOT_FOUND: also when there is no message `uid` in `folder`; nothing is added then. Not yet
 * synced. */
enum err message_replace(struct account *account, const struct append_item *item, struct folder_id folder,
                         struct uid uid, struct append_result *ret_result, struct error *error) MUST_CHECK;

/* --- reading --- */

enum message_want {
    WANT_LEAST = 0, /* uid, flags, changed, size: half the time of WANT_FLAGS */
    WANT_IDS = 128, /* with WANT_LEAST: member and object ids too */
    WANT_FLAGS = 1, /* uid, flags, changed, internal date, size, ids: there with all below, too; one row, no
                       join when alone */
    WANT_ENVELOPE = 2,  /* IMAP ENVELOPE, wire-ready */
    WANT_STRUCTURE = 4, /* IMAP BODYSTRUCTURE, wire-ready */
    WANT_PREVIEW = 8,
    WANT_SORT_KEYS = 16,   /* subject, base subject, from, to, cc, display names, sent date, message id,
                              thread keys */
    WANT_THREAD_KEYS = 32, /* base subject, sent date, thread keys */
    WANT_SENT = 64,        /* sent date */
};
struct message {
    struct uid uid;
    struct member_id member;
    struct object_id object;
    struct thread_id thread;
    struct flagset flags;
    struct change_no changed; /* MODSEQ */
    int64_t internal_date_us;
    int64_t saved_us; /* when it came into this folder (RFC 8514) */
    uint64_t size;    /* RFC822.SIZE in bytes */
    struct slice envelope, structure, preview;
    struct slice subject, base_subject, message_id;
    struct slice from, to, cc;             /* local parts of the first address */
    struct slice display_from, display_to; /* RFC 5957 */
    struct slice thread_keys;              /* derived_thread_keys (derived.h) */
    int64_t sent_us;                       /* Date field, else internal date */
};
/*
 * Those of `uids` that exist in the folder, ascending. At most `max` (0: all); to go on, ask again from the
 * last UID + 1: the account's lock is held only within a call, so big fetches go in batches of some hundred.
 */
enum err message_list(struct account *account, struct folder_id folder, const struct uid_set *uids,
                      unsigned want, size_t max, struct arena *arena, struct message **ret_messages,
                      size_t *ret_count, struct error *error) MUST_CHECK;
/* The same with this person's \Seen (seen.h); message_list has the owner's. */
enum err message_list_for(struct account *account, struct account_id person, struct folder_id folder,
                          const struct uid_set *uids, unsigned want, size_t max, struct arena *arena,
                          struct message **ret_messages, size_t *ret_count, struct error *error) MUST_CHECK;

/* A message's bytes: header (with its blank line) and body; whole = both in order, contiguous. */
struct packs;
struct content {
    struct slice whole;
    size_t header_n;
    void *owner; /* mapped or allocated memory, freed by content_release */
    size_t owner_n;
    struct packs *charged; /* what the memory is counted with; NULL: not counted */
};
void content_release(struct content *content); /* for CLEANUP */
enum content_part { CONTENT_WHOLE, CONTENT_HEADER };
/*
 * With CONTENT_HEADER only the header is read and decompressed; whole is the header then. Checks the
 * checksum. ERR_LIMIT: as much of the account, or of all accounts, is unpacked at the moment as may be
 * (PACKS_UNPACKED_MAX): try again. A content must be released before its account.
 */
enum err message_read(struct account *account, struct object_id object, enum content_part part,
                      struct content *ret_content, struct error *error) MUST_CHECK;

/* --- changing --- */

enum flag_change { FLAGS_ADD, FLAGS_REMOVE, FLAGS_REPLACE };
struct flag_result {
    struct change_no change; /* 0: nothing changed */
    struct uid_set changed;  /* whose flags differ now */
    struct uid_set modified; /* skipped: changed after unchanged_since (RFC 7162); to add or remove, only in
                                the flags named, as far as the change log is looked through */
};
void flag_result_release(struct flag_result *result);
/* For somebody who may not change every flag: those outside `may` stay as they are. */
struct flag_order {
    enum flag_change how;
    struct flagset flags;
    struct flagset may;
    struct account_id person; /* whose \Seen it is, where that is kept apart (seen.h); 0: the owner's */
    struct change_no unchanged_since;
};
enum err message_flags_order(struct account *account, struct folder_id folder, const struct uid_set *uids,
                             const struct flag_order *order, struct flag_result *ret_result,
                             struct error *error) MUST_CHECK;
/* With every flag, by the owner. */
enum err message_flags(struct account *account, struct folder_id folder, const struct uid_set *uids,
                       enum flag_change how, const struct flagset *flags, struct change_no unchanged_since,
                       struct flag_result *ret_result, struct error *error) MUST_CHECK;

struct copy_result {
    uint32_t uidvalidity; /* of the destination */
    struct uid_set from;  /* sources that existed, ascending */
    struct uid_set to;    /* their new UIDs, in the same order */
};
void copy_result_release(struct copy_result *result);
/* For somebody who may not set every flag in the destination: those outside `keep` are not copied. */
struct copy_order {
    bool move;
    struct flagset keep;
    struct account_id person; /* who does it, for \Seen (seen.h); 0: the owner */
};
/* Copies or moves atomically; objects are shared, not duplicated. */
enum err message_copy_order(struct account *account, struct folder_id from, const struct uid_set *uids,
                            struct folder_id to, const struct copy_order *order,
                            struct copy_result *ret_result, struct error *error) MUST_CHECK;
/*
 * The same into another account: bytes, dates and flags are copied, keywords go by their names. Durable when
 * it returns; on failure nothing stays in the destination. A move copies first and then expunges what was
 * copied; a crash in between leaves both. The two accounts are never locked at once.
 */
enum err message_copy_across(struct account *account, struct folder_id from, const struct uid_set *uids,
                             struct account *other, struct folder_id to, const struct copy_order *order,
                             struct copy_result *ret_result, struct error *error) MUST_CHECK;
/* With every flag, by the owner. */
enum err message_copy(struct account *account, struct folder_id from, const struct uid_set *uids,
                      struct folder_id to, bool move, struct copy_result *ret_result,
                      struct error *error) MUST_CHECK;
/* Removes members; with only_deleted just those flagged \Deleted. Tombstones keep the content for undelete.
 */
enum err message_expunge(struct account *account, struct folder_id folder, const struct uid_set *uids,
                         bool only_deleted, struct uid_set *ret_removed, struct error *error) MUST_CHECK;

#endif
