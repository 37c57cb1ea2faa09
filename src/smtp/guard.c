#include <arpa/inet.h>

#include "authres/results.h"
#include "smtp/session.h"

void smtp_guard_own_address(struct smtp_session *session, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    memset(&address, 0, sizeof(address));
    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return;
    const struct in6_addr *six = &((struct sockaddr_in6 *)&address)->sin6_addr;
    const void *bytes = six;
    int family = address.ss_family;
    if (family == AF_INET) {
        bytes = &((struct sockaddr_in *)&address)->sin_addr;
    } else if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six)) {
        family = AF_INET;
        bytes = &six->s6_addr[12];
    } else if (family != AF_INET6) {
        return;
    }
    (void)!inet_ntop(family, bytes, session->guard.own, sizeof(session->guard.own));
}

static bool is_guarded(const struct smtp_session *session)
{
    return session->guest->guards != NULL && smtp_is_stranger(session);
}

static void log_turned_away(const struct smtp_session *session, const char *why)
{
    LOG(LOG_INFO, conn_sid(session->conn), "smtp.turned_away", F_CSTR("why", why),
        F_CSTR("peer", conn_peer(session->conn)));
}

bool smtp_guard_connection(struct smtp_session *session)
{
    struct slice peer = slice_cstr(conn_peer(session->conn));
    if (!is_guarded(session) || guards_connection(session->guest->guards, peer, session->settings))
        return true;
    log_turned_away(session, "connection-rate");
    smtp_reply(session, "421 4.7.0 %s: too many connections in a short time; please try again later",
               session->settings->hostname);
    return false;
}

void smtp_guard_early(struct smtp_session *session)
{
    log_turned_away(session, "greeting-delay");
    smtp_reply(session, "554 5.5.1 %s: you spoke before the greeting", session->settings->hostname);
    conn_close(session->conn);
}

bool smtp_guard_message(struct smtp_session *session)
{
    struct slice peer = slice_cstr(conn_peer(session->conn));
    if (!is_guarded(session) || guards_message(session->guest->guards, peer, session->settings))
        return true;
    log_turned_away(session, "message-rate");
    smtp_reply(session, "450 4.7.1 too many messages in a short time; please try again later");
    return false;
}

/* RFC 5321 4.5.1, RFC 2142 4. */
static bool hears_complaints(struct slice address)
{
    struct slice local, domain;
    slice_cut(address, '@', &local, &domain);
    return slice_eq_nocase(local, S("postmaster")) || slice_eq_nocase(local, S("abuse"));
}

/* False: too many are looked at. */
static bool look(struct smtp_session *session)
{
    struct smtp_guard *guard = &session->guard;
    struct slice peer = slice_cstr(conn_peer(session->conn));
    struct judge *judge = session->guest->judge;
    const struct guard_query query = {
        .settings = session->settings,
        .dns = judge_dns(judge),
        .peer = peer,
        .own = slice_cstr(guard->own),
        .helo = buf_slice(&session->helo),
        .sender = session->envelope.sender,
    };
    if (guard->finding != NULL)
        return true;
    struct guard_finding *finding = ARENA_NEW(&session->arena, struct guard_finding);
    if (finding == NULL || !judge_enter(judge, peer))
        return false;
    CLEANUP(arena_release) struct arena scratch = ARENA(JUDGE_SCRATCH_MAX);
    guards_look(session->guest->guards, &query, &scratch, finding);
    judge_leave(judge, peer);
    finding->results = arena_dup(&session->arena, finding->results);
    guard->finding = finding;
    return true;
}

bool smtp_guard_recipient(struct smtp_session *session, struct slice address)
{
    if (!is_guarded(session) || hears_complaints(address))
        return true;
    if (!look(session)) {
        smtp_reply(session, "451 4.3.2 too many clients are being checked; please try again later");
        return false;
    }
    const struct guard_finding *finding = session->guard.finding;
    if (finding->verdict != GUARD_REFUSE && finding->verdict != GUARD_DEFER)
        return true;
    LOG(LOG_INFO, conn_sid(session->conn), "smtp.kept_out", F_CSTR("peer", conn_peer(session->conn)),
        F_STR("helo", buf_slice(&session->helo)), F_STR("from", session->envelope.sender),
        F_STR("to", address), F_CSTR("reply", finding->reply));
    smtp_refuse(session, "%s", finding->reply);
    return false;
}

