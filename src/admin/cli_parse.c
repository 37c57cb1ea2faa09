#include "admin/cli_parts.h"
#include "admin/size.h"
#include "base/spelling.h"

enum { NAME_WORDS_MAX = 3, NAME_MAX_BYTES = 64, SHOWN_MAX = 40 };

void cli_request_release(struct cli_request *request)
{
    json_decref(request->request);
    *request = (struct cli_request){0};
}

/* Words being read. */
struct words {
    int argc;
    char **argv;
    int at;
    bool only_words;                         /* after "--" */
    const struct admin_argument *positional; /* the next */
};

static const char *word_after(const char *words, size_t dots)
{
    for (; dots > 0; dots--)
        words = strchr(words, '.') + 1;
    return words;
}

static bool is_noun(const struct admin_command *command, const char *noun)
{
    size_t n = strlen(noun);
    return strncmp(command->name, noun, n) == 0 && command->name[n] == '.';
}

static enum err fail_verb(const char *noun, const char *given, struct error *error)
{
    struct spelling spelling = {0};
    size_t count;
    const struct admin_command *const *commands = admin_commands(&count);
    for (size_t i = 0; i < count; i++)
        if (is_noun(commands[i], noun))
            spelling_offer(&spelling, slice_cstr(given), word_after(commands[i]->name, 1));
    if (spelling.nearest != NULL)
        return fail_plain(error, ERR_INVALID, "unknown command \"%s %.*s\"; did you mean \"%s %s\"?", noun,
                          SHOWN_MAX, given, noun, spelling.nearest);
    return fail_plain(error, ERR_INVALID, "unknown command \"%s %.*s\"; `posthorn %s --help` lists them",
                      noun, SHOWN_MAX, given, noun);
}

/* The command of the longest run of first words. */
static enum err find_command(struct words *words, const struct admin_command **ret_command,
                             struct error *error)
{
    char name[NAME_MAX_BYTES];
    size_t n = 0;
    *ret_command = NULL;
    for (int i = 0; i < words->argc && i < NAME_WORDS_MAX && words->argv[i][0] != '-'; i++) {
        size_t more = strlen(words->argv[i]);
        if (n + more + 2 > sizeof(name))
            break;
        if (i > 0)
            name[n++] = '.';
        memcpy(name + n, words->argv[i], more);
        n += more;
        const struct admin_command *command = admin_command_find(slice_of(name, n));
        if (command != NULL && (command->flags & COMMAND_INNER) == 0) {
            *ret_command = command;
            words->at = i + 1;
        }
    }
    if (*ret_command != NULL)
        return ERR_OK;
    if (words->argc < 2 || words->argv[1][0] == '-')
        return fail_plain(error, ERR_INVALID, "a command is missing; `posthorn %s --help` lists them",
                          words->argv[0]);
    return fail_verb(words->argv[0], words->argv[1], error);
}

/* --option or --option=value stands among the words. */
static bool has_option(const struct words *words, const char *option)
{
    for (int i = words->at; i < words->argc && strcmp(words->argv[i], "--") != 0; i++) {
        struct slice word = slice_cstr(words->argv[i]);
        struct slice name;
        struct slice rest;
        slice_cut(word, '=', &name, &rest);
        if (slice_starts(name, S("--")) && slice_eq(slice_from(name, 2), slice_cstr(option)))
            return true;
    }
    return false;
}

/* --- values --- */

static enum err make_value(const struct admin_argument *argument, const char *text, json_t **ret,
                           struct error *error)
{
    uint64_t n;
    switch (argument->kind) {
    case ARGUMENT_SIZE:
        if (!size_parse(slice_cstr(text), &n))
            return fail_plain(error, ERR_INVALID, "\"%.*s\" is not a size; write it like 500M or 10G",
                              SHOWN_MAX, text);
        *ret = json_integer((json_int_t)n);
        break;
    case ARGUMENT_NUMBER:
        if (!slice_to_u64(slice_cstr(text), &n) || n > INT64_MAX)
            return fail_plain(error, ERR_INVALID, "\"%.*s\" is not a number", SHOWN_MAX, text);
        *ret = json_integer((json_int_t)n);
        break;
    case ARGUMENT_YES_NO:
        if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
            return fail_plain(error, ERR_INVALID, "--%s takes yes or no, not \"%.*s\"", argument->name,
                              SHOWN_MAX, text);
        *ret = json_boolean(text[0] == 'y');
        break;
    default:
        *ret = json_string(text);
        if (*ret == NULL)
            return fail_plain(error, ERR_INVALID, "\"%s\" is given in bytes that are not UTF-8",
                              argument->name);
        break;
    }
    return *ret != NULL ? ERR_OK : fail_nomem(error);
}

