/*
 * A command as data: the table of verbs, and what each one's arguments mean once they are read.
 *
 * imap_command_parse turns a complete text into a struct imap_command and touches nothing else, so that it
 * can be tested and fuzzed alone; handlers (cmd_<verb>.c) get only commands that are grammatical. Ownership:
 * a command borrows from its text and lives in the parser's arena. Errors: the parser's problem. Threads:
 * any. Limits: below, and those of parser.h.
 */
#ifndef POSTHORN_IMAP_COMMAND_H
#define POSTHORN_IMAP_COMMAND_H

#include "base/language.h"
#include "imap/metadata.h"
#include "imap/notify.h"
#include "imap/parser.h"
#include "imap/search.h"
#include "store/share.h"

enum {
    IMAP_ID_PAIRS_MAX = 30,    /* RFC 2971 3.3 */
    IMAP_ID_NAME_MAX = 30,     /* bytes */
    IMAP_ID_VALUE_MAX = 1024,  /* bytes */
    IMAP_ENABLE_MAX = 30,      /* names in one ENABLE */
    IMAP_LANGUAGES_MAX = 30,   /* ranges in one LANGUAGE */
    IMAP_COMPARATORS_MAX = 30, /* patterns in one COMPARATOR */
    IMAP_LIST_PATTERNS_MAX = 100,
    IMAP_USES_MAX = 20,             /* special uses in one CREATE */
    IMAP_URLS_MAX = 100,            /* in one GENURLAUTH or URLFETCH */
    IMAP_CATENATE_PARTS_MAX = 1000, /* texts and URLs in all messages of one APPEND */
    IMAP_CANCELS_MAX = 100,         /* tags in one CANCELUPDATE */
    IMAP_UID_BATCH_MIN = 500,       /* messages; RFC 10022: fewer would only make numbers of UIDs */
};

/* In which states a verb is allowed. */
enum {
    IMAP_IN_LOGIN = 1,
    IMAP_IN_AUTHENTICATED = 2,
    IMAP_IN_SELECTED = 4,
    IMAP_AFTER_LOGIN = IMAP_IN_AUTHENTICATED | IMAP_IN_SELECTED,
    IMAP_ANY = IMAP_IN_LOGIN | IMAP_AFTER_LOGIN,
};
/* What else is true of it. */
enum {
    VERB_UID = 1,           /* may follow UID */
    VERB_KEEPS_NUMBERS = 2, /* without UID no EXPUNGE may be sent while it runs (RFC 3501 7.4.1) */
    VERB_WRITES = 4,        /* not in a mailbox opened by EXAMINE */
    VERB_MESSAGE = 8, /* brings messages as literals: the reader spools them (reader.c knows these verbs) */
};

