#include "sieve/lexer.h"

struct lexer lexer_of(struct arena *arena, struct slice script)
{
    return (struct lexer){.arena = arena, .c = cursor_of(script), .at = {1, 1}};
}

static int advance(struct lexer *lexer)
{
    int c = cursor_next(&lexer->c);
    if (c == '\n')
        lexer->at = (struct place){lexer->at.line + 1, 1};
    else if (c >= 0)
        lexer->at.column++;
    return c;
}

static struct token bad(struct lexer *lexer, struct token token, const char *why)
{
    lexer->wrong = why;
    token.kind = TOKEN_BAD;
    return token;
}

/* --- blanks and comments --- */

static void skip_line(struct lexer *lexer)
{
    while (cursor_peek(&lexer->c) >= 0 && cursor_peek(&lexer->c) != '\n')
        advance(lexer);
}

/* False: it never ends. */
static bool skip_bracket_comment(struct lexer *lexer)
{
    advance(lexer);
    advance(lexer);
    for (;;) {
        int c = advance(lexer);
        if (c < 0)
            return false;
        if (c == '*' && cursor_peek(&lexer->c) == '/') {
            advance(lexer);
            return true;
        }
    }
}

/* *ret_at: where what comes next starts, or the comment that never ends. */
static bool skip_blanks(struct lexer *lexer, struct place *ret_at)
{
    for (;;) {
        int c = cursor_peek(&lexer->c);
        *ret_at = lexer->at;
        if (c >= 0 && ascii_is_space((char)c))
            advance(lexer);
        else if (c == '#')
            skip_line(lexer);
        else if (c == '/' && cursor_peek_at(&lexer->c, 1) == '*') {
            if (!skip_bracket_comment(lexer))
                return false;
        } else
            return true;
    }
}

/* --- strings --- */

static char *room(struct lexer *lexer, size_t n)
{
    char *p = arena_alloc(lexer->arena, n + 1);
    lexer->failed = lexer->failed || p == NULL;
    return p;
}

/* RFC 5228 2.4.2: a backslash makes the next byte itself. */
static struct token quoted(struct lexer *lexer, struct token token)
{
    advance(lexer);
    const char *start = lexer->c.p;
    size_t n = 0;
    bool escaped = false;
    for (int c = advance(lexer); c != '"'; c = advance(lexer), n++) {
        if (c == '\\') {
            escaped = true;
            c = advance(lexer);
        }
        if (c < 0)
            return bad(lexer, token, "the string that starts here never ends");
        if (c == 0)
            return bad(lexer, token, "a string holds a NUL byte");
    }
    token.text = slice_of(start, n);
    if (!escaped)
        return token;
    char *p = room(lexer, n);
    if (p == NULL)
        return token;
    for (size_t i = 0; i < n; i++, start++)
        p[i] = *start == '\\' ? *++start : *start;
    token.text = slice_of(p, n);
    return token;
}

static struct slice without_return(struct slice line)
{
    return slice_ends(line, S("\r")) ? slice_sub(line, 0, line.n - 1) : line;
}

/* The lines up to ".", dots undone, each ended by CRLF whatever the script has. */
static struct token multi_line(struct lexer *lexer, struct token token)
{
    const char *start = lexer->c.p;
    size_t lines = 0;
    for (;;) {
        struct slice line = cursor_rest(&lexer->c);
        ssize_t end = slice_find_char(line, '\n');
        if (end < 0)
            return bad(lexer, token,
                       "the text that starts here never ends: a line with a single dot is missing");
        line = without_return(slice_sub(line, 0, (size_t)end));
        if (slice_find_char(line, 0) >= 0)
            return bad(lexer, token, "a string holds a NUL byte");
        lines++;
        lexer->c.p += end + 1;
        lexer->at = (struct place){lexer->at.line + 1, 1};
        if (slice_eq(line, S(".")))
            break;
    }
    struct cursor c = cursor_of(slice_of(start, (size_t)(lexer->c.p - start)));
    char *p = room(lexer, cursor_left(&c) + lines);
    if (p == NULL)
        return token;
    size_t n = 0;
    for (size_t i = 0; i + 1 < lines; i++) {
        struct slice line = without_return(cursor_take_until(&c, S("\n")));
        c.p++;
        if (slice_starts(line, S("..")))
            line = slice_from(line, 1);
        memcpy(p + n, line.p, line.n);
        memcpy(p + n + line.n, "\r\n", 2);
        n += line.n + 2;
    }
    token.text = slice_of(p, n);
    return token;
}

