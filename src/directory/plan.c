#include "directory/account_check.h"
#include "directory/inside.h"

static void plan_of(struct slice name, const struct plan_record *record, struct plan *ret_plan)
{
    *ret_plan = (struct plan){.name = name,
                              .doors = record->doors,
                              .quota_bytes = record->quota_bytes,
                              .quota_max = record->quota_max,
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

/* --- changes --- */

static enum err check_name(struct slice name, struct error *error)
{
    bool good = name.n > 0 && name.n <= PLAN_NAME_MAX && ascii_is_alpha(name.p[0]);
    for (size_t i = 0; good && i < name.n; i++)
        good = (ascii_is_alnum(name.p[i]) && ascii_lower(name.p[i]) == name.p[i]) || name.p[i] == '-';
    if (good)
        return ERR_OK;
    return fail_plain(error, ERR_INVALID, "a plan's name is at most %d small letters, digits and hyphens",
                      PLAN_NAME_MAX);
}

static enum err count_rows(struct directory *directory, enum statement which, struct slice name,
                           uint64_t *ret_count, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code =
        sql_start(directory, which, &TEXT(name), which == STATEMENT_PLAN_USERS ? 1 : 0, &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK)
        *ret_count = sql_number(row, 0);
    return code;
}

/* What the plan is to be. */
static enum err write_plan(struct directory *directory, enum statement which, struct slice name,
                           const struct plan_record *now, const struct plan_changes *changes,
                           struct error *error)
{
    uint64_t bytes = changes->quota_bytes != UINT64_MAX ? changes->quota_bytes : now->quota_bytes;
    uint64_t most = changes->quota_max != UINT64_MAX ? changes->quota_max : now->quota_max;
    unsigned doors = changes->doors != 0 ? changes->doors : now->doors;
    enum err code = account_check_quota(bytes, error);
    if (code == ERR_OK)
        code = account_check_quota(most, error);
    if (code != ERR_OK)
        return code;
    if (most != 0 && (bytes == 0 || bytes > most))
        return fail_plain(error, ERR_INVALID, "the plan's quota is more than the most that it allows");
    cache_drop(directory->cache, CACHE_PLAN, name);
    code =
        sql_run(directory, which, PARAMETERS(TEXT(name), NUMBER(doors), NUMBER(bytes), NUMBER(most)), error);
    if (code == ERR_OK && changes->options != NULL)
        code = option_write(directory, LEVEL_PLAN, TEXT(name), changes->options, error);
    return code;
}

static enum err insert(struct directory *directory, struct slice name, const struct plan_changes *changes,
                       struct error *error)
{
    uint64_t count = 0;
    struct plan_record now = {.quota_bytes = PLAN_QUOTA_DEFAULT};
    if (changes->quota_max != UINT64_MAX && changes->quota_max != 0)
        now.quota_bytes = MIN(now.quota_bytes, changes->quota_max);
    enum err code = count_rows(directory, STATEMENT_PLAN_COUNT, name, &count, error);
    if (code == ERR_OK && count >= PLANS_MAX)
        return fail_plain(error, ERR_LIMIT, "there are %d plans already", PLANS_MAX);
    if (code == ERR_OK)
        code = write_plan(directory, STATEMENT_PLAN_ADD, name, &now, changes, error);
    if (code == ERR_EXISTS)
        return fail_plain(error, ERR_EXISTS, "the plan %.*s exists already", SLICE_ARGS(name));
    return code;
}

enum err plan_add(struct directory *directory, struct slice name, const struct plan_changes *changes,
                  struct error *error)
{
    enum err code = check_name(name, error);
    if (code == ERR_OK && changes->doors == 0)
        code =
            fail_plain(error, ERR_INVALID, "a plan without doors is of no use; give --doors imap,submission");
    if (code == ERR_OK)
        code = change_begin(directory, error);
    return code == ERR_OK ? change_end(directory, insert(directory, name, changes, error), error) : code;
}

static enum err update(struct directory *directory, struct slice name, const struct plan_changes *changes,
                       struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = account_check_plan(directory, name, 0, error);
    if (code == ERR_OK)
        code = sql_start(directory, STATEMENT_PLAN_GET, PARAMETERS(TEXT(name)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK)
        return code;
    const struct plan_record now = {.doors = (unsigned)sql_number(row, 1),
                                    .quota_bytes = sql_number(row, 2),
                                    .quota_max = sql_number(row, 3)};
    sql_release(&row);
    return write_plan(directory, STATEMENT_PLAN_SET, name, &now, changes, error);
}

enum err plan_set(struct directory *directory, struct slice name, const struct plan_changes *changes,
                  struct error *error)
{
    enum err code = change_begin(directory, error);
    return code == ERR_OK ? change_end(directory, update(directory, name, changes, error), error) : code;
}

static enum err delete_unused(struct directory *directory, struct slice name, struct error *error)
{
    uint64_t users = 0;
    enum err code = account_check_plan(directory, name, 0, error);
    if (code == ERR_OK)
        code = count_rows(directory, STATEMENT_PLAN_USERS, name, &users, error);
    if (code != ERR_OK)
        return code;
    if (users > 0)
        return fail_plain(error, ERR_BUSY, "%llu accounts have the plan %.*s; give them another one first",
                          (unsigned long long)users, SLICE_ARGS(name));
    cache_drop(directory->cache, CACHE_PLAN, name);
    return sql_run(directory, STATEMENT_PLAN_REMOVE, PARAMETERS(TEXT(name)), error);
}

enum err plan_remove(struct directory *directory, struct slice name, struct error *error)
{
    enum err code = change_begin(directory, error);
    return code == ERR_OK ? change_end(directory, delete_unused(directory, name, error), error) : code;
}
