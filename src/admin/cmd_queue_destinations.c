/* What waits for other servers, by destination: store adds up what it has, relay says how it goes. */
#include "admin/admin.h"
#include "link/lanes.h"
#include "queue/destinations.h"

static const struct admin_column columns[] = {
    {"destination", "DESTINATION", COLUMN_TEXT},
    {"source_addresses", "FROM", COLUMN_TEXT},
    {"waiting", "WAITING", COLUMN_NUMBER},
    {"held", "HELD", COLUMN_NUMBER},
    {"sending", "SENDING", COLUMN_NUMBER},
    {"limit", "LIMIT", COLUMN_NUMBER},
    {"messages", "SENT", COLUMN_NUMBER},
    {"connections", "OVER", COLUMN_NUMBER},
    {"tls", "TLS", COLUMN_TEXT},
    {"next", "NEXT TRY", COLUMN_TIME},
    {"answer", "LAST ANSWER", COLUMN_TEXT},
    {0},
};

static int compare(const struct queue_destination *waits, const struct lane_state *lane)
{
    int order = slice_cmp(waits->name, lane->name);
    return order != 0 ? order : slice_cmp(waits->addresses, lane->addresses);
}

/* Null: no time is set, relay has it or it is held. */
static json_t *next_try(const struct queue_destination *waits, const struct lane_state *lane)
{
    int64_t next = waits->next_us;
    if (lane->blocked_us > 0)
        next = MAX(next != INT64_MAX ? next : 0, clock_wall_us() + (int64_t)lane->blocked_us);
    return next == INT64_MAX ? json_null() : json_integer(next / CLOCK_SECOND);
}

static enum err put_row(struct admin_call *call, const struct queue_destination *waits,
                        const struct lane_state *lane, struct error *error)
{
    struct slice name = waits->name.n > 0 ? waits->name : lane->name;
    struct slice addresses = waits->name.n > 0 ? waits->addresses : lane->addresses;
    return call_row(call,
                    json_pack("{s:o,s:o,s:I,s:I,s:i,s:i,s:I,s:I,s:o,s:o,s:o}", "destination", json_text(name),
                              "source_addresses", json_text(addresses), "waiting", (json_int_t)waits->waiting,
                              "held", (json_int_t)waits->held, "sending", (int)lane->sending, "limit",
                              (int)lane->limit, "messages", (json_int_t)lane->messages, "connections",
                              (json_int_t)lane->connections, "tls", json_text(lane->tls), "next",
                              next_try(waits, lane), "answer",
                              json_text(lane->answer.n > 0 ? lane->answer : waits->reason)),
                    error);
}

/* Both lists have the same order. */
static enum err merge(struct admin_call *call, const struct queue_destination *waits, size_t wait_count,
                      const struct lane_state *lanes, size_t lane_count, struct error *error)
{
    static const struct queue_destination nothing = {.next_us = INT64_MAX};
    static const struct lane_state unknown;
    enum err e = ERR_OK;
    size_t w = 0;
    size_t l = 0;
    while (e == ERR_OK && (w < wait_count || l < lane_count)) {
        int order = w == wait_count ? 1 : l == lane_count ? -1 : compare(&waits[w], &lanes[l]);
        e = put_row(call, order <= 0 ? &waits[w] : &nothing, order >= 0 ? &lanes[l] : &unknown, error);
        w += order <= 0;
        l += order >= 0;
    }
    return e;
}

static enum err destinations(struct admin_call *call, struct error *error)
{
    struct queue_destination *waits = NULL;
    struct lane_state *lanes = NULL;
    size_t wait_count = 0;
    size_t lane_count = 0;
    enum err e = queue_destinations(call->context->queue, &call->arena, &waits, &wait_count, error);
    if (e == ERR_OK && call->context->relay != NULL)
        e = lanes_ask(call->context->relay, &call->arena, &lanes, &lane_count, error);
    return e == ERR_OK ? merge(call, waits, wait_count, lanes, lane_count, error) : e;
}

const struct admin_command admin_queue_destinations = {
    .name = "queue.destinations",
    .run = destinations,
    .columns = columns,
    .flags = COMMAND_QUEUE,
    .summary = "list where mail waits to be sent to",
    .about =
        "Lists each domain, or server that takes all, for which there is mail: recipients that wait, and of "
        "them those that are held; connections that are busy, and how many it bears at present; messages "
        "that "
        "were sent, and over how many connections; TLS of the last one; when something of it is tried next; "
        "and the last answer in the other server's words. Without a running server, only what waits.",
    .example = "posthorn queue destinations --json",
};
