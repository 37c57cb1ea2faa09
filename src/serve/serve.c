#include "serve/serve.h"

#include "admin/known_names.h"

int serve_run(const char *settings_file)
{
    struct settings *settings;
    struct error error;
    enum err e = settings_read(settings_file, &settings, &error);
    if (e == ERR_OK) {
        e = known_settings(settings, &error);
        if (e != ERR_OK)
            settings_free(settings);
    }
    if (e != ERR_OK) {
        fprintf(stderr, "posthorn: %s\n", error.client);
        return 1;
    }
    return supervisor_run(settings_file, settings, known_settings);
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
