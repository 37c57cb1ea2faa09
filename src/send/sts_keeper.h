/*
 * The MTA-STS policies that store keeps for relay, and fetching them anew before they expire, of domains too
 * that nobody writes to: else who waits long enough would find the domain unprotected (RFC 8461 10.2).
 *
 * Threads: one of its own, which ends with the process.
 */
#ifndef POSTHORN_SEND_STS_KEEPER_H
#define POSTHORN_SEND_STS_KEEPER_H

#include "link/outbound.h"
#include "send/sts_cache.h"

enum { STS_KEEPER_SECONDS = 3600 };

/* The context is the struct link to store. */
sts_recall_fn sts_keeper_recall;
sts_keep_fn sts_keeper_keep;
/* Both are borrowed, for good. */
enum err sts_keeper_start(struct sts_cache *cache, struct link *link, struct error *error) MUST_CHECK;

#endif
