/*
 * A model of a QRESYNC client (RFC 7162 6): it keeps a picture of INBOX, is cut off at random, comes back
 * with SELECT (QRESYNC ...), and after every NOOP its picture must be what the store has. Meanwhile other
 * sessions append, move, flag and expunge. Everything is sent and answered in turn, so a seed always plays
 * the same.
 */
#include <ftw.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "imap/sequence_set.h"
#include "imap/session.h"
#include "store/change.h"
#include "store/message.h"
#include "store/prune.h"
#include "store/recover.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum {
    OTHERS = 2,
    UIDS_MAX = 2000 + RECOVER_SKIP_UIDS,
    SEEDS = 15,
    STEPS = 200,
    PATIENCE_MS = 10000,
    TEXT_MAX = 4 * 1024 * 1024
};

struct peer {
    int fd;
    struct buf in;
};

struct known {
    bool there;
    uint64_t flags;
    uint64_t modseq;
};

struct model {
    uint64_t random;
    char directory[64];
    struct store *store;
    struct account *account;
    struct folder_id inbox;
    struct loop *loop;
    struct peer others[OTHERS];
    struct peer client;
    /* What the client remembers over connections. */
    struct known picture[UIDS_MAX];
    uint32_t uidvalidity;
    uint64_t highest;
    uint32_t fetched_to; /* all UIDs up to here have been asked for */
    /* Of the present connection and command. */
    uint32_t exists;
    uint64_t seen_modseq;
    uint64_t told_highest;
    unsigned resyncs;
};

static void must_ok(enum err err, const struct error *error)
{
    if (err != ERR_OK)
        fail_msg("%s: %s", err_name(err), error->detail);
}

static uint32_t pick(struct model *m, uint32_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (uint32_t)(m->random % below);
}

/* --- lines --- */

static void next_line(struct peer *peer, struct buf *ret)
{
    ssize_t end;
    while ((end = slice_find_char(buf_slice(&peer->in), '\n')) < 0) {
        struct pollfd wait = {.fd = peer->fd, .events = POLLIN};
        assert_true(poll(&wait, 1, PATIENCE_MS) > 0);
        char *to = buf_reserve(&peer->in, 65536);
        ssize_t n = recv(peer->fd, to, 65536, 0);
        assert_true(n > 0);
        buf_grew(&peer->in, (size_t)n);
    }
    buf_clear(ret);
    buf_put(ret, slice_trim(slice_sub(buf_slice(&peer->in), 0, (size_t)end)));
    buf_consume(&peer->in, (size_t)end + 1);
}

static void connect_peer(struct model *m, struct peer *peer)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    static const struct settings settings = {.message_size_max = TEXT_MAX};
    struct visit visit = {.fd = pair[1], .tag = S("login"), .peer = "127.0.0.1", .settings = &settings};
    struct error error;
    must_ok(store_account(m->store, (struct account_id){1}, &visit.account, &error), &error);
    must_ok(imap_session_start(m->loop, &visit, &error), &error);
    *peer = (struct peer){.fd = pair[0], .in = BUF(TEXT_MAX)};
    CLEANUP(buf_release) struct buf line = BUF(TEXT_MAX);
    next_line(peer, &line);
}

static void cut(struct peer *peer)
{
    fd_close(&peer->fd);
    buf_release(&peer->in);
}

static void send_command(struct peer *peer, const char *command)
{
    struct error error;
    CLEANUP(buf_release) struct buf text = BUF(TEXT_MAX);
    buf_printf(&text, "t %s\r\n", command);
    must_ok(fd_write_all(peer->fd, buf_slice(&text), &error), &error);
}

/* Another session's command; what it hears is of no interest. */
static void other_does(struct peer *peer, const char *command)
{
    CLEANUP(buf_release) struct buf line = BUF(TEXT_MAX);
    send_command(peer, command);
    do
        next_line(peer, &line);
    while (!slice_starts(buf_slice(&line), S("t ")));
    if (slice_starts(buf_slice(&line), S("t BAD")))
        fail_msg("%s: %s", command, buf_cstr(&line));
}

