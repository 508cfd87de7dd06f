/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/ufw.h"
#include "checks/units.h"
#include "fs/lines.h"
#include "fs/shellvars.h"

#include <stdio.h>
#include <strings.h>

#define SERVICE "ufw.service"

static const char *const ways[] = { "input", "output", "forward" };

/* The last of the two files that sets the name; both are sourced by a shell. */
static int setting(const struct machine *machine, const char *name, char ret[8], struct err *err)
{
	static const char *const files[] = { "/etc/default/ufw", "/etc/ufw/ufw.conf" };

	ret[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		cleanup(shellvars_done) struct shellvars vars = { 0 };
		struct err why = ERR_INIT;
		const struct str *text = machine_file(machine, files[i], &why);
		const char *value;

		if (!text && why.code != ERR_NOTFOUND) {
			*err = why;
			return -1;
		}
		if (!text || !text->len) { /* ufw-init gives up */
			ret[0] = '\0';
			return 1;
		}
		shellvars_parse(text->s, text->len, &vars);
		switch (shellvars_get(&vars, name, &value)) {
		case SHELLVAR_IS:
			snprintf(ret, 8, "%s", value);
			break;
		case SHELLVAR_UNKNOWN:
			return err_set(err, ERR_COULD_NOT_TELL, "%s: what %s is set to", files[i],
				       name);
		default:
			break;
		}
	}
	return 0;
}

static bool is_policy(const char *policy)
{
	return str_eq(policy, "DROP") || str_eq(policy, "REJECT") || str_eq(policy, "ACCEPT");
}

static int read_settings(struct ufw *ufw, struct err *err)
{
	char enabled[8];
	int status = setting(ufw->machine, "ENABLED", enabled, err);

	if (status < 0)
		return -1;
	ufw->is_started = !status && (str_eq(enabled, "yes") || str_eq(enabled, "YES"));
	if (!ufw->is_started)
		return 0;
	if (setting(ufw->machine, "DEFAULT_INPUT_POLICY", ufw->input, err) < 0 ||
	    setting(ufw->machine, "DEFAULT_OUTPUT_POLICY", ufw->output, err) < 0 ||
	    setting(ufw->machine, "DEFAULT_FORWARD_POLICY", ufw->forward, err) < 0)
		return -1;
	if (!is_policy(ufw->input) || !is_policy(ufw->output) || !is_policy(ufw->forward))
		return err_set(err, ERR_COULD_NOT_TELL,
			       "/etc/default/ufw: a default policy is none that ufw knows");
	return 0;
}

/* The chains that exist before a file is loaded, as one table's head. */
static uint32_t add_chains(const struct ufw *ufw, struct str *into)
{
	static const char *const kinds[] = { "before-logging", "before",	 "after",
					     "after-logging",  "reject",	 "track",
					     "user",	       "skip-to-policy", "user-logging" };
	static const char *const single[] = { "logging-deny", "logging-allow", "user-limit",
					      "user-limit-accept" };
	const char *six = ufw->is_v6 ? "6" : "";
	uint32_t lines = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t way = 0; way < ARRAY_LEN(ways); way++, lines++)
			str_addf(into, ":ufw%s-%s-%s - [0:0]\n", six, kinds[i], ways[way]);
	for (size_t i = 0; i < ARRAY_LEN(single); i++, lines++)
		str_addf(into, ":ufw%s-%s - [0:0]\n", six, single[i]);
	return lines;
}

static void read_rules(const struct ufw *ufw, const struct str *text, struct ipt_rules *ret)
{
	const struct ipt_file file = { .is_v6 = ufw->is_v6 };

	ipt_file_read(ufw->machine, &file, text, ret);
}

/* One file by itself: behind its "*filter" it may use all of ufw's chains. Only lines are changed by
 * that, which are counted back. */
static void judge_alone(const struct ufw *ufw, struct ufw_file *file)
{
	cleanup(str_done) struct str text = STR_INIT;
	uint32_t added = 0, after = 0, lines = lines_count(file->text.s, file->text.len);

	ipt_rules_done(&file->alone);
	file->alone = (struct ipt_rules){ 0 };
	for (uint32_t i = 1; i <= lines; i++) {
		lines_copy(file->text.s, file->text.len, i, 1, &text);
		if (!added &&
		    str_starts(file->text.s + lines_offset(&file->text, i), "*filter\n")) {
			after = i;
			added = add_chains(ufw, &text);
		}
	}
	read_rules(ufw, &text, &file->alone);
	vec_foreach (problem, &file->alone.problems)
		problem->line -= problem->line > after ? added : 0;
	vec_foreach (table, &file->alone.tables) {
		(*table)->line -= (*table)->line > after ? added : 0;
		(*table)->commit_line -= (*table)->commit_line > after ? added : 0;
	}
}

void ufw_set_text(struct ufw *ufw, enum ufw_kind kind, const struct str *text)
{
	struct ufw_file *file = &ufw->files[kind];

	str_clear(&file->text);
	str_add_bytes(&file->text, text->s, text->len);
	file->is_there = text->len > 0;
	judge_alone(ufw, file);
}

