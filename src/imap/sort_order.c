#include "imap/sort_order.h"

#include "mime/summary.h"

void imap_sorter_release(struct imap_sorter *sorter)
{
    arena_release(&sorter->arena);
    buf_release(&sorter->folded);
}

static struct imap_sort_value value_of_number(int64_t number)
{
    return (struct imap_sort_value){.first = (uint64_t)number ^ (UINT64_C(1) << 63)};
}

static struct imap_sort_value value_of_text(struct imap_sorter *sorter, struct slice text)
{
    struct imap_sort_value value = {0};
    buf_clear(&sorter->folded);
    imap_comparator_key(&sorter->folded, sorter->search->comparator, text);
    value.text = arena_dup(&sorter->arena, buf_slice(&sorter->folded));
    sorter->failed |= buf_failed(&sorter->folded);
    for (size_t i = 0; i < 8; i++)
        value.first = value.first << 8 | (i < value.text.n ? (unsigned char)value.text.p[i] : 0);
    return value;
}

/* Arrival is the internal date with its time. */
static struct imap_sort_value value_of(struct imap_sorter *sorter, enum imap_sort_criterion criterion,
                                       const struct message *message)
{
    switch (criterion) {
    case IMAP_SORT_ARRIVAL:
        return value_of_number(message->internal_date_us);
    case IMAP_SORT_CC:
        return value_of_text(sorter, message->cc);
    case IMAP_SORT_DATE:
        return value_of_number(message->sent_us);
    case IMAP_SORT_FROM:
        return value_of_text(sorter, message->from);
    case IMAP_SORT_SIZE:
        return value_of_number((int64_t)message->size);
    case IMAP_SORT_SUBJECT:
        return value_of_text(sorter, message->base_subject);
    case IMAP_SORT_TO:
        return value_of_text(sorter, message->to);
    case IMAP_SORT_DISPLAYFROM:
        return value_of_text(sorter, message->display_from);
    case IMAP_SORT_DISPLAYTO:
        return value_of_text(sorter, message->display_to);
    case IMAP_SORT_RELEVANCY: /* RFC 6203 6: the highest first */
        return value_of_number(-(int64_t)sorter->relevancy);
    }
    return (struct imap_sort_value){0};
}

unsigned imap_sort_wants(const struct imap_search *search)
{
    unsigned want = WANT_FLAGS;
    for (size_t i = 0; i < search->sort_count; i++) {
        enum imap_sort_criterion criterion = search->sort[i].criterion;
        if (criterion == IMAP_SORT_DATE)
            want |= WANT_SENT;
        else if (criterion != IMAP_SORT_ARRIVAL && criterion != IMAP_SORT_SIZE &&
                 criterion != IMAP_SORT_RELEVANCY)
            want |= WANT_SORT_KEYS;
    }
    return want;
}

struct imap_sort_value *imap_sort_values(struct imap_sorter *sorter, const struct message *message)
{
    const struct imap_search *search = sorter->search;
    struct imap_sort_value *values = arena_array(&sorter->arena, search->sort_count, sizeof(*values));
    for (size_t i = 0; values != NULL && i < search->sort_count; i++)
        values[i] = value_of(sorter, search->sort[i].criterion, message);
    sorter->failed |= arena_failed(&sorter->arena);
    return sorter->failed ? NULL : values;
}

/* The comparator's direction is that of the texts it compares: octets stay last (RFC 5255 4.6). */
static bool is_turned(const struct imap_search *search, enum imap_sort_criterion criterion,
                      const struct imap_sort_value *a, const struct imap_sort_value *b)
{
    bool number = criterion == IMAP_SORT_ARRIVAL || criterion == IMAP_SORT_DATE ||
                  criterion == IMAP_SORT_SIZE || criterion == IMAP_SORT_RELEVANCY;
    return search->comparator.descending && !number && !mime_sort_key_is_octets(a->text) &&
           !mime_sort_key_is_octets(b->text);
}

int imap_sort_compare(const struct imap_search *search, const struct imap_sort_value *a, uint32_t a_uid,
                      const struct imap_sort_value *b, uint32_t b_uid)
{
    for (size_t i = 0; i < search->sort_count; i++) {
        int order =
            a[i].first != b[i].first ? (a[i].first > b[i].first ? 1 : -1) : slice_cmp(a[i].text, b[i].text);
        if (order != 0 && is_turned(search, search->sort[i].criterion, &a[i], &b[i]))
            order = -order;
        if (order != 0)
            return search->sort[i].reverse ? -order : order;
    }
    /* RFC 5256 3: the order in the mailbox, whatever is reversed. */
    return (a_uid > b_uid) - (a_uid < b_uid);
}
