/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/mount.h"
#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#define BUSY_TRIES    200
#define BUSY_PAUSE_US 5000

static int write_once(const char *path, const char *text)
{
	cleanup(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = (ssize_t)strlen(text);

	return fd < 0 || write(fd, text, (size_t)len) != len ? -1 : 0;
}

/* Without root: a user namespace in which this user is the same user but may mount FUSE. */
static int own_user_namespace(struct err *err)
{
	cleanup(free) char *uids = mem_printf("%u %u 1", geteuid(), geteuid());
	cleanup(free) char *gids = mem_printf("%u %u 1", getegid(), getegid());

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return err_errno(err, errno, "user namespaces are not allowed here");
	if (write_once("/proc/self/setgroups", "deny") < 0 ||
	    write_once("/proc/self/uid_map", uids) < 0 ||
	    write_once("/proc/self/gid_map", gids) < 0)
		return err_errno(err, errno, "the user namespace could not be set up");
	return 0;
}

int mount_private_namespace(struct err *err)
{
	if (geteuid() && own_user_namespace(err) < 0)
		return -1;
	if (!geteuid() && unshare(CLONE_NEWNS) < 0)
		return err_errno(err, errno, "a private mount namespace is not possible here");
	/* Slave, not private: what is unmounted outside is let go of here, too. */
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(err, errno, "the mount namespace could not be made private");
	return 0;
}

bool mount_is_allowed(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };

	return !syscall(SYS_capget, &head, caps) && caps[0].effective & 1u << CAP_SYS_ADMIN;
}

static bool is_ext(const char *type)
{
	return str_eq(type, "ext2") || str_eq(type, "ext3") || str_eq(type, "ext4");
}

/* noinit_itable: no background initialisation of inode tables. nouuid: the same file system, or the
 * one it was copied from, may be mounted on this machine. skip_balance: an interrupted balance is
 * not for us to go on with. */
static void options_of(const struct mount_spec *spec, struct str *into)
{
	if (is_ext(spec->type))
		str_add(into, "errors=remount-ro,noinit_itable");
	else if (str_eq(spec->type, "xfs"))
		str_add(into, "nouuid");
	else if (str_eq(spec->type, "vfat"))
		str_add(into, "errors=remount-ro");
	else if (str_eq(spec->type, "btrfs"))
		str_add(into, "skip_balance");
	if (str_eq(spec->type, "btrfs") && spec->subvolume)
		str_addf(into, ",subvolid=%" PRIu64, spec->subvolume);
}

static int mount_error(const struct mount_spec *spec, int errnum, struct err *err)
{
	switch (errnum) {
	case ENODEV:
		return err_set(err, ERR_UNSUPPORTED,
			       "%s: the kernel of this machine has no %s; try modprobe %s, or "
			       "another helper",
			       spec->name, spec->type, spec->type);
	case EPERM:
	case EACCES:
		return err_set(err, ERR_DENIED, "%s: this process may not mount (%s)", spec->name,
			       strerror(errnum));
	case EEXIST:
	case EBUSY:
		return err_set(
			err, ERR_BUSY,
			"%s: a %s with the same UUID is mounted on this machine; use a helper "
			"that was not made from the same image",
			spec->name, spec->type);
	case EUCLEAN:
		return err_set(
			err, ERR_DAMAGED,
			"%s: its %s is damaged and cannot be mounted; a file system check is "
			"needed first",
			spec->name, spec->type);
	default:
		return err_set(err, ERR_DAMAGED, "%s: its %s cannot be mounted (%s)", spec->name,
			       spec->type, strerror(errnum));
	}
}

int mount_attach(const struct mount_spec *spec, struct err *err)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
	cleanup(str_done) struct str options = STR_INIT;

	if (spec->mode == MOUNT_READ)
		flags |= MS_RDONLY;
	options_of(spec, &options);
	/* The ext4 driver serves ext2 and ext3 alike and knows the options above. */
	if (mount(spec->device, spec->target, is_ext(spec->type) ? "ext4" : spec->type, flags,
		  options.s) < 0)
		return mount_error(spec, errno, err);
	log_debug("mount", "%s (%s) on %s, %s", spec->device, spec->type, spec->target, options.s);
	return 0;
}

int mount_detach(const char *target, struct err *err)
{
	for (int i = 0;; i++) {
		if (!umount2(target, UMOUNT_NOFOLLOW))
			return 0;
		if (errno != EBUSY)
			return err_errno(err, errno, "unmounting %s", target);
		if (i == BUSY_TRIES)
			return err_set(err, ERR_BUSY,
				       "%s could not be unmounted: something uses it", target);
		usleep(BUSY_PAUSE_US);
	}
}

void mount_detach_lazily(const char *target)
{
	umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
