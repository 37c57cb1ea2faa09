#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <termios.h>
#include <unistd.h>

#include "admin/cli_parts.h"
#include "base/fdio.h"
#include "base/utf8.h"

/* Everything that the request needs and the command line does not hold. */

enum { LINE_MAX_BYTES = PASSWORD_MAX + 2, ANSWER_MAX = 16 };

/* A line of standard input, without its end. False: none came, or it is too long. */
static bool read_line(char *line, size_t size)
{
    if (fgets(line, (int)size, stdin) == NULL)
        return false;
    size_t n = strlen(line);
    bool whole = feof(stdin) || (n > 0 && line[n - 1] == '\n');
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        line[--n] = 0;
    return whole;
}

static bool read_hidden(const char *prompt, char *line, size_t size)
{
    struct termios before;
    bool changed = tcgetattr(STDIN_FILENO, &before) == 0;
    if (changed) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        changed = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    }
    fputs(prompt, stderr);
    bool read = read_line(line, size);
    fputc('\n', stderr);
    if (changed)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    return read;
}

static enum err ask_password(bool terminal, char *password, size_t size, struct error *error)
{
    char again[LINE_MAX_BYTES];
    bool read = terminal ? read_hidden("Password: ", password, size) : read_line(password, size);
    if (!read || password[0] == 0)
        return fail_plain(error, ERR_INVALID,
                          "no password of 1 to %d bytes came: type it at a terminal, or give it as the first "
                          "line of standard input",
                          PASSWORD_MAX);
    if (!terminal)
        return ERR_OK;
    read = read_hidden("Again: ", again, sizeof(again));
    bool same = read && strcmp(password, again) == 0;
    sodium_memzero(again, sizeof(again));
    return same ? ERR_OK : fail_plain(error, ERR_INVALID, "the two passwords differ; nothing was changed");
}

enum err cli_ask_secret(const char *prompt, bool standard_input, char *ret_secret, size_t size,
                        struct error *error)
{
    bool terminal = isatty(STDIN_FILENO) && !standard_input;
    bool read = terminal ? read_hidden(prompt, ret_secret, size) : read_line(ret_secret, size);
    if (read && ret_secret[0] != 0)
        return ERR_OK;
    return fail_plain(error, ERR_INVALID,
                      "no password of 1 to %zu bytes came: type it at a terminal, or give it "
                      "as the first line of standard input",
                      size - 2);
}

static enum err complete_password(struct cli_request *request, const struct admin_argument *argument,
                                  struct error *error)
{
    char password[LINE_MAX_BYTES];
    if (json_object_get(request->request, "hash") != NULL && !request->password_stdin)
        return ERR_OK;
    bool on_wish = (request->command->flags & COMMAND_MAY_ASK) != 0;
    if (on_wish && !request->password_stdin)
        return ERR_OK;
    bool terminal = isatty(STDIN_FILENO) && (on_wish || !request->password_stdin);
    enum err e = ask_password(terminal, password, sizeof(password), error);
    if (e == ERR_OK && !utf8_valid(slice_cstr(password)))
        e = fail_plain(error, ERR_INVALID, "the password is not UTF-8 text");
    if (e == ERR_OK && json_object_set_new(request->request, argument->name, json_string(password)) != 0)
        e = fail_nomem(error);
    sodium_memzero(password, sizeof(password));
    return e;
}

/* --- files --- */

static size_t line_of_bad_byte(struct slice text)
{
    size_t line = 1;
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        int32_t code = utf8_next(&c);
        if (code <= 0)
            return line;
        line += code == '\n';
    }
    return 0;
}

static enum err complete_file(struct cli_request *request, const struct admin_argument *argument,
                              struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(ADMIN_REQUEST_MAX / 2);
    bool input = strcmp(request->file, "-") == 0;
    CLEANUP(fd_close) int fd = input ? dup(STDIN_FILENO) : open(request->file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_plain(error, ERR_INVALID, "cannot open %.100s: %s", request->file, strerror(errno));
    enum err e = fd_read_all(fd, &text, error);
    if (e == ERR_LIMIT)
        return fail_plain(error, e, "%.100s has more than %d MB; split it", request->file,
                          ADMIN_REQUEST_MAX / 2 / 1024 / 1024);
    if (e != ERR_OK)
        return e;
    size_t line = line_of_bad_byte(buf_slice(&text));
    if (line > 0)
        return fail_plain(error, ERR_INVALID, "%.100s:%zu: the line is not UTF-8 text", request->file, line);
    if (json_object_set_new(request->request, argument->name, json_text(buf_slice(&text))) != 0)
        return fail_nomem(error);
    return ERR_OK;
}

/* --- is it meant? --- */

static enum err confirm(const struct cli_request *request, struct error *error)
{
    char answer[ANSWER_MAX];
    if ((request->command->flags & COMMAND_CONFIRM) == 0 || request->yes || !isatty(STDIN_FILENO))
        return ERR_OK;
    const struct admin_argument *what = request->command->arguments;
    const char *name = json_string_value(json_object_get(request->request, what->name));
    fprintf(stderr, "%s: %s. Go on? [yes/no] ", name != NULL ? name : "", request->command->summary);
    if (read_line(answer, sizeof(answer)) && strcmp(answer, "yes") == 0)
        return ERR_OK;
    return fail_plain(error, ERR_INVALID, "not confirmed with \"yes\"; nothing was changed");
}

enum err cli_complete(struct cli_request *request, struct error *error)
{
    enum err e = confirm(request, error);
    if (e == ERR_OK && request->command == &admin_account_advise)
        e = cli_advise(request, error);
    for (const struct admin_argument *a = request->command->arguments;
         e == ERR_OK && a != NULL && a->name != NULL; a++) {
        if (a->kind == ARGUMENT_SECRET)
            e = complete_password(request, a, error);
        else if (a->kind == ARGUMENT_FILE && request->file != NULL)
            e = complete_file(request, a, error);
    }
    return e;
}
