#include "move/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "imap/mailbox_name.h"
#include "move/mbox.h"
#include "store/message.h"

enum { WORDS_MAX = 64 * 1024, COPY_MAX = INT32_MAX };

void writer_init(struct writer *writer, int fd, bool maildir)
{
    *writer = (struct writer){.fd = fd, .maildir = maildir, .folder = -1, .words = BUF(WORDS_MAX)};
}

void writer_release(struct writer *writer)
{
    if (writer->folder >= 0)
        close(writer->folder);
    if (writer->mbox != NULL)
        fclose(take(writer->mbox));
    writer->folder = -1;
    buf_release(&writer->words);
}

static enum err fail_file(struct error *error, const char *path)
{
    return fail_plain(error, errno == ENAMETOOLONG ? ERR_LIMIT : ERR_UNAVAILABLE, "cannot write %.100s: %s",
                      path, strerror(errno));
}

/* Anew, and through no link. */
static int create_file(int directory, const char *name)
{
    return openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* --- folders --- */

/* ".Archive.2020" in modified UTF-7; a dot within a name as "&AC4-", which no name has by itself. */
static void put_maildir_name(struct slice path, struct buf *out)
{
    CLEANUP(buf_release) struct buf wire = BUF(WRITER_PATH_MAX);
    mailbox_name_encode(&wire, path);
    buf_putc(out, '.');
    for (size_t i = 0; i < wire.n; i++) {
        if (wire.p[i] == '.')
            buf_put(out, S("&AC4-"));
        else
            buf_putc(out, wire.p[i] == '/' ? '.' : wire.p[i]);
    }
}

static enum err open_maildir(struct writer *writer, struct slice path, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF(WRITER_PATH_MAX);
    bool inbox = slice_eq(path, S("INBOX"));
    if (inbox)
        buf_putc(&name, '.');
    else
        put_maildir_name(path, &name);
    const char *text = buf_cstr(&name);
    if (text == NULL)
        return fail_nomem(error);
    if (!inbox && mkdirat(writer->fd, text, 0700) != 0)
        return fail_file(error, text);
    writer->folder = openat(writer->fd, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (writer->folder < 0 || mkdirat(writer->folder, "cur", 0700) != 0 ||
        mkdirat(writer->folder, "new", 0700) != 0 || mkdirat(writer->folder, "tmp", 0700) != 0)
        return fail_file(error, text);
    int marker = inbox ? 0 : create_file(writer->folder, "maildirfolder");
    if (marker < 0)
        return fail_file(error, text);
    if (!inbox)
        close(marker);
    return ERR_OK;
}

/* A part as a file's name: "%2E" for a dot at the beginning, "%25" for a percent sign. */
static void put_file_name(struct slice part, struct buf *out)
{
    for (size_t i = 0; i < part.n; i++) {
        if (part.p[i] == '%')
            buf_put(out, S("%25"));
        else if (part.p[i] == '.' && i == 0)
            buf_put(out, S("%2E"));
        else
            buf_putc(out, part.p[i]);
    }
}

static enum err open_mbox(struct writer *writer, struct slice path, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF(WRITER_PATH_MAX);
    struct slice rest = path;
    struct slice part;
    while (slice_cut(rest, '/', &part, &rest)) {
        put_file_name(part, &name);
        buf_put(&name, S(".sbd"));
        const char *directory = buf_cstr(&name);
        if (directory == NULL)
            return fail_nomem(error);
        if (mkdirat(writer->fd, directory, 0700) != 0 && errno != EEXIST)
            return fail_file(error, directory);
        buf_putc(&name, '/');
    }
    put_file_name(part, &name);
    buf_put(&name, S(".mbox"));
    const char *text = buf_cstr(&name);
    if (text == NULL)
        return fail_nomem(error);
    CLEANUP(fd_close) int fd = create_file(writer->fd, text);
    if (fd < 0)
        return fail_file(error, text);
    writer->mbox = fdopen(fd, "w");
    if (writer->mbox == NULL)
        return fail_errno(error, "fdopen");
    fd = -1;
    return ERR_OK;
}

enum err writer_folder(struct writer *writer, struct slice path, struct error *error)
{
    buf_clear(&writer->words);
    writer->word_count = 0;
    return writer->maildir ? open_maildir(writer, path, error) : open_mbox(writer, path, error);
}

/* --- line ends --- */

/* Each LF has one CR before it: then LF alone can stand for both. */
static bool is_clean(struct slice bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] == '\n' && (i == 0 || bytes.p[i - 1] != '\r' || (i > 1 && bytes.p[i - 2] == '\r')))
            return false;
    return true;
}

