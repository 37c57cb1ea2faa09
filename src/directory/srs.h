/*
 * The sender rewriting scheme (libsrs.com/srs, by Meng Weng Wong and Shevek): a message that is sent on to
 * the outside gets a sender of ours, so that SPF (RFC 7208) holds where it arrives, and which leads a bounce
 * back.
 *
 *     max@far.example            SRS0=hash=day=far.example=max@ours
 *     SRS0=x=y=far=max@first     SRS1=hash=first==x=y=far=max@ours      one forwarder before us
 *     SRS1=z=first==...@second   SRS1=hash=first==...@ours              more of them
 *
 * The hash is 40 bits of an HMAC with the directory's own key, so nobody but us makes such addresses; `day`,
 * of 1024, lets them expire. Letter case is nothing to rely on in between: hash and day are compared without,
 * and the hash is of the lower case. Errors: ERR_INVALID. Threads: any. Limits: SRS_DAYS; a result over
 * ADDRESS_MAX is none. The local part may be longer than other ones.
 */
#ifndef POSTHORN_DIRECTORY_SRS_H
#define POSTHORN_DIRECTORY_SRS_H

#include "base/arena.h"
#include "base/error.h"

enum {
    SRS_DAYS = 21, /* a bounce that comes later is none of ours */
    SRS_KEY_SIZE = 32,
};

/* The local part has the form (whether or not we made it). */
bool srs_is_form(struct slice local);
/* Of a sender with a domain that is not ours. domain: ours, where bounces come to. ERR_INVALID: it has no
 * such form, since it is quoted or would be too long. */
enum err srs_encode(const unsigned char key[static SRS_KEY_SIZE], struct slice sender, struct slice domain,
                    int64_t now_us, struct arena *arena, struct slice *ret_sender,
                    struct error *error) MUST_CHECK;
/* Where mail for that local part of ours goes. ERR_INVALID: forged, expired, or nothing of the kind. */
enum err srs_decode(const unsigned char key[static SRS_KEY_SIZE], struct slice local, int64_t now_us,
                    struct arena *arena, struct slice *ret_address, struct error *error) MUST_CHECK;

#endif
