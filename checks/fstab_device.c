/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is the device of an fstab entry there, and if not, which one was meant? */
#include "checks/fstab_util.h"

#include <ctype.h>

static bool is_container(const char *type)
{
	return type && (str_ends(type, "_member") || str_eq(type, "crypto_LUKS") ||
			str_eq(type, "bcache") || str_eq(type, "drbd") || str_eq(type, "stratis"));
}

/* File systems inside a volume group, an array or an encrypted volume are on no list of disks. */
static bool find_containers(const struct fstab_view *view)
{
	struct err ignored = ERR_INIT;
	const struct str *crypttab = machine_file(view->machine, "/etc/crypttab", &ignored);

	vec_foreach (fs, view->disks)
		if (is_container(fs->type))
			return true;
	/* Plain dm-crypt has no signature; only crypttab tells of it. */
	for (const char *line = crypttab ? crypttab->s : ""; *line;
	     line += strcspn(line, "\n"), line += *line == '\n')
		if (!strchr("#\r\n", line[strspn(line, " \t")]))
			return true;
	return false;
}

static bool can_be_inside_another(const struct fstab_view *view)
{
	if (!view->lazy->has_containers)
		view->lazy->has_containers = find_containers(view) ? 1 : -1;
	return view->lazy->has_containers > 0;
}

/* The last characters suffice: systemd shortens long names in its messages from the left. */
static bool line_names(const char *line, const char *name)
{
	size_t len = strlen(name);
	bool is_short = strstr(line, "…") || strstr(line, "...");

	return strstr(line, name) || (is_short && len > 12 && strstr(line, name + len - 12));
}

/* "Dependency failed for /data." and "… for data.mount - /data", with or without colours. */
static bool line_ends_with_path(const char *line, const char *path)
{
	const char *at = path[0] && path[1] ? strstr(line, path) : NULL;

	return at && at > line && strchr(" m", at[-1]) && strchr(" .\r\033", at[strlen(path)]);
}

/* Did the last boot itself say that it waited for this device in vain? */
static bool console_blames(const struct fstab_view *view, const struct fstab_entry *entry,
			   const struct spec *spec)
{
	const char *console = machine_console(view->machine);
	cleanup(free) char *target = fstab_target(entry);

	for (const char *at = console ? console : ""; *at;
	     at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(str_done) struct str line = STR_INIT;

		for (const char *p = at; *p && *p != '\n'; p++) {
			bool is_dash = str_starts(p, "\\x2d");

			str_add_char(&line, is_dash ? '-' : *p);
			p += is_dash ? 3 : 0;
		}
		if (strstr(line.s, "Timed out waiting for device") &&
		    line_names(line.s, spec->value))
			return true;
		if (strstr(line.s, "Dependency failed for ") && line_ends_with_path(line.s, target))
			return true;
	}
	return false;
}

/* No EC2 instance has these. */
static bool is_foreign_node(const char *node)
{
	static const char *const nodes[] = { "cdrom", "dvd", "sr0", "fd0", "floppy" };

	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		if (str_eq(node, nodes[i]))
			return true;
	return false;
}

/* /dev/mapper/NAME, /dev/GROUP/VOLUME and /dev/mdN come from containers that would have been seen.
 */
static enum fstab_presence judge_node(const struct fstab_view *view, const char *node)
{
	const char *slash = strchr(node, '/');
	bool is_mapped = slash && !str_starts(node, "disk/") && !strchr(slash + 1, '/');
	bool is_array = str_starts(node, "md") && isdigit((unsigned char)node[2]);

	if (is_foreign_node(node))
		return machine_cloud(view->machine) ? DEVICE_MISSING : DEVICE_UNKNOWN;
	if ((is_mapped || is_array) && view->all_seen && !can_be_inside_another(view))
		return DEVICE_MISSING;
	return DEVICE_UNKNOWN;
}

static enum fstab_presence judge_ebs(const struct fstab_view *view, const struct spec *spec)
{
	const struct cloud_facts *cloud = machine_cloud(view->machine);

	for (size_t i = 0; cloud && i < cloud->volume_count; i++)
		if (cloud->volumes[i].volume && str_eq(cloud->volumes[i].volume, spec->value))
			return DEVICE_UNKNOWN; /* attached; what is on it was not looked at */
	return cloud && cloud->volume_count ? DEVICE_MISSING
	       : view->all_seen		    ? DEVICE_MISSING
					    : DEVICE_UNSEEN;
}

static enum fstab_presence judge_tag(const struct fstab_view *view, const struct fstab_entry *entry,
				     const struct spec *spec)
{
	cleanup(free) char *target = fstab_target(entry);
	bool is_of_content = spec->kind == SPEC_UUID || spec->kind == SPEC_LABEL;

	if (is_of_content && can_be_inside_another(view))
		return DEVICE_UNKNOWN;
	/* The boot partitions are on the root's own disk. */
	if (view->all_seen ||
	    (view->root && (fstab_path_is_esp(target) || str_eq(target, "/boot"))))
		return DEVICE_MISSING;
	return DEVICE_UNSEEN;
}

