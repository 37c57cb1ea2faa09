#include "imap/reader.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "imap/parser.h"

static const struct {
    const char *status;
    const char *text;
} failures[] = {
#define X(name, status_text, sentence) [IMAP_READER_##name] = {status_text, sentence},
    IMAP_READER_FAILURE_TABLE(X)
#undef X
};

const char *imap_reader_failure_text(enum imap_reader_failure failure)
{
    return failures[failure].text;
}

const char *imap_reader_failure_status(enum imap_reader_failure failure)
{
    return failures[failure].status;
}

bool imap_literal_at_end(struct slice line, uint64_t *ret_size, bool *ret_synchronising)
{
    if (line.n < 3 || line.p[line.n - 1] != '}')
        return false;
    ssize_t open = slice_rfind_char(line, '{');
    if (open < 0)
        return false;
    struct slice digits = slice_sub(line, (size_t)open + 1, line.n - (size_t)open - 2);
    bool synchronising = true;
    if (slice_ends(digits, S("+"))) {
        digits.n--;
        synchronising = false;
    }
    if (digits.n == 0)
        return false;
    for (size_t i = 0; i < digits.n; i++)
        if (!ascii_is_digit(digits.p[i]))
            return false;
    uint64_t size;
    *ret_size = slice_to_u64(digits, &size) ? size : UINT64_MAX;
    *ret_synchronising = synchronising;
    return true;
}

struct slice imap_tag_of(struct slice text)
{
    size_t n = 0;
    while (n < text.n && imap_is_tag_char(text.p[n]))
        n++;
    if (n == 0 || n > IMAP_TAG_MAX || n == text.n || text.p[n] != ' ')
        return slice_none();
    return slice_sub(text, 0, n);
}

/* `more`: input that belongs to the command and is not in its text yet. */
static void remember_tag(struct imap_reader *r, struct slice more)
{
    char start[IMAP_TAG_MAX + 1];
    struct slice had = slice_sub(buf_slice(&r->text), 0, sizeof(start));
    more = slice_sub(more, 0, sizeof(start) - had.n);
    memcpy(start, had.n > 0 ? had.p : "", had.n);
    memcpy(start + had.n, more.n > 0 ? more.p : "", more.n);
    struct slice tag = imap_tag_of(slice_of(start, had.n + more.n));
    if (tag.n == 0)
        tag = S("*");
    memcpy(r->tag, tag.p, tag.n);
    r->tag[tag.n] = 0;
}

static enum reader_status give_up(struct imap_reader *r, enum imap_reader_failure failure)
{
    r->failure = failure;
    r->finished = true;
    return READER_FAILED;
}

/* Only the end of the present line matters: it may announce a literal. */
static void keep_tail(struct imap_reader *r)
{
    size_t line = r->text.n - r->line_start;
    buf_consume(&r->text, r->text.n - MIN(line, (size_t)IMAP_READER_TAIL));
    r->line_start = 0;
}

/* From here on the command is only passed over, to find its end. */
static void start_skipping(struct imap_reader *r, enum imap_reader_failure failure, struct slice more)
{
    remember_tag(r, more);
    r->failure = failure;
    keep_tail(r);
}

static bool skip_too_much(struct imap_reader *r, size_t n)
{
    r->skipped += n;
    return r->skipped > r->limits.message_max + IMAP_SKIP_MAX;
}

/* The verbs that may send a message (VERB_MESSAGE). */
static bool takes_message(struct slice text)
{
    struct slice tag = imap_tag_of(text);
    if (tag.n == 0)
        return false;
    struct slice verb = slice_from(text, tag.n + 1);
    return slice_starts_nocase(verb, S("APPEND ")) || slice_starts_nocase(verb, S("REPLACE ")) ||
           slice_starts_nocase(verb, S("UID REPLACE "));
}

static bool belongs_in_spool(const struct imap_reader *r, uint64_t size)
{
    return size > IMAP_LITERAL_INLINE_MAX ||
           (size > IMAP_MESSAGE_INLINE_MAX && takes_message(buf_slice(&r->text)));
}

