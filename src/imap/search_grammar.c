/* SEARCH's keys (RFC 3501 6.4.4, 9). */
#include "imap/search.h"

#include "store/message.h"

/* What follows a key's name. */
enum argument {
    ARGUMENT_NONE,
    ARGUMENT_STRING,
    ARGUMENT_DAY,
    ARGUMENT_NUMBER,
    ARGUMENT_INTERVAL,
    ARGUMENT_KEYWORD,
    ARGUMENT_HEADER
};

/* wire name, kind, argument, negated, flag bit, header name */
#define KEY_TABLE(X)                                     \
    X("ALL", ALL, NONE, false, 0, "")                    \
    X("ANSWERED", FLAG, NONE, false, FLAG_ANSWERED, "")  \
    X("BCC", HEADER, STRING, false, 0, "Bcc")            \
    X("BEFORE", BEFORE, DAY, false, 0, "")               \
    X("BODY", BODY, STRING, false, 0, "")                \
    X("CC", HEADER, STRING, false, 0, "Cc")              \
    X("DELETED", FLAG, NONE, false, FLAG_DELETED, "")    \
    X("DRAFT", FLAG, NONE, false, FLAG_DRAFT, "")        \
    X("EMAILID", EMAILID, KEYWORD, false, 0, "")         \
    X("FLAGGED", FLAG, NONE, false, FLAG_FLAGGED, "")    \
    X("FROM", HEADER, STRING, false, 0, "From")          \
    X("HEADER", HEADER, HEADER, false, 0, "")            \
    X("KEYWORD", KEYWORD, KEYWORD, false, 0, "")         \
    X("LARGER", LARGER, NUMBER, false, 0, "")            \
    X("OLD", RECENT, NONE, true, 0, "")                  \
    X("OLDER", OLDER, INTERVAL, false, 0, "")            \
    X("ON", ON, DAY, false, 0, "")                       \
    X("RECENT", RECENT, NONE, false, 0, "")              \
    X("SAVEDATESUPPORTED", ALL, NONE, false, 0, "")      \
    X("SAVEDBEFORE", SAVEDBEFORE, DAY, false, 0, "")     \
    X("SAVEDON", SAVEDON, DAY, false, 0, "")             \
    X("SAVEDSINCE", SAVEDSINCE, DAY, false, 0, "")       \
    X("SEEN", FLAG, NONE, false, FLAG_SEEN, "")          \
    X("SENTBEFORE", SENTBEFORE, DAY, false, 0, "")       \
    X("SENTON", SENTON, DAY, false, 0, "")               \
    X("SENTSINCE", SENTSINCE, DAY, false, 0, "")         \
    X("SINCE", SINCE, DAY, false, 0, "")                 \
    X("SMALLER", SMALLER, NUMBER, false, 0, "")          \
    X("SUBJECT", HEADER, STRING, false, 0, "Subject")    \
    X("TEXT", TEXT, STRING, false, 0, "")                \
    X("THREADID", THREADID, KEYWORD, false, 0, "")       \
    X("TO", HEADER, STRING, false, 0, "To")              \
    X("UNANSWERED", FLAG, NONE, true, FLAG_ANSWERED, "") \
    X("UNDELETED", FLAG, NONE, true, FLAG_DELETED, "")   \
    X("UNDRAFT", FLAG, NONE, true, FLAG_DRAFT, "")       \
    X("UNFLAGGED", FLAG, NONE, true, FLAG_FLAGGED, "")   \
    X("UNKEYWORD", KEYWORD, KEYWORD, true, 0, "")        \
    X("UNSEEN", FLAG, NONE, true, FLAG_SEEN, "")         \
    X("YOUNGER", YOUNGER, INTERVAL, false, 0, "")

static const struct key_row {
    struct slice name;
    enum imap_search_kind kind;
    enum argument argument;
    bool negated;
    unsigned bit;
    struct slice header;
} key_rows[] = {
#define X(text, kind_name, argument_name, is_negated, flag_bit, header_name) \
    {.name = {text, sizeof(text) - 1},                                       \
     .kind = SEARCH_##kind_name,                                             \
     .argument = ARGUMENT_##argument_name,                                   \
     .negated = is_negated,                                                  \
     .bit = flag_bit,                                                        \
     .header = {header_name, sizeof(header_name) - 1}},
    KEY_TABLE(X)
#undef X
};

struct reading {
    struct imap_parser *p;
    bool modseq;
    bool numbers;
    bool filters;
    bool fuzzy;      /* a FUZZY key came */
    unsigned within; /* how many FUZZY keys this one stands in */
    size_t keys;
    unsigned depth;
};

static bool parse_key(struct reading *reading, struct imap_search_key **ret);

static struct imap_search_key *new_key(struct reading *reading, enum imap_search_kind kind)
{
    struct imap_search_key *key =
        reading->keys < IMAP_SEARCH_KEYS_MAX ? ARENA_NEW(reading->p->arena, struct imap_search_key) : NULL;
    if (key == NULL) {
        reading->p->limit = true;
        (void)imap_parse_fail(reading->p, "too many search keys");
        return NULL;
    }
    reading->keys++;
    key->kind = kind;
    return key;
}

