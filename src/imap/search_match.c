#include "imap/search_match.h"

#include "imap/search_fuzzy.h"
#include "mime/date.h"
#include "mime/header.h"

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };
enum level { LEVEL_ROW, LEVEL_HEADER, LEVEL_WHOLE };

/* One message being tested. */
struct test {
    struct imap_matcher *m;
    const struct message *message;
    enum level level;
    struct slice header;    /* from LEVEL_HEADER on */
    struct mime_part *root; /* at LEVEL_WHOLE */
};

static enum answer answer_of(bool yes)
{
    return yes ? ANSWER_YES : ANSWER_NO;
}

static int32_t day_of_us(int64_t us)
{
    return (int32_t)(us / CLOCK_DAY - (us % CLOCK_DAY < 0));
}

static int64_t second_of_us(int64_t us)
{
    return us / CLOCK_SECOND - (us % CLOCK_SECOND < 0);
}

static bool contains(struct slice text, struct slice needle)
{
    return needle.n == 0 || (text.n >= needle.n && memmem(text.p, text.n, needle.p, needle.n) != NULL);
}

static bool holds(struct mime_search_text text, const struct imap_search_key *key)
{
    return contains(text.text, text.octets ? key->octets : key->text);
}

static bool lacks(void *key, struct mime_search_text text)
{
    return !holds(text, *(const struct imap_search_key *const *)key);
}

/* A field of that name that holds the text (empty: any such field, RFC 3501 6.4.4 HEADER). */
static bool header_has(struct test *t, const struct imap_search_key *key)
{
    struct cursor c = cursor_of(t->header);
    struct mime_field field;
    while (mime_field_next(&c, &field))
        if (slice_eq_nocase(field.name, key->name) &&
            holds(mime_search_value(&t->m->search, field.value), key))
            return true;
    return false;
}

static enum answer test_text(struct test *t, const struct imap_search_key *key)
{
    if (t->level == LEVEL_ROW)
        return search_hits_may_match(&key->hits, t->message->object) ? ANSWER_UNKNOWN : ANSWER_NO;
    if (key->kind == SEARCH_HEADER)
        return answer_of(header_has(t, key));
    if (key->text.n == 0) /* every text holds it, and what is no text too (RFC 3501 6.4.4) */
        return ANSWER_YES;
    if (key->kind == SEARCH_TEXT && !mime_search_fields(&t->m->search, t->header, lacks, &key))
        return ANSWER_YES;
    if (t->level == LEVEL_HEADER)
        return ANSWER_UNKNOWN;
    return answer_of(!mime_search_body(&t->m->search, t->root, lacks, &key));
}

/* A body's texts go one after the other into what is wanted of them. */
struct fuzzy_text {
    const struct imap_search_key *key;
    bool exact; /* a query without words is found as it is written */
};

static void look(struct fuzzy_text *text, struct slice folded, enum imap_fuzzy_place place)
{
    text->exact = text->exact || (text->key->fuzzy->count == 0 && contains(folded, text->key->text));
    imap_fuzzy_look(text->key->fuzzy, folded, place);
}

static bool look_in_body(void *text, struct mime_search_text folded)
{
    look(text, folded.text, IMAP_FUZZY_IN_BODY);
    return true;
}

/* RFC 6203: the best of the whole message counts, so a text in the header does not end the looking. */
static enum answer test_fuzzy(struct test *t, const struct imap_search_key *key)
{
    struct fuzzy_text text = {.key = key};
    struct cursor c = cursor_of(t->header);
    struct mime_field field;
    if (t->level < (key->of == SEARCH_HEADER ? LEVEL_HEADER : LEVEL_WHOLE))
        return ANSWER_UNKNOWN;
    enum mime_search_way way = t->m->search.way;
    t->m->search.way = MIME_SEARCH_WIDE;
    imap_fuzzy_begin(key->fuzzy);
    while (key->of != SEARCH_BODY && mime_field_next(&c, &field))
        if (key->of == SEARCH_TEXT || slice_eq_nocase(field.name, key->name))
            look(&text, mime_search_value(&t->m->search, field.value).text, imap_fuzzy_place_of(field.name));
    bool looked = key->of == SEARCH_HEADER || mime_search_body(&t->m->search, t->root, look_in_body, &text);
    t->m->search.way = way;
    key->fuzzy->score = text.exact ? 100 : imap_fuzzy_score(key->fuzzy);
    key->fuzzy->message = t->m->messages;
    return answer_of(looked && key->fuzzy->score > 0);
}

