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
#include <fcntl.h>
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

enum { TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1, TYPES = 2, SERVER_TEXT_MAX = 64, WHY_MAX = 200 };

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

/* The root's key-signing keys 20326 (2017) and 38696 (2024), as IANA publishes their digests. */
static const char *const root_keys[] = {
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};

/* libunbound would read a file when it is first asked: in the sandbox. So it gets the lines. */
static enum err add_anchor_lines(struct ub_ctx *context, struct slice text, const char *file,
                                 struct error *error)
{
    size_t count = 0;
    while (text.n > 0) {
        struct slice line, comment;
        slice_cut(text, '\n', &line, &text);
        slice_cut(line, ';', &line, &comment);
        line = slice_trim(line);
        if (line.n == 0)
            continue;
        char *record = slice_to_cstr(line);
        int code = record != NULL ? ub_ctx_add_ta(context, record) : UB_NOMEM;
        free(record);
        if (code != 0)
            return fail_unbound(error, file, code);
        count++;
    }
    return count > 0 ? ERR_OK : fail(error, ERR_INVALID, NULL, "%s: there is no key in it", file);
}

/* *ret_there false: there is no such file. */
static enum err add_anchor_file(struct ub_ctx *context, const char *file, bool *ret_there,
                                struct error *error)
{
    CLEANUP(fd_close) int fd = open(file, O_RDONLY | O_CLOEXEC);
    CLEANUP(buf_release) struct buf text = BUF(RESOLVER_ANCHOR_MAX);
    *ret_there = fd >= 0;
    if (fd < 0)
        return fail_errno(error, "%s", file);
    enum err err = fd_read_all(fd, &text, error);
    if (err != ERR_OK)
        return error_context(error, "%s", file);
    return add_anchor_lines(context, buf_slice(&text), file, error);
}

static enum err add_anchors(struct ub_ctx *context, const char *anchor, struct error *error)
{
    bool there;
    if (anchor[0] != 0)
        return add_anchor_file(context, anchor, &there, error);
    for (size_t i = 0; i < ARRAY_LEN(root_keys); i++) {
        int code = ub_ctx_add_ta(context, root_keys[i]);
        if (code != 0)
            return fail_unbound(error, "trust anchor", code);
    }
    enum err err = add_anchor_file(context, RESOLVER_ANCHOR_FILE, &there, error);
    return there ? err : ERR_OK;
}

/* libunbound looks at the keys only when it is first asked, and then has no better word than "failed": a
 * context of its own is asked for what needs no name server. */
static enum err try_anchors(const char *anchor, struct error *error)
{
    struct ub_ctx *context = ub_ctx_create();
    struct ub_result *answer = NULL;
    char name[] = "localhost";
    if (context == NULL)
        return fail_nomem(error);
    (void)ub_ctx_debugout(context, NULL);
    enum err err = add_anchors(context, anchor, error);
    if (err == ERR_OK && ub_resolve(context, name, TYPE_A, CLASS_IN, &answer) != 0)
        err = fail(error, ERR_INVALID, NULL, "%s: these are no DNSKEY or DS records",
                   anchor[0] != 0 ? anchor : RESOLVER_ANCHOR_FILE);
    ub_resolve_free(answer);
    ub_ctx_delete(context);
    return err;
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

/* anchor NULL: signatures are not asked for. */
static enum err create(const char *server, const char *anchor, struct resolver **ret_resolver,
                       struct error *error)
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
    if (err == ERR_OK && anchor != NULL)
        err = add_anchors(resolver->context, anchor, error);
    if (err != ERR_OK) {
        resolver_destroy(resolver);
        return err;
    }
    *ret_resolver = resolver;
    return ERR_OK;
}

enum err resolver_create(const char *server, struct resolver **ret_resolver, struct error *error)
{
    return create(server, NULL, ret_resolver, error);
}

