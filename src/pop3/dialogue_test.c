/*
 * Plays the dialogues of tests/wire/pop3 (rt/test_player.h) against real sessions with a real store: POP3's
 * TRANSACTION state. Verbs of its own:
 *
 *   FILL: 3                     so many messages into the Inbox: "Subject: number 0" and on, body "hello 0"
 *   FILL: 1 90                  with so many fields beyond ASCII on top
 *   PUT: x                      the "|" lines as one message; without them the argument, with \r and \n
 *   REMOVE: 2                   somebody else expunges the message with that UID
 *   WATCH: 2                    an IMAP session opens the Inbox and finds so many messages
 *   EXPUNGED: 1,1               what that session would hear now: EXPUNGE of these sequence numbers
 *   SEEN: 1,3                   the UIDs with \Seen in the Inbox are these now
 *   DAMAGE:                     the disk spoils every message
 *   GERMAN:                     the first connection is of an account whose language is German
 *   BREAK: 1                    the first connection breaks; the next C: is a new one
 *
 * The log-in's answer is read by itself. The third connection, "C3:", has said UTF8 before it.
 */
#include <fcntl.h>
#include <stdatomic.h>

#include "pop3/pop3.h"
#include "pop3/session.h"
#include "store/message.h"
#include "store/view.h"

#include "rt/test_player.h"

static const struct account_id account_one = {1};

struct house {
    struct store *store;
    atomic_int ended;
    struct account *watcher; /* of an IMAP session; NULL: none */
    struct view *view;
};

static void end(void *context)
{
    struct house *house = context;
    house->ended++;
}

static int enter_as(struct player *player, enum language language)
{
    struct house *house = player->context;
    static const struct settings settings = {.message_size_max = 1024 * 1024};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct visit visit = {.fd = pair[1],
                          .tag = player->connecting == 2 ? POP3_MODE_UTF8 : slice_none(),
                          .peer = "127.0.0.1",
                          .tongue = {.language = language},
                          .preferred = language,
                          .settings = &settings,
                          .ended = end,
                          .context = house};
    PLAYER_OK(player, store_account(house->store, account_one, &visit.account, &error));
    PLAYER_OK(player, pop3_session_start(player->loop, &visit, &error));
    return pair[0];
}

static int enter(struct player *player)
{
    return enter_as(player, LANGUAGE_EN);
}

/* The first session, of an account whose language is German. */
static void german(struct player *player, struct slice argument, struct slice block)
{
    (void)argument;
    (void)block;
    assert_int_equal(player->peers[0].fd, -1);
    player->peers[0].fd = enter_as(player, LANGUAGE_DE);
    player_expect(player, &player->peers[0], S("+OK angemeldet"));
}

struct inbox {
    struct account *account;
    struct arena arena;
    struct folder folder;
};

static struct inbox inbox_open(struct player *player)
{
    struct house *house = player->context;
    struct inbox inbox = {.arena = ARENA(64 * 1024 * 1024)};
    PLAYER_OK(player, store_account(house->store, account_one, &inbox.account, &error));
    PLAYER_OK(player, folder_by_role(inbox.account, ROLE_FOLDER_INBOX, &inbox.arena, &inbox.folder, &error));
    return inbox;
}

static void inbox_close(struct inbox *inbox)
{
    account_unref(inbox->account);
    arena_release(&inbox->arena);
}

static void append(struct player *player, struct inbox *inbox, struct slice body)
{
    struct append_item item = {.folder = inbox->folder.id, .body = body};
    struct append_result result;
    PLAYER_OK(player, message_append(inbox->account, &item, 1, &result, &error));
}

static void fill(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(inbox_close) struct inbox inbox = inbox_open(player);
    struct slice rest;
    size_t count = player_number(player, argument, &rest);
    size_t odd = rest.n > 0 ? player_number(player, rest, &rest) : 0;
    (void)block;
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_release) struct buf text = BUF(PLAYER_BYTES_MAX);
        for (size_t k = 0; k < odd; k++)
            buf_put(&text, S("Comments: \xc3\xbc\r\n"));
        buf_printf(&text, "Subject: number %zu\r\n\r\nhello %zu\r\n", i, i);
        append(player, &inbox, buf_slice(&text));
    }
}

static void put(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(inbox_close) struct inbox inbox = inbox_open(player);
    CLEANUP(buf_release) struct buf text = BUF(PLAYER_BYTES_MAX);
    if (block.n > 0)
        buf_put(&text, block);
    else
        player_unescape(argument, &text);
    append(player, &inbox, buf_slice(&text));
}

