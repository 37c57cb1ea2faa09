#include "authres/dkim_intake.h"

#include <stdlib.h>

#include "base/must.h"

void dkim_intake_release(struct dkim_intake *intake)
{
    for (size_t i = 0; i < intake->body_count; i++)
        EVP_MD_CTX_free(intake->bodies[i].body.digest);
    intake->body_count = 0;
    buf_release(&intake->header);
    free(intake->fields);
    intake->fields = NULL;
    intake->field_count = 0;
}

/* --- the header --- */

static void read_fields(struct dkim_intake *intake)
{
    struct cursor c = cursor_of(buf_slice(&intake->header));
    struct mime_field field;
    size_t room = 0;
    while (mime_field_next(&c, &field)) {
        if (intake->field_count == DKIM_FIELDS_MAX) {
            intake->too_long = true;
            return;
        }
        if (intake->field_count == room) {
            room = MAX(room * 2, (size_t)32);
            struct mime_field *more = reallocarray(intake->fields, room, sizeof(*more));
            if (more == NULL) {
                intake->failed = true;
                return;
            }
            intake->fields = more;
        }
        intake->fields[intake->field_count++] = field;
    }
}

static void end_header(struct dkim_intake *intake)
{
    intake->header_ended = true;
    intake->too_long = intake->too_long || buf_failed(&intake->header);
    if (!intake->too_long)
        read_fields(intake);
    if (!intake->too_long && !intake->failed && intake->header_done != NULL)
        intake->header_done(intake->context);
}

/* The line that has come to its end. True: it was the empty one. */
static bool take_line(struct dkim_intake *intake)
{
    struct slice line = slice_from(buf_slice(&intake->header), intake->line);
    bool first = intake->line == 0;
    intake->line = intake->header.n;
    if (slice_ends(line, S("\n")))
        line.n--;
    if (slice_ends(line, S("\r")))
        line.n--;
    switch (mime_line_kind(line)) {
    case MIME_LINE_EMPTY:
        return true;
    case MIME_LINE_FIELD:
        break;
    case MIME_LINE_CONTINUATION:
        intake->malformed = intake->malformed || first;
        break;
    case MIME_LINE_MBOX:
    case MIME_LINE_OTHER:
        intake->malformed = true;
        break;
    }
    return false;
}

/* What of the piece is behind the header. */
static struct slice take_header(struct dkim_intake *intake, struct slice piece)
{
    while (piece.n > 0 && !intake->header_ended) {
        const char *end = memchr(piece.p, '\n', piece.n);
        size_t n = end != NULL ? (size_t)(end - piece.p) + 1 : piece.n;
        buf_put(&intake->header, slice_sub(piece, 0, n));
        piece = slice_from(piece, n);
        if (buf_failed(&intake->header) || (end != NULL && take_line(intake)))
            end_header(intake);
    }
    return piece;
}

size_t dkim_intake_count(const struct dkim_intake *intake, struct slice name)
{
    size_t count = 0;
    for (size_t i = 0; i < intake->field_count; i++)
        count += slice_eq_nocase(intake->fields[i].name, name);
    return count;
}

/* --- the body --- */

int dkim_intake_want_body(struct dkim_intake *intake, enum canon canon, bool limited, uint64_t limit)
{
    for (size_t i = 0; i < intake->body_count; i++) {
        const struct canon_body *body = &intake->bodies[i].body;
        if (body->canon == canon && body->limited == limited && body->limit == limit)
            return (int)i;
    }
    if (intake->body_count == DKIM_BODY_HASHES_MAX)
        return DKIM_NO_BODY;
    struct dkim_body_hash *new = &intake->bodies[intake->body_count];
    *new = (struct dkim_body_hash){
        .body = {.digest = EVP_MD_CTX_new(), .canon = canon, .limited = limited, .limit = limit}};
    if (new->body.digest == NULL || EVP_DigestInit_ex(new->body.digest, EVP_sha256(), NULL) != 1)
        intake->failed = true;
    return (int)intake->body_count++;
}

void dkim_intake_feed(struct dkim_intake *intake, struct slice piece)
{
    if (!intake->header_ended)
        piece = take_header(intake, piece);
    if (intake->failed || piece.n == 0)
        return;
    for (size_t i = 0; i < intake->body_count; i++)
        canon_body_feed(&intake->bodies[i].body, piece);
}

enum err dkim_intake_end(struct dkim_intake *intake, struct error *error)
{
    if (!intake->header_ended) {
        if (intake->header.n > intake->line)
            (void)take_line(intake);
        end_header(intake);
    }
    for (size_t i = 0; i < intake->body_count && !intake->failed; i++) {
        struct dkim_body_hash *body = &intake->bodies[i];
        must(!body->ended);
        body->ended = true;
        if (!canon_body_end(&body->body) || EVP_DigestFinal_ex(body->body.digest, body->hash, NULL) != 1)
            intake->failed = true;
    }
    return intake->failed ? fail_nomem(error) : ERR_OK;
}
