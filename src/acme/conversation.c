#include "acme/conversation.h"

#include "acme/jws.h"
#include "acme/message.h"
#include "base/base64.h"
#include "base/must.h"

enum {
    NONCE_MAX = 512,
    KEPT_MAX = 1024 * 1024,        /* bytes of what is used of the answers */
    SCRATCH_MAX = 8 * 1024 * 1024, /* of one answer, read */
    POLL_FIRST_SECONDS = 1,
    POLL_MOST_SECONDS = 10,
    HTTP_OK = 200,
    HTTP_BAD_REQUEST = 400,
    HTTP_REDIRECT = 300,
};

#define RECORDS_LOOK_US (CLOCK_SECOND / 5)

struct conversation {
    const struct acme_task *task;
    struct acme_key *key;
    struct acme_directory directory;
    struct slice kid;     /* our account's URL; empty: not known yet */
    struct arena kept;    /* for the whole attempt */
    struct arena scratch; /* the last answer */
    struct slice headers; /* its lines */
    char nonce[NONCE_MAX + 1];
    struct slice
        offers[ACME_AUTHORIZATIONS_MAX]; /* where each name's proof is announced; empty: it is proven */
    int64_t deadline_us;
    int64_t wait; /* seconds that the authority asked for, with its last refusal */
};

static void conversation_release(struct conversation *c)
{
    acme_key_free(c->key);
    arena_release(&c->kept);
    arena_release(&c->scratch);
}

/* --- requests --- */

static enum err exchange(struct conversation *c, struct fetch_request *request,
                         struct fetch_answer *ret_answer, struct error *error)
{
    arena_reset(&c->scratch);
    c->headers = slice_none();
    request->timeout_us = ACME_FETCH_US;
    request->body_max = FETCH_BODY_MAX;
    request->ret_headers = &c->headers;
    if (clock_mono_us() >= c->deadline_us)
        return fail_plain(error, ERR_TIMEOUT, "the authority did not come to an end in %d minutes",
                          (int)(ACME_ATTEMPT_US / CLOCK_MINUTE));
    enum err e = c->task->fetch(c->task->fetch_context, request, &c->scratch, ret_answer, error);
    if (e != ERR_OK)
        return fail(error, e, "the authority does not answer", "%.*s: %.300s", SLICE_ARGS(request->url),
                    error->detail);
    struct slice nonce = acme_header(c->headers, S("Replay-Nonce"));
    if (nonce.n > 0 && nonce.n <= NONCE_MAX)
        snprintf(c->nonce, sizeof(c->nonce), "%.*s", SLICE_ARGS(nonce));
    return ERR_OK;
}

/* What an answer says that is none to our question. */
static enum err refused(struct conversation *c, const char *what, const struct fetch_answer *answer,
                        struct error *error)
{
    struct acme_problem problem = acme_read_problem(answer->body, &c->scratch);
    c->wait = MAX(c->wait, acme_retry_after(c->headers, clock_wall_us() / CLOCK_SECOND));
    if (problem.type.n == 0)
        return fail_plain(error, ERR_UNAVAILABLE, "the authority answers %s with HTTP status %u", what,
                          answer->status);
    return fail_plain(error, ERR_DENIED, "the authority refuses %s: %.*s (%.*s)", what,
                      SLICE_ARGS(slice_sub(problem.detail, 0, 120)),
                      SLICE_ARGS(slice_sub(problem.type, 0, 30)));
}

static enum err get(struct conversation *c, const char *what, struct slice url,
                    struct fetch_answer *ret_answer, struct error *error)
{
    struct fetch_request request = {.method = FETCH_GET, .url = url};
    enum err e = exchange(c, &request, ret_answer, error);
    return e == ERR_OK && (ret_answer->status < HTTP_OK || ret_answer->status >= HTTP_REDIRECT)
               ? refused(c, what, ret_answer, error)
               : e;
}

