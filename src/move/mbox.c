#include "move/mbox.h"

#include <stdlib.h>

#include "base/clock.h"
#include "mime/date.h"
#include "store/message.h"

/* --- lines --- */

/* A line, or the first MBOX_LINE bytes of one, or more of it. */
struct line {
    struct slice text; /* with its end */
    uint64_t offset;
    bool begins, ends;
};

void mbox_init(struct mbox *mbox, struct mbox_input *input)
{
    *mbox = (struct mbox){.input = input};
}

/* *ret_n bytes stand ahead at mbox->offset: a whole line if it is no longer than MBOX_LINE. 0 at the end. */
static enum err look_ahead(struct mbox *mbox, struct slice *ret_bytes, struct error *error)
{
    size_t skip = (size_t)(mbox->offset - mbox->at);
    if (mbox->offset < mbox->at || skip > mbox->n) {
        mbox->n = 0;
        skip = 0;
    }
    if (mbox->n - skip < MBOX_LINE) { /* what is left goes to the front */
        memmove(mbox->ahead, mbox->ahead + skip, mbox->n - skip);
        mbox->n -= skip;
        mbox->at = mbox->offset;
        skip = 0;
        while (mbox->n < MBOX_LINE) {
            size_t got = 0;
            enum err err = mbox->input->read(mbox->input, mbox->at + mbox->n, mbox->ahead + mbox->n,
                                             sizeof(mbox->ahead) - mbox->n, &got, error);
            if (err != ERR_OK)
                return err;
            if (got == 0)
                break;
            mbox->n += got;
        }
    }
    *ret_bytes = slice_of(mbox->ahead + skip, MIN(mbox->n - skip, (size_t)MBOX_LINE));
    return ERR_OK;
}

/* text.n 0: the end. */
static enum err next_line(struct mbox *mbox, struct line *line, struct error *error)
{
    struct slice bytes;
    bool begins = line->text.n == 0 || line->ends;
    enum err err = look_ahead(mbox, &bytes, error);
    if (err != ERR_OK)
        return err;
    ssize_t lf = slice_find_char(bytes, '\n');
    struct slice text = lf < 0 ? bytes : slice_sub(bytes, 0, (size_t)lf + 1);
    *line = (struct line){text, mbox->offset, begins, lf >= 0};
    mbox->offset += text.n;
    return ERR_OK;
}

static struct slice without_end(struct slice text)
{
    if (slice_ends(text, S("\n")))
        text.n--;
    if (slice_ends(text, S("\r")))
        text.n--;
    return text;
}

static bool is_empty_line(const struct line *line)
{
    return line->begins && line->ends && without_end(line->text).n == 0;
}

/* --- From_ lines --- */

static bool read_time(struct slice word, unsigned *ret_seconds)
{
    struct cursor c = cursor_of(word);
    uint32_t hours;
    uint32_t minutes;
    uint32_t seconds = 0;
    if (!cursor_u32(&c, &hours) || !cursor_skip_char(&c, ':') || !cursor_u32(&c, &minutes))
        return false;
    if (cursor_skip_char(&c, ':') && !cursor_u32(&c, &seconds))
        return false;
    *ret_seconds = hours * 3600 + minutes * 60 + seconds;
    return cursor_done(&c) && hours < 24 && minutes < 60 && seconds <= 60;
}

/* "Feb 3 10:00:00 2026", a zone before or after the year passed over. */
static bool read_date(struct cursor *c, struct slice month, int64_t *ret_us)
{
    uint32_t day;
    uint32_t year = 0;
    unsigned seconds;
    char text[40];
    int32_t days;
    cursor_take_while(c, S(" "));
    if (!cursor_u32(c, &day) || day == 0 || day > 31)
        return false;
    cursor_take_while(c, S(" "));
    if (!read_time(cursor_take_until(c, S(" ")), &seconds))
        return false;
    for (int words = 0; year == 0 && words < 2; words++) {
        cursor_take_while(c, S(" "));
        struct slice word = cursor_take_until(c, S(" "));
        if (word.n != 4 || !slice_to_u32(word, &year))
            year = 0;
    }
    snprintf(text, sizeof(text), "%u-%.3s-%04u", day, month.p, year);
    if (year < 1970 || !mime_date_parse_day(slice_cstr(text), &days))
        return false;
    *ret_us = days * CLOCK_DAY + seconds * CLOCK_SECOND;
    return true;
}

