/*
 * The DNS as the doctor asks it: records as text, names as people write them. Private to the room.
 *
 * Results live in the doctor's arena until the check is over. Errors: false where nobody answered.
 */
#ifndef POSTHORN_DOCTOR_RECORDS_H
#define POSTHORN_DOCTOR_RECORDS_H

#include "doctor/doctor.h"

enum { RECORD_SRV = 33, RECORD_NAME_MAX = 254 };

/* What a name's records of one type point to. */
struct target {
    unsigned priority; /* of MX and SRV */
    unsigned port;     /* of SRV */
    char name[RECORD_NAME_MAX];
};

/* The strings of TXT, each record joined (RFC 7208 3.3). */
bool records_texts(struct doctor *doctor, const char *name, struct slice **ret_texts, size_t *ret_count);
/* MX, SRV, PTR: their targets, without a dot at the end; malformed ones are left out. */
bool records_targets(struct doctor *doctor, const char *name, int type, struct target **ret_targets,
                     size_t *ret_count);

#endif
