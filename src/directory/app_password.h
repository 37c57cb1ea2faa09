/*
 * App passwords: more passwords of an account, made by us, each for one program or device, with doors of its
 * own, an end, and the time of its last use.
 *
 * One is 16 signs of 32 (no 0, 1, l, o), so 80 random bits, shown once as "k7mw-qdea-3hnz-p9xt". Nobody
 * guesses that, so a fast keyed hash keeps it: argon2id is for passwords that people think up. Blanks,
 * dashes and upper case don't matter where the password itself is sent; with SCRAM it counts as it was shown.
 *
 * SCRAM has one salt for a name, whichever password comes: all passwords of an account share the account's
 * salt (credential.h sees to that), and a proof is tried against each. Keys with another salt just don't
 * fit: that password works in clear text only.
 *
 * Errors: ERR_NOT_FOUND, ERR_EXISTS, ERR_INVALID, ERR_LIMIT. Threads: any. Limits: APP_PASSWORD*.
 */
#ifndef POSTHORN_DIRECTORY_APP_PASSWORD_H
#define POSTHORN_DIRECTORY_APP_PASSWORD_H

#include "directory/directory.h"
#include "directory/scram.h"

enum {
    APP_PASSWORDS_MAX = 100,                    /* of one account */
    APP_PASSWORD_NAME_MAX = 100,                /* bytes */
    APP_PASSWORD_SIGNS = 16,                    /* 5 bits each */
    APP_PASSWORD_TEXT = APP_PASSWORD_SIGNS + 4, /* with dashes and a NUL */
    APP_PASSWORD_USED_SECONDS = 3600,           /* the last use is written down at most so often */
};

struct app_password {
    uint64_t id;       /* never used again */
    struct slice name; /* "Anna's phone" */
    unsigned doors;    /* 0: all that the plan opens */
    int64_t made;      /* seconds since 1970, like the following */
    int64_t expires;   /* 0: never */
    int64_t used;      /* 0: never */
};

/* name: one line, another than those of the account's other app passwords. expires: 0, or a time to come. */
struct app_password_new {
    struct slice name;
    unsigned doors;
    int64_t expires;
};
enum err app_password_add(struct directory *directory, struct slice address,
                          const struct app_password_new *wanted, char ret_text[static APP_PASSWORD_TEXT],
                          struct error *error) MUST_CHECK;
/* In the order in which they were made; those that have expired too. */
enum err app_password_list(struct directory *directory, struct slice address, struct arena *arena,
                           struct app_password **ret_passwords, size_t *ret_count,
                           struct error *error) MUST_CHECK;
/* name.p NULL: all; then none is no failure. */
enum err app_password_remove(struct directory *directory, struct slice address, struct slice name,
                             size_t *ret_removed, struct error *error) MUST_CHECK;

/* --- log-in --- */

struct app_password_match {
    uint64_t id; /* 0: it was not an app password */
    unsigned doors;
    int64_t used;
};

/* ret_match->id 0 when the password is none of the account's (account.v 0: nobody's), or has expired. */
enum err app_password_verify(struct directory *directory, struct account_id account, struct slice password,
                             struct app_password_match *ret_match, struct error *error) MUST_CHECK;
/* The keys that a SCRAM proof may be made with, beside `own`, whose salt and iterations they share. */
struct app_password_keys {
    struct app_password_match match;
    struct scram_keys keys;
};
enum err app_password_scram(struct directory *directory, struct account_id account,
                            const struct scram_keys *own, struct arena *arena,
                            struct app_password_keys **ret_keys, size_t *ret_count,
                            struct error *error) MUST_CHECK;
/* It was used now. What can't be written is not. */
void app_password_note_use(struct directory *directory, const struct app_password_match *match);
/* Still there and not expired. */
bool app_password_is_valid(struct directory *directory, uint64_t id);

/* The salt that the account's app passwords have for this hash. *ret_found false: none has one. */
enum err app_password_salt(struct directory *directory, struct account_id account, enum scram_hash hash,
                           unsigned char ret_salt[static SCRAM_SALT], bool *ret_found,
                           struct error *error) MUST_CHECK;

#endif
