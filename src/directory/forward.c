/*
 * Forwards as a graph: accounts are its nodes, and a forward to another account of ours is an edge. An
 * account keeps the message when it is to, or when no way from it leads to one who does, or outside.
 */
#include "directory/forward.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "directory/inside.h"

/* --- setting --- */

static enum err write_targets(struct directory *directory, struct account_id id,
                              const struct address_parts *targets, size_t count, bool keep_copy,
                              struct error *error)
{
    cache_drop(directory->cache, CACHE_FORWARD, map_key_u64(&id.v));
    enum err code = sql_run(directory, STATEMENT_FORWARD_TARGETS_REMOVE, PARAMETERS(NUMBER(id.v)), error);
    if (code == ERR_OK && count == 0)
        return sql_run(directory, STATEMENT_FORWARD_OFF, PARAMETERS(NUMBER(id.v)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_FORWARD_SET,
                       PARAMETERS(NUMBER(id.v), NUMBER(keep_copy), NUMBER((uint64_t)clock_wall_us())), error);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        code =
            sql_run(directory, STATEMENT_FORWARD_TARGET_ADD,
                    PARAMETERS(NUMBER(id.v), NUMBER(i), TEXT(targets[i].shown), TEXT(targets[i].key)), error);
    return code;
}

static enum err parse_targets(struct directory *directory, const struct forward *forward, struct arena *arena,
                              struct address_parts *targets, size_t *ret_count, struct error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < forward->target_count; i++) {
        struct route route;
        enum err code = address_parse(forward->targets[i], arena, &targets[count], error);
        if (code == ERR_OK)
            code = directory_route(directory, forward->targets[i], arena, &route, error);
        if (code != ERR_OK)
            return code;
        if (route.kind == ROUTE_UNKNOWN)
            return fail_plain(error, ERR_NOT_FOUND, "there is no address %.*s",
                              SLICE_ARGS(targets[count].key));
        bool twice = false;
        for (size_t k = 0; k < count; k++)
            twice = twice || slice_eq(targets[k].key, targets[count].key);
        count += !twice;
    }
    *ret_count = count;
    return ERR_OK;
}

