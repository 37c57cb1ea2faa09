#include "imap/search_fuzzy.h"

#include <utf8proc.h>

#include "base/utf8.h"
#include "imap/search.h"

enum { SCORE_WHOLE = 100, SCORE_BEGINNING = 60, SCORE_NEAR = 10, FIRST_IDEOGRAPH = 0x2e80 };

/* A word being read; letters beyond the limit are counted only. */
struct word {
    uint32_t letters[IMAP_FUZZY_LETTERS_MAX];
    size_t count;
};

static bool is_mark(int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME;
}

static bool is_letter(int32_t c)
{
    if (c >= 0 && c < 0x80)
        return ascii_is_alnum((char)c);
    utf8proc_category_t category = utf8proc_category(c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
}

/* The next word without its marks; false: no more. */
static bool next_word(struct cursor *c, struct word *word)
{
    word->count = 0;
    while (!cursor_done(c)) {
        int32_t letter = utf8_next(c);
        if (letter >= 0x80 && is_mark(letter))
            continue;
        if (letter < 0 || !is_letter(letter)) {
            if (word->count > 0)
                return true;
            continue;
        }
        if (word->count < IMAP_FUZZY_LETTERS_MAX)
            word->letters[word->count] = (uint32_t)letter;
        word->count++;
    }
    return word->count > 0;
}

static size_t letters_of(size_t count)
{
    return MIN(count, (size_t)IMAP_FUZZY_LETTERS_MAX);
}

struct imap_fuzzy *imap_fuzzy_new(struct arena *arena, struct slice folded)
{
    struct imap_fuzzy *fuzzy = ARENA_NEW(arena, struct imap_fuzzy);
    struct cursor c = cursor_of(folded);
    struct word word;
    if (fuzzy == NULL)
        return NULL;
    fuzzy->words = arena_array(arena, IMAP_FUZZY_WORDS_MAX, sizeof(*fuzzy->words));
    while (fuzzy->words != NULL && next_word(&c, &word)) {
        if (fuzzy->count == IMAP_FUZZY_WORDS_MAX)
            return NULL;
        struct imap_fuzzy_word *to = &fuzzy->words[fuzzy->count++];
        to->count = letters_of(word.count);
        memcpy(to->letters, word.letters, to->count * sizeof(*to->letters));
        for (size_t i = 0; i < to->count; i++)
            to->anywhere = to->anywhere || to->letters[i] >= FIRST_IDEOGRAPH;
    }
    return fuzzy->words == NULL ? NULL : fuzzy;
}

void imap_fuzzy_begin(struct imap_fuzzy *fuzzy)
{
    for (size_t i = 0; i < fuzzy->count; i++)
        fuzzy->words[i].best = 0;
}

static bool same(const uint32_t *a, const uint32_t *b, size_t count)
{
    return memcmp(a, b, count * sizeof(*a)) == 0;
}

/* One letter put in, left out, changed, or swapped with its neighbour; neither is the beginning of the other.
 */
static bool is_near(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
    size_t at = 0;
    while (at < a_count && at < b_count && a[at] == b[at])
        at++;
    size_t a_left = a_count - at;
    size_t b_left = b_count - at;
    if (a_left == b_left) {
        if (a_left > 0 && same(a + at + 1, b + at + 1, a_left - 1))
            return true;
        return a_left > 1 && a[at] == b[at + 1] && a[at + 1] == b[at] &&
               same(a + at + 2, b + at + 2, a_left - 2);
    }
    if (a_left == b_left + 1)
        return same(a + at + 1, b + at, b_left);
    return b_left == a_left + 1 && same(a + at, b + at + 1, a_left);
}

static bool is_within(const struct imap_fuzzy_word *wanted, const struct word *word)
{
    size_t count = letters_of(word->count);
    for (size_t at = 0; at + wanted->count <= count; at++)
        if (same(word->letters + at, wanted->letters, wanted->count))
            return true;
    return false;
}

static unsigned quality(const struct imap_fuzzy_word *wanted, const struct word *word)
{
    size_t count = letters_of(word->count);
    if (count >= wanted->count && same(word->letters, wanted->letters, wanted->count))
        return count == wanted->count ? SCORE_WHOLE : SCORE_BEGINNING;
    if (wanted->anywhere)
        return is_within(wanted, word) ? SCORE_BEGINNING : 0;
    if (MAX(count, wanted->count) < IMAP_FUZZY_NEAR_MIN)
        return 0;
    return is_near(wanted->letters, wanted->count, word->letters, count) ? SCORE_NEAR : 0;
}

void imap_fuzzy_look(struct imap_fuzzy *fuzzy, struct slice folded, enum imap_fuzzy_place place)
{
    struct cursor c = cursor_of(folded);
    struct word word;
    while (next_word(&c, &word)) {
        for (size_t i = 0; i < fuzzy->count; i++) {
            struct imap_fuzzy_word *wanted = &fuzzy->words[i];
            unsigned score = quality(wanted, &word);
            if (score > 0)
                wanted->best = MAX(wanted->best, MAX(1U, score * (unsigned)place / 100));
        }
    }
}

unsigned imap_fuzzy_score(const struct imap_fuzzy *fuzzy)
{
    unsigned sum = 0;
    for (size_t i = 0; i < fuzzy->count; i++) {
        if (fuzzy->words[i].best == 0)
            return 0;
        sum += fuzzy->words[i].best;
    }
    return fuzzy->count == 0 ? 0 : MAX(1U, sum / (unsigned)fuzzy->count);
}

/* 0: none. */
static unsigned relevancy(const struct imap_search_key *key, uint64_t message)
{
    unsigned best = 0;
    unsigned sum = 0;
    unsigned count = 0;
    if (key->kind == SEARCH_FUZZY)
        return key->fuzzy->message == message ? key->fuzzy->score : 0;
    if (key->kind != SEARCH_AND && key->kind != SEARCH_OR)
        return 0;
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next) {
        unsigned score = relevancy(child, message);
        best = MAX(best, score);
        sum += score;
        count += score > 0;
    }
    return key->kind == SEARCH_OR || count == 0 ? best : MAX(1U, sum / count);
}

unsigned imap_fuzzy_relevancy(const struct imap_search_key *root, uint64_t message)
{
    unsigned score = relevancy(root, message);
    return score > 0 ? score : 100;
}

enum imap_fuzzy_place imap_fuzzy_place_of(struct slice field_name)
{
    static const struct slice addresses[] = {{"From", 4}, {"To", 2},     {"Cc", 2},
                                             {"Bcc", 3},  {"Sender", 6}, {"Reply-To", 8}};
    if (slice_eq_nocase(field_name, S("Subject")))
        return IMAP_FUZZY_IN_SUBJECT;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        if (slice_eq_nocase(field_name, addresses[i]))
            return IMAP_FUZZY_IN_ADDRESS;
    return IMAP_FUZZY_IN_FIELD;
}
