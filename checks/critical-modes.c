/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/critical_paths.h"
#include "checks/elf.h"

#define NAMED_MAX   3u	   /* paths that a message names */
#define VISITED_MAX 20000u /* entries that are looked at after an accident */
#define DEPTH_MAX   8u
#define ACCIDENT    3u /* as many of the table at once: chmod -R, and the rest is hit as well */

/* One finding with an edit for each path, as one `chmod -R` did it. */
struct hurt {
	VEC(char *) paths;
	struct edits edits;
	uint32_t first_mode;
	enum critical_weight weight; /* of the heaviest */
};

static void hurt_done(struct hurt *hurt)
{
	vec_foreach (path, &hurt->paths)
		free(*path);
	vec_done(&hurt->paths);
	edits_done(&hurt->edits);
}
DEFINE_CLEANUP_DONE(struct hurt, hurt_done)

static void hurt_add(struct hurt *hurt, const char *path, const struct tree_stat *st, uint32_t mode,
		     uint32_t uid, uint32_t gid)
{
	vec_foreach (known, &hurt->paths)
		if (str_eq(*known, path))
			return;
	if (!hurt->paths.count)
		hurt->first_mode = st->mode & 07777;
	vec_push(&hurt->paths, mem_strdup(path));
	edit_mode(&hurt->edits, path, st, mode, uid, gid);
}

/* "/etc (0600), /etc/passwd and 12 more" */
static void name_paths(const struct machine *machine, const struct hurt *hurt, struct str *into)
{
	for (size_t i = 0; i < hurt->paths.count && i < NAMED_MAX; i++)
		str_addf(
			into, "%s%s", i ? ", " : "",
			machine_quote(machine, hurt->paths.items[i], strlen(hurt->paths.items[i])));
	if (hurt->paths.count > NAMED_MAX)
		str_addf(into, " and %zu more", hurt->paths.count - NAMED_MAX);
}

static void report(const struct machine *machine, const struct hurt *hurt, enum severity severity,
		   enum repair_class repair, const char *what, struct findings *out)
{
	cleanup(str_done) struct str names = STR_INIT;
	struct finding *finding;

	if (!hurt->paths.count)
		return;
	name_paths(machine, hurt, &names);
	finding = finding_add(out, severity, repair, "39", hurt->paths.items[0], 0, "%s (%04o) %s",
			      names.s, hurt->first_mode, what);
	edits_add_all(&finding->edits, &hurt->edits);
}

/* --- what the same accident did beyond the table ------------------------------------------- */

struct walk {
	const struct machine *machine;
	struct hurt *dirs, *files, *programs;
	bool want_programs;
	bool all_public; /* nothing in this area is for root's eyes alone */
	size_t visited;
};

static bool is_program_dir(const char *dir)
{
	static const char *const parts[] = { "/bin",	     "/sbin",	 "/libexec",
					     "/lib/systemd", "/openssh", "/system-generators",
					     "/sudo" };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (str_ends(dir, parts[i]) || (i == 2 && strstr(dir, "/libexec/")))
			return true;
	return false;
}

static bool begins_as_program(const struct walk *walk, const char *path)
{
	cleanup(str_done) struct str head = STR_INIT;
	struct err ignored = ERR_INIT;

	return !tree_read_at(machine_tree(walk->machine), path, 0, 4, &head, &ignored) &&
	       (str_starts(head.s, "\177ELF") || str_starts(head.s, "#!"));
}

/* What in /etc is there for everybody to read; keys and passwords are elsewhere. */
static bool is_public(const struct walk *walk, const char *path)
{
	static const char *const dirs[] = { "/etc/systemd/",	   "/etc/dbus-1/",
					    "/etc/profile.d/",	   "/etc/ssl/certs/",
					    "/etc/pki/tls/certs/", "/etc/pki/ca-trust/extracted/",
					    "/etc/udev/rules.d/" };

	for (size_t i = 0; i < ARRAY_LEN(dirs) && !walk->all_public; i++)
		if (str_starts(path, dirs[i]))
			return !str_ends(path, ".netdev") && !strstr(path, "/credstore");
	return walk->all_public;
}

