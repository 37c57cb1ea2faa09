#include "admin/domain_keys.h"
#include "admin/inquiry.h"
#include "authres/dkim_key.h"
#include "base/clock.h"
#include "doctor/zone.h"
#include "rt/settings.h"

enum { DNS_SECONDS = 10 };

/* --- rows --- */

enum err call_domain_key(struct admin_call *call, const struct domain_key *key, struct error *error)
{
    CLEANUP(buf_release) struct buf name = BUF(2 * RESOLVER_NAME_MAX);
    buf_printf(&name, "%.*s._domainkey.%.*s", SLICE_ARGS(key->selector), SLICE_ARGS(key->domain));
    return call_row(call,
                    json_pack("{s:o,s:s,s:s,s:I,s:I,s:o,s:o}", "selector", json_text(key->selector),
                              "algorithm", dkim_algorithm_name(key->algorithm), "state",
                              domain_key_state_word(key->state), "made", (json_int_t)key->made, "changed",
                              (json_int_t)key->changed, "name", json_text(buf_slice(&name)), "record",
                              json_text(key->record)),
                    error);
}

void show_domain_key_record(const json_t *row)
{
    CLEANUP(buf_release) struct buf text = BUF(2 * DKIM_KEY_RECORD_MAX);
    zone_put_strings(slice_cstr(json_string_value(json_object_get(row, "record"))), &text);
    printf("%s. IN TXT %.*s\n", json_string_value(json_object_get(row, "name")),
           SLICE_ARGS(buf_slice(&text)));
}

static enum err make_key(struct admin_call *call, struct slice domain, struct slice selector,
                         enum dkim_algorithm algorithm, struct domain_key *ret_key, struct error *error)
{
    enum err e =
        domain_key_add(call->context->directory, domain, selector, algorithm, &call->arena, ret_key, error);
    return e == ERR_OK ? call_domain_key(call, ret_key, error) : e;
}

enum err call_make_domain_keys(struct admin_call *call, struct slice domain, struct error *error)
{
    struct domain_key key;
    enum err e = make_key(call, domain, slice_none(), DKIM_RSA_SHA256, &key, error);
    return e == ERR_OK ? make_key(call, domain, slice_none(), DKIM_ED25519_SHA256, &key, error) : e;
}

static const struct admin_column key_columns[] = {DOMAIN_KEY_COLUMNS{0}};

#define DOMAIN_ARGUMENT                                                   \
    {                                                                     \
        "domain", ARGUMENT_TEXT, true, true, "DOMAIN", "a domain of ours" \
    }

static const struct admin_argument only_domain[] = {DOMAIN_ARGUMENT, {0}};

/* --- listing --- */

