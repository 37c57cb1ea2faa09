#include "directory/use.h"

#include "directory/inside.h"

enum { IDS_FIRST = 64 };

/* The first row of a statement, if there is one. Locked. */
static enum err first_row(struct directory *directory, enum statement which, uint64_t id,
                          sqlite3_stmt **ret_row, bool *ret_found, struct error *error)
{
    enum err code = sql_start(directory, which, PARAMETERS(NUMBER(id)), ret_row, error);
    return code == ERR_OK ? sql_step(directory, *ret_row, ret_found, error) : code;
}

static enum err read_account(struct directory *directory, struct account_id id, struct ledger_row *ret_row,
                             struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = first_row(directory, STATEMENT_USAGE_GET, id.v, &row, &found, error);
    if (code != ERR_OK)
        return code;
    *ret_row = (struct ledger_row){0};
    if (found)
        *ret_row = (struct ledger_row){
            {sql_number(row, 0)}, sql_number(row, 1), sql_number(row, 2), sql_number(row, 3) != 0};
    return ERR_OK;
}

static enum err ledger_account(void *context, struct account_id id, struct ledger_row *ret_row,
                               struct error *error)
{
    struct directory *directory = context;
    pthread_mutex_lock(&directory->lock);
    enum err code = read_account(directory, id, ret_row, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

static enum err read_domain(struct directory *directory, struct domain_id id,
                            struct ledger_domain *ret_domain, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    struct option_set set;
    struct options options = options_built_in();
    unsigned steps[OPTION_PERCENTS_MAX];
    enum err code = first_row(directory, STATEMENT_USAGE_OF_DOMAIN, id.v, &row, &found, error);
    if (code == ERR_OK && !found)
        return fail(error, ERR_NOT_FOUND, NULL, "no domain %llu", (unsigned long long)id.v);
    if (code == ERR_OK)
        code = option_set_load(directory, LEVEL_DOMAIN, NUMBER(id.v), &set, error);
    if (code != ERR_OK)
        return code;
    *ret_domain = (struct ledger_domain){.bytes = sql_number(row, 0),
                                         .messages = sql_number(row, 1),
                                         .quota_bytes = sql_number(row, 2),
                                         .quota_messages = sql_number(row, 3),
                                         .warned = (unsigned)sql_number(row, 4)};
    options_apply(&options, LEVEL_DOMAIN, &set);
    unsigned count = option_percents(options.values[OPTION_QUOTA_WARN], steps);
    for (unsigned i = 0; i < count; i++)
        ret_domain->warn[i] = (uint8_t)steps[i];
    return ERR_OK;
}

static enum err ledger_domain(void *context, struct domain_id id, struct ledger_domain *ret_domain,
                              struct error *error)
{
    struct directory *directory = context;
    pthread_mutex_lock(&directory->lock);
    enum err code = read_domain(directory, id, ret_domain, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

/* One statement is one transaction, and is made durable by ledger_sync or by the next change. */
static enum err ledger_open(void *context, struct account_id id, struct error *error)
{
    struct directory *directory = context;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_run(directory, STATEMENT_USAGE_OPEN, PARAMETERS(NUMBER(id.v)), error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

static enum err ledger_settle(void *context, struct account_id id, uint64_t bytes, uint64_t messages,
                              struct error *error)
{
    struct directory *directory = context;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_run(directory, STATEMENT_USAGE_SETTLE,
                            PARAMETERS(NUMBER(id.v), NUMBER(bytes), NUMBER(messages)), error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

static enum err ledger_durable(void *context, struct error *error)
{
    struct directory *directory = context;
    return volume_database_sync(&directory->database, error);
}

struct id_list {
    struct account_id *ids;
    size_t count;
    size_t room;
};

static enum err list_add(struct id_list *list, uint64_t id, struct arena *arena, struct error *error)
{
    if (list->count == list->room) {
        size_t room = MAX(list->room * 2, (size_t)IDS_FIRST);
        struct account_id *more = arena_array(arena, room, sizeof(*more));
        if (more == NULL)
            return fail_nomem(error);
        if (list->count > 0)
            memcpy(more, list->ids, list->count * sizeof(*more));
        list->ids = more;
        list->room = room;
    }
    list->ids[list->count++].v = id;
    return ERR_OK;
}

static enum err list_opened(struct directory *directory, struct arena *arena, struct id_list *list,
                            struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    enum err code = sql_start(directory, STATEMENT_USAGE_OPENED, NULL, 0, &row, error);
    while (code == ERR_OK && (code = sql_step(directory, row, &more, error)) == ERR_OK && more)
        code = list_add(list, sql_number(row, 0), arena, error);
    return code;
}

static enum err ledger_opened(void *context, struct arena *arena, struct account_id **ret_ids,
                              size_t *ret_count, struct error *error)
{
    struct directory *directory = context;
    struct id_list list = {0};
    pthread_mutex_lock(&directory->lock);
    enum err code = list_opened(directory, arena, &list, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_ids = list.ids;
    *ret_count = list.count;
    return ERR_OK;
}

enum err directory_count(struct directory *directory, struct store *store, struct error *error)
{
    const struct ledger ledger = {.context = directory,
                                  .account = ledger_account,
                                  .domain = ledger_domain,
                                  .open = ledger_open,
                                  .settle = ledger_settle,
                                  .sync = ledger_durable,
                                  .opened = ledger_opened};
    return store_keep_ledger(store, &ledger, error);
}

enum err domain_set_warned(struct directory *directory, struct domain_id id, unsigned step,
                           struct error *error)
{
    enum err code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    code = sql_run(directory, STATEMENT_DOMAIN_SET_WARNED, PARAMETERS(NUMBER(id.v), NUMBER(step)), error);
    return change_end(directory, code, error);
}
