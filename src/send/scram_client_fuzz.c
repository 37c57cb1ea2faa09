#include "send/scram_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(scram_client_release) struct scram_client client;
    CLEANUP(buf_release) struct buf out = BUF(SCRAM_CLIENT_TEXT_MAX);
    struct slice message = slice_of(data, size);
    if (slice_find(message, S("i=")) >= 0 && size > 40) /* many rounds cost time and find nothing */
        message = slice_sub(message, 0, 40);
    scram_client_init(&client, SCRAM_SHA_256, "nonce");
    scram_client_first(&client, S("user"), &out);
    (void)scram_client_final(&client, S("pencil"), message, &out);
    (void)scram_client_verify(&client, message);
    scram_client_release(&client);
    scram_client_init(&client, SCRAM_SHA_256, NULL);
    return 0;
}
