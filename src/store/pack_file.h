/*
 * Inside the packs: an account's pack files, and the form of a record. For pack_*.c only; the contract is
 * pack.h.
 *
 * Threads: `lock` guards the table of files, the end and the marks. A file's descriptor may be used by
 * whoever holds it (pack_file_hold), without the lock.
 */
#ifndef POSTHORN_STORE_PACK_FILE_H
#define POSTHORN_STORE_PACK_FILE_H

#include <pthread.h>
#include <sodium.h>

#include "store/codec.h"
#include "store/pack.h"

enum {
    PACK_CHECKSUM = 16,
    PACK_CHECKED = PACK_FIXED - PACK_CHECKSUM, /* bytes of the fixed part that its checksum covers */
    PACK_OPEN_MAX = 4,                         /* descriptors an account keeps when nobody reads */
    PACK_NAME_SIZE = 64,
    PACK_HEADER_ZSTD = 1,
    PACK_BODY_ZSTD = 2,
};

struct pack_file {
    uint32_t number;
    int fd;           /* -1: not open */
    unsigned holders; /* who uses fd now */
    bool dropped;     /* to be removed when nobody holds it */
    uint64_t stamp;   /* when it was last held: the least recent is closed first */
};

struct packs {
    struct volume *volume;
    struct account_id account;
    pthread_mutex_t lock;
    struct pack_file **files; /* by number, ascending */
    size_t count;
    size_t room;
    unsigned open; /* descriptors */
    uint64_t clock;
    struct pack_file *tail; /* appended to; held; NULL until the first append needs one */
    uint64_t end;           /* of tail */
    uint32_t next;          /* the next pack's number */
    bool turn;              /* the next append begins a new pack */
    bool broken;            /* a sync failed */
    struct pack_mark synced;
    _Atomic uint64_t unpacked; /* bytes of large messages in memory */
};

/* A record's fixed part. */
struct pack_fixed {
    uint8_t flags;
    struct account_id account;
    struct object_id object;
    struct folder_id folder;
    struct uid uid;
    int64_t internal_date_us;
    uint64_t header_raw, header_stored;
    uint64_t body_raw, body_stored;
    uint8_t body_checksum[PACK_CHECKSUM];
    uint8_t checksum[PACK_CHECKSUM];
};

void pack_fixed_encode(const struct pack_fixed *fixed, char ret_bytes[static PACK_FIXED]);
/* False: no record of this account, or lengths that can't be. Nothing is hashed. */
bool pack_fixed_decode(const char bytes[static PACK_FIXED], struct account_id account,
                       struct pack_fixed *ret_fixed) MUST_CHECK;
static inline uint64_t pack_fixed_length(const struct pack_fixed *fixed)
{
    return PACK_FIXED + fixed->header_stored + fixed->body_stored;
}

void pack_hash_begin(crypto_generichash_state *hash);
void pack_hash_add(crypto_generichash_state *hash, const void *p, size_t n);
void pack_hash_end(crypto_generichash_state *hash, uint8_t ret_checksum[static PACK_CHECKSUM]);
/* Bytes [offset, offset + length) of a file against a checksum; `tail` is hashed behind them. ERR_CORRUPT. */
enum err pack_hash_check(int fd, struct codec *codec, uint64_t offset, uint64_t length, struct slice tail,
                         const uint8_t checksum[static PACK_CHECKSUM], struct error *error) MUST_CHECK;

/* "accounts/ab/<account id>/packs" */
void packs_directory(struct account_id account, char ret_name[static PACK_NAME_SIZE]);
void pack_file_name(const struct packs *packs, uint32_t number, char ret_name[static PACK_NAME_SIZE]);
/* The number of "00000001.pack"; 0 when it is no pack's name. */
uint32_t pack_file_number(struct slice name);

/* The file, open, until pack_file_release. ERR_NOT_FOUND. */
enum err pack_file_hold(struct packs *packs, uint32_t number, struct pack_file **ret_file,
                        struct error *error) MUST_CHECK;
void pack_file_release(struct packs *packs, struct pack_file *file);
enum err pack_file_size(const struct pack_file *file, uint64_t *ret_size, struct error *error) MUST_CHECK;
/* A new pack to append to. The lock is not held. */
enum err packs_tail_new(struct packs *packs, struct error *error) MUST_CHECK;
/* Decodes the fixed part that was read at `place` and checks that it is this object's record of that length.
 */
enum err pack_fixed_expect(const struct packs *packs, const char bytes[static PACK_FIXED],
                           struct pack_place place, struct object_id object, struct pack_fixed *ret_fixed,
                           struct error *error) MUST_CHECK;
/* Both checksums. ERR_CORRUPT. */
enum err pack_record_check(const struct pack_file *file, struct codec *codec, uint64_t offset,
                           const struct pack_fixed *fixed, bool body, struct error *error) MUST_CHECK;
/* Turns damaged bytes that nothing refers to into a filler, for which only a fixed part is written over them.
 * They must be readable: ERR_IO. */
enum err pack_fill(const struct packs *packs, const struct pack_file *file, struct pack_place hole,
                   struct error *error) MUST_CHECK;
/* Scans one file from an offset where a record starts (packs_scan does it for all). */
enum err pack_file_scan(struct packs *packs, struct pack_file *file, uint64_t from, bool verify,
                        pack_scan_fn *each, void *context, struct error *error) MUST_CHECK;

#endif
