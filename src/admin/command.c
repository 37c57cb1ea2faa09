#include <stdarg.h>

#include "admin/admin.h"
#include "base/utf8.h"
#include "store/ledger.h"

static const struct admin_command *const commands[] = {
#define X(name) &admin_##name,
    ADMIN_COMMAND_TABLE(X)
#undef X
};

static const struct admin_command *const inner_commands[] = {
#define X(name) &admin_##name,
    ADMIN_INNER_COMMAND_TABLE(X)
#undef X
};

enum { MESSAGE_MAX = 1000 };

const struct admin_command *const *admin_commands(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(commands);
    return commands;
}

const struct admin_command *admin_command_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_eq(name, slice_cstr(commands[i]->name)))
            return commands[i];
    for (size_t i = 0; i < ARRAY_LEN(inner_commands); i++)
        if (slice_eq(name, slice_cstr(inner_commands[i]->name)))
            return inner_commands[i];
    return NULL;
}

/* --- arguments --- */

static struct slice slice_json(const json_t *string)
{
    return slice_of(json_string_value(string), json_string_length(string));
}

struct slice call_text(const struct admin_call *call, const char *name)
{
    const json_t *value = json_object_get(call->request, name);
    return value != NULL ? slice_json(value) : slice_none();
}

uint64_t call_number(const struct admin_call *call, const char *name, uint64_t absent)
{
    const json_t *value = json_object_get(call->request, name);
    return value != NULL ? (uint64_t)json_integer_value(value) : absent;
}

int call_yes_no(const struct admin_call *call, const char *name)
{
    const json_t *value = json_object_get(call->request, name);
    return value != NULL ? json_is_true(value) : -1;
}

bool call_flag(const struct admin_call *call, const char *name)
{
    return call_yes_no(call, name) == 1;
}

enum err call_list(struct admin_call *call, const char *name, struct slice **ret_words, size_t *ret_count,
                   struct error *error)
{
    const json_t *list = json_object_get(call->request, name);
    size_t count = json_array_size(list);
    struct slice *words = arena_array(&call->arena, MAX(count, 1), sizeof(*words));
    if (words == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < count; i++)
        words[i] = slice_json(json_array_get(list, i));
    *ret_words = words;
    *ret_count = count;
    return ERR_OK;
}

enum err call_doors(const struct admin_call *call, unsigned *ret_doors, struct error *error)
{
    struct slice text = call_text(call, "doors");
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
#define X(door, name, number) {(name), (number)},
        DOOR_TABLE(X)
#undef X
    };
    unsigned doors = 0;
    for (bool more = text.n > 0; more;) {
        struct slice name;
        more = slice_cut(text, ',', &name, &text);
        name = slice_trim(name);
        size_t i = 0;
        while (i < ARRAY_LEN(known) && !slice_eq_nocase(name, slice_cstr(known[i].name)))
            i++;
        if (i == ARRAY_LEN(known))
            return fail_plain(error, ERR_INVALID,
                              "\"%.*s\" is no door; there are: pop3, imap, submission, "
                              "managesieve, jmap, dav, eas, ews, web",
                              SLICE_ARGS(slice_sub(name, 0, 40)));
        doors |= known[i].bit;
    }
    *ret_doors = doors;
    return ERR_OK;
}

void call_access_changed(const struct admin_call *call)
{
    const struct admin_context *context = call->context;
    store_limits_changed(context->store);
    if (context->access_changed != NULL)
        context->access_changed(context->owner);
}

static void domain_moved(const struct admin_call *call, struct slice address, struct arena *arena)
{
    struct slice local;
    struct slice name;
    struct domain domain;
    struct error error;
    if (address_normalise(address, arena, &local, &name, &error) == ERR_OK &&
        domain_find(call->context->directory, name, arena, &domain, &error) == ERR_OK)
        store_domain_changed(call->context->store, domain.id);
}

void call_moved(const struct admin_call *call, struct account_id id, struct slice from, struct slice to)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ADMIN_ARENA_MAX);
    store_account_moved(call->context->store, id);
    domain_moved(call, from, &arena);
    domain_moved(call, to, &arena);
}

static bool list_of_texts(const json_t *list)
{
    bool good = json_is_array(list);
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = json_is_string(json_array_get(list, i));
    return good;
}

static enum err check_kind(const struct admin_argument *argument, const json_t *value, struct error *error)
{
    switch (argument->kind) {
    case ARGUMENT_TEXT:
    case ARGUMENT_SECRET:
    case ARGUMENT_FILE:
        if (json_is_string(value))
            return ERR_OK;
        return fail_plain(error, ERR_INVALID, "\"%s\" must be text", argument->name);
    case ARGUMENT_SIZE:
    case ARGUMENT_NUMBER:
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            return ERR_OK;
        return fail_plain(error, ERR_INVALID, "\"%s\" must be a number, 0 or more", argument->name);
    case ARGUMENT_YES_NO:
    case ARGUMENT_FLAG:
        if (json_is_boolean(value))
            return ERR_OK;
        return fail_plain(error, ERR_INVALID, "\"%s\" must be true or false", argument->name);
    case ARGUMENT_LIST:
        if (list_of_texts(value))
            return ERR_OK;
        return fail_plain(error, ERR_INVALID, "\"%s\" must be a list of texts", argument->name);
    }
    return fail_plain(error, ERR_INVALID, "\"%s\" is of no kind", argument->name);
}

