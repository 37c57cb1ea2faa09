#include "queue/warning_message.h"

#include "base/clock.h"
#include "mime/compose.h"
#include "queue/warning_text.h"

void warning_compose(const struct warning_message *message, struct buf *out)
{
    CLEANUP(buf_release) struct buf sender = BUF(ADDRESS_MAX + 1);
    const struct account_entry *to = message->to;
    struct mime_composer composer = MIME_COMPOSER(out);
    ssize_t at = slice_rfind_char(to->address, '@');
    buf_printf(&sender, "postmaster%.*s", SLICE_ARGS(slice_from(to->address, (size_t)at)));
    mime_compose_mailbox(out, "From", warning_from(to->language), buf_slice(&sender));
    mime_compose_mailbox(out, "To", to->name, to->address);
    mime_compose_text_field(out, "Subject", message->subject);
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, slice_cstr(message->hostname));
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-generated")); /* RFC 3834 5: nothing answers it */
    mime_compose_field(out, "Content-Language", to->language);
    mime_compose_text(&composer, "plain", message->body);
}

enum err warning_file(struct account *account, struct slice message, struct append_item item,
                      struct arena *arena, bool *ret_duplicate, struct error *error)
{
    struct folder inbox;
    struct append_result result;
    enum err err = folder_by_role(account, ROLE_FOLDER_INBOX, arena, &inbox, error);
    if (err != ERR_OK)
        return err;
    item.folder = inbox.id;
    item.body = message;
    item.ignore_quota = true;
    err = message_append(account, &item, 1, &result, error);
    if (err == ERR_OK)
        *ret_duplicate = result.duplicate;
    return err;
}
