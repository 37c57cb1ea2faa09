#include "admin/known_names.h"

#include "base/name_list.h"
#include "base/spelling.h"
#include "directory/sasl.h"
#include "imap/capability.h"

static const char *const capabilities[] = {
#define X(name, before, after) name,
    IMAP_CAPABILITY_TABLE(X)
#undef X
};

static const char *const mechanisms[] = {
#define X(name, text, tls) text,
    SASL_MECHANISM_TABLE(X)
#undef X
};

static bool is_there(struct slice name, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(name, slice_cstr(known[i])))
            return true;
    return false;
}

static enum err check(struct slice list, const char *const *known, size_t count, const char *what,
                      struct error *error)
{
    struct cursor c = cursor_of(list);
    struct slice name;
    while (name_list_next(&c, &name)) {
        struct spelling spelling = {0};
        if (is_there(name, known, count))
            continue;
        for (size_t i = 0; i < count; i++)
            spelling_offer(&spelling, name, known[i]);
        struct slice shown = slice_sub(name, 0, SPELLING_WORD_MAX);
        if (spelling.nearest == NULL)
            return fail_plain(error, ERR_INVALID, "\"%.*s\" is no %s here", SLICE_ARGS(shown), what);
        return fail_plain(error, ERR_INVALID, "\"%.*s\" is no %s here; did you mean %s?", SLICE_ARGS(shown),
                          what, spelling.nearest);
    }
    return ERR_OK;
}

enum err known_capabilities(struct slice list, struct error *error)
{
    if (name_list_has(list, S("IMAP4rev1")))
        return fail_plain(error, ERR_INVALID,
                          "without IMAP4rev1 there is no IMAP; a plan without it is pop3");
    return check(list, capabilities, ARRAY_LEN(capabilities), "IMAP capability", error);
}

enum err known_settings(const struct settings *settings, struct error *error)
{
    struct error why;
    if (known_capabilities(slice_cstr(settings->imap_without), &why) != ERR_OK)
        return fail_plain(error, ERR_INVALID, "posthorn.conf: imap-without: %s", why.client);
    for (size_t i = 0; i < settings->imap_client_count; i++)
        if (known_capabilities(slice_cstr(settings->imap_clients[i].without), &why) != ERR_OK)
            return fail_plain(error, ERR_INVALID, "posthorn.conf: imap-without-for: %s", why.client);
    if (check(slice_cstr(settings->sasl_without), mechanisms, ARRAY_LEN(mechanisms), "log-in mechanism",
              &why) != ERR_OK)
        return fail_plain(error, ERR_INVALID, "posthorn.conf: sasl-without: %s", why.client);
    return ERR_OK;
}
