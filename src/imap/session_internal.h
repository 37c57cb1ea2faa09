/*
 * What the files of one session share: its state, the command being run, and the helpers of the handlers.
 *
 * A handler (cmd_<verb>.c) is called in a state its verb allows, with grammatical arguments. It writes
 * untagged responses to the connection and, unless all went well, sets call->reply; the driver sends what
 * changed in the mailbox and then the tagged answer.
 */
#ifndef POSTHORN_IMAP_SESSION_INTERNAL_H
#define POSTHORN_IMAP_SESSION_INTERNAL_H

#include "base/language.h"
#include "directory/share.h"
#include "imap/capability.h"
#include "imap/command.h"
#include "imap/progress.h"
#include "imap/reader.h"
#include "imap/response.h"
#include "imap/session.h"
#include "rt/conn.h"
#include "store/seen.h"
#include "store/view.h"

struct imap_context; /* search_context.h */
struct imap_notify;  /* notify_session.h */

struct imap_session {
    struct conn *conn;
    struct store *store;
    struct directory *directory; /* NULL: nobody else is known */
    struct account *own;         /* whose log-in it is */
    struct account *account;     /* that the selected mailbox lies in: `own` if none is selected */
    struct view *view;           /* the selected mailbox; NULL: none */
    struct folder_id folder;
    struct imap_context *contexts; /* searches kept up to date */
    struct uid_set retest;         /* for them: whose flags the session itself has changed */
    struct uid_set saved;          /* "$": UIDs a search has saved (RFC 5182); some may be gone by now */
    struct imap_reader reader;
    uint64_t message_size_max;
    const struct settings *settings;
    struct tongue tongue;              /* in which the person is spoken to */
    enum language preferred;           /* the account's own language */
    struct imap_comparator comparator; /* by which texts are compared */
    char *off;                         /* capabilities that are switched off, a base/name_list.h */
    size_t keywords_told;       /* how many of the account's keywords the client has been told in FLAGS */
    struct imap_notify *notify; /* what NOTIFY SET asked for; NULL: nothing */
    char *idle_tag;             /* of the IDLE that runs; NULL: none */
    unsigned idle_reminders;
    unsigned errors_in_a_row;
    bool read_only;
    unsigned rights; /* the person's, in the selected mailbox */
    unsigned lacks;  /* what he may not do in `own`, when it is not his own (link/visit.h) */
    struct {
        uint64_t share, directory; /* generations */
    } rights_as_of;
    bool condstore;       /* mod-sequences are told (RFC 7162 3.1) */
    bool qresync;         /* VANISHED in place of EXPUNGE (RFC 7162 3.2.3) */
    bool tls;             /* nobody listens on the way */
    uint64_t urls_as_of;  /* access_key_generation that the client knows of */
    bool uidonly;         /* no message numbers either way (RFC 9586) */
    bool utf8_accept;     /* RFC 6855 */
    bool rev2;            /* RFC 9051 */
    uint64_t modseq_told; /* the highest MODSEQ of this command's FETCH responses */
    bool closing;
    uint64_t commands; /* for the log */
    void (*ended)(void *context);
    void *context;
    enum err (*give_back)(void *owner, struct link_give_back *given, struct error *error);
    void *owner;
    uint16_t peer_port;
};

/* Mailbox names go over the wire in UTF-8. */
static inline bool imap_speaks_utf8(const struct imap_session *s)
{
    return s->utf8_accept || s->rev2;
}

/* Whose \Seen it is, in mailboxes where each person has one of his own. */
static inline struct account_id imap_person(const struct imap_session *s)
{
    return account_id(s->own);
}

/* The capability is not switched off for this session. */
static inline bool imap_has(const struct imap_session *s, struct slice capability)
{
    return imap_capable(slice_cstr(s->off), capability);
}

/* An account of somebody else that a command works on. */
struct imap_visited {
    struct imap_visited *next;
    struct account *account;
};

/* One command being run. */
struct imap_call {
    struct imap_session *session;
    struct imap_command command;
    struct imap_reply reply;
    struct error error; /* for the calls of the handler */
    struct arena arena; /* lives as long as the command */
    struct slice *keywords;
    size_t keyword_count;
    bool keywords_loaded;
    struct imap_progress progress;
    unsigned relevancy;             /* of the message just found: 1 to 100 (RFC 6203) */
    struct share_identity identity; /* of the person, once it was asked for */
    struct imap_visited *visited;   /* given back at the command's end */
    struct uid_set brought;         /* into the selected mailbox, by this command */
    uint32_t limited_from; /* the lowest UID worked on, where there were too many; else 0 (message_limit.h) */
    uint64_t searched;     /* messages, by searches that may not be cut */
    bool removed; /* messages of the selected mailbox: its new HIGHESTMODSEQ is told (RFC 7162 3.2.7) */
};

