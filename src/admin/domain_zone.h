/*
 * The DNS records of a domain in commands: what they are made of, gathered at the command line.
 *
 * Ownership: domain_zone_release. Errors: those of the commands that are asked; ERR_NOT_FOUND: the domain is
 * not ours. Threads: one.
 */
#ifndef POSTHORN_ADMIN_DOMAIN_ZONE_H
#define POSTHORN_ADMIN_DOMAIN_ZONE_H

#include "admin/admin.h"
#include "doctor/doctor.h"

/* The keys that sign a domain's mail, as the server knows them. */
struct domain_zone {
    json_t *rows;
    struct zone_key *keys;
    struct doctor_domain domain; /* its texts are in rows and the arena */
};
void domain_zone_release(struct domain_zone *zone); /* for CLEANUP */
/* name: as a person wrote it. */
enum err domain_zone_read(const struct admin_context *context, struct slice name, struct arena *arena,
                          struct domain_zone *ret_zone, struct error *error) MUST_CHECK;
/* clang-format off */
#define ZONE_COLUMNS                    \
    {"name", "NAME", COLUMN_TEXT},      \
    {"type", "TYPE", COLUMN_TEXT},      \
    {"data", "DATA", COLUMN_TEXT},      \
    {"need", "NEED", COLUMN_TEXT},      \
    {"about", "ABOUT", COLUMN_TEXT},
/* clang-format on */
/* The records as rows; "text" too for TXT. */
enum err call_zone(struct admin_call *call, struct slice domain, bool is_signed,
                   struct error *error) MUST_CHECK;
/* An admin_command's `show`: a row as a line of a zone file. */
void show_zone_record(const json_t *row);
/* English of ours in the language that $LANG asks for. */
void put_spoken(const char *english, struct buf *out);

#endif
