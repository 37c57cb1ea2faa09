#include "move/imap_origin.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "imap/mailbox_name.h"
#include "mime/date.h"
#include "move/dialogue.h"
#include "store/message.h"

enum {
    FETCH_BATCH = 100,     /* messages in a command */
    MEANWHILE_MAX = 10000, /* messages that come to a folder while it is told of */
    NAMES_MAX = 16 * 1024 * 1024,
};

struct imap_origin {
    struct origin base;
    struct imap_options options;
    struct dialogue session;
    struct arena names;
    struct slice *folders; /* as the server calls them */
    size_t folder_count;
    struct response_namespace namespaces[RESPONSE_NAMESPACES_MAX];
    size_t namespace_count;
};

/* --- folders --- */

static const struct {
    struct slice attribute;
    enum folder_use use;
} uses[] = {
    {{"\\Sent", 5}, USE_SENT},       {{"\\Drafts", 7}, USE_DRAFTS},
    {{"\\Trash", 6}, USE_TRASH},     {{"\\Junk", 5}, USE_JUNK},
    {{"\\Spam", 5}, USE_JUNK},       {{"\\Archive", 8}, USE_ARCHIVE},
    {{"\\All", 4}, USE_ALL},         {{"\\AllMail", 8}, USE_ALL},
    {{"\\Flagged", 8}, USE_VIRTUAL}, {{"\\Important", 10}, USE_VIRTUAL},
    {{"\\Starred", 8}, USE_VIRTUAL},
};

static enum folder_use use_of(const struct response *response)
{
    if (slice_eq_nocase(response->name, S("INBOX")))
        return USE_INBOX;
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (response_has_word(response->attributes, uses[i].attribute))
            return uses[i].use;
    return USE_NONE;
}

/* A part in modified UTF-7 or UTF-8 as UTF-8; what is neither as well as it goes. */
static struct slice part_text(struct arena *arena, struct slice wire)
{
    CLEANUP(buf_release) struct buf text = BUF(4 * MOVE_NAME_MAX);
    if (!mailbox_name_read(&text, wire, false)) {
        buf_clear(&text);
        utf8_put_repaired(&text, wire);
    }
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '/')
            text.p[i] = '_';
    return arena_dup(arena, buf_slice(&text));
}

/* In the parts of a path; those of a personal namespace ("INBOX.") left out. 0: it is none of ours. */
static size_t split(const struct imap_origin *origin, const struct response *response, struct arena *arena,
                    struct slice parts[static MOVE_PARTS_MAX])
{
    struct slice name = response->name;
    size_t count = 0;
    for (size_t i = 0; i < origin->namespace_count; i++) {
        const struct response_namespace *space = &origin->namespaces[i];
        if (space->prefix.n == 0 || !slice_starts(name, space->prefix))
            continue;
        if (!space->personal)
            return 0;
        name = slice_from(name, space->prefix.n);
        break;
    }
    while (name.n > 0 && count < MOVE_PARTS_MAX) {
        struct slice part = name;
        if (response->separator != 0)
            slice_cut(name, response->separator, &part, &name);
        else
            name = slice_none();
        if (part.n > 0)
            parts[count++] = part_text(arena, part);
        if (part.n > 0 && parts[count - 1].p == NULL)
            return 0;
    }
    return name.n == 0 ? count : 0;
}

struct listing {
    struct imap_origin *origin;
    struct outlet *outlet;
};

static enum err take_namespace(void *context, const struct response *response, bool *ret_taken,
                               struct error *error)
{
    struct imap_origin *origin = context;
    *ret_taken = response->kind == RESPONSE_NAMESPACE;
    for (size_t i = 0; *ret_taken && i < response->namespace_count; i++) {
        origin->namespaces[i] = response->namespaces[i];
        origin->namespaces[i].prefix = arena_dup(&origin->names, response->namespaces[i].prefix);
        if (origin->namespaces[i].prefix.p == NULL)
            return fail_nomem(error);
        origin->namespace_count = i + 1;
    }
    return ERR_OK;
}

