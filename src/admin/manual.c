#include "admin/manual.h"

#include "admin/cli_parts.h"

/* Text of the tables: a backslash, a quote or a dot at the beginning would be roff's; "-" is to be copied. */
static void put_roff(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool line_start = i == 0 || text.p[i - 1] == '\n';
        if (line_start && (text.p[i] == '.' || text.p[i] == '\''))
            buf_put(out, S("\\&"));
        if (text.p[i] == '\\')
            buf_put(out, S("\\e"));
        else if (text.p[i] == '-')
            buf_put(out, S("\\-"));
        else if (text.p[i] == '`')
            buf_put(out, S("\\(ga"));
        else if (text.p[i] == '\'')
            buf_put(out, S("\\(aq"));
        else if (text.p[i] == '~')
            buf_put(out, S("\\(ti"));
        else if (text.p[i] == '^')
            buf_put(out, S("\\(ha"));
        else
            buf_putc(out, text.p[i]);
    }
}

static void put_line(struct buf *out, const char *text)
{
    put_roff(out, slice_cstr(text));
    buf_putc(out, '\n');
}

static void put_sentence(struct buf *out, const char *text)
{
    put_roff(out, slice_cstr(text));
    buf_put(out, S(".\n"));
}

static void put_head(struct buf *out, const char *name, const char *section, const char *what)
{
    buf_printf(out, ".TH \"%s\" \"%s\" \"\" \"posthorn " POSTHORN_VERSION "\" \"Posthorn\"\n", name, section);
    buf_printf(out, ".SH NAME\n%s \\- %s\n", name, what);
}

static void put_term(struct buf *out, const char *dashes, const char *name, const char *placeholder,
                     const char *help)
{
    buf_put(out, S(".TP\n"));
    if (name[0] != 0) {
        buf_put(out, S("\\fB"));
        put_roff(out, slice_cstr(dashes));
        put_roff(out, slice_cstr(name));
        buf_put(out, S("\\fR"));
    }
    if (placeholder != NULL) {
        buf_put(out, name[0] != 0 ? S(" \\fI") : S("\\fI"));
        put_roff(out, slice_cstr(placeholder));
        buf_put(out, S("\\fR"));
    }
    buf_putc(out, '\n');
    put_line(out, help);
}

static void put_command(const struct admin_command *command, struct buf *out)
{
    CLEANUP(buf_release) struct buf usage = BUF(64 * 1024);
    cli_usage(command, &usage);
    buf_put(out, S(".SS \""));
    put_roff(out, slice_from(buf_slice(&usage), sizeof("usage: posthorn ") - 1));
    buf_put(out, S("\"\n"));
    put_line(out, command->about);
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++) {
        const char *name = a->kind == ARGUMENT_SECRET ? "password-stdin" : a->name;
        put_term(out, a->positional ? "" : "--", a->positional ? "" : name, a->placeholder, a->help);
    }
    buf_put(out, S(".PP\nExample:\n.PP\n.nf\n.RS\n"));
    put_line(out, command->example);
    buf_put(out, S(".RE\n.fi\n"));
}

void manual_commands(const struct manual_command *others, size_t count, struct buf *out)
{
    size_t commands_count;
    const struct admin_command *const *commands = admin_commands(&commands_count);
    put_head(out, "posthorn", "1", "mail server, and its administration");
    buf_put(out, S(".SH SYNOPSIS\n.B posthorn\n.RB [ \\-c\n.IR FILE ]\n.I COMMAND\n.RI [ ARGUMENT \" ...]\"\n"
                   ".SH DESCRIPTION\n"
                   "Posthorn gives people mailboxes: SMTP, submission, IMAP and POP3 in one program.\n.PP\n"
                   "A running server is asked by its socket\n.IR run/admin.sock ;\n"
                   "without one a command works on the files itself (as root it becomes the store\\(aqs user "
                   "first).\n.SH OPTIONS\n"));
    put_term(out, "-", "c", "FILE", "the settings, instead of /etc/posthorn/posthorn.conf");
    put_term(out, "--", "version", NULL, "say the version");
    put_term(out, "--", "help", NULL, "say what there is; behind a command, what it does");
    put_term(out, "--", "json", NULL, "of commands that show something: each row as a JSON object on a line");
    put_term(out, "--", "yes", NULL, "of commands that throw away: do not ask whether this is meant");
    buf_put(out, S(".SH COMMANDS\n"));
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, ".SS \"%s\"\n", others[i].name);
        put_sentence(out, others[i].help);
    }
    for (size_t i = 0; i < commands_count; i++)
        put_command(commands[i], out);
    buf_put(out, S(".SH EXIT STATUS\n.TP\n0\nIt was done.\n.TP\n1\nThe server or the disk failed, or a check "
                   "found something.\n.TP\n2\nWhat was asked is wrong.\n.SH FILES\n.TP\n"
                   ".I /etc/posthorn/posthorn.conf\nThe settings.\n.SH SEE ALSO\n.BR posthorn.conf (5)\n"));
}

