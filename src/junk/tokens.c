#include "junk/tokens.h"

#include <sodium.h>

#include "junk/words.h"
#include "mime/address.h"
#include "mime/encoded_word.h"
#include "mime/fold.h"
#include "mime/header.h"
#include "mime/html_text.h"
#include "mime/parameter.h"
#include "mime/structure.h"

_Static_assert(JUNK_KEY_SIZE == crypto_shorthash_KEYBYTES, "the key of the hash");

enum { SLOTS = 2048, VALUE_MAX = 4096 /* bytes of a field */, NET_PARTS = 3 };

/* Twice as many as there may be features, so that a place is found at once. */
_Static_assert(SLOTS > 2 * JUNK_TOKENS_MAX, "room for the features");

struct reading {
    struct arena *arena;
    const struct junk_key *key;
    struct junk_tokens tokens;
    uint16_t *slots; /* index + 1 */
    size_t text_left;
    struct buf text;
    struct buf folded;
};

static uint64_t hash_of(const struct junk_key *key, struct slice text)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)text.p, text.n, key->bytes);
    return hash;
}

uint64_t junk_address_hash(const struct junk_key *key, struct slice address)
{
    CLEANUP(buf_release) struct buf lower = BUF(VALUE_MAX);
    buf_put(&lower, S("address\n"));
    for (size_t i = 0; i < MIN(address.n, (size_t)VALUE_MAX / 2); i++)
        buf_putc(&lower, ascii_lower(address.p[i]));
    uint64_t hash = hash_of(key, buf_slice(&lower)) & INT64_MAX;
    return hash != 0 ? hash : 1;
}

/* kind "" or "subject:" ... */
static void add(struct reading *reading, struct slice kind, struct slice text)
{
    char joined[JUNK_WORD_MAX + 32];
    size_t n = MIN(kind.n, sizeof(joined) - JUNK_WORD_MAX);
    text.n = MIN(text.n, (size_t)JUNK_WORD_MAX);
    if (text.n == 0 || reading->tokens.count == JUNK_TOKENS_MAX)
        return;
    memcpy(joined, kind.p, n);
    memcpy(joined + n, text.p, text.n);
    struct slice whole = slice_of(joined, n + text.n);
    uint64_t hash = hash_of(reading->key, whole);
    size_t slot = hash % SLOTS;
    for (; reading->slots[slot] != 0; slot = (slot + 1) % SLOTS)
        if (reading->tokens.list[reading->slots[slot] - 1].hash == hash)
            return;
    whole = arena_dup(reading->arena, whole);
    if (whole.p == NULL)
        return; /* the arena tells at the end */
    reading->tokens.list[reading->tokens.count++] = (struct junk_token){hash, whole};
    reading->slots[slot] = (uint16_t)reading->tokens.count;
}

static void add_word(void *context, struct slice kind, struct slice word)
{
    add(context, kind, word);
}

/* Folded: what is written large, or with other signs for the same letters, is the same word. */
static struct slice folded(struct reading *reading, struct slice utf8)
{
    buf_clear(&reading->folded);
    mime_fold_search(&reading->folded, utf8);
    return buf_slice(&reading->folded);
}

static struct slice decoded(struct reading *reading, struct slice raw)
{
    buf_clear(&reading->text);
    mime_words_decode(&reading->text, slice_sub(raw, 0, VALUE_MAX));
    return folded(reading, buf_slice(&reading->text));
}

/* --- the header --- */

