/*
 * Bytes as a pack file: opened (which looks for the tail), scanned, and every record that the scan finds
 * read.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The account id of the dictionary's records: "ACCTACCT". */
static const struct account_id account = {UINT64_C(0x5443434154434341)};
static const char file_name[] = "accounts/54/5443434154434341/packs/00000001.pack";

struct fuzz {
    struct packs *packs;
    uint64_t expected; /* where the next record must begin: the scan leaves nothing out */
};

static enum err each(void *context, const struct pack_scan *scan, struct error *error)
{
    struct fuzz *fuzz = context;
    must(scan->place.offset == fuzz->expected && scan->place.length > 0);
    fuzz->expected += scan->place.length;
    for (int part = 0; part < 2; part++) {
        CLEANUP(content_release) struct content content = {0};
        enum err code = packs_read(fuzz->packs, scan->place, scan->record.object,
                                   part == 0 ? CONTENT_WHOLE : CONTENT_HEADER, &content, error);
        must(code != ERR_OK || content.header_n <= content.whole.n);
        /* Touch every byte given out. */
        volatile unsigned char sum = 0;
        for (size_t i = 0; code == ERR_OK && i < content.whole.n; i++)
            sum = (unsigned char)(sum + (unsigned char)content.whole.p[i]);
    }
    return ERR_OK;
}

/* One volume for the whole run. */
static struct volume *fuzz_volume(void)
{
    static struct volume *volume;
    if (volume == NULL) {
        static char path[] = "/tmp/pack-fuzz-XXXXXX";
        struct error error;
        must(mkdtemp(path) != NULL);
        must(volume_open_local(path, &volume, &error) == ERR_OK);
        must(volume_directory_make(volume, "accounts/54/5443434154434341/packs", &error) == ERR_OK);
    }
    return volume;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct volume *volume = fuzz_volume();
    struct error error;
    CLEANUP(fd_close) int fd = -1;
    must(volume_file_open(volume, file_name, false, &fd, &error) == ERR_OK ||
         volume_file_open(volume, file_name, true, &fd, &error) == ERR_OK);
    must(ftruncate(fd, 0) == 0);
    must(fd_pwrite_all(fd, slice_of(data, size), 0, &error) == ERR_OK);
    struct fuzz fuzz = {0};
    /* As after a crash, and with a mark that lies anywhere. */
    struct pack_mark mark = {.pack = 1, .offset = size > 0 ? data[0] : 0};
    must(packs_open(volume, account, mark, &fuzz.packs, &error) == ERR_OK);
    must(packs_scan(fuzz.packs, size % 2 == 0, each, &fuzz, &error) == ERR_OK);
    packs_close(fuzz.packs);
    return 0;
}
