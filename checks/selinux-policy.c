/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/selinux.h"

/* The only other type whose policy is whole: the one that was meant. NULL: none, or several. */
static const char *only_other_type(const struct machine *machine, const struct selinux *selinux)
{
	const struct tree_names *names = machine_list(machine, "/etc/selinux");
	const char *other = NULL;

	for (size_t i = 0; names && i < names->count; i++) {
		bool ignored;
		cleanup(free) char *policy =
			strlen(names->items[i]) < 64
				? selinux_policy_of(machine, names->items[i], &ignored)
				: NULL;

		if (!policy || str_eq(names->items[i], selinux->type))
			continue;
		if (other)
			return NULL;
		other = names->items[i];
	}
	return other;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct selinux *selinux = selinux_read(machine);
	const struct shellvar *line;
	struct finding *finding;
	const char *other;

	(void)err;
	if (selinux->mode != SELINUX_ENFORCING || selinux->policy || selinux->config.has_code)
		return 0;
	other = only_other_type(machine, selinux);
	line = shellvars_find(&selinux->config, other ? "SELINUXTYPE" : "SELINUX");
	finding = finding_add(out, SEVERITY_BLOCKS_BOOT,
			      other || !selinux->is_forced ? REPAIR_SURE : REPAIR_NONE, "71",
			      SELINUX_CONFIG, line ? line->line : 0,
			      "SELinux is to enforce the policy of type %s, which is %s%s%s; "
			      "without a policy systemd "
			      "stops the boot%s",
			      machine_quote(machine, selinux->type, strlen(selinux->type)),
			      selinux->has_bad_policy ? "damaged" : "not there",
			      other ? "; the one that is there is " : "",
			      other ? machine_quote(machine, other, strlen(other)) : "",
			      !other && selinux->is_forced
				      ? "; enforcing=1 on the kernel's command line has to go"
				      : "");
	if (other)
		shellvars_edit_set(&selinux->config, SELINUX_CONFIG, "SELINUXTYPE", other,
				   &finding->edits);
	else if (!selinux->is_forced)
		shellvars_edit_set(&selinux->config, SELINUX_CONFIG, "SELINUX", "permissive",
				   &finding->edits);
	return 0;
}

const struct check check_selinux_policy = {
	.name = "selinux-policy",
	.title = "SELinux is to enforce a policy that is not there",
	.explain =
		"With SELINUX=enforcing systemd loads the policy before anything else, and when it "
		"cannot it stops: \"Failed to load SELinux policy. Freezing.\" A removed "
		"selinux-policy package, a file cut off by a full disk, or a mistyped SELINUXTYPE "
		"do "
		"it. Where another type's policy is the only one there, the repair names it; else "
		"it "
		"sets SELINUX=permissive, which starts without. Kernels on which SELinux is off "
		"(selinux=0; Debian, Ubuntu and SUSE unless asked for) are passed over.",
	.source = "selinux_config(5); systemd src/core/selinux-setup.c; libselinux "
		  "selinux_init_load_policy()",
	.rows = "71",
	.repair = REPAIR_SURE,
	.examine = examine,
};
