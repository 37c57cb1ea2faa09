#include "imap/message_part.h"

#include "imap/session_internal.h"
#include "mime/header.h"

enum { PART_ARENA_MAX = MIME_STRUCTURE_ARENA_MAX + 1024 * 1024 };

void imap_part_release(struct imap_part *part)
{
    content_release(&part->content);
    buf_release(&part->fields);
    arena_release(&part->arena);
}

static enum err parse_section(struct imap_part *part, struct slice text, struct error *error)
{
    struct imap_parser parser = {.text = cursor_of(text), .arena = &part->arena};
    if (text.n == 0 || (imap_parse_section(&parser, &part->section) && imap_parse_end(&parser)))
        return ERR_OK;
    return fail_plain(error, ERR_INVALID, "There is no such kind of section");
}

static enum err find_object(struct account *account, struct folder_id folder, struct uid uid,
                            struct arena *arena, struct object_id *ret_object, struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct message *messages;
    size_t count;
    uid_set_add(&uids, uid.v, uid.v);
    if (uids.failed)
        return fail_nomem(error);
    enum err err = message_list(account, folder, &uids, WANT_FLAGS, 1, arena, &messages, &count, error);
    if (err != ERR_OK)
        return err;
    if (count == 0)
        return fail_plain(error, ERR_NOT_FOUND, "There is no such message");
    *ret_object = messages[0].object;
    return ERR_OK;
}

/* The section's bytes of a content that is read and parsed. */
static enum err choose(struct imap_part *part, struct error *error)
{
    const struct imap_section *section = &part->section;
    if (!imap_section_find(&part->content, part->root, section, &part->bytes))
        return fail_plain(error, ERR_NOT_FOUND, "There is no such part");
    if (!section->fields)
        return ERR_OK;
    part->fields = BUF(part->bytes.n + 16);
    mime_header_select(&part->fields, part->bytes, section->names, section->name_count, section->but);
    part->bytes = buf_slice(&part->fields);
    return buf_failed(&part->fields) ? fail_nomem(error) : ERR_OK;
}

enum err imap_part_read(struct account *account, struct folder_id folder, struct uid uid,
                        struct slice section, struct imap_part *ret_part, struct error *error)
{
    CLEANUP(imap_part_release) struct imap_part part = {.arena = ARENA(PART_ARENA_MAX)};
    struct object_id object;
    enum err err = parse_section(&part, section, error);
    if (err == ERR_OK)
        err = find_object(account, folder, uid, &part.arena, &object, error);
    if (err == ERR_OK)
        err = message_read(account, object, CONTENT_WHOLE, &part.content, error);
    if (err == ERR_OK)
        err = mime_parse(&part.arena, part.content.whole, &part.root, error);
    if (err == ERR_OK)
        err = choose(&part, error);
    if (err != ERR_OK)
        return err;
    *ret_part = part;
    part = (struct imap_part){0};
    return ERR_OK;
}
