/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <ctype.h>

/* The users of the volume, what they hold, and who of them is to be let in. */

#define PERSONS_MAX 2000

static bool is_refusing_shell(const char *shell)
{
	static const char *const names[] = { "nologin",	 "false",     "true",	"sync", "halt",
					     "shutdown", "git-shell", "uucico", "rssh", "scponly" };
	const char *base = strrchr(shell, '/');

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(base ? base + 1 : shell, names[i]))
			return true;
	return false;
}

/* Calls back for each line of a colon-separated file, as fields. */
typedef void fields_func(void *arg, char **field, size_t count);
static void each_entry(const struct machine *machine, const char *path, fields_func *func,
		       void *arg)
{
	struct err err = ERR_INIT;

	for (const char *p = machine_text(machine, path, &err); p && *p;) {
		size_t len = strcspn(p, "\n"), count = 0;
		cleanup(free) char *line = mem_strndup(p, len);
		char *field[10], *rest = line;
		while (count < ARRAY_LEN(field) && (field[count] = strsep(&rest, ":")))
			count++;
		func(arg, field, count);
		p += len + (p[len] == '\n');
	}
}

static void add_group(void *arg, char **field, size_t count)
{
	struct person *person = arg;
	char *end;

	if (count < 3)
		return;
	unsigned long gid = strtoul(field[2], &end, 10);
	if (!*field[2] || *end || gid > UINT32_MAX)
		return;
	bool is_primary = gid == person->user->gid, is_member = false;
	char *members = count > 3 ? field[3] : NULL;
	for (char *m; (m = strsep(&members, ","));)
		is_member |= str_eq(m, person->user->name);
	if (!is_primary && !is_member)
		return;
	vec_push(&person->groups, mem_strdup(field[0]));
	vec_push(&person->gids, (uint32_t)gid);
	size_t last = person->groups.count - 1;
	if (is_primary && last) { /* to the front */
		char *name = person->groups.items[0];
		uint32_t id = person->gids.items[0];
		person->groups.items[0] = person->groups.items[last];
		person->groups.items[last] = name;
		person->gids.items[0] = person->gids.items[last];
		person->gids.items[last] = id;
	}
}

static void add_shadow(void *arg, char **field, size_t count)
{
	struct person *person = arg;

	if (count < 2 || !str_eq(field[0], person->user->name))
		return;
	person->shadow_is_known = true;
	person->is_locked = field[1][0] == '!';
	person->has_password = field[1][0] == '$' || strlen(field[1]) == 13;
}

/* Does a line of sudoers begin with the person's name or group? What it grants is the sudo checks'
 * business. */
static bool sudoers_names(const struct machine *machine, const char *path,
			  const struct person *person)
{
	struct err err = ERR_INIT;

	for (const char *p = machine_text(machine, path, &err); p && *p;) {
		const char *s = p + strspn(p, " \t");
		size_t len = strcspn(s, " \t\n=");
		if (str_is(s, len, person->user->name))
			return true;
		vec_foreach (group, &person->groups)
			if (*s == '%' && len == strlen(*group) + 1 &&
			    !strncmp(s + 1, *group, len - 1))
				return true;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return false;
}

static bool has_sudo(const struct machine *machine, const struct person *person)
{
	static const char *const groups[] = { "sudo", "wheel", "admin" };
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;

	vec_foreach (group, &person->groups)
		for (size_t i = 0; i < ARRAY_LEN(groups); i++)
			if (str_eq(*group, groups[i]))
				return true;
	if (sudoers_names(machine, "/etc/sudoers", person))
		return true;
	if (tree_list(machine_tree(machine), "/etc/sudoers.d", &names, &err) < 0)
		return false;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("/etc/sudoers.d/%s", *name);
		if (sudoers_names(machine, path, person))
			return true;
	}
	return false;
}

