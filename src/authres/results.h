/*
 * The Authentication-Results field (RFC 8601): written, and recognised where somebody else has written it in
 * our name.
 *
 * Ownership: the buf's. Errors: the buf's sticky failure. Threads: any. Limits: RESULTS_MAX.
 */
#ifndef POSTHORN_AUTHRES_RESULTS_H
#define POSTHORN_AUTHRES_RESULTS_H

#include "base/buf.h"

enum { RESULTS_MAX = 16 * 1024 /* bytes of the field */, RESULTS_COMMENT_MAX = 200 };

/* "Authentication-Results: mail.example"; then any number of results, each followed by its properties; then
 * the end. */
void results_begin(struct buf *out, struct slice server);
/* ";\r\n\tspf=pass (comment)"; the comment may hold anything, and is left out when empty. */
void results_put(struct buf *out, const char *method, const char *result, struct slice comment);
/* " smtp.mailfrom=a@b.example"; the value may hold anything. */
void results_put_property(struct buf *out, const char *name, struct slice value);
/* With its line end; "none" when there was no result (2.2). */
void results_end(struct buf *out);

/* The value of an Authentication-Results field names this server, or nobody can say whom (5). */
bool results_claim(struct slice value, struct slice server);
/* The verdict of an account's junk filter (junk/verdict.h). */
#define RESULTS_JUNK_FIELD "X-Posthorn-Junk"
/* Appends the header without the fields that claim to be this server's, and without any such verdict. */
void results_strip(struct buf *out, struct slice header, struct slice server) NONNULL;

#endif
