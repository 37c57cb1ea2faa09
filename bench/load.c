#include <signal.h>
#include <sys/resource.h>

#include "bench/commands.h"

struct command {
    const char *name;
    enum err (*run)(const struct options *options, struct report *report, struct error *error);
    const char *help;
};

static const struct command commands[] = {
#define X(name, function, help) {name, command_##function, help},
    COMMAND_TABLE(X)
#undef X
};

static void help(void)
{
    printf("Usage: posthorn-load COMMAND --server URL [OPTION...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        printf("  %-13s %s\n", commands[i].name, commands[i].help);
    printf("\n");
    options_help();
}

/* Thousands of connections want as many descriptors. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct command *command, int argc, const char **argv)
{
    struct options options;
    struct report report = {0};
    struct error error;
    enum err err = options_parse(argc, argv, &options, &error);
    if (err != ERR_OK) {
        fprintf(stderr, "posthorn-load: %s\n", error.client);
        return 2;
    }
    options.tls = SSL_CTX_new(TLS_client_method());
    if (options.tls == NULL)
        return 1;
    err = command->run(&options, &report, &error);
    SSL_CTX_free(options.tls);
    if (err != ERR_OK) {
        fprintf(stderr, "posthorn-load %s: %s\n", command->name, error.detail);
        return 1;
    }
    report_print(&report, command->name, &options);
    return 0;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run(&commands[i], argc - 2, (const char **)argv + 2);
    help();
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
}
