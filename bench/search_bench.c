/*
 * What SEARCH, SORT and THREAD cost through a real session, on this machine: `search_bench DIRECTORY [COUNT
 * [TEXTS]]` (a scratch directory that is not there yet). 10,000 messages of corpus.h in one folder, searched
 * without the index and with it, or as many pieces of 4 KB of the files in the directory TEXTS as there are;
 * then COUNT (100,000) of about 4 KB in another. Prints one line per command, with the CPU time of the whole
 * process, and what the index took.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "bench/corpus.h"
#include "imap/session.h"
#include "store/message.h"
#include "store/search_build.h"
#include "store/search_index.h"

enum {
    MESSAGES = 100000,
    TEXT_SIZE = 3000,
    TEXTS_MAX = 64 * 1024 * 1024,
    SOME = 10000,
    BATCH = 100,
    BODY = 4096,
    ANSWER_MAX = 64 * 1024 * 1024
};

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

static struct folder_id folder_named(struct account *account, const char *path)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct folder folder;
    OK(folder_find(account, slice_cstr(path), &arena, &folder, &error));
    return folder.id;
}

static void append_one(struct account *account, struct folder_id folder, struct slice text)
{
    struct append_result result;
    OK(message_append(account, &(struct append_item){.folder = folder, .body = text}, 1, &result, &error));
}

static void fill_corpus(struct account *account, const char *path)
{
    struct corpus *corpus = corpus_new();
    must(corpus != NULL);
    struct folder_id folder = folder_named(account, path);
    for (unsigned i = 0; i < SOME; i++) {
        CLEANUP(buf_release) struct buf text = BUF(1 << 20);
        corpus_write(corpus, i, TEXT_SIZE, &text);
        must(!buf_failed(&text));
        append_one(account, folder, buf_slice(&text));
    }
    corpus_free(corpus);
}

/* Pieces of real text. */
static void fill_texts(struct account *account, const char *path, const char *directory)
{
    struct folder_id folder = folder_named(account, path);
    DIR *dir = opendir(directory);
    must(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        CLEANUP(buf_release) struct buf text = BUF(TEXTS_MAX);
        CLEANUP(fd_close) int fd = openat(dirfd(dir), entry->d_name, O_RDONLY);
        if (entry->d_name[0] == '.' || fd < 0)
            continue;
        OK(fd_read_all(fd, &text, &error));
        for (size_t at = 0; at < text.n; at += BODY) {
            CLEANUP(buf_release) struct buf message = BUF(2 * BODY);
            buf_printf(&message, "From: a@example.org\r\nSubject: %s %zu\r\n\r\n", entry->d_name, at);
            buf_put(&message, slice_sub(buf_slice(&text), at, BODY));
            append_one(account, folder, buf_slice(&message));
        }
    }
    closedir(dir);
}

static void index_all(struct account *account, const char *directory)
{
    static const atomic_bool go_on = false;
    struct search_figures figures;
    char path[300];
    struct stat file;
    int64_t cpu = cpu_us();
    OK(search_build(account, true, &go_on, NULL, NULL, &error));
    cpu = cpu_us() - cpu;
    OK(search_index_figures(account, &figures, &error));
    snprintf(path, sizeof(path), "%s/accounts/00/0000000000000001/search.db", directory);
    must(stat(path, &file) == 0);
    printf("index of %llu objects: %.1f MB text, %.1f MB index (%.2f of it), %.1f MB file, %.0f ms CPU, %.1f "
           "MB/s\n",
           (unsigned long long)figures.objects, (double)figures.text / 1e6, (double)figures.bytes / 1e6,
           (double)figures.bytes / (double)figures.text, (double)file.st_size / 1e6, (double)cpu / 1000,
           (double)figures.text / (double)cpu);
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

static void commands_run(int fd, const char *const *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        command(fd, commands[i]);
}

int main(int argc, char **argv)
{
    static const char *const texts[] = {
        "SELECT Archive",
        "SEARCH BODY nothing-like-this",
        "SEARCH TEXT nothing-like-this",
        "SEARCH SUBJECT nothing-like-this",
        "SEARCH UNSEEN BODY nothing-like-this",
        "SEARCH SEEN BODY nothing-like-this",
        "SEARCH OR BODY nothing-like-this SUBJECT nothing-like-this",
        "SEARCH NOT BODY nothing-like-this",
        "SEARCH BODY werdentlich",
        "SEARCH BODY \"noch werden\"",
        "SEARCH BODY the",
    };
    static const char *const all[] = {
        "SELECT INBOX",
        "SEARCH ALL",
        "SEARCH RETURN (COUNT) UNSEEN",
        "SEARCH FROM nobody-like-this",
        "SEARCH BODY nothing-like-this",
        "UID SORT (ARRIVAL) UTF-8 ALL",
        "UID SORT (DATE) UTF-8 ALL",
        "UID SORT (SUBJECT) UTF-8 ALL",
        "UID SORT (REVERSE FROM DATE) UTF-8 ALL",
        "UID SORT (DISPLAYFROM SUBJECT) UTF-8 ALL",
        "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
        "UID THREAD REFERENCES UTF-8 ALL",
        "UID THREAD REFS UTF-8 ALL",
    };
    must(argc >= 2);
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : MESSAGES;
    struct store *store;
    struct account *account;
    struct loop *loop;
    struct settings settings = {.message_size_max = 1 << 20};
    OK(store_open(&(struct store_options){.directory = argv[1], .without_index = true}, &store, &error));
    OK(store_account_create(store, (struct account_id){1}, &error));
    OK(store_account(store, (struct account_id){1}, &account, &error));
    if (argc > 3)
        fill_texts(account, "Archive", argv[3]);
    else
        fill_corpus(account, "Archive");
    OK(loop_create(&(struct loop_options){.name = "bench", .threads_min = 1, .threads_max = 2}, &loop,
                   &error));
    OK(loop_start(loop, &error));
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    struct visit visit = {
        .account = account, .fd = pair[1], .tag = S("login"), .peer = "127.0.0.1", .settings = &settings};
    OK(imap_session_start(loop, &visit, &error));
    read_answer(pair[0], "login");
    commands_run(pair[0], texts, ARRAY_LEN(texts));
    index_all(account, argv[1]);
    commands_run(pair[0], texts, ARRAY_LEN(texts));
    if (count > 0) {
        fill(account, "INBOX", count);
        index_all(account, argv[1]);
        commands_run(pair[0], all, ARRAY_LEN(all));
    }
    close(pair[0]);
    loop_stop(loop);
    must(loop_drained(loop, clock_mono_us() + 10 * CLOCK_SECOND));
    loop_destroy(loop);
    store_close(store);
    return 0;
}
