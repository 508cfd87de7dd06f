/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/packages.h"
#include "checks/sudoers.h"

#include <ctype.h>
#include <stdio.h>

/* Which sudo is on the volume, and the files of sudoers that it reads. */

#define FILES_MAX    500u
#define DEPTH_MAX    128u
#define INCLUDES_MAX 5000u

const char *sudo_program(const struct machine *machine)
{
	static const char *const paths[] = { "/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		if (tree_exists(machine_tree(machine), paths[i]))
			return paths[i];
	return NULL;
}

/* "1.9.13p3" at the place, with nothing that could be part of a longer number behind; 0: no. */
static uint32_t version_parse(const char *s, bool is_whole)
{
	unsigned minor, patch;
	int used = 0;

	/* NOLINTNEXTLINE(cert-err34-c): two digits are no overflow */
	if (sscanf(s, "1.%2u.%2u%n", &minor, &patch, &used) != 2 || minor < 6)
		return 0;
	s += used;
	if (*s == 'p' || *s == 'b')
		s += 1 + strspn(s + 1, "0123456789");
	return is_whole && *s ? 0 : 10000 + minor * 100 + patch;
}

/* A program holds its version as a string of its own. */
static uint32_t version_in(const struct machine *machine, const char *path)
{
	struct err err = ERR_INIT;
	const struct str *bytes = path ? machine_file(machine, path, &err) : NULL;
	const char *p = bytes ? bytes->s : NULL, *end = bytes ? bytes->s + bytes->len : NULL;

	while (p && (p = memmem(p, (size_t)(end - p), "\0001.", 3))) {
		uint32_t version = version_parse(++p, true);
		if (version)
			return version;
	}
	return 0;
}

static uint32_t version_from_dpkg(const struct machine *machine)
{
	const struct package *package = package_find(machine, "sudo");

	return package && package->version ? version_parse(package->version, false) : 0;
}

/* RPM packages of old leave /usr/share/doc/sudo-1.8.23, newer ones the NEWS. */
static uint32_t version_from_doc(const struct machine *machine)
{
	const struct tree_names *names = machine_list(machine, "/usr/share/doc");
	struct err err = ERR_INIT;
	const struct str *news = machine_file(machine, "/usr/share/doc/sudo/NEWS", &err);
	uint32_t version = 0;

	for (size_t i = 0; names && i < names->count && !version; i++)
		if (str_starts(names->items[i], "sudo-1."))
			version = version_parse(names->items[i] + strlen("sudo-"), false);
	if (!version && news && str_starts(news->s, "What's new in Sudo "))
		version = version_parse(news->s + strlen("What's new in Sudo "), false);
	return version;
}

/* What nothing on the volume says, the release does: these never had 1.9.3. */
static uint32_t version_from_release(const struct machine *machine)
{
	const struct machine_os *os = machine_os(machine);
	long major = strtol(os->version_id, NULL, 10);

	if ((str_eq(os->id, "amzn") && (major == 2 || major > 2017)) && major < 2023)
		return 10823;
	if (str_eq(os->id, "ubuntu") && major && major <= 20)
		return 10831;
	if (str_eq(os->id, "debian") && major && major <= 10)
		return 10827;
	if (machine_os_is_like(machine, "rhel") && !str_eq(os->id, "amzn") && major && major <= 7)
		return 10823;
	return 0;
}

uint32_t sudo_version(const struct machine *machine)
{
	static const char *const plugins[] = { "/usr/lib/sudo/sudoers.so",
					       "/usr/libexec/sudo/sudoers.so",
					       "/usr/lib64/sudo/sudoers.so" };
	uint32_t version = version_in(machine, sudo_program(machine));

	for (size_t i = 0; i < ARRAY_LEN(plugins) && !version; i++)
		version = version_in(machine, plugins[i]);
	if (!version)
		version = version_from_dpkg(machine);
	if (!version)
		version = version_from_doc(machine);
	return version ? version : version_from_release(machine);
}

bool sudo_recovers(const struct machine *machine)
{
	uint32_t version = sudo_version(machine);
	struct err err = ERR_INIT;
	const struct str *conf = machine_file(machine, "/etc/sudo.conf", &err);
	const char *p = conf ? strstr(conf->s, "error_recovery=false") : NULL;

	if (version && version < SUDO_RECOVERS)
		return false;
	for (const char *q = p; q && q > conf->s && q[-1] != '\n'; q--)
		if (q[-1] == '#')
			p = NULL;
	return !p;
}

const char *sudoers_path(const struct machine *machine)
{
	static const char own[] = "/etc/sudoers", vendor[] = "/usr/etc/sudoers";
	struct tree *tree = machine_tree(machine);

	return !tree_exists(tree, own) && tree_exists(tree, vendor) ? vendor : own;
}

bool sudoers_mode_is_refused(const struct tree_stat *st)
{
	return !S_ISREG(st->mode) || st->uid || st->mode & S_IWOTH ||
	       (st->mode & S_IWGRP && st->gid);
}

struct loader {
	const struct machine *machine;
	struct sudoers *into;
	uint32_t version;
	unsigned depth, includes;
	const char *open[DEPTH_MAX + 1]; /* being read, each included by the one before */
	const char *wrong; /* with what the include names that is followed; NULL: nothing */
};

/* What has been read so far. */
static size_t entries(const struct sudoers *sudoers)
{
	return sudoers->rules.count + sudoers->aliases.count + sudoers->defaults.count;
}

static void on_include(void *arg, const char *from, const char *name, bool is_dir, uint32_t line);

/* False: there is no such file. */
static bool load(struct loader *loader, const char *path, bool is_from_directory)
{
	struct sudoers_reader reader = { .into = loader->into,
					 .version = loader->version,
					 .include = on_include,
					 .arg = loader };
	struct sudoers_file *file;
	struct err err = ERR_INIT;
	const struct str *text;
	struct tree_stat st;

	for (unsigned i = 0; i < loader->depth; i++)
		if (str_eq(loader->open[i], path)) {
			loader->wrong = "it leads back to the file that includes it";
			return true;
		}
	if (loader->into->files.count >= FILES_MAX) {
		loader->into->is_incomplete = true;
		return true;
	}
	if (tree_stat(machine_tree(loader->machine), path, TREE_FOLLOW, &st, &err) < 0) {
		loader->into->is_incomplete |= err.code != ERR_NOTFOUND;
		return err.code != ERR_NOTFOUND;
	}
	file = mem_alloc(sizeof(*file));
	file->path = mem_strdup(path);
	file->is_from_directory = is_from_directory;
	file->is_refused = sudoers_mode_is_refused(&st);
	vec_push(&loader->into->files, file);
	if (file->is_refused)
		return true;
	text = machine_file(loader->machine, path, &err);
	if (!text) {
		loader->into->is_incomplete = true;
		return true;
	}
	reader.path = file->path;
	loader->open[loader->depth] = file->path;
	sudoers_read_text(&reader, text);
	return true;
}

static void load_directory(struct loader *loader, const char *dir)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err = ERR_INIT;
	struct tree_stat st;

	vec_push(&loader->into->directories, mem_strdup(dir));
	/* One that others may write is passed over. */
	if (tree_stat(machine_tree(loader->machine), dir, TREE_FOLLOW, &st, &err) < 0 || st.uid ||
	    st.mode & S_IWOTH || (st.mode & S_IWGRP && st.gid))
		return;
	if (tree_list(machine_tree(loader->machine), dir, &names, &err) < 0) {
		loader->into->is_incomplete |= err.code != ERR_NOTFOUND;
		return;
	}
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		if (strchr(*name, '.') || str_ends(*name, "~"))
			continue;
		if (!tree_stat(machine_tree(loader->machine), path, TREE_FOLLOW, &st, &err) &&
		    S_ISREG(st.mode))
			load(loader, path, true);
	}
}

