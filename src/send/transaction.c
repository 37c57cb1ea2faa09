#include "send/transaction.h"

#include <unistd.h>

#include "base/must.h"

enum { COMMANDS_MAX = 1024 * 1024, BLOCK = 64 * 1024 };
#define REFUSAL_US (5 * CLOCK_SECOND)

struct transaction {
    struct client *client;
    const struct outbound_parcel *parcel;
    const struct outbound_message *message;
    struct arena *arena;
    struct outbound_result *results;
    bool decided[OUTBOUND_RECIPIENTS_MAX];
    size_t accepted; /* recipients the server took */
    struct slice peer;
};

/* --- results --- */

static struct slice keep(struct transaction *t, struct slice text)
{
    struct slice kept = arena_dup(t->arena, slice_sub(text, 0, OUTBOUND_TEXT_MAX));
    return kept.p != NULL ? kept : S("out of memory");
}

static void decide(struct transaction *t, size_t at, enum outbound_outcome outcome, const char *status,
                   struct slice text, bool theirs)
{
    if (t->decided[at])
        return;
    t->decided[at] = true;
    t->results[at] = (struct outbound_result){
        .recipient = t->parcel->recipients[at].number,
        .outcome = outcome,
        .status = keep(t, slice_cstr(status)),
        .text = keep(t, text),
        .peer = theirs ? t->peer : slice_none(),
        .told_on = (t->client->extensions & CLIENT_DSN) != 0,
        .by_passed_on = (t->client->extensions & CLIENT_DELIVERBY) != 0,
    };
}

static void decide_rest(struct transaction *t, enum outbound_outcome outcome, const char *status,
                        struct slice text, bool theirs)
{
    for (size_t i = 0; i < t->parcel->recipient_count; i++)
        decide(t, i, outcome, status, text, theirs);
}

static enum outbound_outcome outcome_of(const struct reply *reply)
{
    return reply_is(reply, 2) ? OUTBOUND_RELAYED : reply_is(reply, 5) ? OUTBOUND_FAILED : OUTBOUND_DEFERRED;
}

/* RFC 3463: where the server says nothing finer. */
static const char *status_of(const struct reply *reply)
{
    static const char *const general[] = {"2.0.0", "5.0.0", "4.0.0"};
    return reply->status[0] != 0 ? reply->status : general[outcome_of(reply)];
}

static void decide_by_reply(struct transaction *t, size_t at, enum outbound_outcome outcome)
{
    CLEANUP(buf_release) struct buf text = BUF(REPLY_LINE_MAX * REPLY_LINES_MAX + 100);
    const char *status = status_of(&t->client->reply);
    reply_put(&t->client->reply, &text);
    if (outcome == OUTBOUND_DEFERRED && status[0] == '5')
        status = "4.5.3"; /* too many recipients: see take_rcpt_reply */
    decide(t, at, outcome, status, buf_slice(&text), true);
}

static void decide_rest_by_reply(struct transaction *t)
{
    for (size_t i = 0; i < t->parcel->recipient_count; i++)
        decide_by_reply(t, i, outcome_of(&t->client->reply));
}

static void decide_rest_by_error(struct transaction *t, const struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(OUTBOUND_TEXT_MAX);
    buf_printf(&text, "%s: %s", t->client->peer, error->detail);
    decide_rest(t, OUTBOUND_DEFERRED, "4.4.2", buf_slice(&text), false);
}

/* --- what the server must be able to --- */

static bool has_eight_bit(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return true;
    return false;
}

/* SMTPUTF8 was asked for when the message came in; it need not be needed on this way out (RFC 6531 3.6). */
static bool needs_utf8(const struct transaction *t)
{
    struct slice text = buf_slice(&t->message->text);
    ssize_t end = slice_find(text, S("\r\n\r\n"));
    bool needs =
        has_eight_bit(t->parcel->sender) || has_eight_bit(slice_sub(text, 0, end < 0 ? text.n : (size_t)end));
    for (size_t i = 0; i < t->parcel->recipient_count && !needs; i++)
        needs = has_eight_bit(t->parcel->recipients[i].address);
    return t->parcel->smtputf8 && needs;
}

