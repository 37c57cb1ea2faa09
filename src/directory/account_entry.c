/* Accounts: making, finding, listing, changing. What a password becomes is credential.h's affair. */
#include <stdatomic.h>

#include "base/map.h"
#include "directory/account_check.h"
#include "directory/credential.h"
#include "directory/inside.h"

enum { IMPORT_THREADS = 2 };

/* --- making --- */

/* A new account, ready to be written. */
struct prepared {
    struct account_id id;
    struct address_parts address;
    struct slice plan;
    struct slice language;
    struct credential credential;
    bool has_credential;
};

static enum err make_credential(struct directory *directory, const struct account_new *account,
                                struct prepared *prepared, struct error *error)
{
    if (account->password.n > 0 && account->hash.n > 0)
        return fail_plain(error, ERR_INVALID, "give a password or a hash, not both");
    prepared->has_credential = account->password.n + account->hash.n > 0;
    if (account->hash.n > 0)
        return credential_import(directory, prepared->id, account->hash, account->quick_hash,
                                 &prepared->credential, error);
    if (account->password.n > 0)
        return credential_make(directory, prepared->id, account->password, account->quick_hash,
                               &prepared->credential, error);
    return ERR_OK;
}

/* All that needs no database: parsing and hashing. */
static enum err prepare(struct directory *directory, const struct account_new *account, struct arena *arena,
                        struct prepared *prepared, struct error *error)
{
    prepared->id.v = id_random();
    prepared->plan = account->plan.n > 0 ? account->plan : S(PLAN_DEFAULT);
    prepared->language = account->language.n > 0 ? account->language : S("en");
    enum err code = address_parse(account->address, arena, &prepared->address, error);
    if (code == ERR_OK)
        code = account_check_language(prepared->language, error);
    if (code == ERR_OK)
        code = account_check_name(account->name, error);
    if (code == ERR_OK)
        code = account_check_quota(account->quota_bytes, error);
    if (code == ERR_OK)
        code = make_credential(directory, account, prepared, error);
    return code;
}

static enum err add_address(struct directory *directory, const struct address_parts *address,
                            struct domain_id domain, struct account_id account, struct error *error)
{
    cache_drop(directory->cache, CACHE_ADDRESS, address->key);
    return sql_run(directory, STATEMENT_ADDRESS_ADD,
                   PARAMETERS(TEXT(address->key), NUMBER(domain.v), NUMBER(ADDRESS_ACCOUNT),
                              NUMBER(account.v), TEXT(address->shown)),
                   error);
}

static enum err write_account(struct directory *directory, const struct account_new *account,
                              const struct prepared *prepared, struct error *error)
{
    const struct address_parts *address = &prepared->address;
    struct domain_row domain;
    enum err code = domain_row_need(directory, address->domain, &domain, error);
    if (code == ERR_OK)
        code = account_check_plan(directory, prepared->plan, account->quota_bytes, error);
    if (code == ERR_OK)
        code = address_need_free(directory, address, error);
    if (code == ERR_OK)
        code = add_address(directory, address, domain.id, prepared->id, error);
    cache_drop(directory->cache, CACHE_ACCOUNT, map_key_u64(&prepared->id.v));
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_ACCOUNT_ADD,
                       PARAMETERS(NUMBER(prepared->id.v), TEXT(address->key), NUMBER(domain.id.v),
                                  TEXT(address->shown), TEXT(account->name), TEXT(prepared->plan),
                                  TEXT(prepared->language), NUMBER(account->quota_bytes)),
                       error);
    if (code == ERR_OK && prepared->has_credential)
        code = credential_write(directory, prepared->id, &prepared->credential, error);
    return code;
}

/* --- many at once --- */

/* What the preparing threads share. */
struct import {
    struct directory *directory;
    const struct account_new *accounts;
    struct prepared *prepared;
    size_t count;
    atomic_size_t next;
    pthread_mutex_t lock;
    size_t bad; /* the first that failed, under the lock; count: none */
    struct error error;
};

static void import_failed(struct import *import, size_t which, const struct error *error)
{
    pthread_mutex_lock(&import->lock);
    if (which < import->bad) {
        import->bad = which;
        import->error = *error;
    }
    pthread_mutex_unlock(&import->lock);
    atomic_store(&import->next, import->count);
}

/* Takes the next account until there are none; its texts live in `arena`. */
static void import_work(struct import *import, struct arena *arena)
{
    struct error error;
    for (;;) {
        size_t i = atomic_fetch_add(&import->next, 1);
        if (i >= import->count)
            return;
        if (prepare(import->directory, &import->accounts[i], arena, &import->prepared[i], &error) != ERR_OK)
            import_failed(import, i, &error);
    }
}

struct import_thread {
    pthread_t thread;
    bool started;
    struct import *import;
    struct arena arena;
};

static void *import_main(void *context)
{
    struct import_thread *thread = context;
    import_work(thread->import, &thread->arena);
    return NULL;
}

static enum err write_all(struct import *import, struct error *error)
{
    enum err code = change_begin(import->directory, error);
    if (code != ERR_OK)
        return code;
    for (size_t i = 0; code == ERR_OK && i < import->count; i++) {
        code = write_account(import->directory, &import->accounts[i], &import->prepared[i], error);
        if (code != ERR_OK)
            import->bad = i;
    }
    return change_end(import->directory, code, error);
}

