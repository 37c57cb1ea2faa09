#include <stdlib.h>

#include "imap/search_context.h"
#include "imap/search_find.h"
#include "imap/sort_order.h"

struct entry {
    unsigned relevancy;
    uint32_t uid;
    uint32_t seq;
    uint64_t modseq;
    struct imap_sort_value *values; /* one for each criterion */
};

struct sorting {
    const struct imap_call *call;
    struct imap_sorter sorter;
    struct entry *entries;
    size_t count;
    size_t cap;
    uint32_t *uids; /* when it is sorted */
    uint32_t *numbers;
    char *scores;
};

static void sorting_release(struct sorting *sorting)
{
    imap_sorter_release(&sorting->sorter);
    free(sorting->entries);
    free(sorting->uids);
    free(sorting->numbers);
    free(sorting->scores);
}

static bool add(void *context, const struct message *message, uint32_t seq)
{
    struct sorting *sorting = context;
    if (sorting->count == sorting->cap) {
        size_t cap = MAX(1024, 2 * sorting->cap);
        struct entry *entries = cap <= IMAP_SORT_MEMORY_MAX / sizeof(*entries)
                                    ? realloc(sorting->entries, cap * sizeof(*entries))
                                    : NULL;
        if (entries == NULL) {
            sorting->sorter.failed = true;
            return false;
        }
        sorting->entries = entries;
        sorting->cap = cap;
    }
    sorting->sorter.relevancy = sorting->call->relevancy;
    struct imap_sort_value *values = imap_sort_values(&sorting->sorter, message);
    sorting->entries[sorting->count++] = (struct entry){.relevancy = sorting->call->relevancy,
                                                        .uid = message->uid.v,
                                                        .seq = seq,
                                                        .modseq = message->changed.v,
                                                        .values = values};
    return !sorting->sorter.failed;
}

static int entry_order(const void *a, const void *b, void *context)
{
    const struct entry *left = a;
    const struct entry *right = b;
    const struct imap_sorter *sorter = context;
    return imap_sort_compare(sorter->search, left->values, left->uid, right->values, right->uid);
}

/* Sorts, and makes the two orders of it. */
static void arrange(struct sorting *sorting)
{
    if (sorting->sorter.failed || sorting->count == 0)
        return;
    qsort_r(sorting->entries, sorting->count, sizeof(*sorting->entries), entry_order, &sorting->sorter);
    sorting->uids = calloc(sorting->count, sizeof(*sorting->uids));
    sorting->numbers = calloc(sorting->count, sizeof(*sorting->numbers));
    sorting->scores = calloc(sorting->count, 1);
    if (sorting->uids == NULL || sorting->numbers == NULL || sorting->scores == NULL) {
        sorting->sorter.failed = true;
        return;
    }
    for (size_t i = 0; i < sorting->count; i++) {
        sorting->uids[i] = sorting->entries[i].uid;
        sorting->numbers[i] = sorting->entries[i].seq;
        sorting->scores[i] = (char)sorting->entries[i].relevancy;
    }
}

static uint64_t modseq_of(const struct sorting *sorting)
{
    struct imap_found_modseqs modseqs = {0};
    for (size_t i = 0; i < sorting->count; i++)
        imap_found_modseq(&modseqs, sorting->entries[i].modseq);
    return imap_result_modseq(sorting->sorter.search, &modseqs);
}

static void put_each(struct imap_session *s, const struct imap_order *told, uint64_t modseq)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* SORT"));
    for (uint64_t i = 0; i < told->count; i++) {
        buf_putc(out, ' ');
        buf_put_u64(out, told->list[i]);
    }
    imap_put_result_modseq(out, modseq);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/* RFC 5256 3 SORT, RFC 5267 3 */
void cmd_sort(struct imap_session *s, struct imap_call *call)
{
    struct imap_search *search = &call->command.search;
    CLEANUP(sorting_release) struct sorting sorting = {.call = call, .sorter = IMAP_SORTER(search)};
    if (!imap_context_allowed(call, search))
        return;
    search->limit = IMAP_SEARCH_REFUSED;
    bool whole = imap_search_find(call, search, imap_sort_wants(search), add, &sorting);
    arrange(&sorting);
    if (sorting.sorter.failed) {
        imap_call_no(call, "LIMIT", "Too many messages to be sorted");
        sorting.count = 0;
    }
    const struct imap_order uids = {.list = sorting.uids, .count = sorting.count};
    const struct imap_order numbers = {.list = sorting.numbers, .count = sorting.count};
    imap_context_begin(call, search, &uids);
    imap_search_save(call, search, &uids);
    if (!whole && sorting.count == 0)
        return;
    struct imap_answer answer = {.told = call->command.by_uid ? uids : numbers,
                                 .modseq = modseq_of(&sorting),
                                 .scores = slice_of(sorting.scores, sorting.count)};
    if (!search->extended)
        put_each(s, &answer.told, answer.modseq);
    else if (search->returns != IMAP_RETURN_SAVE)
        imap_send_esearch(call, search, &answer);
}
