#include "mime/part_fields.h"

#include "mime/header.h"

/* RFC 2045 5.2: what a missing or broken Content-Type means. */
static const struct mime_parameter default_charset = {
    .name = {"charset", 7},
    .value = {"us-ascii", 8},
};

void mime_part_make_text(struct mime_part *part)
{
    part->kind = MIME_LEAF;
    part->type = S("text");
    part->subtype = S("plain");
    part->parameters = &default_charset;
}

/* The parameters of a field, unless the budget is used up. */
static enum err take_parameters(struct arena *arena, const struct cursor *c,
                                const struct mime_parameter **ret, struct mime_field_budget *budget,
                                struct error *error)
{
    struct slice text = slice_sub(cursor_rest(c), 0, MIME_PARAMETER_FIELD_MAX);
    struct mime_parameter *list;
    if (text.n == 0 || budget->left == 0)
        return ERR_OK;
    enum err err = mime_parameters_parse(arena, text, &list, error);
    if (err != ERR_OK)
        return err;
    size_t cost = text.n;
    for (const struct mime_parameter *p = list; p != NULL; p = p->next)
        cost += sizeof(*p) + 2 * sizeof(void *);
    budget->left -= MIN(cost, budget->left);
    *ret = list;
    return ERR_OK;
}

/* RFC 2045 5.1. False in *ret_good: no type and subtype. */
static enum err read_type(struct arena *arena, struct mime_part *part, struct slice value, bool *ret_good,
                          struct mime_field_budget *budget, struct error *error)
{
    struct cursor c = cursor_of(value);
    struct slice type, subtype;
    mime_take_type(&c, &type, &subtype);
    *ret_good = type.n > 0 && subtype.n > 0;
    if (!*ret_good)
        return ERR_OK;
    part->type = type;
    part->subtype = subtype;
    (void)cursor_skip_char(&c, '"');
    return take_parameters(arena, &c, &part->parameters, budget, error);
}

/* RFC 2183 2. "filename=x" without a type before it is meant as an attachment. */
static enum err read_disposition(struct arena *arena, struct mime_part *part, struct slice value,
                                 struct mime_field_budget *budget, struct error *error)
{
    struct cursor c = cursor_of(value);
    mime_skip_blanks(&c, '"');
    struct cursor start = c;
    part->disposition = mime_take_token(&c);
    if (cursor_peek(&c) == '=') {
        part->disposition = S("attachment");
        c = start;
    }
    if (part->disposition.n == 0)
        part->disposition = slice_none();
    (void)cursor_skip_char(&c, '"');
    return take_parameters(arena, &c, &part->disposition_parameters, budget, error);
}

/* Says whether the part can be what its type claims. */
static void choose_kind(struct mime_part *part)
{
    part->kind = MIME_LEAF;
    bool encoded = part->encoding == MIME_ENCODING_BASE64 || part->encoding == MIME_ENCODING_QUOTED_PRINTABLE;
    if (slice_eq_nocase(part->type, S("multipart"))) {
        struct slice boundary = mime_parameter_raw(part->parameters, S("boundary"));
        if (boundary.n == 0 || boundary.n > MIME_BOUNDARY_MAX)
            mime_part_make_text(part);
        else
            part->kind = MIME_MULTIPART;
    } else if (mime_part_is(part, S("message"), S("rfc822")) ||
               mime_part_is(part, S("message"), S("global"))) {
        part->kind = MIME_MESSAGE;
        if (encoded) { /* forbidden (RFC 2046 5.2.1), or message/global (RFC 6532 3.7): opaque */
            part->kind = MIME_LEAF;
            part->type = S("application");
            part->subtype = S("octet-stream");
        }
    }
}

/* The place of a plain Content-... field, or NULL. */
static struct slice *plain_field(struct mime_part *part, struct slice name)
{
    if (slice_eq_nocase(name, S("Transfer-Encoding")))
        return &part->encoding_name;
    if (slice_eq_nocase(name, S("ID")))
        return &part->id;
    if (slice_eq_nocase(name, S("Description")))
        return &part->description;
    if (slice_eq_nocase(name, S("Language")))
        return &part->language;
    if (slice_eq_nocase(name, S("Location")))
        return &part->location;
    return slice_eq_nocase(name, S("MD5")) ? &part->md5 : NULL;
}

enum err mime_part_read_fields(struct arena *arena, struct mime_part *part, struct mime_field_budget *budget,
                               struct error *error)
{
    struct cursor c = cursor_of(part->header);
    struct mime_field field;
    bool has_type = false;
    bool good_type = false;
    bool has_disposition = false;
    enum err err = ERR_OK;
    while (err == ERR_OK && mime_field_next(&c, &field)) {
        if (!slice_starts_nocase(field.name, S("Content-")))
            continue;
        struct slice name = slice_from(field.name, 8);
        struct slice value = slice_trim(field.value);
        struct slice *plain = plain_field(part, name);
        if (plain != NULL && plain->p == NULL) {
            *plain = value;
        } else if (!has_type && slice_eq_nocase(name, S("Type"))) {
            has_type = true;
            err = read_type(arena, part, value, &good_type, budget, error);
        } else if (!has_disposition && slice_eq_nocase(name, S("Disposition"))) {
            has_disposition = true;
            err = read_disposition(arena, part, value, budget, error);
        }
    }
    if (err != ERR_OK)
        return err;
    part->encoding = mime_encoding_of(part->encoding_name);
    if (!good_type) {
        mime_part_make_text(part);
        /* RFC 2046 5.1.5 */
        if (!has_type && part->parent != NULL && mime_part_is(part->parent, S("multipart"), S("digest"))) {
            part->type = S("message");
            part->subtype = S("rfc822");
            part->parameters = NULL;
        }
    }
    choose_kind(part);
    return ERR_OK;
}
