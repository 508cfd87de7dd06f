/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/conf_dirs.h"
#include "checks/shell_scan.h"
#include "fs/lines.h"

#define SOON_S 300u

static const char cached[] = "/var/lib/cloud/instance/user-data.txt";

static const struct shell_command *find_reboot(const struct machine *machine, const char *path,
					       struct shell_script *script)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);

	if (!text)
		return NULL;
	shell_scan(text->s, text->len, script);
	return shell_script_reboot(script, SOON_S);
}

/* "- [ scripts-user, always ]": user data's scripts at every boot, not once an instance. The line's
 * number; 0: none in this file. */
static uint32_t always_line(const struct str *text)
{
	uint32_t line = 0;

	for (const char *p = text->s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		cleanup(free) char *body = mem_strndup(p, strcspn(p, "#\n"));
		const char *name = strstr(body, "scripts-user");

		line++;
		if (name && strchr(body, '[') && strstr(name, "always"))
			return line;
	}
	return 0;
}

static void look_at_script(const struct machine *machine, const char *script_path,
			   struct findings *out)
{
	static const char *const dirs[] = { "/etc/cloud/cloud.cfg.d" };
	cleanup(tree_names_done) struct tree_names files = { 0 };
	cleanup(shell_script_done) struct shell_script script = { 0 };
	const struct shell_command *command = find_reboot(machine, script_path, &script);
	struct err ignored = ERR_INIT;
	const struct str *user_data;

	if (!command)
		return;
	vec_push(&files, mem_strdup("/etc/cloud/cloud.cfg"));
	conf_dirs_list(machine, dirs, ARRAY_LEN(dirs), ".cfg", &files);
	vec_foreach (file, &files) {
		const struct str *text = machine_file(machine, *file, &ignored);
		uint32_t line = text ? always_line(text) : 0;
		cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
		struct finding *finding;

		if (!line)
			continue;
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "75", *file, line,
			"the scripts of user data run at every boot, and %s line %u switches "
			"the instance off or boots it anew",
			machine_quote(machine, script_path, strlen(script_path)), command->line);
		lines_copy(text->s, text->len, line, 1, &old);
		str_addf(&new, "%.*s- scripts-user\n", (int)strspn(old.s, " \t"), old.s);
		lines_edit_replace(&finding->edits, *file, text, line, 1, new.s);
		return;
	}
	user_data = machine_file(machine, cached, &ignored);
	if (user_data && always_line(user_data))
		finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "75", script_path,
			    command->line,
			    "user data lets this script run at every boot, and it switches the "
			    "instance "
			    "off or boots it anew; change the instance's user data while it is "
			    "stopped");
}

static void look_at_hook(const struct machine *machine, const char *path, struct findings *out)
{
	cleanup(shell_script_done) struct shell_script script = { 0 };
	const struct shell_command *command = find_reboot(machine, path, &script);

	if (command)
		finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "75", path, command->line,
			"this boot hook of user data runs at every boot and switches the instance "
			"off "
			"or boots it anew; change the instance's user data while it is stopped");
}

static void look_into(const struct machine *machine, const char *dir,
		      void (*look)(const struct machine *, const char *, struct findings *),
		      struct findings *out)
{
	const struct tree_names *names = machine_list(machine, dir);

	if (!names)
		return;
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);

		look(machine, path, out);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	look_into(machine, "/var/lib/cloud/instance/scripts", look_at_script, out);
	look_into(machine, "/var/lib/cloud/instance/boothooks", look_at_hook, out);
	return 0;
}

const struct check check_user_data_reboot = {
	.name = "user-data-reboot",
	.title = "user data reboots the instance, or switches it off, at every boot",
	.explain = "Scripts of user data run once an instance, so that a reboot at their end is "
		   "healthy, "
		   "unless cloud-init is told \"[ scripts-user, always ]\"; boot hooks run at "
		   "every boot in "
		   "any case. Where the word \"always\" stands in a file of this machine, the "
		   "repair takes "
		   "it away. User data itself is not on the volume: cloud-init fetches it anew at "
		   "each "
		   "boot, and only `aws ec2 modify-instance-attribute --user-data` changes it.",
	.source = "cloud-init documentation, \"User data formats\" (boothook), \"Scripts User\", "
		  "module "
		  "frequency; Amazon EC2 user guide, \"Run commands at launch\"",
	.rows = "75",
	.repair = REPAIR_SURE,
	.examine = examine,
};
