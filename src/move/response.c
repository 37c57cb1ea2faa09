#include "move/response.h"

/* --- values --- */

/* A quoted string without its quotes and escapes. */
static bool read_quoted(struct cursor *c, struct arena *arena, struct slice *ret)
{
    if (!cursor_skip_char(c, '"'))
        return false;
    struct slice raw = cursor_rest(c);
    size_t n = 0;
    while (n < raw.n && raw.p[n] != '"')
        n += raw.p[n] == '\\' && n + 1 < raw.n ? 2 : 1;
    if (n >= raw.n)
        return false;
    raw.n = n;
    cursor_take(c, n + 1);
    if (slice_find_char(raw, '\\') < 0) {
        *ret = raw;
        return true;
    }
    char *text = arena_alloc(arena, raw.n + 1);
    if (text == NULL)
        return false;
    size_t out = 0;
    for (size_t i = 0; i < raw.n; i++) {
        i += raw.p[i] == '\\' && i + 1 < raw.n;
        text[out++] = raw.p[i];
    }
    *ret = slice_of(text, out);
    return true;
}

/* "{5}" CRLF and the bytes, as response_reader put them into the text. */
static bool read_literal(struct cursor *c, struct slice *ret)
{
    uint64_t n;
    (void)cursor_skip_char(c, '~');
    if (!cursor_skip_char(c, '{') || !cursor_u64(c, &n))
        return false;
    (void)cursor_skip_char(c, '+');
    if (!cursor_skip(c, S("}\r\n")) || n > cursor_left(c))
        return false;
    *ret = cursor_take(c, (size_t)n);
    return true;
}

static bool read_atom(struct cursor *c, struct slice *ret)
{
    *ret = cursor_take_until(c, S(" ()\"{\r\n"));
    return ret->n > 0;
}

/* A string of any form; an atom too, NIL as p NULL. */
static bool read_string(struct cursor *c, struct arena *arena, struct slice *ret)
{
    if (cursor_peek(c) == '"')
        return read_quoted(c, arena, ret);
    if (cursor_peek(c) == '{' || cursor_peek(c) == '~')
        return read_literal(c, ret);
    if (!read_atom(c, ret))
        return false;
    if (slice_eq_nocase(*ret, S("NIL")))
        *ret = slice_none();
    return true;
}

/* What stands between parentheses, these left out; they may nest. */
static bool read_list(struct cursor *c, struct arena *arena, struct slice *ret)
{
    unsigned depth = 0;
    struct slice ignored;
    if (cursor_peek(c) != '(')
        return false;
    const char *start = c->p + 1;
    do {
        if (cursor_skip_char(c, '('))
            depth++;
        else if (cursor_skip_char(c, ')'))
            depth--;
        else if (!cursor_skip_char(c, ' ') && !read_string(c, arena, &ignored))
            return false;
    } while (depth > 0 && depth <= RESPONSE_DEPTH_MAX);
    *ret = slice_of(start, (size_t)(c->p - start) - 1);
    return depth == 0;
}

static bool skip_value(struct cursor *c, struct arena *arena)
{
    struct slice ignored;
    return cursor_peek(c) == '(' ? read_list(c, arena, &ignored) : read_string(c, arena, &ignored);
}

bool response_word(struct cursor *c, struct slice *ret_word)
{
    cursor_take_while(c, S(" "));
    *ret_word = cursor_take_until(c, S(" "));
    return ret_word->n > 0;
}

bool response_has_word(struct slice words, struct slice word)
{
    struct cursor c = cursor_of(words);
    struct slice have;
    while (response_word(&c, &have))
        if (slice_eq_nocase(have, word))
            return true;
    return false;
}

/* --- responses --- */

