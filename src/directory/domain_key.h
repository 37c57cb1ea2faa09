/*
 * The keys with which a domain signs its mail (DKIM): several, each under a selector of its own.
 *
 *   PENDING --its record is in the DNS: domain_key_activate--> ACTIVE --another one takes over--> RETIRED
 *
 * A PENDING one is published but does not sign yet; a RETIRED one signs no more, but its record stays in the
 * DNS while mail is on its way. The first key of its kind is ACTIVE at once. The private half is in
 * keys/dkim/ID.key, the rest in directory.db.
 *
 * Ownership: texts in the arena; domain_signing_release frees what signing keys hold. Errors: ERR_NOT_FOUND,
 * ERR_EXISTS, ERR_LIMIT, ERR_INVALID. Threads: any. Limits: DOMAIN_KEYS_MAX.
 */
#ifndef POSTHORN_DIRECTORY_DOMAIN_KEY_H
#define POSTHORN_DIRECTORY_DOMAIN_KEY_H

#include "authres/dkim_sign.h"
#include "directory/directory.h"

enum { DOMAIN_KEYS_MAX = 20 /* of one domain */, DOMAIN_KEYS_PENDING_MAX = 1000 };

/* Values are on disk: append, never renumber. */
#define DOMAIN_KEY_STATE_TABLE(X) \
    X(PENDING, 0, "pending")      \
    X(ACTIVE, 1, "active")        \
    X(RETIRED, 2, "retired")
enum domain_key_state {
#define X(name, number, word) DOMAIN_KEY_##name = (number),
    DOMAIN_KEY_STATE_TABLE(X)
#undef X
};
const char *domain_key_state_word(enum domain_key_state state);

struct domain_key {
    uint64_t id;
    struct slice domain; /* in A-labels */
    struct slice selector;
    enum dkim_algorithm algorithm;
    enum domain_key_state state;
    int64_t made;        /* seconds since 1970 */
    int64_t changed;     /* when it came into its state */
    struct slice record; /* the text of its TXT record */
};

/* A new key; selector empty: one is made up, which no key had before. */
enum err domain_key_add(struct directory *directory, struct slice domain, struct slice selector,
                        enum dkim_algorithm algorithm, struct arena *arena, struct domain_key *ret_key,
                        struct error *error) MUST_CHECK;
/* RSA first, of each algorithm the oldest first. */
enum err domain_key_list(struct directory *directory, struct slice domain, struct arena *arena,
                         struct domain_key **ret_keys, size_t *ret_count, struct error *error) MUST_CHECK;
/* Those of all domains that wait; at most DOMAIN_KEYS_PENDING_MAX. */
enum err domain_key_pending(struct directory *directory, struct arena *arena, struct domain_key **ret_keys,
                            size_t *ret_count, struct error *error) MUST_CHECK;
/* It signs from now on; others of its algorithm that did are RETIRED. */
enum err domain_key_activate(struct directory *directory, struct slice domain, struct slice selector,
                             struct error *error) MUST_CHECK;
/* An active one only if `even_active`: then nothing of its kind signs any more. ERR_BUSY. */
enum err domain_key_remove(struct directory *directory, struct slice domain, struct slice selector,
                           bool even_active, struct error *error) MUST_CHECK;

struct domain_signing {
    struct dkim_signing_key keys[DKIM_SIGN_KEYS_MAX];
    size_t count;
};
void domain_signing_release(struct domain_signing *signing); /* for CLEANUP */
/* The active keys of this domain of ours, or of the nearest domain above it that is ours and has some; none:
 * count 0. A file that is missing is logged and passed over. */
enum err domain_signing_load(struct directory *directory, struct slice domain, struct arena *arena,
                             struct domain_signing *ret_signing, struct error *error) MUST_CHECK;

#endif