static void remove_one(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(inbox_close) struct inbox inbox = inbox_open(player);
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    struct slice rest;
    uint32_t uid = (uint32_t)player_number(player, argument, &rest);
    (void)block;
    uid_set_add(&uids, uid, uid);
    PLAYER_OK(player, message_expunge(inbox.account, inbox.folder.id, &uids, false, &removed, &error));
}

static void put_seen(struct player *player, struct buf *out)
{
    CLEANUP(inbox_close) struct inbox inbox = inbox_open(player);
    CLEANUP(uid_set_release) struct uid_set all = {0};
    struct message *messages;
    size_t count;
    uid_set_add(&all, 1, UINT32_MAX);
    PLAYER_OK(player, message_list(inbox.account, inbox.folder.id, &all, WANT_FLAGS, 0, &inbox.arena,
                                   &messages, &count, &error));
    for (size_t i = 0; i < count; i++)
        if (flag_has(&messages[i].flags, FLAG_SEEN))
            buf_printf(out, "%s%u", out->n > 0 ? "," : "", messages[i].uid.v);
}

/* The view is all that IMAP's SELECT makes. */
static void watch(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(inbox_close) struct inbox inbox = inbox_open(player);
    struct house *house = player->context;
    struct slice rest;
    (void)block;
    PLAYER_OK(player, store_account(house->store, account_one, &house->watcher, &error));
    PLAYER_OK(player, view_open(house->watcher, inbox.folder.id, false, &house->view, &error));
    assert_int_equal(view_exists(house->view), player_number(player, argument, &rest));
}

static void expect_expunged(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    CLEANUP(buf_release) struct buf told = BUF(10000);
    struct house *house = player->context;
    (void)block;
    PLAYER_OK(player, view_sync(house->view, true, &changes, &error));
    for (size_t i = 0; i < changes.expunged_count; i++)
        buf_printf(&told, "%s%u", i > 0 ? "," : "", changes.expunged[i]);
    if (!slice_eq(buf_slice(&told), argument))
        fail_msg("%s:%d: expunged are: %.*s", player->file, player->line, SLICE_ARGS(buf_slice(&told)));
}

/* A session that has just ended may still be about to say so. */
static void expect_seen(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(buf_release) struct buf seen = BUF(10000);
    (void)block;
    for (int i = 0; i < 1000; i++) {
        buf_clear(&seen);
        put_seen(player, &seen);
        if (slice_eq(buf_slice(&seen), argument))
            return;
        usleep(5000);
    }
    fail_msg("%s:%d: seen are: %.*s", player->file, player->line, SLICE_ARGS(buf_slice(&seen)));
}

static int spoil_pack(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)walk;
    if (kind != FTW_F || !slice_ends(slice_cstr(path), S(".pack")))
        return 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    for (off_t at = 0; at < status->st_size; at += 16)
        assert_int_equal(pwrite(fd, "spoilt", 6, at), 6);
    fd_close(&fd);
    return 0;
}

static void damage(struct player *player, struct slice argument, struct slice block)
{
    (void)argument;
    (void)block;
    nftw(player->directory, spoil_pack, 10, FTW_PHYS);
}

static void break_off(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    int before = house->ended;
    (void)argument;
    (void)block;
    fd_close(&player->peers[0].fd);
    player->peers[0].closed = false;
    for (int i = 0; i < 1000 && house->ended == before; i++)
        usleep(5000);
}

static void start(struct player *player)
{
    struct house *house = calloc(1, sizeof(*house));
    assert_non_null(house);
    player->context = house;
    PLAYER_OK(player,
              store_open(&(struct store_options){.directory = player->directory}, &house->store, &error));
    PLAYER_OK(player, store_account_create(house->store, account_one, &error));
}

static void stop(struct player *player)
{
    struct house *house = player->context;
    if (house->view != NULL)
        view_close(house->view);
    account_unref(house->watcher);
    store_close(house->store);
    free(house);
}

int main(int argc, char **argv)
{
    static const struct player_house house = {
        .name = "pop3",
        .greeting = "+OK logged in",
        .start = start,
        .connect = enter,
        .stop = stop,
        .verbs = {{{"FILL", 4}, fill},
                  {{"PUT", 3}, put},
                  {{"REMOVE", 6}, remove_one},
                  {{"WATCH", 5}, watch},
                  {{"EXPUNGED", 8}, expect_expunged},
                  {{"SEEN", 4}, expect_seen},
                  {{"DAMAGE", 6}, damage},
                  {{"BREAK", 5}, break_off},
                  {{"GERMAN", 6}, german}},
    };
    return player_main(&house, argc, argv);
}