int ufw_read(const struct machine *machine, bool is_v6, struct ufw *ret, struct err *err)
{
	static const char *const paths[2][UFW_FILES] = {
		{ "/etc/ufw/before.rules", "/etc/ufw/after.rules", "/etc/ufw/user.rules" },
		{ "/etc/ufw/before6.rules", "/etc/ufw/after6.rules", "/etc/ufw/user6.rules" },
	};
	/* Before 0.32 or so, user rules lay with the program. */
	static const char *const old[] = { "/lib/ufw/user.rules", "/lib/ufw/user6.rules" };

	*ret = (struct ufw){ .machine = machine, .is_v6 = is_v6, .loader = SERVICE };
	for (size_t i = 0; i < UFW_FILES; i++)
		ret->files[i] =
			(struct ufw_file){ .path = paths[is_v6][i], .text = { .s = str_empty } };
	if (machine_unit(machine, SERVICE) != UNIT_ENABLED)
		return 0;
	if (read_settings(ret, err) < 0)
		return -1;
	if (!ret->is_started)
		return 0;
	if (!tree_exists(machine_tree(machine), paths[is_v6][UFW_USER]) &&
	    tree_exists(machine_tree(machine), old[is_v6]))
		ret->files[UFW_USER].path = old[is_v6];
	for (size_t i = 0; i < UFW_FILES; i++) {
		struct err why = ERR_INIT;
		const struct str *text = machine_file(machine, ret->files[i].path, &why);

		if (!text && why.code != ERR_NOTFOUND) {
			*err = why;
			return -1;
		}
		if (text)
			ufw_set_text(ret, i, text);
	}
	return 0;
}

void ufw_done(struct ufw *ufw)
{
	for (size_t i = 0; i < UFW_FILES; i++) {
		str_done(&ufw->files[i].text);
		ipt_rules_done(&ufw->files[i].alone);
	}
}

/* --- all together ------------------------------------------------------------------------- */

static void __attribute__((format(printf, 2, 3))) own(struct ufw_rules *r, const char *fmt, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	str_add(&r->text, line);
	for (const char *p = line; (p = strchr(p, '\n')); p++)
		vec_push(&r->lines, ((struct ufw_line){ UFW_FILES, 0 }));
}

/* The rules of the file's tables of that name that load. */
static void add_file(const struct ufw *ufw, enum ufw_kind kind, const char *table_name,
		     struct ufw_rules *r)
{
	const struct ufw_file *file = &ufw->files[kind];

	if (!file->is_there)
		return;
	vec_foreach (table, &file->alone.tables) {
		if (!(*table)->is_loaded || !str_eq((*table)->name, table_name))
			continue;
		for (uint32_t i = (*table)->line + 1; i < (*table)->commit_line; i++) {
			lines_copy(file->text.s, file->text.len, i, 1, &r->text);
			vec_push(&r->lines, ((struct ufw_line){ kind, i }));
		}
	}
}

static const char *policy_of(const char *policy)
{
	return str_eq(policy, "ACCEPT") ? "ACCEPT" : "DROP";
}

static void add_hooks(const struct ufw *ufw, struct ufw_rules *r)
{
	static const char *const kinds[] = { "before-logging", "before", "after",
					     "after-logging",  "reject", "track" };
	const char *policies[] = { ufw->input, ufw->output, ufw->forward };
	static const char *const builtin[] = { "INPUT", "OUTPUT", "FORWARD" };
	const char *six = ufw->is_v6 ? "6" : "";

	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			own(r, "-A %s -j ufw%s-%s-%s\n", builtin[way], six, kinds[i], ways[way]);
		if (str_eq(policies[way], "REJECT"))
			own(r, "-A ufw%s-reject-%s -j REJECT\n", six, ways[way]);
		if (str_eq(policies[way], "ACCEPT"))
			own(r, "-A ufw%s-track-%s -p tcp -m conntrack --ctstate NEW -j ACCEPT\n",
			    six, ways[way]);
		own(r, "-A ufw%s-skip-to-policy-%s -j %s\n", six, ways[way], policies[way]);
	}
}

void ufw_assemble(const struct ufw *ufw, struct ufw_rules *ret)
{
	static const char *const others[] = { "raw", "mangle", "nat", "security" };
	const char *six = ufw->is_v6 ? "6" : "";
	cleanup(str_done) struct str chains = STR_INIT;
	uint32_t count = add_chains(ufw, &chains);

	*ret = (struct ufw_rules){ .text = STR_INIT };
	own(ret, "*filter\n:INPUT %s\n:OUTPUT %s\n:FORWARD %s\n", policy_of(ufw->input),
	    policy_of(ufw->output), policy_of(ufw->forward));
	str_add_bytes(&ret->text, chains.s, chains.len);
	for (uint32_t i = 0; i < count; i++)
		vec_push(&ret->lines, ((struct ufw_line){ UFW_FILES, 0 }));
	add_hooks(ufw, ret);
	for (size_t kind = 0; kind < UFW_FILES; kind++)
		add_file(ufw, kind, "filter", ret);
	for (size_t way = 0; way < ARRAY_LEN(ways) && ufw->files[UFW_USER].is_there; way++)
		own(ret, "-A ufw%s-before-%s -j ufw%s-user-%s\n", six, ways[way], six, ways[way]);
	own(ret, "COMMIT\n");
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		own(ret, "*%s\n", others[i]);
		for (size_t kind = 0; kind < UFW_FILES; kind++)
			add_file(ufw, kind, others[i], ret);
		own(ret, "COMMIT\n");
	}
	read_rules(ufw, &ret->text, &ret->rules);
}

void ufw_rules_done(struct ufw_rules *r)
{
	ipt_rules_done(&r->rules);
	str_done(&r->text);
	vec_done(&r->lines);
}
