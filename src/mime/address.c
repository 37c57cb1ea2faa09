#include "mime/address.h"

#include "base/utf8.h"
#include "mime/encoded_word.h"

/* A list being read. Every byte of a result comes from a byte of the value, so one scratch of its length
 * holds all texts. */
struct reader {
    struct cursor c;
    struct arena *arena;
    char *at; /* next free byte of the scratch */
    char *end;
    bool
        no_more_quotes; /* an opening quote without a closing one was met: quotes are plain text from there */
    bool no_more_comments; /* likewise for parentheses */
    bool in_group;
    bool after_address;   /* an address came and no comma since */
    struct slice comment; /* the last one within this address */
    struct mime_addresses list;
    struct mime_address **last;
};

/* What was read of a phrase or a local part. */
struct words {
    char *start;     /* in the scratch; ends at reader.at */
    char *last_word; /* start of what follows the last blank that no dot touches */
    bool blank;      /* a blank came after the last byte */
    bool quoted;     /* the text ends in a quoted string */
};

static void put_byte(struct reader *r, char byte)
{
    if (r->at < r->end && byte != 0)
        *r->at++ = byte;
}

static struct slice text_since(const struct reader *r, const char *start)
{
    return slice_of(start, (size_t)(r->at - start));
}

static bool is_special(char c)
{
    return c == '"' || c == '(' || c == '<' || c == '>' || c == '@' || c == ',' || c == ';' || c == ':' ||
           c == '\\';
}

static bool is_blank(char c)
{
    return ascii_is_space(c) || c == 0;
}

/* The closing quote of the string that opens at p, or NULL. */
static const char *closing_quote(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p;
        if (*p == '\\' && p + 1 < end)
            p++;
    }
    return NULL;
}

static const char *closing_parenthesis(const char *p, const char *end)
{
    int depth = 0;
    for (; p < end; p++) {
        if (*p == '(' && depth < MIME_COMMENT_DEPTH_MAX)
            depth++;
        else if (*p == ')' && --depth == 0)
            return p;
        else if (*p == '\\' && p + 1 < end)
            p++;
    }
    return NULL;
}

/* Text with quoted pairs resolved and folds taken out. */
static struct slice put_unquoted(struct reader *r, struct slice text)
{
    char *start = r->at;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' && i + 1 < text.n)
            c = text.p[++i];
        if (c != '\r' && c != '\n')
            put_byte(r, c);
    }
    return text_since(r, start);
}

/* At '(': a comment (remembered; it may stand for a name), or, never closed, a byte to be ignored. */
static void skip_comment(struct reader *r)
{
    const char *close = r->no_more_comments ? NULL : closing_parenthesis(r->c.p, r->c.end);
    if (close == NULL) {
        r->no_more_comments = true;
        r->c.p++;
        return;
    }
    r->comment = slice_of(r->c.p + 1, (size_t)(close - r->c.p - 1));
    r->c.p = close + 1;
}

/* True when anything was skipped. */
static bool skip_blanks(struct reader *r)
{
    const char *from = r->c.p;
    while (!cursor_done(&r->c)) {
        if (*r->c.p == '(')
            skip_comment(r);
        else if (is_blank(*r->c.p))
            r->c.p++;
        else
            break;
    }
    return r->c.p > from;
}

/* A new piece of a phrase starts: the blank before it counts once; one that a dot touches (obs-local-part)
 * does not part the words. */
static void start_piece(struct reader *r, struct words *w, char first)
{
    if (w->blank && r->at > w->start) {
        bool dotted = first == '.' || r->at[-1] == '.';
        put_byte(r, ' ');
        if (!dotted)
            w->last_word = r->at;
    }
    w->blank = false;
}

static void take_quoted(struct reader *r, struct words *w)
{
    const char *close = r->no_more_quotes ? NULL : closing_quote(r->c.p, r->c.end);
    if (close == NULL) {
        r->no_more_quotes = true;
        r->c.p++;
        return;
    }
    start_piece(r, w, '"');
    (void)put_unquoted(r, slice_of(r->c.p + 1, (size_t)(close - r->c.p - 1)));
    r->c.p = close + 1;
}

/* Atoms, quoted strings, dots, blanks and comments up to a special that ends them. */
static struct words take_words(struct reader *r)
{
    struct words w = {.start = r->at, .last_word = r->at};
    while (!cursor_done(&r->c)) {
        char c = *r->c.p;
        if (is_blank(c) || c == '(') {
            w.blank |= skip_blanks(r);
            continue;
        }
        w.quoted = c == '"';
        if (c == '"') {
            take_quoted(r, &w);
        } else if (c == '\\') {
            start_piece(r, &w, c);
            r->c.p++;
            int byte = cursor_next(&r->c);
            if (byte > 0 && !ascii_is_space((char)byte))
                put_byte(r, (char)byte);
        } else if (!is_special(c)) {
            start_piece(r, &w, c);
            while (!cursor_done(&r->c) && !is_special(*r->c.p) && !is_blank(*r->c.p))
                put_byte(r, *r->c.p++);
        } else {
            break;
        }
    }
    return w;
}