/* A thread that can't be started is no failure: the calling one does all. */
static enum err import_run(struct import *import, struct error *error)
{
    struct import_thread threads[IMPORT_THREADS];
    for (size_t i = 0; i < IMPORT_THREADS; i++) {
        threads[i] = (struct import_thread){.import = import, .arena = ARENA(SIZE_MAX)};
        threads[i].started = i > 0 && import->count > 1 &&
                             pthread_create(&threads[i].thread, NULL, import_main, &threads[i]) == 0;
    }
    import_work(import, &threads[0].arena);
    for (size_t i = 0; i < IMPORT_THREADS; i++)
        if (threads[i].started)
            pthread_join(threads[i].thread, NULL);
    enum err code = ERR_OK;
    if (import->bad < import->count) {
        *error = import->error;
        code = error->code;
    } else {
        code = write_all(import, error);
    }
    for (size_t i = 0; i < IMPORT_THREADS; i++)
        arena_release(&threads[i].arena);
    return code;
}

enum err account_entry_add_many(struct directory *directory, const struct account_new *accounts, size_t count,
                                struct account_id *ret_ids, size_t *ret_bad, struct error *error)
{
    struct import import = {.directory = directory, .accounts = accounts, .count = count, .bad = count};
    if (count == 0)
        return ERR_OK;
    import.prepared = calloc(count, sizeof(*import.prepared));
    if (import.prepared == NULL) {
        *ret_bad = 0;
        return fail_nomem(error);
    }
    atomic_init(&import.next, 0);
    pthread_mutex_init(&import.lock, NULL);
    enum err code = import_run(&import, error);
    pthread_mutex_destroy(&import.lock);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        ret_ids[i] = import.prepared[i].id;
    if (code != ERR_OK)
        *ret_bad = MIN(import.bad, count - 1);
    sodium_memzero(import.prepared, count * sizeof(*import.prepared));
    free(import.prepared);
    return code;
}

enum err account_entry_add(struct directory *directory, const struct account_new *account,
                           struct account_id *ret_id, struct error *error)
{
    size_t bad;
    return account_entry_add_many(directory, account, 1, ret_id, &bad, error);
}

/* --- finding --- */

static enum err find(struct directory *directory, struct slice address, struct arena *arena,
                     struct account_record *ret_record, struct error *error)
{
    struct address_parts parts;
    enum err code = address_parse(address, arena, &parts, error);
    return code == ERR_OK ? lookup_account_by_key(directory, parts.key, arena, ret_record, error) : code;
}

enum err account_entry_find(struct directory *directory, struct slice address, struct arena *arena,
                            struct account_entry *ret_entry, struct error *error)
{
    struct account_record record;
    enum err code = find(directory, address, arena, &record, error);
    if (code == ERR_OK)
        *ret_entry = record.entry;
    return code;
}

enum err account_entry_get(struct directory *directory, struct account_id id, struct arena *arena,
                           struct account_entry *ret_entry, struct error *error)
{
    struct account_record record;
    enum err code = lookup_account(directory, id, arena, &record, error);
    if (code == ERR_OK)
        *ret_entry = record.entry;
    return code;
}

/* --- the list --- */

struct record_list {
    struct account_record *records;
    size_t count;
    size_t room;
};

static enum err append(struct directory *directory, struct record_list *list, sqlite3_stmt *row,
                       struct arena *arena, struct error *error)
{
    if (list->count == list->room) {
        size_t room = MAX(list->room * 2, 16);
        struct account_record *more = arena_array(arena, room, sizeof(*more));
        if (more == NULL)
            return fail_nomem(error);
        if (list->count > 0)
            memcpy(more, list->records, list->count * sizeof(*more));
        list->records = more;
        list->room = room;
    }
    enum err code = account_record_read(directory, row, arena, &list->records[list->count], error);
    if (code == ERR_OK)
        list->count++;
    return code;
}

static enum err list_rows(struct directory *directory, struct slice domain, struct slice after, size_t max,
                          struct arena *arena, struct record_list *list, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    uint64_t limit = MIN(max, (size_t)INT64_MAX);
    struct domain_row in = {0};
    enum err code = domain.n > 0 ? domain_row_need(directory, domain, &in, error) : ERR_OK;
    if (code == ERR_OK && domain.n > 0)
        code = sql_start(directory, STATEMENT_ACCOUNT_LIST,
                         PARAMETERS(NUMBER(in.id.v), TEXT(after), NUMBER(limit)), &row, error);
    else if (code == ERR_OK)
        code = sql_start(directory, STATEMENT_ACCOUNT_LIST_ALL, PARAMETERS(TEXT(after), NUMBER(limit)), &row,
                         error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        code = append(directory, list, row, arena, error);
        if (code == ERR_OK)
            code = sql_step(directory, row, &more, error);
    }
    return code;
}

static enum err complete(struct directory *directory, const struct record_list *list, struct arena *arena,
                         struct account_entry **ret_entries, size_t *ret_count, struct error *error)
{
    struct account_entry *entries = arena_array(arena, MAX(list->count, 1), sizeof(*entries));
    if (entries == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < list->count; i++) {
        enum err code = account_record_complete(directory, &list->records[i], arena, error);
        if (code != ERR_OK)
            return code;
        entries[i] = list->records[i].entry;
    }
    *ret_entries = entries;
    *ret_count = list->count;
    return ERR_OK;
}

enum err account_entry_list(struct directory *directory, struct slice domain, struct slice after, size_t max,
                            struct arena *arena, struct account_entry **ret_entries, size_t *ret_count,
                            struct error *error)
{
    struct slice normal = slice_none();
    struct address_parts last = {0};
    struct record_list list = {0};
    enum err code = domain.n > 0 ? domain_normalise(domain, arena, &normal, error) : ERR_OK;
    if (code == ERR_OK && after.n > 0)
        code = address_parse(after, arena, &last, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = list_rows(directory, normal, last.key, max, arena, &list, error);
    pthread_mutex_unlock(&directory->lock);
    return code == ERR_OK ? complete(directory, &list, arena, ret_entries, ret_count, error) : code;
}