/* key, or NOT key. */
static bool give(struct reading *reading, struct imap_search_key *key, bool negated,
                 struct imap_search_key **ret)
{
    *ret = key;
    if (!negated)
        return true;
    struct imap_search_key *not = new_key(reading, SEARCH_NOT);
    if (not == NULL)
        return false;
    not ->child = key;
    *ret = not ;
    return true;
}

static bool parse_argument(struct imap_parser *p, const struct key_row *row, struct imap_search_key *key)
{
    if (row->argument != ARGUMENT_NONE && !imap_parse_space(p))
        return false;
    switch (row->argument) {
    case ARGUMENT_NONE:
        return true;
    case ARGUMENT_STRING:
        return imap_parse_astring(p, &key->text);
    case ARGUMENT_DAY:
        return imap_parse_day(p, &key->day);
    case ARGUMENT_NUMBER:
        return imap_parse_number64(p, &key->bytes);
    case ARGUMENT_INTERVAL:
        return imap_parse_number(p, &key->number) &&
               (key->number > 0 || imap_parse_fail(p, "an interval is never 0"));
    case ARGUMENT_KEYWORD:
        return imap_parse_keyword(p, &key->name);
    case ARGUMENT_HEADER:
        return imap_parse_astring(p, &key->name) && imap_parse_space(p) && imap_parse_astring(p, &key->text);
    }
    return false;
}

static bool parse_row(struct reading *reading, const struct key_row *row, struct imap_search_key **ret)
{
    struct imap_search_key *key = new_key(reading, row->kind);
    if (key == NULL)
        return false;
    key->bit = row->bit;
    /* RFC 6203 5: what is no text is matched exactly. */
    if (reading->within > 0 && row->kind >= SEARCH_HEADER && row->kind <= SEARCH_TEXT) {
        key->kind = SEARCH_FUZZY;
        key->of = row->kind;
    }
    key->name = row->header;
    return parse_argument(reading->p, row, key) && give(reading, key, row->negated, ret);
}

static bool parse_set(struct reading *reading, bool by_uid, struct imap_search_key **ret)
{
    struct imap_search_key *key = new_key(reading, SEARCH_SEQUENCE);
    if (key == NULL)
        return false;
    key->by_uid = by_uid;
    *ret = key;
    if (!imap_parse_sequence_set(reading->p, &key->set))
        return false;
    reading->numbers = reading->numbers || (!by_uid && !key->set.saved);
    return true;
}

/* "UIDAFTER 7", "UIDBEFORE 7": neither holds 7 itself (RFC 9738 3.2). */
static bool parse_uid_bound(struct reading *reading, bool after, struct imap_search_key **ret)
{
    struct imap_parser *p = reading->p;
    struct imap_search_key *key = new_key(reading, SEARCH_SEQUENCE);
    struct imap_sequence_range *range = key == NULL ? NULL : ARENA_NEW(p->arena, struct imap_sequence_range);
    uint32_t uid;
    if (range == NULL || !imap_parse_space(p) || !imap_parse_number(p, &uid))
        return false;
    if (uid == 0)
        return imap_parse_fail(p, "a UID is not 0");
    *range =
        after ? (struct imap_sequence_range){uid + 1, UINT32_MAX} : (struct imap_sequence_range){1, uid - 1};
    key->by_uid = true;
    key->set.ranges = range;
    key->set.count = uid != (after ? UINT32_MAX : 1);
    *ret = key;
    return true;
}

/* "a SP b SP c" as an AND. */
static bool parse_keys(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_search_key *all = new_key(reading, SEARCH_AND);
    if (all == NULL)
        return false;
    struct imap_search_key **last = &all->child;
    do {
        if (!parse_key(reading, last))
            return false;
        last = &(*last)->next;
    } while (cursor_skip_char(&reading->p->text, ' '));
    *ret = all;
    return true;
}

static bool parse_or(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_search_key *either = new_key(reading, SEARCH_OR);
    if (either == NULL)
        return false;
    *ret = either;
    return imap_parse_space(reading->p) && parse_key(reading, &either->child) &&
           imap_parse_space(reading->p) && parse_key(reading, &either->child->next);
}

static bool parse_not(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_search_key *key;
    return imap_parse_space(reading->p) && parse_key(reading, &key) && give(reading, key, true, ret);
}

static bool parse_fuzzy(struct reading *reading, struct imap_search_key **ret)
{
    reading->fuzzy = true;
    reading->within++;
    bool fine = imap_parse_space(reading->p) && parse_key(reading, ret);
    reading->within--;
    return fine;
}

/* RFC 5466 4 */
static bool parse_filter(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_parser *p = reading->p;
    struct imap_search_key *key = new_key(reading, SEARCH_FILTER);
    if (key == NULL || !imap_parse_space(p) || !imap_parse_atom(p, &key->name))
        return false;
    if (slice_find_char(key->name, '/') >= 0)
        return imap_parse_fail(p, "a filter's name has no \"/\"");
    key->number = reading->within;
    reading->filters = true;
    *ret = key;
    return true;
}