static enum err post_once(struct conversation *c, struct slice url, struct slice payload,
                          struct fetch_answer *ret_answer, struct error *error)
{
    static const struct slice headers[] = {
        {"Content-Type: application/jose+json", sizeof("Content-Type: application/jose+json") - 1}};
    CLEANUP(buf_release) struct buf body = BUF(ACME_MESSAGE_MAX);
    struct fetch_answer answer;
    enum err e = c->nonce[0] != 0 ? ERR_OK : get(c, "a nonce", c->directory.new_nonce, &answer, error);
    if (e != ERR_OK)
        return e;
    if (c->nonce[0] == 0)
        return fail_plain(error, ERR_UNAVAILABLE, "the authority gives no nonce");
    const struct acme_signing signing = {
        .url = url, .nonce = slice_cstr(c->nonce), .kid = c->kid, .payload = payload};
    e = acme_sign(c->key, &signing, &body, error);
    c->nonce[0] = 0; /* each is good for one */
    struct fetch_request request = {.method = FETCH_POST,
                                    .url = url,
                                    .headers = headers,
                                    .header_count = ARRAY_LEN(headers),
                                    .body = buf_slice(&body)};
    return e == ERR_OK ? exchange(c, &request, ret_answer, error) : e;
}

/* what: for the person, "a new order". The answer lives until the next request. */
static enum err post(struct conversation *c, const char *what, struct slice url, struct slice payload,
                     struct fetch_answer *ret_answer, struct error *error)
{
    for (unsigned i = 0; i < ACME_NONCE_TRIES; i++) {
        enum err e = post_once(c, url, payload, ret_answer, error);
        if (e != ERR_OK || (ret_answer->status >= HTTP_OK && ret_answer->status < HTTP_REDIRECT))
            return e;
        if (ret_answer->status != HTTP_BAD_REQUEST ||
            !slice_eq(acme_read_problem(ret_answer->body, &c->scratch).type, S("badNonce")))
            break;
    }
    return refused(c, what, ret_answer, error);
}

static enum err malformed(const char *what, struct error *error)
{
    return fail_plain(error, ERR_INVALID, "the authority's answer to %s makes no sense", what);
}

/* --- the account (RFC 8555 7.3) --- */

static enum err put_account(struct conversation *c, struct buf *payload, struct error *error)
{
    const struct acme_task *task = c->task;
    buf_put(payload, S("{\"termsOfServiceAgreed\":true"));
    if (task->contact.n > 0) /* settings let nothing through that JSON would have to quote */
        buf_printf(payload, ",\"contact\":[\"mailto:%.*s\"]", SLICE_ARGS(task->contact));
    if (task->kid.n > 0) {
        buf_put(payload, S(",\"externalAccountBinding\":"));
        enum err e =
            acme_bind(c->key, c->directory.new_account, task->kid, task->outside_key, payload, error);
        if (e != ERR_OK)
            return e;
    }
    buf_putc(payload, '}');
    return buf_failed(payload) ? fail_nomem(error) : ERR_OK;
}

static enum err open_account(struct conversation *c, struct error *error)
{
    CLEANUP(buf_release) struct buf payload = BUF(ACME_MESSAGE_MAX);
    struct fetch_answer answer;
    enum err e = get(c, "its directory", c->task->directory, &answer, error);
    if (e == ERR_OK && !acme_read_directory(answer.body, &c->kept, &c->directory))
        e = fail_plain(error, ERR_INVALID, "there is no directory of an authority at %.*s",
                       SLICE_ARGS(slice_sub(c->task->directory, 0, 120)));
    if (e == ERR_OK && c->directory.wants_account && c->task->kid.n == 0)
        e = fail_plain(error, ERR_DENIED, "the authority wants an account of its own: set acme-account");
    if (e == ERR_OK)
        e = put_account(c, &payload, error);
    if (e == ERR_OK)
        e = post(c, "an account", c->directory.new_account, buf_slice(&payload), &answer, error);
    if (e != ERR_OK)
        return e;
    struct slice url = acme_header(c->headers, S("Location"));
    if (!slice_starts(url, S("https://")) || url.n > ACME_ANSWER_URL_MAX)
        return malformed("an account", error);
    c->kid = arena_dup(&c->kept, url);
    return c->kid.p != NULL ? ERR_OK : fail_nomem(error);
}

