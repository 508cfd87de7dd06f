/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

#include <strings.h>

/* How somebody may prove who they are: the gates from PermitRootLogin to the keys themselves. */

static void set(struct person *person, enum gate gate, enum gate_verdict verdict,
		const struct sshd_directive *blame)
{
	if (verdict > person->gates[gate]) {
		person->gates[gate] = verdict;
		person->blame[gate] = blame;
	}
}

/* Judges every value that may decide; fails only when all of them do. */
typedef enum gate_verdict judge_func(const struct sshd_directive *, const struct person *,
				     const void *arg);
static void judge(const struct sshd_conf *conf, const struct machine *machine,
		  struct person *person, enum gate gate, const char *key, judge_func *func,
		  const void *arg)
{
	struct directive_list values = { 0 };
	enum gate_verdict best = GATE_FAIL, worst = GATE_PASS;

	person_values(conf, machine, person, key, &values);
	for (size_t i = 0; i < values.count; i++) {
		enum gate_verdict one = func(values.items[i], person, arg);
		best = one < best ? one : best;
		worst = one > worst ? one : worst;
	}
	set(person, gate, best == worst ? best : GATE_UNSURE, values.items[0]);
	vec_done(&values);
}

/* May the flag be on for the person? */
static bool flag_may_be(const struct sshd_conf *conf, const struct machine *machine,
			const struct person *person, const char *key, bool def)
{
	struct directive_list values = { 0 };
	bool may = false;

	person_values(conf, machine, person, key, &values);
	for (size_t i = 0; i < values.count; i++)
		may |= values.items[i] ? !strcasecmp(sshd_directive_arg(values.items[i]), "yes")
				       : def;
	vec_done(&values);
	return may;
}

static enum gate_verdict judge_flag(const struct sshd_directive *d, const struct person *person,
				    const void *arg)
{
	(void)person;
	(void)arg;
	return d && !strcasecmp(sshd_directive_arg(d), "no") ? GATE_FAIL : GATE_PASS;
}

static enum gate_verdict judge_root(const struct sshd_directive *d, const struct person *person,
				    const void *arg)
{
	const char *value = sshd_directive_arg(d);

	(void)arg;
	if (d && !strcasecmp(value, "no"))
		return GATE_FAIL;
	if (!d || strcasecmp(value, "forced-commands-only"))
		return GATE_PASS;
	vec_foreach (key, &person->keys) {
		cleanup(free) char *command = key_option(key->options, "command");
		if (command)
			return GATE_PASS;
	}
	return GATE_FAIL;
}

struct ways {
	bool password, keyboard; /* those ways can work for the person */
	bool keyboard_unknown;	 /* a PAM module may ask for something else than the password */
};

static struct ways ways_of(const struct sshd_conf *conf, const struct machine *machine,
			   const struct person *person)
{
	static const char *const modules[] = { "google_auth", "pam_duo",    "pam_oath",
					       "pam_yubico",  "pam_radius", "pam_sss",
					       "pam_ldap",    "pam_u2f",    "pam_permit" };
	struct err err = ERR_INIT;
	const struct str *pam = machine_file(machine, "/etc/pam.d/sshd", &err);
	bool use_pam = sshd_conf_flag(conf, "usepam", false);
	struct ways ways = { 0 };

	ways.password = person->has_password &&
			flag_may_be(conf, machine, person, "passwordauthentication", true);
	ways.keyboard = use_pam && person->has_password &&
			flag_may_be(conf, machine, person, "kbdinteractiveauthentication", true);
	for (size_t i = 0; pam && i < ARRAY_LEN(modules); i++)
		ways.keyboard_unknown |= use_pam && strstr(pam->s, modules[i]);
	if (!person->user->uid) { /* root's passwords count for nothing by default */
		const struct sshd_directive *root = sshd_conf_global(conf, "permitrootlogin");
		bool allowed = root && !strcasecmp(sshd_directive_arg(root), "yes");
		ways.password &= allowed;
		ways.keyboard &= allowed;
	}
	return ways;
}

/* One list of AuthenticationMethods: every method of it has to succeed. */
static enum gate_verdict judge_method_list(const char *list, const struct ways *ways)
{
	enum gate_verdict verdict = GATE_PASS;
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	for (char *p; (p = strsep(&rest, ","));) {
		enum gate_verdict one = GATE_UNSURE;
		p[strcspn(p, ":")] = '\0';
		if (str_eq(p, "publickey") || str_eq(p, "any"))
			one = GATE_PASS;
		else if (str_eq(p, "password"))
			one = ways->password ? GATE_UNSURE : GATE_FAIL;
		else if (str_eq(p, "keyboard-interactive"))
			one = ways->keyboard || ways->keyboard_unknown ? GATE_UNSURE : GATE_FAIL;
		verdict = one > verdict ? one : verdict;
	}
	return verdict;
}

