#include "managesieve/words.h"

#include "base/utf8.h"
#include "managesieve/managesieve.h"

struct slice words_verb(struct cursor *c)
{
    return cursor_take_until(c, S(" "));
}

/* The quote is passed. RFC 5804 4: no line ends, no NUL; a backslash stands before a quote or itself. */
static bool quoted(struct cursor *c, struct arena *arena, struct slice *ret)
{
    char *out = arena_alloc(arena, MIN(cursor_left(c), (size_t)MANAGESIEVE_QUOTED_MAX) + 1);
    size_t n = 0;
    if (out == NULL)
        return false;
    for (int byte = cursor_next(c); byte != '"'; byte = cursor_next(c)) {
        if (byte == '\\') {
            byte = cursor_next(c);
            if (byte != '"' && byte != '\\')
                return false;
        }
        if (byte <= 0 || byte == '\r' || byte == '\n' || n == MANAGESIEVE_QUOTED_MAX)
            return false;
        out[n++] = (char)byte;
    }
    *ret = slice_of(out, n);
    return utf8_valid(*ret);
}

/* The brace is passed: "5+}\r\nhello". */
static bool literal(struct cursor *c, struct slice *ret)
{
    uint64_t size;
    if (!cursor_u64(c, &size) || !cursor_skip(c, S("+}\r\n")) || size > cursor_left(c))
        return false;
    *ret = cursor_take(c, (size_t)size);
    return true;
}

bool words_string(struct cursor *c, struct arena *arena, struct slice *ret)
{
    if (!cursor_skip_char(c, ' '))
        return false;
    if (cursor_skip_char(c, '"'))
        return quoted(c, arena, ret);
    return cursor_skip_char(c, '{') && literal(c, ret);
}

bool words_number(struct cursor *c, uint64_t *ret)
{
    return cursor_skip_char(c, ' ') && cursor_u64(c, ret);
}

static bool can_be_quoted(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\r' || text.p[i] == '\n' || text.p[i] == 0)
            return false;
    return text.n <= MANAGESIEVE_QUOTED_MAX && utf8_valid(text);
}

void words_put_string(struct buf *out, struct slice text)
{
    if (!can_be_quoted(text)) {
        buf_printf(out, "{%zu}\r\n", text.n);
        buf_put(out, text);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}

void words_answer(struct conn *conn, enum words_status status, const char *code, struct tongue tongue,
                  struct slice text)
{
    static const char *const names[] = {[WORDS_OK] = "OK", [WORDS_NO] = "NO", [WORDS_BYE] = "BYE"};
    CLEANUP(buf_release) struct buf spoken = BUF(MANAGESIEVE_LITERALS_MAX);
    struct buf *out = conn_output(conn);
    language_put(&spoken, tongue, text);
    buf_put(out, slice_cstr(names[status]));
    if (code != NULL)
        buf_printf(out, " (%s)", code);
    if (spoken.n > 0) {
        buf_putc(out, ' ');
        words_put_string(out, buf_slice(&spoken));
    }
    buf_put(out, S("\r\n"));
    conn_wrote(conn);
}

void words_noop(struct conn *conn, struct tongue tongue, struct cursor *arguments, struct arena *arena)
{
    CLEANUP(buf_release) struct buf code = BUF(2 * MANAGESIEVE_LOGIN_LITERAL_MAX + 100);
    struct slice tag = slice_none();
    bool good = cursor_done(arguments) || (words_string(arguments, arena, &tag) && cursor_done(arguments) &&
                                           tag.n <= MANAGESIEVE_QUOTED_MAX);
    if (tag.p != NULL) {
        buf_put(&code, S("TAG "));
        words_put_string(&code, tag);
    }
    if (good && !buf_failed(&code))
        words_answer(conn, WORDS_OK, tag.p != NULL ? buf_cstr(&code) : NULL, tongue, S("Done"));
    else
        words_answer(conn, WORDS_NO, NULL, tongue, S("NOOP has at most one string"));
}
