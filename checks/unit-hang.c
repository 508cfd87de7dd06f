/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/shell_scan.h"
#include "checks/unit_edit.h"
#include "checks/unit_limits.h"

#define SEEN_S	  180u /* the console saw a start run for so long: it does not end in time */
#define HANGS_MAX 50u  /* the next examination finds more; so many are nobody's mistake */
#define SHORT_S	  600u /* a start that gives up sooner than this only delays the boot */

/* A command of a unit whose end the start waits for. */
struct wait {
	const struct machine *machine;
	const struct unit *unit;
	const struct unit_file *file;
	const struct section_item *item;
	enum shell_end end;
	const char *deadlock; /* the unit that the command waits for, and that waits for this one */
	uint64_t timeout_s;   /* UINT64_MAX: none */
};

static const char *type_of(const struct unit *unit)
{
	const char *type = unit_get(unit, "Service", "Type");

	if (type && *type)
		return type;
	if (unit_get(unit, "Service", "BusName"))
		return "dbus";
	return unit_get(unit, "Service", "ExecStart") ? "simple" : "oneshot";
}

/* How long a start may take. Source: systemd.service(5), TimeoutStartSec: none for oneshot. */
static uint64_t start_timeout(const struct unit *unit)
{
	static const char *const keys[] = { "TimeoutStartSec", "TimeoutSec" };
	static const char *const job_keys[] = { "JobTimeoutSec", "JobRunningTimeoutSec" };
	uint64_t timeout = str_eq(type_of(unit), "oneshot") ? UINT64_MAX : 90, seconds;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = unit_get(unit, "Service", keys[i]);

		if (!value || !time_span_parse(value, &seconds))
			continue;
		timeout = seconds ? seconds : UINT64_MAX;
		break;
	}
	for (size_t i = 0; i < ARRAY_LEN(job_keys); i++) {
		const char *value = unit_get(unit, "Unit", job_keys[i]);

		if (value && time_span_parse(value, &seconds) && seconds && seconds < timeout)
			timeout = seconds;
	}
	return timeout;
}

/* `systemctl start X` waits for X's job. Where X is ordered behind this unit, both wait for ever. */
static const char *find_deadlock(const struct machine *machine, const struct unit *unit,
				 const struct tree_names *words)
{
	size_t at = 0;
	const char *name = shell_program(words, &at);
	bool is_start = false;

	if (!name || !str_eq(name, "systemctl"))
		return NULL;
	for (size_t i = at + 1; i < words->count; i++) {
		const char *word = words->items[i];
		cleanup(free) char *full =
			strchr(word, '.') ? mem_strdup(word) : mem_printf("%s.service", word);

		if (str_eq(word, "--no-block"))
			return NULL;
		if (word[0] == '-')
			continue;
		if (!is_start) {
			is_start = str_eq(word, "start") || str_eq(word, "restart") ||
				   str_eq(word, "reload-or-restart");
			if (!is_start)
				return NULL;
			continue;
		}
		for (size_t k = i + 1; k < words->count; k++)
			if (str_eq(words->items[k], "--no-block"))
				return NULL;
		/* One that is only named, by who is ordered against it, is not there to be waited for. */
		if (unit_load(machine, full) && unit_is_ordered(machine, unit->name, full))
			return boot_unit_find(units_at_boot(machine),
					      unit_load(machine, full)->name)
				->name;
	}
	return NULL;
}

static void look_at_script(struct wait *wait, const struct str *text)
{
	cleanup(shell_script_done) struct shell_script script = { 0 };

	if (!str_starts(text->s, "#!") || !strstr(text->s, "sh"))
		return;
	shell_scan(text->s, text->len, &script);
	wait->end = shell_script_end(&script, NULL);
	for (size_t i = 0; i < script.commands.count && !wait->deadlock; i++) {
		const struct shell_command *command = &script.commands.items[i];

		if (!command->is_conditional && !command->is_background && !command->is_after_exit)
			wait->deadlock = find_deadlock(wait->machine, wait->unit, &command->words);
	}
}

static void look_at_command(struct wait *wait)
{
	cleanup(tree_names_done) struct tree_names words;
	struct err ignored = ERR_INIT;
	const struct str *text = NULL;
	size_t at = 0;
	const char *name;

	unit_command_words(wait->item->value, &words, NULL);
	wait->end = shell_words_end(&words);
	wait->deadlock = find_deadlock(wait->machine, wait->unit, &words);
	name = shell_program(&words, &at);
	if (!name || wait->end != SHELL_ENDS || wait->deadlock)
		return;
	if ((str_eq(name, "sh") || str_eq(name, "bash") || str_eq(name, "dash")) &&
	    at + 1 < words.count && words.items[at + 1][0] == '/')
		at++;
	if (words.items[at][0] == '/')
		text = machine_file(wait->machine, words.items[at], &ignored);
	if (text && text->len < (1u << 20))
		look_at_script(wait, text);
}

