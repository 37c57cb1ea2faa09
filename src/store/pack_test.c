#include "store/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"

static const struct account_id account = {UINT64_C(0x0123456789abcdef)};

struct fixture {
    char path[64];
    struct volume *volume;
    struct packs *packs;
    struct error error;
};

static int set_up(void **state)
{
    struct fixture *t = calloc(1, sizeof(*t));
    must(t != NULL);
    snprintf(t->path, sizeof(t->path), "/tmp/pack-test-XXXXXX");
    must(mkdtemp(t->path) != NULL);
    assert_int_equal(volume_open_local(t->path, &t->volume, &t->error), ERR_OK);
    assert_int_equal(packs_open(t->volume, account, (struct pack_mark){0}, &t->packs, &t->error), ERR_OK);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *t = *state;
    packs_close(t->packs);
    enum err code = volume_directory_remove(t->volume, "accounts", &t->error);
    must(code == ERR_OK || code == ERR_NOT_FOUND);
    volume_close(t->volume);
    char lock[128];
    snprintf(lock, sizeof(lock), "%s/lock", t->path);
    unlink(lock);
    rmdir(t->path);
    free(t);
    return 0;
}

static void reopen(struct fixture *t, struct pack_mark mark)
{
    packs_close(t->packs);
    t->packs = NULL;
    assert_int_equal(packs_open(t->volume, account, mark, &t->packs, &t->error), ERR_OK);
}

static void pack_path(const struct fixture *t, unsigned pack, char ret_path[static 256])
{
    snprintf(ret_path, 256, "%s/accounts/01/0123456789abcdef/packs/%08u.pack", t->path, pack);
}