static bool compare_day(enum imap_search_kind kind, int32_t day, int32_t wanted)
{
    switch (kind) {
    case SEARCH_BEFORE:
    case SEARCH_SENTBEFORE:
    case SEARCH_SAVEDBEFORE:
        return day < wanted;
    case SEARCH_ON:
    case SEARCH_SENTON:
    case SEARCH_SAVEDON:
        return day == wanted;
    default:
        return day >= wanted;
    }
}

/* The day of the Date field in its writer's zone; without one, the internal date's. */
static enum answer test_sent(struct test *t, const struct imap_search_key *key)
{
    if (t->level == LEVEL_ROW)
        return ANSWER_UNKNOWN;
    struct mime_field field;
    struct mime_date date;
    int32_t day = day_of_us(t->message->internal_date_us);
    if (mime_field_find(t->header, S("Date"), &field) && mime_date_parse(field.value, &date))
        day = mime_date_day(date);
    return answer_of(compare_day(key->kind, day, key->day));
}

static enum answer test_key(struct test *t, const struct imap_search_key *key);

static enum answer test_and(struct test *t, const struct imap_search_key *key)
{
    enum answer all = ANSWER_YES;
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next) {
        enum answer answer = test_key(t, child);
        if (answer == ANSWER_NO)
            return ANSWER_NO;
        if (answer == ANSWER_UNKNOWN)
            all = ANSWER_UNKNOWN;
    }
    return all;
}

static enum answer test_or(struct test *t, const struct imap_search_key *key)
{
    enum answer any = ANSWER_NO;
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next) {
        enum answer answer = test_key(t, child);
        if (answer == ANSWER_YES)
            return ANSWER_YES;
        if (answer == ANSWER_UNKNOWN)
            any = ANSWER_UNKNOWN;
    }
    return any;
}

static enum answer test_not(struct test *t, const struct imap_search_key *key)
{
    enum answer answer = test_key(t, key->child);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    return answer_of(answer == ANSWER_NO);
}

static bool is_id(struct slice wanted, const char *format, uint64_t id)
{
    char text[32];
    snprintf(text, sizeof(text), "%c%llx", format[0], (unsigned long long)id);
    return slice_eq(wanted, slice_cstr(text));
}