/* --- the client --- */

static uint64_t number_after(struct slice line, struct slice word, bool *ret_found)
{
    ssize_t at = slice_find(line, word);
    uint64_t number = 0;
    struct cursor c = cursor_of(at < 0 ? slice_none() : slice_from(line, (size_t)at + word.n));
    *ret_found = at >= 0 && cursor_u64(&c, &number);
    return number;
}

static uint64_t flags_of(struct slice line)
{
    static const struct {
        const char *name;
        unsigned bit;
    } names[] = {{"\\Seen", FLAG_SEEN},
                 {"\\Answered", FLAG_ANSWERED},
                 {"\\Flagged", FLAG_FLAGGED},
                 {"\\Deleted", FLAG_DELETED},
                 {"\\Draft", FLAG_DRAFT}};
    uint64_t flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_find(line, slice_cstr(names[i].name)) >= 0)
            flags |= UINT64_C(1) << names[i].bit;
    return flags;
}

static void hear_fetch(struct model *m, struct slice line)
{
    bool has_uid;
    bool has_modseq;
    uint64_t uid = number_after(line, S("UID "), &has_uid);
    uint64_t modseq = number_after(line, S("MODSEQ ("), &has_modseq);
    if (!has_uid || !has_modseq)
        return; /* it asked for less */
    assert_true(uid < UIDS_MAX);
    struct known *known = &m->picture[uid];
    m->seen_modseq = MAX(m->seen_modseq, modseq);
    if (slice_find(line, S("FLAGS (")) >= 0)
        *known = (struct known){.there = true, .flags = flags_of(line), .modseq = modseq};
}

static void hear_vanished(struct model *m, struct slice line)
{
    bool earlier = slice_starts(line, S("* VANISHED (EARLIER) "));
    CLEANUP(arena_release) struct arena arena = ARENA(TEXT_MAX);
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct imap_sequence_set set;
    struct cursor c = cursor_of(slice_from(line, earlier ? 21 : 11));
    assert_true(imap_sequence_set_parse(&c, &arena, &set) && cursor_done(&c));
    imap_sequence_set_numbers(&set, 0, &uids);
    for (uint32_t uid = 1; uid < UIDS_MAX; uid++)
        if (uid_set_has(&uids, uid))
            m->picture[uid].there = false;
    if (!earlier)
        m->exists -= (uint32_t)uid_set_size(&uids);
}

static void hear(struct model *m, struct slice line)
{
    bool found;
    uint64_t number = number_after(line, S("[HIGHESTMODSEQ "), &found);
    if (found)
        m->told_highest = number;
    number = number_after(line, S("[UIDVALIDITY "), &found);
    if (found)
        m->uidvalidity = (uint32_t)number;
    assert_true(slice_find(line, S(" EXPUNGE")) < 0 || slice_starts(line, S("t ")));
    if (slice_starts(line, S("* VANISHED ")))
        hear_vanished(m, line);
    else if (slice_find(line, S(" FETCH (")) > 0)
        hear_fetch(m, line);
    else if (slice_ends(line, S(" EXISTS")))
        m->exists = (uint32_t)number_after(line, S("* "), &found);
}

/* Sends, hears everything, and reckons HIGHESTMODSEQ as RFC 7162 6 says. */
static void client_does(struct model *m, const char *command)
{
    CLEANUP(buf_release) struct buf line = BUF(TEXT_MAX);
    m->seen_modseq = m->told_highest = 0;
    send_command(&m->client, command);
    do {
        next_line(&m->client, &line);
        hear(m, buf_slice(&line));
    } while (!slice_starts(buf_slice(&line), S("t ")));
    if (slice_starts(buf_slice(&line), S("t BAD")))
        fail_msg("%s: %s", command, buf_cstr(&line));
    if (m->told_highest > 0)
        m->highest = m->told_highest;
    else
        m->highest = MAX(m->highest, m->seen_modseq);
}

