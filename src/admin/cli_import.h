/*
 * `posthorn account import ADDRESS --from SOURCE`: what its parts share. See docs/decisions/import.md.
 */
#ifndef POSTHORN_ADMIN_CLI_IMPORT_H
#define POSTHORN_ADMIN_CLI_IMPORT_H

#include "admin/cli_link.h"
#include "admin/cli_progress.h"
#include "move/place.h"
#include "move/source.h"
#include "store/message.h"

enum {
    IMPORT_BATCH_MESSAGES = 200,
    IMPORT_BATCH_BYTES = 4 * 1024 * 1024,
    IMPORT_LOOK = 1000, /* messages that are asked about at once */
    IMPORT_SKIPPED_SHOWN = 20,
    IMPORT_MESSAGE_MAX = ADMIN_ATTACHED_MAX - IMPORT_BATCH_BYTES - 1024 * 1024, /* with a batch before it */
};
/* A batch never waits longer for more. */
#define IMPORT_BATCH_US (5 * CLOCK_SECOND)

struct import_counts {
    uint64_t messages; /* at the source, within what was asked for */
    uint64_t added;
    uint64_t had;
    uint64_t flagged; /* had, with flags that changed there */
    uint64_t skipped;
    uint64_t bytes; /* of those added */
};

struct import_item {
    uint64_t item;
    uint64_t size;
    int64_t date_us;
    size_t place;         /* in which the source told of it */
    struct flagset flags; /* keywords by their place in import->keywords */
};

struct import {
    const struct cli_request *request;
    const char *address;
    struct move_place *place;
    struct cli_link link;
    struct source source;
    struct cli_progress progress;
    uint64_t message_max;
    int64_t since_us;
    bool dry;
    bool ignore_quota;
    json_t *keywords; /* the names that messages had so far */
    struct import_counts total;
    uint64_t skipped_shown;

    /* Of the folder that is under way. */
    struct import_item *items;
    size_t count, room;
    struct import_counts counts;
    int64_t id;
    uint64_t home;
    uint32_t validity;
    bool spare;
    struct buf batch;
    size_t batch_count;
    int64_t batch_begun_us;
    struct buf message; /* being received */
};

/* One folder: what is in it, what is new of that, and that brought. */
enum err import_one_folder(struct import *import, const struct moved_folder *folder, uint32_t number,
                           struct error *error) MUST_CHECK;
/* Says that something is not brought, and why. */
void import_skip(struct import *import, const char *format, ...) FORMAT(2, 3);
/* A line for the person, beside the progress. */
void import_say(struct import *import, FILE *to, const char *text);

#endif