static void on_include(void *arg, const char *from, const char *name, bool is_dir, uint32_t line)
{
	struct loader *loader = arg;
	cleanup(free) char *path =
		*name == '/' ? mem_strdup(name)
			     : mem_printf("%.*s/%s", (int)(strrchr(from, '/') - from), from, name);

	/* %h is the host's name, which is not known here. */
	if (strstr(path, "%h") || loader->depth >= DEPTH_MAX || ++loader->includes > INCLUDES_MAX) {
		loader->into->is_incomplete = true;
		return;
	}
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	struct sudoers_problem problem = { .path = from, .line = line, .first = line, .count = 1 };
	const char *outer = loader->wrong;
	size_t problems = loader->into->problems.count, before = entries(loader->into);
	loader->depth++;
	loader->wrong = NULL;
	if (is_dir)
		load_directory(loader, path);
	else
		problem.is_missing_include = !load(loader, path, false);
	/* Somebody else's files, say those of the accounts: not what stands in them is at fault. */
	if (!loader->wrong && loader->into->problems.count > problems &&
	    entries(loader->into) == before && !strstr(path, "/sudoers"))
		loader->wrong = "nothing in what it names is a rule of sudo";
	if (loader->wrong)
		loader->into->problems.count = problems;
	problem.what =
		problem.is_missing_include ? "the file that it names is not there" : loader->wrong;
	if (problem.what)
		vec_push(&loader->into->problems, problem);
	loader->wrong = outer;
	loader->depth--;
}

static void free_kept(void *value)
{
	sudoers_done(value);
	free(value);
}

const struct sudoers *sudoers_model(const struct machine *machine)
{
	static const char key;
	struct sudoers *sudoers = machine_kept(machine, &key);
	struct loader loader = { .machine = machine };

	if (sudoers)
		return sudoers;
	sudoers = mem_alloc(sizeof(*sudoers));
	sudoers_init(sudoers);
	machine_keep(machine, &key, sudoers, free_kept);
	loader.into = sudoers;
	loader.version = sudo_version(machine);
	if (!load(&loader, sudoers_path(machine), false) ||
	    (sudoers->files.count && sudoers->files.items[0]->is_refused))
		sudoers->is_refused = true;
	return sudoers;
}

bool sudoers_is_garbage(const struct sudoers *sudoers)
{
	const char *main_path = sudoers->files.count ? sudoers->files.items[0]->path : NULL;
	bool has_problem = false;

	if (!main_path || sudoers->directories.count || sudoers->aliases.count)
		return false;
	vec_foreach (rule, &sudoers->rules)
		if (rule->path == main_path)
			return false;
	vec_foreach (d, &sudoers->defaults)
		if (d->path == main_path)
			return false;
	vec_foreach (problem, &sudoers->problems)
		has_problem |= problem->path == main_path;
	return has_problem;
}
