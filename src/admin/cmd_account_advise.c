#include "admin/admin.h"
#include "admin/advise.h"
#include "admin/size.h"

/* Which plan for a new account. At a terminal the command line asks what was not said (cli_advise.c). */

#define PLACEHOLDER_NUMBER "NUMBER"
#define PLACEHOLDER_YES_NO "yes|no"
#define PLACEHOLDER_SIZE "SIZE"

/* clang-format off */
static const struct admin_argument arguments[] = {
#define X(name, kind, english, german) {#name, ARGUMENT_##kind, false, false, PLACEHOLDER_##kind, english},
    ADVISE_QUESTION_TABLE(X)
#undef X
    {"language", ARGUMENT_TEXT, false, false, "de|en", "of the advice (default as $LANG says)"},
    {0},
};
/* clang-format on */

static void say_command(struct admin_call *call, const struct plan *plan, uint64_t mail, bool german)
{
    char size[SIZE_TEXT_MAX];
    uint64_t quota = advise_quota(mail);
    bool own = plan->quota_bytes != 0 && quota > plan->quota_bytes;
    bool too_much = own && plan->quota_max != 0 && quota > plan->quota_max;
    size_text(quota, size);
    if (too_much)
        call_message(call,
                     german
                         ? "der Tarif erlaubt so viel nicht; erst: posthorn plan set %.*s --quota-max %s"
                         : "the plan does not allow that much; first: posthorn plan set %.*s --quota-max %s",
                     SLICE_ARGS(plan->name), size);
    call_message(call, "posthorn account add NAME@DOMAIN --plan %.*s%s%s%s", SLICE_ARGS(plan->name),
                 own ? " --quota " : "", own ? size : "", german ? " --language de" : "");
}

static enum err run(struct admin_call *call, struct error *error)
{
    struct advice advice;
    struct plan plan;
    bool german = slice_eq(call_text(call, "language"), S("de"));
    const struct advise_needs needs = {
        .devices = call_number(call, "devices", 1),
        .people = call_number(call, "people", 1),
        .calendar = call_yes_no(call, "calendar") == 1,
        .archive = call_yes_no(call, "archive") == 1,
        .brief = call_yes_no(call, "brief") == 1,
        .mail = call_number(call, "mail", 0),
    };
    advise(&needs, german, &advice);
    enum err e =
        directory_plan(call->context->directory, slice_cstr(advice.plan), &call->arena, &plan, error);
    if (e != ERR_OK)
        return e;
    call_message(call, german ? "es passt der Tarif %s:" : "the plan %s fits:", advice.plan);
    for (size_t i = 0; i < advice.reason_count; i++)
        call_message(call, "  %s", advice.reasons[i]);
    say_command(call, &plan, needs.mail, german);
    return ERR_OK;
}

const struct admin_command admin_account_advise = {
    .name = "account.advise",
    .run = run,
    .arguments = arguments,
    .summary = "say which plan fits somebody",
    .about = "Says which plan fits, why, and what to run. At a terminal, without options, it asks; what is "
             "not said "
             "otherwise is one person with one device and little mail.",
    .example = "posthorn account advise --devices 2 --calendar no --mail 5G",
};
