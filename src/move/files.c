#include "move/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/map.h"
#include "base/utf8.h"
#include "imap/mailbox_name.h"
#include "move/mbox.h"
#include "store/message.h"

enum {
    PATH_BYTES_MAX = 4000,
    FILES_ARENA_MAX = 1024 * 1024 * 1024,
    KEYWORDS_FILE_MAX = 64 * 1024,
    MAILDIR_KEYWORDS = 26,
};

enum files_kind { KIND_MBOX, KIND_MBOXES, KIND_MAILDIR };

struct entry {
    uint64_t item;
    struct slice name;         /* of a Maildir: "cur/123.host:2,S" */
    struct mbox_message place; /* of an mbox, without its keywords */
    uint64_t size;
};

struct files_origin {
    struct origin base;
    enum files_kind kind;
    int fd;
    struct arena names;
    struct slice *folders; /* paths below fd; empty: itself */
    size_t folder_count;
    size_t opened;
    struct arena entry_names;
    struct entry *entries; /* of the folder opened last, by number */
    size_t count, room;
};

/* --- opening --- */

/* Below the path that was named, through no link. -1, errno. */
static int open_below(int fd, const char *path, int flags)
{
    const struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | (flags == O_PATH ? 0 : O_NONBLOCK)),
        .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    return (int)syscall(SYS_openat2, fd, path[0] != 0 ? path : ".", &how, sizeof(how));
}