/* --- proofs (RFC 8555 7.5) --- */

static bool by_dns(const struct acme_task *task)
{
    return strcmp(task->challenge, "dns-01") == 0;
}

/* RFC 8555 7.1.4: an authorization for "*.example.org" is for "example.org", and says so otherwise. */
static bool is_ours(const struct acme_task *task, const struct acme_authorization *found)
{
    struct slice rest = task->names;
    struct slice name;
    while (rest.n > 0) {
        slice_cut(rest, ' ', &name, &rest);
        bool wildcard = slice_starts(name, S("*."));
        if (wildcard == found->wildcard &&
            slice_eq_nocase(slice_from(name, wildcard ? S("*.").n : 0), found->name))
            return true;
    }
    return false;
}

static enum err read_authorization(struct conversation *c, struct slice url, struct acme_authorization *ret,
                                   struct error *error)
{
    struct fetch_answer answer;
    enum err e = post(c, "a name", url, slice_none(), &answer, error);
    return e == ERR_OK && !acme_read_authorization(answer.body, &c->scratch, ret) ? malformed("a name", error)
                                                                                  : e;
}

static const struct acme_offer *find_offer(const struct conversation *c, const struct acme_authorization *a)
{
    for (size_t i = 0; i < a->count; i++)
        if (slice_eq(a->offers[i].type, slice_cstr(c->task->challenge)))
            return &a->offers[i];
    return NULL;
}

/* Puts the answer out. */
static enum err prepare_proof(struct conversation *c, struct slice url, struct slice *ret_offer,
                              struct error *error)
{
    CLEANUP(buf_release) struct buf authorization = BUF(ACME_TOKEN_MAX + 100);
    struct acme_authorization found;
    enum err e = read_authorization(c, url, &found, error);
    if (e != ERR_OK || found.status == ACME_VALID)
        return e;
    const struct acme_offer *offer = find_offer(c, &found);
    if (!is_ours(c->task, &found))
        return malformed("an order", error);
    if (offer == NULL || found.status != ACME_PENDING)
        return fail_plain(error, ERR_DENIED, "the authority does not let %.*s be proven by %s",
                          SLICE_ARGS(slice_sub(found.name, 0, 100)), c->task->challenge);
    buf_put(&authorization, offer->token);
    buf_putc(&authorization, '.');
    acme_key_put_thumbprint(c->key, &authorization);
    if (buf_failed(&authorization))
        return fail_nomem(error);
    e = by_dns(c->task)
            ? acme_answers_add_record(c->task->answers, found.name, buf_slice(&authorization), error)
            : acme_answers_add(c->task->answers, found.name, offer->token, buf_slice(&authorization), error);
    *ret_offer = arena_dup(&c->kept, offer->url);
    return e == ERR_OK && ret_offer->p == NULL ? fail_nomem(error) : e;
}

/* Until somebody has set them. The authority is not kept waiting meanwhile: it has not been told to look. */
static enum err await_records(struct conversation *c, struct error *error)
{
    int64_t began_us = clock_mono_us();
    bool all = false;
    for (;;) {
        enum err e = acme_answers_records(c->task->answers, &all, error);
        if (e != ERR_OK)
            return e;
        if (all)
            break;
        if (clock_mono_us() - began_us >= ACME_RECORDS_US)
            return fail_plain(error, ERR_TIMEOUT, "nobody has set the records in the DNS in %d minutes",
                              (int)(ACME_RECORDS_US / CLOCK_MINUTE));
        if (!c->task->rest(c->task->rest_context, RECORDS_LOOK_US))
            return fail_plain(error, ERR_CLOSED, "the server stops");
    }
    c->deadline_us += clock_mono_us() - began_us;
    return ERR_OK;
}

