/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/disk.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <sys/mman.h>

#define SECTOR	    512u
#define SECTORS_MAX (64u << 11) /* 64 MiB */

static int memory = -1;

static int disk_pread(void *private, void *data, size_t len, uint64_t offset, struct err *err)
{
	(void)private;
	return fd_pread_all(memory, data, len, offset) < 0 ? err_errno(err, errno, "reading") : 0;
}

static int disk_descriptor(void *private)
{
	(void)private;
	return memory;
}

static const struct source_ops disk_ops = {
	.pread = disk_pread,
	.descriptor = disk_descriptor,
};

static void fill(struct fuzz_input *in, uint64_t size)
{
	if (memory < 0)
		memory = memfd_create("disk", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, 0) < 0 || ftruncate(memory, (off_t)size) < 0)
		fuzz_broken("no memory for a disk");
	while (in->size > 6) {
		uint64_t at = (uint64_t)fuzz_u32(in) * SECTOR;
		size_t len = fuzz_byte(in);

		len = (len | (size_t)fuzz_byte(in) << 8) * SECTOR;
		if (len > in->size)
			len = in->size;
		if (at < size &&
		    fd_pwrite_all(memory, in->data, len < size - at ? len : size - at, at) < 0)
			fuzz_broken("a disk could not be filled");
		in->data += len;
		in->size -= len;
	}
}

struct overlay *fuzz_disk(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint32_t sectors = fuzz_u32(&in) % (SECTORS_MAX + 1);
	struct overlay *overlay;
	struct source *source;
	struct err err;

	if (!sectors)
		return NULL;
	fill(&in, (uint64_t)sectors * SECTOR);
	source = source_new(&disk_ops, NULL, "disk", (uint64_t)sectors * SECTOR);
	if (overlay_open(source, fuzz_dir(), &overlay, &err) < 0)
		fuzz_broken("%s", err.text);
	return overlay;
}

void fuzz_disk_close(struct overlay *overlay)
{
	struct source *source;

	if (!overlay)
		return;
	source = overlay_source(overlay);
	overlay_close(overlay);
	source_close(source);
}