static void add_address(struct reading *reading, struct slice kind, struct slice raw)
{
    struct mime_addresses list = {0};
    struct error ignored;
    if (mime_addresses_parse(reading->arena, slice_sub(raw, 0, VALUE_MAX), &list, &ignored) != ERR_OK)
        return;
    const struct mime_address *first = list.first;
    if (first == NULL || first->kind != MIME_ADDRESS_MAILBOX)
        return;
    CLEANUP(buf_release) struct buf spec = BUF(VALUE_MAX);
    mime_address_put_spec(&spec, first);
    add(reading, kind, folded(reading, buf_slice(&spec)));
    add(reading, kind, folded(reading, first->domain));
    junk_words(decoded(reading, first->name), kind, add_word, reading);
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the network of who brought it. */
static void add_peer(struct reading *reading, struct slice received)
{
    ssize_t from = slice_find_char(received, '[');
    if (from < 0)
        return;
    struct slice peer = slice_from(received, (size_t)from + 1);
    ssize_t to = slice_find_char(peer, ']');
    if (to <= 0)
        return;
    peer.n = (size_t)to;
    bool six = slice_starts_nocase(peer, S("IPv6:"));
    size_t parts = 0;
    size_t n = six ? 5 : 0;
    for (; n < peer.n; n++)
        if (peer.p[n] == (six ? ':' : '.') && ++parts == NET_PARTS)
            break;
    add(reading, S("net:"), slice_sub(peer, 0, n));
}

/* "spf=fail", "dkim=pass", "dmarc=none" of the one that was put on top. */
static void add_results(struct reading *reading, struct slice raw)
{
    static const struct slice methods[] = {{"spf=", 4}, {"dkim=", 5}, {"dmarc=", 6}, {"iprev=", 6}};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        ssize_t at = slice_find(raw, methods[i]);
        if (at < 0)
            continue;
        struct slice word = slice_from(raw, (size_t)at);
        size_t n = methods[i].n;
        while (n < word.n && ascii_is_alpha(word.p[n]))
            n++;
        add(reading, S("result:"), slice_sub(word, 0, n));
    }
}

struct header_reading {
    struct reading *reading;
    size_t fields;
    bool received, results;
};

static void read_field(struct header_reading *header, const struct mime_field *field)
{
    struct reading *reading = header->reading;
    if (slice_eq_nocase(field->name, S(JUNK_FIELD)))
        return;
    if (slice_eq_nocase(field->name, S("Subject")))
        junk_words(decoded(reading, field->value), S("subject:"), add_word, reading);
    else if (slice_eq_nocase(field->name, S("From")))
        add_address(reading, S("from:"), field->value);
    else if (slice_eq_nocase(field->name, S("Reply-To")))
        add_address(reading, S("reply:"), field->value);
    else if (slice_eq_nocase(field->name, S("Return-Path")))
        add_address(reading, S("path:"), field->value);
    else if (slice_eq_nocase(field->name, S("List-Id")) || slice_eq_nocase(field->name, S("X-Mailer")) ||
             slice_eq_nocase(field->name, S("User-Agent")))
        junk_words(decoded(reading, field->value), S("tool:"), add_word, reading);
    else if (slice_eq_nocase(field->name, S("Received")) && !header->received) {
        header->received = true;
        add_peer(reading, field->value);
    } else if (slice_eq_nocase(field->name, S("Authentication-Results")) && !header->results) {
        header->results = true;
        add_results(reading, field->value);
    }
    add(reading, S("field:"), folded(reading, slice_sub(field->name, 0, JUNK_WORD_MAX)));
}

static void read_fields(struct header_reading *header, struct slice text)
{
    struct cursor cursor = cursor_of(text);
    struct mime_field field;
    while (header->fields < JUNK_FIELDS_MAX && mime_field_next(&cursor, &field)) {
        header->fields++;
        read_field(header, &field);
    }
}

/* --- the parts --- */

/* What markup is used for that has little use but hiding and watching. */
static void read_markup(struct reading *reading, struct slice html)
{
    static const struct {
        struct slice find;
        struct slice name;
    } signs[] = {
#define SIGN(find, name)              \
    {                                 \
        {"" find, sizeof(find) - 1},  \
        {                             \
            "" name, sizeof(name) - 1 \
        }                             \
    }
        SIGN("<form", "form"),
        SIGN("<script", "script"),
        SIGN("<iframe", "iframe"),
        SIGN("display:none", "hidden"),
        SIGN("font-size:0", "tiny"),
        SIGN("<img", "image"),
        SIGN("http-equiv", "redirect"),
        SIGN("<style", "style"),
        SIGN("<table", "table"),
        SIGN("background-image", "paper")
#undef SIGN
    };
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (slice_find(html, signs[i].find) >= 0)
            add(reading, S("html:"), signs[i].name);
}

