/*
 * Match types (RFC 5228 2.7, RFC 5231): the keys of a test against the values that it finds. Of this room
 * only.
 *
 * Use: match_open with the test's node, match_try for each value until one fits, match_close at the end,
 * which decides for :count. Ownership: lives in the run's scratch; match_release. Errors: as those of the
 * run.
 */
#ifndef POSTHORN_SIEVE_MATCH_H
#define POSTHORN_SIEVE_MATCH_H

#include "sieve/comparator.h"
#include "sieve/run.h"

enum relation { RELATION_GT, RELATION_GE, RELATION_LT, RELATION_LE, RELATION_EQ, RELATION_NE };

struct regex;

struct match {
    struct run *run;
    enum match_choice type;
    enum relation relation;
    enum comparator comparator;
    const struct slice *keys;   /* as written */
    const struct slice *folded; /* for the comparator; not with :matches and :regex */
    struct regex **regexes;     /* with :regex */
    size_t key_count;
    uint64_t counted;
    bool keeps_variables; /* sets no match variables (RFC 5173 6) */
    struct buf folding;
    struct arena arena; /* of one wildcard match */
};

void match_release(struct match *match);
enum err match_open(struct run *run, const struct node *node, struct match *ret,
                    struct error *error) MUST_CHECK;
/* *ret true: it fits, nothing more need be tried. */
enum err match_try(struct match *match, struct slice value, bool *ret, struct error *error) MUST_CHECK;
enum err match_close(struct match *match, bool *ret, struct error *error) MUST_CHECK;

/* Whether the value is compared as a whole text that the comparator folds. */
static inline bool match_folds(enum match_choice type)
{
    return type != MATCH_MATCHES && type != MATCH_REGEX;
}

/* "gt" ... (RFC 5231 4). */
bool relation_find(struct slice name, enum relation *ret) MUST_CHECK;
bool relation_holds(enum relation relation, int order);

#endif