struct imap_call imap_call_of(struct imap_session *s);
void imap_call_release(struct imap_call *call);

typedef void imap_handler_fn(struct imap_session *s, struct imap_call *call);
#define X(name, handler, text, grammar, states, flags) imap_handler_fn cmd_##handler;
IMAP_VERB_TABLE(X)
#undef X

/* The reply says what call->error says; things a person must look at are logged. */
void imap_call_failed(struct imap_call *call);
void imap_call_no(struct imap_call *call, const char *code, const char *text);

/* say.c */
struct tongue imap_tongue(const struct imap_session *s);
/* "a1 OK [CODE] text" in the session's language; code with its brackets, empty where the text has it or there
 * is none. */
void imap_put_line(struct imap_session *s, struct slice tag, const char *status, struct slice code,
                   const char *text);
/* "* OK [UIDNEXT 7] text". */
void imap_say(struct imap_session *s, const char *status, const char *text, const char *code, ...)
    FORMAT(4, 5);

/* cmd_namespace.c: "* NAMESPACE ...". */
void imap_put_namespace(struct imap_session *s, struct buf *out);

/* session_update.c */
void imap_send_exists(struct imap_session *s, uint32_t exists, uint32_t recent);
/* Tells what changed in the selected mailbox since the client was last told; with `expunges` also what went.
 */
void imap_send_updates(struct imap_session *s, struct imap_call *call, bool expunges);
/* The account's keywords, once a command. False: the reply says why. */
bool imap_load_keywords(struct imap_call *call) MUST_CHECK;
/* New keywords since the last FLAGS response are told before a FETCH shows one. */
bool imap_tell_keywords(struct imap_call *call) MUST_CHECK;
/* "* FLAGS (...)" and "* OK [PERMANENTFLAGS (...)]". */
void imap_send_flag_names(struct imap_call *call);
/* "* 3 FETCH (", or "* 7 UIDFETCH (" which needs no UID in it (RFC 9586). */
void imap_put_fetch(struct imap_session *s, struct uid uid, uint32_t seq);
/* "* 3 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))" for every message of `uids` that the client knows; UID and
 * MODSEQ always when CONDSTORE is on. */
struct imap_tell {
    bool uid;
    bool flags;
    uint64_t since; /* only what has changed after this */
};
void imap_send_flags(struct imap_call *call, const struct uid_set *uids, struct imap_tell tell);
/* The session has told its client of these flag changes by itself. */
void imap_told_flags(struct imap_session *s, const struct uid_set *uids, struct change_no change);
void imap_close_view(struct imap_session *s);
/* Goodbye and the end; the text may begin with a response code. */
void imap_bye(struct imap_session *s, const char *text);

/* modseq.c */
/* A command of RFC 7162 3.1 turns CONDSTORE on; the first tells where the selected mailbox stands. */
void imap_enable_condstore(struct imap_session *s);
/* A mod-sequence that the client names; 0 where a crash took back what it learnt with it (store/change.h). */
bool imap_believe_modseq(struct imap_call *call, uint64_t *modseq) MUST_CHECK;
/* At the end of a command: the client must not take a MODSEQ it saw for a place up to which it knows all
 * (RFC 7162 3.2, 6). */
void imap_limit_modseq(struct imap_session *s);
/* What happened in the selected mailbox after a mod-sequence, up to what the view knows. */
struct imap_since {
    bool whole;             /* the log reaches back that far; else the sets are of no use */
    struct uid_set changed; /* came, or flags changed */
    struct uid_set removed;
};
void imap_since_release(struct imap_since *since);
bool imap_read_since(struct imap_call *call, uint64_t modseq, struct imap_since *ret_since) MUST_CHECK;
/* "* VANISHED (EARLIER) 3:5" for those of `known` that went; changes `known`. */
bool imap_send_vanished_earlier(struct imap_call *call, const struct imap_since *since,
                                struct uid_set *known) MUST_CHECK;
/* SELECT (QRESYNC (...)), when the mailbox is open (RFC 7162 3.2.5). */
bool imap_resync(struct imap_call *call, const struct folder *folder) MUST_CHECK;

/* session_sets.c */
/* The UIDs a command means. Numbers the client can't know are an error (RFC 3501 9, seq-number). */
bool imap_resolve_set(struct imap_call *call, const struct imap_sequence_set *set, bool by_uid,
                      struct uid_set *out) MUST_CHECK;