/* name, handler and wire name in lower case, wire name, grammar of the arguments, states, flags */
#define IMAP_VERB_TABLE(X)                                                                         \
    X(CAPABILITY, capability, "CAPABILITY", nothing, IMAP_ANY, 0)                                  \
    X(NOOP, noop, "NOOP", nothing, IMAP_ANY, 0)                                                    \
    X(LOGOUT, logout, "LOGOUT", nothing, IMAP_ANY, 0)                                              \
    X(ID, id, "ID", id, IMAP_ANY, 0)                                                               \
    X(LANGUAGE, language, "LANGUAGE", language, IMAP_ANY, 0)                                       \
    X(COMPARATOR, comparator, "COMPARATOR", comparator, IMAP_AFTER_LOGIN, 0)                       \
    X(STARTTLS, starttls, "STARTTLS", nothing, IMAP_IN_LOGIN, 0)                                   \
    X(LOGIN, login, "LOGIN", login, IMAP_IN_LOGIN, 0)                                              \
    X(AUTHENTICATE, authenticate, "AUTHENTICATE", authenticate, IMAP_IN_LOGIN, 0)                  \
    X(ENABLE, enable, "ENABLE", enable, IMAP_AFTER_LOGIN, 0)                                       \
    X(NAMESPACE, namespace, "NAMESPACE", nothing, IMAP_AFTER_LOGIN, 0)                             \
    X(SELECT, select, "SELECT", select, IMAP_AFTER_LOGIN, 0)                                       \
    X(EXAMINE, examine, "EXAMINE", select, IMAP_AFTER_LOGIN, 0)                                    \
    X(CREATE, create, "CREATE", create, IMAP_AFTER_LOGIN, 0)                                       \
    X(DELETE, delete, "DELETE", mailbox, IMAP_AFTER_LOGIN, 0)                                      \
    X(RENAME, rename, "RENAME", rename, IMAP_AFTER_LOGIN, 0)                                       \
    X(SUBSCRIBE, subscribe, "SUBSCRIBE", mailbox, IMAP_AFTER_LOGIN, 0)                             \
    X(UNSUBSCRIBE, unsubscribe, "UNSUBSCRIBE", mailbox, IMAP_AFTER_LOGIN, 0)                       \
    X(LIST, list, "LIST", list, IMAP_AFTER_LOGIN, 0)                                               \
    X(LSUB, lsub, "LSUB", lsub, IMAP_AFTER_LOGIN, 0)                                               \
    X(STATUS, status, "STATUS", status, IMAP_AFTER_LOGIN, 0)                                       \
    X(APPEND, append, "APPEND", append, IMAP_AFTER_LOGIN, VERB_MESSAGE)                            \
    X(GETMETADATA, getmetadata, "GETMETADATA", getmetadata, IMAP_AFTER_LOGIN, 0)                   \
    X(SETMETADATA, setmetadata, "SETMETADATA", setmetadata, IMAP_AFTER_LOGIN, 0)                   \
    X(GETQUOTA, getquota, "GETQUOTA", quota_root, IMAP_AFTER_LOGIN, 0)                             \
    X(GETQUOTAROOT, getquotaroot, "GETQUOTAROOT", mailbox, IMAP_AFTER_LOGIN, 0)                    \
    X(SETQUOTA, setquota, "SETQUOTA", setquota, IMAP_AFTER_LOGIN, 0)                               \
    X(SETACL, setacl, "SETACL", setacl, IMAP_AFTER_LOGIN, 0)                                       \
    X(DELETEACL, deleteacl, "DELETEACL", identifier, IMAP_AFTER_LOGIN, 0)                          \
    X(GETACL, getacl, "GETACL", mailbox, IMAP_AFTER_LOGIN, 0)                                      \
    X(LISTRIGHTS, listrights, "LISTRIGHTS", identifier, IMAP_AFTER_LOGIN, 0)                       \
    X(MYRIGHTS, myrights, "MYRIGHTS", mailbox, IMAP_AFTER_LOGIN, 0)                                \
    X(ESEARCH, esearch, "ESEARCH", esearch, IMAP_AFTER_LOGIN, VERB_UID | VERB_KEEPS_NUMBERS)       \
    X(NOTIFY, notify, "NOTIFY", notify, IMAP_AFTER_LOGIN, 0)                                       \
    X(IDLE, idle, "IDLE", nothing, IMAP_AFTER_LOGIN, 0)                                            \
    X(GENURLAUTH, genurlauth, "GENURLAUTH", genurlauth, IMAP_AFTER_LOGIN, 0)                       \
    X(RESETKEY, resetkey, "RESETKEY", resetkey, IMAP_AFTER_LOGIN, 0)                               \
    X(URLFETCH, urlfetch, "URLFETCH", urlfetch, IMAP_AFTER_LOGIN, 0)                               \
    X(CHECK, check, "CHECK", nothing, IMAP_IN_SELECTED, 0)                                         \
    X(CLOSE, close, "CLOSE", nothing, IMAP_IN_SELECTED, 0)                                         \
    X(UNSELECT, unselect, "UNSELECT", nothing, IMAP_IN_SELECTED, 0)                                \
    X(EXPUNGE, expunge, "EXPUNGE", expunge, IMAP_IN_SELECTED, VERB_UID | VERB_WRITES)              \
    X(SEARCH, search, "SEARCH", search, IMAP_IN_SELECTED, VERB_UID | VERB_KEEPS_NUMBERS)           \
    X(SORT, sort, "SORT", sort, IMAP_IN_SELECTED, VERB_UID | VERB_KEEPS_NUMBERS)                   \
    X(THREAD, thread, "THREAD", thread, IMAP_IN_SELECTED, VERB_UID | VERB_KEEPS_NUMBERS)           \
    X(UNAUTHENTICATE, unauthenticate, "UNAUTHENTICATE", nothing, IMAP_AFTER_LOGIN, 0)              \
    X(COMPRESS, compress, "COMPRESS", compress, IMAP_AFTER_LOGIN, 0)                               \
    X(CANCELUPDATE, cancelupdate, "CANCELUPDATE", cancelupdate, IMAP_IN_SELECTED, 0)               \
    X(UIDBATCHES, uidbatches, "UIDBATCHES", uidbatches, IMAP_IN_SELECTED, 0)                       \
    X(FETCH, fetch, "FETCH", fetch, IMAP_IN_SELECTED, VERB_UID | VERB_KEEPS_NUMBERS)               \
    X(STORE, store, "STORE", store, IMAP_IN_SELECTED, VERB_UID | VERB_KEEPS_NUMBERS | VERB_WRITES) \
    X(COPY, copy, "COPY", copy, IMAP_IN_SELECTED, VERB_UID)                                        \
    X(MOVE, move, "MOVE", copy, IMAP_IN_SELECTED, VERB_UID | VERB_WRITES)                          \
    X(REPLACE, replace, "REPLACE", replace, IMAP_IN_SELECTED, VERB_UID | VERB_WRITES | VERB_MESSAGE)

