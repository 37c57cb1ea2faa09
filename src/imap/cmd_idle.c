#include "imap/notify_session.h"

#include <stdlib.h>

/* RFC 2177: parked until the client says DONE; the mailbox's changes wake it through the view. */
void cmd_idle(struct imap_session *s, struct imap_call *call)
{
    s->idle_tag = slice_to_cstr(call->command.tag);
    if (s->idle_tag == NULL) {
        imap_call_no(call, "SERVERBUG", "out of memory");
        return;
    }
    s->idle_reminders = 0;
    conn_write(s->conn, S("+ idling\r\n"));
    call->reply.none = true;
    /* Watched first, then synced by the driver: nothing falls between. */
    if (s->view != NULL)
        view_watch(s->view, conn_loop(s->conn), conn_place(s->conn));
}

void imap_idle_input(struct imap_session *s, struct imap_call *call)
{
    char *tag = take(s->idle_tag);
    /* NOTIFY goes on watching. */
    if (s->view != NULL && s->notify == NULL)
        view_unwatch(s->view);
    bool done = slice_eq_nocase(slice_trim(imap_reader_text(&s->reader)), S("DONE"));
    imap_refresh_rights(s, call);
    if (done && !s->closing)
        imap_send_updates(s, call, true);
    imap_limit_modseq(s);
    imap_put_line(s, slice_cstr(tag), done ? "OK" : "BAD", slice_none(),
                  done ? "IDLE completed" : "DONE was expected");
    free(tag);
}
