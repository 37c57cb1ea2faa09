#include "milter/filter.h"

enum { OUT_MAX = 4 * MILTER_HEADER_MAX };

/* A command on its way: what the milter may have wanted left out, and whether it answers. */
struct step {
    enum milter_command command;
    uint32_t left_out;
    uint32_t silent;
};

static const struct step connect_step = {MILTER_CONNECT, MILTER_NO_CONNECT, MILTER_SILENT_CONNECT};
static const struct step helo_step = {MILTER_HELO, MILTER_NO_HELO, MILTER_SILENT_HELO};
static const struct step mail_step = {MILTER_MAIL, MILTER_NO_MAIL, MILTER_SILENT_MAIL};
static const struct step rcpt_step = {MILTER_RCPT, MILTER_NO_RCPT, MILTER_SILENT_RCPT};
static const struct step data_step = {MILTER_DATA, MILTER_NO_DATA, MILTER_SILENT_DATA};
static const struct step header_step = {MILTER_HEADER, MILTER_NO_HEADER, MILTER_SILENT_HEADER};
static const struct step header_end_step = {MILTER_END_OF_HEADER, MILTER_NO_END_OF_HEADER,
                                            MILTER_SILENT_END_OF_HEADER};
static const struct step body_step = {MILTER_BODY, MILTER_NO_BODY, MILTER_SILENT_BODY};

void milter_filter_init(struct milter_filter *f, const struct milter_setting *setting)
{
    *f = (struct milter_filter){.setting = setting};
    milter_stream_init(&f->stream, -1);
}

void milter_filter_close(struct milter_filter *f)
{
    const struct milter_setting *setting = f->setting;
    bool off = f->off;
    milter_stream_close(&f->stream);
    milter_filter_init(f, setting);
    f->off = off;
}

static int64_t deadline_of(const struct milter_filter *f)
{
    return clock_mono_us() + f->setting->seconds * CLOCK_SECOND;
}

static enum err send_all(struct milter_filter *f, const struct buf *out, struct error *error)
{
    return buf_failed(out) ? fail_nomem(error)
                           : milter_stream_send(&f->stream, buf_slice(out), deadline_of(f), error);
}

/* The next reply but "I am at work". */
static enum err receive(struct milter_filter *f, struct milter_reply *ret_reply, struct error *error)
{
    for (int i = 0; i < MILTER_PROGRESS_MAX; i++) {
        char character;
        struct slice data;
        enum err err = milter_stream_receive(&f->stream, deadline_of(f), &character, &data, error);
        if (err != ERR_OK)
            return err;
        if (!milter_reply_parse(character, data, ret_reply))
            return fail(error, ERR_INVALID, NULL, "a milter's reply %d of %zu bytes", character, data.n);
        if (ret_reply->kind != MILTER_REPLY_PROGRESS)
            return ERR_OK;
    }
    return fail(error, ERR_TIMEOUT, NULL, "the milter is at work for too long");
}

/* --- verdicts --- */

static void refuse(struct milter_verdict *verdict, const char *reply)
{
    verdict->outcome = MILTER_REFUSED;
    snprintf(verdict->reply, sizeof(verdict->reply), "%s", reply);
}

/* False: the reply is none that ends a step. */
static bool take_verdict(const struct milter_reply *reply, struct milter_verdict *verdict)
{
    *verdict = (struct milter_verdict){.outcome = MILTER_GO_ON};
    switch (reply->kind) {
    case MILTER_REPLY_CONTINUE:
    case MILTER_REPLY_SKIP:
        return true;
    case MILTER_REPLY_ACCEPT:
        verdict->outcome = MILTER_ACCEPTED;
        return true;
    case MILTER_REPLY_DISCARD:
        verdict->outcome = MILTER_DISCARDED;
        return true;
    case MILTER_REPLY_REJECT:
        refuse(verdict, "550 5.7.1 a filter refuses this");
        return true;
    case MILTER_REPLY_TEMPFAIL:
    case MILTER_REPLY_CONNECTION_FAILURE:
        refuse(verdict, "451 4.7.1 a filter refuses this for now; please try again later");
        return true;
    case MILTER_REPLY_SHUTDOWN:
        refuse(verdict, "421 4.7.1 a filter ends this connection; please try again later");
        verdict->closes = true;
        return true;
    case MILTER_REPLY_REPLY_CODE:
        verdict->outcome = MILTER_REFUSED;
        if (!milter_reply_text(reply->name, verdict->reply))
            refuse(verdict, slice_starts(reply->name, S("4")) ? "451 4.7.1 a filter refuses this for now"
                                                              : "550 5.7.1 a filter refuses this");
        verdict->closes = slice_starts(slice_cstr(verdict->reply), S("421"));
        return true;
    default:
        return false;
    }
}

