/*
 * Plays the dialogues of tests/wire/smtp (rt/test_player.h); store is played by link/test_link.h. Verbs of
 * its own, before the first C: SERVICE (relay, submission, lmtp), PEER (an address), and at any time:
 *
 *   STORE: down                 what goes wrong from now on: down, no-spool, spool-is-full; up: all is well
 *   SETTINGS: refuse            full mailboxes are refused for good
 *   WITHOUT: PLAIN LOGIN        these mechanisms are switched off
 *   PROVIDER: there             tokens of an identity provider are taken
 *   ACCEPTED: from <a> to <b>   the last message was taken with this envelope; the "|" lines are its body
 *   COUNT: 2                    so many were taken in all
 */

#include "link/test_link.h"
#include "smtp/smtp.h"

#include "rt/test_player.h"

struct house {
    enum smtp_service service;
    char peer[CONN_PEER_TEXT_MAX];
    struct settings settings;
    char without[100];
    struct login_guard *guard;
    struct link link;
};

static void release_guest(struct guest *guest)
{
    free(guest);
}

static int enter(struct player *player)
{
    struct house *house = player->context;
    int pair[2];
    struct guest *guest = calloc(1, sizeof(*guest));
    assert_non_null(guest);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    *guest = (struct guest){.loop = player->loop,
                            .link = &house->link,
                            .guard = house->guard,
                            .settings = &house->settings,
                            .fd = pair[1],
                            .release = release_guest};
    snprintf(guest->peer, sizeof(guest->peer), "%s", house->peer);
    smtp_start(guest, house->service);
    return pair[0];
}

static void set_service(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    (void)block;
    house->service = slice_eq(argument, S("lmtp"))         ? SMTP_LMTP
                     : slice_eq(argument, S("submission")) ? SMTP_SUBMISSION
                                                           : SMTP_RELAY;
}

static void set_peer(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    (void)block;
    snprintf(house->peer, sizeof(house->peer), "%.*s", SLICE_ARGS(argument));
}

static void set_store(struct player *player, struct slice argument, struct slice block)
{
    (void)player;
    (void)block;
    played.down = slice_eq(argument, S("down"));
    played.no_spool = slice_eq(argument, S("no-spool"));
    played.spool_is_full = slice_eq(argument, S("spool-is-full"));
}

static void set_settings(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    (void)block;
    house->settings.full_mailbox_refuse = slice_eq(argument, S("refuse"));
}

static void set_without(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    (void)block;
    snprintf(house->without, sizeof(house->without), "%.*s", SLICE_ARGS(argument));
    house->settings.sasl_without = house->without;
}

static void set_provider(struct player *player, struct slice argument, struct slice block)
{
    struct house *house = player->context;
    (void)block;
    house->settings.oauth = slice_eq(argument, S("there"));
}

static void expect_accepted(struct player *player, struct slice argument, struct slice block)
{
    pthread_mutex_lock(&played.lock);
    if (!player_matches(buf_slice(&played.envelope), argument))
        fail_msg("%s:%d: wanted: %.*s\n   taken: %s", player->file, player->line, SLICE_ARGS(argument),
                 buf_cstr(&played.envelope));
    if (block.n > 0 && !slice_eq(buf_slice(&played.body), block))
        fail_msg("%s:%d: wanted body: %.*s\n   taken: %s", player->file, player->line, SLICE_ARGS(block),
                 buf_cstr(&played.body));
    pthread_mutex_unlock(&played.lock);
}

static void expect_count(struct player *player, struct slice argument, struct slice block)
{
    struct slice rest;
    (void)block;
    assert_int_equal((size_t)played.accepted, player_number(player, argument, &rest));
}

static void start(struct player *player)
{
    struct house *house = calloc(1, sizeof(*house));
    assert_non_null(house);
    house->settings = (struct settings){.hostname = "mail.example", .message_size_max = 200 * 1024};
    house->guard = login_guard_create();
    assert_non_null(house->guard);
    snprintf(house->peer, sizeof(house->peer), "127.0.0.1");
    player->context = house;
    played_reset();
}

static void stop(struct player *player)
{
    struct house *house = player->context;
    login_guard_destroy(house->guard);
    free(house);
    played_reset();
}

int main(int argc, char **argv)
{
    static const struct player_house house = {
        .name = "smtp",
        .greeting = "220 mail.example ...MTP Posthorn",
        .start = start,
        .connect = enter,
        .stop = stop,
        .verbs = {{{"SERVICE", 7}, set_service},
                  {{"PEER", 4}, set_peer},
                  {{"STORE", 5}, set_store},
                  {{"SETTINGS", 8}, set_settings},
                  {{"WITHOUT", 7}, set_without},
                  {{"PROVIDER", 8}, set_provider},
                  {{"ACCEPTED", 8}, expect_accepted},
                  {{"COUNT", 5}, expect_count}},
    };
    return player_main(&house, argc, argv);
}
