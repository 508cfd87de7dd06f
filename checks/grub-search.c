/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_kernels.h"
#include "fs/lines.h"
#include "fs/spec.h"

/* `search --fs-uuid --set=root UUID` and `search.fs_uuid UUID root hd0,gpt1`. */

struct view {
	const struct machine *machine;
	const struct disk_fs *boot_fs;
	struct findings *out;
};

/* The UUID that a line searches for; false: it does not. */
static bool searched(const char *line, size_t len, char ret[64])
{
	struct boot_words words;
	const char *uuid = NULL;
	bool by_uuid = false;

	boot_words_split(line, len, &words);
	if (words.count > 1 && str_eq(words.items[0], "search.fs_uuid"))
		uuid = words.items[1];
	for (size_t i = 1; words.count > 2 && str_eq(words.items[0], "search") && i < words.count;
	     i++) {
		by_uuid |= str_eq(words.items[i], "--fs-uuid") || str_eq(words.items[i], "-u");
		/* Of the words without a dash the last one; a variable may stand behind --set. */
		if (by_uuid && words.items[i][0] != '-' && strchr(words.items[i], '-'))
			uuid = words.items[i];
	}
	if (uuid && (strchr(uuid, '$') || strlen(uuid) >= 64 || strlen(uuid) < 8))
		uuid = NULL;
	if (uuid)
		memcpy(ret, uuid, strlen(uuid) + 1);
	boot_words_done(&words);
	return uuid != NULL;
}

static bool is_on_disk(const struct machine *machine, const char *uuid)
{
	vec_foreach (fs, machine_disks(machine))
		if (fs->uuid && !strcasecmp(fs->uuid, uuid))
			return true;
	return false;
}

/* Entries that do not start today may be of other systems, on disks that are not always there. */
static bool is_of_another_entry(const struct machine *machine, const char *path, uint32_t number)
{
	const struct boot *boot = boot_model(machine);
	const struct boot_entry *around = NULL;

	vec_foreach (entry, &boot->entries)
		if (str_eq(entry->file, path) && entry->line <= number &&
		    (!around || entry->line > around->line))
			around = entry;
	return around && around != boot_default(boot);
}

/* The same wrong UUID on all lines of the file; one finding for each different one. */
static void fix_uuid(const struct view *v, const char *path, const struct str *text,
		     const char *wrong, struct finding *finding)
{
	uint32_t number = 0;

	for (const char *p = text->s; *p;) {
		size_t len = strcspn(p, "\n");
		cleanup(str_done) struct str line = STR_INIT, new = STR_INIT;
		char uuid[64];
		const char *at;

		number++;
		len += p[len] == '\n';
		if (searched(p, len - (p[len - 1] == '\n'), uuid) && str_eq(uuid, wrong)) {
			str_add_bytes(&line, p, len);
			at = strstr(line.s, wrong);
			/* Not there as it is: with quotes in the middle of it. */
			if (at) {
				str_addf(&new, "%.*s%s%s", (int)(at - line.s), line.s,
					 v->boot_fs->uuid, at + strlen(wrong));
				lines_edit_replace(&finding->edits, path, text, number, 1, new.s);
			}
		}
		p += len;
	}
}

static void judge_file(const struct view *v, const char *path, bool is_stub)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(v->machine, path, &ignored);
	bool has_hint = text && strstr(text->s, "set root=");
	struct finding *finding;
	uint32_t number = 0;

	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		char uuid[64];

		number++;
		if (!searched(p, strcspn(p, "\n"), uuid) || is_on_disk(v->machine, uuid) ||
		    is_of_another_entry(v->machine, path, number))
			continue;
		finding = finding_add(
			v->out, is_stub || !has_hint ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS,
			REPAIR_SURE, is_stub ? "55" : "50", path, number,
			is_stub ? "the boot loader's stub searches for the file system %s, which "
				  "no "
				  "disk has: it does not find its menu"
				: "the menu searches for the file system %s, which no disk has: "
				  "the "
				  "boot loader shows an error and has only its own place to go by",
			machine_quote(v->machine, uuid, strlen(uuid)));
		fix_uuid(v, path, text, uuid, finding);
		if (!finding->edits.count)
			finding->repair = REPAIR_NONE;
		return; /* a second wrong one is found in the next round */
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct boot *boot = boot_model(machine);
	const struct disks *disks = machine_disks(machine);
	const struct tree_names *vendors = machine_list(machine, "/boot/efi/EFI");
	struct view v = { machine, boot_boot_fs(machine), out };

	(void)err;
	if (!disks || !disks->is_complete || !v.boot_fs)
		return 0;
	if (boot->loader == BOOT_GRUB2)
		judge_file(&v, boot->path, false);
	for (size_t i = 0; vendors && i < vendors->count; i++) {
		cleanup(free) char *path =
			mem_printf("/boot/efi/EFI/%s/grub.cfg", vendors->items[i]);

		judge_file(&v, path, true);
	}
	return 0;
}

const struct check check_grub_search = {
	.name = "grub-search",
	.title = "the boot loader searches for a file system that is gone",
	.explain =
		"grub.cfg finds kernels by the UUID of the file system that /boot is on; on UEFI a "
		"stub on the ESP finds grub.cfg in the same way. After a restore, a new file "
		"system "
		"or an ESP from another machine that UUID is on no disk. The stub then ends at a "
		"prompt. The menu says \"no such device\" and goes on with the place it was read "
		"from, where it has no root= hint of its own it may end there too. The repair puts "
		"in the UUID that /boot really has, on every line with the wrong one.",
	.source = "GRUB manual, \"search\"; grub-mkconfig_lib, prepare_grub_to_access_device; "
		  "the stubs of grub-install and of RHEL 9's grub2-efi",
	.rows = "50,55",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