enum imap_verb {
#define X(name, handler, text, grammar, states, flags) IMAP_VERB_##name,
    IMAP_VERB_TABLE(X)
#undef X
        IMAP_VERBS
};
const char *imap_verb_name(enum imap_verb verb);
unsigned imap_verb_states(enum imap_verb verb);
unsigned imap_verb_flags(enum imap_verb verb);

/* STATUS items; the bit is 1 << value. */
#define IMAP_STATUS_TABLE(X)              \
    X(MESSAGES, "MESSAGES")               \
    X(RECENT, "RECENT")                   \
    X(UIDNEXT, "UIDNEXT")                 \
    X(UIDVALIDITY, "UIDVALIDITY")         \
    X(UNSEEN, "UNSEEN")                   \
    X(HIGHESTMODSEQ, "HIGHESTMODSEQ")     \
    X(SIZE, "SIZE")                       \
    X(DELETED, "DELETED")                 \
    X(DELETED_STORAGE, "DELETED-STORAGE") \
    X(MAILBOXID, "MAILBOXID")             \
    X(APPENDLIMIT, "APPENDLIMIT")
enum imap_status_item {
#define X(name, text) IMAP_STATUS_##name,
    IMAP_STATUS_TABLE(X)
#undef X
        IMAP_STATUS_ITEMS
};

enum imap_store_how { IMAP_STORE_REPLACE, IMAP_STORE_ADD, IMAP_STORE_REMOVE };

/* What SELECT and EXAMINE may be told (RFC 7162 3.1.8, 3.2.5). */
struct imap_select {
    struct slice mailbox;
    bool condstore;
    bool qresync;
    uint32_t uidvalidity;
    uint64_t modseq;
    bool known_given;
    struct imap_sequence_set known; /* UIDs */
    bool match_given;
    struct imap_sequence_set match_numbers; /* both ascending */
    struct imap_sequence_set match_uids;
};