static bool is_told(const struct milter_filter *f, const struct step *step)
{
    return (f->options.steps & step->left_out) == 0;
}

/* Sends what stands in `out`, and hears the answer to it. */
static enum err ask(struct milter_filter *f, const struct step *step, const struct buf *out,
                    struct milter_reply *ret_reply, struct milter_verdict *ret_verdict, struct error *error)
{
    *ret_verdict = (struct milter_verdict){.outcome = MILTER_GO_ON};
    *ret_reply = (struct milter_reply){.kind = MILTER_REPLY_CONTINUE};
    enum err err = send_all(f, out, error);
    if (err != ERR_OK || (f->options.steps & step->silent) != 0)
        return err;
    err = receive(f, ret_reply, error);
    if (err == ERR_OK && !take_verdict(ret_reply, ret_verdict))
        err = fail(error, ERR_INVALID, NULL, "a milter changes a message that it has not seen yet");
    return err;
}

/* --- macros: what a milter may know besides --- */

struct macro {
    const char *name;
    struct slice value; /* empty: it is not sent */
};

static void put_macros(struct buf *out, enum milter_command command, const struct macro *macros, size_t count)
{
    size_t begin = milter_packet_begin(out, MILTER_MACRO);
    buf_putc(out, (char)command);
    for (size_t i = 0; i < count; i++) {
        if (macros[i].value.n == 0)
            continue;
        milter_put_text(out, slice_cstr(macros[i].name));
        milter_put_text(out, macros[i].value);
    }
    milter_packet_end(out, begin);
}

/* --- steps --- */

enum err milter_filter_open(struct milter_filter *f, int fd, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    char character;
    struct slice data;
    milter_filter_close(f);
    milter_stream_init(&f->stream, fd);
    milter_put_options(&out);
    enum err err = send_all(f, &out, error);
    if (err == ERR_OK)
        err = milter_stream_receive(&f->stream, deadline_of(f), &character, &data, error);
    if (err == ERR_OK && (character != MILTER_OPTIONS || !milter_options_parse(data, &f->options)))
        err = fail(error, ERR_INVALID, NULL, "the milter wants what is not offered");
    return err;
}

static void put_connect(struct milter_filter *f, const struct milter_client *client, struct buf *out)
{
    CLEANUP(buf_release) struct buf host = BUF(128);
    const struct macro macros[] = {
        {"j", client->own_name},
        {"{daemon_name}", S("Posthorn")},
        {"{daemon_addr}", client->own_name},
        {"v", S("Posthorn " POSTHORN_VERSION)},
        {"{client_addr}", client->peer},
    };
    (void)f;
    /* A client without a name that is proven is called by his address, in brackets. */
    buf_printf(&host, "[%.*s]", SLICE_ARGS(slice_sub(client->peer, 0, 64)));
    put_macros(out, MILTER_CONNECT, macros, ARRAY_LEN(macros));
    milter_put_connect(out, buf_slice(&host), client->peer, client->port);
}

enum err milter_filter_greet(struct milter_filter *f, const struct milter_client *client,
                             struct milter_verdict *ret_verdict, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    const struct macro macros[] = {{"{tls_version}", client->tls}, {"{cipher}", client->cipher}};
    struct milter_reply reply;
    enum err err = ERR_OK;
    *ret_verdict = (struct milter_verdict){.outcome = MILTER_GO_ON};
    if (is_told(f, &connect_step)) {
        put_connect(f, client, &out);
        err = ask(f, &connect_step, &out, &reply, ret_verdict, error);
    }
    if (err == ERR_OK && ret_verdict->outcome == MILTER_GO_ON && is_told(f, &helo_step)) {
        buf_clear(&out);
        put_macros(&out, MILTER_HELO, macros, ARRAY_LEN(macros));
        milter_put_texts(&out, MILTER_HELO, &client->helo, 1);
        err = ask(f, &helo_step, &out, &reply, ret_verdict, error);
    }
    f->greeted = err == ERR_OK && ret_verdict->outcome == MILTER_GO_ON;
    f->off = err == ERR_OK && ret_verdict->outcome == MILTER_ACCEPTED;
    return err;
}

/* "<a@b.example>" */
static struct slice bracketed(struct slice address, struct buf *storage)
{
    buf_putc(storage, '<');
    buf_put(storage, address);
    buf_putc(storage, '>');
    return buf_slice(storage);
}

static struct slice domain_of(struct slice address)
{
    ssize_t at = slice_rfind_char(address, '@');
    return at < 0 ? slice_none() : slice_from(address, (size_t)at + 1);
}