static bool literal_fits(struct imap_reader *r, uint64_t size)
{
    if (belongs_in_spool(r, size))
        return size <= r->limits.message_max && r->spooled <= r->limits.message_max - size &&
               takes_message(buf_slice(&r->text));
    return size <= r->limits.literal_max - r->literal_bytes;
}

static bool open_spool(struct imap_reader *r)
{
    if (r->spool < 0)
        r->spool = r->limits.open_spool != NULL ? r->limits.open_spool(r->limits.context)
                                                : memfd_create("imap-message", MFD_CLOEXEC);
    return r->spool >= 0;
}

static enum reader_status announce_literal(struct imap_reader *r, uint64_t size, bool synchronising,
                                           struct buf *out)
{
    bool waits = synchronising || size <= r->limits.plus_max;
    if (!waits || !literal_fits(r, size)) {
        start_skipping(r, waits ? IMAP_READER_LITERAL : IMAP_READER_WAIT, slice_none());
        if (synchronising)
            return give_up(r, IMAP_READER_LITERAL);
        if (size > r->limits.message_max + IMAP_SKIP_MAX)
            return give_up(r, IMAP_READER_FLOOD);
        r->left = size;
        r->state = IMAP_READER_SKIP_LITERAL;
        return READER_MORE;
    }
    r->to_spool = belongs_in_spool(r, size);
    if (r->to_spool && !open_spool(r)) {
        start_skipping(r, IMAP_READER_MEMORY, slice_none());
        if (synchronising)
            return give_up(r, IMAP_READER_MEMORY);
        r->left = size;
        r->state = IMAP_READER_SKIP_LITERAL;
        return READER_MORE;
    }
    if (!r->to_spool)
        r->literal_bytes += (size_t)size;
    buf_put(&r->text, S("\r\n"));
    r->left = size;
    r->state = IMAP_READER_IN_LITERAL;
    if (synchronising)
        buf_put(out, S("+ OK\r\n"));
    return READER_MORE;
}

static enum reader_status complete(struct imap_reader *r)
{
    if (buf_failed(&r->text)) {
        remember_tag(r, slice_none());
        return give_up(r, IMAP_READER_LITERAL);
    }
    if (r->spooled > 0) {
        void *p = mmap(NULL, (size_t)r->spooled, PROT_READ, MAP_SHARED, r->spool, 0);
        if (p == MAP_FAILED) {
            remember_tag(r, slice_none());
            return give_up(r, IMAP_READER_MEMORY);
        }
        r->spool_text = slice_of(p, (size_t)r->spooled);
    }
    r->finished = true;
    return READER_DONE;
}

static enum reader_status feed_line(struct imap_reader *r, struct slice in, size_t *used, struct buf *out)
{
    ssize_t end = slice_find_char(in, '\n');
    struct slice part = end < 0 ? in : slice_sub(in, 0, (size_t)end);
    size_t line_left = r->limits.line_max - MIN(r->text.n - r->line_start, r->limits.line_max);
    size_t text_left = r->text.max - r->text.n;
    /* Whichever bound comes first decides, so that it does not matter in what pieces the line came. */
    if (part.n > MIN(line_left, text_left)) {
        start_skipping(r, line_left <= text_left ? IMAP_READER_LINE : IMAP_READER_LITERAL, part);
        r->state = IMAP_READER_SKIP_LINE;
        return READER_MORE;
    }
    buf_put(&r->text, part);
    *used += part.n;
    if (end < 0)
        return READER_MORE;
    *used += 1;
    if (r->text.n > r->line_start && r->text.p[r->text.n - 1] == '\r')
        r->text.n--;
    uint64_t size;
    bool synchronising;
    if (!r->raw && imap_literal_at_end(slice_from(buf_slice(&r->text), r->line_start), &size, &synchronising))
        return announce_literal(r, size, synchronising, out);
    return complete(r);
}

