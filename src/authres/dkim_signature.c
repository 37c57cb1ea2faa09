#include "authres/dkim_signature.h"

#include <idn2.h>
#include <stdlib.h>

enum { NUMBER_DIGITS_MAX = 12, LENGTH_DIGITS_MAX = 76 };

static bool bad(struct dkim_outcome *why, enum dkim_result result, const char *reason)
{
    *why = (struct dkim_outcome){result, reason};
    return false;
}

static bool bad_syntax(struct dkim_outcome *why)
{
    return bad(why, DKIM_NEUTRAL, "signature syntax error");
}

/* --- names --- */

/* Labels of letters, digits, hyphens and (in selectors they are seen) underscores; RFC 8616 3: U-labels too.
 */
static bool is_name(struct slice name, size_t labels_min)
{
    size_t labels = 0;
    struct slice label;
    bool more = true;
    if (name.n == 0 || name.n > DKIM_DOMAIN_MAX)
        return false;
    while (more) {
        more = slice_cut(name, '.', &label, &name);
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!ascii_is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_' &&
                (unsigned char)label.p[i] < 0x80)
                return false;
        labels++;
    }
    return labels >= labels_min;
}

/* The name as the DNS has it. */
static bool ascii_name(struct slice name, struct buf *out)
{
    bool ascii = true;
    for (size_t i = 0; i < name.n; i++)
        ascii = ascii && (unsigned char)name.p[i] < 0x80;
    if (ascii) {
        buf_put(out, name);
        return !buf_failed(out);
    }
    char *text = slice_to_cstr(name);
    uint8_t *converted = NULL;
    bool good = text != NULL && idn2_lookup_u8((const uint8_t *)text, &converted,
                                               IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK;
    if (good)
        buf_put(out, slice_cstr((const char *)converted));
    idn2_free(converted);
    free(text);
    return good && !buf_failed(out);
}

static bool is_within(struct slice name, struct slice domain)
{
    return slice_eq_nocase(name, domain) ||
           (slice_ends_nocase(name, domain) && name.p[name.n - domain.n - 1] == '.');
}

/* --- values --- */

static struct slice without_blanks(struct slice value, struct arena *arena)
{
    struct slice out = arena_dup(arena, value);
    size_t n = 0;
    if (out.p == NULL)
        return slice_none();
    char *p = (char *)out.p;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_space(value.p[i]))
            p[n++] = value.p[i];
    return slice_of(p, n);
}

static bool read_bytes(struct slice value, size_t max, struct arena *arena, struct slice *ret)
{
    CLEANUP(buf_release) struct buf bytes = BUF(max);
    if (!tag_base64(value, &bytes) || bytes.n == 0)
        return false;
    *ret = arena_dup(arena, buf_slice(&bytes));
    return ret->p != NULL;
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* dkim-quoted-printable (2.11). */
static bool read_quoted(struct slice value, struct arena *arena, struct slice *ret)
{
    CLEANUP(buf_release) struct buf out = BUF(value.n);
    struct cursor c = cursor_of(value);
    while (!cursor_done(&c)) {
        int byte = cursor_next(&c);
        if (ascii_is_space((char)byte))
            continue;
        if (byte == '=') {
            int high = hex_value(cursor_next(&c));
            int low = hex_value(cursor_next(&c));
            if (high < 0 || low < 0)
                return false;
            byte = high * 16 + low;
        }
        buf_putc(&out, (char)byte);
    }
    if (buf_failed(&out))
        return false;
    *ret = arena_dup(arena, buf_slice(&out));
    return ret->p != NULL;
}

/* A number of at most so many digits; one that does not fit is "infinite" (3.5, t=). */
static bool read_number(struct slice value, size_t digits_max, uint64_t *ret)
{
    if (value.n == 0 || value.n > digits_max)
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_digit(value.p[i]))
            return false;
    if (!slice_to_u64(value, ret))
        *ret = UINT64_MAX;
    return true;
}

/* --- tags --- */

static bool read_canon(struct slice word, enum canon *ret)
{
    *ret = slice_eq_nocase(word, S("relaxed")) ? CANON_RELAXED : CANON_SIMPLE;
    return *ret == CANON_RELAXED || slice_eq_nocase(word, S("simple"));
}

