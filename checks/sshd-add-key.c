/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"
#include "fs/lines.h"

/* Whose account: the one that was named, else the one that the image was made with. */
static const struct person *find_person(const struct people *people, const struct wanted_key *key)
{
	const struct person *best = key->user ? NULL : people->primary;

	if (best && best->is_default)
		return best;
	vec_foreach (person, &people->persons) {
		if (key->user ? str_eq(person->user->name, key->user) : person->is_default)
			return person;
		if (!key->user && !best && person->is_admin)
			best = person;
	}
	return best;
}

/* The same key, free to be used: one with a forced command or an address does not open a shell. */
static bool opens_already(const struct person *person, const char *line)
{
	const char *blob = line + strcspn(line, " \t");

	blob += strspn(blob, " \t");
	vec_foreach (key, &person->keys) {
		size_t len = strcspn(blob, " \t");

		if (!key->options && !strncmp(line, key->type, strlen(key->type)) &&
		    strlen(key->blob) == len && !strncmp(key->blob, blob, len))
			return true;
	}
	return false;
}

/* Of the files that sshd reads for the person the first that is there, else the first. */
static const char *choose_file(const struct machine *machine, const struct person *person)
{
	vec_foreach (file, &person->key_files)
		if (tree_exists(machine_tree(machine), *file))
			return *file;
	return person->key_files.count ? person->key_files.items[0] : NULL;
}

/* A path that has the label which sshd may read: somebody's file of the same kind. NULL: none. */
static char *find_like(const struct machine *machine, const struct people *people, bool is_dir)
{
	static const char *const ends[] = { "/.ssh/authorized_keys", "/.ssh" };

	vec_foreach (person, &people->persons)
		for (size_t i = is_dir; i < ARRAY_LEN(ends); i++) {
			cleanup(free) char *path = mem_printf("%s%s", person->user->home, ends[i]);
			cleanup(str_done) struct str label = STR_INIT;
			struct err ignored = ERR_INIT;

			if (path[0] == '/' &&
			    !tree_getxattr(machine_tree(machine), path, "security.selinux", &label,
					   &ignored) &&
			    strstr(label.s, ":ssh_home_t:"))
				return TAKE(path);
		}
	return NULL;
}

static void label_last(const struct machine *machine, const struct people *people,
		       struct edits *edits, bool is_dir)
{
	edits->items[edits->count - 1].like = find_like(machine, people, is_dir);
}

/* The file and what is missing above it, with the modes that StrictModes wants. */
static void add_new_file(const struct machine *machine, const struct people *people,
			 const struct person *person, const char *file, const char *text,
			 struct edits *edits)
{
	struct tree_new made = { .mode = 0700, .uid = person->user->uid, .gid = person->user->gid };
	const char *home = person->user->home;
	cleanup(free) char *dir = mem_strndup(file, (size_t)(strrchr(file, '/') - file));
	bool is_below_home =
		home[0] == '/' && home[1] && str_starts(file, home) && file[strlen(home)] == '/';

	if (is_below_home && !tree_is_dir(machine_tree(machine), home))
		edit_mkdir(edits, home, &made);
	if (is_below_home && dir[0] && !str_eq(dir, home) &&
	    !tree_is_dir(machine_tree(machine), dir)) {
		edit_mkdir(edits, dir, &made);
		label_last(machine, people, edits, true);
	}
	made.mode = 0600;
	edit_create(edits, file, &made, text, strlen(text));
	label_last(machine, people, edits, false);
}

static int add_key(const struct machine *machine, const struct people *people,
		   const struct person *person, const struct wanted_key *key, struct findings *out,
		   struct err *err)
{
	const char *user = machine_quote(machine, person->user->name, strlen(person->user->name));
	const char *file = choose_file(machine, person);
	cleanup(free) char *text = mem_printf("%s\n", key->line);
	const struct str *old = file ? machine_file(machine, file, err) : NULL;
	struct finding *finding;

	if (!file)
		return err_set(err, ERR_COULD_NOT_TELL,
			       "sshd reads no file of keys for %s (AuthorizedKeysFile)", user);
	if (!old && err->code != ERR_NOTFOUND)
		return -1;
	finding = finding_add(out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "88", file, 0,
			      "the key of %s, which you ask for, does not open the account of %s",
			      machine_quote(machine, key->file, strlen(key->file)), user);
	if (old)
		lines_edit_insert(&finding->edits, file, old, lines_count(old->s, old->len) + 1,
				  text);
	else
		add_new_file(machine, people, person, file, text, &finding->edits);
	*err = (struct err)ERR_INIT;
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct wanted_key *key = machine_wanted_key(machine);
	cleanup(sshd_conf_free) struct sshd_conf *conf = NULL;
	cleanup(people_done) struct people people = { 0 };
	const struct person *person;

	if (!key)
		return 0;
	if (sshd_conf_effective(machine, &conf, err) < 0)
		return -1;
	if (people_load(machine, conf, &people, err) < 0)
		return -1;
	person = find_person(&people, key);
	if (!person && key->user)
		return err_set(
			err, ERR_COULD_NOT_TELL,
			"no user %s who could log in is in /etc/passwd, so the key was not added",
			machine_quote(machine, key->user, strlen(key->user)));
	if (!person)
		return err_set(
			err, ERR_COULD_NOT_TELL,
			"whose account the key shall open cannot be told; name it with --user");
	return opens_already(person, key->line) ? 0
						: add_key(machine, &people, person, key, out, err);
}

const struct check check_sshd_add_key = {
	.name = "sshd-add-key",
	.title = "the key that the operator has opens no account",
	.explain =
		"A lost private key is the most frequent reason for a rescue. With --add-key FILE "
		"the "
		"public key of another pair is put where sshd on this volume reads the keys of "
		"--user NAME, or of the user whom the image was made with: AuthorizedKeysFile with "
		"%h and %u filled in, Match blocks included. The line is added behind all others, "
		"and file and directory are made where they are missing, with the owner, the modes "
		"and the SELinux label that sshd asks for. Nothing is taken away. Without the "
		"option this check says nothing.",
	.source = "sshd(8) AUTHORIZED_KEYS FILE FORMAT, FILES; sshd_config(5) AuthorizedKeysFile, "
		  "StrictModes; sshd_selinux(8), ssh_home_t",
	.rows = "88",
	.repair = REPAIR_SURE,
	.needs = NEEDS_KEY,
	.examine = examine,
};
