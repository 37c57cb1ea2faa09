/*
 * Any bytes as the client's messages of SCRAM and as a text for SASLprep; the rest of a log-in needs a
 * directory and is tested with one. The first byte chooses, the last message begins at the first line feed.
 */
#include "base/must.h"
#include "directory/saslprep.h"
#include "directory/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_scram(struct slice input, enum scram_hash hash, bool plus, bool offered)
{
    struct scram_server scram;
    struct slice first;
    struct slice final;
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    slice_cut(input, '\n', &first, &final);
    scram_init(&scram, hash, plus, offered ? S("tls-exporter") : slice_none(),
               offered ? S("x") : slice_none());
    scram.keys.hash = hash;
    scram.keys.iterations = 4096;
    if (scram_first(&scram, first, &answer)) {
        must(scram.user.n > 0 && scram.client_nonce_n > 0);
        scram_challenge(&scram, S("servernonce"), &answer);
        buf_clear(&answer);
        /* No one can prove a password for keys of zeros. */
        must(!scram_final(&scram, final, &answer));
    }
    must(slice_starts(buf_slice(&answer), S("e=")));
    scram_release(&scram);
}

static void fuzz_prep(struct slice input)
{
    CLEANUP(buf_release) struct buf once = BUF(SASLPREP_MAX);
    if (saslprep(input, &once) != SASLPREP_OK)
        must(once.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_of(data + 1, size - 1);
    if ((data[0] & 4) != 0)
        fuzz_prep(input);
    else
        fuzz_scram(input, (data[0] & 8) != 0 ? SCRAM_SHA_1 : SCRAM_SHA_256, (data[0] & 1) != 0,
                   (data[0] & 2) != 0);
    return 0;
}
