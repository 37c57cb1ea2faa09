#include "directory/account_check.h"
#include "directory/inside.h"

/* What a new or a removed domain makes stale. Locked. */
static void domain_dropped(struct directory *directory, struct slice name)
{
    cache_drop(directory->cache, CACHE_DOMAIN, name);
    cache_drop(directory->cache, CACHE_ONLY_DOMAIN, slice_none());
}

static enum err insert(struct directory *directory, struct slice name, struct domain_id *ret_id,
                       struct error *error)
{
    struct domain_row row;
    enum err code = domain_row_get(directory, name, &row, error);
    if (code != ERR_OK)
        return code;
    if (row.id.v != 0)
        return fail_plain(error, ERR_EXISTS, "the domain %.*s exists already", SLICE_ARGS(name));
    code = sql_run(directory, STATEMENT_DOMAIN_ADD, PARAMETERS(TEXT(name)), error);
    ret_id->v = (uint64_t)sqlite3_last_insert_rowid(directory->database.sqlite);
    domain_dropped(directory, name);
    return code;
}

enum err domain_add(struct directory *directory, struct slice name, struct domain_id *ret_id,
                    struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice normal;
    struct domain_id id = {0};
    enum err code = domain_normalise(name, &scratch, &normal, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, insert(directory, normal, &id, error), error);
    if (code == ERR_OK)
        *ret_id = id;
    return code;
}

/* The domain's signing keys. */
struct left_keys {
    uint64_t ids[DOMAIN_KEYS_MAX];
    size_t count;
};

static enum err delete_empty(struct directory *directory, struct slice name, struct left_keys *left,
                             struct error *error)
{
    struct domain_row row;
    enum err code = domain_row_need(directory, name, &row, error);
    if (code == ERR_OK)
        code = domain_key_ids(directory, name, left->ids, &left->count, error);
    if (code != ERR_OK)
        return code;
    if (row.accounts + row.aliases > 0)
        return fail_plain(error, ERR_BUSY,
                          "the domain %.*s still has %lu accounts and %lu aliases; remove them first",
                          SLICE_ARGS(name), (unsigned long)row.accounts, (unsigned long)row.aliases);
    domain_dropped(directory, name);
    return sql_run(directory, STATEMENT_DOMAIN_REMOVE, PARAMETERS(NUMBER(row.id.v)), error);
}

enum err domain_remove(struct directory *directory, struct slice name, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct left_keys left = {.count = 0};
    struct slice normal;
    enum err code = domain_normalise(name, &scratch, &normal, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, delete_empty(directory, normal, &left, error), error);
    if (code == ERR_OK)
        domain_keys_forget(directory, left.ids, left.count);
    return code;
}

static enum err set_catch_all(struct directory *directory, struct slice name,
                              const struct address_parts *target, struct error *error)
{
    struct domain_row row;
    enum err code = domain_row_need(directory, name, &row, error);
    if (code == ERR_OK && row.has_rest && target->key.n > 0)
        code = fail_plain(error, ERR_INVALID,
                          "%.*s is split with another server, which has who is not known here; see "
                          "posthorn domain set --rest-to",
                          SLICE_ARGS(name));
    if (code != ERR_OK)
        return code;
    cache_drop(directory->cache, CACHE_DOMAIN, name);
    return sql_run(directory, STATEMENT_DOMAIN_SET_CATCH_ALL,
                   PARAMETERS(TEXT(name), TEXT(target->shown), TEXT(target->key)), error);
}

enum err domain_set_catch_all(struct directory *directory, struct slice name, struct slice catch_all,
                              struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice normal;
    struct address_parts target = {0};
    enum err code = domain_normalise(name, &scratch, &normal, error);
    if (code == ERR_OK && catch_all.n > 0)
        code = address_parse(catch_all, &scratch, &target, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, set_catch_all(directory, normal, &target, error), error);
    return code;
}

/* --- what holds for it --- */

enum err domain_need_room(const struct domain_row *row, struct slice name, struct error *error)
{
    if (row->max_accounts == 0 || row->accounts < row->max_accounts)
        return ERR_OK;
    return fail_plain(error, ERR_LIMIT, "the domain %.*s has %lu accounts, and may have %lu at most",
                      SLICE_ARGS(name), (unsigned long)row->accounts, (unsigned long)row->max_accounts);
}

static enum err update(struct directory *directory, struct slice name, const struct domain_changes *changes,
                       struct error *error)
{
    struct domain_row row;
    enum err code = domain_row_need(directory, name, &row, error);
    if (code == ERR_OK && changes->max_accounts != UINT64_MAX)
        code = sql_run(directory, STATEMENT_DOMAIN_SET_MAX_ACCOUNTS,
                       PARAMETERS(NUMBER(row.id.v), NUMBER(changes->max_accounts)), error);
    if (code == ERR_OK && changes->quota_bytes != UINT64_MAX)
        code = sql_run(directory, STATEMENT_DOMAIN_SET_QUOTA_BYTES,
                       PARAMETERS(NUMBER(row.id.v), NUMBER(changes->quota_bytes)), error);
    if (code == ERR_OK && changes->quota_messages != UINT64_MAX)
        code = sql_run(directory, STATEMENT_DOMAIN_SET_QUOTA_MESSAGES,
                       PARAMETERS(NUMBER(row.id.v), NUMBER(changes->quota_messages)), error);
    if (code != ERR_OK || changes->options == NULL)
        return code;
    cache_drop(directory->cache, CACHE_DOMAIN, name);
    return option_write(directory, LEVEL_DOMAIN, NUMBER(row.id.v), changes->options, error);
}

