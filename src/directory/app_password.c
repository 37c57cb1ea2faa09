#include "directory/app_password.h"

#include "base/clock.h"
#include "base/must.h"
#include "base/utf8.h"
#include "directory/credential.h"
#include "directory/inside.h"
#include "directory/sasl.h"

enum { HASH_BYTES = crypto_generichash_BYTES, GROUP = 4 };

/* 32 signs that nobody takes for each other. */
static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789";

static int64_t now_seconds(void)
{
    return clock_wall_us() / CLOCK_SECOND;
}

static bool has_expired(int64_t expires)
{
    return expires != 0 && expires <= now_seconds();
}

/* --- the password --- */

/* The signs alone. False: this is no app password. */
static bool read_signs(struct slice password, char ret_signs[static APP_PASSWORD_SIGNS])
{
    size_t n = 0;
    for (size_t i = 0; i < password.n; i++) {
        char c = ascii_lower(password.p[i]);
        if (c == ' ' || c == '-')
            continue;
        if (n == APP_PASSWORD_SIGNS || c == 0 || strchr(alphabet, c) == NULL)
            return false;
        ret_signs[n++] = c;
    }
    return n == APP_PASSWORD_SIGNS;
}

static void make_text(char ret_text[static APP_PASSWORD_TEXT])
{
    size_t n = 0;
    for (unsigned i = 0; i < APP_PASSWORD_SIGNS; i++) {
        if (i > 0 && i % GROUP == 0)
            ret_text[n++] = '-';
        ret_text[n++] = alphabet[randombytes_uniform(sizeof(alphabet) - 1)];
    }
    ret_text[n] = 0;
}

static void hash_signs(const struct directory *directory, struct account_id account,
                       const char signs[static APP_PASSWORD_SIGNS], unsigned char ret[static HASH_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, directory->key, sizeof(directory->key), HASH_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)&account.v, sizeof(account.v));
    crypto_generichash_update(&state, (const unsigned char *)signs, APP_PASSWORD_SIGNS);
    crypto_generichash_final(&state, ret, HASH_BYTES);
    sodium_memzero(&state, sizeof(state));
}

/* --- rows --- */

/* A row of APP_PASSWORD_LIST; borrowed until the next step. */
struct row {
    struct app_password password;
    struct slice hash;
    struct slice scram[SCRAM_HASHES];
};

static struct row row_of(sqlite3_stmt *statement)
{
    return (struct row){
        .password = {.id = sql_number(statement, 0),
                     .name = sql_bytes(statement, 1),
                     .doors = (unsigned)sql_number(statement, 2),
                     .made = (int64_t)sql_number(statement, 3),
                     .expires = (int64_t)sql_number(statement, 4),
                     .used = (int64_t)sql_number(statement, 5)},
        .hash = sql_bytes(statement, 6),
        .scram = {[SCRAM_SHA_256] = sql_bytes(statement, 7), [SCRAM_SHA_1] = sql_bytes(statement, 8)},
    };
}

static struct app_password_match match_of(const struct app_password *password)
{
    return (struct app_password_match){password->id, password->doors, password->used};
}

typedef enum err row_fn(void *context, const struct row *row, struct error *error);

/* Locked. */
static enum err each_row(struct directory *directory, struct account_id account, row_fn *fn, void *context,
                         struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
    bool more = false;
    enum err code =
        sql_start(directory, STATEMENT_APP_PASSWORD_LIST, PARAMETERS(NUMBER(account.v)), &statement, error);
    if (code == ERR_OK)
        code = sql_step(directory, statement, &more, error);
    while (code == ERR_OK && more) {
        struct row row = row_of(statement);
        code = fn(context, &row, error);
        if (code == ERR_OK)
            code = sql_step(directory, statement, &more, error);
    }
    return code;
}

