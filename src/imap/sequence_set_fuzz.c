/* Any text as a message set; what was read holds ascending, disjoint numbers. */
#include "base/must.h"
#include "imap/sequence_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 22);
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    struct imap_sequence_set set;
    struct cursor c = cursor_of(slice_of(data, size));
    if (!imap_sequence_set_parse(&c, &arena, &set))
        return 0;
    imap_sequence_set_numbers(&set, (uint32_t)(size * 7), &numbers);
    for (size_t i = 0; i < numbers.count; i++) {
        must(numbers.ranges[i].first > 0 && numbers.ranges[i].first <= numbers.ranges[i].last);
        must(i == 0 || numbers.ranges[i - 1].last < numbers.ranges[i].first);
    }
    return 0;
}