enum err forward_set(struct directory *directory, struct slice address, const struct forward *forward,
                     struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts targets[FORWARD_TARGETS_MAX];
    struct address_parts parts;
    struct account_record record;
    size_t count;
    if (forward->target_count > FORWARD_TARGETS_MAX)
        return fail_plain(error, ERR_LIMIT, "an account forwards to at most %d addresses",
                          FORWARD_TARGETS_MAX);
    enum err code = address_parse(address, &scratch, &parts, error);
    if (code == ERR_OK)
        code = parse_targets(directory, forward, &scratch, targets, &count, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    code = account_row_need(directory, &parts, &scratch, &record, error);
    if (code == ERR_OK)
        code = write_targets(directory, record.entry.id, targets, count, forward->keep_copy, error);
    return change_end(directory, code, error);
}

enum err forward_get(struct directory *directory, struct account_id id, struct arena *arena,
                     struct forward *ret_forward, struct error *error)
{
    return lookup_forward(directory, id, arena, ret_forward, error);
}

static enum err drop_users(struct directory *directory, struct slice key, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    enum err code = sql_start(directory, STATEMENT_FORWARD_USERS, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        uint64_t id = sql_number(row, 0);
        cache_drop(directory->cache, CACHE_FORWARD, map_key_u64(&id));
        code = sql_step(directory, row, &more, error);
    }
    return code;
}

enum err forward_users_move(struct directory *directory, struct slice key, const struct address_parts *to,
                            struct error *error)
{
    enum err code = drop_users(directory, key, error);
    if (code != ERR_OK)
        return code;
    if (to == NULL)
        return sql_run(directory, STATEMENT_FORWARD_TARGET_REMOVE, PARAMETERS(TEXT(key)), error);
    return sql_run(directory, STATEMENT_FORWARD_TARGET_MOVE,
                   PARAMETERS(TEXT(key), TEXT(to->shown), TEXT(to->key)), error);
}

/* --- planning --- */

struct node {
    struct account_id id;
    struct slice address;
    size_t *edges;
    size_t edge_count;
    size_t edge_room;
    struct slice *foreign; /* first reached from here */
    size_t foreign_count;
    size_t foreign_room;
    bool keeps;
    bool served; /* it keeps, or a way leads to one who does, or outside */
};

struct planning {
    struct directory *directory;
    const struct forward_question *question;
    struct arena *arena;
    struct map met;  /* accounts by id: their index in `nodes`, plus one */
    struct map sent; /* addresses outside */
    struct node *nodes;
    size_t count;
    size_t room;
    size_t forwarding;
};

/* Room for one more in an array of the arena. NULL: no memory. */
static void *grown(struct arena *arena, void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t more = MAX(*room * 2, 8);
    char *bigger = arena_array(arena, more, size);
    if (bigger != NULL && count > 0)
        memcpy(bigger, array, count * size);
    *room = bigger != NULL ? more : *room;
    return bigger;
}

static enum err node_of(struct planning *p, struct account_id id, size_t *ret_index, struct error *error)
{
    uintptr_t known = (uintptr_t)map_get(&p->met, map_key_u64(&id.v));
    if (known != 0) {
        *ret_index = known - 1;
        return ERR_OK;
    }
    struct node *nodes = grown(p->arena, p->nodes, p->count, &p->room, sizeof(*nodes));
    if (nodes == NULL || !map_set(&p->met, map_key_u64(&id.v), (void *)(p->count + 1)))
        return fail_nomem(error);
    p->nodes = nodes;
    nodes[p->count] = (struct node){.id = id};
    *ret_index = p->count++;
    return ERR_OK;
}

static enum err add_edge(struct planning *p, size_t from, struct account_id id, struct error *error)
{
    size_t to;
    enum err code = node_of(p, id, &to, error);
    if (code != ERR_OK)
        return code;
    struct node *node = &p->nodes[from];
    if (to == from) { /* to himself: that is a copy */
        node->keeps = true;
        return ERR_OK;
    }
    size_t *edges = grown(p->arena, node->edges, node->edge_count, &node->edge_room, sizeof(*edges));
    if (edges == NULL)
        return fail_nomem(error);
    node->edges = edges;
    edges[node->edge_count++] = to;
    return ERR_OK;
}

/* False: somebody sends it there already, or memory is out (then *ret_code). */
static bool meets(struct planning *p, struct slice address, enum err *ret_code, struct error *error)
{
    struct slice parts[2];
    CLEANUP(buf_release) struct buf key = BUF(ADDRESS_MAX + 2);
    *ret_code = address_normalise(address, p->arena, &parts[0], &parts[1], error);
    if (*ret_code != ERR_OK)
        return false;
    buf_put(&key, parts[0]);
    buf_putc(&key, '@');
    buf_put(&key, parts[1]);
    if (!buf_failed(&key) && map_get(&p->sent, buf_slice(&key)) != NULL)
        return false;
    if (!buf_failed(&key) && map_set(&p->sent, buf_slice(&key), p))
        return true;
    *ret_code = fail_nomem(error);
    return false;
}

static enum err add_foreign(struct planning *p, size_t from, struct slice address, struct error *error)
{
    enum err code;
    struct node *node = &p->nodes[from];
    node->served = true;
    if (!meets(p, address, &code, error))
        return code;
    struct slice *foreign =
        grown(p->arena, node->foreign, node->foreign_count, &node->foreign_room, sizeof(*foreign));
    if (foreign == NULL)
        return fail_nomem(error);
    node->foreign = foreign;
    foreign[node->foreign_count++] = address;
    return ERR_OK;
}

static bool was_there(const struct planning *p, struct slice key)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(64 * 1024);
    struct error error;
    for (size_t i = 0; i < p->question->been_count; i++) {
        struct address_parts parts;
        arena_reset(&scratch);
        if (address_parse(p->question->been[i], &scratch, &parts, &error) == ERR_OK &&
            slice_eq(parts.key, key))
            return true;
    }
    return false;
}

/* A target that can't be resolved now (too deep, no address any more) is none: who forwards keeps it then. */
static enum err follow(struct planning *p, size_t from, struct slice target, struct error *error)
{
    struct route route;
    enum err code = directory_route(p->directory, target, p->arena, &route, error);
    if (code == ERR_LIMIT || code == ERR_INVALID)
        return ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < route.account_count; i++)
        code = add_edge(p, from, route.accounts[i].id, error);
    for (size_t i = 0; code == ERR_OK && i < route.foreign_count; i++)
        code = add_foreign(p, from, route.foreign[i], error);
    return code;
}

