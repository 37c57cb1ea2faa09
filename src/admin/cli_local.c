#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/cli_parts.h"
#include "admin/request_reader.h"
#include "base/fdio.h"
#include "directory/limits.h"
#include "directory/use.h"
#include "rt/json.h"

/* The data directory, given to the store's user when it is made here. Its parents stay root's. */
static enum err make_directory(const struct settings *settings, const struct passwd *user,
                               struct error *error)
{
    const char *path = settings->data_directory;
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return fail_plain(error, ERR_UNAVAILABLE, "cannot make the data directory %s: %s", path,
                          strerror(errno));
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && !made)
        return ERR_OK; /* a link of the administrator's; its owner is what it is */
    if (fd < 0 || (made && fchown(fd, user->pw_uid, user->pw_gid) != 0))
        return fail_errno(error, "give %s to %s", path, user->pw_name);
    return ERR_OK;
}

/* Files that are made here must be the store user's. */
static enum err become_store_user(const struct settings *settings, struct error *error)
{
    if (geteuid() != 0)
        return ERR_OK;
    const struct passwd *user = getpwnam(settings->user_store);
    if (user == NULL)
        return fail_plain(error, ERR_INVALID,
                          "user %s does not exist: create it, or name another with user-store",
                          settings->user_store);
    enum err e = make_directory(settings, user, error);
    if (e != ERR_OK)
        return e;
    uid_t uid = user->pw_uid;
    gid_t gid = user->pw_gid;
    if (setgroups(1, &gid) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return fail_errno(error, "become user %s", settings->user_store);
    return ERR_OK;
}

static enum err check_access(const struct settings *settings, struct error *error)
{
    if (access(settings->data_directory, R_OK | W_OK | X_OK) == 0 || errno == ENOENT)
        return ERR_OK;
    return fail_plain(error, ERR_DENIED, "cannot use %s: %s; run it as root or as %s",
                      settings->data_directory, strerror(errno), settings->user_store);
}

static void limits_of(void *owner, struct account_id id, struct account_limits *ret_limits)
{
    const struct admin_context *context = owner;
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct account_entry entry;
    struct error error;
    bool known = account_entry_get(context->directory, id, &arena, &entry, &error) == ERR_OK;
    *ret_limits = known ? account_entry_limits(&entry) : ACCOUNT_LIMITS_UNKNOWN;
}

static enum err open_files(const struct settings *settings, bool queue, struct admin_context *context,
                           struct error *error)
{
    const struct store_options options = {
        .directory = settings->data_directory, .limits = limits_of, .context = context};
    enum err e = store_open(&options, &context->store, error);
    if (e == ERR_BUSY)
        return fail_plain(error, ERR_BUSY,
                          "a server or another command holds %s, but no server answers on %s/admin.sock",
                          settings->data_directory, settings->run_directory);
    if (e == ERR_OK)
        e = directory_open(store_volume(context->store), &context->directory, error);
    if (e == ERR_OK)
        e = directory_count(context->directory, context->store, error);
    const struct queue_options queue_options = {
        .store = context->store, .directory = context->directory, .hostname = settings->hostname};
    if (e == ERR_OK && queue)
        e = queue_open(&queue_options, &context->queue, error);
    return e;
}

static void close_files(struct admin_context *context)
{
    if (context->queue != NULL)
        queue_close(context->queue);
    if (context->directory != NULL) {
        store_rest(context->store);
        store_drop_ledger(context->store);
    }
    if (context->directory != NULL)
        directory_close(context->directory);
    if (context->store != NULL)
        store_close(context->store);
}

enum err cli_local(const struct settings *settings, const json_t *request, struct admin_sink *sink,
                   struct error *error)
{
    CLEANUP(close_files) struct admin_context context = {0};
    umask(077);
    enum err e = become_store_user(settings, error);
    if (e == ERR_OK)
        e = check_access(settings, error);
    if (e == ERR_OK)
        e = open_files(settings, admin_needs_queue(request), &context, error);
    if (e == ERR_OK)
        admin_run(&context, request, slice_none(), sink);
    return e;
}

/* --- many requests --- */

struct serving {
    struct admin_sink sink;
    FILE *out;
};

static void send_line(struct admin_sink *sink, json_t *line)
{
    FILE *out = container_of(sink, struct serving, sink)->out;
    json_dumpf(line, out, JSON_COMPACT);
    fputc('\n', out);
}

static void send_bytes(struct admin_sink *sink, struct slice bytes)
{
    fwrite(bytes.p, 1, bytes.n, container_of(sink, struct serving, sink)->out);
}

/* A request and what is attached to it; false at the end, or when it is none. */
static bool read_request(FILE *in, char **line, size_t *room, json_t **ret_request, struct buf *attached)
{
    struct slice text;
    uint64_t n;
    ssize_t got = getline(line, room, in);
    if (got <= 0 || !request_split(slice_trim(slice_of(*line, (size_t)got)), &text, &n))
        return false;
    buf_clear(attached);
    char *to = n > 0 ? buf_reserve(attached, n) : NULL;
    if (n > 0 && (to == NULL || fread(to, 1, n, in) != n))
        return false;
    buf_grew(attached, n);
    struct error error;
    return json_read(text, ret_request, &error) == ERR_OK;
}

static void serve_requests(const struct admin_context *context, FILE *in, struct serving *serving)
{
    CLEANUP(buf_release) struct buf attached = BUF(ADMIN_ATTACHED_MAX);
    char *line = NULL;
    size_t room = 0;
    json_t *request = NULL;
    while (read_request(in, &line, &room, &request, &attached)) {
        admin_run(context, request, buf_slice(&attached), &serving->sink);
        json_decref(request);
        if (fflush(serving->out) != 0)
            break;
    }
    free(line);
}

enum err cli_local_serve(const struct settings *settings, int fd, struct error *error)
{
    CLEANUP(close_files) struct admin_context context = {0};
    FILE *in = fdopen(fd, "r");
    FILE *out = fdopen(dup(fd), "w");
    struct serving serving = {{send_line, send_bytes}, out};
    if (in == NULL || out == NULL)
        return fail_errno(error, "fdopen");
    umask(077);
    enum err e = become_store_user(settings, error);
    if (e == ERR_OK)
        e = check_access(settings, error);
    if (e == ERR_OK)
        e = open_files(settings, false, &context, error);
    if (e == ERR_OK)
        serve_requests(&context, in, &serving);
    else
        admin_refuse(&serving.sink, error);
    fclose(out);
    fclose(in);
    return e;
}

/* A sink that is a file. */
struct pipe_sink {
    struct admin_sink sink;
    FILE *to;
};

static void put_line(struct admin_sink *sink, json_t *line)
{
    struct pipe_sink *pipe = container_of(sink, struct pipe_sink, sink);
    json_dumpf(line, pipe->to, JSON_COMPACT);
    fputc('\n', pipe->to);
}

static void answer_apart(const struct settings *settings, const json_t *request, int fd) NORETURN;
static void answer_apart(const struct settings *settings, const json_t *request, int fd)
{
    struct pipe_sink pipe = {.sink = {put_line}, .to = fdopen(fd, "w")};
    struct error error;
    if (pipe.to == NULL)
        _exit(1);
    if (cli_local(settings, request, &pipe.sink, &error) != ERR_OK)
        admin_refuse(&pipe.sink, &error);
    fclose(pipe.to);
    _exit(0);
}

enum err cli_apart(const struct settings *settings, const json_t *request, struct admin_sink *sink,
                   struct error *error)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return fail_errno(error, "pipe");
    pid_t pid = fork();
    if (pid == 0)
        answer_apart(settings, request, fds[1]);
    close(fds[1]);
    FILE *from = pid > 0 ? fdopen(fds[0], "r") : NULL;
    enum err e = from != NULL ? ERR_OK : fail_errno(error, "ask in a process apart");
    if (from == NULL)
        close(fds[0]);
    else
        cli_read_answer(from, sink);
    if (from != NULL)
        fclose(from);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    return e;
}
