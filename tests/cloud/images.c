/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/kinds.h"

const struct filter image_filters[] = {
	{ "image-id", "imageId" },
	{ "name", "name" },
	{ "state", "imageState" },
	{ "architecture", "architecture" },
	{ "description", "description" },
	{ "root-device-name", "rootDeviceName" },
	{ "root-device-type", "rootDeviceType" },
	{ "owner-id", "imageOwnerId" },
	{ "owner-alias", "imageOwnerAlias" },
	{ "is-public", "isPublic" },
	{ "image-type", "imageType" },
	{ "virtualization-type", "virtualizationType" },
	{ "ena-support", "enaSupport" },
	{ "hypervisor", "hypervisor" },
	{ "creation-date", "creationDate" },
	{ "block-device-mapping.snapshot-id", "blockDeviceMapping.ebs.snapshotId" },
	{ "block-device-mapping.device-name", "blockDeviceMapping.deviceName" },
	{ 0 },
};

json_t *image_render(struct sim *sim, const json_t *v)
{
	json_t *out = json_object(), *list = json_array(), *ebs;
	const json_t *m;
	size_t i;

	json_array_foreach (jget(v, "mapping"), i, m) {
		ebs = json_object();
		jcopy(ebs, "snapshotId", m, "snapshot");
		jcopy(ebs, "volumeSize", m, "size");
		jcopy(ebs, "volumeType", m, "type");
		jset_b(ebs, "deleteOnTermination", jb(m, "delete_on_termination"));
		jset_b(ebs, "encrypted", false);
		json_array_append_new(
			list, json_pack("{s:s,s:o}", "deviceName", js(m, "device"), "ebs", ebs));
	}
	jcopy(out, "imageId", v, "id");
	jcopy(out, "name", v, "name");
	jcopy(out, "imageState", v, "state");
	jset_s(out, "imageOwnerId", *js(v, "owner") ? js(v, "owner") : sim_account(sim));
	jcopy(out, "imageOwnerAlias", v, "owner_alias");
	jset_b(out, "isPublic", jb(v, "is_public"));
	jcopy(out, "architecture", v, "architecture");
	jset_s(out, "imageType", "machine");
	jset(out, "creationDate", json_time(jd(v, "create_time")));
	jcopy(out, "description", v, "description");
	jset_s(out, "rootDeviceType", "ebs");
	jcopy(out, "rootDeviceName", v, "root_device_name");
	jset(out, "blockDeviceMapping", list);
	jset_s(out, "virtualizationType", "hvm");
	jset_s(out, "hypervisor", "xen");
	jset_b(out, "enaSupport", true);
	jcopy(out, "bootMode", v, "boot_mode");
	jset_s(out, "platformDetails", "Linux/UNIX");
	jset(out, "tagSet", tags_render(v));
	json_object_update(out, jget(v, "raw"));
	return out;
}

int image_load(struct sim *sim, json_t *in, struct err *err)
{
	(void)err;
	jdefault(in, "name", json_string(js(in, "id")));
	jdefault(in, "state", json_string("available"));
	jdefault(in, "architecture", json_string("x86_64"));
	jdefault(in, "root_device_name", json_string("/dev/xvda"));
	jdefault(in, "create_time", json_real(sim->now - 86400));
	jdefault(in, "tags", json_object());
	/* Short form: the snapshot of the root device alone. */
	if (!jhas(in, "mapping") && *js(in, "snapshot"))
		jset(in, "mapping",
		     json_pack("[{s:s,s:s,s:b,s:s}]", "device", js(in, "root_device_name"),
			       "snapshot", js(in, "snapshot"), "delete_on_termination", 1, "type",
			       "gp3"));
	world_add(sim, &kind_image, js(in, "id"), json_incref(in));
	return 0;
}

static int add_mapping(struct call *call, json_t *list, unsigned i)
{
	const char *snapshot = param_at(call, "BlockDeviceMapping.%u.Ebs.SnapshotId", i);
	const char *size = param_at(call, "BlockDeviceMapping.%u.Ebs.VolumeSize", i);
	struct res *snap;
	json_t *m;

	if (!*snapshot)
		return 0;
	if (!(snap = call_find(call, &kind_snapshot, snapshot)))
		return -1;
	if (json_array_size(jget(snap->truth, "product_codes"))) {
		call_fail(call, "OperationNotPermitted",
			  "The snapshot '%s' carries product codes and cannot be registered.",
			  snap->id);
		return -1;
	}
	m = json_pack("{s:s,s:s}", "device", param_at(call, "BlockDeviceMapping.%u.DeviceName", i),
		      "snapshot", snap->id);
	jset_i(m, "size", *size ? strtoll(size, NULL, 10) : ji(snap->truth, "size"));
	jset_s(m, "type",
	       *param_at(call, "BlockDeviceMapping.%u.Ebs.VolumeType", i)
		       ? param_at(call, "BlockDeviceMapping.%u.Ebs.VolumeType", i)
		       : "gp2");
	jset_b(m, "delete_on_termination",
	       !str_eq(param_at(call, "BlockDeviceMapping.%u.Ebs.DeleteOnTermination", i),
		       "false"));
	json_array_append_new(list, m);
	return 0;
}

static int check_name(struct call *call, const char *name)
{
	sim_foreach (image, call->sim, &kind_image) {
		if (js_is(image->truth, "name", name) && !jb(image->truth, "gone")) {
			call_fail(call, "InvalidAMIName.Duplicate",
				  "AMI name %s is already in use by AMI %s", name, image->id);
			return -1;
		}
	}
	return 0;
}

void register_image(struct call *call)
{
	cleanup(free) char *id = NULL;
	json_t *list = json_array(), *in;

	for (unsigned i = 1; i <= param_count(call, "BlockDeviceMapping"); i++)
		if (add_mapping(call, list, i))
			break;
	if (!json_array_size(list))
		call_fail(call, "InvalidParameterCombination",
			  "No snapshot is given for the root device of the image");
	if (call_failed(call) || check_name(call, param(call, "Name"))) {
		json_decref(list);
		return;
	}
	id = id_new(call->sim, "ami-");
	in = json_pack("{s:s,s:s,s:s,s:s,s:o}", "id", id, "name", param(call, "Name"), "state",
		       "available", "description", param(call, "Description"), "mapping", list);
	jset_s(in, "architecture",
	       *param(call, "Architecture") ? param(call, "Architecture") : "i386");
	jset_s(in, "root_device_name",
	       *param(call, "RootDeviceName") ? param(call, "RootDeviceName") : "/dev/sda1");
	if (*param(call, "BootMode"))
		jset_s(in, "boot_mode", param(call, "BootMode"));
	jset_n(in, "create_time", call->sim->now);
	jset(in, "tags", param_tags(call, "image"));
	world_add(call->sim, &kind_image, id, in);
	json_array_append_new(call->new_ids, json_string(id));
	jset_s(call->out, "imageId", id);
}

void deregister_image(struct call *call)
{
	struct res *image = call_find(call, &kind_image, param(call, "ImageId"));

	if (!image)
		return;
	jset_b(image->truth, "gone", true);
	world_touch(image);
	jset_b(call->out, "return", true);
}
