#include "directory/domain_rest.h"

#include "base/must.h"
#include "directory/inside.h"

static enum err write(struct directory *directory, struct slice name, const struct smart_host *host,
                      struct error *error)
{
    struct domain_row row;
    enum err code = domain_row_need(directory, name, &row, error);
    if (code != ERR_OK)
        return code;
    if (host->host.n > 0 && row.has_catch_all)
        return fail_plain(error, ERR_INVALID,
                          "%.*s has a catch-all, so nobody of it is anywhere else; take it away first with: "
                          "posthorn domain catch-all %.*s",
                          SLICE_ARGS(name), SLICE_ARGS(name));
    cache_drop(directory->cache, CACHE_DOMAIN, name);
    return sql_run(directory, STATEMENT_DOMAIN_SET_REST,
                   PARAMETERS(NUMBER(row.id.v), TEXT(host->host), NUMBER(host->port), NUMBER(host->tls)),
                   error);
}

enum err domain_rest_set(struct directory *directory, struct slice domain, const struct smart_host *host,
                         struct error *error)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(SCRATCH_MAX);
    struct slice name;
    must(host->user.n == 0);
    enum err code = domain_normalise(domain, &scratch, &name, error);
    if (code == ERR_OK)
        code = change_begin(directory, error);
    if (code == ERR_OK)
        code = change_end(directory, write(directory, name, host, error), error);
    return code;
}

enum err domain_rest(struct directory *directory, struct slice domain, struct arena *arena,
                     struct smart_host *ret_host, struct error *error)
{
    struct domain_record record;
    enum err code = lookup_domain(directory, domain, arena, &record, error);
    if (code == ERR_OK)
        *ret_host = record.rest;
    return code;
}

enum err domain_rest_for(struct directory *directory, struct slice address, struct arena *arena,
                         struct smart_host *ret_host, struct error *error)
{
    struct slice local, domain;
    struct route route;
    enum err code = directory_route(directory, address, arena, &route, error);
    if (code != ERR_OK)
        return code;
    *ret_host = (struct smart_host){.host = S("")};
    if (!route.rest)
        return ERR_OK;
    code = address_normalise(address, arena, &local, &domain, error);
    return code == ERR_OK ? domain_rest(directory, domain, arena, ret_host, error) : code;
}