static enum gate_verdict judge_methods(const struct sshd_directive *d, const struct person *person,
				       const void *arg)
{
	enum gate_verdict best = GATE_FAIL;

	(void)person;
	if (!d)
		return GATE_PASS;
	for (size_t i = 0; i < d->arg_count; i++) {
		enum gate_verdict one = judge_method_list(d->args[i], arg);
		best = one < best ? one : best;
	}
	return best;
}

static enum gate_verdict judge_keytypes(const struct sshd_directive *d, const struct person *person,
					const void *arg)
{
	const struct sshd_conf *conf = arg;
	const char *list = d ? sshd_directive_arg(d) : NULL;
	const struct key_lines *keys = person->keys.count ? &person->keys : &person->home_keys;

	if (!keys->count)
		return GATE_PASS;
	vec_foreach (key, keys)
		if (sshd_keyalgs_accept(list, key->type, conf->program.version))
			return GATE_PASS;
	return GATE_FAIL;
}

static enum gate_verdict judge_size(const struct sshd_directive *d, const struct person *person,
				    const void *arg)
{
	const struct sshd_conf *conf = arg;
	int64_t least = d ? sshd_number(sshd_directive_arg(d), UINT32_MAX) : 1024;
	const struct key_lines *keys = person->keys.count ? &person->keys : &person->home_keys;

	if (!keys->count || (!d && conf->program.version < 706))
		return GATE_PASS;
	vec_foreach (key, keys)
		if (!str_eq(key->type, "ssh-rsa") || key_rsa_bits(key) >= least)
			return GATE_PASS;
	return GATE_FAIL;
}

struct revocation {
	const struct machine *machine;
};

/* sshd takes no key at all when it cannot read the list. */
static enum gate_verdict judge_revoked(const struct sshd_directive *d, const struct person *person,
				       const void *arg)
{
	const struct revocation *revocation = arg;
	const char *path = sshd_directive_arg(d);
	struct key_lines revoked = { 0 };
	struct key_damages ignored = { 0 };
	struct err err = ERR_INIT;
	enum gate_verdict verdict = GATE_PASS;
	size_t hits = 0;

	if (!d || *path != '/')
		return GATE_PASS;
	const struct str *bytes = machine_file(revocation->machine, path, &err);
	if (!bytes)
		return err.code == ERR_NOTFOUND ? GATE_FAIL : GATE_UNSURE;
	if (str_starts(bytes->s, "SSHKRL\n"))
		return GATE_UNSURE;
	key_lines_read(revocation->machine, path, &revoked, &ignored);
	vec_foreach (key, &person->keys) {
		bool hit = false;
		vec_foreach (other, &revoked)
			hit |= str_eq(other->blob, key->blob);
		hits += hit;
	}
	if (hits && hits == person->keys.count)
		verdict = GATE_FAIL;
	key_lines_done(&revoked);
	key_damages_done(&ignored);
	return verdict;
}

/* sshd itself refuses locked accounts where PAM is not asked. */
static void gate_locked(const struct sshd_conf *conf, struct person *person)
{
	const struct sshd_directive *use_pam = sshd_conf_global(conf, "usepam");

	if (person->is_locked && !sshd_conf_flag(conf, "usepam", false))
		set(person, GATE_LOCKED, GATE_FAIL, use_pam);
}

void gate_auth(const struct sshd_conf *conf, const struct machine *machine, struct person *person)
{
	static const enum gate by_key[] = { GATE_PUBKEY, GATE_KEYTYPE, GATE_FILE,
					    GATE_KEYS,	 GATE_MODES,   GATE_REVOKED };
	const struct revocation revocation = { machine };
	struct ways ways = ways_of(conf, machine, person);

	gate_locked(conf, person);
	if (!person->user->uid)
		judge(conf, machine, person, GATE_ROOT, "permitrootlogin", judge_root, NULL);
	judge(conf, machine, person, GATE_PUBKEY, "pubkeyauthentication", judge_flag, NULL);
	judge(conf, machine, person, GATE_METHODS, "authenticationmethods", judge_methods, &ways);
	judge(conf, machine, person, GATE_KEYTYPE, "pubkeyacceptedalgorithms", judge_keytypes,
	      conf);
	judge(conf, machine, person, GATE_KEYTYPE, "requiredrsasize", judge_size, conf);
	judge(conf, machine, person, GATE_REVOKED, "revokedkeys", judge_revoked, &revocation);
	gate_modes(conf, machine, person);
	/* Who has a password that sshd takes may not need a key. */
	for (size_t i = 0; i < ARRAY_LEN(by_key); i++)
		if ((ways.password || ways.keyboard) && person->gates[by_key[i]] == GATE_FAIL)
			person->gates[by_key[i]] = GATE_UNSURE;
}

