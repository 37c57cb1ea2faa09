#include "doctor/spf.h"

#include <arpa/inet.h>

bool spf_is_record(struct slice text)
{
    return slice_eq_nocase(text, S("v=spf1")) || slice_starts_nocase(text, S("v=spf1 "));
}

/* "192.0.2.0/24" or "2001:db8::/32" (RFC 7208 5.6). */
static bool in_network(struct slice network, const struct resolver_address *address)
{
    struct slice host, bits_text;
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[sizeof(struct in6_addr)];
    const unsigned char *own = (const unsigned char *)&address->v6;
    uint32_t most = address->family == AF_INET ? 32 : 128;
    uint32_t bits = most;
    if (slice_cut(network, '/', &host, &bits_text) && (!slice_to_u32(bits_text, &bits) || bits > most))
        return false;
    if (host.n == 0 || host.n >= sizeof(text))
        return false;
    memcpy(text, host.p, host.n);
    if (inet_pton(address->family, text, bytes) != 1 || memcmp(bytes, own, bits / 8) != 0)
        return false;
    unsigned mask = bits % 8 == 0 ? 0 : 0xffu << (8 - bits % 8) & 0xffu;
    return mask == 0 || ((bytes[bits / 8] ^ own[bits / 8]) & mask) == 0;
}

/* One term without its qualifier. */
static enum spf_answer ask_term(struct slice term, const struct spf_sender *sender)
{
    struct slice name, value;
    bool six = sender->address->family == AF_INET6;
    slice_cut(term, ':', &name, &value);
    if (slice_eq_nocase(name, S("ip4")))
        return !six && in_network(value, sender->address) ? SPF_YES : SPF_NO;
    if (slice_eq_nocase(name, S("ip6")))
        return six && in_network(value, sender->address) ? SPF_YES : SPF_NO;
    if (slice_eq_nocase(term, S("mx")))
        return sender->is_mx ? SPF_YES : SPF_NO;
    if (slice_eq_nocase(name, S("a")) && slice_eq_nocase(value, sender->hostname))
        return SPF_YES;
    if (slice_eq_nocase(name, S("all")) || slice_starts_nocase(term, S("exp=")))
        return SPF_NO;
    return SPF_UNKNOWN;
}

enum spf_answer spf_lets_send(struct slice record, const struct spf_sender *sender)
{
    enum spf_answer answer = SPF_NO;
    struct slice term;
    for (struct slice rest = slice_from(record, 6); rest.n > 0;) {
        slice_cut(rest, ' ', &term, &rest);
        if (term.n == 0)
            continue;
        bool passes = slice_find_char(S("-~?"), term.p[0]) < 0;
        if (!passes || term.p[0] == '+')
            term = slice_from(term, 1);
        enum spf_answer found = ask_term(term, sender);
        if (found == SPF_YES)
            return passes ? SPF_YES : SPF_NO;
        if (slice_eq_nocase(term, S("all")))
            return passes ? SPF_YES : answer;
        if (found == SPF_UNKNOWN && passes)
            answer = SPF_UNKNOWN;
    }
    return answer;
}
