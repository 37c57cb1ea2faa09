#include "authres/dkim_key.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char hash[32] = {1, 2, 3};
    for (enum dkim_algorithm algorithm = DKIM_RSA_SHA256; algorithm <= DKIM_ED25519_SHA256; algorithm++) {
        CLEANUP(dkim_key_release) struct dkim_key key = {0};
        struct dkim_outcome why = {DKIM_PASS, NULL};
        if (!dkim_key_parse(slice_of(data, size), algorithm, &key, &why)) {
            must(why.result != DKIM_PASS && why.reason != NULL && key.public == NULL);
            continue;
        }
        must(key.bits >= 253 && key.bits <= DKIM_RSA_BITS_MAX);
        must(!dkim_key_verify(&key, hash, slice_of(data, size)));
    }
    return 0;
}
