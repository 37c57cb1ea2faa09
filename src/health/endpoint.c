#include "health/endpoint.h"

#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "health/exposition.h"
#include "health/http_request.h"

struct endpoint {
    struct guest *guest;
    struct conn *conn;
    struct http_reader reader;
};

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

static void answer(struct endpoint *endpoint, enum http_status status, const char *type, struct slice body)
{
    conn_printf(endpoint->conn,
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n%s"
                "Connection: close\r\n\r\n",
                (int)status, http_phrase(status), type, body.n,
                status == HTTP_NOT_ALLOWED ? "Allow: GET\r\n" : "");
    conn_write(endpoint->conn, body);
    conn_close(endpoint->conn);
}

static void answer_phrase(struct endpoint *endpoint, enum http_status status)
{
    char text[64];
    int n = snprintf(text, sizeof(text), "%s\n", http_phrase(status));
    answer(endpoint, status, TYPE_TEXT, slice_of(text, (size_t)n));
}

/* What store knows; when it does not answer, that is what there is to say. */
static void answer_from_store(struct endpoint *endpoint, enum health_question question)
{
    CLEANUP(buf_release) struct buf text = BUF(EXPOSITION_MAX);
    struct error error;
    bool well = false;
    if (link_health(endpoint->guest->link, question, &text, &well, &error) != ERR_OK) {
        LOG(LOG_WARN, conn_sid(endpoint->conn), "health.no_answer", F_ERR(&error));
        answer(endpoint, HTTP_UNAVAILABLE, TYPE_JSON,
               S("{\"status\":\"failing\",\"problems\":[{\"what\":\"store\",\"level\":\"failing\","
                 "\"text\":\"store does not answer\"}]}\n"));
        return;
    }
    answer(endpoint, well ? HTTP_OK : HTTP_UNAVAILABLE, question == HEALTH_METRICS ? TYPE_METRICS : TYPE_JSON,
           buf_slice(&text));
}

static void live(struct endpoint *endpoint)
{
    answer(endpoint, HTTP_OK, TYPE_JSON, S("{\"status\":\"ok\"}\n"));
}

static void ready_to_serve(struct endpoint *endpoint)
{
    CLEANUP(buf_release) struct buf text = BUF(EXPOSITION_MAX);
    struct error error;
    bool well;
    if (link_health(endpoint->guest->link, HEALTH_STATE, &text, &well, &error) == ERR_OK)
        answer(endpoint, HTTP_OK, TYPE_JSON, S("{\"status\":\"ok\"}\n"));
    else
        answer(endpoint, HTTP_UNAVAILABLE, TYPE_JSON, S("{\"status\":\"failing\"}\n"));
}

static void metrics(struct endpoint *endpoint)
{
    answer_from_store(endpoint, HEALTH_METRICS);
}

static void health(struct endpoint *endpoint)
{
    answer_from_store(endpoint, HEALTH_STATE);
}

static const struct {
    const char *path;
    void (*serve)(struct endpoint *endpoint);
} paths[] = {
    {"/metrics", metrics},
    {"/health", health},
    {"/health/live", live},
    {"/health/ready", ready_to_serve},
};

static void on_ready(struct conn *conn UNUSED, void *session)
{
    struct endpoint *endpoint = session;
    struct slice path;
    enum http_status status = http_request_parse(buf_slice(&endpoint->reader.head), &path);
    if (status != HTTP_OK) {
        answer_phrase(endpoint, status);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (slice_eq(path, slice_cstr(paths[i].path))) {
            paths[i].serve(endpoint);
            return;
        }
    }
    answer_phrase(endpoint, HTTP_NOT_FOUND);
}

static void on_failed(struct conn *conn UNUSED, void *session)
{
    answer_phrase(session, HTTP_HEAD_TOO_LARGE);
}

static void on_closed(void *session)
{
    struct endpoint *endpoint = session;
    http_reader_release(&endpoint->reader);
    endpoint->guest->release(endpoint->guest);
    free(endpoint);
}

static const struct conn_handler handler = {
    .protocol = "health", .ready = on_ready, .failed = on_failed, .closed = on_closed};

void endpoint_start(struct guest *guest)
{
    struct error error;
    struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
    if (endpoint == NULL) {
        fd_close(&guest->fd);
        guest->release(guest);
        return;
    }
    endpoint->guest = guest;
    http_reader_init(&endpoint->reader);
    if (guest_open(guest, &handler, endpoint, &endpoint->conn, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "health.open", F_ERR(&error));
        return;
    }
    conn_expect(endpoint->conn, &endpoint->reader.reader, ENDPOINT_IDLE_US);
    conn_start(endpoint->conn, slice_none());
}
