#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/must.h"

static const struct {
    doctor_check_fn *check;
    const char *name;
    const char *good;
} checks[] = {
#define X(name, text, good) {doctor_check_##name, text, good},
    DOCTOR_CHECK_TABLE(X)
#undef X
};

const char *doctor_level_name(enum doctor_level level)
{
    static const char *const names[] = {
#define X(name, text) text,
        DOCTOR_LEVEL_TABLE(X)
#undef X
    };
    must(level < ARRAY_LEN(names));
    return names[level];
}

static void tell(struct doctor *doctor)
{
    if (!doctor->has_finding)
        return;
    doctor->has_finding = false;
    doctor->reported++;
    doctor->bad = doctor->bad || doctor->finding.level == DOCTOR_ERROR;
    doctor->lacking = doctor->lacking || doctor->finding.level >= DOCTOR_WARNING;
    doctor->found(doctor->context, &doctor->finding);
}

void doctor_find(struct doctor *doctor, enum doctor_level level, const char *format, ...)
{
    va_list args;
    tell(doctor);
    doctor->finding = (struct finding){.level = level, .check = doctor->check};
    doctor->has_finding = true;
    va_start(args, format);
    vsnprintf(doctor->finding.what, FINDING_TEXT_MAX, format, args);
    va_end(args);
}

void doctor_why(struct doctor *doctor, const char *format, ...)
{
    va_list args;
    must(doctor->has_finding);
    va_start(args, format);
    vsnprintf(doctor->finding.why, FINDING_TEXT_MAX, format, args);
    va_end(args);
}

void doctor_cure(struct doctor *doctor, const char *format, ...)
{
    va_list args;
    must(doctor->has_finding);
    va_start(args, format);
    vsnprintf(doctor->finding.cure, FINDING_TEXT_MAX, format, args);
    va_end(args);
}

static enum err open_resolvers(struct doctor *doctor, struct error *error)
{
    const char *anchor = doctor->settings->dnssec_anchor;
    enum err e = resolver_create(doctor->settings->resolver, &doctor->resolver, error);
    if (e == ERR_OK)
        e = resolver_start(doctor->resolver, error);
    if (e == ERR_OK && strcmp(anchor, "none") != 0)
        e = resolver_create_validating(doctor->settings->resolver, strcmp(anchor, "root") == 0 ? "" : anchor,
                                       &doctor->proving, error);
    return e == ERR_OK && doctor->proving != NULL ? resolver_start(doctor->proving, error) : e;
}

static void close_resolvers(struct doctor *doctor)
{
    resolver_destroy(take(doctor->resolver));
    resolver_destroy(take(doctor->proving));
    arena_release(&doctor->arena);
}

static void run_check(struct doctor *doctor, size_t i)
{
    doctor->progress(doctor->context, i, ARRAY_LEN(checks));
    doctor->check = checks[i].name;
    doctor->reported = 0;
    checks[i].check(doctor);
    tell(doctor);
    if (doctor->reported == 0) {
        doctor_find(doctor, DOCTOR_OK, "%s", checks[i].good);
        tell(doctor);
    }
    arena_reset(&doctor->arena);
}

enum err doctor_run(struct doctor *doctor, bool *ret_bad, struct error *error)
{
    doctor->arena = ARENA(DOCTOR_ARENA_MAX);
    enum err e = open_resolvers(doctor, error);
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(checks); i++)
        run_check(doctor, i);
    close_resolvers(doctor);
    *ret_bad = doctor->bad;
    return e;
}

enum err doctor_run_domain(struct doctor *doctor, const struct doctor_domain *domain, bool *ret_lacking,
                           struct error *error)
{
    static doctor_check_fn *const first[] = {doctor_check_hostname_covered, doctor_check_host_addresses};
    doctor->arena = ARENA(DOCTOR_ARENA_MAX);
    enum err e = open_resolvers(doctor, error);
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(checks); i++)
        for (size_t k = 0; k < ARRAY_LEN(first); k++)
            if (checks[i].check == first[k])
                run_check(doctor, i);
    doctor->check = "domains";
    doctor->reported = 0;
    if (e == ERR_OK)
        doctor_look_at_domain(doctor, domain);
    tell(doctor);
    if (e == ERR_OK && doctor->reported == 0) {
        doctor_find(doctor, DOCTOR_OK, "the records of %.*s lead here", SLICE_ARGS(domain->name));
        tell(doctor);
    }
    close_resolvers(doctor);
    *ret_lacking = doctor->lacking;
    return e;
}
