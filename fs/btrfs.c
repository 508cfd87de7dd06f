/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/btrfs.h"
#include "base/str.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <sys/ioctl.h>

#define SUBVOLS_MAX 4096u /* snapshots are subvolumes, too */
#define DEPTH_MAX   32

/* One entry of the tree of roots: subvolume `id` is called `name` in directory `dir` of `parent`.
 */
struct ref {
	uint64_t id, parent, dir;
	char *name;
};
VEC_TYPE(refs, struct ref);

static void refs_done(struct refs *refs)
{
	vec_foreach (ref, refs)
		free(ref->name);
	vec_done(refs);
}
DEFINE_CLEANUP_DONE(struct refs, refs_done)

/* Items come unaligned behind their headers. */
static int take_items(const struct btrfs_ioctl_search_args *args, struct refs *refs,
		      uint64_t *ret_default, struct btrfs_ioctl_search_header *last)
{
	size_t at = 0;

	for (uint32_t i = 0; i < args->key.nr_items; i++) {
		struct btrfs_root_ref ref;
		struct btrfs_dir_item dir;
		const char *data;

		if (at + sizeof(*last) > sizeof(args->buf))
			return -1;
		memcpy(last, args->buf + at, sizeof(*last));
		at += sizeof(*last);
		if (last->len > sizeof(args->buf) - at)
			return -1;
		data = args->buf + at;
		at += last->len;
		if (last->type == BTRFS_ROOT_BACKREF_KEY && last->len >= sizeof(ref)) {
			memcpy(&ref, data, sizeof(ref));
			if (sizeof(ref) + le16toh(ref.name_len) > last->len)
				return -1;
			vec_push(refs,
				 ((struct ref){ .id = last->objectid,
						.parent = last->offset,
						.dir = le64toh(ref.dirid),
						.name = mem_strndup(data + sizeof(ref),
								    le16toh(ref.name_len)) }));
		} else if (last->type == BTRFS_DIR_ITEM_KEY && last->len >= sizeof(dir)) {
			memcpy(&dir, data, sizeof(dir));
			if (le16toh(dir.name_len) == 7 && last->len >= sizeof(dir) + 7 &&
			    !memcmp(data + sizeof(dir), "default", 7))
				*ret_default = le64toh(dir.location.objectid);
		}
	}
	return 0;
}

static int search(int fd, uint64_t first, uint64_t end, uint32_t type, struct refs *refs,
		  uint64_t *ret_default, struct err *err)
{
	struct btrfs_ioctl_search_args args = { 0 };
	struct btrfs_ioctl_search_header last = { 0 };

	args.key = (struct btrfs_ioctl_search_key){ .tree_id = BTRFS_ROOT_TREE_OBJECTID,
						    .min_objectid = first,
						    .max_objectid = end,
						    .min_type = type,
						    .max_type = type,
						    .max_offset = UINT64_MAX,
						    .max_transid = UINT64_MAX };
	while (refs->count <= SUBVOLS_MAX) {
		args.key.nr_items = 512;
		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0)
			return err_errno(err, errno, "listing the btrfs subvolumes");
		if (!args.key.nr_items)
			return 0;
		if (take_items(&args, refs, ret_default, &last) < 0)
			return err_set(err, ERR_MALFORMED,
				       "the list of btrfs subvolumes is damaged");
		args.key.min_objectid = last.objectid;
		args.key.min_type = last.type;
		args.key.min_offset = last.offset + 1;
		if (!args.key.min_offset)
			return 0;
	}
	return 0; /* more than anybody looks at */
}

/* "dir/" of the entry inside its parent subvolume, "" at the parent's top. */
static int dir_of(int fd, const struct ref *ref, struct str *into)
{
	struct btrfs_ioctl_ino_lookup_args args = { .treeid = ref->parent, .objectid = ref->dir };

	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return -1;
	args.name[sizeof(args.name) - 1] = '\0';
	str_add(into, args.name);
	return 0;
}

static int path_of(int fd, const struct refs *refs, const struct ref *ref, struct str *into)
{
	cleanup(str_done) struct str path = STR_INIT;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		cleanup(str_done) struct str longer = STR_INIT;
		const struct ref *parent = NULL;

		if (dir_of(fd, ref, &longer) < 0)
			return -1;
		str_addf(&longer, path.len ? "%s/%s" : "%s%s", ref->name, path.s);
		str_clear(&path);
		str_add(&path, longer.s);
		if (ref->parent == BTRFS_TOP) {
			str_add(into, path.s);
			return 0;
		}
		vec_foreach (candidate, refs)
			if (candidate->id == ref->parent)
				parent = candidate;
		if (!parent)
			return -1; /* deleted, and not yet cleaned away */
		ref = parent;
	}
	return -1;
}

int btrfs_list(int fd, struct btrfs_subvols *ret, uint64_t *ret_default, struct err *err)
{
	cleanup(refs_done) struct refs refs = { 0 };

	*ret_default = BTRFS_TOP;
	if (search(fd, BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_ROOT_TREE_DIR_OBJECTID,
		   BTRFS_DIR_ITEM_KEY, &refs, ret_default, err) < 0 ||
	    search(fd, BTRFS_FIRST_FREE_OBJECTID, BTRFS_LAST_FREE_OBJECTID, BTRFS_ROOT_BACKREF_KEY,
		   &refs, ret_default, err) < 0)
		return -1;
	vec_push(ret, ((struct btrfs_subvol){ .id = BTRFS_TOP, .path = mem_strdup("") }));
	vec_foreach (ref, &refs) {
		cleanup(str_done) struct str path = STR_INIT;

		if (!path_of(fd, &refs, ref, &path))
			vec_push(ret,
				 ((struct btrfs_subvol){ .id = ref->id, .path = str_take(&path) }));
	}
	return 0;
}

void btrfs_subvols_done(struct btrfs_subvols *subvols)
{
	vec_foreach (subvol, subvols)
		free(subvol->path);
	vec_done(subvols);
}

void btrfs_forget(const char *device)
{
	struct btrfs_ioctl_vol_args args = { 0 };
	cleanup(fd_close) int fd = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);

	if (fd < 0 || strlen(device) >= sizeof(args.name))
		return;
	memcpy(args.name, device, strlen(device));
	ioctl(fd, BTRFS_IOC_FORGET_DEV, &args);
}