/* Takes out the blanks around dots that obs-local-part and obs-domain allow. */
static struct slice without_blanks(struct slice s)
{
    char *p = (char *)(uintptr_t)s.p; /* in our own scratch */
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' || !((i > 0 && s.p[i - 1] == '.') || (i + 1 < s.n && s.p[i + 1] == '.')))
            p[n++] = s.p[i];
    return slice_of(p, n);
}

/* After '@': dot-atoms, a literal, with blanks and comments in between; a word after a blank is no part of
 * it unless a dot joins them. */
static struct slice take_domain(struct reader *r)
{
    char *start = r->at;
    bool blank = false;
    while (!cursor_done(&r->c)) {
        char c = *r->c.p;
        if (is_blank(c) || c == '(') {
            blank |= skip_blanks(r);
            continue;
        }
        bool parted = blank && r->at > start && c != '.' && r->at[-1] != '.';
        if (parted || (is_special(c) && c != '@') || (c == '@' && blank))
            break;
        blank = false;
        put_byte(r, c);
        r->c.p++;
        bool literal = c == '[';
        while (literal && !cursor_done(&r->c) && *r->c.p != ']' && *r->c.p != ',' && *r->c.p != '>')
            if (is_blank(*r->c.p))
                r->c.p++;
            else
                put_byte(r, *r->c.p++);
    }
    return text_since(r, start);
}

static enum err add(struct reader *r, struct mime_address address, struct error *error)
{
    if (r->list.count >= MIME_ADDRESSES_MAX && address.kind != MIME_ADDRESS_GROUP_END)
        return ERR_OK;
    struct mime_address *entry = ARENA_NEW(r->arena, struct mime_address);
    if (entry == NULL)
        return fail_plain(error, ERR_LIMIT, "the message has too many addresses");
    *entry = address;
    *r->last = entry;
    r->last = &entry->next;
    r->list.count++;
    return ERR_OK;
}

static enum err add_mailbox(struct reader *r, struct mime_address address, struct error *error)
{
    if (address.name.n == 0)
        address.name = slice_none();
    if (address.name.p == NULL && r->comment.p != NULL) {
        address.name = put_unquoted(r, slice_trim(r->comment));
        if (address.name.n == 0)
            address.name = slice_none();
    }
    if (address.local.p == NULL)
        address.local = S("");
    if (address.domain.p == NULL)
        address.domain = S("");
    address.kind = MIME_ADDRESS_MAILBOX;
    r->after_address = true;
    return add(r, address, error);
}

/* RFC 5322 4.4: "<@a,@b:" before the address. */
static struct slice take_route(struct reader *r)
{
    struct cursor back = r->c;
    char *start = r->at;
    while (cursor_peek(&r->c) == '@' || cursor_peek(&r->c) == ',') {
        char c = *r->c.p++;
        put_byte(r, c);
        (void)skip_blanks(r);
        if (c == '@')
            (void)take_domain(r);
        (void)skip_blanks(r);
    }
    if (r->at == start)
        return slice_none();
    if (cursor_skip_char(&r->c, ':'))
        return text_since(r, start);
    r->c = back; /* no colon: "<@domain>", an address without a local part */
    r->at = start;
    return slice_none();
}

/* At '<'. RFC 7103 7.1.2 and 7.1.3: too many brackets, or a closing one missing. */
static enum err take_angle(struct reader *r, struct slice name, struct error *error)
{
    struct mime_address address = {.name = name};
    while (cursor_peek(&r->c) == '<') {
        r->c.p++;
        (void)skip_blanks(r);
    }
    address.route = take_route(r);
    struct words w = take_words(r);
    address.local = without_blanks(text_since(r, w.start));
    while (cursor_peek(&r->c) == ':') { /* a scheme, "mailto:" */
        r->c.p++;
        w = take_words(r);
        address.local = without_blanks(text_since(r, w.start));
    }
    if (cursor_skip_char(&r->c, '@'))
        address.domain = take_domain(r);
    (void)skip_blanks(r);
    while (cursor_peek(&r->c) == '>') {
        r->c.p++;
        (void)skip_blanks(r);
    }
    return add_mailbox(r, address, error);
}

