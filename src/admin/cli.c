#include "admin/cli.h"

#include <signal.h>

#include "admin/cli_parts.h"

enum { HELP_MAX = 64 * 1024 };

static int print_help(const char *noun, const struct admin_command *command)
{
    CLEANUP(buf_release) struct buf text = BUF(HELP_MAX);
    if (command != NULL)
        cli_help(command, &text);
    if (command != NULL && command->instead != NULL) {
        buf_putc(&text, '\n');
        cli_help(command->instead, &text);
    }
    if (command == NULL)
        cli_noun_help(slice_cstr(noun), &text);
    printf("%.*s", SLICE_ARGS(buf_slice(&text)));
    return 0;
}

static void free_settings(struct settings **settings)
{
    settings_free(*settings);
}

static enum err ask(void *owner, const json_t *request, bool running_only, struct admin_sink *sink,
                    bool *ret_running, struct error *error)
{
    const struct settings *settings = owner;
    enum err e = cli_remote(settings, request, sink, ret_running, error);
    return e != ERR_OK || *ret_running || running_only ? e : cli_apart(settings, request, sink, error);
}

static enum err run(const struct cli_request *request, const char *settings_file, struct cli_show *show,
                    struct error *error)
{
    CLEANUP(free_settings) struct settings *settings = NULL;
    bool running = false;
    if ((request->command->flags & COMMAND_ALONE) != 0) {
        const struct admin_context alone = {0};
        admin_run(&alone, request->request, slice_none(), &show->sink);
        return ERR_OK;
    }
    enum err e = settings_read(settings_file, &settings, error);
    if (e == ERR_OK && (request->command->flags & COMMAND_HERE) != 0) {
        const struct admin_context here = {.settings = settings, .ask = ask, .owner = settings};
        admin_run(&here, request->request, slice_none(), &show->sink);
        return ERR_OK;
    }
    if (e == ERR_OK)
        e = cli_remote(settings, request->request, &show->sink, &running, error);
    if (e == ERR_OK && !running && (request->command->flags & COMMAND_SERVER) != 0)
        return fail_plain(error, ERR_UNAVAILABLE, "no server runs: nothing answers on %s/admin.sock",
                          settings->run_directory);
    if (e == ERR_OK && !running)
        e = cli_local(settings, request->request, &show->sink, error);
    return e;
}

/* A command of the command line itself. */
static int run_client(const struct cli_request *request, const char *settings_file)
{
    CLEANUP(free_settings) struct settings *settings = NULL;
    struct error error;
    if (settings_read(settings_file, &settings, &error) != ERR_OK)
        return cli_show_error(&error);
    return request->command->client(request, settings);
}

int admin_main(int argc, char **argv, const char *settings_file)
{
    CLEANUP(cli_request_release) struct cli_request request = {0};
    struct cli_show show;
    struct error error;
    signal(SIGPIPE, SIG_IGN);
    log_open("admin", LOG_WARN, false);
    enum err e = cli_parse(argc, argv, &request, &error);
    if (e == ERR_OK && request.help)
        return print_help(argv[0], request.command);
    if (e == ERR_OK)
        e = cli_complete(&request, &error);
    if (e != ERR_OK)
        return cli_show_error(&error);
    if (request.command->client != NULL)
        return run_client(&request, settings_file);
    cli_show_init(&show, &request);
    e = run(&request, settings_file, &show, &error);
    if (e == ERR_OK)
        return cli_show_end(&show);
    show.ended = true;
    cli_show_end(&show);
    return cli_show_error(&error);
}
