#include "serve/serve.h"

int serve_run(const char *settings_file)
{
    struct settings *settings;
    struct error error;
    if (settings_read(settings_file, &settings, &error) != ERR_OK) {
        fprintf(stderr, "posthorn: %s\n", error.client);
        return 1;
    }
    return supervisor_run(settings_file, settings);
}

int serve_worker(const char *role)
{
    static const struct {
        enum worker_role role;
        const struct worker_hooks *hooks;
    } workers[] = {{ROLE_EDGE, &edge_hooks}, {ROLE_RELAY, &relay_hooks}, {ROLE_STORE, &store_hooks}};
    for (size_t i = 0; i < ARRAY_LEN(workers); i++)
        if (strcmp(role, worker_role_name(workers[i].role)) == 0)
            return worker_main(workers[i].role, workers[i].hooks);
    fprintf(stderr, "posthorn: workers are started by `posthorn serve`\n");
    return 2;
}
