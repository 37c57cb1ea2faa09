/* What SEARCH, SORT and THREAD have before their keys (RFC 4466 2.6.1, RFC 5256 5, RFC 5267 3). */
#include "imap/search.h"

/* The place of a word in a table. */
static bool parse_choice(struct imap_parser *p, enum imap_place_of_word place, const struct slice *names,
                         size_t count, const char *problem, unsigned *ret)
{
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return imap_parse_fail(p, problem);
    for (size_t i = 0; i < count && imap_parse_knows(p, place, word); i++) {
        if (slice_eq_nocase(word, names[i])) {
            *ret = (unsigned)i;
            return true;
        }
    }
    return imap_parse_fail(p, problem);
}

/* Behind UPDATE: "(UID BODY.PEEK[HEADER])", what is told of messages that come (RFC 5465 7). Its grammar has
 * no space before it, its examples have one. */
static bool parse_update(struct imap_parser *p, enum imap_place_of_word place, struct imap_search *search)
{
    struct slice rest = cursor_rest(&p->text);
    if (!imap_parse_knows(p, place, S("UPDATE items")) ||
        (!slice_starts(rest, S("(")) && !slice_starts(rest, S(" ("))))
        return true;
    cursor_skip_char(&p->text, ' ');
    return imap_parse_fetch_items(p, &search->update);
}

static bool parse_return_option(struct imap_parser *p, enum imap_place_of_word place,
                                struct imap_search *search)
{
    static const struct slice names[] = {
#define X(name) {#name, sizeof(#name) - 1},
        IMAP_RETURN_TABLE(X)
#undef X
    };
    const unsigned results = IMAP_RETURN_ALL | IMAP_RETURN_PARTIAL;
    unsigned at;
    if (!parse_choice(p, place, names, ARRAY_LEN(names), "there is no such return option", &at))
        return false;
    /* RFC 9394 3.1 */
    if (((1U << at) & results) != 0 && (search->returns & results) != 0)
        return imap_parse_fail(p, "only one of PARTIAL and ALL can be returned");
    search->returns |= 1U << at;
    if (at == IMAP_RETURN_AT_UPDATE)
        return parse_update(p, place, search);
    return at != IMAP_RETURN_AT_PARTIAL || (imap_parse_space(p) && imap_parse_partial(p, &search->partial));
}

/* "RETURN (MIN COUNT) ", if it stands here. None named means ALL (RFC 4731 3.1). */
static bool parse_return(struct imap_parser *p, enum imap_place_of_word place, struct imap_search *search)
{
    if (!imap_parse_knows(p, place, S("RETURN")) || !cursor_skip_nocase(&p->text, S("RETURN ")))
        return true;
    search->extended = true;
    if (!imap_parse_char(p, '('))
        return false;
    if (!imap_parse_at(p, ')')) {
        do {
            if (!parse_return_option(p, place, search))
                return false;
        } while (cursor_skip_char(&p->text, ' '));
    }
    if (search->returns == 0)
        search->returns = IMAP_RETURN_ALL;
    return imap_parse_char(p, ')') && imap_parse_space(p);
}

bool imap_parse_search(struct imap_parser *p, struct imap_search *ret)
{
    struct imap_search search = {.charset = slice_none()};
    if (!parse_return(p, IMAP_WORD_SEARCH_OPTION, &search))
        return false;
    if (cursor_skip_nocase(&p->text, S("CHARSET ")) &&
        (!imap_parse_astring(p, &search.charset) || !imap_parse_space(p)))
        return false;
    if (!imap_parse_search_keys(p, &search))
        return false;
    *ret = search;
    return true;
}

static bool parse_sort_key(struct imap_parser *p, struct imap_search *search)
{
    static const struct slice names[] = {
#define X(name) {#name, sizeof(#name) - 1},
        IMAP_SORT_TABLE(X)
#undef X
    };
    struct imap_sort_key key = {.reverse = cursor_skip_nocase(&p->text, S("REVERSE "))};
    unsigned at;
    if (!parse_choice(p, IMAP_WORD_SORT_KEY, names, ARRAY_LEN(names), "there is no such sort criterion", &at))
        return false;
    if (search->sort_count == IMAP_SORT_KEYS_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "too many sort criteria");
    }
    key.criterion = (enum imap_sort_criterion)at;
    search->sort[search->sort_count++] = key;
    return true;
}

/* "UTF-8 UNSEEN ..." */
static bool parse_criteria(struct imap_parser *p, struct imap_search *search)
{
    return imap_parse_astring(p, &search->charset) && imap_parse_space(p) &&
           imap_parse_search_keys(p, search);
}

bool imap_parse_sort(struct imap_parser *p, struct imap_search *ret)
{
    struct imap_search search = {.sort = arena_array(p->arena, IMAP_SORT_KEYS_MAX, sizeof(*search.sort))};
    if (search.sort == NULL)
        return imap_parse_fail(p, "memory");
    if (!parse_return(p, IMAP_WORD_SORT_OPTION, &search) || !imap_parse_char(p, '('))
        return false;
    do {
        if (!parse_sort_key(p, &search))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    if (!imap_parse_char(p, ')') || !imap_parse_space(p) || !parse_criteria(p, &search))
        return false;
    *ret = search;
    return true;
}

bool imap_parse_thread(struct imap_parser *p, struct imap_search *ret)
{
    static const struct slice names[] = {
#define X(name) {#name, sizeof(#name) - 1},
        IMAP_THREAD_TABLE(X)
#undef X
    };
    struct imap_search search = {.charset = slice_none()};
    unsigned at;
    if (!parse_choice(p, IMAP_WORD_THREAD, names, ARRAY_LEN(names), "there is no such threading algorithm",
                      &at) ||
        !imap_parse_space(p) || !parse_criteria(p, &search))
        return false;
    search.algorithm = (enum imap_thread_algorithm)at;
    *ret = search;
    return true;
}
