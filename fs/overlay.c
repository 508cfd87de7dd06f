/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/overlay.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#define MAP_BITS      64u
#define WORDS_A_GROUP 512u /* one page of the map; it covers 128 MiB of the volume */

/* The map is one bit a granule. In front of it is one byte a page of the map, set before a bit of
 * that page is, so that pages of a large volume's map in which nothing happened are never touched
 * and cost no memory. */
struct overlay {
	struct source *source;
	void *shared;
	size_t shared_bytes;
	_Atomic uint8_t *groups;
	_Atomic uint64_t *map;
	uint64_t words;
	int data_fd;
};

static int open_data(const char *work_dir, uint64_t size, struct err *err)
{
	int fd = open(work_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0) { /* not every file system has O_TMPFILE */
		cleanup(free) char *path = mem_printf("%s/overlay.XXXXXX", work_dir);

		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return err_errno(err, errno, "%s: no file could be made for the overlay", work_dir);
	if (ftruncate(fd, (off_t)size) < 0) {
		err_errno(err, errno,
			  "%s: its file system cannot hold a sparse file of %llu bytes; name "
			  "another with TMPDIR or --state-dir",
			  work_dir, (unsigned long long)size);
		close(fd);
		return -1;
	}
	return fd;
}

int overlay_open(struct source *source, const char *work_dir, struct overlay **ret, struct err *err)
{
	uint64_t granules = (source->size_bytes + OVERLAY_GRANULE - 1) / OVERLAY_GRANULE;
	uint64_t words = (granules + MAP_BITS - 1) / MAP_BITS;
	uint64_t groups = (words + WORDS_A_GROUP - 1) / WORDS_A_GROUP;
	size_t groups_bytes = (size_t)(groups + 4095) / 4096 * 4096;
	size_t shared_bytes = groups_bytes + (size_t)words * sizeof(uint64_t);
	int fd = open_data(work_dir, source->size_bytes, err);
	void *shared;

	if (fd < 0)
		return -1;
	/* Anonymous shared memory: survives fork, is sparse, has no name to leave behind. */
	shared = mmap(NULL, shared_bytes, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shared == MAP_FAILED) {
		close(fd);
		return err_errno(err, errno, "%zu bytes of memory for the overlay", shared_bytes);
	}
	*ret = mem_alloc(sizeof(**ret));
	**ret = (struct overlay){ .source = source,
				  .shared = shared,
				  .shared_bytes = shared_bytes,
				  .groups = shared,
				  .map = (void *)((char *)shared + groups_bytes),
				  .words = words,
				  .data_fd = fd };
	return 0;
}

void overlay_close(struct overlay *overlay)
{
	if (!overlay)
		return;
	munmap(overlay->shared, overlay->shared_bytes);
	close(overlay->data_fd);
	free(overlay);
}

struct source *overlay_source(const struct overlay *overlay)
{
	return overlay->source;
}

uint64_t overlay_size(const struct overlay *overlay)
{
	return overlay->source->size_bytes;
}

static uint64_t map_word(const struct overlay *overlay, uint64_t word)
{
	if (!atomic_load_explicit(&overlay->groups[word / WORDS_A_GROUP], memory_order_acquire))
		return 0;
	return atomic_load_explicit(&overlay->map[word], memory_order_acquire);
}

static bool is_changed(const struct overlay *overlay, uint64_t granule)
{
	return map_word(overlay, granule / MAP_BITS) >> granule % MAP_BITS & 1;
}

static void set_changed(struct overlay *overlay, uint64_t granule)
{
	uint64_t word = granule / MAP_BITS;

	atomic_store_explicit(&overlay->groups[word / WORDS_A_GROUP], 1, memory_order_release);
	atomic_fetch_or_explicit(&overlay->map[word], 1ULL << granule % MAP_BITS,
				 memory_order_release);
}

/* How many bytes from offset on, at most len, are all changed or all unchanged? */
static size_t run_length(const struct overlay *overlay, uint64_t offset, size_t len, bool *ret)
{
	uint64_t granule = offset / OVERLAY_GRANULE;
	uint64_t run = OVERLAY_GRANULE - offset % OVERLAY_GRANULE;

	*ret = is_changed(overlay, granule);
	while (run < len && is_changed(overlay, ++granule) == *ret)
		run += OVERLAY_GRANULE;
	return run < len ? (size_t)run : len;
}

static int check_range(const struct overlay *overlay, size_t len, uint64_t offset, struct err *err)
{
	uint64_t size = overlay->source->size_bytes;

	if (offset > size || len > size - offset)
		return err_set(err, ERR_IO, "%s: byte %llu is past its end", overlay->source->name,
			       (unsigned long long)offset + len);
	return 0;
}

int overlay_pread(struct overlay *overlay, void *data, size_t len, uint64_t offset, struct err *err)
{
	if (check_range(overlay, len, offset, err) < 0)
		return -1;
	while (len) {
		bool changed;
		size_t run = run_length(overlay, offset, len, &changed);

		if (!changed && source_pread(overlay->source, data, run, offset, err) < 0)
			return -1;
		if (changed && fd_pread_all(overlay->data_fd, data, run, offset) < 0)
			return err_errno(err, errno, "%s: reading the overlay",
					 overlay->source->name);
		data = (char *)data + run;
		offset += run;
		len -= run;
	}
	return 0;
}

/* Before a write that covers the granule only in part: brings the rest of it over. */
static int copy_up(struct overlay *overlay, uint64_t granule, struct err *err)
{
	uint64_t start = granule * OVERLAY_GRANULE, left = overlay->source->size_bytes - start;
	size_t len = left < OVERLAY_GRANULE ? (size_t)left : OVERLAY_GRANULE;
	char bytes[OVERLAY_GRANULE];

	if (is_changed(overlay, granule))
		return 0;
	if (source_pread(overlay->source, bytes, len, start, err) < 0)
		return -1;
	if (fd_pwrite_all(overlay->data_fd, bytes, len, start) < 0)
		return err_errno(err, errno, "writing the overlay of %s", overlay->source->name);
	return 0;
}

int overlay_pwrite(struct overlay *overlay, const void *data, size_t len, uint64_t offset,
		   struct err *err)
{
	uint64_t end = offset + len;
	uint64_t first = offset / OVERLAY_GRANULE;
	uint64_t last = len ? (end - 1) / OVERLAY_GRANULE : first;
	bool tail_partial = end % OVERLAY_GRANULE && end != overlay->source->size_bytes;

	if (check_range(overlay, len, offset, err) < 0)
		return -1;
	if (!len)
		return 0;
	if (offset % OVERLAY_GRANULE && copy_up(overlay, first, err) < 0)
		return -1;
	if (tail_partial && (last != first || !(offset % OVERLAY_GRANULE)) &&
	    copy_up(overlay, last, err) < 0)
		return -1;
	if (fd_pwrite_all(overlay->data_fd, data, len, offset) < 0)
		return err_errno(err, errno, "writing the overlay of %s", overlay->source->name);
	for (uint64_t granule = first; granule <= last; granule++)
		set_changed(overlay, granule);
	return 0;
}

/* The first word of the map at or after `word` that is not zero; overlay->words: none. */
static uint64_t next_word(const struct overlay *overlay, uint64_t word)
{
	while (word < overlay->words && !map_word(overlay, word))
		word = atomic_load_explicit(&overlay->groups[word / WORDS_A_GROUP],
					    memory_order_acquire)
			       ? word + 1
			       : (word / WORDS_A_GROUP + 1) * WORDS_A_GROUP;
	return word < overlay->words ? word : overlay->words;
}

uint64_t overlay_next_changed(const struct overlay *overlay, uint64_t granule)
{
	uint64_t word = granule / MAP_BITS, bits;

	if (word >= overlay->words)
		return UINT64_MAX;
	bits = map_word(overlay, word) & ~0ULL << granule % MAP_BITS;
	if (!bits) {
		word = next_word(overlay, word + 1);
		if (word == overlay->words)
			return UINT64_MAX;
		bits = map_word(overlay, word);
	}
	return word * MAP_BITS + (uint64_t)__builtin_ctzll(bits);
}

uint64_t overlay_changed_count(const struct overlay *overlay)
{
	uint64_t count = 0;

	for (uint64_t i = next_word(overlay, 0); i < overlay->words; i = next_word(overlay, i + 1))
		count += (uint64_t)__builtin_popcountll(map_word(overlay, i));
	return count;
}

bool overlay_is_changed(const struct overlay *overlay, uint64_t offset, uint64_t size)
{
	uint64_t next = overlay_next_changed(overlay, offset / OVERLAY_GRANULE);

	return next != UINT64_MAX && next * OVERLAY_GRANULE < offset + size;
}

void overlay_reset(struct overlay *overlay)
{
	for (uint64_t i = next_word(overlay, 0); i < overlay->words; i = next_word(overlay, i + 1))
		atomic_store_explicit(&overlay->map[i], 0, memory_order_release);
}
