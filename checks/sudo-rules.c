/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers.h"
#include "fs/lines.h"

#define DROP_INS "/etc/sudoers.d"

/* Everything is in order but the right itself. */
struct scene {
	const struct machine *machine;
	const struct sudoers *sudoers;
	const struct person *admin;
	const char *admin_quoted;
	struct findings *out;
};

static bool is_included(const struct scene *scene)
{
	vec_foreach (dir, &scene->sudoers->directories)
		if (str_eq(*dir, DROP_INS))
			return true;
	return false;
}

/* The line that once included the directory, as a comment; 0: none. */
static uint32_t disabled_include(const struct str *text)
{
	uint32_t number = 1;

	for (const char *p = text->s; *p; number++) {
		const char *q = p + strspn(p, "# \t@");
		size_t hashes = strcspn(p, "\n");
		bool is_comment = *p == '#';
		if (is_comment && str_starts(q, "includedir") &&
		    memmem(p, hashes, DROP_INS, strlen(DROP_INS)))
			return number;
		p += hashes;
		p += *p == '\n';
	}
	return 0;
}

/* The drop-ins grant, but nothing includes them. */
static bool find_lost_include(const struct scene *scene)
{
	const struct tree_names *names = machine_list(scene->machine, DROP_INS);
	const char *path = sudoers_path(scene->machine);
	struct err err = ERR_INIT;
	const struct str *main_text = machine_file(scene->machine, path, &err);
	bool grants = false;

	if (is_included(scene) || !names || !main_text)
		return false;
	for (size_t i = 0; i < names->count && !grants; i++) {
		cleanup(free) char *file = mem_printf("%s/%s", DROP_INS, names->items[i]);
		const struct str *text = strchr(names->items[i], '.')
						 ? NULL
						 : machine_file(scene->machine, file, &err);
		grants = text && sudoers_text_grants(scene->machine, text, scene->admin);
	}
	if (!grants)
		return false;
	uint32_t line = disabled_include(main_text);
	struct finding *finding =
		finding_add(scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "104", path, line,
			    "%s includes no files of " DROP_INS ", and the right of %s to become "
			    "root is in one of them",
			    path, scene->admin_quoted);
	if (line)
		lines_edit_replace(&finding->edits, path, main_text, line, 1,
				   "#includedir " DROP_INS "\n");
	else
		lines_edit_insert(&finding->edits, path, main_text,
				  lines_count(main_text->s, main_text->len) + 1,
				  "#includedir " DROP_INS "\n");
	return true;
}