/* Goes over the commands that a start waits for, until one does not end. */
static bool find_wait(struct wait *wait)
{
	static const char *const before[] = { "ExecCondition", "ExecStartPre", "ExecStart",
					      "ExecStartPost" };
	const char *type = type_of(wait->unit);
	bool main_counts =
		!str_eq(type, "simple") && !str_eq(type, "exec") && !str_eq(type, "idle");

	for (size_t k = 0; k < ARRAY_LEN(before); k++) {
		bool found = false;

		if (str_eq(before[k], "ExecStart") && !main_counts)
			continue;
		vec_foreach (file, &wait->unit->files)
			vec_foreach (item, &file->sections) {
				if (item->kind != SECTION_SET ||
				    !str_eq(item->section, "Service") ||
				    !str_eq(item->key, before[k]))
					continue;
				if (!*item->value) {
					found = false; /* a reset */
					continue;
				}
				if (found)
					continue;
				wait->file = file;
				wait->item = item;
				look_at_command(wait);
				found = wait->end != SHELL_ENDS || wait->deadlock;
			}
		if (found)
			return true;
	}
	return false;
}

/* The line that starts it, or the unit as a whole. False: neither can be taken away. */
static bool repair(const struct wait *wait, struct edits *edits)
{
	bool is_vital = unit_is_vital(wait->machine, wait->unit->name);
	bool is_main = str_eq(wait->item->key, "ExecStart");

	if (is_vital || (wait->file != wait->unit->files.items && !is_main)) {
		if (is_main || !unit_path_is_local(wait->file->path))
			return false;
		sections_edit_comment(&wait->file->sections, wait->file->path, wait->item, edits);
		return true;
	}
	return unit_edit_disable(wait->machine, wait->unit->name, edits);
}

/* Is it only started when something holds that cannot be seen from here? */
static bool has_conditions(const struct unit *unit)
{
	vec_foreach (file, &unit->files)
		vec_foreach (item, &file->sections)
			if (item->kind == SECTION_SET && str_eq(item->section, "Unit") &&
			    (str_starts(item->key, "Condition") || str_starts(item->key, "Assert")))
				return true;
	return false;
}

/* Who is kept waiting, and how surely; NULL: nobody who matters. */
static const char *victim_of(const struct wait *wait, enum repair_class *ret)
{
	const struct machine *machine = wait->machine;
	const char *name = wait->unit->name;
	const char *victim = unit_is_vital(machine, name) ? name : unit_holds_up(machine, name);
	bool is_endless = wait->timeout_s >= SHORT_S;

	*ret = REPAIR_SURE;
	if (!victim)
		return NULL;
	if (wait->end == SHELL_NEEDS_NETWORK && !wait->deadlock) {
		/* Before the network it waits for what cannot come; behind it, it may. */
		static const char *const networks[] = {
			"systemd-networkd.service", "NetworkManager.service", "networking.service",
			"network.service",	    "wicked.service",	      "basic.target"
		};
		bool is_first = false;

		for (size_t i = 0; i < ARRAY_LEN(networks); i++)
			is_first |= unit_is_ordered(machine, name, networks[i]);
		if (!is_endless)
			return NULL;
		*ret = is_first ? REPAIR_SURE : REPAIR_OFFERED;
		return victim;
	}
	if (is_endless || str_eq(victim, name))
		return victim;
	victim = unit_is_required_by(machine, name);
	if (!victim)
		*ret = REPAIR_OFFERED;
	return victim ? victim : unit_holds_up(machine, name);
}

static void say(const struct wait *wait, const char *victim, enum repair_class repair_class,
		struct findings *out)
{
	const char *name = wait->unit->name, *command;
	bool is_early = unit_is_ordered(wait->machine, name, "sysinit.target") ||
			unit_is_ordered(wait->machine, name, "basic.target") ||
			str_eq(victim, "sysinit.target") || str_eq(victim, "local-fs.target");
	bool only_delays = repair_class == REPAIR_OFFERED;
	struct finding *finding;

	command = machine_quote(wait->machine, wait->item->value, strlen(wait->item->value));
	if (wait->deadlock)
		finding = finding_add(
			out, is_early ? SEVERITY_BLOCKS_BOOT : SEVERITY_BLOCKS_LOGIN, repair_class,
			"63", wait->file->path, wait->item->line,
			"%s waits in %s for %s, which waits for %s: %s is never started", name,
			command, wait->deadlock, name, victim);
	else
		finding = finding_add(
			out,
			only_delays ? SEVERITY_DELAYS
			: is_early  ? SEVERITY_BLOCKS_BOOT
				    : SEVERITY_BLOCKS_LOGIN,
			repair_class, "63", wait->file->path, wait->item->line,
			wait->end == SHELL_NEEDS_NETWORK
				? "%s loops in %s until something answers over the network, "
				  "without a time-out; %s is not started before"
			: str_eq(victim, name)
				? "%s starts with %s, which does not end; %s is never up"
				: "%s runs %s, which does not end; %s waits for it",
			name, command, victim);
	if (!repair(wait, &finding->edits))
		finding->repair = REPAIR_NONE;
}

