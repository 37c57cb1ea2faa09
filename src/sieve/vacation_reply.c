/* Whether a reply is due, and the reply itself. */
#include "mime/compose.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "sieve/letter.h"
#include "sieve/vacation.h"

enum { REFERENCES_TEXT_MAX = 4000, MESSAGE_ID_TEXT_MAX = 998 };

/* --- whether --- */

/* Programs, not people (RFC 5230 4.6). */
static bool is_machine(struct slice address)
{
    static const char *const whole[] = {"mailer-daemon", "listserv", "majordomo",
                                        "noreply",       "no-reply", "mailman"};
    ssize_t at = slice_rfind_char(address, '@');
    struct slice local = slice_sub(address, 0, at < 0 ? address.n : (size_t)at);
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (slice_eq_nocase(local, slice_cstr(whole[i])))
            return true;
    return slice_starts_nocase(local, S("owner-")) || slice_ends_nocase(local, S("-request")) ||
           slice_ends_nocase(local, S("-owner")) || slice_starts_nocase(local, S("bounce-")) ||
           slice_ends_nocase(local, S("-bounces"));
}

static bool is_owner(const struct run *run, const struct vacation *vacation, struct slice address)
{
    if (letter_is_own(run, address) || slice_eq_nocase(address, run->input->envelope_to))
        return true;
    for (size_t i = 0; i < vacation->address_count; i++)
        if (slice_eq_nocase(address, vacation->addresses[i]))
            return true;
    return false;
}

static bool names_owner(struct run *run, const struct vacation *vacation, struct slice value)
{
    CLEANUP(buf_release) struct buf spec = BUF(4096);
    struct mime_addresses list;
    struct error ignored;
    if (mime_addresses_parse(&run->scratch, value, &list, &ignored) != ERR_OK)
        return false;
    for (const struct mime_address *a = list.first; a != NULL; a = a->next) {
        buf_clear(&spec);
        mime_address_put_spec(&spec, a);
        if (a->kind == MIME_ADDRESS_MAILBOX && is_owner(run, vacation, buf_slice(&spec)))
            return true;
    }
    return false;
}

static bool is_to_owner(struct run *run, const struct vacation *vacation)
{
    static const char *const names[] = {"to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc"};
    struct cursor c = cursor_of(letter_cause(run));
    struct mime_field field;
    while (mime_field_next(&c, &field))
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (slice_eq_nocase(field.name, slice_cstr(names[i])) && names_owner(run, vacation, field.value))
                return true;
    return false;
}

/* A field that says that no person wrote this to this person. */
static const char *impersonal(const struct run *run)
{
    static const char *const lists[] = {"list-id",   "list-help",  "list-subscribe", "list-unsubscribe",
                                        "list-post", "list-owner", "list-archive"};
    struct mime_field field;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (mime_field_find(letter_cause(run), slice_cstr(lists[i]), &field))
            return "it came by a mailing list";
    struct slice automatic = mime_field_value(letter_cause(run), S("auto-submitted"));
    if (automatic.n > 0 && !slice_starts_nocase(automatic, S("no")))
        return "a program wrote it";
    struct slice precedence = mime_field_value(letter_cause(run), S("precedence"));
    if (slice_eq_nocase(precedence, S("bulk")) || slice_eq_nocase(precedence, S("list")) ||
        slice_eq_nocase(precedence, S("junk")))
        return "it is bulk mail";
    return NULL;
}

const char *vacation_refusal(struct run *run, const struct vacation *vacation)
{
    struct slice sender = run->input->envelope_from;
    if (sender.n == 0)
        return "it has no sender to reply to";
    if (is_machine(sender))
        return "its sender is a program";
    if (is_owner(run, vacation, sender))
        return "its sender is the owner";
    const char *why = impersonal(run);
    if (why != NULL)
        return why;
    return is_to_owner(run, vacation) ? NULL : "none of the owner's addresses is among its recipients";
}

/* --- how --- */

static void put_subject(struct run *run, const struct vacation *vacation, struct buf *out)
{
    CLEANUP(buf_release) struct buf subject = BUF(VACATION_SUBJECT_MAX + 16);
    struct mime_field field;
    if (vacation->subject.p != NULL)
        buf_put(&subject, slice_sub(vacation->subject, 0, VACATION_SUBJECT_MAX));
    else if (mime_field_find(letter_cause(run), S("subject"), &field)) {
        CLEANUP(buf_release) struct buf original = BUF(16 * 1024 + 4 * field.value.n);
        mime_words_decode(&original, field.value);
        buf_put(&subject, S("Auto: "));
        buf_put(&subject, slice_sub(buf_slice(&original), 0, VACATION_SUBJECT_MAX));
    } else
        buf_put(&subject, S("Automated reply"));
    mime_compose_text_field(out, "Subject", buf_slice(&subject));
}

/* A message id, or a list of them, that can be copied. */
static bool ids_usable(struct slice ids, size_t most)
{
    if (ids.n == 0 || ids.n > most)
        return false;
    for (size_t i = 0; i < ids.n; i++)
        if ((ids.p[i] < ' ' && ids.p[i] != '\t') || ids.p[i] == 127)
            return false;
    return true;
}

/* RFC 5322 3.6.4 */
static void put_thread(struct run *run, struct buf *out)
{
    CLEANUP(buf_release) struct buf id = BUF(REFERENCES_TEXT_MAX);
    CLEANUP(buf_release) struct buf references = BUF(3 * REFERENCES_TEXT_MAX);
    mime_unfold(&id, mime_field_value(letter_cause(run), S("message-id")));
    if (!ids_usable(buf_slice(&id), MESSAGE_ID_TEXT_MAX))
        return;
    struct slice before = mime_field_value(letter_cause(run), S("references"));
    if (before.n == 0)
        before = mime_field_value(letter_cause(run), S("in-reply-to"));
    mime_unfold(&references, before);
    if (buf_failed(&references) || !ids_usable(buf_slice(&references), REFERENCES_TEXT_MAX))
        buf_clear(&references);
    else
        buf_putc(&references, ' ');
    buf_put(&references, buf_slice(&id));
    mime_compose_field(out, "In-Reply-To", buf_slice(&id));
    mime_compose_field(out, "References", buf_slice(&references));
}

void vacation_compose(struct run *run, const struct vacation *vacation, struct buf *out)
{
    struct mime_composer composer = MIME_COMPOSER(out);
    letter_put_from(run, vacation->from, out);
    mime_compose_mailbox(out, "To", S(""), run->input->envelope_from);
    put_subject(run, vacation, out);
    letter_put_date(run, out);
    letter_put_id(run, out);
    put_thread(run, out);
    mime_compose_field(out, "Auto-Submitted", S("auto-replied"));
    if (vacation->mime) {
        buf_put(out, S("MIME-Version: 1.0\r\n"));
        letter_put_entity(out, vacation->reason);
    } else
        mime_compose_text(&composer, "plain", vacation->reason);
}
