/* The arguments of GENURLAUTH, URLFETCH and RESETKEY (RFC 4467 9, RFC 5524 5). */
#include "imap/command.h"

static bool new_request(struct imap_parser *p, struct imap_urls *urls, struct imap_url_request **ret)
{
    if (urls->count == IMAP_URLS_MAX) {
        p->limit = true;
        return imap_parse_fail(p, "too many URLs");
    }
    *ret = &urls->requests[urls->count++];
    return imap_parse_space(p);
}

static bool new_urls(struct imap_parser *p, struct imap_urls *ret)
{
    ret->count = 0;
    ret->requests = arena_array(p->arena, IMAP_URLS_MAX, sizeof(*ret->requests));
    return ret->requests != NULL || imap_parse_fail(p, "memory");
}

/* " url mechanism", one or more. */
bool imap_parse_genurlauth(struct imap_parser *p, struct imap_urls *ret)
{
    if (!new_urls(p, ret))
        return false;
    do {
        struct imap_url_request *request;
        if (!new_request(p, ret, &request) || !imap_parse_astring(p, &request->url) || !imap_parse_space(p) ||
            !imap_parse_atom(p, &request->mechanism))
            return false;
    } while (imap_parse_at(p, ' '));
    return true;
}

static bool has_item(const struct imap_url_request *request, enum imap_url_item item)
{
    for (size_t i = 0; i < request->item_count; i++)
        if (request->items[i] == item)
            return true;
    return false;
}

/* RFC 5524 3.1: each once, and not BODY and BINARY together. */
static bool parse_item(struct imap_parser *p, struct imap_url_request *request)
{
    static const struct slice names[] = {
#define X(name, text) [IMAP_URL_##name] = {text, sizeof(text) - 1},
        IMAP_URL_ITEM_TABLE(X)
#undef X
    };
    struct slice word;
    size_t item = 0;
    if (!imap_parse_atom(p, &word))
        return false;
    while (item < ARRAY_LEN(names) && !slice_eq_nocase(word, names[item]))
        item++;
    if (item == ARRAY_LEN(names))
        return imap_parse_fail(p, "there is no such URLFETCH parameter");
    if (has_item(request, (enum imap_url_item)item))
        return imap_parse_fail(p, "a URLFETCH parameter is given twice");
    request->items[request->item_count++] = (enum imap_url_item)item;
    return !has_item(request, IMAP_URL_BODY) || !has_item(request, IMAP_URL_BINARY) ||
           imap_parse_fail(p, "BODY and BINARY exclude each other");
}

/* " url" or " (url BINARY)", one or more. */
bool imap_parse_urlfetch(struct imap_parser *p, struct imap_urls *ret)
{
    if (!new_urls(p, ret))
        return false;
    do {
        struct imap_url_request *request;
        if (!new_request(p, ret, &request))
            return false;
        bool list = imap_parse_knows(p, IMAP_WORD_URLFETCH, S("(")) && cursor_skip_char(&p->text, '(');
        if (!imap_parse_astring(p, &request->url))
            return false;
        while (list && cursor_skip_char(&p->text, ' '))
            if (!parse_item(p, request))
                return false;
        if (list && !imap_parse_char(p, ')'))
            return false;
    } while (imap_parse_at(p, ' '));
    return true;
}

/* "" or " mailbox INTERNAL" */
bool imap_parse_resetkey(struct imap_parser *p, struct imap_resetkey *ret)
{
    struct imap_resetkey reset = {0};
    if (cursor_skip_char(&p->text, ' ')) {
        if (!imap_parse_mailbox(p, &reset.mailbox))
            return false;
        reset.given = true;
    }
    while (reset.given && cursor_skip_char(&p->text, ' ')) {
        struct slice mechanism;
        if (!imap_parse_atom(p, &mechanism))
            return false;
        reset.unknown_mechanism = reset.unknown_mechanism || !slice_eq_nocase(mechanism, S("INTERNAL"));
    }
    *ret = reset;
    return true;
}
