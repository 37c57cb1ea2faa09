/*
 * Options of accounts: what a hoster or a person may choose, each with a value built in. An option is set for
 * an account, a domain or a plan; the account's own value goes before its domain's, that before its plan's.
 *
 * A new option is one row of OPTION_TABLE; the command line's arguments, what is shown, the check of what is
 * typed and the inheritance follow. Its value is a u64 whatever its kind: SECONDS   a span; written 30d, 12h,
 * or off (0) NUMBER    0 to INT64_MAX YES_NO    1 or 0 PERCENTS  up to OPTION_PERCENTS_MAX rising steps of 1
 * to 100, a byte each, the first lowest; written 70,90, or off (0) FILTER    on (1), off (0) or mark (2)
 * Effective values stand in account_entry.options. Names are what the database keeps: they don't change.
 *
 * Errors: ERR_INVALID says what would be right; ERR_NOT_FOUND: no such plan, domain or account. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_OPTION_H
#define POSTHORN_DIRECTORY_OPTION_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"

struct directory;

#define OPTION_TWO_PERCENTS_(first, second) ((first) | (uint64_t)(second) << 8)

/* clang-format off */
#define OPTION_TABLE(X) /* name, as written, kind, built in, placeholder, help */ \
    X(QUOTA_WARN, "quota-warn", PERCENTS, OPTION_TWO_PERCENTS_(70, 90), "PERCENTS", \
      "how full, 70,90 say, a mailbox is when its owner is written to; off") \
    X(UNDELETE_KEEP, "undelete-keep", SECONDS, 14 * 86400, "TIME", \
      "how long what was deleted can be brought back, 14d say; off: not at all") \
    X(TRASH_KEEP, "trash-keep", SECONDS, 0, "TIME", "how long messages stay in Trash, 30d say; off: for ever") \
    X(JUNK_KEEP, "junk-keep", SECONDS, 0, "TIME", "how long messages stay in Junk, 14d say; off: for ever") \
    X(JUNK_FILTER, "junk-filter", FILTER, 1, "on|off|mark", \
      "what is like the junk that its owner moved to Junk goes there too; mark: only gets a header field") \
    X(POP3_KEEP, "pop3-keep", SECONDS, 0, "TIME", \
      "how long what POP3 fetched stays, 7d say, a day at least; off: as programs ask for") \
    X(FROM_CHECK, "from-check", YES_NO, 1, "yes|no", \
      "no: who submits may name anybody in From and Sender") \
    X(MESSAGES_PER_HOUR, "messages-per-hour", NUMBER, 500, "NUMBER", "most messages that are sent in an hour; 0: any number") \
    X(MESSAGES_PER_DAY, "messages-per-day", NUMBER, 3000, "NUMBER", "most messages that are sent in a day; 0: any number") \
    X(RECIPIENTS_PER_HOUR, "recipients-per-hour", NUMBER, 2000, "NUMBER", "most recipients of what is sent in an hour; 0: any number") \
    X(RECIPIENTS_PER_DAY, "recipients-per-day", NUMBER, 10000, "NUMBER", "most recipients of what is sent in a day; 0: any number")
/* clang-format on */
enum option {
#define X(name, text, kind, built_in, placeholder, help) OPTION_##name,
    OPTION_TABLE(X)
#undef X
        OPTIONS
};

enum { OPTION_PERCENTS_MAX = 8, OPTION_TEXT_MAX = 64 };

enum option_level { LEVEL_BUILT_IN, LEVEL_PLAN, LEVEL_DOMAIN, LEVEL_ACCOUNT };

/* All values that hold, and whose they are; at one level: those that are set there, else built in. */
struct options {
    uint64_t values[OPTIONS];
    uint8_t from[OPTIONS]; /* enum option_level */
};
struct options options_built_in(void);

/* What is to be changed at one level. */
struct option_changes {
    enum { CHANGE_KEEP, CHANGE_SET, CHANGE_CLEAR } what[OPTIONS];
    uint64_t values[OPTIONS];
};

const char *option_name(enum option option);
const char *option_level_name(enum option_level level);
/* What a person typed; "default" clears. */
enum err option_parse(enum option option, struct slice text, struct option_changes *changes,
                      struct error *error) MUST_CHECK;
/* As it is typed: "30d", "70,90", "off", "mark". */
void option_text(enum option option, uint64_t value, char ret_text[static OPTION_TEXT_MAX]);
/* The steps of a value of kind PERCENTS, rising; their count. */
unsigned option_percents(uint64_t value, unsigned ret_steps[static OPTION_PERCENTS_MAX]);

/* owner: the plan's or the domain's name, or the account's address. value NULL: no longer set there. */
enum err option_set(struct directory *directory, enum option_level level, struct slice owner,
                    enum option option, const uint64_t *value, struct error *error) MUST_CHECK;
/* Several in one transaction. */
enum err options_change(struct directory *directory, enum option_level level, struct slice owner,
                        const struct option_changes *changes, struct error *error) MUST_CHECK;

#endif
