#include "send/scram_client.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "base/base64.h"
#include "directory/saslprep.h"

enum { NONCE_BYTES = 16 };

void scram_client_init(struct scram_client *client, enum scram_hash hash, const char *nonce)
{
    unsigned char random[NONCE_BYTES];
    *client = (struct scram_client){
        .hash = hash, .first = BUF(SCRAM_CLIENT_TEXT_MAX), .said = BUF(SCRAM_CLIENT_TEXT_MAX)};
    randombytes_buf(random, sizeof(random));
    if (nonce != NULL)
        snprintf(client->nonce, sizeof(client->nonce), "%s", nonce);
    else
        sodium_bin2hex(client->nonce, sizeof(client->nonce), random, sizeof(random));
}

void scram_client_release(struct scram_client *client)
{
    buf_release(&client->first);
    buf_release(&client->said);
    sodium_memzero(client->signature, sizeof(client->signature));
}

/* saslname (RFC 5802 7). */
static void put_name(struct buf *out, struct slice name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == ',')
            buf_put(out, S("=2C"));
        else if (name.p[i] == '=')
            buf_put(out, S("=3D"));
        else
            buf_putc(out, name.p[i]);
    }
}

void scram_client_first(struct scram_client *client, struct slice user, struct buf *out)
{
    buf_put(&client->first, S("n="));
    put_name(&client->first, user);
    buf_printf(&client->first, ",r=%s", client->nonce);
    buf_put(out, S("n,,"));
    buf_put(out, buf_slice(&client->first));
}

/* The value of the attribute that is due here. */
static bool take_attribute(struct slice *message, char name, struct slice *ret_value)
{
    struct slice word;
    struct slice rest = slice_none();
    slice_cut(*message, ',', &word, &rest);
    if (word.n < 2 || word.p[0] != name || word.p[1] != '=')
        return false;
    *ret_value = slice_from(word, 2);
    *message = rest;
    return true;
}

static const EVP_MD *digest(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

static bool hmac(enum scram_hash hash, const unsigned char *key, struct slice text, unsigned char *ret)
{
    return HMAC(digest(hash), key, (int)scram_hash_size(hash), (const unsigned char *)text.p, text.n, ret,
                NULL) != NULL;
}

/* RFC 5802 3: the proof, and the signature that is expected. */
static bool prove(struct scram_client *client, struct slice password, struct slice salt, uint32_t iterations,
                  unsigned char *ret_proof)
{
    CLEANUP(buf_release) struct buf prepared = BUF(SASLPREP_MAX);
    unsigned char salted[SCRAM_HASH_MAX], key[SCRAM_HASH_MAX], stored[SCRAM_HASH_MAX], server[SCRAM_HASH_MAX];
    size_t size = scram_hash_size(client->hash);
    if (saslprep(password, &prepared) == SASLPREP_OK)
        password = buf_slice(&prepared);
    bool good =
        PKCS5_PBKDF2_HMAC(password.n > 0 ? password.p : "", (int)password.n, (const unsigned char *)salt.p,
                          (int)salt.n, (int)iterations, digest(client->hash), (int)size, salted) == 1 &&
        hmac(client->hash, salted, S("Client Key"), key) &&
        EVP_Digest(key, size, stored, NULL, digest(client->hash), NULL) == 1 &&
        hmac(client->hash, stored, buf_slice(&client->said), ret_proof) &&
        hmac(client->hash, salted, S("Server Key"), server) &&
        hmac(client->hash, server, buf_slice(&client->said), client->signature);
    for (size_t i = 0; i < size; i++)
        ret_proof[i] ^= key[i];
    client->signature_made = good;
    sodium_memzero(salted, sizeof(salted));
    sodium_memzero(key, sizeof(key));
    if (prepared.n > 0)
        sodium_memzero(prepared.p, prepared.n);
    return good;
}

bool scram_client_final(struct scram_client *client, struct slice password, struct slice server_first,
                        struct buf *out)
{
    CLEANUP(buf_release) struct buf salt = BUF(SCRAM_CLIENT_SALT_MAX);
    unsigned char proof[SCRAM_HASH_MAX];
    struct slice left = server_first;
    struct slice nonce, salt_text, count;
    uint32_t iterations;
    if (!take_attribute(&left, 'r', &nonce) || !take_attribute(&left, 's', &salt_text) ||
        !take_attribute(&left, 'i', &count) || !slice_to_u32(count, &iterations))
        return false;
    if (iterations == 0 || iterations > SCRAM_CLIENT_ITERATIONS_MAX || !base64_decode(&salt, salt_text) ||
        buf_failed(&salt) || salt.n == 0)
        return false;
    /* Ours, and something of the server's (RFC 5802 5.1). */
    struct slice ours = slice_cstr(client->nonce);
    if (!slice_starts(nonce, ours) || nonce.n == ours.n)
        return false;
    buf_clear(&client->said);
    buf_put(&client->said, buf_slice(&client->first));
    buf_printf(&client->said, ",%.*s,c=biws,r=%.*s", SLICE_ARGS(server_first), SLICE_ARGS(nonce));
    if (buf_failed(&client->first) || buf_failed(&client->said) ||
        !prove(client, password, buf_slice(&salt), iterations, proof))
        return false;
    buf_printf(out, "c=biws,r=%.*s,p=", SLICE_ARGS(nonce));
    base64_encode(out, slice_of(proof, scram_hash_size(client->hash)));
    return !buf_failed(out);
}

bool scram_client_verify(const struct scram_client *client, struct slice server_final)
{
    CLEANUP(buf_release) struct buf signature = BUF(SCRAM_CLIENT_SALT_MAX);
    struct slice text;
    return client->signature_made && take_attribute(&server_final, 'v', &text) &&
           base64_decode(&signature, text) && signature.n == scram_hash_size(client->hash) &&
           CRYPTO_memcmp(signature.p, client->signature, signature.n) == 0;
}
