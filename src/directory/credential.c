#include "directory/credential.h"

#include <errno.h>

#include "base/must.h"
#include "directory/app_password.h"
#include "directory/inside.h"
#include "directory/password_hash.h"
#include "directory/sasl.h"

/* --- the gate --- */

static enum err gate_enter(struct hash_gate *gate, struct error *error)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += HASH_WAIT_SECONDS;
    int result = 0;
    pthread_mutex_lock(&gate->lock);
    while (gate->busy >= HASHES_AT_ONCE && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&gate->left, &gate->lock, &until);
    bool entered = gate->busy < HASHES_AT_ONCE;
    if (entered)
        gate->busy++;
    pthread_mutex_unlock(&gate->lock);
    return entered ? ERR_OK : fail_plain(error, ERR_UNAVAILABLE, "too many log-ins at once; try again later");
}

static void gate_leave(struct hash_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    must(gate->busy > 0);
    gate->busy--;
    pthread_cond_signal(&gate->left);
    pthread_mutex_unlock(&gate->lock);
}

/* --- making --- */

static enum err hash_argon2(struct directory *directory, struct slice password,
                            char ret_hash[static crypto_pwhash_STRBYTES], struct error *error)
{
    enum err code = gate_enter(&directory->gate, error);
    if (code != ERR_OK)
        return code;
    int result =
        crypto_pwhash_str(ret_hash, password.p, password.n, CREDENTIAL_OPERATIONS, CREDENTIAL_MEMORY);
    gate_leave(&directory->gate);
    return result == 0 ? ERR_OK : fail_nomem(error);
}