/* LIST's selection and return options (RFC 5258, 6154, 5819); STATUS is told by its items. */
enum {
    IMAP_LIST_SUBSCRIBED = 1,
    IMAP_LIST_REMOTE = 2,
    IMAP_LIST_RECURSIVEMATCH = 4,
    IMAP_LIST_SPECIAL_USE = 8,
    IMAP_LIST_CHILDREN = 16,
    IMAP_LIST_MYRIGHTS = 32,
};
struct imap_list {
    bool extended; /* anything that plain LIST does not have */
    unsigned select;
    unsigned returns;
    unsigned status;               /* bits of enum imap_status_item */
    struct imap_metadata metadata; /* entries told of each (RFC 9590); count 0: none */
    struct slice reference;
    struct slice *patterns;
    size_t count;
};

/* A piece of a message: bytes, or where they are (RFC 4469 3). */
struct imap_append_part {
    struct imap_append_part *next;
    bool is_url;
    struct slice text;
};
/* One message of APPEND (RFC 3502) or REPLACE. */
struct imap_append_message {
    struct imap_append_message *next;
    struct imap_flags flags;
    int64_t date_us;                /* 0: none given */
    struct imap_append_part *parts; /* one text, or with CATENATE one or more */
    bool catenate;
    bool binary; /* a literal8: NULs may be in it (RFC 3516 4.4) */
};
struct imap_append {
    struct slice mailbox;
    struct imap_append_message *messages; /* at least one */
    size_t count;
};
/* RFC 8508 */
struct imap_replace {
    struct imap_sequence_set set; /* one number */
    struct imap_append append;    /* one message */
};

/* What URLFETCH tells of a URL (RFC 5524 3.1). */
#define IMAP_URL_ITEM_TABLE(X) \
    X(BODY, "BODY")            \
    X(BINARY, "BINARY")        \
    X(BODYPARTSTRUCTURE, "BODYPARTSTRUCTURE")
enum imap_url_item {
#define X(name, text) IMAP_URL_##name,
    IMAP_URL_ITEM_TABLE(X)
#undef X
};
/* A URL of GENURLAUTH or URLFETCH. */
struct imap_url_request {
    struct slice url;
    struct slice mechanism;      /* GENURLAUTH */
    enum imap_url_item items[3]; /* URLFETCH, each once; none: as RFC 4467 has it */
    size_t item_count;
};
struct imap_urls {
    struct imap_url_request *requests;
    size_t count;
};
struct imap_resetkey {
    bool given; /* a mailbox; else all */
    struct slice mailbox;
    bool unknown_mechanism;
};

/* SETACL, DELETEACL, LISTRIGHTS (RFC 4314 7). */
struct imap_acl {
    struct slice mailbox;
    struct slice identifier;
    enum share_how how;
    unsigned rights; /* enum right */
};

/* CREATE's mailbox and its special uses (RFC 6154). */
struct imap_create {
    struct slice mailbox;
    struct slice *uses; /* "Sent", without the backslash */
    size_t count;
};

/* A quota root and, in SETQUOTA, its new limits (RFC 9208 4.1). */
struct imap_quota {
    struct slice root;
    bool other; /* a resource that there is not */
    bool limits_storage, limits_messages;
    uint64_t storage; /* units of 1024 bytes */
    uint64_t messages;
};

struct imap_id_pair {
    struct slice name;
    struct slice value; /* p NULL: NIL */
};

/* RFC 5255 3.2; none: which there are is asked for */
struct imap_languages {
    struct slice *ranges;
    size_t count;
};

/* RFC 5255 4.7; none: which is active is asked for */
struct imap_comparators {
    struct slice *patterns;
    size_t count;
};

