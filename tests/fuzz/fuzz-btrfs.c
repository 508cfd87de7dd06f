/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of subvolumes, as a kernel on a hostile btrfs may hand it out: ioctl(2) is this file's. */
#include "fs/btrfs.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <stdarg.h>
#include <sys/ioctl.h>

static struct fuzz_input in;

static int search(struct btrfs_ioctl_search_args *args)
{
	size_t len;

	if (!in.size)
		return args->key.nr_items = 0, 0;
	args->key.nr_items = fuzz_byte(&in);
	len = (size_t)16 * fuzz_byte(&in);
	if (len > sizeof(args->buf))
		len = sizeof(args->buf);
	if (len > in.size)
		len = in.size;
	memset(args->buf, 0, sizeof(args->buf));
	memcpy(args->buf, in.data, len);
	in.data += len;
	in.size -= len;
	return 0;
}

static int look_up(struct btrfs_ioctl_ino_lookup_args *args)
{
	if (args->objectid & 1 << 7)
		return errno = ENOENT, -1;
	memset(args->name, 0, sizeof(args->name));
	if (args->objectid & 1)
		memset(args->name, 'x', args->objectid & 2 ? sizeof(args->name) : 3);
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	(void)fd;
	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	switch (request) {
	case BTRFS_IOC_TREE_SEARCH:
		return search(arg);
	case BTRFS_IOC_INO_LOOKUP:
		return look_up(arg);
	default:
		return errno = ENOTTY, -1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup(btrfs_subvols_done) struct btrfs_subvols subvols = { 0 };
	uint64_t main_subvol;
	struct err err = ERR_INIT;

	in = (struct fuzz_input){ data, size };
	if (btrfs_list(0, &subvols, &main_subvol, &err) < 0)
		fuzz_printable("an error", err.text, false);
	else if (!subvols.count || subvols.items[0].id != BTRFS_TOP)
		fuzz_broken("no top level");
	return 0;
}
