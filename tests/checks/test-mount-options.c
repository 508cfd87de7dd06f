/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/mount_options.c beside the running kernel: what we say every kernel refuses, this one must
 * refuse. fsopen(2) and fsconfig(2) judge an option without any device. */
#include "checks/mount_options.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/syscall.h>

static unsigned tests_run, tests_failed, types_compared;

/* 1 taken, 0 refused, -1 the kernel does not have the file system, or will not say. */
static int kernel_takes(const char *type, const struct fstab_option *option)
{
	cleanup(fd_close) int fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	cleanup(free) char *name = mem_strndup(option->name, option->name_len);
	cleanup(free) char *value =
		option->value ? mem_strndup(option->value, option->value_len) : NULL;
	long rc;

	if (fd < 0)
		return -1;
	rc = syscall(SYS_fsconfig, fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, name, value,
		     0);
	return !rc ? 1 : errno == EINVAL ? 0 : -1;
}

/* One way to write a row: with its first value, or "1". */
static char *write_row(const char *row)
{
	size_t len = strcspn(row, "=[");
	const char *tail = row + len;

	if (*tail != '=')
		return mem_strndup(row, len);
	if (tail[1] == '#')
		return mem_printf("%.*s=%s", (int)len, row, tail[2] == 's' ? "64k" : "0755");
	return tail[1] ? mem_printf("%.*s", (int)strcspn(row, "|"), row) : mem_printf("%s1", row);
}

static void compare(const char *type, const char *text, struct str *why)
{
	struct fstab_option option;
	uint32_t version;
	const char *at = text;

	if (!fstab_option_next(&at, &option))
		return;
	if (mount_option_judge(type, &option, &version) == OPTION_REFUSED &&
	    kernel_takes(type, &option) == 1)
		str_addf(why, "%s ", text);
}

/* Options of every table, and slips. */
static void judge_type(const char *type)
{
	static const char *const from[] = { "ext4", "xfs", "btrfs", "vfat", "tmpfs" };
	static const char *const slips[] = {
		"noatme",     "defualts", "noexecc",	 "errors=remount-rw",
		"data=foo",   "sizee=1G", "sw",		 "relatme",
		"noauto_dax", "rww",	  "subvol",	 "commit",
		"discard=x",  "no",	  "compres=zstd"
	};
	cleanup(str_done) struct str why = STR_INIT;
	struct fstab_option probe = { .name = "acl", .name_len = 3 };
	unsigned compared = 0;

	/* Not every kernel has every type; without privilege it has none. */
	if (kernel_takes(type, &probe) < 0) {
		printf("# fsopen of %s: %s\n", type, strerror(errno));
		return;
	}
	tests_run++;
	types_compared++;
	for (size_t i = 0; i < ARRAY_LEN(from); i++)
		for (const char *const *row = mount_option_table(from[i]); *row; row++) {
			cleanup(free) char *text = write_row(*row);

			compare(type, text, &why);
			compared++;
		}
	for (size_t i = 0; i < ARRAY_LEN(slips); i++, compared++)
		compare(type, slips[i], &why);
	tests_failed += why.len > 0;
	printf("%sok %u - %s: of %u options the kernel takes none that we say is refused\n",
	       why.len ? "not " : "", tests_run, type, compared);
	if (why.len)
		printf("#   the kernel takes: %s\n", why.s);
}

/* Every row's own writing is taken by its table. */
static void judge_table(const char *type)
{
	bool ok = true;

	for (const char *const *row = mount_option_table(type); *row; row++) {
		cleanup(free) char *text = write_row(*row);
		struct fstab_option option;
		const char *at = text;
		uint32_t version;

		ok &= fstab_option_next(&at, &option) &&
		      mount_option_judge(type, &option, &version) == OPTION_TAKEN;
	}
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s takes its own rows\n", ok ? "" : "not ", tests_run, type);
}

int main(void)
{
	static const char *const types[] = {
		"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "tmpfs"
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		judge_table(types[i]);
		judge_type(types[i]);
	}
	if (!types_compared)
		printf("ok %u - beside the kernel # SKIP fsopen: %s\n", ++tests_run,
		       strerror(errno));
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
