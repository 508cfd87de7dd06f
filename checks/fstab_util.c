/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/fstab_util.h"

/* Are all volumes that the cloud names among the disks? */
static bool has_all_volumes(const struct disks *disks, const struct cloud_facts *cloud)
{
	if (!cloud || !cloud->volume_count)
		return false;
	for (size_t i = 0; i < cloud->volume_count; i++) {
		bool found = false;

		vec_foreach (fs, disks)
			found |= fs->disk && cloud->volumes[i].volume &&
				 str_eq(fs->disk, cloud->volumes[i].volume);
		if (!found)
			return false;
	}
	return true;
}

int fstab_view_open(const struct machine *machine, struct fstab_view *ret, struct err *err)
{
	struct err why = ERR_INIT;

	*ret = (struct fstab_view){ .machine = machine,
				    .disks = machine_disks(machine),
				    .lazy = mem_alloc(sizeof(*ret->lazy)) };
	ret->text = machine_file(machine, FSTAB_PATH, &why);
	if (!ret->text && why.code != ERR_NOTFOUND) {
		*err = why;
		fstab_view_done(ret);
		return -1;
	}
	if (ret->text)
		fstab_parse(ret->text, &ret->fstab);
	/* Of a tree that was given as a directory no disk is known. */
	if (ret->disks && !ret->disks->count)
		ret->disks = NULL;
	if (ret->disks) {
		ret->all_seen = ret->disks->is_complete ||
				has_all_volumes(ret->disks, machine_cloud(machine));
		for (size_t i = 0; i < ret->disks->count && !ret->root; i++)
			if (ret->disks->items[i].is_root)
				ret->root = &ret->disks->items[i];
	}
	if (!ret->fstab.is_cut)
		return 0;
	fstab_view_done(ret);
	return err_set(err, ERR_MALFORMED, FSTAB_PATH " has more than %u entries",
		       FSTAB_ENTRIES_MAX);
}

void fstab_view_done(struct fstab_view *view)
{
	fstab_done(&view->fstab);
	free(view->lazy);
	view->lazy = NULL;
}

void fstab_each(const struct machine *machine, fstab_judge judge, struct findings *findings)
{
	cleanup(fstab_view_done) struct fstab_view view = { 0 };
	struct err ignored = ERR_INIT;

	if (fstab_view_open(machine, &view, &ignored) < 0)
		return;
	vec_foreach (entry, &view.fstab)
		if (!entry->rejected)
			judge(&view, entry, findings);
}

static bool is_one_of(const char *s, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(s, list[i]))
			return true;
	return false;
}
#define IS_ONE_OF(s, list) is_one_of(s, list, ARRAY_LEN(list))

bool fstab_type_is_network(const char *type)
{
	static const char *const types[] = { "afs",	 "ceph",   "cifs",  "smb3",	 "smbfs",
					     "sshfs",	 "ncpfs",  "ncp",   "nfs",	 "nfs4",
					     "gfs",	 "gfs2",   "ocfs2", "glusterfs", "pvfs2",
					     "orangefs", "lustre", "davfs" };

	return IS_ONE_OF(str_starts(type, "fuse.") ? type + 5 : type, types);
}

bool fstab_type_is_virtual(const char *type)
{
	static const char *const types[] = {
		"tmpfs",    "ramfs",   "proc",	     "sysfs",	 "devpts",
		"devtmpfs", "overlay", "cgroup",     "cgroup2",	 "debugfs",
		"tracefs",  "mqueue",  "hugetlbfs",  "configfs", "securityfs",
		"efivarfs", "pstore",  "bpf",	     "usbfs",	 "selinuxfs",
		"fusectl",  "autofs",  "rpc_pipefs", "nfsd",	 "binfmt_misc",
	};

	return IS_ONE_OF(type, types);
}

/* Mounted by systemd before it reads fstab; lines for them only change options. */
static bool is_api_path(const char *path)
{
	static const char *const paths[] = { "/proc",
					     "/sys",
					     "/dev",
					     "/run",
					     "/dev/pts",
					     "/dev/shm",
					     "/sys/kernel/security",
					     "/sys/fs/smackfs",
					     "/sys/fs/cgroup",
					     "/sys/fs/pstore",
					     "/sys/fs/bpf",
					     "/sys/firmware/efi/efivars",
					     "/sys/fs/selinux",
					     "/selinux",
					     "/proc/bus/usb" };

	return IS_ONE_OF(path, paths) || str_starts(path, "/sys/fs/cgroup/");
}

