#include "directory/inside.h"

/* An alias as it is written to the database. */
struct alias_parts {
    struct address_parts address;
    struct address_parts *targets;
    size_t count;
    bool group;
    uint64_t id; /* of a group: new, or that of the one which is replaced */
};

static enum err parse(const struct alias *alias, struct arena *arena, struct alias_parts *parts,
                      struct error *error)
{
    if (alias->target_count == 0)
        return fail_plain(error, ERR_INVALID, "an alias or a group needs at least one address to stand for");
    if (alias->target_count > GROUP_MEMBERS_MAX)
        return fail_plain(error, ERR_LIMIT, "an alias or a group stands for at most %d addresses",
                          GROUP_MEMBERS_MAX);
    *parts = (struct alias_parts){.count = alias->target_count, .group = alias->group};
    parts->id = alias->group ? id_random() : 0;
    enum err code = address_parse(alias->address, arena, &parts->address, error);
    if (code != ERR_OK)
        return code;
    parts->targets = arena_array(arena, parts->count, sizeof(*parts->targets));
    if (parts->targets == NULL)
        return fail_nomem(error);
    for (size_t i = 0; code == ERR_OK && i < parts->count; i++)
        code = address_parse(alias->targets[i], arena, &parts->targets[i], error);
    return code;
}

enum err alias_need_room(struct directory *directory, struct slice alias_key, struct slice target_key,
                         struct error *error)
{
    enum address_kind kind;
    struct account_id account;
    enum err code = address_row_get(directory, target_key, &kind, &account, error);
    if (code != ERR_OK || kind != ADDRESS_ACCOUNT)
        return code;
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    code = sql_start(directory, STATEMENT_ALIAS_COUNT, PARAMETERS(TEXT(target_key), TEXT(alias_key)), &row,
                     error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK || !found || sql_number(row, 0) < ALIASES_MAX)
        return code;
    return fail_plain(error, ERR_LIMIT, "%.*s has %d aliases, which is the most", SLICE_ARGS(target_key),
                      ALIASES_MAX);
}

static enum err write_targets(struct directory *directory, const struct alias_parts *parts,
                              struct error *error)
{
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < parts->count; i++) {
        const struct address_parts *target = &parts->targets[i];
        if (!parts->group)
            code = alias_need_room(directory, parts->address.key, target->key, error);
        if (code == ERR_OK)
            code = sql_run(
                directory, STATEMENT_TARGET_ADD,
                PARAMETERS(TEXT(parts->address.key), NUMBER(i), TEXT(target->shown), TEXT(target->key)),
                error);
    }
    return code;
}

static enum err delete_alias(struct directory *directory, struct slice key, struct error *error)
{
    cache_drop(directory->cache, CACHE_ADDRESS, key);
    enum err code = sql_run(directory, STATEMENT_TARGET_REMOVE, PARAMETERS(TEXT(key)), error);
    return code == ERR_OK ? sql_run(directory, STATEMENT_ADDRESS_REMOVE, PARAMETERS(TEXT(key)), error) : code;
}

/* An alias or a group of this name goes, so that the new one can come; anything else stays in the way. A
 * group with other members is still the same group. */
static enum err make_place(struct directory *directory, struct alias_parts *parts, bool replace,
                           struct error *error)
{
    enum address_kind kind;
    struct account_id id;
    enum err code = address_row_get(directory, parts->address.key, &kind, &id, error);
    if (code != ERR_OK)
        return code;
    if (replace && kind == ADDRESS_GROUP && parts->group)
        parts->id = id.v;
    if (replace && (kind == ADDRESS_ALIAS || kind == ADDRESS_GROUP))
        return delete_alias(directory, parts->address.key, error);
    return address_need_free(directory, &parts->address, error);
}

static enum err write_alias(struct directory *directory, struct alias_parts *parts, bool replace,
                            struct error *error)
{
    struct domain_row domain;
    enum err code = domain_row_need(directory, parts->address.domain, &domain, error);
    if (code == ERR_OK)
        code = make_place(directory, parts, replace, error);
    if (code != ERR_OK)
        return code;
    cache_drop(directory->cache, CACHE_ADDRESS, parts->address.key);
    uint64_t kind = parts->group ? ADDRESS_GROUP : ADDRESS_ALIAS;
    code = sql_run(directory, STATEMENT_ADDRESS_ADD,
                   PARAMETERS(TEXT(parts->address.key), NUMBER(domain.id.v), NUMBER(kind), NUMBER(parts->id),
                              TEXT(parts->address.shown)),
                   error);
    return code == ERR_OK ? write_targets(directory, parts, error) : code;
}