static enum reader_status feed_literal(struct imap_reader *r, struct slice in, size_t *used)
{
    struct slice part = slice_sub(in, 0, (size_t)MIN((uint64_t)in.n, r->left));
    struct error error;
    if (!r->to_spool) {
        buf_put(&r->text, part);
    } else if (fd_write_all(r->spool, part, &error) != ERR_OK) {
        start_skipping(r, IMAP_READER_MEMORY, slice_none());
        r->state = IMAP_READER_SKIP_LITERAL;
        return READER_MORE;
    } else {
        r->spooled += part.n;
    }
    *used += part.n;
    r->left -= part.n;
    if (r->left == 0) {
        r->state = IMAP_READER_IN_LINE;
        r->line_start = r->text.n;
    }
    return READER_MORE;
}

static enum reader_status skip_line(struct imap_reader *r, struct slice in, size_t *used)
{
    ssize_t end = slice_find_char(in, '\n');
    struct slice part = end < 0 ? in : slice_sub(in, 0, (size_t)end);
    buf_put(&r->text, slice_from(part, part.n - MIN(part.n, (size_t)IMAP_READER_TAIL)));
    keep_tail(r);
    *used += part.n + (end >= 0);
    if (skip_too_much(r, part.n))
        return give_up(r, IMAP_READER_FLOOD);
    if (end < 0)
        return READER_MORE;
    struct slice line = buf_slice(&r->text);
    if (slice_ends(line, S("\r")))
        line.n--;
    uint64_t size;
    bool synchronising;
    if (r->raw || !imap_literal_at_end(line, &size, &synchronising) || synchronising)
        return give_up(r, r->failure);
    if (size > r->limits.message_max + IMAP_SKIP_MAX)
        return give_up(r, IMAP_READER_FLOOD);
    r->left = size;
    r->state = IMAP_READER_SKIP_LITERAL;
    return READER_MORE;
}

static enum reader_status skip_literal(struct imap_reader *r, struct slice in, size_t *used)
{
    size_t n = (size_t)MIN((uint64_t)in.n, r->left);
    *used += n;
    r->left -= n;
    if (skip_too_much(r, n))
        return give_up(r, IMAP_READER_FLOOD);
    if (r->left == 0) {
        r->state = IMAP_READER_SKIP_LINE;
        buf_clear(&r->text);
    }
    return READER_MORE;
}

static enum reader_status step(struct imap_reader *r, struct slice in, size_t *used, struct buf *out)
{
    switch (r->state) {
    case IMAP_READER_IN_LINE:
        return feed_line(r, in, used, out);
    case IMAP_READER_IN_LITERAL:
        return feed_literal(r, in, used);
    case IMAP_READER_SKIP_LINE:
        return skip_line(r, in, used);
    case IMAP_READER_SKIP_LITERAL:
        return skip_literal(r, in, used);
    }
    must(false);
    return READER_FAILED;
}

static enum reader_status feed(struct reader *reader, struct slice in, size_t *ret_used, struct buf *out)
{
    struct imap_reader *r = container_of(reader, struct imap_reader, reader);
    if (r->finished)
        imap_reader_clear(r);
    size_t used = 0;
    enum reader_status status = READER_MORE;
    /* A literal of no bytes is over before more input comes. */
    while (status == READER_MORE &&
           (used < in.n ||
            ((r->state == IMAP_READER_IN_LITERAL || r->state == IMAP_READER_SKIP_LITERAL) && r->left == 0)))
        status = step(r, slice_from(in, used), &used, out);
    *ret_used = used;
    /* Without its text nobody knows whether a literal follows, and a literal must not be taken for commands.
     */
    if (buf_no_memory(&r->text))
        return READER_NOMEM;
    return status;
}

void imap_reader_init(struct imap_reader *r, const struct imap_reader_limits *limits)
{
    *r = (struct imap_reader){
        .reader = {.feed = feed},
        .limits = *limits,
        .text = BUF(limits->line_max + limits->literal_max),
        .spool = -1,
    };
}

void imap_reader_clear(struct imap_reader *r)
{
    bool raw = r->raw;
    buf_release(&r->text);
    if (r->spool_text.p != NULL)
        munmap((void *)(uintptr_t)r->spool_text.p, r->spool_text.n);
    if (r->spool >= 0)
        close(r->spool);
    struct imap_reader_limits limits = r->limits;
    imap_reader_init(r, &limits);
    r->raw = raw;
}
