/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/pam.h"
#include "checks/units.h"
#include "fs/lines.h"

#include <ctype.h>

static const char path[] = "/etc/nologin";

/* Does a login ask for the file? With PAM its module does, without it sshd itself. */
static int is_asked(const struct machine *machine, bool *ret, struct err *err)
{
	cleanup(pam_stack_done) struct pam_stack stack = { 0 };

	*ret = true;
	if (!accounts_use_pam(machine) || !pam_is_configured(machine))
		return 0;
	if (pam_stack_read(machine, "sshd", PAM_ACCOUNT, &stack, err) < 0)
		return -1;
	*ret = stack.is_other;
	vec_foreach (item, &stack)
		*ret |= pam_item_is(item, "pam_nologin") && pam_action_refuses(item->on_failure);
	return 0;
}

/* systemd-user-sessions takes the file away at each boot; what started systems before it does not. */
static bool has_systemd(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);

	return tree_is_dir(tree, "/usr/lib/systemd/system") ||
	       tree_is_dir(tree, "/lib/systemd/system") || tree_is_dir(tree, "/run/systemd");
}

static bool is_older(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);

	return !has_systemd(machine) &&
	       (tree_exists(tree, "/etc/inittab") || tree_is_dir(tree, "/etc/init") ||
		tree_exists(tree, "/etc/rc.d/rc.sysinit"));
}

static void look_at_file(const struct machine *machine, struct findings *out)
{
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &err) < 0)
		return;
	if (S_ISDIR(st.mode) || st.attr_flags & (TREE_IMMUTABLE | TREE_APPEND)) {
		finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "94", path, 0,
			"%s is there and nothing can take it away at boot (%s): nobody but root "
			"logs in",
			path, S_ISDIR(st.mode) ? "a directory" : "immutable");
		return;
	}
	bool stays = is_older(machine);
	struct finding *finding = finding_add(
		out, stays ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
		stays ? REPAIR_SURE : REPAIR_OFFERED, "94", path, 0,
		stays ? "%s is there: nobody but root logs in"
		      : "%s is there: nobody but root logs in until the next boot takes it away",
		path);
	edit_remove(&finding->edits, path);
}

/* --- what writes it again ------------------------------------------------------------------ */

/* Does the command line make one of the two files? */
static bool makes_it(const char *line, size_t len)
{
	static const char *const names[] = { "/etc/nologin", "/run/nologin" };
	cleanup(free) char *copy = mem_strndup(line, len);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *at = strstr(copy, names[i]);
		char end = at ? at[strlen(names[i])] : 'x';
		if (isalnum((unsigned char)end) || end == '.' || end == '_' || end == '-')
			continue;
		if (strstr(copy, "rm ") || strstr(copy, "test ") || strchr(copy, '['))
			continue;
		for (const char *p = at; p > copy; p--)
			if (p[-1] == '>')
				return true;
		if (strstr(copy, "touch ") || strstr(copy, "tee ") || strstr(copy, "cp ") ||
		    strstr(copy, "install ") || strstr(copy, "ln "))
			return true;
	}
	return false;
}

static bool has_blocks(const struct str *text)
{
	static const char *const words[] = { "if ", "for ", "while ", "case ", "{", "<<" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(text->s, words[i]))
			return true;
	return false;
}

/* Lines of a script that runs at boot, or of a table of cron. */
static void look_at_lines(const struct machine *machine, const char *file, bool is_cron,
			  struct findings *out)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(machine, file, &err);
	uint32_t number = 1;

	for (const char *p = text ? text->s : ""; *p; number++) {
		size_t len = strcspn(p, "\n");
		const char *s = p + strspn(p, " \t");
		if (*s != '#' && makes_it(p, len) && out->count < 50) {
			bool is_boot = !is_cron || str_starts(s, "@reboot");
			struct finding *finding = finding_add(
				out, is_boot ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
				is_boot && (is_cron || !has_blocks(text)) ? REPAIR_SURE
									  : REPAIR_OFFERED,
				"94", file, number,
				"%s makes the file that keeps everybody but root out, %s",
				machine_quote(machine, s, len - (size_t)(s - p)),
				is_boot ? "at every boot" : "again and again");
			lines_edit_comment(&finding->edits, file, text, number, 1);
		}
		p += len;
		p += *p == '\n';
	}
}

static void look_at_units(const struct machine *machine, struct findings *out)
{
	const struct boot_units *units = units_at_boot(machine);

	vec_foreach (boot, units) {
		const struct section_item *item =
			boot->unit ? unit_find(boot->unit, "Service", "ExecStart", NULL) : NULL;
		if (!item || !boot->unit->path || !str_starts(boot->unit->path, "/etc/") ||
		    !makes_it(item->value, strlen(item->value)))
			continue;
		struct finding *finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "94", boot->unit->path, item->line,
			"%s makes the file that keeps everybody but root out, at every boot",
			boot->name);
		cleanup(free) char *link = mem_printf("/etc/systemd/system/%s.wants/%s",
						      units->items[boot->by].name, boot->name);
		struct err err = ERR_INIT;
		struct tree_stat st;
		if (tree_stat(machine_tree(machine), link, TREE_NOFOLLOW, &st, &err) < 0)
			continue;
		edit_remove(&finding->edits, link);
		finding->repair = REPAIR_SURE;
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	static const char *const scripts[] = { "/etc/rc.local", "/etc/rc.d/rc.local",
					       "/etc/init.d/boot.local", "/etc/rc.d/after.local" };
	static const char *const tables[] = { "/etc/crontab", "/var/spool/cron/root",
					      "/var/spool/cron/crontabs/root",
					      "/var/spool/cron/tabs/root" };
	const struct tree_names *names = machine_list(machine, "/etc/cron.d");
	bool asked;

	if (is_asked(machine, &asked, err) < 0)
		return -1;
	if (!asked)
		return 0;
	look_at_file(machine, out);
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		cleanup(str_done) struct str real = STR_INIT;
		struct err ignored = ERR_INIT;
		/* Often one is a link to the other. */
		if (!tree_resolve(machine_tree(machine), scripts[i], &real, &ignored) &&
		    str_eq(real.s, scripts[i]))
			look_at_lines(machine, scripts[i], false, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		look_at_lines(machine, tables[i], true, out);
	for (size_t i = 0; names && i < names->count && i < 1000; i++) {
		cleanup(free) char *file = mem_printf("/etc/cron.d/%s", names->items[i]);
		look_at_lines(machine, file, true, out);
	}
	look_at_units(machine, out);
	return 0;
}

const struct check check_nologin = {
	.name = "nologin",
	.title = "the file nologin keeps everybody but root out",
	.explain = "While /etc/nologin or /run/nologin is there, nobody but root logs in: through "
		   "pam_nologin, or sshd itself without PAM. systemd removes a forgotten one at "
		   "boot, so that it is a note alone; on systems before systemd, and where "
		   "something makes it anew after each boot, it locks everybody out. The repair "
		   "removes the file, or takes the line or the unit out that makes it.",
	.source = "nologin(5); pam_nologin(8); systemd-user-sessions.service(8); seen by booting: "
		  "the file is gone afterwards",
	.rows = "94",
	.repair = REPAIR_SURE,
	.examine = examine,
};
