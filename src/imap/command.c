#include "imap/command.h"

#include "imap/reader.h"
#include "store/message.h"

static bool parse_nothing(struct imap_parser *p, struct imap_command *c)
{
    (void)p;
    (void)c;
    return true;
}

static bool parse_mailbox(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_mailbox(p, &c->mailbox);
}

static bool parse_select(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_select(p, &c->select);
}

static bool parse_rename(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_mailbox(p, &c->rename.from) && imap_parse_space(p) &&
           imap_parse_mailbox(p, &c->rename.to);
}

static bool parse_list(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_list(p, &c->list);
}

static bool parse_lsub(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_lsub(p, &c->list);
}

static bool parse_create(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_create(p, &c->create);
}

static bool parse_setacl(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_setacl(p, &c->acl);
}

static bool parse_identifier(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_identifier(p, &c->acl);
}

static bool parse_status_item(struct imap_parser *p, unsigned *items)
{
    static const struct slice names[] = {
#define X(name, text) [IMAP_STATUS_##name] = {text, sizeof(text) - 1},
        IMAP_STATUS_TABLE(X)
#undef X
    };
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(names) && imap_parse_knows(p, IMAP_WORD_STATUS, word); i++) {
        if (slice_eq_nocase(word, names[i])) {
            *items |= 1U << i;
            return true;
        }
    }
    return imap_parse_fail(p, "there is no such status item");
}

