/*
 * libunbound works in a thread of its own and tells by a pipe that an answer has come; `listen` waits at that
 * pipe and calls the callbacks.
 *
 * Invariants: 1. A question is freed by the last of its two holders, the asker and the callback. 2. When
 * ub_cancel succeeds the callback never comes, so the asker gives up both holds.
 */
#include "fetch/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"

enum { TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1, TYPES = 2, SERVER_TEXT_MAX = 64 };

struct resolver {
    struct ub_ctx *context;
    pthread_t thread;
    bool started;
    int stop_fd; /* eventfd: ends the thread */
    pthread_mutex_t lock;
    pthread_cond_t answered; /* on the monotonic clock */
};

/* One question for one type. Under the resolver's lock. */
struct question {
    struct resolver *resolver;
    unsigned holders;
    bool done;
    int result; /* libunbound's error */
    struct ub_result *answer;
    int number; /* for ub_cancel */
};

static enum err fail_unbound(struct error *error, const char *what, int code)
{
    return fail(error, code == UB_NOMEM ? ERR_NOMEM : ERR_UNAVAILABLE, NULL, "%s: %s", what,
                ub_strerror(code));
}

/* --- making one --- */

/* "[::1]:53" as libunbound has it: "::1@53". */
static void server_text(const char *server, struct buf *out)
{
    struct slice text = slice_cstr(server);
    struct slice address = text;
    struct slice port = slice_none();
    if (slice_starts(text, S("["))) {
        slice_cut(slice_from(text, 1), ']', &address, &port);
        port = slice_from(port, 1);
    } else {
        slice_cut(text, ':', &address, &port);
    }
    buf_put(out, address);
    if (port.n > 0)
        buf_printf(out, "@%.*s", SLICE_ARGS(port));
}

static enum err configure(struct ub_ctx *context, const char *server, struct error *error)
{
    /* Its words to standard error would not be records of the log. */
    int code = ub_ctx_debugout(context, NULL);
    if (code == 0)
        code = ub_ctx_async(context, 1); /* a thread, not a process */
    if (code == 0)                       /* a resolver of one's own listens on loopback */
        code = ub_ctx_set_option(context, "do-not-query-localhost:", "no");
    if (code != 0)
        return fail_unbound(error, "set the resolver up", code);
    if (server[0] == 0) {
        /* Missing files leave it with the world's name servers, and no names of this machine. */
        (void)ub_ctx_resolvconf(context, NULL);
        (void)ub_ctx_hosts(context, NULL);
        return ERR_OK;
    }
    CLEANUP(buf_release) struct buf text = BUF(SERVER_TEXT_MAX);
    server_text(server, &text);
    const char *forwarder = buf_cstr(&text);
    if (forwarder == NULL)
        return fail(error, ERR_INVALID, NULL, "resolver %s", server);
    code = ub_ctx_set_fwd(context, forwarder);
    return code == 0 ? ERR_OK : fail_unbound(error, server, code);
}

enum err resolver_create(const char *server, struct resolver **ret_resolver, struct error *error)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return fail_nomem(error);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_cond_init(&resolver->answered, &attributes);
    pthread_condattr_destroy(&attributes);
    resolver->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    resolver->context = ub_ctx_create();
    enum err err = resolver->context != NULL && resolver->stop_fd >= 0
                       ? configure(resolver->context, server, error)
                       : fail_nomem(error);
    if (err != ERR_OK) {
        resolver_destroy(resolver);
        return err;
    }
    *ret_resolver = resolver;
    return ERR_OK;
}

static void *listen_for_answers(void *context)
{
    struct resolver *resolver = context;
    struct pollfd fds[] = {{.fd = ub_fd(resolver->context), .events = POLLIN},
                           {.fd = resolver->stop_fd, .events = POLLIN}};
    for (;;) {
        if (poll(fds, ARRAY_LEN(fds), -1) < 0)
            continue;
        if (fds[1].revents != 0)
            return NULL;
        (void)ub_process(resolver->context);
    }
}

enum err resolver_start(struct resolver *resolver, struct error *error)
{
    must(!resolver->started);
    int code = pthread_create(&resolver->thread, NULL, listen_for_answers, resolver);
    if (code != 0) {
        errno = code;
        return fail_errno(error, "the resolver's thread");
    }
    resolver->started = true;
    return ERR_OK;
}

