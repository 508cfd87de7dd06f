/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/shell_scan.h"
#include "checks/unit_edit.h"
#include "checks/unit_limits.h"
#include "fs/lines.h"

#include <stdlib.h>

/* Sooner than this after the boot nobody has time to get in and change it. */
#define SOON_S 300u

/* What a command does, for a sentence. */
static const char *does(const struct tree_names *words)
{
	vec_foreach (word, words)
		if (strstr(*word, "reboot") || strstr(*word, "shutdown -r") ||
		    str_eq(*word, "-r") || str_eq(*word, "6") || strstr(*word, "kexec"))
			return "boots the instance anew";
	return "switches the instance off";
}

static void say(const char *path, uint32_t line, const char *when, const char *does_what,
		struct findings *out)
{
	finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "75", path, line, "%s, this %s", when,
		    does_what);
}

/* May the whole line go: only such commands are on it, and what it opens it closes? */
static bool line_may_go(const struct shell_script *script, const struct str *text, uint32_t line)
{
	cleanup(str_done) struct str bytes = STR_INIT;
	int open = 0;

	vec_foreach (command, &script->commands) {
		bool is_on = command->line <= line && command->line + command->line_count > line;

		if (is_on && (command->is_conditional || command->line_count > 1))
			return false;
	}
	lines_copy(text->s, text->len, line, 1, &bytes);
	for (const char *p = bytes.s; *p; p++)
		open += strchr("({", *p) ? 1 : strchr(")}", *p) ? -1 : 0;
	return !open && !str_ends(bytes.s, "\\\n");
}

/* A script that runs at every boot: its command that switches off goes behind a comment. */
static void look_at_script(const struct machine *machine, const char *path, const char *when,
			   struct findings *out)
{
	cleanup(shell_script_done) struct shell_script script = { 0 };
	const struct shell_command *command;
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct finding *finding;

	if (!text)
		return;
	shell_scan(text->s, text->len, &script);
	command = shell_script_reboot(&script, SOON_S);
	if (!command)
		return;
	say(path, command->line, when, does(&command->words), out);
	finding = &out->items[out->count - 1];
	if (command->is_alone || line_may_go(&script, text, command->line))
		lines_edit_comment(&finding->edits, path, text, command->line, command->line_count);
	else
		finding->repair = REPAIR_NONE;
}

/* Executable, and started: by rc-local.service (its generator needs only the bit), or System V. */
static void look_at_rc_local(const struct machine *machine, struct findings *out)
{
	static const char *const paths[] = { "/etc/rc.d/rc.local", "/etc/rc.local",
					     "/etc/init.d/boot.local", "/etc/init.d/after.local" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		cleanup(str_done) struct str real = STR_INIT;
		struct err ignored = ERR_INIT;
		struct tree_stat st;
		bool is_seen = false;

		if (tree_resolve(machine_tree(machine), paths[i], &real, &ignored) < 0 ||
		    tree_stat(machine_tree(machine), real.s, TREE_NOFOLLOW, &st, &ignored) < 0 ||
		    !S_ISREG(st.mode) || !(st.mode & 0111) ||
		    machine_unit(machine, "rc-local.service") == UNIT_MASKED)
			continue;
		for (size_t k = 0; k < i; k++)
			is_seen |= str_eq(paths[k], real.s);
		if (!is_seen)
			look_at_script(machine, real.s, "at every boot", out);
	}
}

static void look_at_cloud_scripts(const struct machine *machine, struct findings *out)
{
	static const char dir[] = "/var/lib/cloud/scripts/per-boot";
	const struct tree_names *names = machine_list(machine, dir);

	if (!names)
		return;
	vec_foreach (name, names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		struct err ignored = ERR_INIT;
		struct tree_stat st;

		if (!tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
		    (st.mode & 0111))
			look_at_script(machine, path, "at every boot, run by cloud-init", out);
	}
}

/* ---- cron ------------------------------------------------------------------------------------ */

