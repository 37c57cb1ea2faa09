/*
 * What stands in the records that the checks of this room ask for (RFC 1035 3.3), and which names may be
 * asked.
 *
 * Ownership: results borrow from the record or live in the arena. Threads: any.
 */
#ifndef POSTHORN_AUTHRES_DNS_RECORDS_H
#define POSTHORN_AUTHRES_DNS_RECORDS_H

#include "authres/dns.h"
#include "base/buf.h"

/* Labels of 1 to 63 bytes, 253 together; no byte that has a meaning of its own in a name's text. */
bool dns_name_valid(struct slice name);
/* "b.a.example" below "a.example", or the same; case does not matter. */
bool dns_name_within(struct slice name, struct slice domain);
/* A TXT record's strings as one text (RFC 7208 3.3, RFC 6376 3.6.2.2). p NULL: malformed, or no memory. */
struct slice dns_text(struct slice data, struct arena *arena);
/* The name in a PTR record, or in an MX record from `skip` 2 on: "a.example". p NULL: malformed. */
struct slice dns_name(struct slice data, size_t skip, struct arena *arena);
/* An A or AAAA record. */
bool dns_address(struct slice data, struct resolver_address *ret_address);
/* An address as text, without brackets. */
bool dns_address_parse(struct slice text, struct resolver_address *ret_address);
/* "4.3.2.1.in-addr.arpa". */
void dns_put_reverse(const struct resolver_address *address, struct buf *out) NONNULL;

#endif
