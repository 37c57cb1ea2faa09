/*
 * Who there is: domains, addresses, accounts, groups, plans, credentials. One database (directory.db) behind
 * a concurrent cache, filled on demand and invalidated by entry, so that neither start-up nor a change costs
 * more with 1,000,000 accounts than with ten.
 *
 * Addresses are kept and compared with the domain in lower-case A-labels (IDNA 2008) and the local part in
 * NFC, lower-cased (Unicode simple case folding); what a person typed is kept for showing. Errors:
 * ERR_NOT_FOUND, ERR_EXISTS, ERR_INVALID, ERR_LIMIT; their client text is the one line for the person ("there
 * is no domain example.org; make it with: posthorn domain add example.org"). Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_DIRECTORY_H
#define POSTHORN_DIRECTORY_DIRECTORY_H

#include "base/arena.h"
#include "base/error.h"
#include "base/ids.h"
#include "directory/option.h"
#include "store/store.h"

struct directory;

enum {
    ADDRESS_LOCAL_MAX = 64,   /* bytes, RFC 5321 4.5.3.1.1; address_local_max() */
    ADDRESS_DOMAIN_MAX = 255, /* bytes */
    ADDRESS_MAX = 254,        /* RFC 5321 errata 1690 */
    PASSWORD_MAX = 1000,      /* bytes */
    GROUP_MEMBERS_MAX = 10000,
    GROUP_DEPTH_MAX = 10,
    DOMAIN_ADMINISTRATORS_MAX = 1000, /* that are listed */
    DOMAIN_ACCOUNTS_MAX = 1000000000, /* the highest limit that can be set */
    ALIASES_MAX = 1000,               /* per account */
    PLANS_MAX = 100,
    PLAN_NAME_MAX = 32,          /* bytes */
    CAPABILITIES_OFF_MAX = 1000, /* bytes of their list */
};

/* Opens directory.db on the store's volume; makes it when missing, and keys/credential.key, 32 bytes that
 * seal stored SCRAM keys. ERR_VERSION: a newer program's database. ERR_CORRUPT: the key is lost. */
enum err directory_open(struct volume *volume, struct directory **ret_directory,
                        struct error *error) MUST_CHECK;
void directory_close(struct directory *directory);

/* --- plans: what is open, and defaults --- */

#define DOOR_TABLE(X)                \
    X(POP3, "pop3", 1)               \
    X(IMAP, "imap", 2)               \
    X(SUBMISSION, "submission", 4)   \
    X(MANAGESIEVE, "managesieve", 8) \
    X(JMAP, "jmap", 16) X(DAV, "dav", 32) X(EAS, "eas", 64) X(EWS, "ews", 128) X(WEB, "web", 256)
enum door {
#define X(name, text, bit) DOOR_##name = (bit),
    DOOR_TABLE(X)
#undef X
};
#define PLAN_DEFAULT "imap"
struct plan {
    struct slice name; /* "pop3", "imap", "exchange" at first */
    unsigned doors;
    uint64_t quota_bytes;   /* of accounts that have none of their own; 0: no limit */
    uint64_t quota_max;     /* what no account of the plan passes, whatever its own quota; 0: no limit */
    struct options options; /* set for the plan, else built in */
};
enum err directory_plan(struct directory *directory, struct slice name, struct arena *arena,
                        struct plan *ret_plan, struct error *error) MUST_CHECK;
/* Changes to a plan, or what a new one is; doors 0, UINT64_MAX and NULL: as it is. */
struct plan_changes {
    unsigned doors;
    uint64_t quota_bytes, quota_max;
    const struct option_changes *options;
};
#define PLAN_CHANGES_NONE ((struct plan_changes){.quota_bytes = UINT64_MAX, .quota_max = UINT64_MAX})
#define PLAN_QUOTA_DEFAULT (UINT64_C(10) << 30) /* bytes, of a new plan, unless its quota_max is less */
/* Name: lower-case letters, digits, '-'. Doors must be given. ERR_EXISTS, ERR_LIMIT past PLANS_MAX. */
enum err plan_add(struct directory *directory, struct slice name, const struct plan_changes *changes,
                  struct error *error) MUST_CHECK;
/* For its accounts at once; open accounts and sessions are the caller's. */
enum err plan_set(struct directory *directory, struct slice name, const struct plan_changes *changes,
                  struct error *error) MUST_CHECK;
/* ERR_BUSY while an account has it. */
enum err plan_remove(struct directory *directory, struct slice name, struct error *error) MUST_CHECK;
/* All, the smallest first. */
enum err plan_list(struct directory *directory, struct arena *arena, struct plan **ret_plans,
                   size_t *ret_count, struct error *error) MUST_CHECK;

/* --- domains --- */

