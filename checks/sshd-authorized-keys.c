/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"
#include "fs/lines.h"

/* Lines [line, line + count) of a file as they are. */
static void lines_of(const struct machine *machine, const char *path, uint32_t line, uint32_t count,
		     struct str *into)
{
	struct err err = ERR_INIT;
	const struct str *bytes = machine_file(machine, path, &err);

	if (bytes)
		lines_copy(bytes->s, bytes->len, line, count, into);
}

static const char *user_of(const struct machine *machine, const struct person *person)
{
	return machine_quote(machine, person->user->name, strlen(person->user->name));
}

/* Each damaged line, with the repair where it is plain what the line was. */
static bool report_damages(const struct machine *machine, const struct people *people,
			   const struct person *person, bool is_stopped, struct findings *out)
{
	bool repaired = false;

	vec_foreach (d, &person->damages) {
		struct finding *f =
			finding_add(out, is_stopped ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE,
				    is_stopped ? people_repair(people) : REPAIR_OFFERED, "86",
				    d->path, d->line, "a key of %s %s%s", user_of(machine, person),
				    d->what, is_stopped ? ", and there is no other" : "");
		if (d->repaired) {
			cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
			lines_of(machine, d->path, d->line, d->count, &old);
			str_add(&new, d->repaired);
			edit_line_bytes(&f->edits, d->path, d->line, d->count, &old, &new);
			repaired = true;
		}
		sshd_finding_end(f);
	}
	return repaired;
}

/* The launch key that cloud-init left in root's file with a command that names the user. */
static const struct key_line *launch_key(const struct people *people, const struct person *person)
{
	cleanup(free) char *wanted =
		mem_printf("Please login as the user \"%s\"", person->user->name);

	vec_foreach (other, &people->persons) {
		if (other->user->uid)
			continue;
		vec_foreach (key, &other->home_keys) {
			cleanup(free) char *command = key_option(key->options, "command");
			if (command && strstr(command, wanted))
				return key;
		}
	}
	return NULL;
}

/* A copy that an editor or a person left beside the file. */
static char *backup_with_keys(const struct machine *machine, const char *file,
			      struct key_lines *keys)
{
	static const char *const ends[] = {
		".bak", "~", ".old", ".orig", ".save", ".backup", ".1"
	};

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct key_damages ignored = { 0 };
		cleanup(free) char *path = mem_printf("%s%s", file, ends[i]);
		key_lines_read(machine, path, keys, &ignored);
		key_damages_done(&ignored);
		if (keys->count)
			return TAKE(path);
	}
	return NULL;
}

/* Adds the lines to the file, or makes it. */
static void add_text(const struct machine *machine, const struct person *person, const char *file,
		     const char *added, struct edits *edits)
{
	struct err err = ERR_INIT;
	const struct str *old = machine_file(machine, file, &err);
	cleanup(str_done) struct str text = STR_INIT;
	const char *slash = strrchr(file, '/');
	cleanup(free) char *dir = mem_strndup(file, (size_t)(slash - file));
	struct tree_new made = { .mode = 0600, .uid = person->user->uid, .gid = person->user->gid };

	/* A line that holds a NUL takes the next one with it where sshd reads with fgets(3), as older ones do. */
	bool is_first = old && memchr(old->s, '\0', old->len);
	if (is_first)
		str_add(&text, added);
	if (old)
		str_add_bytes(&text, old->s, old->len);
	if (!is_first && text.len && text.s[text.len - 1] != '\n')
		str_add_char(&text, '\n');
	if (!is_first)
		str_add(&text, added);
	if (old) {
		edit_replace(edits, file, old, &text);
		return;
	}
	if (err.code != ERR_NOTFOUND)
		return;
	if (!tree_is_dir(machine_tree(machine), dir)) {
		struct tree_new dir_made = made;
		dir_made.mode = 0700;
		edit_mkdir(edits, dir, &dir_made);
	}
	edit_create(edits, file, &made, text.s, text.len);
}

/* An image that no instance has booted yet gets its key at the first boot. */
static bool is_unborn(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);

	return (tree_exists(tree, "/usr/bin/cloud-init") ||
		tree_exists(tree, "/etc/cloud/cloud.cfg")) &&
	       !tree_exists(tree, "/var/lib/cloud/instance") &&
	       !tree_exists(tree, "/var/lib/cloud/data/instance-id");
}

