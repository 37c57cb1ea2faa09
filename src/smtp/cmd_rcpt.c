/* RCPT TO (RFC 5321 4.1.1.3) with NOTIFY and ORCPT (RFC 3461 4). */
#include "smtp/session.h"

static bool take_notify(struct slice value, unsigned *ret_bits)
{
    static const struct {
        struct slice name;
        unsigned bit;
    } names[] = {
        {{"NEVER", 5}, DSN_NEVER},
        {{"SUCCESS", 7}, DSN_SUCCESS},
        {{"FAILURE", 7}, DSN_FAILURE},
        {{"DELAY", 5}, DSN_DELAY},
    };
    unsigned bits = 0;
    for (bool more = true; more;) {
        struct slice word;
        unsigned bit = 0;
        more = slice_cut(value, ',', &word, &value);
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (slice_eq_nocase(names[i].name, word))
                bit = names[i].bit;
        if (bit == 0)
            return false;
        bits |= bit;
    }
    *ret_bits = bits;
    return (bits & DSN_NEVER) == 0 || bits == DSN_NEVER;
}

/* "rfc822;xtext": the type stays, the address is decoded. */
static bool take_orcpt(struct smtp_session *session, struct slice value, struct slice *ret)
{
    struct slice type, address;
    if (!slice_cut(value, ';', &type, &address) || type.n == 0 || value.n > 500 ||
        !smtp_xtext_decode(address, &session->arena, &address))
        return false;
    char *text = arena_alloc(&session->arena, type.n + 1 + address.n);
    if (text == NULL)
        return false;
    memcpy(text, type.p, type.n);
    text[type.n] = ';';
    memcpy(text + type.n + 1, address.p, address.n);
    *ret = slice_of(text, type.n + 1 + address.n);
    return true;
}

static bool take_parameters(struct smtp_session *session, struct cursor *c, struct queue_recipient *recipient)
{
    struct smtp_parameter found[SMTP_PARAMETERS_MAX];
    size_t count;
    if (!smtp_parameters_parse(c, found, SMTP_PARAMETERS_MAX, &count)) {
        smtp_refuse(session, "501 5.5.4 RCPT's parameters can't be read");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_notify = slice_eq_nocase(found[i].name, S("NOTIFY"));
        if (!is_notify && !slice_eq_nocase(found[i].name, S("ORCPT"))) {
            smtp_refuse(session, "555 5.5.4 a parameter is not known");
            return false;
        }
        if (is_notify ? !take_notify(found[i].value, &recipient->notify)
                      : !take_orcpt(session, found[i].value, &recipient->orcpt)) {
            if (arena_failed(&session->arena))
                smtp_reply(session, SMTP_NO_MEMORY);
            else
                smtp_refuse(session, "501 5.5.4 %s has a wrong value", is_notify ? "NOTIFY" : "ORCPT");
            return false;
        }
    }
    return true;
}

/* Makes room for one more. */
static bool grow(struct smtp_session *session)
{
    struct queue_envelope *e = &session->envelope;
    if (e->recipient_count < session->recipients_cap)
        return true;
    size_t cap = MAX(2 * session->recipients_cap, (size_t)8);
    struct queue_recipient *more = arena_array(&session->arena, cap, sizeof(*more));
    if (more == NULL)
        return false;
    if (e->recipient_count > 0)
        memcpy(more, e->recipients, e->recipient_count * sizeof(*more));
    e->recipients = more;
    session->recipients_cap = cap;
    return true;
}

bool smtp_keep_recipient(struct smtp_session *session, const struct queue_recipient *recipient)
{
    if (!grow(session) || arena_failed(&session->arena))
        return false;
    session->envelope.recipients[session->envelope.recipient_count++] = *recipient;
    return true;
}

static void accept_recipient(struct smtp_session *session, const struct queue_recipient *recipient)
{
    struct queue_recipient kept = *recipient;
    kept.address = arena_dup(&session->arena, recipient->address);
    if (!smtp_keep_recipient(session, &kept)) {
        smtp_reply(session, "452 4.5.3 no memory for more recipients");
        return;
    }
    session->state = SMTP_STATE_RCPT;
    smtp_reply(session, "250 2.1.5 recipient noted");
}

static void answer(struct smtp_session *session, const struct queue_recipient *recipient,
                   enum recipient_answer verdict)
{
    switch (verdict) {
    case RECIPIENT_LOCAL:
    case RECIPIENT_FOREIGN:
        if (!smtp_guard_greylist(session, recipient->address) ||
            !smtp_milter_rcpt(session, recipient->address))
            return;
        accept_recipient(session, recipient);
        break;
    case RECIPIENT_UNKNOWN:
        smtp_refuse(session, "550 5.1.1 there is no such address here");
        break;
    case RECIPIENT_NO_RELAY:
        smtp_refuse(session, "550 5.7.1 mail for that domain is not taken here without log-in");
        break;
    case RECIPIENT_TOO_MANY:
        smtp_reply(session, SMTP_SENT_ENOUGH);
        break;
    case RECIPIENT_FULL:
        smtp_reply(session, "%s", smtp_full_text(session));
        break;
    }
}

/* <postmaster> without a domain is this host's (RFC 5321 4.5.1). */
static struct slice complete_address(struct smtp_session *session, struct slice address)
{
    if (slice_find_char(address, '@') >= 0)
        return address;
    CLEANUP(buf_release) struct buf whole = BUF(ADDRESS_MAX);
    buf_put(&whole, S("postmaster@"));
    buf_put(&whole, slice_cstr(session->settings->hostname));
    return arena_dup(&session->arena, buf_slice(&whole));
}

void smtp_rcpt(struct smtp_session *session, struct slice argument)
{
    struct cursor c = cursor_of(argument);
    struct smtp_path path;
    struct queue_recipient recipient = {0};
    enum recipient_answer verdict;
    struct error error;
    if (!cursor_skip_nocase(&c, S("TO:"))) {
        smtp_refuse(session, "501 5.5.4 RCPT TO:<address> was expected");
        return;
    }
    if (!smtp_path_parse(&c, true, &path) || path.address.n == 0) {
        smtp_refuse(session, "501 5.1.3 the recipient's address can't be read");
        return;
    }
    if (path.has_utf8 && !session->envelope.smtputf8) {
        smtp_refuse(session, "553 5.6.7 this address needs SMTPUTF8");
        return;
    }
    if (session->envelope.recipient_count >= QUEUE_RECIPIENTS_MAX) {
        smtp_reply(session, "452 4.5.3 at most %d recipients at once", QUEUE_RECIPIENTS_MAX);
        return;
    }
    if (!take_parameters(session, &c, &recipient))
        return;
    recipient.address = complete_address(session, path.address);
    if (!smtp_guard_recipient(session, recipient.address))
        return;
    enum err err = link_recipient(session->guest->link, smtp_ticket(session), recipient.address,
                                  session->announced_size, &verdict, &error);
    if (err == ERR_INVALID)
        smtp_refuse(session, "501 5.1.3 %s", error.client);
    else if (err != ERR_OK)
        smtp_reply_unavailable(session, &error);
    else
        answer(session, &recipient, verdict);
}
