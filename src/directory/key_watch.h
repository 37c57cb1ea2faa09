/*
 * Keys that wait (domain_key.h: PENDING) sign by themselves once their records are in the DNS: a thread that
 * looks now and then.
 *
 * Errors: those of a look are logged. Threads: one of its own. Limits: DOMAIN_KEYS_PENDING_MAX keys a look; a
 * key whose record is not found has KEY_WATCH_DNS_US.
 */
#ifndef POSTHORN_DIRECTORY_KEY_WATCH_H
#define POSTHORN_DIRECTORY_KEY_WATCH_H

#include "authres/dns.h"
#include "base/clock.h"
#include "directory/domain_key.h"

enum { KEY_WATCH_FIRST_SECONDS = 5, KEY_WATCH_SECONDS = 600 };
#define KEY_WATCH_DNS_US (10 * CLOCK_SECOND)

struct key_watch;

/* directory, dns: for as long as the process lives. */
enum err key_watch_start(struct directory *directory, const struct authres_dns *dns,
                         struct key_watch **ret_watch, struct error *error) MUST_CHECK;
/* Waits for a look that is under way. */
void key_watch_stop(struct key_watch *watch);
/* One look. *ret_activated: keys that sign from now on. */
enum err key_watch_look(struct directory *directory, const struct authres_dns *dns, size_t *ret_activated,
                        struct error *error) MUST_CHECK;

#endif