static uint64_t message_size(const struct transaction *t)
{
    return t->message->text.n + (t->message->fd >= 0 ? t->parcel->size : 0);
}

/* Seconds that are left (RFC 2852 4: nine digits). */
static int64_t by_seconds(const struct transaction *t)
{
    const int64_t most = 999999999;
    int64_t left = (t->parcel->by.until_us - clock_wall_us()) / CLOCK_SECOND;
    return MAX(MIN(left, most), -most);
}

/* RFC 2852 4.1.4: what must be there in time goes only to who can promise it. */
static bool is_in_time(const struct transaction *t)
{
    return t->parcel->by.mode != DELIVER_BY_RETURN ||
           ((t->client->extensions & CLIENT_DELIVERBY) != 0 &&
            by_seconds(t) >= (int64_t)MAX(MIN(t->client->by_min, UINT64_C(999999999)), UINT64_C(1)));
}

/* False: it can't take the message at all; decided. */
static bool is_able(struct transaction *t)
{
    unsigned extensions = t->client->extensions;
    uint64_t max = t->client->size_max;
    if (needs_utf8(t) && (extensions & CLIENT_SMTPUTF8) == 0)
        decide_rest(t, OUTBOUND_FAILED, "5.6.7", S("the server takes no addresses or headers in UTF-8"),
                    false);
    else if (!is_in_time(t))
        decide_rest(t, OUTBOUND_FAILED, "5.4.7", S(DELIVERY_NOT_IN_TIME), false);
    else if (t->parcel->binary &&
             (extensions & (CLIENT_BINARY | CLIENT_CHUNKING)) != (CLIENT_BINARY | CLIENT_CHUNKING))
        decide_rest(t, OUTBOUND_FAILED, "5.6.3", S("the server takes no binary messages"), false);
    else if (max > 0 && message_size(t) > max)
        decide_rest(t, OUTBOUND_FAILED, "5.3.4", S("the message is larger than the server takes"), false);
    else
        return true;
    return false;
}

/* --- commands --- */

/* RFC 3461 4: xtext. */
static void put_xtext(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 33 || c > 126 || c == '+' || c == '=')
            buf_printf(out, "+%02X", c);
        else
            buf_putc(out, (char)c);
    }
}

static void put_mail(const struct transaction *t, struct buf *out)
{
    const struct outbound_parcel *p = t->parcel;
    unsigned extensions = t->client->extensions;
    buf_printf(out, "MAIL FROM:<%.*s>", SLICE_ARGS(p->sender));
    if ((extensions & CLIENT_SIZE) != 0)
        buf_printf(out, " SIZE=%llu", (unsigned long long)message_size(t));
    if (p->binary)
        buf_put(out, S(" BODY=BINARYMIME"));
    else if (p->eight_bit && (extensions & CLIENT_EIGHT_BIT) != 0)
        buf_put(out, S(" BODY=8BITMIME"));
    if (p->smtputf8 && (extensions & CLIENT_SMTPUTF8) != 0)
        buf_put(out, S(" SMTPUTF8"));
    if (p->require_tls && transaction_may_require_tls(t->client))
        buf_put(out, S(" REQUIRETLS"));
    if (p->by.mode != DELIVER_BY_NONE && (extensions & CLIENT_DELIVERBY) != 0)
        buf_printf(out, " BY=%lld;%c%s", (long long)by_seconds(t),
                   p->by.mode == DELIVER_BY_RETURN ? 'R' : 'N', p->by.trace ? "T" : "");
    if ((extensions & CLIENT_DSN) != 0) {
        if (p->ret != DSN_RET_NONE)
            buf_put(out, p->ret == DSN_RET_FULL ? S(" RET=FULL") : S(" RET=HDRS"));
        if (p->envid.n > 0) {
            buf_put(out, S(" ENVID="));
            put_xtext(out, p->envid);
        }
    }
    buf_put(out, S("\r\n"));
}