enum err milter_filter_mail(struct milter_filter *f, const struct milter_client *client, struct slice sender,
                            struct milter_verdict *ret_verdict, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    CLEANUP(buf_release) struct buf path = BUF(OUT_MAX);
    const struct slice text = bracketed(sender, &path);
    const struct macro macros[] = {
        {"i", client->id},
        {"{mail_addr}", sender},
        {"{mail_host}", domain_of(sender)},
        {"{mail_mailer}", S("smtp")},
        {"{auth_type}", client->account.n > 0 ? S("login") : slice_none()},
        {"{auth_authen}", client->account},
    };
    struct milter_reply reply;
    *ret_verdict = (struct milter_verdict){.outcome = MILTER_GO_ON};
    f->in_message = true;
    f->off_message = false;
    if (!is_told(f, &mail_step))
        return ERR_OK;
    put_macros(&out, MILTER_MAIL, macros, ARRAY_LEN(macros));
    milter_put_texts(&out, MILTER_MAIL, &text, 1);
    return ask(f, &mail_step, &out, &reply, ret_verdict, error);
}

enum err milter_filter_rcpt(struct milter_filter *f, struct slice recipient,
                            struct milter_verdict *ret_verdict, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    CLEANUP(buf_release) struct buf path = BUF(OUT_MAX);
    const struct slice text = bracketed(recipient, &path);
    const struct macro macros[] = {
        {"{rcpt_addr}", recipient}, {"{rcpt_host}", domain_of(recipient)}, {"{rcpt_mailer}", S("smtp")}};
    struct milter_reply reply;
    *ret_verdict = (struct milter_verdict){.outcome = MILTER_GO_ON};
    if (!is_told(f, &rcpt_step))
        return ERR_OK;
    put_macros(&out, MILTER_RCPT, macros, ARRAY_LEN(macros));
    milter_put_texts(&out, MILTER_RCPT, &text, 1);
    return ask(f, &rcpt_step, &out, &reply, ret_verdict, error);
}

/* Lines of a field end with LF alone there. */
static void put_field(const struct milter_filter *f, const struct milter_field *field, struct buf *out)
{
    size_t begin = milter_packet_begin(out, MILTER_HEADER);
    struct slice value = field->value;
    if ((f->options.steps & MILTER_LEADING_BLANK) == 0 && slice_starts(value, S(" ")))
        value = slice_from(value, 1);
    milter_put_text(out, field->name);
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] != 0 && !(value.p[i] == '\r' && i + 1 < value.n && value.p[i + 1] == '\n'))
            buf_putc(out, value.p[i]);
    buf_putc(out, 0);
    milter_packet_end(out, begin);
}

static enum err tell_header(struct milter_filter *f, const struct milter_message *message,
                            struct milter_verdict *verdict, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    struct milter_reply reply;
    bool silent = (f->options.steps & MILTER_SILENT_HEADER) != 0;
    enum err err = ERR_OK;
    if (!is_told(f, &header_step))
        return ERR_OK;
    for (size_t i = 0; err == ERR_OK && verdict->outcome == MILTER_GO_ON && i < message->count; i++) {
        if (message->fields[i].name.n == 0)
            continue;
        put_field(f, &message->fields[i], &out);
        if (silent && i + 1 < message->count && out.n < MILTER_CHUNK_MAX)
            continue;
        err = ask(f, &header_step, &out, &reply, verdict, error);
        buf_clear(&out);
    }
    return err == ERR_OK && out.n > 0 ? send_all(f, &out, error) : err;
}

