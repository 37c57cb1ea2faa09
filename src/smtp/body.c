#include "smtp/body.h"

#include "base/fdio.h"

void smtp_body_init(struct smtp_body *body, struct link *link, uint64_t max)
{
    *body = (struct smtp_body){.link = link, .max = max, .memory = BUF(QUEUE_INLINE_MAX), .fd = -1};
}

static void flush(struct smtp_body *body)
{
    if (body->fd < 0 && link_spool_create(body->link, &body->spool, &body->fd, &body->error) != ERR_OK) {
        body->failed = true;
        return;
    }
    if (fd_write_all(body->fd, buf_slice(&body->memory), &body->error) != ERR_OK)
        body->failed = true;
    buf_clear(&body->memory);
}

void smtp_body_put(struct smtp_body *body, struct slice s)
{
    if (body->size + s.n > body->max)
        body->too_large = true;
    while (s.n > 0 && !body->too_large && !body->failed) {
        struct slice part = slice_sub(s, 0, QUEUE_INLINE_MAX - body->memory.n);
        if (part.n == 0) {
            flush(body);
            continue;
        }
        buf_put(&body->memory, part);
        body->size += part.n;
        s = slice_from(s, part.n);
        if (buf_failed(&body->memory)) {
            body->failed = true;
            (void)fail_nomem(&body->error);
        }
    }
}

void smtp_body_finish(struct smtp_body *body)
{
    if (body->spool != 0 && !body->too_large && !body->failed)
        flush(body);
}

void smtp_body_accepted(struct smtp_body *body)
{
    body->spool = 0;
}

void smtp_body_drop(struct smtp_body *body)
{
    fd_close(&body->fd);
    if (body->spool != 0)
        link_spool_drop(body->link, body->spool);
    buf_release(&body->memory);
    smtp_body_init(body, body->link, body->max);
}