/* "text:" has been read: blanks or a comment may follow on its line. */
static struct token text_keyword(struct lexer *lexer, struct token token)
{
    token.kind = TOKEN_STRING;
    while (cursor_peek(&lexer->c) == ' ' || cursor_peek(&lexer->c) == '\t')
        advance(lexer);
    if (cursor_peek(&lexer->c) == '#')
        skip_line(lexer);
    if (cursor_peek(&lexer->c) == '\r')
        advance(lexer);
    if (advance(lexer) != '\n')
        return bad(lexer, token, "after \"text:\" the line must end");
    return multi_line(lexer, token);
}

/* --- words --- */

static bool is_word(int c)
{
    return c == '_' || (c >= 0 && ascii_is_alnum((char)c));
}

static struct slice word(struct lexer *lexer)
{
    const char *start = lexer->c.p;
    while (is_word(cursor_peek(&lexer->c)))
        advance(lexer);
    return slice_of(start, (size_t)(lexer->c.p - start));
}

static unsigned quantifier(char c)
{
    switch (ascii_upper(c)) {
    case 'K':
        return 10;
    case 'M':
        return 20;
    case 'G':
        return 30;
    default:
        return 0;
    }
}

static struct token number(struct lexer *lexer, struct token token)
{
    struct slice digits = word(lexer);
    unsigned shift = quantifier(digits.p[digits.n - 1]);
    token.kind = TOKEN_NUMBER;
    for (size_t i = 0; i < digits.n; i++)
        if (!ascii_is_digit(digits.p[i]) && (i + 1 < digits.n || shift == 0))
            return bad(lexer, token, "a number has only digits, and K, M or G at its end");
    if (shift > 0)
        digits.n--;
    if (!slice_to_u64(digits, &token.number) || token.number > (uint64_t)INT64_MAX >> shift)
        return bad(lexer, token, "the number is too large");
    token.number <<= shift;
    return token;
}

static struct token sign(struct lexer *lexer, struct token token)
{
    int c = advance(lexer);
    token.kind = TOKEN_SIGN;
    token.sign = (char)c;
    if (c == 0 || strchr(";,{}[]()", c) == NULL)
        return bad(lexer, token, "this character belongs to no word of the language");
    return token;
}

struct token lexer_next(struct lexer *lexer)
{
    struct token token = {0};
    if (!skip_blanks(lexer, &token.at))
        return bad(lexer, token, "a comment that is opened here never ends");
    int c = cursor_peek(&lexer->c);
    if (c < 0) {
        token.kind = TOKEN_END;
        return token;
    }
    if (c == '"') {
        token.kind = TOKEN_STRING;
        return quoted(lexer, token);
    }
    if (ascii_is_digit((char)c))
        return number(lexer, token);
    if (c == ':' && is_word(cursor_peek_at(&lexer->c, 1)) && !ascii_is_digit((char)lexer->c.p[1])) {
        advance(lexer);
        token.kind = TOKEN_TAG;
        token.text = word(lexer);
        return token;
    }
    if (!is_word(c))
        return sign(lexer, token);
    token.kind = TOKEN_IDENTIFIER;
    token.text = word(lexer);
    if (slice_eq_nocase(token.text, S("text")) && cursor_peek(&lexer->c) == ':') {
        advance(lexer);
        return text_keyword(lexer, token);
    }
    return token;
}
