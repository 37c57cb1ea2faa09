/*
 * What the store's calls cost, on this machine: `store_bench DIRECTORY` (a scratch directory that is not
 * there yet). Prints one line per figure.
 */
#include "base/clock.h"
#include "base/must.h"
#include "store/view.h"

enum { MESSAGES = 100000, BATCH = 100, SOME = 10000, BODY = 4096, LIST_BATCH = 500 };

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

struct lap {
    int64_t wall, cpu;
};
static struct lap lap_begin(void)
{
    return (struct lap){clock_mono_us(), cpu_us()};
}
static void lap_end(struct lap lap, const char *what, unsigned count)
{
    int64_t wall = clock_mono_us() - lap.wall;
    int64_t cpu = cpu_us() - lap.cpu;
    printf("%-44s %9.2f ms wall %9.2f ms CPU %8.2f us each\n", what, (double)wall / 1000, (double)cpu / 1000,
           (double)cpu / count);
}

static struct slice make_message(char *text, unsigned number)
{
    int n =
        snprintf(text, BODY,
                 "From: Person %u <p%u@example.org>\r\nTo: someone@example.net\r\nSubject: Re: Matter %u\r\n"
                 "Date: Wed, 17 Jul 1996 02:44:25 -0700\r\nMessage-ID: <%u.bench@example.org>\r\n"
                 "In-Reply-To: <%u.bench@example.org>\r\nMIME-Version: 1.0\r\n"
                 "Content-Type: text/plain; charset=utf-8\r\n\r\n",
                 number % 500, number % 500, number / 5, number, number - number % 5);
    uint64_t state = number * 2654435761U + 1;
    while (n < BODY - 80) { /* words, so that zstd has something to do */
        state = state * 6364136223846793005ULL + 1;
        n += snprintf(text + n, 80, "word%llu and more%s", (unsigned long long)(state >> 52),
                      (state >> 40) % 8 == 0 ? "\r\n" : " ");
    }
    return slice_of(text, (size_t)n);
}

static void bench_append(struct account *account, struct folder_id inbox)
{
    char text[BODY];
    struct lap lap = lap_begin();
    for (unsigned i = 0; i < SOME; i++) {
        struct append_item item = {.folder = inbox, .body = make_message(text, i)};
        struct append_result result;
        OK(message_append(account, &item, 1, &result, &error));
    }
    lap_end(lap, "append 4 KB, one by one", SOME);
    static char texts[BATCH][BODY];
    lap = lap_begin();
    for (unsigned i = SOME; i < MESSAGES; i += BATCH) {
        struct append_item items[BATCH];
        struct append_result results[BATCH];
        for (unsigned j = 0; j < BATCH; j++)
            items[j] = (struct append_item){.folder = inbox, .body = make_message(texts[j], i + j)};
        OK(message_append(account, items, BATCH, results, &error));
    }
    lap_end(lap, "append 4 KB, in batches of 100", MESSAGES - SOME);
}

/* In batches, as sessions do; the second time, when the pages are in the system's cache. */
static void bench_list(struct account *account, struct folder_id inbox, unsigned want, const char *what)
{
    struct lap lap = {0};
    unsigned listed = 0;
    for (unsigned round = 0; round < 2; round++) {
        struct arena arena = ARENA(1U << 30);
        size_t count = 1;
        listed = 0;
        lap = lap_begin();
        for (uint32_t from = 1; count > 0;) {
            struct uid_set uids = {0};
            struct message *messages;
            uid_set_add(&uids, from, UINT32_MAX);
            arena_reset(&arena);
            OK(message_list(account, inbox, &uids, want, LIST_BATCH, &arena, &messages, &count, &error));
            uid_set_release(&uids);
            listed += (unsigned)count;
            from = count > 0 ? messages[count - 1].uid.v + 1 : 0;
        }
        arena_release(&arena);
    }
    lap_end(lap, what, listed);
}

static void bench_change(struct account *account, struct folder_id inbox, struct folder_id other)
{
    struct uid_set some = {0};
    uid_set_add(&some, 1, SOME);
    struct flagset seen = {{1}};
    struct flag_result flagged = {0};
    struct lap lap = lap_begin();
    OK(message_flags(account, inbox, &some, FLAGS_ADD, &seen, (struct change_no){0}, &flagged, &error));
    lap_end(lap, "flags of 10,000", SOME);
    struct copy_result copied = {0};
    lap = lap_begin();
    OK(message_copy(account, inbox, &some, other, false, &copied, &error));
    lap_end(lap, "copy 10,000", SOME);
    struct copy_result moved = {0};
    struct uid_set next = {0};
    uid_set_add(&next, SOME + 1, 2 * SOME);
    lap = lap_begin();
    OK(message_copy(account, inbox, &next, other, true, &moved, &error));
    lap_end(lap, "move 10,000", SOME);
    struct uid_set removed = {0};
    lap = lap_begin();
    OK(message_expunge(account, inbox, &some, false, &removed, &error));
    lap_end(lap, "expunge 10,000", SOME);
    flag_result_release(&flagged);
    copy_result_release(&copied);
    copy_result_release(&moved);
    uid_set_release(&removed);
    uid_set_release(&some);
    uid_set_release(&next);
}

static void bench_view(struct account *account, struct folder_id inbox)
{
    struct view *view;
    struct uid uid;
    struct lap lap = lap_begin();
    OK(view_open(account, inbox, false, &view, &error));
    lap_end(lap, "view_open", 1);
    lap = lap_begin();
    OK(view_uid(view, 1, &uid, &error));
    lap_end(lap, "first sequence number (loads the list)", view_exists(view));
    view_close(view);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return fprintf(stderr, "usage: store_bench DIRECTORY\n"), 2;
    struct store_options options = {.directory = argv[1]};
    struct account_id id = {1};
    struct arena arena = ARENA(1 << 20);
    struct store *store;
    struct account *account;
    struct folder inbox;
    struct folder archive;
    OK(store_open(&options, &store, &error));
    OK(store_account_create(store, id, &error));
    OK(store_account(store, id, &account, &error));
    OK(folder_by_role(account, ROLE_FOLDER_INBOX, &arena, &inbox, &error));
    OK(folder_by_role(account, ROLE_FOLDER_ARCHIVE, &arena, &archive, &error));
    bench_append(account, inbox.id);
    bench_list(account, inbox.id, WANT_LEAST, "list the least of 100,000");
    bench_list(account, inbox.id, WANT_IDS, "list ids of 100,000");
    bench_list(account, inbox.id, WANT_FLAGS, "list flags of 100,000");
    bench_list(account, inbox.id, WANT_ENVELOPE | WANT_STRUCTURE, "list envelope, structure of 100,000");
    bench_list(account, inbox.id, WANT_SORT_KEYS, "list sort keys of 100,000");
    bench_view(account, inbox.id);
    bench_change(account, inbox.id, archive.id);
    struct lap lap = lap_begin();
    OK(account_sync(account, &error));
    lap_end(lap, "account_sync", 1);
    account_unref(account);
    store_close(store);
    arena_release(&arena);
    return 0;
}