bool fstab_has(const struct fstab_entry *entry, const char *option)
{
	return fstab_option_find(entry->field[FSTAB_OPTS], option, NULL);
}

char *fstab_target(const struct fstab_entry *entry)
{
	const char *from = entry->field[FSTAB_FILE];
	char *path = mem_alloc(strlen(from) + 1);
	size_t n = 0;

	for (; *from; from++) {
		if (*from == '/' && from[1] == '.' && (from[2] == '/' || !from[2]))
			from++;
		else if (*from != '/' || (from[1] != '/' && (from[1] || !n)))
			path[n++] = *from;
	}
	if (!n && entry->field[FSTAB_FILE][0] == '/')
		path[n++] = '/';
	return path;
}

bool fstab_is_root(const struct fstab_entry *entry)
{
	cleanup(free) char *target = fstab_target(entry);

	return str_eq(target, "/") && !fstab_is_swap(entry);
}

bool fstab_is_first_root(const struct fstab_view *view, const struct fstab_entry *entry)
{
	for (const struct fstab_entry *e = view->fstab.items; e < entry; e++)
		if (!e->rejected && fstab_is_root(e))
			return false;
	return fstab_is_root(entry);
}

bool fstab_is_swap(const struct fstab_entry *entry)
{
	return str_eq(entry->field[FSTAB_TYPE], "swap");
}

bool fstab_is_bind(const struct fstab_entry *entry)
{
	return fstab_has(entry, "bind") || fstab_has(entry, "rbind") || fstab_has(entry, "move");
}

enum fstab_pull fstab_pull(const struct fstab_entry *entry)
{
	const char *opts = entry->field[FSTAB_OPTS], *type = entry->field[FSTAB_TYPE];
	cleanup(free) char *target = fstab_target(entry);
	bool is_noauto = fstab_option_yes_no(opts, "noauto", "auto");
	bool is_nofail = fstab_option_yes_no(opts, "nofail", "fail");
	struct fstab_option comment;

	if (str_eq(type, "swap"))
		return is_noauto ? PULL_NOTHING : is_nofail ? PULL_WANTED : PULL_SWAP;
	if (str_eq(type, "autofs") || !strchr(target, '/') || is_api_path(target))
		return PULL_NOTHING;
	if (str_eq(target, "/"))
		return PULL_ROOT;
	if (fstab_has(entry, "x-systemd.automount") || is_nofail ||
	    fstab_has(entry, "x-systemd.wanted-by") || fstab_has(entry, "x-systemd.required-by") ||
	    (fstab_option_find(opts, "comment", &comment) && comment.value_len == 17 &&
	     !strncmp(comment.value, "systemd.automount", 17)))
		return PULL_WANTED;
	if (is_noauto)
		return PULL_NOTHING;
	return fstab_has(entry, "_netdev") || fstab_type_is_network(type) ? PULL_REMOTE
									  : PULL_LOCAL;
}

enum severity fstab_severity(const struct fstab_entry *entry)
{
	switch (fstab_pull(entry)) {
	case PULL_LOCAL:
		return SEVERITY_BLOCKS_BOOT;
	case PULL_ROOT:
	case PULL_REMOTE:
	case PULL_SWAP:
		return SEVERITY_DELAYS;
	default:
		return SEVERITY_NOTE;
	}
}

enum repair_class fstab_class(const struct fstab_entry *entry)
{
	return fstab_severity(entry) > SEVERITY_NOTE ? REPAIR_SURE : REPAIR_OFFERED;
}

const char *fstab_consequence(const struct fstab_entry *entry)
{
	switch (fstab_pull(entry)) {
	case PULL_LOCAL:
		return "the boot stops in emergency mode";
	case PULL_ROOT:
		return "the root stays read-only and services fail or wait for minutes";
	case PULL_REMOTE:
		return "logins wait until the mount has failed";
	case PULL_SWAP:
		return "the boot waits 90 seconds for it";
	default:
		return "it will not be mounted";
	}
}

