#include "queue/way.h"

#include "directory/destination.h"
#include "directory/domain_rest.h"

struct slice way_domain(struct slice address, struct arena *arena)
{
    struct slice local, domain;
    struct error error;
    if (address_normalise(address, arena, &local, &domain, &error) == ERR_OK)
        return domain;
    return arena_dup(arena, address);
}

static enum err name_way(struct arena *arena, struct way *way, struct error *error)
{
    CLEANUP(buf_release) struct buf key = BUF(2 * SMART_HOST_NAME_MAX + SMART_HOST_USER_MAX);
    buf_printf(&key, "%.*s:%u", SLICE_ARGS(way->route.host), way->route.port);
    if (way->route.user.n > 0)
        buf_printf(&key, " as %.*s", SLICE_ARGS(way->route.user));
    way->key = arena_dup(arena, buf_slice(&key));
    return arena_failed(arena) ? fail_nomem(error) : ERR_OK;
}

enum err way_of_entry(struct queue *queue, const struct entry *entry, struct arena *arena,
                      struct way *ret_way, struct error *error)
{
    const struct queue_envelope *e = &entry->envelope;
    struct way way = {.key = S("")};
    enum err err = smart_host_for(queue->directory, e->account, e->sender, arena, &way.route, error);
    if (err == ERR_CORRUPT) /* the log-in, not the entry: an administrator may mend it */
        err = fail(error, ERR_UNAVAILABLE, NULL, "%s", error->detail);
    if (err == ERR_OK && way.route.host.n > 0)
        err = name_way(arena, &way, error);
    if (err == ERR_OK)
        err = domain_addresses(queue->directory, way_domain(e->sender, arena), arena, &way.addresses, error);
    if (err == ERR_OK)
        *ret_way = way;
    return err;
}

enum err way_of_recipient(struct queue *queue, struct slice domain, struct arena *arena, struct way *way,
                          struct error *error)
{
    struct smart_host other;
    enum err err = domain_rest(queue->directory, domain, arena, &other, error);
    if (err != ERR_OK)
        return err;
    if (other.host.n > 0) {
        way->route = other;
        return name_way(arena, way, error);
    }
    err = destination_route(queue->directory, domain, arena, &other, error);
    if (err != ERR_OK || other.host.n == 0)
        return err;
    /* It stays a destination of its own, with settings of its own. */
    way->route = other;
    way->key = slice_none();
    return ERR_OK;
}
