#include "doctor/records.h"

#include "authres/dns_records.h"

static bool ask(struct doctor *doctor, const char *name, int type, struct resolver_records *ret)
{
    struct error error;
    return resolver_records(doctor->resolver, slice_cstr(name), type,
                            clock_mono_us() + DOCTOR_DNS_SECONDS * CLOCK_SECOND, &doctor->arena, ret,
                            &error) == ERR_OK;
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
        texts[i] = dns_text(records.data[i], &doctor->arena);
    *ret_texts = texts;
    *ret_count = records.count;
    return true;
}

static unsigned take_u16(struct slice wire, size_t at)
{
    return at + 2 > wire.n ? 0 : (unsigned)(unsigned char)wire.p[at] << 8 | (unsigned char)wire.p[at + 1];
}

static bool read_target(struct doctor *doctor, struct slice wire, int type, struct target *ret)
{
    size_t skip = type == RESOLVER_MX ? 2 : type == RECORD_SRV ? 6 : 0;
    struct slice name = dns_name(wire, skip, &doctor->arena);
    *ret = (struct target){0};
    if (wire.n < skip || name.p == NULL || name.n >= sizeof(ret->name))
        return false;
    if (skip > 0)
        ret->priority = take_u16(wire, 0);
    if (type == RECORD_SRV)
        ret->port = take_u16(wire, 4);
    for (size_t i = 0; i < name.n; i++) /* what is no host name must not steer a terminal */
        ret->name[i] = name.p[i] > ' ' && name.p[i] < 0x7f ? ascii_lower(name.p[i]) : '?';
    return true;
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
        count += read_target(doctor, records.data[i], type, &targets[count]);
    *ret_targets = targets;
    *ret_count = count;
    return true;
}
