/*
 * GETMETADATA and SETMETADATA (RFC 5464), and the METADATA that LIST returns (RFC 9590).
 *
 * Annotations of the server ("") are each account's own: private ones may be set, shared ones would be
 * everybody's and may not.
 */
#include "imap/search_filter.h"
#include "store/annotation.h"

/* RFC 5464 3.3: beside "l", any of these. What all share is set by those who may write. */
enum { RIGHTS_ANNOTATE = RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST };

/* Whose annotations a name means. */
struct target {
    struct account *account;
    struct folder_id folder; /* 0: the account */
    struct slice name;
    unsigned rights;
};

static bool find_target(struct imap_call *call, struct slice name, struct target *ret_target)
{
    struct imap_session *s = call->session;
    struct imap_place place;
    struct folder folder;
    *ret_target = (struct target){.account = s->own, .name = S(""), .rights = imap_own_rights(s)};
    if (name.n == 0)
        return true;
    if (!imap_resolve_name(call, name, RIGHT_LOOKUP, "NONEXISTENT", &place))
        return false;
    if ((place.rights & RIGHTS_ANNOTATE) == 0)
        return imap_may(call, 0, RIGHT_READ);
    enum err err = folder_find(place.account, place.path, &call->arena, &folder, &call->error);
    if (err == ERR_OK) {
        *ret_target =
            (struct target){place.account, folder.id, imap_name_of(call, &place, &folder), place.rights};
        return true;
    }
    if (err == ERR_NOT_FOUND)
        imap_call_no(call, "NONEXISTENT", "There is no such mailbox");
    else
        imap_call_failed(call);
    return false;
}

/* --- reading --- */

/* One METADATA response being written; nothing is sent when it has no entry. */
struct response {
    struct imap_call *call;
    const struct target *target;
    const struct imap_metadata *asked;
    bool begun;
    uint32_t too_long; /* the largest value that MAXSIZE kept back */
};

static void put_entry(struct response *response, const struct annotation *item)
{
    struct buf *out = conn_output(response->call->session->conn);
    if (!response->begun) {
        buf_put(out, S("* METADATA "));
        imap_put_mailbox(out, response->target->name, imap_speaks_utf8(response->call->session));
        buf_put(out, S(" ("));
    }
    buf_printf(out, "%s%.*s ", response->begun ? " " : "", SLICE_ARGS(item->entry));
    response->begun = true;
    if (item->value.p == NULL)
        buf_put(out, S("NIL"));
    else if (item->value.n > 0 && memchr(item->value.p, 0, item->value.n) != NULL)
        imap_put_literal8(out, item->value);
    else
        imap_put_string(out, item->value);
    conn_wrote(response->call->session->conn);
}

static void add_item(struct response *response, const struct annotation *item)
{
    const struct imap_metadata *asked = response->asked;
    if (asked->bounded && item->value.n > asked->max_size)
        response->too_long = MAX(response->too_long, (uint32_t)item->value.n);
    else
        put_entry(response, item);
}

static bool add_entry(struct response *response, struct slice entry)
{
    struct imap_call *call = response->call;
    const struct target *target = response->target;
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    struct annotation *items;
    size_t count;
    if (annotation_get(target->account, target->folder, account_id(call->session->own), entry,
                       response->asked->depth, &arena, &items, &count, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    if (count == 0 && response->asked->depth == ANNOTATION_ITSELF)
        put_entry(response, &(struct annotation){.entry = entry});
    for (size_t i = 0; i < count; i++)
        add_item(response, &items[i]);
    return true;
}

static bool send_metadata(struct response *response)
{
    bool sent = true;
    for (size_t i = 0; sent && i < response->asked->count; i++)
        sent = add_entry(response, response->asked->entries[i].entry);
    if (response->begun)
        conn_write(response->call->session->conn, S(")\r\n"));
    return sent;
}

void cmd_getmetadata(struct imap_session *s, struct imap_call *call)
{
    struct target target;
    struct response response = {.call = call, .target = &target, .asked = &call->command.metadata};
    (void)s;
    if (!find_target(call, call->command.metadata.mailbox, &target) || !send_metadata(&response))
        return;
    if (response.too_long > 0)
        buf_printf(&call->reply.code, "[METADATA LONGENTRIES %u]", response.too_long);
}

bool imap_send_metadata(struct imap_call *call, struct account *account, struct slice name,
                        struct folder_id folder, const struct imap_metadata *asked)
{
    const struct target target = {.account = account, .folder = folder, .name = name};
    struct response response = {.call = call, .target = &target, .asked = asked};
    return send_metadata(&response);
}

/* --- setting --- */

static bool may_set(struct imap_call *call, const struct target *target)
{
    const struct imap_metadata *metadata = &call->command.metadata;
    if (!imap_may(call, imap_own_rights(call->session), RIGHT_WRITE))
        return false;
    for (size_t i = 0; i < metadata->count; i++) {
        const struct annotation *item = &metadata->entries[i];
        if (target->folder.v == 0 && !annotation_is_private(item->entry)) {
            imap_call_no(call, "NOPERM",
                         "What all people of this server share is not changed by mail programs");
            return false;
        }
        if (!annotation_is_private(item->entry) && !imap_may(call, target->rights, RIGHT_WRITE))
            return false;
        /* RFC 5466 3.2 */
        if (target->folder.v == 0 && item->value.p != NULL &&
            slice_starts(item->entry, S(IMAP_FILTERS_PRIVATE)) && !imap_filter_valid(item->value)) {
            imap_call_no(call, "CANNOT", "The value of a filter is a search");
            return false;
        }
        if (item->value.n > ANNOTATION_VALUE_MAX) {
            imap_call_no(call, "", "The value is too large");
            buf_printf(&call->reply.code, "[METADATA MAXSIZE %d]", ANNOTATION_VALUE_MAX);
            return false;
        }
    }
    return true;
}

void cmd_setmetadata(struct imap_session *s, struct imap_call *call)
{
    const struct imap_metadata *metadata = &call->command.metadata;
    struct target target;
    if (!find_target(call, metadata->mailbox, &target) || !may_set(call, &target))
        return;
    enum err err = annotation_set(target.account, target.folder, account_id(s->own), metadata->entries,
                                  metadata->count, &call->error);
    if (err == ERR_LIMIT)
        imap_call_no(call, "METADATA TOOMANY", call->error.client);
    else if (err != ERR_OK)
        imap_call_failed(call);
}
