/* STAT, LIST, UIDL (RFC 1939 5, 7). */
#include "pop3/session.h"

void pop3_stat(struct pop3_session *session, struct slice argument)
{
    size_t count = 0;
    uint64_t bytes = 0;
    (void)argument;
    if (!pop3_look(session))
        return;
    if (!session->loaded) {
        count = view_exists(session->view);
        bytes = view_bytes(session->view);
    }
    for (size_t i = 0; i < session->count; i++) {
        const struct pop3_message *message = &session->messages[i];
        bool counts = !message->deleted && !message->gone;
        count += counts;
        bytes += counts ? message->size : 0;
    }
    pop3_ok(session, "%zu %llu", count, (unsigned long long)bytes);
}

typedef void put_fn(struct buf *out, const struct pop3_message *message);

static void put_size(struct buf *out, const struct pop3_message *message)
{
    buf_put_u64(out, message->size);
}

/* The member's id: never used again, the same for ever, and another one for a copy. */
static void put_unique_id(struct buf *out, const struct pop3_message *message)
{
    char id[ID_TEXT_MAX];
    id_to_text(message->member.v, id);
    buf_put(out, slice_cstr(id));
}

static void list(struct pop3_session *session, struct slice argument, put_fn *put)
{
    struct buf *out = conn_output(session->conn);
    if (argument.n > 0) {
        struct pop3_message *message = pop3_find(session, argument);
        if (message == NULL)
            return;
        if (message->gone) {
            pop3_cannot(session, "the message was removed meanwhile");
            return;
        }
        buf_printf(out, "+OK %zu ", (size_t)(message - session->messages) + 1);
        put(out, message);
        buf_put(out, S("\r\n"));
        conn_wrote(session->conn);
        return;
    }
    buf_put(out, S("+OK\r\n"));
    for (size_t i = 0; i < session->count && !conn_broken(session->conn); i++) {
        if (session->messages[i].deleted || session->messages[i].gone)
            continue;
        buf_put_u64(out, i + 1);
        buf_putc(out, ' ');
        put(out, &session->messages[i]);
        buf_put(out, S("\r\n"));
        conn_wrote(session->conn);
    }
    buf_put(out, S(".\r\n"));
    conn_wrote(session->conn);
}

void pop3_list(struct pop3_session *session, struct slice argument)
{
    list(session, argument, put_size);
}

void pop3_uidl(struct pop3_session *session, struct slice argument)
{
    list(session, argument, put_unique_id);
}
