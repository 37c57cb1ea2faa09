#include <inttypes.h>
#include <stdlib.h>

#include "admin/cli_import.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/wire.h"

/* A folder of an import: the source tells what is in it, the store what of that is new, the source gives
 * those. */

/* --- what is in it --- */

static bool is_keyword(struct slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (word.p[i] <= ' ' || word.p[i] > '~' || slice_find_char(S("(){%*\"\\]"), word.p[i]) >= 0)
            return false;
    return word.n > 0 && word.n <= KEYWORD_NAME_MAX;
}

/* Its place in the list; -1: there are too many. */
static int keyword_place(struct import *import, struct slice word)
{
    size_t count = json_array_size(import->keywords);
    for (size_t i = 0; i < count; i++) {
        const json_t *have = json_array_get(import->keywords, i);
        if (slice_eq_nocase(word, slice_of(json_string_value(have), json_string_length(have))))
            return (int)i;
    }
    if (count == KEYWORDS_MAX || json_array_append_new(import->keywords, json_text(word)) != 0)
        return -1;
    return (int)count;
}

static enum err read_item(struct import *import, struct wire_reader *fields, struct import_item *item,
                          struct error *error)
{
    *item = (struct import_item){.item = wire_get_u64(fields)};
    item->size = wire_get_u64(fields);
    item->date_us = (int64_t)wire_get_u64(fields);
    item->flags.words[0] = wire_get_u32(fields) & ((1U << (FLAG_DRAFT + 1)) - 1);
    uint32_t count = wire_get_u32(fields);
    for (uint32_t i = 0; i < count && wire_ok(fields); i++) {
        struct slice word = wire_get_slice(fields);
        int place = is_keyword(word) ? keyword_place(import, word) : -1;
        if (place >= 0)
            flag_set(&item->flags, FLAG_KEYWORDS_FROM + (unsigned)place);
    }
    return wire_end(fields) ? ERR_OK
                            : fail_plain(error, ERR_INVALID, "the reader of the source made a mistake");
}

static enum err keep_item(struct import *import, const struct import_item *item, struct error *error)
{
    if (import->count == MOVE_ITEMS_MAX)
        return fail_plain(error, ERR_LIMIT, "the folder has more than %d messages", MOVE_ITEMS_MAX);
    if (import->count == import->room) {
        size_t room = MAX(2 * import->room, (size_t)1024);
        struct import_item *larger = realloc(import->items, room * sizeof(*larger));
        if (larger == NULL)
            return fail_nomem(error);
        import->items = larger;
        import->room = room;
    }
    import->items[import->count] = *item;
    import->items[import->count].place = import->count;
    import->count++;
    return ERR_OK;
}

static enum err note(struct import *import, struct wire_reader *fields)
{
    struct slice text = wire_get_slice(fields);
    import_skip(import, "%.*s", SLICE_ARGS(text));
    return ERR_OK;
}

static enum err scan(struct import *import, uint32_t number, struct error *error)
{
    struct record record;
    struct import_item item;
    enum err e = source_ask_open(&import->source, number, error);
    import->count = 0;
    while (e == ERR_OK) {
        e = source_next(&import->source, &record, error);
        if (e != ERR_OK || record.kind == RECORD_DONE)
            return e;
        if (record.kind == RECORD_OPENED)
            import->validity = wire_get_u32(&record.fields);
        else if (record.kind == RECORD_NOTE)
            e = note(import, &record.fields);
        else if (record.kind == RECORD_ITEM) {
            e = read_item(import, &record.fields, &item, error);
            /* Without a date it may be of any. */
            if (e == ERR_OK && (item.date_us == 0 || item.date_us >= import->since_us))
                e = keep_item(import, &item, error);
        }
    }
    return e;
}

/* --- what is new of that --- */

static void put_flags(struct buf *out, const struct flagset *flags)
{
    for (size_t i = 0; i < ARRAY_LEN(flags->words); i++)
        wire_put_u64(out, flags->words[i]);
}

struct looking {
    struct import *import;
    size_t from, count;
    size_t kept; /* items that are new stay, at the front */
};