/* The same for a search, in which such numbers mean nothing (RFC 7377 2). */
bool imap_resolve_search_set(struct imap_call *call, const struct imap_sequence_set *set, bool by_uid,
                             struct uid_set *out) MUST_CHECK;
/* The flags in the account's form. `create`: keywords that don't exist yet are made. */
bool imap_resolve_flags(struct imap_call *call, struct account *account, const struct imap_flags *flags,
                        bool create, struct flagset *ret_flags) MUST_CHECK;

/* session_names.c */
enum { IMAP_RIGHTS_ANY = 1 << 30 /* in place of needed rights: any that MYRIGHTS tells of (RFC 4314 4) */ };
#define IMAP_OTHER_USERS "Other Users" /* the namespace of others' mailboxes (RFC 2342) */
/* What a mailbox name means: in whose account it lies, borrowed for the command, and its path there. */
struct imap_place {
    struct account *account;
    struct slice prefix; /* "Other Users/bob@example.org/" of what lies in another's account, else empty */
    struct slice path;
    unsigned rights; /* enum right: the person's */
};
/* A name in which something is, whatever it is. In another's account the person has all rights in `needed`
 * there; else the reply says so, or `missing` as for a name of nothing, when he can't see it. */
bool imap_resolve_name(struct imap_call *call, struct slice name, unsigned needed, const char *missing,
                       struct imap_place *ret_place) MUST_CHECK;
/* A folder's name as the client knows it. */
struct slice imap_name_of(struct imap_call *call, const struct imap_place *place,
                          const struct folder *folder);
/* A name for a mailbox to be made. */
bool imap_resolve_new(struct imap_call *call, struct slice name, struct imap_place *ret_place) MUST_CHECK;
/* A mailbox that exists and is selectable, where the person has all rights in `needed` (enum right); else the
 * reply says why, with `missing` ("TRYCREATE", "NONEXISTENT"). Every command that names a mailbox goes
 * through here; what it needs, RFC 4314 4 says. */
struct imap_mailbox {
    struct account *account;
    struct slice name; /* as clients are told it */
    struct folder folder;
    unsigned rights; /* all that the person has */
};
bool imap_resolve_mailbox(struct imap_call *call, struct slice name, unsigned needed, const char *missing,
                          struct imap_mailbox *ret_mailbox) MUST_CHECK;
/* The same, and names that can't be selected too: there is nothing but the name. */
bool imap_resolve_any(struct imap_call *call, struct slice name, unsigned needed, const char *missing,
                      struct imap_mailbox *ret_mailbox) MUST_CHECK;
/* The person's rights in the account that he logged in to. */
static inline unsigned imap_own_rights(const struct imap_session *s)
{
    return RIGHTS_ALL & ~s->lacks;
}
/* All of `needed` is among `rights` (of a mailbox, or s->rights of the selected one); else NO [NOPERM]. */
bool imap_may(struct imap_call *call, unsigned rights, unsigned needed) MUST_CHECK;
bool imap_is_other(struct slice name);
/* "bob@example.org" of "Other Users/bob@example.org/Plans"; empty: it is no such name. */
struct slice imap_other_address(struct slice name);
bool imap_is_subscribed(struct imap_call *call, struct slice name);
enum err imap_find_rights(struct imap_call *call, struct account *account, struct folder_id folder,
                          unsigned *ret_rights) MUST_CHECK;
/* "Other Users/bob@example.org/"; p NULL: no memory. */
struct slice imap_other_prefix(struct imap_call *call, struct slice address);
/* Whom the person is; ERR_NOT_FOUND where nobody is known. */
enum err imap_identity(struct imap_call *call, const struct share_identity **ret_identity,
                       struct error *error) MUST_CHECK;
/* Another's account, borrowed for the command. */
enum err imap_visit(struct imap_call *call, struct account_id id, struct account **ret_account,
                    struct error *error) MUST_CHECK;
void imap_visited_release(struct imap_call *call);
/* The person's rights in the mailbox just selected. */
void imap_note_rights(struct imap_session *s, unsigned rights);
/* Before a command, or before something is told: rights that others have changed. Without the right to read
 * the session ends (RFC 4314 5.1.1); s->closing says so. */
void imap_refresh_rights(struct imap_session *s, struct imap_call *call);