/* Until the next look; the authority's word goes before our own. */
static enum err rest(struct conversation *c, unsigned *seconds, struct error *error)
{
    int64_t wanted = acme_retry_after(c->headers, clock_wall_us() / CLOCK_SECOND);
    int64_t pause = (wanted > 0 ? MIN(wanted, (int64_t)POLL_MOST_SECONDS) : (int64_t)*seconds) * CLOCK_SECOND;
    *seconds = MIN(*seconds + 1, (unsigned)POLL_MOST_SECONDS);
    return c->task->rest(c->task->rest_context, pause) ? ERR_OK
                                                       : fail_plain(error, ERR_CLOSED, "the server stops");
}

static enum err await_proof(struct conversation *c, struct slice url, struct error *error)
{
    unsigned seconds = POLL_FIRST_SECONDS;
    for (;;) {
        struct acme_authorization found;
        enum err e = read_authorization(c, url, &found, error);
        if (e != ERR_OK || found.status == ACME_VALID)
            return e;
        if (found.status != ACME_PENDING) {
            const struct acme_offer *offer = find_offer(c, &found);
            struct acme_problem problem = offer != NULL ? offer->problem : (struct acme_problem){0};
            return fail_plain(error, ERR_DENIED, "%.*s could not be proven: %.*s (%.*s)",
                              SLICE_ARGS(slice_sub(found.name, 0, 60)),
                              SLICE_ARGS(slice_sub(problem.detail, 0, 90)),
                              SLICE_ARGS(slice_sub(problem.type, 0, 20)));
        }
        e = rest(c, &seconds, error);
        if (e != ERR_OK)
            return e;
    }
}

/* --- the order (RFC 8555 7.4) --- */

static enum err put_order(struct conversation *c, struct acme_order *ret_order, struct slice *ret_url,
                          struct error *error)
{
    CLEANUP(buf_release) struct buf payload = BUF(ACME_MESSAGE_MAX);
    struct slice rest_of_names = c->task->names;
    struct slice name;
    struct fetch_answer answer;
    buf_put(&payload, S("{\"identifiers\":["));
    for (const char *between = ""; rest_of_names.n > 0; between = ",") {
        slice_cut(rest_of_names, ' ', &name, &rest_of_names);
        buf_printf(&payload, "%s{\"type\":\"dns\",\"value\":\"%.*s\"}", between, SLICE_ARGS(name));
    }
    buf_put(&payload, S("]}"));
    if (buf_failed(&payload))
        return fail_nomem(error);
    enum err e = post(c, "an order", c->directory.new_order, buf_slice(&payload), &answer, error);
    if (e != ERR_OK)
        return e;
    struct slice url = acme_header(c->headers, S("Location"));
    if (!acme_read_order(answer.body, &c->kept, ret_order) || !slice_starts(url, S("https://")) ||
        url.n > ACME_ANSWER_URL_MAX)
        return malformed("an order", error);
    *ret_url = arena_dup(&c->kept, url);
    return ret_url->p != NULL ? ERR_OK : fail_nomem(error);
}

/* Until it has this status, or a later one. */
static enum err await_order(struct conversation *c, struct slice url, enum acme_status wanted,
                            struct acme_order *ret_order, struct error *error)
{
    unsigned seconds = POLL_FIRST_SECONDS;
    for (;;) {
        struct fetch_answer answer;
        enum err e = post(c, "an order", url, slice_none(), &answer, error);
        if (e != ERR_OK)
            return e;
        if (!acme_read_order(answer.body, &c->scratch, ret_order))
            return malformed("an order", error);
        if (ret_order->status == wanted || ret_order->status == ACME_VALID)
            return ERR_OK;
        if (ret_order->status == ACME_INVALID)
            return fail_plain(error, ERR_DENIED, "the authority refuses the order: %.*s (%.*s)",
                              SLICE_ARGS(slice_sub(ret_order->problem.detail, 0, 120)),
                              SLICE_ARGS(slice_sub(ret_order->problem.type, 0, 30)));
        e = rest(c, &seconds, error);
        if (e != ERR_OK)
            return e;
    }
}