/* Without the CR of each line's end. */
static bool put_lines(FILE *to, struct slice bytes)
{
    while (bytes.n > 0) {
        ssize_t end = slice_find(bytes, S("\r\n"));
        size_t n = end < 0 ? bytes.n : (size_t)end;
        if (fwrite(bytes.p, 1, n, to) != n || (end >= 0 && fputc('\n', to) == EOF))
            return false;
        bytes = slice_from(bytes, end < 0 ? n : n + 2);
    }
    return true;
}

static size_t lines_of(struct slice bytes)
{
    size_t lines = 0;
    for (size_t i = 0; i < bytes.n; i++)
        lines += bytes.p[i] == '\n';
    return lines;
}

/* --- a Maildir's message --- */

/* The letter of a keyword in this folder; 0: there are none left. */
static char letter_of(struct writer *writer, struct slice word)
{
    struct slice rest = buf_slice(&writer->words);
    for (size_t i = 0; i < writer->word_count; i++) {
        struct slice have;
        slice_cut(rest, 0, &have, &rest);
        if (slice_eq_nocase(have, word))
            return (char)('a' + i);
    }
    if (writer->word_count == WRITER_KEYWORDS)
        return 0;
    buf_put(&writer->words, word);
    buf_putc(&writer->words, 0);
    return (char)('a' + writer->word_count++);
}

static void put_info(struct writer *writer, const struct writer_message *message, struct buf *name)
{
    static const struct {
        char letter;
        unsigned bit;
    } table[] = {
        {'D', FLAG_DRAFT}, {'F', FLAG_FLAGGED}, {'R', FLAG_ANSWERED}, {'S', FLAG_SEEN}, {'T', FLAG_DELETED}};
    bool letters[WRITER_KEYWORDS] = {false};
    bool passed = false;
    for (size_t i = 0; i < message->keyword_count; i++) {
        bool forwarded = slice_eq_nocase(message->keywords[i], S("$Forwarded"));
        char letter = forwarded ? 'P' : letter_of(writer, message->keywords[i]);
        passed = passed || forwarded;
        if (letter >= 'a')
            letters[letter - 'a'] = true;
        writer->left_out += letter == 0;
    }
    buf_put(name, S(":2,"));
    for (size_t i = 0; i < ARRAY_LEN(table); i++) { /* in the alphabet's order */
        if (table[i].letter == 'R' && passed)
            buf_putc(name, 'P');
        if ((message->flags >> table[i].bit & 1) != 0)
            buf_putc(name, table[i].letter);
    }
    for (size_t i = 0; i < WRITER_KEYWORDS; i++)
        if (letters[i])
            buf_putc(name, (char)('a' + i));
}

static enum err write_file(struct writer *writer, const struct writer_message *message, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF(FILENAME_MAX);
    bool clean = is_clean(message->bytes);
    size_t wire = message->bytes.n;
    size_t size = clean ? wire - lines_of(message->bytes) : wire;
    buf_printf(&name, "cur/%lld.U%u.posthorn,S=%zu,W=%zu", (long long)(message->date_us / CLOCK_SECOND),
               message->uid, size, wire);
    put_info(writer, message, &name);
    const char *text = buf_cstr(&name);
    CLEANUP(fd_close) int fd = text != NULL ? create_file(writer->folder, text) : -1;
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL)
        return fail_file(error, "a message");
    fd = -1;
    const struct timespec when = {.tv_sec = message->date_us / CLOCK_SECOND,
                                  .tv_nsec = message->date_us % CLOCK_SECOND * 1000};
    const struct timespec both[2] = {when, when};
    bool good = clean ? put_lines(file, message->bytes)
                      : fwrite(message->bytes.p, 1, message->bytes.n, file) == message->bytes.n;
    good = fflush(file) == 0 && good && (message->date_us < 0 || futimens(fileno(file), both) == 0);
    if (!good) {
        enum err err = fail_file(error, text);
        fclose(file);
        return err;
    }
    return fclose(file) == 0 ? ERR_OK : fail_file(error, text);
}

