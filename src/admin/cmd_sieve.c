#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "admin/sieve_complaints.h"
#include "base/fdio.h"
#include "mime/address.h"
#include "mime/header.h"

/* `posthorn sieve check` and `posthorn sieve test`: they run in the command line's own process and need no
 * server. */

enum { MESSAGE_MAX_BYTES = 256 << 20, SCRIPTS_MAX = 50, REPLY_LINES_MAX = 200 };

static enum err read_file(const struct admin_call *call, struct slice path, size_t max, struct buf *out,
                          struct error *error)
{
    if (call->context->store != NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "scripts are tried at the command line only");
    char *name = slice_to_cstr(path);
    if (name == NULL)
        return fail_nomem(error);
    CLEANUP(fd_close) int fd = strcmp(name, "-") == 0 ? dup(STDIN_FILENO) : open(name, O_RDONLY | O_CLOEXEC);
    free(name);
    *out = BUF(max);
    if (fd < 0)
        return fail_plain(error, ERR_INVALID, "cannot open %.*s: %s", SLICE_ARGS(path), strerror(errno));
    enum err e = fd_read_all(fd, out, error);
    return e == ERR_OK ? e : fail_plain(error, e, "cannot read %.*s: %s", SLICE_ARGS(path), err_text(e));
}

/* --- check --- */

/* ERR_INVALID after the complaints were told. */
static enum err compile(struct admin_call *call, struct slice path, struct sieve_program **ret,
                        struct error *error)
{
    CLEANUP(buf_release) struct buf script = {0};
    struct sieve_complaints complaints;
    enum err e = read_file(call, path, SIEVE_SCRIPT_MAX + 1, &script, error);
    if (e != ERR_OK)
        return e;
    e = sieve_compile(buf_slice(&script), SIEVE_ALL, ret, &complaints, error);
    struct error ignored;
    if (sieve_complaints_tell(call, &complaints, &ignored) != ERR_OK)
        call->unclean = true;
    return e;
}

static enum err check(struct admin_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf code = BUF(SIEVE_CODE_MAX);
    struct sieve_program *program;
    enum err e = compile(call, call_text(call, "script"), &program, error);
    if (e == ERR_INVALID && call->unclean)
        return ERR_OK; /* the rows say it, and the exit status */
    if (e != ERR_OK)
        return e;
    sieve_program_put(program, &code);
    sieve_program_free(program);
    if (buf_failed(&code))
        return fail_plain(error, ERR_LIMIT, "the script is too large to be kept");
    call_message(call, "the script is right");
    return ERR_OK;
}

/* --- test: the world around the script --- */

struct named_program {
    struct slice name;
    struct sieve_program *program;
};

struct trying {
    struct admin_call *call;
    struct slice folder; /* of the script: where those that it includes are */
    struct named_program programs[SCRIPTS_MAX];
    size_t count;
};

static void tell_step(void *context, uint32_t line, struct slice what, struct slice outcome)
{
    struct trying *trying = context;
    struct error ignored; /* what can't be shown for want of memory is not shown */
    if (call_row(trying->call,
                 json_pack("{s:I,s:o,s:o}", "line", (json_int_t)line, "step", json_text(what), "outcome",
                           json_text(outcome)),
                 &ignored) != ERR_OK)
        trying->call->unclean = true;
}

/* There is no mailbox to look into: all that a script asks for are taken to be there. */
static enum err mailbox_exists(void *context, struct slice mailbox, bool *ret, struct error *error)
{
    (void)context, (void)mailbox, (void)error;
    *ret = true;
    return ERR_OK;
}

static enum err find_script(void *context, struct slice name, bool global, const struct sieve_program **ret,
                            struct error *error)
{
    struct trying *trying = context;
    CLEANUP(buf_release) struct buf path = BUF(PATH_MAX);
    for (size_t i = 0; i < trying->count; i++)
        if (slice_eq(trying->programs[i].name, name)) {
            *ret = trying->programs[i].program;
            return ERR_OK;
        }
    buf_printf(&path, "%.*s%.*s.sieve", SLICE_ARGS(trying->folder), SLICE_ARGS(name));
    const char *file = buf_cstr(&path);
    *ret = NULL;
    if (global || file == NULL || access(file, F_OK) != 0 || trying->count == SCRIPTS_MAX)
        return ERR_OK;
    struct named_program *named = &trying->programs[trying->count];
    named->name = arena_dup(&trying->call->arena, name);
    enum err e = compile(trying->call, slice_cstr(file), &named->program, error);
    if (e != ERR_OK)
        return e;
    trying->count++;
    *ret = named->program;
    return ERR_OK;
}

