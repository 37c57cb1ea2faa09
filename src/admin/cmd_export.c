#include "admin/admin.h"
#include "admin/targets.h"
#include "store/folder.h"
#include "store/message.h"

/* What an export asks of the store: the folders, and a folder's messages, some at a time. */

enum { EXPORT_MESSAGES = 200, EXPORT_BYTES = 16 * 1024 * 1024 };

#define ADDRESS                                                            \
    {                                                                      \
        "address", ARGUMENT_TEXT, true, true, "NAME@DOMAIN", "the account" \
    }
#define INNER(text) .flags = COMMAND_INNER, .summary = text, .about = text, .example = text

static enum err run_folders(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct account *account = NULL;
    struct folder *folders = NULL;
    size_t count = 0;
    enum err e = target_open(call, &account, error);
    if (e == ERR_OK)
        e = folder_list(account, &call->arena, &folders, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++)
        if (folders[i].selectable && folders[i].class == FOLDER_MAIL)
            e = call_row(call,
                         json_pack("{s:I,s:o,s:I,s:I}", "id", (json_int_t)folders[i].id.v, "path",
                                   json_text(folders[i].path), "messages", (json_int_t)folders[i].messages,
                                   "bytes", (json_int_t)folders[i].bytes),
                         error);
    return e;
}

static const struct admin_argument folders_arguments[] = {ADDRESS, {0}};

const struct admin_command admin_export_folders = {.name = "export.folders",
                                                   .run = run_folders,
                                                   .arguments = folders_arguments,
                                                   INNER("tell an account's folders")};

static enum err give(struct admin_call *call, struct account *account, const struct message *message,
                     const struct slice *names, size_t name_count, uint64_t *sent, struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    enum err e = message_read(account, message->object, CONTENT_WHOLE, &content, error);
    if (e != ERR_OK)
        return error_context(error, "message %u", message->uid.v);
    json_t *keywords = json_array();
    for (size_t k = 0; keywords != NULL && k < name_count; k++)
        if (flag_has(&message->flags, (unsigned)(FLAG_KEYWORDS_FROM + k)))
            json_array_append_new(keywords, json_text(names[k]));
    *sent += content.whole.n;
    return call_row_bytes(call,
                          json_pack("{s:I,s:I,s:I,s:o}", "uid", (json_int_t)message->uid.v, "flags",
                                    (json_int_t)(message->flags.words[0] & ((1U << (FLAG_DRAFT + 1)) - 1)),
                                    "date", (json_int_t)message->internal_date_us, "keywords", keywords),
                          content.whole, error);
}

static enum err run_messages(struct admin_call *call, struct error *error)
{
    CLEANUP(target_release) struct account *account = NULL;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct message *messages = NULL;
    struct slice *names = NULL;
    size_t count = 0;
    size_t name_count = 0;
    uint64_t sent = 0;
    const struct folder_id folder = {call_number(call, "folder", 0)};
    uint64_t after = call_number(call, "after", 0);
    if (after >= UINT32_MAX)
        return ERR_OK;
    uid_set_add(&uids, (uint32_t)after + 1, UINT32_MAX);
    enum err e = uids.failed ? fail_nomem(error) : target_open(call, &account, error);
    if (e == ERR_OK)
        e = keyword_names(account, &call->arena, &names, &name_count, error);
    if (e == ERR_OK)
        e = message_list(account, folder, &uids, WANT_FLAGS, EXPORT_MESSAGES, &call->arena, &messages, &count,
                         error);
    for (size_t i = 0; e == ERR_OK && i < count && sent < EXPORT_BYTES; i++)
        e = give(call, account, &messages[i], names, name_count, &sent, error);
    return e;
}

static const struct admin_argument messages_arguments[] = {
    ADDRESS,
    {"folder", ARGUMENT_NUMBER, false, true, "ID", "of export.folders"},
    {"after", ARGUMENT_NUMBER, false, true, "UID", "those above it"},
    {0},
};

const struct admin_command admin_export_messages = {.name = "export.messages",
                                                    .run = run_messages,
                                                    .arguments = messages_arguments,
                                                    INNER("give a folder's messages")};
