/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ext2io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES  4096u
#define LINES_LOG2  8
#define LINES	    (1u << LINES_LOG2) /* 1 MiB; libext2fs itself keeps only a few inodes */
#define CACHED_UPTO (4ul * LINE_BYTES) /* longer transfers are file contents, read once */

#define NAMES	     512u
#define NAME_LONGEST 47u

/* An entry of a directory that was found before. */
struct known_name {
	ext2_ino_t dir, ino; /* dir 0: none */
	char name[NAME_LONGEST + 1];
};

struct window {
	struct known_name names[NAMES];
	struct overlay *overlay;
	uint64_t offset_bytes, size_bytes;
	uint64_t tags[LINES]; /* number of the line + 1; 0: empty */
	char *lines[LINES];   /* NULL until it is needed for the first time */
};

/* What the next io_manager open is about. libext2fs passes only a name through ext2fs_open2. */
static struct window *opening;

static struct struct_io_manager window_manager;

static struct window *window_of(io_channel channel)
{
	return channel->private_data;
}

static errcode_t window_open(const char *name, int flags, io_channel *ret)
{
	io_channel channel = mem_alloc(sizeof(*channel));

	(void)flags;
	channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	channel->manager = &window_manager;
	channel->name = mem_strdup(name);
	channel->block_size = 1024;
	channel->refcount = 1;
	channel->private_data = opening;
	*ret = channel;
	return 0;
}

static errcode_t window_close(io_channel channel)
{
	struct window *window = window_of(channel);

	if (--channel->refcount > 0)
		return 0;
	for (size_t i = 0; i < LINES; i++)
		free(window->lines[i]);
	free(window);
	free(channel->name);
	free(channel);
	return 0;
}

static errcode_t window_set_block_size(io_channel channel, int block_size)
{
	channel->block_size = block_size;
	return 0;
}

/* libext2fs: a negative count is a number of bytes. Returns false when it is outside. */
static bool range_of(io_channel channel, unsigned long long block, int count, uint64_t *ret_offset,
		     size_t *ret_len)
{
	struct window *window = window_of(channel);
	uint64_t size = (uint64_t)channel->block_size;

	*ret_len = count < 0 ? (size_t)-count : (size_t)count * size;
	return !__builtin_mul_overflow((uint64_t)block, size, ret_offset) &&
	       *ret_offset <= window->size_bytes && *ret_len <= window->size_bytes - *ret_offset;
}

/* Block groups begin at multiples of a power of two: the low bits of the tables that are needed all
 * the time are all the same. */
static size_t slot_of(uint64_t line)
{
	return (size_t)((line * 0x9e3779b97f4a7c15u) >> (64 - LINES_LOG2));
}

static errcode_t read_line(struct window *window, uint64_t line, const char **ret)
{
	size_t slot = slot_of(line);
	uint64_t start = line * LINE_BYTES, left = window->size_bytes - start;
	struct err err = ERR_INIT;

	if (!window->lines[slot])
		window->lines[slot] = mem_alloc(LINE_BYTES);
	*ret = window->lines[slot];
	if (window->tags[slot] == line + 1)
		return 0;
	window->tags[slot] = 0;
	if (overlay_pread(window->overlay, window->lines[slot],
			  left < LINE_BYTES ? (size_t)left : LINE_BYTES,
			  window->offset_bytes + start, &err) < 0) {
		log_debug("ext2", "%s", err.text);
		return EXT2_ET_SHORT_READ;
	}
	window->tags[slot] = line + 1;
	return 0;
}

static errcode_t window_read64(io_channel channel, unsigned long long block, int count, void *data)
{
	struct window *window = window_of(channel);
	struct err err = ERR_INIT;
	uint64_t offset;
	size_t len;

	if (!range_of(channel, block, count, &offset, &len))
		return EXT2_ET_SHORT_READ;
	if (len > CACHED_UPTO)
		return overlay_pread(window->overlay, data, len, window->offset_bytes + offset,
				     &err) < 0
			       ? EXT2_ET_SHORT_READ
			       : 0;
	while (len) {
		size_t inside = offset % LINE_BYTES;
		size_t part = LINE_BYTES - inside < len ? LINE_BYTES - inside : len;
		const char *line;
		errcode_t code = read_line(window, offset / LINE_BYTES, &line);

		if (code)
			return code;
		memcpy(data, line + inside, part);
		data = (char *)data + part;
		offset += part;
		len -= part;
	}
	return 0;
}

