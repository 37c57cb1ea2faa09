#include "directory/password_hash.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <sodium.h>

#include "base/base64.h"

enum { DIGEST_TEXT_MAX = 256, SALT_MAX = 64 };

/* --- digests: {SSHA}base64(digest, salt) --- */

/* name in braces, OpenSSL's name, bytes, salted */
#define DIGEST_TABLE(X)                \
    X("{SHA}", "SHA1", 20, false)      \
    X("{SHA1}", "SHA1", 20, false)     \
    X("{SSHA}", "SHA1", 20, true)      \
    X("{SHA256}", "SHA256", 32, false) \
    X("{SSHA256}", "SHA256", 32, true) \
    X("{SHA512}", "SHA512", 64, false) \
    X("{SSHA512}", "SHA512", 64, true) \
    X("{PLAIN-MD5}", "MD5", 16, false) \
    X("{LDAP-MD5}", "MD5", 16, false)  \
    X("{SMD5}", "MD5", 16, true)

struct digest_scheme {
    const char *prefix;
    const char *digest;
    size_t size;
    bool salted;
};
static const struct digest_scheme digest_schemes[] = {
#define X(prefix, digest, size, salted) {prefix, digest, size, salted},
    DIGEST_TABLE(X)
#undef X
};

static const struct digest_scheme *digest_find(struct slice hash, struct slice *ret_value)
{
    for (size_t i = 0; i < ARRAY_LEN(digest_schemes); i++) {
        struct slice prefix = slice_cstr(digest_schemes[i].prefix);
        if (slice_starts_nocase(hash, prefix)) {
            *ret_value = slice_from(hash, prefix.n);
            return &digest_schemes[i];
        }
    }
    return NULL;
}

/* Hexadecimal or base64, told apart by the length: an unsalted digest is twice as long in the first. */
static bool digest_decode(const struct digest_scheme *scheme, struct slice value, struct buf *out)
{
    if (!scheme->salted && value.n == 2 * scheme->size) {
        char *room = buf_reserve(out, scheme->size);
        size_t n = 0;
        if (room == NULL ||
            sodium_hex2bin((unsigned char *)room, scheme->size, value.p, value.n, NULL, &n, NULL) != 0)
            return false;
        buf_grew(out, n);
    } else if (!base64_decode(out, value)) {
        return false;
    }
    if (buf_failed(out))
        return false;
    return scheme->salted ? out->n > scheme->size && out->n <= scheme->size + SALT_MAX
                          : out->n == scheme->size;
}

static bool digest_verify(const struct digest_scheme *scheme, struct slice value, struct slice password)
{
    CLEANUP(buf_release) struct buf kept = BUF(DIGEST_TEXT_MAX);
    unsigned char made[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (!digest_decode(scheme, value, &kept))
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = context != NULL &&
                 EVP_DigestInit_ex(context, EVP_get_digestbyname(scheme->digest), NULL) == 1 &&
                 EVP_DigestUpdate(context, password.p, password.n) == 1 &&
                 EVP_DigestUpdate(context, kept.p + scheme->size, kept.n - scheme->size) == 1 &&
                 EVP_DigestFinal_ex(context, made, &size) == 1 && size == scheme->size;
    EVP_MD_CTX_free(context);
    return right && sodium_memcmp(made, kept.p, scheme->size) == 0;
}

/* --- what costs too much --- */

/* $6$rounds=N$...: N. */
static bool sha_cost_valid(struct slice hash)
{
    struct cursor c = cursor_of(slice_from(hash, 3));
    uint64_t rounds = 0;
    if (!cursor_skip(&c, S("rounds=")))
        return true;
    return cursor_u64(&c, &rounds) && rounds <= CRYPT_ROUNDS_MAX;
}

/* $2b$NN$ */
static bool bcrypt_cost_valid(struct slice hash)
{
    uint32_t cost = 0;
    return slice_to_u32(slice_sub(hash, 4, 2), &cost) && cost <= CRYPT_BCRYPT_COST_MAX;
}

/* $y$jXT$: X is the logarithm of the memory's blocks, 9 by default; C is 128 MiB. */
static bool yescrypt_cost_valid(struct slice hash)
{
    struct slice parameters = slice_sub(hash, 3, 4);
    return parameters.n == 4 && parameters.p[0] == 'j' &&
           slice_find_char(S("./0123456789ABC"), parameters.p[1]) >= 0 && parameters.p[2] == 'T' &&
           parameters.p[3] == '$';
}

/* $argon2id$v=19$m=65536,t=2,p=1$... */
static bool argon2_cost_valid(struct slice hash)
{
    ssize_t at = slice_find(hash, S("$m="));
    if (at < 0)
        return false;
    struct cursor c = cursor_of(slice_from(hash, (size_t)at + 3));
    uint64_t kib = 0;
    uint64_t passes = 0;
    return cursor_u64(&c, &kib) && cursor_skip(&c, S(",t=")) && cursor_u64(&c, &passes) &&
           kib <= CRYPT_ARGON2_KIB_MAX && passes <= CRYPT_ARGON2_PASSES_MAX;
}

static bool cost_any(struct slice hash UNUSED)
{
    return true;
}

static const struct {
    const char *prefix;
    bool (*cost_valid)(struct slice hash);
} crypts[] = {
    {"$1$", cost_any},
    {"$5$", sha_cost_valid},
    {"$6$", sha_cost_valid},
    {"$2a$", bcrypt_cost_valid},
    {"$2b$", bcrypt_cost_valid},
    {"$2x$", bcrypt_cost_valid},
    {"$2y$", bcrypt_cost_valid},
    {"$y$", yescrypt_cost_valid},
    {"$argon2id$", argon2_cost_valid},
    {"$argon2i$", argon2_cost_valid},
};

/* --- both --- */

/* Names before a hash that says itself what it is. */
static const char *const crypt_prefixes[] = {"{CRYPT}",     "{MD5-CRYPT}", "{SHA256-CRYPT}", "{SHA512-CRYPT}",
                                             "{BLF-CRYPT}", "{ARGON2ID}",  "{ARGON2I}"};
static const char *const plain_prefixes[] = {"{PLAIN}", "{CLEARTEXT}", "{CLEAR}"};

static bool skip_prefix(struct slice *text, const char *const *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_starts_nocase(*text, slice_cstr(prefixes[i]))) {
            *text = slice_from(*text, strlen(prefixes[i]));
            return true;
        }
    }
    return false;
}

