#include <openssl/rand.h>

#include "authres/results.h"
#include "mime/header.h"
#include "smtp/session.h"

void smtp_reception_begin(struct smtp_session *session)
{
    struct smtp_reception *reception = &session->reception;
    smtp_reception_drop(reception);
    if (!smtp_is_stranger(session))
        return;
    *reception = (struct smtp_reception){
        .body = &session->body,
        .server = slice_cstr(session->settings->hostname),
        .header = BUF(SMTP_HEADER_MAX),
    };
    if (dkim_verifier_create(&reception->verifier, &session->body.error) != ERR_OK)
        session->body.failed = true;
}

void smtp_reception_drop(struct smtp_reception *reception)
{
    dkim_verifier_destroy(reception->verifier);
    buf_release(&reception->header);
    *reception = (struct smtp_reception){0};
}

/* What stands in the buffer is the header, and perhaps more. */
static void pass_header(struct smtp_reception *reception)
{
    CLEANUP(buf_release) struct buf kept = BUF(SMTP_HEADER_MAX);
    struct mime_split split = mime_split(buf_slice(&reception->header));
    results_strip(&kept, split.header, reception->server);
    if (buf_failed(&kept)) {
        reception->body->failed = true;
        (void)fail_nomem(&reception->body->error);
    }
    smtp_body_put(reception->body, buf_slice(&kept));
    smtp_body_put(reception->body, split.body);
    buf_release(&reception->header);
    reception->in_body = true;
}

/* Where the empty line ends that ends the header; 0: not yet. */
static size_t header_end(struct slice text, size_t from)
{
    if (slice_starts(text, S("\r\n")))
        return 2;
    ssize_t at = slice_find(slice_from(text, from), S("\r\n\r\n"));
    return at < 0 ? 0 : from + (size_t)at + 4;
}

void smtp_reception_put(struct smtp_reception *reception, struct slice piece)
{
    enum { OVERLAP = 3 }; /* of what the end of the header is made of, one piece may bring all but a byte */
    struct buf *header = &reception->header;
    dkim_verifier_feed(reception->verifier, piece);
    if (reception->in_body) {
        smtp_body_put(reception->body, piece);
        return;
    }
    if (reception->too_long)
        return;
    size_t before = header->n;
    struct slice fits = slice_sub(piece, 0, SMTP_HEADER_MAX - before);
    buf_put(header, fits);
    size_t end = header_end(buf_slice(header), before > OVERLAP ? before - OVERLAP : 0);
    if (end == 0 && fits.n < piece.n) {
        reception->too_long = true;
        buf_release(header);
    } else if (buf_failed(header)) {
        reception->body->failed = true;
        (void)fail_nomem(&reception->body->error);
    } else if (end > 0) {
        header->n = end;
        pass_header(reception);
        smtp_body_put(reception->body, slice_from(piece, end - before));
    }
}

void smtp_reception_finish(struct smtp_reception *reception)
{
    if (!reception->in_body && !reception->too_long)
        pass_header(reception);
}

static unsigned roll_dice(void)
{
    unsigned char byte = 0;
    /* Without randomness nobody is spared. */
    return RAND_bytes(&byte, 1) == 1 ? byte % 100u : 0;
}

static void log_judgement(const struct smtp_session *session, const struct judgement *judgement)
{
    static const char *const actions[] = {
        [JUDGE_TAKE] = "take", [JUDGE_JUNK] = "junk", [JUDGE_REFUSE] = "refuse", [JUDGE_DEFER] = "defer"};
    LOG(LOG_INFO, conn_sid(session->conn), "smtp.judged", F_CSTR("action", actions[judgement->action]),
        F_CSTR("spf", spf_result_name(judgement->spf)),
        F_CSTR("dmarc", dmarc_result_name(judgement->dmarc.result)), F_STR("author", judgement->author));
}

/* For the report of the author's domain; that it is not noted harms nobody but the report. */
static void note_sighting(const struct smtp_session *session, const struct judge_query *query,
                          const struct judgement *judgement, struct arena *arena)
{
    CLEANUP(buf_release) struct buf addresses = BUF(SIGHTING_ADDRESSES_MAX * (SIGHTING_ADDRESS_MAX + 1));
    CLEANUP(buf_release) struct buf policy = BUF(SIGHTING_BYTES_MAX);
    CLEANUP(buf_release) struct buf row = BUF(SIGHTING_BYTES_MAX);
    const struct sighting_row seen = sighting_row_of(query, judgement);
    struct error error;
    if (!session->settings->dmarc_reports || judgement->dmarc.policy_domain.n == 0)
        return;
    sighting_addresses(judge_dns(session->guest->judge), &judgement->dmarc, clock_mono_us() + JUDGE_REPORT_US,
                       arena, &addresses);
    sighting_put_policy(&policy, &judgement->dmarc.record);
    sighting_put_row(&row, &seen);
    if (addresses.n == 0 || buf_failed(&addresses) || buf_failed(&row))
        return;
    const struct feedback_note note = {.domain = judgement->dmarc.policy_domain,
                                       .addresses = buf_slice(&addresses),
                                       .policy = buf_slice(&policy),
                                       .row = buf_slice(&row)};
    if (link_sighting(session->guest->link, &note, &error) != ERR_OK)
        LOG(LOG_DEBUG, conn_sid(session->conn), "smtp.not_noted", F_ERR(&error));
}

bool smtp_reception_judge(struct smtp_session *session, struct arena *arena)
{
    struct judge *judge = session->guest->judge;
    struct slice peer = slice_cstr(conn_peer(session->conn));
    const struct guard_finding *finding = session->guard.finding;
    struct judgement judgement;
    const struct judge_query query = {
        .server = session->reception.server,
        .peer = peer,
        .helo = buf_slice(&session->helo),
        .sender = session->envelope.sender,
        .verifier = session->reception.verifier,
        .found = finding != NULL ? finding->results : slice_none(),
        .is_junk = finding != NULL && finding->verdict == GUARD_JUNK,
        .spf_refuses = session->settings->spf_refuses,
        .dmarc_enforced = session->settings->dmarc_enforced,
        .arc_trusted = slice_cstr(session->settings->arc_trusted),
        .dice = roll_dice(),
        .now_seconds = clock_wall_us() / CLOCK_SECOND,
    };
    if (!judge_enter(judge, peer)) {
        smtp_reply(session, "451 4.3.2 too many messages are being checked; please try again later");
        return false;
    }
    judge_message(judge, &query, arena, &judgement);
    if (judgement.action != JUDGE_DEFER)
        note_sighting(session, &query, &judgement, arena);
    judge_leave(judge, peer);
    log_judgement(session, &judgement);
    if (judgement.action == JUDGE_REFUSE || judgement.action == JUDGE_DEFER) {
        smtp_reply(session, "%s", judgement.reply);
        return false;
    }
    session->envelope.results = judgement.field;
    session->envelope.junk = judgement.action == JUDGE_JUNK;
    return true;
}
