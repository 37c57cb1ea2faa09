/*
 * How the checks of this room ask the DNS: through the one who calls them, so that a test has names of its
 * own.
 *
 * `records` is resolver_records (fetch/resolver.h) with what it needs; the same outcomes and errors. Threads:
 * as the one who gives it says.
 */
#ifndef POSTHORN_AUTHRES_DNS_H
#define POSTHORN_AUTHRES_DNS_H

#include "fetch/resolver.h"

struct authres_dns {
    enum err (*records)(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                        struct resolver_records *ret_records, struct error *error);
    void *context;
};

#endif
