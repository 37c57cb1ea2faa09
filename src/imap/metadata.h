/*
 * GETMETADATA's and SETMETADATA's arguments (RFC 5464 5).
 *
 * Ownership: texts live in the command's arena; entries are in lower case. Errors: the parser's problem.
 * Limits: below, and the store's for names and values.
 */
#ifndef POSTHORN_IMAP_METADATA_H
#define POSTHORN_IMAP_METADATA_H

#include "imap/parser.h"
#include "store/annotation.h"

enum { IMAP_METADATA_ENTRIES_MAX = 100 /* in one command */ };

struct imap_metadata {
    struct slice mailbox; /* empty: the account as a whole */
    struct annotation *entries;
    size_t count;
    bool bounded; /* MAXSIZE is given */
    uint32_t max_size;
    enum annotation_depth depth;
};

bool imap_parse_getmetadata(struct imap_parser *p, struct imap_metadata *ret) MUST_CHECK;
bool imap_parse_setmetadata(struct imap_parser *p, struct imap_metadata *ret) MUST_CHECK;
/* LIST's RETURN (METADATA ("/shared/comment")) (RFC 9590 5): the entries, in parentheses. */
bool imap_parse_metadata_entries(struct imap_parser *p, struct imap_metadata *ret) MUST_CHECK;

#endif
