#include "directory/seal.h"

#include "base/must.h"
#include "base/wire.h"
#include "directory/inside.h"

static size_t plain_size(enum scram_hash hash)
{
    return 8 + 4 + SCRAM_SALT + 2 * scram_hash_size(hash);
}

static size_t sealed_size(enum scram_hash hash)
{
    return crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + plain_size(hash);
}

void seal_keys(const struct directory *directory, struct account_id account, const struct scram_keys *keys,
               struct sealed_keys *ret_sealed)
{
    CLEANUP(buf_release) struct buf head = BUF(12);
    unsigned char text[SEAL_PLAIN_MAX];
    unsigned char *to = ret_sealed->bytes;
    size_t size = scram_hash_size(keys->hash);
    wire_put_u64(&head, account.v);
    wire_put_u32(&head, keys->iterations);
    must(!buf_failed(&head) && head.n == 12);
    memcpy(text, head.p, 12);
    memcpy(text + 12, keys->salt, SCRAM_SALT);
    memcpy(text + 12 + SCRAM_SALT, keys->stored, size);
    memcpy(text + 12 + SCRAM_SALT + size, keys->server, size);
    randombytes_buf(to, crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(to + crypto_secretbox_NONCEBYTES, text, plain_size(keys->hash), to, directory->key);
    ret_sealed->n = sealed_size(keys->hash);
    sodium_memzero(text, sizeof(text));
}

enum err unseal_keys(const struct directory *directory, struct account_id account,
                     const struct sealed_keys *sealed, enum scram_hash hash, struct scram_keys *ret_keys,
                     struct error *error)
{
    unsigned char text[SEAL_PLAIN_MAX];
    const unsigned char *from = sealed->bytes;
    size_t size = scram_hash_size(hash);
    if (crypto_secretbox_open_easy(text, from + crypto_secretbox_NONCEBYTES,
                                   sealed_size(hash) - crypto_secretbox_NONCEBYTES, from,
                                   directory->key) != 0)
        return fail(error, ERR_CORRUPT, NULL, "the SCRAM keys of %016lx do not open with keys/credential.key",
                    (unsigned long)account.v);
    struct wire_reader reader = wire_reader_of(slice_of(text, 12));
    uint64_t owner = wire_get_u64(&reader);
    ret_keys->hash = hash;
    ret_keys->iterations = wire_get_u32(&reader);
    memcpy(ret_keys->salt, text + 12, SCRAM_SALT);
    memcpy(ret_keys->stored, text + 12 + SCRAM_SALT, size);
    memcpy(ret_keys->server, text + 12 + SCRAM_SALT + size, size);
    sodium_memzero(text, sizeof(text));
    if (owner != account.v)
        return fail(error, ERR_CORRUPT, NULL, "the SCRAM keys of %016lx are of another account",
                    (unsigned long)account.v);
    return ERR_OK;
}

bool sealed_read(struct slice column, enum scram_hash hash, struct sealed_keys *ret_sealed)
{
    if (column.n != 0 && column.n != sealed_size(hash))
        return false;
    if (column.n > 0)
        memcpy(ret_sealed->bytes, column.p, column.n);
    ret_sealed->n = column.n;
    return true;
}

struct slice sealed_slice(const struct sealed_keys *sealed)
{
    return sealed->n > 0 ? slice_of(sealed->bytes, sealed->n) : slice_none();
}
