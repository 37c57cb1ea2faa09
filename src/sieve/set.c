/* set, and string (RFC 5229 4, 5). */
#include "sieve/set.h"

#include "base/utf8.h"
#include "sieve/match.h"
#include "sieve/regex.h"

static void put_case(struct buf *out, struct slice text, enum case_choice how)
{
    for (size_t i = 0; i < text.n; i++)
        buf_putc(out, how == CASE_UPPER ? ascii_upper(text.p[i]) : ascii_lower(text.p[i]));
}

static void put_quoted(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '*' || text.p[i] == '?' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
}

/* All but the unreserved characters (RFC 5435 6, RFC 3986 2.3). */
static void put_encoded(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (ascii_is_alnum(text.p[i]) || slice_find_char(S("-._~"), text.p[i]) >= 0)
            buf_putc(out, text.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)text.p[i]);
}

static size_t count_characters(struct slice text)
{
    struct cursor c = cursor_of(text);
    size_t count = 0;
    for (; !cursor_done(&c); count++)
        utf8_next(&c);
    return count;
}

/* One modifier after the other, by their precedence (RFC 5229 4.1). */
static void modify(const struct node *node, struct slice value, struct buf *out)
{
    CLEANUP(buf_release) struct buf cased = BUF(SIEVE_TEXT_MAX);
    const struct value *whole = node_value(node, SLOT_CASE), *first = node_value(node, SLOT_FIRST_LETTER);
    if (whole != NULL) {
        put_case(&cased, value, (enum case_choice)whole->choice);
        value = buf_slice(&cased);
    }
    CLEANUP(buf_release) struct buf begun = BUF(SIEVE_TEXT_MAX);
    if (first != NULL) {
        put_case(&begun, slice_sub(value, 0, 1), (enum case_choice)first->choice);
        buf_put(&begun, slice_from(value, 1));
        value = buf_slice(&begun);
    }
    CLEANUP(buf_release) struct buf quoted = BUF(2 * SIEVE_TEXT_MAX);
    if (node_has(node, SLOT_QUOTE)) {
        if (node_choice(node, SLOT_QUOTE, QUOTE_WILDCARD) == QUOTE_REGEX)
            regex_quote(&quoted, value);
        else
            put_quoted(&quoted, value);
        value = buf_slice(&quoted);
    }
    CLEANUP(buf_release) struct buf encoded = BUF(3 * SIEVE_TEXT_MAX);
    if (node_has(node, SLOT_ENCODE_URL)) {
        put_encoded(&encoded, value);
        value = buf_slice(&encoded);
    }
    if (node_has(node, SLOT_LENGTH))
        buf_put_u64(out, count_characters(value));
    else
        buf_put(out, value);
}

enum err set_modified(struct run *run, const struct node *node, struct slice value, struct error *error)
{
    CLEANUP(buf_release) struct buf modified = BUF(2 * SIEVE_TEXT_MAX);
    struct slice name;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    if (e == ERR_OK)
        e = run_spend(run, value.n, error);
    if (e != ERR_OK)
        return e;
    struct buf *variable = run_variable(run, name);
    if (variable == NULL)
        return run_fail(run, error, "there is no variable \"%.*s\"", SLICE_ARGS(slice_sub(name, 0, 64)));
    modify(node, value, &modified);
    if (buf_failed(&modified))
        return run_too_much(run, error);
    run_set_variable(run, variable, buf_slice(&modified));
    return ERR_OK;
}

enum err act_set(struct run *run, const struct node *node, struct error *error)
{
    struct slice value;
    enum err e = run_argument(run, node, SLOT_VALUE, &value, error);
    return e == ERR_OK ? set_modified(run, node, value, error) : e;
}

static enum err try_strings(struct run *run, const struct node *node, struct match *match, bool *ret,
                            struct error *error)
{
    const struct value *sources = node_value(node, SLOT_VALUE);
    const struct slice *texts;
    bool found = false;
    enum err e = run_texts(run, sources, &texts, error);
    for (uint32_t i = 0; i < sources->count && !found && e == ERR_OK; i++)
        /* RFC 5229 5: an empty string counts for nothing. */
        if (match->type != MATCH_COUNT || texts[i].n > 0)
            e = match_try(match, texts[i], &found, error);
    if (e == ERR_OK && !found)
        e = match_close(match, &found, error);
    if (e == ERR_OK)
        *ret = found;
    return e;
}

enum err test_string(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_strings(run, node, &match, ret, error) : e;
}