/* --- greylisting --- */

/* False: too many are looked at. */
static bool weigh(struct smtp_session *session)
{
    struct smtp_guard *guard = &session->guard;
    struct judge *judge = session->guest->judge;
    struct slice peer = slice_cstr(conn_peer(session->conn));
    bool all = session->settings->greylist == GREYLIST_ALL;
    if (guard->weighed)
        return true;
    guard->must_wait = !guard->finding->allowed && (all || guard->finding->suspicious);
    if (!guard->finding->allowed && !guard->must_wait) {
        CLEANUP(arena_release) struct arena scratch = ARENA(JUDGE_SCRATCH_MAX);
        const struct judge_query query = {
            .server = slice_cstr(session->settings->hostname),
            .peer = peer,
            .helo = buf_slice(&session->helo),
            .sender = session->envelope.sender,
            .now_seconds = clock_wall_us() / CLOCK_SECOND,
        };
        if (!judge_enter(judge, peer))
            return false;
        guard->must_wait = judge_suspects(judge, &query, &scratch) != NULL;
        judge_leave(judge, peer);
    }
    guard->weighed = true;
    return true;
}

/* His /24 or /64: who sends from many machines comes again from another one. */
static struct slice network_of(const struct smtp_session *session, struct in6_addr *storage)
{
    enum { V4_BYTES = 3, V6_BYTES = 8 };
    if (inet_pton(AF_INET, conn_peer(session->conn), storage) == 1)
        return slice_of(storage, V4_BYTES);
    return inet_pton(AF_INET6, conn_peer(session->conn), storage) == 1 ? slice_of(storage, V6_BYTES)
                                                                       : slice_none();
}

/* Once in a message: x-greylist=pass (came again). */
static void tell_greylist(struct smtp_session *session, enum greylist_answer answer)
{
    struct smtp_guard *guard = &session->guard;
    CLEANUP(buf_release) struct buf text = BUF(2 * GUARDS_RESULTS_MAX);
    if (guard->told)
        return;
    guard->told = true;
    buf_put(&text, guard->finding->results);
    results_put(&text, "x-greylist", "pass", slice_cstr(greylist_answer_text(answer)));
    if (!buf_failed(&text))
        guard->finding->results = arena_dup(&session->arena, buf_slice(&text));
}

/* When store can't be asked, nobody waits. */
bool smtp_guard_greylist(struct smtp_session *session, struct slice address)
{
    struct in6_addr storage;
    struct error error;
    enum greylist_answer answer;
    int64_t left_us;
    if (session->settings->greylist == GREYLIST_OFF || !is_guarded(session) || hears_complaints(address))
        return true;
    if (!weigh(session)) {
        smtp_reply(session, "451 4.3.2 too many clients are being checked; please try again later");
        return false;
    }
    const struct greylist_question question = {
        .network = network_of(session, &storage),
        .sender = session->envelope.sender,
        .recipient = address,
        .wait_us = session->settings->greylist_wait_seconds * CLOCK_SECOND,
    };
    if (!session->guard.must_wait)
        return true;
    if (link_greylist(session->guest->link, &question, &answer, &left_us, &error) != ERR_OK) {
        LOG(LOG_WARN, conn_sid(session->conn), "smtp.not_greylisted", F_ERR(&error));
        return true;
    }
    if (answer != GREYLIST_WAIT) {
        tell_greylist(session, answer);
        return true;
    }
    LOG(LOG_INFO, conn_sid(session->conn), "smtp.greylisted", F_CSTR("peer", conn_peer(session->conn)),
        F_STR("from", session->envelope.sender), F_STR("to", address),
        F_INT("seconds", left_us / CLOCK_SECOND));
    smtp_reply(session,
               "451 4.7.1 mail from servers that we don't know waits (greylisting); "
               "please try again in %lld seconds",
               (long long)((left_us + CLOCK_SECOND - 1) / CLOCK_SECOND));
    return false;
}

void smtp_guard_forget(struct smtp_session *session)
{
    struct smtp_guard *guard = &session->guard;
    guard->weighed = guard->must_wait = guard->told = false;
    guard->finding = NULL;
}
