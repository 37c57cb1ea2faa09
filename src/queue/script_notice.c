/* What the owner is told of a script that failed: in his Inbox, once for each version of it. */
#include "base/language.h"
#include "mime/header.h"
#include "queue/script.h"
#include "queue/warning_message.h"

enum { TELL_AGAIN_DAYS = 30, NOTICE_FIELD_MAX = 1000 };

static void put_field(struct buf *out, struct slice header, struct slice name)
{
    CLEANUP(buf_release) struct buf value = BUF(NOTICE_FIELD_MAX);
    mime_unfold(&value, mime_field_value(header, name));
    if (!buf_failed(&value) && value.n > 0)
        buf_printf(out, "    %.*s: %.*s\n", SLICE_ARGS(name), SLICE_ARGS(buf_slice(&value)));
}

static void put_body(const struct script_run *run, struct tongue tongue, uint32_t line, const char *failure,
                     struct buf *out)
{
    const struct entry *entry = run->filing->entry;
    const struct slice header = mime_split(slice_of(entry->body, entry->size)).header;
    language_put(
        out, tongue,
        S("Your mail filter failed on a message. Nothing that it wanted was done, and the message is in "
          "your Inbox:"));
    buf_put(out, S("\n\n"));
    put_field(out, header, S("From"));
    put_field(out, header, S("Subject"));
    put_field(out, header, S("Date"));
    buf_putc(out, '\n');
    language_put(out, tongue, S("What went wrong:"));
    buf_printf(out, "\n\n    %.*s", SLICE_ARGS(run->script.name));
    if (line > 0)
        buf_printf(out, ":%u", line);
    buf_printf(out, ": %s\n\n", failure);
    language_put(out, tongue, S("You are told of this once, until the filter is changed."));
    buf_putc(out, '\n');
}

static enum err put_notice(struct script_run *run, uint32_t line, const char *failure, struct error *error)
{
    CLEANUP(buf_release) struct buf subject = BUF(LANGUAGE_SENTENCE_MAX);
    CLEANUP(buf_release) struct buf body = BUF(WARNING_SIZE_MAX);
    CLEANUP(buf_release) struct buf message = BUF(WARNING_SIZE_MAX);
    const struct tongue tongue = {language_of(run->owner.language), true};
    language_put(&subject, tongue, S("Your mail filter failed"));
    put_body(run, tongue, line, failure, &body);
    const struct warning_message parts = {&run->owner, buf_slice(&subject), buf_slice(&body),
                                          run->batch->queue->hostname};
    warning_compose(&parts, &message);
    struct deposit deposit = {.folder = run->target->inbox, .notice = true};
    deposit.body = arena_dup(&run->plan->arena, buf_slice(&message));
    if (buf_failed(&subject) || buf_failed(&body) || buf_failed(&message) || deposit.body.p == NULL)
        return fail_nomem(error);
    run->plan->deposits[run->plan->deposit_count++] = deposit;
    return ERR_OK;
}

enum err script_tell_owner(struct script_run *run, uint32_t line, const char *failure, struct error *error)
{
    const int64_t version = run->script.changed_us;
    struct remembered item;
    bool told;
    script_key("failure", run->script.name, slice_of(&version, sizeof(version)), &item);
    LOG(LOG_INFO, run->filing->entry->envelope.sid, "queue.script_failed",
        F_ID("account", run->filing->account.v), F_STR("script", run->script.name), F_INT("line", line),
        F_CSTR("why", failure));
    enum err err = script_knows(run, &item, &told, error);
    if (err != ERR_OK || told)
        return err;
    err = put_notice(run, line, failure, error);
    return err == ERR_OK ? script_remember(run, item, TELL_AGAIN_DAYS * 86400, error) : err;
}
