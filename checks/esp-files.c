/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/boot_kernels.h"

#include <ctype.h>

#define EFI_DIR "/boot/efi/EFI"

/* The file systems of an ESP know no case. NULL: it is not there. The caller frees. */
static char *find_in(const struct machine *machine, const char *dir, const char *name)
{
	const struct tree_names *names = machine_list(machine, dir);

	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);

		if (!strcasecmp(names->items[i], name) &&
		    (boot_is_file(machine, path) || tree_is_dir(machine_tree(machine), path)))
			return TAKE(path);
	}
	return NULL;
}

struct platform {
	const char *fallback, *grub, *shim, *modules;
};
static const struct platform platforms[] = {
	{ "BOOTX64.EFI", "grubx64.efi", "shimx64.efi", "x86_64-efi" },
	{ "BOOTAA64.EFI", "grubaa64.efi", "shimaa64.efi", "arm64-efi" },
};

/* Does it start by UEFI for certain? GRUB's modules for the BIOS would be there if it were that. */
static bool is_uefi_alone(const struct machine *machine)
{
	return !boot_is_file(machine, "/boot/grub/i386-pc/normal.mod") &&
	       !boot_is_file(machine, "/boot/grub2/i386-pc/normal.mod");
}

static void copy(const struct machine *machine, const char *from, const char *to,
		 struct finding *finding)
{
	static const struct tree_new new = { .mode = 0700 };
	struct err ignored = ERR_INIT;
	const struct str *bytes = machine_file(machine, from, &ignored);

	if (bytes && !tree_exists(machine_tree(machine), to))
		edit_create(&finding->edits, to, &new, bytes->s, bytes->len);
	else
		finding->repair = REPAIR_NONE;
}

/* The packages keep what they install to the ESP below /usr, perhaps. */
static char *source_of(const struct machine *machine, const struct platform *p)
{
	cleanup(free) char *is_signed =
		mem_printf("/usr/lib/grub/%s-signed/%s.signed", p->modules, p->grub);
	cleanup(free) char *whole =
		mem_printf("/usr/lib/grub/%s/monolithic/%s", p->modules, p->grub);

	return boot_is_file(machine, is_signed) ? TAKE(is_signed)
	       : boot_is_file(machine, whole)	? TAKE(whole)
						: NULL;
}

/* shim is there; it starts the grub beside it and nothing else. */
static void judge_vendor(const struct machine *machine, const struct platform *p, const char *dir,
			 enum severity severity, enum repair_class repair, struct findings *out)
{
	cleanup(free) char *shim = find_in(machine, dir, p->shim);
	cleanup(free) char *grub = find_in(machine, dir, p->grub);
	cleanup(free) char *to = mem_printf("%s/%s", dir, p->grub);
	cleanup(free) char *from = source_of(machine, p);
	struct finding *finding;

	if (!shim || grub)
		return;
	finding = finding_add(out, severity, repair, "55", to, 0,
			      "%s is there, and %s, which it starts, is not: UEFI has nothing to "
			      "boot",
			      shim, p->grub);
	if (from)
		copy(machine, from, to, finding);
	else
		finding->repair = REPAIR_NONE;
}

/* An instance keeps no list of boot entries from its image: the fallback's name has to be there. */
static void judge_fallback(const struct machine *machine, const struct platform *p,
			   enum severity severity, enum repair_class repair, struct findings *out)
{
	const struct tree_names *vendors = machine_list(machine, EFI_DIR);
	cleanup(free) char *boot = find_in(machine, EFI_DIR, "BOOT");
	cleanup(free) char *have = boot ? find_in(machine, boot, p->fallback) : NULL;
	cleanup(free) char *to = mem_printf("%s/%s", boot ? boot : EFI_DIR "/BOOT", p->fallback);
	struct finding *finding;

	for (size_t i = 0; !have && vendors && i < vendors->count; i++) {
		cleanup(free) char *dir = mem_printf("%s/%s", EFI_DIR, vendors->items[i]);
		cleanup(free) char *grub = find_in(machine, dir, p->grub);

		if (!grub || !strcasecmp(vendors->items[i], "BOOT"))
			continue;
		finding =
			finding_add(out, severity, repair, "55", to, 0,
				    "%s is missing from the ESP: UEFI looks for it when it knows "
				    "of no other loader, and %s is only known to the machine that "
				    "it was installed on",
				    p->fallback, grub);
		copy(machine, grub, to, finding);
		return;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct tree_names *vendors = machine_list(machine, EFI_DIR);
	bool is_certain = is_uefi_alone(machine);
	enum severity severity = is_certain ? SEVERITY_BLOCKS_BOOT : SEVERITY_NOTE;
	enum repair_class repair = is_certain ? REPAIR_SURE : REPAIR_OFFERED;

	(void)err;
	for (size_t k = 0; k < ARRAY_LEN(platforms); k++) {
		for (size_t i = 0; vendors && i < vendors->count; i++) {
			cleanup(free) char *dir = mem_printf("%s/%s", EFI_DIR, vendors->items[i]);

			if (strcasecmp(vendors->items[i], "BOOT"))
				judge_vendor(machine, &platforms[k], dir, severity, repair, out);
		}
		judge_fallback(machine, &platforms[k], severity, repair, out);
	}
	return 0;
}

const struct check check_esp_files = {
	.name = "esp-files",
	.title = "the boot loader's files on the ESP are missing",
	.explain =
		"UEFI starts EFI/BOOT/BOOTX64.EFI (BOOTAA64.EFI on Graviton) of the ESP unless "
		"an entry that was stored on this very instance says otherwise; shim starts the "
		"GRUB beside it. The repair copies the distribution's GRUB from its folder on the "
		"ESP, or from /usr/lib/grub. Where GRUB is installed for the BIOS too, the machine "
		"may never look at the ESP: then it is a note, and offered. Nothing is said of an "
		"ESP that is not mounted.",
	.source = "UEFI specification, \"Removable media boot behavior\"; EC2 User Guide, \"Boot "
		  "modes\"; grub-install(8), --removable; shim",
	.rows = "55",
	.repair = REPAIR_SURE,
	.examine = examine,
};
