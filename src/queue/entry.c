#include "queue/entry.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/wire.h"

enum { ENTRY_FORMAT = 2, ENTRY_FORMAT_BEFORE_RELAY = 1 };

static struct entry *entry_alloc(struct queue_id id)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return NULL;
    entry->arena = ARENA(ENTRY_ARENA_MAX);
    entry->id = id;
    return entry;
}

void entry_free(struct entry *entry)
{
    if (entry == NULL)
        return;
    arena_release(&entry->arena);
    free(entry->body);
    free(entry);
}

void entry_release(struct entry **entry)
{
    entry_free(*entry);
    *entry = NULL;
}

static struct queue_recipient copy_recipient(struct arena *arena, const struct queue_recipient *from)
{
    return (struct queue_recipient){
        .address = arena_dup(arena, from->address),
        .orcpt = arena_dup(arena, from->orcpt),
        .notify = from->notify,
    };
}

struct entry *entry_new(struct queue_id id, const struct queue_envelope *envelope, int64_t received_us)
{
    CLEANUP(entry_release) struct entry *entry = entry_alloc(id);
    if (entry == NULL)
        return NULL;
    struct arena *arena = &entry->arena;
    randombytes_buf(entry->nonce, sizeof(entry->nonce));
    entry->received_us = received_us;
    entry->envelope = *envelope;
    entry->envelope.recipients = NULL;
    entry->envelope.recipient_count = 0;
    entry->envelope.sender = arena_dup(arena, envelope->sender);
    entry->envelope.protocol = arena_dup(arena, envelope->protocol);
    entry->envelope.helo = arena_dup(arena, envelope->helo);
    entry->envelope.peer = arena_dup(arena, envelope->peer);
    entry->envelope.tls = arena_dup(arena, envelope->tls);
    entry->envelope.envid = arena_dup(arena, envelope->envid);
    entry->envelope.results = arena_dup(arena, envelope->results);
    entry->recipients = arena_array(arena, envelope->recipient_count, sizeof(entry->recipients[0]));
    if (entry->recipients == NULL)
        return NULL;
    entry->recipient_count = entry->recipients_cap = envelope->recipient_count;
    for (size_t i = 0; i < entry->recipient_count; i++)
        entry->recipients[i].given = copy_recipient(arena, &envelope->recipients[i]);
    return arena_failed(arena) ? NULL : take(entry);
}

/* Bits of the envelope's byte; entries of older versions have none of the later ones. */
enum {
    BIT_8BIT = 1,
    BIT_UTF8 = 2,
    BIT_BINARY = 4,
    BIT_OURS = 8,
    BIT_JUNK = 16,
    BIT_RESULTS = 32, /* they follow */
    BIT_TLS_OPTIONAL = 64,
    BIT_MORE = 128 /* a byte of further bits follows */
};
enum { MORE_REQUIRE_TLS = 1, MORE_RELEASE = 2, MORE_BY = 4 };
enum { BY_TRACE = 128 }; /* above its mode */

static uint8_t further_bits(const struct queue_envelope *e)
{
    return (uint8_t)((e->require_tls ? MORE_REQUIRE_TLS : 0) | (e->release.at_us != 0 ? MORE_RELEASE : 0) |
                     (e->by.mode != DELIVER_BY_NONE ? MORE_BY : 0));
}

/* Bits of a recipient's byte. */
enum {
    RECIPIENT_BIT_EXPANDED = 1,
    RECIPIENT_BIT_DELAY_TOLD = 2,
    RECIPIENT_BIT_SETTLED = 4 /* the entry's settled accounts follow; with the first recipient that is left */
};

static uint8_t envelope_bits(const struct queue_envelope *e)
{
    return (uint8_t)((e->eight_bit ? BIT_8BIT : 0) | (e->smtputf8 ? BIT_UTF8 : 0) |
                     (e->binary ? BIT_BINARY : 0) | (e->ours ? BIT_OURS : 0) | (e->junk ? BIT_JUNK : 0) |
                     (e->results.n > 0 ? BIT_RESULTS : 0) | (e->tls_optional ? BIT_TLS_OPTIONAL : 0) |
                     (further_bits(e) != 0 ? BIT_MORE : 0));
}

