/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "fs/spec.h"

struct view {
	const struct machine *machine;
	const struct boot_entry *entry;
	struct findings *out;
};

static bool has_type(const struct machine *machine, const char *type, const char *uuid_start)
{
	const struct disks *disks = machine_disks(machine);

	vec_foreach (fs, disks)
		if (fs->type && str_eq(fs->type, type) &&
		    (!uuid_start ||
		     (fs->uuid && !strncasecmp(fs->uuid, uuid_start, strlen(uuid_start)))))
			return true;
	return false;
}

/* Devices that only appear when something else was opened first. */
static bool has_containers(const struct machine *machine)
{
	static const char *const types[] = { "LVM2_member", "crypto_LUKS", "linux_raid_member" };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (has_type(machine, types[i], NULL))
			return true;
	return false;
}

/* resume= of a swap area that is gone. */
static void judge_resume(const struct view *v)
{
	cleanup(free) char *word = boot_word(v->entry, "resume=");
	cleanup(free) char *no = boot_word(v->entry, "noresume");
	cleanup(spec_done) struct spec spec = { 0 };
	cleanup(spec_matches_done) struct spec_matches found = { 0 };

	if (!word || no)
		return;
	spec_parse(word + strlen("resume="), &spec);
	if (!spec_tag_name(spec.kind) || has_containers(v->machine))
		return;
	spec_find(machine_disks(v->machine), &spec, &found);
	if (!found.count)
		boot_find_word(v->machine, v->entry, v->out, SEVERITY_DELAYS, REPAIR_SURE, "77",
			       word, NULL,
			       "names a swap area that no disk has: the initramfs waits for it, "
			       "for half a minute or until dracut gives up");
}

/* What dracut is told to open before it looks for the root. Each of them is waited for. */
static void judge_containers(const struct view *v)
{
	static const struct {
		const char *word, *type;
		bool by_uuid;
	} words[] = { { "rd.lvm.lv=", "LVM2_member", false },
		      { "rd.lvm.vg=", "LVM2_member", false },
		      { "rd.luks.uuid=", "crypto_LUKS", true },
		      { "rd.md.uuid=", "linux_raid_member", false } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		cleanup(free) char *word = boot_word(v->entry, words[i].word);
		const char *value = word ? word + strlen(words[i].word) : "";

		if (str_starts(value, "luks-"))
			value += strlen("luks-");
		/* LVM on LUKS or on an array is not seen from here. */
		if (!*value ||
		    has_type(v->machine, words[i].type, words[i].by_uuid ? value : NULL) ||
		    (!words[i].by_uuid && has_containers(v->machine)))
			continue;
		boot_find_word(v->machine, v->entry, v->out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE,
			       "57", word, NULL,
			       "is on no disk, and the root does not need it: dracut waits for it "
			       "and gives up");
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct view v = { machine, boot_default(boot_model(machine)), out };
	const struct disks *disks = machine_disks(machine);

	(void)err;
	if (!v.entry || !v.entry->kernel.written || !disks || !disks->is_complete)
		return 0;
	judge_resume(&v);
	if (boot_root_fs(machine))
		judge_containers(&v);
	return 0;
}

const struct check check_boot_stale_device = {
	.name = "boot-stale-device",
	.title = "the kernel's command line waits for a device that is gone",
	.explain =
		"resume= names the swap area of a hibernated system, rd.lvm.lv=, rd.luks.uuid= and "
		"rd.md.uuid= what dracut has to open. When such a volume was removed, or the "
		"image was made on another machine, the initramfs waits for it: initramfs-tools "
		"for half a minute, dracut until it gives up in its emergency shell. The repair "
		"takes the word out of the entry that starts. Nothing is said unless every disk "
		"of the machine was looked at and the root itself is a plain file system.",
	.source = "kernel-parameters, resume=; dracut.cmdline(7), rd.lvm.lv, rd.luks.uuid, "
		  "rd.md.uuid; "
		  "initramfs-tools(7), resume",
	.rows = "57,77",
	.repair = REPAIR_SURE,
	.needs = NEEDS_DISKS,
	.examine = examine,
};