static void put_notify(struct buf *out, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {{DSN_SUCCESS, "SUCCESS"}, {DSN_FAILURE, "FAILURE"}, {DSN_DELAY, "DELAY"}};
    const char *before = " NOTIFY=";
    if (notify & DSN_NEVER)
        buf_put(out, S(" NOTIFY=NEVER"));
    for (size_t i = 0; i < ARRAY_LEN(words) && (notify & DSN_NEVER) == 0; i++) {
        if ((notify & words[i].bit) == 0)
            continue;
        buf_printf(out, "%s%s", before, words[i].word);
        before = ",";
    }
}

static void put_rcpt(const struct transaction *t, const struct outbound_recipient *r, struct buf *out)
{
    struct slice type, address;
    buf_printf(out, "RCPT TO:<%.*s>", SLICE_ARGS(r->address));
    if ((t->client->extensions & CLIENT_DSN) != 0) {
        put_notify(out, r->notify);
        if (r->orcpt.n > 0 && slice_cut(r->orcpt, ';', &type, &address)) {
            buf_printf(out, " ORCPT=%.*s;", SLICE_ARGS(type));
            put_xtext(out, address);
        }
    }
    buf_put(out, S("\r\n"));
}

/* --- the message --- */

struct writer {
    struct client *client;
    struct buf block;
    char last, before; /* the last two bytes of the message */
    bool line_start;
    struct error *error;
};

static enum err flush(struct writer *w)
{
    enum err err = buf_failed(&w->block) ? fail_nomem(w->error)
                                         : stream_write(&w->client->stream, buf_slice(&w->block),
                                                        clock_mono_us() + CLIENT_BLOCK_US, w->error);
    buf_clear(&w->block);
    return err;
}

/* RFC 5321 4.5.2: a line that begins with a dot gets another one. */
static enum err write_stuffed(struct writer *w, struct slice bytes)
{
    enum err err = ERR_OK;
    while (bytes.n > 0 && err == ERR_OK) {
        if (w->line_start && bytes.p[0] == '.')
            buf_putc(&w->block, '.');
        ssize_t end = slice_find_char(bytes, '\n');
        size_t n = end < 0 ? bytes.n : (size_t)end + 1;
        buf_put(&w->block, slice_sub(bytes, 0, n));
        w->before = n > 1 ? bytes.p[n - 2] : w->last;
        w->last = bytes.p[n - 1];
        w->line_start = end >= 0 && w->before == '\r';
        bytes = slice_from(bytes, n);
        if (w->block.n >= BLOCK)
            err = flush(w);
    }
    return err;
}

static enum err write_plain(struct writer *w, struct slice bytes)
{
    buf_put(&w->block, bytes);
    return w->block.n >= BLOCK ? flush(w) : ERR_OK;
}

/* A file that is shorter than it was must not arrive as a whole message. */
static enum err write_file(struct writer *w, int fd, uint64_t size,
                           enum err (*write_bytes)(struct writer *w, struct slice bytes))
{
    char bytes[BLOCK];
    enum err err = ERR_OK;
    off_t at = 0;
    while (err == ERR_OK) {
        ssize_t n = pread(fd, bytes, sizeof(bytes), at);
        if (n < 0)
            return fail_errno(w->error, "reading the message");
        if (n == 0)
            break;
        err = write_bytes(w, slice_of(bytes, (size_t)n));
        at += n;
    }
    return err == ERR_OK && (uint64_t)at != size
               ? fail(w->error, ERR_CORRUPT, NULL, "the message's file has another size")
               : err;
}

