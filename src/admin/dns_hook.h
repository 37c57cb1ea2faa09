/*
 * The administrator's program that sets records in the DNS for an authority to find (DNS-01, RFC 8555 8.4).
 * It is run by the command line, as whoever calls that: none of the server's processes may run a program.
 *
 *   PROGRAM add _acme-challenge.example.org VALUE      ends with 0 when the zone's name servers have it
 *   PROGRAM remove _acme-challenge.example.org VALUE
 *
 * The server says which records: only names that the settings name, and digests, are passed on.
 *
 * Ownership: borrows the call and the program's path. Errors: what the program did wrong goes to the server
 * as the attempt's failure, as does a record that the settings do not explain. Threads: one. Limits:
 * ACME_ANSWERS_MAX records, DNS_HOOK_US for each run.
 */
#ifndef POSTHORN_ADMIN_DNS_HOOK_H
#define POSTHORN_ADMIN_DNS_HOOK_H

#include "acme/answers.h"
#include "admin/admin.h"

#define DNS_HOOK_US (5 * CLOCK_MINUTE)

struct dns_hook {
    struct admin_call *call;
    struct slice program;                         /* its path */
    struct acme_record records[ACME_ANSWERS_MAX]; /* that it was told to add */
    size_t count;
    bool gave_up;
};

/* It is a path from the root, and can be run. */
enum err dns_hook_check(struct slice program, struct error *error) MUST_CHECK;
/* Adds the records that are asked for and were not yet. */
enum err dns_hook_set(struct dns_hook *hook, struct error *error) MUST_CHECK;
/* Those that were added; one that stays is told. */
void dns_hook_remove(struct dns_hook *hook);
/* The name of a record that proves one of these names (blanks between them), and a digest. */
bool dns_hook_is_ours(const struct acme_record *record, struct slice names) NONNULL;

#endif