static enum err each_row_locking(struct directory *directory, struct account_id account, row_fn *fn,
                                 void *context, struct error *error)
{
    pthread_mutex_lock(&directory->lock);
    enum err code = each_row(directory, account, fn, context, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

static enum err unseal_row(const struct directory *directory, struct account_id account,
                           const struct row *row, enum scram_hash hash, struct scram_keys *ret_keys,
                           struct error *error)
{
    struct sealed_keys sealed = {.n = 0};
    if (!sealed_read(row->scram[hash], hash, &sealed))
        return fail(error, ERR_CORRUPT, NULL, "an app password of %016lx has a wrong size",
                    (unsigned long)account.v);
    return unseal_keys(directory, account, &sealed, hash, ret_keys, error);
}

/* --- the salt --- */

struct salt_search {
    const struct directory *directory;
    struct account_id account;
    enum scram_hash hash;
    unsigned char *salt;
    bool found;
};

static enum err take_salt(void *context, const struct row *row, struct error *error)
{
    struct salt_search *search = context;
    struct scram_keys keys;
    if (search->found || row->scram[search->hash].n == 0)
        return ERR_OK;
    enum err code = unseal_row(search->directory, search->account, row, search->hash, &keys, error);
    if (code != ERR_OK)
        return code;
    memcpy(search->salt, keys.salt, SCRAM_SALT);
    search->found = true;
    sodium_memzero(&keys, sizeof(keys));
    return ERR_OK;
}

enum err app_password_salt(struct directory *directory, struct account_id account, enum scram_hash hash,
                           unsigned char ret_salt[static SCRAM_SALT], bool *ret_found, struct error *error)
{
    struct salt_search search = {directory, account, hash, ret_salt, false};
    enum err code = each_row(directory, account, take_salt, &search, error);
    if (code == ERR_OK)
        *ret_found = search.found;
    return code;
}

/* The salt of the account's own keys, else of its other app passwords, else a new one. Locked. */
static enum err find_salt(struct directory *directory, struct account_id account,
                          const struct credential *credential, struct scram_keys *keys, struct error *error)
{
    struct scram_keys own;
    bool found = credential->sealed[keys->hash].n > 0;
    enum err code = ERR_OK;
    if (found) {
        code = unseal_keys(directory, account, &credential->sealed[keys->hash], keys->hash, &own, error);
        if (code == ERR_OK)
            memcpy(keys->salt, own.salt, SCRAM_SALT);
        sodium_memzero(&own, sizeof(own));
    } else {
        code = app_password_salt(directory, account, keys->hash, keys->salt, &found, error);
    }
    if (!found)
        randombytes_buf(keys->salt, sizeof(keys->salt));
    return code;
}

/* --- making --- */

/* The account of the address, past the cache. Locked. */
static enum err find_account(struct directory *directory, const struct address_parts *address,
                             struct account_id *ret_account, struct error *error)
{
    enum address_kind kind;
    enum err code = address_row_get(directory, address->key, &kind, ret_account, error);
    if (code == ERR_OK && kind != ADDRESS_ACCOUNT)
        return fail_plain(error, ERR_NOT_FOUND, "there is no account %.*s", SLICE_ARGS(address->key));
    return code;
}

static enum err check_new(const struct app_password_new *wanted, struct error *error)
{
    if (wanted->name.n == 0 || !utf8_valid(wanted->name))
        return fail_plain(error, ERR_INVALID, "an app password needs a name");
    if (wanted->name.n > APP_PASSWORD_NAME_MAX)
        return fail_plain(error, ERR_LIMIT, "the name has more than %d bytes", APP_PASSWORD_NAME_MAX);
    for (size_t i = 0; i < wanted->name.n; i++)
        if ((unsigned char)wanted->name.p[i] < ' ' || wanted->name.p[i] == 0x7f)
            return fail_plain(error, ERR_INVALID, "the name holds a control character");
    if (wanted->expires < 0 || has_expired(wanted->expires))
        return fail_plain(error, ERR_INVALID, "the password would have expired already");
    return ERR_OK;
}

struct name_search {
    struct slice name;
    size_t count;
    bool taken;
};

static enum err look_at_name(void *context, const struct row *row, struct error *error UNUSED)
{
    struct name_search *search = context;
    search->count++;
    search->taken = search->taken || slice_eq(row->password.name, search->name);
    return ERR_OK;
}

static enum err check_room(struct directory *directory, struct account_id account, struct slice name,
                           struct error *error)
{
    struct name_search search = {.name = name};
    enum err code = each_row(directory, account, look_at_name, &search, error);
    if (code == ERR_OK && search.taken)
        return fail_plain(error, ERR_EXISTS, "there is an app password \"%.*s\" already", SLICE_ARGS(name));
    if (code == ERR_OK && search.count >= APP_PASSWORDS_MAX)
        return fail_plain(error, ERR_LIMIT, "the account has %d app passwords, and more is not possible",
                          APP_PASSWORDS_MAX);
    return code;
}

/* Locked for the two milliseconds that it takes, so that the salt is still the account's when it is written.
 */
static enum err make_keys(struct directory *directory, struct account_id account, const char *text,
                          struct sealed_keys ret_sealed[static SCRAM_HASHES], struct error *error)
{
    struct credential credential = {0};
    bool found = false;
    enum err code = credential_row(directory, account, &credential, &found, error);
    for (unsigned hash = 0; code == ERR_OK && hash < SCRAM_HASHES; hash++) {
        struct scram_keys keys = {.hash = (enum scram_hash)hash, .iterations = SCRAM_ITERATIONS};
        code = find_salt(directory, account, &credential, &keys, error);
        if (code == ERR_OK && !scram_keys_make(slice_cstr(text), &keys))
            code = fail_nomem(error);
        if (code == ERR_OK)
            seal_keys(directory, account, &keys, &ret_sealed[hash]);
        sodium_memzero(&keys, sizeof(keys));
    }
    sodium_memzero(&credential, sizeof(credential));
    return code;
}

static enum err write_new(struct directory *directory, const struct address_parts *address,
                          const struct app_password_new *wanted, const char *text, struct error *error)
{
    struct account_id account;
    struct sealed_keys sealed[SCRAM_HASHES];
    char signs[APP_PASSWORD_SIGNS];
    unsigned char hash[HASH_BYTES];
    enum err code = find_account(directory, address, &account, error);
    if (code == ERR_OK)
        code = check_room(directory, account, wanted->name, error);
    if (code == ERR_OK)
        code = make_keys(directory, account, text, sealed, error);
    if (code != ERR_OK)
        return code;
    must(read_signs(slice_cstr(text), signs));
    hash_signs(directory, account, signs, hash);
    sodium_memzero(signs, sizeof(signs));
    return sql_run(directory, STATEMENT_APP_PASSWORD_ADD,
                   PARAMETERS(NUMBER(account.v), TEXT(wanted->name), NUMBER(wanted->doors),
                              NUMBER((uint64_t)now_seconds()), NUMBER((uint64_t)wanted->expires),
                              BLOB(slice_of(hash, sizeof(hash))), BLOB(sealed_slice(&sealed[SCRAM_SHA_256])),
                              BLOB(sealed_slice(&sealed[SCRAM_SHA_1]))),
                   error);
}

enum err app_password_add(struct directory *directory, struct slice address,
                          const struct app_password_new *wanted, char ret_text[static APP_PASSWORD_TEXT],
                          struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    char text[APP_PASSWORD_TEXT];
    enum err code = check_new(wanted, error);
    if (code == ERR_OK)
        code = address_parse(address, &scratch, &parts, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    make_text(text);
    code = change_end(directory, write_new(directory, &parts, wanted, text, error), error);
    if (code == ERR_OK)
        memcpy(ret_text, text, sizeof(text));
    sodium_memzero(text, sizeof(text));
    return code;
}

/* --- listing and removing --- */

struct listing {
    struct arena *arena;
    struct app_password *passwords;
    size_t count;
};

static enum err append(void *context, const struct row *row, struct error *error)
{
    struct listing *listing = context;
    if (listing->count == APP_PASSWORDS_MAX)
        return fail(error, ERR_CORRUPT, NULL, "an account with more than %d app passwords",
                    APP_PASSWORDS_MAX);
    struct app_password *to = &listing->passwords[listing->count];
    *to = row->password;
    to->name = arena_dup(listing->arena, row->password.name);
    if (to->name.p == NULL)
        return fail_nomem(error);
    listing->count++;
    return ERR_OK;
}

static enum err list_rows(struct directory *directory, const struct address_parts *address,
                          struct listing *listing, struct error *error)
{
    struct account_id account;
    enum err code = find_account(directory, address, &account, error);
    return code == ERR_OK ? each_row(directory, account, append, listing, error) : code;
}

enum err app_password_list(struct directory *directory, struct slice address, struct arena *arena,
                           struct app_password **ret_passwords, size_t *ret_count, struct error *error)
{
    struct address_parts parts;
    struct listing listing = {arena, arena_array(arena, APP_PASSWORDS_MAX, sizeof(*listing.passwords)), 0};
    if (listing.passwords == NULL)
        return fail_nomem(error);
    enum err code = address_parse(address, arena, &parts, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = list_rows(directory, &parts, &listing, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_passwords = listing.passwords;
    *ret_count = listing.count;
    return ERR_OK;
}

static enum err remove_rows(struct directory *directory, const struct address_parts *address,
                            struct slice name, size_t *ret_removed, struct error *error)
{
    struct account_id account;
    enum err code = find_account(directory, address, &account, error);
    if (code == ERR_OK && name.p == NULL)
        code = sql_run(directory, STATEMENT_APP_PASSWORD_REMOVE_ALL, PARAMETERS(NUMBER(account.v)), error);
    else if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_APP_PASSWORD_REMOVE, PARAMETERS(NUMBER(account.v), TEXT(name)),
                       error);
    if (code != ERR_OK)
        return code;
    *ret_removed = (size_t)sqlite3_changes(directory->database.sqlite);
    if (*ret_removed == 0 && name.p != NULL)
        return fail_plain(error, ERR_NOT_FOUND, "there is no app password \"%.*s\"",
                          SLICE_ARGS(slice_sub(name, 0, APP_PASSWORD_NAME_MAX)));
    return ERR_OK;
}

enum err app_password_remove(struct directory *directory, struct slice address, struct slice name,
                             size_t *ret_removed, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct address_parts parts;
    size_t removed = 0;
    enum err code = address_parse(address, &scratch, &parts, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, remove_rows(directory, &parts, name, &removed, error), error);
    if (code == ERR_OK)
        *ret_removed = removed;
    return code;
}

/* --- log-in --- */

struct verification {
    unsigned char hash[HASH_BYTES];
    struct app_password_match match;
};

static enum err compare(void *context, const struct row *row, struct error *error UNUSED)
{
    struct verification *verification = context;
    if (row->hash.n == HASH_BYTES && sodium_memcmp(row->hash.p, verification->hash, HASH_BYTES) == 0 &&
        !has_expired(row->password.expires))
        verification->match = match_of(&row->password);
    return ERR_OK;
}

enum err app_password_verify(struct directory *directory, struct account_id account, struct slice password,
                             struct app_password_match *ret_match, struct error *error)
{
    struct verification verification = {.match = {0}};
    char signs[APP_PASSWORD_SIGNS];
    *ret_match = verification.match;
    if (!read_signs(password, signs))
        return ERR_OK;
    hash_signs(directory, account, signs, verification.hash);
    sodium_memzero(signs, sizeof(signs));
    enum err code = each_row_locking(directory, account, compare, &verification, error);
    if (code == ERR_OK)
        *ret_match = verification.match;
    return code;
}

struct key_search {
    const struct directory *directory;
    struct account_id account;
    const struct scram_keys *own;
    struct app_password_keys *found;
    size_t count;
};

static enum err take_keys(void *context, const struct row *row, struct error *error)
{
    struct key_search *search = context;
    const struct scram_keys *own = search->own;
    if (row->scram[own->hash].n == 0 || has_expired(row->password.expires) ||
        search->count == APP_PASSWORDS_MAX)
        return ERR_OK;
    struct app_password_keys *to = &search->found[search->count];
    enum err code = unseal_row(search->directory, search->account, row, own->hash, &to->keys, error);
    to->match = match_of(&row->password);
    if (code == ERR_OK && memcmp(to->keys.salt, own->salt, SCRAM_SALT) == 0 &&
        to->keys.iterations == own->iterations)
        search->count++;
    return code;
}

enum err app_password_scram(struct directory *directory, struct account_id account,
                            const struct scram_keys *own, struct arena *arena,
                            struct app_password_keys **ret_keys, size_t *ret_count, struct error *error)
{
    struct key_search search = {.directory = directory, .account = account, .own = own};
    search.found = arena_array(arena, APP_PASSWORDS_MAX, sizeof(*search.found));
    if (search.found == NULL)
        return fail_nomem(error);
    enum err code = each_row_locking(directory, account, take_keys, &search, error);
    if (code != ERR_OK)
        return code;
    *ret_keys = search.found;
    *ret_count = search.count;
    return ERR_OK;
}

void app_password_note_use(struct directory *directory, const struct app_password_match *match)
{
    struct error error;
    int64_t now = now_seconds();
    if (match->id == 0 || now - match->used < APP_PASSWORD_USED_SECONDS)
        return;
    enum err code = change_begin(directory, &error);
    if (code == ERR_OK)
        code = change_end(directory,
                          sql_run(directory, STATEMENT_APP_PASSWORD_USED,
                                  PARAMETERS(NUMBER(match->id), NUMBER((uint64_t)now)), &error),
                          &error);
    (void)code; /* the log-in is good, whether or not this could be written */
}

bool app_password_is_valid(struct directory *directory, uint64_t id)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    struct error error;
    bool found = false;
    pthread_mutex_lock(&directory->lock);
    enum err code = sql_start(directory, STATEMENT_APP_PASSWORD_GET, PARAMETERS(NUMBER(id)), &row, &error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, &error);
    bool valid = code == ERR_OK && found && !has_expired((int64_t)sql_number(row, 0));
    sql_release(&row);
    row = NULL;
    pthread_mutex_unlock(&directory->lock);
    return valid;
}
