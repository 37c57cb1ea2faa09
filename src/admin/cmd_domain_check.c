#include "admin/domain_zone.h"
#include "admin/findings.h"

/* What a domain needs in the DNS, and what is there: `domain records`, `domain check`. Both run at the
 * command line, which may ask the DNS and read certificates. */

static enum err records(struct admin_call *call, struct error *error)
{
    if (call->context->settings == NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "this works at the command line only");
    return call_zone(call, call_text(call, "domain"), call_flag(call, "dnssec"), error);
}

static const struct admin_argument records_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "a domain of ours"},
    {"dnssec", ARGUMENT_FLAG, false, false, NULL, "its zone is signed: with TLSA records (DANE)"},
    {0},
};

static const struct admin_column records_columns[] = {ZONE_COLUMNS{0}};

const struct admin_command admin_domain_records = {
    .name = "domain.records",
    .run = records,
    .arguments = records_arguments,
    .columns = records_columns,
    .show = show_zone_record,
    .flags = COMMAND_HERE,
    .summary = "print the DNS records that a domain needs",
    .about =
        "Prints the records to set in the DNS, as lines of a zone file: where its mail goes, who may send in "
        "its "
        "name, how mail programs find the server. What belongs to another zone or is to be decided stands "
        "behind a semicolon. The DNS is not asked; `posthorn domain check` does. In German where $LANG is.",
    .example = "posthorn domain records example.org",
};

/* --- checking --- */

static void no_progress(void *context, size_t done, size_t total)
{
    (void)context;
    (void)done;
    (void)total;
}

static enum err check(struct admin_call *call, struct error *error)
{
    CLEANUP(domain_zone_release) struct domain_zone zone = {0};
    bool lacking = false;
    if (call->context->settings == NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "this works at the command line only");
    enum err e = domain_zone_read(call->context, call_text(call, "domain"), &call->arena, &zone, error);
    if (e != ERR_OK)
        return e;
    struct doctor doctor = {.settings = call->context->settings,
                            .found = findings_tell,
                            .progress = no_progress,
                            .context = call};
    e = doctor_run_domain(&doctor, &zone.domain, &lacking, error);
    call->unclean = call->unclean || lacking;
    return e;
}

static void show_finding(const json_t *row)
{
    static const struct {
        const char *name;
        const char *before;
    } lines[] = {{"why", "           "}, {"do", "         > "}};
    CLEANUP(buf_release) struct buf what = BUF(2 * FINDING_TEXT_MAX);
    put_spoken(json_string_value(json_object_get(row, "what")), &what);
    printf("%-8s %.*s\n", json_string_value(json_object_get(row, "level")), SLICE_ARGS(buf_slice(&what)));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(buf_release) struct buf text = BUF(2 * FINDING_TEXT_MAX);
        put_spoken(json_string_value(json_object_get(row, lines[i].name)), &text);
        if (text.n > 0)
            printf("%s%.*s\n", lines[i].before, SLICE_ARGS(buf_slice(&text)));
    }
}

static const struct admin_argument check_arguments[] = {
    {"domain", ARGUMENT_TEXT, true, true, "DOMAIN", "a domain of ours"},
    {0},
};

const struct admin_command admin_domain_check = {
    .name = "domain.check",
    .run = check,
    .arguments = check_arguments,
    .columns = findings_columns,
    .show = show_finding,
    .flags = COMMAND_HERE,
    .summary = "say which DNS records of a domain are missing or wrong",
    .about =
        "Asks the DNS for the records of a domain and of this server, as other servers and mail programs do, "
        "and says of each that is missing or wrong why it matters, and the line to set. Exit status 1: there "
        "are errors or warnings. In German where $LANG is; --json is always English.",
    .example = "posthorn domain check example.org",
};
