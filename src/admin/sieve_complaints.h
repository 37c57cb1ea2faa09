/* What is wrong with a script, as rows of a command that reads one. Threads: any. */
#ifndef POSTHORN_ADMIN_SIEVE_COMPLAINTS_H
#define POSTHORN_ADMIN_SIEVE_COMPLAINTS_H

#include "admin/admin.h"
#include "sieve/sieve.h"

extern const struct admin_column sieve_complaint_columns[];
/* Exit status 1 where one of them is no mere warning. */
enum err sieve_complaints_tell(struct admin_call *call, const struct sieve_complaints *complaints,
                               struct error *error) MUST_CHECK;
/* A row of them as text. */
void sieve_complaint_show(const json_t *row);
/* "line 3", or as many blanks. */
void sieve_line_show(const json_t *row);

#endif