static void look_at_file(struct walk *walk, const char *dir, const char *path,
			 const struct tree_stat *st)
{
	if (walk->want_programs && !(st->mode & 0111) && is_program_dir(dir) &&
	    begins_as_program(walk, path))
		hurt_add(walk->programs, path, st, (st->mode & 07777) | 0755, st->uid, st->gid);
	else if (walk->files->paths.count && !(st->mode & 0077) && !st->uid &&
		 is_public(walk, path))
		hurt_add(walk->files, path, st, (st->mode & 07777) | 0644, st->uid, st->gid);
}

/* A directory that not even its owner may search is never meant so; nor is a program among programs
 * that nobody may execute. */
static void walk_dir(struct walk *walk, const char *dir, unsigned depth)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (depth > DEPTH_MAX || tree_list(machine_tree(walk->machine), dir, &names, &ignored) < 0)
		return;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		struct tree_stat st;

		if (walk->visited++ >= VISITED_MAX ||
		    tree_stat(machine_tree(walk->machine), path, TREE_NOFOLLOW, &st, &ignored) < 0)
			continue;
		if (S_ISREG(st.mode))
			look_at_file(walk, dir, path, &st);
		if (!S_ISDIR(st.mode))
			continue;
		if (!(st.mode & 0111) || (!(st.mode & 0077) && is_public(walk, path) && !st.uid))
			hurt_add(walk->dirs, path, &st, (st.mode & 07777) | 0755, st.uid, st.gid);
		walk_dir(walk, path, depth + 1);
	}
}

static void walk_area(const struct machine *machine, enum critical_area area, struct hurt *dirs,
		      struct hurt *files, struct hurt *programs)
{
	static const char *const tops[][8] = {
		[AREA_ETC] = { "/etc" },
		[AREA_USR] = { "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/usr/libexec",
			       "/usr/share" },
		[AREA_VAR] = { "/var" },
	};
	struct walk walk = { .machine = machine,
			     .dirs = dirs,
			     .files = files,
			     .programs = programs,
			     .want_programs = area == AREA_USR && programs->paths.count,
			     .all_public = area == AREA_USR && files->paths.count };
	struct err ignored = ERR_INIT;

	for (size_t i = 0; area != AREA_ROOT && i < 8 && tops[area][i]; i++) {
		cleanup(str_done) struct str real = STR_INIT;

		if (!tree_resolve(machine_tree(machine), tops[area][i], &real, &ignored) &&
		    str_eq(real.s, tops[area][i]))
			walk_dir(&walk, tops[area][i], 0);
	}
}

/* --- one area ------------------------------------------------------------------------------ */

/* What root alone may execute starts all the same. */
static enum critical_weight weight_of(const struct critical_state *state)
{
	if (state->row->weight == STOPS_BOOT && state->st.mode & 0111)
		return STOPS_LOGIN;
	return state->row->weight;
}

/* A directory of little weight that root keeps for itself: hardening, unless much else is so. */
static bool is_kept(const struct critical_state *state)
{
	return state->row->kind == CRITICAL_DIR && state->row->weight == WEIGHS_LITTLE &&
	       state->st.mode & 0100;
}

static size_t count_hurt(const struct critical_states *states, enum critical_area area)
{
	size_t count = 0;

	vec_foreach (state, states)
		count += state->row->area == area &&
			 state->faults & (FAULT_SEARCH | FAULT_READ | FAULT_EXEC);
	return count;
}

static void collect(const struct critical_states *states, enum critical_area area, unsigned faults,
		    struct hurt *ret)
{
	bool is_accident = count_hurt(states, area) >= ACCIDENT;

