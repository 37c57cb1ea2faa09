/*
 * Plays dialogues: text files that read like the examples of an RFC, against real sessions over socket pairs.
 * A protocol's test supplies the house (struct player_house) and calls player_main. A file is one test:
 *
 *   # a remark
 *   C: a1 SELECT INBOX          sent with CRLF; "C2:" by a second connection
 *   | and more                  the lines behind it, sent in the same write
 *   S: * 3 EXISTS               the next line that comes must be this
 *   S: a1 OK [READ-WRITE] ...   "..." stands for anything
 *   S: <closed>                 the server has closed the connection
 *   TIMES: 9 NOOP               sent nine times in one write
 *   EACH: 9 250 ...             the next nine lines
 *   RAW: a\rb\n                 bytes without an end of line; \r \n \0 \\ and \xff are understood
 *   FLOOD: 1000                 so many bytes without an end of line
 *
 * and what verbs the house adds; they get their argument and the "|" lines behind it, each with CRLF.
 */
#ifndef POSTHORN_RT_TEST_PLAYER_H
#define POSTHORN_RT_TEST_PLAYER_H

#include <dirent.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fdio.h"
#include "rt/loop.h"

#include <cmocka.h> /* last: it defines fail() */

enum {
    PLAYER_PEERS_MAX = 3,
    PLAYER_FILES_MAX = 200,
    PLAYER_PATIENCE_MS = 60000, /* sanitized, on a busy machine */
    PLAYER_BYTES_MAX = 16 * 1024 * 1024,
};

struct player_peer {
    int fd; /* -1: not connected */
    struct buf in;
    bool closed;
};

struct player {
    const struct player_house *house;
    void *context;     /* the house's */
    void *people;      /* the house's too: whose sessions they are, where that differs */
    size_t connecting; /* number of the connection that is being made */
    const char *file;
    int line;
    char directory[64]; /* scratch */
    struct loop *loop;
    struct player_peer peers[PLAYER_PEERS_MAX];
    struct {
        bool waiting; /* for the "|" lines behind it */
        int line;
        struct buf text;
        struct buf block;
    } step;
};

typedef void player_verb_fn(struct player *player, struct slice argument, struct slice block);

struct player_house {
    const char *name;     /* of the folder in tests/wire */
    const char *greeting; /* the line that each new connection hears; NULL: none */
    void (*start)(struct player *player);
    int (*connect)(struct player *player); /* gives the client's end */
    void (*stop)(struct player *player);   /* the sessions are over */
    struct {
        struct slice name;
        player_verb_fn *run;
    } verbs[12];
};

#define PLAYER_OK(player, call)                                                                      \
    do {                                                                                             \
        struct error error;                                                                          \
        enum err err_ = (call);                                                                      \
        if (err_ != ERR_OK)                                                                          \
            fail_msg("%s:%d: %s: %s", (player)->file, (player)->line, err_name(err_), error.detail); \
    } while (0)

static inline void player_receive(struct player *player, struct player_peer *peer)
{
    while (slice_find_char(buf_slice(&peer->in), '\n') < 0 && !peer->closed) {
        struct pollfd wait = {.fd = peer->fd, .events = POLLIN};
        if (poll(&wait, 1, PLAYER_PATIENCE_MS) <= 0)
            fail_msg("%s:%d: nothing came", player->file, player->line);
        char *to = buf_reserve(&peer->in, 65536);
        assert_non_null(to);
        ssize_t n = recv(peer->fd, to, 65536, 0);
        if (n > 0)
            buf_grew(&peer->in, (size_t)n);
        else
            peer->closed = true;
    }
}

/* The next line without its end; false when the connection is closed. */
static inline bool player_next_line(struct player *player, struct player_peer *peer, struct buf *ret)
{
    player_receive(player, peer);
    ssize_t end = slice_find_char(buf_slice(&peer->in), '\n');
    if (end < 0)
        return false;
    struct slice line = slice_sub(buf_slice(&peer->in), 0, (size_t)end);
    if (slice_ends(line, S("\r")))
        line.n--;
    buf_clear(ret);
    buf_put(ret, line);
    buf_consume(&peer->in, (size_t)end + 1);
    return true;
}

/* "..." stands for anything. */
static inline bool player_matches(struct slice line, struct slice pattern)
{
    ssize_t dots = slice_find(pattern, S("..."));
    if (dots < 0)
        return slice_eq(line, pattern);
    struct slice head = slice_sub(pattern, 0, (size_t)dots);
    if (!slice_starts(line, head))
        return false;
    struct slice rest = slice_from(pattern, (size_t)dots + 3);
    for (size_t at = head.n; at <= line.n; at++)
        if (player_matches(slice_from(line, at), rest))
            return true;
    return false;
}