/* AuthorizedKeysFile's words for the person: %h, %u, %U, %%, and relative to the home. */
static char *expand(const char *word, const struct machine_user *user)
{
	cleanup(str_done) struct str path = STR_INIT;

	for (const char *p = word; *p; p++) {
		if (*p != '%' || !p[1]) {
			str_add_char(&path, *p);
			continue;
		}
		p++;
		if (*p == 'h')
			str_add(&path, user->home);
		else if (*p == 'u')
			str_add(&path, user->name);
		else if (*p == 'U')
			str_addf(&path, "%u", user->uid);
		else if (*p == '%')
			str_add_char(&path, '%');
	}
	cleanup(free) char *whole =
		path.s[0] == '/' ? str_take(&path) : mem_printf("%s/%s", user->home, path.s);
	str_clear(&path);
	for (const char *p = whole; *p; p++) /* edits want paths without "//" */
		if (*p != '/' || p[1] != '/')
			str_add_char(&path, *p);
	return str_take(&path);
}

static void add_key_file(struct person *person, const char *word)
{
	cleanup(free) char *path = expand(word, person->user);

	if (!strcasecmp(word, "none") || strlen(path) >= TREE_PATH_MAX || *path != '/')
		return;
	vec_foreach (file, &person->key_files)
		if (str_eq(*file, path))
			return;
	vec_push(&person->key_files, TAKE(path));
}

static void find_key_files(const struct sshd_conf *conf, const struct machine *machine,
			   struct person *person)
{
	struct directive_list values = { 0 };

	person_values(conf, machine, person, "authorizedkeysfile", &values);
	person->blame[GATE_FILE] = values.items[0];
	for (size_t i = 0; i < values.count; i++) {
		const struct sshd_directive *d = values.items[i];
		if (!d || !d->arg_count) {
			add_key_file(person, ".ssh/authorized_keys");
			add_key_file(person, ".ssh/authorized_keys2");
		}
		for (size_t k = 0; d && k < d->arg_count; k++)
			add_key_file(person, d->args[k]);
	}
	vec_done(&values);
}

/* Is the home on a file system that is not here? Then nobody can say what is in it. */
static bool home_is_elsewhere(const struct machine *machine, const struct person *person)
{
	struct err err = ERR_INIT;
	const struct str *fstab = machine_file(machine, "/etc/fstab", &err);

	if (tree_exists(machine_tree(machine), person->user->home))
		return false;
	for (const char *p = fstab ? fstab->s : NULL; p && *p;) {
		const char *s = p + strspn(p, " \t");
		const char *target = s + strcspn(s, " \t\n");
		target += strspn(target, " \t");
		size_t len = strcspn(target, " \t\n");
		if (*s != '#' && len > 1 && !strncmp(target, person->user->home, len) &&
		    (person->user->home[len] == '/' || !person->user->home[len]))
			return true;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return false;
}

void gate_keys(const struct sshd_conf *conf, const struct machine *machine, struct person *person,
	       const struct people *people)
{
	static const char *const names[] = { ".ssh/authorized_keys", ".ssh/authorized_keys2" };
	const struct sshd_directive *blame;

	find_key_files(conf, machine, person);
	blame = person->blame[GATE_FILE];
	vec_foreach (file, &person->key_files)
		key_lines_read(machine, *file, &person->keys, &person->damages);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup(free) char *path = expand(names[i], person->user);
		struct key_damages *damages = &person->damages, ignored = { 0 };
		vec_foreach (file, &person->key_files)
			if (str_eq(*file, path))
				damages = &ignored;
		key_lines_read(machine, path, &person->home_keys, damages);
		key_damages_done(&ignored);
	}
	bool is_unsure = people->keys_elsewhere || home_is_elsewhere(machine, person);
	if (!person->keys.count && person->home_keys.count)
		set(person, GATE_FILE, is_unsure ? GATE_UNSURE : GATE_FAIL, blame);
	if (!person->keys.count && !person->home_keys.count)
		set(person, GATE_KEYS, is_unsure ? GATE_UNSURE : GATE_FAIL, NULL);
}