bool imap_parse_status_items(struct imap_parser *p, unsigned *ret_items)
{
    unsigned items = 0;
    if (!imap_parse_char(p, '('))
        return false;
    do {
        if (!parse_status_item(p, &items))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    *ret_items = items;
    return imap_parse_char(p, ')');
}

static bool parse_status(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_mailbox(p, &c->status.mailbox) && imap_parse_space(p) &&
           imap_parse_status_items(p, &c->status.items);
}

static bool parse_append(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_append(p, &c->append);
}

static bool parse_replace(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_replace(p, &c->replace);
}

static bool parse_getmetadata(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_getmetadata(p, &c->metadata);
}

static bool parse_setmetadata(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_setmetadata(p, &c->metadata);
}

static bool parse_quota_root(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_astring(p, &c->quota.root);
}

static bool parse_quota_limit(struct imap_parser *p, struct imap_quota *quota)
{
    struct slice resource;
    uint64_t limit;
    if (!imap_parse_atom(p, &resource) || !imap_parse_space(p))
        return false;
    if (!cursor_u64(&p->text, &limit) || limit > INT64_MAX) /* RFC 9208 5: number64 */
        return imap_parse_fail(p, "a limit is a number");
    if (slice_eq_nocase(resource, S("STORAGE"))) {
        quota->limits_storage = true;
        quota->storage = limit;
    } else if (slice_eq_nocase(resource, S("MESSAGE"))) {
        quota->limits_messages = true;
        quota->messages = limit;
    } else {
        quota->other = true;
    }
    return true;
}

static bool parse_setquota(struct imap_parser *p, struct imap_command *c)
{
    if (!parse_quota_root(p, c) || !imap_parse_space(p) || !imap_parse_char(p, '('))
        return false;
    if (cursor_skip_char(&p->text, ')'))
        return true;
    do {
        if (!parse_quota_limit(p, &c->quota))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_notify(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_notify(p, &c->notify);
}

static bool parse_genurlauth(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_genurlauth(p, &c->urls);
}

static bool parse_urlfetch(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_urlfetch(p, &c->urls);
}

static bool parse_resetkey(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_resetkey(p, &c->resetkey);
}

static bool parse_expunge(struct imap_parser *p, struct imap_command *c)
{
    return !c->by_uid || (imap_parse_space(p) && imap_parse_sequence_set(p, &c->uids));
}

static bool parse_search(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_search(p, &c->search);
}

/* RFC 7377 2.1: it tells UIDs, with or without UID before it. */
static bool parse_esearch(struct imap_parser *p, struct imap_command *c)
{
    c->by_uid = true;
    return imap_parse_space(p) && imap_parse_esearch(p, &c->search);
}

static bool parse_sort(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_sort(p, &c->search);
}

static bool parse_thread(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_thread(p, &c->search);
}

static bool parse_fetch(struct imap_parser *p, struct imap_command *c)
{
    if (!imap_parse_space(p) || !imap_parse_fetch(p, &c->fetch))
        return false;
    if (c->fetch.partial.first != 0 && !c->by_uid)
        return imap_parse_fail(p, "PARTIAL goes with UID FETCH only");
    /* RFC 7162 3.2.6 */
    return !c->fetch.vanished || (c->by_uid && c->fetch.changed_since_given) ||
           imap_parse_fail(p, "VANISHED goes with UID FETCH and CHANGEDSINCE only");
}

/* "(UNCHANGEDSINCE 7) " (RFC 7162 3.1.3). */
static bool parse_store_modifier(struct imap_parser *p, struct imap_command *c)
{
    if (!cursor_skip_char(&p->text, '('))
        return true;
    if (!imap_parse_knows(p, IMAP_WORD_STORE_MODIFIER, S("UNCHANGEDSINCE")) ||
        !cursor_skip_nocase(&p->text, S("UNCHANGEDSINCE ")))
        return imap_parse_fail(p, "there is no such STORE modifier");
    c->store.conditional = true;
    return imap_parse_modseq(p, &c->store.unchanged_since) && imap_parse_char(p, ')') && imap_parse_space(p);
}

static bool parse_store(struct imap_parser *p, struct imap_command *c)
{
    if (!imap_parse_space(p) || !imap_parse_sequence_set(p, &c->store.set) || !imap_parse_space(p) ||
        !parse_store_modifier(p, c))
        return false;
    if (cursor_skip_char(&p->text, '+'))
        c->store.how = IMAP_STORE_ADD;
    else if (cursor_skip_char(&p->text, '-'))
        c->store.how = IMAP_STORE_REMOVE;
    if (!cursor_skip_nocase(&p->text, S("FLAGS")))
        return imap_parse_fail(p, "STORE knows FLAGS, +FLAGS and -FLAGS");
    c->store.silent = cursor_skip_nocase(&p->text, S(".SILENT"));
    return imap_parse_space(p) && imap_parse_flags(p, true, &c->store.flags);
}

static bool parse_copy(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_sequence_set(p, &c->copy.set) && imap_parse_space(p) &&
           imap_parse_mailbox(p, &c->copy.mailbox);
}

static bool parse_id_pair(struct imap_parser *p, struct imap_command *c)
{
    if (c->id.count == IMAP_ID_PAIRS_MAX)
        return imap_parse_fail(p, "too many ID fields");
    struct imap_id_pair *pair = &c->id.pairs[c->id.count++];
    if (!imap_parse_string(p, &pair->name) || !imap_parse_space(p) || !imap_parse_nstring(p, &pair->value))
        return false;
    if (pair->name.n > IMAP_ID_NAME_MAX || pair->value.n > IMAP_ID_VALUE_MAX)
        return imap_parse_fail(p, "an ID field is too long");
    return true;
}

static bool parse_id(struct imap_parser *p, struct imap_command *c)
{
    if (!imap_parse_space(p))
        return false;
    if (cursor_skip_nocase(&p->text, S("NIL")))
        return true;
    c->id.pairs = arena_array(p->arena, IMAP_ID_PAIRS_MAX, sizeof(*c->id.pairs));
    if (c->id.pairs == NULL || !imap_parse_char(p, '('))
        return imap_parse_fail(p, "ID takes NIL or a list");
    if (cursor_skip_char(&p->text, ')'))
        return true;
    do {
        if (!parse_id_pair(p, c))
            return false;
    } while (cursor_skip_char(&p->text, ' '));
    return imap_parse_char(p, ')');
}

static bool parse_enable(struct imap_parser *p, struct imap_command *c)
{
    c->enable.names = arena_array(p->arena, IMAP_ENABLE_MAX, sizeof(*c->enable.names));
    if (c->enable.names == NULL)
        return imap_parse_fail(p, "memory");
    do {
        if (c->enable.count == IMAP_ENABLE_MAX)
            return imap_parse_fail(p, "too many capabilities");
        if (!imap_parse_space(p) || !imap_parse_atom(p, &c->enable.names[c->enable.count++]))
            return false;
    } while (imap_parse_at(p, ' '));
    return true;
}

static bool parse_language(struct imap_parser *p, struct imap_command *c)
{
    c->languages.ranges = arena_array(p->arena, IMAP_LANGUAGES_MAX, sizeof(*c->languages.ranges));
    if (c->languages.ranges == NULL)
        return imap_parse_fail(p, "memory");
    while (imap_parse_at(p, ' ')) {
        if (c->languages.count == IMAP_LANGUAGES_MAX)
            return imap_parse_fail(p, "too many languages");
        if (!imap_parse_space(p) || !imap_parse_astring(p, &c->languages.ranges[c->languages.count++]))
            return false;
    }
    return true;
}

static bool parse_comparator(struct imap_parser *p, struct imap_command *c)
{
    struct imap_comparators *comparators = &c->comparators;
    comparators->patterns = arena_array(p->arena, IMAP_COMPARATORS_MAX, sizeof(*comparators->patterns));
    if (comparators->patterns == NULL)
        return imap_parse_fail(p, "memory");
    while (imap_parse_at(p, ' ')) {
        struct slice pattern;
        if (comparators->count == IMAP_COMPARATORS_MAX)
            return imap_parse_fail(p, "too many comparators");
        if (!imap_parse_space(p) || !imap_parse_astring(p, &pattern))
            return false;
        if (!imap_comparator_valid(pattern))
            return imap_parse_fail(p, "this can't be a comparator");
        comparators->patterns[comparators->count++] = pattern;
    }
    return true;
}

static bool parse_cancelupdate(struct imap_parser *p, struct imap_command *c)
{
    c->cancel.tags = arena_array(p->arena, IMAP_CANCELS_MAX, sizeof(*c->cancel.tags));
    if (c->cancel.tags == NULL)
        return imap_parse_fail(p, "memory");
    do {
        if (c->cancel.count == IMAP_CANCELS_MAX) {
            p->limit = true;
            return imap_parse_fail(p, "too many tags");
        }
        if (!imap_parse_space(p) || !imap_parse_string(p, &c->cancel.tags[c->cancel.count++]))
            return false;
    } while (imap_parse_at(p, ' '));
    return true;
}

static bool parse_compress(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_atom(p, &c->algorithm);
}

static bool parse_nonzero(struct imap_parser *p, uint32_t *ret)
{
    return imap_parse_number(p, ret) && (*ret > 0 || imap_parse_fail(p, "a number is not 0"));
}

/* "2000", "2000 10:20" */
static bool parse_uidbatches(struct imap_parser *p, struct imap_command *c)
{
    c->batches.first = 1;
    c->batches.last = UINT32_MAX;
    if (!imap_parse_space(p) || !parse_nonzero(p, &c->batches.size))
        return false;
    return !cursor_skip_char(&p->text, ' ') ||
           (parse_nonzero(p, &c->batches.first) && imap_parse_char(p, ':') &&
            parse_nonzero(p, &c->batches.last));
}

static bool parse_login(struct imap_parser *p, struct imap_command *c)
{
    return imap_parse_space(p) && imap_parse_astring(p, &c->login.user) && imap_parse_space(p) &&
           imap_parse_astring(p, &c->login.password);
}

static bool parse_authenticate(struct imap_parser *p, struct imap_command *c)
{
    if (!imap_parse_space(p) || !imap_parse_atom(p, &c->authenticate.mechanism))
        return false;
    if (!cursor_skip_char(&p->text, ' '))
        return true;
    c->authenticate.has_initial = true;
    c->authenticate.initial = cursor_take(&p->text, cursor_left(&p->text));
    return c->authenticate.initial.n > 0 || imap_parse_fail(p, "the initial response is missing");
}

static const struct {
    const char *text;
    size_t n;
    bool (*grammar)(struct imap_parser *p, struct imap_command *c);
    unsigned states;
    unsigned flags;
} verbs[] = {
#define X(name, handler, text, grammar, states, flags) \
    [IMAP_VERB_##name] = {text, sizeof(text) - 1, parse_##grammar, states, flags},
    IMAP_VERB_TABLE(X)
#undef X
};

const char *imap_verb_name(enum imap_verb verb)
{
    return verbs[verb].text;
}

unsigned imap_verb_states(enum imap_verb verb)
{
    return verbs[verb].states;
}

unsigned imap_verb_flags(enum imap_verb verb)
{
    return verbs[verb].flags;
}

static bool find_verb(struct imap_parser *p, enum imap_verb *ret)
{
    struct slice word;
    if (!imap_parse_atom(p, &word))
        return imap_parse_fail(p, "the command is missing");
    for (size_t i = 0; i < ARRAY_LEN(verbs) && imap_parse_knows(p, IMAP_WORD_VERB, word); i++) {
        if (slice_eq_nocase(word, slice_of(verbs[i].text, verbs[i].n))) {
            *ret = (enum imap_verb)i;
            return true;
        }
    }
    return imap_parse_fail(p, "there is no such command");
}

bool imap_command_parse(struct imap_parser *p, struct imap_command *ret_command)
{
    struct imap_command *c = ret_command;
    *c = (struct imap_command){.tag = imap_tag_of(cursor_rest(&p->text))};
    p->problem = NULL;
    if (c->tag.n == 0)
        return imap_parse_fail(p, "the tag is missing or malformed");
    (void)cursor_take(&p->text, c->tag.n + 1);
    c->by_uid = cursor_skip_nocase(&p->text, S("UID "));
    if (!find_verb(p, &c->verb))
        return false;
    if (c->by_uid && (!(verbs[c->verb].flags & VERB_UID) ||
                      !imap_parse_knows(p, IMAP_WORD_UID_VERB, slice_cstr(verbs[c->verb].text))))
        return imap_parse_fail(p, "this command has no UID form");
    p->spools = (verbs[c->verb].flags & VERB_MESSAGE) != 0;
    if (!verbs[c->verb].grammar(p, c) || !imap_parse_end(p))
        return false;
    c->written = p->written;
    c->denormal = p->denormal;
    return true;
}

void imap_id_of(const struct imap_command *id, struct slice *ret_name, struct slice *ret_version)
{
    *ret_name = slice_none();
    *ret_version = slice_none();
    for (size_t i = 0; i < id->id.count; i++) {
        const struct imap_id_pair *pair = &id->id.pairs[i];
        if (slice_eq_nocase(pair->name, S("name")))
            *ret_name = pair->value;
        else if (slice_eq_nocase(pair->name, S("version")))
            *ret_version = pair->value;
    }
}