static enum err take_look(void *context, const json_t *row, struct slice bytes, struct error *error)
{
    struct looking *looking = context;
    struct import *import = looking->import;
    if (bytes.n != looking->count)
        return fail_plain(error, ERR_INVALID, "the store's answer makes no sense");
    for (size_t i = 0; i < bytes.n; i++) {
        import->counts.had += bytes.p[i] == 0;
        if (bytes.p[i] != 0)
            import->items[looking->kept++] = import->items[looking->from + i];
    }
    import->counts.flagged += (uint64_t)json_integer_value(json_object_get(row, "flagged"));
    return ERR_OK;
}

static json_t *request_for(const struct import *import, const char *command)
{
    return json_pack("{s:s,s:s,s:I,s:I,s:O}", "command", command, "address", import->address, "folder",
                     (json_int_t)import->id, "validity", (json_int_t)import->validity, "keywords",
                     import->keywords);
}

static enum err look(struct import *import, struct error *error)
{
    CLEANUP(buf_release) struct buf entries = BUF(IMPORT_LOOK * (8 + sizeof(struct flagset)));
    struct looking looking = {.import = import};
    import->counts.messages = import->count;
    if (import->id == 0) /* a dry run of a folder that was never brought */
        return ERR_OK;
    while (looking.from < import->count) {
        looking.count = MIN(import->count - looking.from, (size_t)IMPORT_LOOK);
        buf_clear(&entries);
        for (size_t i = 0; i < looking.count; i++) {
            wire_put_u64(&entries, import->items[looking.from + i].item);
            put_flags(&entries, &import->items[looking.from + i].flags);
        }
        if (buf_failed(&entries))
            return fail_nomem(error);
        json_t *request = request_for(import, "import.look");
        if (request != NULL && import->dry)
            json_object_set_new(request, "dry", json_true());
        enum err e = cli_link_ask(&import->link, request, buf_slice(&entries), take_look, &looking, error);
        if (e != ERR_OK)
            return e;
        looking.from += looking.count;
    }
    import->count = looking.kept;
    return ERR_OK;
}

/* --- bringing --- */

static enum err take_added(void *context, const json_t *row, struct slice bytes, struct error *error)
{
    struct import *import = context;
    (void)bytes;
    (void)error;
    import->counts.added += (uint64_t)json_integer_value(json_object_get(row, "added"));
    return ERR_OK;
}

/* What has come is put into the account, also when the next step fails. */
static enum err flush(struct import *import, struct error *error)
{
    if (import->batch_count == 0)
        return ERR_OK;
    json_t *request = request_for(import, "import.add");
    if (request != NULL) {
        json_object_set_new(request, "home", json_integer((json_int_t)import->home));
        json_object_set_new(request, "spare", json_boolean(import->spare));
        json_object_set_new(request, "ignore-quota", json_boolean(import->ignore_quota));
    }
    uint64_t before = import->counts.added;
    enum err e = cli_link_ask(&import->link, request, buf_slice(&import->batch), take_added, import, error);
    if (e == ERR_OK)
        import->counts.had += import->batch_count - (import->counts.added - before);
    buf_clear(&import->batch);
    import->batch_count = 0;
    return e;
}

static int compare(uint64_t left, uint64_t right)
{
    return left < right ? -1 : left > right;
}

static int by_number(const void *a, const void *b)
{
    const struct import_item *const *left = a;
    const struct import_item *const *right = b;
    return compare((*left)->item, (*right)->item);
}

/* asked: what was asked for, by number. */
static enum err take_message(struct import *import, const struct import_item **asked, size_t count,
                             uint64_t number, struct error *error)
{
    const struct import_item *key = &(struct import_item){.item = number};
    const struct import_item **found = bsearch(&key, asked, count, sizeof(*asked), by_number);
    const struct import_item *item = found != NULL ? *found : NULL;
    if (item == NULL)
        return fail_plain(error, ERR_INVALID, "the reader of the source gave what nobody asked for");
    if (import->batch_count == 0)
        import->batch_begun_us = clock_mono_us();
    wire_put_u64(&import->batch, item->item);
    wire_put_u64(&import->batch, (uint64_t)item->date_us);
    put_flags(&import->batch, &item->flags);
    wire_put_slice(&import->batch, buf_slice(&import->message));
    if (buf_failed(&import->batch))
        return fail_nomem(error);
    import->batch_count++;
    import->counts.bytes += import->message.n;
    cli_progress_step(&import->progress, 1, import->message.n);
    buf_clear(&import->message);
    bool full = import->batch_count == IMPORT_BATCH_MESSAGES || import->batch.n >= IMPORT_BATCH_BYTES ||
                clock_mono_us() - import->batch_begun_us > IMPORT_BATCH_US;
    return full ? flush(import, error) : ERR_OK;
}

