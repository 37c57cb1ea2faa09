#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin.h"
#include "doctor/doctor.h"

/* `posthorn doctor`: runs in the command line's own process, and asks the server (or the files) for the
 * domains and for its process id. */

enum { DOMAINS_MAX = 100000 };

/* The rows of a command that was asked, as they come. */
struct gathering {
    struct admin_sink sink;
    json_t *rows;
    bool ok;
};

static void keep_row(struct admin_sink *sink, json_t *line)
{
    struct gathering *gathering = container_of(sink, struct gathering, sink);
    json_t *row = json_object_get(line, "row");
    if (row != NULL && json_array_size(gathering->rows) < DOMAINS_MAX)
        json_array_append(gathering->rows, row);
    gathering->ok = gathering->ok || json_is_true(json_object_get(line, "ok"));
}

/* The rows of a command without arguments; NULL: it failed. */
static json_t *ask(const struct admin_context *context, const char *command, bool running_only,
                   bool *ret_running)
{
    struct error error;
    struct gathering gathering = {.sink = {keep_row}, .rows = json_array()};
    json_t *request = json_pack("{s:s}", "command", command);
    enum err e =
        request != NULL && gathering.rows != NULL
            ? context->ask(context->owner, request, running_only, &gathering.sink, ret_running, &error)
            : ERR_NOMEM;
    json_decref(request);
    if (e == ERR_OK && gathering.ok)
        return gathering.rows;
    json_decref(gathering.rows);
    return NULL;
}

static int supervisor_of(json_t *status)
{
    const json_t *processes = json_object_get(json_array_get(status, 0), "processes");
    return (int)json_integer_value(json_object_get(json_array_get(processes, 0), "pid"));
}

static void tell(void *context, const struct finding *finding)
{
    struct admin_call *call = context;
    struct error ignored; /* what can't be shown for want of memory is not shown */
    if (call_row(call,
                 json_pack("{s:s,s:s,s:o,s:o,s:o}", "level", doctor_level_name(finding->level), "check",
                           finding->check, "what", json_text(slice_cstr(finding->what)), "why",
                           json_text(slice_cstr(finding->why)), "do", json_text(slice_cstr(finding->cure))),
                 &ignored) != ERR_OK)
        call->unclean = true;
}

static void progress(void *context, size_t done, size_t total)
{
    call_progress(context, done, total);
}

static enum err run_with(struct admin_call *call, const json_t *domains, struct doctor *doctor,
                         struct error *error)
{
    size_t count = json_array_size(domains);
    struct slice *names = calloc(count + 1, sizeof(*names));
    bool bad = false;
    if (names == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < count; i++)
        names[i] = slice_cstr(json_string_value(json_object_get(json_array_get(domains, i), "domain")));
    doctor->domains = names;
    doctor->domain_count = count;
    enum err e = doctor_run(doctor, &bad, error);
    call->unclean = call->unclean || bad;
    free(names);
    return e;
}

static bool has_directory(const struct settings *settings)
{
    CLEANUP(buf_release) struct buf path = BUF(PATH_MAX);
    buf_printf(&path, "%s/directory.db", settings->data_directory);
    const char *file = buf_cstr(&path);
    return file != NULL && access(file, F_OK) == 0;
}

static enum err doctor(struct admin_call *call, struct error *error)
{
    const struct admin_context *context = call->context;
    if (context->settings == NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "the doctor works at the command line only");
    struct doctor doctor = {
        .settings = context->settings, .found = tell, .progress = progress, .context = call};
    json_t *status = ask(context, "status", true, &doctor.running);
    json_t *domains = NULL;
    doctor.supervisor = supervisor_of(status);
    /* On the files only if there are some: asking would make them. */
    if (doctor.running || has_directory(context->settings))
        domains = ask(context, "domain.list", false, &doctor.running);
    enum err e = run_with(call, domains, &doctor, error);
    json_decref(status);
    json_decref(domains);
    return e;
}

static void show(const json_t *row)
{
    const char *why = json_string_value(json_object_get(row, "why"));
    const char *cure = json_string_value(json_object_get(row, "do"));
    printf("%-8s %s: %s\n", json_string_value(json_object_get(row, "level")),
           json_string_value(json_object_get(row, "check")), json_string_value(json_object_get(row, "what")));
    if (why != NULL && why[0] != 0)
        printf("           %s\n", why);
    if (cure != NULL && cure[0] != 0)
        printf("         > %s\n", cure);
}

static const struct admin_column columns[] = {
    {"level", "LEVEL", COLUMN_TEXT}, {"check", "CHECK", COLUMN_TEXT}, {"what", "WHAT", COLUMN_TEXT},
    {"why", "WHY", COLUMN_TEXT},     {"do", "DO", COLUMN_TEXT},       {0},
};

const struct admin_command admin_doctor = {
    .name = "doctor",
    .run = doctor,
    .columns = columns,
    .show = show,
    .flags = COMMAND_HERE,
    .summary = "look for what is wrong, and say what to do",
    .about =
        "Looks over the machine, the files, the ports, the certificates and the DNS records of the server "
        "and of "
        "each domain, with the server running or not; best as root. Each finding says what was seen, why it "
        "matters, and what to do: the command or the record. Exit status 1 if there is an error among them.",
    .example = "posthorn doctor",
};
