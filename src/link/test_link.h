/*
 * Store, played: definitions of the link_* calls for tests of the edge's sessions, which then need no other
 * process. Include it once in a program. What happened, and what is to go wrong, is in `played`.
 *
 *   accounts      anna (secret); broken: store is not sure; closed: the door is closed
 *   recipients    anna@, otto@ and list@demo.example are local, unknown@ is not there, full@ is full, broken@
 *                 can't be looked up, odd@ is no address; other domains are foreign
 *   senders       with a ticket: anna@demo.example and nobody else
 */
#ifndef POSTHORN_LINK_TEST_LINK_H
#define POSTHORN_LINK_TEST_LINK_H

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "link/link.h"

enum { PLAYED_BYTES_MAX = 8 * 1024 * 1024, PLAYED_EXCHANGE = 7, PLAYED_SPOOL = 9 };

static struct {
    atomic_bool down;          /* store is not there */
    atomic_bool no_spool;      /* it makes no spool files */
    atomic_bool spool_is_full; /* what is written there fails */
    atomic_bool full;          /* too many sessions */
    atomic_int cancelled;      /* exchanges */
    atomic_int released;       /* tickets */
    atomic_int dropped;        /* spool files */
    atomic_int accepted;
    pthread_mutex_t lock;
    struct buf envelope; /* of the last message accepted, as a line */
    struct buf body;
    int spool_fd;
} played = {.lock = PTHREAD_MUTEX_INITIALIZER,
            .envelope = {.max = PLAYED_BYTES_MAX},
            .body = {.max = PLAYED_BYTES_MAX},
            .spool_fd = -1};

static inline void played_reset(void)
{
    played.down = played.no_spool = played.spool_is_full = played.full = false;
    played.cancelled = played.released = played.dropped = played.accepted = 0;
    buf_release(&played.envelope);
    buf_release(&played.body);
    fd_close(&played.spool_fd);
}

static inline enum err played_down(struct error *error)
{
    return played.down ? fail_plain(error, ERR_UNAVAILABLE, "store is down") : ERR_OK;
}

static inline struct sasl_result played_success(struct slice data)
{
    struct sasl_result result = {.status = SASL_OK, .data = data, .address = S("anna@demo.example")};
    memset(result.ticket, 't', TICKET_SIZE);
    return result;
}

enum err link_sasl_begin(struct link *link, const struct sasl_start *start, struct arena *arena,
                         struct sasl_result *ret_result, struct error *error)
{
    (void)link;
    (void)arena;
    *ret_result = (struct sasl_result){.status = SASL_FAILED, .code = ERR_AUTH};
    if (start->mechanism == SASL_LOGIN && !start->has_initial)
        *ret_result = (struct sasl_result){
            .status = SASL_CONTINUE, .exchange = PLAYED_EXCHANGE, .data = S("Username:")};
    else if (start->mechanism != SASL_PLAIN)
        *ret_result = (struct sasl_result){
            .status = SASL_CONTINUE, .exchange = PLAYED_EXCHANGE, .data = S("challenge")};
    else if (slice_find_char(start->initial, 0) < 0)
        return fail_plain(error, ERR_INVALID, "no PLAIN message");
    else if (slice_eq(start->initial, S("\0anna\0secret")))
        *ret_result = played_success(slice_none());
    else if (slice_eq(start->initial, S("\0broken\0x")))
        ret_result->status = SASL_TEMPORARY;
    else if (slice_eq(start->initial, S("\0closed\0x")))
        *ret_result = (struct sasl_result){.status = SASL_FAILED,
                                           .code = ERR_DENIED,
                                           .denial = DENIED_BY_PLAN,
                                           .doors = DOOR_POP3 | DOOR_IMAP};
    return played_down(error);
}

