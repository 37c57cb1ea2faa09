#include <time.h>

#include "acme/question.h"
#include "admin/dns_hook.h"
#include "admin/inquiry.h"
#include "base/clock.h"
#include "doctor/doctor.h"

/* The server's certificates: `certificate list`, `certificate renew`. Both run at the command line, which may
 * read the files; how it stands with ACME, relay says by way of store. */

enum { LOOK_NS = 200000000, LOOKS_MAX = 6 * 60 * 5 /* six minutes, not counting what a program takes */ };

/* --- what relay says --- */

static enum err state(struct admin_call *call, struct error *error)
{
    struct acme_state s;
    if (call->context->relay == NULL)
        return fail_plain(error, ERR_UNAVAILABLE, "no server runs");
    enum err e = acme_ask_state(call->context->relay, call_flag(call, "now"), &s, error);
    if (e != ERR_OK)
        return e;
    return call_row(call,
                    json_pack("{s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "on", s.on, "working", s.working,
                              "renewals", (json_int_t)s.renewals, "failures", (json_int_t)s.failures, "until",
                              (json_int_t)s.until, "tried", (json_int_t)s.tried, "next", (json_int_t)s.next,
                              "names", json_text(slice_cstr(s.names)), "error",
                              json_text(slice_cstr(s.error))),
                    error);
}

static const struct admin_argument state_arguments[] = {
    {"now", ARGUMENT_FLAG, false, false, NULL, "try to get one now"},
    {0},
};

static const struct admin_column state_columns[] = {{"on", "ON", COLUMN_YES_NO}, {0}};

const struct admin_command admin_certificate_state = {
    .name = "certificate.state",
    .run = state,
    .arguments = state_arguments,
    .columns = state_columns,
    .flags = COMMAND_SERVER | COMMAND_INNER,
    .summary = "say how it stands with the certificate that comes by itself",
    .about = "Says whether one is wanted, what became of the last attempt, and when the next is due.",
    .example = "posthorn certificate state",
};

/* *ret: the row, the caller's. */
static enum err ask_state(struct admin_call *call, bool now, json_t **ret, struct error *error)
{
    const struct inquiry inquiry = {.running_only = true};
    json_t *rows = NULL;
    json_t *request = now ? json_pack("{s:s,s:b}", "command", "certificate.state", "now", 1)
                          : json_pack("{s:s}", "command", "certificate.state");
    enum err e = inquire(call->context, &inquiry, request, &rows, error);
    if (e != ERR_OK)
        return e;
    *ret = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return *ret != NULL ? ERR_OK : fail(error, ERR_UNAVAILABLE, NULL, "no answer");
}

static json_int_t number_of(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

/* --- list --- */

static enum err put_served(struct admin_call *call, const struct served *served, const json_t *acme,
                           struct error *error)
{
    static const char *const sources[] = {
        [SERVED_FILE] = "file", [SERVED_ACME] = "acme", [SERVED_SELF_SIGNED] = "self-signed"};
    struct certificate_facts facts = {0};
    bool there = doctor_certificate(served, &call->arena, &facts);
    bool renews = json_is_true(json_object_get(acme, "on")) && served->source != SERVED_FILE;
    const char *why = json_string_value(json_object_get(acme, "error"));
    return call_row(call,
                    json_pack("{s:o,s:s,s:o,s:I,s:I,s:I,s:s,s:s,s:s}", "names", json_text(facts.names),
                              "source", sources[served->source], "issuer", json_text(facts.issuer), "from",
                              (json_int_t)facts.from, "until", (json_int_t)facts.until, "next",
                              renews ? number_of(acme, "next") : 0, "key", facts.digest, "file",
                              served->chain_file, "error",
                              !there                  ? "it can't be read; are you root?"
                              : renews && why != NULL ? why
                                                      : ""),
                    error);
}

static enum err list(struct admin_call *call, struct error *error)
{
    struct served served;
    struct error ignored; /* no server runs: then there is nothing to say of it */
    json_t *acme = NULL;
    enum err e = ERR_OK;
    if (call->context->settings == NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "this works at the command line only");
    if (ask_state(call, false, &acme, &ignored) != ERR_OK)
        acme = NULL;
    for (size_t i = 0; e == ERR_OK && doctor_served(call->context->settings, i, &served); i++)
        e = put_served(call, &served, acme, error);
    json_decref(acme);
    return e;
}

static const struct admin_column list_columns[] = {
    {"names", "NAMES", COLUMN_TEXT},   {"source", "SOURCE", COLUMN_TEXT},
    {"issuer", "ISSUER", COLUMN_TEXT}, {"until", "UNTIL", COLUMN_TIME},
    {"next", "RENEWED", COLUMN_TIME},  {"key", "KEY (TLSA 3 1 1)", COLUMN_TEXT},
    {"error", "ERROR", COLUMN_TEXT},   {0},
};

const struct admin_command admin_certificate_list = {
    .name = "certificate.list",
    .run = list,
    .columns = list_columns,
    .flags = COMMAND_HERE,
    .summary = "list the certificates that the server shows",
    .about =
        "Lists the certificates in the order in which the server takes them: names, who has made it, until "
        "when it is in force, the digest of its key as a TLSA record has it; of one that comes by itself "
        "(ACME) also when it is renewed, and why the last attempt failed. Best as root, who may read the "
        "files.",
    .example = "posthorn certificate list",
};

/* --- renew --- */

static void say_time(const char *what, int64_t seconds, struct buf *out)
{
    struct tm tm;
    time_t at = (time_t)seconds;
    char text[32] = "";
    if (localtime_r(&at, &tm) != NULL && strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) > 0)
        buf_printf(out, "%s%s", what, text);
}

