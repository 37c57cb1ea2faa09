/*
 * Random searches of random messages through a real session, with the index and without: the answers are the
 * same. And where they should be got from the index, they are.
 */
#include "imap/search_narrow.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "base/test.h"
#include "base/utf8.h"
#include "imap/session.h"
#include "store/search_build.h"

enum { MESSAGES = 120, SEARCHES = 200, ANSWER_MAX = 1 << 20, LINE = 600 };

struct fixture {
    char directory[64];
    struct store *store;
    struct account *account;
    struct loop *loop;
    struct settings settings;
    int fd;
    struct buf answer;
    struct error error;
};

static const atomic_bool go_on = false;

#define OK(call) must_ok(fixture, call)

static void must_ok(const struct fixture *fixture, enum err err)
{
    if (err != ERR_OK)
        print_message("%s: %s\n", err_name(err), fixture->error.detail);
    assert_int_equal(err, ERR_OK);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

/* Reads until the tagged line, which is left out. */
static void read_answer(struct fixture *fixture, const char *tag)
{
    buf_clear(&fixture->answer);
    for (;;) {
        char *to = buf_reserve(&fixture->answer, 4096);
        must(to != NULL);
        ssize_t n = recv(fixture->fd, to, 4096, 0);
        assert_true(n > 0);
        buf_grew(&fixture->answer, (size_t)n);
        struct slice all = buf_slice(&fixture->answer);
        ssize_t line = slice_rfind_char(slice_sub(all, 0, all.n - 1), '\n');
        struct slice last = slice_from(all, (size_t)(line + 1));
        if (!slice_ends(all, S("\r\n")) || !slice_starts(last, slice_cstr(tag)))
            continue;
        assert_true(slice_starts(slice_from(last, strlen(tag)), S(" OK")));
        fixture->answer.n = (size_t)(line + 1);
        return;
    }
}

static void command(struct fixture *fixture, const char *text)
{
    char line[LINE];
    int n = snprintf(line, sizeof(line), "t %s\r\n", text);
    assert_in_range(n, 1, LINE - 1);
    OK(fd_write_all(fixture->fd, slice_of(line, (size_t)n), &fixture->error));
    read_answer(fixture, "t");
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    must(fixture != NULL);
    fixture->answer = BUF(ANSWER_MAX);
    fixture->settings.message_size_max = 1 << 20;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/imap-narrow-XXXXXX");
    must(mkdtemp(fixture->directory) != NULL);
    OK(store_open(&(struct store_options){.directory = fixture->directory}, &fixture->store,
                  &fixture->error));
    OK(store_account_create(fixture->store, (struct account_id){1}, &fixture->error));
    OK(store_account(fixture->store, (struct account_id){1}, &fixture->account, &fixture->error));
    OK(loop_create(&(struct loop_options){.name = "test", .threads_min = 1, .threads_max = 2}, &fixture->loop,
                   &fixture->error));
    OK(loop_start(fixture->loop, &fixture->error));
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    fixture->fd = pair[0];
    struct visit visit = {.account = account_ref(fixture->account),
                          .fd = pair[1],
                          .tag = S("in"),
                          .peer = "127.0.0.1",
                          .settings = &fixture->settings};
    OK(imap_session_start(fixture->loop, &visit, &fixture->error));
    read_answer(fixture, "in");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->fd);
    loop_stop(fixture->loop);
    must(loop_drained(fixture->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(fixture->loop);
    account_unref(fixture->account);
    store_close(fixture->store);
    nftw(fixture->directory, remove_entry, 10, FTW_DEPTH | FTW_PHYS);
    buf_release(&fixture->answer);
    free(fixture);
    return 0;
}

static uint32_t seed = 5;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * below >> 32);
}

static const char *const words[] = {
    "lunch",
    "Gr\xc3\xbc\xc3\x9f"
    "e",
    "report",
    "Stra\xc3\x9f"
    "e",
    "a",
    "the end",
    "p\xc3\xa9tanque",
    "xy",
    "\xe6\x97\xa5\xe6\x9c\xac",
    "LUNCH \xff now",
    "e\xcc\x81\xcc\xa3\xcd\x85",
    "=?x-nope?q?Report_=E9?=",
};

static const char *word(void)
{
    return words[draw(ARRAY_LEN(words))];
}

static void append(struct fixture *fixture, struct folder_id folder, struct slice text)
{
    struct append_result result;
    struct append_item item = {.folder = folder, .body = text};
    if (draw(2) == 0)
        flag_set(&item.flags, FLAG_SEEN);
    OK(message_append(fixture->account, &item, 1, &result, &fixture->error));
}

static struct folder_id inbox(struct fixture *fixture)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct folder folder;
    OK(folder_find(fixture->account, S("INBOX"), &arena, &folder, &fixture->error));
    return folder.id;
}

