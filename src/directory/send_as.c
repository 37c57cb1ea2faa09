#include "directory/send_as.h"

#include "directory/inside.h"

/* --- rights that are given --- */

/* What a right is for: an address's key, or "@domain". */
struct what {
    struct slice key;
    struct slice shown;
};

static enum err read_domain(struct directory *directory, struct slice name, struct arena *arena,
                            struct what *ret_what, struct error *error)
{
    struct domain_record record;
    struct slice normal;
    enum err code = domain_normalise(name, arena, &normal, error);
    if (code == ERR_OK)
        code = lookup_domain(directory, normal, arena, &record, error);
    if (code != ERR_OK)
        return code;
    if (!record.local)
        return fail_plain(error, ERR_NOT_FOUND, "there is no domain %.*s here", SLICE_ARGS(normal));
    char *text = arena_alloc(arena, normal.n + 1);
    if (text == NULL)
        return fail_nomem(error);
    text[0] = '@';
    memcpy(text + 1, normal.p, normal.n);
    ret_what->key = slice_of(text, normal.n + 1);
    ret_what->shown = ret_what->key;
    return ERR_OK;
}

static enum err read_what(struct directory *directory, struct slice text, struct arena *arena,
                          struct what *ret_what, struct error *error)
{
    struct address_parts parts;
    ssize_t at = slice_rfind_char(text, '@');
    if (at <= 0)
        return read_domain(directory, slice_from(text, (size_t)(at + 1)), arena, ret_what, error);
    enum err code = address_parse(text, arena, &parts, error);
    if (code == ERR_OK)
        *ret_what = (struct what){parts.key, parts.shown};
    return code;
}

/* Only what exists here can be given. */
static enum err check_what(struct directory *directory, struct slice text, struct arena *arena,
                           struct error *error)
{
    struct route route;
    if (slice_rfind_char(text, '@') <= 0)
        return ERR_OK;
    enum err code = directory_route(directory, text, arena, &route, error);
    if (code != ERR_OK || route.kind == ROUTE_LOCAL)
        return code;
    return fail_plain(error, ERR_NOT_FOUND, "there is no address %.*s here", SLICE_ARGS(text));
}

