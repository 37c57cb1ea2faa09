#include "admin/request_reader.h"

#include "admin/admin.h"

bool request_split(struct slice line, struct slice *ret_request, uint64_t *ret_attached)
{
    ssize_t end = slice_rfind_char(line, '}');
    struct slice number = end >= 0 ? slice_trim(slice_from(line, (size_t)end + 1)) : slice_none();
    uint64_t n = 0;
    *ret_request = line;
    *ret_attached = 0;
    if (!slice_to_u64(number, &n))
        return true;
    *ret_request = slice_sub(line, 0, (size_t)end + 1);
    *ret_attached = n;
    return n <= ADMIN_ATTACHED_MAX;
}

static enum reader_status take_line(struct request_reader *r, struct slice in, size_t *ret_used,
                                    struct buf *out)
{
    enum reader_status status = r->line.reader.feed(&r->line.reader, in, ret_used, out);
    if (status != READER_DONE)
        return status;
    buf_clear(&r->attached);
    if (!request_split(line_reader_line(&r->line), &r->request, &r->awaited))
        return READER_FAILED;
    r->line_is_read = r->awaited > 0;
    return r->awaited > 0 ? READER_MORE : READER_DONE;
}

static enum reader_status take_bytes(struct request_reader *r, struct slice in, size_t *ret_used)
{
    struct slice part = slice_sub(in, 0, (size_t)MIN(r->awaited, (uint64_t)in.n));
    *ret_used += part.n;
    r->awaited -= part.n;
    buf_put(&r->attached, part);
    r->line_is_read = r->awaited > 0;
    if (buf_failed(&r->attached))
        return READER_FAILED;
    return r->awaited > 0 ? READER_MORE : READER_DONE;
}

static enum reader_status request_feed(struct reader *reader, struct slice in, size_t *ret_used,
                                       struct buf *out)
{
    struct request_reader *r = container_of(reader, struct request_reader, reader);
    *ret_used = 0;
    if (!r->line_is_read) {
        enum reader_status status = take_line(r, in, ret_used, out);
        if (status != READER_MORE || !r->line_is_read)
            return status;
    }
    return take_bytes(r, slice_from(in, *ret_used), ret_used);
}

/* Between requests, while the connection is parked, it holds no memory. */
static void request_idle(struct reader *reader)
{
    struct request_reader *r = container_of(reader, struct request_reader, reader);
    if (r->line_is_read)
        return;
    r->line.reader.idle(&r->line.reader);
    buf_release(&r->attached);
}

void request_reader_init(struct request_reader *r)
{
    *r = (struct request_reader){.reader = {.feed = request_feed, .idle = request_idle},
                                 .attached = BUF(ADMIN_ATTACHED_MAX)};
    line_reader_init(&r->line, ADMIN_REQUEST_MAX);
}

void request_reader_release(struct request_reader *r)
{
    line_reader_release(&r->line);
    buf_release(&r->attached);
}
