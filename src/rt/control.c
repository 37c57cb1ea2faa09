#include "rt/control.h"

#include "base/fdio.h"
#include "base/must.h"
#include "base/wire.h"

static const struct {
    const char *name;
    enum control_sender sender;
    unsigned fds_least;
    unsigned fds_most;
    uint32_t number_most;
} table[] = {
#define X(name, sender, least, most, number) {#name, FROM_##sender, least, most, number},
    CONTROL_TABLE(X)
#undef X
};

const char *control_name(enum control_type type)
{
    must((size_t)type < ARRAY_LEN(table));
    return table[type].name;
}

void control_close(struct control *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        fd_close(&message->fds[i]);
    message->fd_count = 0;
}

enum err control_send(int fd, const struct control *message, struct error *error)
{
    must((size_t)message->type < ARRAY_LEN(table));
    must(message->number <= table[message->type].number_most);
    must(message->fd_count >= table[message->type].fds_least);
    must(message->fd_count <= table[message->type].fds_most);
    CLEANUP(buf_release) struct buf body = BUF(16);
    wire_put_u32(&body, message->number);
    if (buf_failed(&body))
        return fail_nomem(error);
    struct ipc_message out = {.type = message->type, .body = buf_slice(&body), .fd_count = message->fd_count};
    memcpy(out.fds, message->fds, sizeof(out.fds));
    enum err e = ipc_send(fd, &out, error);
    return e == ERR_OK ? ERR_OK : error_context(error, "send %s", control_name(message->type));
}

enum err control_receive(int fd, enum control_sender sender, int64_t deadline_us, struct control *ret_message,
                         struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message in = {0};
    enum err e = ipc_receive(fd, deadline_us, &storage, &in, error);
    if (e != ERR_OK)
        return e;
    if (in.type >= ARRAY_LEN(table) || table[in.type].sender != sender)
        return fail(error, ERR_INVALID, NULL, "control message %u is not for this side", in.type);
    struct wire_reader r = wire_reader_of(in.body);
    uint32_t number = wire_get_u32(&r);
    if (!wire_end(&r) || number > table[in.type].number_most || in.fd_count < table[in.type].fds_least ||
        in.fd_count > table[in.type].fds_most)
        return fail(error, ERR_INVALID, NULL, "malformed control message %s", table[in.type].name);
    *ret_message =
        (struct control){.type = (enum control_type)in.type, .number = number, .fd_count = in.fd_count};
    memcpy(ret_message->fds, in.fds, sizeof(in.fds));
    in.fd_count = 0;
    return ERR_OK;
}

void control_put_certificate(struct buf *out, const struct tls_pem *pem)
{
    wire_put_slice(out, pem->chain);
    wire_put_slice(out, pem->key);
}

enum err control_get_certificates(struct slice bytes, struct tls_pem *ret_pems, size_t max, size_t *ret_count,
                                  struct error *error)
{
    struct wire_reader r = wire_reader_of(bytes);
    size_t count = 0;
    while (wire_ok(&r) && !wire_end(&r) && count < max) {
        struct slice chain = wire_get_slice(&r);
        ret_pems[count++] = (struct tls_pem){chain, wire_get_slice(&r)};
    }
    if (!wire_end(&r))
        return fail(error, ERR_INVALID, NULL, "malformed certificates");
    *ret_count = count;
    return ERR_OK;
}
