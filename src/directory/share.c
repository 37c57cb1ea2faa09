#include "directory/share.h"

#include <inttypes.h>

#include "base/must.h"
#include "directory/inside.h"
#include "directory/saslprep.h"

#define ANYONE S("anyone")
#define ACCOUNT_PREFIX S("account:")
#define GROUP_PREFIX S("group:")

enum { GRANTEE_ACCOUNT_SIZE = 8 + ID_TEXT_MAX };

uint64_t directory_generation(struct directory *directory)
{
    return atomic_load(&directory->generation);
}

static struct slice join(struct arena *arena, struct slice a, struct slice b)
{
    char *text = arena_alloc(arena, a.n + b.n + 1);
    if (text == NULL)
        return slice_none();
    if (a.n > 0)
        memcpy(text, a.p, a.n);
    if (b.n > 0)
        memcpy(text + a.n, b.p, b.n);
    return slice_of(text, a.n + b.n);
}

static struct slice account_grantee(struct account_id id, char text[static GRANTEE_ACCOUNT_SIZE])
{
    char digits[ID_TEXT_MAX];
    id_to_text(id.v, digits);
    int n = snprintf(text, GRANTEE_ACCOUNT_SIZE, "account:%s", digits);
    return slice_of(text, (size_t)n);
}

bool share_grantee_is(struct slice grantee, struct account_id id)
{
    char text[GRANTEE_ACCOUNT_SIZE];
    return slice_eq(grantee, account_grantee(id, text));
}

/* Of a group its id, so that another one of the same name is another one; of one from before groups had ids
 * its address, which no 16 hex digits are. */
static struct slice group_grantee(struct arena *arena, uint64_t id, struct slice key)
{
    char digits[ID_TEXT_MAX];
    id_to_text(id, digits);
    return join(arena, GROUP_PREFIX, id != 0 ? slice_cstr(digits) : key);
}

/* --- whom a person is --- */

/* Addresses still to be looked for in the targets of aliases and groups. */
struct climb {
    struct directory *directory;
    struct arena *arena;
    struct slice *keys;
    size_t count;
    struct share_identity *identity;
};

static bool climbed(const struct climb *climb, struct slice key)
{
    for (size_t i = 0; i < climb->count; i++)
        if (slice_eq(climb->keys[i], key))
            return true;
    return false;
}

static enum err climb_add(struct climb *climb, struct slice key, struct error *error)
{
    if (climbed(climb, key))
        return ERR_OK;
    if (climb->count == IDENTITY_MAX)
        return fail_plain(error, ERR_LIMIT, "this account is in more than %d groups", IDENTITY_MAX);
    climb->keys[climb->count] = arena_dup(climb->arena, key);
    return climb->keys[climb->count++].p != NULL ? ERR_OK : fail_nomem(error);
}

static enum err grantee_add(struct climb *climb, struct slice grantee, struct error *error)
{
    struct share_identity *identity = climb->identity;
    must(identity->count < IDENTITY_MAX + 2);
    if (grantee.p == NULL)
        return fail_nomem(error);
    identity->grantees[identity->count++] = grantee;
    return ERR_OK;
}

/* Those who stand for this address. Locked. */
static enum err climb_from(struct climb *climb, struct slice key, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    enum err code = sql_start(climb->directory, STATEMENT_TARGET_USERS, PARAMETERS(TEXT(key)), &row, error);
    if (code == ERR_OK)
        code = sql_step(climb->directory, row, &more, error);
    while (code == ERR_OK && more) {
        code = climb_add(climb, sql_bytes(row, 0), error);
        if (code == ERR_OK)
            code = sql_step(climb->directory, row, &more, error);
    }
    return code;
}

/* Breadth first, each address once, as routing goes in the other direction. Locked. */
static enum err climb_all(struct climb *climb, struct error *error)
{
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < climb->count; i++) {
        enum address_kind kind;
        struct account_id id;
        code = address_row_get(climb->directory, climb->keys[i], &kind, &id, error);
        if (code == ERR_OK && kind == ADDRESS_GROUP)
            code = grantee_add(climb, group_grantee(climb->arena, id.v, climb->keys[i]), error);
        if (code == ERR_OK)
            code = climb_from(climb, climb->keys[i], error);
    }
    return code;
}

