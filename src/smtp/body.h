/*
 * A message as it arrives: in memory up to QUEUE_INLINE_MAX, then in a spool file that store made.
 *
 * Errors are kept until the end (the client must be heard out): `too_large`, `failed`. smtp_body_drop gives
 * everything back.
 */
#ifndef POSTHORN_SMTP_BODY_H
#define POSTHORN_SMTP_BODY_H

#include "link/link.h"

struct smtp_body {
    struct link *link;
    uint64_t max;
    uint64_t size;     /* bytes so far */
    struct buf memory; /* all of it, or what is not yet written to the file */
    uint64_t spool;    /* 0: none */
    int fd;            /* -1: none */
    bool too_large;
    bool failed;
    struct error error; /* why, when failed */
};

void smtp_body_init(struct smtp_body *body, struct link *link, uint64_t max);
void smtp_body_put(struct smtp_body *body, struct slice s);
/* All is in the file, if there is one. */
void smtp_body_finish(struct smtp_body *body);
/* The spool file belongs to the queue now. */
void smtp_body_accepted(struct smtp_body *body);
void smtp_body_drop(struct smtp_body *body);

#endif
