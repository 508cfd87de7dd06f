/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/iptables_files.h"
#include "checks/units.h"

#include <stdlib.h>

#define SCRIPT_MAX (64u << 10)
#define FILES_MAX  16u

static bool is_enabled(const struct machine *machine, const char *unit)
{
	return machine_unit(machine, unit) == UNIT_ENABLED;
}

/* Do the units without which nobody logs in require the loader? */
static bool is_required(const struct machine *machine, const char *loader)
{
	static const char *const units[] = { "sshd.service",	       "ssh.service",
					     "network.service",	       "networking.service",
					     "NetworkManager.service", "systemd-networkd.service" };
	static const char *const keys[] = { "Requires=", "BindsTo=", "Requisite=" };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const char *path = machine_unit_path(machine, units[i]);
		const struct str *text = path ? machine_file(machine, path, &ignored) : NULL;

		for (size_t k = 0; text && k < ARRAY_LEN(keys); k++)
			for (const char *at = text->s; (at = strstr(at, keys[k])); at++) {
				cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));

				if ((at == text->s || at[-1] == '\n') && strstr(line, loader))
					return true;
			}
	}
	return false;
}

static int add_file(const struct machine *machine, struct ipt_files *files, const char *path,
		    bool is_v6, const char *loader, struct err *err)
{
	struct err why = ERR_INIT;
	struct ipt_file *file;
	const struct str *text;

	vec_foreach (known, files)
		if (str_eq(known->path, path) || files->count == FILES_MAX)
			return 0;
	text = machine_file(machine, path, &why);
	if (!text && why.code == ERR_NOTFOUND)
		return 0;
	if (!text) {
		*err = why;
		return -1;
	}
	file = vec_add(files);
	file->path = mem_strdup(path);
	file->is_v6 = is_v6;
	file->loader = mem_strdup(loader);
	file->text = text;
	file->is_contested = is_enabled(machine, "firewalld.service");
	file->is_vital = is_required(machine, loader);
	return 0;
}

/* The file behind "iptables-restore" in one line of a script or unit: its argument, what "<" names,
 * or what "cat" before a pipe names. False: there is none. */
static bool find_path(const char *line, bool *ret_v6, char *ret, size_t room)
{
	const char *at = strstr(line, "tables-restore"), *end, *start = NULL;
	const char *cat;

	if (!at || at - line < 2)
		return false;
	*ret_v6 = at - line >= 3 && !strncmp(at - 3, "ip6", 3);
	end = at + strcspn(at, ";|&\n");
	for (const char *p = at + strlen("tables-restore"); p < end; p++)
		if (*p == '/' && strchr(" \t<\"'=", p[-1])) {
			start = p;
			break;
		}
	cat = strstr(line, "cat ");
	if (!start && cat && cat < at && strchr(cat, '|')) {
		start = cat + 4 + strspn(cat + 4, " \t\"'");
	}
	if (!start || *start != '/' || strstr(line, "--test") || strstr(line, " -t "))
		return false;
	end = start + strcspn(start, " \t\"';|&<>)\r\n");
	if ((size_t)(end - start) >= room)
		return false;
	memcpy(ret, start, (size_t)(end - start));
	ret[end - start] = '\0';
	return true;
}

static int add_from_text(const struct machine *machine, struct ipt_files *files, const char *text,
			 const char *loader, struct err *err)
{
	for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		char path[256];
		bool is_v6;

		if (line[strspn(line, " \t")] == '#' ||
		    !find_path(line, &is_v6, path, sizeof(path)))
			continue;
		if (add_file(machine, files, path, is_v6, loader, err) < 0)
			return -1;
	}
	return 0;
}

/* An executable script; anything else is nothing. */
static int add_from_script(const struct machine *machine, struct ipt_files *files, const char *path,
			   const char *loader, struct err *err)
{
	struct err ignored = ERR_INIT;
	const struct str *text;
	struct tree_stat st;

	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) < 0 ||
	    !S_ISREG(st.mode) || !(st.mode & 0111) || st.size_bytes > SCRIPT_MAX)
		return 0;
	text = machine_file(machine, path, &ignored);
	if (!text || !str_starts(text->s, "#!"))
		return 0;
	return add_from_text(machine, files, text->s, loader, err);
}

/* An enabled unit of the administrator's that has to do with iptables: its own command lines, and
 * the scripts that they run. */
static int add_from_unit(const struct machine *machine, struct ipt_files *files, const char *unit,
			 struct err *err)
{
	const char *path = machine_unit_path(machine, unit);
	struct err ignored = ERR_INIT;
	const struct str *text = path ? machine_file(machine, path, &ignored) : NULL;

	if (!text || !is_enabled(machine, unit))
		return 0;
	if (add_from_text(machine, files, text->s, unit, err) < 0)
		return -1;
	for (const char *at = text->s; (at = strstr(at, "\nExecStart")); at++) {
		const char *command = strchr(at + 1, '=');
		cleanup(free) char *script = NULL;

		if (!command)
			break;
		command += 1 + strspn(command + 1, "-@:+! \t");
		script = mem_strndup(command, strcspn(command, " \t\r\n"));
		if (script[0] == '/' && add_from_script(machine, files, script, unit, err) < 0)
			return -1;
	}
	return 0;
}

