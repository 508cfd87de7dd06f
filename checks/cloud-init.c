/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/conf_dirs.h"
#include "checks/units.h"
#include "fs/lines.h"

#include <strings.h>

static bool is_installed(const struct machine *machine)
{
	return tree_exists(machine_tree(machine), "/usr/bin/cloud-init") ||
	       tree_exists(machine_tree(machine), "/etc/cloud/cloud.cfg");
}

static void look_at_marker(const struct machine *machine, struct findings *out)
{
	static const char path[] = "/etc/cloud/cloud-init.disabled";
	struct err ignored = ERR_INIT;
	struct tree_stat st;
	struct finding *finding;

	if (tree_stat(machine_tree(machine), path, TREE_NOFOLLOW, &st, &ignored) < 0 ||
	    S_ISDIR(st.mode))
		return;
	finding =
		finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "76", path, 0,
			    "this file switches cloud-init off: a new key, a new address or a new "
			    "instance of this volume is not set up");
	edit_remove(&finding->edits, path);
}

static void look_at_masks(const struct machine *machine, struct findings *out)
{
	static const char *const units[] = {
		"cloud-init-local.service", "cloud-init.service",   "cloud-init-network.service",
		"cloud-init-main.service",  "cloud-config.service", "cloud-final.service",
		"cloud-init.target"
	};

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const char *path = machine_unit_path(machine, units[i]);
		struct finding *finding;

		if (machine_unit(machine, units[i]) != UNIT_MASKED || !str_starts(path, "/etc/"))
			continue;
		finding =
			finding_add(out, SEVERITY_NOTE, REPAIR_OFFERED, "76", path, 0,
				    "%s is masked: that part of cloud-init does not run", units[i]);
		edit_remove(&finding->edits, path);
	}
}

/* ---- where the data comes from --------------------------------------------------------------- */

/* A datasource_list of one file: "[ A, B ]" on its line, or "- A" lines below it. */
struct sources {
	const char *path; /* NULL: none */
	const struct str *text;
	uint32_t line, item_line; /* item_line: the first "- A"; 0: none, the list is on its line */
	char *list;		  /* all names, lower case or not, with anything between */
};

static bool has_name(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; *(p += strspn(p, " \t,[]\"'-\n"));) {
		size_t n = strcspn(p, " \t,[]\"'\n");

		if (n == len && !strncasecmp(p, name, len))
			return true;
		p += n;
	}
	return false;
}

static void read_sources(const char *path, const struct str *text, struct sources *ret)
{
	static const char key[] = "datasource_list:";
	uint32_t line = 0;
	bool is_in = false;

	for (const char *p = text->s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "#\n");
		cleanup(free) char *body = mem_strndup(p, len);
		const char *item = body + strspn(body, " \t");

		line++;
		if (str_starts(body, key)) {
			free(ret->list);
			*ret = (struct sources){ path, text, line, 0,
						 mem_strdup(body + strlen(key)) };
			is_in = true;
		} else if (is_in && (str_starts(item, "- ") || strchr(ret->list, '['))) {
			char *more = mem_printf("%s\n%s", ret->list, item);

			if (strchr(ret->list, ']')) {
				free(more);
				is_in = false;
				continue;
			}
			if (!ret->item_line && str_starts(item, "- "))
				ret->item_line = line;
			free(ret->list);
			ret->list = more;
		} else if (*item && *item != '\r')
			is_in = false;
	}
}

/* Puts Ec2 first, in the list's own form. False: the form is not one of the two. */
static bool add_ec2(const struct sources *sources, struct edits *edits)
{
	cleanup(str_done) struct str line = STR_INIT, new = STR_INIT;
	uint32_t number = sources->item_line ? sources->item_line : sources->line;
	const char *open;

	lines_copy(sources->text->s, sources->text->len, number, 1, &line);
	if (sources->item_line) {
		str_addf(&new, "%.*s- Ec2\n", (int)strspn(line.s, " \t"), line.s);
		lines_edit_insert(edits, sources->path, sources->text, number, new.s);
		return true;
	}
	open = strchr(line.s, '[');
	if (!open)
		return false;
	open++;
	str_add_bytes(&new, line.s, (size_t)(open - line.s));
	str_addf(&new, "%sEc2%s%s", *open == ' ' ? " " : "",
		 open[strspn(open, " \t")] == ']' ? ""
		 : *open == ' '			  ? ","
						  : ", ",
		 open);
	lines_edit_replace(edits, sources->path, sources->text, number, 1, new.s);
	return true;
}

