#include "authres/authors.h"

#include <idn2.h>

#include "authres/dns_records.h"
#include "base/must.h"
#include "mime/address.h"
#include "mime/header.h"

const char *authors_text(enum authors_status status)
{
    static const char *const texts[] = {
#define X(name, text) text,
        AUTHORS_TABLE(X)
#undef X
    };
    must(status < AUTHORS_STATUSES);
    return texts[status];
}

static void free_ascii(uint8_t **text)
{
    if (*text != NULL)
        idn2_free(*text);
}

struct slice author_domain(struct slice domain, struct arena *arena)
{
    bool plain = true;
    if (slice_ends(domain, S(".")))
        domain.n--;
    for (size_t i = 0; i < domain.n; i++)
        plain = plain && (unsigned char)domain.p[i] > ' ' && (unsigned char)domain.p[i] < 0x7f;
    struct slice kept = arena_dup(arena, domain);
    if (kept.p == NULL || slice_find_char(domain, 0) >= 0)
        return slice_none();
    if (!plain) {
        CLEANUP(free_ascii) uint8_t *ascii = NULL;
        if (idn2_lookup_u8((const uint8_t *)kept.p, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
            return slice_none();
        kept = arena_dup(arena, slice_cstr((const char *)ascii));
    }
    if (!dns_name_valid(kept))
        return slice_none();
    for (char *p = (char *)kept.p; p < kept.p + kept.n; p++)
        *p = ascii_lower(*p);
    return kept;
}

static bool is_among(struct slice domain, const struct slice *domains, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(domains[i], domain))
            return true;
    return false;
}

enum authors_status authors_find(struct slice header, struct arena *arena, struct slice *ret_domains,
                                 size_t max, size_t *ret_count)
{
    struct cursor c = cursor_of(header);
    struct slice value = slice_none();
    struct mime_addresses list;
    struct mime_field field;
    struct error error;
    size_t fields = 0;
    *ret_count = 0;
    while (mime_field_next(&c, &field)) {
        if (!slice_eq_nocase(field.name, S("From")))
            continue;
        value = field.value;
        fields++;
    }
    if (fields != 1)
        return fields == 0 ? AUTHORS_NO_FIELD : AUTHORS_SEVERAL_FIELDS;
    if (mime_addresses_parse(arena, value, &list, &error) != ERR_OK)
        return AUTHORS_NO_DOMAIN;
    for (const struct mime_address *a = list.first; a != NULL; a = a->next) {
        struct slice domain =
            a->kind == MIME_ADDRESS_MAILBOX ? author_domain(a->domain, arena) : slice_none();
        if (domain.n == 0 || is_among(domain, ret_domains, *ret_count))
            continue;
        if (*ret_count == max)
            return AUTHORS_TOO_MANY;
        ret_domains[(*ret_count)++] = domain;
    }
    return *ret_count > 0 ? AUTHORS_FOUND : AUTHORS_NO_DOMAIN;
}
