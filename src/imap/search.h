/*
 * What SEARCH looks for: a tree of keys (RFC 3501 6.4.4), read by search_grammar.c, answered by
 * search_match.c.
 *
 * Ownership: the tree lives in the command's arena; imap_search_prepare fills in what needs the session and
 * imap_search_release gives its sets back. Errors: the parser's problem. Limits: below.
 */
#ifndef POSTHORN_IMAP_SEARCH_H
#define POSTHORN_IMAP_SEARCH_H

#include "imap/parser.h"

enum {
    IMAP_SEARCH_DEPTH_MAX = 200, /* of nested keys; OR OR OR ... is how clients ask for many */
    IMAP_SEARCH_KEYS_MAX = 5000,
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
};

struct imap_search_key {
    struct imap_search_key *next;  /* its sibling in AND and OR */
    struct imap_search_key *child; /* of AND, OR, NOT */
    enum imap_search_kind kind;
    bool by_uid;
    bool known;   /* a KEYWORD that exists in the account */
    unsigned bit; /* of FLAG, and of a known KEYWORD */
    int32_t day;
    uint32_t number;
    uint64_t modseq;   /* at least this */
    struct slice name; /* of HEADER, or KEYWORD */
    struct slice text; /* as sent; folded UTF-8 after imap_search_prepare */
    struct imap_sequence_set set;
    struct uid_set uids; /* of SEQUENCE, after prepare */
};

struct imap_search {
    struct slice charset;         /* p NULL: not given */
    struct imap_search_key *root; /* an AND */
    bool modseq;                  /* it has a MODSEQ key: the answer tells the highest (RFC 7162 3.1.6) */
};

/* Everything behind "SEARCH ". */
bool imap_parse_search(struct imap_parser *p, struct imap_search *ret) MUST_CHECK;

#endif
