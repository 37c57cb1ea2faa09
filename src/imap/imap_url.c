#include "imap/imap_url.h"

#include "base/utf8.h"
#include "imap/mailbox_name.h"
#include "mime/date.h"
#include "store/folder.h"

struct url_parser {
    struct cursor text;
    struct arena *arena;
};

/* RFC 5092 11, bchar, but for the percent sign; without '/', ':' and '@' it is achar. */
static bool is_bchar(char c)
{
    return ascii_is_alnum(c) || (c != 0 && strchr("-._~!$'()*+,&=:@/", c) != NULL);
}

static bool is_achar(char c)
{
    return is_bchar(c) && c != ':' && c != '@' && c != '/';
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_upper((char)c);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "%2F" at the cursor. A NUL stands for nothing here. */
static bool take_escape(struct cursor *c, char *ret)
{
    int high = hex_value(cursor_peek_at(c, 1));
    int low = hex_value(cursor_peek_at(c, 2));
    if (high < 0 || low < 0 || (high == 0 && low == 0))
        return false;
    (void)cursor_take(c, 3);
    *ret = (char)(high << 4 | low);
    return true;
}

/* One or more characters, decoded to UTF-8. */
static bool parse_encoded(struct url_parser *p, bool (*allowed)(char c), struct slice *ret)
{
    char *text = arena_alloc(p->arena, cursor_left(&p->text) + 1);
    if (text == NULL)
        return false;
    size_t n = 0;
    while (!cursor_done(&p->text)) {
        if (*p->text.p == '%') {
            if (!take_escape(&p->text, &text[n]))
                return false;
        } else if (allowed(*p->text.p)) {
            text[n] = *p->text.p++;
        } else {
            break;
        }
        n++;
    }
    *ret = slice_of(text, n);
    return n > 0 && utf8_valid(*ret);
}

static bool parse_number(struct url_parser *p, uint32_t least, uint32_t *ret)
{
    return cursor_u32(&p->text, ret) && *ret >= least;
}

/* Up to where `end` (in any case) starts, or to the end of the text. */
static struct slice before(const struct url_parser *p, struct slice end)
{
    struct slice rest = cursor_rest(&p->text);
    ssize_t at = slice_find_nocase(rest, end);
    return at < 0 ? rest : slice_sub(rest, 0, (size_t)at);
}

/* A piece of the text by itself. */
static bool parse_piece(struct url_parser *p, struct slice piece, bool (*allowed)(char c), struct slice *ret)
{
    struct url_parser inner = {cursor_of(piece), p->arena};
    p->text.p = piece.p + piece.n;
    return parse_encoded(&inner, allowed, ret) && cursor_done(&inner.text);
}

/* "joe;AUTH=*@example.com:143" behind "imap://" */
static bool parse_server(struct url_parser *p, struct imap_url *url)
{
    struct slice server = before(p, S("/"));
    struct slice user;
    struct slice host;
    p->text.p += server.n;
    if (slice_cut(server, '@', &user, &host)) {
        struct slice name;
        struct slice mechanism; /* how to log in elsewhere (RFC 5092 3.2); it is of no use here */
        struct url_parser inner = {.arena = p->arena};
        bool has_mechanism = slice_cut(user, ';', &name, &mechanism);
        inner.text = cursor_of(name);
        if ((has_mechanism && !slice_starts_nocase(mechanism, S("AUTH="))) ||
            !parse_encoded(&inner, is_achar, &url->user) || !cursor_done(&inner.text))
            return false;
    } else {
        host = server;
    }
    for (size_t i = 0; i < host.n; i++)
        if (!is_achar(host.p[i]) && host.p[i] != ':' && host.p[i] != '[' && host.p[i] != ']')
            return false;
    return host.n > 0;
}

/* Names are compared in NFC. */
static bool normalise(struct url_parser *p, struct slice *name)
{
    CLEANUP(buf_release) struct buf normal = BUF(2 * FOLDER_PATH_MAX);
    if (!mailbox_name_read(&normal, *name, true))
        return false;
    *name = arena_dup(p->arena, buf_slice(&normal));
    return name->p != NULL && name->n > 0;
}

/* "INBOX;UIDVALIDITY=7" before "/;UID=" */
static bool parse_mailbox(struct url_parser *p, struct imap_url *url)
{
    struct slice reference = before(p, S("/;UID="));
    struct slice name;
    struct slice validity;
    bool has_validity = slice_cut(reference, ';', &name, &validity);
    /* RFC 3986 4.2: "imaps:" is a scheme, no mailbox. */
    struct slice first;
    struct slice others;
    (void)slice_cut(name, '/', &first, &others);
    if (!url->from_root && slice_find_char(first, ':') >= 0)
        return false;
    if (slice_starts(name, S("/")) || !parse_piece(p, name, is_bchar, &url->mailbox) ||
        !normalise(p, &url->mailbox))
        return false;
    p->text.p = reference.p + reference.n;
    if (!has_validity)
        return true;
    struct cursor number = cursor_of(validity);
    return cursor_skip_nocase(&number, S("UIDVALIDITY=")) && cursor_u32(&number, &url->uidvalidity) &&
           cursor_done(&number) && url->uidvalidity > 0;
}

static bool parse_section(struct url_parser *p, struct imap_url *url)
{
    struct slice section = before(p, S(";"));
    /* "/;PARTIAL=" begins with a character that a section may hold. */
    if (section.n < cursor_left(&p->text) && slice_ends(section, S("/")))
        section.n--;
    return parse_piece(p, section, is_bchar, &url->section);
}

static bool parse_partial(struct url_parser *p, struct imap_url *url)
{
    url->partial = true;
    return parse_number(p, 0, &url->offset) &&
           (!cursor_skip_char(&p->text, '.') || parse_number(p, 1, &url->length));
}

static bool parse_expiry(struct url_parser *p, struct imap_url *url)
{
    struct slice text = before(p, S(";"));
    struct mime_date date;
    p->text.p += text.n;
    url->expires = true;
    if (!mime_date_parse_rfc3339(text, &date))
        return false;
    url->expires_seconds = date.seconds;
    return true;
}

static bool parse_access(struct url_parser *p, struct imap_url *url)
{
    static const struct {
        struct slice word;
        enum imap_url_access access;
        bool has_user;
    } rows[] = {
        {{"submit+", 7}, IMAP_URL_SUBMIT, true},
        {{"user+", 5}, IMAP_URL_USER, true},
        {{"authuser", 8}, IMAP_URL_AUTHUSER, false},
        {{"anonymous", 9}, IMAP_URL_ANONYMOUS, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!cursor_skip_nocase(&p->text, rows[i].word))
            continue;
        url->access = rows[i].access;
        return !rows[i].has_user || parse_encoded(p, is_achar, &url->access_user);
    }
    return false;
}

static bool is_mechanism_char(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.';
}

/* ":INTERNAL:91354a473744909de610943775f92038" */
static bool parse_verifier(struct url_parser *p, struct imap_url *url)
{
    struct slice token;
    if (!slice_cut(cursor_rest(&p->text), ':', &url->mechanism, &token) || url->mechanism.n == 0)
        return false;
    for (size_t i = 0; i < url->mechanism.n; i++)
        if (!is_mechanism_char(url->mechanism.p[i]))
            return false;
    for (size_t i = 0; i < token.n; i++)
        if (hex_value(token.p[i]) < 0)
            return false;
    p->text.p = p->text.end;
    url->token = token;
    return token.n >= IMAP_URL_TOKEN_MIN;
}

/* ";EXPIRE=...;URLAUTH=..." */
static bool parse_authorization(struct url_parser *p, const char *start, struct imap_url *url)
{
    if (cursor_skip_nocase(&p->text, S(";EXPIRE=")) && !parse_expiry(p, url))
        return false;
    if (!cursor_skip_nocase(&p->text, S(";URLAUTH=")) || !parse_access(p, url))
        return false;
    url->rump = slice_of(start, (size_t)(p->text.p - start));
    return !cursor_skip_char(&p->text, ':') || parse_verifier(p, url);
}

bool imap_url_parse(struct slice text, struct arena *arena, struct imap_url *ret_url)
{
    struct url_parser p = {cursor_of(text), arena};
    struct imap_url url = {0};
    url.absolute = cursor_skip_nocase(&p.text, S("imap://"));
    if (url.absolute && !parse_server(&p, &url))
        return false;
    url.from_root = cursor_skip_char(&p.text, '/');
    if (url.absolute && !url.from_root)
        return false;
    bool selected = !url.from_root && cursor_skip_nocase(&p.text, S(";UID="));
    if (!selected && (!parse_mailbox(&p, &url) || !cursor_skip_nocase(&p.text, S("/;UID="))))
        return false;
    if (!parse_number(&p, 1, &url.uid) ||
        (cursor_skip_nocase(&p.text, S("/;SECTION=")) && !parse_section(&p, &url)) ||
        (cursor_skip_nocase(&p.text, S("/;PARTIAL=")) && !parse_partial(&p, &url)))
        return false;
    if (!cursor_done(&p.text) && !parse_authorization(&p, text.p, &url))
        return false;
    if (!cursor_done(&p.text))
        return false;
    *ret_url = url;
    return true;
}