/* Every few minutes, whatever the hour: "* * * * *", "*\/5 * * * *". */
static bool is_often(const char *minute, const char *rest)
{
	long every;

	if (strspn(rest, "* \t") != strlen(rest))
		return false;
	if (str_eq(minute, "*"))
		return true;
	every = str_starts(minute, "*/") ? strtol(minute + 2, NULL, 10) : 0;
	return every > 0 && every <= 10;
}

/* The command of a line of crontab(5) that runs at boot or every few minutes; NULL: another one. */
static const char *cron_command(const char *line, bool has_user, const char **ret_when)
{
	const char *p = line + strspn(line, " \t");

	if (str_starts(p, "@reboot")) {
		p += strlen("@reboot");
		*ret_when = "at every boot, run by cron";
	} else {
		cleanup(free) char *minute = mem_strndup(p, strcspn(p, " \t"));
		cleanup(free) char *rest = NULL;
		const char *from = p += strlen(minute);

		for (int i = 0; i < 4; i++) {
			p += strspn(p, " \t");
			p += strcspn(p, " \t");
		}
		rest = mem_strndup(from, (size_t)(p - from));
		if (!is_often(minute, rest) || !*p)
			return NULL;
		*ret_when = "every few minutes, run by cron";
	}
	p += strspn(p, " \t");
	if (has_user) {
		p += strcspn(p, " \t");
		p += strspn(p, " \t");
	}
	return *p ? p : NULL;
}

static void look_at_crontab(const struct machine *machine, const char *path, bool has_user,
			    struct findings *out)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	uint32_t n = 0;

	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		cleanup(free) char *line = mem_strndup(p, strcspn(p, "\n"));
		cleanup(shell_script_done) struct shell_script script = { 0 };
		const char *when = NULL, *command;
		const struct shell_command *found;

		n++;
		if (line[strspn(line, " \t")] == '#' ||
		    !(command = cron_command(line, has_user, &when)))
			continue;
		shell_scan(command, strlen(command), &script);
		found = shell_script_reboot(&script, SOON_S);
		if (!found)
			continue;
		say(path, n, when, does(&found->words), out);
		lines_edit_comment(&out->items[out->count - 1].edits, path, text, n, 1);
	}
}

static void look_at_cron(const struct machine *machine, struct findings *out)
{
	static const struct {
		const char *dir;
		bool has_user;
	} dirs[] = { { "/etc/cron.d", true },
		     { "/var/spool/cron", false },
		     { "/var/spool/cron/crontabs", false },
		     { "/var/spool/cron/tabs", false } };

	look_at_crontab(machine, "/etc/crontab", true, out);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		const struct tree_names *names = machine_list(machine, dirs[i].dir);

		if (!names)
			continue;
		vec_foreach (name, names) {
			cleanup(free) char *path = mem_printf("%s/%s", dirs[i].dir, *name);

			/* cron passes over names with a dot: packages' leftovers, backups. */
			if ((dirs[i].has_user && strchr(*name, '.')) || str_ends(*name, "~"))
				continue;
			look_at_crontab(machine, path, dirs[i].has_user, out);
		}
	}
}

/* ---- units ----------------------------------------------------------------------------------- */

/* Does a service switch the machine off as soon as it starts? */
static bool reboots(const struct machine *machine, const struct unit *unit,
		    const struct unit_file **ret_file, const struct section_item **ret_item,
		    const char **ret_does)
{
	static const char *const keys[] = { "ExecStartPre", "ExecStart", "ExecStartPost" };

	vec_foreach (file, &unit->files)
		vec_foreach (item, &file->sections) {
			cleanup(tree_names_done) struct tree_names words = { 0 };
			cleanup(shell_script_done) struct shell_script script = { 0 };
			struct err ignored = ERR_INIT;
			const struct shell_command *command = NULL;
			const struct str *text = NULL;
			bool is_key = false;
			size_t at = 0;

			for (size_t k = 0; k < ARRAY_LEN(keys); k++)
				is_key |= item->kind == SECTION_SET && str_eq(item->key, keys[k]);
			if (!is_key)
				continue;
			*ret_file = file;
			*ret_item = item;
			unit_command_words(item->value, &words, NULL);
			*ret_does = does(&words);
			if (shell_words_reboot(&words, SOON_S))
				return true;
			if (!shell_program(&words, &at))
				continue;
			at += str_ends(words.items[at], "sh") && at + 1 < words.count;
			if (words.items[at][0] == '/')
				text = machine_file(machine, words.items[at], &ignored);
			if (!text || !str_starts(text->s, "#!"))
				continue;
			shell_scan(text->s, text->len, &script);
			command = shell_script_reboot(&script, SOON_S);
			if (command) {
				*ret_does = does(&command->words);
				return true;
			}
		}
	return false;
}