static void append_random(struct fixture *fixture, unsigned count)
{
    static const char *const types[] = {"text/plain; charset=utf-8", "text/html; charset=utf-8", "image/png",
                                        "text/plain; charset=x-nope", "text/plain; charset=iso-8859-1"};
    for (unsigned i = 0; i < count; i++) {
        char text[LINE];
        int n = snprintf(text, sizeof(text),
                         "Subject: %s %s\r\nFrom: %s@example.org\r\nContent-Type: %s\r\n\r\n%s %s%s\r\n",
                         word(), word(), draw(3) == 0 ? "ann" : "bob", types[draw(ARRAY_LEN(types))], word(),
                         word(), word());
        append(fixture, inbox(fixture), slice_of(text, (size_t)n));
    }
}

/* A random key, nested a little. */
static void put_key(struct buf *out, unsigned depth)
{
    static const char *const fields[] = {"BODY", "TEXT", "SUBJECT", "FROM", "HEADER Content-Type"};
    static const char *const others[] = {"SEEN", "UNSEEN", "1:60", "LARGER 150", "FLAGGED"};
    unsigned kind = draw(depth > 0 ? 10 : 6);
    if (kind < 5) {
        struct slice text = slice_cstr(word());
        text = slice_sub(text, 0, draw(2) == 0 ? text.n : utf8_cut(text, draw(8)).n);
        const char *more = draw(3) == 0 ? "qqq" : "";
        buf_printf(out, "%s {%zu+}\r\n%.*s%s", fields[draw(ARRAY_LEN(fields))], text.n + strlen(more),
                   SLICE_ARGS(text), more);
    } else if (kind == 5) {
        buf_put(out, slice_cstr(others[draw(ARRAY_LEN(others))]));
    } else {
        buf_put(out, kind == 6 ? S("NOT ") : kind < 9 ? S("OR ") : S("("));
        put_key(out, depth - 1);
        if (kind > 6) {
            buf_putc(out, ' ');
            put_key(out, depth - 1);
        }
        if (kind == 9)
            buf_putc(out, ')');
    }
}

static void search_all(struct fixture *fixture, char (*searches)[LINE], struct buf *answers)
{
    command(fixture, "SELECT INBOX");
    for (unsigned i = 0; i < SEARCHES; i++) {
        if (i % 10 == 0)
            command(fixture, i % 20 == 0 ? "COMPARATOR default" : "COMPARATOR i;ascii-casemap");
        command(fixture, searches[i]);
        buf_put(answers, buf_slice(&fixture->answer));
    }
    assert_false(buf_failed(answers));
}

static void assert_same(struct buf *with, struct buf *without)
{
    if (!slice_eq(buf_slice(with), buf_slice(without)))
        print_message("with the index:\n%swithout:\n%s", buf_cstr(with), buf_cstr(without));
    assert_true(slice_eq(buf_slice(with), buf_slice(without)));
}

static void test_answers_are_the_same_with_and_without(void **state)
{
    struct fixture *fixture = *state;
    static char searches[SEARCHES][LINE];
    CLEANUP(buf_release) struct buf without = BUF(ANSWER_MAX);
    CLEANUP(buf_release) struct buf with = BUF(ANSWER_MAX);
    CLEANUP(buf_release) struct buf partly = BUF(ANSWER_MAX);
    append_random(fixture, MESSAGES);
    for (unsigned i = 0; i < SEARCHES; i++) {
        CLEANUP(buf_release) struct buf line = BUF(LINE - 1);
        do {
            buf_clear(&line);
            buf_put(&line, draw(3) == 0   ? S("UID SORT (SUBJECT) UTF-8 ")
                           : draw(8) == 0 ? S("SEARCH CHARSET ISO-8859-1 ")
                                          : S("SEARCH CHARSET UTF-8 "));
            put_key(&line, 3);
        } while (buf_failed(&line));
        memcpy(searches[i], buf_cstr(&line), line.n + 1);
    }
    search_all(fixture, searches, &without);
    OK(search_build(fixture->account, false, &go_on, NULL, NULL, &fixture->error));
    search_all(fixture, searches, &with);
    assert_same(&with, &without);
    /* Some are moved, and others are not indexed yet. */
    command(fixture, "UID MOVE 20:40 Archive");
    append_random(fixture, 20);
    command(fixture, "SELECT Archive");
    command(fixture, "UID MOVE 1:10 INBOX");
    search_all(fixture, searches, &partly);
    OK(search_build(fixture->account, false, &go_on, NULL, NULL, &fixture->error));
    buf_clear(&with);
    search_all(fixture, searches, &with);
    assert_same(&with, &partly);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_are_the_same_with_and_without, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
