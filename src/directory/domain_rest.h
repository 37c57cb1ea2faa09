/*
 * A domain that is split with another server: who is known here is ours, mail for the rest goes there. Which
 * of the two knows an address is found out at RCPT (link/callout.h).
 *
 * A domain has either such a server or a catch-all: both are about who is not known here. Ownership: texts
 * live in the arena. Errors: ERR_NOT_FOUND: no such domain; ERR_INVALID: it has a catch-all. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_DOMAIN_REST_H
#define POSTHORN_DIRECTORY_DOMAIN_REST_H

#include "directory/smart_host.h"

/* host: without a log-in; its name empty: the whole domain is here. */
enum err domain_rest_set(struct directory *directory, struct slice domain, const struct smart_host *host,
                         struct error *error) MUST_CHECK;
/* The server that has the rest of the domain, which is as it is compared; name empty: there is none. */
enum err domain_rest(struct directory *directory, struct slice domain, struct arena *arena,
                     struct smart_host *ret_host, struct error *error) MUST_CHECK;
/* The server that an address leads to, since its domain is split and it is not known here; else empty. */
enum err domain_rest_for(struct directory *directory, struct slice address, struct arena *arena,
                         struct smart_host *ret_host, struct error *error) MUST_CHECK;

#endif
