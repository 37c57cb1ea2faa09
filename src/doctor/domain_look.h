/*
 * One domain while it is looked at. Private to names_*.c.
 *
 * What is found is said with spoken_find and spoken_why.
 */
#ifndef POSTHORN_DOCTOR_DOMAIN_LOOK_H
#define POSTHORN_DOCTOR_DOMAIN_LOOK_H

#include "doctor/doctor.h"

struct domain_look {
    struct doctor *doctor;
    const struct doctor_domain *domain;
    const char *name;
    const char *host;
};

/* The last text at `name` that is one, and how many there are. False: nobody answers. */
bool domain_look_text(struct domain_look *d, const char *name, bool (*is_it)(struct slice text),
                      struct slice *ret_text, size_t *ret_count);
/* Whether a certificate can come by itself. */
void domain_look_caa(struct domain_look *d);
/* How others bring mail by TLS: MTA-STS, reports, DANE. */
void domain_look_tls(struct domain_look *d);

#endif
