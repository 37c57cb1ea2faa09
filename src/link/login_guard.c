#include "link/login_guard.h"

#include <arpa/inet.h>

/* After six failures a name from that address waits; from then on it has one guess in half a minute. The
 * bounds lie between two doublings, since a penalty fades from its first moment on. */
#define STEP_US CLOCK_SECOND
#define CAP_US (15 * CLOCK_MINUTE)
#define HALF_LIFE_US (30 * CLOCK_SECOND)
#define REFUSE_US (24 * CLOCK_SECOND)
#define PEER_REFUSE_US (384 * CLOCK_SECOND) /* many people may share an address */

/*
 * A name at which many addresses fail is under attack: some twenty of them at once, then one in ten minutes
 * keeps it so; an hour after the last it is over. What is counted are addresses, not failures: a device that
 * tries an old password again and again is no attack.
 */
#define ATTACK_STEP_US CLOCK_MS
#define ATTACK_HALF_LIFE_US (10 * CLOCK_MINUTE)
#define ATTACK_US (ATTACK_STEP_US * 3 << 17) /* between the 19th doubling and the 20th */
#define ATTACK_CAP_US (ATTACK_STEP_US << 24)

/* So long an address that failed at a name is remembered: it has one guess in that time during an attack. */
#define STRIKE_US (6 * CLOCK_HOUR)
/* So long a network that the owner came from counts as his. */
#define HOME_US (30 * CLOCK_DAY)

struct login_guard {
    struct rate *by_peer;
    struct rate *by_name; /* address and account name */
    struct rate *attacks; /* account name */
    struct rate *strikes; /* address and account name; there or not */
    struct rate *homes;   /* network and account name; there or not */
};

enum { KEY_MAX = CONN_PEER_TEXT_MAX + 1 + ADDRESS_MAX };

struct login_guard *login_guard_create(void)
{
    struct login_guard *guard = calloc(1, sizeof(*guard));
    if (guard == NULL)
        return NULL;
    guard->by_peer = rate_create(STEP_US, CAP_US, HALF_LIFE_US);
    guard->by_name = rate_create(STEP_US, CAP_US, HALF_LIFE_US);
    guard->attacks = rate_create(ATTACK_STEP_US, ATTACK_CAP_US, ATTACK_HALF_LIFE_US);
    guard->strikes = rate_create(1, 1, STRIKE_US);
    guard->homes = rate_create(1, 1, HOME_US);
    if (guard->by_peer == NULL || guard->by_name == NULL || guard->attacks == NULL ||
        guard->strikes == NULL || guard->homes == NULL) {
        login_guard_destroy(guard);
        return NULL;
    }
    return guard;
}

void login_guard_destroy(struct login_guard *guard)
{
    if (guard == NULL)
        return;
    struct rate *const rates[] = {guard->by_peer, guard->by_name, guard->attacks, guard->strikes,
                                  guard->homes};
    for (size_t i = 0; i < ARRAY_LEN(rates); i++)
        if (rates[i] != NULL)
            rate_destroy(rates[i]);
    free(guard);
}

/* The address's first bits, the rest zero: of IPv4 and of IPv6. */
static void cut_address(const char *peer, int bytes4, int bytes6, char ret_text[static CONN_PEER_TEXT_MAX])
{
    unsigned char address[sizeof(struct in6_addr)];
    snprintf(ret_text, CONN_PEER_TEXT_MAX, "%s", peer);
    if (inet_pton(AF_INET6, peer, address) == 1) {
        memset(address + bytes6, 0, sizeof(address) - (size_t)bytes6);
        (void)!inet_ntop(AF_INET6, address, ret_text, CONN_PEER_TEXT_MAX);
    } else if (inet_pton(AF_INET, peer, address) == 1) {
        memset(address + bytes4, 0, sizeof(struct in_addr) - (size_t)bytes4);
        (void)!inet_ntop(AF_INET, address, ret_text, CONN_PEER_TEXT_MAX);
    }
}

/* Who is behind an address: in IPv6 a /64, which is what one customer of an access provider has at least. */
static struct slice who(const char *peer, char ret_text[static CONN_PEER_TEXT_MAX])
{
    cut_address(peer, 4, 8, ret_text);
    return slice_cstr(ret_text);
}

static void put_key(struct buf *key, const char *place, struct slice name)
{
    buf_clear(key);
    buf_put(key, slice_cstr(place));
    buf_putc(key, ' ');
    buf_put(key, slice_sub(name, 0, ADDRESS_MAX));
}

/* An access provider's network: telephones come from another address each time, but seldom from another
 * provider. */
static void put_home_key(struct buf *key, const char *peer, struct slice name)
{
    char network[CONN_PEER_TEXT_MAX];
    cut_address(peer, 2, 4, network);
    put_key(key, network, name);
}

/* During an attack a place where the owner has not been has one guess, so that he himself can always come
 * in from a new one with the right password; no failure of others keeps him out. */
static bool has_had_its_guess(struct login_guard *guard, const char *peer, struct slice name,
                              struct slice strike_key)
{
    CLEANUP(buf_release) struct buf home = BUF(KEY_MAX);
    if (name.n == 0 || rate_penalty_us(guard->attacks, name) < ATTACK_US)
        return false;
    put_home_key(&home, peer, name);
    return rate_penalty_us(guard->strikes, strike_key) > 0 &&
           rate_penalty_us(guard->homes, buf_slice(&home)) == 0;
}

bool guard_must_wait(struct login_guard *guard, const char *peer, struct slice name)
{
    CLEANUP(buf_release) struct buf key = BUF(KEY_MAX);
    char text[CONN_PEER_TEXT_MAX];
    struct slice address = who(peer, text);
    put_key(&key, text, name);
    return rate_penalty_us(guard->by_peer, address) >= PEER_REFUSE_US ||
           rate_penalty_us(guard->by_name, buf_slice(&key)) >= REFUSE_US ||
           has_had_its_guess(guard, peer, name, buf_slice(&key));
}

void guard_failed(struct login_guard *guard, const char *peer, struct slice name)
{
    CLEANUP(buf_release) struct buf key = BUF(KEY_MAX);
    char text[CONN_PEER_TEXT_MAX];
    rate_failed(guard->by_peer, who(peer, text));
    put_key(&key, text, name);
    rate_failed(guard->by_name, buf_slice(&key));
    if (name.n == 0)
        return;
    if (rate_penalty_us(guard->strikes, buf_slice(&key)) == 0)
        rate_failed(guard->attacks, name);
    rate_failed(guard->strikes, buf_slice(&key));
}

/* Who has an account of his own must not buy more guesses at others' with it, so the address's failures stay
 * and fade. */
void guard_succeeded(struct login_guard *guard, const char *peer, struct slice name, struct slice address)
{
    CLEANUP(buf_release) struct buf key = BUF(KEY_MAX);
    char text[CONN_PEER_TEXT_MAX];
    (void)who(peer, text);
    put_key(&key, text, name);
    rate_succeeded(guard->by_name, buf_slice(&key));
    rate_succeeded(guard->strikes, buf_slice(&key));
    put_home_key(&key, peer, name);
    rate_failed(guard->homes, buf_slice(&key));
    if (slice_eq(name, address))
        return;
    put_home_key(&key, peer, address);
    rate_failed(guard->homes, buf_slice(&key));
}