void entry_encode(const struct entry *entry, struct buf *out)
{
    const struct queue_envelope *e = &entry->envelope;
    size_t left = 0;
    for (size_t i = 0; i < entry->recipient_count; i++)
        left += entry->recipients[i].state != RECIPIENT_DONE;
    wire_put_u8(out, ENTRY_FORMAT);
    wire_put_slice(out, slice_of(entry->nonce, sizeof(entry->nonce)));
    wire_put_u64(out, (uint64_t)entry->received_us);
    wire_put_varint(out, entry->size);
    wire_put_u64(out, entry->spool);
    wire_put_varint(out, entry->attempts);
    wire_put_slice(out, e->sender);
    wire_put_u64(out, e->sid.v);
    wire_put_u64(out, e->account.v);
    wire_put_slice(out, e->protocol);
    wire_put_slice(out, e->helo);
    wire_put_slice(out, e->peer);
    wire_put_slice(out, e->tls);
    wire_put_u8(out, envelope_bits(e));
    wire_put_u8(out, (uint8_t)e->ret);
    wire_put_slice(out, e->envid);
    if (e->results.n > 0)
        wire_put_slice(out, e->results);
    if (further_bits(e) != 0)
        wire_put_u8(out, further_bits(e));
    if (e->release.at_us != 0) {
        wire_put_u64(out, (uint64_t)e->release.at_us);
        wire_put_u32(out, e->release.hold_seconds);
    }
    if (e->by.mode != DELIVER_BY_NONE) {
        wire_put_u8(out, (uint8_t)((unsigned)e->by.mode | (e->by.trace ? BY_TRACE : 0U)));
        wire_put_u64(out, (uint64_t)e->by.until_us);
    }
    wire_put_varint(out, left);
    bool settled = entry->settled.n > 0;
    for (size_t i = 0; i < entry->recipient_count; i++) {
        const struct entry_recipient *r = &entry->recipients[i];
        if (r->state == RECIPIENT_DONE)
            continue;
        wire_put_slice(out, r->given.address);
        wire_put_slice(out, r->given.orcpt);
        wire_put_u8(out, (uint8_t)r->given.notify);
        wire_put_u8(out, (uint8_t)r->state);
        wire_put_u8(out, (uint8_t)((r->expanded ? RECIPIENT_BIT_EXPANDED : 0) |
                                   (r->delay_told ? RECIPIENT_BIT_DELAY_TOLD : 0) |
                                   (settled ? RECIPIENT_BIT_SETTLED : 0)));
        if (settled)
            wire_put_slice(out, entry->settled);
        settled = false;
        wire_put_slice(out, r->reason);
        wire_put_varint(out, r->attempts);
        wire_put_u64(out, (uint64_t)r->next_us);
    }
}

static struct slice get_text(struct wire_reader *r, struct arena *arena)
{
    return arena_dup(arena, wire_get_slice(r));
}

