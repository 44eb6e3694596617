/* SPDX-License-Identifier: MIT */
/*
 * httpd: serves the files of a tar archive, which is its first disk as it stands (tar cf DISK FILE…), over HTTP on port
 * 80: lwIP's server, with files read from the disk as they are sent. Command line: as netstack.h, and disk=N. Ends when
 * the toolstack ends it.
 */
#include "netstack.h"

#include <front/blk.h>

#include <lwip/apps/fs.h>
#include <lwip/apps/httpd.h>

#define NR_FILES    512U
#define NR_OPEN     32U
#define CHUNK_PAGES 16U
#define CHUNK       (CHUNK_PAGES * PAGE_SIZE)
#define NAME_LEN    100U

struct entry {
    char name[NAME_LEN + 2]; /* with a slash before it */
    uint64_t sector, size;
};

/* A file being sent, and the part of it that is in memory. */
struct open_file {
    const struct entry *entry;
    uint8_t *buf;
    uint64_t at;
    uint32_t len;
    struct blk_io io;
    struct blk_vec vec;
    fs_wait_cb done;
    void *arg;
    bool used, reading, failed;
};

static struct blk_device disk;
static struct entry entries[NR_FILES];
static unsigned int nr_entries;
static struct open_file files[NR_OPEN];

static bool read_ended(void *arg) { return !((struct open_file *)arg)->reading; }

static void on_read(struct blk_io *io)
{
    struct open_file *f = io->arg;
    fs_wait_cb done = f->done;

    f->reading = false;
    f->failed = io->error != 0;
    f->done = NULL;
    if (done)
        done(f->arg);
}

/* Starts reading what is at this offset of the disk: whole blocks around it, as far as the disk and a chunk go. */
static void read_at(struct open_file *f, uint64_t offset)
{
    uint64_t unit = disk.info.sector_size, end = disk.info.sectors * BLK_SECTOR;

    f->at = offset / unit * unit;
    f->len = (uint32_t)(f->at >= end ? 0 : end - f->at < CHUNK ? end - f->at : CHUNK);
    f->vec = (struct blk_vec){f->buf, f->len};
    f->io = (struct blk_io){
        .op = BLK_READ, .sector = f->at / BLK_SECTOR, .vec = &f->vec, .vecs = 1, .done = on_read, .arg = f};
    f->reading = true;
    f->failed = false;
    if (blk_submit(&disk, 0, &f->io)) {
        f->reading = false;
        f->failed = true;
    }
}

static bool in_memory(const struct open_file *f, uint64_t offset)
{
    return !f->reading && !f->failed && offset >= f->at && offset < f->at + f->len;
}

/* lwIP's server asks for files by these. */

int fs_open_custom(struct fs_file *file, const char *name)
{
    for (unsigned int i = 0; i < nr_entries; i++) {
        if (strcmp(entries[i].name, name))
            continue;
        for (unsigned int k = 0; k < NR_OPEN; k++) {
            if (files[k].used || files[k].reading)
                continue;
            files[k].used = true;
            files[k].len = 0;
            files[k].entry = &entries[i];
            *file = (struct fs_file){.len = (int)entries[i].size, .pextension = &files[k]};
            return 1;
        }
        return 0;
    }
    return 0;
}

void fs_close_custom(struct fs_file *file)
{
    struct open_file *f = file->pextension;

    f->used = false;
    f->done = NULL;
}

u8_t fs_canread_custom(struct fs_file *file)
{
    struct open_file *f = file->pextension;

    return !f->reading;
}

u8_t fs_wait_read_custom(struct fs_file *file, fs_wait_cb done, void *arg)
{
    struct open_file *f = file->pextension;

    f->done = done;
    f->arg = arg;
    return 1;
}

int fs_read_async_custom(struct fs_file *file, char *buffer, int count, fs_wait_cb done, void *arg)
{
    struct open_file *f = file->pextension;
    uint64_t offset = f->entry->sector * BLK_SECTOR + (uint64_t)file->index, n;

    if (f->failed)
        return FS_READ_EOF;
    if (!in_memory(f, offset)) {
        if (!f->reading)
            read_at(f, offset);
        if (f->failed)
            return FS_READ_EOF;
        fs_wait_read_custom(file, done, arg);
        return FS_READ_DELAYED;
    }
    n = f->at + f->len - offset;
    n = LWIP_MIN(n, (uint64_t)(file->len - file->index));
    n = LWIP_MIN(n, (uint64_t)count);
    memcpy(buffer, f->buf + (offset - f->at), n);
    file->index += (int)n;
    return (int)n;
}

static void poll_disk(void) { blk_poll(&disk, 0); }

static bool disk_pending(void) { return blk_pending(&disk, 0); }

/* A number of a tar header: octal digits, or fewer. */
static uint64_t octal(const char *p, size_t len)
{
    uint64_t n = 0;

    for (; len && *p == ' '; len--)
        p++;
    for (; len && *p >= '0' && *p <= '7'; p++, len--)
        n = n * 8 + (uint64_t)(*p - '0');
    return n;
}

static void add_entry(const char *header, uint64_t sector, uint64_t size)
{
    struct entry *e = &entries[nr_entries];
    size_t skip = header[0] == '.' && header[1] == '/' ? 2 : 0, n = 0;

    if ((header[156] != '0' && header[156]) || nr_entries == NR_FILES || size > 0x7fffffff)
        return;
    while (n < NAME_LEN - skip && header[skip + n])
        n++;
    e->name[0] = '/';
    memcpy(e->name + 1, header + skip, n);
    e->name[n + 1] = 0;
    e->sector = sector;
    e->size = size;
    nr_entries++;
}

/* The archive's headers: ustar, names up to 100 bytes. */
static void read_index(void)
{
    struct open_file *f = &files[0];
    uint64_t sector = 0;

    while (sector < disk.info.sectors) {
        const char *header;
        uint64_t size;

        if (!in_memory(f, sector * BLK_SECTOR)) {
            read_at(f, sector * BLK_SECTOR);
            netstack_run(read_ended, f, time_now() + 30000000000UL);
        }
        if (f->failed || f->reading)
            panic("httpd: the disk cannot be read at sector %lu", sector);
        header = (const char *)f->buf + (sector * BLK_SECTOR - f->at);
        if (memcmp(header + 257, "ustar", 5))
            break;
        size = octal(header + 124, 12);
        add_entry(header, sector + 1, size);
        sector += 1 + (size + BLK_SECTOR - 1) / BLK_SECTOR;
    }
    if (!nr_entries)
        panic("httpd: the disk is no tar archive with files");
}

static bool never(void *arg) { return (void)arg, false; }

void main(void)
{
    struct blk_config config = BLK_CONFIG_ALL;
    unsigned int ids[16], which = (unsigned int)option("disk", 0);
    int n;

    control_init();
    n = xenbus_scan("vbd", ids, ARRAY_SIZE(ids));
    if (n <= (int)which)
        panic("httpd: no disk %u, there are %d", which, n);
    config.queues = 1;
    n = blk_open(&disk, ids[which], &config);
    if (!n)
        n = blk_wait(&disk, time_now() + 30000000000UL);
    if (n)
        panic("httpd: disk %u does not connect: %d", ids[which], n);
    for (unsigned int i = 0; i < NR_OPEN; i++)
        if (!(files[i].buf = pages_alloc(CHUNK_PAGES)))
            panic("httpd: no memory");
    netstack_poll_also(poll_disk, disk_pending);
    netstack_init();
    read_index();
    httpd_init();
    print("HTTPD serving %u files\n", nr_entries);
    netstack_run(never, NULL, ~0UL);
}
