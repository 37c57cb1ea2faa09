#include "base/clock.h"
#include "imap/search_fuzzy.h"
#include "imap/search_match.h"
#include "mime/charset.h"
#include "mime/fold.h"

enum { KEY_TEXT_MAX = 8 * IMAP_COMMAND_MAX };

/* RFC 5255 4.6: a text that is not of its charset is compared as octets, as it came. */
static bool prepare_text(struct imap_call *call, const struct imap_search *search,
                         struct imap_search_key *key)
{
    CLEANUP(buf_release) struct buf utf8 = BUF(KEY_TEXT_MAX);
    CLEANUP(buf_release) struct buf folded = BUF(2 * KEY_TEXT_MAX);
    CLEANUP(buf_release) struct buf asked = BUF(2 * KEY_TEXT_MAX);
    /* Without CHARSET the RFC means US-ASCII; clients send UTF-8 all the same. */
    struct slice charset = search->charset.p != NULL ? search->charset : S("UTF-8");
    struct slice sent = key->text;
    struct slice text;
    bool good = mime_charset_read(&utf8, charset, sent, &text);
    bool fuzzy = key->kind == SEARCH_FUZZY;
    if (good || fuzzy)
        mime_search_fold(&folded, fuzzy ? MIME_SEARCH_WIDE : imap_comparator_way(search->comparator), text);
    else
        buf_put(&folded, sent);
    /* The index knows octets only in so far as they are UTF-8 (mime_search_indexed). */
    if (good && slice_eq(text, sent))
        mime_fold_sort(&asked, text);
    key->octets = sent;
    key->text = arena_dup(&call->arena, buf_slice(&folded));
    key->asked = arena_dup(&call->arena, buf_slice(&asked));
    if (!buf_failed(&utf8) && !buf_failed(&folded) && !buf_failed(&asked) && key->text.p != NULL &&
        key->asked.p != NULL)
        return true;
    imap_call_no(call, "LIMIT", "A search text is too long");
    return false;
}

static bool prepare_fuzzy(struct imap_call *call, struct imap_search_key *key)
{
    key->fuzzy = imap_fuzzy_new(&call->arena, key->text);
    if (key->fuzzy != NULL)
        return true;
    imap_call_no(call, "LIMIT", "A fuzzy search text has too many words");
    return false;
}

/* Clients ask for what is newer than they know (RFC 7162 3.1.5): from one further on, or from the same. */
static bool prepare_modseq(struct imap_call *call, struct imap_search_key *key)
{
    uint64_t known = key->modseq;
    uint64_t before = key->modseq > 0 ? key->modseq - 1 : 0;
    if (!imap_believe_modseq(call, &known) || !imap_believe_modseq(call, &before))
        return false;
    if (known == 0 || (before == 0 && key->modseq > 1))
        key->modseq = 0;
    return true;
}

static bool prepare_key(struct imap_call *call, const struct imap_search *search, struct imap_search_key *key)
{
    enum err err;
    switch (key->kind) {
    case SEARCH_SEQUENCE:
        return imap_resolve_search_set(call, &key->set, key->by_uid, &key->uids);
    case SEARCH_KEYWORD:
        err = keyword_bit(call->session->account, key->name, false, &key->bit, &call->error);
        key->known = err == ERR_OK;
        if (err == ERR_OK || err == ERR_NOT_FOUND)
            return true;
        imap_call_failed(call);
        return false;
    case SEARCH_MODSEQ:
        return prepare_modseq(call, key);
    case SEARCH_OLDER:
    case SEARCH_YOUNGER:
        key->second = clock_wall_us() / CLOCK_SECOND - key->number;
        return true;
    case SEARCH_HEADER:
    case SEARCH_BODY:
    case SEARCH_TEXT:
        return prepare_text(call, search, key);
    case SEARCH_FUZZY:
        return prepare_text(call, search, key) && prepare_fuzzy(call, key);
    default:
        break;
    }
    for (struct imap_search_key *child = key->child; child != NULL; child = child->next)
        if (!prepare_key(call, search, child))
            return false;
    return true;
}

bool imap_search_prepare(struct imap_call *call, struct imap_search *search)
{
    bool plain = call->command.verb != IMAP_VERB_SORT && call->command.verb != IMAP_VERB_THREAD;
    if (search->charset.p != NULL && plain && call->session->utf8_accept) { /* RFC 6855 3 */
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "",
                       "After ENABLE UTF8=ACCEPT a search names no charset");
        return false;
    }
    if (search->charset.p != NULL && !mime_charset_known(search->charset)) {
        imap_call_no(call, "BADCHARSET (US-ASCII UTF-8)", "We don't know this charset");
        return false;
    }
    if (!search->compares)
        search->comparator = call->session->comparator;
    search->compares = true;
    return prepare_key(call, search, search->root);
}

static void release_key(struct imap_search_key *key)
{
    uid_set_release(&key->uids);
    search_hits_release(&key->hits);
    for (struct imap_search_key *child = key->child; child != NULL; child = child->next)
        release_key(child);
}

void imap_search_release(struct imap_search *search)
{
    release_key(search->root);
}