enum err link_sasl_step(struct link *link, uint64_t exchange, struct slice response, struct arena *arena,
                        struct sasl_result *ret_result, struct error *error)
{
    (void)link;
    (void)arena;
    (void)exchange;
    *ret_result = (struct sasl_result){.status = SASL_FAILED, .code = ERR_AUTH};
    if (slice_eq(response, S("proof")))
        *ret_result = played_success(S("v=1"));
    else if (slice_eq(response, S("anna")))
        *ret_result = (struct sasl_result){
            .status = SASL_CONTINUE, .exchange = PLAYED_EXCHANGE, .data = S("Password:")};
    else if (slice_eq(response, S("secret")))
        *ret_result = played_success(slice_none());
    return played_down(error);
}

void link_sasl_cancel(struct link *link, uint64_t exchange)
{
    (void)link;
    played.cancelled += exchange == PLAYED_EXCHANGE;
}

void link_ticket_release(struct link *link, struct slice ticket)
{
    (void)link;
    played.released += ticket.n == TICKET_SIZE;
}

/* URLs "imap://h/good" and, without the end of its line, "imap://h/half" are Anna's; "gone" is, but isn't
 * there. */
enum err link_url(struct link *link, struct slice ticket, struct slice url, int *ret_fd, struct error *error)
{
    (void)link;
    if (ticket.n == 0)
        return fail_plain(error, ERR_DENIED, "a stranger");
    if (slice_eq(url, S("imap://h/good")))
        return ipc_memfd(S("Subject: by URL\r\n\r\nhello\r\n"), ret_fd, error);
    if (slice_eq(url, S("imap://h/half")))
        return ipc_memfd(S("half a line"), ret_fd, error);
    if (slice_eq(url, S("imap://h/bare")))
        return ipc_memfd(S("a\nb\r\n"), ret_fd, error);
    if (slice_eq(url, S("imap://h/empty")))
        return ipc_memfd(slice_none(), ret_fd, error);
    if (slice_eq(url, S("imap://h/gone")))
        return fail_plain(error, ERR_NOT_FOUND, "no such message");
    enum err err = played_down(error);
    return err != ERR_OK ? err : fail_plain(error, ERR_DENIED, "not authorized");
}

enum err link_sighting(struct link *link, const struct feedback_note *note, struct error *error)
{
    (void)link;
    (void)note;
    return played_down(error);
}

enum err link_greylist(struct link *link, const struct greylist_question *question,
                       enum greylist_answer *ret_answer, int64_t *ret_left_us, struct error *error)
{
    (void)link;
    (void)question;
    *ret_answer = GREYLIST_KNOWN;
    *ret_left_us = 0;
    return played_down(error);
}

/* Says what came with it, as the store's session would: in place of a conversation. */
enum err link_hand_over(struct link *link, const struct link_hand_over *hand_over, struct error *error)
{
    (void)link;
    CLEANUP(buf_release) struct buf text = BUF(PLAYED_BYTES_MAX);
    if (played.full)
        return fail_plain(error, ERR_LIMIT, "too many sessions");
    buf_printf(&text, "+OK from store <%.*s>%s%.*s%s%.*s\r\n", SLICE_ARGS(hand_over->pending),
               hand_over->tag.n > 0 ? " tag " : "", SLICE_ARGS(hand_over->tag),
               hand_over->language.n > 0 ? " in " : "", SLICE_ARGS(hand_over->language));
    enum err err = played_down(error);
    return err == ERR_OK ? fd_write_all(hand_over->fd, buf_slice(&text), error) : err;
}

enum err link_recipient(struct link *link, struct slice ticket, struct slice address, uint64_t size,
                        enum recipient_answer *ret_answer, struct error *error)
{
    (void)link;
    (void)size;
    struct slice local, domain;
    slice_cut(address, '@', &local, &domain);
    if (!slice_eq_nocase(domain, S("demo.example")) && !slice_eq(domain, S("mail.example")))
        *ret_answer = ticket.n > 0 ? RECIPIENT_FOREIGN : RECIPIENT_NO_RELAY;
    else if (slice_eq(local, S("full")))
        *ret_answer = RECIPIENT_FULL;
    else if (slice_eq(local, S("odd")))
        return fail_plain(error, ERR_INVALID, "that is no address");
    else if (slice_eq(local, S("broken")))
        return fail_plain(error, ERR_UNAVAILABLE, "can't look it up");
    else
        *ret_answer = slice_eq(local, S("unknown")) ? RECIPIENT_UNKNOWN : RECIPIENT_LOCAL;
    return played_down(error);
}

