/*
 * Look-ups: from the cache, else from the database and then into the cache, also when there is nothing.
 * Values are base/wire.h records; "nothing" is an empty one.
 */
#include "base/map.h"
#include "base/must.h"
#include "base/wire.h"
#include "directory/inside.h"

/* Writes the value of a key; locked. Nothing written: there is none. */
typedef enum err (*load_fn)(struct directory *directory, struct slice key, struct buf *out,
                            struct error *error);

static enum err load(struct directory *directory, enum cache_kind kind, struct slice key, load_fn load_value,
                     struct buf *out, struct error *error)
{
    pthread_mutex_lock(&directory->lock);
    enum err code = load_value(directory, key, out, error);
    if (code == ERR_OK && buf_failed(out))
        code = fail_nomem(error);
    if (code == ERR_OK)
        cache_put(directory->cache, (char)kind, key, buf_slice(out));
    pthread_mutex_unlock(&directory->lock);
    return code;
}

static enum err lookup(struct directory *directory, enum cache_kind kind, struct slice key,
                       load_fn load_value, struct arena *arena, struct slice *ret_value, struct error *error)
{
    if (cache_get(directory->cache, (char)kind, key, arena, ret_value))
        return ERR_OK;
    if (arena_failed(arena))
        return fail_nomem(error);
    CLEANUP(buf_release) struct buf value = BUF(SCRATCH_MAX);
    enum err code = load(directory, kind, key, load_value, &value, error);
    if (code != ERR_OK)
        return code;
    *ret_value = arena_dup(arena, buf_slice(&value));
    return ret_value->p != NULL ? ERR_OK : fail_nomem(error);
}

/* --- domains --- */

static enum err load_domain(struct directory *directory, struct slice key, struct buf *out,
                            struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    struct option_set options;
    enum err code = sql_start(directory, STATEMENT_DOMAIN_GET, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        code = option_set_load(directory, LEVEL_DOMAIN, NUMBER(sql_number(row, 0)), &options, error);
    if (code == ERR_OK && found) {
        wire_put_slice(out, sql_bytes(row, 1));
        wire_put_slice(out, sql_bytes(row, 5));
        wire_put_u32(out, (uint32_t)sql_number(row, 6));
        wire_put_u8(out, (uint8_t)MIN(sql_number(row, 7), (uint64_t)SMART_HOST_TLS_IMPLICIT));
        wire_put_slice(out, sql_bytes(row, 8));
        option_set_put(out, &options);
    }
    return code;
}

enum err lookup_domain(struct directory *directory, struct slice name, struct arena *arena,
                       struct domain_record *ret_record, struct error *error)
{
    struct slice value;
    enum err code = lookup(directory, CACHE_DOMAIN, name, load_domain, arena, &value, error);
    if (code != ERR_OK)
        return code;
    struct wire_reader reader = wire_reader_of(value);
    *ret_record = (struct domain_record){.local = value.n > 0};
    if (value.n > 0) {
        ret_record->catch_all = wire_get_slice(&reader);
        ret_record->rest.host = wire_get_slice(&reader);
        ret_record->rest.port = (uint16_t)wire_get_u32(&reader);
        ret_record->rest.tls = (enum smart_host_tls)wire_get_u8(&reader);
        ret_record->addresses = wire_get_slice(&reader);
        option_set_get(&reader, &ret_record->options);
    }
    must(wire_end(&reader));
    return ERR_OK;
}

static enum err load_only_domain(struct directory *directory, struct slice key UNUSED, struct buf *out,
                                 struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_DOMAIN_TWO, NULL, 0, &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK || !found)
        return code;
    buf_put(out, sql_bytes(row, 0));
    code = sql_step(directory, row, &found, error);
    if (found)
        buf_clear(out);
    return code;
}

enum err lookup_only_domain(struct directory *directory, struct arena *arena, struct slice *ret_name,
                            struct error *error)
{
    return lookup(directory, CACHE_ONLY_DOMAIN, slice_none(), load_only_domain, arena, ret_name, error);
}

enum err domain_is_local(struct directory *directory, struct slice name, bool *ret_local, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct domain_record record = {0};
    struct slice normal;
    enum err code = domain_normalise(name, &scratch, &normal, error);
    if (code == ERR_OK)
        code = lookup_domain(directory, normal, &scratch, &record, error);
    if (code != ERR_OK && code != ERR_INVALID)
        return code;
    *ret_local = record.local;
    return ERR_OK;
}

/* --- addresses --- */

