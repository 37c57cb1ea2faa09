/*
 * \Seen for each person apart, in folders whose owner wants it so; all other flags are everybody's.
 *
 * A person is an account, the owner one of them; {0} means the owner. What the members' own rows say of \Seen
 * is, in such a folder, how things stood when it began. A person sees that until he changes it for the first
 * time; from then on he has a set of UIDs of his own. So the beginning costs nothing, and what came since is
 * new to somebody new. Who brings a message in with \Seen has seen it, nobody else; between two such folders
 * it goes with what each person has seen of it.
 *
 * Mod-sequences are everybody's: whoever looks into the folder may be told that another's \Seen changed, but
 * is shown his own. Errors: ERR_NOT_FOUND (the folder is gone), ERR_LIMIT (another person more than may be).
 * Threads: any. Limits: below.
 */
#ifndef POSTHORN_STORE_SEEN_H
#define POSTHORN_STORE_SEEN_H

#include "store/folder.h"

enum { SEEN_PEOPLE_MAX = 1000 /* with a set of their own, in one folder */ };

/* Begins, which changes nothing for anybody; or ends, and what the owner has seen is what all have seen. */
enum err seen_set_apart(struct account *account, struct folder_id folder, bool apart,
                        struct error *error) MUST_CHECK;
/* folder->unseen becomes this person's. Costs nothing where \Seen is everybody's. */
enum err seen_count(struct account *account, struct account_id person, struct folder *folder,
                    struct error *error) MUST_CHECK;

#endif
