/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_service.h"
#include "checks/unit_edit.h"
#include "checks/unit_limits.h"

/* What the settings of a unit's sandbox do to sshd: sessions inherit it. */
struct view {
	const struct machine *machine;
	const struct unit *unit;
	bool has_socket; /* it gets its connections from outside of its own network */
	struct findings *out;
};

/* `word`: only that one goes; NULL: the whole line. */
static void say(const struct view *v, const struct unit_file *file, const struct section_item *item,
		const char *word, enum repair_class repair, const char *why)
{
	struct finding *finding = finding_add(
		v->out, repair == REPAIR_SURE ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS, repair,
		"62", file->path, item->line, "%s=%s in %s: %s", item->key,
		machine_quote(v->machine, item->value, strlen(item->value)), v->unit->name, why);

	if (word)
		unit_edit_drop_word(file, item, word, &finding->edits);
	else
		sections_edit_comment(&file->sections, file->path, item, &finding->edits);
}

/* Settings of one value: the last one counts, and only one made here is judged. */
static const struct section_item *local_value(const struct view *v, const char *key,
					      const struct unit_file **ret_file)
{
	const struct section_item *item = unit_find(v->unit, "Service", key, ret_file);

	return item && *item->value && unit_path_is_local((*ret_file)->path) ? item : NULL;
}

