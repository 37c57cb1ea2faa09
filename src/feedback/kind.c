#include "feedback/kind.h"

#include <zlib.h>

#include "base/log.h"
#include "mime/compose.h"

/* RFC 1952: with a header of gzip. */
enum { GZIP_WINDOW_BITS = 15 + 16, ZLIB_MEMORY_LEVEL = 8 };

enum err feedback_hand_in(const struct feedback_options *options, struct slice domain, struct slice addresses,
                          bool tls_optional, struct slice message, struct error *error)
{
    struct queue_recipient to[FEEDBACK_ADDRESSES_MAX] = {0};
    struct queue_envelope envelope = {.recipients = to,
                                      .protocol = S("ESMTP"),
                                      .helo = slice_cstr(options->hostname),
                                      .ours = true,
                                      .tls_optional = tls_optional};
    struct slice rest = addresses;
    struct queue_id id;
    while (rest.n > 0 && envelope.recipient_count < FEEDBACK_ADDRESSES_MAX) {
        struct queue_recipient *next = &to[envelope.recipient_count++];
        slice_cut(rest, ',', &next->address, &rest);
        next->notify = DSN_NEVER;
    }
    enum err err = queue_accept(options->queue, &envelope, message, 0, &id, error);
    if (err == ERR_OK)
        LOG(LOG_INFO, NO_SID, "feedback.report", F_STR("domain", domain), F_STR("to", addresses),
            F_ID("entry", id.v));
    return err;
}

void feedback_put_header(struct buf *out, const char *from, struct slice hostname, struct slice domain,
                         struct slice addresses, struct slice id)
{
    CLEANUP(buf_release) struct buf text = BUF(4096);
    struct slice rest = addresses;
    struct slice address;
    buf_printf(&text, "postmaster@%.*s", SLICE_ARGS(hostname));
    mime_compose_mailbox(out, "From", slice_cstr(from), buf_slice(&text));
    buf_clear(&text);
    while (rest.n > 0) {
        slice_cut(rest, ',', &address, &rest);
        buf_printf(&text, "%s<%.*s>", text.n > 0 ? ", " : "", SLICE_ARGS(address));
    }
    mime_compose_field(out, "To", buf_slice(&text));
    buf_clear(&text);
    buf_printf(&text, "Report Domain: %.*s Submitter: %.*s Report-ID: <%.*s>", SLICE_ARGS(domain),
               SLICE_ARGS(hostname), SLICE_ARGS(id));
    mime_compose_text_field(out, "Subject", buf_slice(&text));
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, hostname);
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-generated"));
}

enum err feedback_gzip(struct slice text, struct buf *out, struct error *error)
{
    z_stream stream = {.next_in = (Bytef *)text.p, .avail_in = (uInt)text.n};
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, ZLIB_MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return fail_nomem(error);
    uLong bound = deflateBound(&stream, (uLong)text.n);
    char *place = buf_reserve(out, bound);
    int result = Z_MEM_ERROR;
    if (place != NULL) {
        stream.next_out = (Bytef *)place;
        stream.avail_out = (uInt)bound;
        result = deflate(&stream, Z_FINISH);
        buf_grew(out, bound - stream.avail_out);
    }
    (void)deflateEnd(&stream);
    return result == Z_STREAM_END ? ERR_OK : fail_nomem(error);
}
