#include "acme/door.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "acme/message.h"
#include "acme/question.h"
#include "base/fdio.h"
#include "base/log.h"
#include "health/http_request.h"

enum { AUTHORIZATION_MAX = 1024 };

#define WELL_KNOWN "/.well-known/acme-challenge/"

struct visit_here {
    struct guest *guest;
    struct conn *conn;
    struct http_reader reader;
};

static void answer(struct visit_here *visit, enum http_status status, struct slice body)
{
    conn_printf(visit->conn,
                "HTTP/1.1 %d %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
                "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                (int)status, http_phrase(status), body.n);
    conn_write(visit->conn, body);
    conn_close(visit->conn);
}

static void on_ready(struct conn *conn, void *session)
{
    CLEANUP(buf_release) struct buf authorization = BUF(AUTHORIZATION_MAX);
    struct visit_here *visit = session;
    struct slice path;
    struct error error;
    enum http_status status = http_request_parse(buf_slice(&visit->reader.head), &path);
    if (status != HTTP_OK) {
        answer(visit, status, slice_none());
        return;
    }
    struct slice token =
        slice_starts(path, S(WELL_KNOWN)) ? slice_from(path, sizeof(WELL_KNOWN) - 1) : slice_none();
    if (!acme_token_valid(token)) {
        answer(visit, HTTP_NOT_FOUND, slice_none());
        return;
    }
    enum err e = acme_ask_answer(visit->guest->relay, ACME_BY_TOKEN, token, &authorization, &error);
    LOG(e == ERR_OK ? LOG_INFO : LOG_DEBUG, conn_sid(conn), "acme.looked_for",
        F_CSTR("peer", conn_peer(conn)), F_CSTR("found", e == ERR_OK ? "yes" : "no"));
    answer(visit,
           e == ERR_OK          ? HTTP_OK
           : e == ERR_NOT_FOUND ? HTTP_NOT_FOUND
                                : HTTP_UNAVAILABLE,
           buf_slice(&authorization));
}

static void on_failed(struct conn *conn UNUSED, void *session)
{
    answer(session, HTTP_HEAD_TOO_LARGE, slice_none());
}

/* RFC 8737 3: the handshake is all. */
static void on_secured(struct conn *conn, void *session UNUSED)
{
    conn_close(conn);
}

static void on_end(struct conn *conn, void *session UNUSED)
{
    conn_close(conn);
}

static void on_closed(void *session)
{
    struct visit_here *visit = session;
    http_reader_release(&visit->reader);
    visit->guest->release(visit->guest);
    free(visit);
}

static const struct conn_handler http_handler = {
    .protocol = "acme", .ready = on_ready, .failed = on_failed, .closed = on_closed};
static const struct conn_handler tls_handler = {
    .protocol = "acme", .ready = on_end, .secured = on_secured, .closed = on_closed};

static void start(struct guest *guest, const struct conn_handler *handler)
{
    struct error error;
    struct visit_here *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        fd_close(&guest->fd);
        guest->release(guest);
        return;
    }
    visit->guest = guest;
    http_reader_init(&visit->reader);
    if (guest_open(guest, handler, visit, &visit->conn, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "acme.open", F_ERR(&error));
        return;
    }
    conn_expect(visit->conn, &visit->reader.reader, ACME_DOOR_IDLE_US);
    conn_start(visit->conn, slice_none());
}

void acme_http_start(struct guest *guest)
{
    start(guest, &http_handler);
}

void acme_tls_start(struct guest *guest)
{
    start(guest, &tls_handler);
}

bool acme_tls_find(void *context, const char *name, unsigned char ret_digest[static TLS_CHALLENGE_DIGEST])
{
    CLEANUP(buf_release) struct buf authorization = BUF(AUTHORIZATION_MAX);
    struct error error;
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (acme_ask_answer(context, ACME_BY_NAME, slice_cstr(name), &authorization, &error) != ERR_OK ||
        EVP_Digest(authorization.p, authorization.n, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    memcpy(ret_digest, digest, TLS_CHALLENGE_DIGEST);
    return true;
}
