#include <stdlib.h>

#include "imap/search_find.h"
#include "mime/fold.h"

/* Bytes that sorting one mailbox may take: about a million messages with usual subjects. */
enum { SORT_MEMORY_MAX = 512 * 1024 * 1024, SORT_TEXT_MAX = 64 * 1024 };

/* What a message has for one criterion: a number, or a text whose first bytes are the number. */
struct value {
    uint64_t first;
    struct slice text;
};
struct entry {
    uint32_t uid;
    uint32_t seq;
    uint64_t modseq;
    struct value *values; /* one for each criterion */
};

struct sorting {
    const struct imap_search *search;
    struct arena arena; /* of values and texts */
    struct entry *entries;
    size_t count;
    size_t cap;
    struct buf folded;
    bool failed;
};

static void sorting_release(struct sorting *sorting)
{
    arena_release(&sorting->arena);
    buf_release(&sorting->folded);
    free(sorting->entries);
}

static struct value value_of_number(int64_t number)
{
    return (struct value){.first = (uint64_t)number ^ (UINT64_C(1) << 63)};
}

static struct value value_of_text(struct sorting *sorting, struct slice text)
{
    struct value value = {0};
    buf_clear(&sorting->folded);
    mime_fold_sort(&sorting->folded, text);
    value.text = arena_dup(&sorting->arena, buf_slice(&sorting->folded));
    sorting->failed |= buf_failed(&sorting->folded);
    for (size_t i = 0; i < 8; i++)
        value.first = value.first << 8 | (i < value.text.n ? (unsigned char)value.text.p[i] : 0);
    return value;
}

/* RFC 5256 3 and RFC 5957 3; arrival is the internal date with its time. */
static struct value value_of(struct sorting *sorting, enum imap_sort_criterion criterion,
                             const struct message *message)
{
    switch (criterion) {
    case IMAP_SORT_ARRIVAL:
        return value_of_number(message->internal_date_us);
    case IMAP_SORT_CC:
        return value_of_text(sorting, message->cc);
    case IMAP_SORT_DATE:
        return value_of_number(message->sent_us);
    case IMAP_SORT_FROM:
        return value_of_text(sorting, message->from);
    case IMAP_SORT_SIZE:
        return value_of_number((int64_t)message->size);
    case IMAP_SORT_SUBJECT:
        return value_of_text(sorting, message->base_subject);
    case IMAP_SORT_TO:
        return value_of_text(sorting, message->to);
    case IMAP_SORT_DISPLAYFROM:
        return value_of_text(sorting, message->display_from);
    case IMAP_SORT_DISPLAYTO:
        return value_of_text(sorting, message->display_to);
    }
    return (struct value){0};
}

/* The least of the store's values that the criteria need. */
static unsigned wanted(const struct imap_search *search)
{
    unsigned want = WANT_FLAGS;
    for (size_t i = 0; i < search->sort_count; i++) {
        enum imap_sort_criterion criterion = search->sort[i].criterion;
        if (criterion == IMAP_SORT_DATE)
            want |= WANT_SENT;
        else if (criterion != IMAP_SORT_ARRIVAL && criterion != IMAP_SORT_SIZE)
            want |= WANT_SORT_KEYS;
    }
    return want;
}

static bool add(void *context, const struct message *message, uint32_t seq)
{
    struct sorting *sorting = context;
    const struct imap_search *search = sorting->search;
    if (sorting->count == sorting->cap) {
        size_t cap = MAX(1024, 2 * sorting->cap);
        struct entry *entries = cap <= SORT_MEMORY_MAX / sizeof(*entries)
                                    ? realloc(sorting->entries, cap * sizeof(*entries))
                                    : NULL;
        if (entries == NULL) {
            sorting->failed = true;
            return false;
        }
        sorting->entries = entries;
        sorting->cap = cap;
    }
    struct value *values = arena_array(&sorting->arena, search->sort_count, sizeof(*values));
    for (size_t i = 0; values != NULL && i < search->sort_count; i++)
        values[i] = value_of(sorting, search->sort[i].criterion, message);
    sorting->failed |= arena_failed(&sorting->arena);
    sorting->entries[sorting->count++] =
        (struct entry){.uid = message->uid.v, .seq = seq, .modseq = message->changed.v, .values = values};
    return !sorting->failed;
}