enum err alias_set(struct directory *directory, const struct alias *alias, bool replace, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct alias_parts parts;
    enum err code = parse(alias, &scratch, &parts, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, write_alias(directory, &parts, replace, error), error);
    return code;
}

static enum err remove_existing(struct directory *directory, const struct address_parts *address,
                                struct error *error)
{
    enum address_kind kind;
    struct account_id account;
    enum err code = address_row_get(directory, address->key, &kind, &account, error);
    if (code != ERR_OK)
        return code;
    if (kind != ADDRESS_ALIAS && kind != ADDRESS_GROUP)
        return fail_plain(error, ERR_NOT_FOUND, "there is no alias or group %.*s", SLICE_ARGS(address->key));
    code = sql_run(directory, STATEMENT_SEND_AS_FORGET, PARAMETERS(TEXT(address->key)), error);
    return code == ERR_OK ? delete_alias(directory, address->key, error) : code;
}

enum err alias_remove(struct directory *directory, struct slice address, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    enum err code = address_parse(address, &scratch, &parts, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, remove_existing(directory, &parts, error), error);
    return code;
}

/* --- the list --- */

struct alias_list {
    struct alias *aliases;
    size_t count;
    size_t room;
};

/* A place for one more in an array of the arena, which is copied when it is full. */
static void *place_for(struct arena *arena, void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t more = MAX(*room * 2, 4);
    char *bigger = arena_array(arena, more, size);
    if (bigger != NULL && count > 0)
        memcpy(bigger, array, count * size);
    *room = more;
    return bigger;
}

static enum err read_targets(struct directory *directory, struct slice key, struct alias *alias,
                             struct arena *arena, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    size_t room = 0;
    enum err code = sql_start(directory, STATEMENT_TARGET_LIST, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        alias->targets = place_for(arena, alias->targets, alias->target_count, &room, sizeof(struct slice));
        if (alias->targets == NULL)
            return fail_nomem(error);
        alias->targets[alias->target_count] = arena_dup(arena, sql_bytes(row, 0));
        if (alias->targets[alias->target_count++].p == NULL)
            return fail_nomem(error);
        code = sql_step(directory, row, &more, error);
    }
    return code;
}

static enum err append(struct directory *directory, struct alias_list *list, sqlite3_stmt *row,
                       struct arena *arena, struct error *error)
{
    list->aliases = place_for(arena, list->aliases, list->count, &list->room, sizeof(struct alias));
    if (list->aliases == NULL)
        return fail_nomem(error);
    struct slice key = sql_bytes(row, 0);
    struct alias *alias = &list->aliases[list->count++];
    *alias = (struct alias){.address = arena_dup(arena, sql_bytes(row, 1)),
                            .group = sql_number(row, 2) == ADDRESS_GROUP};
    return alias->address.p == NULL ? fail_nomem(error) : read_targets(directory, key, alias, arena, error);
}

static enum err list_all(struct directory *directory, struct slice domain, struct alias_list *list,
                         struct arena *arena, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    struct domain_row in = {0};
    enum err code = domain.n > 0 ? domain_row_need(directory, domain, &in, error) : ERR_OK;
    if (code != ERR_OK)
        return code;
    code = sql_start(directory, domain.n > 0 ? STATEMENT_ALIAS_LIST : STATEMENT_ALIAS_LIST_ALL,
                     &(struct parameter){.kind = PARAMETER_NUMBER, .number = in.id.v}, domain.n > 0 ? 1 : 0,
                     &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        code = append(directory, list, row, arena, error);
        if (code == ERR_OK)
            code = sql_step(directory, row, &more, error);
    }
    return code;
}

enum err alias_list(struct directory *directory, struct slice domain, struct arena *arena,
                    struct alias **ret_aliases, size_t *ret_count, struct error *error)
{
    struct slice normal = slice_none();
    struct alias_list list = {0};
    enum err code = domain.n > 0 ? domain_normalise(domain, arena, &normal, error) : ERR_OK;
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = list_all(directory, normal, &list, arena, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_aliases = list.aliases;
    *ret_count = list.count;
    return ERR_OK;
}
