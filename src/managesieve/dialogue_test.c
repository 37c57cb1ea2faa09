/* Plays the dialogues of tests/wire/managesieve (rt/test_player.h) against real sessions with a real store.
 */
#include "managesieve/managesieve.h"

#include "rt/test_player.h"

static const struct account_id account_one = {1};

struct house {
    struct store *store;
};

static void end(void *context UNUSED)
{
}

static int enter(struct player *player)
{
    struct house *house = player->context;
    static const struct settings settings = {0};
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct visit visit = {
        .fd = pair[1],
        .peer = "127.0.0.1",
        .tongue = {.language = player->connecting == 2 ? LANGUAGE_DE : LANGUAGE_EN, .negotiated = true},
        .settings = &settings,
        .ended = end,
        .context = house};
    PLAYER_OK(player, store_account(house->store, account_one, &visit.account, &error));
    PLAYER_OK(player, managesieve_session_start(player->loop, &visit, &error));
    return pair[0];
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
    store_close(house->store);
    free(house);
}

int main(int argc, char **argv)
{
    static const struct player_house house = {
        .name = "managesieve",
        .greeting = "OK \"...",
        .start = start,
        .connect = enter,
        .stop = stop,
        .verbs = {{{NULL, 0}, NULL}},
    };
    return player_main(&house, argc, argv);
}