static int entry_order(const void *a, const void *b, void *context)
{
    const struct entry *left = a;
    const struct entry *right = b;
    const struct imap_search *search = context;
    for (size_t i = 0; i < search->sort_count; i++) {
        const struct value *one = &left->values[i];
        const struct value *other = &right->values[i];
        int order = one->first != other->first ? (one->first > other->first ? 1 : -1)
                                               : slice_cmp(one->text, other->text);
        if (order != 0)
            return search->sort[i].reverse ? -order : order;
    }
    /* RFC 5256 3: the order in the mailbox, whatever is reversed. */
    return (left->seq > right->seq) - (left->seq < right->seq);
}

static uint32_t number_of(const struct sorting *sorting, size_t i, bool by_uid)
{
    return by_uid ? sorting->entries[i].uid : sorting->entries[i].seq;
}

static uint64_t modseq_of(const struct sorting *sorting)
{
    struct imap_found_modseqs modseqs = {0};
    for (size_t i = 0; i < sorting->count; i++)
        imap_found_modseq(&modseqs, sorting->entries[i].modseq);
    return imap_result_modseq(sorting->search, &modseqs);
}

static void put_each(struct imap_session *s, const struct sorting *sorting, bool by_uid)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* SORT"));
    for (size_t i = 0; i < sorting->count; i++) {
        buf_putc(out, ' ');
        buf_put_u64(out, number_of(sorting, i, by_uid));
    }
    imap_put_result_modseq(out, modseq_of(sorting));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/* In order; a run of ascending numbers as a range (RFC 5267 3.2). */
static void put_runs(struct buf *out, const struct sorting *sorting, bool by_uid)
{
    for (size_t i = 0; i < sorting->count; i++) {
        uint32_t first = number_of(sorting, i, by_uid);
        uint32_t last = first;
        while (i + 1 < sorting->count && last < UINT32_MAX && number_of(sorting, i + 1, by_uid) == last + 1) {
            last++;
            i++;
        }
        buf_put_u64(out, first);
        if (last > first)
            buf_printf(out, ":%u", last);
        if (i + 1 < sorting->count)
            buf_putc(out, ',');
    }
}

static void put_extended(struct imap_session *s, const struct imap_call *call,
                         const struct imap_search *search, const struct sorting *sorting)
{
    bool by_uid = call->command.by_uid;
    struct imap_esearch result = {.count = sorting->count, .modseq = modseq_of(sorting)};
    if (sorting->count > 0) {
        result.min = number_of(sorting, 0, by_uid);
        result.max = number_of(sorting, sorting->count - 1, by_uid);
    }
    struct buf *out = conn_output(s->conn);
    if (imap_put_esearch(out, call, search, &result)) {
        put_runs(out, sorting, by_uid);
        buf_put(out, S("\r\n"));
    }
    conn_wrote(s->conn);
}

static void save(struct imap_call *call, const struct sorting *sorting)
{
    const struct imap_search *search = sorting->search;
    if (!(search->returns & IMAP_RETURN_SAVE))
        return;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    for (size_t i = 0; i < sorting->count; i++)
        uid_set_add(&uids, sorting->entries[i].uid, sorting->entries[i].uid);
    imap_search_save(call, search, &uids, sorting->count > 0 ? sorting->entries[0].uid : 0,
                     sorting->count > 0 ? sorting->entries[sorting->count - 1].uid : 0);
}

/* RFC 5256 3 SORT, RFC 5267 3 */
void cmd_sort(struct imap_session *s, struct imap_call *call)
{
    struct imap_search *search = &call->command.search;
    CLEANUP(sorting_release)
    struct sorting sorting = {
        .search = search, .arena = ARENA(SORT_MEMORY_MAX), .folded = BUF(SORT_TEXT_MAX)};
    bool whole = imap_search_find(call, search, wanted(search), add, &sorting);
    if (sorting.failed) {
        imap_call_no(call, "LIMIT", "Too many messages to be sorted");
        sorting.count = 0;
    }
    if (sorting.count > 0)
        qsort_r(sorting.entries, sorting.count, sizeof(*sorting.entries), entry_order, search);
    save(call, &sorting);
    if (!whole && sorting.count == 0)
        return;
    if (!search->extended)
        put_each(s, &sorting, call->command.by_uid);
    else if (search->returns != IMAP_RETURN_SAVE)
        put_extended(s, call, search, &sorting);
}