static enum answer test_key(struct test *t, const struct imap_search_key *key)
{
    const struct message *message = t->message;
    switch (key->kind) {
    case SEARCH_ALL:
        return ANSWER_YES;
    case SEARCH_AND:
        return test_and(t, key);
    case SEARCH_OR:
        return test_or(t, key);
    case SEARCH_NOT:
        return test_not(t, key);
    case SEARCH_SEQUENCE:
        return answer_of(uid_set_has(&key->uids, message->uid.v));
    case SEARCH_FLAG:
        return answer_of(flag_has(&message->flags, key->bit));
    case SEARCH_KEYWORD:
        return answer_of(key->known && flag_has(&message->flags, key->bit));
    case SEARCH_RECENT:
        return answer_of(view_is_recent(t->m->call->session->view, message->uid));
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        return answer_of(compare_day(key->kind, day_of_us(message->internal_date_us), key->day));
    case SEARCH_SENTBEFORE:
    case SEARCH_SENTON:
    case SEARCH_SENTSINCE:
        return test_sent(t, key);
    case SEARCH_OLDER:
        return answer_of(second_of_us(message->internal_date_us) <= key->second);
    case SEARCH_YOUNGER:
        return answer_of(second_of_us(message->internal_date_us) >= key->second);
    case SEARCH_LARGER:
        return answer_of(message->size > key->bytes);
    case SEARCH_SMALLER:
        return answer_of(message->size < key->bytes);
    case SEARCH_SAVEDBEFORE:
    case SEARCH_SAVEDON:
    case SEARCH_SAVEDSINCE:
        return answer_of(compare_day(key->kind, day_of_us(message->saved_us), key->day));
    case SEARCH_EMAILID:
        return answer_of(is_id(key->name, IMAP_EMAILID_FORMAT, message->object.v));
    case SEARCH_THREADID:
        return answer_of(is_id(key->name, IMAP_THREADID_FORMAT, message->thread.v));
    case SEARCH_MODSEQ:
        return answer_of(message->changed.v >= key->modseq);
    case SEARCH_HEADER:
    case SEARCH_BODY:
    case SEARCH_TEXT:
        return test_text(t, key);
    case SEARCH_FUZZY:
        return test_fuzzy(t, key);
    case SEARCH_FILTER:
        break; /* none is left: imap_search_expand */
    }
    return ANSWER_NO;
}

/* A key that the header decides. TEXT is none: where it is not in the header, the body must be read. */
static bool asks_header(const struct imap_search_key *key)
{
    switch (key->kind == SEARCH_FUZZY ? key->of : key->kind) {
    case SEARCH_HEADER:
    case SEARCH_SENTBEFORE:
    case SEARCH_SENTON:
    case SEARCH_SENTSINCE:
        return true;
    default:
        break;
    }
    for (const struct imap_search_key *child = key->child; child != NULL; child = child->next)
        if (asks_header(child))
            return true;
    return false;
}

void imap_matcher_init(struct imap_matcher *m, struct imap_call *call, const struct imap_search *search)
{
    *m = (struct imap_matcher){
        .call = call,
        .root = search->root,
        .asks_header = asks_header(search->root),
        .arena = ARENA(IMAP_COMMAND_ARENA_MAX),
        .search = MIME_SEARCH(IMAP_SEARCH_TEXT_MAX),
    };
    m->search.way = imap_comparator_way(search->comparator);
}

void imap_matcher_release(struct imap_matcher *m)
{
    arena_release(&m->arena);
    mime_search_release(&m->search);
}

static enum err test_content(struct test *t, enum content_part part, enum answer *ret, struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    enum err err = message_read(t->m->call->session->account, t->message->object, part, &content, error);
    if (err != ERR_OK)
        return err;
    t->header = slice_sub(content.whole, 0, content.header_n);
    t->level = LEVEL_HEADER;
    if (part == CONTENT_WHOLE) {
        err = mime_parse(&t->m->arena, content.whole, &t->root, error);
        if (err != ERR_OK)
            return err;
        t->level = LEVEL_WHOLE;
    }
    *ret = test_key(t, t->m->root);
    arena_reset(&t->m->arena);
    return ERR_OK;
}

enum err imap_matcher_test(struct imap_matcher *m, const struct message *message, bool *ret_matches,
                           struct error *error)
{
    struct test t = {.m = m, .message = message, .level = LEVEL_ROW};
    mime_search_begin(&m->search);
    m->messages++;
    enum answer answer = test_key(&t, m->root);
    if (answer == ANSWER_UNKNOWN) {
        /* Else reading the header first would only be a second reading. */
        enum err err = m->asks_header ? test_content(&t, CONTENT_HEADER, &answer, error) : ERR_OK;
        if (err == ERR_OK && answer == ANSWER_UNKNOWN)
            err = test_content(&t, CONTENT_WHOLE, &answer, error);
        if (err != ERR_OK)
            return err;
    }
    if (mime_search_failed(&m->search))
        return fail_plain(error, ERR_LIMIT, "a message is too large to be searched");
    *ret_matches = answer == ANSWER_YES;
    return ERR_OK;
}