static enum err write_message(struct transaction *t, struct error *error)
{
    CLEANUP(buf_release) struct buf block = BUF(4 * BLOCK + QUEUE_INLINE_MAX);
    struct writer w = {.client = t->client, .block = block, .line_start = true, .error = error};
    bool binary = t->parcel->binary;
    enum err (*write_bytes)(struct writer *, struct slice) = binary ? write_plain : write_stuffed;
    if (binary)
        buf_printf(&w.block, "BDAT %llu LAST\r\n", (unsigned long long)message_size(t));
    enum err err = write_bytes(&w, buf_slice(&t->message->text));
    if (err == ERR_OK && t->message->fd >= 0)
        err = write_file(&w, t->message->fd, t->parcel->size, write_bytes);
    if (err == ERR_OK && !binary)
        buf_put(&w.block, w.line_start ? S(".\r\n") : S("\r\n.\r\n"));
    if (err == ERR_OK)
        err = flush(&w);
    block = w.block;
    return err;
}

/*
 * A server may refuse in the middle of a message and hang up (RFC 5321 3.8 has it wait, but a message that is
 * too large is seldom read to its end). What it said is in the input then; that it took what it did not read
 * is not believed.
 */
static enum err refusal_behind(struct transaction *t, struct error *error)
{
    struct error none;
    enum err err = client_reply(t->client, REFUSAL_US, &none);
    if (err != ERR_OK || (!reply_is(&t->client->reply, 4) && !reply_is(&t->client->reply, 5)))
        return error->code;
    decide_rest_by_reply(t);
    return error->code;
}

/* The message and its one reply. */
static enum err send_message(struct transaction *t, struct error *error)
{
    enum err err = write_message(t, error);
    if (err == ERR_CLOSED)
        return refusal_behind(t, error);
    if (err == ERR_OK)
        err = client_reply(t->client, CLIENT_END_US, error);
    if (err != ERR_OK)
        return err;
    t->client->in_transaction = !reply_is(&t->client->reply, 2);
    t->client->messages++;
    decide_rest_by_reply(t);
    return ERR_OK;
}

/* --- the dialogue --- */

static void take_rcpt_reply(struct transaction *t, size_t at)
{
    const struct reply *reply = &t->client->reply;
    if (reply_is(reply, 2)) {
        t->accepted++;
        return;
    }
    /* RFC 5321 4.5.3.1.10: 552 is what old servers say for 452, too many recipients. */
    decide_by_reply(t, at, reply->code == 552 ? OUTBOUND_DEFERRED : outcome_of(reply));
}

/* DATA was answered: 354 wants a message even when there is nobody to get it. */
static enum err after_data(struct transaction *t, struct error *error)
{
    if (reply_is(&t->client->reply, 2)) /* it has no message, whatever it means */
        return fail(error, ERR_INVALID, NULL, "the server took DATA for something else");
    if (t->client->reply.code != 354) {
        decide_rest_by_reply(t);
        return ERR_OK;
    }
    if (t->accepted > 0)
        return send_message(t, error);
    enum err err = stream_write(&t->client->stream, S(".\r\n"), clock_mono_us() + CLIENT_BLOCK_US, error);
    return err == ERR_OK ? client_reply(t->client, CLIENT_END_US, error) : err;
}

/* 421: whatever was asked, it answers nothing more (RFC 5321 3.8). */
static bool hangs_up(const struct transaction *t)
{
    return t->client->reply.code == 421;
}

/* Everything at once, then all replies (RFC 2920). */
static enum err run_pipelined(struct transaction *t, struct error *error)
{
    CLEANUP(buf_release) struct buf commands = BUF(COMMANDS_MAX);
    put_mail(t, &commands);
    for (size_t i = 0; i < t->parcel->recipient_count; i++)
        put_rcpt(t, &t->parcel->recipients[i], &commands);
    if (!t->parcel->binary)
        buf_put(&commands, S("DATA\r\n"));
    enum err err = buf_failed(&commands)
                       ? fail_nomem(error)
                       : client_ask(t->client, buf_slice(&commands), CLIENT_COMMAND_US, error);
    bool sender_taken = err == ERR_OK && reply_is(&t->client->reply, 2);
    if (err == ERR_OK && !sender_taken)
        decide_rest_by_reply(t);
    if (err == ERR_OK && hangs_up(t))
        return ERR_OK;
    for (size_t i = 0; i < t->parcel->recipient_count && err == ERR_OK; i++) {
        err = client_reply(t->client, CLIENT_COMMAND_US, error);
        if (err == ERR_OK && sender_taken)
            take_rcpt_reply(t, i);
    }
    if (err == ERR_OK && t->parcel->binary)
        return t->accepted > 0 ? send_message(t, error) : ERR_OK;
    if (err == ERR_OK)
        err = client_reply(t->client, CLIENT_DATA_US, error);
    return err == ERR_OK ? after_data(t, error) : err;
}

