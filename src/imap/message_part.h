/*
 * The bytes of one message or of a part of it, wherever it lies: for URLs.
 *
 * Ownership: the result owns what it needs until imap_part_release. Errors: ERR_NOT_FOUND (no such message or
 * part), ERR_INVALID (no such kind of section), ERR_LIMIT, the store's. Threads: any.
 * Limits: those of command.h and structure.h.
 */
#ifndef POSTHORN_IMAP_MESSAGE_PART_H
#define POSTHORN_IMAP_MESSAGE_PART_H

#include "imap/command.h"
#include "store/message.h"

struct imap_part {
    struct arena arena;
    struct content content;
    struct mime_part *root; /* of the parsed message */
    struct imap_section section;
    struct buf fields;  /* what HEADER.FIELDS chose */
    struct slice bytes; /* of the section */
};

/* section as FETCH BODY[...] has it; empty: the whole message. */
enum err imap_part_read(struct account *account, struct folder_id folder, struct uid uid,
                        struct slice section, struct imap_part *ret_part, struct error *error) MUST_CHECK;
void imap_part_release(struct imap_part *part); /* for CLEANUP */

#endif
