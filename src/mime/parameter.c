#include "mime/parameter.h"

#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/header.h"

void mime_skip_blanks(struct cursor *c, char separator)
{
    int depth = 0;
    while (!cursor_done(c)) {
        char byte = *c->p;
        if (byte == '(')
            depth++;
        else if (depth > 0 && byte == ')')
            depth--;
        else if (depth > 0 && byte == '\\' && cursor_left(c) > 1)
            c->p++;
        else if (depth == 0 && !ascii_is_space(byte) && byte != 0 && byte != separator)
            return;
        c->p++;
    }
}

static bool is_token_char(char c)
{
    return (unsigned char)c > ' ' && slice_find_char(S("()<>@,;:\\\"/[]?="), c) < 0;
}

struct slice mime_take_token(struct cursor *c)
{
    const char *from = c->p;
    while (!cursor_done(c) && is_token_char(*c->p))
        c->p++;
    return slice_of(from, (size_t)(c->p - from));
}

void mime_take_type(struct cursor *c, struct slice *ret_type, struct slice *ret_subtype)
{
    mime_skip_blanks(c, '"');
    *ret_type = mime_take_token(c);
    *ret_subtype = S("");
    mime_skip_blanks(c, '"');
    if (!cursor_skip_char(c, '/'))
        return;
    mime_skip_blanks(c, '"');
    *ret_subtype = mime_take_token(c);
}

/* Unfolds and unquotes into the arena; borrows when there is nothing to change. */
static bool clean_value(struct arena *arena, struct slice raw, bool quoted, struct slice *ret)
{
    bool escaped = quoted && slice_find_char(raw, '\\') >= 0;
    if (!escaped && mime_is_unfolded(raw)) {
        *ret = raw;
        return true;
    }
    char *at = arena_alloc(arena, raw.n + 1);
    if (at == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        char next = i + 1 < raw.n ? raw.p[i + 1] : 0;
        if (c == 0 || c == '\r' || c == '\n')
            continue;
        /* Only what must be escaped counts as escaped: "C:\path" is meant as it looks. */
        if (quoted && c == '\\' && (next == '"' || next == '\\'))
            c = raw.p[++i];
        at[n++] = c;
    }
    *ret = slice_of(at, n);
    return true;
}

/* The text of a quoted string, the cursor past its opening quote. Without a closing one it is all the rest.
 */
static struct slice take_quoted(struct cursor *c)
{
    const char *from = c->p;
    while (!cursor_done(c) && *c->p != '"') {
        if (*c->p == '\\' && cursor_left(c) > 1)
            c->p++;
        c->p++;
    }
    struct slice text = slice_of(from, (size_t)(c->p - from));
    (void)cursor_skip_char(c, '"');
    return text;
}

static bool is_name_char(char c)
{
    return (unsigned char)c > ' ' && slice_find_char(S("=;,\"()"), c) < 0;
}

/* "name=" stands here: a parameter whose semicolon is missing before it. */
static bool starts_parameter(struct cursor c)
{
    const char *from = c.p;
    while (!cursor_done(&c) && is_name_char(*c.p))
        c.p++;
    return c.p > from && cursor_peek(&c) == '=';
}

/* An unquoted value. It may hold blanks (file names often do) unless what follows is a comment or looks like
 * the next parameter. */
static struct slice take_bare(struct cursor *c)
{
    const char *from = c->p;
    const char *end = from;
    while (!cursor_done(c) && *c->p != ';') {
        if (!ascii_is_space(*c->p)) {
            end = ++c->p;
            continue;
        }
        while (!cursor_done(c) && ascii_is_space(*c->p))
            c->p++;
        if (cursor_peek(c) == '(' || starts_parameter(*c))
            break;
    }
    return slice_of(from, (size_t)(end - from));
}

