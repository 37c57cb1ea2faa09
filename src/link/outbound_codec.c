/* The records of outbound.h on the wire. */
#include "link/outbound_codec.h"

void link_put_route(struct buf *b, const struct smart_host *route)
{
    wire_put_slice(b, route->host);
    wire_put_u32(b, route->port);
    wire_put_u8(b, (uint8_t)route->tls);
    wire_put_slice(b, route->user);
    wire_put_slice(b, route->password);
}

static void put_parcel(struct buf *b, const struct outbound_parcel *p)
{
    wire_put_u64(b, p->entry.v);
    wire_put_slice(b, p->domain);
    link_put_route(b, &p->route);
    wire_put_slice(b, p->addresses);
    wire_put_slice(b, p->sender);
    wire_put_u64(b, p->size);
    wire_put_u64(b, (uint64_t)p->received_us);
    wire_put_u8(b, (uint8_t)(p->eight_bit | p->smtputf8 << 1 | p->binary << 2 | p->tls_optional << 3 |
                             p->require_tls << 4));
    link_put_by(b, &p->by);
    wire_put_u8(b, (uint8_t)p->ret);
    wire_put_slice(b, p->envid);
    wire_put_u64(b, p->sid.v);
    wire_put_varint(b, p->recipient_count);
    for (size_t i = 0; i < p->recipient_count; i++) {
        wire_put_u32(b, p->recipients[i].number);
        wire_put_slice(b, p->recipients[i].address);
        wire_put_slice(b, p->recipients[i].orcpt);
        wire_put_u8(b, (uint8_t)p->recipients[i].notify);
    }
}

static struct slice get_text(struct wire_reader *r, struct arena *arena)
{
    return arena_dup(arena, wire_get_slice(r));
}

struct smart_host link_get_route(struct wire_reader *r, struct arena *arena)
{
    struct smart_host route = {.host = get_text(r, arena)};
    route.port = (uint16_t)wire_get_u32(r);
    route.tls = (enum smart_host_tls)MIN(wire_get_u8(r), (uint8_t)SMART_HOST_TLS_IMPLICIT);
    route.user = get_text(r, arena);
    route.password = get_text(r, arena);
    return route;
}

static void get_parcel(struct wire_reader *r, struct arena *arena, struct outbound_parcel *p)
{
    p->entry.v = wire_get_u64(r);
    p->domain = get_text(r, arena);
    p->route = link_get_route(r, arena);
    p->addresses = get_text(r, arena);
    p->sender = get_text(r, arena);
    p->size = wire_get_u64(r);
    p->received_us = (int64_t)wire_get_u64(r);
    uint8_t bits = wire_get_u8(r);
    p->eight_bit = bits & 1;
    p->smtputf8 = bits >> 1 & 1;
    p->binary = bits >> 2 & 1;
    p->tls_optional = bits >> 3 & 1;
    p->require_tls = bits >> 4 & 1;
    link_get_by(r, &p->by);
    p->ret = (enum dsn_ret)MIN(wire_get_u8(r), (uint8_t)DSN_RET_HDRS);
    p->envid = get_text(r, arena);
    p->sid.v = wire_get_u64(r);
    uint64_t count = wire_get_varint(r);
    r->failed = r->failed || count > OUTBOUND_RECIPIENTS_MAX;
    p->recipients = r->failed ? NULL : arena_array(arena, count, sizeof(*p->recipients));
    p->recipient_count = p->recipients != NULL ? count : 0;
    for (size_t i = 0; i < p->recipient_count; i++)
        p->recipients[i] = (struct outbound_recipient){
            .number = wire_get_u32(r),
            .address = get_text(r, arena),
            .orcpt = get_text(r, arena),
            .notify = wire_get_u8(r),
        };
}

