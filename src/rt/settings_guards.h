/*
 * What keeps unwanted mail out at the door: lists in the DNS that are asked about a client and about the
 * names he uses (RFC 5782), what he may call himself, how much may come from one address. Part of the
 * settings (rt/settings.h), which own all texts.
 */
#ifndef POSTHORN_RT_SETTINGS_GUARDS_H
#define POSTHORN_RT_SETTINGS_GUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "rt/pace.h"

/* What becomes of mail when a list has the client; points of several lists are added up. */
#define LIST_ACTION_TABLE(X) \
    X(MARK, "mark")          \
    X(JUNK, "junk")          \
    X(DEFER, "defer")        \
    X(REJECT, "reject")      \
    X(ALLOW, "allow")

enum list_action {
#define X(name, text) LIST_##name,
    LIST_ACTION_TABLE(X)
#undef X
        LIST_POINTS
};

enum {
    SETTINGS_LISTS_MAX = 32,
    SETTINGS_LIST_ANSWERS_MAX = 16, /* of one list */
    SETTINGS_LIST_ZONE_MAX = 200,   /* bytes; a client's address must fit before it */
    SETTINGS_POINTS_MAX = 1000,
};

/* Answers that count: within the network, and, unless `bits` is 0, with one of these bits in the last byte.
 */
struct list_answer {
    uint32_t network; /* in the machine's order */
    uint32_t mask;
    uint8_t bits;
};

struct list_setting {
    const char *zone;
    bool of_names; /* `domain-list`: asked about names, not addresses */
    enum list_action action;
    int points; /* of LIST_POINTS */
    struct list_answer answers[SETTINGS_LIST_ANSWERS_MAX];
    size_t answer_count; /* 0: any */
};

/* What is done about a HELO that no mail server should say. */
enum helo_action { HELO_OFF, HELO_MARK, HELO_REJECT };

/* key, what is wrong with the name */
#define HELO_FAULT_TABLE(X)                                          \
    X(OWN_NAME, own_name, "helo-own-name", "our own name")           \
    X(BARE_ADDRESS, bare_address, "helo-bare-address", "an address") \
    X(NO_DOMAIN, no_domain, "helo-no-domain", "a name without a domain")

enum helo_fault {
#define X(name, member, key, text) HELO_FAULT_##name,
    HELO_FAULT_TABLE(X)
#undef X
        HELO_FAULTS /* nothing is wrong */
};

enum greylist_mode { GREYLIST_OFF, GREYLIST_SUSPICIOUS, GREYLIST_ALL };

enum {
    SETTINGS_GREETING_DELAY_MAX = 60 /* seconds */,
    SETTINGS_RATE_MAX = 1000000,
    SETTINGS_GREYLIST_WAIT_HOURS_MAX = 12
};

/* A milter: a program that looks at mail (src/milter). */
enum {
    SETTINGS_MILTERS_MAX = 8,
    SETTINGS_MILTER_ADDRESS_MAX = 120, /* bytes; a socket's path must fit sun_path */
    SETTINGS_MILTER_SECONDS_MAX = 600,
};

struct milter_setting {
    const char *address; /* "unix:/run/x.sock", "inet:127.0.0.1:11332" */
    bool of_smtp;        /* it sees what comes to port 25 */
    bool of_submission;  /* and what our people send */
    bool accepts;        /* mail passes when it is down; else the client is told to come again */
    uint32_t seconds;    /* for each of its answers */
    uint64_t size_max;   /* bytes of a message; it does not see larger ones */
};

/* "&8", "127.0.0.2", "127.0.0.4/30". */
bool list_answer_parse(struct slice text, struct list_answer *ret) MUST_CHECK;
/* This answer of the list says that it has the client (RFC 5782 2.1). */
bool list_answer_counts(const struct list_setting *list, uint32_t address);

#endif
