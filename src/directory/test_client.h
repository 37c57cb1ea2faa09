/* A client that logs in, for the tests of this room: PLAIN, and SCRAM by OpenSSL alone. */
#ifndef POSTHORN_DIRECTORY_TEST_CLIENT_H
#define POSTHORN_DIRECTORY_TEST_CLIENT_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "directory/sasl.h"
#include "directory/test.h"

static inline struct sasl *sasl_of(struct fixture *t)
{
    struct sasl *sasl = NULL;
    ASSERT_OK(t, sasl_create(t->directory, &sasl, &t->error));
    return sasl;
}

static inline void release(struct sasl **sasl)
{
    sasl_destroy(*sasl);
}

static inline struct sasl_result begin(struct fixture *t, struct sasl *sasl, const struct sasl_start *start)
{
    struct sasl_result result = {0};
    ASSERT_OK(t, sasl_begin(sasl, start, &t->arena, &result, &t->error));
    return result;
}

static inline struct sasl_result step(struct fixture *t, struct sasl *sasl, uint64_t exchange,
                                      struct slice message)
{
    struct sasl_result result = {0};
    ASSERT_OK(t, sasl_step(sasl, exchange, message, &t->arena, &result, &t->error));
    return result;
}

static inline struct sasl_result plain(struct fixture *t, struct sasl *sasl, enum door door,
                                       struct slice message)
{
    struct sasl_start start = {
        .mechanism = SASL_PLAIN, .door = door, .initial = message, .has_initial = true, .tls = true};
    return begin(t, sasl, &start);
}

struct client {
    const char *gs2; /* "n,," */
    const char *name;
    const char *password;
    struct slice binding; /* what the client believes of its channel */
};

static inline struct slice attribute(struct slice message, char letter)
{
    struct slice part;
    bool more = true;
    while (more) {
        more = slice_cut(message, ',', &part, &message);
        if (part.n > 2 && part.p[0] == letter)
            return slice_from(part, 2);
    }
    return slice_none();
}

/* The client's final message for a challenge (RFC 5802 3), by OpenSSL alone. */
static inline void client_final(const struct client *client, enum scram_hash hash, struct slice challenge,
                                struct buf *out)
{
    CLEANUP(buf_release) struct buf salt = BUF(64);
    CLEANUP(buf_release) struct buf cbind = BUF(1024);
    CLEANUP(buf_release) struct buf auth = BUF(4096);
    const EVP_MD *function = hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
    int size = EVP_MD_get_size(function);
    uint32_t iterations = 0;
    assert_true(base64_decode(&salt, attribute(challenge, 's')));
    assert_true(slice_to_u32(attribute(challenge, 'i'), &iterations));
    unsigned char salted[EVP_MAX_MD_SIZE];
    unsigned char stored[EVP_MAX_MD_SIZE];
    unsigned char proof[EVP_MAX_MD_SIZE];
    unsigned char signature[EVP_MAX_MD_SIZE];
    assert_int_equal(PKCS5_PBKDF2_HMAC(client->password, -1, (const unsigned char *)salt.p, (int)salt.n,
                                       (int)iterations, function, size, salted),
                     1);
    HMAC(function, salted, size, (const unsigned char *)"Client Key", 10, proof, NULL);
    EVP_Digest(proof, (size_t)size, stored, NULL, function, NULL);
    buf_put(&cbind, slice_cstr(client->gs2));
    buf_put(&cbind, client->binding);
    buf_put(out, S("c="));
    base64_encode(out, buf_slice(&cbind));
    buf_put(out, S(",r="));
    buf_put(out, attribute(challenge, 'r'));
    buf_printf(&auth, "n=%s,r=clientnonce,%.*s,%.*s", client->name, SLICE_ARGS(challenge),
               SLICE_ARGS(buf_slice(out)));
    HMAC(function, stored, size, (const unsigned char *)auth.p, auth.n, signature, NULL);
    for (int k = 0; k < size; k++)
        proof[k] ^= signature[k];
    buf_put(out, S(",p="));
    base64_encode(out, slice_of(proof, (size_t)size));
}

static inline struct sasl_result scram(struct fixture *t, struct sasl *sasl, enum sasl_mechanism mechanism,
                                       const char *offered, const struct client *client,
                                       struct slice *ret_salt)
{
    char first[512];
    CLEANUP(buf_release) struct buf final = BUF(4096);
    snprintf(first, sizeof(first), "%sn=%s,r=clientnonce", client->gs2, client->name);
    struct sasl_start start = {.mechanism = mechanism,
                               .door = DOOR_IMAP,
                               .initial = slice_cstr(first),
                               .has_initial = true,
                               .binding_type = slice_cstr(offered),
                               .binding = offered[0] != 0 ? S("channel") : slice_none()};
    struct sasl_result result = begin(t, sasl, &start);
    if (result.status != SASL_CONTINUE)
        return result;
    if (ret_salt != NULL)
        *ret_salt = attribute(result.data, 's');
    client_final(client, sasl_scram_of(mechanism)->hash, result.data, &final);
    return step(t, sasl, result.exchange, buf_slice(&final));
}

#endif