static enum err take_folder(void *context, const struct response *response, bool *ret_taken,
                            struct error *error)
{
    const struct listing *listing = context;
    struct imap_origin *origin = listing->origin;
    struct slice parts[MOVE_PARTS_MAX];
    *ret_taken = response->kind == RESPONSE_LIST;
    if (!*ret_taken || response_has_word(response->attributes, S("\\Noselect")) ||
        response_has_word(response->attributes, S("\\NonExistent")))
        return ERR_OK;
    if (origin->folder_count == MOVE_FOLDERS_MAX)
        return fail_plain(error, ERR_LIMIT, "the other server has more than %d folders", MOVE_FOLDERS_MAX);
    CLEANUP(arena_release) struct arena arena = ARENA(MOVE_PARTS_MAX * 8 * MOVE_NAME_MAX);
    size_t count = response->name.n > 0 && response->name.n <= MOVE_NAME_MAX
                       ? split(origin, response, &arena, parts)
                       : 0;
    if (count == 0)
        return ERR_OK;
    CLEANUP(buf_release) struct buf name = BUF(4 * MOVE_NAME_MAX);
    utf8_put_repaired(&name, response->name);
    origin->folders[origin->folder_count] = arena_dup(&origin->names, response->name);
    if (origin->folders[origin->folder_count++].p == NULL)
        return fail_nomem(error);
    return outlet_folder(listing->outlet, buf_slice(&name), use_of(response), parts, count, error);
}

static enum err list(struct origin *base, struct outlet *outlet, struct error *error)
{
    struct imap_origin *origin = container_of(base, struct imap_origin, base);
    struct listing listing = {origin, outlet};
    bool special = dialogue_can(&origin->session, S("SPECIAL-USE")) &&
                   dialogue_can(&origin->session, S("LIST-EXTENDED"));
    origin->folder_count = 0;
    origin->folders = calloc(MOVE_FOLDERS_MAX, sizeof(*origin->folders));
    if (origin->folders == NULL)
        return fail_nomem(error);
    enum err err = ERR_OK;
    if (dialogue_can(&origin->session, S("NAMESPACE")))
        err = dialogue_ask(&origin->session, S("NAMESPACE"), take_namespace, origin, error);
    if (err != ERR_OK && err != ERR_DENIED)
        return err;
    return dialogue_ask(&origin->session,
                        special ? S("LIST \"\" \"*\" RETURN (SPECIAL-USE)") : S("LIST \"\" \"*\""),
                        take_folder, &listing, error);
}

/* --- what is in a folder --- */

struct opening {
    uint32_t validity;
    uint32_t exists;
};

static enum err take_opening(void *context, const struct response *response, bool *ret_taken,
                             struct error *error)
{
    (void)error;
    struct opening *opening = context;
    struct cursor c = cursor_of(response->code);
    if (response->kind == RESPONSE_STATUS && cursor_skip_nocase(&c, S("UIDVALIDITY ")))
        *ret_taken = cursor_u32(&c, &opening->validity);
    if (response->kind == RESPONSE_EXISTS)
        opening->exists = response->number;
    return ERR_OK;
}

static void read_flags(struct slice words, struct origin_item *item)
{
    static const struct {
        struct slice word;
        uint32_t bit;
    } table[] = {
        {{"\\Seen", 5}, FLAG_SEEN},       {{"\\Answered", 9}, FLAG_ANSWERED},
        {{"\\Flagged", 8}, FLAG_FLAGGED}, {{"\\Deleted", 8}, FLAG_DELETED},
        {{"\\Draft", 6}, FLAG_DRAFT},
    };
    struct cursor c = cursor_of(words);
    struct slice word;
    while (response_word(&c, &word)) {
        for (size_t i = 0; i < ARRAY_LEN(table); i++)
            if (slice_eq_nocase(word, table[i].word))
                item->flags |= 1U << table[i].bit;
        if (word.p[0] != '\\' && item->keyword_count < MOVE_KEYWORDS_MAX && word.n <= KEYWORD_NAME_MAX)
            item->keywords[item->keyword_count++] = word;
    }
}

struct scan {
    struct outlet *outlet;
    size_t count;
    size_t max; /* what it said to have, and some that came meanwhile */
};

