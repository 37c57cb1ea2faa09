#include "admin/dns_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "admin/inquiry.h"
#include "base/clock.h"
#include "rt/settings.h"

enum { LOOK_NS = 50000000, WHY_MAX = ACME_GAVE_UP_MAX };

bool dns_hook_is_ours(const struct acme_record *record, struct slice names)
{
    struct slice proven = slice_cstr(record->name);
    struct slice value = slice_cstr(record->value);
    struct slice name;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_alnum(value.p[i]) && value.p[i] != '-' && value.p[i] != '_')
            return false;
    if (value.n != ACME_RECORD_VALUE || !slice_starts(proven, S("_acme-challenge.")))
        return false;
    proven = slice_from(proven, S("_acme-challenge.").n);
    while (names.n > 0) {
        slice_cut(names, ' ', &name, &names);
        if (slice_eq_nocase(proven, slice_starts(name, S("*.")) ? slice_from(name, S("*.").n) : name))
            return true;
    }
    return false;
}

enum err dns_hook_check(struct slice program, struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF(PATH_MAX);
    buf_put(&path, program);
    const char *file = buf_cstr(&path);
    if (!slice_starts(program, S("/")) || file == NULL)
        return fail_plain(error, ERR_INVALID, "the program must be named by its whole path, from /");
    return access(file, X_OK) == 0
               ? ERR_OK
               : fail_plain(error, ERR_INVALID, "%.*s can't be run", SLICE_ARGS(slice_sub(program, 0, 150)));
}

/* --- running it --- */

/* Into a process group of its own, without our standard input. */
static int spawn(const char *file, char *const arguments[], pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&files) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    int e = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (e == 0)
        e = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (e == 0)
        e = posix_spawn(ret_pid, file, &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return e;
}

/* False: it was killed for taking too long. */
static bool await_end(pid_t pid, int *ret_status)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    int64_t until = clock_mono_us() + DNS_HOOK_US;
    pid_t ended;
    while ((ended = waitpid(pid, ret_status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (clock_mono_us() >= until) {
            (void)kill(-pid, SIGKILL);
            (void)waitpid(pid, ret_status, 0);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

/* False: *ret_why says what it did. */
static bool run(const struct dns_hook *hook, const char *verb, const struct acme_record *record,
                char ret_why[static WHY_MAX])
{
    CLEANUP(buf_release) struct buf path = BUF(PATH_MAX);
    struct slice shown = slice_sub(hook->program, 0, 60);
    int status = 0;
    pid_t pid;
    buf_put(&path, hook->program);
    const char *file = buf_cstr(&path);
    char *const arguments[] = {(char *)(uintptr_t)file, (char *)(uintptr_t)verb,
                               (char *)(uintptr_t)record->name, (char *)(uintptr_t)record->value, NULL};
    int e = file != NULL ? spawn(file, arguments, &pid) : ENOMEM;
    if (e != 0) {
        snprintf(ret_why, WHY_MAX, "%.*s could not be run: %s", SLICE_ARGS(shown), strerrordesc_np(e));
        return false;
    }
    if (!await_end(pid, &status))
        snprintf(ret_why, WHY_MAX, "%.*s %s did not end in %d minutes", SLICE_ARGS(shown), verb,
                 (int)(DNS_HOOK_US / CLOCK_MINUTE));
    else if (WIFSIGNALED(status))
        snprintf(ret_why, WHY_MAX, "%.*s %s was ended by signal %d", SLICE_ARGS(shown), verb,
                 WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        snprintf(ret_why, WHY_MAX, "%.*s %s ended with status %d", SLICE_ARGS(shown), verb,
                 WEXITSTATUS(status));
    else
        return true;
    return false;
}

/* --- what the server asks for --- */

static enum err ask(const struct dns_hook *hook, const char *word, const char *about, json_t **ret_rows,
                    struct error *error)
{
    const struct inquiry inquiry = {.running_only = true};
    json_t *request = json_pack("{s:s,s:s*}", "command", "certificate.records", word != NULL ? word : "set",
                                word != NULL ? about : NULL);
    return inquire(hook->call->context, &inquiry, request, ret_rows, error);
}

static enum err tell(const struct dns_hook *hook, const char *word, const char *about, struct error *error)
{
    json_t *rows = NULL;
    enum err e = ask(hook, word, about, &rows, error);
    json_decref(rows);
    return e;
}

static bool is_known(const struct dns_hook *hook, const struct acme_record *record)
{
    for (size_t i = 0; i < hook->count; i++)
        if (strcmp(hook->records[i].name, record->name) == 0 &&
            strcmp(hook->records[i].value, record->value) == 0)
            return true;
    return false;
}

static void copy_text(char *to, size_t size, const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    snprintf(to, size, "%s", text != NULL ? text : "");
}

static enum err set_one(struct dns_hook *hook, const json_t *row, struct error *error)
{
    struct acme_record record = {0};
    char why[WHY_MAX];
    copy_text(record.name, sizeof(record.name), row, "name");
    copy_text(record.value, sizeof(record.value), row, "value");
    if (json_is_true(json_object_get(row, "set")) || is_known(hook, &record))
        return ERR_OK;
    if (hook->count == ACME_ANSWERS_MAX ||
        !dns_hook_is_ours(&record, slice_cstr(hook->call->context->settings->acme_names))) {
        hook->gave_up = true;
        return tell(hook, "give-up", "the server asks for a record that acme-names does not explain", error);
    }
    hook->records[hook->count++] = record; /* even if it fails: it may be there, and is removed */
    if (run(hook, "add", &record, why))
        return tell(hook, "set", record.value, error);
    hook->gave_up = true;
    return tell(hook, "give-up", why, error);
}

enum err dns_hook_set(struct dns_hook *hook, struct error *error)
{
    json_t *rows = NULL;
    enum err e = hook->gave_up ? ERR_OK : ask(hook, NULL, NULL, &rows, error);
    for (size_t i = 0; e == ERR_OK && !hook->gave_up && i < json_array_size(rows); i++)
        e = set_one(hook, json_array_get(rows, i), error);
    json_decref(rows);
    return e;
}

void dns_hook_remove(struct dns_hook *hook)
{
    char why[WHY_MAX];
    while (hook->count > 0) {
        const struct acme_record *record = &hook->records[--hook->count];
        if (!run(hook, "remove", record, why))
            call_message(hook->call, "the record %s TXT \"%s\" may still be there: %s", record->name,
                         record->value, why);
    }
}
