/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"
#include "tests/cloud/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* What udev would show on the machine that IMDS describes (the helper): a link by volume id in
 * DIR/dev/disk/by-id and one by requested name in DIR/dev, both to the volume's file. A real machine (machine.h) has
 * the former in DIR/instances/ID/by-id. */

bool shows_devices(struct sim *sim, const struct res *inst)
{
	return str_eq(inst->id, js(setting(sim, "imds"), "instance")) ||
	       machine_is_real(inst->truth);
}

static void link_paths(struct sim *sim, const struct res *vol, char **ret_by_id, char **ret_name)
{
	const json_t *attachment = jget(vol->truth, "attachment");
	const struct res *inst = world_get(sim, js(attachment, "instance"));
	const char *device = js(attachment, "device");

	if (inst && machine_is_real(inst->truth)) {
		cleanup(free) char *dir = machine_dir(sim, inst->id);

		*ret_by_id = mem_printf("%s/by-id/nvme-Amazon_Elastic_Block_Store_vol%s", dir,
					vol->id + strlen("vol-"));
		*ret_name = mem_printf("%s/by-id/../%s", dir, strrchr(device, '/') ?: device);
		return;
	}
	*ret_by_id = mem_printf("%s/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol%s", sim->dir,
				vol->id + strlen("vol-"));
	*ret_name = mem_printf("%s/dev/%s", sim->dir,
			       str_starts(device, "/dev/") ? device + strlen("/dev/") : device);
}

static void link_make(const char *target, const char *path)
{
	unlink(path);
	if (symlink(target, path))
		fprintf(stderr, "ec2-sim: %s: %s\n", path, strerror(errno));
}

void device_appear(struct sim *sim, struct res *vol)
{
	cleanup(free) char *file = volume_path(sim, vol->id), *by_id = NULL, *name = NULL;

	if (!jhas(vol->truth, "attachment"))
		return;
	link_paths(sim, vol, &by_id, &name);
	link_make(file, by_id);
	link_make(file, name);
	jset_b(vol->truth, "linked", true);
	world_touch(vol);
}

void device_vanish(struct sim *sim, struct res *vol)
{
	cleanup(free) char *by_id = NULL, *name = NULL;

	timer_drop(vol, "unlink");
	if (!jb(vol->truth, "linked"))
		return;
	link_paths(sim, vol, &by_id, &name);
	unlink(by_id);
	unlink(name);
	json_object_del(vol->truth, "linked");
	world_touch(vol);
}

/* A write lease is granted only when nobody else has the file open: a mount, a loop device, a
 * reader. */
bool device_is_busy(struct sim *sim, const char *volume_id)
{
	cleanup(free) char *path = volume_path(sim, volume_id);
	cleanup(fd_close) int fd = -1;

	if (json_is_false(setting(sim, "busy_check")))
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || !fcntl(fd, F_SETLEASE, F_WRLCK)) {
		if (fd >= 0)
			fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	return errno == EAGAIN;
}

/* After a restart the links say again what the state says. */
void devices_restore(struct sim *sim)
{
	sim_foreach (vol, sim, &kind_volume)
		if (jb(vol->truth, "linked"))
			device_appear(sim, vol);
}
