#include "smtp/chunk_reader.h"

#include "base/must.h"

static void look_for_bare(struct chunk_reader *r, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        r->bare = r->bare || (s.p[i] == '\n') != (r->last == '\r');
        r->last = s.p[i];
    }
}

static enum reader_status feed(struct reader *reader, struct slice in, size_t *ret_used, struct buf *out)
{
    struct chunk_reader *r = container_of(reader, struct chunk_reader, reader);
    struct slice part = slice_sub(in, 0, r->left);
    (void)out;
    look_for_bare(r, part);
    if (part.n > 0)
        r->sink(r->context, part);
    r->left -= part.n;
    *ret_used = part.n;
    return r->left == 0 ? READER_DONE : READER_MORE;
}

void chunk_reader_init(struct chunk_reader *r, dot_sink_fn *sink, void *context)
{
    *r = (struct chunk_reader){.reader = {.feed = feed}, .sink = sink, .context = context};
}