enum err link_spool_create(struct link *link, uint64_t *ret_spool, int *ret_fd, struct error *error)
{
    (void)link;
    enum err err = played_down(error);
    if (err != ERR_OK || played.no_spool)
        return fail_plain(error, ERR_UNAVAILABLE, "no spool file");
    CLEANUP(fd_close) int fd = memfd_create("spool", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || (played.spool_is_full && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) < 0))
        return fail_errno(error, "memfd");
    *ret_fd = dup(fd);
    fd_close(&played.spool_fd);
    played.spool_fd = fd_take(&fd);
    *ret_spool = PLAYED_SPOOL;
    return ERR_OK;
}

void link_spool_drop(struct link *link, uint64_t spool)
{
    (void)link;
    played.dropped += spool == PLAYED_SPOOL;
}

/* "from <a> to <b> <c> ESMTP" and what else the envelope holds. */
static inline void played_describe(const struct queue_envelope *e, struct buf *out)
{
    static const char *const returns[] = {"", " RET=FULL", " RET=HDRS"};
    buf_printf(out, "from <%.*s> to", SLICE_ARGS(e->sender));
    for (size_t i = 0; i < e->recipient_count; i++) {
        const struct queue_recipient *r = &e->recipients[i];
        buf_printf(out, " <%.*s>", SLICE_ARGS(r->address));
        if (r->notify != 0)
            buf_printf(out, " NOTIFY=%u", r->notify);
        if (r->orcpt.n > 0)
            buf_printf(out, " ORCPT=%.*s", SLICE_ARGS(r->orcpt));
    }
    buf_printf(out, " helo %.*s %.*s%s%s%s%s%s", SLICE_ARGS(e->helo), SLICE_ARGS(e->protocol),
               e->eight_bit ? " 8BIT" : "", e->binary ? " BINARY" : "", e->smtputf8 ? " UTF8" : "",
               returns[e->ret], e->require_tls ? " REQUIRETLS" : "");
    if (e->envid.n > 0)
        buf_printf(out, " ENVID=%.*s", SLICE_ARGS(e->envid));
    if (e->by.mode != DELIVER_BY_NONE)
        buf_printf(out, " BY=%c%s", e->by.mode == DELIVER_BY_RETURN ? 'R' : 'N', e->by.trace ? "T" : "");
    if (e->release.hold_seconds > 0)
        buf_printf(out, " HOLDFOR=%u", e->release.hold_seconds);
    else if (e->release.at_us > 0)
        buf_printf(out, " HOLDUNTIL=%lld", (long long)(e->release.at_us / CLOCK_SECOND));
}

static inline enum err played_take_body(struct slice body, uint64_t spool, struct error *error)
{
    buf_clear(&played.body);
    if (spool == 0) {
        buf_put(&played.body, body);
        return ERR_OK;
    }
    if (lseek(played.spool_fd, 0, SEEK_SET) < 0)
        return fail_errno(error, "the spool file");
    return fd_read_all(played.spool_fd, &played.body, error);
}

enum err link_accept(struct link *link, struct slice ticket, const struct queue_envelope *envelope,
                     struct slice body, uint64_t spool, struct queue_id *ret_id, struct error *error)
{
    (void)link;
    enum err err = played_down(error);
    if (err != ERR_OK)
        return err;
    if (ticket.n > 0 && envelope->sender.n > 0 && !slice_eq(envelope->sender, S("anna@demo.example")))
        return fail_plain(error, ERR_DENIED, "you may not send as this sender");
    pthread_mutex_lock(&played.lock);
    buf_clear(&played.envelope);
    played_describe(envelope, &played.envelope);
    err = played_take_body(body, spool, error);
    pthread_mutex_unlock(&played.lock);
    if (err == ERR_OK)
        ret_id->v = (uint64_t)++played.accepted;
    return err;
}

#endif