static enum err tell_body(struct milter_filter *f, struct milter_message *message,
                          struct milter_verdict *verdict, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(MILTER_CHUNK_MAX);
    struct milter_reply reply = {.kind = MILTER_REPLY_CONTINUE};
    struct slice piece;
    uint64_t offset = 0;
    if (!is_told(f, &body_step))
        return ERR_OK;
    while (verdict->outcome == MILTER_GO_ON && reply.kind != MILTER_REPLY_SKIP) {
        enum err err = milter_message_body(message, &offset, MILTER_CHUNK_MAX, &storage, &piece, error);
        if (err != ERR_OK || piece.n == 0)
            return err;
        buf_clear(&out);
        milter_put_bytes(&out, MILTER_BODY, piece);
        err = ask(f, &body_step, &out, &reply, verdict, error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

/* --- what a milter changes --- */

/* "<a@b.example>", or without the brackets. */
static struct slice address_of(const struct milter_message *message, struct slice text)
{
    text = slice_trim(text);
    if (slice_starts(text, S("<")) && slice_ends(text, S(">")))
        text = slice_sub(text, 1, text.n - 2);
    return arena_dup(message->arena, text);
}

static enum err change_recipient(const struct milter_message *message, struct milter_changes *changes,
                                 const struct milter_reply *reply, struct error *error)
{
    if (changes->recipients == NULL)
        changes->recipients = arena_array(message->arena, MILTER_CHANGES_MAX, sizeof(*changes->recipients));
    if (changes->recipients == NULL)
        return fail_nomem(error);
    if (changes->count == MILTER_CHANGES_MAX)
        return fail(error, ERR_LIMIT, NULL, "more than %d changes of recipients", MILTER_CHANGES_MAX);
    changes->recipients[changes->count++] = (struct milter_recipient_change){
        address_of(message, reply->name), reply->kind == MILTER_REPLY_REMOVE_RECIPIENT};
    return ERR_OK;
}

/* ERR_UNSUPPORTED: it is no change. */
static enum err apply(const struct milter_filter *f, const struct milter_reply *reply,
                      struct milter_message *message, struct milter_changes *changes, bool *first_piece,
                      struct error *error)
{
    bool keep_blank = (f->options.steps & MILTER_LEADING_BLANK) != 0;
    bool first = *first_piece;
    switch (reply->kind) {
    case MILTER_REPLY_ADD_RECIPIENT:
    case MILTER_REPLY_ADD_RECIPIENT_PLUS:
    case MILTER_REPLY_REMOVE_RECIPIENT:
        return change_recipient(message, changes, reply, error);
    case MILTER_REPLY_CHANGE_SENDER:
        changes->has_sender = true;
        changes->sender = address_of(message, reply->name);
        return ERR_OK;
    case MILTER_REPLY_QUARANTINE:
        changes->quarantined = true;
        changes->quarantined_by = f->setting->address;
        changes->reason = arena_dup(message->arena, reply->name);
        return ERR_OK;
    case MILTER_REPLY_ADD_HEADER:
        return milter_message_add(message, reply->name, reply->value, keep_blank, error);
    case MILTER_REPLY_INSERT_HEADER:
        return milter_message_insert(message, reply->index, reply->name, reply->value, keep_blank, error);
    case MILTER_REPLY_CHANGE_HEADER:
        return milter_message_change(message, reply->index, reply->name, reply->value, keep_blank, error);
    case MILTER_REPLY_REPLACE_BODY:
        *first_piece = false;
        return milter_message_replace(message, first, reply->value, error);
    default:
        return fail(error, ERR_UNSUPPORTED, NULL, "no change");
    }
}

static enum err tell_end(struct milter_filter *f, const struct milter_client *client,
                         struct milter_message *message, struct milter_changes *changes,
                         struct milter_verdict *verdict, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    const struct macro macros[] = {{"i", client->id}};
    struct milter_reply reply;
    bool first_piece = true;
    put_macros(&out, MILTER_END, macros, ARRAY_LEN(macros));
    milter_put_bytes(&out, MILTER_END, slice_none());
    enum err err = send_all(f, &out, error);
    while (err == ERR_OK) {
        err = receive(f, &reply, error);
        if (err != ERR_OK || take_verdict(&reply, verdict))
            break;
        err = apply(f, &reply, message, changes, &first_piece, error);
    }
    f->in_message = false;
    return err;
}

enum err milter_filter_message(struct milter_filter *f, const struct milter_client *client,
                               struct milter_message *message, struct milter_changes *changes,
                               struct milter_verdict *ret_verdict, struct error *error)
{
    enum { DATA_SINCE = 4 /* version */ };
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    struct milter_reply reply;
    enum err err = ERR_OK;
    *ret_verdict = (struct milter_verdict){.outcome = MILTER_GO_ON};
    if (f->options.version >= DATA_SINCE && is_told(f, &data_step)) {
        milter_put_bytes(&out, MILTER_DATA, slice_none());
        err = ask(f, &data_step, &out, &reply, ret_verdict, error);
    }
    if (err == ERR_OK && ret_verdict->outcome == MILTER_GO_ON)
        err = tell_header(f, message, ret_verdict, error);
    if (err == ERR_OK && ret_verdict->outcome == MILTER_GO_ON && is_told(f, &header_end_step)) {
        buf_clear(&out);
        milter_put_bytes(&out, MILTER_END_OF_HEADER, slice_none());
        err = ask(f, &header_end_step, &out, &reply, ret_verdict, error);
    }
    if (err == ERR_OK && ret_verdict->outcome == MILTER_GO_ON)
        err = tell_body(f, message, ret_verdict, error);
    if (err == ERR_OK && ret_verdict->outcome == MILTER_GO_ON)
        err = tell_end(f, client, message, changes, ret_verdict, error);
    return err;
}

enum err milter_filter_abort(struct milter_filter *f, struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(OUT_MAX);
    f->off_message = false;
    if (!f->in_message)
        return ERR_OK;
    f->in_message = false;
    milter_put_bytes(&out, MILTER_ABORT, slice_none());
    return send_all(f, &out, error);
}
