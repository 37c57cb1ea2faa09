/*
 * Packs: append-only files that hold message bytes. Each record is checksummed and says what it is, so that
 * an account can be rebuilt from its packs alone.
 *
 * Record, little-endian:
 *   magic u32 "PHR1" | flags u8 (header zstd, body zstd; room for encryption) | 3 reserved | object id u64 |
 * folder id u64 | UID u32 | reserved u32 | internal date i64 us | header raw length u64, stored length u64 |
 * body raw length u64, stored length u64 | checksum 16 bytes (BLAKE2b over the fixed part with this field
 * zero, and the stored bytes) | header bytes | body bytes Header and body are stored apart, so that reading a
 * header never touches the body. zstd only where it saves an eighth.
 *
 * Files: packs/00000001.pack ...; a new one at PACK_SIZE_MAX. A torn tail (crash while appending) is cut off
 * at open, down to the last whole record. Compaction copies the living records of a pack with much dead space
 * into the newest one and removes the file when its last reader is gone.
 *
 * Threads: one appender at a time (the account's lock); any number of readers. Errors: ERR_CORRUPT names pack
 * and offset.
 */
#ifndef POSTHORN_STORE_PACK_H
#define POSTHORN_STORE_PACK_H

#include "store/message.h"
#include "store/volume.h"

enum { PACK_ZSTD_LEVEL = 1, PACK_COMPACT_DEAD_PERCENT = 40 };
#define PACK_SIZE_MAX (UINT64_C(256) * 1024 * 1024)

struct packs; /* an account's */

/* Where a record is. */
struct pack_place {
    uint32_t pack;
    uint64_t offset;
    uint64_t length; /* of the whole record on disk */
};
struct pack_record {
    struct object_id object;
    struct folder_id folder; /* where it was first put: a hint for salvage */
    struct uid uid;
    int64_t internal_date_us;
    struct slice prefix; /* prefix and body are stored as one message */
    struct slice body;
};

enum err packs_open(struct volume *volume, struct account_id account, struct packs **ret_packs,
                    struct error *error) MUST_CHECK;
void packs_close(struct packs *packs);
/* Written, not synced. The place is valid at once for readers. */
enum err packs_append(struct packs *packs, const struct pack_record *record, struct pack_place *ret_place,
                      struct error *error) MUST_CHECK;
enum err packs_sync(struct packs *packs, struct error *error) MUST_CHECK;
enum err packs_read(struct packs *packs, struct pack_place place, enum content_part part,
                    struct content *ret_content, struct error *error) MUST_CHECK;
/* Every record of every pack, whole or damaged (then the error says how); for check and salvage. Goes on
 * behind damage by looking for the next magic. */
struct pack_scan {
    struct pack_place place;
    struct pack_record record; /* without bytes unless read with packs_read */
    uint64_t raw_length;
    bool damaged;
    const char *problem;
};
typedef enum err pack_scan_fn(void *context, const struct pack_scan *scan, struct error *error);
enum err packs_scan(struct packs *packs, bool verify, pack_scan_fn *each, void *context,
                    struct error *error) MUST_CHECK;
/* Packs whose dead share calls for compaction; the account moves the records and then drops the pack. */
enum err packs_drop(struct packs *packs, uint32_t pack, struct error *error) MUST_CHECK;
struct pack_figures {
    uint32_t pack;
    uint64_t size;
};
enum err packs_list(struct packs *packs, struct arena *arena, struct pack_figures **ret_figures,
                    size_t *ret_count, struct error *error) MUST_CHECK;

#endif
