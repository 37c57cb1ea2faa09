/* Any text as a command, of clients of all kinds: parsed or refused with a reason, within the arena. */
#include "base/must.h"
#include "imap/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct imap_parser p = {.text = cursor_of(slice_of(data, size)),
                            .spool = cursor_of(S("spooled")),
                            .arena = &arena,
                            .utf8 = size % 2 == 0,
                            .off = size % 3 == 0 ? S("CONDSTORE ESEARCH LIST-EXTENDED") : slice_none()};
    struct imap_command command;
    if (!imap_command_parse(&p, &command)) {
        must(p.problem != NULL);
        return 0;
    }
    must(cursor_done(&p.text) && command.tag.n > 0 && command.verb < IMAP_VERBS);
    for (size_t i = 0; command.verb == IMAP_VERB_COMPARATOR && i < command.comparators.count; i++) {
        bool descending;
        must(imap_comparator_find(command.comparators.patterns[i], &descending) < 1U << IMAP_COLLATIONS);
    }
    return 0;
}
