#include "move/place.h"

#include <stdio.h>

/* --- URLs --- */

static int hex(char c)
{
    c = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decoded (RFC 3986 2.1), NUL-terminated. */
static bool unescape(struct slice text, char *to, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%' && i + 2 < text.n && hex(text.p[i + 1]) >= 0 && hex(text.p[i + 2]) >= 0) {
            c = (char)(hex(text.p[i + 1]) * 16 + hex(text.p[i + 2]));
            i += 2;
        }
        if (n + 1 >= size || (unsigned char)c < ' ' || c == 0x7f)
            return false;
        to[n++] = c;
    }
    to[n] = 0;
    return n > 0;
}

static bool read_port(struct slice text, uint16_t *ret_port)
{
    uint32_t port;
    if (!slice_to_u32(text, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* "host", "host:993", "[::1]:993" */
static bool read_host(struct slice text, struct move_place *place)
{
    struct slice host = text;
    struct slice port = slice_none();
    bool has_port;
    if (slice_starts(text, S("["))) {
        ssize_t end = slice_find_char(text, ']');
        if (end < 0)
            return false;
        host = slice_sub(text, 1, (size_t)end - 1);
        port = slice_from(text, (size_t)end + 1);
        has_port = port.n > 0;
        if (has_port && port.p[0] != ':')
            return false;
        port = slice_from(port, 1);
    } else {
        has_port = slice_cut(text, ':', &host, &port);
    }
    if (host.n == 0 || host.n > PLACE_HOST_MAX || (has_port && !read_port(port, &place->port)))
        return false;
    for (size_t i = 0; i < host.n; i++) {
        if (!ascii_is_alnum(host.p[i]) && host.p[i] != '.' && host.p[i] != '-' && host.p[i] != ':')
            return false;
        place->host[i] = ascii_lower(host.p[i]);
    }
    place->host[host.n] = 0;
    return true;
}

static enum err parse_url(struct slice rest, struct move_place *place, struct error *error)
{
    if (slice_ends(rest, S("/")))
        rest.n--;
    ssize_t at = slice_rfind_char(rest, '@');
    if (at <= 0 || !unescape(slice_sub(rest, 0, (size_t)at), place->user, sizeof(place->user)))
        return fail_plain(error, ERR_INVALID, "write the source like imaps://USER@HOST");
    if (slice_find_char(slice_sub(rest, 0, (size_t)at), ':') >= 0)
        return fail_plain(error, ERR_INVALID,
                          "passwords are not taken from the command line, which others can see; use "
                          "--password-stdin (a ':' in the user's name is %%3A)");
    place->port = place->tls ? 993 : 143;
    if (!read_host(slice_from(rest, (size_t)at + 1), place))
        return fail_plain(error, ERR_INVALID,
                          "the source's host is none: write it like imaps://USER@HOST:PORT");
    bool usual = place->port == 993 || place->port == 143;
    if (usual)
        snprintf(place->name, sizeof(place->name), "imap://%s@%s", place->user, place->host);
    else
        snprintf(place->name, sizeof(place->name), "imap://%s@%s:%u", place->user, place->host, place->port);
    return ERR_OK;
}

enum err place_parse(struct slice text, struct move_place *ret_place, struct error *error)
{
    struct move_place place = {.tls = slice_starts_nocase(text, S("imaps://"))};
    place.imap = place.tls || slice_starts_nocase(text, S("imap://"));
    if (place.imap) {
        enum err err = parse_url(slice_from(text, place.tls ? 8 : 7), &place, error);
        if (err != ERR_OK)
            return err;
    } else if (slice_find(text, S("://")) >= 0) {
        return fail_plain(error, ERR_INVALID, "mail comes from imaps://, imap://, an mbox file or a Maildir");
    }
    *ret_place = place;
    return ERR_OK;
}

/* --- folders --- */

/* What well-known programs call them, in English and German; the first that is there has the role. */
static const struct {
    enum folder_role role;
    const char *name;
} names[] = {
    {ROLE_FOLDER_SENT, "Sent"},
    {ROLE_FOLDER_SENT, "Sent Items"},
    {ROLE_FOLDER_SENT, "Sent Messages"},
    {ROLE_FOLDER_SENT, "Sent Mail"},
    {ROLE_FOLDER_SENT, "sent-mail"},
    {ROLE_FOLDER_SENT, "Gesendet"},
    {ROLE_FOLDER_SENT, "Gesendete Objekte"},
    {ROLE_FOLDER_SENT, "Gesendete Elemente"},
    {ROLE_FOLDER_DRAFTS, "Drafts"},
    {ROLE_FOLDER_DRAFTS, "Draft"},
    {ROLE_FOLDER_DRAFTS, "Entw\xc3\xbcrfe"},
    {ROLE_FOLDER_TRASH, "Trash"},
    {ROLE_FOLDER_TRASH, "Deleted Items"},
    {ROLE_FOLDER_TRASH, "Deleted Messages"},
    {ROLE_FOLDER_TRASH, "Papierkorb"},
    {ROLE_FOLDER_TRASH, "Gel\xc3\xb6schte Objekte"},
    {ROLE_FOLDER_TRASH, "Gel\xc3\xb6schte Elemente"},
    {ROLE_FOLDER_JUNK, "Junk"},
    {ROLE_FOLDER_JUNK, "Spam"},
    {ROLE_FOLDER_JUNK, "Junk E-mail"},
    {ROLE_FOLDER_JUNK, "Junk-E-Mail"},
    {ROLE_FOLDER_JUNK, "Bulk Mail"},
    {ROLE_FOLDER_ARCHIVE, "Archive"},
    {ROLE_FOLDER_ARCHIVE, "Archives"},
    {ROLE_FOLDER_ARCHIVE, "Archiv"},
};

static enum folder_role role_of(enum folder_use use)
{
    switch (use) {
    case USE_INBOX:
        return ROLE_FOLDER_INBOX;
    case USE_SENT:
        return ROLE_FOLDER_SENT;
    case USE_DRAFTS:
        return ROLE_FOLDER_DRAFTS;
    case USE_TRASH:
        return ROLE_FOLDER_TRASH;
    case USE_JUNK:
        return ROLE_FOLDER_JUNK;
    case USE_ARCHIVE:
    case USE_ALL:
        return ROLE_FOLDER_ARCHIVE;
    default:
        return ROLE_FOLDER_NONE;
    }
}

enum { ROLES = ROLE_FOLDER_ARCHIVE + 1 };

static void give(struct moved_folder *folder, enum folder_role role, struct moved_folder **holders)
{
    folder->role = role;
    folder->parts_of_role = folder->part_count;
    if (role != ROLE_FOLDER_NONE && holders[role] == NULL)
        holders[role] = folder;
}

static void give_by_use(struct moved_folder *folders, size_t count, struct moved_folder **holders)
{
    for (size_t i = 0; i < count; i++) {
        enum folder_role role = role_of(folders[i].use);
        if (folders[i].use == USE_ALL)
            give(&folders[i], role, (struct moved_folder *[ROLES]){0}); /* beside an Archive of its own */
        else if (role != ROLE_FOLDER_NONE && holders[role] == NULL)
            give(&folders[i], role, holders);
    }
}

static void give_by_name(struct moved_folder *folders, size_t count, struct moved_folder **holders)
{
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        for (size_t i = 0; i < count && holders[names[k].role] == NULL; i++)
            if (folders[i].role == ROLE_FOLDER_NONE && folders[i].part_count == 1 &&
                slice_eq_nocase(folders[i].parts[0], slice_cstr(names[k].name)))
                give(&folders[i], names[k].role, holders);
}

/* Of a folder that has a role, but for INBOX, which all can lie in. */
static bool lies_in(const struct moved_folder *folder, const struct moved_folder *holder)
{
    if (holder == NULL || folder->part_count <= holder->part_count)
        return false;
    for (size_t i = 0; i < holder->part_count; i++)
        if (!slice_eq(folder->parts[i], holder->parts[i]))
            return false;
    return true;
}

void place_folders(struct moved_folder *folders, size_t count)
{
    struct moved_folder *holders[ROLES] = {0};
    give_by_use(folders, count, holders);
    give_by_name(folders, count, holders);
    for (size_t i = 0; i < count; i++)
        for (size_t role = ROLE_FOLDER_SENT; role < ROLES && folders[i].role == ROLE_FOLDER_NONE; role++)
            if (lies_in(&folders[i], holders[role])) {
                folders[i].role = (enum folder_role)role;
                folders[i].parts_of_role = holders[role]->part_count;
            }
}

void place_path(const struct moved_folder *folder, size_t from, struct buf *out)
{
    for (size_t i = from; i < folder->part_count; i++) {
        if (i > from)
            buf_putc(out, '/');
        buf_put(out, folder->parts[i]);
    }
}
