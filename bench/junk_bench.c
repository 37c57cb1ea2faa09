/*
 * What the junk filter adds to a delivery: `junk_bench DIRECTORY` (a scratch directory that is not there yet)
 * learns LEARNT messages, then judges and files MESSAGES more. Run it under
 * `valgrind --tool=callgrind --toggle-collect=junk_ask` (or =message_append) to count instructions.
 */
#include "base/clock.h"
#include "base/must.h"
#include "store/junk.h"
#include "store/junk_learn.h"
#include "store/view.h"

enum { LEARNT = 400, MESSAGES = 200, BODY = 4096 };

static struct error error;

#define OK(call)                                              \
    do {                                                      \
        if ((call) != ERR_OK) {                               \
            fprintf(stderr, "%s: %s\n", #call, error.detail); \
            exit(1);                                          \
        }                                                     \
    } while (0)

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Half its words are everybody's, half its kind's. */
static struct slice make_message(char *text, unsigned number)
{
    int n = snprintf(text, BODY,
                     "From: Person %u <p%u@example.org>\r\nTo: someone@example.net\r\nSubject: Matter %u\r\n"
                     "Message-ID: <%u.bench@example.org>\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n\r\n",
                     number % 500, number % 500, number / 5, number);
    uint64_t state = number * 2654435761U + 1;
    while (n < BODY - 80) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        unsigned word = (unsigned)(state >> 52) % 2000;
        n += snprintf(text + n, 80, "%s%c%c%c%s",
                      state >> 40 & 1   ? "word"
                      : number % 2 == 0 ? "junk"
                                        : "good",
                      'a' + word % 26, 'a' + word / 26 % 26, 'a' + word / 676,
                      (state >> 44) % 8 == 0 ? "\r\n" : " ");
    }
    return slice_of(text, (size_t)n);
}

static void teach(struct account *account, struct folder_id inbox, struct folder_id junk,
                  struct folder_id other)
{
    static const atomic_bool stopping = false;
    static char text[BODY];
    for (unsigned i = 0; i < LEARNT; i++) {
        struct append_item item = {.folder = inbox, .body = make_message(text, i)};
        struct append_result result;
        OK(message_append(account, &item, 1, &result, &error));
        CLEANUP(uid_set_release) struct uid_set one = {0};
        CLEANUP(copy_result_release) struct copy_result moved = {0};
        uid_set_add(&one, result.uid.v, result.uid.v);
        clock_shift(CLOCK_SECOND);
        OK(message_copy(account, inbox, &one, i % 2 == 0 ? junk : other, true, &moved, &error));
    }
    double before = cpu_us();
    bool more = true;
    while (more)
        OK(junk_learn_step(account, &stopping, &more, &error));
    struct junk_figures figures;
    OK(junk_figures(account, &figures, &error));
    printf("learnt %llu junk, %llu good, %llu features: %.0f us CPU each\n", (unsigned long long)figures.junk,
           (unsigned long long)figures.good, (unsigned long long)figures.features,
           (cpu_us() - before) / LEARNT);
}

int main(int argc, char **argv)
{
    static char text[BODY];
    struct store *store;
    struct account *account;
    struct folder inbox, junk, other;
    const struct account_id id = {0xbe7c4};
    must(argc == 2);
    CLEANUP(arena_release) struct arena arena = ARENA(16 << 20);
    const struct store_options options = {
        .directory = argv[1], .without_index = true, .without_learning = true};
    OK(store_open(&options, &store, &error));
    OK(store_account_create(store, id, &error));
    OK(store_account(store, id, &account, &error));
    OK(folder_by_role(account, ROLE_FOLDER_INBOX, &arena, &inbox, &error));
    OK(folder_by_role(account, ROLE_FOLDER_JUNK, &arena, &junk, &error));
    OK(folder_by_role(account, ROLE_FOLDER_ARCHIVE, &arena, &other, &error));
    teach(account, inbox.id, junk.id, other.id);
    double asked = 0;
    double filed = 0;
    unsigned found = 0;
    for (unsigned i = 0; i < MESSAGES; i++) {
        CLEANUP(arena_release) struct arena one = ARENA(JUNK_ARENA_MAX);
        struct junk_opinion opinion;
        struct append_result result;
        struct slice message = make_message(text, 100000 + i);
        double start = cpu_us();
        OK(junk_ask(account, slice_none(), message, &one, &opinion, &error));
        double middle = cpu_us();
        struct append_item item = {.folder = inbox.id, .body = message};
        OK(message_append(account, &item, 1, &result, &error));
        asked += middle - start;
        filed += cpu_us() - middle;
        found += junk_is_junk(&opinion);
    }
    printf("judged: %.0f us CPU each, filed: %.0f us; %u of %u are junk\n", asked / MESSAGES,
           filed / MESSAGES, found, MESSAGES);
    account_unref(account);
    store_close(store);
    return 0;
}
