#include "directory/domain_key.h"

#include "base/clock.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/must.h"
#include "directory/inside.h"

enum { NAME_MAX_SIZE = 64, SELECTOR_TRIES = 8, RANDOM_SIGNS = 4 };

const char *domain_key_state_word(enum domain_key_state state)
{
    static const char *const words[] = {
#define X(name, number, word) [number] = word,
        DOMAIN_KEY_STATE_TABLE(X)
#undef X
    };
    must((size_t)state < ARRAY_LEN(words));
    return words[state];
}

/* --- files --- */

static void file_name(uint64_t id, const char *suffix, char ret_name[static NAME_MAX_SIZE])
{
    char text[ID_TEXT_MAX];
    id_to_text(id, text);
    snprintf(ret_name, NAME_MAX_SIZE, DOMAIN_KEY_FOLDER "/%s.key%s", text, suffix);
}

static enum err write_file(struct directory *directory, uint64_t id, const struct dkim_private_key *key,
                           struct error *error)
{
    char name[NAME_MAX_SIZE];
    char new_name[NAME_MAX_SIZE];
    struct buf der = BUF(DKIM_PRIVATE_MAX);
    file_name(id, "", name);
    file_name(id, ".new", new_name);
    enum err code = dkim_private_key_write(key, &der, error);
    if (code == ERR_OK)
        code = key_write(directory, DOMAIN_KEY_FOLDER, new_name, name, buf_slice(&der), error);
    if (der.n > 0)
        sodium_memzero(der.p, der.n);
    buf_release(&der);
    return code;
}

static enum err read_file(struct directory *directory, uint64_t id, struct dkim_private_key *ret_key,
                          struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    char name[NAME_MAX_SIZE];
    struct buf der = BUF(DKIM_PRIVATE_MAX);
    file_name(id, "", name);
    enum err code = volume_file_open(directory->volume, name, false, &fd, error);
    if (code == ERR_OK)
        code = fd_read_all(fd, &der, error);
    if (code == ERR_OK)
        code = dkim_private_key_read(buf_slice(&der), ret_key, error);
    if (der.n > 0)
        sodium_memzero(der.p, der.n);
    buf_release(&der);
    return code == ERR_OK ? ERR_OK : error_context(error, "%s", name);
}

/* What is left over when this fails does no harm. */
static void remove_file(struct directory *directory, uint64_t id)
{
    char name[NAME_MAX_SIZE];
    struct error error;
    key_cache_drop(&directory->signing, id);
    file_name(id, "", name);
    if (volume_file_remove(directory->volume, name, &error) != ERR_OK)
        LOG(LOG_WARN, NO_SID, "directory.key_left", F_CSTR("file", name), F_ERR(&error));
}

void domain_keys_forget(struct directory *directory, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        remove_file(directory, ids[i]);
}

/* --- rows --- */

/* A DKIM_KEY_LIST row. Locked. */
static enum err read_key(sqlite3_stmt *row, struct slice domain, struct arena *arena, struct domain_key *ret,
                         struct error *error)
{
    uint64_t algorithm = sql_number(row, 2);
    uint64_t state = sql_number(row, 3);
    if (algorithm > DKIM_ED25519_SHA256 || state > DOMAIN_KEY_RETIRED)
        return fail(error, ERR_CORRUPT, NULL, "directory.db: a signing key of %.*s", SLICE_ARGS(domain));
    *ret = (struct domain_key){.id = sql_number(row, 0),
                               .domain = arena_dup(arena, domain),
                               .selector = arena_dup(arena, sql_bytes(row, 1)),
                               .algorithm = (enum dkim_algorithm)algorithm,
                               .state = (enum domain_key_state)state,
                               .made = (int64_t)sql_number(row, 4),
                               .changed = (int64_t)sql_number(row, 5),
                               .record = arena_dup(arena, sql_bytes(row, 6))};
    return arena_failed(arena) ? fail_nomem(error) : ERR_OK;
}

/* Locked. */
static enum err list_keys(struct directory *directory, struct slice domain, struct arena *arena,
                          struct domain_key **ret_keys, size_t *ret_count, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    struct domain_key *keys = arena_array(arena, DOMAIN_KEYS_MAX, sizeof(*keys));
    size_t count = 0;
    bool found = false;
    if (keys == NULL)
        return fail_nomem(error);
    enum err code = sql_start(directory, STATEMENT_DKIM_KEY_LIST, PARAMETERS(TEXT(domain)), &row, error);
    while (code == ERR_OK && (code = sql_step(directory, row, &found, error)) == ERR_OK && found &&
           count < DOMAIN_KEYS_MAX)
        code = read_key(row, domain, arena, &keys[count++], error);
    *ret_keys = keys;
    *ret_count = count;
    return code;
}

