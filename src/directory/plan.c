#include "directory/inside.h"

static void plan_of(struct slice name, const struct plan_record *record, struct plan *ret_plan)
{
    *ret_plan = (struct plan){.name = name,
                              .doors = record->doors,
                              .quota_bytes = record->quota_bytes,
                              .options = options_built_in()};
    options_apply(&ret_plan->options, LEVEL_PLAN, &record->options);
}

enum err directory_plan(struct directory *directory, struct slice name, struct arena *arena,
                        struct plan *ret_plan, struct error *error)
{
    struct plan_record record;
    struct slice own = arena_dup(arena, name);
    if (own.p == NULL)
        return fail_nomem(error);
    enum err code = lookup_plan(directory, name, arena, &record, error);
    if (code == ERR_OK)
        plan_of(own, &record, ret_plan);
    return code;
}

static enum err read_names(struct directory *directory, struct slice names[static PLANS_MAX],
                           size_t *ret_count, struct arena *arena, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    *ret_count = 0;
    enum err code = sql_start(directory, STATEMENT_PLAN_LIST, NULL, 0, &row, error);
    while (code == ERR_OK && (code = sql_step(directory, row, &more, error)) == ERR_OK && more &&
           *ret_count < PLANS_MAX) {
        names[*ret_count] = arena_dup(arena, sql_bytes(row, 0));
        if (names[(*ret_count)++].p == NULL)
            code = fail_nomem(error);
    }
    return code;
}

enum err plan_list(struct directory *directory, struct arena *arena, struct plan **ret_plans,
                   size_t *ret_count, struct error *error)
{
    struct slice names[PLANS_MAX];
    size_t count;
    struct plan *plans = arena_array(arena, PLANS_MAX, sizeof(*plans));
    if (plans == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&directory->lock);
    enum err code = read_names(directory, names, &count, arena, error);
    pthread_mutex_unlock(&directory->lock);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        code = directory_plan(directory, names[i], arena, &plans[i], error);
    if (code != ERR_OK)
        return code;
    *ret_plans = plans;
    *ret_count = count;
    return ERR_OK;
}