static void forget_lines(struct window *window, uint64_t offset, size_t len)
{
	for (uint64_t line = offset / LINE_BYTES; line * LINE_BYTES < offset + len; line++)
		if (window->tags[slot_of(line)] == line + 1)
			window->tags[slot_of(line)] = 0;
}

static errcode_t window_write64(io_channel channel, unsigned long long block, int count,
				const void *data)
{
	struct window *window = window_of(channel);
	struct err err = ERR_INIT;
	uint64_t offset;
	size_t len;

	if (!range_of(channel, block, count, &offset, &len))
		return EXT2_ET_SHORT_WRITE;
	forget_lines(window, offset, len);
	memset(window->names, 0, sizeof(window->names));
	if (overlay_pwrite(window->overlay, data, len, window->offset_bytes + offset, &err) < 0) {
		log_debug("ext2", "%s", err.text);
		return EXT2_ET_SHORT_WRITE;
	}
	return 0;
}

static errcode_t window_read(io_channel channel, unsigned long block, int count, void *data)
{
	return window_read64(channel, block, count, data);
}

static errcode_t window_write(io_channel channel, unsigned long block, int count, const void *data)
{
	return window_write64(channel, block, count, data);
}

static errcode_t window_flush(io_channel channel)
{
	(void)channel;
	return 0; /* write-through, and the overlay needs no sync */
}

/* FNV-1a */
static struct known_name *slot_of_name(ext2_filsys fs, ext2_ino_t dir, const char *name)
{
	uint32_t hash = 2166136261u ^ dir;

	for (const char *p = name; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	return &window_of(fs->io)->names[hash % NAMES];
}

errcode_t ext2io_lookup(ext2_filsys fs, ext2_ino_t dir, const char *name, ext2_ino_t *ret)
{
	struct known_name *known = slot_of_name(fs, dir, name);
	errcode_t code;

	if (known->dir == dir && str_eq(known->name, name)) {
		*ret = known->ino;
		return 0;
	}
	code = ext2fs_lookup(fs, dir, name, (int)strlen(name), NULL, ret);
	if (code || strlen(name) > NAME_LONGEST)
		return code;
	*known = (struct known_name){ .dir = dir, .ino = *ret };
	memcpy(known->name, name, strlen(name));
	return 0;
}

static struct struct_io_manager window_manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "ec2-rescue overlay",
	.open = window_open,
	.close = window_close,
	.set_blksize = window_set_block_size,
	.read_blk = window_read,
	.write_blk = window_write,
	.flush = window_flush,
	.read_blk64 = window_read64,
	.write_blk64 = window_write64,
};

int ext2io_err(struct err *err, errcode_t code, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	initialize_ext2_error_table();
	if (code == EXT2_ET_FILE_NOT_FOUND || code == EXT2_ET_NO_DIRECTORY)
		return err_set(err, ERR_NOTFOUND, "%s: no such file on the volume", what);
	if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL ||
	    code == EXT2_ET_DIR_NO_SPACE)
		return err_set(err, ERR_IO, "%s: no space left on the volume", what);
	return err_set(err, ERR_IO, "%s: %s", what, error_message(code));
}

static int open_err(struct err *err, errcode_t code)
{
	initialize_ext2_error_table();
	if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_RO_UNSUPP_FEATURE)
		return err_set(err, ERR_UNSUPPORTED,
			       "this ext4 uses features that libext2fs here does not know; run as "
			       "root, then the kernel reads it");
	return err_set(err, ERR_DAMAGED,
		       "the ext file system cannot be opened: %s; run e2fsck on "
		       "a copy of the volume first",
		       error_message(code));
}

int ext2io_open(struct overlay *overlay, uint64_t offset_bytes, uint64_t size_bytes,
		enum ext2io_mode mode, ext2_filsys *ret, struct err *err)
{
	int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SOFTSUPP_FEATURES | EXT2_FLAG_SKIP_MMP |
		    (mode == EXT2IO_WRITE ? EXT2_FLAG_RW : 0) |
		    (mode == EXT2IO_RECOVER ? EXT2_FLAG_IGNORE_CSUM_ERRORS : 0);
	errcode_t code;

	opening = mem_alloc(sizeof(*opening));
	*opening = (struct window){ .overlay = overlay,
				    .offset_bytes = offset_bytes,
				    .size_bytes = size_bytes };
	code = ext2fs_open2("overlay", NULL, flags, 0, 0, &window_manager, ret);
	opening = NULL;
	if (code)
		return open_err(err, code);
	/* The kernel leaves the backup superblocks alone; so do we. */
	(*ret)->flags |= EXT2_FLAG_MASTER_SB_ONLY;
	return 0;
}
