/*
 * Addresses as a person or a peer wrote them: RFC 5321 4.1.2 (Mailbox), with RFC 6531 3.3 (UTF-8 in both
 * halves). Address literals are refused: nobody has a mailbox there.
 */
#include "directory/address.h"

#include <idn2.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "directory/directory.h"
#include "directory/srs.h"

enum { LABEL_MAX = 63, CODE_POINT_BYTES_MAX = 4 };

/* --- domains --- */

static bool label_valid(struct slice label)
{
    if (label.n == 0 || label.n > LABEL_MAX || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
            return false;
    return true;
}

static bool labels_valid(struct slice name)
{
    bool more = true;
    while (more) {
        struct slice label;
        more = slice_cut(name, '.', &label, &name);
        if (!label_valid(label))
            return false;
    }
    return true;
}

/* Only plain ASCII labels: nothing that IDNA has a say in. */
static bool domain_is_plain(struct slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] >= 0x80)
            return false;
    return slice_find_nocase(name, S("xn--")) < 0;
}

static enum err fail_domain(struct slice name, const char *why, struct error *error)
{
    return fail_plain(error, ERR_INVALID, "\"%.*s\" is not a domain name: %s", SLICE_ARGS(utf8_cut(name, 60)),
                      why);
}

static void idn_release(uint8_t **text)
{
    if (*text != NULL)
        idn2_free(*text);
}