	vec_foreach (state, states) {
		unsigned here = state->faults & faults;

		if (state->row->area != area || !here ||
		    (here & FAULT_SEARCH && !is_accident && is_kept(state)))
			continue;
		if (weight_of(state) > ret->weight)
			ret->weight = weight_of(state);
		hurt_add(ret, state->real, &state->st, critical_mode(state, here),
			 here & FAULT_OWNER ? 0 : state->st.uid,
			 here & FAULT_OWNER && state->st.uid == state->st.gid ? 0 : state->st.gid);
	}
}

static const enum severity severity_of[] = { [WEIGHS_LITTLE] = SEVERITY_DELAYS,
					     [STOPS_LOGIN] = SEVERITY_BLOCKS_LOGIN,
					     [STOPS_BOOT] = SEVERITY_BLOCKS_BOOT };
static const char *const exec_text[] = {
	[WEIGHS_LITTLE] = "cannot be executed, and the system does without",
	[STOPS_LOGIN] = "cannot be executed by those who have to, and the way in leads through it",
	[STOPS_BOOT] = "cannot be executed, and the boot cannot go on without",
};

static void look_at_area(const struct machine *machine, const struct critical_states *states,
			 enum critical_area area, struct findings *out)
{
	cleanup(hurt_done) struct hurt search = { 0 }, read = { 0 }, exec = { 0 }, loose = { 0 };

	collect(states, area, FAULT_SEARCH, &search);
	collect(states, area, FAULT_READ, &read);
	collect(states, area, FAULT_EXEC, &exec);
	collect(states, area, FAULT_OWNER | FAULT_WRITE | FAULT_STICKY, &loose);
	if (search.paths.count + read.paths.count + exec.paths.count >= ACCIDENT)
		walk_area(machine, area, &search, &read, &exec);
	report(machine, &exec, severity_of[exec.weight], REPAIR_SURE, exec_text[exec.weight], out);
	report(machine, &search, area == AREA_VAR ? SEVERITY_DELAYS : severity_of[search.weight],
	       REPAIR_SURE,
	       search.weight == WEIGHS_LITTLE
		       ? "can be searched by root alone, and what runs as another user finds "
			 "nothing below"
		       : "can be searched by root alone; what runs as another user, a login shell "
			 "and D-Bus among them, finds nothing below",
	       out);
	report(machine, &read, area == AREA_USR ? SEVERITY_BLOCKS_LOGIN : SEVERITY_DELAYS,
	       REPAIR_SURE, "can be read by root alone; what runs as another user goes without",
	       out);
	report(machine, &loose, SEVERITY_NOTE, REPAIR_OFFERED,
	       "can be changed by others than root: this keeps nobody out, but whoever is in can "
	       "change the system",
	       out);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(critical_states_done) struct critical_states states = { 0 };

	(void)err;
	critical_paths_look(machine, &states);
	for (enum critical_area area = AREA_ROOT; area < AREA_COUNT; area++)
		look_at_area(machine, &states, area, out);
	return 0;
}

const struct check check_critical_modes = {
	.name = "critical-modes",
	.title = "chmod or chown went over what the system stands on",
	.explain =
		"A chmod -R or chown -R on /, /etc, /usr or /var takes the way in from everybody "
		"but root, or the execute bit from what the boot starts: the kernel finds no "
		"init, sshd's child cannot start the user's shell, D-Bus and the network's own "
		"users cannot read their files. About ninety paths that all distributions agree "
		"on are looked at; where several are hit, directories that nobody may search and "
		"programs that nobody may execute are sought through the whole area. The repair "
		"sets the missing bits and no other. Owners and write permissions that lock "
		"nobody out are only offered. dpkg-statoverride's word is kept.",
	.source = "path_resolution(7); execve(2) EACCES; file-hierarchy(7); dpkg-statoverride(1); "
		  "modes of the packages of Debian, Ubuntu, Amazon Linux, Fedora, SUSE",
	.rows = "39",
	.repair = REPAIR_SURE,
	.examine = examine,
};
