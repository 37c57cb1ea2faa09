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

enum err doctor_run(struct doctor *doctor, bool *ret_bad, struct error *error)
{
    doctor->arena = ARENA(DOCTOR_ARENA_MAX);
    enum err e = resolver_create(doctor->settings->resolver, &doctor->resolver, error);
    if (e == ERR_OK)
        e = resolver_start(doctor->resolver, error);
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(checks); i++) {
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
    resolver_destroy(take(doctor->resolver));
    arena_release(&doctor->arena);
    *ret_bad = doctor->bad;
    return e;
}