enum err mime_parameters_parse(struct arena *arena, struct slice text, struct mime_parameter **ret,
                               struct error *error)
{
    struct mime_parameter *first = NULL;
    struct mime_parameter **last = &first;
    struct cursor c = cursor_of(slice_sub(text, 0, MIME_PARAMETER_FIELD_MAX));
    for (size_t count = 0; count < MIME_PARAMETERS_MAX;) {
        mime_skip_blanks(&c, ';');
        if (cursor_done(&c))
            break;
        const char *from = c.p;
        while (!cursor_done(&c) && is_name_char(*c.p))
            c.p++;
        struct slice name = slice_of(from, (size_t)(c.p - from));
        mime_skip_blanks(&c, 0);
        if (name.n == 0 || !cursor_skip_char(&c, '=')) {
            if (name.n == 0 && !cursor_done(&c))
                c.p++;
            continue;
        }
        mime_skip_blanks(&c, 0);
        bool quoted = cursor_skip_char(&c, '"');
        struct slice raw = quoted ? take_quoted(&c) : take_bare(&c);
        struct mime_parameter *parameter = ARENA_NEW(arena, struct mime_parameter);
        if (parameter == NULL || !clean_value(arena, raw, quoted, &parameter->value))
            return fail_plain(error, ERR_LIMIT, "the message has too many parameters");
        parameter->name = name;
        *last = parameter;
        last = &parameter->next;
        count++;
    }
    *ret = first;
    return ERR_OK;
}

struct slice mime_parameter_raw(const struct mime_parameter *list, struct slice name)
{
    for (; list != NULL; list = list->next)
        if (slice_eq_nocase(list->name, name))
            return list->value.p != NULL ? list->value : S("");
    return slice_none();
}

/* RFC 2231 3 and 4: a name's stem, section number (-1: none) and whether the value is extended. */
static void split_name(struct slice name, struct slice *ret_stem, int *ret_section, bool *ret_extended)
{
    uint32_t number;
    *ret_section = -1;
    *ret_extended = name.n > 1 && name.p[name.n - 1] == '*';
    name.n -= *ret_extended;
    ssize_t star = slice_find_char(name, '*');
    *ret_stem = name;
    if (star <= 0 || !slice_to_u32(slice_from(name, (size_t)star + 1), &number) ||
        number >= MIME_PARAMETERS_MAX)
        return;
    *ret_stem = slice_sub(name, 0, (size_t)star);
    *ret_section = (int)number;
}

static const struct mime_parameter *find_section(const struct mime_parameter *list, struct slice stem,
                                                 int section, bool *ret_extended)
{
    for (; list != NULL; list = list->next) {
        struct slice name;
        int number;
        split_name(list->name, &name, &number, ret_extended);
        if (number == section && slice_eq_nocase(name, stem))
            return list;
    }
    return NULL;
}

static bool is_any_extended(const struct mime_parameter *list, struct slice stem)
{
    bool extended;
    for (int section = 0; find_section(list, stem, section, &extended) != NULL; section++)
        if (extended)
            return true;
    return false;
}

static void put_percent(struct buf *out, struct slice plain)
{
    for (size_t i = 0; i < plain.n; i++) {
        if (ascii_is_alnum(plain.p[i]) || slice_find_char(S("-._~!#$&+^`{|}"), plain.p[i]) >= 0)
            buf_putc(out, plain.p[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)plain.p[i]);
    }
}

/* The sections of a stem in order, as one value; extended when any of them is. */
static void put_joined(struct buf *out, const struct mime_parameter *list, struct slice stem, bool extended)
{
    const struct mime_parameter *piece;
    bool piece_extended;
    for (int section = 0; (piece = find_section(list, stem, section, &piece_extended)) != NULL; section++) {
        if (section == 0 && extended && !piece_extended)
            buf_put(out, S("''"));
        if (extended && !piece_extended)
            put_percent(out, piece->value);
        else
            buf_put(out, piece->value);
    }
}

/* True when this entry stands for a whole series: the first entry of that stem that has a section, with a
 * section 0 somewhere. */
static bool heads_series(const struct mime_parameter *list, const struct mime_parameter *entry,
                         struct slice stem)
{
    bool extended;
    if (find_section(list, stem, 0, &extended) == NULL)
        return false;
    for (; list != entry; list = list->next) {
        struct slice name;
        int section;
        split_name(list->name, &name, &section, &extended);
        if (section >= 0 && slice_eq_nocase(name, stem))
            return false;
    }
    return true;
}

static enum err add_joined(struct arena *arena, struct slice name, struct slice value, bool extended,
                           struct mime_parameter ***last, struct error *error)
{
    struct mime_parameter *parameter = ARENA_NEW(arena, struct mime_parameter);
    char *star = extended ? arena_alloc(arena, name.n + 1) : NULL;
    if (parameter == NULL || (extended && star == NULL))
        return fail_plain(error, ERR_LIMIT, "the message has too many parameters");
    if (star != NULL) {
        memcpy(star, name.p, name.n);
        star[name.n] = '*';
        name = slice_of(star, name.n + 1);
    }
    parameter->name = name;
    parameter->value = value;
    **last = parameter;
    *last = &parameter->next;
    return ERR_OK;
}

