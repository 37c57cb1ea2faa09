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
/* The mailbox whose name stands in the slot, :create, :mailboxid, :specialuse and :flags, put into the
 * action. */
enum err filing_arguments(struct run *run, const struct node *node, enum slot name,
                          struct sieve_action *action, struct error *error) MUST_CHECK;

#endif
