/*
 * Plays the dialogues of tests/wire/imap against real sessions over socket pairs, with a real store in a
 * scratch directory. A file is one test:
 *
 *   # a remark
 *   C: a1 SELECT INBOX          sent with CRLF; "C2:" by a second session of the same account
 *   S: * 3 EXISTS               the next line that comes must be this
 *   C: a2 SELECT INBOX (QRESYNC ($V 7))   $V stands for INBOX's UIDVALIDITY
 *   S: a1 OK [READ-WRITE] ...   "..." stands for anything
 *   S: <closed>                 the server has closed the connection
 *   FILL: INBOX 500             messages put there as delivery does
 *   DAMAGE: hello 1              the bytes on disk where this text is stored are damaged
 *   L: a2 APPEND INBOX          sent by the first session with the following lines as a literal
 *   | Subject: x
 *
 * The log-in's answer is read by itself.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "imap/session.h"
#include "store/message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { SESSIONS_MAX = 3, FILES_MAX = 200, PATIENCE_MS = 10000, MESSAGE_MAX = 1024 * 1024 };

struct peer {
    int fd; /* -1: not connected */
    struct buf in;
    bool closed;
};

struct play {
    const char *file;
    int line;
    char directory[64];
    struct store *store;
    struct loop *loop;
    struct peer peers[SESSIONS_MAX];
    struct buf command; /* of an L: line, until its literal is whole */
    struct buf literal;
};

static void must_ok(enum err err, const struct error *error)
{
    if (err != ERR_OK)
        fail_msg("%s: %s", err_name(err), error->detail);
}

static bool line_ready(struct peer *peer)
{
    return slice_find_char(buf_slice(&peer->in), '\n') >= 0;
}