void link_put_batch(struct buf *b, const struct outbound_batch *batch)
{
    wire_put_u64(b, batch->number);
    wire_put_u64(b, batch->flushes);
    wire_put_u64(b, batch->settings);
    wire_put_varint(b, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        put_parcel(b, &batch->parcels[i]);
}

void link_get_batch(struct wire_reader *r, struct arena *arena, struct outbound_batch *ret)
{
    *ret = (struct outbound_batch){.number = wire_get_u64(r)};
    ret->flushes = wire_get_u64(r);
    ret->settings = wire_get_u64(r);
    uint64_t count = wire_get_varint(r);
    r->failed = r->failed || count > LINK_PARCELS_MAX;
    ret->parcels = r->failed ? NULL : arena_array(arena, count, sizeof(*ret->parcels));
    for (; ret->parcels != NULL && ret->count < count && wire_ok(r); ret->count++)
        get_parcel(r, arena, &ret->parcels[ret->count]);
}

void link_put_results(struct buf *b, const struct outbound_result *results, size_t count)
{
    wire_put_varint(b, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_u32(b, results[i].recipient);
        wire_put_u8(b, (uint8_t)results[i].outcome);
        wire_put_slice(b, results[i].status);
        wire_put_slice(b, slice_sub(results[i].text, 0, OUTBOUND_TEXT_MAX));
        wire_put_slice(b, results[i].peer);
        wire_put_slice(b, results[i].via);
        wire_put_slice(b, results[i].tls);
        wire_put_slice(b, slice_sub(results[i].tried, 0, OUTBOUND_TEXT_MAX));
        wire_put_u8(b, (uint8_t)(results[i].told_on | results[i].by_passed_on << 1));
        wire_put_u64(b, (uint64_t)results[i].after_us);
    }
}

void link_get_results(struct wire_reader *r, struct arena *arena, struct outbound_result **ret_results,
                      size_t *ret_count)
{
    uint64_t count = wire_get_varint(r);
    r->failed = r->failed || count > OUTBOUND_RECIPIENTS_MAX;
    struct outbound_result *results = r->failed ? NULL : arena_array(arena, count, sizeof(*results));
    size_t n = results != NULL ? count : 0;
    for (size_t i = 0; i < n; i++) {
        struct outbound_result *to = &results[i];
        *to = (struct outbound_result){.recipient = wire_get_u32(r)};
        to->outcome = (enum outbound_outcome)MIN(wire_get_u8(r), (uint8_t)OUTBOUND_OUTCOMES);
        to->status = wire_get_slice(r);
        to->text = wire_get_slice(r);
        to->peer = wire_get_slice(r);
        to->via = wire_get_slice(r);
        to->tls = wire_get_slice(r);
        to->tried = wire_get_slice(r);
        uint8_t bits = wire_get_u8(r);
        to->told_on = bits & 1;
        to->by_passed_on = bits >> 1 & 1;
        to->after_us = (int64_t)wire_get_u64(r);
    }
    *ret_results = results;
    *ret_count = n;
}

void link_put_destinations(struct buf *b, const struct destination *rows, size_t count)
{
    wire_put_varint(b, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_slice(b, rows[i].pattern);
        wire_put_u32(b, rows[i].connections);
        wire_put_u32(b, rows[i].messages);
        wire_put_u32(b, rows[i].rate);
        wire_put_u8(b, (uint8_t)rows[i].tls);
        wire_put_slice(b, rows[i].names);
        wire_put_slice(b, rows[i].addresses);
    }
}

void link_get_destinations(struct wire_reader *r, struct arena *arena, struct destination **ret_rows,
                           size_t *ret_count)
{
    uint64_t count = wire_get_varint(r);
    r->failed = r->failed || count > DESTINATIONS_MAX;
    struct destination *rows = r->failed ? NULL : arena_array(arena, count + 1, sizeof(*rows));
    size_t n = 0;
    for (; rows != NULL && n < count && wire_ok(r); n++)
        rows[n] = (struct destination){
            .pattern = get_text(r, arena),
            .connections = wire_get_u32(r),
            .messages = wire_get_u32(r),
            .rate = wire_get_u32(r),
            .tls = (enum destination_tls)MIN(wire_get_u8(r), (uint8_t)DESTINATION_TLS_VERIFY),
            .names = get_text(r, arena),
            .addresses = get_text(r, arena),
        };
    *ret_rows = rows;
    *ret_count = n;
}

void link_put_policy(struct buf *b, const struct kept_policy *policy)
{
    wire_put_slice(b, policy->domain);
    wire_put_slice(b, policy->id);
    wire_put_slice(b, policy->text);
    wire_put_u64(b, (uint64_t)policy->fetched_us);
    wire_put_u64(b, (uint64_t)policy->expires_us);
}

void link_get_policy(struct wire_reader *r, struct kept_policy *ret)
{
    *ret = (struct kept_policy){.domain = wire_get_slice(r)};
    ret->id = wire_get_slice(r);
    ret->text = wire_get_slice(r);
    ret->fetched_us = (int64_t)wire_get_u64(r);
    ret->expires_us = (int64_t)wire_get_u64(r);
}