static enum err add_scram(struct directory *directory, struct account_id account, struct slice password,
                          enum scram_hash hash, struct credential *credential, struct error *error)
{
    struct scram_keys keys = {.hash = hash, .iterations = SCRAM_ITERATIONS};
    bool shared = false;
    pthread_mutex_lock(&directory->lock);
    enum err code = app_password_salt(directory, account, hash, keys.salt, &shared, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    if (!shared)
        randombytes_buf(keys.salt, sizeof(keys.salt));
    if (!scram_keys_make(password, &keys))
        return fail_nomem(error);
    seal_keys(directory, account, &keys, &credential->sealed[hash]);
    sodium_memzero(&keys, sizeof(keys));
    return ERR_OK;
}

/* The keys that are not there. */
static enum err add_missing_scram(struct directory *directory, struct account_id account,
                                  struct slice password, struct credential *credential, struct error *error)
{
    enum err code = ERR_OK;
    for (unsigned hash = 0; code == ERR_OK && hash < SCRAM_HASHES; hash++)
        if (credential->sealed[hash].n == 0)
            code = add_scram(directory, account, password, (enum scram_hash)hash, credential, error);
    return code;
}

static enum err check_password(struct slice password, struct error *error)
{
    if (password.n == 0)
        return fail_plain(error, ERR_INVALID, "the password is empty");
    if (password.n > PASSWORD_MAX)
        return fail_plain(error, ERR_LIMIT, "the password is longer than %d bytes", PASSWORD_MAX);
    if (memchr(password.p, 0, password.n) != NULL)
        return fail_plain(error, ERR_INVALID,
                          "the password holds a NUL character, which no program can send");
    return ERR_OK;
}

enum err credential_make(struct directory *directory, struct account_id account, struct slice password,
                         bool quick, struct credential *ret_credential, struct error *error)
{
    struct credential made = {0};
    enum err code = check_password(password, error);
    if (code == ERR_OK && quick)
        code = add_scram(directory, account, password, SCRAM_SHA_256, &made, error);
    else if (code == ERR_OK)
        code = add_missing_scram(directory, account, password, &made, error);
    if (code == ERR_OK && !quick)
        code = hash_argon2(directory, password, made.hash, error);
    if (code == ERR_OK)
        *ret_credential = made;
    sodium_memzero(&made, sizeof(made));
    return code;
}

enum err credential_import(struct directory *directory, struct account_id account, struct slice hash,
                           bool quick, struct credential *ret_credential, struct error *error)
{
    bool is_password = false;
    struct slice text;
    enum err code = password_hash_check(hash, &is_password, &text, error);
    if (code != ERR_OK)
        return code;
    if (is_password)
        return credential_make(directory, account, text, quick, ret_credential, error);
    if (text.n > CREDENTIAL_HASH_MAX)
        return fail_plain(error, ERR_LIMIT, "the hash is longer than %d bytes", CREDENTIAL_HASH_MAX);
    *ret_credential = (struct credential){0};
    memcpy(ret_credential->hash, text.p, text.n);
    return ERR_OK;
}

/* --- the database --- */

/* Keys whose salt is not that of the account's app passwords, made meanwhile, are left out: the next log-in
 * adds them anew. Locked. */
static enum err drop_foreign_salts(struct directory *directory, struct account_id account,
                                   struct credential *credential, struct error *error)
{
    unsigned char salt[SCRAM_SALT];
    bool shared = false;
    enum err code = ERR_OK;
    for (unsigned hash = 0; code == ERR_OK && hash < SCRAM_HASHES; hash++) {
        struct scram_keys keys;
        if (credential->sealed[hash].n == 0)
            continue;
        code = app_password_salt(directory, account, (enum scram_hash)hash, salt, &shared, error);
        if (code != ERR_OK || !shared)
            continue;
        code =
            unseal_keys(directory, account, &credential->sealed[hash], (enum scram_hash)hash, &keys, error);
        if (code == ERR_OK && memcmp(keys.salt, salt, SCRAM_SALT) != 0)
            credential->sealed[hash].n = 0;
        sodium_memzero(&keys, sizeof(keys));
    }
    return code;
}

enum err credential_write(struct directory *directory, struct account_id account,
                          const struct credential *credential_made, struct error *error)
{
    struct credential made = *credential_made;
    const struct credential *credential = &made;
    enum err code = drop_foreign_salts(directory, account, &made, error);
    if (code != ERR_OK)
        return code;
    return sql_run(directory, STATEMENT_CREDENTIAL_SET,
                   PARAMETERS(NUMBER(account.v), TEXT(slice_cstr(credential->hash)),
                              BLOB(sealed_slice(&credential->sealed[SCRAM_SHA_256])),
                              BLOB(sealed_slice(&credential->sealed[SCRAM_SHA_1]))),
                   error);
}

enum err credential_row(struct directory *directory, struct account_id account,
                        struct credential *ret_credential, bool *ret_found, struct error *error)
{
    struct credential *credential = ret_credential;
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    enum err code =
        sql_start(directory, STATEMENT_CREDENTIAL_GET, PARAMETERS(NUMBER(account.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, ret_found, error);
    if (code != ERR_OK || !*ret_found)
        return code;
    struct slice hash = sql_bytes(row, 0);
    if (hash.n > CREDENTIAL_HASH_MAX ||
        !sealed_read(sql_bytes(row, 1), SCRAM_SHA_256, &credential->sealed[SCRAM_SHA_256]) ||
        !sealed_read(sql_bytes(row, 2), SCRAM_SHA_1, &credential->sealed[SCRAM_SHA_1]))
        return fail(error, ERR_CORRUPT, NULL, "the credential of %016lx has a wrong size",
                    (unsigned long)account.v);
    if (hash.n > 0)
        memcpy(credential->hash, hash.p, hash.n);
    return ERR_OK;
}

enum err credential_read(struct directory *directory, struct account_id account,
                         struct credential *ret_credential, bool *ret_found, struct error *error)
{
    struct credential read = {0};
    bool found = false;
    pthread_mutex_lock(&directory->lock);
    enum err code = credential_row(directory, account, &read, &found, error);
    pthread_mutex_unlock(&directory->lock);
    if (code != ERR_OK)
        return code;
    *ret_credential = read;
    *ret_found = found;
    return ERR_OK;
}

/* --- verifying --- */

/* As the argon2id of a wrong password, for those who have none. */
static void take_time(struct slice password)
{
    unsigned char out[crypto_pwhash_BYTES_MIN];
    unsigned char salt[crypto_pwhash_SALTBYTES] = {0};
    int result = crypto_pwhash(out, sizeof(out), password.n > 0 ? password.p : "", password.n, salt,
                               CREDENTIAL_OPERATIONS, CREDENTIAL_MEMORY, crypto_pwhash_ALG_ARGON2ID13);
    (void)result; /* out of memory: a log-in that fails anyway takes less time */
    sodium_memzero(out, sizeof(out));
}

/* By the SCRAM keys, which are made of the password after SASLprep: however it was typed. */
static enum err matches_keys(struct directory *directory, struct account_id account,
                             const struct credential *credential, struct slice password, bool *ret_match,
                             struct error *error)
{
    struct scram_keys keys;
    *ret_match = false;
    if (credential->sealed[SCRAM_SHA_256].n == 0)
        return ERR_OK;
    enum err code =
        unseal_keys(directory, account, &credential->sealed[SCRAM_SHA_256], SCRAM_SHA_256, &keys, error);
    if (code != ERR_OK)
        return code;
    *ret_match = scram_keys_match(&keys, password);
    sodium_memzero(&keys, sizeof(keys));
    return ERR_OK;
}

static enum err matches(struct directory *directory, struct account_id account,
                        const struct credential *credential, struct slice password, bool *ret_match,
                        struct error *error)
{
    if (credential->hash[0] != 0) {
        *ret_match = password_hash_verify(credential->hash, password);
        /* The hash is of the bytes; another keyboard may make others of the same letters (RFC 6856 2.2). */
        if (!*ret_match && !slice_is_ascii(password)) {
            enum err code = matches_keys(directory, account, credential, password, ret_match, error);
            if (code != ERR_OK)
                return code;
        }
        /* A foreign hash is checked in its own time; a failure takes at least ours. */
        if (!*ret_match && strncmp(credential->hash, "$argon2id$", 10) != 0)
            take_time(password);
        return ERR_OK;
    }
    enum err code = matches_keys(directory, account, credential, password, ret_match, error);
    if (code == ERR_OK && !*ret_match)
        take_time(password);
    return code;
}

static bool hash_is_current(const struct credential *credential)
{
    return strncmp(credential->hash, "$argon2id$", 10) == 0 &&
           crypto_pwhash_str_needs_rehash(credential->hash, CREDENTIAL_OPERATIONS, CREDENTIAL_MEMORY) == 0;
}

static bool is_current(const struct credential *credential)
{
    bool all = hash_is_current(credential);
    for (unsigned hash = 0; hash < SCRAM_HASHES; hash++)
        all = all && credential->sealed[hash].n > 0;
    return all;
}

/* Not when somebody changed the password meanwhile. What is there and good stays. */
static enum err upgrade(struct directory *directory, struct account_id account, uint64_t generation,
                        struct slice password, struct credential *credential, struct error *error)
{
    enum err code = add_missing_scram(directory, account, password, credential, error);
    if (code == ERR_OK && !hash_is_current(credential)) {
        memset(credential->hash, 0, sizeof(credential->hash));
        code = hash_argon2(directory, password, credential->hash, error);
    }
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    code = drop_foreign_salts(directory, account, credential, error);
    if (code == ERR_OK)
        code = sql_run(directory, STATEMENT_CREDENTIAL_UPGRADE,
                       PARAMETERS(NUMBER(account.v), TEXT(slice_cstr(credential->hash)),
                                  BLOB(sealed_slice(&credential->sealed[SCRAM_SHA_256])), NUMBER(generation),
                                  BLOB(sealed_slice(&credential->sealed[SCRAM_SHA_1]))),
                       error);
    return change_end(directory, code, error);
}

enum err credential_verify(struct directory *directory, struct account_id account, uint64_t generation,
                           struct slice password, struct error *error)
{
    struct credential credential = {0};
    bool found = false;
    bool match = false;
    enum err code = account.v != 0 ? credential_read(directory, account, &credential, &found, error) : ERR_OK;
    if (code == ERR_OK)
        code = gate_enter(&directory->gate, error);
    if (code != ERR_OK)
        return code;
    code = matches(directory, account, &credential, password, &match, error);
    gate_leave(&directory->gate);
    if (code == ERR_OK && !match)
        code = fail_plain(error, ERR_AUTH, "wrong name or password");
    if (code == ERR_OK && !is_current(&credential)) {
        /* The log-in is good, whether or not this could be written. */
        struct error ignored;
        enum err upgraded = upgrade(directory, account, generation, password, &credential, &ignored);
        (void)upgraded;
    }
    sodium_memzero(&credential, sizeof(credential));
    return code;
}

/* --- SCRAM --- */

/* A salt of its own for each hash, as a real account has. */
static void make_up(const struct directory *directory, struct slice name, enum scram_hash hash,
                    struct scram_keys *ret_keys)
{
    static const struct slice more[SCRAM_HASHES] = {[SCRAM_SHA_1] = {"\0SHA-1", 6}};
    crypto_generichash_state state;
    crypto_generichash_init(&state, directory->key, sizeof(directory->key), sizeof(ret_keys->salt));
    crypto_generichash_update(&state, (const unsigned char *)name.p, name.n);
    crypto_generichash_update(&state, (const unsigned char *)more[hash].p, more[hash].n);
    crypto_generichash_final(&state, ret_keys->salt, sizeof(ret_keys->salt));
    randombytes_buf(ret_keys->stored, sizeof(ret_keys->stored));
    randombytes_buf(ret_keys->server, sizeof(ret_keys->server));
    ret_keys->hash = hash;
    ret_keys->iterations = SCRAM_ITERATIONS;
}

/* Who has app passwords, but no keys of his own, shows their salt. */
static enum err make_up_keys(struct directory *directory, struct account_id account, struct slice name,
                             enum scram_hash hash, struct scram_keys *ret_keys, struct error *error)
{
    bool shared = false;
    make_up(directory, name, hash, ret_keys);
    pthread_mutex_lock(&directory->lock);
    enum err code = app_password_salt(directory, account, hash, ret_keys->salt, &shared, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

enum err credential_scram(struct directory *directory, struct account_id account, struct slice name,
                          enum scram_hash hash, struct scram_keys *ret_keys, struct error *error)
{
    struct credential credential = {0};
    bool found = false;
    /* Nobody is looked for as well, so that both take the same way. */
    enum err code = credential_read(directory, account, &credential, &found, error);
    if (code == ERR_OK && found && credential.sealed[hash].n > 0)
        code = unseal_keys(directory, account, &credential.sealed[hash], hash, ret_keys, error);
    else if (code == ERR_OK)
        code = make_up_keys(directory, account, name, hash, ret_keys, error);
    sodium_memzero(&credential, sizeof(credential));
    return code;
}
