#include "sieve/letter.h"

#include "mime/compose.h"
#include "mime/encoded_word.h"
#include "mime/header.h"

enum { FROM_ARENA_MAX = 1 << 20 };

struct slice letter_cause(const struct run *run)
{
    return run->unenclosed.p != NULL ? mime_split(run->unenclosed).header : run->header;
}

bool letter_is_own(const struct run *run, struct slice address)
{
    const struct sieve_input *input = run->input;
    bool own = slice_eq_nocase(address, input->owner_address);
    for (size_t i = 0; i < input->address_count; i++)
        own = own || slice_eq_nocase(address, input->addresses[i]);
    return own;
}

bool letter_from_valid(struct slice from)
{
    CLEANUP(arena_release) struct arena arena = ARENA(FROM_ARENA_MAX);
    struct mime_addresses list;
    struct error ignored;
    if (mime_addresses_parse(&arena, from, &list, &ignored) != ERR_OK || list.first == NULL)
        return false;
    for (const struct mime_address *a = list.first; a != NULL; a = a->next)
        if (a->kind != MIME_ADDRESS_MAILBOX || a->local.n == 0 || a->domain.n == 0)
            return false;
    return true;
}

bool letter_entity_valid(struct slice entity)
{
    struct slice header = mime_split(entity).header;
    for (size_t i = 0; i < header.n; i++)
        if ((unsigned char)header.p[i] >= 128)
            return false;
    return true;
}

/* The names of :from are UTF-8 or encoded; mime_compose_addresses wants UTF-8. */
void letter_put_from(struct run *run, struct slice from, struct buf *out)
{
    const struct sieve_input *input = run->input;
    struct mime_addresses list;
    struct error ignored;
    if (from.p == NULL || mime_addresses_parse(&run->scratch, from, &list, &ignored) != ERR_OK) {
        mime_compose_mailbox(out, "From", input->owner_name, input->owner_address);
        return;
    }
    for (struct mime_address *a = list.first; a != NULL; a = a->next) {
        CLEANUP(buf_release) struct buf name = BUF(4096);
        mime_words_decode(&name, a->name);
        a->name = arena_dup(&run->scratch, buf_slice(&name));
    }
    mime_compose_addresses(out, "From", list.first);
}

void letter_put_lines(struct buf *out, struct slice text)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        struct slice line = cursor_take_until(&c, S("\n"));
        cursor_skip_char(&c, '\n');
        buf_put(out, slice_ends(line, S("\r")) ? slice_sub(line, 0, line.n - 1) : line);
        buf_put(out, S("\r\n"));
    }
}

void letter_put_entity(struct buf *out, struct slice entity)
{
    struct mime_split split = mime_split(entity);
    struct cursor c = cursor_of(split.header);
    struct mime_field field;
    while (mime_field_next(&c, &field))
        if (slice_starts_nocase(field.name, S("content-")))
            letter_put_lines(out, field.whole);
    buf_put(out, S("\r\n"));
    letter_put_lines(out, split.body);
}

void letter_put_date(struct run *run, struct buf *out)
{
    mime_compose_date(out, "Date", (struct mime_date){run->input->now, run->input->zone_minutes});
}

void letter_put_id(struct run *run, struct buf *out)
{
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, run->input->hostname);
    buf_put(out, S("\r\n"));
}
