/*
 * The records of link.h on the wire: one put and one get for each structure, so that both sides agree by
 * construction. Getters borrow from the record; a failed reader (wire_ok) means the record was malformed.
 * Private to the link room.
 */
#ifndef POSTHORN_LINK_CODEC_H
#define POSTHORN_LINK_CODEC_H

#include "base/wire.h"
#include "link/link.h"

enum { LINK_RECORD_MAX = 8 * 1024 * 1024 }; /* bytes: 1,000 recipients with everything, or 256 KB pipelined */

void link_put_sasl_start(struct buf *b, const struct sasl_start *start);
void link_get_sasl_start(struct wire_reader *r, struct sasl_start *ret);
void link_put_sasl_result(struct buf *b, const struct sasl_result *result);
/* Texts are copied to the arena. */
void link_get_sasl_result(struct wire_reader *r, struct arena *arena, struct sasl_result *ret);
/* Without fd. */
void link_put_hand_over(struct buf *b, const struct link_hand_over *hand_over);
void link_get_hand_over(struct wire_reader *r, struct link_hand_over *ret);
/* Without fd. */
void link_put_give_back(struct buf *b, const struct link_give_back *given);
void link_get_give_back(struct wire_reader *r, struct link_give_back *ret);
void link_put_note(struct buf *b, const struct feedback_note *note);
void link_get_note(struct wire_reader *r, struct feedback_note *ret);
void link_put_by(struct buf *b, const struct deliver_by *by);
void link_get_by(struct wire_reader *r, struct deliver_by *ret);
void link_put_envelope(struct buf *b, const struct queue_envelope *envelope);
/* The recipients live in the arena. */
void link_get_envelope(struct wire_reader *r, struct arena *arena, struct queue_envelope *ret);

/*
 * A record small enough travels in the message, a larger one in a memfd that is the message's last
 * descriptor. Pack: message->body is set to *carrier's content. Unpack: *storage holds a record that came by
 * memfd (copied, since the sender could still change it).
 */
enum err link_pack(struct buf *record, struct buf *carrier, struct ipc_message *message,
                   struct error *error) MUST_CHECK;
enum err link_unpack(struct ipc_message *message, struct buf *storage, struct slice *ret_record,
                     struct error *error) MUST_CHECK;

#endif