static void look_at_switches(const struct view *v)
{
	static const struct {
		const char *key, *why;
		bool only_without_socket;
	} switches[] = {
		{ "ProtectHome", "home directories and the keys in them cannot be read", false },
		{ "PrivateNetwork", "sshd listens in a network of its own that nobody reaches",
		  true },
		{ "PrivateUsers", "sshd cannot become the user who logs in", false },
		{ "NoNewPrivileges", "sudo does nothing in any session", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		const struct unit_file *file;
		const struct section_item *item = local_value(v, switches[i].key, &file);
		bool is_on = item &&
			     (sections_boolean(item->value) == 1 ||
			      (str_eq(item->key, "ProtectHome") && str_eq(item->value, "tmpfs")));

		if (is_on && !(switches[i].only_without_socket && v->has_socket))
			say(v, file, item, NULL, REPAIR_SURE, switches[i].why);
	}
}

static void look_at_user(const struct view *v)
{
	const struct unit_file *file;
	const struct section_item *item = local_value(v, "User", &file);
	const struct machine_user *user = item ? machine_user(v->machine, item->value) : NULL;

	/* Who does not exist is unit-broken's business. */
	if (user && user->uid)
		say(v, file, item, NULL, REPAIR_SURE,
		    "sshd cannot read its host keys or become the user who logs in");
}

/* Words of a list, over all files; an empty assignment takes back what was before. */
static bool list_has(const struct view *v, const char *key, const char *const words[])
{
	for (size_t i = 0; words[i]; i++)
		if (unit_has_word(v->unit, "Service", key, words[i]))
			return true;
	return false;
}

/* For each local assignment of the list that holds one of the words (NULL: any). */
static void say_list(const struct view *v, const char *key, const char *const words[],
		     enum repair_class repair, const char *why)
{
	vec_foreach (file, &v->unit->files)
		vec_foreach (item, &file->sections) {
			cleanup(tree_names_done) struct tree_names found = { 0 };
			const char *one = NULL;
			size_t count = !words;

			if (item->kind != SECTION_SET || !str_eq(item->section, "Service") ||
			    !str_eq(item->key, key) || !*item->value ||
			    !unit_path_is_local(file->path))
				continue;
			unit_command_words(item->value, &found, NULL);
			vec_foreach (word, &found)
				for (size_t i = 0; words && words[i]; i++)
					if (str_eq(*word, words[i])) {
						one = *word;
						count++;
					}
			if (count)
				say(v, file, item, count == 1 ? one : NULL, repair, why);
		}
}

static void look_at_network(const struct view *v)
{
	static const char *const all[] = { "any", "0.0.0.0/0", NULL };
	static const char *const inet[] = { "AF_INET", NULL };
	cleanup(tree_names_done) struct tree_names allowed = { 0 }, families = { 0 };

	unit_words(v->unit, "Service", "IPAddressAllow", &allowed);
	if (list_has(v, "IPAddressDeny", all))
		say_list(v, "IPAddressDeny", all, allowed.count ? REPAIR_OFFERED : REPAIR_SURE,
			 allowed.count ? "only what IPAddressAllow names reaches sshd"
				       : "no packet reaches sshd");
	unit_words(v->unit, "Service", "RestrictAddressFamilies", &families);
	if (!v->has_socket && families.count && families.items[0][0] != '~' &&
	    !list_has(v, "RestrictAddressFamilies", inet))
		say_list(v, "RestrictAddressFamilies", NULL, REPAIR_SURE,
			 "sshd may not open a socket of IPv4");
}

static void look_at_capabilities(const struct view *v)
{
	static const char *const needed[] = { "CAP_SETUID", "CAP_SETGID", NULL };
	cleanup(tree_names_done) struct tree_names words = { 0 };

	unit_words(v->unit, "Service", "CapabilityBoundingSet", &words);
	if (!words.count)
		return;
	if (words.items[0][0] == '~') {
		bool is_taken = str_eq(words.items[0] + 1, needed[0]) ||
				str_eq(words.items[0] + 1, needed[1]) ||
				list_has(v, "CapabilityBoundingSet", needed);

		if (!is_taken)
			return;
	} else if (unit_has_word(v->unit, "Service", "CapabilityBoundingSet", needed[0]) &&
		   unit_has_word(v->unit, "Service", "CapabilityBoundingSet", needed[1]))
		return;
	say_list(v, "CapabilityBoundingSet", NULL, REPAIR_SURE,
		 "sshd cannot become the user who logs in");
}

static void look_at_paths(const struct view *v)
{
	static const char *const keys[] = { "InaccessiblePaths", "InaccessibleDirectories",
					    "TemporaryFileSystem" };
	static const char *const paths[] = { "/",	   "/home", "-/home", "/etc",
					     "/etc/ssh",   "/usr",  "/bin",   "/dev",
					     "/etc/pam.d", "/var",  "/root",  NULL };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		say_list(v, keys[i], paths, REPAIR_SURE,
			 "what sshd and the user's session need there is hidden from them");
}

static void look_at_limits(const struct view *v)
{
	static const char *const keys[] = { "LimitNOFILE", "LimitNPROC",  "LimitAS",   "LimitDATA",
					    "LimitSTACK",  "LimitFSIZE",  "LimitCPU",  "TasksMax",
					    "MemoryMax",   "MemoryLimit", "MemoryHigh" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct limit_kind *kind = limit_kind_find(keys[i]);
		const struct unit_file *file;
		const struct section_item *item = local_value(v, keys[i], &file);
		enum limit_verdict verdict = item ? limit_judge(kind, item->value) : LIMIT_FINE;

		if (verdict != LIMIT_FINE)
			say(v, file, item, NULL,
			    verdict == LIMIT_FATAL ? REPAIR_SURE : REPAIR_OFFERED, kind->effect);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const char *name = sshd_service_unit(machine);
	struct view v = { .machine = machine,
			  .unit = name ? unit_load(machine, name) : NULL,
			  .has_socket = sshd_service_socket(machine),
			  .out = out };

	(void)err;
	if (!v.unit || v.unit->is_masked)
		return 0;
	look_at_switches(&v);
	look_at_user(&v);
	look_at_network(&v);
	look_at_capabilities(&v);
	look_at_paths(&v);
	look_at_limits(&v);
	return 0;
}

const struct check check_sshd_sandbox = {
	.name = "sshd-sandbox",
	.title = "the unit of sshd is locked up so that nobody can log in",
	.explain = "Settings that harden other daemons break sshd, because every session inherits "
		   "them: "
		   "with ProtectHome the keys cannot be read, with PrivateNetwork or "
		   "IPAddressDeny=any "
		   "nobody reaches the port, without CAP_SETUID or as another user it cannot "
		   "become who "
		   "logs in, with NoNewPrivileges sudo is dead, and a limit of a few processes or "
		   "megabytes ends every session. Also the drop-ins for all services (service.d) "
		   "count. "
		   "The repair comments out the setting, in files of this machine alone.",
	.source = "systemd.exec(5), \"Sandboxing\"; systemd.resource-control(5), IPAddressDeny, "
		  "TasksMax, MemoryMax; capabilities(7)",
	.rows = "62",
	.repair = REPAIR_SURE,
	.examine = examine,
};
