/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/submount.h"
#include "base/mem.h"
#include "fs/fstab.h"
#include "fs/spec.h"

#include <stdio.h>

#define FSTAB_MAX (1u << 20)

/* Outer before inner. Places that hold configuration, the kernel, keys or logs; data directories
 * of applications are nobody's business here. */
static const char *const targets[] = { "/usr", "/boot",	   "/boot/efi", "/efi",
				       "/var", "/var/log", "/home",	"/root" };

/* "/boot/" is "/boot". */
static bool is_place(const char *path, const char *target)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len == strlen(target) && !memcmp(path, target, len);
}

/* The last line for a place that mount(8) takes; NULL: none. A line that cannot be parsed is the
 * business of a check, not a reason to see less. */
static const struct fstab_entry *line_for(const struct fstab *fstab, const char *target)
{
	const struct fstab_entry *found = NULL;

	vec_foreach (entry, fstab)
		if (!entry->rejected && is_place(entry->field[FSTAB_FILE], target))
			found = entry;
	return found;
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

static bool find_row(const struct disks *disks, const struct spec *spec, size_t *ret)
{
	struct spec_matches matches = { 0 };
	const struct disk_fs *found;

	spec_find(disks, spec, &matches);
	found = matches.count ? matches.items[0] : NULL;
	vec_done(&matches);
	if (spec->kind == SPEC_KERNEL)
		found = by_kernel_name(disks, spec);
	if (!found || !found->type)
		return false;
	*ret = (size_t)(found - disks->items);
	return true;
}

static void subvol_of(const struct fstab_entry *line, char **ret_subvol, uint64_t *ret_id)
{
	const char *options = line->field[FSTAB_OPTS];
	struct fstab_option option;

	if (fstab_option_find(options, "subvol", &option) && option.value) {
		while (option.value_len && *option.value == '/') {
			option.value++;
			option.value_len--;
		}
		*ret_subvol = mem_strndup(option.value, option.value_len);
	} else if (fstab_option_find(options, "subvolid", &option) && option.value &&
		   option.value_len < 20) {
		*ret_id = strtoull(option.value, NULL, 10);
	}
}

static void take_line(const struct fstab_entry *line, const char *target, const struct disks *disks,
		      struct submounts *ret, struct tree_names *warnings)
{
	struct submount submount = { 0 };
	cleanup(spec_done) struct spec spec = { 0 };
	const char *text = line->field[FSTAB_SPEC];

	spec_parse(text, &spec);
	if (spec.kind == SPEC_PATH || spec.kind == SPEC_OTHER)
		return; /* a bind mount, a file system of the kernel or of the network */
	if (!find_row(disks, &spec, &submount.row)) {
		cleanup(str_done) struct str source = STR_INIT;

		str_add_escaped(&source, text, strlen(text));
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
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(fstab_done) struct fstab fstab = { 0 };
	struct err err = ERR_INIT;

	if (tree_read(tree, "/etc/fstab", FSTAB_MAX, &text, &err) < 0) {
		if (err.code != ERR_NOTFOUND)
			vec_push(warnings,
				 mem_printf("%s; separate file systems are not seen", err.text));
		return;
	}
	fstab_parse(&text, &fstab);
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		const struct fstab_entry *line = line_for(&fstab, targets[i]);

		if (line)
			take_line(line, targets[i], disks, ret, warnings);
	}
}

void submounts_root_subvol(struct tree *tree, char **ret_subvol, uint64_t *ret_id)
{
	cleanup(str_done) struct str text = STR_INIT;
	cleanup(fstab_done) struct fstab fstab = { 0 };
	const struct fstab_entry *line;
	struct err ignored;

	if (tree_read(tree, "/etc/fstab", FSTAB_MAX, &text, &ignored) < 0)
		return;
	fstab_parse(&text, &fstab);
	line = line_for(&fstab, "/");
	if (line)
		subvol_of(line, ret_subvol, ret_id);
}

void submounts_done(struct submounts *submounts)
{
	vec_foreach (submount, submounts) {
		free(submount->target);
		free(submount->subvol);
	}
	vec_done(submounts);
}