static enum err receive(struct import *import, const struct import_item **asked, size_t count,
                        uint64_t *ret_came, struct error *error)
{
    struct record record;
    buf_clear(&import->message);
    for (;;) {
        enum err e = source_next(&import->source, &record, error);
        if (e != ERR_OK || record.kind == RECORD_DONE)
            return e;
        if (record.kind == RECORD_CHUNK) {
            buf_put(&import->message, cursor_rest(&record.fields.c));
            if (buf_failed(&import->message))
                return fail_plain(error, ERR_LIMIT, "a message of the source is larger than it said");
        } else if (record.kind == RECORD_MESSAGE) {
            uint64_t number = wire_get_u64(&record.fields);
            e = wire_end(&record.fields)
                    ? take_message(import, asked, count, number, error)
                    : fail_plain(error, ERR_INVALID, "the reader of the source made a mistake");
            ++*ret_came;
        } else if (record.kind == RECORD_NOTE) {
            e = note(import, &record.fields);
        }
        if (e != ERR_OK)
            return e;
    }
}

static enum err bring(struct import *import, struct error *error)
{
    uint64_t numbers[RECORD_ITEMS];
    const struct import_item *asked[RECORD_ITEMS];
    for (size_t from = 0; from < import->count;) {
        size_t n = MIN(import->count - from, (size_t)RECORD_ITEMS);
        uint64_t came = 0;
        for (size_t i = 0; i < n; i++) {
            asked[i] = &import->items[from + i];
            numbers[i] = asked[i]->item;
        }
        qsort(asked, n, sizeof(*asked), by_number);
        enum err e = source_ask_fetch(&import->source, numbers, n, error);
        if (e == ERR_OK)
            e = receive(import, asked, n, &came, error);
        struct error second;
        enum err flushed = flush(import, &second);
        if (e == ERR_OK && flushed != ERR_OK)
            *error = second;
        if (e != ERR_OK || flushed != ERR_OK)
            return e != ERR_OK ? e : flushed;
        if (came < n)
            import_skip(import, "%" PRIu64 " messages: the source did not give them",
                        n - MIN(came, (uint64_t)n));
        from += n;
    }
    return ERR_OK;
}

static int by_uid(const void *a, const void *b)
{
    const struct import_item *left = a;
    const struct import_item *right = b;
    return compare(left->item, right->item);
}

/* Numbers of messages in files say nothing of their order. */
static int by_date(const void *a, const void *b)
{
    const struct import_item *left = a;
    const struct import_item *right = b;
    if (left->date_us != right->date_us)
        return left->date_us < right->date_us ? -1 : 1;
    return compare(left->place, right->place);
}

/* Those that may not be so large are named. The rest is brought into the order in which it shall come. */
static void leave_out_large(struct import *import, uint64_t *ret_bytes)
{
    size_t kept = 0;
    *ret_bytes = 0;
    for (size_t i = 0; i < import->count; i++) {
        const struct import_item *item = &import->items[i];
        if (item->size > import->message_max) {
            import_skip(import, "message %" PRIu64 ": it has %" PRIu64 " bytes, message-size-max is %" PRIu64,
                        item->item, item->size, import->message_max);
            continue;
        }
        *ret_bytes += item->size;
        import->items[kept++] = *item;
    }
    import->count = kept;
    if (import->count > 0)
        qsort(import->items, import->count, sizeof(*import->items), import->place->imap ? by_uid : by_date);
}

/* --- all of it --- */

static const char *role_word(enum folder_role role)
{
    static const char *const words[] = {
#define X(name, word, attribute, text) word,
        FOLDER_ROLE_TABLE(X)
#undef X
    };
    must((size_t)role < ARRAY_LEN(words));
    return words[role];
}

struct home {
    struct import *import;
    struct buf *path;
};

