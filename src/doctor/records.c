#include "doctor/records.h"

#include <arpa/inet.h>

enum { LABEL_MAX = 63 };

static bool ask(struct doctor *doctor, const char *name, int type, struct resolver_records *ret)
{
    struct error error;
    return resolver_records(doctor->resolver, slice_cstr(name), type,
                            clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND, &doctor->arena, ret,
                            &error) == ERR_OK;
}

static struct slice join(struct doctor *doctor, struct slice wire)
{
    char *text = arena_alloc(&doctor->arena, wire.n + 1);
    size_t n = 0;
    struct cursor c = cursor_of(wire);
    while (text != NULL && !cursor_done(&c)) {
        struct slice part = cursor_take(&c, (size_t)cursor_next(&c));
        memcpy(text + n, part.p, part.n);
        n += part.n;
    }
    return slice_of(text, n);
}

bool records_texts(struct doctor *doctor, const char *name, struct slice **ret_texts, size_t *ret_count)
{
    struct resolver_records records;
    if (!ask(doctor, name, RESOLVER_TXT, &records))
        return false;
    struct slice *texts = arena_array(&doctor->arena, MAX(records.count, (size_t)1), sizeof(*texts));
    if (texts == NULL)
        return false;
    for (size_t i = 0; i < records.count; i++)
        texts[i] = join(doctor, records.data[i]);
    *ret_texts = texts;
    *ret_count = records.count;
    return true;
}

bool records_name(struct cursor *wire, char ret_name[static RECORD_NAME_MAX])
{
    size_t n = 0;
    for (;;) {
        int length = cursor_next(wire);
        if (length == 0)
            break;
        if (length < 0 || length > LABEL_MAX || (size_t)length > cursor_left(wire) ||
            n + (size_t)length + 2 > RECORD_NAME_MAX)
            return false;
        if (n > 0)
            ret_name[n++] = '.';
        struct slice label = cursor_take(wire, (size_t)length);
        for (size_t i = 0; i < label.n; i++) /* what is no host name must not steer a terminal */
            ret_name[n++] = label.p[i] > ' ' && label.p[i] < 0x7f ? ascii_lower(label.p[i]) : '?';
    }
    ret_name[n] = 0;
    return true;
}

static unsigned take_u16(struct cursor *c)
{
    int high = cursor_next(c);
    int low = cursor_next(c);
    return high < 0 || low < 0 ? 0 : (unsigned)high << 8 | (unsigned)low;
}

static bool read_target(struct slice wire, int type, struct target *ret)
{
    struct cursor c = cursor_of(wire);
    *ret = (struct target){0};
    if (type == RESOLVER_MX || type == RECORD_SRV)
        ret->priority = take_u16(&c);
    if (type == RECORD_SRV) {
        (void)take_u16(&c); /* the weight */
        ret->port = take_u16(&c);
    }
    return records_name(&c, ret->name) && cursor_done(&c);
}

bool records_targets(struct doctor *doctor, const char *name, int type, struct target **ret_targets,
                     size_t *ret_count)
{
    struct resolver_records records;
    size_t count = 0;
    if (!ask(doctor, name, type, &records))
        return false;
    struct target *targets = arena_array(&doctor->arena, MAX(records.count, (size_t)1), sizeof(*targets));
    if (targets == NULL)
        return false;
    for (size_t i = 0; i < records.count; i++)
        count += read_target(records.data[i], type, &targets[count]);
    *ret_targets = targets;
    *ret_count = count;
    return true;
}

void records_reverse_name(const struct resolver_address *address, char ret_name[static RECORD_NAME_MAX])
{
    const unsigned char *p = (const unsigned char *)&address->v6;
    int n = 0;
    if (address->family == AF_INET) {
        snprintf(ret_name, RECORD_NAME_MAX, "%u.%u.%u.%u.in-addr.arpa", p[3], p[2], p[1], p[0]);
        return;
    }
    for (int i = 15; i >= 0; i--)
        n += snprintf(ret_name + n, (size_t)(RECORD_NAME_MAX - n), "%x.%x.", p[i] & 15u, p[i] >> 4);
    snprintf(ret_name + n, (size_t)(RECORD_NAME_MAX - n), "ip6.arpa");
}