enum err resolver_create_validating(const char *server, const char *anchor, struct resolver **ret_resolver,
                                    struct error *error)
{
    enum err err = try_anchors(anchor, error);
    return err == ERR_OK ? create(server, anchor, ret_resolver, error) : err;
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

/* What the questions about a host have brought so far. */
struct found {
    struct resolver_address *addresses;
    size_t max, count;
    bool late;
    bool insecure, proven; /* an answer was not, was secure */
    bool bogus;
    char why[WHY_MAX];
    char canonical[RESOLVER_NAME_MAX + 1];
};

/* Locked. */
static void take_addresses(const struct question *question, struct found *found)
{
    const struct ub_result *answer = question->answer;
    if (question->result != 0 || answer == NULL)
        return;
    if (answer->bogus) {
        found->bogus = true;
        snprintf(found->why, sizeof(found->why), "%s",
                 answer->why_bogus != NULL ? answer->why_bogus : "bogus");
        return; /* the data is there, too */
    }
    /* What failed proves nothing, in either direction: else who breaks one answer would make all insecure. */
    if (answer->rcode != 0 && !answer->nxdomain)
        return;
    *(answer->secure ? &found->proven : &found->insecure) = true;
    if (answer->canonname != NULL)
        snprintf(found->canonical, sizeof(found->canonical), "%s", answer->canonname);
    bool six = answer->qtype == TYPE_AAAA;
    size_t size = six ? sizeof(struct in6_addr) : sizeof(struct in_addr);
    for (size_t i = 0; answer->havedata && answer->data[i] != NULL && found->count < found->max; i++) {
        if ((size_t)answer->len[i] != size)
            continue;
        found->addresses[found->count].family = six ? AF_INET6 : AF_INET;
        memcpy(&found->addresses[found->count++].v6, answer->data[i], size);
    }
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
static void collect(struct question *question, int64_t deadline_us, struct found *found)
{
    struct resolver *resolver = question->resolver;
    pthread_mutex_lock(&resolver->lock);
    bool in_time = wait_for(question, deadline_us);
    if (in_time)
        take_addresses(question, found);
    bool done = question->done;
    pthread_mutex_unlock(&resolver->lock);
    give_up(question, done);
    found->late = found->late || !in_time;
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
    struct slice canonical = answer->canonname != NULL ? slice_cstr(answer->canonname) : name;
    if (canonical.n > 1 && slice_ends(canonical, S(".")))
        canonical.n--;
    records.canonical = arena_dup(arena, canonical);
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

static enum err find_host(struct resolver *resolver, struct slice name, int64_t deadline_us,
                          struct found *found, struct error *error)
{
    static const int types[TYPES] = {TYPE_A, TYPE_AAAA};
    struct question *questions[TYPES] = {NULL};
    must(found->max > 0);
    if (name.n == 0 || name.n > RESOLVER_NAME_MAX || slice_find_char(name, 0) >= 0)
        return fail(error, ERR_INVALID, NULL, "a host name of %zu bytes", name.n);
    snprintf(found->canonical, sizeof(found->canonical), "%.*s", SLICE_ARGS(name));
    char text[RESOLVER_NAME_MAX + 1];
    memcpy(text, found->canonical, sizeof(text));
    if (parse_literal(text, found->addresses)) {
        found->count = 1;
        return ERR_OK;
    }
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < TYPES; i++)
        err = ask(resolver, text, types[i], &questions[i], error);
    for (size_t i = 0; i < TYPES; i++)
        if (questions[i] != NULL)
            collect(questions[i], deadline_us, found);
    if (err != ERR_OK || found->count > 0)
        return err;
    if (found->bogus)
        return fail(error, ERR_AUTH, NULL, "%s: DNSSEC: %s", text, found->why);
    return found->late ? fail(error, ERR_TIMEOUT, NULL, "no address of %s in time", text)
                       : fail(error, ERR_UNAVAILABLE, NULL, "no address of %s", text);
}

enum err resolver_addresses(struct resolver *resolver, struct slice name, int64_t deadline_us,
                            struct resolver_address *ret_addresses, size_t max, size_t *ret_count,
                            struct error *error)
{
    struct found found = {.addresses = ret_addresses, .max = max};
    enum err err = find_host(resolver, name, deadline_us, &found, error);
    if (err == ERR_OK)
        *ret_count = found.count;
    return err;
}

enum err resolver_host(struct resolver *resolver, struct slice name, int64_t deadline_us,
                       struct resolver_host *ret_host, struct error *error)
{
    struct resolver_host host = {.count = 0};
    struct found found = {.addresses = host.addresses, .max = ARRAY_LEN(host.addresses)};
    enum err err = find_host(resolver, name, deadline_us, &found, error);
    if (err != ERR_OK)
        return err;
    host.count = found.count;
    host.secure = found.proven && !found.insecure;
    size_t n = strlen(found.canonical);
    if (n > 1 && found.canonical[n - 1] == '.')
        found.canonical[n - 1] = 0;
    memcpy(host.canonical, found.canonical, sizeof(host.canonical));
    *ret_host = host;
    return ERR_OK;
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