static void decode_envelope(struct wire_reader *r, struct entry *entry)
{
    struct queue_envelope *e = &entry->envelope;
    e->sender = get_text(r, &entry->arena);
    e->sid.v = wire_get_u64(r);
    e->account.v = wire_get_u64(r);
    e->protocol = get_text(r, &entry->arena);
    e->helo = get_text(r, &entry->arena);
    e->peer = get_text(r, &entry->arena);
    e->tls = get_text(r, &entry->arena);
    uint8_t bits = wire_get_u8(r);
    e->eight_bit = (bits & BIT_8BIT) != 0;
    e->smtputf8 = (bits & BIT_UTF8) != 0;
    e->binary = (bits & BIT_BINARY) != 0;
    e->ours = (bits & BIT_OURS) != 0;
    e->junk = (bits & BIT_JUNK) != 0;
    e->tls_optional = (bits & BIT_TLS_OPTIONAL) != 0;
    e->ret = (enum dsn_ret)MIN(wire_get_u8(r), (uint8_t)DSN_RET_HDRS);
    e->envid = get_text(r, &entry->arena);
    if ((bits & BIT_RESULTS) != 0)
        e->results = get_text(r, &entry->arena);
    uint8_t further = (bits & BIT_MORE) != 0 ? wire_get_u8(r) : 0;
    e->require_tls = (further & MORE_REQUIRE_TLS) != 0;
    if ((further & MORE_RELEASE) != 0) {
        e->release.at_us = (int64_t)wire_get_u64(r);
        e->release.hold_seconds = wire_get_u32(r);
    }
    if ((further & MORE_BY) != 0) {
        uint8_t mode = wire_get_u8(r);
        e->by.mode = (enum deliver_by_mode)MIN(mode & (BY_TRACE - 1), (int)DELIVER_BY_RETURN);
        e->by.trace = (mode & BY_TRACE) != 0;
        e->by.until_us = (int64_t)wire_get_u64(r);
    }
}

static bool decode_recipients(struct wire_reader *r, uint8_t format, struct entry *entry)
{
    uint64_t count = wire_get_varint(r);
    if (count > ENTRY_RECIPIENTS_MAX)
        return false;
    entry->recipients = arena_array(&entry->arena, count, sizeof(entry->recipients[0]));
    if (entry->recipients == NULL)
        return false;
    entry->recipient_count = entry->recipients_cap = count;
    for (size_t i = 0; i < count; i++) {
        struct entry_recipient *to = &entry->recipients[i];
        to->given.address = get_text(r, &entry->arena);
        to->given.orcpt = get_text(r, &entry->arena);
        to->given.notify = wire_get_u8(r);
        uint8_t state = wire_get_u8(r);
        if (state > RECIPIENT_DONE)
            return false;
        to->state = (enum recipient_state)state;
        uint8_t bits = wire_get_u8(r);
        to->expanded = (bits & RECIPIENT_BIT_EXPANDED) != 0;
        to->delay_told = (bits & RECIPIENT_BIT_DELAY_TOLD) != 0;
        if ((bits & RECIPIENT_BIT_SETTLED) != 0)
            entry->settled = get_text(r, &entry->arena);
        to->reason = get_text(r, &entry->arena);
        if (format == ENTRY_FORMAT_BEFORE_RELAY)
            continue;
        to->attempts = (uint32_t)wire_get_varint(r);
        to->next_us = (int64_t)wire_get_u64(r);
    }
    return wire_end(r);
}

enum err entry_decode(struct queue_id id, struct slice in, struct entry **ret_entry, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = entry_alloc(id);
    if (entry == NULL)
        return fail_nomem(error);
    struct wire_reader r = wire_reader_of(in);
    uint8_t format = wire_get_u8(&r);
    struct slice nonce = wire_get_slice(&r);
    if (format < ENTRY_FORMAT_BEFORE_RELAY || format > ENTRY_FORMAT || nonce.n != ENTRY_NONCE_SIZE)
        return fail(error, ERR_CORRUPT, NULL, "queue entry %llu: unknown format %u", (unsigned long long)id.v,
                    format);
    memcpy(entry->nonce, nonce.p, ENTRY_NONCE_SIZE);
    entry->received_us = (int64_t)wire_get_u64(&r);
    entry->size = wire_get_varint(&r);
    entry->spool = wire_get_u64(&r);
    entry->attempts = (uint32_t)wire_get_varint(&r);
    decode_envelope(&r, entry);
    bool whole = decode_recipients(&r, format, entry);
    if (arena_failed(&entry->arena))
        return fail_nomem(error);
    if (!whole)
        return fail(error, ERR_CORRUPT, NULL, "queue entry %llu: damaged record", (unsigned long long)id.v);
    *ret_entry = take(entry);
    return ERR_OK;
}

