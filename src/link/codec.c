#include "link/codec.h"

#include <sys/stat.h>

#include "base/fdio.h"

void link_put_sasl_start(struct buf *b, const struct sasl_start *start)
{
    wire_put_u8(b, (uint8_t)start->mechanism);
    wire_put_u32(b, start->door);
    wire_put_u8(b, start->has_initial);
    wire_put_slice(b, start->initial);
    wire_put_u8(b, start->tls);
    wire_put_slice(b, start->binding_type);
    wire_put_slice(b, start->binding);
    wire_put_slice(b, start->certificate);
    wire_put_u64(b, start->sid.v);
    wire_put_slice(b, start->peer);
}

void link_get_sasl_start(struct wire_reader *r, struct sasl_start *ret)
{
    uint8_t mechanism = wire_get_u8(r);
    if (mechanism >= SASL_MECHANISMS)
        r->failed = true;
    ret->mechanism = (enum sasl_mechanism)mechanism;
    ret->door = (enum door)wire_get_u32(r);
    ret->has_initial = wire_get_u8(r) != 0;
    ret->initial = wire_get_slice(r);
    ret->tls = wire_get_u8(r) != 0;
    ret->binding_type = wire_get_slice(r);
    ret->binding = wire_get_slice(r);
    ret->certificate = wire_get_slice(r);
    ret->sid.v = wire_get_u64(r);
    ret->peer = wire_get_slice(r);
}

void link_put_sasl_result(struct buf *b, const struct sasl_result *result)
{
    wire_put_u8(b, (uint8_t)result->status);
    wire_put_u64(b, result->exchange);
    wire_put_slice(b, result->data);
    wire_put_u32(b, (uint32_t)result->code);
    wire_put_u8(b, (uint8_t)result->denial);
    wire_put_u32(b, result->doors);
    wire_put_u64(b, result->account.v);
    wire_put_slice(b, result->address);
    wire_put_slice(b, result->person);
    wire_put_slice(b, slice_of(result->ticket, TICKET_SIZE));
}

void link_get_sasl_result(struct wire_reader *r, struct arena *arena, struct sasl_result *ret)
{
    uint8_t status = wire_get_u8(r);
    ret->status = (enum sasl_status)MIN(status, (uint8_t)SASL_TEMPORARY);
    ret->exchange = wire_get_u64(r);
    ret->data = arena_dup(arena, wire_get_slice(r));
    ret->code = (enum err)wire_get_u32(r);
    ret->denial = (enum sasl_denial)MIN(wire_get_u8(r), (uint8_t)(DENIALS - 1));
    ret->doors = wire_get_u32(r);
    ret->account.v = wire_get_u64(r);
    ret->address = arena_dup(arena, wire_get_slice(r));
    ret->person = arena_dup(arena, wire_get_slice(r));
    struct slice ticket = wire_get_slice(r);
    if (ticket.n == TICKET_SIZE)
        memcpy(ret->ticket, ticket.p, TICKET_SIZE);
    else
        r->failed = true;
}

void link_put_hand_over(struct buf *b, const struct link_hand_over *hand_over)
{
    wire_put_u32(b, hand_over->door);
    wire_put_slice(b, hand_over->ticket);
    wire_put_u64(b, hand_over->sid.v);
    wire_put_slice(b, hand_over->peer);
    wire_put_u32(b, hand_over->peer_port);
    wire_put_u8(b, hand_over->tls);
    wire_put_slice(b, hand_over->pending);
    wire_put_slice(b, hand_over->tag);
    wire_put_slice(b, hand_over->language);
    wire_put_slice(b, hand_over->capabilities_off);
}

void link_get_hand_over(struct wire_reader *r, struct link_hand_over *ret)
{
    ret->door = (enum door)wire_get_u32(r);
    ret->ticket = wire_get_slice(r);
    ret->sid.v = wire_get_u64(r);
    ret->peer = wire_get_slice(r);
    ret->peer_port = (uint16_t)wire_get_u32(r);
    ret->tls = wire_get_u8(r) != 0;
    ret->pending = wire_get_slice(r);
    ret->tag = wire_get_slice(r);
    ret->language = wire_get_slice(r);
    ret->capabilities_off = wire_get_slice(r);
}

void link_put_give_back(struct buf *b, const struct link_give_back *given)
{
    wire_put_u64(b, given->sid.v);
    wire_put_slice(b, given->peer);
    wire_put_u32(b, given->peer_port);
    wire_put_slice(b, given->pending);
}

void link_get_give_back(struct wire_reader *r, struct link_give_back *ret)
{
    ret->sid.v = wire_get_u64(r);
    ret->peer = wire_get_slice(r);
    ret->peer_port = (uint16_t)wire_get_u32(r);
    ret->pending = wire_get_slice(r);
}

void link_put_by(struct buf *b, const struct deliver_by *by)
{
    wire_put_u8(b, (uint8_t)by->mode);
    wire_put_u8(b, by->trace);
    wire_put_u64(b, (uint64_t)by->until_us);
}

void link_get_by(struct wire_reader *r, struct deliver_by *ret)
{
    *ret = (struct deliver_by){.mode = (enum deliver_by_mode)MIN(wire_get_u8(r), (uint8_t)DELIVER_BY_RETURN)};
    ret->trace = wire_get_u8(r) != 0;
    ret->until_us = (int64_t)wire_get_u64(r);
}

