/*
 * A house is looked over: a table of checks, each reports what it finds.
 *
 * Ownership: the caller's, of all that it puts into struct doctor. Errors: a check that can't look reports
 * that; doctor_run fails only when memory is out. Threads: one. Limits: a finding's texts are cut at
 * FINDING_TEXT_MAX; a question to the DNS takes DOCTOR_DNS_SECONDS at most, a port DOCTOR_PORT_SECONDS.
 */
#ifndef POSTHORN_DOCTOR_DOCTOR_H
#define POSTHORN_DOCTOR_DOCTOR_H

#include <limits.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "doctor/zone.h"
#include "fetch/resolver.h"
#include "rt/settings.h"

enum {
    FINDING_TEXT_MAX = 1000,
    DOCTOR_ADDRESSES_MAX = 16, /* of the host name */
    DOCTOR_ARENA_MAX = 64 * 1024 * 1024,
};
#define DOCTOR_DNS_SECONDS 5
#define DOCTOR_PORT_SECONDS 5

/* level, as it is said */
#define DOCTOR_LEVEL_TABLE(X) \
    X(OK, "ok")               \
    X(ADVICE, "advice")       \
    X(WARNING, "warning")     \
    X(ERROR, "error")
enum doctor_level {
#define X(name, text) DOCTOR_##name,
    DOCTOR_LEVEL_TABLE(X)
#undef X
};

/* The checks in their order: function, as it is named, what is true when nothing is wrong. */
#define DOCTOR_CHECK_TABLE(X)                                                                   \
    X(memory, "memory", "there is memory enough")                                               \
    X(descriptors, "open-files", "the server may open files and connections enough")            \
    X(kernel, "kernel", "the kernel can shut the workers in")                                   \
    X(system_clock, "clock", "the clock is synchronised")                                       \
    X(directories, "directories", "data and sockets belong to the store's user alone")          \
    X(disk, "disk", "there is room on the disk")                                                \
    X(file_system, "file-system", "the file system keeps what it is given")                     \
    X(databases, "databases", "the databases are whole, as far as their heads tell")            \
    X(ports, "ports", "every listener is in place")                                             \
    X(keys, "keys", "nobody else can read the keys")                                            \
    X(certificates, "certificates", "the certificates are in force and can be verified")        \
    X(hostname_covered, "certificate-name", "a certificate names this server")                  \
    X(host_addresses, "host-name", "the server's name leads here, and its addresses lead back") \
    X(domains, "domains", "every domain's records lead here")                                   \
    X(lists, "lists", "the lists that are asked about strangers answer")                        \
    X(milters, "milters", "the milters can be reached")

struct finding {
    enum doctor_level level;
    const char *check;
    char what[FINDING_TEXT_MAX];
    char why[FINDING_TEXT_MAX];  /* may be empty */
    char cure[FINDING_TEXT_MAX]; /* what to do; may be empty */
};

/* A domain of ours, and the keys that sign its mail. */
struct doctor_domain {
    struct slice name; /* in A-labels */
    const struct zone_key *keys;
    size_t key_count;
    struct own_addresses sources; /* that its own people's mail leaves from; none: as the server's */
};

struct doctor {
    const struct settings *settings;
    bool running;                        /* a server answers on the admin socket */
    int supervisor;                      /* its process id; 0: not known */
    const struct doctor_domain *domains; /* of the directory */
    size_t domain_count;
    const char *acme_error; /* why the last certificate could not be had; NULL: it could, or none is wanted */
    unsigned acme_failures; /* in a row */
    int64_t acme_next;      /* when the next one is due, seconds since 1970; 0: nothing is known */
    void (*found)(void *context, const struct finding *finding);
    void (*progress)(void *context, size_t done, size_t total);
    void *context;

    /* The doctor's own. */
    struct arena arena;
    struct resolver *resolver;
    struct resolver *proving;                                /* with DNSSEC; NULL: none */
    struct resolver_address addresses[DOCTOR_ADDRESSES_MAX]; /* of the host name */
    size_t address_count;
    struct finding finding; /* being put together */
    bool has_finding;
    const char *check;
    size_t reported; /* by this check */
    bool bad;        /* an error was found */
    bool lacking;    /* an error or a warning */
};

const char *doctor_level_name(enum doctor_level level);
/* All checks. *ret_bad: at least one error. */
enum err doctor_run(struct doctor *doctor, bool *ret_bad, struct error *error) MUST_CHECK;

/* What concerns one domain: the server's names, and the domain's records. *ret_lacking: at least one error or
 * warning. */
enum err doctor_run_domain(struct doctor *doctor, const struct doctor_domain *domain, bool *ret_lacking,
                           struct error *error) MUST_CHECK;

/* --- for the checks --- */

typedef void doctor_check_fn(struct doctor *doctor);
#define X(name, text, good) doctor_check_fn doctor_check_##name;
DOCTOR_CHECK_TABLE(X)
#undef X

/* What was seen; then why it matters, and what to do. */
void doctor_find(struct doctor *doctor, enum doctor_level level, const char *format, ...) FORMAT(3, 4);
void doctor_why(struct doctor *doctor, const char *format, ...) FORMAT(2, 3);
void doctor_cure(struct doctor *doctor, const char *format, ...) FORMAT(2, 3);

/* The same for what `posthorn domain check` says, too, in people's own language: these sentences are in po/.
 */
#define spoken_find(...) doctor_find(__VA_ARGS__)
#define spoken_why(...) doctor_why(__VA_ARGS__)
/* Who has this TCP port: "exim4 (process 812)", or "another program". */
void doctor_port_owner(uint16_t port, char *ret_text, size_t size);
/* A certificate of the settings is for this name. False also where it can't be read. */
bool doctor_covered(struct doctor *doctor, const char *name);
/* A certificate that the server shows: its files. False: there are no more. */
enum served_source { SERVED_FILE, SERVED_ACME, SERVED_SELF_SIGNED };
struct served {
    enum served_source source;
    char chain_file[PATH_MAX];
    char key_file[PATH_MAX];
};
bool doctor_served(const struct settings *settings, size_t i, struct served *ret) MUST_CHECK;
struct certificate_facts {
    struct slice names; /* with blanks between them; in the arena, like the issuer */
    struct slice issuer;
    int64_t from, until;           /* seconds since 1970 */
    char digest[ZONE_DIGEST_TEXT]; /* of its key, as TLSA 3 1 1 has it */
};
/* False: it can't be read. */
bool doctor_certificate(const struct served *served, struct arena *arena,
                        struct certificate_facts *ret) MUST_CHECK;
/* The digests (SHA-256) of the public keys with which the server proves to be `name`: at most max of them, as
 * hex digits (RFC 6698: 3 1 1). How many. */
size_t doctor_key_digests(const struct settings *settings, const char *name, size_t max,
                          char (*ret_digests)[ZONE_DIGEST_TEXT]);
/* A TLSA record of one of the server's certificates. */
struct tlsa;
bool doctor_tlsa_fits(const struct settings *settings, const struct tlsa *record);
/* The names of addresses that mail leaves from: PTR, EHLO's name and A or AAAA agree. */
void doctor_look_at_sources(struct doctor *doctor, const struct own_addresses *sources);
/* The checks of one domain. */
void doctor_look_at_domain(struct doctor *doctor, const struct doctor_domain *domain);

#endif