void entry_delivery_id(const struct entry *entry, struct account_id account, unsigned ordinal,
                       unsigned char ret_id[static DELIVERY_ID_SIZE])
{
    unsigned char in[ENTRY_NONCE_SIZE + sizeof(account.v) + 1];
    memcpy(in, entry->nonce, ENTRY_NONCE_SIZE);
    memcpy(in + ENTRY_NONCE_SIZE, &account.v, sizeof(account.v));
    in[sizeof(in) - 1] = (unsigned char)ordinal;
    /* The first copy's is what it was before there were others. */
    crypto_generichash(ret_id, DELIVERY_ID_SIZE, in, sizeof(in) - (ordinal == 0), NULL, 0);
}

/* The field is ours (authres/results.h). */
bool entry_is_forged(const struct entry *entry)
{
    return slice_find(entry->envelope.results, S("\tdmarc=fail")) >= 0;
}

bool entry_is_settled(const struct entry *entry, struct account_id account)
{
    for (struct slice rest = entry->settled; rest.n >= sizeof(account.v);
         rest = slice_from(rest, sizeof(account.v)))
        if (memcmp(rest.p, &account.v, sizeof(account.v)) == 0)
            return true;
    return false;
}

bool entry_add_settled(struct entry *entry, struct account_id account)
{
    size_t n = entry->settled.n;
    if (entry_is_settled(entry, account))
        return true;
    char *grown = arena_alloc(&entry->arena, n + sizeof(account.v));
    if (grown == NULL)
        return false;
    if (n > 0)
        memcpy(grown, entry->settled.p, n);
    memcpy(grown + n, &account.v, sizeof(account.v));
    entry->settled = slice_of(grown, n + sizeof(account.v));
    return true;
}

int64_t entry_since(const struct entry *entry)
{
    return MAX(entry->received_us, entry->envelope.release.at_us);
}

int64_t entry_within(const struct entry *entry, int64_t at_us)
{
    const struct deliver_by *by = &entry->envelope.by;
    bool ahead = by->mode != DELIVER_BY_NONE && by->until_us > clock_wall_us();
    return ahead ? MIN(at_us, by->until_us) : at_us;
}

bool entry_has_state(const struct entry *entry, enum recipient_state state)
{
    for (size_t i = 0; i < entry->recipient_count; i++)
        if (entry->recipients[i].state == state)
            return true;
    return false;
}

int64_t entry_relay_due(const struct entry *entry, int64_t now_us)
{
    int64_t due = ENTRY_RELAY_NONE;
    for (size_t i = 0; i < entry->recipient_count; i++)
        if (entry->recipients[i].state == RECIPIENT_WAITING)
            due = MIN(due, entry->recipients[i].next_us);
    return due <= now_us ? ENTRY_RELAY_LISTED : due;
}

/* Makes room for one more. */
static bool grow(struct entry *entry)
{
    if (entry->recipient_count < entry->recipients_cap)
        return true;
    size_t cap = MIN(2 * entry->recipients_cap + 8, (size_t)ENTRY_RECIPIENTS_MAX);
    struct entry_recipient *more =
        entry->recipient_count < cap ? arena_array(&entry->arena, cap, sizeof(*more)) : NULL;
    if (more == NULL)
        return false;
    if (entry->recipient_count > 0)
        memcpy(more, entry->recipients, entry->recipient_count * sizeof(*more));
    entry->recipients = more;
    entry->recipients_cap = cap;
    return true;
}

bool entry_add_foreign(struct entry *entry, struct slice address, const struct entry_recipient *like)
{
    struct entry_recipient added = {
        .given =
            {
                .address = arena_dup(&entry->arena, address),
                .orcpt = like->given.orcpt.n > 0 ? like->given.orcpt : like->given.address,
                .notify = like->given.notify,
            },
        .state = RECIPIENT_WAITING,
    };
    if (added.given.address.p == NULL || !grow(entry))
        return false;
    entry->recipients[entry->recipient_count++] = added;
    return true;
}

void entry_set_reason(struct entry *entry, struct entry_recipient *recipient, const char *reason)
{
    recipient->reason = arena_dup(&entry->arena, slice_cstr(reason));
}
