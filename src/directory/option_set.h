/*
 * What is set at one level of options: read from the database, kept in cached records, put together.
 *
 * Errors: the database's. Threads: option_set_load, option_write, option_owner_find: locked; the others any.
 */
#ifndef POSTHORN_DIRECTORY_OPTION_SET_H
#define POSTHORN_DIRECTORY_OPTION_SET_H

#include "base/wire.h"
#include "directory/option.h"
#include "directory/sql.h"

struct option_set {
    bool given[OPTIONS];
    uint64_t values[OPTIONS];
};

/* owner: TEXT of a plan's name, NUMBER of a domain's or an account's id. */
enum err option_set_load(struct directory *directory, enum option_level level, struct parameter owner,
                         struct option_set *ret_set, struct error *error) MUST_CHECK;
enum err option_write(struct directory *directory, enum option_level level, struct parameter owner,
                      const struct option_changes *changes, struct error *error) MUST_CHECK;
/* The owner of a level as its name is compared. ERR_INVALID. Any thread. */
enum err option_owner_normalise(enum option_level level, struct slice owner, struct arena *arena,
                                struct slice *ret_name, struct error *error) MUST_CHECK;
/* What that name is in the tables whose rows have a level and an owner. ERR_NOT_FOUND. Locked. */
enum err option_owner_find(struct directory *directory, enum option_level level, struct slice name,
                           struct parameter *ret_owner, struct error *error) MUST_CHECK;
void option_set_put(struct buf *out, const struct option_set *set);
void option_set_get(struct wire_reader *reader, struct option_set *ret_set);
/* What is set goes before what stood there. */
void options_apply(struct options *options, enum option_level level, const struct option_set *set);

#endif