static inline void player_expect(struct player *player, struct player_peer *peer, struct slice pattern)
{
    CLEANUP(buf_release) struct buf line = BUF(PLAYER_BYTES_MAX);
    bool came = player_next_line(player, peer, &line);
    if (slice_eq(pattern, S("<closed>"))) {
        if (came)
            fail_msg("%s:%d: still open, came: %s", player->file, player->line, buf_cstr(&line));
        return;
    }
    if (!came)
        fail_msg("%s:%d: the connection is closed", player->file, player->line);
    if (!player_matches(buf_slice(&line), pattern))
        fail_msg("%s:%d: wanted: %.*s\n   came: %s", player->file, player->line, SLICE_ARGS(pattern),
                 buf_cstr(&line));
}

static inline struct player_peer *player_peer(struct player *player, size_t number)
{
    struct player_peer *peer = &player->peers[number];
    if (peer->fd >= 0)
        return peer;
    player->connecting = number;
    peer->fd = player->house->connect(player);
    if (player->house->greeting != NULL)
        player_expect(player, peer, slice_cstr(player->house->greeting));
    return peer;
}

static inline void player_send(struct player *player, struct player_peer *peer, struct slice bytes)
{
    PLAYER_OK(player, fd_write_all(peer->fd, bytes, &error));
}

/* "9 NOOP" as number and text. */
static inline size_t player_number(struct player *player, struct slice argument, struct slice *ret_text)
{
    struct slice number;
    uint32_t value;
    slice_cut(argument, ' ', &number, ret_text);
    if (!slice_to_u32(number, &value))
        fail_msg("%s:%d: a number was expected", player->file, player->line);
    return value;
}

static inline int player_hex(int c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

static inline void player_unescape(struct slice text, struct buf *out)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        int next = cursor_next(&c);
        int escaped = next == '\\' ? cursor_next(&c) : 0;
        if (escaped == 'r')
            next = '\r';
        else if (escaped == 'n')
            next = '\n';
        else if (escaped == '0')
            next = 0;
        else if (escaped == 'x') {
            next = player_hex(cursor_next(&c)) << 4;
            next += player_hex(cursor_next(&c));
        }
        buf_putc(out, (char)next);
    }
}

/* The verbs that every protocol has; false: none of them. */
static inline bool player_common(struct player *player, struct slice name, struct slice argument,
                                 struct slice block)
{
    CLEANUP(buf_release) struct buf out = BUF(PLAYER_BYTES_MAX);
    size_t number = name.n == 2 && name.p[1] >= '1' && name.p[1] <= '0' + PLAYER_PEERS_MAX
                        ? (size_t)(name.p[1] - '1')
                        : 0;
    struct slice text;
    if (name.n == 1 + (size_t)(number > 0) && name.p[0] == 'S') {
        player_expect(player, player_peer(player, number), argument);
        return true;
    }
    if (slice_eq(name, S("EACH"))) {
        for (size_t left = player_number(player, argument, &text); left > 0; left--)
            player_expect(player, player_peer(player, 0), text);
        return true;
    }
    if (name.n == 1 + (size_t)(number > 0) && name.p[0] == 'C') {
        buf_put(&out, argument);
        buf_put(&out, S("\r\n"));
        buf_put(&out, block);
    } else if (slice_eq(name, S("TIMES"))) {
        for (size_t left = player_number(player, argument, &text); left > 0; left--) {
            buf_put(&out, text);
            buf_put(&out, S("\r\n"));
        }
    } else if (slice_eq(name, S("RAW"))) {
        player_unescape(argument, &out);
    } else if (slice_eq(name, S("FLOOD"))) {
        for (size_t left = player_number(player, argument, &text); left > 0; left--)
            buf_putc(&out, 'x');
    } else {
        return false;
    }
    player_send(player, player_peer(player, number), buf_slice(&out));
    return true;
}

/* The step whose last line was the one before this. */
static inline void player_finish_step(struct player *player)
{
    struct slice name, argument;
    int line = player->line;
    if (!player->step.waiting)
        return;
    player->step.waiting = false;
    player->line = player->step.line;
    bool known = slice_cut(buf_slice(&player->step.text), ':', &name, &argument);
    if (slice_starts(argument, S(" ")))
        argument = slice_from(argument, 1);
    struct slice block = buf_slice(&player->step.block);
    known = known && player_common(player, name, argument, block);
    for (size_t i = 0; i < ARRAY_LEN(player->house->verbs) && !known; i++) {
        if (name.n > 0 && slice_eq(player->house->verbs[i].name, name)) {
            player->house->verbs[i].run(player, argument, block);
            known = true;
        }
    }
    if (!known)
        fail_msg("%s:%d: not a line of a dialogue", player->file, player->line);
    player->line = line;
}

