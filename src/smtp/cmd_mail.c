/* MAIL FROM (RFC 5321 4.1.1.2) with SIZE (1870), BODY (6152, 3030), SMTPUTF8 (6531), RET and ENVID (3461),
 * AUTH (4954 5), REQUIRETLS (8689), HOLDFOR and HOLDUNTIL (4865),
 * BY (2852). */
#include "mime/date.h"
#include "smtp/session.h"

struct mail {
    struct smtp_session *session;
    struct queue_envelope *envelope;
    int64_t by_seconds;
};

/* Each takes a value (p NULL: none) and says whether it was right; a reply of its own may have been sent
 * then. */
typedef bool mail_parameter_fn(struct mail *mail, struct slice value);

static bool take_size(struct mail *mail, struct slice value)
{
    return slice_to_u64(value, &mail->session->announced_size);
}

static bool take_body(struct mail *mail, struct slice value)
{
    mail->envelope->eight_bit = slice_eq_nocase(value, S("8BITMIME"));
    mail->envelope->binary = slice_eq_nocase(value, S("BINARYMIME"));
    return mail->envelope->eight_bit || mail->envelope->binary || slice_eq_nocase(value, S("7BIT"));
}

static bool take_smtputf8(struct mail *mail, struct slice value)
{
    mail->envelope->smtputf8 = true;
    return value.p == NULL;
}

static bool take_ret(struct mail *mail, struct slice value)
{
    bool full = slice_eq_nocase(value, S("FULL"));
    mail->envelope->ret = full ? DSN_RET_FULL : DSN_RET_HDRS;
    return full || slice_eq_nocase(value, S("HDRS"));
}

static bool take_envid(struct mail *mail, struct slice value)
{
    return value.n > 0 && value.n <= 100 /* RFC 3461 4.4 */ &&
           smtp_xtext_decode(value, &mail->session->arena, &mail->envelope->envid);
}

/* Who first submitted it: we don't trust it, so it is checked and dropped (RFC 4954 5). */
static bool take_auth(struct mail *mail, struct slice value)
{
    struct slice ignored;
    return smtp_xtext_decode(value, &mail->session->arena, &ignored);
}

static bool take_requiretls(struct mail *mail, struct slice value)
{
    mail->envelope->require_tls = true;
    return value.p == NULL;
}

/* RFC 4865: one of the two, and not for longer than was announced. */
static bool release_at(struct mail *mail, int64_t at_us, uint32_t hold_seconds)
{
    const int64_t now = clock_wall_us();
    if (mail->envelope->release.at_us != 0 || at_us < now || at_us > now + QUEUE_RELEASE_DAYS_MAX * CLOCK_DAY)
        return false;
    mail->envelope->release = (struct queue_release){at_us, hold_seconds};
    return true;
}

static bool take_holdfor(struct mail *mail, struct slice value)
{
    uint64_t seconds;
    return value.n <= 9 && slice_to_u64(value, &seconds) && seconds > 0 &&
           seconds <= QUEUE_RELEASE_DAYS_MAX * CLOCK_DAY / CLOCK_SECOND &&
           release_at(mail, clock_wall_us() + (int64_t)seconds * CLOCK_SECOND, (uint32_t)seconds);
}

static bool take_holduntil(struct mail *mail, struct slice value)
{
    struct mime_date date;
    return value.n > 0 && mime_date_parse_rfc3339(value, &date) &&
           release_at(mail, date.seconds * CLOCK_SECOND, 0);
}

/* RFC 2852 4: "-120;NT", "3600;R". What is to come back needs time. */
static bool take_by(struct mail *mail, struct slice value)
{
    struct deliver_by *by = &mail->envelope->by;
    struct cursor c = cursor_of(value);
    uint64_t seconds;
    bool minus = cursor_skip(&c, S("-"));
    if (!minus)
        (void)cursor_skip(&c, S("+"));
    struct slice digits = cursor_take_while(&c, S("0123456789"));
    if (by->mode != DELIVER_BY_NONE || digits.n > 9 || !slice_to_u64(digits, &seconds) ||
        !cursor_skip(&c, S(";")))
        return false;
    bool back = cursor_skip_nocase(&c, S("R"));
    if (!back && !cursor_skip_nocase(&c, S("N")))
        return false;
    by->mode = back ? DELIVER_BY_RETURN : DELIVER_BY_NOTIFY;
    by->trace = cursor_skip_nocase(&c, S("T"));
    mail->by_seconds = minus ? -(int64_t)seconds : (int64_t)seconds;
    return cursor_done(&c) && (!back || mail->by_seconds >= DELIVER_BY_MIN_SECONDS);
}