static enum err load_targets(struct directory *directory, struct slice key, struct buf *out,
                             struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    enum err code = sql_start(directory, STATEMENT_TARGET_LIST, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        wire_put_slice(out, sql_bytes(row, 0));
        code = sql_step(directory, row, &more, error);
    }
    return code;
}

static enum err load_address(struct directory *directory, struct slice key, struct buf *out,
                             struct error *error)
{
    enum address_kind kind;
    struct account_id account;
    enum err code = address_row_get(directory, key, &kind, &account, error);
    if (code != ERR_OK || kind == ADDRESS_NONE)
        return code;
    wire_put_u8(out, (uint8_t)kind);
    wire_put_u64(out, account.v);
    return kind != ADDRESS_ACCOUNT ? load_targets(directory, key, out, error) : ERR_OK;
}

static size_t count_slices(struct wire_reader reader)
{
    size_t count = 0;
    for (; !cursor_done(&reader.c); count++)
        (void)wire_get_slice(&reader);
    return count;
}

enum err lookup_address(struct directory *directory, struct slice key, struct arena *arena,
                        struct address_record *ret_record, struct error *error)
{
    struct slice value;
    enum err code = lookup(directory, CACHE_ADDRESS, key, load_address, arena, &value, error);
    if (code != ERR_OK)
        return code;
    struct address_record record = {0};
    struct wire_reader reader = wire_reader_of(value);
    if (value.n > 0)
        record.kind = (enum address_kind)wire_get_u8(&reader);
    uint64_t id = value.n > 0 ? wire_get_u64(&reader) : 0;
    if (record.kind == ADDRESS_ACCOUNT) {
        record.account.v = id;
    } else if (record.kind != ADDRESS_NONE) {
        record.group = record.kind == ADDRESS_GROUP ? id : 0;
        record.target_count = count_slices(reader);
        record.targets = arena_array(arena, record.target_count, sizeof(*record.targets));
        if (record.targets == NULL && record.target_count > 0)
            return fail_nomem(error);
        for (size_t i = 0; i < record.target_count; i++)
            record.targets[i] = wire_get_slice(&reader);
    }
    must(wire_end(&reader));
    *ret_record = record;
    return ERR_OK;
}

/* --- plans --- */

