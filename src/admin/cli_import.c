#include "admin/cli_import.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "admin/size.h"
#include "base/clock.h"
#include "base/fdio.h"
#include "base/utf8.h"
#include "mime/date.h"

/* Moving in: a source's folders, one after the other, through the store that the link leads to. */

enum { SECRET_MAX = 4000, SAY_MAX = 4000, LIST_ARENA_MAX = 64 * 1024 * 1024 };

struct folders {
    struct arena arena;
    struct moved_folder *list;
    size_t count;
};

void import_say(struct import *import, FILE *to, const char *text)
{
    CLEANUP(buf_release) struct buf safe = BUF(SAY_MAX);
    cli_progress_wipe(&import->progress);
    cli_put_safe(&safe, slice_cstr(text));
    fprintf(to, "%.*s\n", SLICE_ARGS(buf_slice(&safe)));
    fflush(to);
}

void import_skip(struct import *import, const char *format, ...)
{
    char text[SAY_MAX / 4];
    va_list args;
    import->counts.skipped++;
    if (import->skipped_shown++ >= IMPORT_SKIPPED_SHOWN)
        return;
    va_start(args, format);
    size_t n = (size_t)snprintf(text, sizeof(text), "skipped: ");
    vsnprintf(text + n, sizeof(text) - n, format, args);
    va_end(args);
    import_say(import, stderr, text);
}

/* --- the source --- */

static enum err read_token(const char *file, char token[static SECRET_MAX], struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(SECRET_MAX - 1);
    CLEANUP(fd_close) int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_plain(error, ERR_INVALID, "cannot open %.100s: %s", file, strerror(errno));
    enum err e = fd_read_all(fd, &text, error);
    if (e == ERR_LIMIT)
        return fail_plain(error, ERR_INVALID, "%.100s holds more than a token", file);
    if (e != ERR_OK)
        return e;
    struct slice trimmed = slice_trim(buf_slice(&text));
    snprintf(token, SECRET_MAX, "%.*s", SLICE_ARGS(trimmed));
    sodium_memzero(text.p, text.n);
    return token[0] != 0 ? ERR_OK : fail_plain(error, ERR_INVALID, "%.100s is empty", file);
}

static const char *text_of(const struct cli_request *request, const char *name)
{
    return json_string_value(json_object_get(request->request, name));
}

static bool is_set(const struct cli_request *request, const char *name)
{
    return json_is_true(json_object_get(request->request, name));
}

static enum err start_imap(struct import *import, const struct settings *settings, struct error *error)
{
    char secret[SECRET_MAX];
    char prompt[PLACE_USER_MAX + PLACE_HOST_MAX + 40];
    const char *token_file = text_of(import->request, "token-file");
    const struct move_place *place = import->place;
    snprintf(prompt, sizeof(prompt), "Password of %s at %s: ", place->user, place->host);
    enum err e = token_file != NULL ? read_token(token_file, secret, error)
                                    : cli_ask_secret(prompt, is_set(import->request, "password-stdin"),
                                                     secret, sizeof(secret), error);
    const struct imap_options options = {
        .host = place->host,
        .port = place->port,
        .tls = place->tls,
        .insecure = is_set(import->request, "insecure-tls"),
        .user = place->user,
        .password = secret,
        .token = token_file != NULL ? secret : NULL,
        .ca_file = settings->ca_file,
        .resolver = settings->resolver,
        .message_max = import->message_max,
    };
    if (e == ERR_OK)
        e = source_start_imap(&import->source, &options, settings->user_relay, error);
    sodium_memzero(secret, sizeof(secret));
    return e;
}

/* A path is remembered as where it leads to. */
static enum err start_files(struct import *import, struct error *error)
{
    const char *path = text_of(import->request, "from");
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *real = fd >= 0 ? realpath(path, NULL) : NULL;
    if (real == NULL)
        return fail_plain(error, ERR_INVALID, "cannot open %.100s: %s", path, strerror(errno));
    int n = snprintf(import->place->name, sizeof(import->place->name), "file:%s", real);
    free(real);
    if (n >= (int)sizeof(import->place->name) || !utf8_valid(slice_cstr(import->place->name)))
        return fail_plain(error, ERR_INVALID, "the path is too long, or no UTF-8");
    return source_start_files(&import->source, fd, error);
}

