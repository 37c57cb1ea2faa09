#include "admin/cli_parts.h"

enum { TERM_WIDTH = 24, LINE_MAX_BYTES = 100 };

static void put_name(const struct admin_command *command, struct buf *out)
{
    buf_put(out, S("posthorn "));
    for (const char *p = command->name; *p != 0; p++)
        buf_putc(out, *p == '.' ? ' ' : *p);
}

static const char *argument_name(const struct admin_argument *argument)
{
    return argument->kind == ARGUMENT_SECRET ? "password-stdin" : argument->name;
}

void cli_usage(const struct admin_command *command, struct buf *out)
{
    buf_put(out, S("usage: "));
    put_name(command, out);
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
        buf_put(out, a->required ? S(" ") : S(" ["));
        if (!a->positional)
            buf_printf(out, "--%s%s", argument_name(a), a->placeholder != NULL ? " " : "");
        if (a->placeholder != NULL)
            buf_printf(out, "%s%s", a->placeholder, a->kind == ARGUMENT_LIST ? "..." : "");
        if (!a->required)
            buf_putc(out, ']');
    }
    if ((command->flags & COMMAND_CONFIRM) != 0)
        buf_put(out, S(" [--yes]"));
    if (command->columns != NULL)
        buf_put(out, S(" [--json]"));
}

/* A term and what it means, in two columns. */
static void put_term(struct buf *out, const char *dashes, const char *name, const char *placeholder,
                     const char *help)
{
    char term[LINE_MAX_BYTES];
    snprintf(term, sizeof(term), "%s%s%s%s", dashes, name, name[0] != 0 && placeholder != NULL ? " " : "",
             placeholder != NULL ? placeholder : "");
    buf_printf(out, "  %-*s %s\n", TERM_WIDTH, term, help);
}

/* Prose in lines of at most LINE_MAX_BYTES. */
static void put_prose(struct buf *out, struct slice text)
{
    size_t column = 0;
    while (text.n > 0) {
        struct slice word;
        slice_cut(text, ' ', &word, &text);
        if (column > 0 && column + 1 + word.n > LINE_MAX_BYTES) {
            buf_putc(out, '\n');
            column = 0;
        }
        if (column > 0)
            buf_putc(out, ' ');
        buf_put(out, word);
        column += word.n + 1;
    }
    buf_putc(out, '\n');
}

void cli_help(const struct admin_command *command, struct buf *out)
{
    cli_usage(command, out);
    buf_put(out, S("\n\n"));
    put_prose(out, slice_cstr(command->about));
    buf_putc(out, '\n');
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++)
        put_term(out, a->positional ? "" : "--", a->positional ? "" : argument_name(a), a->placeholder,
                 a->help);
    if ((command->flags & COMMAND_CONFIRM) != 0)
        put_term(out, "--", "yes", NULL, "do not ask whether this is meant");
    if (command->columns != NULL)
        put_term(out, "--", "json", NULL, "print each row as a JSON object on a line");
    put_term(out, "--", "help", NULL, "say this");
    buf_printf(out, "\nExample:\n  %s\n", command->example);
}

void cli_noun_help(struct slice noun, struct buf *out)
{
    size_t count;
    const struct admin_command *const *commands = admin_commands(&count);
    buf_printf(out, "usage: posthorn %.*s COMMAND ...\n\n", SLICE_ARGS(noun));
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_cstr(commands[i]->name);
        if (!slice_starts(name, noun) || name.p[noun.n] != '.')
            continue;
        char verb[LINE_MAX_BYTES];
        snprintf(verb, sizeof(verb), "%s", name.p + noun.n + 1);
        for (char *p = verb; *p != 0; p++)
            *p = *p == '.' ? ' ' : *p;
        put_term(out, "", verb, NULL, commands[i]->summary);
    }
    buf_printf(out, "\n`posthorn %.*s COMMAND --help` says more.\n", SLICE_ARGS(noun));
}