static enum err take_item(void *context, const struct response *response, bool *ret_taken,
                          struct error *error)
{
    struct scan *scan = context;
    struct origin_item item = {.item = response->uid, .size = response->size};
    struct mime_date date;
    if (response->kind != RESPONSE_FETCH || response->uid == 0 || !response->has_flags || !response->has_size)
        return ERR_OK;
    *ret_taken = true;
    if (++scan->count > scan->max)
        return fail_plain(error, ERR_LIMIT, "the other server tells of more than %zu messages in a folder",
                          scan->max);
    read_flags(response->flags, &item);
    if (response->date.p != NULL && mime_date_parse_internal(response->date, &date))
        item.date_us = date.seconds * CLOCK_SECOND;
    return outlet_item(scan->outlet, &item, error);
}

static enum err open_folder(struct origin *base, size_t folder, struct outlet *outlet, struct error *error)
{
    struct imap_origin *origin = container_of(base, struct imap_origin, base);
    struct opening opening = {0};
    struct scan scan = {.outlet = outlet};
    if (folder >= origin->folder_count)
        return fail_plain(error, ERR_NOT_FOUND, "there is no folder %zu", folder);
    enum err err = dialogue_ask_string(&origin->session, "EXAMINE", origin->folders[folder], take_opening,
                                       &opening, error);
    if (err == ERR_OK && opening.validity == 0)
        err = fail_plain(error, ERR_DENIED, "the other server gives no UIDVALIDITY for the folder");
    if (err == ERR_OK)
        err = outlet_opened(outlet, opening.validity, opening.exists, error);
    if (err != ERR_OK || opening.exists == 0)
        return err;
    scan.max = MIN((size_t)opening.exists + MEANWHILE_MAX, (size_t)MOVE_ITEMS_MAX);
    return dialogue_ask(&origin->session, S("UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)"), take_item,
                        &scan, error);
}

/* --- messages --- */

struct fetching {
    struct response_sink sink;
    struct outlet *outlet;
    const uint64_t *items; /* all that are asked for, ascending */
    bool *came;
    size_t count;
    bool refused; /* a command was */
};

static enum err begin_message(struct response_sink *sink, uint64_t size, struct error *error)
{
    (void)size;
    (void)error;
    outlet_begin(container_of(sink, struct fetching, sink)->outlet, false);
    return ERR_OK;
}