static enum err load_plan(struct directory *directory, struct slice key, struct buf *out, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    struct option_set options;
    enum err code = sql_start(directory, STATEMENT_PLAN_GET, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        code = option_set_load(directory, LEVEL_PLAN, TEXT(key), &options, error);
    if (code == ERR_OK && found) {
        wire_put_u32(out, (uint32_t)sql_number(row, 1));
        wire_put_u64(out, sql_number(row, 2));
        wire_put_u64(out, sql_number(row, 3));
        option_set_put(out, &options);
    }
    return code;
}

enum err lookup_plan(struct directory *directory, struct slice name, struct arena *arena,
                     struct plan_record *ret_record, struct error *error)
{
    struct slice value;
    enum err code = lookup(directory, CACHE_PLAN, name, load_plan, arena, &value, error);
    if (code != ERR_OK)
        return code;
    if (value.n == 0)
        return fail_plain(error, ERR_NOT_FOUND, "there is no plan \"%.*s\"; `posthorn plan list` shows them",
                          SLICE_ARGS(slice_sub(name, 0, PLAN_NAME_MAX)));
    struct wire_reader reader = wire_reader_of(value);
    ret_record->doors = wire_get_u32(&reader);
    ret_record->quota_bytes = wire_get_u64(&reader);
    ret_record->quota_max = wire_get_u64(&reader);
    option_set_get(&reader, &ret_record->options);
    must(wire_end(&reader));
    return ERR_OK;
}

/* --- forwards --- */

/* Those without targets, which is nearly all, are empty. */
static enum err load_forward(struct directory *directory, struct slice key, struct buf *out,
                             struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    uint64_t id;
    bool more = false;
    must(key.n == sizeof(id));
    memcpy(&id, key.p, sizeof(id));
    enum err code = sql_start(directory, STATEMENT_FORWARD_GET, PARAMETERS(NUMBER(id)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    if (code == ERR_OK && more) {
        wire_put_u8(out, sql_number(row, 1) != 0);
        wire_put_u64(out, sql_number(row, 2));
    }
    while (code == ERR_OK && more) {
        wire_put_slice(out, sql_bytes(row, 0));
        code = sql_step(directory, row, &more, error);
    }
    return code;
}

enum err lookup_forward(struct directory *directory, struct account_id id, struct arena *arena,
                        struct forward *ret_forward, struct error *error)
{
    struct slice value;
    struct forward forward = {.keep_copy = true};
    enum err code = lookup(directory, CACHE_FORWARD, map_key_u64(&id.v), load_forward, arena, &value, error);
    if (code != ERR_OK)
        return code;
    struct wire_reader reader = wire_reader_of(value);
    if (value.n > 0) {
        forward.keep_copy = wire_get_u8(&reader) != 0;
        forward.since_us = (int64_t)wire_get_u64(&reader);
        forward.target_count = count_slices(reader);
        forward.targets = arena_array(arena, forward.target_count, sizeof(*forward.targets));
        if (forward.targets == NULL)
            return fail_nomem(error);
    }
    for (size_t i = 0; i < forward.target_count; i++)
        forward.targets[i] = wire_get_slice(&reader);
    must(wire_end(&reader));
    *ret_forward = forward;
    return ERR_OK;
}

/* --- accounts --- */

static void record_put(struct buf *out, const struct account_record *record)
{
    const struct account_entry *entry = &record->entry;
    wire_put_u64(out, entry->id.v);
    wire_put_slice(out, record->key);
    wire_put_slice(out, entry->address);
    wire_put_slice(out, entry->name);
    wire_put_slice(out, entry->plan);
    wire_put_slice(out, entry->language);
    wire_put_u64(out, record->own_quota);
    wire_put_u64(out, entry->quota_messages);
    wire_put_u8(out, entry->enabled ? 1 : 0);
    wire_put_u64(out, record->generation);
    wire_put_slice(out, entry->capabilities_off);
    wire_put_u8(out, entry->certificate_login ? 1 : 0);
    option_set_put(out, &record->options);
}

static void record_get(struct slice value, struct account_record *record)
{
    struct wire_reader reader = wire_reader_of(value);
    *record = (struct account_record){0};
    struct account_entry *entry = &record->entry;
    entry->id.v = wire_get_u64(&reader);
    record->key = wire_get_slice(&reader);
    entry->address = wire_get_slice(&reader);
    entry->name = wire_get_slice(&reader);
    entry->plan = wire_get_slice(&reader);
    entry->language = wire_get_slice(&reader);
    record->own_quota = wire_get_u64(&reader);
    entry->quota_messages = wire_get_u64(&reader);
    entry->enabled = wire_get_u8(&reader) != 0;
    record->generation = wire_get_u64(&reader);
    entry->capabilities_off = wire_get_slice(&reader);
    entry->certificate_login = wire_get_u8(&reader) != 0;
    option_set_get(&reader, &record->options);
    must(wire_end(&reader));
}

/* Borrows the texts from the row. */
static struct account_record record_of_row(sqlite3_stmt *row)
{
    struct account_record record = {
        .entry = {.id = {sql_number(row, 0)},
                  .address = sql_bytes(row, 2),
                  .name = sql_bytes(row, 3),
                  .plan = sql_bytes(row, 4),
                  .language = sql_bytes(row, 5),
                  .quota_messages = sql_number(row, 7),
                  .enabled = sql_number(row, 8) != 0,
                  .capabilities_off = sql_bytes(row, 10),
                  .certificate_login = sql_number(row, 11) != 0},
        .key = sql_bytes(row, 1),
        .own_quota = sql_number(row, 6),
        .generation = sql_number(row, 9),
    };
    return record;
}

enum err account_record_read(struct directory *directory, sqlite3_stmt *row, struct arena *arena,
                             struct account_record *ret_record, struct error *error)
{
    struct account_record record = record_of_row(row);
    enum err code =
        option_set_load(directory, LEVEL_ACCOUNT, NUMBER(record.entry.id.v), &record.options, error);
    if (code != ERR_OK)
        return code;
    struct slice *texts[] = {&record.key,        &record.entry.address,  &record.entry.name,
                             &record.entry.plan, &record.entry.language, &record.entry.capabilities_off};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = arena_dup(arena, *texts[i]);
        if (texts[i]->p == NULL)
            return fail_nomem(error);
    }
    *ret_record = record;
    return ERR_OK;
}

static enum err load_account(struct directory *directory, struct slice key, struct buf *out,
                             struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    uint64_t id;
    must(key.n == sizeof(id));
    memcpy(&id, key.p, sizeof(id));
    enum err code = sql_start(directory, STATEMENT_ACCOUNT_GET, PARAMETERS(NUMBER(id)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK || !found)
        return code;
    struct account_record record = record_of_row(row);
    code = option_set_load(directory, LEVEL_ACCOUNT, NUMBER(id), &record.options, error);
    if (code == ERR_OK)
        record_put(out, &record);
    return code;
}

static struct slice domain_of(struct slice key)
{
    ssize_t at = slice_rfind_char(key, '@');
    must(at >= 0);
    return slice_from(key, (size_t)at + 1);
}

enum err account_record_complete(struct directory *directory, struct account_record *record,
                                 struct arena *arena, struct error *error)
{
    struct account_entry *entry = &record->entry;
    struct plan_record plan;
    struct domain_record domain;
    enum err code = lookup_plan(directory, entry->plan, arena, &plan, error);
    if (code == ERR_OK)
        code = lookup_domain(directory, domain_of(record->key), arena, &domain, error);
    if (code != ERR_OK)
        return code;
    entry->doors = plan.doors;
    entry->quota_bytes = record->own_quota != 0 ? record->own_quota : plan.quota_bytes;
    if (plan.quota_max != 0)
        entry->quota_bytes = MIN(entry->quota_bytes, plan.quota_max);
    entry->options = options_built_in();
    options_apply(&entry->options, LEVEL_PLAN, &plan.options);
    options_apply(&entry->options, LEVEL_DOMAIN, &domain.options);
    options_apply(&entry->options, LEVEL_ACCOUNT, &record->options);
    return ERR_OK;
}

enum err lookup_account(struct directory *directory, struct account_id id, struct arena *arena,
                        struct account_record *ret_record, struct error *error)
{
    struct slice value;
    enum err code = lookup(directory, CACHE_ACCOUNT, map_key_u64(&id.v), load_account, arena, &value, error);
    if (code != ERR_OK)
        return code;
    if (value.n == 0)
        return fail_plain(error, ERR_NOT_FOUND, "there is no such account");
    struct account_record record;
    record_get(value, &record);
    code = account_record_complete(directory, &record, arena, error);
    if (code == ERR_OK)
        *ret_record = record;
    return code;
}

enum err lookup_account_by_key(struct directory *directory, struct slice key, struct arena *arena,
                               struct account_record *ret_record, struct error *error)
{
    struct address_record record;
    enum err code = lookup_address(directory, key, arena, &record, error);
    if (code != ERR_OK)
        return code;
    if (record.kind == ADDRESS_ACCOUNT)
        return lookup_account(directory, record.account, arena, ret_record, error);
    if (record.kind == ADDRESS_NONE)
        return fail_plain(error, ERR_NOT_FOUND, "there is no account %.*s", SLICE_ARGS(key));
    return fail_plain(error, ERR_NOT_FOUND, "%.*s is %s, not an account", SLICE_ARGS(key),
                      record.kind == ADDRESS_ALIAS ? "an alias" : "a group");
}

/* --- past the cache --- */

enum err address_row_get(struct directory *directory, struct slice key, enum address_kind *ret_kind,
                         struct account_id *ret_account, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_ADDRESS_GET, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK)
        return code;
    *ret_kind = found ? (enum address_kind)sql_number(row, 0) : ADDRESS_NONE;
    ret_account->v = found ? sql_number(row, 1) : 0;
    return ERR_OK;
}

enum err address_need_free(struct directory *directory, const struct address_parts *parts,
                           struct error *error)
{
    static const char *const taken[] = {
        [ADDRESS_ACCOUNT] = "an account", [ADDRESS_ALIAS] = "an alias", [ADDRESS_GROUP] = "a group"};
    enum address_kind kind;
    struct account_id account;
    enum err code = address_row_get(directory, parts->key, &kind, &account, error);
    if (code != ERR_OK || kind == ADDRESS_NONE)
        return code;
    return fail_plain(error, ERR_EXISTS, "%.*s is %s already", SLICE_ARGS(parts->key), taken[kind]);
}

enum err domain_row_get(struct directory *directory, struct slice name, struct domain_row *ret_row,
                        struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_DOMAIN_GET, PARAMETERS(TEXT(name)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code != ERR_OK)
        return code;
    *ret_row = (struct domain_row){0};
    if (found)
        *ret_row = (struct domain_row){.id = {sql_number(row, 0)},
                                       .accounts = sql_number(row, 2),
                                       .aliases = sql_number(row, 3),
                                       .max_accounts = sql_number(row, 4),
                                       .has_catch_all = sql_bytes(row, 1).n > 0,
                                       .has_rest = sql_bytes(row, 5).n > 0};
    return ERR_OK;
}

enum err domain_row_need(struct directory *directory, struct slice name, struct domain_row *ret_row,
                         struct error *error)
{
    enum err code = domain_row_get(directory, name, ret_row, error);
    if (code != ERR_OK || ret_row->id.v != 0)
        return code;
    return fail_plain(error, ERR_NOT_FOUND, "there is no domain %.*s; make it with: posthorn domain add %.*s",
                      SLICE_ARGS(name), SLICE_ARGS(name));
}
