/*
 * The words of a command (RFC 3501 9): atoms, strings, literals, numbers, names, sets, flags, dates.
 *
 * Every function reads from where the parser stands and passes over what it read; on false the parser stands
 * anywhere and `problem` says in a few words what was wrong, for the tagged BAD.
 * Ownership: results borrow from the command's text and spool, or live in the arena. Errors: problem.
 * Threads: one at a time. Limits: the reader's, and those named below.
 */
#ifndef POSTHORN_IMAP_PARSER_H
#define POSTHORN_IMAP_PARSER_H

#include "base/arena.h"
#include "imap/sequence_set.h"
#include "imap/words.h"

enum { IMAP_FLAGS_MAX = 300 /* flags in one list */ };

struct imap_parser {
    struct cursor text;
    struct cursor spool; /* large literals, in order */
    struct arena *arena;
    const char *problem;
    bool limit;           /* it was too much, not wrong: NO [LIMIT] */
    bool spools;          /* the verb is one of those whose literals the reader may have spooled */
    bool utf8;            /* mailbox names come in UTF-8 (RFC 6855 3, RFC 9051 5.1) */
    struct slice written; /* the first mailbox name as the client wrote it, if `utf8` */
    bool denormal;        /* a mailbox name was not in NFC, or not below INBOX by that name */
    struct slice off;     /* capabilities that are switched off: their words are unknown */
};

/* Flags of STORE and APPEND. Bit k of system is the store's FLAG_*. */
struct imap_flags {
    uint64_t system;
    struct slice *keywords;
    size_t keyword_count;
};

bool imap_is_atom_char(char c);
bool imap_is_astring_char(char c);
bool imap_is_tag_char(char c);

/* Says what is wrong; always false. */
bool imap_parse_fail(struct imap_parser *p, const char *problem);
/* The word may stand at this place; if not, it is as unknown as any other. */
bool imap_parse_knows(const struct imap_parser *p, enum imap_place_of_word place,
                      struct slice word) MUST_CHECK;
bool imap_parse_space(struct imap_parser *p) MUST_CHECK;
bool imap_parse_char(struct imap_parser *p, char c) MUST_CHECK;
bool imap_parse_end(struct imap_parser *p) MUST_CHECK;
bool imap_parse_atom(struct imap_parser *p, struct slice *ret) MUST_CHECK;
/* A quoted string or a literal; without its quotes and escapes. */
bool imap_parse_string(struct imap_parser *p, struct slice *ret) MUST_CHECK;
bool imap_parse_astring(struct imap_parser *p, struct slice *ret) MUST_CHECK;
/* p NULL: NIL. */
bool imap_parse_nstring(struct imap_parser *p, struct slice *ret) MUST_CHECK;
/* A message: a literal, which may hold any byte. */
bool imap_parse_message(struct imap_parser *p, struct slice *ret) MUST_CHECK;
bool imap_parse_number(struct imap_parser *p, uint32_t *ret) MUST_CHECK;
/* Bytes, 63 bits (RFC 9051 9, number64). */
bool imap_parse_number64(struct imap_parser *p, uint64_t *ret) MUST_CHECK;
/* A mod-sequence, 63 bits (RFC 7162 3.1). Zero is one too: clients ask for changes since the beginning. */
bool imap_parse_modseq(struct imap_parser *p, uint64_t *ret) MUST_CHECK;
/* A mailbox name, as UTF-8 in NFC. */
bool imap_parse_mailbox(struct imap_parser *p, struct slice *ret) MUST_CHECK;
/* The same with wildcards (RFC 3501 9, list-mailbox). */
bool imap_parse_list_mailbox(struct imap_parser *p, struct slice *ret) MUST_CHECK;
bool imap_parse_sequence_set(struct imap_parser *p, struct imap_sequence_set *ret) MUST_CHECK;
/* "(\Seen $Forwarded)"; with `bare`, one or more flags without parentheses too (STORE). */
bool imap_parse_flags(struct imap_parser *p, bool bare, struct imap_flags *ret) MUST_CHECK;
/* A keyword as SEARCH and flag lists have it. */
bool imap_parse_keyword(struct imap_parser *p, struct slice *ret) MUST_CHECK;
/* "17-Jul-1996 02:44:25 -0700" in quotes, as microseconds since 1970. */
bool imap_parse_date_time(struct imap_parser *p, int64_t *ret_us) MUST_CHECK;
/* 1-Feb-1994, quoted or not, as days since 1970. */
bool imap_parse_day(struct imap_parser *p, int32_t *ret_day) MUST_CHECK;

/* The parser stands at this byte. */
static inline bool imap_parse_at(const struct imap_parser *p, char c)
{
    return cursor_peek(&p->text) == (unsigned char)c;
}

#endif