static enum err put_value(struct cli_request *request, const struct admin_argument *argument,
                          const char *text, struct error *error)
{
    json_t *value;
    if (argument->kind == ARGUMENT_FILE) {
        request->file = text;
        return ERR_OK;
    }
    enum err e = make_value(argument, text, &value, error);
    if (e != ERR_OK)
        return e;
    int put;
    json_t *list = json_object_get(request->request, argument->name);
    if (argument->kind != ARGUMENT_LIST)
        put = json_object_set_new(request->request, argument->name, value);
    else if (list != NULL)
        put = json_array_append_new(list, value);
    else
        put = json_object_set_new(request->request, argument->name, json_pack("[o]", value));
    return put == 0 ? ERR_OK : fail_nomem(error);
}

/* --- options --- */

/* Options that the command line itself understands. */
static bool general_option(struct cli_request *request, struct slice name, bool *ret_fits)
{
    const struct {
        const char *name;
        bool *set;
        bool fits;
    } options[] = {
        {"help", &request->help, true},
        {"json", &request->json, request->command->columns != NULL},
        {"yes", &request->yes, (request->command->flags & COMMAND_CONFIRM) != 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (slice_eq(name, slice_cstr(options[i].name))) {
            *options[i].set = true;
            *ret_fits = options[i].fits;
            return true;
        }
    return false;
}

/* The command as it is typed. */
static const char *typed_name(const struct admin_command *command, char name[static NAME_MAX_BYTES])
{
    snprintf(name, NAME_MAX_BYTES, "%s", command->name);
    for (char *p = name; *p != 0; p++)
        *p = *p == '.' ? ' ' : *p;
    return name;
}

static enum err fail_option(const struct admin_command *command, struct slice name, struct error *error)
{
    char typed[NAME_MAX_BYTES];
    struct spelling spelling = {0};
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++)
        if (!a->positional)
            spelling_offer(&spelling, name, a->kind == ARGUMENT_SECRET ? "password-stdin" : a->name);
    if (command->columns != NULL)
        spelling_offer(&spelling, name, "json");
    if ((command->flags & COMMAND_CONFIRM) != 0)
        spelling_offer(&spelling, name, "yes");
    spelling_offer(&spelling, name, "help");
    int n = (int)MIN(name.n, (size_t)SHOWN_MAX);
    if (spelling.nearest != NULL)
        return fail_plain(error, ERR_INVALID, "unknown option --%.*s; did you mean --%s?", n, name.p,
                          spelling.nearest);
    return fail_plain(error, ERR_INVALID, "unknown option --%.*s; see `posthorn %s --help`", n, name.p,
                      typed_name(command, typed));
}

static enum err set_switch(struct cli_request *request, const struct admin_argument *argument, bool has_value,
                           struct error *error)
{
    if (has_value)
        return fail_plain(error, ERR_INVALID, "--%s takes no value%s", argument->name,
                          argument->kind == ARGUMENT_SECRET ? ": passwords come by standard input" : "");
    if (argument->kind == ARGUMENT_SECRET)
        request->password_stdin = true;
    else if (json_object_set_new(request->request, argument->name, json_true()) != 0)
        return fail_nomem(error);
    return ERR_OK;
}

static enum err read_option(struct words *words, struct cli_request *request, struct error *error)
{
    struct slice name;
    struct slice rest;
    const char *word = words->argv[words->at++];
    bool has_value = slice_cut(slice_cstr(word + 2), '=', &name, &rest);
    bool fits = true;
    if (!has_value && general_option(request, name, &fits)) {
        char typed[NAME_MAX_BYTES];
        if (fits)
            return ERR_OK;
        return fail_plain(error, ERR_INVALID, "posthorn %s takes no --%.*s",
                          typed_name(request->command, typed), SLICE_ARGS(name));
    }
    if (slice_eq(name, S("password")))
        return fail_plain(error, ERR_INVALID,
                          "passwords are not taken from the command line, which others can see; use "
                          "--password-stdin");
    for (const struct admin_argument *a = request->command->arguments; a != NULL && a->name != NULL; a++) {
        const char *option = a->kind == ARGUMENT_SECRET ? "password-stdin" : a->name;
        if (a->positional || !slice_eq(name, slice_cstr(option)))
            continue;
        if (a->kind == ARGUMENT_SECRET || a->kind == ARGUMENT_FLAG)
            return set_switch(request, a, has_value, error);
        if (!has_value && words->at == words->argc)
            return fail_plain(error, ERR_INVALID, "--%s needs a value: --%s %s", a->name, a->name,
                              a->placeholder);
        return put_value(request, a, has_value ? rest.p : words->argv[words->at++], error);
    }
    return fail_option(request->command, name, error);
}

/* --- words --- */

static void pass_options(struct words *words)
{
    while (words->positional != NULL && words->positional->name != NULL && !words->positional->positional)
        words->positional++;
}

static enum err read_word(struct words *words, struct cli_request *request, struct error *error)
{
    const char *word = words->argv[words->at++];
    pass_options(words);
    if (words->positional == NULL || words->positional->name == NULL)
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is one word too many", SHOWN_MAX, word);
    enum err e = put_value(request, words->positional, word, error);
    if (words->positional->kind != ARGUMENT_LIST)
        words->positional++;
    return e;
}

static enum err check_complete(const struct cli_request *request, struct error *error)
{
    for (const struct admin_argument *a = request->command->arguments; a != NULL && a->name != NULL; a++) {
        bool given = a->kind == ARGUMENT_FILE ? request->file != NULL
                                              : json_object_get(request->request, a->name) != NULL;
        if (!a->required || given)
            continue;
        CLEANUP(buf_release) struct buf usage = BUF(ERROR_CLIENT_MAX);
        cli_usage(request->command, &usage);
        return fail_plain(error, ERR_INVALID, "%s is missing; %s", a->placeholder,
                          buf_failed(&usage) ? "see --help" : buf_cstr(&usage));
    }
    return ERR_OK;
}

static enum err read_all(struct words *words, struct cli_request *request, struct error *error)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && words->at < words->argc) {
        const char *word = words->argv[words->at];
        if (!words->only_words && strcmp(word, "--") == 0) {
            words->only_words = true;
            words->at++;
        } else if (!words->only_words && strcmp(word, "-h") == 0) {
            request->help = true;
            words->at++;
        } else if (!words->only_words && strncmp(word, "--", 2) == 0) {
            e = read_option(words, request, error);
        } else if (!words->only_words && word[0] == '-' && word[1] != 0) {
            e = fail_plain(error, ERR_INVALID, "unknown option %.*s; options begin with --", SHOWN_MAX, word);
        } else {
            e = read_word(words, request, error);
        }
    }
    return e != ERR_OK || request->help ? e : check_complete(request, error);
}

enum err cli_parse(int argc, char **argv, struct cli_request *ret_request, struct error *error)
{
    struct words words = {.argc = argc, .argv = argv};
    CLEANUP(cli_request_release) struct cli_request request = {0};
    bool has_verbs = admin_command_find(slice_cstr(argv[0])) == NULL;
    if (has_verbs && argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        *ret_request = (struct cli_request){.help = true};
        return ERR_OK;
    }
    enum err e = find_command(&words, &request.command, error);
    if (e != ERR_OK)
        return e;
    if (request.command->instead != NULL && has_option(&words, request.command->instead_with))
        request.command = request.command->instead;
    request.request = json_pack("{s:s}", "command", request.command->name);
    if (request.request == NULL)
        return fail_nomem(error);
    words.positional = request.command->arguments;
    e = read_all(&words, &request, error);
    if (e != ERR_OK)
        return e;
    *ret_request = request;
    request = (struct cli_request){0};
    return ERR_OK;
}