static void release_trying(struct trying *trying)
{
    for (size_t i = 0; i < trying->count; i++)
        sieve_program_free(trying->programs[i].program);
}

/* The first address of the first of these fields that is there. */
static struct slice address_of(struct admin_call *call, struct slice header, const char *const *fields)
{
    for (; *fields != NULL; fields++) {
        struct mime_addresses list;
        struct error ignored;
        struct slice value = mime_field_value(header, slice_cstr(*fields));
        CLEANUP(buf_release) struct buf spec = BUF(4096);
        if (value.n == 0 || mime_addresses_parse(&call->arena, value, &list, &ignored) != ERR_OK)
            continue;
        for (const struct mime_address *a = list.first; a != NULL; a = a->next)
            if (a->kind == MIME_ADDRESS_MAILBOX && a->domain.n > 0) {
                mime_address_put_spec(&spec, a);
                return arena_dup(&call->arena, buf_slice(&spec));
            }
    }
    return S("");
}

static struct slice given_or_found(struct admin_call *call, const char *argument, struct slice header,
                                   const char *const *fields)
{
    struct slice given = call_text(call, argument);
    return given.p != NULL ? given : address_of(call, header, fields);
}

/* --- test: what came of it --- */

static enum err tell_action(struct admin_call *call, const struct sieve_action *action, struct error *error)
{
    json_t *row =
        json_pack("{s:I,s:s}", "line", (json_int_t)action->line, "action", sieve_action_name(action->kind));
    const struct {
        const char *name;
        struct slice text;
    } texts[] = {
        {"mailbox", action->mailbox},         {"mailbox-id", action->mailbox_id},
        {"special-use", action->special_use}, {"address", action->address},
        {"reason", action->reason},           {"reply", action->reply},
    };
    for (size_t i = 0; row != NULL && i < ARRAY_LEN(texts); i++)
        if (texts[i].text.p != NULL)
            json_object_set_new(row, texts[i].name, json_text(texts[i].text));
    if (row != NULL && action->flag_count > 0)
        json_object_set_new(row, "flags", json_texts(action->flags, action->flag_count));
    if (row != NULL && action->recipient_count > 0)
        json_object_set_new(row, "recipients", json_texts(action->recipients, action->recipient_count));
    return call_row(call, row, error);
}

static enum err tell_result(struct admin_call *call, const struct sieve_result *result, struct error *error)
{
    enum err e = ERR_OK;
    if (result->failed) {
        call->unclean = true;
        e = call_row(call,
                     json_pack("{s:I,s:s,s:s,s:o}", "line", (json_int_t)result->failure_line, "level",
                               "error", "step", "fails", "what", json_text(slice_cstr(result->failure))),
                     error);
    }
    for (size_t i = 0; i < result->count && e == ERR_OK; i++)
        e = tell_action(call, &result->actions[i], error);
    if (e == ERR_OK && result->count == 0)
        e = call_row(call, json_pack("{s:s}", "action", "discard"), error);
    return e;
}

static enum err run(struct trying *trying, const struct sieve_program *program, struct slice message,
                    struct error *error)
{
    static const char *const senders[] = {"return-path", "from", NULL};
    static const char *const recipients[] = {"delivered-to", "x-original-to", "to", NULL};
    struct admin_call *call = trying->call;
    struct slice header = mime_split(message).header;
    struct slice owner = given_or_found(call, "to", header, recipients);
    const struct sieve_input input = {
        .message = message,
        .envelope_from = given_or_found(call, "from", header, senders),
        .envelope_to = owner,
        .owner_name = S(""),
        .owner_address = owner,
        .hostname = S("localhost"),
        .now = time(NULL),
    };
    const struct sieve_host host = {
        .context = trying, .trace = tell_step, .mailbox_exists = mailbox_exists, .script = find_script};
    struct sieve_result result;
    enum err e = sieve_run(program, &input, &host, &result, error);
    if (e != ERR_OK)
        return e;
    e = tell_result(call, &result, error);
    sieve_result_release(&result);
    return e;
}

static struct slice folder_of(struct slice path)
{
    ssize_t slash = slice_rfind_char(path, '/');
    return slice_sub(path, 0, (size_t)(slash + 1));
}

