/* Strings of a script: encoded characters (RFC 5228 2.4.2.4), then variables (RFC 5229 3). */
#include "base/utf8.h"
#include "sieve/compile.h"

enum { TEXT_PIECES_MAX = 4096 };

/* --- encoded characters --- */

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One hexadecimal number; it saturates, as any number that large is wrong. */
static bool hex_number(struct cursor *c, size_t digits_max, uint32_t *ret)
{
    uint32_t value = 0;
    size_t digits = 0;
    for (int digit; (digit = hex_digit(cursor_peek(c))) >= 0; digits++, c->p++)
        value = value >> 24 != 0 ? UINT32_MAX : value << 4 | (uint32_t)digit;
    *ret = value;
    return digits > 0 && digits <= digits_max;
}

/* After "${hex:" or "${unicode:": the numbers and "}". False: not well-formed, so it stands for itself.
 * *ret_good false: well-formed, but no characters. */
static bool decode_numbers(struct cursor *c, bool unicode, struct buf *out, bool *ret_good)
{
    for (;;) {
        uint32_t value;
        while (is_blank(cursor_peek(c)))
            c->p++;
        if (!hex_number(c, unicode ? SIZE_MAX : 2, &value))
            return false;
        if (!unicode)
            buf_putc(out, (char)value);
        else if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            *ret_good = false;
        else
            utf8_put(out, value);
        bool blank = is_blank(cursor_peek(c));
        while (is_blank(cursor_peek(c)))
            c->p++;
        if (cursor_skip_char(c, '}'))
            return true;
        if (!blank)
            return false;
    }
}

/* What stands at "${", decoded into out. False: it is no encoded character. */
static bool decode_one(struct compiler *compiler, struct cursor *c, struct place at, struct buf *out)
{
    struct cursor ahead = *c;
    bool good = true;
    bool unicode = cursor_skip_nocase(&ahead, S("${unicode:"));
    if (!unicode && !cursor_skip_nocase(&ahead, S("${hex:")))
        return false;
    size_t before = out->n;
    if (!decode_numbers(&ahead, unicode, out, &good)) {
        out->n = before;
        return false;
    }
    if (!good)
        complain(&compiler->complaining, at, "\"${unicode:...}\" holds a number that is no character");
    *c = ahead;
    return true;
}

/* The program outlives the script. */
static struct slice keep(struct compiler *compiler, struct slice text)
{
    struct slice kept = arena_dup(&compiler->program->arena, text);
    compiler->failed = compiler->failed || kept.p == NULL;
    return kept.p != NULL ? kept : S("");
}

static struct slice decode(struct compiler *compiler, struct slice written, struct place at)
{
    CLEANUP(buf_release) struct buf out = BUF(written.n + 1);
    struct cursor c = cursor_of(written);
    while (!cursor_done(&c))
        if (cursor_peek(&c) != '$' || !decode_one(compiler, &c, at, &out))
            buf_putc(&out, (char)cursor_next(&c));
    compiler->failed = compiler->failed || buf_failed(&out);
    return keep(compiler, buf_slice(&out));
}

/* --- variables --- */

static bool is_identifier(int c, bool first)
{
    return c == '_' || (c >= 0 && (ascii_is_alpha((char)c) || (!first && ascii_is_digit((char)c))));
}

bool variable_name_valid(struct slice name)
{
    if (name.n == 0 || name.n > SIEVE_VARIABLE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_identifier((unsigned char)name.p[i], i == 0))
            return false;
    return true;
}

bool variable_is_global(struct slice name)
{
    return slice_starts_nocase(name, S("global."));
}

struct slice variable_local_name(struct slice name)
{
    return variable_is_global(name) ? slice_from(name, S("global.").n) : name;
}

bool compile_variable(struct compiler *compiler, struct slice name, struct place at, uint32_t *ret)
{
    struct sieve_program *program = compiler->program;
    for (uint32_t i = 0; i < program->variable_count; i++)
        if (slice_eq_nocase(compiler->names[i], name)) {
            *ret = i;
            return true;
        }
    if (program->variable_count == SIEVE_VARIABLES_MAX) {
        complain(&compiler->complaining, at, "more than %d different variables", SIEVE_VARIABLES_MAX);
        return false;
    }
    char *copy = compiler_room(compiler, name.n + 1, 1);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < name.n; i++)
        copy[i] = ascii_lower(name.p[i]);
    *ret = program->variable_count++;
    compiler->names[*ret] = slice_of(copy, name.n);
    return true;
}