static void client_fetches_new(struct model *m)
{
    char command[100];
    snprintf(command, sizeof(command), "UID FETCH %u:* (FLAGS MODSEQ)", m->fetched_to + 1);
    client_does(m, command);
    for (uint32_t uid = m->fetched_to + 1; uid < UIDS_MAX; uid++)
        if (m->picture[uid].there)
            m->fetched_to = uid;
}

/* Beyond what it asked for it may have heard of more. */
static uint32_t highest_known(const struct model *m)
{
    uint32_t highest = 1;
    for (uint32_t uid = 1; uid < UIDS_MAX; uid++)
        if (m->picture[uid].there)
            highest = uid;
    return highest;
}

static void client_returns(struct model *m)
{
    char command[200];
    connect_peer(m, &m->client);
    client_does(m, "ENABLE QRESYNC");
    uint64_t highest = m->highest;
    if (highest == 0)
        snprintf(command, sizeof(command), "SELECT INBOX");
    else if (pick(m, 2) == 0)
        snprintf(command, sizeof(command), "SELECT INBOX (QRESYNC (%u %llu))", m->uidvalidity,
                 (unsigned long long)highest);
    else
        snprintf(command, sizeof(command), "SELECT INBOX (QRESYNC (%u %llu 1:%u))", m->uidvalidity,
                 (unsigned long long)highest, highest_known(m));
    client_does(m, command);
    client_fetches_new(m);
    m->resyncs++;
}

/* The truth, from the store. */
static void compare(struct model *m)
{
    CLEANUP(arena_release) struct arena arena = ARENA(TEXT_MAX);
    CLEANUP(uid_set_release) struct uid_set all = {0};
    struct message *messages;
    size_t count;
    size_t known = 0;
    struct error error;
    uid_set_add(&all, 1, UINT32_MAX);
    must_ok(message_list(m->account, m->inbox, &all, WANT_FLAGS, 0, &arena, &messages, &count, &error),
            &error);
    for (size_t i = 0; i < count; i++) {
        const struct known *mine = &m->picture[messages[i].uid.v];
        if (!mine->there || mine->flags != (messages[i].flags.words[0] & 31) ||
            mine->modseq != messages[i].changed.v)
            fail_msg("UID %u: there %d, flags %llu for %llu, MODSEQ %llu for %llu", messages[i].uid.v,
                     mine->there, (unsigned long long)mine->flags,
                     (unsigned long long)messages[i].flags.words[0], (unsigned long long)mine->modseq,
                     (unsigned long long)messages[i].changed.v);
    }
    for (uint32_t uid = 1; uid < UIDS_MAX; uid++)
        known += m->picture[uid].there;
    assert_int_equal(known, count);
    assert_int_equal(m->exists, count);
}

static const char *random_flags(struct model *m)
{
    static const char *const flags[] = {"+FLAGS (\\Seen)",     "-FLAGS (\\Seen)",
                                        "+FLAGS (\\Flagged)",  "FLAGS (\\Answered \\Draft)",
                                        "+FLAGS (\\Deleted)",  "+FLAGS.SILENT (\\Deleted \\Seen)",
                                        "-FLAGS (\\Answered)", "+FLAGS ($Forwarded)"};
    return flags[pick(m, ARRAY_LEN(flags))];
}

static void other_step(struct model *m)
{
    struct peer *peer = &m->others[pick(m, OTHERS)];
    uint32_t first = 1 + pick(m, m->fetched_to + 3);
    uint32_t last = first + pick(m, 3);
    char command[200];
    switch (pick(m, 6)) {
    case 0:
    case 1:
        other_does(peer, "APPEND INBOX {12+}\r\nSubject: y\r\n");
        return;
    case 2:
        snprintf(command, sizeof(command), "UID MOVE %u:%u Trash", first, last);
        break;
    case 3:
        snprintf(command, sizeof(command), "UID EXPUNGE %u:%u", first, last + 5);
        break;
    default:
        snprintf(command, sizeof(command), "UID STORE %u:%u %s", first, last, random_flags(m));
        break;
    }
    other_does(peer, command);
}

