/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/submount.h"
#include "base/mem.h"
#include "fs/spec.h"

#include <libmount/libmount.h>
#include <stdio.h>

#define FSTAB_MAX (1u << 20)

/* Outer before inner. Places that hold configuration, the kernel, keys or logs; data directories
 * of applications are nobody's business here. */
static const char *const targets[] = { "/usr", "/boot",	   "/boot/efi", "/efi",
				       "/var", "/var/log", "/home",	"/root" };

/* A line that cannot be parsed is the business of a check, not a reason to see less. */
static int skip_bad_line(struct libmnt_table *table, const char *name, int line)
{
	(void)table;
	(void)name;
	(void)line;
	return 1;
}

static struct libmnt_table *read_fstab(struct tree *tree, struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;
	struct libmnt_table *table;
	FILE *stream;

	if (tree_read(tree, "/etc/fstab", FSTAB_MAX, &text, err) < 0)
		return NULL;
	table = mnt_new_table();
	if (!table)
		abort();
	mnt_table_set_parser_errcb(table, skip_bad_line);
	stream = text.len ? fmemopen(text.s, text.len, "r") : NULL;
	if (stream) {
		(void)mnt_table_parse_stream(table, stream, "fstab");
		fclose(stream);
	}
	return table;
}

/* Device names: only the first disk has one that means something, and only the number of the
 * partition counts. */
static const struct disk_fs *by_kernel_name(const struct disks *disks, const struct spec *spec)
{
	static const char *const firsts[] = { "nvme0n1", "xvda", "sda", "vda", "hda" };
	bool is_first = false;

	for (size_t i = 0; spec->disk && i < ARRAY_LEN(firsts); i++)
		is_first |= str_eq(spec->disk, firsts[i]);
	for (size_t i = 0; is_first && i < disks->count; i++)
		if (str_eq(disks->items[i].disk, disks->items[0].disk) &&
		    disks->items[i].partition == spec->partition)
			return &disks->items[i];
	return NULL;
}

static bool find_row(const struct disks *disks, struct libmnt_fs *line, size_t *ret)
{
	const char *source = mnt_fs_get_srcpath(line), *tag, *value;
	cleanup(free) char *text = NULL;
	cleanup(spec_done) struct spec spec = { 0 };
	struct spec_matches matches = { 0 };
	const struct disk_fs *found;

	/* libmount has taken the quotes off a tag's value. */
	if (!mnt_fs_get_tag(line, &tag, &value))
		text = mem_printf("%s=%s", tag, value);
	else
		text = mem_strdup(source ? source : "");
	spec_parse(text, &spec);
	spec_find(disks, &spec, &matches);
	found = matches.count ? matches.items[0] : NULL;
	vec_done(&matches);
	if (spec.kind == SPEC_KERNEL)
		found = by_kernel_name(disks, &spec);
	if (!found || !found->type)
		return false;
	*ret = (size_t)(found - disks->items);
	return true;
}

static void subvol_of(struct libmnt_fs *line, char **ret_subvol, uint64_t *ret_id)
{
	char *value = NULL;
	size_t len = 0;

	if (!mnt_fs_get_option(line, "subvol", &value, &len) && value) {
		while (len && *value == '/') {
			value++;
			len--;
		}
		*ret_subvol = mem_strndup(value, len);
	} else if (!mnt_fs_get_option(line, "subvolid", &value, &len) && value && len < 20) {
		*ret_id = strtoull(value, NULL, 10);
	}
}

/* Kernel file systems without a disk behind them, network file systems, overlays. */
static bool is_ours(struct libmnt_fs *line)
{
	const char *type = mnt_fs_get_fstype(line);

	return !mnt_fs_is_pseudofs(line) && !mnt_fs_is_netfs(line) && !mnt_fs_is_swaparea(line) &&
	       !(type && (str_eq(type, "overlay") || str_eq(type, "none")));
}

static void take_line(struct libmnt_fs *line, const char *target, const struct disks *disks,
		      struct submounts *ret, struct tree_names *warnings)
{
	struct submount submount = { 0 };

	if (!is_ours(line))
		return;
	if (!find_row(disks, line, &submount.row)) {
		cleanup(str_done) struct str source = STR_INIT;
		const char *text = mnt_fs_get_source(line);

		str_add_escaped(&source, text ? text : "", text ? strlen(text) : 0);
		vec_push(warnings,
			 mem_printf("%s: %s of its fstab line is not among the disks that were "
				    "given; what is below it is not seen",
				    target, source.s));
		return;
	}
	submount.target = mem_strdup(target);
	subvol_of(line, &submount.subvol, &submount.subvol_id);
	vec_push(ret, submount);
}

void submounts_find(struct tree *tree, const struct disks *disks, struct submounts *ret,
		    struct tree_names *warnings)
{
	struct err err = ERR_INIT;
	struct libmnt_table *table = read_fstab(tree, &err);

	if (!table) {
		if (err.code != ERR_NOTFOUND)
			vec_push(warnings,
				 mem_printf("%s; separate file systems are not seen", err.text));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		struct libmnt_fs *line =
			mnt_table_find_target(table, targets[i], MNT_ITER_BACKWARD);

		if (line)
			take_line(line, targets[i], disks, ret, warnings);
	}
	mnt_unref_table(table);
}

void submounts_root_subvol(struct tree *tree, char **ret_subvol, uint64_t *ret_id)
{
	struct err ignored;
	struct libmnt_table *table = read_fstab(tree, &ignored);
	struct libmnt_fs *line =
		table ? mnt_table_find_target(table, "/", MNT_ITER_BACKWARD) : NULL;

	if (line)
		subvol_of(line, ret_subvol, ret_id);
	mnt_unref_table(table);
}

void submounts_done(struct submounts *submounts)
{
	vec_foreach (submount, submounts) {
		free(submount->target);
		free(submount->subvol);
	}
	vec_done(submounts);
}
