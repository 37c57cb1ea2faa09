#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/cli_parts.h"
#include "base/fdio.h"

enum err cli_connect(const struct settings *settings, int *ret_fd, struct error *error)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno(error, "socket");
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/admin.sock", settings->run_directory);
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) {
        *ret_fd = fd_take(&fd);
        return ERR_OK;
    }
    if (errno == ENOENT || errno == ECONNREFUSED) {
        *ret_fd = -1;
        return ERR_OK;
    }
    if (errno == EACCES || errno == EPERM)
        return fail_plain(error, ERR_DENIED, "this user may not talk to the server; run it as root or as %s",
                          settings->user_store);
    return fail_plain(error, ERR_UNAVAILABLE, "cannot reach the server on %s: %s", at.sun_path,
                      strerror(errno));
}

static int put_text(const char *text, size_t n, void *data)
{
    buf_put(data, slice_of(text, n));
    return 0;
}

enum err cli_send(int fd, const json_t *request, struct slice attached, struct error *error)
{
    CLEANUP(buf_release) struct buf line = BUF(ADMIN_REQUEST_MAX);
    json_dump_callback(request, put_text, &line, JSON_COMPACT);
    if (attached.n > 0)
        buf_printf(&line, " %zu", attached.n);
    buf_putc(&line, '\n');
    if (buf_failed(&line))
        return fail_plain(error, ERR_LIMIT, "the request has more than %d MB",
                          ADMIN_REQUEST_MAX / 1024 / 1024);
    /* A server that hangs up early may have said why: then that is shown. */
    struct error hung_up;
    enum err e = fd_write_all(fd, buf_slice(&line), &hung_up);
    if (e == ERR_OK)
        e = fd_write_all(fd, attached, &hung_up);
    return e == ERR_NOMEM ? fail_nomem(error) : ERR_OK;
}

/* The bytes after a line that tells of some. False: they don't come. */
static bool read_bytes(FILE *from, const json_t *line, struct admin_sink *sink)
{
    const json_t *count = json_object_get(line, "bytes");
    if (count == NULL)
        return true;
    size_t n = (size_t)json_integer_value(count);
    CLEANUP(buf_release) struct buf bytes = BUF(ADMIN_ATTACHED_MAX);
    char *to = buf_reserve(&bytes, MAX(n, (size_t)1));
    if (to == NULL || sink->bytes == NULL || fgetc(from) != '\n' || fread(to, 1, n, from) != n)
        return false;
    sink->bytes(sink, slice_of(to, n));
    return true;
}

void cli_read_answer(FILE *from, struct admin_sink *sink)
{
    for (bool more = true; more;) {
        json_t *line = json_loadf(from, JSON_DISABLE_EOF_CHECK, NULL);
        if (line == NULL)
            return;
        more = json_object_get(line, "ok") == NULL;
        sink->line(sink, line);
        more = more && read_bytes(from, line, sink);
        json_decref(line);
    }
}

enum err cli_remote(const struct settings *settings, const json_t *request, struct admin_sink *sink,
                    bool *ret_running, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err e = cli_connect(settings, &fd, error);
    if (e != ERR_OK)
        return e;
    *ret_running = fd >= 0;
    if (fd < 0)
        return ERR_OK;
    e = cli_send(fd, request, slice_none(), error);
    if (e != ERR_OK)
        return e;
    FILE *from = fdopen(fd, "r");
    if (from == NULL)
        return fail_errno(error, "fdopen");
    fd = -1;
    cli_read_answer(from, sink);
    fclose(from);
    return ERR_OK;
}