static enum err take_piece(struct response_sink *sink, struct slice bytes, struct error *error)
{
    return outlet_bytes(container_of(sink, struct fetching, sink)->outlet, bytes, error);
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

static enum err take_message(void *context, const struct response *response, bool *ret_taken,
                             struct error *error)
{
    struct fetching *fetching = context;
    if (response->kind != RESPONSE_FETCH || !response->has_body)
        return ERR_OK;
    const uint64_t wanted = response->uid;
    const uint64_t *found = bsearch(&wanted, fetching->items, fetching->count, sizeof(wanted), by_number);
    if (found == NULL || fetching->came[found - fetching->items])
        return fail_plain(error, ERR_INVALID, "the other server sends a message that was not asked for");
    *ret_taken = true;
    fetching->came[found - fetching->items] = true;
    return outlet_end(fetching->outlet, response->uid, error);
}

/* "* 1 FETCH (BODY[] "" ...)": by the reader, or so short that it came quoted. */
static enum err take_any_message(void *context, const struct response *response, bool *ret_taken,
                                 struct error *error)
{
    struct fetching *fetching = context;
    if (response->kind == RESPONSE_FETCH && response->has_body && response->body.p == NULL)
        return ERR_OK; /* NIL: it is gone meanwhile */
    if (response->kind == RESPONSE_FETCH && response->has_body && response->body.n > 0) {
        outlet_begin(fetching->outlet, false);
        enum err err = outlet_bytes(fetching->outlet, response->body, error);
        if (err != ERR_OK)
            return err;
    }
    return take_message(context, response, ret_taken, error);
}

static enum err ask_for(struct imap_origin *origin, const uint64_t *items, size_t count, struct error *error)
{
    CLEANUP(buf_release) struct buf command = BUF(DIALOGUE_COMMAND_MAX);
    buf_put(&command, S("UID FETCH "));
    for (size_t i = 0; i < count;) {
        size_t last = i;
        while (last + 1 < count && items[last + 1] == items[last] + 1)
            last++;
        if (i > 0)
            buf_putc(&command, ',');
        buf_put_u64(&command, items[i]);
        if (last > i) {
            buf_putc(&command, ':');
            buf_put_u64(&command, items[last]);
        }
        i = last + 1;
    }
    buf_put(&command, S(" (UID BODY.PEEK[])"));
    return dialogue_send(&origin->session, buf_slice(&command), error);
}

/* One message that the server can't give must not take a hundred with it. */
static enum err ask_singly(struct imap_origin *origin, struct fetching *fetching, struct error *error)
{
    for (size_t i = 0; i < fetching->count; i++) {
        if (fetching->came[i])
            continue;
        enum err err = ask_for(origin, &fetching->items[i], 1, error);
        if (err == ERR_OK)
            err = dialogue_finish(&origin->session, take_any_message, fetching, error);
        if (err != ERR_OK && err != ERR_DENIED)
            return err;
    }
    return ERR_OK;
}

static enum err fetch_all(struct imap_origin *origin, struct fetching *fetching, struct error *error)
{
    size_t commands = (fetching->count + FETCH_BATCH - 1) / FETCH_BATCH;
    size_t sent = 0;
    for (size_t done = 0; done < commands; done++) {
        for (; sent < commands && sent - done < DIALOGUE_UNDER_WAY; sent++) {
            size_t from = sent * FETCH_BATCH;
            enum err err = ask_for(origin, fetching->items + from,
                                   MIN(fetching->count - from, (size_t)FETCH_BATCH), error);
            if (err != ERR_OK)
                return err;
        }
        enum err err = dialogue_finish(&origin->session, take_any_message, fetching, error);
        fetching->refused = fetching->refused || err == ERR_DENIED;
        if (err != ERR_OK && err != ERR_DENIED)
            return err;
    }
    return ERR_OK;
}

static enum err fetch(struct origin *base, const uint64_t *items, size_t count, struct outlet *outlet,
                      struct error *error)
{
    struct imap_origin *origin = container_of(base, struct imap_origin, base);
    bool came[RECORD_ITEMS] = {false};
    struct fetching fetching = {
        .sink = {begin_message, take_piece}, .outlet = outlet, .items = items, .came = came, .count = count};
    for (size_t i = 0; i < count; i++)
        if (items[i] == 0 || items[i] > UINT32_MAX || (i > 0 && items[i] <= items[i - 1]))
            return fail_plain(error, ERR_INVALID, "those are no ascending UIDs");
    origin->session.reader->sink = &fetching.sink;
    enum err err = fetch_all(origin, &fetching, error);
    if (err == ERR_OK && fetching.refused)
        err = ask_singly(origin, &fetching, error);
    origin->session.reader->sink = NULL;
    return err;
}

/* --- making and closing --- */

static void close_origin(struct origin *base)
{
    struct imap_origin *origin = container_of(base, struct imap_origin, base);
    dialogue_close(&origin->session);
    arena_release(&origin->names);
    free(origin->folders);
    free(origin);
}

enum err imap_origin_create(const struct imap_options *options, struct imap_origin **ret_origin,
                            struct error *error)
{
    struct imap_origin *origin = calloc(1, sizeof(*origin));
    if (origin == NULL)
        return fail_nomem(error);
    origin->base = (struct origin){list, open_folder, fetch, close_origin};
    origin->options = *options;
    origin->names = ARENA(NAMES_MAX);
    enum err err = dialogue_create(&origin->session, &origin->options, error);
    if (err != ERR_OK) {
        close_origin(&origin->base);
        return err;
    }
    *ret_origin = origin;
    return ERR_OK;
}

enum err imap_origin_start(struct imap_origin *origin, struct error *error)
{
    return dialogue_start(&origin->session, error);
}

struct origin *imap_origin_base(struct imap_origin *origin)
{
    return &origin->base;
}
