#include "milter/protocol.h"

#include <arpa/inet.h>

#include "base/must.h"

enum data { NOTHING, TEXT, TEXT_MORE, BYTES, NAME_VALUE, INDEXED };

static const struct {
    char character;
    enum data data;
} replies[] = {
#define X(name, character, data) {character, data},
    MILTER_REPLY_TABLE(X)
#undef X
};

static bool take_u32(struct cursor *c, uint32_t *ret)
{
    uint32_t value;
    if (cursor_left(c) < sizeof(value))
        return false;
    memcpy(&value, c->p, sizeof(value));
    c->p += sizeof(value);
    *ret = ntohl(value);
    return true;
}

static bool take_text(struct cursor *c, struct slice *ret)
{
    *ret = cursor_take_until(c, slice_of("", 1));
    return cursor_skip_char(c, 0);
}

bool milter_reply_parse(char character, struct slice data, struct milter_reply *ret)
{
    struct cursor c = cursor_of(data);
    struct milter_reply reply = {.kind = MILTER_REPLIES};
    for (size_t i = 0; i < ARRAY_LEN(replies); i++)
        if (replies[i].character == character)
            reply.kind = (enum milter_reply_kind)i;
    if (reply.kind == MILTER_REPLIES)
        return false;
    bool good = true;
    switch (replies[reply.kind].data) {
    case NOTHING:
        return *ret = reply, true; /* whatever stands there */
    case BYTES:
        reply.value = data;
        return *ret = reply, true;
    case TEXT:
        good = take_text(&c, &reply.name) && cursor_done(&c);
        break;
    case TEXT_MORE: /* parameters of MAIL and RCPT: not used */
        good = take_text(&c, &reply.name);
        break;
    case INDEXED:
        good = take_u32(&c, &reply.index) && take_text(&c, &reply.name) && take_text(&c, &reply.value) &&
               cursor_done(&c);
        break;
    case NAME_VALUE:
        good = take_text(&c, &reply.name) && take_text(&c, &reply.value) && cursor_done(&c);
        break;
    }
    if (good)
        *ret = reply;
    return good;
}

bool milter_options_parse(struct slice data, struct milter_options *ret)
{
    struct cursor c = cursor_of(data);
    struct milter_options options;
    if (!take_u32(&c, &options.version) || !take_u32(&c, &options.actions) || !take_u32(&c, &options.steps))
        return false;
    /* What follows are the macros that it wants, which we have not offered to choose. */
    if (options.version < MILTER_VERSION_LEAST || options.version > MILTER_VERSION ||
        (options.actions & ~(uint32_t)MILTER_ACTIONS) != 0 || (options.steps & ~(uint32_t)MILTER_STEPS) != 0)
        return false;
    *ret = options;
    return true;
}

/* --- packets --- */

static void put_u32(struct buf *out, uint32_t value)
{
    uint32_t wire = htonl(value);
    buf_put(out, slice_of(&wire, sizeof(wire)));
}

size_t milter_packet_begin(struct buf *out, enum milter_command command)
{
    size_t begin = out->n;
    put_u32(out, 0);
    buf_putc(out, (char)command);
    return begin;
}

void milter_packet_end(struct buf *out, size_t begin)
{
    uint32_t wire;
    if (buf_failed(out))
        return;
    must(out->n > begin + sizeof(wire));
    wire = htonl((uint32_t)(out->n - begin - sizeof(wire)));
    memcpy(out->p + begin, &wire, sizeof(wire));
}

void milter_put_text(struct buf *out, struct slice text)
{
    ssize_t nul = slice_find_char(text, 0);
    buf_put(out, nul >= 0 ? slice_sub(text, 0, (size_t)nul) : text);
    buf_putc(out, 0);
}

void milter_put_options(struct buf *out)
{
    size_t begin = milter_packet_begin(out, MILTER_OPTIONS);
    put_u32(out, MILTER_VERSION);
    put_u32(out, MILTER_ACTIONS);
    put_u32(out, MILTER_STEPS);
    milter_packet_end(out, begin);
}

void milter_put_connect(struct buf *out, struct slice host, struct slice peer, uint16_t port)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[INET6_ADDRSTRLEN] = "";
    char family = 'U';
    uint16_t wire = htons(port);
    if (peer.n < sizeof(text))
        snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(peer));
    if (inet_pton(AF_INET, text, bytes) == 1)
        family = '4';
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        family = '6';
    size_t begin = milter_packet_begin(out, MILTER_CONNECT);
    milter_put_text(out, host);
    buf_putc(out, family);
    if (family != 'U') {
        buf_put(out, slice_of(&wire, sizeof(wire)));
        milter_put_text(out, peer);
    }
    milter_packet_end(out, begin);
}

void milter_put_texts(struct buf *out, enum milter_command command, const struct slice *texts, size_t count)
{
    size_t begin = milter_packet_begin(out, command);
    for (size_t i = 0; i < count; i++)
        milter_put_text(out, texts[i]);
    milter_packet_end(out, begin);
}

void milter_put_bytes(struct buf *out, enum milter_command command, struct slice bytes)
{
    size_t begin = milter_packet_begin(out, command);
    buf_put(out, bytes);
    milter_packet_end(out, begin);
}

/* --- what the client is told --- */

static bool begins_with_code(struct slice line, struct slice code)
{
    return slice_starts(line, code) && (line.n == code.n || line.p[code.n] == ' ' || line.p[code.n] == '-');
}

/* "%%" stands for "%": milters write it so, since Sendmail takes the text for a format. */
static void put_line(struct buf *out, struct slice line, bool last)
{
    enum { CODE = 3 };
    buf_put(out, slice_sub(line, 0, CODE));
    buf_putc(out, last ? ' ' : '-');
    for (size_t i = CODE + 1; i < line.n; i++) {
        char c = line.p[i];
        buf_putc(out, ((unsigned char)c < ' ' && c != '\t') || c == 0x7f ? '?' : c);
        i += c == '%' && i + 1 < line.n && line.p[i + 1] == '%';
    }
    if (!last)
        buf_put(out, S("\r\n"));
}

bool milter_reply_text(struct slice text, char ret_text[static MILTER_REPLY_MAX])
{
    enum { CODE = 3, LINE_MAX = 510 /* RFC 5321 4.5.3.1.5, without CRLF */ };
    CLEANUP(buf_release) struct buf out = BUF(MILTER_REPLY_MAX - 1);
    struct slice code = slice_sub(text, 0, CODE);
    if (code.n != CODE || (code.p[0] != '4' && code.p[0] != '5') || !ascii_is_digit(code.p[1]) ||
        !ascii_is_digit(code.p[2]))
        return false;
    for (bool more = true; more;) {
        struct slice line;
        slice_cut(text, '\n', &line, &text);
        more = text.n > 0;
        if (slice_ends(line, S("\r")))
            line.n--;
        if (!begins_with_code(line, code) || line.n > LINE_MAX)
            return false;
        put_line(&out, line, !more);
    }
    if (buf_failed(&out))
        return false;
    memcpy(ret_text, buf_cstr(&out), out.n + 1);
    return true;
}