void link_put_envelope(struct buf *b, const struct queue_envelope *e)
{
    wire_put_slice(b, e->sender);
    wire_put_u64(b, e->sid.v);
    wire_put_slice(b, e->protocol);
    wire_put_slice(b, e->helo);
    wire_put_slice(b, e->peer);
    wire_put_slice(b, e->tls);
    wire_put_u8(
        b, (uint8_t)(e->eight_bit | e->smtputf8 << 1 | e->binary << 2 | e->junk << 3 | e->require_tls << 4));
    wire_put_u64(b, (uint64_t)e->release.at_us);
    wire_put_u32(b, e->release.hold_seconds);
    link_put_by(b, &e->by);
    wire_put_u8(b, (uint8_t)e->ret);
    wire_put_slice(b, e->envid);
    wire_put_slice(b, e->results);
    wire_put_varint(b, e->recipient_count);
    for (size_t i = 0; i < e->recipient_count; i++) {
        wire_put_slice(b, e->recipients[i].address);
        wire_put_slice(b, e->recipients[i].orcpt);
        wire_put_u8(b, (uint8_t)e->recipients[i].notify);
    }
}

void link_get_envelope(struct wire_reader *r, struct arena *arena, struct queue_envelope *ret)
{
    *ret = (struct queue_envelope){0};
    ret->sender = wire_get_slice(r);
    ret->sid.v = wire_get_u64(r);
    ret->protocol = wire_get_slice(r);
    ret->helo = wire_get_slice(r);
    ret->peer = wire_get_slice(r);
    ret->tls = wire_get_slice(r);
    uint8_t bits = wire_get_u8(r);
    ret->eight_bit = bits & 1;
    ret->smtputf8 = bits >> 1 & 1;
    ret->binary = bits >> 2 & 1;
    ret->junk = bits >> 3 & 1;
    ret->require_tls = bits >> 4 & 1;
    ret->release.at_us = (int64_t)wire_get_u64(r);
    ret->release.hold_seconds = wire_get_u32(r);
    link_get_by(r, &ret->by);
    ret->ret = (enum dsn_ret)MIN(wire_get_u8(r), (uint8_t)DSN_RET_HDRS);
    ret->envid = wire_get_slice(r);
    ret->results = wire_get_slice(r);
    uint64_t count = wire_get_varint(r);
    if (count > QUEUE_RECIPIENTS_MAX)
        r->failed = true;
    ret->recipients = r->failed ? NULL : arena_array(arena, count, sizeof(ret->recipients[0]));
    if (ret->recipients == NULL) {
        r->failed = true;
        return;
    }
    ret->recipient_count = count;
    for (size_t i = 0; i < count; i++) {
        ret->recipients[i].address = wire_get_slice(r);
        ret->recipients[i].orcpt = wire_get_slice(r);
        ret->recipients[i].notify = wire_get_u8(r);
    }
}

enum carriage { CARRIED_INLINE, CARRIED_BY_MEMFD };

enum err link_pack(struct buf *record, struct buf *carrier, struct ipc_message *message, struct error *error)
{
    if (buf_no_memory(record))
        return fail_nomem(error);
    if (buf_failed(record))
        return fail(error, ERR_LIMIT, NULL, "record over %zu bytes", record->max);
    if (record->n < IPC_BODY_MAX) {
        wire_put_u8(carrier, CARRIED_INLINE);
        buf_put(carrier, buf_slice(record));
    } else {
        int fd;
        enum err err = ipc_memfd(buf_slice(record), &fd, error);
        if (err != ERR_OK)
            return err;
        message->fds[message->fd_count++] = fd;
        wire_put_u8(carrier, CARRIED_BY_MEMFD);
    }
    if (buf_failed(carrier))
        return fail_nomem(error);
    message->body = buf_slice(carrier);
    return ERR_OK;
}

enum err link_unpack(struct ipc_message *message, struct buf *storage, struct slice *ret_record,
                     struct error *error)
{
    struct wire_reader r = wire_reader_of(message->body);
    uint8_t carriage = wire_get_u8(&r);
    if (wire_ok(&r) && carriage == CARRIED_INLINE) {
        *ret_record = cursor_rest(&r.c);
        return ERR_OK;
    }
    if (!wire_ok(&r) || carriage != CARRIED_BY_MEMFD || message->fd_count == 0)
        return fail(error, ERR_INVALID, NULL, "malformed record");
    struct stat status;
    CLEANUP(fd_close) int fd = message->fds[--message->fd_count];
    if (fstat(fd, &status) < 0)
        return fail_errno(error, "record's memfd");
    if (!S_ISREG(status.st_mode) || status.st_size < 0 || status.st_size > LINK_RECORD_MAX)
        return fail(error, ERR_LIMIT, NULL, "record over %d bytes", LINK_RECORD_MAX);
    size_t n = (size_t)status.st_size;
    char *to = buf_reserve(storage, n);
    if (to == NULL)
        return fail_nomem(error);
    enum err err = fd_pread_exact(fd, to, n, 0, error);
    if (err != ERR_OK)
        return err;
    buf_grew(storage, n);
    *ret_record = buf_slice(storage);
    return ERR_OK;
}

void link_put_note(struct buf *b, const struct feedback_note *note)
{
    wire_put_slice(b, note->domain);
    wire_put_slice(b, note->addresses);
    wire_put_slice(b, note->policy);
    wire_put_slice(b, note->row);
}

void link_get_note(struct wire_reader *r, struct feedback_note *ret)
{
    *ret = (struct feedback_note){.domain = wire_get_slice(r)};
    ret->addresses = wire_get_slice(r);
    ret->policy = wire_get_slice(r);
    ret->row = wire_get_slice(r);
}