static enum err ask(struct transaction *t, struct buf *command, struct error *error)
{
    enum err err = buf_failed(command) ? fail_nomem(error)
                                       : client_ask(t->client, buf_slice(command), CLIENT_COMMAND_US, error);
    buf_clear(command);
    return err;
}

static enum err run_in_turn(struct transaction *t, struct error *error)
{
    CLEANUP(buf_release) struct buf command = BUF(COMMANDS_MAX);
    put_mail(t, &command);
    enum err err = ask(t, &command, error);
    if (err == ERR_OK && !reply_is(&t->client->reply, 2)) {
        decide_rest_by_reply(t);
        return ERR_OK;
    }
    for (size_t i = 0; i < t->parcel->recipient_count && err == ERR_OK; i++) {
        put_rcpt(t, &t->parcel->recipients[i], &command);
        err = ask(t, &command, error);
        if (err == ERR_OK)
            take_rcpt_reply(t, i);
    }
    if (err != ERR_OK || t->accepted == 0)
        return err;
    if (t->parcel->binary)
        return send_message(t, error);
    err = client_ask(t->client, S("DATA\r\n"), CLIENT_DATA_US, error);
    return err == ERR_OK ? after_data(t, error) : err;
}

/* False: the server says nothing that is good for this message; all is decided. */
static bool reset(struct transaction *t)
{
    struct error error;
    if (!t->client->in_transaction)
        return true;
    enum err err = client_ask(t->client, S("RSET\r\n"), CLIENT_COMMAND_US, &error);
    if (err == ERR_OK && reply_is(&t->client->reply, 2))
        return true;
    if (err == ERR_OK)
        (void)fail(&error, ERR_INVALID, NULL, "the server did not reset the session (%u)",
                   t->client->reply.code);
    decide_rest_by_error(t, &error);
    return false;
}

static enum err run(struct transaction *t, struct error *error)
{
    t->client->in_transaction = true;
    bool pipelined = (t->client->extensions & CLIENT_PIPELINING) != 0;
    return pipelined ? run_pipelined(t, error) : run_in_turn(t, error);
}

enum transaction_end transaction_run(struct client *client, const struct outbound_parcel *parcel,
                                     const struct outbound_message *message, struct arena *arena,
                                     struct outbound_result *results)
{
    struct transaction t = {
        .client = client, .parcel = parcel, .message = message, .arena = arena, .results = results};
    struct error error;
    must(parcel->recipient_count <= OUTBOUND_RECIPIENTS_MAX);
    struct slice name = slice_cstr(client->peer);
    slice_cut(name, ' ', &name, &(struct slice){0});
    t.peer = keep(&t, name);
    if (!reset(&t))
        return TRANSACTION_UNSAID;
    if (!is_able(&t))
        return TRANSACTION_DONE;
    unsigned replies = client->replies;
    enum err err = run(&t, &error);
    if (err != ERR_OK)
        decide_rest_by_error(&t, &error);
    if (err == ERR_OK && !hangs_up(&t))
        return TRANSACTION_DONE;
    /* A 421 that answers the first command was said before it, by a server that was tired of waiting. */
    unsigned said = client->replies - replies;
    return said == 0 || (said == 1 && hangs_up(&t)) ? TRANSACTION_UNSAID : TRANSACTION_LAST;
}