enum err domain_key_ids(struct directory *directory, struct slice domain,
                        uint64_t ret_ids[static DOMAIN_KEYS_MAX], size_t *ret_count, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct domain_key *keys;
    size_t count = 0;
    enum err code = list_keys(directory, domain, &scratch, &keys, &count, error);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        ret_ids[i] = keys[i].id;
    *ret_count = code == ERR_OK ? count : 0;
    return code;
}

static struct domain_key *find_key(struct domain_key *keys, size_t count, struct slice selector)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(keys[i].selector, selector))
            return &keys[i];
    return NULL;
}

static enum err no_key(struct slice domain, struct slice selector, struct error *error)
{
    return fail_plain(error, ERR_NOT_FOUND, "%.*s has no signing key with the selector %.*s",
                      SLICE_ARGS(domain), SLICE_ARGS(selector));
}

enum err domain_key_list(struct directory *directory, struct slice domain, struct arena *arena,
                         struct domain_key **ret_keys, size_t *ret_count, struct error *error)
{
    struct slice normal;
    struct domain_row row;
    enum err code = domain_normalise(domain, arena, &normal, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = domain_row_need(directory, normal, &row, error);
    if (code == ERR_OK)
        code = list_keys(directory, normal, arena, ret_keys, ret_count, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

/* Locked. */
static enum err list_pending(struct directory *directory, struct arena *arena, struct domain_key *keys,
                             size_t *ret_count, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *row = NULL;
    size_t count = 0;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_DKIM_KEY_PENDING,
                              PARAMETERS(NUMBER((uint64_t)DOMAIN_KEYS_PENDING_MAX)), &row, error);
    while (code == ERR_OK && (code = sql_step(directory, row, &found, error)) == ERR_OK && found &&
           count < DOMAIN_KEYS_PENDING_MAX)
        code = read_key(row, sql_bytes(row, 7), arena, &keys[count++], error);
    *ret_count = count;
    return code;
}

enum err domain_key_pending(struct directory *directory, struct arena *arena, struct domain_key **ret_keys,
                            size_t *ret_count, struct error *error)
{
    struct domain_key *keys = arena_array(arena, DOMAIN_KEYS_PENDING_MAX, sizeof(*keys));
    if (keys == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&directory->lock);
    enum err code = list_pending(directory, arena, keys, ret_count, error);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK)
        *ret_keys = keys;
    return code;
}

/* --- new ones --- */

/* "r20261123k7x2": the algorithm, the day, and what makes sure that no earlier key had it (RFC 6376 3.1). */
static void make_up_selector(enum dkim_algorithm algorithm, int64_t now, char ret[static NAME_MAX_SIZE])
{
    static const char signs[] = "abcdefghijkmnpqrstuvwxyz23456789";
    unsigned char random[RANDOM_SIGNS];
    char tail[RANDOM_SIGNS + 1] = "";
    struct tm tm;
    time_t seconds = (time_t)now;
    randombytes_buf(random, sizeof(random));
    for (size_t i = 0; i < RANDOM_SIGNS; i++)
        tail[i] = signs[random[i] % (sizeof(signs) - 1)];
    must(gmtime_r(&seconds, &tm) != NULL);
    snprintf(ret, NAME_MAX_SIZE, "%c%04u%02u%02u%s", algorithm == DKIM_RSA_SHA256 ? 'r' : 'e',
             (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
             (unsigned)tm.tm_mday % 100, tail);
}

static enum err check_selector(struct slice selector, struct error *error)
{
    bool good = selector.n > 0 && selector.n <= DKIM_SELECTOR_MAX && selector.p[0] != '-' &&
                selector.p[selector.n - 1] != '-';
    for (size_t i = 0; good && i < selector.n; i++)
        good = ascii_is_alnum(selector.p[i]) || selector.p[i] == '-';
    if (!good)
        return fail_plain(error, ERR_INVALID, "a selector is up to %d letters, digits and hyphens",
                          DKIM_SELECTOR_MAX);
    return ERR_OK;
}

static enum err insert(struct directory *directory, struct domain_key *key, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct domain_row row;
    struct domain_key *keys = NULL;
    size_t count = 0;
    enum err code = domain_row_need(directory, key->domain, &row, error);
    if (code == ERR_OK)
        code = list_keys(directory, key->domain, &scratch, &keys, &count, error);
    if (code != ERR_OK)
        return code;
    if (count == DOMAIN_KEYS_MAX)
        return fail_plain(error, ERR_LIMIT, "the domain %.*s has %d signing keys; remove old ones first",
                          SLICE_ARGS(key->domain), DOMAIN_KEYS_MAX);
    if (find_key(keys, count, key->selector) != NULL)
        return fail_plain(error, ERR_EXISTS, "%.*s has a signing key with the selector %.*s already",
                          SLICE_ARGS(key->domain), SLICE_ARGS(key->selector));
    key->state = DOMAIN_KEY_ACTIVE;
    for (size_t i = 0; i < count; i++)
        if (keys[i].algorithm == key->algorithm && keys[i].state == DOMAIN_KEY_ACTIVE)
            key->state = DOMAIN_KEY_PENDING;
    return sql_run(directory, STATEMENT_DKIM_KEY_ADD,
                   PARAMETERS(NUMBER(key->id), NUMBER(row.id.v), TEXT(key->selector),
                              NUMBER((uint64_t)key->algorithm), NUMBER((uint64_t)key->state),
                              NUMBER((uint64_t)key->made), TEXT(key->record)),
                   error);
}

/* The file first: a row without one could not sign. */
static enum err store_key(struct directory *directory, struct domain_key *key,
                          const struct dkim_private_key *private, struct error *error)
{
    enum err code = write_file(directory, key->id, private, error);
    if (code != ERR_OK)
        return code;
    code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, insert(directory, key, error), error);
    if (code != ERR_OK)
        remove_file(directory, key->id);
    return code;
}

/* Making an RSA key takes a while: not for a domain that is none. */
static enum err check_domain(struct directory *directory, struct slice name, struct arena *arena,
                             struct slice *ret_normal, struct error *error)
{
    struct domain_row row;
    enum err code = domain_normalise(name, arena, ret_normal, error);
    if (code != ERR_OK)
        return code;
    pthread_mutex_lock(&directory->lock);
    code = domain_row_need(directory, *ret_normal, &row, error);
    pthread_mutex_unlock(&directory->lock);
    return code;
}

enum err domain_key_add(struct directory *directory, struct slice domain, struct slice selector,
                        enum dkim_algorithm algorithm, struct arena *arena, struct domain_key *ret_key,
                        struct error *error)
{
    CLEANUP(dkim_private_key_release) struct dkim_private_key private = {0};
    CLEANUP(buf_release) struct buf record = BUF(DKIM_KEY_RECORD_MAX);
    struct domain_key key = {
        .id = id_random(), .algorithm = algorithm, .made = clock_wall_us() / CLOCK_SECOND};
    char made_up[NAME_MAX_SIZE];
    key.changed = key.made;
    if (selector.n == 0) {
        make_up_selector(algorithm, key.made, made_up);
        selector = slice_cstr(made_up);
    }
    enum err code = check_selector(selector, error);
    if (code == ERR_OK)
        code = check_domain(directory, domain, arena, &key.domain, error);
    if (code == ERR_OK)
        code = dkim_private_key_make(algorithm, &private, error);
    if (code == ERR_OK)
        code = dkim_private_key_record(&private, &record, error);
    if (code != ERR_OK)
        return code;
    key.selector = arena_dup(arena, selector);
    key.record = arena_dup(arena, buf_slice(&record));
    if (arena_failed(arena))
        return fail_nomem(error);
    code = store_key(directory, &key, &private, error);
    if (code == ERR_OK)
        *ret_key = key;
    return code;
}

/* --- changes --- */

/* Locked. */
static enum err set_state(struct directory *directory, const struct domain_key *key,
                          enum domain_key_state state, struct error *error)
{
    return sql_run(directory, STATEMENT_DKIM_KEY_SET_STATE,
                   PARAMETERS(NUMBER(key->id), NUMBER((uint64_t)state),
                              NUMBER((uint64_t)(clock_wall_us() / CLOCK_SECOND))),
                   error);
}

static enum err activate(struct directory *directory, struct slice domain, struct slice selector,
                         struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct domain_row row;
    struct domain_key *keys = NULL;
    size_t count = 0;
    enum err code = domain_row_need(directory, domain, &row, error);
    if (code == ERR_OK)
        code = list_keys(directory, domain, &scratch, &keys, &count, error);
    if (code != ERR_OK)
        return code;
    struct domain_key *key = find_key(keys, count, selector);
    if (key == NULL)
        return no_key(domain, selector, error);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        if (&keys[i] != key && keys[i].algorithm == key->algorithm && keys[i].state == DOMAIN_KEY_ACTIVE)
            code = set_state(directory, &keys[i], DOMAIN_KEY_RETIRED, error);
    return code == ERR_OK && key->state != DOMAIN_KEY_ACTIVE
               ? set_state(directory, key, DOMAIN_KEY_ACTIVE, error)
               : code;
}

enum err domain_key_activate(struct directory *directory, struct slice domain, struct slice selector,
                             struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice normal;
    enum err code = domain_normalise(domain, &scratch, &normal, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, activate(directory, normal, selector, error), error);
    return code;
}

static enum err drop(struct directory *directory, struct slice domain, struct slice selector,
                     bool even_active, uint64_t *ret_id, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct domain_row row;
    struct domain_key *keys = NULL;
    size_t count = 0;
    enum err code = domain_row_need(directory, domain, &row, error);
    if (code == ERR_OK)
        code = list_keys(directory, domain, &scratch, &keys, &count, error);
    if (code != ERR_OK)
        return code;
    const struct domain_key *key = find_key(keys, count, selector);
    if (key == NULL)
        return no_key(domain, selector, error);
    if (key->state == DOMAIN_KEY_ACTIVE && !even_active)
        return fail_plain(error, ERR_BUSY, "the key %.*s signs the mail of %.*s; activate another one first",
                          SLICE_ARGS(selector), SLICE_ARGS(domain));
    *ret_id = key->id;
    return sql_run(directory, STATEMENT_DKIM_KEY_REMOVE, PARAMETERS(NUMBER(key->id)), error);
}

enum err domain_key_remove(struct directory *directory, struct slice domain, struct slice selector,
                           bool even_active, struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice normal;
    uint64_t id = 0;
    enum err code = domain_normalise(domain, &scratch, &normal, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, drop(directory, normal, selector, even_active, &id, error), error);
    if (code == ERR_OK)
        remove_file(directory, id);
    return code;
}

/* --- signing --- */

void domain_signing_release(struct domain_signing *signing)
{
    for (size_t i = 0; i < signing->count; i++)
        dkim_private_key_release(&signing->keys[i].private);
    signing->count = 0;
}

static enum err usable_key(struct directory *directory, uint64_t id, struct dkim_private_key *ret_key,
                           struct error *error)
{
    if (key_cache_get(&directory->signing, id, ret_key))
        return ERR_OK;
    enum err code = read_file(directory, id, ret_key, error);
    if (code == ERR_OK)
        key_cache_put(&directory->signing, id, ret_key);
    return code;
}

static void load_active(struct directory *directory, const struct domain_key *keys, size_t count,
                        struct domain_signing *signing)
{
    for (size_t i = 0; i < count && signing->count < DKIM_SIGN_KEYS_MAX; i++) {
        struct dkim_private_key private;
        struct error error;
        if (keys[i].state != DOMAIN_KEY_ACTIVE)
            continue;
        if (usable_key(directory, keys[i].id, &private, &error) != ERR_OK) {
            LOG(LOG_ERROR, NO_SID, "directory.key_unusable", F_STR("domain", keys[i].domain),
                F_STR("selector", keys[i].selector), F_ERR(&error));
            continue;
        }
        signing->keys[signing->count++] =
            (struct dkim_signing_key){keys[i].domain, keys[i].selector, private};
    }
}

enum err domain_signing_load(struct directory *directory, struct slice domain, struct arena *arena,
                             struct domain_signing *ret_signing, struct error *error)
{
    struct domain_signing signing = {.count = 0};
    struct slice normal;
    struct slice label;
    enum err code = domain_normalise(domain, arena, &normal, error);
    if (code != ERR_OK)
        return code;
    do {
        struct domain_key *keys = NULL;
        size_t count = 0;
        pthread_mutex_lock(&directory->lock);
        code = list_keys(directory, normal, arena, &keys, &count, error);
        pthread_mutex_unlock(&directory->lock);
        if (code != ERR_OK)
            return code;
        load_active(directory, keys, count, &signing);
    } while (signing.count == 0 && slice_cut(normal, '.', &label, &normal));
    *ret_signing = signing;
    return ERR_OK;
}