/* The cloud image's own user: cloud.cfg's default_user, or one of the usual names. */
static bool is_default_user(const struct machine *machine, const char *name)
{
	static const char *const usual[] = { "ec2-user",   "admin",    "ubuntu",      "debian",
					     "centos",	   "rocky",    "almalinux",   "fedora",
					     "cloud-user", "opensuse", "alpine",      "arch",
					     "bitnami",	   "core",     "oracle-cloud" };
	struct err err = ERR_INIT;
	const struct str *config = machine_file(machine, "/etc/cloud/cloud.cfg", &err);
	const char *p = config ? strstr(config->s, "default_user:") : NULL;

	p = p ? strstr(p, "name:") : NULL;
	if (p) {
		p += strlen("name:");
		p += strspn(p, " \t\"'");
		size_t len = strcspn(p, " \t\r\n\"'#");
		if (str_is(p, len, name))
			return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (str_eq(usual[i], name))
			return true;
	return false;
}

/* Accounts of services may have a shell; nobody logs in as them unless they hold a key. */
static bool is_of_a_service(const struct person *person)
{
	return person->user->uid && person->user->uid < 1000 && !person->is_admin &&
	       !person->is_default && !person->keys.count && !person->home_keys.count &&
	       !(person->user->uid >= 500 && str_starts(person->user->home, "/home/"));
}

static void learn(const struct sshd_conf *conf, const struct machine *machine,
		  const struct people *people, struct person *person)
{
	each_entry(machine, "/etc/group", add_group, person);
	each_entry(machine, "/etc/shadow", add_shadow, person);
	person->is_admin = !person->user->uid || has_sudo(machine, person);
	person->is_default = is_default_user(machine, person->user->name);
	gate_lists(conf, machine, person);
	gate_keys(conf, machine, person, people);
	gate_auth(conf, machine, person);
	gate_session(conf, machine, person);
}

static unsigned fails(const struct person *person, enum gate_verdict verdict)
{
	unsigned count = 0;

	for (size_t i = 0; i < GATE_COUNT; i++)
		count += person->gates[i] >= verdict;
	return count;
}

/* Smaller is the better choice of whom to let in. */
static uint64_t rank(const struct person *person)
{
	bool has_trace = person->keys.count || person->home_keys.count || person->damages.count;
	uint64_t rank = !person->user->uid;

	rank = rank * 2 + !person->is_admin;
	rank = rank * 2 + !has_trace;
	rank = rank << 5 | fails(person, GATE_FAIL);
	rank = rank * 2 + !person->is_default;
	return rank << 32 | person->user->uid;
}

/* Users that no file of the volume lists. */
static bool directory_is_used(const struct machine *machine)
{
	struct err err = ERR_INIT;
	const char *nss = machine_text(machine, "/etc/nsswitch.conf", &err);
	const char *line = nss ? strstr(nss, "passwd:") : NULL;
	size_t len = line ? strcspn(line, "\n") : 0;

	return tree_exists(machine_tree(machine), "/etc/sssd/sssd.conf") ||
	       (line && (memmem(line, len, "ldap", 4) || memmem(line, len, "winbind", 7)));
}

/* A program that hands out keys, or an authority that signs them. EC2 Instance Connect is on every
 * Amazon and Ubuntu image and gives a key for a minute to whoever may ask for one: no reason to
 * call a lost key pair harmless. */
static bool keys_come_from_elsewhere(const struct sshd_conf *conf, const struct machine *machine,
				     bool *has_instance_connect)
{
	vec_foreach (d, &conf->directives) {
		const char *arg = sshd_directive_arg(d);
		if (!d->fatal && strstr(arg, "/eic_run_authorized_keys")) {
			*has_instance_connect = true;
			continue;
		}
		if (!d->fatal && *arg == '/' &&
		    (sshd_directive_is(d, "authorizedkeyscommand") ||
		     sshd_directive_is(d, "trustedusercakeys")) &&
		    tree_exists(machine_tree(machine), arg))
			return true;
	}
	return false;
}

static void person_done(struct person *person)
{
	vec_foreach (group, &person->groups)
		free(*group);
	vec_foreach (file, &person->key_files)
		free(*file);
	vec_done(&person->groups);
	vec_done(&person->gids);
	vec_done(&person->key_files);
	key_lines_done(&person->keys);
	key_lines_done(&person->home_keys);
	key_damages_done(&person->damages);
}

int people_load(const struct machine *machine, const struct sshd_conf *conf, struct people *ret,
		struct err *err)
{
	const struct machine_users *users = machine_users(machine);
	cleanup(people_done) struct people people = { 0 };

	if (!users->count && !machine_file(machine, "/etc/passwd", err) &&
	    err->code != ERR_NOTFOUND)
		return -1;
	people.others_possible = directory_is_used(machine);
	people.keys_elsewhere =
		keys_come_from_elsewhere(conf, machine, &people.has_instance_connect);
	for (size_t i = 0; i < users->count && people.persons.count < PERSONS_MAX; i++) {
		if (is_refusing_shell(users->items[i].shell))
			continue;
		struct person *person = vec_add(&people.persons);
		person->user = &users->items[i];
		learn(conf, machine, &people, person);
		if (is_of_a_service(person)) {
			person_done(person);
			people.persons.count--;
		}
	}
	vec_foreach (person, &people.persons)
		if (!people.primary || rank(person) < rank(people.primary))
			people.primary = person;
	vec_foreach (person, &people.persons) {
		if (people.primary->is_admin && !person->is_admin)
			continue;
		people.somebody_gets_in |= !fails(person, GATE_UNSURE);
		people.somebody_may |= !fails(person, GATE_FAIL);
	}
	*ret = people;
	people = (struct people){ 0 };
	return 0;
}

void people_done(struct people *people)
{
	vec_foreach (person, &people->persons)
		person_done(person);
	vec_done(&people->persons);
}

const struct person *people_stopped(const struct people *people, enum gate gate)
{
	const struct person *primary = people->primary;

	return primary && !people->somebody_gets_in && primary->gates[gate] == GATE_FAIL ? primary
											 : NULL;
}

enum repair_class people_repair(const struct people *people)
{
	return people->somebody_may || people->others_possible ? REPAIR_OFFERED : REPAIR_SURE;
}

struct sshd_kept {
	struct sshd_conf *conf;
	struct people people;
	bool has_people, has_conf_failed, have_people_failed;
	struct err conf_err, people_err;
};

static void free_kept(void *value)
{
	struct sshd_kept *kept = value;

	people_done(&kept->people);
	sshd_conf_free(kept->conf);
	free(kept);
}

int sshd_model(const struct machine *machine, const struct sshd_conf **ret_conf,
	       const struct people **ret_people, struct err *err)
{
	static const char key;
	struct sshd_kept *kept = machine_kept(machine, &key);

	if (!kept) {
		kept = mem_alloc(sizeof(*kept));
		machine_keep(machine, &key, kept, free_kept);
		kept->has_conf_failed = sshd_conf_read(machine, &kept->conf, &kept->conf_err) < 0;
	}
	if (kept->has_conf_failed) {
		*err = kept->conf_err;
		return -1;
	}
	*ret_conf = kept->conf;
	if (!ret_people)
		return 0;
	*ret_people = NULL;
	if (!kept->conf)
		return 0;
	if (!kept->has_people) {
		kept->has_people = true;
		kept->have_people_failed =
			people_load(machine, kept->conf, &kept->people, &kept->people_err) < 0;
	}
	if (kept->have_people_failed) {
		*err = kept->people_err;
		return -1;
	}
	*ret_people = &kept->people;
	return 0;
}
