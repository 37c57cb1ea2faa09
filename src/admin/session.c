#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "admin/request_reader.h"
#include "base/fdio.h"
#include "rt/json.h"

/* The server's side of admin.sock: a request, its answer, the next request. */

struct session {
    const struct admin_context *context;
    struct request_reader reader;
    struct admin_sink sink;
    struct conn *conn;
};

static int put_text(const char *text, size_t n, void *data)
{
    buf_put(data, slice_of(text, n));
    return 0;
}

static void send_line(struct admin_sink *sink, json_t *line)
{
    struct session *session = container_of(sink, struct session, sink);
    struct buf *out = conn_output(session->conn);
    /* Half a line, or none, would have the other side wait for ever: then the connection breaks. */
    if (line == NULL || json_dump_callback(line, put_text, out, JSON_COMPACT) != 0)
        buf_fail_nomem(out);
    buf_putc(out, '\n');
    conn_wrote(session->conn);
    if (json_object_get(line, "progress") != NULL)
        conn_flush(session->conn);
}

static void send_bytes(struct admin_sink *sink, struct slice bytes)
{
    conn_write(container_of(sink, struct session, sink)->conn, bytes);
}

static void refuse(struct session *session, const char *why)
{
    struct error error;
    fail_plain(&error, ERR_INVALID, "%s", why);
    admin_refuse(&session->sink, &error);
}

static void await(struct conn *conn, struct session *session)
{
    conn_expect(conn, &session->reader.reader, ADMIN_IDLE_SECONDS * CLOCK_SECOND);
}

static void ready(struct conn *conn, void *owner)
{
    struct session *session = owner;
    struct slice line = request_reader_line(&session->reader);
    json_t *request = NULL;
    struct error error;
    if (json_read(line, &request, &error) == ERR_NOMEM)
        admin_refuse(&session->sink, &error);
    else if (json_is_object(request))
        admin_run(session->context, request, request_reader_attached(&session->reader), &session->sink);
    else
        refuse(session, "a request is one JSON object on a line");
    json_decref(request);
    await(conn, session);
}

static void failed(struct conn *conn, void *owner)
{
    refuse(owner, "the request is too large");
    conn_close(conn);
}

static void closed(void *owner)
{
    struct session *session = owner;
    request_reader_release(&session->reader);
    free(session);
}

static const struct conn_handler handler = {
    .protocol = "admin", .ready = ready, .failed = failed, .closed = closed};

/* Who made the socket's file; root when it cannot be told. */
static uid_t socket_owner(int fd)
{
    struct sockaddr_un at;
    struct stat st;
    socklen_t size = sizeof(at) - 1;
    memset(&at, 0, sizeof(at));
    if (getsockname(fd, (struct sockaddr *)&at, &size) != 0 || at.sun_family != AF_UNIX ||
        at.sun_path[0] != '/' || lstat(at.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return 0;
    return st.st_uid;
}

static enum err check_peer(int fd, struct error *error)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return fail_errno(error, "SO_PEERCRED");
    if (peer.uid == 0 || peer.uid == geteuid() || peer.uid == socket_owner(fd))
        return ERR_OK;
    return fail(error, ERR_DENIED, NULL, "user %u on the admin socket", peer.uid);
}

enum err admin_start(struct loop *loop, const struct admin_context *context, int fd, struct error *error)
{
    CLEANUP(fd_close) int owned = fd;
    enum err e = check_peer(owned, error);
    if (e != ERR_OK)
        return e;
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return fail_nomem(error);
    session->context = context;
    session->sink = (struct admin_sink){send_line, send_bytes};
    request_reader_init(&session->reader);
    const struct conn_options options = {.sid = {id_random()}, .peer = "local"};
    e = conn_open(loop, fd_take(&owned), &handler, session, &options, &session->conn, error);
    if (e != ERR_OK)
        return e;
    await(session->conn, session);
    conn_start(session->conn, slice_none());
    return ERR_OK;
}
