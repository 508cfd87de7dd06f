/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "fs/lines.h"

static const char dir[] = "/etc/modprobe.d";

/* One line: "blacklist ena", "install ena /bin/false". */
struct rule {
	const char *path, *module;
	const struct str *text;
	uint32_t line;
	bool is_install;
};

/* The driver of the instance's network cards; NULL: cannot be told. */
static const char *driver(const struct machine *machine)
{
	static const char *const old[] = { "t1.", "t2.", "m1.", "m2.", "m3.", "c1." };
	const struct cloud_facts *cloud = machine_cloud(machine);

	if (!cloud || !cloud->hypervisor || !cloud->instance_type)
		return NULL;
	if (str_eq(cloud->hypervisor, "nitro"))
		return "ena";
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (str_starts(cloud->instance_type, old[i]))
			return "xen_netfront";
	return NULL;
}

static bool is_module(const char *word, const char *module)
{
	for (; *word && *module; word++, module++)
		if (*word != *module && !(*word == '-' && *module == '_'))
			return false;
	return *word == *module;
}

/* Built into every kernel that is there: no rule for modules touches it. */
static bool is_built_in(const struct machine *machine, const char *module)
{
	const struct tree_names *names = machine_list(machine, "/lib/modules");
	cleanup(free) char *dashed = mem_printf("/%s.ko", module);
	cleanup(free) char *plain = mem_printf("/%s.ko", module);
	size_t kernels = 0;

	for (char *c = dashed; *c; c++)
		if (*c == '_')
			*c = '-';
	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path =
			mem_printf("/lib/modules/%s/modules.builtin", names->items[i]);
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, path, &ignored);

		if (!text || (!strstr(text->s, dashed) && !strstr(text->s, plain)))
			return false;
		kernels++;
	}
	return kernels > 0;
}

/* A command that loads nothing. */
static bool loads_nothing(const char *command)
{
	static const char *const nothing[] = { "false", "true", ":", "echo", "exit" };
	size_t len = strcspn(command, " \t;");
	cleanup(free) char *word = mem_strndup(command, len);
	const char *base = strrchr(word, '/') ? strrchr(word, '/') + 1 : word;

	for (size_t i = 0; i < ARRAY_LEN(nothing); i++)
		if (str_eq(base, nothing[i]))
			return !strstr(command, "modprobe") && !strstr(command, "insmod");
	return false;
}

static bool read_rule(char *line, const char *module, struct rule *ret)
{
	char *rest = line + strspn(line, " \t"), *word = strsep(&rest, " \t"), *name;

	if (!rest || (!str_eq(word, "blacklist") && !str_eq(word, "install")))
		return false;
	rest += strspn(rest, " \t");
	name = strsep(&rest, " \t\r");
	if (!is_module(name, module))
		return false;
	ret->is_install = str_eq(word, "install");
	return !ret->is_install || (rest && loads_nothing(rest + strspn(rest, " \t")));
}

static void report(const struct rule *rule, struct findings *out)
{
	struct finding *finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "67", rule->path, rule->line,
		rule->is_install
			? "the install line keeps modprobe from loading %s, the driver of this "
			  "instance's network cards"
			: "the blacklist line keeps udev from loading %s, the driver of this "
			  "instance's network cards",
		rule->module);

	lines_edit_comment(&finding->edits, rule->path, rule->text, rule->line, 1);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct tree_names *names = machine_list(machine, dir);
	const char *module = driver(machine);

	(void)err;
	if (!module || is_built_in(machine, module))
		return 0;
	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names->items[i]);
		struct err ignored = ERR_INIT;
		struct rule rule = { .path = path, .module = module };
		uint32_t number = 0;

		if (!str_ends(path, ".conf"))
			continue;
		rule.text = machine_file(machine, path, &ignored);
		for (const char *at = rule.text ? rule.text->s : ""; *at;
		     at += strcspn(at, "\n"), at += *at == '\n') {
			cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));

			rule.line = ++number;
			if (read_rule(line, module, &rule))
				report(&rule, out);
		}
	}
	return 0;
}

const struct check check_modprobe_nic = {
	.name = "modprobe-nic",
	.title = "modprobe is told not to load the network card's driver",
	.explain =
		"On Nitro instances every network card is driven by ena, on old Xen ones by "
		"xen-netfront. A blacklist line keeps udev from loading it for the card, an "
		"install line with /bin/false keeps everybody: there is no interface at all. The "
		"repair puts a # before the line. A driver that is built into the kernel is not "
		"touched by such lines.",
	.source = "modprobe.d(5), blacklist, install; EC2 user guide, \"Enhanced networking\"",
	.rows = "67",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD,
	.examine = examine,
};
