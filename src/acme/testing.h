/* An authority for tests of this room, behind a fetch_fn: one name, "mail.example". */
#ifndef POSTHORN_ACME_TESTING_H
#define POSTHORN_ACME_TESTING_H

#include <stdatomic.h>

#include "acme/answers.h"
#include "base/test.h"
#include "fetch/fetch.h"

#define CA "https://ca.test"

struct authority {
    struct acme_answers *answers; /* looked at when a proof is asked for */
    atomic_int bad_nonces;        /* so many requests are refused for their nonce */
    atomic_int down;              /* it does not answer */
    const char *directory;        /* NULL: a good one */
    const char *order;            /* what a new order answers; NULL: a good one */
    unsigned order_status;
    const char *order_headers;
    const char *authorization; /* NULL: pending, then valid */
    const char *chain;         /* that is handed out */
    unsigned requests, nonces;
    struct slice *ret_headers; /* of the request that is answered */
    bool proven, finalized, saw_answer;
    bool wildcard; /* the name is "*.mail.example" */
    char last_body[FETCH_REQUEST_BODY_MAX];
};

#define GOOD_DIRECTORY                                                                                \
    "{\"newNonce\":\"" CA "/nonce\",\"newAccount\":\"" CA "/account\",\"newOrder\":\"" CA "/order\"," \
    "\"meta\":{}}"
#define GOOD_ORDER \
    "{\"status\":\"%s\",\"authorizations\":[\"" CA "/authorization\"],\"finalize\":\"" CA "/finalize\"%s}"
#define GOOD_AUTHORIZATION                                                                             \
    "{\"status\":\"%s\",\"wildcard\":%s,\"identifier\":{\"type\":\"dns\",\"value\":\"mail.example\"}," \
    "\"challenges\":["                                                                                 \
    "{\"type\":\"dns-01\",\"url\":\"" CA "/proof\",\"token\":\"other\",\"status\":\"pending\"},"       \
    "{\"type\":\"http-01\",\"url\":\"" CA "/proof\",\"token\":\"toKen-1_x\",\"status\":\"pending\"}]}"

static inline void authority_say(struct authority *a, struct fetch_answer *answer, struct arena *arena,
                                 unsigned status, const char *headers, const char *body)
{
    answer->status = status;
    *a->ret_headers = arena_dup(arena, slice_cstr(headers));
    answer->body = arena_dup(arena, slice_cstr(body));
}

static inline void authority_order(struct authority *a, struct fetch_answer *answer, struct arena *arena)
{
    char text[1024];
    const char *status = a->finalized ? "valid" : a->proven ? "ready" : "pending";
    snprintf(text, sizeof(text), GOOD_ORDER, status,
             a->finalized ? ",\"certificate\":\"" CA "/certificate\"" : "");
    authority_say(a, answer, arena, 200, "Replay-Nonce: n\r\nLocation: " CA "/order/1\r\n", text);
}

static inline void authority_route(struct authority *a, struct slice path, struct arena *arena,
                                   struct fetch_answer *answer)
{
    CLEANUP(buf_release) struct buf found = BUF(1024);
    char text[1024];
    if (slice_eq(path, S("/account"))) {
        authority_say(a, answer, arena, 201, "Replay-Nonce: n\r\nlocation: " CA "/account/1\r\n", "{}");
    } else if (slice_eq(path, S("/order")) && a->order != NULL) {
        authority_say(a, answer, arena, a->order_status, a->order_headers != NULL ? a->order_headers : "",
                      a->order);
    } else if (slice_starts(path, S("/order"))) {
        authority_order(a, answer, arena);
    } else if (slice_eq(path, S("/authorization"))) {
        snprintf(text, sizeof(text), GOOD_AUTHORIZATION, a->proven ? "valid" : "pending",
                 a->wildcard ? "true" : "false");
        authority_say(a, answer, arena, 200, "Replay-Nonce: n\r\n",
                      a->authorization != NULL && a->requests > 6 ? a->authorization : text);
    } else if (slice_eq(path, S("/proof"))) {
        a->saw_answer = acme_answers_by_token(a->answers, S("toKen-1_x"), &found) &&
                        acme_answers_by_name(a->answers, S("MAIL.example"), &found);
        a->proven = a->authorization == NULL;
        authority_say(a, answer, arena, 200, "Replay-Nonce: n\r\n", "{}");
    } else if (slice_eq(path, S("/finalize"))) {
        a->finalized = true;
        authority_say(a, answer, arena, 200, "Replay-Nonce: n\r\n", "{}");
    } else if (slice_eq(path, S("/certificate"))) {
        authority_say(a, answer, arena, 200, "", a->chain);
    } else {
        authority_say(a, answer, arena, 404, "", "");
    }
}

static inline enum err authority_fetch(void *context, const struct fetch_request *request,
                                       struct arena *arena, struct fetch_answer *ret_answer,
                                       struct error *error)
{
    struct authority *a = context;
    struct slice path = slice_from(request->url, sizeof(CA) - 1);
    *ret_answer = (struct fetch_answer){0};
    a->requests++;
    a->ret_headers = request->ret_headers;
    if (a->down)
        return fail(error, ERR_UNAVAILABLE, NULL, "as the test wants");
    assert_true(slice_starts(request->url, S(CA)));
    snprintf(a->last_body, sizeof(a->last_body), "%.*s", SLICE_ARGS(request->body));
    if (slice_eq(path, S("/directory"))) {
        authority_say(a, ret_answer, arena, 200, "", a->directory != NULL ? a->directory : GOOD_DIRECTORY);
    } else if (slice_eq(path, S("/nonce"))) {
        a->nonces++;
        authority_say(a, ret_answer, arena, 204, "HTTP/1.1 204 No Content\r\nReplay-Nonce: first\r\n", "");
    } else if (a->bad_nonces > 0) {
        a->bad_nonces--;
        authority_say(a, ret_answer, arena, 400, "Replay-Nonce: another\r\n",
                      "{\"type\":\"urn:ietf:params:acme:error:badNonce\",\"detail\":\"no\"}");
    } else {
        authority_route(a, path, arena, ret_answer);
    }
    return ERR_OK;
}

#endif
