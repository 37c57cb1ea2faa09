#include "directory/credential.h"

#include <errno.h>

#include "base/must.h"
#include "base/wire.h"
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

/* --- sealing --- */

static void seal(const struct directory *directory, struct account_id account, const struct scram_keys *keys,
                 unsigned char ret[static CREDENTIAL_SEALED])
{
    CLEANUP(buf_release) struct buf plain = BUF(CREDENTIAL_PLAIN);
    unsigned char text[CREDENTIAL_PLAIN];
    wire_put_u64(&plain, account.v);
    wire_put_u32(&plain, keys->iterations);
    must(!buf_failed(&plain) && plain.n == 12);
    memcpy(text, plain.p, 12);
    memcpy(text + 12, keys->salt, SCRAM_SALT);
    memcpy(text + 12 + SCRAM_SALT, keys->stored, SCRAM_HASH);
    memcpy(text + 12 + SCRAM_SALT + SCRAM_HASH, keys->server, SCRAM_HASH);
    randombytes_buf(ret, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(ret + crypto_secretbox_NONCEBYTES, text, sizeof(text), ret, directory->key);
    sodium_memzero(text, sizeof(text));
}

static enum err unseal(const struct directory *directory, struct account_id account,
                       const struct credential *credential, struct scram_keys *ret_keys, struct error *error)
{
    unsigned char text[CREDENTIAL_PLAIN];
    if (crypto_secretbox_open_easy(text, credential->sealed + crypto_secretbox_NONCEBYTES,
                                   CREDENTIAL_SEALED - crypto_secretbox_NONCEBYTES, credential->sealed,
                                   directory->key) != 0)
        return fail(error, ERR_CORRUPT, NULL, "the SCRAM keys of %016lx do not open with keys/credential.key",
                    (unsigned long)account.v);
    struct wire_reader reader = wire_reader_of(slice_of(text, 12));
    uint64_t owner = wire_get_u64(&reader);
    ret_keys->iterations = wire_get_u32(&reader);
    memcpy(ret_keys->salt, text + 12, SCRAM_SALT);
    memcpy(ret_keys->stored, text + 12 + SCRAM_SALT, SCRAM_HASH);
    memcpy(ret_keys->server, text + 12 + SCRAM_SALT + SCRAM_HASH, SCRAM_HASH);
    sodium_memzero(text, sizeof(text));
    if (owner != account.v)
        return fail(error, ERR_CORRUPT, NULL, "the SCRAM keys of %016lx are of another account",
                    (unsigned long)account.v);
    return ERR_OK;
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
                          struct credential *credential, struct error *error)
{
    struct scram_keys keys = {.iterations = SCRAM_ITERATIONS};
    randombytes_buf(keys.salt, sizeof(keys.salt));
    if (!scram_keys_make(password, &keys))
        return fail_nomem(error);
    seal(directory, account, &keys, credential->sealed);
    credential->has_scram = true;
    sodium_memzero(&keys, sizeof(keys));
    return ERR_OK;
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
    if (code == ERR_OK)
        code = add_scram(directory, account, password, &made, error);
    if (code == ERR_OK && !quick)
        code = hash_argon2(directory, password, made.hash, error);
    if (code == ERR_OK)
        *ret_credential = made;
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

static struct slice sealed_slice(const struct credential *credential)
{
    return credential->has_scram ? slice_of(credential->sealed, CREDENTIAL_SEALED) : slice_none();
}

enum err credential_write(struct directory *directory, struct account_id account,
                          const struct credential *credential, struct error *error)
{
    return sql_run(
        directory, STATEMENT_CREDENTIAL_SET,
        PARAMETERS(NUMBER(account.v), TEXT(slice_cstr(credential->hash)), BLOB(sealed_slice(credential))),
        error);
}

static enum err read_row(struct directory *directory, struct account_id account,
                         struct credential *credential, bool *ret_found, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    enum err code =
        sql_start(directory, STATEMENT_CREDENTIAL_GET, PARAMETERS(NUMBER(account.v)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, ret_found, error);
    if (code != ERR_OK || !*ret_found)
        return code;
    struct slice hash = sql_bytes(row, 0);
    struct slice sealed = sql_bytes(row, 1);
    if (hash.n > CREDENTIAL_HASH_MAX || (sealed.n != 0 && sealed.n != CREDENTIAL_SEALED))
        return fail(error, ERR_CORRUPT, NULL, "the credential of %016lx has a wrong size",
                    (unsigned long)account.v);
    if (hash.n > 0)
        memcpy(credential->hash, hash.p, hash.n);
    credential->has_scram = sealed.n > 0;
    if (sealed.n > 0)
        memcpy(credential->sealed, sealed.p, sealed.n);
    return ERR_OK;
}

enum err credential_read(struct directory *directory, struct account_id account,
                         struct credential *ret_credential, bool *ret_found, struct error *error)
{
    struct credential read = {0};
    bool found = false;
    pthread_mutex_lock(&directory->lock);
    enum err code = read_row(directory, account, &read, &found, error);
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

static enum err matches(struct directory *directory, struct account_id account,
                        const struct credential *credential, struct slice password, bool *ret_match,
                        struct error *error)
{
    if (credential->hash[0] != 0) {
        *ret_match = password_hash_verify(credential->hash, password);
        /* A foreign hash is checked in its own time; a failure takes at least ours. */
        if (!*ret_match && strncmp(credential->hash, "$argon2id$", 10) != 0)
            take_time(password);
        return ERR_OK;
    }
    *ret_match = false;
    if (credential->has_scram) {
        struct scram_keys keys;
        enum err code = unseal(directory, account, credential, &keys, error);
        if (code != ERR_OK)
            return code;
        *ret_match = scram_keys_match(&keys, password);
        sodium_memzero(&keys, sizeof(keys));
    }
    if (!*ret_match)
        take_time(password);
    return ERR_OK;
}

static bool is_current(const struct credential *credential)
{
    return credential->has_scram && strncmp(credential->hash, "$argon2id$", 10) == 0 &&
           crypto_pwhash_str_needs_rehash(credential->hash, CREDENTIAL_OPERATIONS, CREDENTIAL_MEMORY) == 0;
}

/* Not when somebody changed the password meanwhile. The SCRAM keys stay when there are some. */
static enum err upgrade(struct directory *directory, struct account_id account, uint64_t generation,
                        struct slice password, struct credential *credential, struct error *error)
{
    enum err code = ERR_OK;
    memset(credential->hash, 0, sizeof(credential->hash));
    if (!credential->has_scram)
        code = add_scram(directory, account, password, credential, error);
    if (code == ERR_OK)
        code = hash_argon2(directory, password, credential->hash, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code != ERR_OK)
        return code;
    code = sql_run(directory, STATEMENT_CREDENTIAL_UPGRADE,
                   PARAMETERS(NUMBER(account.v), TEXT(slice_cstr(credential->hash)),
                              BLOB(sealed_slice(credential)), NUMBER(generation)),
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

static void make_up(const struct directory *directory, struct slice name, struct scram_keys *ret_keys)
{
    crypto_generichash(ret_keys->salt, sizeof(ret_keys->salt),
                       (const unsigned char *)(name.n > 0 ? name.p : ""), name.n, directory->key,
                       sizeof(directory->key));
    randombytes_buf(ret_keys->stored, sizeof(ret_keys->stored));
    randombytes_buf(ret_keys->server, sizeof(ret_keys->server));
    ret_keys->iterations = SCRAM_ITERATIONS;
}

enum err credential_scram(struct directory *directory, struct account_id account, struct slice name,
                          struct scram_keys *ret_keys, struct error *error)
{
    struct credential credential = {0};
    bool found = false;
    /* Nobody is looked for as well, so that both take the same way. */
    enum err code = credential_read(directory, account, &credential, &found, error);
    if (code == ERR_OK && found && credential.has_scram)
        code = unseal(directory, account, &credential, ret_keys, error);
    else if (code == ERR_OK)
        make_up(directory, name, ret_keys);
    sodium_memzero(&credential, sizeof(credential));
    return code;
}
