/*
 * Where mail for an address goes: a walk through aliases, groups, sub-addresses and catch-alls, breadth
 * first, so that each address is met at its least depth. An address met before is passed over, which cuts
 * loops.
 */
#include "base/clock.h"
#include "base/map.h"
#include "directory/inside.h"

/* An address still to be resolved. */
struct stop {
    struct slice address;
    struct slice detail; /* inherited from the sub-address that led here */
    unsigned depth;
};

struct walk {
    struct directory *directory;
    struct arena *scratch;
    struct map seen; /* addresses, by kind and key */
    struct stop *stops;
    size_t stop_count;
    size_t stop_room;
    struct route_account *accounts;
    size_t account_count;
    size_t account_room;
    struct slice *foreign;
    size_t foreign_count;
    size_t foreign_room;
    bool rest; /* the address that was asked for is another server's part of a domain of ours */
};

static void walk_release(struct walk *walk)
{
    map_release(&walk->seen);
    free(walk->stops);
    free(walk->accounts);
    free(walk->foreign);
}

/* Room for one more in a growing array; NULL: out of memory. */
static void *grown(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t more = MAX(*room * 2, 16);
    void *bigger = reallocarray(array, more, size);
    if (bigger != NULL)
        *room = more;
    return bigger;
}

/* False when it was seen before (or memory is out: then *ret_code). */
static bool first_time(struct walk *walk, char kind, struct slice key, enum err *ret_code,
                       struct error *error)
{
    char *full = arena_alloc(walk->scratch, key.n + 1);
    if (full == NULL) {
        *ret_code = fail_nomem(error);
        return false;
    }
    full[0] = kind;
    memcpy(full + 1, key.p, key.n);
    struct slice name = slice_of(full, key.n + 1);
    if (map_get(&walk->seen, name) != NULL)
        return false;
    if (map_set(&walk->seen, name, walk))
        return true;
    *ret_code = fail_nomem(error);
    return false;
}

static enum err add_stop(struct walk *walk, struct slice address, struct slice detail, unsigned depth,
                         struct error *error)
{
    if (depth > GROUP_DEPTH_MAX)
        return fail_plain(error, ERR_LIMIT, "aliases and groups lead to each other more than %d deep",
                          GROUP_DEPTH_MAX);
    if (walk->stop_count == ROUTE_STOPS_MAX)
        return fail_plain(error, ERR_LIMIT, "the address stands for more than %d others", ROUTE_STOPS_MAX);
    struct stop *stops = grown(walk->stops, walk->stop_count, &walk->stop_room, sizeof(*stops));
    if (stops == NULL)
        return fail_nomem(error);
    walk->stops = stops;
    stops[walk->stop_count++] = (struct stop){address, detail, depth};
    return ERR_OK;
}

static enum err add_account(struct walk *walk, struct account_id id, struct slice detail, struct error *error)
{
    enum err code = ERR_OK;
    if (!first_time(walk, 'i', map_key_u64(&id.v), &code, error))
        return code;
    struct route_account *accounts =
        grown(walk->accounts, walk->account_count, &walk->account_room, sizeof(*accounts));
    if (accounts == NULL)
        return fail_nomem(error);
    walk->accounts = accounts;
    accounts[walk->account_count++] = (struct route_account){id, detail};
    return ERR_OK;
}

static enum err add_foreign(struct walk *walk, struct slice shown, struct error *error)
{
    enum err code = ERR_OK;
    if (!first_time(walk, 'f', shown, &code, error))
        return code;
    struct slice *foreign = grown(walk->foreign, walk->foreign_count, &walk->foreign_room, sizeof(*foreign));
    if (foreign == NULL)
        return fail_nomem(error);
    walk->foreign = foreign;
    foreign[walk->foreign_count++] = shown;
    return ERR_OK;
}

static enum err follow(struct walk *walk, const struct address_record *record, struct slice detail,
                       unsigned depth, struct error *error)
{
    if (record->kind == ADDRESS_ACCOUNT)
        return add_account(walk, record->account, detail, error);
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < record->target_count; i++)
        code = add_stop(walk, record->targets[i], detail, depth + 1, error);
    return code;
}

bool address_without_detail(const struct address_parts *parts, struct arena *arena, struct slice *ret_key,
                            struct slice *ret_detail)
{
    ssize_t plus = slice_find_char(parts->local, '+');
    ssize_t plain_plus = slice_find_char(parts->plain, '+');
    if (plus <= 0 || plain_plus <= 0)
        return false;
    size_t n = (size_t)plus;
    char *key = arena_alloc(arena, n + 1 + parts->domain.n);
    if (key == NULL)
        return false;
    memcpy(key, parts->local.p, n);
    key[n] = '@';
    memcpy(key + n + 1, parts->domain.p, parts->domain.n);
    *ret_key = slice_of(key, n + 1 + parts->domain.n);
    *ret_detail = slice_from(parts->plain, (size_t)plain_plus + 1);
    return true;
}

