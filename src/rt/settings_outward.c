/* The values of keys that say whom this server asks on the internet. */
#include <arpa/inet.h>

#include "rt/settings_private.h"

/* "ADDRESS", "ADDRESS:PORT", "[ADDRESS6]", "[ADDRESS6]:PORT". */
static bool address_valid(struct slice text)
{
    struct slice address = text;
    struct slice port = slice_none();
    char plain[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[sizeof(struct in6_addr)];
    uint32_t number;
    bool six = slice_starts(text, S("["));
    bool has_port;
    if (six) {
        struct slice rest;
        if (!slice_cut(slice_from(text, 1), ']', &address, &rest) || (rest.n > 0 && rest.p[0] != ':'))
            return false;
        has_port = rest.n > 0;
        port = slice_from(rest, 1);
    } else {
        has_port = slice_cut(text, ':', &address, &port);
    }
    if (has_port && (!slice_to_u32(port, &number) || number < 1 || number > 65535))
        return false;
    if (address.n >= sizeof(plain))
        return false;
    snprintf(plain, sizeof(plain), "%.*s", SLICE_ARGS(address));
    return inet_pton(six ? AF_INET6 : AF_INET, plain, bytes) == 1;
}

enum err setting_read_resolver(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e != ERR_OK)
        return e;
    if (slice_eq(words->at[0], S("system")))
        return setting_keep(r, slice_none(), &r->settings->resolver, error);
    if (!address_valid(words->at[0]))
        return setting_refuse(r, error, "\"%.*s\" is not the address of a name server",
                              SLICE_ARGS(words->at[0]));
    return setting_keep(r, words->at[0], &r->settings->resolver, error);
}

enum err setting_read_ca_file(struct reading *r, const struct words *words, struct error *error)
{
    enum err e = setting_one_word(r, words, error);
    if (e == ERR_OK)
        e = setting_keep_path(r, words->at[0], SETTING_PATH_BYTES_MAX, &r->settings->ca_file, error);
    /* A machine without ca-certificates may never ask anybody; one that was told a file must have it. */
    return e == ERR_OK && r->line != 0 ? setting_check_file(r, r->settings->ca_file, error) : e;
}
