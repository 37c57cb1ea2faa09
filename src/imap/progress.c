#include "imap/progress.h"

bool imap_progress_step(struct imap_progress *progress, struct slice tag, struct buf *out)
{
    int64_t now = clock_mono_us();
    progress->done++;
    if (progress->due == 0)
        progress->due = now + IMAP_PROGRESS_US;
    if (now < progress->due)
        return false;
    progress->due = now + IMAP_PROGRESS_US;
    /* RFC 9585 4: a tag with a "]" would seem to end the response code. */
    bool told = tag.n > 0 && slice_find_char(tag, ']') < 0;
    buf_printf(out, "* OK [INPROGRESS (%s%.*s%s %llu ", told ? "\"" : "", told ? (int)tag.n : 3,
               told ? tag.p : "NIL", told ? "\"" : "", (unsigned long long)progress->done);
    /* The goal is never less than what is done. */
    if (progress->goal >= progress->done)
        buf_put_u64(out, progress->goal);
    else
        buf_put(out, S("NIL"));
    buf_put(out, S(")] "));
    language_put(out, progress->tongue, slice_cstr(IMAP_PROGRESS_TEXT));
    buf_put(out, S("\r\n"));
    return true;
}
