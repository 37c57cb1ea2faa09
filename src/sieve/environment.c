/* What a script can know of where it runs: environment (RFC 5183), ihave and error (RFC 5463). */
#include "sieve/compile.h"
#include "sieve/match.h"

enum { ITEM_MAX = 4096 };

/* "domain" is what "host" is in. */
static struct slice domain_of(struct slice host)
{
    ssize_t dot = slice_find_char(host, '.');
    return dot < 0 ? host : slice_from(host, (size_t)dot + 1);
}

static bool built_in(const struct run *run, struct slice name, struct slice *ret)
{
    const struct {
        struct slice name;
        struct slice value;
    } items[] = {
        {S("name"), S("Posthorn")},        {S("version"), S(POSTHORN_VERSION)},
        {S("location"), S("MDA")},         {S("phase"), S("during")},
        {S("host"), run->input->hostname}, {S("domain"), domain_of(run->input->hostname)},
    };
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        if (slice_eq_nocase(items[i].name, name)) {
            *ret = items[i].value;
            return true;
        }
    return false;
}

static enum err try_item(struct run *run, const struct node *node, struct match *match, bool *ret,
                         struct error *error)
{
    CLEANUP(buf_release) struct buf item = BUF(ITEM_MAX);
    struct slice name, value;
    enum err e = run_argument(run, node, SLOT_NAME, &name, error);
    bool known = e == ERR_OK && built_in(run, name, &value);
    if (e == ERR_OK && !known && run->host->environment != NULL) {
        e = run->host->environment(run->host->context, name, &item, &known, error);
        value = buf_slice(&item);
    }
    *ret = false;
    if (e == ERR_OK && known)
        e = match_try(match, value, ret, error);
    /* What is not known matches nothing (RFC 5183 4), a count neither. */
    return e == ERR_OK && known && !*ret ? match_close(match, ret, error) : e;
}

enum err test_environment(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_item(run, node, &match, ret, error) : e;
}

/* RFC 5463 4: all of them, or none is enabled. */
enum err test_ihave(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct value *names = node_value(node, SLOT_VALUE);
    uint64_t brought = 0;
    (void)error;
    *ret = false;
    for (uint32_t i = 0; i < names->count; i++) {
        enum sieve_extension extension;
        if (!sieve_extension_find(text_constant(&names->texts[i]), &extension))
            return ERR_OK;
        const bool required = (run->frame->enabled & SIEVE_BIT(extension)) != 0;
        const bool allowed = (run->frame->program->allowed & SIEVE_BIT(extension)) != 0;
        if (!required && (!allowed || sieve_extension_is_fixed(extension)))
            return ERR_OK;
        brought |= compile_implied(extension);
    }
    run->frame->enabled |= brought;
    *ret = true;
    return ERR_OK;
}

enum err act_error(struct run *run, const struct node *node, struct error *error)
{
    struct slice reason;
    enum err e = run_argument(run, node, SLOT_REASON, &reason, error);
    return e == ERR_OK ? run_fail(run, error, "%.*s", SLICE_ARGS(slice_sub(reason, 0, SIEVE_FAILURE_MAX)))
                       : e;
}

/* What the compiler put off, for it might never run. */
enum err act_unknown(struct run *run, const struct node *node, struct error *error)
{
    return act_error(run, node, error);
}

enum err test_unknown(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    (void)ret;
    return act_error(run, node, error);
}
