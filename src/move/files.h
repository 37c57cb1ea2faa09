/*
 * Mail in files as an origin: an mbox, a directory of mboxes, a Maildir++.
 *
 * A tree of mboxes is what `account export` and Thunderbird write: NAME or NAME.mbox is a folder, what lies
 * in the directory NAME or NAME.sbd are folders in it. No link is followed below the path that was named
 * (openat2), and all is read as the owner of that path.
 *
 * A message's number is a hash: of its name in a Maildir, of its bytes in an mbox (a second one like it gets
 * the next number). Ownership: fd is taken. Errors: origin.h. Limits: origin.h; MOVE_PARTS_MAX directories
 * deep.
 */
#ifndef POSTHORN_MOVE_FILES_H
#define POSTHORN_MOVE_FILES_H

#include "move/origin.h"

/* fd: the file or directory, open for reading. ERR_INVALID: it is none of these. */
enum err files_origin_create(int fd, struct origin **ret_origin, struct error *error) MUST_CHECK;

#endif