static uint64_t pack_size(const struct fixture *t, unsigned pack)
{
    char path[256];
    struct stat st;
    pack_path(t, pack, path);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void flip(const struct fixture *t, unsigned pack, uint64_t offset)
{
    char path[256];
    char byte = 0;
    pack_path(t, pack, path);
    CLEANUP(fd_close) int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
    byte = (char)(byte ^ 0x10);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
}

static void cut(const struct fixture *t, unsigned pack, uint64_t size)
{
    char path[256];
    pack_path(t, pack, path);
    assert_int_equal(truncate(path, (off_t)size), 0);
}

static struct pack_place append(struct fixture *t, uint64_t object, struct slice prefix, struct slice body)
{
    struct pack_record record = {.object = {object},
                                 .folder = {object + 1},
                                 .uid = {(uint32_t)object + 2},
                                 .internal_date_us = -5,
                                 .prefix = prefix,
                                 .body = body};
    struct pack_place place = {0};
    assert_int_equal(packs_append(t->packs, &record, &place, &t->error), ERR_OK);
    return place;
}

static struct slice text_of(const struct content *content)
{
    return content->whole;
}

static void assert_reads(struct fixture *t, struct pack_place place, uint64_t object, struct slice prefix,
                         struct slice body, size_t header_n)
{
    CLEANUP(content_release) struct content content = {0};
    CLEANUP(content_release) struct content header = {0};
    struct object_id id = {object};
    assert_int_equal(packs_read(t->packs, place, id, CONTENT_WHOLE, &content, &t->error), ERR_OK);
    assert_int_equal(text_of(&content).n, prefix.n + body.n);
    assert_true(slice_eq(slice_sub(text_of(&content), 0, prefix.n), prefix));
    assert_true(slice_eq(slice_from(text_of(&content), prefix.n), body));
    assert_int_equal(content.header_n, header_n);
    assert_int_equal(packs_read(t->packs, place, id, CONTENT_HEADER, &header, &t->error), ERR_OK);
    assert_true(slice_eq(header.whole, slice_sub(content.whole, 0, header_n)));
    assert_int_equal(header.header_n, header_n);
    assert_int_equal(packs_verify(t->packs, place, id, &t->error), ERR_OK);
}

static void assert_damaged(struct fixture *t, struct pack_place place, uint64_t object)
{
    struct content content = {0};
    struct object_id id = {object};
    assert_int_equal(packs_read(t->packs, place, id, CONTENT_WHOLE, &content, &t->error), ERR_CORRUPT);
    assert_non_null(strstr(t->error.detail, "pack 1 offset"));
    assert_int_equal(packs_verify(t->packs, place, id, &t->error), ERR_CORRUPT);
}

/* Text that compresses, or bytes that don't. */
static char *make_body(size_t n, bool random)
{
    char *p = malloc(n + 1);
    must(p != NULL);
    if (random) {
        static const unsigned char seed[randombytes_SEEDBYTES] = {1};
        randombytes_buf_deterministic(p, n, seed);
        return p;
    }
    for (size_t i = 0; i < n; i++)
        p[i] = "All work and no play makes a dull mailbox.\r\n"[(i + i / 5000) % 44];
    return p;
}

#define MESSAGE "Subject: x\r\nFrom: a@b.example\r\n\r\nHello\r\n"
enum { MESSAGE_HEADER = sizeof("Subject: x\r\nFrom: a@b.example\r\n\r\n") - 1 };

static void test_reads_back_what_was_appended(void **state)
{
    struct fixture *t = *state;
    struct pack_place a = append(t, 1, slice_none(), S(MESSAGE));
    struct pack_place b = append(t, 2, S("Received: by y\r\n"), S(MESSAGE));
    struct pack_place c = append(t, 3, slice_none(), slice_none());
    struct pack_place d = append(t, 4, slice_none(), S("\r\nno header"));
    struct pack_place e = append(t, 5, slice_none(), S("Only: header\r\n"));
    struct pack_place f = append(t, 6, slice_none(), S("Bare: lf\n\nbody\n"));
    assert_reads(t, a, 1, slice_none(), S(MESSAGE), MESSAGE_HEADER);
    assert_reads(t, b, 2, S("Received: by y\r\n"), S(MESSAGE), MESSAGE_HEADER + 16);
    assert_reads(t, c, 3, slice_none(), slice_none(), 0);
    assert_reads(t, d, 4, slice_none(), S("\r\nno header"), 2);
    assert_reads(t, e, 5, slice_none(), S("Only: header\r\n"), 14);
    assert_reads(t, f, 6, slice_none(), S("Bare: lf\n\nbody\n"), 10);
    assert_int_equal(b.offset, a.offset + a.length);
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    reopen(t, packs_synced(t->packs));
    assert_reads(t, b, 2, S("Received: by y\r\n"), S(MESSAGE), MESSAGE_HEADER + 16);
}

static void round_trip(struct fixture *t, size_t header_n, size_t body_n, bool random, uint64_t *ret_stored)
{
    static uint64_t object;
    char *body = make_body(header_n + body_n, random);
    for (size_t i = 0; i < header_n; i++)
        body[i] = body[i] == '\n' ? ' ' : body[i];
    if (header_n >= 4)
        memcpy(body + header_n - 4, "\r\n\r\n", 4);
    struct slice message = slice_of(body, header_n + body_n);
    struct pack_place place = append(t, ++object, S("Prefix: 1\r\n"), message);
    assert_reads(t, place, object, S("Prefix: 1\r\n"), message, header_n + 11);
    *ret_stored = place.length;
    free(body);
}

static void test_every_size_and_kind_survives(void **state)
{
    struct fixture *t = *state;
    static const size_t sizes[] = {5, 100, 4096, 65525, 65536, 65537, 131072, 300000, 5000000};
    for (size_t h = 0; h < ARRAY_LEN(sizes); h++) {
        for (size_t b = 0; b < ARRAY_LEN(sizes); b++) {
            uint64_t plain = 0;
            uint64_t packed = 0;
            round_trip(t, sizes[h], sizes[b], true, &plain);
            round_trip(t, sizes[h], sizes[b], false, &packed);
            assert_true(plain >= sizes[h] + sizes[b]);
            if (sizes[h] + sizes[b] > 8192)
                assert_true(packed < plain - plain / 8);
        }
    }
}

static void test_too_large_a_message_is_refused(void **state)
{
    struct fixture *t = *state;
    struct pack_place place;
    /* Refused by its length alone: the bytes are never looked at. */
    struct pack_record record = {.object = {1}, .body = slice_of("x", PACK_MESSAGE_MAX + 1)};
    assert_int_equal(packs_append(t->packs, &record, &place, &t->error), ERR_LIMIT);
    record.prefix = slice_of("x", 1);
    record.body.n = PACK_MESSAGE_MAX;
    assert_int_equal(packs_append(t->packs, &record, &place, &t->error), ERR_LIMIT);
    assert_int_equal(pack_size(t, 1), 0);
}

static void test_damage_is_never_given_out(void **state)
{
    struct fixture *t = *state;
    struct pack_place place = append(t, 1, slice_none(), S(MESSAGE));
    append(t, 2, slice_none(), S(MESSAGE));
    for (uint64_t at = 0; at < place.length; at++) {
        flip(t, 1, at);
        assert_damaged(t, place, 1);
        flip(t, 1, at);
    }
    assert_reads(t, place, 1, slice_none(), S(MESSAGE), MESSAGE_HEADER);
    struct content content = {0};
    struct object_id other = {2};
    assert_int_equal(packs_read(t->packs, place, other, CONTENT_WHOLE, &content, &t->error), ERR_CORRUPT);
    struct pack_place wrong[] = {{1, place.offset, place.length - 1},
                                 {1, place.offset + 1, place.length},
                                 {1, place.offset, 3},
                                 {1, 1 << 30, place.length},
                                 {1, place.offset, UINT64_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_damaged(t, wrong[i], 1);
    struct pack_place missing = {9, 0, place.length};
    assert_int_equal(packs_read(t->packs, missing, other, CONTENT_WHOLE, &content, &t->error), ERR_NOT_FOUND);
}

static void test_damage_in_large_records_is_found(void **state)
{
    struct fixture *t = *state;
    for (int random = 0; random < 2; random++) {
        char *body = make_body(600000, random);
        uint64_t object = 1 + (uint64_t)random;
        struct pack_place place = append(t, object, S("A: b\r\n\r\n"), slice_of(body, 600000));
        flip(t, 1, place.offset + place.length - 1);
        assert_damaged(t, place, object);
        flip(t, 1, place.offset + place.length - 1);
        flip(t, 1, place.offset + place.length / 2);
        assert_damaged(t, place, object);
        free(body);
    }
}

static void test_header_is_read_without_its_body(void **state)
{
    struct fixture *t = *state;
    char *body = make_body(600000, true);
    memcpy(body, MESSAGE, sizeof(MESSAGE) - 1);
    struct pack_place place = append(t, 1, slice_none(), slice_of(body, 600000));
    flip(t, 1, place.offset + place.length - 1);
    CLEANUP(content_release) struct content header = {0};
    struct object_id id = {1};
    assert_int_equal(packs_read(t->packs, place, id, CONTENT_HEADER, &header, &t->error), ERR_OK);
    assert_true(slice_eq(header.whole, slice_of(MESSAGE, MESSAGE_HEADER)));
    flip(t, 1, place.offset + 114);
    struct content again = {0};
    assert_int_equal(packs_read(t->packs, place, id, CONTENT_HEADER, &again, &t->error), ERR_CORRUPT);
    free(body);
}

static void test_large_messages_unpacked_at_once_are_bounded(void **state)
{
    struct fixture *t = *state;
    size_t n = PACKS_UNPACKED_MAX / 2 + 1;
    char *bytes = malloc(n);
    must(bytes != NULL);
    memset(bytes, 'x', n);
    struct pack_place place = append(t, 1, slice_none(), slice_of(bytes, n));
    free(bytes);
    struct content first = {0};
    struct content second = {0};
    assert_int_equal(packs_read(t->packs, place, (struct object_id){1}, CONTENT_WHOLE, &first, &t->error),
                     ERR_OK);
    assert_int_equal(packs_read(t->packs, place, (struct object_id){1}, CONTENT_WHOLE, &second, &t->error),
                     ERR_LIMIT);
    content_release(&first);
    assert_int_equal(packs_read(t->packs, place, (struct object_id){1}, CONTENT_WHOLE, &second, &t->error),
                     ERR_OK);
    content_release(&second);
}

static void test_torn_tail_is_cut_off(void **state)
{
    struct fixture *t = *state;
    struct pack_place a = append(t, 1, slice_none(), S(MESSAGE));
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    struct pack_mark mark = packs_synced(t->packs);
    assert_int_equal(mark.offset, a.length);
    struct pack_place b = append(t, 2, slice_none(), S(MESSAGE));
    struct pack_place c = append(t, 3, slice_none(), S(MESSAGE));
    cut(t, 1, c.offset + c.length - 1);
    reopen(t, mark);
    assert_int_equal(pack_size(t, 1), c.offset);
    assert_reads(t, b, 2, slice_none(), S(MESSAGE), MESSAGE_HEADER);
    struct pack_place again = append(t, 4, slice_none(), S(MESSAGE));
    assert_int_equal(again.offset, c.offset);
    assert_damaged(t, c, 3); /* another object stands there now */
}

static void test_whole_records_behind_a_torn_one_stay(void **state)
{
    struct fixture *t = *state;
    struct pack_place a = append(t, 1, slice_none(), S(MESSAGE));
    struct pack_place b = append(t, 2, slice_none(), S(MESSAGE));
    flip(t, 1, a.offset);
    reopen(t, (struct pack_mark){1, 0});
    assert_int_equal(pack_size(t, 1), b.offset + b.length);
    assert_damaged(t, a, 1);
    assert_reads(t, b, 2, slice_none(), S(MESSAGE), MESSAGE_HEADER);
}

struct tally {
    unsigned records, fillers, damaged;
    uint64_t bytes;
};

static enum err tally(void *context, const struct pack_scan *scan, struct error *error)
{
    struct tally *counted = context;
    (void)error;
    counted->damaged += scan->damaged;
    counted->fillers += !scan->damaged && scan->record.object.v == 0;
    counted->records += scan->record.object.v != 0;
    counted->bytes += scan->place.length;
    return ERR_OK;
}

static void test_holes_behind_the_mark_become_fillers(void **state)
{
    struct fixture *t = *state;
    char *large = make_body(300000, true);
    append(t, 1, slice_none(), S(MESSAGE));
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    struct pack_mark mark = packs_synced(t->packs);
    struct pack_place b = append(t, 2, slice_none(), S(MESSAGE));
    struct pack_place c = append(t, 3, slice_none(), slice_of(large, 300000));
    struct pack_place d = append(t, 4, slice_none(), S(MESSAGE));
    struct pack_place e = append(t, 5, slice_none(), S(MESSAGE));
    flip(t, 1, b.offset);                /* no record any more */
    flip(t, 1, c.offset + c.length - 1); /* a body */
    flip(t, 1, e.offset + 20);           /* the last: cut off */
    reopen(t, mark);
    struct tally counted = {0};
    assert_int_equal(packs_scan(t->packs, true, tally, &counted, &t->error), ERR_OK);
    assert_int_equal(counted.damaged, 0);
    assert_int_equal(counted.fillers, 2);
    assert_int_equal(counted.records, 2);
    assert_int_equal(counted.bytes, d.offset + d.length);
    assert_damaged(t, b, 2);
    assert_damaged(t, b, 0); /* nobody gets a filler's bytes */
    assert_damaged(t, c, 3);
    assert_reads(t, d, 4, slice_none(), S(MESSAGE), MESSAGE_HEADER);
    free(large);
}

static void test_damage_before_the_mark_is_left_as_it_is(void **state)
{
    struct fixture *t = *state;
    struct pack_place a = append(t, 1, slice_none(), S(MESSAGE));
    append(t, 2, slice_none(), S(MESSAGE));
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    struct pack_mark mark = packs_synced(t->packs);
    append(t, 3, slice_none(), S(MESSAGE));
    flip(t, 1, a.offset);
    reopen(t, mark);
    struct tally counted = {0};
    assert_int_equal(packs_scan(t->packs, true, tally, &counted, &t->error), ERR_OK);
    assert_int_equal(counted.damaged, 1);
    assert_int_equal(counted.fillers, 0);
}

static void test_places_that_were_lost_are_not_filled_again(void **state)
{
    struct fixture *t = *state;
    append(t, 1, slice_none(), S(MESSAGE));
    append(t, 2, slice_none(), S(MESSAGE));
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    struct pack_mark mark = packs_synced(t->packs);
    cut(t, 1, 10);
    reopen(t, mark);
    struct pack_place next = append(t, 3, slice_none(), S(MESSAGE));
    assert_int_equal(next.pack, 2);
    /* The same when the newest file is gone altogether. */
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    mark = packs_synced(t->packs);
    char path[256];
    pack_path(t, 2, path);
    assert_int_equal(unlink(path), 0);
    reopen(t, mark);
    next = append(t, 4, slice_none(), S(MESSAGE));
    assert_int_equal(next.pack, 3);
    reopen(t, (struct pack_mark){7, 0});
    reopen(t, packs_end(t->packs));
    next = append(t, 4, slice_none(), S(MESSAGE));
    assert_int_equal(next.pack, 7);
}

static void test_full_pack_is_followed_by_another(void **state)
{
    struct fixture *t = *state;
    enum { SIZE = 100 * 1024 * 1024 };
    char *body = make_body(SIZE, true);
    memcpy(body, "A: b\r\n\r\n", 8);
    struct pack_place places[3];
    for (uint64_t i = 0; i < 3; i++)
        places[i] = append(t, i + 1, slice_none(), slice_of(body, SIZE));
    assert_int_equal(places[1].pack, 1);
    assert_int_equal(places[2].pack, 2);
    assert_int_equal(places[2].offset, 0);
    assert_reads(t, places[2], 3, slice_none(), slice_of(body, SIZE), 8);
    /* The first was made durable before the second began. */
    struct pack_mark mark = packs_synced(t->packs);
    assert_int_equal(mark.pack, 1);
    assert_int_equal(mark.offset, places[1].offset + places[1].length);
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    assert_int_equal(packs_synced(t->packs).pack, 2);
    free(body);
}

struct seen {
    struct pack_scan scans[32];
    size_t count;
};

static enum err see(void *context, const struct pack_scan *scan, struct error *error)
{
    struct seen *seen = context;
    if (seen->count == ARRAY_LEN(seen->scans))
        return fail_plain(error, ERR_LIMIT, "too many");
    seen->scans[seen->count++] = *scan;
    return ERR_OK;
}

static struct seen scan(struct fixture *t, bool verify)
{
    struct seen seen = {.count = 0};
    assert_int_equal(packs_scan(t->packs, verify, see, &seen, &t->error), ERR_OK);
    return seen;
}

static void test_scan_tells_what_each_record_is(void **state)
{
    struct fixture *t = *state;
    append(t, 1, slice_none(), S(MESSAGE));
    packs_turn(t->packs);
    struct pack_place b = append(t, 2, S("X: y\r\n"), S(MESSAGE));
    struct seen seen = scan(t, true);
    assert_int_equal(seen.count, 2);
    assert_false(seen.scans[1].damaged);
    assert_memory_equal(&seen.scans[1].place, &b, sizeof(b));
    assert_int_equal(b.pack, 2);
    assert_int_equal(seen.scans[1].record.object.v, 2);
    assert_int_equal(seen.scans[1].record.folder.v, 3);
    assert_int_equal(seen.scans[1].record.uid.v, 4);
    assert_int_equal(seen.scans[1].record.internal_date_us, -5);
    assert_int_equal(seen.scans[1].raw_length, sizeof(MESSAGE) - 1 + 6);
}

static void test_scan_goes_on_behind_damage(void **state)
{
    struct fixture *t = *state;
    struct pack_place places[6];
    for (uint64_t i = 0; i < 6; i++)
        places[i] = append(t, i + 1, slice_none(), S(MESSAGE));
    flip(t, 1, places[1].offset + 112);                  /* header byte */
    flip(t, 1, places[3].offset + 72);                   /* a length in the fixed part */
    flip(t, 1, places[4].offset + places[4].length - 1); /* body byte */
    cut(t, 1, places[5].offset + places[5].length - 1);  /* cut off */
    struct seen seen = scan(t, true);
    assert_int_equal(seen.count, 6);
    static const bool damaged[] = {false, true, false, true, true, true};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(seen.scans[i].place.offset, places[i].offset);
        assert_int_equal(seen.scans[i].damaged, damaged[i]);
        assert_int_equal(seen.scans[i].problem != NULL, damaged[i]);
    }
    assert_int_equal(seen.scans[5].place.length, places[5].length - 1);
    assert_int_equal(scan(t, false).scans[4].damaged, false);
}

/* A message can hold what looks like a record; without the account's secret id it is not taken for one. */
static void test_scan_is_not_fooled_by_a_record_inside_a_message(void **state)
{
    struct fixture *t = *state;
    struct packs *others = NULL;
    struct account_id other = {UINT64_C(0x0123456789abcdee)};
    struct pack_record record = {.object = {66}, .body = S(MESSAGE)};
    struct pack_place place;
    assert_int_equal(packs_open(t->volume, other, (struct pack_mark){0}, &others, &t->error), ERR_OK);
    assert_int_equal(packs_append(others, &record, &place, &t->error), ERR_OK);
    char path[256];
    char body[8192] = "A: b\r\n\r\n";
    snprintf(path, sizeof(path), "%s/accounts/01/0123456789abcdee/packs/00000001.pack", t->path);
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    randombytes_buf(body + 8, sizeof(body) - 8);
    assert_true(pread(fd, body + 1000, place.length, 0) == (ssize_t)place.length);
    packs_close(others);
    struct pack_place a = append(t, 1, slice_none(), slice_of(body, sizeof(body)));
    struct pack_place b = append(t, 2, slice_none(), S(MESSAGE));
    flip(t, 1, a.offset + 72);
    struct seen seen = scan(t, true);
    assert_int_equal(seen.count, 2);
    assert_true(seen.scans[0].damaged);
    assert_int_equal(seen.scans[1].place.offset, b.offset);
}

static void test_moved_record_is_the_same_and_its_pack_can_go(void **state)
{
    struct fixture *t = *state;
    struct object_id id = {1};
    struct pack_place a = append(t, 1, slice_none(), S(MESSAGE));
    struct content held = {0};
    assert_int_equal(packs_read(t->packs, a, id, CONTENT_WHOLE, &held, &t->error), ERR_OK);
    packs_turn(t->packs);
    struct pack_place b;
    assert_int_equal(packs_move(t->packs, a, id, &b, &t->error), ERR_OK);
    assert_int_equal(b.pack, 2);
    assert_int_equal(packs_drop(t->packs, 1, &t->error), ERR_OK);
    assert_int_equal(pack_size(t, 1), 0);
    assert_true(slice_eq(held.whole, S(MESSAGE)));
    content_release(&held);
    assert_reads(t, b, 1, slice_none(), S(MESSAGE), MESSAGE_HEADER);
    assert_int_equal(packs_read(t->packs, a, id, CONTENT_WHOLE, &held, &t->error), ERR_NOT_FOUND);
    assert_int_equal(packs_drop(t->packs, 1, &t->error), ERR_NOT_FOUND);
}

static void test_turned_pack_can_be_dropped_and_its_number_is_not_used_again(void **state)
{
    struct fixture *t = *state;
    append(t, 1, slice_none(), S(MESSAGE));
    packs_turn(t->packs);
    assert_int_equal(packs_drop(t->packs, 1, &t->error), ERR_OK);
    assert_int_equal(pack_size(t, 1), 0);
    assert_int_equal(packs_sync(t->packs, &t->error), ERR_OK);
    struct pack_mark mark = packs_end(t->packs);
    assert_int_equal(mark.pack, 2);
    reopen(t, mark);
    assert_int_equal(append(t, 2, slice_none(), S(MESSAGE)).pack, 2);
}

static void test_damaged_record_is_not_moved(void **state)
{
    struct fixture *t = *state;
    struct object_id id = {1};
    struct pack_place a = append(t, 1, slice_none(), S(MESSAGE));
    struct pack_place b;
    flip(t, 1, a.length - 1);
    assert_int_equal(packs_move(t->packs, a, id, &b, &t->error), ERR_CORRUPT);
    assert_int_equal(pack_size(t, 1), a.length);
}

static void test_many_packs_keep_few_descriptors(void **state)
{
    struct fixture *t = *state;
    enum { PACKS = 40 };
    struct pack_place places[PACKS];
    for (uint64_t i = 0; i < PACKS; i++) {
        packs_turn(t->packs);
        places[i] = append(t, i + 1, slice_none(), S(MESSAGE));
    }
    for (uint64_t i = 0; i < PACKS; i++)
        assert_reads(t, places[i], i + 1, slice_none(), S(MESSAGE), MESSAGE_HEADER);
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(next >= 0 && next < 20);
    close(next);
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct pack_figures *figures = NULL;
    size_t count = 0;
    assert_int_equal(packs_list(t->packs, &arena, &figures, &count, &t->error), ERR_OK);
    assert_int_equal(count, PACKS);
    assert_int_equal(figures[39].pack, 40);
    assert_int_equal(figures[39].size, places[39].length);
}

static void test_foreign_files_are_left_alone(void **state)
{
    struct fixture *t = *state;
    char path[256];
    append(t, 1, slice_none(), S(MESSAGE));
    snprintf(path, sizeof(path), "%s/accounts/01/0123456789abcdef/packs/99999999.pack~", t->path);
    fd_close(&(int){open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)});
    reopen(t, packs_end(t->packs));
    assert_int_equal(append(t, 2, slice_none(), S(MESSAGE)).pack, 1);
    assert_int_equal(scan(t, true).count, 2);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_reads_back_what_was_appended),
        TEST(test_every_size_and_kind_survives),
        TEST(test_too_large_a_message_is_refused),
        TEST(test_damage_is_never_given_out),
        TEST(test_damage_in_large_records_is_found),
        TEST(test_header_is_read_without_its_body),
        TEST(test_large_messages_unpacked_at_once_are_bounded),
        TEST(test_torn_tail_is_cut_off),
        TEST(test_holes_behind_the_mark_become_fillers),
        TEST(test_damage_before_the_mark_is_left_as_it_is),
        TEST(test_whole_records_behind_a_torn_one_stay),
        TEST(test_places_that_were_lost_are_not_filled_again),
        TEST(test_full_pack_is_followed_by_another),
        TEST(test_scan_tells_what_each_record_is),
        TEST(test_scan_goes_on_behind_damage),
        TEST(test_scan_is_not_fooled_by_a_record_inside_a_message),
        TEST(test_moved_record_is_the_same_and_its_pack_can_go),
        TEST(test_turned_pack_can_be_dropped_and_its_number_is_not_used_again),
        TEST(test_damaged_record_is_not_moved),
        TEST(test_many_packs_keep_few_descriptors),
        TEST(test_foreign_files_are_left_alone),
    };
    return cmocka_run_group_tests_name("packs", tests, NULL, NULL);
}
