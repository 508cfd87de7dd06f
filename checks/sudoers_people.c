/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/sudoers.h"

/* Who may become root with sudo. What depends on the host's name or on a directory service is
 * counted for the user: a right that is perhaps there is no ground for a repair. */

#define ALIAS_DEPTH 16

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

/* False: the question is too long, and the answer is "perhaps". */
static bool step(const struct sudoers *sudoers)
{
	if (!*sudoers->steps_left)
		return false;
	--*sudoers->steps_left;
	return true;
}

static const struct sudoers_alias *find_alias(const struct sudoers *sudoers,
					      enum sudoers_token kind, const char *name)
{
	vec_foreach (a, &sudoers->aliases)
		if (step(sudoers) && a->kind == kind && str_eq(a->name, name))
			return a;
	return NULL;
}

static bool is_id(const char *text, uint32_t id)
{
	char *end;

	if (*text != '#')
		return false;
	unsigned long value = strtoul(text + 1, &end, 10);
	return text[1] && !*end && value == id;
}

static enum match match_group(const char *name, const struct person *person)
{
	name++;
	if (*name == ':')
		return MATCH_MAYBE; /* a group of a plugin */
	vec_foreach (gid, &person->gids)
		if (is_id(name, *gid))
			return MATCH_YES;
	vec_foreach (group, &person->groups)
		if (str_eq(*group, name))
			return MATCH_YES;
	return MATCH_NO;
}

static enum match match_users(const struct sudoers *, const struct sudoers_members *,
			      enum sudoers_token kind, const struct person *, unsigned depth);

static enum match match_user(const struct sudoers *sudoers, const struct sudoers_member *m,
			     enum sudoers_token kind, const struct person *person, unsigned depth)
{
	const struct sudoers_alias *alias;

	if (!step(sudoers))
		return MATCH_MAYBE;
	switch (m->kind) {
	case SUDOERS_ALL:
		return MATCH_YES;
	case SUDOERS_GROUP:
		return match_group(m->name, person);
	case SUDOERS_NETGROUP:
		return MATCH_MAYBE;
	case SUDOERS_ALIAS:
		alias = find_alias(sudoers, kind, m->name);
		if (alias && depth < ALIAS_DEPTH)
			return match_users(sudoers, &alias->members, kind, person, depth + 1);
		__attribute__((fallthrough)); /* an upper case name that is no alias is a user */
	default:
		return str_eq(m->name, person->user->name) || is_id(m->name, person->user->uid)
			       ? MATCH_YES
			       : MATCH_NO;
	}
}

/* The last member that speaks of the person decides. */
static enum match match_users(const struct sudoers *sudoers, const struct sudoers_members *members,
			      enum sudoers_token kind, const struct person *person, unsigned depth)
{
	enum match ret = MATCH_NO;

	vec_foreach (m, members) {
		enum match one = match_user(sudoers, m, kind, person, depth);
		if (one == MATCH_YES)
			ret = m->is_negated ? MATCH_NO : MATCH_YES;
		else if (one == MATCH_MAYBE && ret == MATCH_NO && !m->is_negated)
			ret = MATCH_MAYBE;
	}
	return ret;
}

/* Other hosts than ALL may be this one under any of its names. */
static enum match match_hosts(const struct sudoers *sudoers, const struct sudoers_members *members,
			      unsigned depth)
{
	enum match ret = MATCH_NO;

	vec_foreach (m, members) {
		enum match one = m->kind == SUDOERS_ALL ? MATCH_YES : MATCH_MAYBE;
		if (!step(sudoers))
			return MATCH_MAYBE;
		const struct sudoers_alias *alias =
			m->kind == SUDOERS_ALIAS ? find_alias(sudoers, SUDOERS_HOST_ALIAS, m->name)
						 : NULL;
		if (alias && depth < ALIAS_DEPTH)
			one = match_hosts(sudoers, &alias->members, depth + 1);
		if (one == MATCH_YES)
			ret = m->is_negated ? MATCH_NO : MATCH_YES;
		else if (one == MATCH_MAYBE && ret == MATCH_NO)
			ret = MATCH_MAYBE;
	}
	return ret;
}