static inline void player_line(struct player *player, struct slice line)
{
    if (slice_starts(line, S("|"))) {
        buf_put(&player->step.block, slice_from(line, slice_starts(line, S("| ")) ? 2 : 1));
        buf_put(&player->step.block, S("\r\n"));
        return;
    }
    player_finish_step(player);
    if (line.n == 0 || line.p[0] == '#')
        return;
    buf_clear(&player->step.text);
    buf_clear(&player->step.block);
    buf_put(&player->step.text, line);
    player->step.waiting = true;
    player->step.line = player->line;
}

static inline int player_remove(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void player_start(struct player *player)
{
    snprintf(player->directory, sizeof(player->directory), "/tmp/%s-dialogue-XXXXXX", player->house->name);
    assert_non_null(mkdtemp(player->directory));
    struct loop_options options = {.name = player->house->name, .threads_min = 2, .threads_max = 4};
    PLAYER_OK(player, loop_create(&options, &player->loop, &error));
    PLAYER_OK(player, loop_start(player->loop, &error));
    for (size_t i = 0; i < PLAYER_PEERS_MAX; i++)
        player->peers[i] = (struct player_peer){.fd = -1, .in = BUF(PLAYER_BYTES_MAX)};
    player->step.text = BUF(PLAYER_BYTES_MAX);
    player->step.block = BUF(PLAYER_BYTES_MAX);
    player->house->start(player);
}

static inline void player_stop(struct player *player)
{
    for (size_t i = 0; i < PLAYER_PEERS_MAX; i++) {
        struct player_peer *peer = &player->peers[i];
        if (peer->fd >= 0 && peer->in.n > 0)
            fail_msg("%s: unread at the end: %.*s", player->file, SLICE_ARGS(buf_slice(&peer->in)));
        fd_close(&peer->fd);
        buf_release(&peer->in);
    }
    buf_release(&player->step.text);
    buf_release(&player->step.block);
    loop_stop(player->loop);
    assert_true(loop_drained(player->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(player->loop);
    player->house->stop(player);
    nftw(player->directory, player_remove, 10, FTW_DEPTH | FTW_PHYS);
}

/* What a test needs to know: the house, and the file. */
struct player_part {
    const struct player_house *house;
    char *path;
};

static inline void player_play(void **state)
{
    const struct player_part *part = *state;
    struct player player = {.house = part->house, .file = part->path};
    CLEANUP(buf_release) struct buf text = BUF(PLAYER_BYTES_MAX);
    FILE *file = fopen(player.file, "re");
    assert_non_null(file);
    PLAYER_OK(&player, fd_read_all(fileno(file), &text, &error));
    fclose(file);
    player_start(&player);
    struct slice rest = buf_slice(&text);
    while (rest.n > 0) {
        struct slice line;
        (void)slice_cut(rest, '\n', &line, &rest);
        player.line++;
        player_line(&player, line);
    }
    player_finish_step(&player);
    player_stop(&player);
}

static inline int player_is_dialogue(const struct dirent *entry)
{
    return slice_ends(slice_cstr(entry->d_name), S(".txt"));
}

/* Plays all files of the house's folder, or those whose name contains argv[1]. */
static inline int player_main(const struct player_house *house, int argc, char **argv)
{
    CLEANUP(buf_release) struct buf folder = BUF(4096);
    struct CMUnitTest tests[PLAYER_FILES_MAX];
    struct player_part parts[PLAYER_FILES_MAX];
    struct dirent **entries = NULL;
    size_t n = 0;
    /* Seen from where this was compiled and is run: the build directory. */
    ssize_t at = slice_find(S(__FILE__), S("src/rt/"));
    buf_put(&folder, slice_sub(S(__FILE__), 0, at < 0 ? 0 : (size_t)at));
    buf_printf(&folder, "tests/wire/%s", house->name);
    int count = scandir(buf_cstr(&folder), &entries, player_is_dialogue, alphasort);
    for (int i = 0; i < count && n < PLAYER_FILES_MAX; i++) {
        if (argc > 1 && strstr(entries[i]->d_name, argv[1]) == NULL)
            continue;
        parts[n].house = house;
        if (asprintf(&parts[n].path, "%.*s/%s", SLICE_ARGS(buf_slice(&folder)), entries[i]->d_name) < 0)
            return 1;
        tests[n] = (struct CMUnitTest){
            .name = entries[i]->d_name, .test_func = player_play, .initial_state = &parts[n]};
        n++;
    }
    int failed = n == 0 ? 1 : _cmocka_run_group_tests(house->name, tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free(parts[i].path);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return failed;
}

#endif