static bool has_conditions(const struct unit *unit)
{
	vec_foreach (file, &unit->files)
		vec_foreach (item, &file->sections)
			if (item->kind == SECTION_SET &&
			    (str_starts(item->key, "Condition") ||
			     str_starts(item->key, "Assert") || str_eq(item->key, "ExecCondition")))
				return true;
	return false;
}

/* The timer comes soon after the boot, or every few minutes. */
static bool timer_is_soon(const struct unit *timer)
{
	static const char *const keys[] = { "OnBootSec", "OnStartupSec", "OnActiveSec" };
	const char *calendar = unit_get(timer, "Timer", "OnCalendar");
	uint64_t seconds;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = unit_get(timer, "Timer", keys[i]);

		if (value && *value && time_span_parse(value, &seconds) && seconds <= SOON_S)
			return true;
	}
	return calendar && (str_eq(calendar, "minutely") || str_eq(calendar, "*:0/1") ||
			    str_eq(calendar, "*:0/5") || str_eq(calendar, "*-*-* *:*:00"));
}

static void look_at_unit(const struct machine *machine, const struct boot_unit *at_boot,
			 struct findings *out)
{
	const struct unit *unit = at_boot->unit;
	cleanup(free) char *name = NULL, *when = NULL;
	const struct unit_file *file;
	const struct section_item *item;
	const char *what;

	if (str_ends(at_boot->name, ".timer")) {
		const char *service = unit_get(unit, "Timer", "Unit");

		if (!timer_is_soon(unit))
			return;
		name = service ? mem_strdup(service)
			       : mem_printf("%.*s.service",
					    (int)(strlen(at_boot->name) - strlen(".timer")),
					    at_boot->name);
		unit = unit_load(machine, name);
	} else if (!str_ends(at_boot->name, ".service"))
		return;
	if (!unit || unit->is_masked || has_conditions(unit) || has_conditions(at_boot->unit) ||
	    !reboots(machine, unit, &file, &item, &what))
		return;
	when = mem_printf("soon after every boot, started by %s", at_boot->name);
	say(file->path, item->line, when, what, out);
	if (!unit_edit_disable(machine, at_boot->name, &out->items[out->count - 1].edits))
		out->items[out->count - 1].repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	vec_foreach (unit, units_at_boot(machine))
		if (unit->unit)
			look_at_unit(machine, unit, out);
	look_at_rc_local(machine, out);
	look_at_cloud_scripts(machine, out);
	look_at_cron(machine, out);
	return 0;
}

const struct check check_boot_loop = {
	.name = "boot-loop",
	.title = "something switches the instance off, or reboots it, at every boot",
	.explain =
		"A reboot or shutdown that runs in any case at every boot (in rc.local, cron's "
		"@reboot "
		"or every few minutes, a unit or a timer, a per-boot script of cloud-init) leaves "
		"no "
		"time to log in. Only commands that are reached without a condition count, within "
		"five minutes: one behind an if, a marker file or an exit is how images prepare "
		"themselves, and a shutdown hours later saves money. The repair comments out the "
		"line "
		"or disables the unit. User data itself is not on the volume: cloud-init fetches "
		"it "
		"anew.",
	.source = "rc-local.service, systemd-rc-local-generator(8); crontab(5), cron(8); "
		  "systemd.timer(5); cloud-init, \"Scripts Per Boot\"; shutdown(8); POSIX.1 shell "
		  "language",
	.rows = "75",
	.repair = REPAIR_SURE,
	.examine = examine,
};