static enum err expand(struct planning *p, size_t at, struct error *error)
{
    struct account_record record;
    struct forward forward;
    struct account_id id = p->nodes[at].id;
    enum err code = lookup_forward(p->directory, id, p->arena, &forward, error);
    if (code != ERR_OK)
        return code;
    p->nodes[at].keeps = p->nodes[at].keeps || forward.target_count == 0 || forward.keep_copy ||
                         forward.since_us >= p->question->again_since_us;
    if (forward.target_count == 0)
        return ERR_OK;
    code = lookup_account(p->directory, id, p->arena, &record, error);
    if (code == ERR_NOT_FOUND || (code == ERR_OK && was_there(p, record.key)) ||
        ++p->forwarding > FORWARD_STOPS_MAX) {
        p->nodes[at].keeps = true;
        return ERR_OK;
    }
    p->nodes[at].address = record.entry.address;
    for (size_t i = 0; code == ERR_OK && i < forward.target_count; i++)
        code = follow(p, at, forward.targets[i], error);
    return code;
}

/* Until nothing changes; a circle in which nobody keeps it stays unserved. */
static void spread(struct planning *p)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < p->count; i++) {
            struct node *node = &p->nodes[i];
            bool served = node->served || node->keeps;
            for (size_t k = 0; k < node->edge_count && !served; k++)
                served = p->nodes[node->edges[k]].served;
            changed = changed || served != node->served;
            node->served = served;
        }
    }
}

/* Those to whom the message was addressed come first, so they are the ones who keep what goes in a circle. */
static void serve_all(struct planning *p)
{
    spread(p);
    for (size_t i = 0; i < p->count; i++) {
        if (p->nodes[i].served)
            continue;
        p->nodes[i].keeps = true;
        spread(p);
    }
}

static enum err write_plan(const struct planning *p, struct forward_plan *ret_plan, struct error *error)
{
    struct forward_plan plan = {0};
    plan.accounts = arena_array(p->arena, p->count + 1, sizeof(*plan.accounts));
    plan.steps = arena_array(p->arena, p->count + 1, sizeof(*plan.steps));
    if (plan.accounts == NULL || plan.steps == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < p->count; i++) {
        const struct node *node = &p->nodes[i];
        if (node->keeps)
            plan.accounts[plan.account_count++] = node->id;
        if (node->foreign_count > 0)
            plan.steps[plan.step_count++] =
                (struct forward_step){node->address, node->foreign, node->foreign_count};
    }
    *ret_plan = plan;
    return ERR_OK;
}

static void planning_release(struct planning *p)
{
    map_release(&p->met);
    map_release(&p->sent);
}

enum err forward_plan(struct directory *directory, const struct forward_question *question,
                      struct arena *arena, struct forward_plan *ret_plan, struct error *error)
{
    CLEANUP(planning_release)
    struct planning p = {.directory = directory, .question = question, .arena = arena};
    const struct route *route = question->route;
    enum err code = ERR_OK;
    size_t ignored;
    for (size_t i = 0; code == ERR_OK && i < route->foreign_count; i++)
        (void)meets(&p, route->foreign[i], &code, error);
    for (size_t i = 0; code == ERR_OK && i < route->account_count; i++)
        code = node_of(&p, route->accounts[i].id, &ignored, error);
    for (size_t i = 0; code == ERR_OK && i < p.count; i++)
        code = expand(&p, i, error);
    if (code != ERR_OK)
        return code;
    serve_all(&p);
    return write_plan(&p, ret_plan, error);
}

/* --- the sender --- */

enum err forward_sender(struct directory *directory, struct slice sender, struct slice ours,
                        struct arena *arena, struct slice *ret_sender, struct error *error)
{
    struct address_parts from;
    struct address_parts by;
    struct domain_record domain;
    if (sender.n == 0) {
        *ret_sender = sender;
        return ERR_OK;
    }
    enum err code = address_parse(ours, arena, &by, error);
    if (code != ERR_OK)
        return code;
    code = address_parse(sender, arena, &from, error);
    if (code == ERR_OK)
        code = lookup_domain(directory, from.domain, arena, &domain, error);
    if (code == ERR_OK && domain.local) {
        *ret_sender = sender;
        return ERR_OK;
    }
    if (code == ERR_OK)
        code =
            srs_encode(directory->srs_key, from.shown, by.domain, clock_wall_us(), arena, ret_sender, error);
    if (code == ERR_INVALID) {
        *ret_sender = by.shown;
        return ERR_OK;
    }
    return code;
}
