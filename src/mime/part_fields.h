/*
 * The Content-... fields of a part (RFC 2045, 2183, 3282, 2557). Of structure.c only.
 *
 * Ownership: values borrow from the header or live in the arena. Errors: ERR_LIMIT when the arena is full.
 * Threads: any. Limits: a budget of memory for parameters a message; past it they are left out.
 */
#ifndef POSTHORN_MIME_PART_FIELDS_H
#define POSTHORN_MIME_PART_FIELDS_H

#include "mime/structure.h"

struct mime_field_budget {
    size_t left; /* bytes */
};

#define MIME_FIELD_BUDGET ((struct mime_field_budget){16 << 20})

/* Reads part->header into type ... md5 and kind; a multipart without usable boundary becomes text. */
enum err mime_part_read_fields(struct arena *arena, struct mime_part *part, struct mime_field_budget *budget,
                               struct error *error) NONNULL MUST_CHECK;
/* What cannot be read as the container it claims to be: a text/plain leaf. */
void mime_part_make_text(struct mime_part *part) NONNULL;

#endif