void resolver_destroy(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    if (resolver->started) {
        must(eventfd_write(resolver->stop_fd, 1) == 0);
        pthread_join(resolver->thread, NULL);
    }
    if (resolver->context != NULL)
        ub_ctx_delete(resolver->context);
    fd_close(&resolver->stop_fd);
    pthread_cond_destroy(&resolver->answered);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

/* --- asking --- */

/* Locked. */
static void let_go(struct question *question, unsigned holds)
{
    must(question->holders >= holds);
    question->holders -= holds;
    if (question->holders > 0)
        return;
    ub_resolve_free(question->answer);
    free(question);
}

static void answer_came(void *context, int result, struct ub_result *answer)
{
    struct question *question = context;
    struct resolver *resolver = question->resolver;
    pthread_mutex_lock(&resolver->lock);
    question->done = true;
    question->result = result;
    question->answer = answer;
    pthread_cond_broadcast(&resolver->answered);
    let_go(question, 1);
    pthread_mutex_unlock(&resolver->lock);
}

static enum err ask(struct resolver *resolver, const char *name, int type, struct question **ret_question,
                    struct error *error)
{
    struct question *question = calloc(1, sizeof(*question));
    if (question == NULL)
        return fail_nomem(error);
    *question = (struct question){.resolver = resolver, .holders = 2};
    int code =
        ub_resolve_async(resolver->context, name, type, CLASS_IN, question, answer_came, &question->number);
    if (code != 0) {
        free(question);
        return fail_unbound(error, name, code);
    }
    *ret_question = question;
    return ERR_OK;
}

/* True: answered in time. Locked. */
static bool wait_for(struct question *question, int64_t deadline_us)
{
    struct resolver *resolver = question->resolver;
    while (!question->done) {
        struct timespec until;
        int64_t wait = deadline_us - clock_mono_us();
        if (wait <= 0)
            return false;
        clock_gettime(CLOCK_MONOTONIC, &until);
        wait += until.tv_nsec / 1000;
        until.tv_sec += wait / CLOCK_SECOND;
        until.tv_nsec = wait % CLOCK_SECOND * 1000;
        pthread_cond_timedwait(&resolver->answered, &resolver->lock, &until);
    }
    return true;
}

static size_t copy_addresses(const struct question *question, struct resolver_address *ret, size_t max)
{
    const struct ub_result *answer = question->answer;
    size_t count = 0;
    if (question->result != 0 || answer == NULL || !answer->havedata)
        return 0;
    bool six = answer->qtype == TYPE_AAAA;
    size_t size = six ? sizeof(struct in6_addr) : sizeof(struct in_addr);
    for (size_t i = 0; answer->data[i] != NULL && count < max; i++) {
        if ((size_t)answer->len[i] != size)
            continue;
        ret[count].family = six ? AF_INET6 : AF_INET;
        memcpy(&ret[count++].v6, answer->data[i], size);
    }
    return count;
}

/* The question is not needed any more. `done` as it was seen under the lock. */
static void give_up(struct question *question, bool done)
{
    struct resolver *resolver = question->resolver;
    /* Not under our lock: libunbound has its own, which it may hold around a callback. */
    bool never = !done && ub_cancel(resolver->context, question->number) == 0;
    pthread_mutex_lock(&resolver->lock);
    let_go(question, never ? 2 : 1);
    pthread_mutex_unlock(&resolver->lock);
}

/* What a question brought; gives it up. */
static size_t collect(struct question *question, int64_t deadline_us, struct resolver_address *ret,
                      size_t max, bool *ret_late)
{
    struct resolver *resolver = question->resolver;
    size_t count = 0;
    pthread_mutex_lock(&resolver->lock);
    bool in_time = wait_for(question, deadline_us);
    if (in_time)
        count = copy_addresses(question, ret, max);
    bool done = question->done;
    pthread_mutex_unlock(&resolver->lock);
    give_up(question, done);
    *ret_late = *ret_late || !in_time;
    return count;
}

/* --- records --- */

/* Under the lock, when the question is done. */
static enum err copy_records(const struct question *question, struct slice name, struct arena *arena,
                             struct resolver_records *ret, struct error *error)
{
    const struct ub_result *answer = question->answer;
    struct resolver_records records = {0};
    if (question->result != 0 || answer == NULL)
        return fail_unbound(error, "name server", question->result);
    if (answer->bogus)
        return fail(error, ERR_AUTH, NULL, "%.*s: DNSSEC: %s", SLICE_ARGS(name),
                    answer->why_bogus != NULL ? answer->why_bogus : "bogus");
    if (!answer->havedata && !answer->nxdomain && answer->rcode != 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "%.*s: the name server has no answer (code %d)",
                    SLICE_ARGS(name), answer->rcode);
    records.secure = answer->secure != 0;
    records.no_name = answer->nxdomain != 0;
    records.canonical = arena_dup(arena, answer->canonname != NULL ? slice_cstr(answer->canonname) : name);
    if (answer->havedata) {
        records.data = arena_array(arena, RESOLVER_RECORDS_MAX, sizeof(*records.data));
        for (size_t i = 0; records.data != NULL && answer->data[i] != NULL && i < RESOLVER_RECORDS_MAX; i++)
            records.data[records.count++] =
                arena_dup(arena, slice_of(answer->data[i], (size_t)answer->len[i]));
    }
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret = records;
    return ERR_OK;
}

enum err resolver_records(struct resolver *resolver, struct slice name, int type, int64_t deadline_us,
                          struct arena *arena, struct resolver_records *ret_records, struct error *error)
{
    char text[RESOLVER_NAME_MAX + 1];
    struct question *question;
    if (name.n == 0 || name.n > RESOLVER_NAME_MAX || slice_find_char(name, 0) >= 0)
        return fail(error, ERR_INVALID, NULL, "a name of %zu bytes", name.n);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(name));
    enum err err = ask(resolver, text, type, &question, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&resolver->lock);
    err = wait_for(question, deadline_us)
              ? copy_records(question, name, arena, ret_records, error)
              : fail(error, ERR_TIMEOUT, NULL, "no answer about %s in time", text);
    bool done = question->done;
    pthread_mutex_unlock(&resolver->lock);
    give_up(question, done);
    return err;
}

