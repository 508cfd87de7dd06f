/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

/* StrictModes, and what the user's own process may read: sshd opens the key file with the user's
 * rights. Source: sshd_config(5) StrictModes; OpenSSH's safe_path(): the file and every directory
 * up to the home (to / for a file outside) must be root's or the user's, and writable by nobody
 * else. Debian and its children also accept a group that holds the user alone. */

#define DEPTH_MAX 64

/* Does the group hold nobody but the person? */

static bool group_is_private(const struct machine *machine, const struct machine_user *user,
			     uint32_t gid)
{
	struct err err = ERR_INIT;
	const struct machine_users *users = machine_users(machine);
	const char *groups = machine_text(machine, "/etc/group", &err);
	bool found = user->gid == gid;

	vec_foreach (other, users)
		if (other->gid == gid && !str_eq(other->name, user->name))
			return false;
	for (const char *p = groups; p && *p;) {
		size_t len = strcspn(p, "\n"), count = 0;
		cleanup(free) char *line = mem_strndup(p, len);
		char *field[4] = { 0 }, *rest = line;
		while (count < 4 && (field[count] = strsep(&rest, ":")))
			count++;
		p += len + (p[len] == '\n');
		if (count < 4 || strtoul(field[2], NULL, 10) != gid)
			continue;
		for (char *m; (m = strsep(&field[3], ","));) {
			if (!*m)
				continue;
			if (!str_eq(m, user->name))
				return false;
			found = true;
		}
	}
	return found;
}

static bool access_allowed(const struct tree_stat *st, const struct person *person, uint32_t want)
{
	if (!person->user->uid)
		return true;
	if (st->uid == person->user->uid)
		return (st->mode >> 6 & want) == want;
	if (st->gid == person->user->gid)
		return (st->mode >> 3 & want) == want;
	vec_foreach (gid, &person->gids)
		if (*gid == st->gid)
			return (st->mode >> 3 & want) == want;
	return (st->mode & want) == want;
}

struct look {
	const struct machine *machine;
	const struct person *person;
	struct mode_faults *faults;
	const char *home; /* resolved */
	bool is_strict;
};

static void add_fault(const struct look *look, const char *path, const struct tree_stat *st,
		      const struct mode_fault *wanted)
{
	struct mode_fault *f = vec_add(look->faults);

	*f = *wanted;
	f->path = mem_strdup(path);
	f->now = *st;
}

/* One component. `strict`: StrictModes looks at it. */
static void look_at(const struct look *look, const char *path, bool strict)
{
	const struct machine_user *user = look->person->user;
	struct err err = ERR_INIT;
	struct tree_stat st;

	if (tree_stat(machine_tree(look->machine), path, TREE_FOLLOW, &st, &err) < 0)
		return;
	bool is_dir = S_ISDIR(st.mode);
	uint32_t want = is_dir ? 1 : 4;
	struct mode_fault f = { .mode = st.mode & 07777, .uid = st.uid, .gid = st.gid };
	bool lenient = machine_os_is_like(look->machine, "debian");

	if (strict && st.uid && st.uid != user->uid) {
		f.uid = user->uid;
		f.gid = user->gid;
		f.why = "belongs to somebody else";
	}
	if (strict && (st.mode & 022) &&
	    ((st.mode & 002) || !lenient || !group_is_private(look->machine, user, st.gid))) {
		f.mode &= ~022u;
		f.why = f.why ? f.why : "can be written by others";
	}
	struct tree_stat after = st;
	after.uid = f.uid;
	after.gid = f.gid;
	after.mode = f.mode;
	if (!access_allowed(&after, look->person, want)) {
		bool in_home = str_starts(path, look->home) && *look->home;
		f.why = f.why	 ? f.why
			: is_dir ? "cannot be entered by the user"
				 : "cannot be read by the user";
		if (in_home && st.uid != user->uid) {
			f.uid = user->uid;
			f.gid = user->gid;
		}
		f.mode |= f.uid == user->uid ? (is_dir ? 0700 : 0600) : is_dir ? 0555 : 0444;
	}
	if (f.why)
		add_fault(look, path, &st, &f);
}

/* Is the path inside dir, or dir itself? */
static bool is_inside(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return len > 1 && !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

void mode_faults_find(const struct sshd_conf *conf, const struct machine *machine,
		      const struct person *person, const char *key_file, struct mode_faults *ret)
{
	struct err err = ERR_INIT;
	cleanup(str_done) struct str real = STR_INIT, home = STR_INIT;
	struct tree *tree = machine_tree(machine);

	if (tree_resolve(tree, key_file, &real, &err) < 0 || !tree_exists(tree, real.s))
		return;
	if (tree_resolve(tree, person->user->home, &home, &err) < 0)
		str_clear(&home);
	struct look look = { machine, person, ret, home.s,
			     sshd_conf_flag(conf, "strictmodes", true) };
	bool home_holds_it = is_inside(real.s, home.s);
	unsigned depth = 0;

	look_at(&look, "/", look.is_strict && !home_holds_it);
	for (char *slash = real.s; slash && depth++ < DEPTH_MAX;) {
		slash = strchr(slash + 1, '/');
		cleanup(free) char *part =
			slash ? mem_strndup(real.s, (size_t)(slash - real.s)) : mem_strdup(real.s);
		bool strict = !home_holds_it || is_inside(part, home.s);
		look_at(&look, part, look.is_strict && strict);
	}
}

void mode_faults_done(struct mode_faults *faults)
{
	vec_foreach (f, faults)
		free(f->path);
	vec_done(faults);
}

/* One file of keys that can be read is enough. */
void gate_modes(const struct sshd_conf *conf, const struct machine *machine, struct person *person)
{
	bool any = false;

	vec_foreach (file, &person->key_files) {
		bool has_key = false;
		vec_foreach (key, &person->keys)
			has_key |= str_eq(key->path, *file);
		if (!has_key)
			continue;
		cleanup(mode_faults_done) struct mode_faults faults = { 0 };
		mode_faults_find(conf, machine, person, *file, &faults);
		if (!faults.count)
			return;
		any = true;
	}
	if (any)
		person->gates[GATE_MODES] = GATE_FAIL;
}