static bool has_device(const struct fstab_entry *entry)
{
	const char *type = entry->field[FSTAB_TYPE];

	return !fstab_is_bind(entry) && !fstab_type_is_virtual(type) &&
	       !fstab_type_is_network(type) && !str_eq(type, "zfs");
}

void fstab_device(const struct fstab_view *view, const struct fstab_entry *entry,
		  struct fstab_device *ret)
{
	cleanup(spec_matches_done) struct spec_matches found = { 0 };
	struct spec *spec = &ret->spec;

	*ret = (struct fstab_device){ .presence = DEVICE_NONE };
	spec_parse(entry->field[FSTAB_SPEC], spec);
	if (spec->kind == SPEC_OTHER || spec->kind == SPEC_PATH || !has_device(entry))
		return;
	ret->presence = DEVICE_UNKNOWN;
	if (!view->disks)
		return;
	spec_find(view->disks, spec, &found);
	if (found.count)
		ret->fs = found.items[0];
	if (spec->kind == SPEC_KERNEL)
		ret->fs = fstab_kernel_name(view, spec, &ret->presence);
	else if (ret->fs)
		ret->presence = DEVICE_PRESENT;
	else if (spec->kind == SPEC_DEVICE)
		ret->presence = judge_node(view, spec->value);
	else if (spec->kind == SPEC_EBS)
		ret->presence = judge_ebs(view, spec);
	else
		ret->presence = judge_tag(view, entry, spec);
	if ((ret->presence == DEVICE_UNSEEN || ret->presence == DEVICE_UNKNOWN) &&
	    console_blames(view, entry, spec))
		ret->presence = DEVICE_MISSING;
}

void fstab_device_done(struct fstab_device *device)
{
	spec_done(&device->spec);
}

char *fstab_spec_for(const struct fstab_view *view, const struct disk_fs *fs, enum spec_kind like)
{
	const enum spec_kind order[] = { like, SPEC_UUID, SPEC_PARTUUID, SPEC_LABEL };

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const char *value = spec_tag_of(fs, order[i]);
		size_t same = 0;

		if (!value || !*value)
			continue;
		vec_foreach (other, view->disks) {
			const char *tag = spec_tag_of(other, order[i]);

			same += tag && str_eq(tag, value);
		}
		if (same == 1)
			return mem_printf("%s=%s", spec_tag_name(order[i]), value);
	}
	return fs->uuid ? mem_printf("UUID=%s", fs->uuid) : NULL;
}

bool disk_fs_is_esp(const struct disk_fs *fs)
{
	static const char *const types[] = { "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef" };
	bool is_fat = fs->type && str_eq(fs->type, "vfat");

	return is_fat && fs->parttype &&
	       (!strcasecmp(fs->parttype, types[0]) || !strcasecmp(fs->parttype, types[1]));
}

bool fstab_path_is_esp(const char *path)
{
	return str_eq(path, "/boot/efi") || str_eq(path, "/efi");
}

static bool is_used(const struct fstab_view *view, const struct disk_fs *fs)
{
	vec_foreach (entry, &view->fstab) {
		cleanup(spec_done) struct spec spec = { 0 };

		spec_parse(entry->field[FSTAB_SPEC], &spec);
		if (spec_is(fs, &spec))
			return true;
	}
	return false;
}

/* Two identifiers that differ in case and at most two characters: one is a slip of the other. */
static bool is_near(const char *a, const char *b)
{
	size_t len = strlen(a), off = 0;

	if (strlen(b) != len || len < 8)
		return false;
	for (size_t i = 0; i < len; i++)
		off += tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]);
	return off <= 2;
}

static bool can_be_meant(const struct fstab_view *view, const struct fstab_entry *entry,
			 const struct spec *spec, const struct disk_fs *fs)
{
	const char *type = entry->field[FSTAB_TYPE];
	const char *tag = spec_tag_of(fs, spec->kind);
	cleanup(free) char *target = fstab_target(entry);
	bool is_on_root_disk =
		view->root && fs->disk && view->root->disk && str_eq(fs->disk, view->root->disk);

	if (fs->is_root || !fs->type || fs->is_damaged || is_used(view, fs) ||
	    (!str_eq(fs->type, type) && !str_eq(type, "auto")))
		return false;
	if (tag && (spec->kind == SPEC_UUID || spec->kind == SPEC_PARTUUID) &&
	    is_near(tag, spec->value))
		return true;
	if (!is_on_root_disk)
		return false;
	if (fstab_path_is_esp(target))
		return disk_fs_is_esp(fs);
	if (str_eq(target, "/boot"))
		return !disk_fs_is_esp(fs) && !str_eq(fs->type, "swap") && !is_container(fs->type);
	return fstab_is_swap(entry) && str_eq(fs->type, "swap");
}

const struct disk_fs *fstab_candidate(const struct fstab_view *view,
				      const struct fstab_entry *entry, const struct spec *spec)
{
	const struct disk_fs *only = NULL;

	vec_foreach (fs, view->disks) {
		if (!can_be_meant(view, entry, spec, fs))
			continue;
		if (only)
			return NULL;
		only = fs;
	}
	return only;
}