struct domain {
    struct domain_id id;
    struct slice name;      /* A-labels */
    struct slice catch_all; /* address or empty */
    uint64_t accounts;
    uint64_t max_accounts; /* 0: as many as come */
    /* Of all its accounts together. quota_* 0: none. used_*: as last written; store_domain_state knows now.
     */
    uint64_t quota_bytes, quota_messages;
    uint64_t used_bytes, used_messages;
    struct options options; /* set for the domain, else built in */
};
enum err domain_add(struct directory *directory, struct slice name, struct domain_id *ret_id,
                    struct error *error) MUST_CHECK;
/* ERR_BUSY while it has accounts or aliases. */
enum err domain_remove(struct directory *directory, struct slice name, struct error *error) MUST_CHECK;
enum err domain_list(struct directory *directory, struct arena *arena, struct domain **ret_domains,
                     size_t *ret_count, struct error *error) MUST_CHECK;
/* One of them. */
enum err domain_find(struct directory *directory, struct slice name, struct arena *arena,
                     struct domain *ret_domain, struct error *error) MUST_CHECK;
enum err domain_get(struct directory *directory, struct domain_id id, struct arena *arena,
                    struct domain *ret_domain, struct error *error) MUST_CHECK;
/* Changes to a domain; UINT64_MAX and NULL: as it is. A limit below what the domain has takes no account
 * away; none comes until there is room again. */
struct domain_changes {
    uint64_t max_accounts;
    uint64_t quota_bytes, quota_messages; /* the store is to be told: store_domain_changed */
    const struct option_changes *options;
};
#define DOMAIN_CHANGES_NONE   \
    ((struct domain_changes){ \
        .max_accounts = UINT64_MAX, .quota_bytes = UINT64_MAX, .quota_messages = UINT64_MAX})
/* In one transaction; open accounts and sessions are the caller's. */
enum err domain_set(struct directory *directory, struct slice name, const struct domain_changes *changes,
                    struct error *error) MUST_CHECK;
/* catch_all empty: none. */
enum err domain_set_catch_all(struct directory *directory, struct slice name, struct slice catch_all,
                              struct error *error) MUST_CHECK;
/* Who may set the quotas of a domain's accounts; an account of this or another domain. */
enum err domain_set_administrator(struct directory *directory, struct slice domain, struct slice address,
                                  bool on, struct error *error) MUST_CHECK;
/* Their addresses, sorted. */
enum err domain_administrators(struct directory *directory, struct slice domain, struct arena *arena,
                               struct slice **ret_addresses, size_t *ret_count,
                               struct error *error) MUST_CHECK;
/* The account may administer the domain of this address. */
bool directory_may_administer(struct directory *directory, struct account_id id, struct slice address);
/* Whether mail for this domain is ours; a name that is none is not. Cached. */
enum err domain_is_local(struct directory *directory, struct slice name, bool *ret_local,
                         struct error *error) MUST_CHECK;

/* --- accounts --- */

struct account_entry {
    struct account_id id;
    struct slice address; /* primary: the local part as written, the domain in A-labels */
    struct slice name;    /* display name, may be empty */
    struct slice plan;
    struct slice language; /* "de" or "en" */
    unsigned doors;        /* of the plan */
    uint64_t quota_bytes;
    uint64_t quota_messages;
    bool enabled;
    bool certificate_login;        /* who has a certificate for the address may log in by it */
    struct slice capabilities_off; /* IMAP capabilities that this account is not offered: base/name_list.h */
    struct options options;        /* that hold for it */
};
struct account_new {
    struct slice address;
    struct slice name;
    struct slice plan;     /* empty: PLAN_DEFAULT */
    struct slice language; /* empty: "en" */
    struct slice password; /* in the clear; or empty with a hash; neither: nobody can log in */
    struct slice
        hash; /* crypt(3): $6$ $5$ $2b$ $y$ $argon2id$ ..., {SSHA} ... ; upgraded at the first log-in */
    uint64_t quota_bytes; /* 0: the plan's */
    bool quick_hash;      /* bulk import: SCRAM keys only; argon2id is added at the first log-in */
};
/* The directory's row only; the data folder is store_account_create's (admin/ does both). ERR_LIMIT when the
 * domain has its max_accounts. */
enum err account_entry_add(struct directory *directory, const struct account_new *account,
                           struct account_id *ret_id, struct error *error) MUST_CHECK;
/* Many in one transaction: all or none; *ret_bad says which one failed. */
enum err account_entry_add_many(struct directory *directory, const struct account_new *accounts, size_t count,
                                struct account_id *ret_ids, size_t *ret_bad, struct error *error) MUST_CHECK;
enum err account_entry_find(struct directory *directory, struct slice address, struct arena *arena,
                            struct account_entry *ret_entry, struct error *error) MUST_CHECK;
enum err account_entry_get(struct directory *directory, struct account_id id, struct arena *arena,
                           struct account_entry *ret_entry, struct error *error) MUST_CHECK;
/* Primary addresses in order, from after `after` (empty: first), at most max; domain empty: all. */
enum err account_entry_list(struct directory *directory, struct slice domain, struct slice after, size_t max,
                            struct arena *arena, struct account_entry **ret_entries, size_t *ret_count,
                            struct error *error) MUST_CHECK;