bool mbox_from_line(struct slice line, int64_t *ret_us)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct cursor c = cursor_of(without_end(line));
    if (!cursor_skip(&c, S("From ")))
        return false;
    while (!cursor_done(&c)) {
        cursor_take_while(&c, S(" "));
        struct slice word = cursor_take_until(&c, S(" "));
        ssize_t at = word.n == 3 ? slice_find(slice_cstr(months), word) : -1;
        struct cursor rest = c;
        if (at >= 0 && at % 3 == 0 && read_date(&rest, word, ret_us))
            return true;
    }
    return false;
}

/* --- headers --- */

/* The file's own fields, which say how the message stands in it. */
enum own_field { OWN_NONE, OWN_STATUS, OWN_X_STATUS, OWN_KEYWORDS, OWN_OTHER, OWN_MOZILLA, OWN_UW };

static enum own_field field_of(struct slice line, struct slice *ret_value)
{
    static const struct {
        struct slice name;
        enum own_field field;
    } table[] = {
        {{"Status", 6}, OWN_STATUS}, {{"X-Status", 8}, OWN_X_STATUS}, {{"X-Keywords", 10}, OWN_KEYWORDS},
        {{"X-UID", 5}, OWN_OTHER},   {{"X-IMAPbase", 10}, OWN_OTHER}, {{"X-Mozilla-Status", 16}, OWN_MOZILLA},
        {{"X-IMAP", 6}, OWN_UW},
    };
    struct slice name;
    if (!slice_cut(line, ':', &name, ret_value))
        return OWN_NONE;
    *ret_value = slice_trim(*ret_value);
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (slice_eq_nocase(slice_trim(name), table[i].name))
            return table[i].field;
    return OWN_NONE;
}

static bool is_left_out(enum own_field field)
{
    return field != OWN_NONE && field != OWN_MOZILLA && field != OWN_UW;
}

static void read_letters(struct slice letters, struct mbox_message *message)
{
    for (size_t i = 0; i < letters.n; i++) {
        int bit = letters.p[i] == 'R'   ? FLAG_SEEN
                  : letters.p[i] == 'A' ? FLAG_ANSWERED
                  : letters.p[i] == 'F' ? FLAG_FLAGGED
                  : letters.p[i] == 'D' ? FLAG_DELETED
                  : letters.p[i] == 'T' ? FLAG_DRAFT
                                        : -1;
        if (bit >= 0)
            message->flags |= 1U << bit;
    }
}

static void read_mozilla(struct slice value, struct mbox_message *message)
{
    enum { READ = 1, REPLIED = 2, MARKED = 4, EXPUNGED = 8 };
    char text[8];
    snprintf(text, sizeof(text), "%.*s", (int)MIN(value.n, (size_t)4), value.n > 0 ? value.p : "");
    unsigned long bits = strtoul(text, NULL, 16);
    message->flags |= (bits & READ) != 0 ? 1U << FLAG_SEEN : 0;
    message->flags |= (bits & REPLIED) != 0 ? 1U << FLAG_ANSWERED : 0;
    message->flags |= (bits & MARKED) != 0 ? 1U << FLAG_FLAGGED : 0;
    message->is_none = message->is_none || (bits & EXPUNGED) != 0;
}

static void read_field(struct slice line, struct mbox_message *message)
{
    struct slice value;
    switch (field_of(line, &value)) {
    case OWN_STATUS:
    case OWN_X_STATUS:
        read_letters(value, message);
        break;
    case OWN_KEYWORDS:
        if (message->keywords.n > 0)
            buf_putc(&message->keywords, ' ');
        buf_put(&message->keywords, value);
        break;
    case OWN_MOZILLA:
        read_mozilla(value, message);
        break;
    case OWN_UW:
        message->is_none = true;
        break;
    default:
        break;
    }
}

/* --- messages --- */

