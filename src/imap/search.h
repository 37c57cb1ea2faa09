/*
 * What SEARCH, SORT and THREAD look for: a tree of keys (RFC 3501 6.4.4), read by search_grammar.c, answered
 * by search_match.c; and what is to be said of the messages found (sort_grammar.c).
 *
 * Ownership: the tree lives in the command's arena; imap_search_prepare fills in what needs the session and
 * imap_search_release gives its sets back. Errors: the parser's problem. Limits: below.
 */
#ifndef POSTHORN_IMAP_SEARCH_H
#define POSTHORN_IMAP_SEARCH_H

#include "imap/comparator.h"
#include "imap/fetch.h"
#include "imap/partial.h"
#include "store/search_index.h"

enum {
    IMAP_SEARCH_DEPTH_MAX = 200, /* of nested keys; OR OR OR ... is how clients ask for many */
    IMAP_SEARCH_KEYS_MAX = 5000,
    IMAP_SORT_KEYS_MAX = 20,
    IMAP_SOURCE_NAMES_MAX = 1000, /* mailboxes named by one ESEARCH */
};

/* Return options (RFC 4731 3.1, RFC 5182 2.1, RFC 9394 3.1, RFC 5267 4, RFC 6203 4). */
#define IMAP_RETURN_TABLE(X) \
    X(MIN) X(MAX) X(ALL) X(COUNT) X(SAVE) X(PARTIAL) X(CONTEXT) X(UPDATE) X(RELEVANCY)
enum imap_return {
#define X(name) IMAP_RETURN_AT_##name,
    IMAP_RETURN_TABLE(X)
#undef X
};
enum { /* the same as bits */
#define X(name) IMAP_RETURN_##name = 1 << IMAP_RETURN_AT_##name,
       IMAP_RETURN_TABLE(X)
#undef X
};

/* Sort criteria (RFC 5256 3 SORT, RFC 5957 4, RFC 6203 6). */
#define IMAP_SORT_TABLE(X) \
    X(ARRIVAL) X(CC) X(DATE) X(FROM) X(SIZE) X(SUBJECT) X(TO) X(DISPLAYFROM) X(DISPLAYTO) X(RELEVANCY)
enum imap_sort_criterion {
#define X(name) IMAP_SORT_##name,
    IMAP_SORT_TABLE(X)
#undef X
};
struct imap_sort_key {
    enum imap_sort_criterion criterion;
    bool reverse;
};

/* Threading algorithms (RFC 5256 3 THREAD, draft-ietf-morg-inthread 4). */
#define IMAP_THREAD_TABLE(X) X(ORDEREDSUBJECT) X(REFERENCES) X(REFS)
enum imap_thread_algorithm {
#define X(name) IMAP_THREAD_##name,
    IMAP_THREAD_TABLE(X)
#undef X
};

/* name on the wire, kind of node, grammar of its argument, what the kind needs (flag bit, header name) */
enum imap_search_kind {
    SEARCH_ALL,
    SEARCH_AND,
    SEARCH_OR,
    SEARCH_NOT,
    SEARCH_SEQUENCE, /* by number or by UID */
    SEARCH_FLAG,
    SEARCH_RECENT,
    SEARCH_KEYWORD,
    SEARCH_BEFORE,
    SEARCH_ON,
    SEARCH_SINCE,
    SEARCH_SENTBEFORE,
    SEARCH_SENTON,
    SEARCH_SENTSINCE,
    SEARCH_OLDER, /* RFC 5032 */
    SEARCH_YOUNGER,
    SEARCH_LARGER,
    SEARCH_SMALLER,
    SEARCH_HEADER,
    SEARCH_BODY,
    SEARCH_TEXT,
    SEARCH_MODSEQ,      /* RFC 7162 3.1.5 */
    SEARCH_SAVEDBEFORE, /* RFC 8514 */
    SEARCH_SAVEDON,
    SEARCH_SAVEDSINCE,
    SEARCH_EMAILID, /* RFC 8474 */
    SEARCH_THREADID,
    SEARCH_FILTER, /* a name; other keys once it is expanded (search_filter.h) */
    SEARCH_FUZZY,  /* HEADER, BODY or TEXT (RFC 6203) */
};

struct imap_fuzzy; /* search_fuzzy.h */

