/*
 * What the messages that scripts write have in common: who they are from, their MIME entities, their lines.
 * Of this room only.
 */
#ifndef POSTHORN_SIEVE_LETTER_H
#define POSTHORN_SIEVE_LETTER_H

#include "sieve/run.h"

/* The header of the message that is answered: also when the script has put it into another one. */
struct slice letter_cause(const struct run *run);
/* Whether the address is one of the owner's. */
bool letter_is_own(const struct run *run, struct slice address);

/* A list of mailboxes with domains. */
bool letter_from_valid(struct slice from);
/* The entity of :mime: its fields are ASCII. */
bool letter_entity_valid(struct slice entity);

/* From with this list, or with p NULL the owner's. */
void letter_put_from(struct run *run, struct slice from, struct buf *out);
/* Lines that end with CRLF, whatever the script has. */
void letter_put_lines(struct buf *out, struct slice text);
/* A MIME entity: of its fields those that MIME knows, so that none becomes the message's. */
void letter_put_entity(struct buf *out, struct slice entity);
/* Date as of the run, and a Message-ID. */
void letter_put_date(struct run *run, struct buf *out);
void letter_put_id(struct run *run, struct buf *out);

#endif
