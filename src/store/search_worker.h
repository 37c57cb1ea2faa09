/*
 * The store's third background thread: makes the search indexes of the accounts that are open, with the least
 * priority. Errors, threads: as of all background work (background.h); stopping waits for one message.
 */
#ifndef POSTHORN_STORE_SEARCH_WORKER_H
#define POSTHORN_STORE_SEARCH_WORKER_H

#include "store/background.h"

enum { SEARCH_INTERVAL_S = 10, SEARCH_NICE = 19 };

enum err indexer_start(struct store *store, struct background **ret_indexer, struct error *error) MUST_CHECK;

#endif
