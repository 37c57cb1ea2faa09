#include "authres/block_list.h"

#include <arpa/inet.h>

#include "authres/dns_records.h"
#include "base/must.h"

/* Three questions in a row without an answer, and it is left alone for about half a minute. */
#define SILENCE_STEP_US (8 * CLOCK_SECOND)
#define SILENCE_TOO_MUCH_US (20 * CLOCK_SECOND)
#define SILENCE_MAX_US (40 * CLOCK_SECOND)
#define SILENCE_HALF_LIFE_US (30 * CLOCK_SECOND)

struct rate *block_list_health(void)
{
    return rate_create(SILENCE_STEP_US, SILENCE_MAX_US, SILENCE_HALF_LIFE_US);
}

/* What strangers' name servers say goes into replies and fields: printable and short. */
static struct slice readable(struct slice text, struct arena *arena)
{
    struct slice copy = arena_dup(arena, slice_sub(text, 0, BLOCK_LIST_REASON_MAX));
    char *p = (char *)copy.p;
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] < ' ' || p[i] > '~')
            p[i] = '?';
    return copy.p != NULL ? copy : slice_none();
}

static struct slice find_reason(const struct authres_dns *dns, struct slice name, int64_t deadline_us,
                                struct arena *arena)
{
    struct resolver_records records;
    struct error error;
    if (dns->records(dns->context, name, RESOLVER_TXT, deadline_us, arena, &records, &error) != ERR_OK ||
        records.count == 0)
        return slice_none();
    return readable(dns_text(records.data[0], arena), arena);
}

static uint32_t address_of(struct slice record)
{
    struct resolver_address address;
    return dns_address(record, &address) && address.family == AF_INET ? ntohl(address.v4.s_addr) : 0;
}

/* Of several answers the first that counts; without one, the first of all. */
static struct block_list_answer pick(const struct list_setting *list, const struct resolver_records *records)
{
    const struct list_setting any = {.zone = list->zone};
    struct block_list_answer answer = {.status = BLOCK_LIST_NOT_LISTED};
    for (size_t i = 0; i < records->count; i++) {
        uint32_t address = address_of(records->data[i]);
        if (list_answer_counts(list, address))
            return (struct block_list_answer){.status = BLOCK_LIST_LISTED, .address = address};
        if (!list_answer_counts(&any, address))
            answer = (struct block_list_answer){.status = BLOCK_LIST_NOT_WELCOME, .address = address};
    }
    return answer;
}

static struct block_list_answer ask(const struct authres_dns *dns, struct rate *health,
                                    const struct list_setting *list, struct slice name, int64_t deadline_us,
                                    struct arena *arena)
{
    struct block_list_answer answer = {.status = BLOCK_LIST_SILENT};
    struct slice zone = slice_cstr(list->zone);
    struct resolver_records records;
    struct error error;
    if (rate_penalty_us(health, zone) > SILENCE_TOO_MUCH_US)
        return answer;
    int64_t deadline = MIN(deadline_us, clock_mono_us() + BLOCK_LIST_US);
    if (dns->records(dns->context, name, RESOLVER_A, deadline, arena, &records, &error) != ERR_OK) {
        rate_failed(health, zone);
        return answer;
    }
    rate_succeeded(health, zone);
    answer = pick(list, &records);
    if (answer.status == BLOCK_LIST_LISTED && list->action != LIST_ALLOW)
        answer.reason = find_reason(dns, name, deadline, arena);
    return answer;
}

struct block_list_answer block_list_ask_address(const struct authres_dns *dns, struct rate *health,
                                                const struct list_setting *list,
                                                const struct resolver_address *address, int64_t deadline_us,
                                                struct arena *arena)
{
    CLEANUP(buf_release) struct buf name = BUF(2 * RESOLVER_NAME_MAX);
    must(!list->of_names);
    dns_put_reverse(address, &name);
    /* The same digits as in the reverse zone, in another one (RFC 5782 2.1, 2.4). */
    name.n -= address->family == AF_INET ? S("in-addr.arpa").n : S("ip6.arpa").n;
    buf_put(&name, slice_cstr(list->zone));
    return ask(dns, health, list, buf_slice(&name), deadline_us, arena);
}

struct block_list_answer block_list_ask_name(const struct authres_dns *dns, struct rate *health,
                                             const struct list_setting *list, struct slice name,
                                             int64_t deadline_us, struct arena *arena)
{
    CLEANUP(buf_release) struct buf whole = BUF(2 * RESOLVER_NAME_MAX);
    must(list->of_names);
    buf_put(&whole, name);
    buf_putc(&whole, '.');
    buf_put(&whole, slice_cstr(list->zone));
    if (!dns_name_valid(buf_slice(&whole)))
        return (struct block_list_answer){.status = BLOCK_LIST_NOT_LISTED};
    return ask(dns, health, list, buf_slice(&whole), deadline_us, arena);
}
