/*
 * The change feed: what happened in an account since change number N. Every protocol's sync is made of it.
 *
 * Commit order is number order. A record says: at change `no`, in `folder`, these UIDs were added, changed
 * flags, or were removed; or the folder itself was made, renamed or removed; or its annotations changed
 * (folder 0: the account's); or what is subscribed (folder 0). Records older than CHANGE_KEEP_DAYS may be
 * dropped; `oldest` tells from where on the log is whole: a client that asks for less must start anew.
 *
 * A power loss can take back changes that clients were told of already. Their numbers are never given again
 * (recover.h) and are remembered as lost: what a client knows that has come to one of them is worth nothing.
 */
#ifndef POSTHORN_STORE_CHANGE_H
#define POSTHORN_STORE_CHANGE_H

#include "store/message.h"

enum {
    CHANGE_KEEP_DAYS = 90,
    CHANGE_LOST_MAX = 100, /* ranges of lost numbers; then the newest grows over what lies between */
};

#define CHANGE_KIND_TABLE(X)            \
    X(ADDED, "added")                   \
    X(FLAGS, "flags")                   \
    X(REMOVED, "removed")               \
    X(FOLDER_MADE, "folder made")       \
    X(FOLDER_CHANGED, "folder changed") \
    X(FOLDER_REMOVED, "folder removed") \
    X(SUBSCRIPTION, "subscription")     \
    X(ANNOTATION, "annotation")
enum change_kind {
#define X(name, text) CHANGE_##name,
    CHANGE_KIND_TABLE(X)
#undef X
};

struct change {
    struct change_no no;
    enum change_kind kind;
    struct folder_id folder;
    struct uid_set uids;
};
struct change_list {
    struct change *changes;
    size_t count;
    struct change_no oldest; /* the log is whole for every since >= oldest */
    struct change_no now;
    bool more; /* cut at max */
};
void change_list_release(struct change_list *list);
/* In order. folder.v 0: the whole account. max 0: all. ERR_NOT_FOUND when since < oldest, or is lost. */
enum err change_list(struct account *account, struct folder_id folder, struct change_no since, size_t max,
                     struct change_list *ret_list, struct error *error) MUST_CHECK;
/* How far somebody who has come to `since` can be believed to know what there is: as far, or, where it is
 * lost, not at all (0). */
enum err change_believed(struct account *account, struct change_no since, struct change_no *ret_believed,
                         struct error *error) MUST_CHECK;

#endif
