/*
 * A person without rights can't learn that a mailbox or an account exists: every command answers with the
 * same bytes for a mailbox that is there and one that is not, for an account that shares nothing and one that
 * is not, and so on (RFC 4314 6).
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "directory/share.h"
#include "imap/session.h"

#include "directory/test.h"

enum { ANSWER_MAX = 1024 * 1024, PATIENCE_MS = 10000 };

struct house {
    struct fixture t;
    struct store *store;
    struct loop *loop;
    struct account_id anna;
    int fd;
};

/* What is there and what is not, all alike for Anna. Bob shares "Open" with her, so his account may be
 * opened; Carl shares with Bob only. */
static const char *const hidden[] = {
    "Other Users/bob@example.org/Hidden",  "Other Users/bob@example.org/Absent",
    "Other Users/carl@example.org/INBOX",  "Other Users/carl@example.org/Absent",
    "Other Users/ghost@example.org/INBOX", "Other Users/ghost@elsewhere.example/INBOX",
    "Other Users/anna@example.org/INBOX",  "Other Users/team@example.org/INBOX",
    "Other Users/no address/INBOX",        "Other Users/@/INBOX",
};

static const char *const commands[] = {
    "SELECT \"%s\"",
    "EXAMINE \"%s\"",
    "STATUS \"%s\" (MESSAGES UNSEEN)",
    "MYRIGHTS \"%s\"",
    "GETACL \"%s\"",
    "SETACL \"%s\" anna lr",
    "DELETEACL \"%s\" anna",
    "LISTRIGHTS \"%s\" anna",
    "APPEND \"%s\" {3+}\r\nabc",
    "COPY 1 \"%s\"",
    "MOVE 1 \"%s\"",
    "DELETE \"%s\"",
    "RENAME \"%s\" Mine",
    "RENAME \"%s\" \"Other Users/bob@example.org/Open/x\"",
    "RENAME Drafts \"%s\"",
    "CREATE \"%s/Below\"",
    "CREATE \"%s\"",
    "LIST \"\" \"%s\"",
    "LIST \"\" \"%s/%%\"",
    "LIST \"\" (\"%s\") RETURN (STATUS (MESSAGES) MYRIGHTS)",
    "LSUB \"\" \"%s\"",
    "GETQUOTAROOT \"%s\"",
};

static struct account_id add(struct house *h, const char *address)
{
    struct account *account;
    struct account_id id = make_account(&h->t, address, "x");
    ASSERT_OK(&h->t, store_account_ensure(h->store, id, &account, &h->t.error));
    account_unref(account);
    return id;
}

static void share(struct house *h, struct account_id owner, const char *path, const char *with)
{
    struct fixture *t = &h->t;
    struct account *account;
    struct folder_id id;
    struct share_change change = {.how = SHARE_REPLACE, .rights = RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT};
    ASSERT_OK(t, store_account(h->store, owner, &account, &t->error));
    ASSERT_OK(t, folder_create(account, slice_cstr(path), FOLDER_MAIL, ROLE_FOLDER_NONE, &id, &t->error));
    ASSERT_OK(t, share_grantee(t->directory, slice_cstr(with), &t->arena, &change.grantee, &t->error));
    change.folder = id;
    ASSERT_OK(t, share_set(t->directory, account, &change, &t->error));
    account_unref(account);
}

static void enter(struct house *h)
{
    struct fixture *t = &h->t;
    static const struct settings settings = {.message_size_max = 1000};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct visit visit = {.fd = pair[1],
                          .tag = S("z"),
                          .peer = "127.0.0.1",
                          .settings = &settings,
                          .store = h->store,
                          .directory = t->directory};
    ASSERT_OK(t, store_account(h->store, h->anna, &visit.account, &t->error));
    ASSERT_OK(t, imap_session_start(h->loop, &visit, &t->error));
    h->fd = pair[0];
}

