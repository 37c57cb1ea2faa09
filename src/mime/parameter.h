/*
 * Content-Type, Content-Disposition and their parameters (RFC 2045 5.1, 2183), with RFC 2231.
 *
 * Purpose: one reader of "value; name=value" fields, tolerant of what real mail does: missing quotes, missing
 * semicolons, spaces around '=', RFC 2047 words in quoted strings.
 * Ownership: results live in the arena or borrow from the field. Errors: ERR_LIMIT when the arena is full.
 * Threads: any.
 * Limits: MIME_PARAMETERS_MAX a field, MIME_PARAMETER_FIELD_MAX bytes of the field are read; the rest is left
 * out.
 */
#ifndef POSTHORN_MIME_PARAMETER_H
#define POSTHORN_MIME_PARAMETER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum { MIME_PARAMETERS_MAX = 64, MIME_PARAMETER_FIELD_MAX = 16384 };

/* As written but for quotes, folds and comments: RFC 2231 and RFC 2047 are not decoded yet. */
struct mime_parameter {
    struct mime_parameter *next;
    struct slice name; /* "filename*0*" */
    struct slice value;
};

/* Passes over blanks, comments (RFC 822 3.4.3; RFC 2045 5.1 has them anywhere) and the given separator. A
 * comment that is never closed takes all the rest, so that no byte is read twice. */
void mime_skip_blanks(struct cursor *c, char separator) NONNULL;
/* A token (RFC 2045 5.1), maybe empty. */
struct slice mime_take_token(struct cursor *c) NONNULL;
/* "text/plain", or one token alone, at the start of such a field: *ret_subtype is empty without "/". */
void mime_take_type(struct cursor *c, struct slice *ret_type, struct slice *ret_subtype) NONNULL;
/* The parameters of "; a=b; c=d" (text after the first word of the field). *ret NULL: none. */
enum err mime_parameters_parse(struct arena *arena, struct slice text, struct mime_parameter **ret,
                               struct error *error) NONNULL MUST_CHECK;
/* The value of the plain parameter of that name, p NULL when absent. For boundary, charset, type. */
struct slice mime_parameter_raw(const struct mime_parameter *list, struct slice name);
/* The value in UTF-8: RFC 2231 continuations and charsets, else RFC 2047 words (illegal but common), else
 * as written. False: absent (nothing written), also from no list (NULL). */
bool mime_parameter_decode(struct buf *out, const struct mime_parameter *list, struct slice name) MUST_CHECK;
/* The list with continuations joined: "a*0=x; a*1=y" is a="xy"; where a piece was extended, "a*" with its
 * charset'language'percent text. In the order of first appearance. As BODYSTRUCTURE shows it. */
enum err mime_parameters_join(struct arena *arena, const struct mime_parameter *list,
                              struct mime_parameter **ret, struct error *error) MUST_CHECK;

/* "; name=value" of a UTF-8 value: a token, a quoted string, or "name*=utf-8''..." (RFC 2231 4). */
void mime_parameter_put(struct buf *out, struct slice name, struct slice utf8) NONNULL;

#endif