static void read_text(struct reading *reading, const struct mime_part *part)
{
    struct mime_part clipped = *part;
    bool html = slice_eq_nocase(part->subtype, S("html"));
    clipped.body = slice_sub(part->body, 0, JUNK_PART_MAX);
    buf_clear(&reading->text);
    mime_part_decode(&reading->text, &clipped, true);
    struct slice source = folded(reading, buf_slice(&reading->text));
    junk_hosts(source, add_word, reading);
    if (html) {
        CLEANUP(buf_release) struct buf plain = BUF(4 * JUNK_PART_MAX);
        read_markup(reading, source);
        mime_html_to_text(&plain, buf_slice(&reading->text), JUNK_TEXT_MAX);
        source = folded(reading, buf_slice(&plain));
    }
    source = slice_sub(source, 0, reading->text_left);
    reading->text_left -= source.n;
    junk_words(source, S(""), add_word, reading);
}

static void read_leaf(struct reading *reading, const struct mime_part *part)
{
    CLEANUP(buf_release) struct buf type = BUF(VALUE_MAX);
    buf_put(&type, slice_sub(part->type, 0, JUNK_WORD_MAX));
    buf_putc(&type, '/');
    buf_put(&type, slice_sub(part->subtype, 0, JUNK_WORD_MAX));
    add(reading, S("type:"), folded(reading, buf_slice(&type)));
    struct slice charset = mime_parameter_raw(part->parameters, S("charset"));
    if (charset.n > 0)
        add(reading, S("charset:"), folded(reading, slice_sub(charset, 0, JUNK_WORD_MAX)));
    CLEANUP(buf_release) struct buf name = BUF(VALUE_MAX);
    ssize_t dot = mime_part_filename(&name, part) ? slice_rfind_char(buf_slice(&name), '.') : -1;
    if (dot >= 0)
        add(reading, S("file:"), folded(reading, slice_from(buf_slice(&name), (size_t)dot)));
    if (slice_eq_nocase(part->type, S("text")) && reading->text_left > 0)
        read_text(reading, part);
}

static enum err read_all(struct reading *reading, struct slice prefix, struct slice message,
                         struct error *error)
{
    struct mime_part *root;
    struct header_reading header = {.reading = reading};
    enum err err = mime_parse(reading->arena, slice_sub(message, 0, JUNK_READ_MAX), &root, error);
    if (err != ERR_OK)
        return err;
    read_fields(&header, prefix);
    read_fields(&header, root->header);
    for (const struct mime_part *part = root; part != NULL; part = mime_part_walk(root, part)) {
        if (reading->tokens.count == JUNK_TOKENS_MAX)
            break;
        if (part->kind == MIME_LEAF)
            read_leaf(reading, part);
    }
    return ERR_OK;
}

enum err junk_tokens_read(struct arena *arena, const struct junk_key *key, struct slice prefix,
                          struct slice message, struct junk_tokens *ret_tokens, struct error *error)
{
    struct reading reading = {.arena = arena,
                              .key = key,
                              .text_left = JUNK_TEXT_MAX,
                              .text = BUF(16 * JUNK_PART_MAX),
                              .folded = BUF(64 * JUNK_PART_MAX)};
    reading.tokens.list = arena_array(arena, JUNK_TOKENS_MAX, sizeof(struct junk_token));
    reading.slots = arena_array(arena, SLOTS, sizeof(*reading.slots));
    enum err err = arena_failed(arena) ? fail_nomem(error) : read_all(&reading, prefix, message, error);
    buf_release(&reading.text);
    buf_release(&reading.folded);
    if (err == ERR_OK && arena_failed(arena))
        err = fail_nomem(error);
    if (err == ERR_OK)
        *ret_tokens = reading.tokens;
    return err;
}