static bool runs_as_root(const struct sudoers *sudoers, const struct sudoers_command *command)
{
	static struct machine_user root_user = { .name = (char *)"root" };
	const struct person root = { .user = &root_user };

	if (command->has_runas_group_only)
		return false;
	return !command->users.count ||
	       match_users(sudoers, &command->users, SUDOERS_RUNAS_ALIAS, &root, 0) != MATCH_NO;
}

/* Is the command everything (1), something (0), or everything forbidden (-1)? */
static int reach(const struct sudoers *sudoers, const struct sudoers_member *m, unsigned depth)
{
	const struct sudoers_alias *alias =
		m->kind == SUDOERS_ALIAS ? find_alias(sudoers, SUDOERS_CMND_ALIAS, m->name) : NULL;
	int ret = 0;

	if (!step(sudoers))
		return 0;
	if (m->kind == SUDOERS_ALL)
		return m->is_negated ? -1 : 1;
	if (!alias || depth >= ALIAS_DEPTH)
		return 0;
	vec_foreach (member, &alias->members) {
		int one = reach(sudoers, member, depth + 1);
		ret = one ? one : ret;
	}
	return m->is_negated ? -ret : ret;
}

/* The flag's last word for the person; bindings to hosts and commands count as if they fit. */
static bool flag(const struct sudoers *sudoers, const struct person *person, const char *name,
		 bool def)
{
	vec_foreach (d, &sudoers->defaults) {
		if (!step(sudoers) || !str_eq(d->name, name) || d->kind == SUDOERS_DEFAULTS_RUNAS)
			continue;
		if (d->kind == SUDOERS_DEFAULTS_USER &&
		    match_users(sudoers, &d->who, SUDOERS_USER_ALIAS, person, 0) == MATCH_NO)
			continue;
		def = !d->is_off;
	}
	return def;
}

static bool has_exempt_group(const struct sudoers *sudoers, const struct person *person)
{
	bool ret = false;

	vec_foreach (d, &sudoers->defaults)
		if (str_eq(d->name, "exempt_group") && d->value)
			vec_foreach (group, &person->groups)
				ret |= str_eq(*group, d->value);
	return ret;
}

/* Has root a password that could be typed? */
static bool root_has_password(const struct machine *machine)
{
	struct err err = ERR_INIT;
	const struct str *shadow = machine_file(machine, "/etc/shadow", &err);
	const char *p = !shadow				 ? NULL
			: str_starts(shadow->s, "root:") ? shadow->s
							 : strstr(shadow->s, "\nroot:");

	if (!p)
		return !shadow;
	p = strchr(p, ':') + 1;
	return *p == '$' || strcspn(p, ":\n") == 13;
}

/* Modules that ask for something else than the account's password. */
static bool names_other_proof(const struct machine *machine)
{
	static const char *const files[] = { "/etc/pam.d/sudo", "/etc/pam.d/common-auth",
					     "/etc/pam.d/system-auth", "/etc/pam.d/sudo-i" };
	static const char *const modules[] = {
		"pam_ssh_agent_auth", "pam_wheel",     "pam_exec",     "pam_krb5",
		"pam_google_auth",    "pam_duo",       "pam_u2f",      "pam_yubico",
		"pam_radius",	      "pam_ldap",      "pam_oath",     "pam_script",
		"pam_rootok",	      "pam_timestamp", "pam_listfile", "pam_python",
		"pam_userdb",	      "pam_winbind"
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct err err = ERR_INIT;
		const struct str *text = machine_file(machine, files[i], &err);
		for (size_t k = 0; text && k < ARRAY_LEN(modules); k++)
			if (strstr(text->s, modules[k]))
				return true;
	}
	return false;
}

/* Worked out once: it is asked for every rule. */
static bool has_other_proof(const struct machine *machine)
{
	static const char key;
	bool *kept = machine_kept(machine, &key);

	if (!kept) {
		kept = mem_alloc(sizeof(*kept));
		*kept = names_other_proof(machine);
		machine_keep(machine, &key, kept, free);
	}
	return *kept;
}

