/* What stands behind SEARCH, SORT and THREAD: read or refused with a reason, within the arena. */
#include "base/must.h"
#include "imap/search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t keys_of(const struct imap_search_key *key)
{
    size_t count = 1;
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next)
        count += keys_of(child);
    return count;
}

static void check(bool read, const struct imap_parser *p, const struct imap_search *search)
{
    must(read || p->problem != NULL);
    if (!read)
        return;
    must(keys_of(search->root) <= IMAP_SEARCH_KEYS_MAX && search->root->child != NULL);
    must(search->extended == (search->returns != 0) && search->sort_count <= IMAP_SORT_KEYS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool (*const grammars[])(struct imap_parser *, struct imap_search *) = {
        imap_parse_search, imap_parse_sort, imap_parse_thread, imap_parse_esearch};
    for (size_t i = 0; i < ARRAY_LEN(grammars); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA(4 << 20);
        struct imap_parser p = {
            .text = cursor_of(slice_of(data, size)), .spool = cursor_of(S("spooled")), .arena = &arena};
        struct imap_search search;
        bool read = grammars[i](&p, &search);
        check(read, &p, &search);
    }
    return 0;
}