enum err mime_parameters_join(struct arena *arena, const struct mime_parameter *list,
                              struct mime_parameter **ret, struct error *error)
{
    struct mime_parameter *first = NULL;
    struct mime_parameter **last = &first;
    CLEANUP(buf_release) struct buf joined = BUF(4 * MIME_PARAMETER_FIELD_MAX);
    for (const struct mime_parameter *entry = list; entry != NULL; entry = entry->next) {
        struct slice stem;
        int section;
        bool extended;
        struct slice name = entry->name;
        struct slice value = entry->value;
        split_name(entry->name, &stem, &section, &extended);
        extended = false;
        if (section >= 0) {
            if (!heads_series(list, entry, stem))
                continue;
            name = stem;
            extended = is_any_extended(list, stem);
            buf_clear(&joined);
            put_joined(&joined, list, stem, extended);
            value = arena_dup(arena, buf_slice(&joined));
            if (buf_failed(&joined) || value.p == NULL)
                return fail_plain(error, ERR_LIMIT, "the message has too many parameters");
        }
        enum err err = add_joined(arena, name, value, extended, &last, error);
        if (err != ERR_OK)
            return err;
    }
    *ret = first;
    return ERR_OK;
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* charset'language'percent text (RFC 2231 4) to UTF-8; without quotes all of it is text. */
static void decode_extended(struct buf *out, struct slice value)
{
    struct slice charset = slice_none();
    struct slice rest;
    struct slice language;
    struct slice text = value;
    if (slice_cut(value, '\'', &charset, &rest)) {
        if (!slice_cut(rest, '\'', &language, &text))
            text = rest;
    } else {
        charset = slice_none();
    }
    CLEANUP(buf_release) struct buf bytes = BUF(value.n + 1);
    for (size_t i = 0; i < text.n; i++) {
        int high = text.p[i] == '%' && i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.p[i + 2]) : -1;
        int byte = low >= 0 ? high << 4 | low : text.p[i];
        buf_putc(&bytes, (char)byte);
        i += low >= 0 ? 2 : 0;
    }
    mime_charset_to_utf8(out, charset, buf_slice(&bytes));
}

bool mime_parameter_decode(struct buf *out, const struct mime_parameter *list, struct slice name)
{
    bool extended;
    const struct mime_parameter *whole = NULL;
    CLEANUP(buf_release) struct buf joined = BUF(4 * MIME_PARAMETER_FIELD_MAX);
    for (const struct mime_parameter *entry = list; entry != NULL && whole == NULL; entry = entry->next) {
        struct slice stem;
        int section;
        split_name(entry->name, &stem, &section, &extended);
        if (extended && section < 0 && slice_eq_nocase(stem, name))
            whole = entry;
    }
    if (whole != NULL) {
        decode_extended(out, whole->value);
        return true;
    }
    if (find_section(list, name, 0, &extended) != NULL) {
        extended = is_any_extended(list, name);
        put_joined(&joined, list, name, extended);
        if (extended)
            decode_extended(out, buf_slice(&joined));
        else
            mime_words_decode(out, buf_slice(&joined));
        return true;
    }
    struct slice plain = mime_parameter_raw(list, name);
    if (plain.p == NULL)
        return false;
    mime_words_decode(out, plain);
    return true;
}

void mime_parameter_put(struct buf *out, struct slice name, struct slice utf8)
{
    bool token = utf8.n > 0;
    bool ascii = true;
    for (size_t i = 0; i < utf8.n; i++) {
        token = token && (ascii_is_alnum(utf8.p[i]) || slice_find_char(S("-._+"), utf8.p[i]) >= 0);
        ascii = ascii && utf8.p[i] >= ' ' && utf8.p[i] < 0x7f;
    }
    buf_put(out, S("; "));
    buf_put(out, name);
    if (!ascii) {
        buf_put(out, S("*=utf-8''"));
        put_percent(out, utf8);
        return;
    }
    buf_put(out, token ? S("=") : S("=\""));
    for (size_t i = 0; i < utf8.n; i++) {
        if (utf8.p[i] == '"' || utf8.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, utf8.p[i]);
    }
    if (!token)
        buf_putc(out, '"');
}
