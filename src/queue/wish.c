#include "queue/wish.h"

#include "mime/header.h"

/* RFC 8689 3: one field, whose one value is No; anything else says nothing that could be relied on. */
static bool tls_is_optional(struct slice header)
{
    struct cursor rest = cursor_of(header);
    struct mime_field field;
    size_t fields = 0;
    bool no = false;
    while (mime_field_next(&rest, &field)) {
        if (!slice_eq_nocase(field.name, S("TLS-Required")))
            continue;
        fields++;
        no = slice_eq_nocase(slice_trim(field.value), S("No"));
    }
    return no && fields == 1;
}

void wish_read(struct slice header, struct queue_envelope *envelope)
{
    /* RFC 8689 4.1: beside REQUIRETLS the field means nothing. */
    if (envelope->require_tls)
        envelope->tls_optional = false;
    else if (!envelope->tls_optional)
        envelope->tls_optional = tls_is_optional(header);
}
