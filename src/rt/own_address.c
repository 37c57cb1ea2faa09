#include "rt/own_address.h"

#include <arpa/inet.h>
#include <stdio.h>

const struct own_address *own_addresses_of(const struct own_addresses *sources, int family)
{
    for (size_t i = 0; i < sources->count; i++)
        if (sources->each[i].family == family)
            return &sources->each[i];
    return NULL;
}

/* A name for EHLO (RFC 5321 4.1.1.1): labels of letters, digits and hyphens, more than one of them. */
bool own_name_valid(struct slice name)
{
    size_t label = 0;
    bool dotted = false;
    if (name.n > OWN_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool inner = label > 0 && i + 1 < name.n && name.p[i + 1] != '.';
        if (c == '.') {
            if (label == 0)
                return false;
            dotted = true;
            label = 0;
        } else if (ascii_is_alnum(c) || (c == '-' && inner)) {
            label++;
        } else {
            return false;
        }
        if (label > 63)
            return false;
    }
    return dotted && label > 0;
}

/* Nothing can be sent from an address of nobody, nor of many. */
static bool is_usable(const struct own_address *source)
{
    if (source->family == AF_INET6)
        return !IN6_IS_ADDR_UNSPECIFIED(&source->v6) && !IN6_IS_ADDR_MULTICAST(&source->v6) &&
               !IN6_IS_ADDR_LINKLOCAL(&source->v6) && !IN6_IS_ADDR_V4MAPPED(&source->v6);
    uint32_t address = ntohl(source->v4.s_addr);
    return address != 0 && address < UINT32_C(0xe0000000);
}

static enum err read_one(struct slice word, struct own_addresses *sources, struct error *error)
{
    struct slice address, name;
    struct own_address source = {.family = AF_INET};
    char text[INET6_ADDRSTRLEN] = "";
    bool named = slice_cut(word, '=', &address, &name);
    if (slice_starts(address, S("[")) && slice_ends(address, S("]")))
        address = slice_sub(address, 1, address.n - 2);
    if (address.n < sizeof(text))
        snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(address));
    if (inet_pton(AF_INET, text, &source.v4) != 1) {
        source.family = AF_INET6;
        if (inet_pton(AF_INET6, text, &source.v6) != 1)
            return fail_plain(error, ERR_INVALID, "\"%.*s\" is no address to send from; 192.0.2.1=mx.example",
                              SLICE_ARGS(slice_sub(word, 0, OWN_NAME_MAX)));
    }
    if (!is_usable(&source))
        return fail_plain(error, ERR_INVALID, "nothing can be sent from %s", text);
    if (named && !own_name_valid(name))
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is no name that a server could call itself by",
                          SLICE_ARGS(slice_sub(name, 0, OWN_NAME_MAX)));
    if (own_addresses_of(sources, source.family) != NULL)
        return fail_plain(error, ERR_INVALID, "one address of IPv4 and one of IPv6 at most");
    for (size_t i = 0; i < name.n; i++)
        source.name[i] = ascii_lower(name.p[i]);
    sources->each[sources->count++] = source;
    return ERR_OK;
}

enum err own_addresses_parse(struct slice text, struct own_addresses *ret_sources, struct error *error)
{
    struct own_addresses sources = {.count = 0};
    struct cursor c = cursor_of(text);
    for (;;) {
        (void)cursor_take_while(&c, S(" ,"));
        struct slice word = cursor_take_until(&c, S(" ,"));
        if (word.n == 0)
            break;
        enum err e = slice_eq(text, S("none")) ? ERR_OK : read_one(word, &sources, error);
        if (e != ERR_OK)
            return e;
    }
    *ret_sources = sources;
    return ERR_OK;
}

void own_addresses_put(const struct own_addresses *sources, struct buf *out)
{
    for (size_t i = 0; i < sources->count; i++) {
        const struct own_address *source = &sources->each[i];
        char text[INET6_ADDRSTRLEN];
        inet_ntop(source->family, &source->v6, text, sizeof(text));
        buf_printf(out, "%s%s%s%s", i > 0 ? " " : "", text, source->name[0] != 0 ? "=" : "", source->name);
    }
}
