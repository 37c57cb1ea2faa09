/*
 * A new address for an account, and what becomes of the old one. All of it is one transaction; what is the
 * account's own hangs on its id and needs no word here.
 */
#include "base/clock.h"
#include "base/map.h"
#include "directory/credential.h"
#include "directory/inside.h"

/* A rename, taken apart. */
struct renaming {
    const struct account_rename *wanted;
    struct address_parts from;
    struct address_parts to;
    struct account_id new_id; /* of the account under the old address; 0: none */
    struct credential credential;
    bool has_credential;
};

static enum err prepare(struct directory *directory, const struct account_rename *wanted, struct arena *arena,
                        struct renaming *renaming, struct error *error)
{
    *renaming = (struct renaming){.wanted = wanted};
    enum err code = address_parse(wanted->from, arena, &renaming->from, error);
    if (code == ERR_OK)
        code = address_parse(wanted->to, arena, &renaming->to, error);
    if (code != ERR_OK)
        return code;
    if (wanted->old != OLD_ADDRESS_FREE && slice_eq(renaming->from.key, renaming->to.key))
        return fail_plain(error, ERR_INVALID, "the new address is the old one");
    if (wanted->password.n > 0 && wanted->hash.n > 0)
        return fail_plain(error, ERR_INVALID, "give a password or a hash, not both");
    if (wanted->old != OLD_ADDRESS_ANEW)
        return ERR_OK;
    renaming->new_id.v = id_random();
    renaming->has_credential = wanted->password.n + wanted->hash.n > 0;
    if (wanted->hash.n > 0)
        return credential_import(directory, renaming->new_id, wanted->hash, false, &renaming->credential,
                                 error);
    if (wanted->password.n > 0)
        return credential_make(directory, renaming->new_id, wanted->password, false, &renaming->credential,
                               error);
    return ERR_OK;
}

/* --- the account goes --- */

