/* What to answer at RCPT: does the address exist, may the sender reach it, is there room? */
#include "directory/forward.h"
#include "queue/internal.h"

/* A mailbox, or a domain, that a message of that size would not fit. A problem with asking counts as room:
 * filing will tell. */
static bool is_full(struct queue *queue, struct account_id id, uint64_t size)
{
    struct account *account;
    struct account_usage usage;
    struct error error;
    if (store_account(queue->store, id, &account, &error) != ERR_OK)
        return false;
    enum err err = account_usage(account, &usage, &error);
    account_unref(account);
    if (err != ERR_OK)
        return false;
    const struct account_limits *limits = &usage.limits;
    return (limits->quota_bytes > 0 && usage.bytes + MAX(size, (uint64_t)1) > limits->quota_bytes) ||
           (limits->quota_messages > 0 && usage.messages + 1 > limits->quota_messages) ||
           (usage.domain.quota_bytes > 0 &&
            usage.domain.bytes + MAX(size, (uint64_t)1) > usage.domain.quota_bytes) ||
           (usage.domain.quota_messages > 0 && usage.domain.messages + 1 > usage.domain.quota_messages);
}

/* Nothing of it stays there. */
static bool only_forwards(struct queue *queue, struct account_id id, struct arena *arena)
{
    struct forward forward;
    struct error error;
    return forward_get(queue->directory, id, arena, &forward, &error) == ERR_OK && forward.target_count > 0 &&
           !forward.keep_copy;
}

enum err queue_recipient_check(struct queue *queue, struct account_id sender, struct slice address,
                               uint64_t size, enum recipient_answer *ret_answer, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(8 * 1024 * 1024);
    struct route route;
    struct error busy;
    if (sender.v != 0 && allowance_take(queue, sender, 1, NULL, &busy) == ERR_BUSY) {
        *ret_answer = RECIPIENT_TOO_MANY;
        return ERR_OK;
    }
    enum err err = directory_route(queue->directory, address, &arena, &route, error);
    if (err != ERR_OK)
        return err;
    switch (route.kind) {
    case ROUTE_UNKNOWN:
        *ret_answer = RECIPIENT_UNKNOWN;
        break;
    case ROUTE_FOREIGN:
        /* Who submits is not kept waiting for another server: what that says comes as a report. */
        *ret_answer = sender.v != 0 ? RECIPIENT_FOREIGN : route.rest ? RECIPIENT_REST : RECIPIENT_NO_RELAY;
        break;
    case ROUTE_LOCAL:
        /* A group is not refused because one of its members is full. */
        *ret_answer = route.account_count == 1 && route.foreign_count == 0 &&
                              !only_forwards(queue, route.accounts[0].id, &arena) &&
                              is_full(queue, route.accounts[0].id, size)
                          ? RECIPIENT_FULL
                          : RECIPIENT_LOCAL;
        break;
    }
    return ERR_OK;
}