/* Bounces go back to the sender whom we rewrote. What is forged or too old is nobody's, also with a
 * catch-all.
 */
static enum err resolve_rewritten(struct walk *walk, const struct address_parts *parts,
                                  const struct stop *stop, struct error *error)
{
    struct slice address;
    struct error why;
    enum err code =
        srs_decode(walk->directory->srs_key, parts->plain, clock_wall_us(), walk->scratch, &address, &why);
    if (code == ERR_INVALID)
        return ERR_OK;
    struct address_parts sender;
    if (code == ERR_OK && address_parse(address, walk->scratch, &sender, &why) == ERR_INVALID)
        return ERR_OK;
    if (code != ERR_OK) {
        *error = why;
        return code;
    }
    return add_stop(walk, address, slice_none(), stop->depth + 1, error);
}

/* The order of directory_route's contract. */
static enum err resolve_ours(struct walk *walk, const struct address_parts *parts,
                             const struct domain_record *domain, const struct stop *stop, struct error *error)
{
    struct address_record record;
    enum err code = lookup_address(walk->directory, parts->key, walk->scratch, &record, error);
    if (code != ERR_OK)
        return code;
    if (record.kind != ADDRESS_NONE)
        return follow(walk, &record, stop->detail, stop->depth, error);
    struct slice base;
    struct slice detail;
    if (address_without_detail(parts, walk->scratch, &base, &detail)) {
        code = lookup_address(walk->directory, base, walk->scratch, &record, error);
        if (code != ERR_OK)
            return code;
        if (record.kind != ADDRESS_NONE)
            return follow(walk, &record, detail, stop->depth, error);
    }
    if (srs_is_form(parts->plain))
        return resolve_rewritten(walk, parts, stop, error);
    if (domain->rest.host.n > 0) {
        walk->rest = walk->rest || stop->depth == 0;
        return add_foreign(walk, parts->shown, error);
    }
    if (domain->catch_all.n == 0)
        return ERR_OK;
    return add_stop(walk, domain->catch_all, slice_none(), stop->depth + 1, error);
}

static enum err resolve(struct walk *walk, const struct stop *stop, struct error *error)
{
    struct address_parts parts;
    struct domain_record domain;
    enum err code = address_parse(stop->address, walk->scratch, &parts, error);
    if (code != ERR_OK || !first_time(walk, 'a', parts.key, &code, error))
        return code;
    code = lookup_domain(walk->directory, parts.domain, walk->scratch, &domain, error);
    if (code != ERR_OK)
        return code;
    return domain.local ? resolve_ours(walk, &parts, &domain, stop, error)
                        : add_foreign(walk, parts.shown, error);
}

/* Copies the result into the caller's arena. */
static enum err finish(const struct walk *walk, struct arena *arena, struct route *ret_route,
                       struct error *error)
{
    struct route route = {.account_count = walk->account_count, .foreign_count = walk->foreign_count};
    route.accounts = arena_array(arena, MAX(route.account_count, 1), sizeof(*route.accounts));
    route.foreign = arena_array(arena, MAX(route.foreign_count, 1), sizeof(*route.foreign));
    if (route.accounts == NULL || route.foreign == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < route.account_count; i++)
        route.accounts[i] =
            (struct route_account){walk->accounts[i].id, arena_dup(arena, walk->accounts[i].detail)};
    for (size_t i = 0; i < route.foreign_count; i++)
        route.foreign[i] = arena_dup(arena, walk->foreign[i]);
    if (arena_failed(arena))
        return fail_nomem(error);
    route.rest = walk->rest;
    route.kind = route.account_count + route.foreign_count > 0 ? ROUTE_LOCAL : ROUTE_UNKNOWN;
    *ret_route = route;
    return ERR_OK;
}

enum err directory_route(struct directory *directory, struct slice address, struct arena *arena,
                         struct route *ret_route, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    CLEANUP(walk_release) struct walk walk = {.directory = directory, .scratch = &scratch};
    struct route route;
    enum err code = add_stop(&walk, address, slice_none(), 0, error);
    for (size_t i = 0; code == ERR_OK && i < walk.stop_count; i++) {
        struct stop stop = walk.stops[i];
        code = resolve(&walk, &stop, error);
    }
    if (code == ERR_OK)
        code = finish(&walk, arena, &route, error);
    if (code != ERR_OK)
        return code;
    /* The address itself was outside: nothing was followed. */
    if (walk.stop_count == 1 && route.foreign_count == 1)
        route.kind = ROUTE_FOREIGN;
    *ret_route = route;
    return ERR_OK;
}