static void report_no_key(const struct machine *machine, const struct people *people,
			  const struct person *person, struct findings *out)
{
	const char *file = person->key_files.count ? person->key_files.items[0] : NULL;
	const struct key_line *launch = launch_key(people, person);
	struct key_lines backup = { 0 };

	if (!file || is_unborn(machine) || !tree_is_dir(machine_tree(machine), person->user->home))
		return;
	cleanup(free) char *from = launch ? NULL : backup_with_keys(machine, file, &backup);
	bool is_there = tree_exists(machine_tree(machine), file);
	const char *state = is_there ? "holds no usable key" : "is missing";
	if (launch) {
		struct finding *f = finding_add(out, SEVERITY_BLOCKS_LOGIN, people_repair(people),
						"86", file, 0,
						"%s %s: %s cannot log in, nor can anybody else; "
						"the launch key is still in %s",
						machine_quote(machine, file, strlen(file)), state,
						user_of(machine, person), launch->path);
		cleanup(free) char *line =
			mem_printf("%s %s restored-by-ec2-rescue\n", launch->type, launch->blob);
		add_text(machine, person, file, line, &f->edits);
		sshd_finding_end(f);
	} else if (backup.count) {
		struct finding *f = finding_add(
			out, SEVERITY_BLOCKS_LOGIN,
			/* Renamed it was by mistake; emptied it may have been on purpose. */
			is_there ? REPAIR_OFFERED : people_repair(people), "86", file, 0,
			"%s %s: %s cannot log in, nor can anybody else; %s holds a key",
			machine_quote(machine, file, strlen(file)), state, user_of(machine, person),
			machine_quote(machine, from, strlen(from)));
		cleanup(str_done) struct str all = STR_INIT;
		lines_of(machine, from, 1, UINT32_MAX - 1, &all);
		add_text(machine, person, file, all.s, &f->edits);
		sshd_finding_end(f);
	} else {
		finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_NONE, "86,88", file, 0,
			"%s %s, and nobody else who could log in holds a key: a new public key has "
			"to be added",
			machine_quote(machine, file, strlen(file)), state);
	}
	key_lines_done(&backup);
}

/* The line without an option that is in the way. */
static void edit_without(const struct machine *machine, const struct key_line *key,
			 const char *option, struct edits *edits)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
	cleanup(free) char *left = key_options_without(key->options, option);
	const char *at;

	lines_of(machine, key->path, key->line, 1, &old);
	at = strstr(old.s, key->options);
	if (!at)
		return;
	const char *rest = at + strlen(key->options);
	rest += strspn(rest, left ? "" : " \t");
	str_add(&new, left ? left : "");
	str_add_bytes(&new, rest, (size_t)(old.s + old.len - rest));
	edit_line_bytes(edits, key->path, key->line, 1, &old, &new);
}

enum limit { LIMIT_COMMAND, LIMIT_FROM, LIMIT_EXPIRY };

/* Keys that are accepted, and then only run a command that ends; or only from certain places; or until
 * a day that is over. */
static void report_restricted(const struct machine *machine, const struct people *people,
			      struct findings *out)
{
	static const struct {
		const char *option, *begin, *end;
	} limits[] = { [LIMIT_COMMAND] = { "command", "this key only runs", " and then ends" },
		       [LIMIT_FROM] = { "from", "this key only opens the door for a client at",
					"" },
		       [LIMIT_EXPIRY] = { "expiry-time", "this key was good until", "" } };
	const struct person *person = people->primary;

	if (!person || people->somebody_gets_in || !person->user->uid || !person->keys.count ||
	    person->blame[GATE_SESSION])
		return;
	vec_foreach (key, &person->keys) {
		bool is_expired = key_is_expired(machine, key);

		for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
			cleanup(free) char *value = key_option(key->options, limits[i].option);
			bool is_sure =
				i == LIMIT_COMMAND && person->gates[GATE_SESSION] == GATE_FAIL;

			if (!value || (i == LIMIT_COMMAND && !is_sure) ||
			    is_expired != (i == LIMIT_EXPIRY))
				continue;
			struct finding *f = finding_add(
				out, i == LIMIT_FROM ? SEVERITY_NOTE : SEVERITY_BLOCKS_LOGIN,
				is_sure ? people_repair(people) : REPAIR_OFFERED, "86", key->path,
				key->line, "%s %s%s, and nobody has a key without such a limit",
				limits[i].begin, machine_quote(machine, value, strlen(value)),
				limits[i].end);
			edit_without(machine, key, limits[i].option, &f->edits);
			sshd_finding_end(f);
		}
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(sshd_conf_free) struct sshd_conf *conf = NULL;
	cleanup(people_done) struct people people = { 0 };

	if (sshd_conf_effective(machine, &conf, err) < 0)
		return -1;
	if (!tree_exists(machine_tree(machine), "/usr/sbin/sshd"))
		return 0;
	if (people_load(machine, conf, &people, err) < 0)
		return -1;
	const struct person *stopped = people_stopped(&people, GATE_KEYS);
	vec_foreach (person, &people.persons) {
		bool is_stopped = person == stopped;
		bool repaired = report_damages(machine, &people, person, is_stopped, out);
		if (is_stopped && !repaired)
			report_no_key(machine, &people, person, out);
	}
	report_restricted(machine, &people, out);
	return 0;
}

const struct check check_sshd_authorized_keys = {
	.name = "sshd-authorized-keys",
	.title = "authorized_keys is missing, or its keys are damaged",
	.explain = "A key is one line. Pasted from a window it may be broken over several, cut "
		   "off, wrapped in "
		   "quotes or preceded by a byte order mark; an unknown option in front loses it "
		   "too; sshd skips "
		   "such a line without a word. (CRLF line ends do no harm.) Where it is plain "
		   "what the line was, "
		   "the repair restores it; where the file is lost, the launch key is taken from "
		   "root's file, in "
		   "which cloud-init left it. When nobody holds a key any more, a new one has to "
		   "be given.",
	.source = "sshd(8) AUTHORIZED_KEYS FILE FORMAT; trials with a running sshd; cloud-init "
		  "disable_root",
	.rows = "86,88",
	.repair = REPAIR_SURE,
	.examine = examine,
};
