#include "move/origin.h"

#include <stdlib.h>

/* --- answers --- */

void outlet_init(struct outlet *outlet, int fd)
{
    *outlet = (struct outlet){.fd = fd, .record = BUF(RECORD_MAX), .chunk = BUF(RECORD_CHUNK_BYTES)};
}

void outlet_release(struct outlet *outlet)
{
    buf_release(&outlet->record);
    buf_release(&outlet->chunk);
}

enum err outlet_folder(struct outlet *outlet, struct slice name, enum folder_use use,
                       const struct slice *parts, size_t count, struct error *error)
{
    record_begin(&outlet->record, RECORD_FOLDER);
    wire_put_slice(&outlet->record, name);
    wire_put_u32(&outlet->record, use);
    wire_put_u32(&outlet->record, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        wire_put_slice(&outlet->record, parts[i]);
    return record_send(outlet->fd, &outlet->record, error);
}

enum err outlet_opened(struct outlet *outlet, uint32_t validity, uint64_t messages, struct error *error)
{
    record_begin(&outlet->record, RECORD_OPENED);
    wire_put_u32(&outlet->record, validity);
    wire_put_u64(&outlet->record, messages);
    return record_send(outlet->fd, &outlet->record, error);
}

enum err outlet_item(struct outlet *outlet, const struct origin_item *item, struct error *error)
{
    record_begin(&outlet->record, RECORD_ITEM);
    wire_put_u64(&outlet->record, item->item);
    wire_put_u64(&outlet->record, item->size);
    wire_put_u64(&outlet->record, (uint64_t)item->date_us);
    wire_put_u32(&outlet->record, item->flags);
    wire_put_u32(&outlet->record, (uint32_t)item->keyword_count);
    for (size_t i = 0; i < item->keyword_count; i++)
        wire_put_slice(&outlet->record, item->keywords[i]);
    return record_send(outlet->fd, &outlet->record, error);
}

void outlet_begin(struct outlet *outlet, bool verbatim)
{
    buf_clear(&outlet->chunk);
    outlet->crlf = !verbatim;
    outlet->after_cr = false;
}

static enum err send_chunk(struct outlet *outlet, struct error *error)
{
    if (outlet->chunk.n == 0)
        return ERR_OK;
    record_begin(&outlet->record, RECORD_CHUNK);
    buf_put(&outlet->record, buf_slice(&outlet->chunk));
    buf_clear(&outlet->chunk);
    return record_send(outlet->fd, &outlet->record, error);
}

static enum err put_plain(struct outlet *outlet, struct slice bytes, struct error *error)
{
    while (bytes.n > 0) {
        struct slice part = slice_sub(bytes, 0, RECORD_CHUNK_BYTES - outlet->chunk.n);
        buf_put(&outlet->chunk, part);
        if (buf_failed(&outlet->chunk))
            return fail_nomem(error);
        bytes = slice_from(bytes, part.n);
        if (outlet->chunk.n == RECORD_CHUNK_BYTES) {
            enum err err = send_chunk(outlet, error);
            if (err != ERR_OK)
                return err;
        }
    }
    return ERR_OK;
}

enum err outlet_bytes(struct outlet *outlet, struct slice bytes, struct error *error)
{
    while (outlet->crlf && bytes.n > 0) {
        ssize_t lf = slice_find_char(bytes, '\n');
        if (lf < 0)
            break;
        bool cr = lf > 0 ? bytes.p[lf - 1] == '\r' : outlet->after_cr;
        enum err err = put_plain(outlet, slice_sub(bytes, 0, (size_t)lf), error);
        if (err == ERR_OK)
            err = put_plain(outlet, cr ? S("\n") : S("\r\n"), error);
        if (err != ERR_OK)
            return err;
        outlet->after_cr = false;
        bytes = slice_from(bytes, (size_t)lf + 1);
    }
    if (bytes.n > 0)
        outlet->after_cr = bytes.p[bytes.n - 1] == '\r';
    return put_plain(outlet, bytes, error);
}

enum err outlet_end(struct outlet *outlet, uint64_t item, struct error *error)
{
    enum err err = send_chunk(outlet, error);
    if (err != ERR_OK)
        return err;
    record_begin(&outlet->record, RECORD_MESSAGE);
    wire_put_u64(&outlet->record, item);
    return record_send(outlet->fd, &outlet->record, error);
}

enum err outlet_note(struct outlet *outlet, struct error *error, const char *format, ...)
{
    char text[MOVE_NOTE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    record_begin(&outlet->record, RECORD_NOTE);
    wire_put_slice(&outlet->record, slice_cstr(text));
    return record_send(outlet->fd, &outlet->record, error);
}

/* --- questions --- */

static enum err fetch(struct origin *origin, struct wire_reader *fields, struct outlet *outlet,
                      struct error *error)
{
    uint64_t items[RECORD_ITEMS];
    size_t count = 0;
    while (count < RECORD_ITEMS && !wire_end(fields)) {
        items[count] = wire_get_u64(fields);
        count += wire_ok(fields);
    }
    if (!wire_end(fields))
        return fail_plain(error, ERR_INVALID, "at most %d messages are asked for at once", RECORD_ITEMS);
    return origin->fetch(origin, items, count, outlet, error);
}

static enum err answer(struct origin *origin, struct record *asked, struct outlet *outlet,
                       struct error *error)
{
    switch (asked->kind) {
    case RECORD_LIST:
        return origin->list(origin, outlet, error);
    case RECORD_OPEN: {
        uint32_t folder = wire_get_u32(&asked->fields);
        if (!wire_end(&asked->fields))
            return fail_plain(error, ERR_INVALID, "no folder is named");
        return origin->open(origin, folder, outlet, error);
    }
    case RECORD_FETCH:
        return fetch(origin, &asked->fields, outlet, error);
    default:
        return fail_plain(error, ERR_INVALID, "that is no question");
    }
}

static enum err tell_end(struct outlet *outlet, enum err end, const struct error *why, struct error *error)
{
    record_begin(&outlet->record, end == ERR_OK ? RECORD_DONE : RECORD_FAILED);
    if (end != ERR_OK) {
        wire_put_u32(&outlet->record, end);
        wire_put_slice(&outlet->record, slice_cstr(why->client));
    }
    return record_send(outlet->fd, &outlet->record, error);
}

void origin_serve(struct origin *origin, int fd)
{
    struct outlet outlet;
    struct record asked;
    struct error error;
    char *space = malloc(RECORD_MAX);
    outlet_init(&outlet, fd);
    while (space != NULL && record_receive(fd, space, &asked, &error) == ERR_OK) {
        struct error why;
        enum err end = answer(origin, &asked, &outlet, &why);
        if (tell_end(&outlet, end, &why, &error) != ERR_OK)
            break;
    }
    outlet_release(&outlet);
    free(space);
}
