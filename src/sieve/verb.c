#include "sieve/verb.h"

/* Rows that several verbs share. */
/* clang-format off */
#define TAG(slot, tag, kind, choice, extension) {SLOT_##slot, tag, VALUE_##kind, choice, SIEVE_##extension, 0}
#define CONSTANT_TAG(slot, tag, kind, choice, extension) \
    {SLOT_##slot, tag, VALUE_##kind, choice, SIEVE_##extension, ARGUMENT_CONSTANT}
#define POSITIONAL(slot, kind) {SLOT_##slot, NULL, VALUE_##kind, 0, SIEVE_BASE, 0}
#define CONSTANT(slot, kind) {SLOT_##slot, NULL, VALUE_##kind, 0, SIEVE_BASE, ARGUMENT_CONSTANT}
#define MAY_LACK(slot, kind) {SLOT_##slot, NULL, VALUE_##kind, 0, SIEVE_BASE, ARGUMENT_MAY_LACK}
#define END {SLOT_NONE, NULL, VALUE_FLAG, 0, SIEVE_BASE, 0}

#define MATCHING \
    CONSTANT_TAG(COMPARATOR, "comparator", TEXT, 0, BASE), \
    TAG(MATCH, "is", FLAG, MATCH_IS, BASE), \
    TAG(MATCH, "contains", FLAG, MATCH_CONTAINS, BASE), \
    TAG(MATCH, "matches", FLAG, MATCH_MATCHES, BASE), \
    TAG(MATCH, "regex", FLAG, MATCH_REGEX, REGEX), \
    CONSTANT_TAG(MATCH, "count", TEXT, MATCH_COUNT, RELATIONAL), \
    CONSTANT_TAG(MATCH, "value", TEXT, MATCH_VALUE, RELATIONAL)

#define ADDRESS_PARTS \
    TAG(PART, "all", FLAG, PART_ALL, BASE), \
    TAG(PART, "localpart", FLAG, PART_LOCAL, BASE), \
    TAG(PART, "domain", FLAG, PART_DOMAIN, BASE), \
    TAG(PART, "user", FLAG, PART_USER, SUBADDRESS), \
    TAG(PART, "detail", FLAG, PART_DETAIL, SUBADDRESS)

#define INDEXING \
    TAG(INDEX, "index", NUMBER, 0, INDEX), \
    TAG(LAST, "last", FLAG, 0, INDEX)

/* RFC 5703 4: which header, and what of it. */
#define MIME_SCOPE \
    TAG(MIME, "mime", FLAG, 0, MIME), \
    TAG(ANY_CHILD, "anychild", FLAG, 0, MIME)
#define MIME_PIECES \
    TAG(MIME_PIECE, "type", FLAG, PIECE_TYPE, MIME), \
    TAG(MIME_PIECE, "subtype", FLAG, PIECE_SUBTYPE, MIME), \
    TAG(MIME_PIECE, "contenttype", FLAG, PIECE_CONTENT_TYPE, MIME), \
    TAG(MIME_PIECE, "param", TEXTS, PIECE_PARAMETER, MIME)

/* RFC 5229 4.1 */
#define MODIFIERS \
    TAG(CASE, "lower", FLAG, CASE_LOWER, BASE), \
    TAG(CASE, "upper", FLAG, CASE_UPPER, BASE), \
    TAG(FIRST_LETTER, "lowerfirst", FLAG, CASE_LOWER, BASE), \
    TAG(FIRST_LETTER, "upperfirst", FLAG, CASE_UPPER, BASE), \
    TAG(QUOTE, "quotewildcard", FLAG, QUOTE_WILDCARD, BASE), \
    TAG(QUOTE, "quoteregex", FLAG, QUOTE_REGEX, REGEX), \
    TAG(ENCODE_URL, "encodeurl", FLAG, 0, ENOTIFY), \
    TAG(LENGTH, "length", FLAG, 0, BASE)

/* Where something is filed, besides the mailbox's name. */
#define FILING \
    TAG(CREATE, "create", FLAG, 0, MAILBOX), \
    TAG(FLAGS, "flags", TEXTS, 0, IMAP4FLAGS), \
    TAG(MAILBOX_ID, "mailboxid", TEXT, 0, MAILBOXID), \
    TAG(SPECIAL_USE, "specialuse", TEXT, 0, SPECIAL_USE)

static const struct argument no_arguments[] = {END};
static const struct argument require_arguments[] = {CONSTANT(VALUE, TEXTS), END};
static const struct argument keep_arguments[] = {TAG(FLAGS, "flags", TEXTS, 0, IMAP4FLAGS), END};
static const struct argument redirect_arguments[] = {
    TAG(COPY, "copy", FLAG, 0, COPY), POSITIONAL(ADDRESS, TEXT), END};
static const struct argument fileinto_arguments[] = {
    TAG(COPY, "copy", FLAG, 0, COPY), FILING, POSITIONAL(NAME, TEXT), END};
static const struct argument reject_arguments[] = {POSITIONAL(REASON, TEXT), END};
static const struct argument set_arguments[] = {
    MODIFIERS, CONSTANT(NAME, TEXT), POSITIONAL(VALUE, TEXT), END};
static const struct argument change_flags_arguments[] = {MAY_LACK(NAME, TEXT), POSITIONAL(FLAGS, TEXTS), END};
static const struct argument vacation_arguments[] = {
    TAG(PERIOD, "days", NUMBER, PERIOD_DAYS, BASE),
    TAG(PERIOD, "seconds", NUMBER, PERIOD_SECONDS, VACATION_SECONDS),
    TAG(SUBJECT, "subject", TEXT, 0, BASE),
    TAG(FROM, "from", TEXT, 0, BASE),
    TAG(ADDRESSES, "addresses", TEXTS, 0, BASE),
    TAG(MIME, "mime", FLAG, 0, BASE),
    TAG(HANDLE, "handle", TEXT, 0, BASE),
    TAG(FCC, "fcc", TEXT, 0, FCC), FILING,
    POSITIONAL(REASON, TEXT), END};
static const struct argument include_arguments[] = {
    TAG(LOCATION, "personal", FLAG, LOCATION_PERSONAL, BASE),
    TAG(LOCATION, "global", FLAG, LOCATION_GLOBAL, BASE),
    TAG(ONCE, "once", FLAG, 0, BASE),
    TAG(OPTIONAL, "optional", FLAG, 0, BASE),
    CONSTANT(NAME, TEXT), END};
static const struct argument global_arguments[] = {CONSTANT(NAME, TEXTS), END};
static const struct argument loop_arguments[] = {CONSTANT_TAG(NAME, "name", TEXT, 0, BASE), END};
static const struct argument extracttext_arguments[] = {
    MODIFIERS, TAG(FIRST, "first", NUMBER, 0, BASE), CONSTANT(NAME, TEXT), END};
static const struct argument replace_arguments[] = {
    TAG(MIME, "mime", FLAG, 0, BASE),
    TAG(SUBJECT, "subject", TEXT, 0, BASE),
    TAG(FROM, "from", TEXT, 0, BASE),
    POSITIONAL(REASON, TEXT), END};
static const struct argument enclose_arguments[] = {
    TAG(SUBJECT, "subject", TEXT, 0, BASE),
    TAG(HEADERS, "headers", TEXTS, 0, BASE),
    POSITIONAL(REASON, TEXT), END};
static const struct argument notify_arguments[] = {
    TAG(FROM, "from", TEXT, 0, BASE),
    TAG(IMPORTANCE, "importance", TEXT, 0, BASE),
    TAG(OPTIONS, "options", TEXTS, 0, BASE),
    TAG(REASON, "message", TEXT, 0, BASE),
    POSITIONAL(METHOD, TEXT), END};
static const struct argument unknown_arguments[] = {CONSTANT(REASON, TEXT), END};

static const struct argument size_arguments[] = {
    TAG(LIMIT, "over", FLAG, LIMIT_OVER, BASE), TAG(LIMIT, "under", FLAG, LIMIT_UNDER, BASE),
    POSITIONAL(VALUE, NUMBER), END};
static const struct argument exists_arguments[] = {MIME_SCOPE, POSITIONAL(HEADERS, TEXTS), END};
static const struct argument header_arguments[] = {
    MATCHING, INDEXING, MIME_SCOPE, MIME_PIECES, POSITIONAL(HEADERS, TEXTS), POSITIONAL(KEYS, TEXTS), END};
static const struct argument address_arguments[] = {
    MATCHING, INDEXING, MIME_SCOPE, ADDRESS_PARTS, POSITIONAL(HEADERS, TEXTS), POSITIONAL(KEYS, TEXTS), END};
static const struct argument envelope_arguments[] = {
    MATCHING, ADDRESS_PARTS, POSITIONAL(HEADERS, TEXTS), POSITIONAL(KEYS, TEXTS), END};
static const struct argument body_arguments[] = {
    MATCHING,
    TAG(TRANSFORM, "text", FLAG, TRANSFORM_TEXT, BASE),
    TAG(TRANSFORM, "raw", FLAG, TRANSFORM_RAW, BASE),
    TAG(TRANSFORM, "content", TEXTS, TRANSFORM_CONTENT, BASE),
    POSITIONAL(KEYS, TEXTS), END};
static const struct argument string_arguments[] = {
    MATCHING, POSITIONAL(VALUE, TEXTS), POSITIONAL(KEYS, TEXTS), END};
static const struct argument hasflag_arguments[] = {
    MATCHING, MAY_LACK(VARIABLES, TEXTS), POSITIONAL(KEYS, TEXTS), END};
static const struct argument date_arguments[] = {
    MATCHING, INDEXING,
    TAG(ZONE, "zone", TEXT, ZONE_GIVEN, BASE),
    TAG(ZONE, "originalzone", FLAG, ZONE_ORIGINAL, BASE),
    POSITIONAL(HEADERS, TEXT), POSITIONAL(DATE_PART, TEXT), POSITIONAL(KEYS, TEXTS), END};
static const struct argument currentdate_arguments[] = {
    MATCHING,
    TAG(ZONE, "zone", TEXT, ZONE_GIVEN, BASE),
    POSITIONAL(DATE_PART, TEXT), POSITIONAL(KEYS, TEXTS), END};
static const struct argument addheader_arguments[] = {
    TAG(LAST, "last", FLAG, 0, BASE), POSITIONAL(NAME, TEXT), POSITIONAL(VALUE, TEXT), END};
static const struct argument deleteheader_arguments[] = {
    MATCHING,
    TAG(INDEX, "index", NUMBER, 0, BASE),
    TAG(LAST, "last", FLAG, 0, BASE),
    POSITIONAL(NAME, TEXT), MAY_LACK(KEYS, TEXTS), END};
static const struct argument mailboxexists_arguments[] = {POSITIONAL(NAME, TEXTS), END};
static const struct argument specialuse_arguments[] = {MAY_LACK(NAME, TEXT), POSITIONAL(VALUE, TEXTS), END};
static const struct argument metadata_arguments[] = {
    MATCHING, POSITIONAL(NAME, TEXT), POSITIONAL(ENTRY, TEXT), POSITIONAL(KEYS, TEXTS), END};
static const struct argument metadataexists_arguments[] = {POSITIONAL(NAME, TEXT), POSITIONAL(ENTRY, TEXTS), END};
static const struct argument servermetadata_arguments[] = {
    MATCHING, POSITIONAL(ENTRY, TEXT), POSITIONAL(KEYS, TEXTS), END};
static const struct argument servermetadataexists_arguments[] = {POSITIONAL(ENTRY, TEXTS), END};
static const struct argument environment_arguments[] = {
    MATCHING, POSITIONAL(NAME, TEXT), POSITIONAL(KEYS, TEXTS), END};
static const struct argument duplicate_arguments[] = {
    TAG(HANDLE, "handle", TEXT, 0, BASE),
    TAG(UNIQUE, "header", TEXT, UNIQUE_HEADER, BASE),
    TAG(UNIQUE, "uniqueid", TEXT, UNIQUE_ID, BASE),
    TAG(PERIOD, "seconds", NUMBER, PERIOD_SECONDS, BASE),
    TAG(TOUCH, "last", FLAG, 0, BASE), END};
static const struct argument valid_method_arguments[] = {POSITIONAL(METHOD, TEXTS), END};
static const struct argument method_capability_arguments[] = {
    MATCHING, POSITIONAL(METHOD, TEXT), POSITIONAL(NAME, TEXT), POSITIONAL(KEYS, TEXTS), END};
static const struct argument spamtest_arguments[] = {
    MATCHING, TAG(PERCENT, "percent", FLAG, 0, SPAMTESTPLUS), POSITIONAL(KEYS, TEXT), END};
static const struct argument virustest_arguments[] = {MATCHING, POSITIONAL(KEYS, TEXT), END};
/* clang-format on */

static const struct verb verbs[] = {
#define X(name, text, shape, arguments) {text, VERB_COMMAND, SIEVE_BASE, shape, arguments, NULL, NULL, NULL},
    CONTROL_TABLE(X)
#undef X
#define X(name, text, extension, shape, arguments, check, function) \
    {text, VERB_COMMAND, SIEVE_##extension, shape, arguments, check, function, NULL},
        COMMAND_TABLE(X)
#undef X
#define X(name, text, extension, shape, arguments, check, function) \
    {text, VERB_TEST, SIEVE_##extension, shape, arguments, check, NULL, function},
            TEST_TABLE(X)
#undef X
};

const struct verb *verb_get(enum verb_id id)
{
    return &verbs[id];
}

enum verb_id verb_id(const struct verb *verb)
{
    return (enum verb_id)(verb - verbs);
}

const struct verb *verb_find(struct slice name, enum verb_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (verbs[i].kind == kind && slice_eq_nocase(slice_cstr(verbs[i].name), name))
            return &verbs[i];
    return NULL;
}

const struct argument *verb_tag(const struct verb *verb, struct slice tag)
{
    for (const struct argument *a = verb->arguments; a->slot != SLOT_NONE; a++)
        if (a->tag != NULL && slice_eq_nocase(slice_cstr(a->tag), tag))
            return a;
    return NULL;
}

/* --- the fingerprint: FNV-1a, which is no secret --- */

static uint64_t mix(uint64_t hash, const char *text, uint64_t number)
{
    const uint64_t prime = UINT64_C(1099511628211);
    for (; text != NULL && *text != 0; text++)
        hash = (hash ^ (unsigned char)*text) * prime;
    for (; number != 0; number >>= 8)
        hash = (hash ^ (number & 255)) * prime;
    return (hash ^ 256) * prime;
}

uint64_t verb_fingerprint(void)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < SIEVE_EXTENSIONS; i++)
        hash = mix(hash, sieve_extension_name((enum sieve_extension)i), i);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        hash = mix(hash, verbs[i].name, verbs[i].shape);
        for (const struct argument *a = verbs[i].arguments; a->slot != SLOT_NONE; a++) {
            hash = mix(hash, a->tag, (uint64_t)a->slot << 8 | a->kind);
            hash = mix(hash, NULL, (uint64_t)a->choice << 8 | a->flags);
        }
    }
    return hash;
}
