#include "authres/dns_records.h"

#include <arpa/inet.h>

enum { LABEL_MAX = 63, TEXT_MAX = 65535 };

bool dns_name_valid(struct slice name)
{
    size_t label = 0;
    if (name.n == 0 || name.n > RESOLVER_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == 0 || name.p[i] == '\\')
            return false;
        if (name.p[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (++label > LABEL_MAX) {
            return false;
        }
    }
    return label > 0;
}

bool dns_name_within(struct slice name, struct slice domain)
{
    if (!slice_ends_nocase(name, domain) || domain.n == 0)
        return false;
    return name.n == domain.n || name.p[name.n - domain.n - 1] == '.';
}

struct slice dns_text(struct slice data, struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF(TEXT_MAX);
    struct cursor c = cursor_of(data);
    while (!cursor_done(&c)) {
        size_t size = (size_t)cursor_next(&c);
        if (size > cursor_left(&c))
            return slice_none();
        buf_put(&text, cursor_take(&c, size));
    }
    return buf_failed(&text) ? slice_none() : arena_dup(arena, buf_slice(&text));
}

struct slice dns_name(struct slice data, size_t skip, struct arena *arena)
{
    CLEANUP(buf_release) struct buf text = BUF(RESOLVER_NAME_MAX);
    struct cursor c = cursor_of(slice_from(data, skip));
    for (;;) {
        int size = cursor_next(&c);
        if (size == 0)
            break;
        if (size < 0 || size > LABEL_MAX || (size_t)size > cursor_left(&c))
            return slice_none();
        struct slice label = cursor_take(&c, (size_t)size);
        if (slice_find_char(label, '.') >= 0)
            return slice_none();
        if (text.n > 0)
            buf_putc(&text, '.');
        buf_put(&text, label);
    }
    return buf_failed(&text) ? slice_none() : arena_dup(arena, buf_slice(&text));
}

bool dns_address(struct slice data, struct resolver_address *ret_address)
{
    struct resolver_address address = {.family = data.n == sizeof(address.v4) ? AF_INET : AF_INET6};
    if (data.n != sizeof(address.v4) && data.n != sizeof(address.v6))
        return false;
    memcpy(&address.v6, data.p, data.n);
    *ret_address = address;
    return true;
}

bool dns_address_parse(struct slice text, struct resolver_address *ret_address)
{
    char plain[INET6_ADDRSTRLEN];
    if (text.n >= sizeof(plain))
        return false;
    snprintf(plain, sizeof(plain), "%.*s", SLICE_ARGS(text));
    ret_address->family = AF_INET;
    if (inet_pton(AF_INET, plain, &ret_address->v4) == 1)
        return true;
    ret_address->family = AF_INET6;
    return inet_pton(AF_INET6, plain, &ret_address->v6) == 1;
}

void dns_put_reverse(const struct resolver_address *address, struct buf *out)
{
    if (address->family == AF_INET) {
        const unsigned char *b = (const unsigned char *)&address->v4;
        buf_printf(out, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
        return;
    }
    for (size_t i = sizeof(address->v6.s6_addr); i-- > 0;)
        buf_printf(out, "%x.%x.", address->v6.s6_addr[i] & 15u, address->v6.s6_addr[i] >> 4);
    buf_put(out, S("ip6.arpa"));
}
