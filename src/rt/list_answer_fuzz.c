#include "base/must.h"
#include "rt/settings_guards.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first four bytes are an answer from the DNS, the rest what the owner wants to hear: only what lies in
 * 127.0.0.0/8 ever counts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct list_setting list = {.zone = "a.b"};
    uint32_t address = 0;
    if (size < sizeof(address))
        return 0;
    memcpy(&address, data, sizeof(address));
    if (list_answer_parse(slice_of(data + sizeof(address), size - sizeof(address)), &list.answers[0])) {
        list.answer_count = 1;
        must((list.answers[0].network & ~list.answers[0].mask) == 0);
    }
    if (list_answer_counts(&list, address))
        must(address >> 24 == 127);
    return 0;
}