static void receive(struct play *play, struct peer *peer)
{
    while (!line_ready(peer) && !peer->closed) {
        struct pollfd wait = {.fd = peer->fd, .events = POLLIN};
        if (poll(&wait, 1, PATIENCE_MS) <= 0)
            fail_msg("%s:%d: nothing came", play->file, play->line);
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
static bool next_line(struct play *play, struct peer *peer, struct buf *ret)
{
    receive(play, peer);
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
static bool matches(struct slice line, struct slice pattern)
{
    ssize_t dots = slice_find(pattern, S("..."));
    if (dots < 0)
        return slice_eq(line, pattern);
    struct slice head = slice_sub(pattern, 0, (size_t)dots);
    if (!slice_starts(line, head))
        return false;
    struct slice rest = slice_from(pattern, (size_t)dots + 3);
    for (size_t at = head.n; at <= line.n; at++)
        if (matches(slice_from(line, at), rest))
            return true;
    return false;
}

static void expect_line(struct play *play, struct peer *peer, struct slice pattern)
{
    CLEANUP(buf_release) struct buf line = BUF(MESSAGE_MAX);
    bool came = next_line(play, peer, &line);
    if (slice_eq(pattern, S("<closed>"))) {
        if (came)
            fail_msg("%s:%d: still open, came: %s", play->file, play->line, buf_cstr(&line));
        return;
    }
    if (!came)
        fail_msg("%s:%d: the connection is closed", play->file, play->line);
    if (!matches(buf_slice(&line), pattern))
        fail_msg("%s:%d: wanted: %.*s\n   came: %s", play->file, play->line, SLICE_ARGS(pattern),
                 buf_cstr(&line));
}

static struct peer *peer_of(struct play *play, size_t number)
{
    struct peer *peer = &play->peers[number];
    if (peer->fd >= 0)
        return peer;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    static const struct settings settings = {.message_size_max = MESSAGE_MAX};
    struct visit visit = {.fd = pair[1], .tag = S("login"), .peer = "127.0.0.1", .settings = &settings};
    struct error error;
    must_ok(store_account(play->store, (struct account_id){1}, &visit.account, &error), &error);
    must_ok(imap_session_start(play->loop, &visit, &error), &error);
    peer->fd = pair[0];
    expect_line(play, peer, S("login OK [CAPABILITY IMAP4rev1 ...] ..."));
    return peer;
}

static void fill(struct play *play, struct slice arguments)
{
    struct slice path;
    struct slice number;
    uint32_t count;
    assert_true(slice_cut(arguments, ' ', &path, &number) && slice_to_u32(number, &count));
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct account *account;
    struct folder folder;
    struct error error;
    must_ok(store_account(play->store, (struct account_id){1}, &account, &error), &error);
    must_ok(folder_find(account, path, &arena, &folder, &error), &error);
    for (uint32_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf text = BUF(1000);
        buf_printf(&text, "Subject: number %u\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nhello %u\r\n", i,
                   i);
        struct append_item item = {.folder = folder.id, .body = buf_slice(&text)};
        struct append_result result;
        must_ok(message_append(account, &item, 1, &result, &error), &error);
    }
    account_unref(account);
}

/* Overwrites the first byte of every place in the account's packs where the text is stored as it is. */
static void damage_file(const char *path, struct slice text)
{
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    CLEANUP(buf_release) struct buf bytes = BUF(16 * MESSAGE_MAX);
    struct error error;
    assert_true(fd >= 0);
    must_ok(fd_read_all(fd, &bytes, &error), &error);
    ssize_t at;
    while ((at = slice_find(buf_slice(&bytes), text)) >= 0) {
        bytes.p[at] = '#';
        must_ok(fd_pwrite_all(fd, S("#"), (uint64_t)at, &error), &error);
    }
}

static void damage(struct play *play, struct slice text)
{
    CLEANUP(buf_release) struct buf pattern = BUF(4096);
    buf_printf(&pattern, "%s/accounts/*/*/packs/*.pack", play->directory);
    glob_t found;
    assert_int_equal(glob(buf_cstr(&pattern), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        damage_file(found.gl_pathv[i], text);
    globfree(&found);
}

/* "C2: text" as kind, number of the session, text. */
static bool split(struct slice line, char *ret_kind, size_t *ret_number, struct slice *ret_text)
{
    if (line.n < 2 || (line.p[0] != 'C' && line.p[0] != 'S'))
        return false;
    *ret_kind = line.p[0];
    *ret_number = 0;
    size_t at = 1;
    if (line.p[at] >= '1' && line.p[at] <= '0' + SESSIONS_MAX)
        *ret_number = (size_t)(line.p[at++] - '1');
    if (at >= line.n || line.p[at] != ':')
        return false;
    *ret_text = slice_from(line, at + 1);
    if (slice_starts(*ret_text, S(" ")))
        *ret_text = slice_from(*ret_text, 1);
    return true;
}

/* Puts the text with INBOX's UIDVALIDITY in place of $V. */
static void put_command(struct play *play, struct slice text, struct buf *out)
{
    ssize_t at = slice_find(text, S("$V"));
    if (at >= 0) {
        CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
        struct account *account;
        struct folder folder;
        struct error error;
        must_ok(store_account(play->store, (struct account_id){1}, &account, &error), &error);
        must_ok(folder_find(account, S("INBOX"), &arena, &folder, &error), &error);
        account_unref(account);
        buf_put(out, slice_sub(text, 0, (size_t)at));
        buf_printf(out, "%u", folder.uidvalidity);
        text = slice_from(text, (size_t)at + 2);
    }
    buf_put(out, text);
    buf_put(out, S("\r\n"));
}

static void send_text(struct peer *peer, struct slice text)
{
    struct error error;
    must_ok(fd_write_all(peer->fd, text, &error), &error);
}

/* The literal's last line was the one before this. */
static void send_literal(struct play *play)
{
    if (play->command.n == 0)
        return;
    struct peer *peer = peer_of(play, 0);
    buf_printf(&play->command, " {%zu+}\r\n", play->literal.n);
    buf_put(&play->command, buf_slice(&play->literal));
    buf_put(&play->command, S("\r\n"));
    send_text(peer, buf_slice(&play->command));
    buf_clear(&play->command);
    buf_clear(&play->literal);
}

static void play_line(struct play *play, struct slice line)
{
    char kind = 0;
    size_t number = 0;
    struct slice text = slice_none();
    if (slice_starts(line, S("|"))) {
        buf_put(&play->literal, slice_from(line, slice_starts(line, S("| ")) ? 2 : 1));
        buf_put(&play->literal, S("\r\n"));
        return;
    }
    send_literal(play);
    if (line.n == 0 || line.p[0] == '#')
        return;
    if (slice_starts(line, S("DAMAGE: "))) {
        damage(play, slice_from(line, 8));
        return;
    }
    if (slice_starts(line, S("L: "))) {
        buf_put(&play->command, slice_from(line, 3));
        return;
    }
    if (slice_starts(line, S("FILL: "))) {
        fill(play, slice_from(line, 6));
        return;
    }
    if (!split(line, &kind, &number, &text))
        fail_msg("%s:%d: not a line of a dialogue", play->file, play->line);
    struct peer *peer = peer_of(play, number);
    if (kind == 'S') {
        expect_line(play, peer, text);
        return;
    }
    CLEANUP(buf_release) struct buf out = BUF(MESSAGE_MAX);
    put_command(play, text, &out);
    send_text(peer, buf_slice(&out));
}

static void start(struct play *play)
{
    struct error error;
    snprintf(play->directory, sizeof(play->directory), "/tmp/imap-dialogue-XXXXXX");
    assert_non_null(mkdtemp(play->directory));
    must_ok(store_open(&(struct store_options){.directory = play->directory}, &play->store, &error), &error);
    must_ok(store_account_create(play->store, (struct account_id){1}, &error), &error);
    struct loop_options loop_options = {.name = "imap", .threads_min = 2, .threads_max = 4};
    must_ok(loop_create(&loop_options, &play->loop, &error), &error);
    must_ok(loop_start(play->loop, &error), &error);
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        play->peers[i] = (struct peer){.fd = -1, .in = BUF(16 * MESSAGE_MAX)};
    play->command = BUF(2 * MESSAGE_MAX);
    play->literal = BUF(MESSAGE_MAX);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void stop(struct play *play)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct peer *peer = &play->peers[i];
        if (peer->fd >= 0 && peer->in.n > 0)
            fail_msg("%s: unread at the end: %.*s", play->file, SLICE_ARGS(buf_slice(&peer->in)));
        fd_close(&peer->fd);
        buf_release(&peer->in);
    }
    buf_release(&play->command);
    buf_release(&play->literal);
    loop_stop(play->loop);
    assert_true(loop_drained(play->loop, clock_mono_us() + 10 * CLOCK_SECOND));
    loop_destroy(play->loop);
    store_close(play->store);
    nftw(play->directory, remove_entry, 10, FTW_DEPTH | FTW_PHYS);
}

static void test_dialogue(void **state)
{
    struct play play = {.file = *state};
    CLEANUP(buf_release) struct buf text = BUF(MESSAGE_MAX);
    struct error error;
    FILE *file = fopen(play.file, "re");
    assert_non_null(file);
    must_ok(fd_read_all(fileno(file), &text, &error), &error);
    fclose(file);
    start(&play);
    struct slice rest = buf_slice(&text);
    while (rest.n > 0) {
        struct slice line;
        (void)slice_cut(rest, '\n', &line, &rest);
        play.line++;
        play_line(&play, line);
    }
    stop(&play);
}

static int is_dialogue(const struct dirent *entry)
{
    return slice_ends(slice_cstr(entry->d_name), S(".txt"));
}

/* Where the dialogues are, seen from where this was compiled and is run: the build directory. */
static void put_folder(struct buf *out)
{
    ssize_t at = slice_find(S(__FILE__), S("src/imap/"));
    buf_put(out, slice_sub(S(__FILE__), 0, at < 0 ? 0 : (size_t)at));
    buf_put(out, S("tests/wire/imap"));
}

int main(int argc, char **argv)
{
    CLEANUP(buf_release) struct buf folder = BUF(4096);
    put_folder(&folder);
    struct dirent **entries = NULL;
    int count = scandir(buf_cstr(&folder), &entries, is_dialogue, alphasort);
    struct CMUnitTest tests[FILES_MAX];
    char *paths[FILES_MAX];
    size_t n = 0;
    for (int i = 0; i < count && n < FILES_MAX; i++) {
        if (argc > 1 && strstr(entries[i]->d_name, argv[1]) == NULL)
            continue;
        if (asprintf(&paths[n], "%.*s/%s", (int)folder.n, folder.p, entries[i]->d_name) < 0)
            return 1;
        tests[n] = (struct CMUnitTest){
            .name = entries[i]->d_name, .test_func = test_dialogue, .initial_state = paths[n]};
        n++;
    }
    int failed = n == 0 ? 1 : _cmocka_run_group_tests("imap dialogues", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    return failed;
}