static enum err try_script(struct admin_call *call, struct error *error)
{
    CLEANUP(buf_release) struct buf message = {0};
    CLEANUP(release_trying)
    struct trying trying = {.call = call, .folder = folder_of(call_text(call, "script"))};
    struct sieve_program *program;
    enum err e = read_file(call, call_text(call, "message"), MESSAGE_MAX_BYTES, &message, error);
    if (e == ERR_OK)
        e = compile(call, call_text(call, "script"), &program, error);
    if (e == ERR_INVALID && call->unclean)
        return ERR_OK;
    if (e != ERR_OK)
        return e;
    e = run(&trying, program, buf_slice(&message), error);
    sieve_program_free(program);
    return e;
}

/* --- showing --- */

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text != NULL ? text : "";
}

static void show_reply(const char *reply)
{
    struct cursor c = cursor_of(slice_cstr(reply));
    for (size_t lines = 0; !cursor_done(&c) && lines < REPLY_LINES_MAX; lines++) {
        struct slice line = slice_trim(cursor_take_until(&c, S("\n")));
        printf("            | %.*s\n", SLICE_ARGS(line));
        cursor_skip_char(&c, '\n');
    }
}

static void show_texts(const json_t *texts)
{
    for (size_t i = 0; i < json_array_size(texts); i++)
        printf(" %s", json_string_value(json_array_get(texts, i)));
}

static void show_action(const json_t *row)
{
    static const char *const keys[] = {"mailbox", "mailbox-id", "special-use", "address", "reason"};
    printf("=> %s", text_of(row, "action"));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_object_get(row, keys[i]) != NULL)
            printf(" \"%s\"", text_of(row, keys[i]));
    show_texts(json_object_get(row, "flags"));
    show_texts(json_object_get(row, "recipients"));
    printf("\n");
    show_reply(text_of(row, "reply"));
}

static void show(const json_t *row)
{
    if (json_object_get(row, "action") != NULL)
        show_action(row);
    else if (json_object_get(row, "level") != NULL)
        sieve_complaint_show(row);
    else {
        sieve_line_show(row);
        printf("%-14s %s\n", text_of(row, "step"), text_of(row, "outcome"));
    }
}

/* --- the table --- */

static const struct admin_argument check_arguments[] = {
    {"script", ARGUMENT_TEXT, true, true, "SCRIPT", "the script's file; - is standard input"},
    {0},
};

const struct admin_command admin_sieve_check = {
    .name = "sieve.check",
    .run = check,
    .arguments = check_arguments,
    .columns = sieve_complaint_columns,
    .show = show,
    .flags = COMMAND_ALONE,
    .summary = "say what is wrong with a Sieve script",
    .about = "Reads the script as the server would and says what is wrong, with line and column. It needs no "
             "server. "
             "Exit status 1 if there is an error.",
    .example = "posthorn sieve check holiday.sieve",
};

static const struct admin_argument test_arguments[] = {
    {"script", ARGUMENT_TEXT, true, true, "SCRIPT", "the script's file"},
    {"message", ARGUMENT_TEXT, true, true, "MESSAGE", "the message's file; - is standard input"},
    {"from", ARGUMENT_TEXT, false, false, "ADDRESS", "the envelope's sender; else Return-Path or From"},
    {"to", ARGUMENT_TEXT, false, false, "ADDRESS",
     "the recipient, who owns the script; else Delivered-To or To"},
    {0},
};

static const struct admin_column test_columns[] = {
    {"line", "LINE", COLUMN_NUMBER},
    {"step", "STEP", COLUMN_TEXT},
    {"outcome", "OUTCOME", COLUMN_TEXT},
    {0},
};

const struct admin_command admin_sieve_test = {
    .name = "sieve.test",
    .run = try_script,
    .arguments = test_arguments,
    .columns = test_columns,
    .show = show,
    .flags = COMMAND_ALONE,
    .summary = "show what a Sieve script would do with a message",
    .about =
        "Runs the script on the message and shows each command, test and comparison, and what would be done "
        "in "
        "the end. Nothing is done, and no server is needed: every mailbox is taken to exist, nothing to have "
        "been seen before, and scripts that are included are looked for beside this one, as NAME.sieve. Exit "
        "status 1 if the script is wrong or fails.",
    .example = "posthorn sieve test holiday.sieve message.eml --from bob@example.net",
};
