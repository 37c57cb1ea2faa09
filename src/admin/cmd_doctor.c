#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/domain_zone.h"
#include "admin/findings.h"
#include "admin/inquiry.h"

/* `posthorn doctor`: runs in the command line's own process, and asks the server (or the files) for the
 * domains and for its process id. */

static int supervisor_of(json_t *status)
{
    const json_t *processes = json_object_get(json_array_get(status, 0), "processes");
    return (int)json_integer_value(json_object_get(json_array_get(processes, 0), "pid"));
}

static void progress(void *context, size_t done, size_t total)
{
    call_progress(context, done, total);
}

/* Their keys, too; a domain that goes while we ask is passed over. */
static void read_zones(struct admin_call *call, const json_t *domains, struct domain_zone *zones,
                       size_t count, struct doctor_domain *ret_domains, size_t *ret_count)
{
    struct error error;
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice name =
            slice_cstr(json_string_value(json_object_get(json_array_get(domains, i), "domain")));
        if (domain_zone_read(call->context, name, &call->arena, &zones[i], &error) == ERR_OK)
            ret_domains[n++] = zones[i].domain;
    }
    *ret_count = n;
}

static enum err run_with(struct admin_call *call, const json_t *domains, struct doctor *doctor,
                         struct error *error)
{
    size_t count = json_array_size(domains);
    struct doctor_domain *known = calloc(count + 1, sizeof(*known));
    struct domain_zone *zones = calloc(count + 1, sizeof(*zones));
    bool bad = false;
    enum err e = known != NULL && zones != NULL ? ERR_OK : fail_nomem(error);
    if (e == ERR_OK) {
        read_zones(call, domains, zones, count, known, &doctor->domain_count);
        doctor->domains = known;
        e = doctor_run(doctor, &bad, error);
        call->unclean = call->unclean || bad;
    }
    for (size_t i = 0; zones != NULL && i < count; i++)
        domain_zone_release(&zones[i]);
    free(zones);
    free(known);
    return e;
}

/* NULL: nobody answered. */
static json_t *ask(const struct admin_context *context, const char *command, bool running_only)
{
    const struct inquiry inquiry = {.running_only = running_only};
    json_t *rows = NULL;
    struct error error;
    return inquire(context, &inquiry, json_pack("{s:s}", "command", command), &rows, &error) == ERR_OK ? rows
                                                                                                       : NULL;
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
        .settings = context->settings, .found = findings_tell, .progress = progress, .context = call};
    json_t *status = ask(context, "status", true);
    json_t *acme = ask(context, "certificate.state", true);
    const char *why = json_string_value(json_object_get(json_array_get(acme, 0), "error"));
    json_t *domains = NULL;
    doctor.acme_error = why != NULL && why[0] != 0 ? why : NULL;
    doctor.acme_failures = (unsigned)json_integer_value(json_object_get(json_array_get(acme, 0), "failures"));
    doctor.acme_next = (int64_t)json_integer_value(json_object_get(json_array_get(acme, 0), "next"));
    doctor.running = status != NULL;
    doctor.supervisor = supervisor_of(status);
    /* On the files only if there are some: asking would make them. */
    if (doctor.running || has_directory(context->settings))
        domains = ask(context, "domain.list", false);
    enum err e = run_with(call, domains, &doctor, error);
    json_decref(status);
    json_decref(acme);
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

const struct admin_command admin_doctor = {
    .name = "doctor",
    .run = doctor,
    .columns = findings_columns,
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
