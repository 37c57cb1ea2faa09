#include "move/source.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "move/files.h"
#include "rt/sandbox.h"

/* --- the reader's process --- */

enum { MISSING_MAX = 1000, READER_FD = 3, FILE_FD = 4 };

/* What the reader could not even begin with is the answer to the first question. */
static void serve_error(int fd, const struct error *why)
{
    struct error error;
    struct record asked;
    CLEANUP(buf_release) struct buf record = BUF(RECORD_MAX);
    char *space = malloc(RECORD_MAX);
    if (space == NULL || record_receive(fd, space, &asked, &error) != ERR_OK) {
        free(space);
        return;
    }
    record_begin(&record, RECORD_FAILED);
    wire_put_u32(&record, why->code);
    wire_put_slice(&record, slice_cstr(why->client));
    if (record_send(fd, &record, &error) != ERR_OK)
        _exit(1);
    free(space);
}

static enum err confine(const char *user, struct error *error)
{
    CLEANUP(buf_release) struct buf missing = BUF(MISSING_MAX);
    const struct sandbox_options options = {.role = ROLE_RELAY, .user = user};
    enum err err = sandbox_enter(&options, &missing, error);
    /* The change of user has taken this back. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return err;
}

static void run_imap(int fd, const struct imap_options *options, const char *user)
{
    struct imap_origin *origin = NULL;
    struct error error;
    enum err err = imap_origin_create(options, &origin, &error);
    if (err == ERR_OK)
        err = confine(user, &error);
    if (err == ERR_OK)
        err = imap_origin_start(origin, &error);
    if (err == ERR_OK)
        origin_serve(imap_origin_base(origin), fd);
    else
        serve_error(fd, &error);
    if (origin != NULL)
        imap_origin_base(origin)->close(imap_origin_base(origin));
}

/* Files are read as their owner: what he may not read is none of his mail, whatever he has linked there. */
static enum err become_owner(int file, struct error *error)
{
    struct stat st;
    if (fstat(file, &st) != 0)
        return fail_errno(error, "fstat");
    if (geteuid() != 0 || st.st_uid == 0)
        return ERR_OK;
    if (setgroups(1, &st.st_gid) != 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) != 0)
        return fail_errno(error, "become the owner of the source");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ERR_OK;
}

static void run_files(int fd, int file)
{
    struct origin *origin = NULL;
    struct error error;
    enum err err = become_owner(file, &error);
    if (err == ERR_OK)
        err = files_origin_create(file, &origin, &error);
    if (err == ERR_OK)
        origin_serve(origin, fd);
    else
        serve_error(fd, &error);
    if (origin != NULL)
        origin->close(origin);
}

/* In the new process: its end of the pair, the file if there is one, and nothing else is left open. */
static void keep_only(int fd, int file)
{
    int moved = file >= 0 ? fcntl(file, F_DUPFD_CLOEXEC, FILE_FD + 1) : FILE_FD + 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (moved < 0 || (fd != READER_FD && dup3(fd, READER_FD, O_CLOEXEC) < 0))
        _exit(1);
    if (file >= 0 && dup3(moved, FILE_FD, O_CLOEXEC) < 0)
        _exit(1);
    if (close_range(file >= 0 ? FILE_FD + 1 : FILE_FD, ~0U, 0) != 0)
        _exit(1);
}

/* --- the command line's side --- */

static enum err start(struct source *source, bool *ret_child, int *ret_fd, struct error *error)
{
    int pair[2];
    *source =
        (struct source){.fd = -1, .interrupt = -1, .record = BUF(RECORD_MAX), .space = malloc(RECORD_MAX)};
    if (source->space == NULL)
        return fail_nomem(error);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail_errno(error, "socketpair");
    source->fd = pair[0];
    source->process = fork();
    if (source->process < 0) {
        fd_close(&pair[1]);
        return fail_errno(error, "fork");
    }
    *ret_child = source->process == 0;
    *ret_fd = pair[1];
    if (!*ret_child)
        fd_close(&pair[1]);
    return ERR_OK;
}

enum err source_start_imap(struct source *source, const struct imap_options *options, const char *user,
                           struct error *error)
{
    bool child = false;
    int fd = -1;
    enum err err = start(source, &child, &fd, error);
    if (err != ERR_OK || !child)
        return err;
    keep_only(fd, -1);
    run_imap(READER_FD, options, user);
    _exit(0);
}

enum err source_start_files(struct source *source, int file, struct error *error)
{
    bool child = false;
    int fd = -1;
    enum err err = start(source, &child, &fd, error);
    if (err != ERR_OK || !child)
        return err;
    keep_only(fd, file);
    run_files(READER_FD, FILE_FD);
    _exit(0);
}

void source_stop(struct source *source)
{
    fd_close(&source->fd);
    source->fd = -1;
    if (source->process > 0) {
        kill(source->process, SIGKILL);
        waitpid(source->process, NULL, 0);
    }
    source->process = 0;
    buf_release(&source->record);
    free(take(source->space));
}

enum err source_ask_list(struct source *source, struct error *error)
{
    record_begin(&source->record, RECORD_LIST);
    return record_send(source->fd, &source->record, error);
}

enum err source_ask_open(struct source *source, uint32_t folder, struct error *error)
{
    record_begin(&source->record, RECORD_OPEN);
    wire_put_u32(&source->record, folder);
    return record_send(source->fd, &source->record, error);
}

enum err source_ask_fetch(struct source *source, const uint64_t *items, size_t count, struct error *error)
{
    record_begin(&source->record, RECORD_FETCH);
    for (size_t i = 0; i < count; i++)
        wire_put_u64(&source->record, items[i]);
    return record_send(source->fd, &source->record, error);
}

static enum err fail_as_told(struct wire_reader *fields, struct error *error)
{
    uint32_t code = wire_get_u32(fields);
    struct slice text = wire_get_slice(fields);
    if (!wire_end(fields) || code == ERR_OK || code > ERR_VERSION)
        return fail_plain(error, ERR_INVALID, "the reader of the source says what makes no sense");
    return fail_plain(error, (enum err)code, "%.*s", SLICE_ARGS(text));
}

/* Its last word, if it died of a breach of its sandbox. */
static enum err tell_death(struct source *source, struct error *error)
{
    int status = 0;
    if (source->process > 0 && waitpid(source->process, &status, 0) == source->process) {
        source->process = 0;
        if (WIFSIGNALED(status))
            return fail_plain(error, ERR_CLOSED, "the reader of the source died (signal %d)",
                              WTERMSIG(status));
    }
    return ERR_CLOSED;
}

/* Until there is a record, or the person has had enough. */
static enum err await(struct source *source, struct error *error)
{
    for (;;) {
        struct pollfd both[2] = {{.fd = source->fd, .events = POLLIN},
                                 {.fd = source->interrupt, .events = POLLIN}};
        int ready = poll(both, ARRAY_LEN(both), -1);
        if (ready < 0 && errno != EINTR)
            return fail_errno(error, "poll");
        if (ready > 0 && both[1].revents != 0) {
            source->interrupted = true;
            return fail_plain(error, ERR_UNAVAILABLE, "interrupted");
        }
        if (ready > 0)
            return ERR_OK;
    }
}

enum err source_next(struct source *source, struct record *ret_record, struct error *error)
{
    enum err waited = await(source, error);
    if (waited != ERR_OK)
        return waited;
    enum err err = record_receive(source->fd, source->space, ret_record, error);
    if (err == ERR_CLOSED)
        return tell_death(source, error);
    if (err == ERR_OK && ret_record->kind == RECORD_FAILED)
        return fail_as_told(&ret_record->fields, error);
    return err;
}
