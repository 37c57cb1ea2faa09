#include "health/http_request.h"

#include "base/must.h"

static const struct {
    enum http_status status;
    const char *phrase;
} phrases[] = {
#define X(name, number, phrase) {HTTP_##name, phrase},
    HTTP_STATUS_TABLE(X)
#undef X
};

const char *http_phrase(enum http_status status)
{
    size_t i = 0;
    while (i < ARRAY_LEN(phrases) && phrases[i].status != status)
        i++;
    must(i < ARRAY_LEN(phrases));
    return phrases[i].phrase;
}

/* tchar (RFC 9110 5.6.2). */
static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alnum(s.p[i]) && slice_find_char(S("!#$%&'*+-.^_`|~"), s.p[i]) < 0)
            return false;
    return s.n > 0;
}

/* field-vchar, blanks and tabs (RFC 9110 5.5). */
static bool is_field_value(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

/* Of a target's path we know a few, all of these characters. */
static bool is_path(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == 0x7f)
            return false;
    return s.n > 0 && s.p[0] == '/';
}

static enum http_status parse_request_line(struct slice line, struct slice *ret_path, bool *ret_needs_host)
{
    struct slice method, target, version, rest;
    if (!slice_cut(line, ' ', &method, &rest) || !slice_cut(rest, ' ', &target, &version) ||
        !is_token(method))
        return HTTP_BAD_REQUEST;
    if (!slice_starts(version, S("HTTP/")) || version.n != 8)
        return HTTP_BAD_REQUEST;
    *ret_needs_host = slice_eq(version, S("HTTP/1.1"));
    if (!*ret_needs_host && !slice_eq(version, S("HTTP/1.0")))
        return HTTP_VERSION;
    if (!slice_eq(method, S("GET")))
        return HTTP_NOT_ALLOWED;
    if (!is_path(target))
        return HTTP_BAD_REQUEST;
    struct slice query;
    slice_cut(target, '?', ret_path, &query);
    return HTTP_OK;
}

static enum http_status parse_field(struct slice line, unsigned *hosts)
{
    struct slice name, value;
    if (!slice_cut(line, ':', &name, &value) || !is_token(name) || !is_field_value(value))
        return HTTP_BAD_REQUEST;
    value = slice_trim(value);
    if (slice_eq_nocase(name, S("Host")))
        return ++*hosts == 1 ? HTTP_OK : HTTP_BAD_REQUEST;
    if (slice_eq_nocase(name, S("Transfer-Encoding")) ||
        (slice_eq_nocase(name, S("Content-Length")) && !slice_eq(value, S("0"))))
        return HTTP_TOO_LARGE;
    return HTTP_OK;
}

/* The next line, without its CRLF; false: there is none that ends so, or it holds a bare CR or LF. */
static bool next_line(struct slice *head, struct slice *ret_line)
{
    ssize_t end = slice_find(*head, S("\r\n"));
    if (end < 0)
        return false;
    *ret_line = slice_sub(*head, 0, (size_t)end);
    *head = slice_from(*head, (size_t)end + 2);
    return slice_find_char(*ret_line, '\r') < 0 && slice_find_char(*ret_line, '\n') < 0;
}

enum http_status http_request_parse(struct slice head, struct slice *ret_path)
{
    struct slice line;
    struct slice path;
    bool needs_host = false;
    unsigned hosts = 0;
    if (!next_line(&head, &line))
        return HTTP_BAD_REQUEST;
    enum http_status status = parse_request_line(line, &path, &needs_host);
    for (size_t i = 0; status == HTTP_OK && head.n > 0; i++) {
        if (i == HTTP_FIELDS_MAX)
            return HTTP_HEAD_TOO_LARGE;
        status = next_line(&head, &line) ? parse_field(line, &hosts) : HTTP_BAD_REQUEST;
    }
    if (status == HTTP_OK && needs_host && hosts == 0)
        status = HTTP_BAD_REQUEST;
    if (status == HTTP_OK)
        *ret_path = path;
    return status;
}

static enum reader_status feed(struct reader *reader, struct slice in, size_t *ret_used,
                               struct buf *out UNUSED)
{
    struct http_reader *r = container_of(reader, struct http_reader, reader);
    for (size_t i = 0; i < in.n; i++) {
        buf_putc(&r->head, in.p[i]);
        if (buf_failed(&r->head)) {
            *ret_used = i;
            return READER_FAILED;
        }
        if (in.p[i] == '\n' && slice_ends(buf_slice(&r->head), S("\r\n\r\n"))) {
            r->head.n -= 2;
            *ret_used = i + 1;
            return READER_DONE;
        }
    }
    *ret_used = in.n;
    return READER_MORE;
}

void http_reader_init(struct http_reader *r)
{
    *r = (struct http_reader){.reader = {.feed = feed}, .head = BUF(HTTP_HEAD_MAX)};
}

void http_reader_release(struct http_reader *r)
{
    buf_release(&r->head);
}
