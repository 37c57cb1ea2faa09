#include "send/hosts.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

bool hosts_name(struct slice wire, struct buf *out)
{
    size_t at = 0;
    size_t labels = 0;
    for (;;) {
        if (at >= wire.n)
            return false;
        size_t n = (unsigned char)wire.p[at++];
        if (n == 0)
            break;
        if (n > 63 || n > wire.n - at)
            return false;
        if (labels++ > 0)
            buf_putc(out, '.');
        for (size_t i = 0; i < n; i++) {
            char c = wire.p[at + i];
            if ((unsigned char)c <= ' ' || (unsigned char)c >= 0x7f || c == '.')
                return false;
            buf_putc(out, ascii_lower(c));
        }
        at += n;
    }
    if (labels == 0)
        buf_putc(out, '.');
    return at == wire.n && !buf_failed(out);
}

static int by_preference(const void *a, const void *b)
{
    const struct host *left = a;
    const struct host *right = b;
    return left->preference < right->preference ? -1 : left->preference > right->preference;
}

void hosts_order(struct hosts *hosts, struct slice own)
{
    for (size_t i = hosts->count; i > 1; i--) { /* so that equals share the load */
        size_t other = randombytes_uniform((uint32_t)i);
        struct host swapped = hosts->each[i - 1];
        hosts->each[i - 1] = hosts->each[other];
        hosts->each[other] = swapped;
    }
    qsort(hosts->each, hosts->count, sizeof(hosts->each[0]), by_preference);
    for (size_t i = 0; i < hosts->count; i++) {
        if (!slice_eq_nocase(hosts->each[i].name, own))
            continue;
        /* RFC 5321 5.1: as good as we are, or worse: mail would go in a circle. */
        uint16_t ours = hosts->each[i].preference;
        hosts->count = 0;
        while (hosts->each[hosts->count].preference < ours)
            hosts->count++;
        return;
    }
}

static void none_because(struct hosts *hosts, const char *status, struct slice domain, const char *why)
{
    hosts->count = 0;
    hosts->status = status;
    snprintf(hosts->why, sizeof(hosts->why), "%.*s: %.150s", SLICE_ARGS(slice_sub(domain, 0, 40)), why);
}

/* One MX record. False: it is malformed, and passed over. */
static bool read_mx(struct slice data, struct arena *arena, struct host *ret)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX + 1);
    if (data.n < 3 || !hosts_name(slice_from(data, 2), &name))
        return false;
    ret->preference = (uint16_t)((unsigned char)data.p[0] << 8 | (unsigned char)data.p[1]);
    ret->name = arena_dup(arena, buf_slice(&name));
    return ret->name.p != NULL;
}

static void read_records(const struct resolver_records *records, struct slice domain, struct slice own,
                         struct arena *arena, struct hosts *hosts)
{
    for (size_t i = 0; i < records->count && hosts->count < HOSTS_READ_MAX; i++)
        hosts->count += read_mx(records->data[i], arena, &hosts->each[hosts->count]);
    if (hosts->count == 1 && slice_eq(hosts->each[0].name, S("."))) {
        none_because(hosts, "5.1.10", domain, "the domain takes no mail (null MX)");
        return;
    }
    if (hosts->count == 0) {
        none_because(hosts, "4.4.3", domain, "its MX records make no sense");
        return;
    }
    hosts_order(hosts, own);
    hosts->count = MIN(hosts->count, (size_t)HOSTS_MAX);
    if (hosts->count == 0)
        none_because(hosts, "5.4.6", domain,
                     "its mail would come back to this server, which does not know it");
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 4.1.3). */
static bool read_literal(struct slice domain, struct hosts *hosts)
{
    if (!slice_starts(domain, S("[")) || !slice_ends(domain, S("]")))
        return false;
    struct slice inner = slice_sub(domain, 1, domain.n - 2);
    if (slice_starts_nocase(inner, S("IPv6:")))
        inner = slice_from(inner, 5);
    hosts->each[0] = (struct host){.name = inner};
    hosts->count = 1;
    hosts->literal = true;
    return true;
}

void hosts_of_answer(const struct resolver_records *records, struct slice domain, struct slice own,
                     struct arena *arena, struct hosts *ret_hosts)
{
    struct hosts hosts = {.secure = records->secure, .canonical = records->canonical};
    if (records->no_name)
        none_because(&hosts, "5.1.2", domain, "there is no such domain");
    else if (records->count > 0)
        read_records(records, domain, own, arena, &hosts);
    else if (slice_eq_nocase(domain, own))
        none_because(&hosts, "5.4.6", domain,
                     "its mail would come back to this server, which does not know it");
    else {
        hosts.each[0] = (struct host){.name = records->canonical};
        hosts.count = 1;
        hosts.direct = true;
    }
    *ret_hosts = hosts;
}

void hosts_find(struct resolver *resolver, struct slice domain, struct slice own, int64_t deadline_us,
                struct arena *arena, struct hosts *ret_hosts)
{
    struct resolver_records records;
    struct error error;
    struct hosts hosts = {0};
    if (read_literal(domain, &hosts)) {
        *ret_hosts = hosts;
        return;
    }
    enum err err = resolver_records(resolver, domain, RESOLVER_MX, deadline_us, arena, &records, &error);
    if (err == ERR_OK) {
        hosts_of_answer(&records, domain, own, arena, ret_hosts);
        return;
    }
    if (err == ERR_INVALID)
        none_because(&hosts, "5.1.2", domain, "no domain");
    else
        none_because(&hosts, err == ERR_AUTH ? "4.7.5" : "4.4.3", domain, error.detail);
    hosts.canonical = domain;
    *ret_hosts = hosts;
}