static const struct admin_argument *argument_find(const struct admin_command *command, const char *name)
{
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

static enum err check_arguments(const struct admin_command *command, const json_t *request,
                                struct error *error)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)request, key, value)
    {
        if (strcmp(key, "command") == 0)
            continue;
        const struct admin_argument *argument = argument_find(command, key);
        if (argument == NULL)
            return fail_plain(error, ERR_INVALID, "%s has no argument \"%.64s\"", command->name, key);
        enum err e = check_kind(argument, value, error);
        if (e != ERR_OK)
            return e;
    }
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++)
        if (a->required && json_object_get(request, a->name) == NULL)
            return fail_plain(error, ERR_INVALID, "%s needs the argument \"%s\"", command->name, a->name);
    return ERR_OK;
}

/* --- answers --- */

static void send(struct admin_sink *sink, json_t *line)
{
    sink->line(sink, line);
    json_decref(line);
}

json_t *json_text(struct slice s)
{
    json_t *text = json_stringn(s.n > 0 ? s.p : "", s.n);
    if (text != NULL)
        return text;
    CLEANUP(buf_release) struct buf repaired = BUF(3 * s.n + 1);
    utf8_put_repaired(&repaired, s);
    return buf_failed(&repaired) ? NULL : json_stringn(repaired.n > 0 ? repaired.p : "", repaired.n);
}

json_t *json_texts(const struct slice *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; i++)
        json_array_append_new(list, json_text(texts[i]));
    return list;
}

json_t *json_doors(unsigned doors)
{
    static const struct {
        const char *name;
        unsigned bit;
    } table[] = {
#define X(name, text, bit) {text, bit},
        DOOR_TABLE(X)
#undef X
    };
    json_t *names = json_array();
    for (size_t i = 0; names != NULL && i < ARRAY_LEN(table); i++)
        if ((doors & table[i].bit) != 0)
            json_array_append_new(names, json_string(table[i].name));
    return names;
}

enum err call_row(struct admin_call *call, json_t *row, struct error *error)
{
    json_t *line = row != NULL ? json_pack("{s:o}", "row", row) : NULL;
    if (line == NULL)
        return fail_nomem(error);
    send(call->sink, line);
    return ERR_OK;
}

enum err call_row_bytes(struct admin_call *call, json_t *row, struct slice bytes, struct error *error)
{
    json_t *line = row != NULL ? json_pack("{s:o,s:I}", "row", row, "bytes", (json_int_t)bytes.n) : NULL;
    if (line == NULL)
        return fail_nomem(error);
    send(call->sink, line);
    call->sink->bytes(call->sink, bytes);
    return ERR_OK;
}

void call_progress(struct admin_call *call, uint64_t done, uint64_t total)
{
    send(call->sink,
         json_pack("{s:{s:I,s:I}}", "progress", "done", (json_int_t)done, "total", (json_int_t)total));
}

void call_message(struct admin_call *call, const char *format, ...)
{
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    send(call->sink, json_pack("{s:o}", "message", json_text(slice_cstr(text))));
}

void admin_refuse(struct admin_sink *sink, const struct error *error)
{
    send(sink,
         json_pack("{s:b,s:s,s:o,s:o}", "ok", 0, "code", err_name(error->code), "error",
                   json_text(slice_cstr(error->client)), "detail", json_text(slice_cstr(error->detail))));
}

/* --- running --- */

static enum err find(const json_t *request, const struct admin_command **ret_command, struct error *error)
{
    const json_t *name = json_object_get(request, "command");
    if (!json_is_string(name))
        return fail_plain(error, ERR_INVALID, "a request is an object with a \"command\"");
    *ret_command = admin_command_find(slice_json(name));
    if (*ret_command == NULL)
        return fail_plain(error, ERR_INVALID, "there is no command \"%.64s\"", json_string_value(name));
    return check_arguments(*ret_command, request, error);
}

bool admin_needs_queue(const json_t *request)
{
    const json_t *name = json_object_get(request, "command");
    const struct admin_command *command = json_is_string(name) ? admin_command_find(slice_json(name)) : NULL;
    return command != NULL && (command->flags & COMMAND_QUEUE) != 0;
}

void admin_run(const struct admin_context *context, const json_t *request, struct slice attached,
               struct admin_sink *sink)
{
    struct error error;
    const struct admin_command *command = NULL;
    struct admin_call call = {.context = context,
                              .request = request,
                              .attached = attached,
                              .sink = sink,
                              .arena = ARENA(ADMIN_ARENA_MAX)};
    enum err e = find(request, &command, &error);
    if (e == ERR_OK && (command->flags & COMMAND_QUEUE) != 0 && context->queue == NULL)
        e = fail_plain(&error, ERR_UNAVAILABLE, "the queue is not open");
    if (e == ERR_OK && command->run == NULL)
        e = fail_plain(&error, ERR_INVALID, "%s is done by the command line", command->name);
    if (e == ERR_OK)
        e = command->run(&call, &error);
    arena_release(&call.arena);
    if (e != ERR_OK)
        admin_refuse(sink, &error);
    else if (call.unclean)
        send(sink, json_pack("{s:b,s:b}", "ok", 1, "clean", 0));
    else
        send(sink, json_pack("{s:b}", "ok", 1));
}