/* May the person prove to be who they are? */
static bool can_prove(const struct sudoers *sudoers, const struct machine *machine,
		      const struct person *person, const struct sudoers_command *command)
{
	if (command->nopasswd == 1 || !person->user->uid ||
	    !flag(sudoers, person, "authenticate", true) || has_exempt_group(sudoers, person))
		return true;
	if (has_other_proof(machine))
		return true;
	if (flag(sudoers, person, "targetpw", false) || flag(sudoers, person, "rootpw", false) ||
	    flag(sudoers, person, "runaspw", false))
		return root_has_password(machine);
	return person->has_password || !person->shadow_is_known;
}

static void weigh(const struct sudoers *sudoers, const struct machine *machine,
		  const struct person *person, const struct sudoers_rule *rule, bool is_sure,
		  const struct sudoers_command *command, struct sudo_verdict *ret)
{
	int all = reach(sudoers, &command->command, 0);
	enum sudo_right right = SUDO_SOME;

	if (!runs_as_root(sudoers, command))
		return;
	if (all < 0) {
		if (is_sure)
			*ret = (struct sudo_verdict){ SUDO_NOTHING, NULL };
		return;
	}
	if (command->command.is_negated)
		return;
	if (!can_prove(sudoers, machine, person, command))
		right = SUDO_PASSWORD;
	else if (all && is_sure)
		right = SUDO_ROOT;
	/* A rule for everything speaks last; one for something takes nothing away. */
	if (!all || !is_sure)
		right = right == SUDO_PASSWORD ? SUDO_NOTHING : right;
	if ((all && is_sure) || right > ret->right || ret->right == SUDO_PASSWORD)
		*ret = right == SUDO_NOTHING ? *ret : (struct sudo_verdict){ right, rule };
}

struct sudo_verdict sudoers_verdict(const struct sudoers *sudoers, const struct machine *machine,
				    const struct person *person)
{
	struct sudo_verdict ret = { SUDO_NOTHING, NULL };

	if (sudoers->is_refused)
		return ret;
	vec_foreach (rule, &sudoers->rules) {
		enum match user = match_users(sudoers, &rule->users, SUDOERS_USER_ALIAS, person, 0);
		if (user == MATCH_NO)
			continue;
		vec_foreach (privilege, &rule->privileges) {
			enum match host = match_hosts(sudoers, &privilege->hosts, 0);
			if (host == MATCH_NO)
				continue;
			vec_foreach (command, &privilege->commands)
				weigh(sudoers, machine, person, rule,
				      user == MATCH_YES && host == MATCH_YES, command, &ret);
		}
	}
	return ret;
}

bool sudoers_text_grants(const struct machine *machine, const struct str *text,
			 const struct person *person)
{
	cleanup(sudoers_done) struct sudoers sudoers;
	enum sudo_right right;

	sudoers_parse(text, sudo_version(machine), &sudoers);
	right = sudoers_verdict(&sudoers, machine, person).right;
	return right == SUDO_SOME || right == SUDO_ROOT;
}

/* --- the people ---------------------------------------------------------------------------- */

/* Cloud images leave root keys that only say who to log in as. */
static bool root_gets_in(const struct person *person)
{
	for (size_t i = 0; i < GATE_COUNT; i++)
		if (person->gates[i] == GATE_FAIL)
			return false;
	vec_foreach (key, &person->keys) {
		cleanup(free) char *command =
			key->options ? key_option(key->options, "command") : NULL;
		if (!command)
			return true;
	}
	return false;
}

int sudo_people_load(const struct machine *machine, const struct sudoers *sudoers,
		     struct sudo_people *ret, struct err *err)
{
	*ret = (struct sudo_people){ 0 };
	if (accounts_people(machine, NULL, &ret->people, err) < 0)
		return -1;
	vec_foreach (person, &ret->people->persons) {
		enum sudo_right right;
		if (!person->user->uid) {
			ret->root_logs_in |= root_gets_in(person);
			continue;
		}
		if (!account_has_way_in(person))
			continue;
		if (!ret->admin || person == ret->people->primary ||
		    (person->is_default && ret->admin != ret->people->primary &&
		     !ret->admin->is_default))
			ret->admin = person;
		right = sudoers_verdict(sudoers, machine, person).right;
		ret->somebody_may |= right == SUDO_SOME || right == SUDO_ROOT;
	}
	ret->somebody_may |= ret->people->others_possible;
	return 0;
}
