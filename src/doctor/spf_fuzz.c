/* What the DNS says, which may be anything: an SPF record for an address, and the same bytes as a name. */
#include "base/must.h"
#include "doctor/records.h"
#include "doctor/spf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct resolver_address address = {.family = (data[0] & 1) != 0 ? AF_INET6 : AF_INET};
    const struct spf_sender sender = {&address, S("mail.example"), (data[0] & 2) != 0};
    struct slice text = slice_of(data + 1, size - 1);
    if (spf_is_record(text))
        must(spf_lets_send(text, &sender) <= SPF_UNKNOWN);
    char name[RECORD_NAME_MAX];
    struct cursor c = cursor_of(text);
    if (records_name(&c, name))
        must(strlen(name) < RECORD_NAME_MAX);
    return 0;
}
