/*
 * A message as a tree of parts.
 *
 * Purpose: the project's only MIME parser: one linear pass over the message, nothing copied but small values.
 * It never fails on a message: broken ones get the best reading (RFC 2046 5.1, RFC 7103). A multipart without
 * a usable boundary, or one whose boundary never comes, is read as text/plain.
 * Ownership: parts live in the arena, their texts borrow from the message: both must outlive the tree.
 * Errors: ERR_LIMIT only when the arena's cap is below MIME_STRUCTURE_ARENA_MAX and the message needs more.
 * Threads: any; the tree is read-only after parsing.
 * Limits: MIME_DEPTH_MAX levels (deeper: opaque text), MIME_PARTS_MAX parts (the last one holds all the rest
 * as opaque text), MIME_BOUNDARY_MAX bytes of a boundary (longer: none).
 */
#ifndef POSTHORN_MIME_STRUCTURE_H
#define POSTHORN_MIME_STRUCTURE_H

#include "mime/encoding.h"
#include "mime/parameter.h"

enum {
    MIME_DEPTH_MAX = 100,
    MIME_PARTS_MAX = 10000,
    MIME_BOUNDARY_MAX = 1000,
    MIME_STRUCTURE_ARENA_MAX = 32 << 20, /* enough for any message */
};

enum mime_kind {
    MIME_LEAF,
    MIME_MULTIPART, /* at least one child */
    MIME_MESSAGE,   /* message/rfc822 or message/global: one child, the message inside */
};

/* p NULL: the field or value is absent. */
struct mime_part {
    struct mime_part *parent;      /* NULL: the message itself */
    struct mime_part *first_child; /* in order through next */
    struct mime_part *last_child;
    struct mime_part *next;
    uint32_t child_count;
    enum mime_kind kind;

    struct slice whole;  /* header and body */
    struct slice header; /* its own fields and the empty line; of the message or of the part */
    struct slice body;   /* without the line end before the next boundary */
    size_t body_lines;   /* line ends (LF) in body */

    struct slice type; /* "text"; the default when the field is absent or broken (RFC 2045 5.2, 2046 5.1.5) */
    struct slice subtype; /* "plain" */
    const struct mime_parameter *parameters;
    enum mime_encoding encoding;
    struct slice encoding_name; /* as written, trimmed; p NULL: absent */
    struct slice disposition;   /* "attachment" */
    const struct mime_parameter *disposition_parameters;
    struct slice id; /* Content-ID, Content-Description ... : raw values, trimmed */
    struct slice description;
    struct slice language;
    struct slice location;
    struct slice md5;
};

/* Parses; *ret is the message itself (its first part only in IMAP's numbering). */
enum err mime_parse(struct arena *arena, struct slice message, struct mime_part **ret,
                    struct error *error) NONNULL MUST_CHECK;

/* Type and subtype, ASCII case ignored. */
bool mime_part_is(const struct mime_part *part, struct slice type, struct slice subtype) NONNULL;
/* Offset of the part's header from the start of the message; its body starts header.n later. */
size_t mime_part_offset(const struct mime_part *root, const struct mime_part *part) NONNULL;
/* The next part in reading order (children before siblings) below root; NULL at the end. Start with root. */
const struct mime_part *mime_part_walk(const struct mime_part *root, const struct mime_part *part) NONNULL;
/* The file's name in UTF-8: Content-Disposition filename, else Content-Type name. False: none. */
bool mime_part_filename(struct buf *out, const struct mime_part *part) NONNULL MUST_CHECK;
/* The body, decoded from its transfer encoding; with to_utf8 a text/... part's charset too. */
void mime_part_decode(struct buf *out, const struct mime_part *part, bool to_utf8) NONNULL;

/* RFC 9051 6.4.5: what follows the part numbers in a section. */
enum mime_section {
    MIME_SECTION_ALL,    /* "1.2", "" : a part's body; with no numbers the whole message */
    MIME_SECTION_HEADER, /* of the message, or of the message inside a message/rfc822 part */
    MIME_SECTION_TEXT,   /* its body, likewise */
    MIME_SECTION_MIME,   /* the part's own header; needs numbers */
};

/* The part a path of numbers leads to; no numbers: the message. NULL: there is none. */
const struct mime_part *mime_section_part(const struct mime_part *root, const uint32_t *numbers,
                                          size_t count) NONNULL;
/* The bytes of a section. False: there is no such part (or no message in it): FETCH answers NIL. */
bool mime_section_slice(const struct mime_part *root, const uint32_t *numbers, size_t count,
                        enum mime_section what, struct slice *ret) NONNULL MUST_CHECK;
/* "1.2.3" as numbers (each 1 or more). False: not a path, or more than max numbers. */
bool mime_section_parse(struct slice text, uint32_t *ret_numbers, size_t max,
                        size_t *ret_count) NONNULL MUST_CHECK;

#endif
