/*
 * An account's Sieve scripts: any number by name, one of them active (RFC 5804 1.4).
 *
 * A script is kept as it was given and compiled, so that a delivery compiles nothing; after an update of the
 * program that changed the byte code it is compiled again when it is next read. What changes here is durable
 * when the call returns.
 * Ownership: results live in the arena given, a program is its caller's. Errors: ERR_INVALID (the name, or
 * the script: see the complaints), ERR_NOT_FOUND, ERR_EXISTS, ERR_BUSY (the active one is not deleted, RFC
 * 5804 2.10), ERR_QUOTA (script_room says why). Threads: any. Limits: below, and SIEVE_SCRIPT_MAX.
 */
#ifndef POSTHORN_STORE_SCRIPT_H
#define POSTHORN_STORE_SCRIPT_H

#include "sieve/sieve.h"
#include "store/store.h"

enum {
    SCRIPTS_MAX = 100,          /* of an account */
    SCRIPTS_BYTES_MAX = 4 << 20 /* of all their texts */
};

struct script {
    struct slice name;
    uint64_t size; /* bytes of its text */
    bool active;
    int64_t changed_us;
};

enum script_room { SCRIPT_ROOM, SCRIPT_ROOM_NO_SCRIPTS, SCRIPT_ROOM_NO_BYTES };

/* Whether a script can have this name: RFC 5804 1.6. */
bool script_name_is_valid(struct slice name);
/* Whether a script of `size` bytes has room under this name, in the place of one of that name if there is. */
enum err script_room(struct account *account, struct slice name, uint64_t size, enum script_room *ret,
                     struct error *error) MUST_CHECK;
/* Puts it in the place of one of that name, which stays active if it is. The complaints may hold warnings
 * when all is well; with ERR_INVALID and none, it is the name that is wrong. */
enum err script_put(struct account *account, struct slice name, struct slice text,
                    struct sieve_complaints *ret_complaints, struct error *error) MUST_CHECK;
/* By name. */
enum err script_list(struct account *account, struct arena *arena, struct script **ret_items,
                     size_t *ret_count, struct error *error) MUST_CHECK;
enum err script_get(struct account *account, struct slice name, struct arena *arena, struct slice *ret_text,
                    struct error *error) MUST_CHECK;
enum err script_delete(struct account *account, struct slice name, struct error *error) MUST_CHECK;
enum err script_rename(struct account *account, struct slice from, struct slice to,
                       struct error *error) MUST_CHECK;
/* name.p NULL: none is active any more. */
enum err script_activate(struct account *account, struct slice name, struct error *error) MUST_CHECK;

/* The script to be run: that of this name, or with p NULL the active one. *ret_script is as script_list gives
 * it. ERR_NOT_FOUND: there is none. */
enum err script_load(struct account *account, struct slice name, struct arena *arena,
                     struct sieve_program **ret_program, struct script *ret_script,
                     struct error *error) MUST_CHECK;

#endif
