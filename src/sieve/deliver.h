/*
 * Names and addresses that actions take. Of this room only.
 */
#ifndef POSTHORN_SIEVE_DELIVER_H
#define POSTHORN_SIEVE_DELIVER_H

#include "mime/address.h"
#include "sieve/run.h"

enum { MAILBOX_NAME_MAX = 1000, ADDRESS_TEXT_MAX = 1000 };

/* A mailbox's name that can be: UTF-8, not empty, no control characters. */
bool mailbox_name_valid(struct slice name);
/* RFC 5228 2.4.2.3: an address that mail can be sent to. */
bool address_valid(struct slice text);
/* Whether the action would write to that mailbox; p NULL: where keep does. */
bool action_files_into(const struct sieve_action *action, struct slice mailbox);

#endif