static enum err finalize(struct conversation *c, struct slice url, struct error *error)
{
    CLEANUP(buf_release) struct buf payload = BUF(ACME_MESSAGE_MAX);
    struct fetch_answer answer;
    buf_put(&payload, S("{\"csr\":\""));
    base64_encode_url(&payload, c->task->request);
    buf_put(&payload, S("\"}"));
    if (buf_failed(&payload))
        return fail_nomem(error);
    return post(c, "the request for a certificate", url, buf_slice(&payload), &answer, error);
}

static enum err download(struct conversation *c, struct slice url, struct buf *ret_chain, struct error *error)
{
    struct fetch_answer answer;
    enum err e = post(c, "the certificate", url, slice_none(), &answer, error);
    if (e != ERR_OK)
        return e;
    if (slice_find(answer.body, S("-----BEGIN CERTIFICATE-----")) < 0)
        return malformed("the certificate", error);
    buf_put(ret_chain, answer.body);
    return buf_failed(ret_chain) ? fail_nomem(error) : ERR_OK;
}

static enum err prove_all(struct conversation *c, const struct acme_order *order, struct error *error)
{
    enum err e = ERR_OK;
    struct fetch_answer answer;
    for (size_t i = 0; e == ERR_OK && i < order->count; i++)
        e = prepare_proof(c, order->authorizations[i], &c->offers[i], error);
    if (e == ERR_OK && by_dns(c->task))
        e = await_records(c, error);
    for (size_t i = 0; e == ERR_OK && i < order->count; i++)
        if (c->offers[i].n > 0)
            e = post(c, "a proof", c->offers[i], S("{}"), &answer, error);
    for (size_t i = 0; e == ERR_OK && i < order->count; i++)
        e = await_proof(c, order->authorizations[i], error);
    return e;
}

static enum err run(struct conversation *c, struct buf *ret_chain, struct error *error)
{
    struct acme_order order = {0};
    struct acme_order later = {0};
    struct slice url = slice_none();
    enum err e = acme_key_read(c->task->account_key, &c->key, error);
    if (e == ERR_OK)
        e = open_account(c, error);
    if (e == ERR_OK)
        e = put_order(c, &order, &url, error);
    if (e == ERR_OK && order.status == ACME_PENDING)
        e = prove_all(c, &order, error);
    if (e == ERR_OK)
        e = await_order(c, url, ACME_READY, &later, error);
    if (e == ERR_OK && later.status == ACME_READY)
        e = finalize(c, order.finalize, error);
    if (e == ERR_OK)
        e = await_order(c, url, ACME_VALID, &later, error);
    struct slice certificate = e == ERR_OK ? arena_dup(&c->kept, later.certificate) : slice_none();
    if (e == ERR_OK && certificate.n == 0)
        e = malformed("an order", error);
    return e == ERR_OK ? download(c, certificate, ret_chain, error) : e;
}

enum err acme_obtain(const struct acme_task *task, struct buf *ret_chain, int64_t *ret_wait,
                     struct error *error)
{
    CLEANUP(conversation_release)
    struct conversation c = {.task = task,
                             .kept = ARENA(KEPT_MAX),
                             .scratch = ARENA(SCRATCH_MAX),
                             .deadline_us = clock_mono_us() + ACME_ATTEMPT_US};
    enum err e = run(&c, ret_chain, error);
    acme_answers_clear(task->answers);
    *ret_wait = c.wait;
    return e;
}
