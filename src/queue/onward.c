/*
 * A message that goes on to the outside by way of an address of ours: forwarded, or to members of a group. It
 * becomes an entry of its own, as it has another sender, and a header that says where it has been. That entry
 * is committed together with what is left of the first one, so that trying that again sends nothing twice.
 */
#include "base/fdio.h"
#include "directory/forward.h"
#include "mime/header.h"
#include "queue/internal.h"

enum { ONWARD_PREFIX_MAX = 32 * 1024 };

static enum err write_spool(struct queue *queue, struct entry *entry, struct slice prefix, struct slice body,
                            struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    uint64_t spool = 0;
    enum err err = queue_spool_create(queue, &spool, &fd, error);
    if (err != ERR_OK)
        return err;
    err = fd_write_all(fd, prefix, error);
    if (err == ERR_OK)
        err = fd_write_all(fd, body, error);
    if (err != ERR_OK) {
        queue_spool_drop(queue, spool);
        return err;
    }
    err = spool_finish(queue, spool, &entry->size, error);
    if (err == ERR_OK)
        entry->spool = spool;
    return err;
}

static enum err write_body(struct queue *queue, struct entry *entry, struct slice prefix, struct slice body,
                           struct error *error)
{
    if (prefix.n + body.n > QUEUE_INLINE_MAX)
        return write_spool(queue, entry, prefix, body, error);
    entry->body = malloc(prefix.n + body.n + 1);
    if (entry->body == NULL)
        return fail_nomem(error);
    if (prefix.n > 0)
        memcpy(entry->body, prefix.p, prefix.n);
    if (body.n > 0)
        memcpy(entry->body + prefix.n, body.p, body.n);
    entry->size = prefix.n + body.n;
    return ERR_OK;
}

static struct entry *new_entry(struct queue *queue, const struct entry *from, size_t at,
                               const struct onward_order *order)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(ENTRY_ARENA_MAX);
    const struct queue_recipient *like = &from->recipients[at].given;
    struct queue_recipient *to = arena_array(&scratch, order->target_count, sizeof(*to));
    if (to == NULL || order->target_count > ENTRY_RECIPIENTS_MAX)
        return NULL;
    for (size_t i = 0; i < order->target_count; i++)
        to[i] = (struct queue_recipient){.address = order->targets[i],
                                         .orcpt = like->orcpt.n > 0 ? like->orcpt : like->address,
                                         .notify = like->notify};
    struct queue_envelope envelope = from->envelope;
    envelope.sender = order->sender;
    envelope.recipients = to;
    envelope.recipient_count = order->target_count;
    envelope.account = (struct account_id){0};
    envelope.ours = false;
    envelope.release = (struct queue_release){0}; /* its time has come */
    envelope.protocol = S("ESMTP");
    envelope.helo = slice_cstr(queue->hostname);
    envelope.peer = slice_none();
    envelope.tls = slice_none();
    envelope.results = slice_none(); /* they stand in the body now */
    return entry_new(intake_next_id(queue), &envelope, entry_since(from));
}

enum err onward_make(struct queue *queue, const struct entry *from, size_t at,
                     const struct onward_order *order, struct entry **ret_entry, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = new_entry(queue, from, at, order);
    CLEANUP(buf_release) struct buf prefix = BUF(ONWARD_PREFIX_MAX);
    CLEANUP(buf_release) struct buf sealed = BUF(2 * ONWARD_PREFIX_MAX);
    struct slice body = order->message.p != NULL ? order->message : slice_of(from->body, from->size);
    if (entry == NULL)
        return fail_nomem(error);
    buf_put(&prefix, S("Delivered-To: "));
    buf_put(&prefix, order->by);
    buf_put(&prefix, S("\r\n"));
    trace_put_relayed(&prefix, queue, from, mime_split(body).header);
    if (buf_failed(&prefix))
        return fail_nomem(error);
    enum err err = sign_onward(queue, from, order->by, buf_slice(&prefix), body, &sealed, error);
    if (err != ERR_OK)
        return err;
    buf_put(&sealed, buf_slice(&prefix));
    if (buf_failed(&sealed))
        return fail_nomem(error);
    err = write_body(queue, entry, buf_slice(&sealed), body, error);
    if (err == ERR_OK)
        *ret_entry = take(entry);
    return err;
}

enum err onward_answer(struct queue *queue, const struct entry *from, struct account_id account,
                       struct slice sender, struct slice address, struct slice message,
                       struct entry **ret_entry, struct error *error)
{
    struct queue_recipient to = {.address = address, .notify = DSN_NEVER};
    const struct queue_envelope envelope = {
        .recipients = &to,
        .recipient_count = 1,
        .sender = sender,
        .sid = from->envelope.sid,
        .account = account, /* it is signed for who answers, and takes his way out */
        .protocol = S("ESMTP"),
        .helo = slice_cstr(queue->hostname),
        .smtputf8 = !slice_is_ascii(address) || !slice_is_ascii(sender),
        .require_tls = from->envelope.require_tls, /* RFC 8689 6 */
        .tls_optional = from->envelope.tls_optional,
    };
    CLEANUP(entry_release)
    struct entry *entry = entry_new(intake_next_id(queue), &envelope, entry_since(from));
    if (entry == NULL)
        return fail_nomem(error);
    enum err err = write_body(queue, entry, slice_none(), message, error);
    if (err == ERR_OK)
        *ret_entry = take(entry);
    return err;
}

void onward_drop(struct queue *queue, struct entry *entry)
{
    if (entry != NULL && entry->spool != 0)
        spool_remove(queue, entry->spool);
    entry_free(entry);
}

/* --- where it has been --- */

enum err onward_been(struct slice message, struct arena *arena, const struct slice **ret_addresses,
                     size_t *ret_count, struct error *error)
{
    struct cursor header = cursor_of(mime_split(message).header);
    struct mime_field field;
    size_t count = 0;
    struct slice *addresses = arena_array(arena, ONWARD_BEEN_MAX, sizeof(*addresses));
    if (addresses == NULL)
        return fail_nomem(error);
    while (count < ONWARD_BEEN_MAX && mime_field_next(&header, &field))
        if (slice_eq_nocase(field.name, S("Delivered-To")))
            addresses[count++] = slice_trim(field.value);
    *ret_addresses = addresses;
    *ret_count = count;
    return ERR_OK;
}