static bool read_canons(struct dkim_signature *s, struct dkim_outcome *why)
{
    const struct tag *tag = tag_list_find(&s->tags, S("c"));
    struct slice header = S("simple");
    struct slice body = S("simple");
    if (s->kind == DKIM_FIELD_ARC_SEAL) {
        s->header_canon = CANON_RELAXED; /* RFC 8617 4.1.3: no c= */
        return true;
    }
    if (tag != NULL && !slice_cut(tag->value, '/', &header, &body))
        body = S("simple");
    if (!read_canon(slice_trim(header), &s->header_canon) || !read_canon(slice_trim(body), &s->body_canon))
        return bad(why, DKIM_NEUTRAL, "unknown canonicalization");
    return true;
}

static bool read_algorithm(struct dkim_signature *s, struct dkim_outcome *why)
{
    struct slice value = tag_list_value(&s->tags, S("a"));
    if (slice_eq_nocase(value, S("ed25519-sha256")))
        s->algorithm = DKIM_ED25519_SHA256;
    else if (slice_eq_nocase(value, S("rsa-sha256")))
        s->algorithm = DKIM_RSA_SHA256;
    else if (slice_eq_nocase(value, S("rsa-sha1"))) /* RFC 8301 3.1 */
        return bad(why, DKIM_POLICY, "historic algorithm rsa-sha1");
    else
        return bad(why, DKIM_NEUTRAL, "unknown algorithm");
    return true;
}

static bool read_names(struct dkim_signature *s, struct arena *arena, struct dkim_outcome *why)
{
    struct cursor c = cursor_of(tag_list_value(&s->tags, S("h")));
    bool from = false;
    s->names = arena_array(arena, DKIM_NAMES_MAX, sizeof(*s->names));
    if (s->names == NULL)
        return bad_syntax(why);
    while (!cursor_done(&c)) {
        struct slice name;
        if (s->name_count == DKIM_NAMES_MAX)
            return bad(why, DKIM_POLICY, "too many fields signed");
        if (!tag_item_next(&c, &name) || name.n == 0)
            return bad_syntax(why);
        from = from || slice_eq_nocase(name, S("From"));
        s->names[s->name_count++] = name;
    }
    /* 6.1.1; RFC 8617 does not ask it of an ARC-Message-Signature, though it takes DKIM's rules over. */
    if (!from)
        return bad(why, DKIM_PERMERROR, "From field not signed");
    return true;
}

static bool read_identity(struct dkim_signature *s, struct arena *arena, struct dkim_outcome *why)
{
    const struct tag *tag = tag_list_find(&s->tags, S("i"));
    if (s->kind != DKIM_FIELD_SIGNATURE)
        return true;
    if (tag == NULL) {
        CLEANUP(buf_release) struct buf text = BUF(DKIM_DOMAIN_MAX + 1);
        buf_putc(&text, '@');
        buf_put(&text, s->domain);
        s->identity = arena_dup(arena, buf_slice(&text));
        return s->identity.p != NULL || bad_syntax(why);
    }
    struct slice identity;
    if (!read_quoted(tag->value, arena, &identity))
        return bad_syntax(why);
    ssize_t at = slice_rfind_char(identity, '@');
    struct slice domain = at >= 0 ? slice_from(identity, (size_t)at + 1) : slice_none();
    if (at < 0 || !is_name(domain, 2))
        return bad_syntax(why);
    if (!is_within(domain, s->domain))
        return bad(why, DKIM_PERMERROR, "domain mismatch");
    s->identity = identity;
    return true;
}

/* t=, x=, l=. */
static bool read_numbers(struct dkim_signature *s, struct dkim_outcome *why)
{
    const struct tag *time = tag_list_find(&s->tags, S("t"));
    const struct tag *expiry = tag_list_find(&s->tags, S("x"));
    const struct tag *length = tag_list_find(&s->tags, S("l"));
    uint64_t signed_at = 0;
    if (time != NULL && !read_number(time->value, NUMBER_DIGITS_MAX, &signed_at))
        return bad_syntax(why);
    if (s->kind == DKIM_FIELD_ARC_SEAL)
        return true;
    s->expires = expiry != NULL;
    s->limited = length != NULL;
    if ((expiry != NULL && !read_number(expiry->value, NUMBER_DIGITS_MAX, &s->expiry)) ||
        (length != NULL && !read_number(length->value, LENGTH_DIGITS_MAX, &s->length)) ||
        (time != NULL && expiry != NULL && s->expiry <= signed_at))
        return bad_syntax(why);
    return true;
}