static enum err check_crypt(struct slice hash, struct error *error)
{
    for (size_t i = 0; i < ARRAY_LEN(crypts); i++) {
        if (!slice_starts(hash, slice_cstr(crypts[i].prefix)))
            continue;
        if (!crypts[i].cost_valid(hash))
            return fail_plain(error, ERR_INVALID,
                              "this %s hash is damaged, or costs too much to check at a log-in",
                              crypts[i].prefix);
        return ERR_OK;
    }
    return fail_plain(
        error, ERR_INVALID,
        "this is no password hash known here; known are $1$ $5$ $6$ $2b$ $y$ $argon2id$ {SSHA} {SHA256}");
}

enum err password_hash_check(struct slice hash, bool *ret_password, struct slice *ret_text,
                             struct error *error)
{
    struct slice text = hash;
    struct slice value;
    CLEANUP(buf_release) struct buf decoded = BUF(DIGEST_TEXT_MAX);
    *ret_password = skip_prefix(&text, plain_prefixes, ARRAY_LEN(plain_prefixes));
    *ret_text = text;
    if (*ret_password)
        return ERR_OK;
    for (size_t i = 0; i < hash.n; i++)
        if (hash.p[i] <= 0x20 || hash.p[i] > 0x7e)
            return fail_plain(error, ERR_INVALID, "a password hash is printable ASCII without blanks");
    const struct digest_scheme *scheme = digest_find(hash, &value);
    if (scheme != NULL)
        return digest_decode(scheme, value, &decoded)
                   ? ERR_OK
                   : fail_plain(error, ERR_INVALID, "the hash after %s is damaged", scheme->prefix);
    (void)skip_prefix(&text, crypt_prefixes, ARRAY_LEN(crypt_prefixes));
    *ret_text = text;
    return check_crypt(text, error);
}

static bool crypt_verify(const char *hash, const char *password)
{
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (data == NULL)
        return false;
    const char *made = crypt_rn(password, hash, data, sizeof(*data));
    size_t n = strlen(hash);
    bool right = made != NULL && strlen(made) == n && sodium_memcmp(made, hash, n) == 0;
    sodium_memzero(data, sizeof(*data));
    free(data);
    return right;
}

bool password_hash_verify(const char *hash, struct slice password)
{
    struct slice value;
    struct slice text = slice_cstr(hash);
    const struct digest_scheme *scheme = digest_find(text, &value);
    if (scheme != NULL)
        return digest_verify(scheme, value, password);
    if (slice_starts(text, S("$argon2")))
        return crypto_pwhash_str_verify(hash, password.n > 0 ? password.p : "", password.n) == 0;
    char *terminated = slice_to_cstr(password);
    if (terminated == NULL)
        return false;
    bool right = crypt_verify(hash, terminated);
    sodium_memzero(terminated, password.n);
    free(terminated);
    return right;
}