void mbox_message_release(struct mbox_message *message)
{
    buf_release(&message->keywords);
}

/* The first line of a message; *ret_no_end: the message's last line has no end. */
static void read_own_field(struct slice line, struct mbox_message *message, bool *ret_no_end)
{
    struct slice name;
    struct slice words;
    *ret_no_end = false;
    message->own = slice_cut(line, ':', &name, &words) && slice_eq(name, S(MBOX_OWN_FIELD));
    if (!message->own)
        return;
    message->as_is = slice_find(words, S(MBOX_AS_IS)) >= 0;
    *ret_no_end = slice_find(words, S(MBOX_NO_END)) >= 0;
}

/* To the next From_ line, which stays to be read; what is read tells the flags and the end. */
static enum err read_message(struct mbox *mbox, struct mbox_message *message, struct error *error)
{
    struct line line = {0};
    bool header = true;
    bool after_empty = false;
    bool no_end = false;
    uint64_t empty_at = 0;
    for (size_t lines = 0;; lines += line.ends) {
        int64_t ignored;
        enum err err = next_line(mbox, &line, error);
        if (err != ERR_OK)
            return err;
        bool end = line.text.n == 0;
        bool from = !end && line.begins && after_empty && mbox_from_line(line.text, &ignored);
        if (end || from) {
            message->end = after_empty ? empty_at : line.offset;
            message->end -= no_end && message->end > message->start ? 1 : 0;
            mbox->offset = line.offset;
            return ERR_OK;
        }
        after_empty = is_empty_line(&line);
        empty_at = after_empty ? line.offset : empty_at;
        if (lines == 0 && line.begins)
            read_own_field(without_end(line.text), message, &no_end);
        if (header && line.begins && !after_empty && (!message->own || lines < MBOX_OWN_LINES))
            read_field(without_end(line.text), message);
        header = header && !after_empty;
    }
}

enum err mbox_next(struct mbox *mbox, bool *ret_found, struct mbox_message *ret_message, struct error *error)
{
    CLEANUP(mbox_message_release) struct mbox_message message = {.keywords = BUF(MBOX_KEYWORDS_MAX)};
    struct line line = {0};
    uint64_t before = mbox->offset;
    enum err err;
    do
        err = next_line(mbox, &line, error);
    while (err == ERR_OK && is_empty_line(&line) && before == 0);
    if (err != ERR_OK)
        return err;
    *ret_found = line.text.n > 0 && mbox_from_line(line.text, &message.date_us);
    if (!*ret_found) {
        mbox->offset = before;
        return ERR_OK;
    }
    message.start = mbox->offset;
    err = read_message(mbox, &message, error);
    if (err != ERR_OK)
        return err;
    *ret_message = message;
    message.keywords = BUF(0);
    return ERR_OK;
}

/* One ">" less before "From ". */
static struct slice unquoted(const struct line *line)
{
    struct slice text = line->text;
    size_t n = 0;
    while (n < text.n && text.p[n] == '>')
        n++;
    bool quoted = line->begins && n > 0 && slice_starts(slice_from(text, n), S("From "));
    return quoted ? slice_from(text, 1) : text;
}

enum err mbox_give(struct mbox *mbox, const struct mbox_message *message, mbox_sink *sink, void *context,
                   struct error *error)
{
    struct line line = {0};
    bool header = !message->own;
    bool leaving_out = false;
    mbox->offset = message->start;
    for (size_t lines = 0; mbox->offset < message->end; lines += line.ends) {
        struct slice value;
        enum err err = next_line(mbox, &line, error);
        if (err != ERR_OK)
            return err;
        if (line.text.n == 0) /* it became shorter meanwhile */
            return ERR_OK;
        line.text.n = MIN(line.text.n, (size_t)(message->end - line.offset));
        bool folded = slice_starts(line.text, S(" ")) || slice_starts(line.text, S("\t"));
        if (header && line.begins && !folded)
            leaving_out = is_left_out(field_of(without_end(line.text), &value));
        if (header && is_empty_line(&line))
            header = leaving_out = false;
        if (!leaving_out && (!message->own || lines >= MBOX_OWN_LINES))
            err = sink(context, unquoted(&line), error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}
