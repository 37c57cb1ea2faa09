/*
 * For imap_limits_test only, which is compiled with it in front of each of its sources: limits that nobody
 * reaches in a test are so low here that the dialogues of tests/wire/imap_limits go one beyond them. The
 * sources that a limit is in are compiled into that test once more (meson.build); all others have the real
 * ones.
 */
#ifndef POSTHORN_IMAP_LOW_LIMITS_H
#define POSTHORN_IMAP_LOW_LIMITS_H

#include "imap/listing.h"
#include "imap/notify_session.h"
#include "imap/response.h"
#include "imap/search_context.h"
#include "imap/search_match.h"
#include "imap/session.h"
#include "imap/sort_order.h"
#include "imap/threads.h"

#define IMAP_OWNERS_MAX 1
#define IMAP_CONTEXTS_SORTED_MAX 4
#define IMAP_SORT_MEMORY_MAX (48 * 1024) /* 1024 messages */
#define IMAP_THREADS_TEXT_MAX (8 * 1024)
#define IMAP_SEARCH_TEXT_MAX 1000
#define IMAP_COMMAND_ARENA_MAX (128 * 1024)
#define IMAP_REPLY_CODE_MAX 64
#define IMAP_NOTIFY_ARENA_MAX (8 * 1024)
#define IMAP_NOTIFY_NAMES_ARENA_MAX (8 * 1024)

#endif
