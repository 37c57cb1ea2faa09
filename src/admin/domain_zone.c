#include "admin/domain_zone.h"

#include <ifaddrs.h>

#include "admin/inquiry.h"
#include "base/language.h"
#include "directory/address.h"
#include "directory/domain_key.h"

enum { LINE_MAX_BYTES = 8192, WORDS_A_LINE = 100 };

void domain_zone_release(struct domain_zone *zone)
{
    json_decref(zone->rows);
    free(zone->keys);
}

static struct slice text_of(const json_t *row, const char *name)
{
    const json_t *text = json_object_get(row, name);
    return slice_of(json_string_value(text), json_string_length(text));
}

enum err domain_zone_read(const struct admin_context *context, struct slice name, struct arena *arena,
                          struct domain_zone *ret_zone, struct error *error)
{
    const struct inquiry inquiry = {0};
    struct domain_zone zone = {0};
    json_t *shown = NULL;
    enum err e = domain_normalise(name, arena, &zone.domain.name, error);
    if (e == ERR_OK)
        e = inquire(context, &inquiry,
                    json_pack("{s:s,s:o}", "command", "domain.dkim.list", "domain", json_text(name)),
                    &zone.rows, error);
    if (e == ERR_OK)
        e = inquire(context, &inquiry,
                    json_pack("{s:s,s:o}", "command", "domain.show", "domain", json_text(name)), &shown,
                    error);
    if (e == ERR_OK)
        e = own_addresses_parse(text_of(json_array_get(shown, 0), "source_addresses"), &zone.domain.sources,
                                error);
    json_decref(shown);
    if (e != ERR_OK) {
        domain_zone_release(&zone);
        return e;
    }
    size_t count = json_array_size(zone.rows);
    zone.keys = calloc(count + 1, sizeof(*zone.keys));
    if (zone.keys == NULL) {
        domain_zone_release(&zone);
        return fail_nomem(error);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(zone.rows, i);
        struct slice state = text_of(row, "state");
        zone.keys[i] = (struct zone_key){
            .name = text_of(row, "name"),
            .text = text_of(row, "record"),
            .signs = slice_eq(state, slice_cstr(domain_key_state_word(DOMAIN_KEY_ACTIVE))),
            .waits = slice_eq(state, slice_cstr(domain_key_state_word(DOMAIN_KEY_PENDING))),
        };
    }
    zone.domain.keys = zone.keys;
    zone.domain.key_count = count;
    *ret_zone = zone;
    return ERR_OK;
}

/* --- records --- */

static size_t public_addresses(struct resolver_address *ret_addresses, size_t max)
{
    struct ifaddrs *list = NULL;
    size_t count = 0;
    if (getifaddrs(&list) != 0)
        return 0;
    for (const struct ifaddrs *i = list; i != NULL && count < max; i = i->ifa_next) {
        struct resolver_address address = {0};
        if (i->ifa_addr == NULL)
            continue;
        address.family = i->ifa_addr->sa_family;
        if (address.family == AF_INET)
            address.v4 = ((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
        else if (address.family == AF_INET6)
            address.v6 = ((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
        else
            continue;
        if (resolver_is_public(&address))
            ret_addresses[count++] = address;
    }
    freeifaddrs(list);
    return count;
}

static json_t *row_of(const struct zone_record *record)
{
    json_t *row = json_pack("{s:o,s:s,s:o,s:s,s:o}", "name", json_text(record->name), "type", record->type,
                            "data", json_text(record->data), "need", zone_need_name(record->need), "about",
                            json_text(record->about));
    if (row != NULL && record->text.n > 0)
        json_object_set_new(row, "text", json_text(record->text));
    return row;
}

enum err call_zone(struct admin_call *call, struct slice domain, bool is_signed, struct error *error)
{
    const struct settings *settings = call->context->settings;
    CLEANUP(domain_zone_release) struct domain_zone zone = {0};
    struct resolver_address addresses[RESOLVER_HOST_ADDRESSES_MAX];
    char digests[ZONE_DIGESTS_MAX][ZONE_DIGEST_TEXT];
    struct zone_record *records;
    size_t count = 0;
    enum err e = domain_zone_read(call->context, domain, &call->arena, &zone, error);
    if (e != ERR_OK)
        return e;
    const struct zone_question question = {
        .settings = settings,
        .domain = zone.domain.name,
        .keys = zone.keys,
        .key_count = zone.domain.key_count,
        .sources = &zone.domain.sources,
        .addresses = addresses,
        .address_count = public_addresses(addresses, ARRAY_LEN(addresses)),
        .digests = (const char(*)[ZONE_DIGEST_TEXT])digests,
        .digest_count = doctor_key_digests(settings, settings->hostname, ARRAY_LEN(digests), digests),
        .is_signed = is_signed,
    };
    e = zone_records(&question, &call->arena, &records, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_row(call, row_of(&records[i]), error);
    return e;
}

/* --- showing --- */

void put_spoken(const char *english, struct buf *out)
{
    const char *wanted = getenv("LC_ALL");
    wanted = wanted != NULL && wanted[0] != 0 ? wanted : getenv("LANG");
    struct slice range = slice_sub(slice_cstr(wanted), 0, 2);
    struct tongue tongue = {.negotiated = true};
    if (!language_find(range, &tongue.language))
        tongue.language = LANGUAGE_EN;
    language_put(out, tongue, slice_cstr(english));
}

/* As comments, broken between words. */
static void show_about(struct slice about)
{
    size_t column = 0;
    struct slice word;
    while (about.n > 0) {
        slice_cut(about, ' ', &word, &about);
        if (column == 0 || column + 1 + word.n > WORDS_A_LINE) {
            printf("%s;", column == 0 ? "" : "\n");
            column = 1;
        }
        printf(" %.*s", SLICE_ARGS(word));
        column += 1 + word.n;
    }
    printf("\n");
}

void show_zone_record(const json_t *row)
{
    CLEANUP(buf_release) struct buf about = BUF(LINE_MAX_BYTES);
    struct slice english = text_of(row, "about");
    bool hint = slice_eq(text_of(row, "need"), slice_cstr(zone_need_name(ZONE_HINT)));
    if (english.n > 0) {
        put_spoken(english.p, &about);
        show_about(buf_slice(&about));
    }
    printf("%s%.*s. IN %.*s %.*s\n", hint ? "; " : "", SLICE_ARGS(text_of(row, "name")),
           SLICE_ARGS(text_of(row, "type")), SLICE_ARGS(text_of(row, "data")));
}