enum err share_identity(struct directory *directory, struct account_id id, struct arena *arena,
                        struct share_identity *ret_identity, struct error *error)
{
    struct account_record record;
    char text[GRANTEE_ACCOUNT_SIZE];
    struct share_identity identity = {.id = id};
    struct climb climb = {.directory = directory, .arena = arena, .identity = &identity};
    identity.grantees = arena_array(arena, IDENTITY_MAX + 2, sizeof(*identity.grantees));
    climb.keys = arena_array(arena, IDENTITY_MAX, sizeof(*climb.keys));
    if (identity.grantees == NULL || climb.keys == NULL)
        return fail_nomem(error);
    enum err code = lookup_account(directory, id, arena, &record, error);
    if (code == ERR_OK)
        code = climb_add(&climb, record.key, error);
    if (code == ERR_OK)
        code = grantee_add(&climb, ANYONE, error);
    if (code == ERR_OK)
        code = grantee_add(&climb, arena_dup(arena, account_grantee(id, text)), error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = climb_all(&climb, error);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK)
        *ret_identity = identity;
    return code;
}

/* --- names --- */

static enum err nobody(struct slice identifier, struct error *error)
{
    return fail_plain(error, ERR_NOT_FOUND, "there is nobody called %.*s", SLICE_ARGS(identifier));
}

/* The account that an alias of one stands for; 0: it stands for more, or for somebody outside. */
static enum err alias_account(struct directory *directory, const struct address_record *alias,
                              struct arena *arena, struct account_id *ret_id, struct error *error)
{
    struct route route;
    *ret_id = (struct account_id){0};
    if (alias->target_count != 1)
        return ERR_OK;
    enum err code = directory_route(directory, alias->targets[0], arena, &route, error);
    if (code == ERR_OK && route.account_count == 1 && route.foreign_count == 0)
        *ret_id = route.accounts[0].id;
    return code;
}

static enum err address_grantee(struct directory *directory, struct slice name, struct arena *arena,
                                struct slice *ret_grantee, struct error *error)
{
    struct address_parts parts;
    struct address_record record;
    struct slice whole;
    char text[GRANTEE_ACCOUNT_SIZE];
    enum err code = login_name_complete(directory, name, arena, &whole, error);
    if (code == ERR_OK && address_parse(whole, arena, &parts, error) != ERR_OK)
        return nobody(name, error);
    if (code == ERR_OK)
        code = lookup_address(directory, parts.key, arena, &record, error);
    if (code == ERR_OK && record.kind == ADDRESS_ALIAS)
        code = alias_account(directory, &record, arena, &record.account, error);
    if (code != ERR_OK)
        return code;
    if (record.kind == ADDRESS_GROUP)
        *ret_grantee = group_grantee(arena, record.group, parts.key);
    else if (record.kind != ADDRESS_NONE && record.account.v != 0)
        *ret_grantee = arena_dup(arena, account_grantee(record.account, text));
    else
        return nobody(name, error);
    return ret_grantee->p != NULL ? ERR_OK : fail_nomem(error);
}

enum err share_grantee(struct directory *directory, struct slice identifier, struct arena *arena,
                       struct slice *ret_grantee, struct error *error)
{
    CLEANUP(buf_release) struct buf prepared = BUF(SASLPREP_MAX);
    enum saslprep result = saslprep(identifier, &prepared);
    if (result == SASLPREP_NOMEM)
        return fail_nomem(error);
    struct slice name = buf_slice(&prepared);
    bool takes = slice_starts(name, S("-"));
    if (takes)
        name = slice_from(name, 1);
    if (result != SASLPREP_OK || name.n == 0 || name.n > ADDRESS_MAX)
        return fail_plain(error, ERR_INVALID, "this can't be anybody's name");
    struct slice grantee = ANYONE;
    enum err code =
        slice_eq(name, ANYONE) ? ERR_OK : address_grantee(directory, name, arena, &grantee, error);
    if (code == ERR_OK && takes)
        grantee = join(arena, S("-"), grantee);
    if (code != ERR_OK)
        return code;
    *ret_grantee = grantee;
    return grantee.p != NULL ? ERR_OK : fail_nomem(error);
}

static enum err account_identifier(struct directory *directory, struct slice digits, struct arena *arena,
                                   struct slice *ret_identifier, struct error *error)
{
    struct account_id id;
    struct account_record record;
    if (!id_from_text(digits, &id.v))
        return nobody(digits, error);
    enum err code = lookup_account(directory, id, arena, &record, error);
    if (code == ERR_OK)
        *ret_identifier = record.entry.address;
    return code;
}