/* The version, and that nothing needed is missing (6.1.1). */
static bool read_presence(const struct dkim_signature *s, struct dkim_outcome *why)
{
    static const struct {
        struct slice name;
        bool in[DKIM_FIELD_ARC_SEAL + 1];
    } needed[] = {
        {S("v"), {true, false, false}}, {S("a"), {true, true, true}},  {S("b"), {true, true, true}},
        {S("bh"), {true, true, false}}, {S("d"), {true, true, true}},  {S("h"), {true, true, false}},
        {S("s"), {true, true, true}},   {S("i"), {false, true, true}}, {S("cv"), {false, false, true}},
    };
    const struct tag *version = tag_list_find(&s->tags, S("v"));
    if (s->kind == DKIM_FIELD_SIGNATURE && version != NULL && !slice_eq(version->value, S("1")))
        return bad(why, DKIM_NEUTRAL, "incompatible version");
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (needed[i].in[s->kind] && tag_list_find(&s->tags, needed[i].name) == NULL)
            return bad(why, DKIM_PERMERROR, "signature missing required tag");
    const struct tag *query = tag_list_find(&s->tags, S("q"));
    if (s->kind != DKIM_FIELD_ARC_SEAL && query != NULL && !tag_items_have(query->value, S("dns/txt")))
        return bad(why, DKIM_NEUTRAL, "unknown query method");
    return true;
}

static bool read_names_of_key(struct dkim_signature *s, struct dkim_outcome *why)
{
    struct slice domain = tag_list_value(&s->tags, S("d"));
    struct slice selector = tag_list_value(&s->tags, S("s"));
    if (!is_name(domain, 2) || !is_name(selector, 1))
        return bad_syntax(why);
    s->domain = domain;
    s->selector = selector;
    return true;
}

static bool read_signature_bytes(struct dkim_signature *s, struct arena *arena, struct dkim_outcome *why)
{
    const struct tag *tag = tag_list_find(&s->tags, S("b"));
    if (!read_bytes(tag->value, DKIM_SIGNATURE_MAX, arena, &s->bytes))
        return bad_syntax(why);
    s->base64 = without_blanks(tag->value, arena);
    /* 3.7: the value goes away with the blanks around it. */
    struct slice whole = s->field->whole;
    size_t before = (size_t)(tag->raw.p - whole.p);
    size_t after = whole.n - before - tag->raw.n;
    char *text = arena_alloc(arena, before + after + 1);
    if (text == NULL)
        return bad_syntax(why);
    memcpy(text, whole.p, before);
    memcpy(text + before, whole.p + before + tag->raw.n, after);
    s->unsigned_text = slice_of(text, before + after);
    return true;
}

static bool read_body_hash(struct dkim_signature *s, struct arena *arena, struct dkim_outcome *why)
{
    if (s->kind == DKIM_FIELD_ARC_SEAL)
        return true;
    if (!read_bytes(tag_list_value(&s->tags, S("bh")), DKIM_HASH_SIZE, arena, &s->body_hash) ||
        s->body_hash.n != DKIM_HASH_SIZE)
        return bad_syntax(why);
    return true;
}

bool dkim_signature_read(enum dkim_field kind, const struct mime_field *field, struct arena *arena,
                         struct dkim_signature *ret_signature, struct dkim_outcome *ret_why)
{
    struct dkim_signature *s = ret_signature;
    *s = (struct dkim_signature){.kind = kind, .field = field, .body = DKIM_NO_BODY};
    if (!tag_list_parse(field->value, &s->tags)) {
        s->tags.count = 0;
        return bad_syntax(ret_why);
    }
    return read_presence(s, ret_why) && read_names_of_key(s, ret_why) &&
           read_signature_bytes(s, arena, ret_why) && read_algorithm(s, ret_why) && read_canons(s, ret_why) &&
           read_body_hash(s, arena, ret_why) && read_identity(s, arena, ret_why) &&
           read_numbers(s, ret_why) && (kind == DKIM_FIELD_ARC_SEAL || read_names(s, arena, ret_why));
}

/* --- checking --- */

static size_t count_name(const struct dkim_signature *s, struct slice name)
{
    size_t count = 0;
    for (size_t i = 0; i < s->name_count; i++)
        count += slice_eq_nocase(s->names[i], name);
    return count;
}