bool path_is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (len && dir[len - 1] == '/')
		len--;
	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

bool fstab_is_covered(const struct fstab_view *view, const struct fstab_entry *self,
		      const char *path)
{
	vec_foreach (entry, &view->fstab) {
		cleanup(free) char *target = fstab_target(entry);

		if (entry != self && target[0] == '/' && target[1] && path_is_below(path, target))
			return true;
	}
	return false;
}

bool fstab_point_is_covered(const struct fstab_view *view, const struct fstab_entry *self)
{
	cleanup(free) char *path = fstab_target(self);
	char *name = strrchr(path, '/');

	if (!name)
		return false;
	*name = '\0';
	return fstab_is_covered(view, self, path);
}

bool fstab_is_system_path(const char *path)
{
	static const char *const paths[] = { "/usr",	 "/var",     "/tmp",
					     "/var/lib", "/var/log", "/var/tmp" };

	return IS_ONE_OF(path, paths) || path_is_below(path, "/usr");
}

const char *fstab_quote(const struct fstab_view *view, const char *text)
{
	return machine_quote(view->machine, text, strlen(text));
}

void fstab_edit_line(const struct fstab_view *view, struct finding *finding,
		     const struct fstab_entry *entry, const struct str *line)
{
	const struct str old = { .s = (char *)(uintptr_t)entry->raw, .len = entry->raw_len };

	(void)view;
	edit_line_bytes(&finding->edits, FSTAB_PATH, entry->line, 1, &old, line);
}

void fstab_edit_set(const struct fstab_view *view, struct finding *finding,
		    const struct fstab_entry *entry, enum fstab_field field, const char *text)
{
	cleanup(str_done) struct str line = STR_INIT;

	fstab_line_set(entry, field, text, &line);
	fstab_edit_line(view, finding, entry, &line);
}

void fstab_edit_comment_out(const struct fstab_view *view, struct finding *finding,
			    const struct fstab_entry *entry, const char *reason)
{
	cleanup(str_done) struct str line = STR_INIT;

	fstab_line_comment_out(entry, reason, &line);
	fstab_edit_line(view, finding, entry, &line);
}

static bool is_to_be_commented_out(const struct fstab_entry *entry)
{
	cleanup(free) char *target = fstab_target(entry);

	return fstab_is_swap(entry) || fstab_is_system_path(target);
}

void fstab_edit_defuse(const struct fstab_view *view, struct finding *finding,
		       const struct fstab_entry *entry, const char *reason)
{
	cleanup(str_done) struct str line = STR_INIT;
	bool has_timeout = fstab_has(entry, "x-systemd.device-timeout");
	struct fstab_device device;
	bool is_absent;

	if (fstab_is_root(entry))
		return;
	if (is_to_be_commented_out(entry)) {
		fstab_edit_comment_out(view, finding, entry, reason);
		return;
	}
	fstab_device(view, entry, &device);
	is_absent = device.presence == DEVICE_MISSING || device.presence == DEVICE_UNSEEN;
	fstab_line_add_options(
		entry, is_absent && !has_timeout ? "nofail,x-systemd.device-timeout=10s" : "nofail",
		&line);
	fstab_device_done(&device);
	fstab_edit_line(view, finding, entry, &line);
}

const char *fstab_defuse_says(const struct fstab_entry *entry)
{
	return is_to_be_commented_out(entry) ? "the repair comments the line out"
					     : "the repair adds nofail";
}

bool fstab_add_line(const struct fstab_view *view, const struct disk_fs *fs, const char *target,
		    const char *options, struct str *into)
{
	cleanup(free) char *spec = fstab_spec_for(view, fs, SPEC_UUID);

	if (!spec || !fs->type)
		return false;
	bool wants_fsck = str_starts(fs->type, "ext") || str_eq(fs->type, "vfat");
	fstab_add_encoded(into, spec);
	str_addf(into, " %s %s %s 0 %d\n", target, fs->type, options,
		 !wants_fsck	       ? 0
		 : str_eq(target, "/") ? 1
				       : 2);
	return true;
}
