/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/ram.h"
#include "checks/sysctl.h"
#include "fs/lines.h"

#define MIB (UINT64_C(1) << 20)

/* What a boot with sshd and a shell hardly does without. */
#define SYSTEM_BYTES (160 * MIB)

/* Numbers that are too small whatever the machine has. Below `fatal` nobody gets in; below `low` it is
 * doubtful. The effect goes behind "so that ". */
static const struct floor {
	const char *key, *effect;
	int64_t fatal, low;
	enum severity severity;
} floors[] = {
	{ "fs.file-max", "only root can open files, and every login fails", 1024, 4096,
	  SEVERITY_BLOCKS_LOGIN },
	{ "fs.nr_open", "setting the limits of a service fails, and with it its start", 4096,
	  524288, SEVERITY_BLOCKS_BOOT },
	{ "kernel.pid_max", "no process can be started any more", 500, 2048, SEVERITY_BLOCKS_BOOT },
	{ "kernel.threads-max", "no process can be started any more", 200, 1000,
	  SEVERITY_BLOCKS_BOOT },
	{ "kernel.pty.max", "no login gets a terminal", 2, 8, SEVERITY_BLOCKS_LOGIN },
	{ "vm.max_map_count", "programs cannot map their libraries", 100, 1024,
	  SEVERITY_BLOCKS_BOOT },
	{ "fs.inotify.max_user_instances", "udevd, journald and logind cannot watch files", 4, 16,
	  SEVERITY_BLOCKS_BOOT },
};

/* Takes away every assignment of the key whose value is as bad, since the one before would count
 * next. */
typedef bool (*bad_value)(const struct sysctl_item *, const void *arg);
static void comment_all(const struct machine *machine, const struct sysctl_item *found,
			bad_value is_bad, const void *arg, struct finding *finding)
{
	vec_foreach (item, sysctl_model(machine)) {
		struct err ignored = ERR_INIT;
		const struct str *text;

		if (item != found && (item->is_glob || !str_eq(item->key, found->key) ||
				      !item->value || !is_bad(item, arg)))
			continue;
		text = machine_file(machine, item->path, &ignored);
		if (text)
			lines_edit_comment(&finding->edits, item->path, text, item->line, 1);
	}
}

static bool is_below(const struct sysctl_item *item, const void *arg)
{
	int64_t number;

	return sysctl_number(item, &number) && number >= 0 && number < *(const int64_t *)arg;
}

static bool is_above(const struct sysctl_item *item, const void *arg)
{
	int64_t number;

	return sysctl_number(item, &number) && number > *(const int64_t *)arg;
}

static void look_at_floor(const struct machine *machine, const struct floor *floor,
			  struct findings *out)
{
	const struct sysctl_item *item = sysctl_find(machine, floor->key);
	bool is_fatal;
	struct finding *finding;

	if (!item || !is_below(item, &floor->low))
		return;
	is_fatal = is_below(item, &floor->fatal);
	finding = finding_add(out, is_fatal ? floor->severity : SEVERITY_DELAYS,
			      is_fatal ? REPAIR_SURE : REPAIR_OFFERED, "65", item->path, item->line,
			      is_fatal ? "%s = %s is so little that %s"
				       : "%s = %s is little: where it is reached, %s",
			      floor->key, machine_quote(machine, item->value, strlen(item->value)),
			      floor->effect);
	comment_all(machine, item, is_below, is_fatal ? &floor->fatal : &floor->low, finding);
}

/* Memory that the setting takes away, beside all that the machine has. */
static void look_at_taken(const struct machine *machine, const char *key, uint64_t unit,
			  const char *effect, struct findings *out)
{
	/* The largest instances have 32 TiB; without a better word nothing below that is certain. */
	const struct sysctl_item *item = sysctl_find(machine, key);
	uint64_t ram = item ? machine_ram_max(machine) : 0, all = ram ? ram : UINT64_C(32) << 40;
	int64_t number, most;
	bool is_fatal;
	struct finding *finding;

	if (!item || !sysctl_number(item, &number) || number <= 0 ||
	    (uint64_t)number > UINT64_MAX / unit)
		return;
	is_fatal = (uint64_t)number * unit + SYSTEM_BYTES > all;
	if (!is_fatal && (!ram || (uint64_t)number * unit < all / 10 * 8))
		return;
	finding = finding_add(out, is_fatal ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS,
			      is_fatal ? REPAIR_SURE : REPAIR_OFFERED, "65", item->path, item->line,
			      "%s = %s takes %llu MiB of %llu MiB%s; %s", key,
			      machine_quote(machine, item->value, strlen(item->value)),
			      (unsigned long long)((uint64_t)number * unit / MIB),
			      (unsigned long long)(all / MIB),
			      ram ? "" : " that the largest instance has", effect);
	most = (int64_t)(is_fatal ? (all > SYSTEM_BYTES ? (all - SYSTEM_BYTES) / unit : 0)
				  : all / 10 * 8 / unit);
	comment_all(machine, item, is_above, &most, finding);
}

