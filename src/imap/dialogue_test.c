/*
 * Plays the dialogues of tests/wire/imap, or imap_limits (rt/test_player.h), against real sessions with a
 * real store. Verbs of its own:
 *
 *   FILL: INBOX 500             messages put there as delivery does
 *   DAMAGE: hello 1             the bytes on disk where this text is stored are damaged
 *   V: a3 SELECT INBOX (QRESYNC ($V 7))   sent by the first session with INBOX's UIDVALIDITY for $V
 *   WITHOUT: IDLE MOVE          first of all: the first session has these capabilities switched off
 *   LIMITED: MESSAGELIMIT       first of all: the first session may work on 3 messages at once; or SAVELIMIT
 *   GERMAN:                     first of all: the first session is of an account whose language is German
 *   L: a2 APPEND INBOX          sent by the first session with the "|" lines as a literal
 *
 *   PEOPLE: a@example.org b@example.org   there is a directory with these; each logs in with one connection
 *   APART: INBOX                \Seen is kept for each person in this mailbox of the first one; again: no
 * longer GROUP: team@example.org b@example.org
 *
 * The log-in's answer is read by itself. Without PEOPLE all connections are of one account that no directory
 * knows.
 */
#include <fcntl.h>
#include <glob.h>

#include "directory/directory.h"
#include "imap/session.h"
#include "store/message.h"
#include "store/seen.h"

#include "rt/test_player.h"

#ifndef IMAP_DIALOGUES
#define IMAP_DIALOGUES "imap" /* the folder; low_limits.h has another */
#endif

enum { MESSAGE_MAX = 1024 * 1024, LIMIT = 3 };

#define SETTINGS                                                                                  \
    .message_size_max = MESSAGE_MAX, .imap_clients = {{"Broken Mail*", "UIDONLY LITERAL+ MOVE"}}, \
    .imap_client_count = 1
static const struct settings unlimited = {SETTINGS};
static const struct settings limited_messages = {SETTINGS, .imap_message_limit = LIMIT};
static const struct settings limited_saving = {SETTINGS, .imap_save_limit = LIMIT};

struct people {
    struct directory *directory;
    struct account_id ids[PLAYER_PEERS_MAX];
    size_t count;
};

static struct account_id whose(const struct player *player)
{
    const struct people *people = player->people;
    if (people == NULL)
        return (struct account_id){1};
    assert_true(player->connecting < people->count);
    return people->ids[player->connecting];
}

static void add_person(struct player *player, struct slice address)
{
    struct people *people = player->people;
    const struct account_new new = {.address = address};
    struct domain_id domain;
    struct slice local;
    struct slice name;
    assert_true(people->count < PLAYER_PEERS_MAX && slice_cut(address, '@', &local, &name));
    bool local_domain;
    PLAYER_OK(player, domain_is_local(people->directory, name, &local_domain, &error));
    if (!local_domain)
        PLAYER_OK(player, domain_add(people->directory, name, &domain, &error));
    PLAYER_OK(player, account_entry_add(people->directory, &new, &people->ids[people->count], &error));
    PLAYER_OK(player, store_account_create(player->context, people->ids[people->count++], &error));
}

static void add_people(struct player *player, struct slice argument, struct slice block)
{
    struct people *people = calloc(1, sizeof(*people));
    (void)block;
    assert_non_null(people);
    player->people = people;
    PLAYER_OK(player, directory_open(store_volume(player->context), &people->directory, &error));
    while (argument.n > 0) {
        struct slice address;
        slice_cut(argument, ' ', &address, &argument);
        add_person(player, address);
    }
}

static void add_group(struct player *player, struct slice argument, struct slice block)
{
    const struct people *people = player->people;
    struct slice member;
    struct alias group = {.targets = &member, .target_count = 1, .group = true};
    (void)block;
    assert_true(people != NULL && slice_cut(argument, ' ', &group.address, &member));
    PLAYER_OK(player, alias_set(people->directory, &group, true, &error));
}

static void keep_apart(struct player *player, struct slice argument, struct slice block)
{
    const struct people *people = player->people;
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct account *account;
    struct folder folder;
    (void)block;
    assert_true(people != NULL && people->count > 0);
    PLAYER_OK(player, store_account(player->context, people->ids[0], &account, &error));
    PLAYER_OK(player, folder_find(account, argument, &arena, &folder, &error));
    PLAYER_OK(player, seen_set_apart(account, folder.id, !folder.seen_apart, &error));
    account_unref(account);
}

/* In place of edge: says what came along. */
static enum err play_edge(void *owner, struct link_give_back *given, struct error *error)
{
    CLEANUP(fd_close) int fd = fd_take(&given->fd);
    CLEANUP(buf_release) struct buf text = BUF(1000);
    (void)owner;
    buf_printf(&text, "* EDGE <%.*s>\r\n", SLICE_ARGS(given->pending));
    return fd_write_all(fd, buf_slice(&text), error);
}

static int enter_with(struct player *player, struct slice off, enum language language,
                      const struct settings *settings)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    const struct people *people = player->people;
    struct visit visit = {.fd = pair[1],
                          .tag = S("login"),
                          .peer = "127.0.0.1",
                          .capabilities_off = off,
                          .tongue = {.language = language},
                          .preferred = language,
                          .settings = settings,
                          .give_back = play_edge,
                          .store = player->context,
                          .directory = people != NULL ? people->directory : NULL};
    PLAYER_OK(player, store_account(player->context, whose(player), &visit.account, &error));
    PLAYER_OK(player, imap_session_start(player->loop, &visit, &error));
    return pair[0];
}

