/*
 * Several people on one mailbox, each with his own password: who may open which account beside its owner.
 *
 * They name the mailbox in the SASL authorization identity (RFC 4616, 5802), or, where a program has no place
 * for that, in the log-in name: "info@example.org*anna@example.org". Both must be enabled, and both have the
 * door. What somebody may do there goes by words: read (look at and mark as seen), write (also change, add,
 * delete messages, make folders, and send as the mailbox), all (what the owner may). Errors: ERR_NOT_FOUND,
 * ERR_INVALID, ERR_LIMIT. Threads: any. Limits: PEOPLE_MAX.
 */
#ifndef POSTHORN_DIRECTORY_PEOPLE_H
#define POSTHORN_DIRECTORY_PEOPLE_H

#include "directory/directory.h"

enum { PEOPLE_MAX = 1000 /* on one mailbox */ };

#define PERSON_RIGHTS_TABLE(X) /* values are on disk */ \
    X(READ, 1, "read")                                  \
    X(WRITE, 2, "write")                                \
    X(ALL, 3, "all")
enum person_rights {
    PERSON_NONE = 0,
#define X(name, number, word) PERSON_##name = (number),
    PERSON_RIGHTS_TABLE(X)
#undef X
};
/* By its word; false: there is none. */
bool person_rights_find(struct slice word, enum person_rights *ret_rights) MUST_CHECK;
const char *person_rights_word(enum person_rights rights);
/* RFC 4314's, as store/share.h has them. */
unsigned person_rights_mask(enum person_rights rights);

/* PERSON_NONE: he may not open it any more; ERR_NOT_FOUND: he might not before. */
enum err people_set(struct directory *directory, struct slice mailbox, struct slice person,
                    enum person_rights rights, struct error *error) MUST_CHECK;
struct person_entry {
    struct slice address;
    enum person_rights rights;
};
/* By address. */
enum err people_list(struct directory *directory, struct slice mailbox, struct arena *arena,
                     struct person_entry **ret_people, size_t *ret_count, struct error *error) MUST_CHECK;
enum err people_rights(struct directory *directory, struct account_id mailbox, struct account_id person,
                       enum person_rights *ret_rights, struct error *error) MUST_CHECK;

/* The log-in name taken apart: "info@x*anna@x" is Anna at info@. *ret_mailbox empty: it has not that form. No
 * domain holds a '*', and a name that is itself an address never has the form. */
void people_split_name(struct slice name, struct slice *ret_mailbox, struct slice *ret_person);

#endif
