#include "admin/targets.h"

enum err target_open(struct admin_call *call, struct account **ret_account, struct error *error)
{
    struct account_entry entry;
    enum err e =
        account_entry_find(call->context->directory, call_text(call, "address"), &call->arena, &entry, error);
    return e == ERR_OK ? store_account_ensure(call->context->store, entry.id, ret_account, error) : e;
}

void target_release(struct account **account)
{
    if (*account != NULL)
        account_unref(*account);
}

static enum err all_of(struct admin_call *call, struct slice domain, struct alias **ret_aliases,
                       size_t *ret_count, struct error *error)
{
    return alias_list(call->context->directory, domain, &call->arena, ret_aliases, ret_count, error);
}

enum err targets_list(struct admin_call *call, bool group, const char *list, struct error *error)
{
    struct alias *aliases;
    size_t count;
    enum err e = all_of(call, call_text(call, "domain"), &aliases, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        if (aliases[i].group == group)
            e = call_row(call,
                         json_pack("{s:o,s:o}", "address", json_text(aliases[i].address), list,
                                   json_texts(aliases[i].targets, aliases[i].target_count)),
                         error);
    return e;
}

bool targets_same(struct admin_call *call, struct slice a, struct slice b)
{
    struct slice local[2];
    struct slice domain[2];
    struct error error;
    return address_normalise(a, &call->arena, &local[0], &domain[0], &error) == ERR_OK &&
           address_normalise(b, &call->arena, &local[1], &domain[1], &error) == ERR_OK &&
           slice_eq(local[0], local[1]) && slice_eq(domain[0], domain[1]);
}

enum err targets_find(struct admin_call *call, struct slice address, bool group, struct alias *ret_alias,
                      struct error *error)
{
    struct slice local;
    struct slice domain;
    struct alias *aliases;
    size_t count;
    enum err e = address_normalise(address, &call->arena, &local, &domain, error);
    if (e == ERR_OK)
        e = all_of(call, domain, &aliases, &count, error);
    if (e != ERR_OK)
        return e;
    for (size_t i = 0; i < count; i++)
        if (aliases[i].group == group && targets_same(call, aliases[i].address, address)) {
            *ret_alias = aliases[i];
            return ERR_OK;
        }
    const char *what = group ? "group" : "alias";
    return fail_plain(error, ERR_NOT_FOUND, "there is no %s %.*s; `posthorn %s list` names them", what,
                      SLICE_ARGS(address), what);
}
