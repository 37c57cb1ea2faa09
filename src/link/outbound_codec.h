/* The records of outbound.h on the wire, as codec.h has those of the edge. Private to the link room. */
#ifndef POSTHORN_LINK_OUTBOUND_CODEC_H
#define POSTHORN_LINK_OUTBOUND_CODEC_H

#include "directory/destination.h"
#include "link/codec.h"
#include "queue/outbound.h"
#include "queue/policies.h"

enum { LINK_PARCELS_MAX = 2 * OUTBOUND_LEASE_MAX };

/* Texts are copied to the arena. */
void link_put_route(struct buf *b, const struct smart_host *route);
struct smart_host link_get_route(struct wire_reader *r, struct arena *arena);
void link_put_batch(struct buf *b, const struct outbound_batch *batch);
/* Texts are copied to the arena. */
void link_get_batch(struct wire_reader *r, struct arena *arena, struct outbound_batch *ret);
void link_put_results(struct buf *b, const struct outbound_result *results, size_t count);
/* Texts are borrowed; the array is the arena's. An outcome that there is not becomes OUTBOUND_OUTCOMES. */
void link_get_results(struct wire_reader *r, struct arena *arena, struct outbound_result **ret_results,
                      size_t *ret_count);
/* What the relay may know of them: without hosts, which stand in parcels. */
void link_put_destinations(struct buf *b, const struct destination *rows, size_t count);
void link_get_destinations(struct wire_reader *r, struct arena *arena, struct destination **ret_rows,
                           size_t *ret_count);
void link_put_policy(struct buf *b, const struct kept_policy *policy);
/* Texts are borrowed. */
void link_get_policy(struct wire_reader *r, struct kept_policy *ret);

#endif