struct imap_search_key {
    struct imap_search_key *next;  /* its sibling in AND and OR */
    struct imap_search_key *child; /* of AND, OR, NOT */
    enum imap_search_kind kind;
    enum imap_search_kind of; /* of FUZZY: what it is else */
    struct imap_fuzzy *fuzzy; /* of FUZZY, after prepare */
    bool by_uid;
    bool known;   /* a KEYWORD that exists in the account */
    unsigned bit; /* of FLAG, and of a known KEYWORD */
    int32_t day;
    uint32_t number;     /* of OLDER and YOUNGER; of FILTER: how many FUZZY keys it stands in */
    uint64_t bytes;      /* of LARGER and SMALLER */
    int64_t second;      /* of OLDER and YOUNGER, after prepare: since 1970 */
    uint64_t modseq;     /* at least this */
    struct slice name;   /* of HEADER, or KEYWORD */
    struct slice text;   /* as sent; folded UTF-8 after imap_search_prepare */
    struct slice octets; /* after prepare: as sent, for texts that are octets */
    struct slice asked;  /* after prepare: what the index is asked for; empty: nothing */
    struct imap_sequence_set set;
    struct uid_set uids;     /* of SEQUENCE, after prepare */
    struct search_hits hits; /* of HEADER, BODY and TEXT: what the index says (search_narrow.h) */
};

/* Where ESEARCH looks (RFC 7377 2.2, RFC 5465 6): kind, wire name, mailboxes follow */
#define IMAP_SOURCE_TABLE(X)            \
    X(SELECTED, "selected", false)      \
    X(INBOXES, "inboxes", false)        \
    X(PERSONAL, "personal", false)      \
    X(SUBSCRIBED, "subscribed", false)  \
    X(SUBTREE, "subtree", true)         \
    X(SUBTREE_ONE, "subtree-one", true) \
    X(MAILBOXES, "mailboxes", true)
enum imap_source_kind {
#define X(name, text, names) IMAP_SOURCE_##name,
    IMAP_SOURCE_TABLE(X)
#undef X
};
struct imap_source_name {
    struct imap_source_name *next;
    struct slice path;
};
struct imap_source {
    struct imap_source *next;
    enum imap_source_kind kind;
    struct imap_source_name *names;
};

/* Of which mailbox an ESEARCH response is; ESEARCH says so always (RFC 7377 2.1). */
struct imap_correlator {
    struct slice mailbox; /* p NULL: the selected one, not said */
    uint32_t uidvalidity;
};

/* What becomes of a search that would look at more messages than a command may (message_limit.h). */
enum imap_search_limit { IMAP_SEARCH_UNLIMITED, IMAP_SEARCH_CUT, IMAP_SEARCH_REFUSED };
struct imap_search {
    bool extended;    /* RETURN was given: the answer is ESEARCH */
    unsigned returns; /* bits of enum imap_return; never none when extended */
    struct imap_partial partial;
    struct imap_fetch update;    /* what UPDATE tells of messages that come; no items: nothing */
    struct imap_source *sources; /* of ESEARCH; NULL: the selected mailbox */
    struct imap_correlator about;
    struct imap_sort_key *sort; /* of SORT */
    size_t sort_count;
    enum imap_thread_algorithm algorithm; /* of THREAD */
    struct slice charset;                 /* p NULL: not given */
    bool compares;                        /* the comparator is given; else it is the session's */
    struct imap_comparator comparator;    /* from prepare on */
    struct imap_search_key *root;         /* an AND */
    enum imap_search_limit limit;
    bool modseq;  /* it has a MODSEQ key: the answer tells the highest */
    bool filters; /* it names filters */
    size_t keys;  /* how many it has */
    bool fuzzy;   /* it has a FUZZY key: matches have a relevancy */
    bool numbers; /* it names messages by number */
};

/* Everything behind "SEARCH ", "SORT ", "THREAD ". */
bool imap_parse_search(struct imap_parser *p, struct imap_search *ret) MUST_CHECK;
bool imap_parse_sort(struct imap_parser *p, struct imap_search *ret) MUST_CHECK;
bool imap_parse_esearch(struct imap_parser *p, struct imap_search *ret) MUST_CHECK;
bool imap_parse_thread(struct imap_parser *p, struct imap_search *ret) MUST_CHECK;

/* search_grammar.c: the keys of a filter, which `key` becomes an AND of; counted with the search's. */
bool imap_parse_filter_keys(struct imap_parser *p, struct imap_search *search,
                            struct imap_search_key *key) MUST_CHECK;
/* search_grammar.c: one or more keys. */
bool imap_parse_search_keys(struct imap_parser *p, struct imap_search *search) MUST_CHECK;

#endif
