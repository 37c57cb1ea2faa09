/*
 * A house is looked over: a table of checks, each reports what it finds.
 *
 * Ownership: the caller's, of all that it puts into struct doctor. Errors: a check that can't look reports
 * that; doctor_run fails only when memory is out. Threads: one. Limits: a finding's texts are cut at
 * FINDING_TEXT_MAX; a question to the DNS takes DOCTOR_DNS_SECONDS at most, a port DOCTOR_PORT_SECONDS.
 */
#ifndef POSTHORN_DOCTOR_DOCTOR_H
#define POSTHORN_DOCTOR_DOCTOR_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
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

struct doctor {
    const struct settings *settings;
    bool running;                /* a server answers on the admin socket */
    int supervisor;              /* its process id; 0: not known */
    const struct slice *domains; /* of the directory */
    size_t domain_count;
    void (*found)(void *context, const struct finding *finding);
    void (*progress)(void *context, size_t done, size_t total);
    void *context;

    /* The doctor's own. */
    struct arena arena;
    struct resolver *resolver;
    struct resolver_address addresses[DOCTOR_ADDRESSES_MAX]; /* of the host name */
    size_t address_count;
    struct finding finding; /* being put together */
    bool has_finding;
    const char *check;
    size_t reported; /* by this check */
    bool bad;        /* an error was found */
};

const char *doctor_level_name(enum doctor_level level);
/* All checks. *ret_bad: at least one error. */
enum err doctor_run(struct doctor *doctor, bool *ret_bad, struct error *error) MUST_CHECK;

/* --- for the checks --- */

typedef void doctor_check_fn(struct doctor *doctor);
#define X(name, text, good) doctor_check_fn doctor_check_##name;
DOCTOR_CHECK_TABLE(X)
#undef X

/* What was seen; then why it matters, and what to do. */
void doctor_find(struct doctor *doctor, enum doctor_level level, const char *format, ...) FORMAT(3, 4);
void doctor_why(struct doctor *doctor, const char *format, ...) FORMAT(2, 3);
void doctor_cure(struct doctor *doctor, const char *format, ...) FORMAT(2, 3);

/* Who has this TCP port: "exim4 (process 812)", or "another program". */
void doctor_port_owner(uint16_t port, char *ret_text, size_t size);
/* A certificate of the settings is for this name. False also where it can't be read. */
bool doctor_covered(struct doctor *doctor, const char *name);
/* The checks of one domain. */
void doctor_domain(struct doctor *doctor, struct slice domain);

#endif