static bool is_put_aside(const char *name)
{
	static const char *const ends[] = { "~",	 ".bak",      ".old",	    ".orig",
					    ".save",	 ".rpmsave",  ".rpmnew",    ".disabled",
					    ".dpkg-old", ".dpkg-new", ".dpkg-dist", ".off" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		if (str_ends(name, ends[i]))
			return true;
	return false;
}

/* A drop-in that grants and that sudo does not read because of its name. */
static bool find_wrong_name(const struct scene *scene)
{
	const struct tree_names *names = machine_list(scene->machine, DROP_INS);
	struct err err = ERR_INIT;

	for (size_t i = 0; is_included(scene) && names && i < names->count; i++) {
		const char *name = names->items[i];
		cleanup(free) char *path = mem_printf("%s/%s", DROP_INS, name);
		const struct str *text = strchr(name, '.') || str_ends(name, "~")
						 ? machine_file(scene->machine, path, &err)
						 : NULL;
		if (!text || !sudoers_text_grants(scene->machine, text, scene->admin))
			continue;
		cleanup(free) char *new_path = mem_strdup(path);
		for (char *c = new_path + strlen(DROP_INS); *c; c++)
			*c = *c == '.' || *c == '~' ? '_' : *c;
		if (machine_may_be_in(scene->machine, DROP_INS, strrchr(new_path, '/') + 1))
			continue;
		struct finding *finding = finding_add(
			scene->out, SEVERITY_BLOCKS_LOGIN,
			is_put_aside(name) ? REPAIR_OFFERED : REPAIR_SURE, "104", path, 0,
			"sudo does not read %s, whose name holds a dot or ends in '~', and the "
			"right of %s to become root is in it",
			machine_quote(scene->machine, path, strlen(path)), scene->admin_quoted);
		const struct tree_new as = { .mode = 0440 };
		edit_create(&finding->edits, new_path, &as, text->s, text->len);
		return true;
	}
	return false;
}

/* sudo asks for root's password, and root has none. */
static bool find_targetpw(const struct scene *scene)
{
	const struct sudoers_default *last = NULL;
	struct err err = ERR_INIT;

	vec_foreach (d, &scene->sudoers->defaults)
		if (str_eq(d->name, "targetpw") || str_eq(d->name, "rootpw") ||
		    str_eq(d->name, "runaspw"))
			last = d;
	if (!last || last->is_off || !scene->admin->has_password)
		return false;
	const struct str *text = machine_file(scene->machine, last->path, &err);
	struct finding *finding = finding_add(
		scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "106", last->path, last->line,
		"%s makes sudo ask for root's password, and root has none: %s cannot become root",
		last->name, scene->admin_quoted);
	lines_edit_comment(&finding->edits, last->path, text, last->line, last->line_count);
	return true;
}

/* The line that cloud-init gave its default user. */
static void offer_rule(const struct scene *scene)
{
	static const char *const names[] = { "90-cloud-init-users", "99-ec2-rescue" };
	struct sudo_verdict verdict = sudoers_verdict(scene->sudoers, scene->machine, scene->admin);
	cleanup(free) char *rule =
		mem_printf("%s ALL=(ALL) NOPASSWD:ALL\n", scene->admin->user->name);
	const char *path = sudoers_path(scene->machine);
	struct err err = ERR_INIT;
	const struct str *text = machine_file(scene->machine, path, &err);
	struct finding *finding = finding_add(
		scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "106",
		verdict.rule ? verdict.rule->path : path, verdict.rule ? verdict.rule->line : 0,
		verdict.rule
			? "%s may use sudo with a password, and the account has none: nobody "
			  "who can log in can become root"
			: "no rule of sudo lets %s become root, nor anybody else who can log in",
		scene->admin_quoted);

	if (!sudoers_is_name(scene->admin->user->name)) {
		finding->repair = REPAIR_NONE;
		return;
	}
	for (size_t i = 0; is_included(scene) && i < ARRAY_LEN(names); i++) {
		cleanup(free) char *new_path = mem_printf("%s/%s", DROP_INS, names[i]);
		const struct tree_new as = { .mode = 0440 };
		if (machine_may_be_in(scene->machine, DROP_INS, names[i]))
			continue;
		edit_create(&finding->edits, new_path, &as, rule, strlen(rule));
		return;
	}
	if (text)
		lines_edit_insert(&finding->edits, path, text, lines_count(text->s, text->len) + 1,
				  rule);
}

/* Does anything on the volume say that the account is to administer it? */
static bool is_meant_to_be_root(const struct machine *machine, const struct person *person)
{
	struct err err = ERR_INIT;
	const struct str *config = machine_file(machine, "/etc/cloud/cloud.cfg", &err);
	const char *p = config ? strstr(config->s, "default_user:") : NULL;

	if (person->is_admin)
		return true;
	return person->is_default && p && strstr(p, "NOPASSWD");
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sudoers *sudoers = sudoers_model(machine);
	struct scene scene = { .machine = machine, .sudoers = sudoers, .out = out };
	struct sudo_people people;

	if (!sudo_program(machine) || sudoers->is_refused || !sudoers->files.count)
		return 0;
	if (sudo_people_load(machine, sudoers, &people, err) < 0)
		return -1;
	if (sudoers->is_incomplete)
		return people.somebody_may
			       ? 0
			       : err_set(err, ERR_MALFORMED,
					 "not all rules of sudo can be read: who may use it is "
					 "not known");
	scene.admin = people.admin;
	if (!people.admin || people.somebody_may || people.root_logs_in ||
	    !is_meant_to_be_root(machine, people.admin))
		return 0;
	/* What other checks find may be the reason. */
	if ((sudoers->problems.count && !sudo_recovers(machine)) || sudoers_is_garbage(sudoers))
		return 0;
	vec_foreach (problem, &sudoers->problems) {
		cleanup(sudoers_intent_done) struct sudoers_intent intent = { 0 };
		sudoers_intent_read(machine, problem, people.admin, &intent);
		if (intent.is_for_admin)
			return 0;
	}
	vec_foreach (file, &sudoers->files)
		if ((*file)->is_refused)
			return 0;
	scene.admin_quoted =
		machine_quote(machine, scene.admin->user->name, strlen(scene.admin->user->name));
	if (!find_lost_include(&scene) && !find_wrong_name(&scene) && !find_targetpw(&scene))
		offer_rule(&scene);
	return 0;
}

const struct check check_sudo_rules = {
	.name = "sudo-rules",
	.title = "nobody who can log in may become root",
	.explain = "On a cloud image root does not log in, and the default user's password is "
		   "locked: a rule with NOPASSWD, mostly cloud-init's drop-in, is the only way to "
		   "administer the instance. When nothing includes " DROP_INS " any more, or the "
		   "drop-in has a name that sudo passes over, the repair puts that right. When the "
		   "rule itself is gone, or sudo asks for a password that does not exist, giving "
		   "the right back is somebody's decision: the rule is offered.",
	.source =
		"sudoers(5): \"Including other files from within sudoers\", targetpw; cloud-init, "
		"Users and Groups: sudo",
	.rows = "104,106",
	.repair = REPAIR_SURE,
	.examine = examine,
};