/* NEW is RECENT and UNSEEN. */
static bool parse_new(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_search_key *both = new_key(reading, SEARCH_AND);
    struct imap_search_key *recent = both == NULL ? NULL : new_key(reading, SEARCH_RECENT);
    struct imap_search_key *seen = recent == NULL ? NULL : new_key(reading, SEARCH_FLAG);
    if (seen == NULL)
        return false;
    seen->bit = FLAG_SEEN;
    both->child = recent;
    *ret = both;
    return give(reading, seen, true, &recent->next);
}

/*
 * RFC 7162 3.1.5: "MODSEQ 620162338", or with a metadata item in between, which is passed over, as there is
 * one number for all of a message.
 */
static bool parse_modseq(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_parser *p = reading->p;
    struct imap_search_key *key = new_key(reading, SEARCH_MODSEQ);
    if (key == NULL || !imap_parse_space(p))
        return false;
    struct slice entry;
    struct slice type;
    if (imap_parse_at(p, '"')) {
        if (!imap_parse_string(p, &entry) || !imap_parse_space(p) || !imap_parse_atom(p, &type) ||
            !imap_parse_space(p))
            return false;
        if (!slice_eq_nocase(type, S("all")) && !slice_eq_nocase(type, S("priv")) &&
            !slice_eq_nocase(type, S("shared")))
            return imap_parse_fail(p, "a metadata item is all, priv or shared");
    }
    reading->modseq = true;
    *ret = key;
    return imap_parse_modseq(p, &key->modseq);
}

static bool parse_word(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_parser *p = reading->p;
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return imap_parse_fail(p, "a search key is missing");
    if (!imap_parse_knows(p, IMAP_WORD_SEARCH_KEY, word))
        return imap_parse_fail(p, "there is no such search key");
    if (slice_eq_nocase(word, S("OR")))
        return parse_or(reading, ret);
    if (slice_eq_nocase(word, S("NOT")))
        return parse_not(reading, ret);
    if (slice_eq_nocase(word, S("FUZZY")))
        return parse_fuzzy(reading, ret);
    if (slice_eq_nocase(word, S("FILTER")))
        return parse_filter(reading, ret);
    if (slice_eq_nocase(word, S("NEW")))
        return parse_new(reading, ret);
    if (slice_eq_nocase(word, S("MODSEQ")))
        return parse_modseq(reading, ret);
    if (slice_eq_nocase(word, S("UID")))
        return imap_parse_space(p) && parse_set(reading, true, ret);
    if (slice_eq_nocase(word, S("UIDAFTER")) || slice_eq_nocase(word, S("UIDBEFORE")))
        return parse_uid_bound(reading, word.n == strlen("UIDAFTER"), ret);
    for (size_t i = 0; i < ARRAY_LEN(key_rows); i++)
        if (slice_eq_nocase(word, key_rows[i].name))
            return parse_row(reading, &key_rows[i], ret);
    return imap_parse_fail(p, "there is no such search key");
}

static bool parse_key(struct reading *reading, struct imap_search_key **ret)
{
    struct imap_parser *p = reading->p;
    if (reading->depth == IMAP_SEARCH_DEPTH_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "the search is nested too deeply");
    }
    reading->depth++;
    bool fine;
    if (cursor_skip_char(&p->text, '('))
        fine = parse_keys(reading, ret) && imap_parse_char(p, ')');
    else if (imap_parse_at(p, '*') || imap_parse_at(p, '$') || ascii_is_digit((char)cursor_peek(&p->text)))
        fine = parse_set(reading, false, ret);
    else
        fine = parse_word(reading, ret);
    reading->depth--;
    return fine;
}

bool imap_parse_search_keys(struct imap_parser *p, struct imap_search *search)
{
    struct reading reading = {.p = p};
    if (!parse_keys(&reading, &search->root))
        return false;
    search->modseq = reading.modseq;
    search->numbers = reading.numbers;
    search->fuzzy = reading.fuzzy;
    search->filters = reading.filters;
    search->keys = reading.keys;
    bool relevancy = (search->returns & IMAP_RETURN_RELEVANCY) != 0;
    for (size_t i = 0; i < search->sort_count; i++)
        relevancy = relevancy || search->sort[i].criterion == IMAP_SORT_RELEVANCY;
    /* RFC 6203 4, 6 */
    return !relevancy || search->fuzzy || imap_parse_fail(p, "RELEVANCY needs a FUZZY search key");
}

bool imap_parse_filter_keys(struct imap_parser *p, struct imap_search *search, struct imap_search_key *key)
{
    struct reading reading = {.p = p, .keys = search->keys, .within = key->number};
    struct imap_search_key *all;
    bool read = parse_keys(&reading, &all) && imap_parse_end(p);
    search->keys = reading.keys;
    if (!read)
        return false;
    key->kind = SEARCH_AND;
    key->child = all->child;
    search->modseq = search->modseq || reading.modseq;
    search->numbers = search->numbers || reading.numbers;
    search->fuzzy = search->fuzzy || reading.fuzzy;
    return true;
}