static enum err domain_to_ascii(struct slice name, struct arena *arena, struct slice *ret_name,
                                struct error *error)
{
    struct slice terminated = arena_dup(arena, name);
    if (terminated.p == NULL)
        return fail_nomem(error);
    CLEANUP(idn_release) uint8_t *ascii = NULL;
    int result = idn2_lookup_u8((const uint8_t *)terminated.p, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (result == IDN2_MALLOC)
        return fail_nomem(error);
    if (result != IDN2_OK)
        return fail_domain(name, idn2_strerror(result), error);
    *ret_name = arena_dup(arena, slice_cstr((const char *)ascii));
    return ret_name->p != NULL ? ERR_OK : fail_nomem(error);
}

enum err domain_normalise(struct slice name, struct arena *arena, struct slice *ret_name, struct error *error)
{
    if (name.n == 0)
        return fail_plain(error, ERR_INVALID, "the domain name is empty");
    if (name.n > ADDRESS_DOMAIN_MAX)
        return fail_domain(name, "it is longer than 255 bytes", error);
    if (memchr(name.p, 0, name.n) != NULL || !utf8_valid(name))
        return fail_domain(name, "it is not UTF-8 text", error);
    struct slice ascii = name;
    if (!domain_is_plain(name)) {
        enum err code = domain_to_ascii(name, arena, &ascii, error);
        if (code != ERR_OK)
            return code;
    }
    if (ascii.n > ADDRESS_DOMAIN_MAX || !labels_valid(ascii))
        return fail_domain(name, "labels are 1 to 63 letters, digits and hyphens, with dots between", error);
    char *lower = arena_alloc(arena, ascii.n + 1);
    if (lower == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < ascii.n; i++)
        lower[i] = ascii_lower(ascii.p[i]);
    *ret_name = slice_of(lower, ascii.n);
    return ERR_OK;
}

/* --- local parts --- */

/* RFC 5322 3.2.3 atext, and everything beyond ASCII (RFC 6532 3.2). */
static bool is_atext(char c)
{
    return ascii_is_alnum(c) || (unsigned char)c >= 0x80 ||
           (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Passes over a dot-string at the cursor; false when it is none. */
static bool take_dot_string(struct cursor *c, struct slice *ret_plain)
{
    const char *start = c->p;
    bool after_dot = true;
    for (int next = cursor_peek(c); next >= 0 && next != '@'; next = cursor_peek(c)) {
        if (next == '.' ? after_dot : !is_atext((char)next))
            return false;
        after_dot = next == '.';
        c->p++;
    }
    *ret_plain = slice_of(start, (size_t)(c->p - start));
    return !after_dot;
}

/* Passes over a quoted string at the cursor (RFC 5321 4.1.2 Quoted-string); *ret_plain is what it stands for.
 */
static bool take_quoted(struct cursor *c, char *room, struct slice *ret_plain)
{
    size_t n = 0;
    if (!cursor_skip_char(c, '"'))
        return false;
    for (;;) {
        int next = cursor_next(c);
        if (next == '"')
            break;
        bool escaped = next == '\\';
        if (escaped)
            next = cursor_next(c);
        /* Also the end, -1; only printable ASCII may be escaped. */
        if (next < 0x20 || next == 0x7f || (escaped && next >= 0x80))
            return false;
        room[n++] = (char)next;
    }
    *ret_plain = slice_of(room, n);
    return n > 0;
}

/* Simple case folding by way of the upper case, so that final sigma and long s fold too; dotless and dotted i
 * stay what they are (CaseFolding.txt has them for Turkish only). */
static int32_t fold(int32_t code_point)
{
    if (code_point == 0x130 || code_point == 0x131)
        return code_point;
    return utf8proc_tolower(utf8proc_toupper(code_point));
}

/* No control, format, private or unassigned characters, no line separators: they can't be seen or typed. */
static bool is_visible(int32_t code_point)
{
    switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return true;
    }
}

static enum err to_nfc(struct slice text, struct arena *arena, struct slice *ret_text, struct error *error)
{
    uint8_t *composed = NULL;
    utf8proc_ssize_t n = utf8proc_map((const uint8_t *)text.p, (utf8proc_ssize_t)text.n, &composed,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        return n == UTF8PROC_ERROR_NOMEM
                   ? fail_nomem(error)
                   : fail_plain(error, ERR_INVALID, "the name before the @ is not UTF-8 text");
    *ret_text = arena_dup(arena, slice_of(composed, (size_t)n));
    free(composed);
    return ret_text->p != NULL ? ERR_OK : fail_nomem(error);
}

static enum err fold_ascii(struct slice plain, struct arena *arena, struct address_parts *parts,
                           struct error *error)
{
    char *lower = arena_alloc(arena, plain.n + 1);
    if (lower == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < plain.n; i++)
        lower[i] = ascii_lower(plain.p[i]);
    parts->local = slice_of(lower, plain.n);
    parts->plain = plain;
    return ERR_OK;
}

/* Sets plain and local of *parts. */
static enum err fold_local(struct slice plain, struct arena *arena, struct address_parts *parts,
                           struct error *error)
{
    if (slice_is_ascii(plain))
        return fold_ascii(plain, arena, parts, error);
    if (!utf8_valid(plain))
        return fail_plain(error, ERR_INVALID, "the name before the @ is not UTF-8 text");
    enum err code = to_nfc(plain, arena, &parts->plain, error);
    if (code != ERR_OK)
        return code;
    CLEANUP(buf_release) struct buf folded = BUF(CODE_POINT_BYTES_MAX * parts->plain.n);
    struct cursor c = cursor_of(parts->plain);
    while (!cursor_done(&c)) {
        int32_t code_point = utf8_next(&c);
        if (!is_visible(code_point))
            return fail_plain(error, ERR_INVALID, "the name before the @ holds an invisible character");
        utf8_put(&folded, (uint32_t)fold(code_point));
    }
    if (buf_failed(&folded))
        return fail_nomem(error);
    return to_nfc(buf_slice(&folded), arena, &parts->local, error);
}

/* --- both --- */

static enum err fail_address(struct slice address, const char *why, struct error *error)
{
    return fail_plain(error, ERR_INVALID, "\"%.*s\" is not an address: %s", SLICE_ARGS(utf8_cut(address, 60)),
                      why);
}

static struct slice join(struct arena *arena, struct slice local, struct slice domain)
{
    char *p = arena_alloc(arena, local.n + 1 + domain.n + 1);
    if (p == NULL)
        return slice_none();
    memcpy(p, local.p, local.n);
    p[local.n] = '@';
    memcpy(p + local.n + 1, domain.p, domain.n);
    return slice_of(p, local.n + 1 + domain.n);
}

size_t address_local_max(struct slice local)
{
    return srs_is_form(local) ? ADDRESS_MAX : ADDRESS_LOCAL_MAX;
}

enum err address_parse(struct slice address, struct arena *arena, struct address_parts *ret_parts,
                       struct error *error)
{
    if (address.n > ADDRESS_MAX)
        return fail_address(address, "it is longer than 254 bytes", error);
    struct address_parts parts = {0};
    struct slice plain = slice_none();
    struct cursor c = cursor_of(address);
    bool quoted = cursor_peek(&c) == '"';
    char *room = quoted ? arena_alloc(arena, address.n) : NULL;
    if (quoted && room == NULL)
        return fail_nomem(error);
    bool right = quoted ? take_quoted(&c, room, &plain) : take_dot_string(&c, &plain);
    struct slice written = slice_of(address.p, address.n - cursor_left(&c));
    if (!right || !cursor_skip_char(&c, '@'))
        return fail_address(address, "it must read name@domain", error);
    if (written.n > address_local_max(written))
        return fail_address(address, "the name before the @ is longer than 64 bytes", error);
    enum err code = domain_normalise(cursor_rest(&c), arena, &parts.domain, error);
    if (code == ERR_OK)
        code = fold_local(plain, arena, &parts, error);
    if (code != ERR_OK)
        return code;
    if (parts.local.n > address_local_max(parts.local) || parts.local.n + 1 + parts.domain.n > ADDRESS_MAX)
        return fail_address(address, "written out, it is longer than 254 bytes, or its name than 64", error);
    parts.key = join(arena, parts.local, parts.domain);
    parts.shown = join(arena, written, parts.domain);
    if (parts.key.p == NULL || parts.shown.p == NULL)
        return fail_nomem(error);
    *ret_parts = parts;
    return ERR_OK;
}

enum err address_normalise(struct slice address, struct arena *arena, struct slice *ret_local,
                           struct slice *ret_domain, struct error *error)
{
    struct address_parts parts;
    enum err code = address_parse(address, arena, &parts, error);
    if (code != ERR_OK)
        return code;
    *ret_local = parts.local;
    *ret_domain = parts.domain;
    return ERR_OK;
}