/* One more is not too many. Locked. */
static enum err need_room(struct directory *directory, struct account_id id, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_SEND_AS_COUNT, PARAMETERS(NUMBER(id.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK || !found || sql_number(row, 0) < SEND_AS_MAX)
        return code;
    return fail_plain(error, ERR_LIMIT, "an account has at most %d such rights", SEND_AS_MAX);
}

/* Locked. */
static enum err write_right(struct directory *directory, const struct address_parts *account,
                            const struct what *what, bool give, struct arena *arena, struct error *error)
{
    struct account_record record;
    enum err code = account_row_need(directory, account, arena, &record, error);
    if (code == ERR_OK && give)
        code = need_room(directory, record.entry.id, error);
    if (code != ERR_OK)
        return code;
    uint64_t id = record.entry.id.v;
    if (give)
        return sql_run(directory, STATEMENT_SEND_AS_ADD,
                       PARAMETERS(NUMBER(id), TEXT(what->key), TEXT(what->shown)), error);
    code = sql_run(directory, STATEMENT_SEND_AS_REMOVE, PARAMETERS(NUMBER(id), TEXT(what->key)), error);
    if (code == ERR_OK && sqlite3_changes(directory->database.sqlite) == 0)
        code = fail_plain(error, ERR_NOT_FOUND, "%.*s has no right to send as %.*s", SLICE_ARGS(account->key),
                          SLICE_ARGS(what->shown));
    return code;
}

static enum err change(struct directory *directory, struct slice account, struct slice text, bool give,
                       struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    struct what what;
    enum err code = address_parse(account, &scratch, &parts, error);
    if (code == ERR_OK)
        code = read_what(directory, text, &scratch, &what, error);
    if (code == ERR_OK && give)
        code = check_what(directory, text, &scratch, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    return change_end(directory, write_right(directory, &parts, &what, give, &scratch, error), error);
}

enum err send_as_give(struct directory *directory, struct slice account, struct slice what,
                      struct error *error)
{
    return change(directory, account, what, true, error);
}

enum err send_as_take(struct directory *directory, struct slice account, struct slice what,
                      struct error *error)
{
    return change(directory, account, what, false, error);
}

/* Locked. */
static enum err read_all(struct directory *directory, struct account_id id, struct slice *whats,
                         size_t *ret_count, struct arena *arena, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    size_t count = 0;
    enum err code = sql_start(directory, STATEMENT_SEND_AS_LIST, PARAMETERS(NUMBER(id.v)), &row, error);
    while (code == ERR_OK && count < SEND_AS_MAX &&
           (code = sql_step(directory, row, &found, error)) == ERR_OK && found) {
        whats[count] = arena_dup(arena, sql_bytes(row, 0));
        if (whats[count++].p == NULL)
            code = fail_nomem(error);
    }
    *ret_count = count;
    return code;
}

enum err send_as_list(struct directory *directory, struct slice account, struct arena *arena,
                      struct slice **ret_whats, size_t *ret_count, struct error *error)
{
    struct account_entry entry;
    struct slice *whats = arena_array(arena, SEND_AS_MAX, sizeof(*whats));
    size_t count = 0;
    if (whats == NULL)
        return fail_nomem(error);
    enum err code = account_entry_find(directory, account, arena, &entry, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = read_all(directory, entry.id, whats, &count, arena, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_whats = whats;
    *ret_count = count;
    return ERR_OK;
}

/* The address with this key, or its domain, was given to the account. */
static bool is_given(struct directory *directory, struct account_id id, struct slice key)
{
    sqlite3_stmt *row = NULL;
    bool found = false;
    struct error error;
    struct slice domain = slice_from(key, (size_t)slice_rfind_char(key, '@'));
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_SEND_AS_HAS,
                              PARAMETERS(NUMBER(id.v), TEXT(key), TEXT(domain)), &row, &error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, &error);
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    return code == ERR_OK && found;
}

/* --- may he? --- */

/* The address with this key is the account's: its primary, or an alias (no group) that names the primary. */
static bool is_own(struct directory *directory, const struct account_record *account, struct slice key,
                   struct arena *arena)
{
    struct address_record record;
    struct error error;
    if (lookup_address(directory, key, arena, &record, &error) != ERR_OK)
        return false;
    if (record.kind == ADDRESS_ACCOUNT)
        return record.account.v == account->entry.id.v;
    for (size_t i = 0; record.kind == ADDRESS_ALIAS && i < record.target_count; i++) {
        struct address_parts target;
        if (address_parse(record.targets[i], arena, &target, &error) == ERR_OK &&
            slice_eq(target.key, account->key))
            return true;
    }
    return false;
}

static bool may_use(struct directory *directory, const struct account_record *account, struct slice key,
                    struct arena *arena)
{
    return is_own(directory, account, key, arena) || is_given(directory, account->entry.id, key);
}

bool directory_may_send_as(struct directory *directory, struct account_id id, struct slice address)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    struct account_record account;
    struct address_record exact;
    struct domain_record domain;
    struct error error;
    if (address_parse(address, &scratch, &parts, &error) != ERR_OK ||
        lookup_account(directory, id, &scratch, &account, &error) != ERR_OK ||
        lookup_domain(directory, parts.domain, &scratch, &domain, &error) != ERR_OK || !domain.local ||
        lookup_address(directory, parts.key, &scratch, &exact, &error) != ERR_OK)
        return false;
    if (may_use(directory, &account, parts.key, &scratch))
        return true;
    struct slice base;
    struct slice detail;
    /* Somebody's: a sub-address does not reach past it. */
    return exact.kind == ADDRESS_NONE && address_without_detail(&parts, &scratch, &base, &detail) &&
           may_use(directory, &account, base, &scratch);
}