/* RFC 6376 8.15: a second From or Subject that somebody put on top is what people would see. */
static bool has_unsigned_twin(const struct dkim_signature *s, const struct dkim_intake *intake)
{
    static const struct slice shown[] = {S("From"), S("Subject")};
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        size_t named = count_name(s, shown[i]);
        size_t there = dkim_intake_count(intake, shown[i]);
        if (named > 0 && there > 1 && there > named)
            return true;
    }
    return false;
}

bool dkim_signature_check(const struct dkim_signature *signature, const struct dkim_intake *intake,
                          int64_t now_s, struct dkim_outcome *ret_why)
{
    const struct dkim_body_hash *body = &intake->bodies[signature->body];
    if (signature->expires && (now_s < 0 || (uint64_t)now_s > signature->expiry))
        return bad(ret_why, DKIM_POLICY, "signature expired");
    if (has_unsigned_twin(signature, intake))
        return bad(ret_why, DKIM_POLICY, "a second From or Subject is not signed");
    if (signature->limited && signature->length > body->body.length)
        return bad(ret_why, DKIM_PERMERROR, "signed length exceeds the body");
    if (memcmp(body->hash, signature->body_hash.p, DKIM_HASH_SIZE) != 0)
        return bad(ret_why, DKIM_FAIL, "body hash did not verify");
    /* 6.1.3: anybody can put text behind what was signed, and mail programs show it. */
    if (signature->limited && signature->length < body->body.length)
        return bad(ret_why, DKIM_POLICY, "unsigned content");
    return true;
}

/* --- the header's hash --- */

/* From the bottom up, each field once (5.4.2). NULL: no such field left. */
static const struct mime_field *next_of_name(const struct dkim_intake *intake, bool *used, struct slice name)
{
    for (size_t i = intake->field_count; i > 0; i--) {
        if (used[i - 1] || !slice_eq_nocase(intake->fields[i - 1].name, name))
            continue;
        used[i - 1] = true;
        return &intake->fields[i - 1];
    }
    return NULL;
}

enum err dkim_signature_hash(const struct dkim_intake *intake, enum canon canon, const struct slice *names,
                             size_t name_count, struct slice unsigned_text,
                             unsigned char ret_hash[static DKIM_HASH_SIZE], struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF((size_t)2 * DKIM_HEADER_MAX);
    bool used[DKIM_FIELDS_MAX] = {false};
    for (size_t i = 0; i < name_count; i++) {
        const struct mime_field *field = next_of_name(intake, used, names[i]);
        if (field != NULL)
            canon_field(&text, canon, field->whole);
    }
    canon_field(&text, canon, unsigned_text);
    if (buf_failed(&text))
        return fail_nomem(error);
    /* The field itself stands last, and without its line end. */
    if (EVP_Digest(text.p, text.n - 2, ret_hash, NULL, EVP_sha256(), NULL) != 1)
        return fail_nomem(error);
    return ERR_OK;
}

/* --- the key's word --- */

struct dkim_outcome dkim_signature_verify(const struct dkim_signature *signature,
                                          const unsigned char hash[static DKIM_HASH_SIZE],
                                          const struct authres_dns *dns, int64_t deadline_us,
                                          bool *ret_testing, unsigned *ret_bits)
{
    CLEANUP(buf_release) struct buf domain = BUF(DKIM_DOMAIN_MAX);
    CLEANUP(buf_release) struct buf selector = BUF(DKIM_DOMAIN_MAX);
    CLEANUP(dkim_key_release) struct dkim_key key = {0};
    struct dkim_outcome why;
    *ret_testing = false;
    *ret_bits = 0;
    if (!ascii_name(signature->domain, &domain) || !ascii_name(signature->selector, &selector))
        return (struct dkim_outcome){DKIM_NEUTRAL, "signature syntax error"};
    if (!dkim_key_fetch(dns, buf_slice(&domain), buf_slice(&selector), signature->algorithm, deadline_us,
                        &key, &why))
        return why;
    *ret_testing = key.testing;
    *ret_bits = key.bits;
    /* 3.6.1 t=s; only a DKIM-Signature has an identity. */
    if (key.strict && signature->identity.n > 0 &&
        !slice_eq_nocase(
            slice_from(signature->identity, (size_t)slice_rfind_char(signature->identity, '@') + 1),
            signature->domain))
        return (struct dkim_outcome){DKIM_PERMERROR, "key forbids subdomains"};
    if (!dkim_key_verify(&key, hash, signature->bytes))
        return (struct dkim_outcome){DKIM_FAIL, "signature did not verify"};
    return (struct dkim_outcome){DKIM_PASS, ""};
}