/* The flags of a message that is added there: only those that the person may set, silently (RFC 4314 4). */
bool imap_resolve_new_flags(struct imap_call *call, const struct imap_mailbox *mailbox,
                            const struct imap_flags *flags, struct flagset *ret_flags) MUST_CHECK;
/* cmd_append.c: the messages that APPEND or REPLACE brings, ready for the store. */
struct imap_batch {
    struct append_item *items;
    struct append_result *results; /* to be filled by the store */
    struct buf *made;              /* those that aren't stored as they came */
    size_t count;
};
void imap_batch_release(struct imap_batch *batch);
/* Into a zeroed batch, which must be released in either case. False: the reply says why. */
bool imap_batch_make(struct imap_call *call, const struct imap_append *append,
                     const struct imap_mailbox *mailbox, struct imap_batch *batch) MUST_CHECK;
/* "[APPENDUID 1 7:9]" (RFC 4315 3). */
void imap_put_appenduid(struct buf *out, const struct imap_batch *batch);

/* cmd_resetkey.c: tells, once, that URLs of this person were revoked (RFC 4467 7). */
void imap_tell_urlmech(struct imap_session *s);

/* catenate.c: joins the pieces of a message, at most out->max bytes. False: the reply says why. */
bool imap_catenate(struct imap_call *call, const struct imap_append_message *message,
                   struct buf *out) MUST_CHECK;

/* Batches: the messages of `uids` from after `*after`; none left: *ret_count is 0. */
bool imap_next_batch(struct imap_call *call, const struct uid_set *uids, unsigned want, uint32_t *after,
                     struct arena *arena, struct message **ret_messages, size_t *ret_count) MUST_CHECK;

/* The same from the last to the first, in each batch too; *left, at first the size of `uids`, counts down. */
bool imap_next_batch_down(struct imap_call *call, const struct uid_set *uids, unsigned want, uint64_t *left,
                          struct arena *arena, struct message **ret_messages, size_t *ret_count) MUST_CHECK;
/* Leaves the messages of `uids` that `keep` says. */
typedef bool imap_keep_fn(const struct message *message, uint64_t context);
bool imap_keep_uids(struct imap_call *call, imap_keep_fn *keep, uint64_t context,
                    struct uid_set *uids) MUST_CHECK;

/* cmd_list.c: the reference goes in front of the pattern (RFC 3501 6.3.8). False: the reply says why. */
bool imap_full_pattern(struct imap_call *call, struct slice pattern, struct slice *ret) MUST_CHECK;

/* cmd_list.c: "* LIST (\HasNoChildren) "/" "INBOX" ("OLDNAME" ("inbox"))", OLDNAME where `written` is another
 * name (RFC 9051 6.3.9.7). folder NULL: there is none of this name. */
void imap_send_list(struct imap_session *s, struct slice name, const struct folder *folder,
                    struct slice written);

/* normal_name.c: after a command that took a mailbox name which was not in NFC (RFC 9051 6.3.9.7). */
void imap_tell_normal_name(struct imap_session *s, struct imap_call *call);

/* cmd_status.c: "* STATUS ..." with the items, bits of enum imap_status_item; of a folder with the person's
 * seen_count. */
void imap_send_status(struct imap_session *s, struct slice name, const struct folder *folder, unsigned items);

/* cmd_metadata.c: "* METADATA name (...)" with the entries asked for. False: the reply says why. */
bool imap_send_metadata(struct imap_call *call, struct account *account, struct slice name,
                        struct folder_id folder, const struct imap_metadata *asked) MUST_CHECK;

/* cmd_append.c: these came into the selected mailbox, if it is this one, by the client's own command. */
void imap_note_brought(struct imap_call *call, const struct imap_mailbox *mailbox,
                       const struct append_result *results, size_t count);
/* cmd_fetch.c: one response for each of these messages, which came into the selected mailbox. */
void imap_send_arrivals(struct imap_call *call, const struct uid_set *uids, const struct imap_fetch *fetch);

/* cmd_idle.c */
void imap_idle_input(struct imap_session *s, struct imap_call *call);

/* fetch_output.c: the bytes of a section, before HEADER.FIELDS chooses. root: of the parsed content, needed
 * when the section has part numbers. False: there is no such part. */
bool imap_section_find(const struct content *content, const struct mime_part *root,
                       const struct imap_section *section, struct slice *ret) MUST_CHECK;
/* fetch_output.c: one message's response. False: its content could not be read, call->error says why. */
bool imap_send_fetch(struct imap_call *call, const struct imap_fetch *fetch, const struct message *message,
                     uint32_t seq, bool flags_changed, struct arena *arena) MUST_CHECK;

#endif
