#include "imap/parser.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "imap/mailbox_name.h"
#include "imap/reader.h"
#include "mime/date.h"
#include "store/message.h"

bool imap_is_atom_char(char c)
{
    return c > 0x20 && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

bool imap_is_astring_char(char c)
{
    return imap_is_atom_char(c) || c == ']';
}

bool imap_is_tag_char(char c)
{
    return imap_is_astring_char(c) && c != '+';
}

bool imap_parse_fail(struct imap_parser *p, const char *problem)
{
    if (p->problem == NULL)
        p->problem = arena_failed(p->arena) ? "the command needs too much memory" : problem;
    p->limit = p->limit || arena_failed(p->arena);
    return false;
}

bool imap_parse_knows(const struct imap_parser *p, enum imap_place_of_word place, struct slice word)
{
    return imap_word_known(p->off, place, word);
}

bool imap_parse_space(struct imap_parser *p)
{
    return cursor_skip_char(&p->text, ' ') || imap_parse_fail(p, "a space is missing");
}

bool imap_parse_char(struct imap_parser *p, char c)
{
    if (cursor_skip_char(&p->text, c))
        return true;
    return imap_parse_fail(p, c == '(' || c == ')' ? "a parenthesis is missing" : "a character is missing");
}

bool imap_parse_end(struct imap_parser *p)
{
    return cursor_done(&p->text) || imap_parse_fail(p, "there is more than the command takes");
}

static struct slice take_chars(struct imap_parser *p, bool (*is)(char c))
{
    const char *from = p->text.p;
    while (!cursor_done(&p->text) && is(*p->text.p))
        p->text.p++;
    return slice_of(from, (size_t)(p->text.p - from));
}

bool imap_parse_atom(struct imap_parser *p, struct slice *ret)
{
    struct slice atom = take_chars(p, imap_is_atom_char);
    if (atom.n == 0)
        return imap_parse_fail(p, "a word is missing");
    *ret = atom;
    return true;
}

static bool parse_quoted(struct imap_parser *p, struct slice *ret)
{
    const char *from = p->text.p;
    bool escapes = false;
    for (;;) {
        int byte = cursor_next(&p->text);
        if (byte == '"')
            break;
        if (byte == '\\') {
            escapes = true;
            byte = cursor_next(&p->text);
            if (byte != '"' && byte != '\\')
                return imap_parse_fail(p, "only \" and \\ may be escaped in a quoted string");
        }
        if (byte <= 0 || byte == '\r' || byte == '\n')
            return imap_parse_fail(p, "a quoted string has no end");
    }
    struct slice text = slice_of(from, (size_t)(p->text.p - from) - 1);
    if (!utf8_valid(text)) /* RFC 6855 3 */
        return imap_parse_fail(p, "a quoted string is no UTF-8");
    if (escapes) {
        char *copy = arena_alloc(p->arena, text.n + 1);
        if (copy == NULL)
            return imap_parse_fail(p, "memory");
        size_t n = 0;
        for (size_t i = 0; i < text.n; i++) {
            if (text.p[i] == '\\')
                i++;
            copy[n++] = text.p[i];
        }
        text = slice_of(copy, n);
    }
    *ret = text;
    return true;
}

bool imap_parse_message(struct imap_parser *p, struct slice *ret)
{
    uint64_t inline_max = p->spools ? IMAP_MESSAGE_INLINE_MAX : IMAP_LITERAL_INLINE_MAX;
    uint64_t size;
    if (!cursor_skip_char(&p->text, '{') || !cursor_u64(&p->text, &size))
        return imap_parse_fail(p, "a literal is missing");
    cursor_skip_char(&p->text, '+');
    if (!cursor_skip(&p->text, S("}\r\n")))
        return imap_parse_fail(p, "a literal is malformed");
    struct cursor *from = size > inline_max ? &p->spool : &p->text;
    if (size > cursor_left(from))
        return imap_parse_fail(p, "a literal is cut short");
    *ret = cursor_take(from, (size_t)size);
    return true;
}

bool imap_parse_string(struct imap_parser *p, struct slice *ret)
{
    if (cursor_skip_char(&p->text, '"'))
        return parse_quoted(p, ret);
    if (!imap_parse_at(p, '{'))
        return imap_parse_fail(p, "a string is missing");
    if (!imap_parse_message(p, ret))
        return false;
    return (ret->n == 0 || memchr(ret->p, 0, ret->n) == NULL) || imap_parse_fail(p, "a string holds a NUL");
}

bool imap_parse_astring(struct imap_parser *p, struct slice *ret)
{
    if (imap_parse_at(p, '"') || imap_parse_at(p, '{'))
        return imap_parse_string(p, ret);
    struct slice text = take_chars(p, imap_is_astring_char);
    if (text.n == 0)
        return imap_parse_fail(p, "an argument is missing");
    *ret = text;
    return true;
}

bool imap_parse_nstring(struct imap_parser *p, struct slice *ret)
{
    if (cursor_skip_nocase(&p->text, S("NIL"))) {
        *ret = slice_none();
        return true;
    }
    if (!imap_parse_string(p, ret))
        return false;
    if (ret->p == NULL)
        ret->p = "";
    return true;
}

bool imap_parse_number(struct imap_parser *p, uint32_t *ret)
{
    return cursor_u32(&p->text, ret) || imap_parse_fail(p, "a number is missing or too large");
}

bool imap_parse_number64(struct imap_parser *p, uint64_t *ret)
{
    return (cursor_u64(&p->text, ret) && *ret <= INT64_MAX) ||
           imap_parse_fail(p, "a number is missing or too large");
}

bool imap_parse_modseq(struct imap_parser *p, uint64_t *ret)
{
    return (cursor_u64(&p->text, ret) && *ret <= INT64_MAX) ||
           imap_parse_fail(p, "a mod-sequence is missing or too large");
}

/* "inbox/Old" is below INBOX (RFC 9051 5.1), and its client hears of the other name like of any that was
 * changed. */
static void name_inbox(struct buf *name)
{
    static const struct slice below = {"INBOX/", 6};
    if (slice_starts_nocase(buf_slice(name), below))
        memcpy(name->p, below.p, below.n);
}

static bool decode_name(struct imap_parser *p, struct slice wire, struct slice *ret)
{
    CLEANUP(buf_release) struct buf name = BUF(2 * FOLDER_PATH_MAX);
    bool right = mailbox_name_read(&name, wire, p->utf8);
    if (buf_no_memory(&name)) {
        p->limit = true;
        return imap_parse_fail(p, "there is no memory for the mailbox name");
    }
    if (!right)
        return imap_parse_fail(p, p->utf8 ? "the mailbox name is no UTF-8 or too long"
                                          : "the mailbox name is no modified UTF-7 or too long");
    name_inbox(&name);
    if (p->utf8) {
        p->written = p->written.p == NULL ? wire : p->written;
        p->denormal = p->denormal || !slice_eq(wire, buf_slice(&name));
    }
    struct slice copy = arena_dup(p->arena, buf_slice(&name));
    if (copy.p == NULL)
        return imap_parse_fail(p, "memory");
    *ret = copy;
    return true;
}

bool imap_parse_mailbox(struct imap_parser *p, struct slice *ret)
{
    struct slice wire;
    return imap_parse_astring(p, &wire) && decode_name(p, wire, ret);
}

static bool is_list_char(char c)
{
    return imap_is_astring_char(c) || c == '*' || c == '%';
}

bool imap_parse_list_mailbox(struct imap_parser *p, struct slice *ret)
{
    struct slice wire;
    if (imap_parse_at(p, '"') || imap_parse_at(p, '{')) {
        if (!imap_parse_string(p, &wire))
            return false;
    } else {
        wire = take_chars(p, is_list_char);
        if (wire.n == 0)
            return imap_parse_fail(p, "a mailbox pattern is missing");
    }
    return decode_name(p, wire, ret);
}

bool imap_parse_sequence_set(struct imap_parser *p, struct imap_sequence_set *ret)
{
    if (imap_parse_at(p, '$') && !imap_parse_knows(p, IMAP_WORD_SET, S("$")))
        return imap_parse_fail(p, "a message set is missing");
    return imap_sequence_set_parse(&p->text, p->arena, ret) ||
           imap_parse_fail(p, "a message set is missing, malformed or too long");
}

bool imap_parse_keyword(struct imap_parser *p, struct slice *ret)
{
    if (!imap_parse_atom(p, ret))
        return false;
    return ret->n <= KEYWORD_NAME_MAX || imap_parse_fail(p, "a keyword is too long");
}

static const struct {
    struct slice name;
    int bit; /* -1: \Recent, which nobody can set (RFC 3501 2.3.2): passed over */
} system_flags[] = {
    {{"Seen", 4}, FLAG_SEEN},       {{"Answered", 8}, FLAG_ANSWERED}, {{"Flagged", 7}, FLAG_FLAGGED},
    {{"Deleted", 7}, FLAG_DELETED}, {{"Draft", 5}, FLAG_DRAFT},       {{"Recent", 6}, -1},
};

static bool parse_flag(struct imap_parser *p, struct imap_flags *flags)
{
    if (!cursor_skip_char(&p->text, '\\')) {
        if (flags->keyword_count == IMAP_FLAGS_MAX) {
            p->limit = true;
            return imap_parse_fail(p, "too many flags");
        }
        return imap_parse_keyword(p, &flags->keywords[flags->keyword_count++]);
    }
    struct slice name;
    if (!imap_parse_atom(p, &name))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(system_flags); i++) {
        if (slice_eq_nocase(name, system_flags[i].name)) {
            if (system_flags[i].bit >= 0)
                flags->system |= UINT64_C(1) << system_flags[i].bit;
            return true;
        }
    }
    return imap_parse_fail(p, "there is no such system flag");
}

