#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/cli_link.h"
#include "admin/cli_progress.h"
#include "admin/size.h"
#include "base/fdio.h"
#include "move/writer.h"
#include "store/message.h"

/* Moving out: the store gives an account's messages, the command line writes them to files as who it is. */

struct export
{
    const char *address;
    const char *only; /* a folder; NULL: all */
    struct cli_link link;
    struct cli_progress progress;
    struct writer writer;
    json_t *folders;
    uint64_t messages, bytes;
    uint64_t last; /* UID */
    size_t came;   /* with the last answer */
};

static const char *text_of(const struct cli_request *request, const char *name)
{
    return json_string_value(json_object_get(request->request, name));
}

static uint64_t number_of(const json_t *row, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(row, name));
}

static enum err take_folder(void *context, const json_t *row, struct slice bytes, struct error *error)
{
    struct export *export = context;
    (void)bytes;
    return json_array_append(export->folders, (json_t *)row) == 0 ? ERR_OK : fail_nomem(error);
}

static enum err take_message(void *context, const json_t *row, struct slice bytes, struct error *error)
{
    struct export *export = context;
    const json_t *words = json_object_get(row, "keywords");
    struct slice keywords[KEYWORDS_MAX];
    size_t count = MIN(json_array_size(words), (size_t)KEYWORDS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *word = json_array_get(words, i);
        keywords[i] = slice_of(json_string_value(word), json_string_length(word));
    }
    const struct writer_message message = {
        .uid = (uint32_t)number_of(row, "uid"),
        .date_us = (int64_t)number_of(row, "date"),
        .flags = (uint32_t)number_of(row, "flags"),
        .keywords = keywords,
        .keyword_count = count,
        .bytes = bytes,
    };
    export->last = message.uid;
    export->came++;
    export->messages++;
    export->bytes += bytes.n;
    cli_progress_step(&export->progress, 1, bytes.n);
    return writer_message(&export->writer, &message, error);
}

static enum err one_folder(struct export *export, const json_t *folder, struct error *error)
{
    const json_t *path = json_object_get(folder, "path");
    struct slice name = slice_of(json_string_value(path), json_string_length(path));
    cli_progress_folder(&export->progress, name, number_of(folder, "messages"), number_of(folder, "bytes"));
    enum err e = writer_folder(&export->writer, name, error);
    export->last = 0;
    do {
        export->came = 0;
        if (e == ERR_OK)
            e = cli_link_ask(&export->link,
                             json_pack("{s:s,s:s,s:I,s:I}", "command", "export.messages", "address",
                                       export->address, "folder", (json_int_t)number_of(folder, "id"),
                                       "after", (json_int_t) export->last),
                             slice_none(), take_message, export, error);
    } while (e == ERR_OK && export->came > 0);
    return e == ERR_OK ? writer_end(&export->writer, error) : e;
}

static enum err all_folders(struct export *export, struct error *error)
{
    size_t done = 0;
    enum err e = cli_link_ask(&export->link,
                              json_pack("{s:s,s:s}", "command", "export.folders", "address", export->address),
                              slice_none(), take_folder, export, error);
    for (size_t i = 0; e == ERR_OK && i < json_array_size(export->folders); i++) {
        const json_t *folder = json_array_get(export->folders, i);
        const char *path = json_string_value(json_object_get(folder, "path"));
        if (export->only != NULL && (path == NULL || strcmp(path, export->only) != 0))
            continue;
        done++;
        e = one_folder(export, folder, error);
    }
    if (e == ERR_OK && done == 0 && export->only != NULL)
        e = fail_plain(error, ERR_NOT_FOUND, "%s has no folder \"%.100s\"", export->address, export->only);
    return e;
}

static bool is_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    size_t entries = 0;
    if (directory == NULL) {
        fd_close(&copy);
        return false;
    }
    while (entries <= 2 && readdir(directory) != NULL)
        entries++;
    closedir(directory);
    return entries == 2;
}

/* A directory that nobody else writes into: made here, or empty and ours. */
static enum err make_directory(const char *path, int *ret_fd, struct error *error)
{
    struct stat st;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail_plain(error, ERR_INVALID, "cannot make %.100s: %s", path, strerror(errno));
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return fail_plain(error, ERR_INVALID, "cannot open %.100s: %s", path, strerror(errno));
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 || !is_empty(fd))
        return fail_plain(error, ERR_INVALID, "%.100s must be new, or empty and writable by nobody but you",
                          path);
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

static enum err read_format(const struct cli_request *request, bool *ret_maildir, struct error *error)
{
    const char *format = text_of(request, "format");
    *ret_maildir = strcmp(format, "maildir") == 0;
    if (*ret_maildir || strcmp(format, "mbox") == 0)
        return ERR_OK;
    return fail_plain(error, ERR_INVALID, "--format takes mbox or maildir, not \"%.40s\"", format);
}

static void tell(const struct export *export)
{
    char size[SIZE_TEXT_MAX];
    size_text(export->bytes, size);
    printf("wrote %" PRIu64 " messages (%s)\n", export->messages, size);
    if (export->writer.left_out > 0)
        fprintf(stderr, "%" PRIu64 " keywords were left out: a Maildir's folder knows %d\n",
                export->writer.left_out, WRITER_KEYWORDS);
}

int cli_export(const struct cli_request *request, const struct settings *settings)
{
    struct error error;
    struct export export = {.address = text_of(request, "address"),
                            .only = text_of(request, "folder"),
                            .link = {.fd = -1},
                            .folders = json_array()};
    CLEANUP(fd_close) int fd = -1;
    bool maildir = false;
    enum err e = read_format(request, &maildir, &error);
    if (e == ERR_OK)
        e = make_directory(text_of(request, "to"), &fd, &error);
    writer_init(&export.writer, fd, maildir);
    if (e == ERR_OK)
        e = cli_link_open(&export.link, settings, &error);
    if (e == ERR_OK)
        e = all_folders(&export, &error);
    if (e == ERR_OK && syncfs(fd) != 0)
        e = fail_errno(&error, "sync");
    cli_progress_wipe(&export.progress);
    int status = 0;
    if (e == ERR_OK) {
        tell(&export);
        status = export.writer.left_out > 0 ? ADMIN_EXIT_FAILED : 0;
    } else {
        status = cli_show_error(&error);
    }
    writer_release(&export.writer);
    cli_link_close(&export.link);
    json_decref(export.folders);
    return status;
}

static const struct admin_argument arguments[] = {
    {"address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account's primary address"},
    {"to", ARGUMENT_TEXT, false, true, "DIRECTORY", "a new one, or an empty one of your own"},
    {"format", ARGUMENT_TEXT, false, true, "FORMAT", "mbox or maildir"},
    {"folder", ARGUMENT_TEXT, false, false, "FOLDER", "only this one"},
    {0},
};

const struct admin_command admin_account_export = {
    .name = "account.export",
    .client = cli_export,
    .arguments = arguments,
    .summary = "write an account's mail to files",
    .about = "Writes all folders as a Maildir++ or as a tree of mboxes, with flags, keywords and dates, so "
             "that `posthorn "
             "account import --from DIRECTORY` and other programs can read them.",
    .example = "posthorn account export anna@example.org --to /root/anna --format maildir",
};