struct imap_command {
    struct slice tag;
    enum imap_verb verb;
    bool by_uid;
    struct slice written; /* parser.h */
    bool denormal;
    union {
        struct slice mailbox;
        struct imap_select select;
        struct {
            struct slice from;
            struct slice to;
        } rename;
        struct imap_list list; /* and LSUB's */
        struct imap_create create;
        struct imap_acl acl;
        struct {
            struct slice mailbox;
            unsigned items; /* bits of enum imap_status_item */
        } status;
        struct imap_append append;
        struct imap_replace replace;
        struct imap_urls urls; /* GENURLAUTH and URLFETCH */
        struct imap_resetkey resetkey;
        struct imap_metadata metadata;
        struct imap_notify_set notify;
        struct imap_quota quota;       /* GETQUOTA and SETQUOTA */
        struct imap_sequence_set uids; /* UID EXPUNGE */
        struct imap_search search;     /* SEARCH, SORT, THREAD */
        struct imap_fetch fetch;
        struct {
            struct imap_sequence_set set;
            enum imap_store_how how;
            bool silent;
            bool conditional;         /* UNCHANGEDSINCE is given */
            uint64_t unchanged_since; /* RFC 7162 3.1.3 */
            struct imap_flags flags;
        } store;
        struct {
            struct imap_sequence_set set;
            struct slice mailbox;
        } copy;
        struct {
            struct imap_id_pair *pairs;
            size_t count;
        } id;
        struct {
            struct slice *names;
            size_t count;
        } enable;
        struct imap_languages languages;
        struct imap_comparators comparators;
        struct {
            struct slice *tags;
            size_t count;
        } cancel;
        struct slice algorithm; /* COMPRESS */
        struct {
            uint32_t size;  /* messages of one batch */
            uint32_t first; /* batches, counted from 1 */
            uint32_t last;
        } batches;
        struct {
            struct slice user;
            struct slice password;
        } login;
        struct {
            struct slice mechanism;
            struct slice initial; /* base64, or "=" (RFC 4959) */
            bool has_initial;
        } authenticate;
    };
};

/* p->text is the whole command, tag first. On false ret_command->tag is set if there was a valid one, and
 * p->problem says why. */
bool imap_command_parse(struct imap_parser *p, struct imap_command *ret_command) NONNULL MUST_CHECK;
/* What a client says of itself by ID; empty where it says nothing. */
void imap_id_of(const struct imap_command *id, struct slice *ret_name, struct slice *ret_version) NONNULL;

/* cmd_language.c, before log-in and after it: "* LANGUAGE (en de i-default)". */
void imap_put_languages(struct buf *out);
/* The first range that is known changes *tongue and is told. False: none is, and nothing was put. */
bool imap_choose_language(const struct imap_languages *ranges, const struct tongue *by_default,
                          struct tongue *tongue, struct buf *out) MUST_CHECK;
#define IMAP_LANGUAGE_UNKNOWN "This language is not known here"

/* list_grammar.c */
bool imap_parse_list(struct imap_parser *p, struct imap_list *ret) MUST_CHECK;
bool imap_parse_lsub(struct imap_parser *p, struct imap_list *ret) MUST_CHECK;
bool imap_parse_create(struct imap_parser *p, struct imap_create *ret) MUST_CHECK;
/* command.c: "(MESSAGES UNSEEN)". */
bool imap_parse_status_items(struct imap_parser *p, unsigned *ret_items) MUST_CHECK;
/* acl_grammar.c: mailbox and identifier; SETACL's "+lr" too. */
bool imap_parse_identifier(struct imap_parser *p, struct imap_acl *ret) MUST_CHECK;
bool imap_parse_setacl(struct imap_parser *p, struct imap_acl *ret) MUST_CHECK;
/* append_grammar.c */
bool imap_parse_append(struct imap_parser *p, struct imap_append *ret) MUST_CHECK;
bool imap_parse_replace(struct imap_parser *p, struct imap_replace *ret) MUST_CHECK;
/* urlauth_grammar.c: from the space behind the verb. */
bool imap_parse_genurlauth(struct imap_parser *p, struct imap_urls *ret) MUST_CHECK;
bool imap_parse_urlfetch(struct imap_parser *p, struct imap_urls *ret) MUST_CHECK;
bool imap_parse_resetkey(struct imap_parser *p, struct imap_resetkey *ret) MUST_CHECK;
/* select_grammar.c: mailbox and parameters. */
bool imap_parse_select(struct imap_parser *p, struct imap_select *ret) MUST_CHECK;
/* fetch_grammar.c: "1.2.MIME", "HEADER.FIELDS (TO)"; not empty. */
bool imap_parse_section(struct imap_parser *p, struct imap_section *ret) MUST_CHECK;

#endif