static void client_step(struct model *m)
{
    char command[200];
    uint32_t uid = 1 + pick(m, m->fetched_to + 1);
    switch (pick(m, 8)) {
    case 0:
    case 1:
        cut(&m->client);
        client_returns(m);
        compare(m);
        return;
    case 2: /* holds EXPUNGEs back, and shows MODSEQs beyond them */
        if (m->exists > 0)
            client_does(m, "FETCH 1:* (UID FLAGS MODSEQ)");
        return;
    case 3:
        if (m->exists > 0)
            client_does(m, "STORE 1 +FLAGS (\\Flagged)");
        return;
    case 4:
        snprintf(command, sizeof(command), "UID STORE %u (UNCHANGEDSINCE %llu) FLAGS (\\Seen)", uid,
                 (unsigned long long)m->highest);
        client_does(m, command);
        return;
    case 5:
        client_does(m, "EXPUNGE");
        return;
    default:
        client_does(m, "NOOP");
        client_fetches_new(m);
        compare(m);
        return;
    }
}

static void others_come(struct model *m)
{
    for (size_t i = 0; i < OTHERS; i++) {
        connect_peer(m, &m->others[i]);
        other_does(&m->others[i], "SELECT INBOX");
    }
}

/* Everybody is away so long that the change log no longer reaches back to what the client knows. */
static void log_is_forgotten(struct model *m)
{
    struct error error;
    struct change_list list = {0};
    cut(&m->client);
    for (int i = 0; i < 10; i++)
        other_step(m);
    for (size_t i = 0; i < OTHERS; i++)
        cut(&m->others[i]);
    clock_shift((CHANGE_KEEP_DAYS + 1) * CLOCK_DAY);
    must_ok(account_prune(m->account, &error), &error);
    clock_shift(-(CHANGE_KEEP_DAYS + 1) * CLOCK_DAY);
    must_ok(change_list(m->account, m->inbox, (struct change_no){INT64_MAX}, 1, &list, &error), &error);
    assert_true(m->highest < list.oldest.v);
    change_list_release(&list);
    others_come(m);
    client_returns(m);
    compare(m);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void remove_tree(const char *directory)
{
    nftw(directory, remove_entry, 10, FTW_DEPTH | FTW_PHYS);
}

static void open_store(struct model *m)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct error error;
    struct folder folder;
    must_ok(store_open(&(struct store_options){.directory = m->directory}, &m->store, &error), &error);
    must_ok(store_account(m->store, (struct account_id){1}, &m->account, &error), &error);
    must_ok(folder_find(m->account, S("INBOX"), &arena, &folder, &error), &error);
    m->inbox = folder.id;
    struct loop_options options = {.name = "imap", .threads_min = 2, .threads_max = 4};
    must_ok(loop_create(&options, &m->loop, &error), &error);
    must_ok(loop_start(m->loop, &error), &error);
}