/* Fields with a value set in `changes` (slice with p != NULL, number != UINT64_MAX, enabled and
 * certificate_login 0/1 or -1) are changed. */
struct account_changes {
    struct slice name, plan, language, password, hash, capabilities_off;
    uint64_t quota_bytes, quota_messages;
    int enabled, certificate_login;
    const struct option_changes *options; /* NULL: none */
};
#define ACCOUNT_CHANGES_NONE   \
    ((struct account_changes){ \
        .quota_bytes = UINT64_MAX, .quota_messages = UINT64_MAX, .enabled = -1, .certificate_login = -1})
enum err account_entry_set(struct directory *directory, struct slice address,
                           const struct account_changes *changes, struct error *error) MUST_CHECK;
/* A new address for an account: all that is its own goes with it (mail, password, app passwords, shares, what
 * it may administer). Aliases, groups and catch-alls that name the old address name the new one from now on,
 * unless the old one is set up anew. One transaction. */
enum old_address {
    OLD_ADDRESS_FREE,  /* for anybody; what is in the queue for it still reaches the account */
    OLD_ADDRESS_ALIAS, /* one more alias of the account */
    OLD_ADDRESS_ANEW,  /* a new, empty account: name, plan, language and quotas are the old one's */
};
struct account_rename {
    struct slice from;
    struct slice to;
    enum old_address old;
    struct slice password; /* ANEW: of the new account; or a hash; neither: nobody can log in to it yet */
    struct slice hash;
    bool aliases_follow; /* ANEW: what names the old address goes with the account all the same */
};
enum { FORMER_DAYS = 7 }; /* longer than anything waits in the queue */
/* *ret_new: the new account with ANEW, else 0. ERR_LIMIT when a domain would have more than its max_accounts.
 */
enum err account_entry_rename(struct directory *directory, const struct account_rename *rename,
                              struct account_id *ret_new, struct error *error) MUST_CHECK;
enum err account_entry_remove(struct directory *directory, struct slice address,
                              struct error *error) MUST_CHECK;

/* --- aliases and groups: an address that stands for others --- */

struct alias {
    struct slice address;
    struct slice *targets; /* addresses, ours or foreign */
    size_t target_count;
    bool group; /* made by `posthorn group`: a list of people; else an alias of one account */
};
enum err alias_set(struct directory *directory, const struct alias *alias, bool replace,
                   struct error *error) MUST_CHECK;
enum err alias_remove(struct directory *directory, struct slice address, struct error *error) MUST_CHECK;
enum err alias_list(struct directory *directory, struct slice domain, struct arena *arena,
                    struct alias **ret_aliases, size_t *ret_count, struct error *error) MUST_CHECK;

/* --- routing: where does mail for this address go? --- */

enum route_kind {
    ROUTE_UNKNOWN, /* our domain, no such address */
    ROUTE_LOCAL,   /* accounts and/or foreign addresses, expanded through aliases and groups */
    ROUTE_FOREIGN, /* not our domain, or its other server's */
};
struct route_account {
    struct account_id id;
    struct slice detail; /* sub-address: "x" of anna+x@, or empty */
};
struct route {
    enum route_kind kind;
    struct route_account *accounts; /* each once */
    size_t account_count;
    struct slice *foreign; /* addresses outside, each once */
    size_t foreign_count;
    bool rest; /* FOREIGN: in a domain of ours, but not known here: domain_rest.h */
};
/* Order: exact account, alias or group, sub-address (anna+x -> anna), sender that we rewrote (srs.h),
 * catch-all, the server that has the domain's rest. Forwards of accounts are not followed: forward.h. Loops
 * are cut; ERR_LIMIT past GROUP_DEPTH_MAX, so that nobody is left out silently. ROUTE_FOREIGN: foreign[0] is
 * the address. */
enum err directory_route(struct directory *directory, struct slice address, struct arena *arena,
                         struct route *ret_route, struct error *error) MUST_CHECK;
/* For mail that was taken before a rename: who had this free address in the last FORMER_DAYS. *ret_id 0:
 * nobody. */
enum err directory_former(struct directory *directory, struct slice address, struct account_id *ret_id,
                          struct error *error) MUST_CHECK;
/* The account may send as this address: its primary, its aliases, what was given to it (send_as.h), their
 * sub-addresses. */
bool directory_may_send_as(struct directory *directory, struct account_id id, struct slice address);

/* How long such a local part may be: one that a forwarder made of a whole address (srs.h) as long as fits. */
size_t address_local_max(struct slice local);
/* Splits and normalises: local part and domain as they are compared. ERR_INVALID says what is wrong with it.
 */
enum err address_normalise(struct slice address, struct arena *arena, struct slice *ret_local,
                           struct slice *ret_domain, struct error *error) MUST_CHECK;

#endif
