/* Any query against any text: within its memory, a score of 0 to 100, and 100 for a word in itself. */
#include "base/must.h"
#include "imap/search_fuzzy.h"
#include "mime/fold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    CLEANUP(buf_release) struct buf query = BUF(1 << 22);
    CLEANUP(buf_release) struct buf text = BUF(1 << 22);
    struct slice head;
    struct slice tail;
    slice_cut(slice_of(data, size), '\n', &head, &tail);
    mime_fold_search(&query, head);
    mime_fold_search(&text, tail);
    struct imap_fuzzy *fuzzy = imap_fuzzy_new(&arena, buf_slice(&query));
    if (fuzzy == NULL)
        return 0;
    imap_fuzzy_begin(fuzzy);
    imap_fuzzy_look(fuzzy, buf_slice(&text), IMAP_FUZZY_IN_BODY);
    must(imap_fuzzy_score(fuzzy) <= 100);
    imap_fuzzy_look(fuzzy, buf_slice(&query), IMAP_FUZZY_IN_SUBJECT);
    must(fuzzy->count == 0 || imap_fuzzy_score(fuzzy) == 100);
    return 0;
}