bool imap_parse_flags(struct imap_parser *p, bool bare, struct imap_flags *ret)
{
    struct imap_flags flags = {.keywords = arena_array(p->arena, IMAP_FLAGS_MAX, sizeof(struct slice))};
    if (flags.keywords == NULL)
        return imap_parse_fail(p, "memory");
    bool list = cursor_skip_char(&p->text, '(');
    if (!list && !bare)
        return imap_parse_fail(p, "a list of flags is missing");
    if (!list || !imap_parse_at(p, ')')) {
        do {
            if (!parse_flag(p, &flags))
                return false;
        } while (cursor_skip_char(&p->text, ' '));
    }
    if (list && !imap_parse_char(p, ')'))
        return false;
    *ret = flags;
    return true;
}

bool imap_parse_date_time(struct imap_parser *p, int64_t *ret_us)
{
    struct slice text;
    struct mime_date date;
    if (!imap_parse_at(p, '"') || !imap_parse_string(p, &text) || !mime_date_parse_internal(text, &date))
        return imap_parse_fail(p, "a date and time is malformed");
    *ret_us = date.seconds * CLOCK_SECOND;
    return true;
}

bool imap_parse_day(struct imap_parser *p, int32_t *ret_day)
{
    struct slice text;
    if (!imap_parse_astring(p, &text))
        return false;
    return mime_date_parse_day(text, ret_day) || imap_parse_fail(p, "a date is malformed");
}