static bool is_directory(int fd, const char *path)
{
    struct stat st;
    CLEANUP(fd_close) int opened = open_below(fd, path, O_PATH);
    return opened >= 0 && fstat(opened, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum err open_file(const struct files_origin *origin, const char *path, int *ret_fd,
                          struct stat *ret_stat, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    if (origin->kind == KIND_MBOX)
        fd = fcntl(origin->fd, F_DUPFD_CLOEXEC, 0);
    else
        fd = open_below(origin->fd, path, O_RDONLY);
    if (fd < 0 || fstat(fd, ret_stat) != 0)
        return fail_plain(error, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "cannot open %.100s: %s", path,
                          strerror(errno));
    if (!S_ISREG(ret_stat->st_mode))
        return fail_plain(error, ERR_DENIED, "%.100s is no file", path);
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

static uint64_t number_of(struct slice bytes)
{
    uint64_t hash = 0;
    unsigned char digest[crypto_generichash_BYTES_MIN];
    crypto_generichash(digest, sizeof(digest), (const unsigned char *)(bytes.n > 0 ? bytes.p : ""), bytes.n,
                       NULL, 0);
    memcpy(&hash, digest, sizeof(hash));
    return hash >> 1; /* SQLite's integers have a sign */
}

static enum err add_entry(struct files_origin *origin, const struct entry *entry, struct error *error)
{
    if (origin->count == MOVE_ITEMS_MAX)
        return fail_plain(error, ERR_LIMIT, "the folder has more than %d messages", MOVE_ITEMS_MAX);
    if (origin->count == origin->room) {
        size_t room = MAX(2 * origin->room, (size_t)1024);
        struct entry *larger = realloc(origin->entries, room * sizeof(*larger));
        if (larger == NULL)
            return fail_nomem(error);
        origin->entries = larger;
        origin->room = room;
    }
    origin->entries[origin->count++] = *entry;
    return ERR_OK;
}

/* --- listing --- */

static enum err tell_folder(struct files_origin *origin, struct outlet *outlet, const char *path,
                            const struct slice *parts, size_t count, struct error *error)
{
    if (origin->folder_count == MOVE_FOLDERS_MAX)
        return fail_plain(error, ERR_LIMIT, "there are more than %d folders", MOVE_FOLDERS_MAX);
    CLEANUP(buf_release) struct buf name = BUF(4 * PATH_BYTES_MAX);
    utf8_put_repaired(&name, path[0] != 0 ? slice_cstr(path) : S("INBOX"));
    struct slice kept = arena_dup(&origin->names, slice_cstr(path));
    if (kept.p == NULL)
        return fail_nomem(error);
    origin->folders[origin->folder_count++] = kept;
    bool inbox = count == 1 && slice_eq_nocase(parts[0], S("INBOX"));
    return outlet_folder(outlet, buf_slice(&name), inbox ? USE_INBOX : USE_NONE, parts, count, error);
}

/* ".Archive.2020" (Maildir++); "&AC4-" is a dot within a name. False: it is no folder's name. */
static bool maildir_parts(const char *name, struct arena *arena, struct slice *parts, size_t *ret_count)
{
    struct slice rest = slice_cstr(name + 1);
    size_t count = 0;
    while (rest.n > 0 && count < MOVE_PARTS_MAX) {
        CLEANUP(buf_release) struct buf wire = BUF(PATH_BYTES_MAX);
        CLEANUP(buf_release) struct buf text = BUF(PATH_BYTES_MAX);
        struct slice part;
        slice_cut(rest, '.', &part, &rest);
        for (ssize_t dot; (dot = slice_find(part, S("&AC4-"))) >= 0;
             part = slice_from(part, (size_t)dot + 5)) {
            buf_put(&wire, slice_sub(part, 0, (size_t)dot));
            buf_putc(&wire, '.');
        }
        buf_put(&wire, part);
        if (!mailbox_name_read(&text, buf_slice(&wire), false)) {
            buf_clear(&text);
            utf8_put_repaired(&text, buf_slice(&wire));
        }
        if (text.n > 0)
            parts[count++] = arena_dup(arena, buf_slice(&text));
    }
    *ret_count = count;
    return count > 0 && rest.n == 0 && !arena_failed(arena);
}

static enum err list_maildir(struct files_origin *origin, struct outlet *outlet, struct error *error)
{
    const struct slice inbox = S("INBOX");
    enum err err = tell_folder(origin, outlet, "", &inbox, 1, error);
    int fd = open_below(origin->fd, "", O_RDONLY | O_DIRECTORY);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        fd_close(&fd);
        return fail_errno(error, "read the Maildir");
    }
    for (const struct dirent *one; err == ERR_OK && (one = readdir(directory)) != NULL;) {
        CLEANUP(arena_release) struct arena arena = ARENA(MOVE_PARTS_MAX * PATH_BYTES_MAX);
        struct slice parts[MOVE_PARTS_MAX];
        size_t count;
        char below[PATH_BYTES_MAX];
        snprintf(below, sizeof(below), "%s/cur", one->d_name);
        if (one->d_name[0] == '.' && strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0 &&
            is_directory(origin->fd, below) && maildir_parts(one->d_name, &arena, parts, &count))
            err = tell_folder(origin, outlet, one->d_name, parts, count, error);
    }
    closedir(directory);
    return err;
}

static bool begins_as_mbox(int fd)
{
    char begin[5];
    return pread(fd, begin, sizeof(begin), 0) == sizeof(begin) && memcmp(begin, "From ", sizeof(begin)) == 0;
}

/* An mbox of ours may be empty; of others', only what looks like one counts. */
static bool is_mbox(const struct files_origin *origin, const char *path)
{
    struct stat st;
    CLEANUP(fd_close) int fd = open_below(origin->fd, path, O_RDONLY);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           ((st.st_size == 0 && slice_ends(slice_cstr(path), S(".mbox"))) || begins_as_mbox(fd));
}

/* A folder's name of a file's: without ".mbox" or ".sbd", "%2E" being a dot. */
static struct slice file_part(struct arena *arena, struct slice name)
{
    CLEANUP(buf_release) struct buf text = BUF(PATH_BYTES_MAX);
    CLEANUP(buf_release) struct buf good = BUF(4 * PATH_BYTES_MAX);
    if (slice_ends(name, S(".mbox")))
        name.n -= 5;
    else if (slice_ends(name, S(".sbd")))
        name.n -= 4;
    for (size_t i = 0; i < name.n; i++) {
        bool dot = slice_starts(slice_from(name, i), S("%2E"));
        bool percent = slice_starts(slice_from(name, i), S("%25"));
        buf_putc(&text, dot ? '.' : name.p[i]);
        i += dot || percent ? 2 : 0;
    }
    utf8_put_repaired(&good, buf_slice(&text));
    return arena_dup(arena, buf_slice(&good));
}

/* What is in a directory of mboxes: parts[0..depth) lead to it. */
static enum err list_mboxes(struct files_origin *origin, struct outlet *outlet, const char *path,
                            struct slice parts[static MOVE_PARTS_MAX], size_t depth, struct arena *arena,
                            struct error *error)
{
    if (depth == MOVE_PARTS_MAX)
        return ERR_OK;
    int fd = open_below(origin->fd, path, O_RDONLY | O_DIRECTORY);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    enum err err = ERR_OK;
    if (directory == NULL) {
        fd_close(&fd);
        return outlet_note(outlet, error, "cannot read the directory %.100s: %s", path, strerror(errno));
    }
    for (const struct dirent *one; err == ERR_OK && (one = readdir(directory)) != NULL;) {
        char below[PATH_BYTES_MAX];
        int n = snprintf(below, sizeof(below), "%s%s%s", path, path[0] != 0 ? "/" : "", one->d_name);
        if (n >= PATH_BYTES_MAX || one->d_name[0] == '.')
            continue;
        parts[depth] = file_part(arena, slice_cstr(one->d_name));
        if (parts[depth].p == NULL)
            err = fail_nomem(error);
        else if (is_directory(origin->fd, below))
            err = list_mboxes(origin, outlet, below, parts, depth + 1, arena, error);
        else if (parts[depth].n > 0 && is_mbox(origin, below))
            err = tell_folder(origin, outlet, below, parts, depth + 1, error);
    }
    closedir(directory);
    return err;
}

static enum err list(struct origin *base, struct outlet *outlet, struct error *error)
{
    struct files_origin *origin = container_of(base, struct files_origin, base);
    struct slice parts[MOVE_PARTS_MAX] = {S("INBOX")};
    CLEANUP(arena_release) struct arena arena = ARENA(FILES_ARENA_MAX);
    origin->folder_count = 0;
    if (origin->kind == KIND_MAILDIR)
        return list_maildir(origin, outlet, error);
    if (origin->kind == KIND_MBOXES)
        return list_mboxes(origin, outlet, "", parts, 0, &arena, error);
    return tell_folder(origin, outlet, "", parts, 1, error);
}

/* --- a Maildir's folder --- */

struct maildir {
    struct files_origin *origin;
    struct outlet *outlet;
    const char *path;
    struct buf words; /* dovecot-keywords */
    struct slice keywords[MAILDIR_KEYWORDS];
};

static void read_keywords(struct maildir *maildir)
{
    char path[PATH_BYTES_MAX];
    struct error ignored;
    snprintf(path, sizeof(path), "%s%sdovecot-keywords", maildir->path, maildir->path[0] != 0 ? "/" : "");
    CLEANUP(fd_close) int fd = open_below(maildir->origin->fd, path, O_RDONLY);
    if (fd < 0 || fd_read_all(fd, &maildir->words, &ignored) != ERR_OK)
        return;
    struct slice rest = buf_slice(&maildir->words);
    while (rest.n > 0) {
        struct slice line;
        struct slice number;
        struct slice word;
        uint32_t n;
        slice_cut(rest, '\n', &line, &rest);
        if (slice_cut(line, ' ', &number, &word) && slice_to_u32(number, &n) && n < MAILDIR_KEYWORDS)
            maildir->keywords[n] = word;
    }
}

static void read_info(const struct maildir *maildir, struct slice info, struct origin_item *item)
{
    static const struct {
        char letter;
        unsigned bit;
    } table[] = {
        {'D', FLAG_DRAFT}, {'F', FLAG_FLAGGED}, {'R', FLAG_ANSWERED}, {'S', FLAG_SEEN}, {'T', FLAG_DELETED},
    };
    for (size_t i = 0; i < info.n; i++) {
        char c = info.p[i];
        for (size_t k = 0; k < ARRAY_LEN(table); k++)
            if (table[k].letter == c)
                item->flags |= 1U << table[k].bit;
        struct slice word = c == 'P' ? S("$Forwarded") : slice_none();
        if (c >= 'a' && c <= 'z')
            word = maildir->keywords[c - 'a'];
        if (word.n > 0 && item->keyword_count < MOVE_KEYWORDS_MAX)
            item->keywords[item->keyword_count++] = word;
    }
}

/* "1700000000.M1P1.host,S=100,W=102:2,S": a number of its base name. */
static enum err tell_file(struct maildir *maildir, const char *directory, const char *name,
                          struct error *error)
{
    struct files_origin *origin = maildir->origin;
    char path[PATH_BYTES_MAX];
    struct stat st;
    struct slice key;
    struct slice info;
    int n = snprintf(path, sizeof(path), "%s%s%s/%s", maildir->path, maildir->path[0] != 0 ? "/" : "",
                     directory, name);
    CLEANUP(fd_close) int fd = n < PATH_BYTES_MAX ? open_below(origin->fd, path, O_PATH) : -1;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return outlet_note(maildir->outlet, error, "%.200s is no file", path);
    slice_cut(slice_cstr(name), ':', &key, &info);
    slice_cut(key, ',', &key, &(struct slice){0}); /* its sizes may be written into the name later */
    struct entry entry = {.item = number_of(key),
                          .name = arena_dup(&origin->entry_names, slice_cstr(path)),
                          .size = (uint64_t)st.st_size};
    if (entry.name.p == NULL)
        return fail_nomem(error);
    struct origin_item item = {
        .item = entry.item,
        .size = entry.size,
        .date_us = st.st_mtim.tv_sec * CLOCK_SECOND + st.st_mtim.tv_nsec / 1000,
    };
    if (slice_starts(info, S("2,")))
        read_info(maildir, slice_from(info, 2), &item);
    enum err err = add_entry(origin, &entry, error);
    return err == ERR_OK ? outlet_item(maildir->outlet, &item, error) : err;
}

static enum err open_maildir(struct maildir *maildir, const char *directory, struct error *error)
{
    char path[PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s%s%s", maildir->path, maildir->path[0] != 0 ? "/" : "", directory);
    int fd = open_below(maildir->origin->fd, path, O_RDONLY | O_DIRECTORY);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    enum err err = ERR_OK;
    if (entries == NULL) {
        fd_close(&fd);
        return errno == ENOENT
                   ? ERR_OK
                   : fail_plain(error, ERR_DENIED, "cannot read %.100s: %s", path, strerror(errno));
    }
    for (const struct dirent *one; err == ERR_OK && (one = readdir(entries)) != NULL;)
        if (one->d_name[0] != '.')
            err = tell_file(maildir, directory, one->d_name, error);
    closedir(entries);
    return err;
}

/* The number after ",S="; an empty slice when it is not there. */
static struct slice number_after(struct slice name, struct slice word)
{
    ssize_t at = slice_find(name, word);
    struct cursor c = cursor_of(at >= 0 ? slice_from(name, (size_t)at + word.n) : slice_none());
    return cursor_take_while(&c, S("0123456789"));
}

/* ",S=100,W=100": with CRLF it is no longer than as it is, so no bare LF is a line's end. */
static bool is_verbatim(struct slice name)
{
    struct slice size = number_after(name, S(",S="));
    return size.n > 0 && slice_eq(size, number_after(name, S(",W=")));
}

static enum err give_file(const struct files_origin *origin, const struct entry *entry, struct outlet *outlet,
                          struct error *error)
{
    char *chunk;
    struct stat st;
    CLEANUP(fd_close) int fd = -1;
    enum err err = open_file(origin, entry->name.p, &fd, &st, error);
    if (err == ERR_NOT_FOUND)
        return ERR_OK; /* its flags were changed, or it was moved: the next run finds it */
    if (err == ERR_DENIED) {
        struct error why = *error;
        return outlet_note(outlet, error, "%s", why.client);
    }
    if (err != ERR_OK)
        return err;
    chunk = malloc(MBOX_READ);
    if (chunk == NULL)
        return fail_nomem(error);
    outlet_begin(outlet, is_verbatim(entry->name));
    ssize_t got = 0;
    while (err == ERR_OK && (got = read(fd, chunk, MBOX_READ)) > 0)
        err = outlet_bytes(outlet, slice_of(chunk, (size_t)got), error);
    free(chunk);
    if (err == ERR_OK && got < 0)
        err = fail_plain(error, ERR_DENIED, "cannot read %.100s: %s", entry->name.p, strerror(errno));
    return err == ERR_OK ? outlet_end(outlet, entry->item, error) : err;
}

/* --- an mbox --- */

struct mbox_file {
    struct mbox_input input;
    int fd;
};

static enum err read_file(struct mbox_input *input, uint64_t offset, char *to, size_t n, size_t *ret_n,
                          struct error *error)
{
    ssize_t got;
    do
        got = pread(container_of(input, struct mbox_file, input)->fd, to, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fail_plain(error, ERR_DENIED, "cannot read the mbox: %s", strerror(errno));
    *ret_n = (size_t)got;
    return ERR_OK;
}

struct hashing {
    crypto_generichash_state state;
    uint64_t size;
};

static enum err hash_bytes(void *context, struct slice bytes, struct error *error)
{
    struct hashing *hashing = context;
    (void)error;
    crypto_generichash_update(&hashing->state, (const unsigned char *)bytes.p, bytes.n);
    hashing->size += bytes.n;
    return ERR_OK;
}

/* A hash of its bytes; one more for each that is the same and comes before. */
static enum err number_message(struct mbox *mbox, struct map *seen, struct entry *entry, struct error *error)
{
    struct hashing hashing = {0};
    unsigned char digest[crypto_generichash_BYTES_MIN];
    crypto_generichash_init(&hashing.state, NULL, 0, sizeof(digest));
    enum err err = mbox_give(mbox, &entry->place, hash_bytes, &hashing, error);
    if (err != ERR_OK)
        return err;
    crypto_generichash_final(&hashing.state, digest, sizeof(digest));
    memcpy(&entry->item, digest, sizeof(entry->item));
    entry->item >>= 1;
    while (map_get(seen, map_key_u64(&entry->item)) != NULL)
        entry->item = (entry->item + 1) & INT64_MAX;
    entry->size = hashing.size;
    return map_set(seen, map_key_u64(&entry->item), seen) ? ERR_OK : fail_nomem(error);
}

static enum err tell_message(struct outlet *outlet, const struct entry *entry, struct slice keywords,
                             struct error *error)
{
    struct origin_item item = {.item = entry->item,
                               .size = entry->size,
                               .date_us = entry->place.date_us,
                               .flags = entry->place.flags};
    struct cursor c = cursor_of(keywords);
    while (!cursor_done(&c) && item.keyword_count < MOVE_KEYWORDS_MAX) {
        cursor_take_while(&c, S(" ,"));
        struct slice word = cursor_take_until(&c, S(" ,"));
        if (word.n > 0)
            item.keywords[item.keyword_count++] = word;
    }
    return outlet_item(outlet, &item, error);
}

static enum err read_mbox(struct files_origin *origin, struct mbox *mbox, struct map *seen, uint64_t size,
                          struct outlet *outlet, struct error *error)
{
    for (;;) {
        CLEANUP(mbox_message_release) struct mbox_message message = {0};
        bool found = false;
        enum err err = mbox_next(&mbox[0], &found, &message, error);
        if (err == ERR_OK && !found && mbox->offset == 0 && size > 0)
            err = fail_plain(error, ERR_DENIED, "it is no mbox: its first line is no From line");
        if (err != ERR_OK || !found)
            return err;
        struct entry entry = {.place = message};
        entry.place.keywords = BUF(0);
        if (message.is_none)
            continue;
        err = number_message(&mbox[1], seen, &entry, error);
        if (err == ERR_OK)
            err = add_entry(origin, &entry, error);
        if (err == ERR_OK)
            err = tell_message(outlet, &entry, buf_slice(&message.keywords), error);
        if (err != ERR_OK)
            return err;
    }
}

static enum err open_mbox(struct files_origin *origin, const char *path, struct outlet *outlet,
                          struct error *error)
{
    CLEANUP(map_release) struct map seen = {0};
    CLEANUP(fd_close) int fd = -1;
    struct stat st;
    enum err err = open_file(origin, path, &fd, &st, error);
    if (err != ERR_OK)
        return err;
    struct mbox_file file = {{read_file}, fd};
    struct mbox *mbox = malloc(2 * sizeof(*mbox)); /* one to go through it, one to read each */
    if (mbox == NULL)
        return fail_nomem(error);
    mbox_init(&mbox[0], &file.input);
    mbox_init(&mbox[1], &file.input);
    err = read_mbox(origin, mbox, &seen, (uint64_t)st.st_size, outlet, error);
    free(mbox);
    return err;
}

static enum err give_bytes(void *context, struct slice bytes, struct error *error)
{
    return outlet_bytes(context, bytes, error);
}

static enum err give_messages(struct files_origin *origin, const struct entry **wanted, size_t count,
                              struct outlet *outlet, struct error *error)
{
    CLEANUP(fd_close) int fd = -1;
    struct stat st;
    enum err err = open_file(origin, origin->folders[origin->opened].p, &fd, &st, error);
    if (err != ERR_OK)
        return err;
    struct mbox_file file = {{read_file}, fd};
    struct mbox *mbox = malloc(sizeof(*mbox));
    if (mbox == NULL)
        return fail_nomem(error);
    mbox_init(mbox, &file.input);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        outlet_begin(outlet, wanted[i]->place.as_is);
        err = mbox_give(mbox, &wanted[i]->place, give_bytes, outlet, error);
        if (err == ERR_OK)
            err = outlet_end(outlet, wanted[i]->item, error);
    }
    free(mbox);
    return err;
}

/* --- what the origin is asked --- */

static int by_number(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    return left->item < right->item ? -1 : left->item > right->item;
}

static enum err open_folder(struct origin *base, size_t folder, struct outlet *outlet, struct error *error)
{
    struct files_origin *origin = container_of(base, struct files_origin, base);
    if (folder >= origin->folder_count)
        return fail_plain(error, ERR_NOT_FOUND, "there is no folder %zu", folder);
    origin->opened = folder;
    origin->count = 0;
    arena_reset(&origin->entry_names);
    enum err err = outlet_opened(outlet, 0, 0, error);
    if (err == ERR_OK && origin->kind == KIND_MAILDIR) {
        struct maildir maildir = {.origin = origin,
                                  .outlet = outlet,
                                  .path = origin->folders[folder].p,
                                  .words = BUF(KEYWORDS_FILE_MAX)};
        read_keywords(&maildir);
        err = open_maildir(&maildir, "cur", error);
        if (err == ERR_OK)
            err = open_maildir(&maildir, "new", error);
        buf_release(&maildir.words);
    } else if (err == ERR_OK) {
        err = open_mbox(origin, origin->folders[folder].p, outlet, error);
    }
    if (origin->count > 0)
        qsort(origin->entries, origin->count, sizeof(*origin->entries), by_number);
    return err;
}

static enum err fetch(struct origin *base, const uint64_t *items, size_t count, struct outlet *outlet,
                      struct error *error)
{
    struct files_origin *origin = container_of(base, struct files_origin, base);
    const struct entry *wanted[RECORD_ITEMS];
    for (size_t i = 0; i < count; i++) {
        const struct entry key = {.item = items[i]};
        wanted[i] = bsearch(&key, origin->entries, origin->count, sizeof(key), by_number);
        if (wanted[i] == NULL)
            return fail_plain(error, ERR_INVALID, "there is no such message");
    }
    if (origin->kind != KIND_MAILDIR)
        return give_messages(origin, wanted, count, outlet, error);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = give_file(origin, wanted[i], outlet, error);
    return err;
}

static void close_origin(struct origin *base)
{
    struct files_origin *origin = container_of(base, struct files_origin, base);
    fd_close(&origin->fd);
    arena_release(&origin->names);
    arena_release(&origin->entry_names);
    free(origin->folders);
    free(origin->entries);
    free(origin);
}

enum err files_origin_create(int fd, struct origin **ret_origin, struct error *error)
{
    struct stat st;
    struct files_origin *origin = calloc(1, sizeof(*origin));
    if (origin == NULL)
        return fail_nomem(error);
    *origin = (struct files_origin){
        .base = {list, open_folder, fetch, close_origin},
        .fd = fd,
        .names = ARENA(FILES_ARENA_MAX),
        .entry_names = ARENA(FILES_ARENA_MAX),
        .folders = calloc(MOVE_FOLDERS_MAX, sizeof(*origin->folders)),
    };
    enum err err = origin->folders != NULL ? ERR_OK : fail_nomem(error);
    if (err == ERR_OK && fstat(fd, &st) != 0)
        err = fail_errno(error, "fstat");
    if (err == ERR_OK && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        err = fail_plain(error, ERR_INVALID, "the source is neither a file nor a directory");
    if (err != ERR_OK) {
        close_origin(&origin->base);
        return err;
    }
    bool directory = S_ISDIR(st.st_mode);
    origin->kind = !directory ? KIND_MBOX : is_directory(fd, "cur") ? KIND_MAILDIR : KIND_MBOXES;
    *ret_origin = &origin->base;
    return ERR_OK;
}