static bool is_number(const struct sysctl_item *item, const void *arg)
{
	int64_t number;

	return sysctl_number(item, &number) && number == *(const int64_t *)arg;
}

/* Strict accounting with next to nothing to account. */
static void look_at_overcommit(const struct machine *machine, struct findings *out)
{
	static const int64_t strict = 2;
	const struct sysctl_item *mode = sysctl_find(machine, "vm.overcommit_memory");
	const struct sysctl_item *ratio = sysctl_find(machine, "vm.overcommit_ratio");
	const struct sysctl_item *kbytes = sysctl_find(machine, "vm.overcommit_kbytes");
	uint64_t ram, limit;
	int64_t number;
	struct finding *finding;

	if (!mode || !is_number(mode, &strict))
		return;
	ram = machine_ram_max(machine);
	/* Each of the two resets the other: the later one counts. Only swap comes on top, and whoever
	 * has so much of it is not judged. */
	if (kbytes && sysctl_number(kbytes, &number) && number > 0 && (!ratio || kbytes > ratio))
		limit = (uint64_t)number * 1024;
	else if (ram)
		limit = ram / 100 *
			(sysctl_number(ratio, &number) && number >= 0 ? (uint64_t)number : 50);
	else if (sysctl_number(ratio, &number) && number >= 0 && number <= 1)
		limit = number ? 64 * MIB : 0; /* a hundredth of most machines */
	else
		return;
	if (limit >= 2 * SYSTEM_BYTES)
		return;
	finding = finding_add(out, SEVERITY_BLOCKS_BOOT,
			      limit < SYSTEM_BYTES ? REPAIR_SURE : REPAIR_OFFERED, "65", mode->path,
			      mode->line,
			      "vm.overcommit_memory = 2 allows all programs together %llu MiB and "
			      "the swap; services "
			      "cannot allocate memory and do not start",
			      (unsigned long long)(limit / MIB));
	comment_all(machine, mode, is_number, &strict, finding);
}

static void look_at_panic(const struct machine *machine, struct findings *out)
{
	static const int64_t zero = 0;
	const struct sysctl_item *item = sysctl_find(machine, "vm.panic_on_oom");
	struct finding *finding;

	if (!item || !is_above(item, &zero))
		return;
	finding = finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "65", item->path, item->line,
			      "vm.panic_on_oom = %s stops the whole machine when memory runs out, "
			      "instead of one program",
			      machine_quote(machine, item->value, strlen(item->value)));
	comment_all(machine, item, is_above, &zero, finding);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(floors); i++)
		look_at_floor(machine, &floors[i], out);
	look_at_taken(machine, "vm.nr_hugepages", 2 * MIB,
		      "the kernel kills what needs the rest, or never gets that far", out);
	look_at_taken(machine, "vm.min_free_kbytes", 1024,
		      "the kernel keeps that free and kills what needs it", out);
	look_at_overcommit(machine, out);
	look_at_panic(machine, out);
	return 0;
}

const struct check check_sysctl_memory = {
	.name = "sysctl-memory",
	.title = "a kernel parameter leaves no memory, files or processes to boot with",
	.explain =
		"Huge pages or a reserve of more memory than the machine has (set when the "
		"instance was "
		"larger), strict overcommit with next to nothing to commit, fs.file-max, "
		"fs.nr_open, "
		"pid_max or threads-max of a few hundred: the boot dies in the OOM killer, or "
		"services "
		"and logins fail one by one. What counts is the last assignment over all files. "
		"The "
		"repair comments out those that no boot survives; what is only tight is offered.",
	.source = "sysctl.d(5); the kernel's Documentation/admin-guide/sysctl (vm, fs, kernel) and "
		  "mm/overcommit-accounting; setrlimit(2), fs.nr_open; EC2 instance types",
	.rows = "65",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CLOUD | NEEDS_CONSOLE,
	.examine = examine,
};
