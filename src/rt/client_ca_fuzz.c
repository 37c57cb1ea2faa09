/* Any bytes as a client's chain, and as the file of client-ca. */
#include "rt/test_certificates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct client_ca *other = NULL;
    struct slice input = slice_of(data, size);
    CLEANUP(buf_release) struct buf addresses = BUF(CLIENT_ADDRESSES_MAX);
    struct test_certificate authority =
        test_certificate_make(&(struct test_wish){.common_name = "ours", .is_ca = true}, NULL);
    struct client_ca *ca = test_client_ca(&authority);
    must(client_ca_check(ca, input, &addresses, &error) == ERR_AUTH && addresses.n == 0);
    if (client_ca_create(input, &other, &error) == ERR_OK)
        client_ca_unref(other);
    client_ca_unref(ca);
    test_certificate_free(&authority);
    return 0;
}
