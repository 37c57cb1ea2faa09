/*
 * Plays the dialogues of tests/wire/imap_urlauth between several people: the first connection is of
 * joe@example.com, the second of fred@example.com, the third of eve@example.com, who may not use IMAP. In
 * files whose name holds "tls" all are of joe, as if in TLS. Verbs of its own:
 *
 *   L: a1 APPEND INBOX          sent by joe with the "|" lines as a literal
 *   GEN: imap://...;urlauth=anonymous    joe has this URL signed; it is $URL from then on
 *   ASK: 2 a1 URLFETCH "$URL"   sent by the second connection
 */
#include "directory/directory.h"
#include "imap/session.h"

#include "rt/test_player.h"

enum { MESSAGE_MAX = 1024 * 1024, PEOPLE = 3, URL_MAX = 4096 };

struct house {
    struct store *store;
    struct directory *directory;
    struct account_id ids[PEOPLE];
    size_t entered;
    struct buf url;
};

static const struct slice people[PEOPLE] = {
    {"joe@example.com", 15}, {"fred@example.com", 16}, {"eve@example.com", 15}};

static int enter(struct player *player)
{
    int pair[2];
    struct house *house = player->context;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    static const struct settings settings = {.message_size_max = MESSAGE_MAX};
    bool tls = strstr(player->file, "tls") != NULL;
    struct visit visit = {.fd = pair[1],
                          .tag = S("login"),
                          .peer = "127.0.0.1",
                          .settings = &settings,
                          .store = house->store,
                          .directory = house->directory,
                          .tls = tls};
    assert_true(house->entered < PEOPLE);
    struct account_id id = house->ids[tls ? 0 : house->entered++];
    PLAYER_OK(player, store_account(house->store, id, &visit.account, &error));
    PLAYER_OK(player, imap_session_start(player->loop, &visit, &error));
    return pair[0];
}

static void start(struct player *player)
{
    struct house *house = calloc(1, sizeof(*house));
    struct domain_id domain;
    assert_non_null(house);
    player->context = house;
    house->url = BUF(URL_MAX);
    PLAYER_OK(player,
              store_open(&(struct store_options){.directory = player->directory}, &house->store, &error));
    PLAYER_OK(player, directory_open(store_volume(house->store), &house->directory, &error));
    PLAYER_OK(player, domain_add(house->directory, S("example.com"), &domain, &error));
    for (size_t i = 0; i < PEOPLE; i++) {
        const struct account_new new = {.address = people[i], .plan = i == 2 ? S("pop3") : S("imap")};
        PLAYER_OK(player, account_entry_add(house->directory, &new, &house->ids[i], &error));
        PLAYER_OK(player, store_account_create(house->store, house->ids[i], &error));
    }
}

static void stop(struct player *player)
{
    struct house *house = player->context;
    buf_release(&house->url);
    directory_close(house->directory);
    store_close(house->store);
    free(house);
}

static void send_literal(struct player *player, struct slice argument, struct slice block)
{
    CLEANUP(buf_release) struct buf command = BUF(2 * MESSAGE_MAX);
    buf_printf(&command, "%.*s {%zu+}\r\n", SLICE_ARGS(argument), block.n);
    buf_put(&command, block);
    buf_put(&command, S("\r\n"));
    player_send(player, player_peer(player, 0), buf_slice(&command));
}

static void have_signed(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    struct player_peer *joe = player_peer(player, 0);
    CLEANUP(buf_release) struct buf text = BUF(URL_MAX);
    (void)block;
    buf_printf(&text, "gen GENURLAUTH \"%.*s\" INTERNAL\r\n", SLICE_ARGS(argument));
    player_send(player, joe, buf_slice(&text));
    assert_true(player_next_line(player, joe, &text));
    struct slice line = buf_slice(&text);
    if (!slice_starts(line, S("* GENURLAUTH \"")) || !slice_ends(line, S("\"")))
        fail_msg("%s:%d: came: %s", player->file, player->line, buf_cstr(&text));
    buf_clear(&house->url);
    buf_put(&house->url, slice_sub(line, 14, line.n - 15));
    player_expect(player, joe, S("gen OK GENURLAUTH completed"));
}

static void ask(struct player *player, struct slice argument, struct slice block)
{
    const struct house *house = player->context;
    CLEANUP(buf_release) struct buf command = BUF(2 * URL_MAX);
    size_t peer = (size_t)(argument.p[0] - '1');
    struct slice text = slice_from(argument, 2);
    ssize_t at;
    (void)block;
    while ((at = slice_find(text, S("$URL"))) >= 0) {
        buf_put(&command, slice_sub(text, 0, (size_t)at));
        buf_put(&command, buf_slice(&house->url));
        text = slice_from(text, (size_t)at + 4);
    }
    buf_put(&command, text);
    buf_put(&command, S("\r\n"));
    player_send(player, player_peer(player, peer), buf_slice(&command));
}

int main(int argc, char **argv)
{
    static const struct player_house house = {
        .name = "imap_urlauth",
        .greeting = "login OK [CAPABILITY IMAP4rev1 ...] ...",
        .start = start,
        .connect = enter,
        .stop = stop,
        .verbs = {{{"L", 1}, send_literal}, {{"GEN", 3}, have_signed}, {{"ASK", 3}, ask}},
    };
    return player_main(&house, argc, argv);
}
