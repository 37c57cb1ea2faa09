#include "admin/cli_link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"

enum { STORE_FD = 3 };

static enum err fork_store(struct cli_link *link, struct error *error)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_errno(error, "socketpair");
    link->process = fork();
    if (link->process == 0) {
        struct error failure;
        /* Nothing of the command line's own stays open here. */
        if (dup3(pair[1], STORE_FD, O_CLOEXEC) < 0 && pair[1] != STORE_FD)
            _exit(1);
        if (close_range(STORE_FD + 1, ~0U, 0) != 0)
            _exit(1);
        _exit(cli_local_serve(link->settings, STORE_FD, &failure) == ERR_OK ? 0 : 1);
    }
    close(pair[1]);
    link->fd = pair[0];
    if (link->process < 0)
        return fail_errno(error, "fork");
    link->answers = fdopen(dup(link->fd), "r");
    return link->answers != NULL ? ERR_OK : fail_errno(error, "fdopen");
}

enum err cli_link_open(struct cli_link *link, const struct settings *settings, struct error *error)
{
    CLEANUP(fd_close) int server = -1;
    *link = (struct cli_link){.settings = settings, .fd = -1};
    enum err e = cli_connect(settings, &server, error);
    return e == ERR_OK && server < 0 ? fork_store(link, error) : e;
}

void cli_link_close(struct cli_link *link)
{
    if (link->answers != NULL)
        fclose(take(link->answers));
    fd_close(&link->fd);
    link->fd = -1;
    /* It closes the files, which takes a moment. */
    if (link->process > 0)
        waitpid(link->process, NULL, 0);
    link->process = 0;
}

/* --- asking --- */

struct answer {
    struct admin_sink sink;
    cli_link_row *each;
    void *context;
    json_t *row; /* whose bytes are still to come */
    bool ended;
    enum err code;
    struct error error;
};

static void give_row(struct answer *answer, const json_t *row, struct slice bytes)
{
    if (answer->code == ERR_OK && answer->each != NULL)
        answer->code = answer->each(answer->context, row, bytes, &answer->error);
}

static void take_line(struct admin_sink *sink, json_t *line)
{
    struct answer *answer = container_of(sink, struct answer, sink);
    json_t *row = json_object_get(line, "row");
    const json_t *ok = json_object_get(line, "ok");
    if (row != NULL && json_object_get(line, "bytes") != NULL)
        answer->row = json_incref(row);
    else if (row != NULL)
        give_row(answer, row, slice_none());
    if (ok == NULL)
        return;
    answer->ended = true;
    if (json_is_true(ok) || answer->code != ERR_OK)
        return;
    cli_error_of(line, &answer->error);
    answer->code = answer->error.code;
}

static void take_bytes(struct admin_sink *sink, struct slice bytes)
{
    struct answer *answer = container_of(sink, struct answer, sink);
    json_t *row = take(answer->row);
    give_row(answer, row, bytes);
    json_decref(row);
}

static enum err ask_server(struct cli_link *link, const json_t *request, struct slice attached,
                           struct answer *answer, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    enum err e = cli_connect(link->settings, &fd, error);
    if (e == ERR_OK && fd < 0)
        e = fail_plain(error, ERR_UNAVAILABLE, "the server was stopped meanwhile");
    if (e == ERR_OK)
        e = cli_send(fd, request, attached, error);
    if (e != ERR_OK)
        return e;
    FILE *from = fdopen(fd, "r");
    if (from == NULL)
        return fail_errno(error, "fdopen");
    fd = -1;
    cli_read_answer(from, &answer->sink);
    fclose(from);
    return ERR_OK;
}

enum err cli_link_ask(struct cli_link *link, json_t *request, struct slice attached, cli_link_row *each,
                      void *context, struct error *error)
{
    struct answer answer = {.sink = {take_line, take_bytes}, .each = each, .context = context};
    enum err e = ERR_OK;
    if (request == NULL)
        return fail_nomem(error);
    if (link->fd < 0) {
        e = ask_server(link, request, attached, &answer, error);
    } else {
        e = cli_send(link->fd, request, attached, error);
        if (e == ERR_OK)
            cli_read_answer(link->answers, &answer.sink);
    }
    json_decref(request);
    json_decref(answer.row);
    if (e != ERR_OK)
        return e;
    if (answer.code == ERR_OK && !answer.ended)
        return fail_plain(error, ERR_CLOSED, "the store's answer broke off; the server's log may say why");
    if (answer.code != ERR_OK)
        *error = answer.error;
    return answer.code;
}
