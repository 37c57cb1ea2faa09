#include "queue/author.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "mime/address.h"
#include "mime/header.h"
#include "queue/internal.h"

enum { AUTHOR_ARENA_MAX = 16 * 1024 * 1024 };

struct author {
    struct directory *directory;
    struct account_id account, person;
    struct arena arena;
};

/* In a reply: ASCII that shows, and not too much of it. */
static enum err refuse(const char *field, struct slice address, struct error *error)
{
    char shown[AUTHOR_SHOWN_MAX + 1];
    size_t n = MIN(address.n, (size_t)AUTHOR_SHOWN_MAX);
    for (size_t i = 0; i < n; i++)
        shown[i] = address.p[i] > ' ' && address.p[i] < 0x7f ? address.p[i] : '?';
    shown[n] = 0;
    return fail_plain(error, ERR_DENIED, "%s: you may not send as %s", field, n > 0 ? shown : "nobody");
}

static enum err check_address(struct author *author, const char *field, const struct mime_address *address,
                              struct error *error)
{
    CLEANUP(buf_release) struct buf spec = BUF(AUTHOR_HEADER_MAX);
    mime_address_put_spec(&spec, address);
    if (buf_failed(&spec))
        return fail_nomem(error);
    struct slice text = buf_slice(&spec);
    bool may = address->domain.n > 0 &&
               (directory_may_send_as(author->directory, author->account, text) ||
                (author->person.v != 0 && directory_may_send_as(author->directory, author->person, text)));
    return may ? ERR_OK : refuse(field, text, error);
}

static enum err check_field(struct author *author, const char *field, struct slice value, struct error *error)
{
    struct mime_addresses list;
    enum err err = mime_addresses_parse(&author->arena, value, &list, error);
    if (err == ERR_LIMIT || (err == ERR_OK && list.count >= MIME_ADDRESSES_MAX)) /* some may be left out */
        return fail_plain(error, ERR_DENIED, "%s: too many addresses", field);
    for (const struct mime_address *at = err == ERR_OK ? list.first : NULL; err == ERR_OK && at != NULL;
         at = at->next)
        if (at->kind == MIME_ADDRESS_MAILBOX)
            err = check_address(author, field, at, error);
    return err;
}

/* All fields of these names: which of two a program shows is its own affair. */
static enum err check_header(struct author *author, struct slice header, struct error *error)
{
    static const char *const fields[] = {"From", "Sender"};
    struct cursor rest = cursor_of(header);
    struct mime_field field;
    enum err err = ERR_OK;
    while (err == ERR_OK && mime_field_next(&rest, &field))
        for (size_t i = 0; err == ERR_OK && i < ARRAY_LEN(fields); i++)
            if (slice_eq_nocase(field.name, slice_cstr(fields[i])))
                err = check_field(author, fields[i], field.value, error);
    return err;
}

/* The beginning of what was spooled; behind the header it does not matter what is there. */
static enum err read_head(struct queue *queue, uint64_t spool, struct buf *head, struct error *error)
{
    uint64_t size = 0;
    CLEANUP(fd_close) int fd = -1;
    enum err err = queue_spool_size(queue, spool, &size, error);
    if (err == ERR_OK)
        err = spool_peek(queue, spool, &fd, error);
    if (err != ERR_OK)
        return err;
    size_t n = (size_t)MIN(size, (uint64_t)AUTHOR_HEADER_MAX + 1);
    char *room = buf_reserve(head, n);
    if (room == NULL)
        return fail_nomem(error);
    err = fd_pread_exact(fd, room, n, 0, error);
    if (err == ERR_OK)
        buf_grew(head, n);
    return err;
}

static bool is_checked(struct author *author)
{
    struct account_entry entry;
    struct error error;
    return account_entry_get(author->directory, author->account, &author->arena, &entry, &error) != ERR_OK ||
           entry.options.values[OPTION_FROM_CHECK] != 0;
}

static enum err check(struct queue *queue, struct author *author, struct slice body, uint64_t spool,
                      struct error *error)
{
    CLEANUP(buf_release) struct buf head = BUF(AUTHOR_HEADER_MAX + 1);
    if (!is_checked(author))
        return ERR_OK;
    enum err err = spool != 0 ? read_head(queue, spool, &head, error) : ERR_OK;
    if (err != ERR_OK)
        return err;
    struct slice header = mime_split(spool != 0 ? buf_slice(&head) : body).header;
    if (header.n > AUTHOR_HEADER_MAX)
        return fail_plain(error, ERR_DENIED, "the message's header is too large");
    return check_header(author, header, error);
}

enum err queue_author_check(struct queue *queue, struct account_id account, struct account_id person,
                            struct slice body, uint64_t spool, struct error *error)
{
    struct author author = {.directory = queue->directory,
                            .account = account,
                            .person = person,
                            .arena = ARENA(AUTHOR_ARENA_MAX)};
    enum err err = check(queue, &author, body, spool, error);
    arena_release(&author.arena);
    return err;
}