static void say_success(struct admin_call *call, const json_t *now)
{
    CLEANUP(buf_release) struct buf text = BUF(ERROR_CLIENT_MAX);
    say_time("a new certificate is in force until ", number_of(now, "until"), &text);
    say_time("; the next one is due ", number_of(now, "next"), &text);
    call_message(call, "%.*s", SLICE_ARGS(buf_slice(&text)));
}

/* Until the attempt has ended. hook: NULL, or what sets the records that are asked for meanwhile. */
static enum err await(struct admin_call *call, const json_t *before, struct dns_hook *hook,
                      struct error *error)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    for (unsigned i = 0; i < LOOKS_MAX; i++) {
        json_t *now = NULL;
        nanosleep(&pause, NULL);
        enum err e = hook != NULL ? dns_hook_set(hook, error) : ERR_OK;
        if (e == ERR_OK)
            e = ask_state(call, false, &now, error);
        if (e != ERR_OK)
            return e;
        bool done = number_of(now, "renewals") > number_of(before, "renewals");
        bool failed = number_of(now, "failures") > number_of(before, "failures");
        if (done)
            say_success(call, now);
        else if (failed)
            e = fail_plain(error, ERR_UNAVAILABLE, "%s", json_string_value(json_object_get(now, "error")));
        json_decref(now);
        if (done || failed)
            return e;
    }
    return fail_plain(error, ERR_TIMEOUT, "it takes long; see later: posthorn certificate list");
}

/* What is said fits the settings. */
static enum err check_hook(const struct settings *settings, struct slice program, struct error *error)
{
    bool by_dns = settings->acme_challenge == ACME_DNS_01;
    if (settings->acme[0] == 0)
        return fail_plain(error, ERR_INVALID,
                          "no certificate comes by itself: set acme in posthorn.conf, and restart");
    if (by_dns && program.n == 0)
        return fail_plain(error, ERR_INVALID,
                          "the names are proven in the DNS: posthorn certificate renew --hook PROGRAM");
    if (!by_dns && program.n > 0)
        return fail_plain(error, ERR_INVALID, "no program is needed: acme-challenge is %s",
                          acme_challenge_name(settings->acme_challenge));
    return program.n > 0 ? dns_hook_check(program, error) : ERR_OK;
}

/* *ret_due: a new one is wanted, by its time, or what an authority said after a failure. */
static enum err look_whether_due(struct admin_call *call, bool *ret_due, struct error *error)
{
    json_t *now = NULL;
    enum err e = ask_state(call, false, &now, error);
    if (e == ERR_OK)
        *ret_due = clock_wall_us() / CLOCK_SECOND >= number_of(now, "next");
    json_decref(now);
    return e;
}

static enum err renew(struct admin_call *call, struct error *error)
{
    const struct settings *settings = call->context->settings;
    struct slice program = call_text(call, "hook");
    struct dns_hook hook = {.call = call, .program = program};
    json_t *before = NULL;
    bool due = true;
    if (settings == NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "this works at the command line only");
    enum err e = check_hook(settings, program, error);
    if (e == ERR_OK && call_flag(call, "if-due"))
        e = look_whether_due(call, &due, error);
    if (e != ERR_OK || !due)
        return e;
    e = ask_state(call, true, &before, error);
    if (e == ERR_OK && !json_is_true(json_object_get(before, "on")))
        e = fail_plain(error, ERR_INVALID, "the server does not know of acme yet: restart it");
    if (e == ERR_OK)
        e = await(call, before, program.n > 0 ? &hook : NULL, error);
    dns_hook_remove(&hook);
    json_decref(before);
    return e;
}

static const struct admin_argument renew_arguments[] = {
    {"hook", ARGUMENT_TEXT, false, false, "PROGRAM", "sets and removes records in the DNS (dns-01)"},
    {"if-due", ARGUMENT_FLAG, false, false, NULL, "do nothing if it is not due"},
    {0},
};

const struct admin_command admin_certificate_renew = {
    .name = "certificate.renew",
    .run = renew,
    .arguments = renew_arguments,
    .flags = COMMAND_HERE,
    .summary = "get a new certificate by ACME now",
    .about =
        "Asks the authority for a certificate at once, and waits for what becomes of it. It needs no "
        "restart, "
        "and keeps its key. When it is due it comes by itself: this is for when something was mended. "
        "Authorities count certificates and failures. With acme-challenge = dns-01 nothing comes by itself: "
        "this command is run every day, with --if-due, and runs PROGRAM add NAME VALUE for each TXT "
        "record, which is to end with status 0 when the name servers have it, and PROGRAM remove NAME "
        "VALUE afterwards.",
    .example = "posthorn certificate renew",
};
