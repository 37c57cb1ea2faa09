/*
 * foreverypart (RFC 5703 3): which part of the message a script looks at. Of this room only.
 *
 * A loop knows its part by its place in reading order, as the tree of parts is another one after replace and
 * enclose: before a part's pointer is used, it is looked up again if run->generation has changed.
 */
#ifndef POSTHORN_SIEVE_LOOP_H
#define POSTHORN_SIEVE_LOOP_H

#include "sieve/run.h"

struct loop {
    struct loop *outer;
    const struct frame *frame; /* the script that it stands in */
    struct slice name;         /* p NULL: none */
    size_t scope;              /* the place of the part that it goes through */
    size_t place;              /* of the part at hand; the message's is 0 */
    const struct mime_part *part;
    uint64_t generation; /* that `part` is of */
    bool replaced;       /* the part at hand was: what is in it now is not gone into */
};

/* The part that a command or test is about: of the innermost loop, without one the message. *ret NULL: it is
 * gone. */
enum err loop_part(struct run *run, const struct mime_part **ret, struct error *error) MUST_CHECK;
/* The part that is the message for the script at hand: the message itself, in an included script the part of
 * the loop around its include. *ret NULL: it is gone. */
enum err loop_message(struct run *run, const struct mime_part **ret, struct error *error) MUST_CHECK;
/* Its header. */
enum err loop_header(struct run *run, struct slice *ret, struct error *error) MUST_CHECK;
/* So many parts came before all that the loops go through. */
void loop_shift(struct run *run, size_t parts);

/* The headers that a test looks at (RFC 5703 4): without :mime the message's own. */
struct headers {
    const struct run *run;
    const struct mime_part *scope; /* NULL: the message's own header only */
    const struct mime_part *next;
    bool any_child;
    bool done;
};
enum err headers_open(struct run *run, const struct node *node, struct headers *ret,
                      struct error *error) MUST_CHECK;
bool headers_next(struct headers *headers, struct slice *ret) MUST_CHECK;
/* As it is after addheader and deleteheader. */
struct slice part_header(const struct run *run, const struct mime_part *part);

#endif
