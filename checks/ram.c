/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ram.h"
#include "checks/boot_past.h"

#include <stdlib.h>

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

/* Families whose memory is what the size says. */
static uint64_t burstable(const char *size)
{
	static const struct {
		const char *size;
		uint64_t bytes;
	} sizes[] = { { "nano", GIB / 2 },    { "micro", GIB },	    { "small", 2 * GIB },
		      { "medium", 4 * GIB },  { "large", 8 * GIB }, { "xlarge", 16 * GIB },
		      { "2xlarge", 32 * GIB } };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		if (str_eq(sizes[i].size, size))
			return sizes[i].bytes;
	return 0;
}

/* The most that any generation of the family has for a vCPU, in MiB; 0: too many kinds. */
static uint64_t mib_a_vcpu(const char *type)
{
	static const struct {
		const char *prefix;
		uint64_t mib;
	} families[] = { { "m2.", 8755 }, { "mac", 0 },	 { "c", 2688 },	   { "m", 4096 },
			 { "r", 8192 },	  { "z", 8192 }, { "x1e", 31232 }, { "x", 32768 },
			 { "i", 8192 },	  { "d", 8192 }, { "h1", 4096 },   { "a1", 2048 },
			 { "g", 8192 } };

	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (str_starts(type, families[i].prefix))
			return families[i].mib;
	return 0;
}

static uint64_t vcpus_of(const char *size)
{
	char *end;
	unsigned long n = strtoul(size, &end, 10);

	if (end != size && str_eq(end, "xlarge") && n <= 1000)
		return 4 * n;
	if (str_eq(size, "xlarge"))
		return 4;
	if (str_eq(size, "large"))
		return 2;
	return str_eq(size, "medium") || str_eq(size, "small") ? 1 : 0;
}

static uint64_t of_type(const char *type)
{
	const char *dot = strchr(type, '.');

	if (!dot)
		return 0;
	if (type[0] == 't' && type[1] >= '2' && type[1] <= '9')
		return burstable(dot + 1);
	return vcpus_of(dot + 1) * mib_a_vcpu(type) * MIB;
}

uint64_t machine_ram_max(const struct machine *machine)
{
	const struct cloud_facts *cloud = machine_cloud(machine);
	const char *console = machine_console(machine);
	uint64_t bytes = 0;

	if (cloud && cloud->is_known && cloud->instance_type)
		bytes = of_type(cloud->instance_type);
	if (!bytes && console)
		bytes = boot_past_ram_in(console, strlen(console));
	return bytes ? bytes : boot_past_ram(machine);
}