static void look_at_sources(const struct machine *machine, struct findings *out)
{
	static const char *const dirs[] = { "/etc/cloud/cloud.cfg.d" };
	cleanup(tree_names_done) struct tree_names files = { 0 };
	struct sources sources = { 0 };
	struct finding *finding;

	vec_push(&files, mem_strdup("/etc/cloud/cloud.cfg"));
	conf_dirs_list(machine, dirs, ARRAY_LEN(dirs), ".cfg", &files);
	vec_foreach (file, &files) {
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, *file, &ignored);

		if (text)
			read_sources(*file, text, &sources);
	}
	if (sources.path && !has_name(sources.list, "Ec2") && !has_name(sources.list, "Ec2Local")) {
		finding = finding_add(
			out, SEVERITY_DELAYS, REPAIR_OFFERED, "76", sources.path, sources.line,
			"datasource_list does not name Ec2: cloud-init finds neither keys "
			"nor network of the instance");
		if (!add_ec2(&sources, &finding->edits))
			finding->repair = REPAIR_NONE;
	}
	free(sources.list);
}

static void look_at_policy(const struct machine *machine, struct findings *out)
{
	static const char path[] = "/etc/cloud/ds-identify.cfg";
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	uint32_t line = 0;

	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *value = p + strlen("policy:");
		struct finding *finding;

		line++;
		if (!str_starts(p, "policy:") ||
		    !str_starts(value + strspn(value, " \t"), "disabled"))
			continue;
		finding = finding_add(
			out, SEVERITY_NOTE, REPAIR_OFFERED, "76", path, line,
			"this policy switches cloud-init off: a new key, a new address or "
			"a new instance of this volume is not set up");
		lines_edit_comment(&finding->edits, path, text, line, 1);
	}
}

/* ---- files that cloud-init drops as a whole -------------------------------------------------- */

/* A tab where YAML takes only blanks. */
static void look_at_tabs(const struct machine *machine, struct findings *out)
{
	static const char *const dirs[] = { "/etc/cloud/cloud.cfg.d" };
	cleanup(tree_names_done) struct tree_names files = { 0 };

	vec_push(&files, mem_strdup("/etc/cloud/cloud.cfg"));
	conf_dirs_list(machine, dirs, ARRAY_LEN(dirs), ".cfg", &files);
	vec_foreach (file, &files) {
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, *file, &ignored);
		uint32_t line = 0;

		/* In a block of text a tab is text. */
		if (!text || strpbrk(text->s, "|>"))
			continue;
		for (const char *p = text->s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
			const char *at = p + strspn(p, " ");

			line++;
			if (*at != '\t' || !at[strspn(at, " \t\r")] ||
			    strchr("#\n", at[strspn(at, " \t\r")]))
				continue;
			finding_add(
				out, SEVERITY_DELAYS, REPAIR_NONE, "76", *file, line,
				"a tab indents this line, which YAML does not allow: cloud-init "
				"passes over the whole file");
			break;
		}
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	(void)err;
	if (!is_installed(machine))
		return 0;
	look_at_marker(machine, out);
	look_at_masks(machine, out);
	look_at_sources(machine, out);
	look_at_policy(machine, out);
	look_at_tabs(machine, out);
	return 0;
}

const struct check check_cloud_init = {
	.name = "cloud-init",
	.title = "cloud-init is switched off, or does not look at EC2",
	.explain =
		"cloud-init brings keys, host keys and often the network's configuration. Switched "
		"off "
		"by /etc/cloud/cloud-init.disabled, a policy or a mask, or told to look at another "
		"cloud only, it leaves a machine as it was; that is harmless until something "
		"changes: "
		"another key pair, another instance from this volume. All of it may be meant, so "
		"the "
		"repair (the file, line or link away, Ec2 in the list) is offered. A cache that is "
		"damaged is no fault: cloud-init makes it anew.",
	.source = "cloud-init documentation, \"Boot stages\" (how to disable it), \"ds-identify\", "
		  "\"Datasource EC2\"; YAML 1.2, 6.1 \"Indentation Spaces\"",
	.rows = "76",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