static enum err take_home(void *context, const json_t *row, struct slice bytes, struct error *error)
{
    struct home *home = context;
    const json_t *path = json_object_get(row, "path");
    (void)bytes;
    home->import->id = (int64_t)json_integer_value(json_object_get(row, "id"));
    home->import->home = (uint64_t)json_integer_value(json_object_get(row, "home"));
    buf_put(home->path, slice_of(json_string_value(path), json_string_length(path)));
    return buf_failed(home->path) ? fail_nomem(error) : ERR_OK;
}

static enum err find_home(struct import *import, const struct moved_folder *folder, struct buf *ret_path,
                          struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF(FOLDER_PATH_MAX);
    struct home home = {import, ret_path};
    bool role = folder->role != ROLE_FOLDER_NONE && folder->role != ROLE_FOLDER_INBOX;
    place_path(folder, role ? folder->parts_of_role : 0, &path);
    if (buf_failed(&path))
        return fail_plain(error, ERR_LIMIT, "its path has more than %d bytes", FOLDER_PATH_MAX);
    json_t *request =
        json_pack("{s:s,s:s,s:s,s:o,s:s,s:o}", "command", "import.open", "address", import->address, "source",
                  import->place->name, "name", json_text(folder->name), "role",
                  role_word(role ? folder->role : ROLE_FOLDER_NONE), "path", json_text(buf_slice(&path)));
    if (request != NULL && import->dry)
        json_object_set_new(request, "dry", json_true());
    return cli_link_ask(&import->link, request, slice_none(), take_home, &home, error);
}

static void tell(struct import *import, const struct moved_folder *folder, struct slice home)
{
    CLEANUP(buf_release) struct buf line = BUF(8 * MOVE_NAME_MAX);
    CLEANUP(buf_release) struct buf path = BUF(2 * FOLDER_PATH_MAX);
    const struct import_counts *counts = &import->counts;
    place_path(folder, 0, &path);
    if (import->request->json) {
        json_t *row = json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I}", "folder", json_text(buf_slice(&path)),
                                "home", json_text(home), "messages", (json_int_t)counts->messages, "added",
                                (json_int_t)counts->added, "had", (json_int_t)counts->had, "flagged",
                                (json_int_t)counts->flagged, "skipped", (json_int_t)counts->skipped, "bytes",
                                (json_int_t)counts->bytes);
        cli_progress_wipe(&import->progress);
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
        return;
    }
    buf_put(&line, buf_slice(&path));
    if (!slice_eq(buf_slice(&path), home)) {
        buf_put(&line, S(" -> "));
        buf_put(&line, home);
    }
    buf_printf(&line, ": %" PRIu64 " %s, %" PRIu64 " had already", counts->added,
               import->dry ? "to bring" : "new", counts->had);
    if (counts->flagged > 0)
        buf_printf(&line, ", %" PRIu64 " with new flags", counts->flagged);
    if (counts->skipped > 0)
        buf_printf(&line, ", %" PRIu64 " skipped", counts->skipped);
    import_say(import, stdout, buf_cstr(&line));
}

enum err import_one_folder(struct import *import, const struct moved_folder *folder, uint32_t number,
                           struct error *error)
{
    CLEANUP(buf_release) struct buf home = BUF(FOLDER_PATH_MAX);
    uint64_t bytes = 0;
    import->counts = (struct import_counts){0};
    import->spare = folder->use == USE_ALL;
    enum err e = scan(import, number, error);
    if (e == ERR_OK)
        e = find_home(import, folder, &home, error);
    if (e == ERR_OK)
        e = look(import, error);
    if (e == ERR_OK) {
        leave_out_large(import, &bytes);
        cli_progress_folder(&import->progress, buf_slice(&home), import->count, bytes);
        if (import->dry)
            import->counts.added = import->count;
        else
            e = bring(import, error);
    }
    /* Also when it broke off: what came has come. */
    import->total.messages += import->counts.messages;
    import->total.added += import->counts.added;
    import->total.had += import->counts.had;
    import->total.flagged += import->counts.flagged;
    import->total.bytes += import->counts.bytes;
    import->total.skipped += import->counts.skipped;
    if (e == ERR_OK)
        tell(import, folder, buf_slice(&home));
    return e;
}
