/* Who may administer a domain: people with accounts, here or in another domain. */
#include "directory/inside.h"

static enum err write_one(struct directory *directory, struct slice domain,
                          const struct address_parts *person, bool on, struct error *error)
{
    struct domain_row row;
    enum address_kind kind;
    struct account_id account;
    enum err code = domain_row_need(directory, domain, &row, error);
    if (code == ERR_OK)
        code = address_row_get(directory, person->key, &kind, &account, error);
    if (code != ERR_OK)
        return code;
    if (kind != ADDRESS_ACCOUNT)
        return fail_plain(error, ERR_NOT_FOUND, "there is no account %.*s", SLICE_ARGS(person->key));
    return sql_run(directory, on ? STATEMENT_ADMINISTRATOR_ADD : STATEMENT_ADMINISTRATOR_REMOVE,
                   PARAMETERS(NUMBER(row.id.v), NUMBER(account.v)), error);
}

enum err domain_set_administrator(struct directory *directory, struct slice domain, struct slice address,
                                  bool on, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice normal;
    struct address_parts person;
    enum err code = domain_normalise(domain, &scratch, &normal, error);
    if (code == ERR_OK)
        code = address_parse(address, &scratch, &person, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, write_one(directory, normal, &person, on, error), error);
    return code;
}

static enum err read_all(struct directory *directory, uint64_t domain, struct slice *addresses,
                         size_t *ret_count, struct arena *arena, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    size_t count = 0;
    enum err code =
        sql_start(directory, STATEMENT_ADMINISTRATOR_LIST, PARAMETERS(NUMBER(domain)), &row, error);
    while (code == ERR_OK && (code = sql_step(directory, row, &found, error)) == ERR_OK && found) {
        if (count == DOMAIN_ADMINISTRATORS_MAX)
            break;
        addresses[count] = arena_dup(arena, sql_bytes(row, 0));
        if (addresses[count++].p == NULL)
            code = fail_nomem(error);
    }
    *ret_count = count;
    return code;
}

enum err domain_administrators(struct directory *directory, struct slice domain, struct arena *arena,
                               struct slice **ret_addresses, size_t *ret_count, struct error *error)
{
    struct slice normal;
    struct domain_row row;
    struct slice *addresses = arena_array(arena, DOMAIN_ADMINISTRATORS_MAX, sizeof(*addresses));
    if (addresses == NULL)
        return fail_nomem(error);
    enum err code = domain_normalise(domain, arena, &normal, error);
    if (code != ERR_OK)
        return code;
    size_t count = 0;
    pthread_mutex_lock(&directory->lock);
    code = domain_row_need(directory, normal, &row, error);
    if (code == ERR_OK)
        code = read_all(directory, row.id.v, addresses, &count, arena, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_addresses = addresses;
    *ret_count = count;
    return ERR_OK;
}

bool directory_may_administer(struct directory *directory, struct account_id id, struct slice address)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice local;
    struct slice domain;
    struct error error;
    bool found = false;
    if (address_normalise(address, &scratch, &local, &domain, &error) != ERR_OK)
        return false;
    pthread_mutex_lock(&directory->lock);
    sqlite3_stmt *row = NULL;
    enum err code = sql_start(directory, STATEMENT_ADMINISTRATOR_GET, PARAMETERS(TEXT(domain), NUMBER(id.v)),
                              &row, &error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, &error);
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    return code == ERR_OK && found;
}