static int house_make(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    must(h != NULL);
    struct fixture *t = &h->t;
    snprintf(t->path, sizeof(t->path), "/tmp/imap-oracle-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    t->arena = ARENA(64 * 1024 * 1024);
    ASSERT_OK(t, store_open(&(struct store_options){.directory = t->path}, &h->store, &t->error));
    ASSERT_OK(t, directory_open(store_volume(h->store), &t->directory, &t->error));
    make_domain(t, "example.org");
    h->anna = add(h, "anna@example.org");
    struct account_id bob = add(h, "bob@example.org");
    struct account_id carl = add(h, "carl@example.org");
    assert_int_equal(set_alias(t, "team@example.org", true, "bob@example.org", NULL), ERR_OK);
    share(h, bob, "Open", "anna");
    share(h, bob, "Hidden", "carl");
    share(h, carl, "Plans", "bob");
    const struct loop_options options = {.name = "oracle", .threads_min = 1, .threads_max = 2};
    ASSERT_OK(t, loop_create(&options, &h->loop, &t->error));
    ASSERT_OK(t, loop_start(h->loop, &t->error));
    enter(h);
    *state = h;
    return 0;
}

static int house_free(void **state)
{
    struct house *h = *state;
    fd_close(&h->fd);
    loop_stop(h->loop);
    assert_true(loop_drained(h->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(h->loop);
    directory_close(h->t.directory);
    store_close(h->store);
    arena_release(&h->t.arena);
    nftw(h->t.path, fixture_remove, 16, FTW_DEPTH | FTW_PHYS);
    free(h);
    return 0;
}

/* Everything up to the tagged line, which is the last. */
static void receive(struct house *h, struct buf *answer)
{
    buf_clear(answer);
    while (slice_find(buf_slice(answer), S("z OK")) < 0 && slice_find(buf_slice(answer), S("z NO")) < 0 &&
           slice_find(buf_slice(answer), S("z BAD")) < 0) {
        struct pollfd wait = {.fd = h->fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
        char *to = buf_reserve(answer, 4096);
        assert_non_null(to);
        ssize_t n = recv(h->fd, to, 4096, 0);
        assert_true(n > 0);
        buf_grew(answer, (size_t)n);
    }
}

static void ask(struct house *h, const char *command, const char *name, struct buf *answer)
{
    CLEANUP(buf_release) struct buf text = BUF(10000);
    const char *place = strstr(command, "%s");
    assert_non_null(place);
    buf_printf(&text, "z %.*s%s", (int)(place - command), command, name);
    for (const char *c = place + 2; *c != 0; c++) {
        buf_putc(&text, *c);
        if (c[0] == '%' && c[1] == '%')
            c++;
    }
    buf_put(&text, S("\r\n"));
    ASSERT_OK(&h->t, fd_write_all(h->fd, buf_slice(&text), &h->t.error));
    receive(h, answer);
}

static void test_what_one_may_not_see_answers_as_what_is_not_there(void **state)
{
    struct house *h = *state;
    CLEANUP(buf_release) struct buf first = BUF(ANSWER_MAX);
    CLEANUP(buf_release) struct buf other = BUF(ANSWER_MAX);
    receive(h, &first); /* the log-in's answer */
    ask(h, "APPEND \"%s\" {3+}\r\nabc", "Drafts", &first);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        for (size_t k = 0; k < ARRAY_LEN(hidden); k++) {
            ask(h, "SELECT \"%s\"", "Drafts", &other);
            ask(h, commands[i], hidden[k], k == 0 ? &first : &other);
            bool same = k == 0 || slice_eq(buf_slice(&first), buf_slice(&other));
            if (!same)
                print_error("%s: %s\nis told from %s: %s", hidden[0], buf_cstr(&first), hidden[k],
                            buf_cstr(&other));
            assert_true(same);
        }
    }
}

/* So that the test could fail. */
static void test_what_one_may_see_answers_otherwise(void **state)
{
    struct house *h = *state;
    CLEANUP(buf_release) struct buf seen = BUF(ANSWER_MAX);
    CLEANUP(buf_release) struct buf unseen = BUF(ANSWER_MAX);
    receive(h, &seen);
    ask(h, "STATUS \"%s\" (MESSAGES)", "Other Users/bob@example.org/Open", &seen);
    ask(h, "STATUS \"%s\" (MESSAGES)", "Other Users/bob@example.org/Hidden", &unseen);
    assert_false(slice_eq(buf_slice(&seen), buf_slice(&unseen)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_one_may_not_see_answers_as_what_is_not_there, house_make,
                                        house_free),
        cmocka_unit_test_setup_teardown(test_what_one_may_see_answers_otherwise, house_make, house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
