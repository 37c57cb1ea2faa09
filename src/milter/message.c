#include "milter/message.h"

#include "base/fdio.h"
#include "mime/header.h"

/* --- reading --- */

static enum err make_room(struct milter_message *m, struct error *error)
{
    enum { FIRST = 64 };
    if (m->count >= MILTER_FIELDS_MAX)
        return fail(error, ERR_LIMIT, "the header is too large", "more than %d header fields",
                    MILTER_FIELDS_MAX);
    if (m->count < m->cap)
        return ERR_OK;
    size_t cap = MAX(2 * m->cap, (size_t)FIRST);
    struct milter_field *more = arena_array(m->arena, cap, sizeof(*more));
    if (more == NULL)
        return fail_nomem(error);
    if (m->count > 0)
        memcpy(more, m->fields, m->count * sizeof(*more));
    m->fields = more;
    m->cap = cap;
    return ERR_OK;
}

static enum err put_at(struct milter_message *m, size_t at, struct milter_field field, struct error *error)
{
    enum err err = make_room(m, error);
    if (err != ERR_OK)
        return err;
    memmove(m->fields + at + 1, m->fields + at, (m->count - at) * sizeof(field));
    m->fields[at] = field;
    m->count++;
    return ERR_OK;
}

/* What stands between fields and is none stays. */
static enum err read_fields(struct milter_message *m, struct slice header, struct error *error)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    const char *seen = header.p;
    enum err err = ERR_OK;
    while (err == ERR_OK && mime_field_next(&c, &field)) {
        struct slice between = slice_of(seen, (size_t)(field.whole.p - seen));
        seen = field.whole.p + field.whole.n;
        if (between.n > 0)
            err = put_at(m, m->count, (struct milter_field){.whole = between}, error);
        if (err == ERR_OK)
            err = put_at(m, m->count, (struct milter_field){field.name, field.value, field.whole}, error);
    }
    return err;
}

/* The first bytes of the file, up to and with the header. */
static enum err load_header(const struct milter_message *m, struct slice *ret_text, struct error *error)
{
    enum { STEP = 64 * 1024 };
    size_t want = 0;
    for (;;) {
        want = MIN(want + STEP, (size_t)MIN(m->size, (uint64_t)MILTER_HEADER_MAX));
        char *text = arena_alloc(m->arena, want + 1);
        if (text == NULL)
            return fail_nomem(error);
        enum err err = fd_pread_exact(m->fd, text, want, 0, error);
        if (err != ERR_OK)
            return err;
        *ret_text = slice_of(text, want);
        if (want == m->size || slice_starts(*ret_text, S("\r\n")) ||
            slice_find(*ret_text, S("\r\n\r\n")) >= 0)
            return ERR_OK;
        if (want == MILTER_HEADER_MAX)
            return fail(error, ERR_LIMIT, "the header is too large", "more than %d bytes of header",
                        MILTER_HEADER_MAX);
    }
}

enum err milter_message_read(struct milter_message *m, struct slice memory, int fd, uint64_t size,
                             struct arena *arena, struct error *error)
{
    *m = (struct milter_message){
        .arena = arena, .memory = memory, .fd = fd, .size = size, .body = BUF(MILTER_REPLACED_MAX)};
    struct slice text = memory;
    enum err err = fd >= 0 ? load_header(m, &text, error) : ERR_OK;
    if (err != ERR_OK)
        return err;
    struct mime_split split = mime_split(text);
    m->body_begin = split.header.n;
    return read_fields(m, split.header, error);
}

void milter_message_release(struct milter_message *m)
{
    buf_release(&m->body);
}

/* --- changing --- */

static bool name_valid(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ':')
            return false;
    return name.n > 0;
}

/* Each line but the first begins with a blank, else it would be another field, or the body. */
static enum err clean_value(const struct milter_message *m, struct slice value, bool keep_blank,
                            struct slice *ret, struct error *error)
{
    CLEANUP(buf_release) struct buf clean = BUF(MILTER_HEADER_MAX);
    if (!keep_blank)
        buf_putc(&clean, ' ');
    while (value.n > 0 && slice_find_char(S("\r\n"), value.p[value.n - 1]) >= 0)
        value.n--;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\n') {
            buf_put(&clean, S("\r\n"));
            if (i + 1 < value.n && value.p[i + 1] != ' ' && value.p[i + 1] != '\t')
                buf_putc(&clean, '\t');
        } else if (c != '\r' && c != 0) {
            buf_putc(&clean, c);
        }
    }
    *ret = arena_dup(m->arena, buf_slice(&clean));
    return buf_failed(&clean) || ret->p == NULL ? fail_nomem(error) : ERR_OK;
}