static enum err group_identifier(struct directory *directory, struct slice name, struct arena *arena,
                                 struct slice *ret_identifier, struct error *error)
{
    sqlite3_stmt *row = NULL;
    uint64_t id;
    bool found = false;
    *ret_identifier = name;
    if (!id_from_text(name, &id))
        return ERR_OK;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_GROUP_OF_ID, PARAMETERS(NUMBER(id)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        *ret_identifier = arena_dup(arena, sql_bytes(row, 0));
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    return code == ERR_OK && !found ? nobody(name, error) : code;
}

enum err share_identifier(struct directory *directory, struct slice grantee, struct arena *arena,
                          struct slice *ret_identifier, struct error *error)
{
    bool takes = slice_starts(grantee, S("-"));
    struct slice name = takes ? slice_from(grantee, 1) : grantee;
    struct slice identifier = name;
    enum err code = ERR_OK;
    if (slice_starts(name, ACCOUNT_PREFIX))
        code = account_identifier(directory, slice_from(name, ACCOUNT_PREFIX.n), arena, &identifier, error);
    else if (slice_starts(name, GROUP_PREFIX))
        code = group_identifier(directory, slice_from(name, GROUP_PREFIX.n), arena, &identifier, error);
    else if (!slice_eq(name, ANYONE))
        code = nobody(name, error);
    if (code != ERR_OK)
        return code;
    identifier = takes ? join(arena, S("-"), identifier) : identifier;
    if (identifier.p == NULL)
        return fail_nomem(error);
    *ret_identifier = identifier;
    return ERR_OK;
}

/* --- the index --- */

static enum err index_change(struct directory *directory, enum statement which, struct slice grantee,
                             struct account_id owner, struct error *error)
{
    enum err code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    return change_end(directory, sql_run(directory, which, PARAMETERS(TEXT(grantee), NUMBER(owner.v)), error),
                      error);
}

/* The grantees that the index has for an owner. */
static enum err index_read(struct directory *directory, struct account_id owner, struct arena *arena,
                           struct slice **ret_grantees, size_t *ret_count, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    struct slice *grantees = NULL;
    size_t count = 0;
    size_t room = 0;
    bool more = false;
    enum err code = sql_start(directory, STATEMENT_SHARE_OF_OWNER, PARAMETERS(NUMBER(owner.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        if (count == room) {
            room = MAX(room * 2, 16);
            struct slice *bigger = arena_array(arena, room, sizeof(*bigger));
            if (bigger == NULL)
                return fail_nomem(error);
            if (count > 0)
                memcpy(bigger, grantees, count * sizeof(*bigger));
            grantees = bigger;
        }
        grantees[count] = arena_dup(arena, sql_bytes(row, 0));
        if (grantees[count++].p == NULL)
            return fail_nomem(error);
        code = sql_step(directory, row, &more, error);
    }
    *ret_grantees = grantees;
    *ret_count = count;
    return code;
}

static bool is_among(const struct slice *names, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(names[i], name))
            return true;
    return false;
}

/* Writes what the index lacks and removes what it has too much. directory->sharing held. */
static enum err refresh(struct directory *directory, struct account *owner, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(SCRATCH_MAX);
    struct slice *are;
    struct slice *noted;
    size_t are_count;
    size_t noted_count;
    struct account_id id = account_id(owner);
    enum err code = share_grantees(owner, &arena, &are, &are_count, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = index_read(directory, id, &arena, &noted, &noted_count, error);
    pthread_mutex_unlock(&directory->lock);
    for (size_t i = 0; code == ERR_OK && i < are_count; i++)
        if (!is_among(noted, noted_count, are[i]))
            code = index_change(directory, STATEMENT_SHARE_NOTE, are[i], id, error);
    for (size_t i = 0; code == ERR_OK && i < noted_count; i++)
        if (!is_among(are, are_count, noted[i]))
            code = index_change(directory, STATEMENT_SHARE_FORGET, noted[i], id, error);
    return code;
}

enum err share_index_refresh(struct directory *directory, struct account *owner, struct error *error)
{
    pthread_mutex_lock(&directory->sharing);
    /* What the index forgets must be gone for good before. */
    enum err code = account_sync(owner, error);
    if (code == ERR_OK)
        code = refresh(directory, owner, error);
    pthread_mutex_unlock(&directory->sharing);
    return code;
}

static enum err set(struct directory *directory, struct account *owner, const struct share_change *change,
                    struct error *error)
{
    bool gives = change->how != SHARE_REMOVE && change->rights != 0 && !slice_starts(change->grantee, S("-"));
    enum err code = ERR_OK;
    if (gives)
        code = index_change(directory, STATEMENT_SHARE_NOTE, change->grantee, account_id(owner), error);
    if (code == ERR_OK)
        code = share_change(owner, change->folder, change->grantee, change->how, change->rights, error);
    if (code == ERR_OK)
        code = account_sync(owner, error);
    return code == ERR_OK && !gives ? refresh(directory, owner, error) : code;
}

enum err share_set(struct directory *directory, struct account *owner, const struct share_change *change,
                   struct error *error)
{
    struct slice whom = change->grantee;
    if (share_grantee_is(slice_starts(whom, S("-")) ? slice_from(whom, 1) : whom, account_id(owner)))
        return fail_plain(error, ERR_INVALID, "The owner always has all rights");
    pthread_mutex_lock(&directory->sharing);
    enum err code = set(directory, owner, change, error);
    pthread_mutex_unlock(&directory->sharing);
    return code;
}

/* --- who shares with a person --- */

struct owners {
    struct account_id *ids;
    size_t count;
    size_t room;
};

static void owners_release(struct owners *owners)
{
    free(owners->ids);
}

static enum err owners_add(struct owners *owners, struct account_id id, struct error *error)
{
    if (owners->count == owners->room) {
        size_t room = MAX(owners->room * 2, 16);
        struct account_id *ids = reallocarray(owners->ids, room, sizeof(*ids));
        if (ids == NULL)
            return fail_nomem(error);
        owners->ids = ids;
        owners->room = room;
    }
    owners->ids[owners->count++] = id;
    return ERR_OK;
}

/* Locked. */
static enum err owners_read(struct directory *directory, const struct share_identity *identity,
                            struct slice grantee, struct owners *owners, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    bool more = false;
    enum err code = sql_start(directory, STATEMENT_SHARE_OWNERS, PARAMETERS(TEXT(grantee)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &more, error);
    while (code == ERR_OK && more) {
        struct account_id id = {sql_number(row, 0)};
        if (id.v != identity->id.v)
            code = owners_add(owners, id, error);
        if (code == ERR_OK)
            code = sql_step(directory, row, &more, error);
    }
    return code;
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = ((const struct account_id *)a)->v;
    uint64_t right = ((const struct account_id *)b)->v;
    return (left > right) - (left < right);
}

static void owners_unite(struct owners *owners)
{
    size_t kept = 0;
    if (owners->count > 0)
        qsort(owners->ids, owners->count, sizeof(*owners->ids), by_id);
    for (size_t i = 0; i < owners->count; i++)
        if (kept == 0 || owners->ids[kept - 1].v != owners->ids[i].v)
            owners->ids[kept++] = owners->ids[i];
    owners->count = kept;
}

static int by_address(const void *a, const void *b)
{
    return slice_cmp(((const struct sharer *)a)->address, ((const struct sharer *)b)->address);
}

enum err share_owners(struct directory *directory, const struct share_identity *identity, struct arena *arena,
                      struct sharer **ret_sharers, size_t *ret_count, struct error *error)
{
    CLEANUP(owners_release) struct owners owners = {0};
    enum err code = ERR_OK;
    pthread_mutex_lock(&directory->lock);
    for (size_t i = 0; code == ERR_OK && i < identity->count; i++)
        code = owners_read(directory, identity, identity->grantees[i], &owners, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    owners_unite(&owners);
    struct sharer *sharers = arena_array(arena, owners.count + 1, sizeof(*sharers));
    size_t count = 0;
    if (sharers == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < owners.count; i++) {
        struct account_record record;
        code = lookup_account(directory, owners.ids[i], arena, &record, error);
        if (code == ERR_NOT_FOUND)
            continue;
        if (code != ERR_OK)
            return code;
        sharers[count++] = (struct sharer){owners.ids[i], record.entry.address};
    }
    if (count > 0)
        qsort(sharers, count, sizeof(*sharers), by_address);
    *ret_sharers = sharers;
    *ret_count = count;
    return ERR_OK;
}

/* Locked. */
static enum err shares_with(struct directory *directory, struct account_id owner,
                            const struct share_identity *identity, bool *ret_shares, struct error *error)
{
    *ret_shares = false;
    for (size_t i = 0; !*ret_shares && i < identity->count; i++) {
        CLEANUP(sql_release) sqlite3_stmt *row = NULL;
        enum err code = sql_start(directory, STATEMENT_SHARE_HAS,
                                  PARAMETERS(TEXT(identity->grantees[i]), NUMBER(owner.v)), &row, error);
        if (code == ERR_OK)
            code = sql_step(directory, row, ret_shares, error);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

enum err share_owner(struct directory *directory, const struct share_identity *identity, struct slice address,
                     struct arena *arena, struct sharer *ret_sharer, struct error *error)
{
    struct account_entry entry;
    bool shares = false;
    enum err code = account_entry_find(directory, address, arena, &entry, error);
    if (code == ERR_INVALID || (code == ERR_OK && entry.id.v == identity->id.v))
        return nobody(address, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = shares_with(directory, entry.id, identity, &shares, error);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK && !shares)
        code = nobody(address, error);
    if (code == ERR_OK)
        *ret_sharer = (struct sharer){entry.id, entry.address};
    return code;
}
