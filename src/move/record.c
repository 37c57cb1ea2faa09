#include "move/record.h"

#include <errno.h>
#include <sys/socket.h>

void record_begin(struct buf *record, enum record_kind kind)
{
    buf_clear(record);
    wire_put_u8(record, (uint8_t)kind);
}

static enum err fail_gone(struct error *error)
{
    return fail_plain(error, ERR_CLOSED, "the reader of the source ended");
}

enum err record_send(int fd, struct buf *record, struct error *error)
{
    if (buf_failed(record) || record->n > RECORD_MAX)
        return fail(error, ERR_LIMIT, NULL, "a record of more than %d bytes", RECORD_MAX);
    ssize_t n;
    do
        n = send(fd, record->p, record->n, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EPIPE || errno == ECONNRESET ? fail_gone(error) : fail_errno(error, "send");
    return ERR_OK;
}

bool record_read(struct slice bytes, struct record *ret_record)
{
    struct wire_reader fields = wire_reader_of(bytes);
    uint8_t kind = wire_get_u8(&fields);
    if (!wire_ok(&fields) || kind >= RECORD_KINDS)
        return false;
    *ret_record = (struct record){(enum record_kind)kind, fields};
    return true;
}

enum err record_receive(int fd, char space[static RECORD_MAX], struct record *ret_record, struct error *error)
{
    ssize_t n;
    do
        n = recv(fd, space, RECORD_MAX, MSG_TRUNC);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return fail_gone(error);
    if (n < 0)
        return fail_errno(error, "recv");
    if (n > RECORD_MAX || !record_read(slice_of(space, (size_t)n), ret_record))
        return fail(error, ERR_INVALID, NULL, "the reader of the source sent what is no record");
    return ERR_OK;
}