static void close_store(struct model *m)
{
    for (size_t i = 0; i < OTHERS; i++)
        cut(&m->others[i]);
    loop_stop(m->loop);
    assert_true(loop_drained(m->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(m->loop);
    account_unref(m->account);
    store_close(m->store);
}

static void copy_tree(const char *from, const char *to)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("cp", "cp", "-a", from, to, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* The number behind `word`, in the last line of the answer that has it; else how many FETCH responses came.
 */
static uint64_t answer_of(struct peer *peer, const char *command, struct slice word)
{
    CLEANUP(buf_release) struct buf line = BUF(TEXT_MAX);
    uint64_t fetched = 0;
    uint64_t number = 0;
    bool found = false;
    send_command(peer, command);
    do {
        next_line(peer, &line);
        fetched += slice_find(buf_slice(&line), S(" FETCH (")) > 0;
        bool here;
        uint64_t it = number_after(buf_slice(&line), word, &here);
        number = here ? it : number;
        found |= here;
    } while (!slice_starts(buf_slice(&line), S("t ")));
    return found ? number : fetched;
}

/* Whoever comes with a number that was lost is told everything, and passes no condition. */
static void lost_is_worth_nothing(struct model *m, uint64_t lost)
{
    char command[100];
    uint64_t exists = answer_of(&m->others[0], "STATUS INBOX (MESSAGES)", S("MESSAGES "));
    uint64_t first = answer_of(&m->others[0], "UID SEARCH RETURN (MIN) ALL", S("MIN "));
    snprintf(command, sizeof(command), "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %llu)", (unsigned long long)lost);
    assert_int_equal(answer_of(&m->others[0], command, S("?")), exists);
    for (uint64_t i = 0; i < 2; i++) {
        snprintf(command, sizeof(command), "UID SEARCH RETURN (COUNT) MODSEQ %llu",
                 (unsigned long long)(lost + i));
        assert_int_equal(answer_of(&m->others[0], command, S("COUNT ")), exists);
    }
    snprintf(command, sizeof(command), "UID STORE 1:* (UNCHANGEDSINCE %llu) FLAGS (\\Draft)",
             (unsigned long long)lost);
    assert_int_equal(answer_of(&m->others[0], command, S("[MODIFIED ")), first);
}

/* What the client was told meanwhile has not reached the disk. */
static void power_fails(struct model *m)
{
    char kept[sizeof(m->directory) + 8];
    snprintf(kept, sizeof(kept), "%s.kept", m->directory);
    client_does(m, "NOOP");
    client_fetches_new(m);
    copy_tree(m->directory, kept);
    for (int i = 0; i < 10; i++)
        other_step(m);
    client_does(m, "NOOP");
    client_fetches_new(m);
    other_does(&m->others[0], "UID STORE 1:* +FLAGS (\\Answered)");
    client_does(m, "NOOP");
    compare(m);
    uint64_t lost = m->highest;
    cut(&m->client);
    close_store(m);
    remove_tree(m->directory);
    assert_int_equal(rename(kept, m->directory), 0);
    open_store(m);
    others_come(m);
    lost_is_worth_nothing(m, lost);
    client_returns(m);
    compare(m);
}

static void start(struct model *m)
{
    struct error error;
    snprintf(m->directory, sizeof(m->directory), "/tmp/imap-qresync-XXXXXX");
    assert_non_null(mkdtemp(m->directory));
    must_ok(store_open(&(struct store_options){.directory = m->directory}, &m->store, &error), &error);
    must_ok(store_account_create(m->store, (struct account_id){1}, &error), &error);
    store_close(m->store);
    open_store(m);
    others_come(m);
    client_returns(m);
}

static void stop(struct model *m)
{
    cut(&m->client);
    close_store(m);
    remove_tree(m->directory);
}

static void test_picture_is_always_the_servers(void **state)
{
    (void)state;
    unsigned resyncs = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct model *m = calloc(1, sizeof(*m));
        assert_non_null(m);
        m->random = seed * UINT64_C(0x9e3779b97f4a7c15);
        print_message("seed %llu\n", (unsigned long long)seed);
        start(m);
        for (int step = 0; step < STEPS; step++) {
            if (step == STEPS / 2)
                log_is_forgotten(m);
            else if (step == STEPS / 4)
                power_fails(m);
            else if (pick(m, 3) > 0)
                other_step(m);
            else
                client_step(m);
        }
        resyncs += m->resyncs;
        stop(m);
        free(m);
    }
    assert_true(resyncs > 5 * SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_picture_is_always_the_servers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