static bool parse_literal(const char *name, struct resolver_address *ret)
{
    struct resolver_address address = {.family = AF_INET};
    if (inet_pton(AF_INET, name, &address.v4) != 1) {
        address.family = AF_INET6;
        if (inet_pton(AF_INET6, name, &address.v6) != 1)
            return false;
    }
    *ret = address;
    return true;
}

enum err resolver_addresses(struct resolver *resolver, struct slice name, int64_t deadline_us,
                            struct resolver_address *ret_addresses, size_t max, size_t *ret_count,
                            struct error *error)
{
    static const int types[TYPES] = {TYPE_A, TYPE_AAAA};
    char text[RESOLVER_NAME_MAX + 1];
    struct question *questions[TYPES] = {NULL};
    size_t count = 0;
    bool late = false;
    must(max > 0);
    if (name.n == 0 || name.n > RESOLVER_NAME_MAX || slice_find_char(name, 0) >= 0)
        return fail(error, ERR_INVALID, NULL, "a host name of %zu bytes", name.n);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(name));
    if (parse_literal(text, ret_addresses)) {
        *ret_count = 1;
        return ERR_OK;
    }
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < TYPES; i++)
        err = ask(resolver, text, types[i], &questions[i], error);
    for (size_t i = 0; i < TYPES; i++)
        if (questions[i] != NULL)
            count += collect(questions[i], deadline_us, ret_addresses + count, max - count, &late);
    if (err == ERR_OK && count == 0)
        err = late ? fail(error, ERR_TIMEOUT, NULL, "no address of %s in time", text)
                   : fail(error, ERR_UNAVAILABLE, NULL, "no address of %s", text);
    if (err == ERR_OK)
        *ret_count = count;
    return err;
}

bool resolver_is_loopback(const struct resolver_address *address)
{
    if (address->family == AF_INET)
        return ntohl(address->v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&address->v6);
}

/* IANA's special-purpose addresses (RFC 6890) that lead to no host of the internet. */
static bool is_public_v4(uint32_t address)
{
    static const struct {
        uint32_t network;
        unsigned bits;
    } special[] = {
        {0x00000000, 8},  /* "this" network */
        {0x0a000000, 8},  /* private, RFC 1918 */
        {0x64400000, 10}, /* shared, RFC 6598 */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local, RFC 3927 */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocol assignments */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* benchmarks, RFC 2544 */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if ((address ^ special[i].network) >> (32 - special[i].bits) == 0)
            return false;
    return true;
}

static uint32_t read_v4(const uint8_t bytes[static 4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

bool resolver_is_public(const struct resolver_address *address)
{
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    const struct in6_addr *six = &address->v6;
    const uint8_t *bytes = six->s6_addr;
    if (address->family == AF_INET)
        return is_public_v4(ntohl(address->v4.s_addr));
    if (IN6_IS_ADDR_V4MAPPED(six) || IN6_IS_ADDR_V4COMPAT(six) || memcmp(bytes, nat64, sizeof(nat64)) == 0)
        return is_public_v4(read_v4(bytes + 12));
    if (bytes[0] == 0x20 && bytes[1] == 0x02) /* 6to4, RFC 3056 */
        return is_public_v4(read_v4(bytes + 2));
    bool unique_local = (bytes[0] & 0xfe) == 0xfc;
    return !unique_local && !IN6_IS_ADDR_UNSPECIFIED(six) && !IN6_IS_ADDR_LOOPBACK(six) &&
           !IN6_IS_ADDR_LINKLOCAL(six) && !IN6_IS_ADDR_SITELOCAL(six) && !IN6_IS_ADDR_MULTICAST(six);
}

void resolver_address_text(const struct resolver_address *address, char ret_text[static INET6_ADDRSTRLEN])
{
    must(inet_ntop(address->family, &address->v6, ret_text, INET6_ADDRSTRLEN) != NULL);
}