static enum err list(struct admin_call *call, struct error *error)
{
    struct domain_key *keys;
    size_t count = 0;
    enum err e = domain_key_list(call->context->directory, call_text(call, "domain"), &call->arena, &keys,
                                 &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        e = call_domain_key(call, &keys[i], error);
    return e;
}

const struct admin_command admin_domain_dkim_list = {
    .name = "domain.dkim.list",
    .run = list,
    .arguments = only_domain,
    .columns = key_columns,
    .summary = "list the keys that sign a domain's mail",
    .about =
        "Lists the DKIM keys of a domain. An active one signs, a pending one waits until its record is in "
        "the DNS, a retired one signs no more; its record should stay in the DNS for another week.",
    .example = "posthorn domain dkim list example.org",
};

const struct admin_command admin_domain_dkim_record = {
    .name = "domain.dkim.record",
    .run = list,
    .arguments = only_domain,
    .columns = key_columns,
    .show = show_domain_key_record,
    .summary = "print the DNS records of a domain's keys",
    .about = "Prints a TXT record for each DKIM key of a domain, as a line of a zone file: what is to be "
             "published so that others can check the signatures.",
    .example = "posthorn domain dkim record example.org",
};

/* --- making --- */

static const struct admin_argument add_arguments[] = {
    DOMAIN_ARGUMENT,
    {"algorithm", ARGUMENT_TEXT, false, false, "ALGORITHM", "rsa (2048 bits) or ed25519; else rsa"},
    {"selector", ARGUMENT_TEXT, false, false, "NAME", "its name in the DNS; else one is made up"},
    {0},
};

static void tell_what_next(struct admin_call *call, const struct domain_key *key)
{
    if (key->state == DOMAIN_KEY_PENDING)
        call_message(
            call,
            "publish it in the DNS: soon after it signs; at once with posthorn domain dkim activate %.*s",
            SLICE_ARGS(key->domain));
    else
        call_message(call, "it signs from now on; publish it in the DNS soon");
}

static enum err add(struct admin_call *call, struct error *error)
{
    struct slice word = call_text(call, "algorithm");
    enum dkim_algorithm algorithm = DKIM_RSA_SHA256;
    struct domain_key key;
    if (slice_eq_nocase(word, S("ed25519")))
        algorithm = DKIM_ED25519_SHA256;
    else if (word.p != NULL && !slice_eq_nocase(word, S("rsa")))
        return fail_plain(error, ERR_INVALID, "an algorithm is rsa or ed25519");
    enum err e =
        make_key(call, call_text(call, "domain"), call_text(call, "selector"), algorithm, &key, error);
    if (e == ERR_OK)
        tell_what_next(call, &key);
    return e;
}

const struct admin_command admin_domain_dkim_add = {
    .name = "domain.dkim.add",
    .run = add,
    .arguments = add_arguments,
    .columns = key_columns,
    .show = show_domain_key_record,
    .summary = "make a key that signs a domain's mail",
    .about =
        "Makes a DKIM key and prints its DNS record. The first one of its algorithm signs at once; another "
        "one waits until that is in the DNS. New domains have one of each already.",
    .example = "posthorn domain dkim add example.org --algorithm ed25519",
};

static enum err rotate(struct admin_call *call, struct error *error)
{
    struct slice domain = call_text(call, "domain");
    struct domain_key *keys;
    struct domain_key key;
    size_t count = 0;
    size_t made = 0;
    enum err e = domain_key_list(call->context->directory, domain, &call->arena, &keys, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        if (keys[i].state != DOMAIN_KEY_ACTIVE)
            continue;
        e = make_key(call, domain, slice_none(), keys[i].algorithm, &key, error);
        made++;
    }
    if (e == ERR_OK && made == 0)
        return fail_plain(error, ERR_NOT_FOUND,
                          "%.*s has no key that signs; make one with: posthorn domain dkim add %.*s",
                          SLICE_ARGS(domain), SLICE_ARGS(domain));
    if (e == ERR_OK)
        tell_what_next(call, &key);
    return e;
}

const struct admin_command admin_domain_dkim_rotate = {
    .name = "domain.dkim.rotate",
    .run = rotate,
    .arguments = only_domain,
    .columns = key_columns,
    .show = show_domain_key_record,
    .summary = "make successors of the keys that sign a domain's mail",
    .about =
        "Makes a new DKIM key for each that is active, under a new selector, and prints their DNS records. "
        "The old ones sign until the new records are in the DNS: the server looks for them every ten "
        "minutes, "
        "`posthorn domain dkim activate` at once.",
    .example = "posthorn domain dkim rotate example.org",
};

/* --- taking over --- */

static const struct admin_argument use_arguments[] = {
    DOMAIN_ARGUMENT,
    {"selector", ARGUMENT_TEXT, true, true, "SELECTOR", "of a key"},
    {0},
};

static enum err use(struct admin_call *call, struct error *error)
{
    struct slice selector = call_text(call, "selector");
    enum err e = domain_key_activate(call->context->directory, call_text(call, "domain"), selector, error);
    if (e == ERR_OK)
        call_message(call, "%.*s signs from now on", SLICE_ARGS(selector));
    return e;
}

const struct admin_command admin_domain_dkim_use = {
    .name = "domain.dkim.use",
    .run = use,
    .arguments = use_arguments,
    .flags = COMMAND_INNER,
    .summary = "sign with a key",
    .about = "Signs with a key, whether its record is published or not.",
    .example = "posthorn domain dkim use example.org r20261123k7x2",
};

static enum err ask_resolver(void *context, struct slice name, int type, int64_t deadline_us,
                             struct arena *arena, struct resolver_records *ret_records, struct error *error)
{
    return resolver_records(context, name, type, deadline_us, arena, ret_records, error);
}

/* Asks for the key's record, and says what was seen. */
static bool is_published(struct admin_call *call, struct resolver *resolver, struct slice domain,
                         const json_t *row)
{
    const struct authres_dns dns = {ask_resolver, resolver};
    struct slice selector = slice_cstr(json_string_value(json_object_get(row, "selector")));
    struct dkim_outcome why;
    if (dkim_key_is_published(&dns, domain, selector,
                              slice_cstr(json_string_value(json_object_get(row, "record"))),
                              clock_mono_us() + DNS_SECONDS * CLOCK_SECOND, &why))
        return true;
    call->unclean = true;
    call_message(call, "%.*s waits: %s (%s)", SLICE_ARGS(selector), why.reason,
                 json_string_value(json_object_get(row, "name")));
    return false;
}

static enum err activate_pending(struct admin_call *call, const json_t *keys, struct resolver *resolver,
                                 struct error *error)
{
    const struct inquiry inquiry = {.call = call};
    struct slice domain = call_text(call, "domain");
    size_t pending = 0;
    enum err e = ERR_OK;
    for (size_t i = 0; e == ERR_OK && i < json_array_size(keys); i++) {
        const json_t *row = json_array_get(keys, i);
        struct slice name = slice_cstr(json_string_value(json_object_get(row, "name")));
        ssize_t at = slice_find(name, S("._domainkey."));
        const char *state = json_string_value(json_object_get(row, "state"));
        json_t *none = NULL;
        if (state == NULL || at < 0 || strcmp(state, domain_key_state_word(DOMAIN_KEY_PENDING)) != 0)
            continue;
        pending++;
        if (!call_flag(call, "unseen") &&
            !is_published(call, resolver, slice_from(name, (size_t)at + 12), row))
            continue;
        e = inquire(call->context, &inquiry,
                    json_pack("{s:s,s:o,s:O}", "command", "domain.dkim.use", "domain", json_text(domain),
                              "selector", json_object_get(row, "selector")),
                    &none, error);
        json_decref(none);
    }
    if (e == ERR_OK && pending == 0)
        call_message(call, "no key of %.*s is waiting", SLICE_ARGS(domain));
    return e;
}

static const struct admin_argument activate_arguments[] = {
    DOMAIN_ARGUMENT,
    {"unseen", ARGUMENT_FLAG, false, false, NULL, "whether their records are in the DNS or not"},
    {0},
};

static enum err activate(struct admin_call *call, struct error *error)
{
    struct resolver *resolver = NULL;
    const struct settings *settings = call->context->settings;
    if (settings == NULL)
        return fail_plain(error, ERR_UNSUPPORTED, "this works at the command line only");
    const struct inquiry inquiry = {.call = call};
    json_t *keys = NULL;
    enum err e = inquire(
        call->context, &inquiry,
        json_pack("{s:s,s:o}", "command", "domain.dkim.list", "domain", json_text(call_text(call, "domain"))),
        &keys, error);
    if (e == ERR_OK)
        e = resolver_create(settings->resolver, &resolver, error);
    if (e == ERR_OK)
        e = resolver_start(resolver, error);
    if (e == ERR_OK)
        e = activate_pending(call, keys, resolver, error);
    resolver_destroy(resolver);
    json_decref(keys);
    return e;
}

const struct admin_command admin_domain_dkim_activate = {
    .name = "domain.dkim.activate",
    .run = activate,
    .arguments = activate_arguments,
    .flags = COMMAND_HERE,
    .summary = "sign with the keys that wait",
    .about =
        "Looks for the DNS records of the domain's pending DKIM keys. Those that are published sign from "
        "now on, and their predecessors are retired. Exit status 1: some still wait.",
    .example = "posthorn domain dkim activate example.org",
};

/* --- removing --- */

static const struct admin_argument remove_arguments[] = {
    DOMAIN_ARGUMENT,
    {"selector", ARGUMENT_TEXT, true, true, "SELECTOR", "of the key"},
    {"active", ARGUMENT_FLAG, false, false, NULL, "even if it signs"},
    {0},
};

static enum err drop(struct admin_call *call, struct error *error)
{
    struct slice selector = call_text(call, "selector");
    enum err e = domain_key_remove(call->context->directory, call_text(call, "domain"), selector,
                                   call_flag(call, "active"), error);
    if (e == ERR_OK)
        call_message(call, "removed the key %.*s; its DNS record can go when its mail has arrived",
                     SLICE_ARGS(selector));
    return e;
}

const struct admin_command admin_domain_dkim_remove = {
    .name = "domain.dkim.remove",
    .run = drop,
    .arguments = remove_arguments,
    .summary = "forget a key",
    .about = "Removes a DKIM key, private half and all. One that signs is removed only with --active; then "
             "nothing of its algorithm signs the domain's mail any more.",
    .example = "posthorn domain dkim remove example.org r20251120abcd",
};