enum err domain_set(struct directory *directory, struct slice name, const struct domain_changes *changes,
                    struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice normal;
    if (changes->max_accounts != UINT64_MAX && changes->max_accounts > DOMAIN_ACCOUNTS_MAX)
        return fail_plain(error, ERR_INVALID, "a domain has at most %d accounts; 0 is no limit",
                          DOMAIN_ACCOUNTS_MAX);
    enum err code = domain_normalise(name, &scratch, &normal, error);
    if (code == ERR_OK && changes->quota_bytes != UINT64_MAX)
        code = account_check_quota(changes->quota_bytes, error);
    if (code == ERR_OK && changes->quota_messages != UINT64_MAX)
        code = account_check_quota(changes->quota_messages, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, update(directory, normal, changes, error), error);
    return code;
}

/* --- the list --- */

struct domain_list {
    struct domain *domains;
    size_t count;
    size_t room;
};

/* A DOMAIN_LIST row. Locked. */
static enum err read_domain(struct directory *directory, sqlite3_stmt *row, struct arena *arena,
                            struct domain *ret_domain, struct error *error)
{
    struct option_set options;
    struct domain domain = {.id = {sql_number(row, 0)},
                            .name = arena_dup(arena, sql_bytes(row, 1)),
                            .catch_all = arena_dup(arena, sql_bytes(row, 2)),
                            .accounts = sql_number(row, 3),
                            .max_accounts = sql_number(row, 4),
                            .quota_bytes = sql_number(row, 5),
                            .quota_messages = sql_number(row, 6),
                            .used_bytes = sql_number(row, 7),
                            .used_messages = sql_number(row, 8),
                            .options = options_built_in()};
    if (domain.name.p == NULL || domain.catch_all.p == NULL)
        return fail_nomem(error);
    enum err code = option_set_load(directory, LEVEL_DOMAIN, NUMBER(domain.id.v), &options, error);
    if (code != ERR_OK)
        return code;
    options_apply(&domain.options, LEVEL_DOMAIN, &options);
    *ret_domain = domain;
    return ERR_OK;
}

static enum err append(struct directory *directory, struct domain_list *list, sqlite3_stmt *row,
                       struct arena *arena, struct error *error)
{
    if (list->count == list->room) {
        size_t room = MAX(list->room * 2, 16);
        struct domain *more = arena_array(arena, room, sizeof(*more));
        if (more == NULL)
            return fail_nomem(error);
        if (list->count > 0)
            memcpy(more, list->domains, list->count * sizeof(*more));
        list->domains = more;
        list->room = room;
    }
    enum err code = read_domain(directory, row, arena, &list->domains[list->count], error);
    if (code == ERR_OK)
        list->count++;
    return code;
}

enum err domain_list(struct directory *directory, struct arena *arena, struct domain **ret_domains,
                     size_t *ret_count, struct error *error)
{
    struct domain_list list = {0};
    sqlite3_stmt *row = NULL;
    bool more = false;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_DOMAIN_LIST, NULL, 0, &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        code = append(directory, &list, row, arena, error);
        if (code == ERR_OK)
            code = sql_step(directory, row, &more, error);
    }
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_domains = list.domains;
    *ret_count = list.count;
    return ERR_OK;
}

/* Locked. */
static enum err get_domain(struct directory *directory, struct domain_id id, struct arena *arena,
                           struct domain *ret_domain, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_DOMAIN_FIND, PARAMETERS(NUMBER(id.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && !found)
        return fail(error, ERR_NOT_FOUND, NULL, "no domain %llu", (unsigned long long)id.v);
    return code == ERR_OK ? read_domain(directory, row, arena, ret_domain, error) : code;
}

enum err domain_get(struct directory *directory, struct domain_id id, struct arena *arena,
                    struct domain *ret_domain, struct error *error)
{
    pthread_mutex_lock(&directory->lock);
    enum err code = get_domain(directory, id, arena, ret_domain, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

enum err domain_find(struct directory *directory, struct slice name, struct arena *arena,
                     struct domain *ret_domain, struct error *error)
{
    struct slice normal;
    enum err code = domain_normalise(name, arena, &normal, error);
    if (code != ERR_OK)
        return code;
    struct domain_row row;
    pthread_mutex_lock(&directory->lock);
    code = domain_row_need(directory, normal, &row, error);
    if (code == ERR_OK)
        code = get_domain(directory, row.id, arena, ret_domain, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}