void manual_settings(struct buf *out)
{
    static const struct {
        const char *key;
        const char *preset;
        const char *help;
    } settings[] = {
#define X(name, key, preset, help) {key, preset, help},
        SETTING_TABLE(X)
#undef X
    };
    put_head(out, "posthorn.conf", "5", "settings of the Posthorn mail server");
    buf_put(out,
            S(".SH DESCRIPTION\nWhat must be known before the databases open; everything else is in the "
              "directory and is changed by\n.BR posthorn (1).\n"
              ".PP\nLines are \\fIkey\\fR = \\fIvalue\\fR; \\fB#\\fR starts a comment; a word in quotes may "
              "hold blanks and \\fB#\\fR. An unknown key, a bad value or a missing file is an error that "
              "names the line; nothing starts with half a configuration.\n.SH SETTINGS\n"));
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        buf_put(out, S(".TP\n\\fB"));
        put_roff(out, slice_cstr(settings[i].key));
        buf_put(out, S("\\fR\n"));
        put_sentence(out, settings[i].help);
        buf_put(out, S("Default: "));
        put_sentence(out, settings[i].preset);
    }
    buf_put(
        out,
        S(".SH SIGNALS\nSIGHUP reads the file and the certificates anew; what needs a restart is named in "
          "the log.\n.SH SEE ALSO\n.BR posthorn (1)\n"));
}

/* --- completion --- */

/* "account app-password add" -> its options; the words of a command are matched as they stand. */
static void put_options(const struct admin_command *command, struct buf *out)
{
    buf_put(out, S("    ["));
    buf_putc(out, '"');
    for (const char *p = command->name; *p != 0; p++)
        buf_putc(out, *p == '.' ? ' ' : *p);
    buf_put(out, S("\"]=\""));
    for (const struct admin_argument *a = command->arguments; a != NULL && a->name != NULL; a++)
        if (!a->positional)
            buf_printf(out, "--%s ", a->kind == ARGUMENT_SECRET ? "password-stdin" : a->name);
    if ((command->flags & COMMAND_CONFIRM) != 0)
        buf_put(out, S("--yes "));
    if (command->columns != NULL)
        buf_put(out, S("--json "));
    buf_put(out, S("--help\"\n"));
}

void manual_completion(const struct manual_command *others, size_t count, struct buf *out)
{
    size_t commands_count;
    const struct admin_command *const *commands = admin_commands(&commands_count);
    buf_put(out, S("# Completion of posthorn's commands and options; made of the program's own table.\n"
                   "_posthorn()\n{\n    local -A commands=(\n"));
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "    [\"%s\"]=\"--help\"\n", others[i].name);
    for (size_t i = 0; i < commands_count; i++)
        put_options(commands[i], out);
    buf_put(out, S("    )\n"
                   "    local word=${COMP_WORDS[COMP_CWORD]} typed='' name rest skip=0 i\n"
                   "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                   "        if ((skip)); then skip=0; continue; fi\n"
                   "        case ${COMP_WORDS[i]} in\n"
                   "            -c) skip=1 ;;\n"
                   "            -*) ;;\n"
                   "            *) typed+=${typed:+ }${COMP_WORDS[i]} ;;\n"
                   "        esac\n"
                   "    done\n"
                   "    if [[ ${COMP_WORDS[COMP_CWORD - 1]} == -c ]]; then\n"
                   "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                   "        return\n"
                   "    fi\n"
                   "    local words=''\n"
                   "    for name in \"${!commands[@]}\"; do\n"
                   "        if [[ \"$typed \" == \"$name \"* && $word == -* ]]; then\n"
                   "            words+=\" ${commands[$name]}\"\n"
                   "        elif [[ -z $typed || $name == \"$typed \"* ]]; then\n"
                   "            rest=${name#\"$typed\"}\n"
                   "            rest=${rest# }\n"
                   "            words+=\" ${rest%% *}\"\n"
                   "        fi\n"
                   "    done\n"
                   "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\" | sort -u)\n"
                   "}\n"
                   "complete -F _posthorn posthorn\n"));
}
