/* Changes to an account that exists: its fields, its end. Its address: account_rename.c. */
#include "base/map.h"
#include "base/name_list.h"
#include "directory/account_check.h"
#include "directory/credential.h"
#include "directory/inside.h"

enum err account_row_need(struct directory *directory, const struct address_parts *address,
                          struct arena *arena, struct account_record *ret_record, struct error *error)
{
    enum address_kind kind;
    struct account_id id;
    enum err code = address_row_get(directory, address->key, &kind, &id, error);
    if (code != ERR_OK)
        return code;
    if (kind != ADDRESS_ACCOUNT)
        return fail_plain(error, ERR_NOT_FOUND, "there is no account %.*s", SLICE_ARGS(address->key));
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    code = sql_start(directory, STATEMENT_ACCOUNT_GET, PARAMETERS(NUMBER(id.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && !found)
        return fail(error, ERR_CORRUPT, NULL, "the address %.*s names no account", SLICE_ARGS(address->key));
    return code == ERR_OK ? account_record_read(directory, row, arena, ret_record, error) : code;
}

/* --- fields --- */

static enum err check_changes(const struct account_changes *changes, struct error *error)
{
    enum err code = account_check_name(changes->name, error);
    if (code == ERR_OK && changes->language.p != NULL)
        code = account_check_language(changes->language, error);
    if (code == ERR_OK)
        code = account_check_capabilities(changes->capabilities_off, error);
    if (code == ERR_OK && changes->quota_bytes != UINT64_MAX)
        code = account_check_quota(changes->quota_bytes, error);
    if (code == ERR_OK && changes->quota_messages != UINT64_MAX)
        code = account_check_quota(changes->quota_messages, error);
    if (code == ERR_OK && changes->password.p != NULL && changes->hash.p != NULL)
        code = fail_plain(error, ERR_INVALID, "give a password or a hash, not both");
    return code;
}

/* The new credential, made before the lock is taken. */
static enum err make_credential(struct directory *directory, const struct address_parts *address,
                                const struct account_changes *changes, struct arena *arena,
                                struct account_id *ret_id, struct credential *ret_credential,
                                struct error *error)
{
    struct account_record record;
    enum err code = lookup_account_by_key(directory, address->key, arena, &record, error);
    if (code != ERR_OK)
        return code;
    *ret_id = record.entry.id;
    if (changes->password.p != NULL)
        return credential_make(directory, record.entry.id, changes->password, false, ret_credential, error);
    if (changes->hash.p != NULL)
        return credential_import(directory, record.entry.id, changes->hash, false, ret_credential, error);
    return ERR_OK;
}

static enum err write_fields(struct directory *directory, const struct account_record *record,
                             const struct account_changes *changes, struct error *error)
{
    const struct account_entry *entry = &record->entry;
    struct slice plan = changes->plan.p != NULL ? changes->plan : entry->plan;
    uint64_t bytes = changes->quota_bytes != UINT64_MAX ? changes->quota_bytes : record->own_quota;
    uint64_t messages =
        changes->quota_messages != UINT64_MAX ? changes->quota_messages : entry->quota_messages;
    CLEANUP(buf_release) struct buf off = BUF(CAPABILITIES_OFF_MAX);
    if (!name_list_add(&off, changes->capabilities_off.p != NULL ? changes->capabilities_off
                                                                 : entry->capabilities_off) ||
        buf_failed(&off))
        return fail_nomem(error);
    bool enabled = changes->enabled < 0 ? entry->enabled : changes->enabled != 0;
    bool by_certificate =
        changes->certificate_login < 0 ? entry->certificate_login : changes->certificate_login != 0;
    bool moves = changes->plan.p != NULL || changes->quota_bytes != UINT64_MAX;
    enum err code = account_check_plan(directory, plan, moves ? bytes : 0, error);
    if (code != ERR_OK)
        return code;
    if (changes->options != NULL)
        code = option_write(directory, LEVEL_ACCOUNT, NUMBER(entry->id.v), changes->options, error);
    if (code != ERR_OK)
        return code;
    return sql_run(directory, STATEMENT_ACCOUNT_SET,
                   PARAMETERS(NUMBER(entry->id.v),
                              TEXT(changes->name.p != NULL ? changes->name : entry->name), TEXT(plan),
                              TEXT(changes->language.p != NULL ? changes->language : entry->language),
                              NUMBER(bytes), NUMBER(messages), NUMBER(enabled ? 1 : 0), TEXT(buf_slice(&off)),
                              NUMBER(by_certificate ? 1 : 0)),
                   error);
}

static enum err write_changes(struct directory *directory, const struct address_parts *address,
                              const struct account_changes *changes, struct account_id id,
                              const struct credential *credential, struct arena *arena, struct error *error)
{
    struct account_record record;
    enum err code = account_row_need(directory, address, arena, &record, error);
    if (code != ERR_OK)
        return code;
    if (record.entry.id.v != id.v)
        return fail_plain(error, ERR_BUSY, "the account %.*s was replaced meanwhile; try again",
                          SLICE_ARGS(address->key));
    cache_drop(directory->cache, CACHE_ACCOUNT, map_key_u64(&id.v));
    code = write_fields(directory, &record, changes, error);
    if (changes->password.p == NULL && changes->hash.p == NULL)
        return code;
    if (code == ERR_OK)
        code = credential_write(directory, id, credential, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ACCOUNT_NEXT_GENERATION, PARAMETERS(NUMBER(id.v)), error);
    return code;
}

enum err account_entry_set(struct directory *directory, struct slice address,
                           const struct account_changes *changes, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    struct account_id id;
    struct credential credential = {0};
    enum err code = check_changes(changes, error);
    if (code == ERR_OK)
        code = address_parse(address, &scratch, &parts, error);
    if (code == ERR_OK)
        code = make_credential(directory, &parts, changes, &scratch, &id, &credential, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory,
                          write_changes(directory, &parts, changes, id, &credential, &scratch, error), error);
    sodium_memzero(&credential, sizeof(credential));
    return code;
}

/* --- those who point to the account --- */

/* What aliases and catch-alls of this address resolve to. */
static enum err drop_users(struct directory *directory, enum statement which, enum cache_kind kind,
                           struct slice key, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    enum err code = sql_start(directory, which, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        cache_drop(directory->cache, (char)kind, sql_bytes(row, 0));
        code = sql_step(directory, row, &more, error);
    }
    return code;
}

enum err address_users_drop(struct directory *directory, struct slice key, struct error *error)
{
    enum err code = drop_users(directory, STATEMENT_TARGET_USERS, CACHE_ADDRESS, key, error);
    return code == ERR_OK ? drop_users(directory, STATEMENT_CATCH_ALL_USERS, CACHE_DOMAIN, key, error) : code;
}

/* --- the end --- */

static enum err delete_rows(struct directory *directory, const struct account_record *record,
                            struct error *error)
{
    uint64_t id = record->entry.id.v;
    cache_drop(directory->cache, CACHE_ADDRESS, record->key);
    cache_drop(directory->cache, CACHE_ACCOUNT, map_key_u64(&id));
    cache_drop(directory->cache, CACHE_FORWARD, map_key_u64(&id));
    enum err code = sql_run(directory, STATEMENT_ADDRESS_REMOVE, PARAMETERS(TEXT(record->key)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ACCOUNT_REMOVE, PARAMETERS(NUMBER(id)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_CREDENTIAL_REMOVE, PARAMETERS(NUMBER(id)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_APP_PASSWORD_REMOVE_ALL, PARAMETERS(NUMBER(id)), error);
    return code;
}

/* Nobody points to it any more; an alias or a group that stood for it alone goes too. */
static enum err delete_users(struct directory *directory, struct slice key, struct error *error)
{
    enum err code = address_users_drop(directory, key, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_TARGET_REMOVE_ONLY, PARAMETERS(TEXT(key)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_TARGET_REMOVE_KEY, PARAMETERS(TEXT(key)), error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_CATCH_ALL_MOVE,
                       PARAMETERS(TEXT(key), TEXT(slice_none()), TEXT(slice_none())), error);
    if (code == ERR_OK)
        code = forward_users_move(directory, key, NULL, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_SEND_AS_FORGET, PARAMETERS(TEXT(key)), error);
    return code;
}

static enum err remove_account(struct directory *directory, const struct address_parts *address,
                               struct arena *arena, struct error *error)
{
    struct account_record record;
    enum err code = account_row_need(directory, address, arena, &record, error);
    if (code == ERR_OK)
        code = delete_rows(directory, &record, error);
    return code == ERR_OK ? delete_users(directory, address->key, error) : code;
}

enum err account_entry_remove(struct directory *directory, struct slice address, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    enum err code = address_parse(address, &scratch, &parts, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, remove_account(directory, &parts, &scratch, error), error);
    return code;
}
