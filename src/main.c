/*
 * posthorn: one binary. `posthorn serve` is the server; the other commands talk to a running one.
 */
#include <getopt.h>
#include <unistd.h>

#include "admin/cli.h"
#include "admin/manual.h"
#include "base/spelling.h"
#include "serve/serve.h"

#define DEFAULT_SETTINGS_FILE "/etc/posthorn/posthorn.conf"

enum { EXIT_USAGE = 2 };

typedef int command_fn(int argc, char **argv, const char *settings_file);

static int run_serve(int argc, char **argv, const char *settings_file)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf(
            "usage: posthorn [-c FILE] serve\n\n"
            "Runs the server in the foreground and logs to standard error. SIGHUP reads settings and\n"
            "certificates anew, SIGTERM says goodbye to everybody and stops, a second one stops at once.\n");
        return 0;
    }
    if (argc > 1) {
        fprintf(stderr, "posthorn: serve takes no arguments, and \"%s\" is one\n", argv[1]);
        return EXIT_USAGE;
    }
    return serve_run(settings_file);
}

/* A worker's threads may still run: it ends without the handlers of exit, which would pull things away from
 * under them. */
static int run_worker(int argc, char **argv, const char *settings_file)
{
    (void)settings_file;
    _exit(serve_worker(argc > 1 ? argv[1] : ""));
}

/* For the build: what is installed as manual pages and completion. */
static int run_manual(int argc, char **argv, const char *settings_file)
{
    static const struct manual_command others[] = {{"serve", "Runs the server in the foreground"}};
    (void)settings_file;
    CLEANUP(buf_release) struct buf out = BUF(1024 * 1024);
    const char *which = argc == 2 ? argv[1] : "";
    if (strcmp(which, "1") == 0)
        manual_commands(others, ARRAY_LEN(others), &out);
    else if (strcmp(which, "5") == 0)
        manual_settings(&out);
    else if (strcmp(which, "bash") == 0)
        manual_completion(others, ARRAY_LEN(others), &out);
    else
        return EXIT_USAGE;
    return fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 && !buf_failed(&out) ? 0 : 1;
}

/* help NULL: not for people. */
static const struct {
    const char *name;
    command_fn *run;
    const char *help;
} commands[] = {
    {"serve", run_serve, "run the server"},
    {"worker", run_worker, NULL},
    {"manual", run_manual, NULL},
    {"status", admin_main, "how the running server is"},
    {"doctor", admin_main, "look for what is wrong, and say what to do"},
    {"domain", admin_main, "the domains whose mail is ours"},
    {"account", admin_main, "accounts: add, set, rename, forward, undelete, import, export and more"},
    {"alias", admin_main, "more addresses of an account"},
    {"group", admin_main, "addresses of several people"},
    {"share", admin_main, "folders shared between accounts"},
    {"queue", admin_main, "mail in flight"},
    {"destination", admin_main, "how mail to other domains and servers is sent"},
    {"smart-host", admin_main, "servers that outgoing mail goes by way of"},
    {"certificate", admin_main, "the certificates that the server shows; new ones by ACME"},
    {"plan", admin_main, "what is open to accounts"},
    {"sieve", admin_main, "try filter scripts"},
};

static void print_help(FILE *out)
{
    fprintf(out, "usage: posthorn [-c FILE] COMMAND ...\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].help != NULL)
            fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\n  -c FILE      settings, instead of " DEFAULT_SETTINGS_FILE "\n"
                 "  --version    say the version\n"
                 "  --help       say this\n");
}

static int refuse(const char *word)
{
    struct spelling spelling = {0};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].help != NULL)
            spelling_offer(&spelling, slice_cstr(word), commands[i].name);
    if (spelling.nearest != NULL)
        fprintf(stderr, "posthorn: unknown command \"%s\"; did you mean \"%s\"?\n", word, spelling.nearest);
    else
        fprintf(stderr, "posthorn: unknown command \"%s\"; `posthorn --help` lists them\n", word);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
    const char *settings_file = DEFAULT_SETTINGS_FILE;
    for (int c; (c = getopt_long(argc, argv, "+c:h", options, NULL)) != -1;) {
        switch (c) {
        case 'c':
            settings_file = optarg;
            break;
        case 'h':
            print_help(stdout);
            return 0;
        case 'v':
            printf("posthorn " POSTHORN_VERSION "\n");
            return 0;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[optind], commands[i].name) == 0)
            return commands[i].run(argc - optind, argv + optind, settings_file);
    return refuse(argv[optind]);
}
