#include "sieve/hash.h"

enum { HASH_BYTES = 32 };

void hash_start(crypto_generichash_state *state)
{
    crypto_generichash_init(state, NULL, 0, HASH_BYTES);
}

void hash_text(crypto_generichash_state *state, char mark, struct slice text)
{
    const uint64_t n = text.n;
    crypto_generichash_update(state, (const unsigned char *)&mark, 1);
    crypto_generichash_update(state, (const unsigned char *)&n, sizeof(n));
    if (text.n > 0)
        crypto_generichash_update(state, (const unsigned char *)text.p, text.n);
}

enum err hash_end(crypto_generichash_state *state, struct run *run, struct slice *ret, struct error *error)
{
    unsigned char hash[HASH_BYTES];
    char text[2 * HASH_BYTES + 1];
    crypto_generichash_final(state, hash, sizeof(hash));
    sodium_bin2hex(text, sizeof(text), hash, sizeof(hash));
    return run_keep_text(run, slice_cstr(text), ret, error);
}
