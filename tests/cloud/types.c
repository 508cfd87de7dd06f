/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/instance.h"

#include <ctype.h>
#include <stdio.h>

/* Instance types by their naming: family, generation, attributes, size ("m6gd.2xlarge"). */

static const struct {
	const char *name;
	int vcpus;
	int memory_gib; /* of a general purpose type of this size */
} sizes[] = {
	{ "nano", 2, 0 },	 { "micro", 2, 1 },	   { "small", 2, 2 },
	{ "medium", 2, 4 },	 { "large", 2, 8 },	   { "xlarge", 4, 16 },
	{ "2xlarge", 8, 32 },	 { "3xlarge", 12, 48 },	   { "4xlarge", 16, 64 },
	{ "6xlarge", 24, 96 },	 { "8xlarge", 32, 128 },   { "9xlarge", 36, 144 },
	{ "12xlarge", 48, 192 }, { "16xlarge", 64, 256 },  { "18xlarge", 72, 288 },
	{ "24xlarge", 96, 384 }, { "32xlarge", 128, 512 }, { "48xlarge", 192, 768 },
	{ "metal", 96, 384 },
};

static const char xen_families[] =
	" t1 t2 m1 m2 m3 m4 c1 c3 c4 r3 r4 i2 i3 d2 h1 x1 x1e p2 p3 g2 g3 f1 cc2 cr1 hs1 ";
static const char old_families[] = " t1 m1 m2 m3 c1 c3 r3 i2 g2 cc2 cr1 hs1 a1 ";
static const char store_families[] =
	" m1 m2 m3 c1 c3 r3 i2 i3 i3en i4i i4g d2 d3 d3en h1 x1 x1e f1 ";
static const char letters[] = "abcdfghilmprtuvxz";

static bool is_in(const char *list, const char *family)
{
	char word[40];

	snprintf(word, sizeof(word), " %s ", family);
	return strstr(list, word);
}

struct instance_type instance_type_of(const char *name)
{
	struct instance_type type = { 0 };
	const char *dot = strchr(name, '.'), *attributes;
	char family[24];

	snprintf(type.name, sizeof(type.name), "%s", name);
	if (!dot || dot == name || (size_t)(dot - name) >= sizeof(family) ||
	    !strchr(letters, *name))
		return type;
	snprintf(family, sizeof(family), "%.*s", (int)(dot - name), name);
	attributes = family + strcspn(family, "0123456789");
	if (!*attributes)
		return type;
	attributes += strspn(attributes, "0123456789");
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		if (!str_eq(sizes[i].name, dot + 1) &&
		    !(str_eq(sizes[i].name, "metal") && str_starts(dot + 1, "metal")))
			continue;
		type.is_known = true;
		type.vcpus = sizes[i].vcpus;
		type.memory_mib = sizes[i].memory_gib ? sizes[i].memory_gib * 1024 : 512;
	}
	type.is_metal = str_starts(dot + 1, "metal");
	type.is_nitro = type.is_metal || !is_in(xen_families, family);
	type.is_old = is_in(old_families, family);
	type.is_arm = strchr(attributes, 'g') || str_eq(family, "a1");
	type.has_store = strchr(attributes, 'd') || is_in(store_families, family);
	if (*family == 'c')
		type.memory_mib /= 2;
	if (*family == 'r' || *family == 'x')
		type.memory_mib *= 2;
	return type;
}

static json_t *type_render(const struct instance_type *t)
{
	json_t *out = json_pack("{s:s,s:b,s:b}", "instanceType", t->name, "bareMetal", t->is_metal,
				"instanceStorageSupported", t->has_store);

	jset_b(out, "currentGeneration", !t->is_old);
	if (!t->is_metal)
		jset_s(out, "hypervisor", t->is_nitro ? "nitro" : "xen");
	jset(out, "processorInfo",
	     json_pack("{s:[s]}", "supportedArchitectures", t->is_arm ? "arm64" : "x86_64"));
	jset(out, "supportedVirtualizationTypes", json_pack("[s]", "hvm"));
	jset(out, "supportedRootDeviceTypes", json_pack("[s]", "ebs"));
	jset(out, "supportedUsageClasses", json_pack("[s,s]", "on-demand", "spot"));
	if (t->is_arm)
		jset(out, "supportedBootModes", json_pack("[s]", "uefi"));
	else
		jset(out, "supportedBootModes",
		     t->is_nitro ? json_pack("[s,s]", "legacy-bios", "uefi")
				 : json_pack("[s]", "legacy-bios"));
	jset(out, "vCpuInfo", json_pack("{s:i}", "defaultVCpus", t->vcpus));
	jset(out, "memoryInfo", json_pack("{s:I}", "sizeInMiB", t->memory_mib));
	jset(out, "ebsInfo",
	     json_pack("{s:s,s:s,s:s}", "ebsOptimizedSupport",
		       t->is_nitro ? "default" : "supported", "encryptionSupport", "supported",
		       "nvmeSupport", t->is_nitro ? "required" : "unsupported"));
	if (t->has_store) /* the families differ; about 37 GB a CPU is usual */
		jset(out, "instanceStorageInfo",
		     json_pack("{s:i,s:[{s:i,s:i,s:s}],s:s}", "totalSizeInGB", t->vcpus * 37,
			       "disks", "sizeInGB", t->vcpus * 37, "count", 1, "type", "ssd",
			       "nvmeSupport", t->is_nitro ? "required" : "unsupported"));
	jset(out, "networkInfo",
	     json_pack("{s:s,s:i}", "enaSupport", t->is_nitro ? "required" : "unsupported",
		       "maximumNetworkInterfaces", t->vcpus < 4 ? 3 : 4));
	return out;
}

void describe_instance_types(struct call *call)
{
	static const char *const usual[] = { "t2.micro",  "t3.micro",  "t3.small", "t3.medium",
					     "t4g.small", "m4.large",  "m5.large", "m5d.large",
					     "m6g.large", "m6i.large", "c5.large", "r5.large",
					     "i3.large",  "m5.metal" };
	static const struct filter filters[] = {
		{ "instance-type", "instanceType" },
		{ "hypervisor", "hypervisor" },
		{ "bare-metal", "bareMetal" },
		{ "processor-info.supported-architecture", "processorInfo.supportedArchitectures" },
		{ "ebs-info.nvme-support", "ebsInfo.nvmeSupport" },
		{ "instance-storage-supported", "instanceStorageSupported" },
		{ 0 },
	};
	cleanup(texts_done) struct texts asked = param_list(call, "InstanceType");
	bool by_name = asked.count > 0;
	json_t *list = json_array();

	jset(call->out, "instanceTypeSet", list);
	for (size_t i = 0; !by_name && i < ARRAY_LEN(usual); i++)
		vec_push(&asked, usual[i]);
	vec_foreach (name, &asked) {
		struct instance_type type = instance_type_of(*name);
		json_t *shape;

		if (!type.is_known) {
			call_fail(call, "InvalidInstanceType",
				  "The following supplied instance types do not exist: [%s]",
				  *name);
			return;
		}
		shape = type_render(&type);
		if (filters_match(call, filters, shape) > 0)
			json_array_append(list, shape);
		json_decref(shape);
	}
	call_page(call, list, by_name);
}