/* At '@' after words: the last of them is the local part, those before it a name without brackets. */
static enum err take_spec(struct reader *r, struct words w, struct error *error)
{
    struct mime_address address = {0};
    struct slice phrase = slice_of(w.start, (size_t)(w.last_word - w.start));
    struct slice local = text_since(r, w.last_word);
    r->c.p++;
    put_byte(r, '@');
    address.domain = take_domain(r);
    (void)skip_blanks(r);
    if (cursor_peek(&r->c) == '<') /* "a@b <a@b>": what came first is the name */
        return take_angle(r, text_since(r, w.start), error);
    address.local = w.quoted ? local : without_blanks(local);
    address.name = slice_trim(phrase);
    return add_mailbox(r, address, error);
}

static enum err take_element(struct reader *r, struct error *error)
{
    r->comment = slice_none();
    const char *from = r->c.p;
    struct words w = take_words(r);
    struct slice text = text_since(r, w.start);
    int next = cursor_peek(&r->c);
    if (next == '<')
        return take_angle(r, text, error);
    if (next == '@' && text.n > 0)
        return take_spec(r, w, error);
    if (next == ':' && text.n > 0 && !r->in_group) {
        r->c.p++;
        r->in_group = true;
        r->after_address = false;
        return add(r, (struct mime_address){.kind = MIME_ADDRESS_GROUP_START, .local = text}, error);
    }
    if (r->c.p == from || (text.n == 0 && next >= 0 && next != ',' && next != ';'))
        r->c.p += r->c.p < r->c.end; /* a special where none belongs */
    /* RFC 7103 7.1.7: a naked word is a local part; words after an address are nothing. */
    if (text.n > 0 && !r->after_address)
        return add_mailbox(r, (struct mime_address){.local = text}, error);
    return ERR_OK;
}

static enum err end_group(struct reader *r, struct error *error)
{
    r->after_address = false;
    if (!r->in_group)
        return ERR_OK;
    r->in_group = false;
    return add(r, (struct mime_address){.kind = MIME_ADDRESS_GROUP_END}, error);
}

enum err mime_addresses_parse(struct arena *arena, struct slice value, struct mime_addresses *ret,
                              struct error *error)
{
    struct reader r = {.c = cursor_of(value), .arena = arena};
    enum err err = ERR_OK;
    r.last = &r.list.first;
    r.at = arena_alloc(arena, value.n + 1);
    if (r.at == NULL)
        return fail_plain(error, ERR_LIMIT, "the message has too many addresses");
    r.end = r.at + value.n + 1;
    while (err == ERR_OK && !cursor_done(&r.c) && r.list.count < MIME_ADDRESSES_MAX) {
        if (is_blank(*r.c.p)) {
            r.c.p++;
        } else if (*r.c.p == ',') {
            r.c.p++;
            r.after_address = false;
        } else if (*r.c.p == ';') {
            r.c.p++;
            err = end_group(&r, error);
        } else {
            err = take_element(&r, error);
        }
    }
    if (err == ERR_OK)
        err = end_group(&r, error);
    if (err == ERR_OK)
        *ret = r.list;
    return err;
}

bool mime_address_parse_one(struct arena *arena, struct slice text, struct mime_address *ret)
{
    struct mime_addresses list;
    struct error error;
    if (mime_addresses_parse(arena, text, &list, &error) != ERR_OK || list.count != 1 ||
        list.first->kind != MIME_ADDRESS_MAILBOX || list.first->local.n == 0 || list.first->domain.n == 0)
        return false;
    *ret = *list.first;
    return true;
}

/* RFC 5322 3.2.3 dot-atom, with RFC 6532's UTF-8. */
static bool is_dot_atom(struct slice s)
{
    bool dot = true;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' && dot)
            return false;
        dot = c == '.';
        bool high = (unsigned char)c >= 0x80;
        if (!dot && !high && !ascii_is_alnum(c) && slice_find_char(S("!#$%&'*+-/=?^_`{|}~"), c) < 0)
            return false;
    }
    return !dot;
}

void mime_address_put_spec(struct buf *out, const struct mime_address *address)
{
    if (is_dot_atom(address->local)) {
        buf_put(out, address->local);
    } else {
        buf_putc(out, '"');
        for (size_t i = 0; i < address->local.n; i++) {
            if (address->local.p[i] == '"' || address->local.p[i] == '\\')
                buf_putc(out, '\\');
            buf_putc(out, address->local.p[i]);
        }
        buf_putc(out, '"');
    }
    if (address->domain.n > 0) {
        buf_putc(out, '@');
        buf_put(out, address->domain);
    }
}

void mime_address_put_display(struct buf *out, const struct mime_address *address)
{
    size_t start = out->n;
    mime_words_decode(out, address->name);
    if (out->n > start)
        return;
    CLEANUP(buf_release) struct buf spec = BUF(2 * address->local.n + address->domain.n + 8);
    mime_address_put_spec(&spec, address);
    mime_words_decode(out, buf_slice(&spec));
}
