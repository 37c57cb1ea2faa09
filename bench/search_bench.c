/*
 * What SEARCH, SORT and THREAD cost through a real session, on this machine: `search_bench DIRECTORY` (a
 * scratch directory that is not there yet). 100,000 messages of about 4 KB in one folder, 10,000 of them in
 * another. Prints one line per command, with the CPU time of the whole process.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "imap/session.h"
#include "store/message.h"

enum { MESSAGES = 100000, SOME = 10000, BATCH = 100, BODY = 4096, ANSWER_MAX = 64 * 1024 * 1024 };

static struct error error;

#define OK(call)                                              \
    do {                                                      \
        if ((call) != ERR_OK) {                               \
            fprintf(stderr, "%s: %s\n", #call, error.detail); \
            exit(1);                                          \
        }                                                     \
    } while (0)

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec / 1000;
}

/* Words, some German; every message but the first of five is an answer to the one before it. */
static struct slice make_message(char *text, unsigned number)
{
    int n =
        snprintf(text, BODY,
                 "From: Person %u <p%u@example.org>\r\nTo: someone@example.net\r\nSubject: Re: Matter %u\r\n"
                 "Date: Wed, 17 Jul 1996 %02u:%02u:25 -0700\r\nMessage-ID: <%u.bench@example.org>\r\n"
                 "References: <%u.bench@example.org> <%u.bench@example.org>\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
                 number % 500, number % 500, number / 5, number % 24, number % 60, number,
                 number - number % 5, number - (number % 5 != 0));
    uint64_t state = number * 2654435761U + 1;
    while (n < BODY - 80) {
        state = state * 6364136223846793005ULL + 1;
        n += snprintf(text + n, 80, "word%llu and %s%s", (unsigned long long)(state >> 52),
                      number % 4 == 0 ? "Gr\xc3\xbc\xc3\x9f"
                                        "e"
                                      : "more",
                      (state >> 40) % 8 == 0 ? "\r\n" : " ");
    }
    return slice_of(text, (size_t)n);
}

static void fill(struct account *account, const char *path, unsigned count)
{
    static char texts[BATCH][BODY];
    struct arena arena = ARENA(1 << 20);
    struct folder folder;
    OK(folder_find(account, slice_cstr(path), &arena, &folder, &error));
    for (unsigned i = 0; i < count; i += BATCH) {
        struct append_item items[BATCH];
        struct append_result results[BATCH];
        for (unsigned j = 0; j < BATCH; j++)
            items[j] = (struct append_item){.folder = folder.id, .body = make_message(texts[j], i + j)};
        OK(message_append(account, items, BATCH, results, &error));
    }
    arena_release(&arena);
}

static struct buf answer = BUF(ANSWER_MAX);

/* Reads until the tagged line. */
static void read_answer(int fd, const char *tag)
{
    buf_clear(&answer);
    for (;;) {
        char *to = buf_reserve(&answer, 1 << 20);
        must(to != NULL);
        ssize_t n = recv(fd, to, 1 << 20, 0);
        must(n > 0);
        buf_grew(&answer, (size_t)n);
        struct slice all = buf_slice(&answer);
        ssize_t line = slice_rfind_char(slice_sub(all, 0, all.n - 1), '\n');
        if (slice_ends(all, S("\r\n")) && slice_starts(slice_from(all, (size_t)(line + 1)), slice_cstr(tag)))
            return;
    }
}

static void command(int fd, const char *text)
{
    char line[500];
    int n = snprintf(line, sizeof(line), "t %s\r\n", text);
    for (int round = 0; round < 2; round++) { /* the second is what is told */
        int64_t wall = clock_mono_us();
        int64_t cpu = cpu_us();
        OK(fd_write_all(fd, slice_of(line, (size_t)n), &error));
        read_answer(fd, "t ");
        if (round == 1)
            printf("%-60s %9.2f ms CPU %9.2f ms wall %9zu bytes\n", text, (double)(cpu_us() - cpu) / 1000,
                   (double)(clock_mono_us() - wall) / 1000, answer.n);
    }
}

int main(int argc, char **argv)
{
    static const char *const commands[] = {
        "SELECT Archive",
        "SEARCH BODY nothing-like-this",
        "SEARCH TEXT nothing-like-this",
        "SEARCH SUBJECT nothing-like-this",
        "SEARCH UNSEEN BODY nothing-like-this",
        "SEARCH SEEN BODY nothing-like-this",
        "SELECT INBOX",
        "SEARCH ALL",
        "SEARCH RETURN (COUNT) UNSEEN",
        "SEARCH FROM nobody-like-this",
        "UID SORT (ARRIVAL) UTF-8 ALL",
        "UID SORT (DATE) UTF-8 ALL",
        "UID SORT (SUBJECT) UTF-8 ALL",
        "UID SORT (REVERSE FROM DATE) UTF-8 ALL",
        "UID SORT (DISPLAYFROM SUBJECT) UTF-8 ALL",
        "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
        "UID THREAD REFERENCES UTF-8 ALL",
        "UID THREAD REFS UTF-8 ALL",
    };
    must(argc == 2);
    struct store *store;
    struct account *account;
    struct loop *loop;
    struct settings settings = {.message_size_max = 1 << 20};
    OK(store_open(&(struct store_options){.directory = argv[1]}, &store, &error));
    OK(store_account_create(store, (struct account_id){1}, &error));
    OK(store_account(store, (struct account_id){1}, &account, &error));
    fill(account, "Archive", SOME);
    fill(account, "INBOX", MESSAGES);
    OK(loop_create(&(struct loop_options){.name = "bench", .threads_min = 1, .threads_max = 2}, &loop,
                   &error));
    OK(loop_start(loop, &error));
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    struct visit visit = {
        .account = account, .fd = pair[1], .tag = S("login"), .peer = "127.0.0.1", .settings = &settings};
    OK(imap_session_start(loop, &visit, &error));
    read_answer(pair[0], "login");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        command(pair[0], commands[i]);
    close(pair[0]);
    loop_stop(loop);
    must(loop_drained(loop, clock_mono_us() + 10 * CLOCK_SECOND));
    loop_destroy(loop);
    store_close(store);
    return 0;
}
