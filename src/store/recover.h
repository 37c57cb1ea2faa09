/*
 * What an account does at opening after a crash (a step of account_open; account->mutex is not needed yet).
 *
 * 1. Messages whose bytes did not reach the disk although their rows did are taken out again, with their
 *    delivery ids, so that the queue's second delivery is not taken for a duplicate.
 * 2. Numbers that clients may have seen in the last unsynced moments must not be given again to something
 *    else: change numbers, ids and UIDNEXT skip ahead, once per crash of the volume (see store_generation).
 *    That nothing is known of what the skipped change numbers were is remembered (see change.h).
 */
#ifndef POSTHORN_STORE_RECOVER_H
#define POSTHORN_STORE_RECOVER_H

#include "store/account.h"

enum {
    /* More than can be given in the time between two syncs. */
    RECOVER_SKIP_UIDS = 10000,
    RECOVER_SKIP_NUMBERS = 1000000,
    /* Crashes in a row, each before the skipping of the one before was on disk: each had numbers of its own.
     */
    RECOVER_CRASHES_MAX = 8,
};

enum err recover_account(struct account *account, struct pack_mark mark, struct error *error) MUST_CHECK;

#endif