/* How long the last boot's console saw the start of a unit run, in seconds, at its last word on it; 0:
 * not, or it came to an end after that. "A start job is running for WHAT (3min 20s / no limit)". */
static uint64_t seen_running(const char *console, const char *before, const char *what)
{
	cleanup(free) char *text = mem_printf("%s%s (", before, what);
	cleanup(free) char *finished = mem_printf("Finished %s", what);
	cleanup(free) char *started = mem_printf("Started %s", what);
	cleanup(free) char *span = NULL;
	const char *last = NULL, *end;
	uint64_t seconds;

	for (const char *p = console; (p = strstr(p, text)); p++)
		last = p;
	if (!last || strstr(last, finished) || strstr(last, started))
		return 0;
	last += strlen(text);
	end = strstr(last, " / no limit)");
	if (!end || end - last > 40)
		return 0;
	span = mem_strndup(last, (size_t)(end - last));
	return time_span_parse(span, &seconds) ? seconds : 0;
}

/* What the command does cannot be told from here, but the last boot has shown that it does not end. */
static void look_at_console(const struct machine *machine, const struct unit *unit,
			    struct findings *out)
{
	const char *console = machine_console(machine);
	const char *what = unit_get(unit, "Unit", "Description"), *victim;
	const struct unit_file *file;
	const struct section_item *item = unit_find(unit, "Service", "ExecStart", &file);
	cleanup(free) char *job = mem_printf("Job %s/start running", unit->name);
	struct finding *finding;
	uint64_t seconds;

	if (!console || !item || !unit_path_is_local(file->path) ||
	    unit_is_vital(machine, unit->name) || start_timeout(unit) < SHORT_S)
		return;
	seconds = seen_running(console, job, "");
	if (!seconds && what && *what)
		seconds = seen_running(console, "A start job is running for ", what);
	victim = seconds >= SEEN_S ? unit_holds_up(machine, unit->name) : NULL;
	if (!victim)
		return;
	finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "63", file->path, item->line,
		"the last boot waited %llu seconds for %s, which has no time-out, and then "
		"the console fell silent; %s waits for it",
		(unsigned long long)seconds, unit->name, victim);
	if (!unit_edit_disable(machine, unit->name, &finding->edits))
		finding->repair = REPAIR_NONE;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	size_t before = out->count;

	(void)err;
	vec_foreach (at_boot, units_at_boot(machine)) {
		struct wait wait = { .machine = machine, .unit = at_boot->unit };
		enum repair_class repair_class;
		const char *victim;

		if (out->count - before == HANGS_MAX)
			return 0;
		if (!at_boot->unit || !str_ends(at_boot->name, ".service"))
			continue;
		if (!find_wait(&wait)) {
			look_at_console(machine, wait.unit, out);
			continue;
		}
		wait.timeout_s = start_timeout(wait.unit);
		victim = victim_of(&wait, &repair_class);
		if (victim && has_conditions(wait.unit) && !unit_is_vital(machine, at_boot->name))
			repair_class = REPAIR_OFFERED;
		if (victim)
			say(&wait, victim, repair_class, out);
	}
	return 0;
}

const struct check check_unit_hang = {
	.name = "unit-hang",
	.title = "a unit that never finishes starting holds up the login",
	.explain =
		"A service of type oneshot has no time-out: everything that is ordered after it "
		"waits "
		"until its command ends. When that command sleeps for ever, loops without a way "
		"out, "
		"or asks systemctl to start what is ordered behind it, the boot stands still "
		"before "
		"the network or sshd, and the console says \"A start job is running … no limit\". "
		"A "
		"loop that waits for an answer over the network can never end when it runs before "
		"the network; behind it, it may, and the repair is only offered. What a program "
		"does "
		"cannot be read; there the console of the last boot is the witness. The repair "
		"disables "
		"the unit, as `systemctl disable` does, or comments out the command where it was "
		"added to a unit that the login needs. The unit's own file stays.",
	.source = "systemd.service(5), Type, TimeoutStartSec; systemd.unit(5), Before, Requires; "
		  "bootup(7); seen with systemd 252",
	.rows = "63",
	.repair = REPAIR_SURE,
	.needs = NEEDS_CONSOLE,
	.examine = examine,
};
