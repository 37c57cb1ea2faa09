/* The values of keys that say how mail from strangers is judged. */
#include <arpa/inet.h>

#include "rt/settings_private.h"

/* RFC 1918, 4193, 6890: nobody sends from these to another's house. */
static const struct network_setting private_networks[] = {
    {AF_INET, {127}, 8},       {AF_INET, {10}, 8},           {AF_INET, {172, 16}, 12},
    {AF_INET, {192, 168}, 16}, {AF_INET, {169, 254}, 16},    {AF_INET6, {[15] = 1}, 128},
    {AF_INET6, {0xfc}, 7},     {AF_INET6, {0xfe, 0x80}, 10},
};

static const char *const spf_names[] = {"mark", "refuse"};
static const char *const dmarc_names[] = {"mark", "enforce"};

static bool in_network(const unsigned char *address, int family, const struct network_setting *network)
{
    unsigned bytes = network->prefix / 8;
    unsigned bits = network->prefix % 8;
    if (network->family != family || memcmp(address, network->address, bytes) != 0)
        return false;
    return bits == 0 || (address[bytes] ^ network->address[bytes]) >> (8 - bits) == 0;
}

static bool in_any(const unsigned char *address, int family, const struct network_setting *networks,
                   size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (in_network(address, family, &networks[i]))
            return true;
    return false;
}

bool settings_trust(const struct settings *s, const char *peer)
{
    unsigned char address[sizeof(struct in6_addr)];
    int family = AF_INET;
    if (inet_pton(AF_INET, peer, address) != 1) {
        family = AF_INET6;
        if (inet_pton(AF_INET6, peer, address) != 1)
            return true;
    }
    return in_any(address, family, s->trusted_networks, s->trusted_network_count) ||
           (s->trusts_private && in_any(address, family, private_networks, ARRAY_LEN(private_networks)));
}

/* "192.0.2.0/24", "2001:db8::1". */
static bool read_network(struct slice word, struct network_setting *ret)
{
    struct slice address, bits;
    char text[INET6_ADDRSTRLEN];
    bool has_bits = slice_cut(word, '/', &address, &bits);
    struct network_setting network = {.family = slice_find_char(address, ':') >= 0 ? AF_INET6 : AF_INET};
    uint32_t most = network.family == AF_INET6 ? 128 : 32;
    uint32_t prefix = most;
    if (address.n >= sizeof(text) || (has_bits && (!slice_to_u32(bits, &prefix) || prefix > most)))
        return false;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(address));
    network.prefix = prefix;
    if (inet_pton(network.family, text, network.address) != 1)
        return false;
    *ret = network;
    return true;
}

static enum err add_trusted(struct reading *r, struct slice word, struct error *error)
{
    struct settings *s = r->settings;
    if (slice_eq(word, S("private"))) {
        s->trusts_private = true;
        return ERR_OK;
    }
    if (s->trusted_network_count == SETTINGS_NETWORKS_MAX)
        return setting_refuse(r, error, "more than %d networks", SETTINGS_NETWORKS_MAX);
    if (!read_network(word, &s->trusted_networks[s->trusted_network_count]))
        return setting_refuse(r, error, "\"%.*s\" is not a network, as 192.0.2.0/24 is",
                              SLICE_ARGS(slice_sub(word, 0, 60)));
    s->trusted_network_count++;
    return ERR_OK;
}

enum err setting_read_trusted_networks(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = ERR_OK;
    if (words->count == 1 && slice_eq(words->at[0], S("none")))
        return ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < words->count; i++) {
        struct cursor c = cursor_of(words->at[i]);
        while (e == ERR_OK && !cursor_done(&c)) {
            struct slice word = cursor_take_until(&c, S(", "));
            (void)cursor_take_while(&c, S(", "));
            if (word.n > 0)
                e = add_trusted(r, word, error);
        }
    }
    return e;
}

enum err setting_read_spf_policy(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, spf_names, ARRAY_LEN(spf_names), &choice, error);
    if (e == ERR_OK)
        r->settings->spf_refuses = choice == 1;
    return e;
}

enum err setting_read_dmarc_policy(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, dmarc_names, ARRAY_LEN(dmarc_names), &choice, error);
    if (e == ERR_OK)
        r->settings->dmarc_enforced = choice == 1;
    return e;
}

enum err setting_read_dmarc_reports(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, setting_truth_names, 2, &choice, error);
    if (e == ERR_OK)
        r->settings->dmarc_reports = choice == 1;
    return e;
}

enum err setting_read_tls_reports(struct reading *r, const struct words *words, struct error *error)
{
    unsigned choice;
    enum err e = setting_choice(r, words, setting_truth_names, 2, &choice, error);
    if (e == ERR_OK)
        r->settings->tls_reports = choice == 1;
    return e;
}

void setting_put_receiving(const struct settings *s, struct buf *out)
{
    char text[INET6_ADDRSTRLEN];
    buf_put(out, S("trusted-networks = "));
    if (s->trusts_private)
        buf_put(out, S("private "));
    for (size_t i = 0; i < s->trusted_network_count; i++) {
        const struct network_setting *network = &s->trusted_networks[i];
        if (inet_ntop(network->family, network->address, text, sizeof(text)) != NULL)
            buf_printf(out, "%s/%u ", text, network->prefix);
    }
    if (!s->trusts_private && s->trusted_network_count == 0)
        buf_put(out, S("none"));
    buf_printf(out, "\narc-trusted = \"%s\"", s->arc_trusted);
    buf_printf(out, "\nspf-policy = %s\ndmarc-policy = %s\ndmarc-reports = %s\ntls-reports = %s\n",
               spf_names[s->spf_refuses], dmarc_names[s->dmarc_enforced],
               setting_truth_names[s->dmarc_reports], setting_truth_names[s->tls_reports]);
}