/* A reference after "${", passed over with its "}". An empty one is none. */
static struct slice reference(struct cursor *c)
{
    struct cursor ahead = *c;
    const char *start = ahead.p;
    bool first = true;
    for (int at; (at = cursor_peek(&ahead)) >= 0; ahead.p++) {
        if (at == '.' && !first)
            first = true;
        else if (!is_identifier(at, first) && !ascii_is_digit((char)at))
            break;
        else
            first = false;
    }
    struct slice name = slice_of(start, (size_t)(ahead.p - start));
    if (first || !cursor_skip_char(&ahead, '}'))
        return slice_none();
    *c = ahead;
    return name;
}

static bool all_digits(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_is_digit(name.p[i]))
            return false;
    return true;
}

/* False: it stands for itself, or is wrong and was complained of. */
static bool piece_of(struct compiler *compiler, struct slice name, struct place at, struct piece *piece)
{
    struct complaining *complaining = &compiler->complaining;
    if (all_digits(name)) {
        while (name.n > 1 && name.p[0] == '0')
            name = slice_from(name, 1);
        piece->kind = PIECE_MATCH;
        if (slice_to_u32(name, &piece->number) && piece->number < SIEVE_MATCH_VARIABLES)
            return true;
        complain(complaining, at, "${%.*s}: match variables end at ${%d}", SLICE_ARGS(complain_word(name)),
                 SIEVE_MATCH_VARIABLES - 1);
        return false;
    }
    const bool global = variable_is_global(name) && compiler_has(compiler, SIEVE_INCLUDE);
    if (slice_find_char(global ? variable_local_name(name) : name, '.') >= 0) {
        complain(complaining, at, "${%.*s}: no extension that is required has such variables",
                 SLICE_ARGS(complain_word(name)));
        return false;
    }
    if (!variable_name_valid(global ? variable_local_name(name) : name))
        return false;
    piece->kind = PIECE_VARIABLE;
    return compile_variable(compiler, name, at, &piece->number);
}

struct pieces {
    struct piece items[TEXT_PIECES_MAX];
    uint32_t count;
};

static void add_text(struct pieces *pieces, const char *from, const char *to)
{
    if (to > from)
        pieces->items[pieces->count++] =
            (struct piece){.kind = PIECE_TEXT, .text = slice_of(from, (size_t)(to - from))};
}

static void split(struct compiler *compiler, struct slice text, struct place at, struct pieces *pieces)
{
    struct cursor c = cursor_of(text);
    const char *plain = c.p;
    while (!cursor_done(&c)) {
        const char *dollar = c.p;
        struct piece piece = {0};
        if (!cursor_skip(&c, S("${"))) {
            c.p++;
            continue;
        }
        struct slice name = reference(&c);
        if (name.n == 0 || !piece_of(compiler, name, at, &piece))
            continue;
        if (pieces->count + 3 > TEXT_PIECES_MAX) {
            complain(&compiler->complaining, at, "more than %d variables in one string", TEXT_PIECES_MAX / 2);
            return;
        }
        add_text(pieces, plain, dollar);
        pieces->items[pieces->count++] = piece;
        plain = c.p;
    }
    add_text(pieces, plain, c.end);
}

static struct text constant(struct compiler *compiler, struct slice text)
{
    struct piece *piece = text.n > 0 ? compiler_room(compiler, 1, sizeof(*piece)) : NULL;
    if (piece != NULL)
        *piece = (struct piece){.kind = PIECE_TEXT, .text = text};
    return (struct text){piece, piece != NULL};
}

struct text compile_text(struct compiler *compiler, struct slice written, struct place at)
{
    const bool dollar = slice_find(written, S("${")) >= 0;
    struct slice text = dollar && compiler_has(compiler, SIEVE_ENCODED_CHARACTER)
                            ? decode(compiler, written, at)
                            : keep(compiler, written);
    if (!dollar || !compiler_has(compiler, SIEVE_VARIABLES))
        return constant(compiler, text);
    struct pieces *pieces = malloc(sizeof(*pieces));
    if (pieces == NULL) {
        compiler->failed = true;
        return (struct text){0};
    }
    pieces->count = 0;
    split(compiler, text, at, pieces);
    struct text made = {0};
    struct piece *copy = compiler_room(compiler, pieces->count, sizeof(*copy));
    if (copy != NULL) {
        memcpy(copy, pieces->items, pieces->count * sizeof(*copy));
        made = (struct text){copy, pieces->count};
    }
    free(pieces);
    return made;
}
