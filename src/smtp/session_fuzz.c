/*
 * Any bytes into a session, in pieces; store is played by link/test_link.h. The first byte says which
 * service, and how large the pieces are. Whatever comes, the session answers in lines that start with three
 * digits, and ends when its peer goes.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/must.h"
#include "link/test_link.h"
#include "smtp/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void release_guest(struct guest *guest)
{
    (void)guest;
}

static struct loop *loop_now(void)
{
    struct loop_options options = {.name = "fuzz", .threads_min = 1, .threads_max = 1};
    struct loop *loop;
    struct error error;
    must(loop_create(&options, &loop, &error) == ERR_OK && loop_start(loop, &error) == ERR_OK);
    return loop;
}

/* Sends it all, then reads all answers to the end. */
static void talk(int fd, struct slice in, size_t step, struct buf *answers)
{
    struct error error;
    bool open = true;
    for (size_t at = 0; at < in.n && open; at += step)
        open = fd_write_all(fd, slice_sub(in, at, step), &error) == ERR_OK;
    shutdown(fd, SHUT_WR);
    (void)!fd_read_all(fd, answers, &error);
}

static void check(struct slice answers)
{
    while (answers.n > 0) {
        struct slice line;
        must(slice_cut(answers, '\n', &line, &answers));
        must(line.n >= 5 && ascii_is_digit(line.p[0]) && ascii_is_digit(line.p[1]) &&
             ascii_is_digit(line.p[2]));
        must(line.p[3] == ' ' || line.p[3] == '-');
        must(slice_ends(line, S("\r")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct link link;
    static const struct settings settings = {.hostname = "mail.example", .message_size_max = 100000};
    CLEANUP(buf_release) struct buf answers = BUF(1 << 26);
    int pair[2];
    if (size < 2 || size > 100000)
        return 0;
    played_reset();
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    struct loop *loop = loop_now();
    struct guest guest = {.loop = loop,
                          .link = &link,
                          .guard = login_guard_create(),
                          .settings = &settings,
                          .fd = pair[1],
                          .peer = "127.0.0.1",
                          .release = release_guest};
    must(guest.guard != NULL);
    smtp_start(&guest, (enum smtp_service)(data[0] % 3));
    talk(pair[0], slice_of(data + 1, size - 1), 1 + data[0] / 3 * 8, &answers);
    fd_close(&pair[0]);
    loop_stop(loop);
    must(loop_drained(loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(loop);
    login_guard_destroy(guest.guard);
    check(buf_slice(&answers));
    return 0;
}