static enum response_status status_of(struct slice word)
{
    static const struct {
        struct slice word;
        enum response_status status;
    } table[] = {
        {{"OK", 2}, STATUS_OK},   {{"NO", 2}, STATUS_NO},           {{"BAD", 3}, STATUS_BAD},
        {{"BYE", 3}, STATUS_BYE}, {{"PREAUTH", 7}, STATUS_PREAUTH},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (slice_eq_nocase(word, table[i].word))
            return table[i].status;
    return STATUS_NONE;
}

static void read_status(struct cursor *c, struct response *r)
{
    (void)cursor_skip_char(c, ' ');
    if (cursor_skip_char(c, '[')) {
        r->code = cursor_take_until(c, S("]"));
        (void)cursor_skip_char(c, ']');
        (void)cursor_skip_char(c, ' ');
    }
    r->text = cursor_rest(c);
}

/* (attributes) separator name */
static void read_list_response(struct cursor *c, struct arena *arena, struct response *r)
{
    struct slice separator;
    bool good = cursor_skip_char(c, ' ') && read_list(c, arena, &r->attributes) && cursor_skip_char(c, ' ') &&
                read_string(c, arena, &separator) && cursor_skip_char(c, ' ');
    if (!good)
        return;
    r->separator = separator.n == 1 ? separator.p[0] : 0;
    bool quoted = cursor_peek(c) == '"' || cursor_peek(c) == '{';
    /* An atom may hold brackets and braces with some servers; it ends the line, unless extended data follow.
     */
    struct slice name;
    if (quoted ? read_string(c, arena, &name) : (name = cursor_take_until(c, S(" ("))).n > 0)
        r->name = name;
}

/* (("prefix" "/" ...) ...) or NIL, three of them: personal, other people's, shared. */
static void read_namespaces(struct cursor *c, struct arena *arena, struct response *r)
{
    for (int which = 0; which < 3; which++) {
        struct slice all;
        if (!cursor_skip_char(c, ' '))
            return;
        if (cursor_peek(c) != '(') {
            if (!skip_value(c, arena))
                return;
            continue;
        }
        if (!read_list(c, arena, &all))
            return;
        struct cursor each = cursor_of(all);
        struct slice one;
        while (r->namespace_count < RESPONSE_NAMESPACES_MAX && read_list(&each, arena, &one)) {
            struct cursor inside = cursor_of(one);
            struct response_namespace *space = &r->namespaces[r->namespace_count];
            if (read_string(&inside, arena, &space->prefix)) {
                space->personal = which == 0;
                r->namespace_count++;
            }
            cursor_take_while(&each, S(" "));
        }
    }
}

static bool read_fetch_item(struct cursor *c, struct arena *arena, struct response *r)
{
    struct slice name = cursor_take_until(c, S(" (["));
    if (cursor_peek(c) == '[') { /* BODY[...]<0> */
        const char *start = name.p;
        cursor_take_until(c, S("]"));
        cursor_take_until(c, S(" "));
        name = slice_of(start, (size_t)(c->p - start));
    }
    if (!cursor_skip_char(c, ' ') && cursor_peek(c) != '(')
        return false;
    struct slice value;
    if (slice_eq_nocase(name, S("UID")))
        return cursor_u32(c, &r->uid);
    if (slice_eq_nocase(name, S("FLAGS"))) {
        r->has_flags = read_list(c, arena, &r->flags);
        return r->has_flags;
    }
    if (slice_eq_nocase(name, S("INTERNALDATE")))
        return read_string(c, arena, &r->date);
    if (slice_eq_nocase(name, S("RFC822.SIZE"))) {
        r->has_size = cursor_u64(c, &r->size);
        return r->has_size;
    }
    if (slice_eq_nocase(name, S("BODY[]"))) {
        r->has_body = read_string(c, arena, &value);
        r->body = value;
        return r->has_body;
    }
    return skip_value(c, arena);
}

static void read_fetch(struct cursor *c, struct arena *arena, struct response *r)
{
    cursor_take_while(c, S(" "));
    if (!cursor_skip_char(c, '('))
        return;
    while (cursor_peek(c) != ')' && !cursor_done(c)) {
        if (!read_fetch_item(c, arena, r))
            return;
        cursor_take_while(c, S(" "));
    }
    r->kind = RESPONSE_FETCH;
}

static void read_numbered(struct cursor *c, struct arena *arena, struct response *r)
{
    if (!cursor_u32(c, &r->number) || !cursor_skip_char(c, ' '))
        return;
    struct slice word = cursor_take_until(c, S(" "));
    if (slice_eq_nocase(word, S("EXISTS")))
        r->kind = RESPONSE_EXISTS;
    else if (slice_eq_nocase(word, S("FETCH")))
        read_fetch(c, arena, r);
}

static void read_untagged(struct cursor *c, struct arena *arena, struct response *r)
{
    if (ascii_is_digit((char)cursor_peek(c))) {
        read_numbered(c, arena, r);
        return;
    }
    struct slice word = cursor_take_until(c, S(" "));
    r->status = status_of(word);
    if (r->status != STATUS_NONE) {
        r->kind = RESPONSE_STATUS;
        read_status(c, r);
    } else if (slice_eq_nocase(word, S("CAPABILITY"))) {
        r->kind = RESPONSE_CAPABILITY;
        r->text = cursor_rest(c);
    } else if (slice_eq_nocase(word, S("LIST"))) {
        r->kind = RESPONSE_LIST;
        read_list_response(c, arena, r);
    } else if (slice_eq_nocase(word, S("NAMESPACE"))) {
        r->kind = RESPONSE_NAMESPACE;
        read_namespaces(c, arena, r);
    }
}

void response_read(struct slice text, struct arena *arena, struct response *ret)
{
    struct cursor c = cursor_of(text);
    *ret = (struct response){.kind = RESPONSE_OTHER};
    if (cursor_skip(&c, S("* "))) {
        read_untagged(&c, arena, ret);
    } else if (cursor_skip_char(&c, '+')) {
        ret->kind = RESPONSE_CONTINUE;
        (void)cursor_skip_char(&c, ' ');
        ret->text = cursor_rest(&c);
    } else {
        ret->tag = cursor_take_until(&c, S(" "));
        (void)cursor_skip_char(&c, ' ');
        ret->status = status_of(cursor_take_until(&c, S(" ")));
        if (ret->status != STATUS_NONE)
            ret->kind = RESPONSE_TAGGED;
        read_status(&c, ret);
    }
}