static enum err make_field(const struct milter_message *m, struct slice name, struct slice value,
                           bool keep_blank, struct milter_field *ret, struct error *error)
{
    if (!name_valid(name))
        return fail(error, ERR_INVALID, NULL, "a header field's name that is none");
    ret->name = arena_dup(m->arena, name);
    if (ret->name.p == NULL)
        return fail_nomem(error);
    return clean_value(m, value, keep_blank, &ret->value, error);
}

static enum err put_new(struct milter_message *m, size_t at, struct slice name, struct slice value,
                        bool keep_blank, struct error *error)
{
    struct milter_field field = {0};
    enum err err = make_field(m, name, value, keep_blank, &field, error);
    if (err == ERR_OK)
        err = put_at(m, at, field, error);
    if (err == ERR_OK)
        m->changed = true;
    return err;
}

enum err milter_message_add(struct milter_message *m, struct slice name, struct slice value, bool keep_blank,
                            struct error *error)
{
    return put_new(m, m->count, name, value, keep_blank, error);
}

/* Milters count the Received field of the server they talk to as the first; ours comes later. */
enum err milter_message_insert(struct milter_message *m, uint32_t index, struct slice name,
                               struct slice value, bool keep_blank, struct error *error)
{
    size_t at = MIN(index > 0 ? (size_t)index - 1 : 0, m->count);
    return put_new(m, at, name, value, keep_blank, error);
}

enum err milter_message_change(struct milter_message *m, uint32_t index, struct slice name,
                               struct slice value, bool keep_blank, struct error *error)
{
    uint32_t seen = 0;
    size_t at = 0;
    while (at < m->count && !(slice_eq_nocase(m->fields[at].name, name) && ++seen == MAX(index, (uint32_t)1)))
        at++;
    if (value.n == 0) {
        if (at == m->count)
            return ERR_OK;
        m->count--;
        memmove(m->fields + at, m->fields + at + 1, (m->count - at) * sizeof(m->fields[0]));
        m->changed = true;
        return ERR_OK;
    }
    if (at == m->count)
        return milter_message_add(m, name, value, keep_blank, error);
    struct milter_field field = {0};
    enum err err = make_field(m, name, value, keep_blank, &field, error);
    if (err != ERR_OK)
        return err;
    m->fields[at] = field;
    m->changed = true;
    return ERR_OK;
}

enum err milter_message_replace(struct milter_message *m, bool first, struct slice piece, struct error *error)
{
    if (first)
        buf_clear(&m->body);
    buf_put(&m->body, piece);
    m->replaced = m->changed = true;
    return buf_failed(&m->body)
               ? fail(error, ERR_LIMIT, NULL, "a new body of more than %d bytes", MILTER_REPLACED_MAX)
               : ERR_OK;
}

/* --- writing --- */

enum err milter_message_body(struct milter_message *m, uint64_t *offset, size_t max, struct buf *storage,
                             struct slice *ret_piece, struct error *error)
{
    if (m->replaced || m->fd < 0) {
        struct slice body = m->replaced ? buf_slice(&m->body) : slice_from(m->memory, (size_t)m->body_begin);
        *ret_piece = slice_sub(body, (size_t)*offset, max);
        *offset += ret_piece->n;
        return ERR_OK;
    }
    size_t n = (size_t)MIN(m->size - m->body_begin - *offset, (uint64_t)max);
    buf_clear(storage);
    char *place = buf_reserve(storage, n);
    if (place == NULL)
        return fail_nomem(error);
    enum err err = fd_pread_exact(m->fd, place, n, m->body_begin + *offset, error);
    if (err != ERR_OK)
        return err;
    buf_grew(storage, n);
    *ret_piece = buf_slice(storage);
    *offset += n;
    return ERR_OK;
}

void milter_message_put_header(const struct milter_message *m, struct buf *out)
{
    for (size_t i = 0; i < m->count; i++) {
        struct slice whole = m->fields[i].whole;
        if (whole.n > 0) {
            buf_put(out, whole);
            if (!slice_ends(whole, S("\n")))
                buf_put(out, S("\r\n"));
            continue;
        }
        buf_put(out, m->fields[i].name);
        buf_putc(out, ':');
        buf_put(out, m->fields[i].value);
        buf_put(out, S("\r\n"));
    }
    buf_put(out, S("\r\n"));
}