static enum err write_name(struct directory *directory, const struct account_record *record,
                           const struct address_parts *to, struct error *error)
{
    uint64_t id = record->entry.id.v;
    struct domain_row domain;
    enum err code = domain_row_need(directory, to->domain, &domain, error);
    if (code == ERR_OK && !slice_eq(record->key, to->key)) /* only the spelling: it is free for itself */
        code = address_need_free(directory, to, error);
    if (code != ERR_OK)
        return code;
    cache_drop(directory->cache, CACHE_ADDRESS, record->key);
    cache_drop(directory->cache, CACHE_ADDRESS, to->key);
    cache_drop(directory->cache, CACHE_ACCOUNT, map_key_u64(&id));
    code = sql_run(directory, STATEMENT_ADDRESS_REMOVE, PARAMETERS(TEXT(record->key)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ADDRESS_ADD,
                       PARAMETERS(TEXT(to->key), NUMBER(domain.id.v), NUMBER(ADDRESS_ACCOUNT), NUMBER(id),
                                  TEXT(to->shown)),
                       error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ACCOUNT_MOVE,
                       PARAMETERS(NUMBER(id), TEXT(to->key), NUMBER(domain.id.v), TEXT(to->shown)), error);
    return code;
}

/* What names the old address names the new one. */
static enum err move_users(struct directory *directory, const struct renaming *renaming, struct error *error)
{
    const struct address_parts *to = &renaming->to;
    enum err code = address_users_drop(directory, renaming->from.key, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_TARGET_MOVE,
                       PARAMETERS(TEXT(renaming->from.key), TEXT(to->shown), TEXT(to->key)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_CATCH_ALL_MOVE,
                       PARAMETERS(TEXT(renaming->from.key), TEXT(to->shown), TEXT(to->key)), error);
    if (code == ERR_OK)
        code = forward_users_move(directory, renaming->from.key, to, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_SEND_AS_MOVE,
                       PARAMETERS(TEXT(renaming->from.key), TEXT(to->key), TEXT(to->shown)), error);
    return code;
}

/* --- the address that it leaves --- */

static enum err note_former(struct directory *directory, const struct account_record *record,
                            struct error *error)
{
    uint64_t now = (uint64_t)(clock_wall_us() / CLOCK_SECOND);
    uint64_t over = now - FORMER_DAYS * (uint64_t)(CLOCK_DAY / CLOCK_SECOND);
    enum err code = sql_run(directory, STATEMENT_FORMER_PRUNE, PARAMETERS(NUMBER(over)), error);
    if (code != ERR_OK)
        return code;
    return sql_run(directory, STATEMENT_FORMER_ADD,
                   PARAMETERS(TEXT(record->key), NUMBER(record->entry.id.v), NUMBER(now)), error);
}

static enum err take_old_address(struct directory *directory, const struct account_record *record,
                                 const struct renaming *renaming, enum address_kind kind,
                                 struct domain_id *ret_domain, struct error *error)
{
    struct domain_row domain;
    enum err code = domain_row_need(directory, renaming->from.domain, &domain, error);
    if (code != ERR_OK)
        return code;
    *ret_domain = domain.id;
    return sql_run(directory, STATEMENT_ADDRESS_ADD,
                   PARAMETERS(TEXT(record->key), NUMBER(domain.id.v), NUMBER(kind),
                              NUMBER(renaming->new_id.v), TEXT(record->entry.address)),
                   error);
}

static enum err make_alias(struct directory *directory, const struct account_record *record,
                           const struct renaming *renaming, struct error *error)
{
    struct domain_id domain;
    const struct address_parts *to = &renaming->to;
    enum err code = alias_need_room(directory, record->key, to->key, error);
    if (code == ERR_OK)
        code = take_old_address(directory, record, renaming, ADDRESS_ALIAS, &domain, error);
    if (code != ERR_OK)
        return code;
    return sql_run(directory, STATEMENT_TARGET_ADD,
                   PARAMETERS(TEXT(record->key), NUMBER(0), TEXT(to->shown), TEXT(to->key)), error);
}

static enum err make_anew(struct directory *directory, const struct account_record *record,
                          const struct renaming *renaming, struct error *error)
{
    struct domain_id domain;
    uint64_t id = renaming->new_id.v;
    cache_drop(directory->cache, CACHE_ACCOUNT, map_key_u64(&id));
    enum err code = take_old_address(directory, record, renaming, ADDRESS_ACCOUNT, &domain, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ACCOUNT_ADD_LIKE,
                       PARAMETERS(NUMBER(record->entry.id.v), NUMBER(id), TEXT(record->key), NUMBER(domain.v),
                                  TEXT(record->entry.address)),
                       error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ACCOUNT_OPTIONS_LIKE,
                       PARAMETERS(NUMBER(record->entry.id.v), NUMBER(id)), error);
    if (code == ERR_OK && renaming->has_credential)
        code = credential_write(directory, renaming->new_id, &renaming->credential, error);
    return code;
}

static enum err settle_old_address(struct directory *directory, const struct account_record *record,
                                   const struct renaming *renaming, struct error *error)
{
    if (slice_eq(record->key, renaming->to.key))
        return ERR_OK;
    switch (renaming->wanted->old) {
    case OLD_ADDRESS_ALIAS:
        return make_alias(directory, record, renaming, error);
    case OLD_ADDRESS_ANEW:
        return make_anew(directory, record, renaming, error);
    case OLD_ADDRESS_FREE:
        break;
    }
    return note_former(directory, record, error);
}

/* --- both --- */

static enum err write_all(struct directory *directory, const struct renaming *renaming, struct arena *arena,
                          struct error *error)
{
    struct account_record record;
    bool users_go = renaming->wanted->old != OLD_ADDRESS_ANEW || renaming->wanted->aliases_follow;
    enum err code = account_row_need(directory, &renaming->from, arena, &record, error);
    if (code == ERR_OK)
        code = write_name(directory, &record, &renaming->to, error);
    if (code == ERR_OK && users_go)
        code = move_users(directory, renaming, error);
    return code == ERR_OK ? settle_old_address(directory, &record, renaming, error) : code;
}

enum err account_entry_rename(struct directory *directory, const struct account_rename *rename,
                              struct account_id *ret_new, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct renaming renaming;
    enum err code = prepare(directory, rename, &scratch, &renaming, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, write_all(directory, &renaming, &scratch, error), error);
    if (code == ERR_OK)
        *ret_new = renaming.new_id;
    sodium_memzero(&renaming.credential, sizeof(renaming.credential));
    return code;
}

/* --- mail that is still on its way to it --- */

/* Locked. */
static enum err find_former(struct directory *directory, struct slice key, struct account_id *ret_id,
                            struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    uint64_t since = (uint64_t)((clock_wall_us() - FORMER_DAYS * CLOCK_DAY) / CLOCK_SECOND);
    enum err code =
        sql_start(directory, STATEMENT_FORMER_GET, PARAMETERS(TEXT(key), NUMBER(since)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        ret_id->v = sql_number(row, 0);
    return code;
}

enum err directory_former(struct directory *directory, struct slice address, struct account_id *ret_id,
                          struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    struct slice base;
    struct slice detail;
    struct account_id id = {0};
    enum err code = address_parse(address, &scratch, &parts, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = find_former(directory, parts.key, &id, error);
    if (code == ERR_OK && id.v == 0 && address_without_detail(&parts, &scratch, &base, &detail))
        code = find_former(directory, base, &id, error);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK)
        *ret_id = id;
    return code;
}
