/* BURL (RFC 4468): a chunk of the message that is a message, or a part of one, in an IMAP mailbox. */
#include "base/fdio.h"
#include "smtp/session.h"

/* The URL could not be followed: the whole transaction fails (3.2). */
static void give_up(struct smtp_session *session, enum err err, const struct error *error)
{
    LOG(LOG_INFO, conn_sid(session->conn), "smtp.burl_failed", F_CSTR("code", err_name(err)), F_ERR(error));
    if (err == ERR_DENIED || err == ERR_AUTH)
        smtp_refuse(session, "554 5.7.0 this URL is not authorized for you"); /* guessing ends, too */
    else if (err == ERR_NOT_FOUND)
        smtp_reply(session, "554 5.6.6 the message that the URL means is not there");
    else if (err == ERR_LIMIT)
        smtp_reply(session, "554 5.3.4 the message that the URL means is too large");
    else
        smtp_reply(session, "451 4.4.1 the mailbox can't be read now; please try again later");
    smtp_reset(session);
}

/* As if it had come by BDAT. */
static void take_chunk(struct smtp_session *session, struct slice bytes, bool last)
{
    struct reader *reader = &session->chunk.reader;
    CLEANUP(buf_release) struct buf nothing = BUF(1);
    size_t used = 0;
    if (smtp_begin_chunk(session, last, bytes.n) && bytes.n > 0)
        (void)reader->feed(reader, bytes, &used, &nothing);
    smtp_chunk_complete(session);
}

void smtp_burl(struct smtp_session *session, struct slice argument)
{
    struct error error;
    struct slice url, end, bytes;
    CLEANUP(fd_close) int fd = -1;
    slice_cut(argument, ' ', &url, &end);
    end = slice_trim(end);
    if (url.n == 0 || (end.n > 0 && !slice_eq_nocase(end, S("LAST")))) {
        smtp_refuse(session, "501 5.5.4 BURL url [LAST] was expected");
        return;
    }
    enum err err = link_url(session->guest->link, smtp_ticket(session), url, &fd, &error);
    if (err == ERR_OK)
        err = ipc_map(fd, (size_t)session->settings->message_size_max, &bytes, &error);
    if (err != ERR_OK) {
        give_up(session, err, &error);
        return;
    }
    take_chunk(session, bytes, end.n > 0);
    ipc_unmap(&bytes);
}