/* name, who reads it, known on a submission listener only */
#define MAIL_PARAMETER_TABLE(X)             \
    X("SIZE", take_size, false)             \
    X("BODY", take_body, false)             \
    X("SMTPUTF8", take_smtputf8, false)     \
    X("RET", take_ret, false)               \
    X("ENVID", take_envid, false)           \
    X("AUTH", take_auth, false)             \
    X("REQUIRETLS", take_requiretls, false) \
    X("BY", take_by, false)                 \
    X("HOLDFOR", take_holdfor, true)        \
    X("HOLDUNTIL", take_holduntil, true)

static const struct {
    struct slice name;
    mail_parameter_fn *read;
    bool submission;
} parameters[] = {
#define X(name, read, submission) {{name, sizeof(name) - 1}, read, submission},
    MAIL_PARAMETER_TABLE(X)
#undef X
};

static bool take_parameter(struct mail *mail, const struct smtp_parameter *parameter)
{
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if (!slice_eq_nocase(parameters[i].name, parameter->name) ||
            (parameters[i].submission && !smtp_is_submission(mail->session)))
            continue;
        if (parameters[i].read(mail, parameter->value))
            return true;
        if (arena_failed(&mail->session->arena))
            smtp_reply(mail->session, SMTP_NO_MEMORY);
        else
            smtp_refuse(mail->session, "501 5.5.4 %.*s has a wrong value", SLICE_ARGS(parameters[i].name));
        return false;
    }
    smtp_refuse(mail->session, "555 5.5.4 a parameter is not known");
    return false;
}

static bool take_parameters(struct mail *mail, struct cursor *c)
{
    struct smtp_parameter found[SMTP_PARAMETERS_MAX];
    size_t count;
    if (!smtp_parameters_parse(c, found, SMTP_PARAMETERS_MAX, &count)) {
        smtp_refuse(mail->session, "501 5.5.4 MAIL's parameters can't be read");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!take_parameter(mail, &found[i]))
            return false;
    return true;
}

/* What the parameters ask for together with the rest; false: the client has heard why not. */
static bool is_possible(struct smtp_session *session, const struct smtp_path *path,
                        const struct queue_envelope *envelope)
{
    if (path->has_utf8 && !envelope->smtputf8)
        smtp_refuse(session, "553 5.6.7 this address needs SMTPUTF8");
    else if (envelope->require_tls && !conn_is_tls(session->conn)) /* RFC 8689 2 */
        smtp_refuse(session, "530 5.7.10 REQUIRETLS needs TLS: STARTTLS first");
    else if (session->announced_size > session->settings->message_size_max)
        smtp_refuse(session, "552 5.3.4 too large: at most %llu bytes",
                    (unsigned long long)session->settings->message_size_max);
    else
        return true;
    return false;
}

void smtp_mail(struct smtp_session *session, struct slice argument)
{
    struct cursor c = cursor_of(argument);
    struct smtp_path path;
    struct queue_envelope envelope = {.sid = conn_sid(session->conn)};
    struct mail mail = {.session = session, .envelope = &envelope};
    if (!cursor_skip_nocase(&c, S("FROM:"))) {
        smtp_refuse(session, "501 5.5.4 MAIL FROM:<address> was expected");
        return;
    }
    if (!smtp_path_parse(&c, false, &path)) {
        smtp_refuse(session, "501 5.1.7 the sender's address can't be read");
        return;
    }
    session->announced_size = 0;
    if (!take_parameters(&mail, &c) || !is_possible(session, &path, &envelope) ||
        !smtp_guard_message(session)) {
        smtp_reset(session);
        return;
    }
    if (envelope.by.mode != DELIVER_BY_NONE) /* what is put off has its time from then on */
        envelope.by.until_us = MAX(envelope.release.at_us, clock_wall_us()) + mail.by_seconds * CLOCK_SECOND;
    envelope.sender = arena_dup(&session->arena, path.address);
    if (arena_failed(&session->arena)) {
        smtp_reply(session, SMTP_NO_MEMORY);
        smtp_reset(session);
        return;
    }
    session->envelope = envelope;
    if (!smtp_milter_mail(session)) {
        smtp_reset(session);
        return;
    }
    session->state = SMTP_STATE_MAIL;
    smtp_reply(session, "250 2.1.0 sender noted");
}