/* "0 name" lines, as dovecot has them. */
static enum err write_words(struct writer *writer, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(2 * WORDS_MAX);
    struct slice rest = buf_slice(&writer->words);
    if (writer->word_count == 0)
        return ERR_OK;
    for (size_t i = 0; i < writer->word_count; i++) {
        struct slice word;
        slice_cut(rest, 0, &word, &rest);
        buf_printf(&text, "%zu %.*s\n", i, SLICE_ARGS(word));
    }
    CLEANUP(fd_close) int fd = create_file(writer->folder, "dovecot-keywords");
    if (fd < 0)
        return fail_file(error, "dovecot-keywords");
    return buf_failed(&text) ? fail_nomem(error) : fd_write_all(fd, buf_slice(&text), error);
}

/* --- an mbox's message --- */

/* "From " at a line's beginning, with any number of ">" before it, gets one more (mboxrd). */
static bool put_quoted(FILE *to, struct slice bytes, bool clean)
{
    while (bytes.n > 0) {
        ssize_t lf = slice_find_char(bytes, '\n');
        struct slice line = lf < 0 ? bytes : slice_sub(bytes, 0, (size_t)lf + 1);
        size_t n = 0;
        while (n < line.n && line.p[n] == '>')
            n++;
        if (slice_starts(slice_from(line, n), S("From ")) && fputc('>', to) == EOF)
            return false;
        if (clean ? !put_lines(to, line) : fwrite(line.p, 1, line.n, to) != line.n)
            return false;
        bytes = slice_from(bytes, line.n);
    }
    return true;
}

static enum err write_mbox(struct writer *writer, const struct writer_message *message, struct error *error)
{
    FILE *to = writer->mbox;
    char when[40];
    struct tm tm;
    time_t seconds = (time_t)MAX(message->date_us / CLOCK_SECOND, INT64_C(0));
    bool clean = is_clean(message->bytes);
    bool end = message->bytes.n > 0 && message->bytes.p[message->bytes.n - 1] == '\n';
    uint32_t flags = message->flags;
    if (gmtime_r(&seconds, &tm) == NULL || strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm) == 0)
        return fail_errno(error, "a date");
    fprintf(to, "From MAILER-DAEMON %s\n%s:%s%s\n", when, MBOX_OWN_FIELD, clean ? "" : " " MBOX_AS_IS,
            end ? "" : " " MBOX_NO_END);
    fprintf(to, "Status: %sO\nX-Status: %s%s%s%s\nX-Keywords:", (flags >> FLAG_SEEN & 1) != 0 ? "R" : "",
            (flags >> FLAG_ANSWERED & 1) != 0 ? "A" : "", (flags >> FLAG_FLAGGED & 1) != 0 ? "F" : "",
            (flags >> FLAG_DELETED & 1) != 0 ? "D" : "", (flags >> FLAG_DRAFT & 1) != 0 ? "T" : "");
    for (size_t i = 0; i < message->keyword_count; i++)
        fprintf(to, " %.*s", SLICE_ARGS(message->keywords[i]));
    fputc('\n', to);
    bool good = put_quoted(to, message->bytes, clean);
    good = fputs(end ? "\n" : "\n\n", to) != EOF && good;
    return good && ferror(to) == 0 ? ERR_OK : fail_file(error, "an mbox");
}

/* --- what all have --- */

enum err writer_message(struct writer *writer, const struct writer_message *message, struct error *error)
{
    return writer->maildir ? write_file(writer, message, error) : write_mbox(writer, message, error);
}

enum err writer_end(struct writer *writer, struct error *error)
{
    enum err err = ERR_OK;
    if (writer->maildir) {
        err = write_words(writer, error);
        fd_close(&writer->folder);
        writer->folder = -1;
        return err;
    }
    if (fclose(take(writer->mbox)) != 0)
        err = fail_file(error, "an mbox");
    return err;
}