static int add_from_wanted_units(const struct machine *machine, struct ipt_files *files,
				 struct err *err)
{
	static const char base[] = "/etc/systemd/system";
	cleanup(tree_names_done) struct tree_names dirs = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), base, &dirs, &ignored) < 0)
		return 0;
	vec_foreach (dir, &dirs) {
		cleanup(tree_names_done) struct tree_names units = { 0 };
		cleanup(free) char *path = mem_printf("%s/%s", base, *dir);

		if (!str_ends(*dir, ".wants") ||
		    tree_list(machine_tree(machine), path, &units, &ignored) < 0)
			continue;
		vec_foreach (unit, &units)
			if ((strstr(*unit, "iptables") || strstr(*unit, "firewall") ||
			     strstr(*unit, "ip6tables") || strstr(*unit, "rules")) &&
			    !str_eq(*unit, "firewalld.service") &&
			    add_from_unit(machine, files, *unit, err) < 0)
				return -1;
	}
	return 0;
}

static int add_from_dir(const struct machine *machine, struct ipt_files *files, const char *dir,
			struct err *err)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), dir, &names, &ignored) < 0)
		return 0;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);

		if (add_from_script(machine, files, path, path, err) < 0)
			return -1;
	}
	return 0;
}

/* ifupdown runs "pre-up" lines and the scripts in if-pre-up.d. */
static int add_from_ifupdown(const struct machine *machine, struct ipt_files *files,
			     struct err *err)
{
	static const char interfaces[] = "/etc/network/interfaces";
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, interfaces, &ignored);

	if (!is_enabled(machine, "networking.service") || !text)
		return 0;
	for (const char *at = text->s; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		cleanup(free) char *line = mem_strndup(at, strcspn(at, "\n"));
		const char *word = line + strspn(line, " \t");

		if ((str_starts(word, "pre-up") || str_starts(word, "up") ||
		     str_starts(word, "post-up")) &&
		    add_from_text(machine, files, line, interfaces, err) < 0)
			return -1;
	}
	return add_from_dir(machine, files, "/etc/network/if-pre-up.d", err) < 0 ||
			       add_from_dir(machine, files, "/etc/network/if-up.d", err) < 0
		       ? -1
		       : 0;
}

/* Debian's netfilter-persistent runs plugins; the one for iptables is a package of its own. */
static bool has_plugin(const struct machine *machine, const char *name)
{
	static const char dir[] = "/usr/share/netfilter-persistent/plugins.d";
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);

	return !tree_is_dir(machine_tree(machine), dir) || tree_exists(machine_tree(machine), path);
}

int ipt_files_find(const struct machine *machine, struct ipt_files *ret, struct err *err)
{
	static const struct {
		const char *unit, *path, *plugin;
		bool is_v6;
	} known[] = {
		{ "iptables.service", "/etc/sysconfig/iptables", NULL, false },
		{ "ip6tables.service", "/etc/sysconfig/ip6tables", NULL, true },
		{ "netfilter-persistent.service", "/etc/iptables/rules.v4", "15-ip4tables", false },
		{ "netfilter-persistent.service", "/etc/iptables/rules.v6", "25-ip6tables", true },
		{ "iptables-persistent.service", "/etc/iptables/rules.v4", NULL, false },
		{ "iptables-persistent.service", "/etc/iptables/rules.v6", NULL, true },
	};
	static const char *const rc[] = { "/etc/rc.local", "/etc/rc.d/rc.local" };

	*ret = (struct ipt_files){ 0 };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (is_enabled(machine, known[i].unit) &&
		    (!known[i].plugin || has_plugin(machine, known[i].plugin)) &&
		    add_file(machine, ret, known[i].path, known[i].is_v6, known[i].unit, err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(rc); i++)
		if (machine_unit(machine, "rc-local.service") != UNIT_MASKED &&
		    add_from_script(machine, ret, rc[i], rc[i], err) < 0)
			return -1;
	if (add_from_wanted_units(machine, ret, err) < 0)
		return -1;
	return add_from_ifupdown(machine, ret, err);
}

void ipt_files_done(struct ipt_files *files)
{
	vec_foreach (file, files) {
		free(file->path);
		free(file->loader);
	}
	vec_done(files);
}

/* Since 1.8.8 a "!" behind its option is refused; older systems still take it. */
static bool refuses_old_negation(const struct machine *machine)
{
	const struct machine_os *os = machine_os(machine);
	unsigned long major = strtoul(os->version_id, NULL, 10);

	return (str_eq(os->id, "debian") && major >= 12) ||
	       (str_eq(os->id, "ubuntu") && major >= 23) ||
	       (str_eq(os->id, "fedora") && major >= 37) ||
	       (str_eq(os->id, "amzn") && major >= 2023 && major < 3000);
}

void ipt_file_read(const struct machine *machine, const struct ipt_file *file,
		   const struct str *text, struct ipt_rules *ret)
{
	struct err ignored = ERR_INIT;
	const struct ipt_reading reading = {
		.text = text->s,
		.len = text->len,
		.is_v6 = file->is_v6,
		.refuses_old_negation = refuses_old_negation(machine),
		.services = machine_file(machine, "/etc/services", &ignored),
		.protocols = machine_file(machine, "/etc/protocols", &ignored),
	};

	ipt_rules_read(&reading, ret);
}
