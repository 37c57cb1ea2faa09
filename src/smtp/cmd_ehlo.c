/* EHLO, HELO (RFC 5321 4.1.1.1) and LHLO (RFC 2033 4.1): who calls, and what is offered. */
#include "mime/date.h"
#include "smtp/session.h"

static bool greet(struct smtp_session *session, struct slice argument, bool extended)
{
    struct slice name = slice_sub(argument, 0, argument.n);
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f) {
            name.n = 0;
            break;
        }
    }
    if (name.n == 0 || name.n > ADDRESS_DOMAIN_MAX) {
        smtp_refuse(session, "501 5.5.4 say your name: EHLO your.host.name");
        return false;
    }
    session->state = SMTP_STATE_READY;
    smtp_reset(session);
    smtp_milter_close(session);
    session->extended = extended;
    buf_clear(&session->helo);
    buf_put(&session->helo, name);
    return true;
}

static void put_mechanisms(struct smtp_session *session, struct buf *out)
{
    buf_put(out, S("250-AUTH"));
    for (unsigned m = 0; m < SASL_MECHANISMS; m++)
        if (login_offers(session->conn, (enum sasl_mechanism)m, session->settings))
            buf_printf(out, " %s", sasl_mechanism_name((enum sasl_mechanism)m));
    buf_put(out, S("\r\n"));
}

/* RFC 4865 3: for how many seconds, and until when. */
static void put_future_release(struct buf *out)
{
    const int64_t seconds = QUEUE_RELEASE_DAYS_MAX * CLOCK_DAY / CLOCK_SECOND;
    buf_printf(out, "250-FUTURERELEASE %lld ", (long long)seconds);
    mime_date_put_rfc3339(out, (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND + seconds});
    buf_put(out, S("\r\n"));
}

void smtp_ehlo(struct smtp_session *session, struct slice argument)
{
    if (!greet(session, argument, true))
        return;
    struct buf *out = conn_output(session->conn);
    buf_printf(out,
               "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
               "250-BINARYMIME\r\n250-DSN\r\n250-DELIVERBY %d\r\n",
               session->settings->hostname, (unsigned long long)session->settings->message_size_max,
               DELIVER_BY_MIN_SECONDS);
    if (session->guest->tls != NULL && !conn_is_tls(session->conn))
        buf_put(out, S("250-STARTTLS\r\n"));
    if (conn_is_tls(session->conn))
        buf_put(out, S("250-REQUIRETLS\r\n")); /* RFC 8689 2 */
    if (smtp_is_submission(session)) {
        put_mechanisms(session, out);
        put_future_release(out);
        buf_put(out, session->logged_in ? S("250-BURL imap\r\n") : S("250-BURL\r\n")); /* RFC 4468 3.1 */
    }
    buf_put(out, S("250 ENHANCEDSTATUSCODES\r\n"));
    conn_wrote(session->conn);
}

void smtp_helo(struct smtp_session *session, struct slice argument)
{
    if (greet(session, argument, false))
        smtp_reply(session, "250 %s", session->settings->hostname);
}