/* Ctrl-C ends the work between two messages, what has come being kept. */
static int catch_interrupts(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- folders --- */

static enum err take_folder(struct folders *folders, struct wire_reader *fields, struct error *error)
{
    if (folders->count == MOVE_FOLDERS_MAX)
        return fail_plain(error, ERR_LIMIT, "the source has more than %d folders", MOVE_FOLDERS_MAX);
    struct moved_folder *folder = &folders->list[folders->count];
    folder->name = arena_dup(&folders->arena, wire_get_slice(fields));
    uint32_t use = wire_get_u32(fields);
    uint32_t count = wire_get_u32(fields);
    if (use >= FOLDER_USES || count == 0 || count > MOVE_PARTS_MAX)
        return fail_plain(error, ERR_INVALID, "the reader of the source made a mistake");
    folder->use = (enum folder_use)use;
    folder->part_count = count;
    for (uint32_t i = 0; i < count; i++)
        folder->parts[i] = arena_dup(&folders->arena, wire_get_slice(fields));
    if (arena_failed(&folders->arena))
        return fail_nomem(error);
    folders->count++;
    return wire_end(fields) ? ERR_OK
                            : fail_plain(error, ERR_INVALID, "the reader of the source made a mistake");
}

static enum err list_folders(struct import *import, struct folders *folders, struct error *error)
{
    struct record record;
    folders->list = calloc(MOVE_FOLDERS_MAX, sizeof(*folders->list));
    if (folders->list == NULL)
        return fail_nomem(error);
    enum err e = source_ask_list(&import->source, error);
    while (e == ERR_OK) {
        e = source_next(&import->source, &record, error);
        if (e != ERR_OK)
            return e;
        if (record.kind == RECORD_DONE)
            break;
        if (record.kind == RECORD_FOLDER)
            e = take_folder(folders, &record.fields, error);
        else if (record.kind == RECORD_NOTE) {
            struct slice text = wire_get_slice(&record.fields);
            import_skip(import, "%.*s", SLICE_ARGS(text));
        }
    }
    if (e == ERR_OK)
        place_folders(folders->list, folders->count);
    return e;
}

static void folders_release(struct folders *folders)
{
    free(folders->list);
    arena_release(&folders->arena);
}

static bool is_wanted(const struct import *import, const struct moved_folder *folder)
{
    CLEANUP(buf_release) struct buf path = BUF(2 * FOLDER_PATH_MAX);
    const char *only = text_of(import->request, "folder");
    if (only == NULL)
        return folder->use != USE_VIRTUAL;
    place_path(folder, 0, &path);
    return slice_eq(buf_slice(&path), slice_cstr(only)) || slice_eq(folder->name, slice_cstr(only)) ||
           (folder->use == USE_INBOX && slice_eq_nocase(slice_cstr(only), S("INBOX")));
}

/* A folder that cannot be read, or cannot be here, must not keep the others from coming. */
static bool is_its_own(const struct import *import, enum err e)
{
    return !import->source.interrupted && (e == ERR_NOT_FOUND || e == ERR_DENIED);
}

static enum err import_folders(struct import *import, const struct folders *folders, struct error *error)
{
    size_t done = 0;
    /* What holds copies of the rest comes last. */
    for (int last = 0; last < 2; last++)
        for (size_t i = 0; i < folders->count; i++) {
            const struct moved_folder *folder = &folders->list[i];
            if ((folder->use == USE_ALL) != (last == 1) || !is_wanted(import, folder))
                continue;
            done++;
            enum err e = import_one_folder(import, folder, (uint32_t)i, error);
            if (e != ERR_OK && !is_its_own(import, e))
                return e;
            if (e != ERR_OK) {
                import_skip(import, "folder %.*s: %s", SLICE_ARGS(folder->name), error->client);
                import->total.skipped++;
            }
        }
    const char *only = text_of(import->request, "folder");
    if (done == 0 && only != NULL)
        return fail_plain(error, ERR_NOT_FOUND, "the source has no folder \"%.100s\"", only);
    return ERR_OK;
}

/* --- all of it --- */

static enum err read_since(const struct cli_request *request, int64_t *ret_us, struct error *error)
{
    char text[40];
    struct mime_date date;
    const char *since = text_of(request, "since");
    *ret_us = INT64_MIN;
    if (since == NULL)
        return ERR_OK;
    snprintf(text, sizeof(text), "%sT00:00:00Z", since);
    if (strlen(since) != strlen("2026-01-31") || !mime_date_parse_rfc3339(slice_cstr(text), &date))
        return fail_plain(error, ERR_INVALID, "\"%.40s\" is no day; write it like 2026-01-31", since);
    *ret_us = date.seconds * CLOCK_SECOND;
    return ERR_OK;
}

static enum err run(struct import *import, const struct settings *settings, struct folders *folders,
                    struct error *error)
{
    enum err e = read_since(import->request, &import->since_us, error);
    if (e == ERR_OK)
        e = import->place->imap ? start_imap(import, settings, error) : start_files(import, error);
    if (e == ERR_OK) {
        import->source.interrupt = catch_interrupts();
        e = cli_link_open(&import->link, settings, error);
    }
    if (e == ERR_OK) /* is there such an account? */
        e = cli_link_ask(&import->link,
                         json_pack("{s:s,s:s}", "command", "account.show", "address", import->address),
                         slice_none(), NULL, NULL, error);
    if (e == ERR_OK)
        e = list_folders(import, folders, error);
    return e == ERR_OK ? import_folders(import, folders, error) : e;
}

static void summary(struct import *import)
{
    char line[SAY_MAX / 4];
    char size[SIZE_TEXT_MAX];
    const struct import_counts *total = &import->total;
    size_text(total->bytes, size);
    snprintf(line, sizeof(line),
             "%s %" PRIu64 " messages (%s); %" PRIu64 " were there already, %" PRIu64
             " of them with new flags; %" PRIu64 " skipped",
             import->dry ? "would bring" : "brought", total->added, size, total->had, total->flagged,
             total->skipped);
    import_say(import, import->request->json ? stderr : stdout, line);
}

static int report(struct import *import, enum err e, struct error *error)
{
    summary(import);
    if (import->skipped_shown > IMPORT_SKIPPED_SHOWN)
        fprintf(stderr, "and %" PRIu64 " more were skipped\n", import->skipped_shown - IMPORT_SKIPPED_SHOWN);
    if (e == ERR_OK)
        return import->total.skipped > 0 ? ADMIN_EXIT_FAILED : 0;
    if (import->source.interrupted)
        fail_plain(error, ERR_UNAVAILABLE, "interrupted; the same command goes on where this ended");
    if (e == ERR_QUOTA)
        fail_plain(error, ERR_QUOTA,
                   "the quota of %s or its domain is reached; raise it, or use --ignore-quota",
                   import->address);
    return cli_show_error(error);
}

int cli_import_mail(const struct cli_request *request, const struct settings *settings)
{
    struct error error;
    struct move_place place;
    CLEANUP(folders_release) struct folders folders = {.arena = ARENA(LIST_ARENA_MAX)};
    struct import import = {
        .request = request,
        .address = text_of(request, "address"),
        .place = &place,
        .link = {.fd = -1},
        .source = {.fd = -1, .interrupt = -1},
        .message_max = MIN(settings->message_size_max, (uint64_t)IMPORT_MESSAGE_MAX),
        .dry = is_set(request, "dry-run"),
        .ignore_quota = is_set(request, "ignore-quota"),
        .keywords = json_array(),
        .batch = BUF(ADMIN_ATTACHED_MAX),
        .message = BUF(IMPORT_MESSAGE_MAX),
    };
    enum err e = place_parse(slice_cstr(text_of(request, "from")), &place, &error);
    if (e != ERR_OK)
        return cli_show_error(&error);
    e = run(&import, settings, &folders, &error);
    int status = report(&import, e, &error);
    fd_close(&import.source.interrupt);
    source_stop(&import.source);
    cli_link_close(&import.link);
    json_decref(import.keywords);
    free(import.items);
    buf_release(&import.batch);
    buf_release(&import.message);
    return status;
}
