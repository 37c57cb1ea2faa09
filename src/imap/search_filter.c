#include "imap/search_filter.h"

#include "store/annotation.h"

static bool undefined(struct imap_call *call, struct slice name, const char *why)
{
    imap_call_no(call, "", why);
    buf_printf(&call->reply.code, "[UNDEFINED-FILTER %.*s]", SLICE_ARGS(name));
    return false;
}

/* *ret p NULL: there is none. */
static bool read_value(struct imap_call *call, const char *root, struct slice name, struct slice *ret)
{
    struct account *own = call->session->own;
    CLEANUP(buf_release) struct buf entry = BUF(IMAP_LINE_MAX);
    struct annotation *items;
    size_t count;
    buf_put(&entry, slice_cstr(root));
    for (size_t i = 0; i < name.n; i++)
        buf_putc(&entry, ascii_lower(name.p[i])); /* RFC 5464 4.2: entries don't care about case */
    *ret = slice_none();
    if (entry.n > ANNOTATION_ENTRY_MAX)
        return true;
    if (annotation_get(own, (struct folder_id){0}, account_id(own), buf_slice(&entry), ANNOTATION_ITSELF,
                       &call->arena, &items, &count, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    if (count > 0)
        *ret = items[0].value;
    return true;
}

static bool expand_key(struct imap_call *call, struct imap_search *search, struct imap_search_key *key,
                       unsigned passes)
{
    if (key->kind == SEARCH_FILTER) {
        struct slice name = key->name;
        struct slice value = slice_none();
        if (passes == IMAP_FILTER_PASSES_MAX)
            return undefined(call, name, "Filters name each other too deeply");
        if (!read_value(call, IMAP_FILTERS_PRIVATE, name, &value) ||
            (value.p == NULL && !read_value(call, IMAP_FILTERS_SHARED, name, &value)))
            return false;
        if (value.p == NULL)
            return undefined(call, name, "There is no such filter");
        struct imap_parser parser = {
            .text = cursor_of(value), .arena = &call->arena, .utf8 = imap_speaks_utf8(call->session)};
        if (!imap_parse_filter_keys(&parser, search, key))
            return undefined(call, name, parser.limit ? "The filter is too long" : "The filter is no search");
        passes++;
    }
    for (struct imap_search_key *child = key->child; child != NULL; child = child->next)
        if (!expand_key(call, search, child, passes))
            return false;
    return true;
}

bool imap_search_expand(struct imap_call *call, struct imap_search *search)
{
    if (!search->filters)
        return true;
    /* RFC 5466 3.1: a filter is in UTF-8, and so is all of the search. */
    if (search->charset.p != NULL) {
        if (!slice_eq_nocase(search->charset, S("UTF-8")) &&
            !slice_eq_nocase(search->charset, S("US-ASCII"))) {
            imap_reply_set(&call->reply, IMAP_STATUS_BAD, "BADCHARSET (US-ASCII UTF-8)",
                           "A search with a filter is in UTF-8");
            return false;
        }
        search->charset = S("UTF-8");
    }
    return expand_key(call, search, search->root, 0);
}

bool imap_filter_valid(struct slice value)
{
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    struct imap_parser parser = {.text = cursor_of(value), .arena = &arena};
    struct imap_search search = {.charset = slice_none()};
    return imap_parse_search_keys(&parser, &search) && cursor_done(&parser.text);
}
