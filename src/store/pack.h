/*
 * Packs: append-only files that hold message bytes. Each record is checksummed and says what it is, so that
 * an account can be rebuilt from its packs alone.
 *
 * Record, little-endian, PACK_FIXED bytes and then the two parts:
 *
 *   - at 0: magic u32 "PHR1"; flags u8 (bit 0 header zstd, bit 1 body zstd; room for encryption); 3 reserved
 *   - at 8: account id u64, object id u64, folder id u64, UID u32, 4 reserved, internal date i64 us
 *   - at 48: header raw length u64, header stored length u64, body raw length u64, body stored length u64
 *   - at 80: checksum (16) of the stored body
 *   - at 96: checksum (16) of the stored header followed by the 96 bytes before this field
 *   - at 112: header bytes, body bytes
 *
 * Checksums are BLAKE2b-128. The second covers the first, so a header is verified without its body and the
 * two can't be mixed up. Header and body are stored apart, so that reading a header never touches the body.
 * zstd only where it saves an eighth. The header ends with its blank line; a message without one is all
 * header.
 *
 * Files: packs/00000001.pack ...; a new one at PACK_SIZE_MAX. A number is never used again.
 *
 * After a crash. Records behind what was last synced may be torn or missing, in any order, although rows that
 * name them were committed (SQLite's log may reach the disk before a pack does). So the account keeps a mark
 * in its database: what packs_synced gave when a transaction that appends began. At open it passes the mark;
 * records behind it are verified, and what follows the last whole one is cut off. Then the account asks
 * packs_verify for each of its own rows at or behind the mark and drops those that fail, with their delivery
 * ids, so that the queue's second delivery is not taken for a duplicate. Nothing that was acknowledged as
 * durable lies behind the mark unless it is whole.
 *
 * A torn write may also leave a hole between two whole records. It becomes a filler: a record of object 0,
 * whose body is whatever stands there. What can't be read (a bad sector) stays as it is, and is told as
 * damage.
 *
 * Compaction copies the living records of a pack with much dead space into the newest one and removes the
 * file when its last reader is gone.
 *
 * Threads: one appender at a time (the account's lock); any number of readers; packs_sync may run beside
 * both. Errors: ERR_CORRUPT names pack and offset; ERR_LIMIT past PACK_MESSAGE_MAX. A sync that failed makes
 * appends fail until the packs are opened anew.
 */
#ifndef POSTHORN_STORE_PACK_H
#define POSTHORN_STORE_PACK_H

#include "store/message.h"
#include "store/volume.h"

/*
 * Bytes that large compressed messages may take in memory at once, unpacked: of one account, and of all. Who
 * reads slowly holds them for long. One message at a time is always possible.
 */
#define PACKS_UNPACKED_MAX (UINT64_C(256) << 20)
#define PACKS_UNPACKED_ALL_MAX (UINT64_C(1) << 30)

enum { PACK_ZSTD_LEVEL = 1, PACK_COMPACT_DEAD_PERCENT = 40, PACK_FIXED = 112, PACKS_MAX = 100000 };
#define PACK_SIZE_MAX (UINT64_C(256) * 1024 * 1024)
#define PACK_MESSAGE_MAX (UINT64_C(1024) * 1024 * 1024) /* bytes of a message, prefix included */

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
/* Everything before it is durable: records of lower packs, and of this one up to offset. */
struct pack_mark {
    uint32_t pack; /* 0: nothing is known */
    uint64_t offset;
};

/* `synced`: the mark saved last, zeroed for a new account. The cost is that of reading what lies behind it.
 */
enum err packs_open(struct volume *volume, struct account_id account, struct pack_mark synced,
                    struct packs **ret_packs, struct error *error) MUST_CHECK;
/* Not synced. No reader may be left. */
void packs_close(struct packs *packs);
/* Written, not synced. The place is valid at once for readers. */
enum err packs_append(struct packs *packs, const struct pack_record *record, struct pack_place *ret_place,
                      struct error *error) MUST_CHECK;
/* Makes durable what was appended before the call. */
enum err packs_sync(struct packs *packs, struct error *error) MUST_CHECK;
struct pack_mark packs_synced(struct packs *packs);
/* Everything appended so far was made durable by other means (volume_sync, begun after the mark `end` was
 * taken with packs_end). */
struct pack_mark packs_end(struct packs *packs);
void packs_was_synced(struct packs *packs, struct pack_mark end);
/*
 * `object` must be the one at the place. ERR_NOT_FOUND: there is no such pack; the record was moved meanwhile
 * when its row now names another place, else it is lost. A record of more than CODEC_SCRATCH bytes that is
 * stored as it is gets mapped, not copied.
 */
enum err packs_read(struct packs *packs, struct pack_place place, struct object_id object,
                    enum content_part part, struct content *ret_content, struct error *error) MUST_CHECK;
/* The record is whole and is this object's; ERR_CORRUPT. Allocates nothing of its size. */
enum err packs_verify(struct packs *packs, struct pack_place place, struct object_id object,
                      struct error *error) MUST_CHECK;

/* Every record of every pack, whole or damaged (then `problem` says how; ids are zero when they can't be
 * trusted); for check and salvage. A whole one of object 0 is a filler. Goes on behind damage by looking for
 * the next magic whose record names this account and matches its checksum. Without `verify` bodies are not
 * read. Nothing may be appended meanwhile.
 */
struct pack_scan {
    struct pack_place place;
    struct pack_record record; /* without bytes: read them with packs_read */
    uint64_t raw_length;
    bool damaged;
    const char *problem;
};
typedef enum err pack_scan_fn(void *context, const struct pack_scan *scan, struct error *error);
enum err packs_scan(struct packs *packs, bool verify, pack_scan_fn *each, void *context,
                    struct error *error) MUST_CHECK;

/* --- for compaction --- */

struct pack_figures {
    uint32_t pack;
    uint64_t size;
};
enum err packs_list(struct packs *packs, struct arena *arena, struct pack_figures **ret_figures,
                    size_t *ret_count, struct error *error) MUST_CHECK;
/* The next append begins a new pack, so that the one appended to until now can be compacted too. */
void packs_turn(struct packs *packs);
/* Appends a copy of a whole record (verified on the way). Like packs_append. */
enum err packs_move(struct packs *packs, struct pack_place from, struct object_id object,
                    struct pack_place *ret_place, struct error *error) MUST_CHECK;
/* Removes a pack that is not appended to (any more: packs_turn), when its last reader is gone: at once or at
 * that reader's end. */
enum err packs_drop(struct packs *packs, uint32_t pack, struct error *error) MUST_CHECK;

#endif