static int enter_as(struct player *player, struct slice off, enum language language)
{
    return enter_with(player, off, language, &unlimited);
}

static int enter(struct player *player)
{
    return enter_as(player, slice_none(), LANGUAGE_EN);
}

/* The first session, before anything else is said. */
static void without(struct player *player, struct slice argument, struct slice block)
{
    (void)block;
    assert_int_equal(player->peers[0].fd, -1);
    player->peers[0].fd = enter_as(player, argument, LANGUAGE_EN);
    player_expect(player, &player->peers[0], slice_cstr(player->house->greeting));
}

/* The first session, of an account whose language is German. */
static void german(struct player *player, struct slice argument, struct slice block)
{
    (void)argument;
    (void)block;
    assert_int_equal(player->peers[0].fd, -1);
    player->peers[0].fd = enter_as(player, slice_none(), LANGUAGE_DE);
    player_expect(player, &player->peers[0], slice_cstr(player->house->greeting));
}

/* The first session, before anything else is said. */
static void limited(struct player *player, struct slice argument, struct slice block)
{
    bool messages = slice_eq(argument, S("MESSAGELIMIT"));
    (void)block;
    assert_true(messages || slice_eq(argument, S("SAVELIMIT")));
    assert_int_equal(player->peers[0].fd, -1);
    player->peers[0].fd =
        enter_with(player, slice_none(), LANGUAGE_EN, messages ? &limited_messages : &limited_saving);
    player_expect(player, &player->peers[0], slice_cstr(player->house->greeting));
}

static void fill(struct player *player, struct slice argument, struct slice block)
{
    struct slice path;
    struct slice number;
    uint32_t count;
    (void)block;
    assert_true(slice_cut(argument, ' ', &path, &number) && slice_to_u32(number, &count));
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct account *account;
    struct folder folder;
    PLAYER_OK(player, store_account(player->context, (struct account_id){1}, &account, &error));
    PLAYER_OK(player, folder_find(account, path, &arena, &folder, &error));
    for (uint32_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf text = BUF(1000);
        buf_printf(&text, "Subject: number %u\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nhello %u\r\n", i,
                   i);
        struct append_item item = {.folder = folder.id, .body = buf_slice(&text)};
        struct append_result result;
        PLAYER_OK(player, message_append(account, &item, 1, &result, &error));
    }
    account_unref(account);
}

/* Overwrites the first byte of every place in the account's packs where the text is stored as it is. */
static void damage_file(struct player *player, const char *path, struct slice text)
{
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    CLEANUP(buf_release) struct buf bytes = BUF(16 * MESSAGE_MAX);
    assert_true(fd >= 0);
    PLAYER_OK(player, fd_read_all(fd, &bytes, &error));
    ssize_t at;
    while ((at = slice_find(buf_slice(&bytes), text)) >= 0) {
        bytes.p[at] = '#';
        PLAYER_OK(player, fd_pwrite_all(fd, S("#"), (uint64_t)at, &error));
    }
}

static void damage(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(buf_release) struct buf pattern = BUF(4096);
    (void)block;
    buf_printf(&pattern, "%s/accounts/*/*/packs/*.pack", player->directory);
    glob_t found;
    assert_int_equal(glob(buf_cstr(&pattern), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        damage_file(player, found.gl_pathv[i], argument);
    globfree(&found);
}

static void send_literal(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(buf_release) struct buf command = BUF(2 * MESSAGE_MAX);
    buf_printf(&command, "%.*s {%zu+}\r\n", SLICE_ARGS(argument), block.n);
    buf_put(&command, block);
    buf_put(&command, S("\r\n"));
    player_send(player, player_peer(player, 0), buf_slice(&command));
}

static void send_with_validity(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    CLEANUP(buf_release) struct buf command = BUF(MESSAGE_MAX);
    struct account *account;
    struct folder folder;
    (void)block;
    PLAYER_OK(player, store_account(player->context, (struct account_id){1}, &account, &error));
    PLAYER_OK(player, folder_find(account, S("INBOX"), &arena, &folder, &error));
    account_unref(account);
    ssize_t at = slice_find(argument, S("$V"));
    assert_true(at >= 0);
    buf_printf(&command, "%.*s%u%.*s\r\n", (int)at, argument.p, folder.uidvalidity,
               SLICE_ARGS(slice_from(argument, (size_t)at + 2)));
    player_send(player, player_peer(player, 0), buf_slice(&command));
}

static void start(struct player *player)
{
    struct store *store;
    PLAYER_OK(player, store_open(&(struct store_options){.directory = player->directory}, &store, &error));
    PLAYER_OK(player, store_account_create(store, (struct account_id){1}, &error));
    player->context = store;
}

static void stop(struct player *player)
{
    struct people *people = player->people;
    if (people != NULL)
        directory_close(people->directory);
    free(people);
    store_close(player->context);
}

int main(int argc, char **argv)
{
    static const struct player_house house = {
        .name = IMAP_DIALOGUES,
        .greeting = "login OK [CAPABILITY IMAP4rev1 ...] ...",
        .start = start,
        .connect = enter,
        .stop = stop,
        .verbs = {{{"FILL", 4}, fill},
                  {{"DAMAGE", 6}, damage},
                  {{"L", 1}, send_literal},
                  {{"PEOPLE", 6}, add_people},
                  {{"GROUP", 5}, add_group},
                  {{"APART", 5}, keep_apart},
                  {{"V", 1}, send_with_validity},
                  {{"WITHOUT", 7}, without},
                  {{"LIMITED", 7}, limited},
                  {{"GERMAN", 6}, german}},
    };
    return player_main(&house, argc, argv);
}
