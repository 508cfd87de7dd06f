/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fstab checks over real fstabs and mutations of them, beside the real programs: no crash, no
 * line called malformed that findmnt --verify reads, no fault claimed on a file that a machine runs
 * with, and the same mounts required at boot as by systemd-fstab-generator. */
#include "base/file.h"
#include "base/proc.h"
#include "checks/check.h"
#include "checks/fstab_util.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define MUTATIONS 4
static const char generator[] = "/lib/systemd/system-generators/systemd-fstab-generator";

static unsigned tests_run, tests_failed;
static char work[32];

static void result(bool ok, const char *what, const char *name, const struct str *why)
{
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s: %s\n", ok ? "" : "not ", tests_run, name, what);
	if (!ok)
		printf("#   %s\n", why->s);
}

static void shell(const char *command)
{
	if (system(command) != 0) {
		printf("Bail out! %s\n", command);
		exit(1);
	}
}

/* A tree with this fstab and its mount points, as far as they are plain. */
static void make_tree(const struct str *text)
{
	cleanup(free) char *clear =
		mem_printf("rm -rf %s/tree && mkdir -p %s/tree/etc", work, work);
	cleanup(free) char *path = mem_printf("%s/tree/etc/fstab", work);
	cleanup(fstab_done) struct fstab fstab;
	struct err err = ERR_INIT;

	shell(clear);
	fstab_parse(text, &fstab);
	vec_foreach (entry, &fstab) {
		cleanup(free) char *target = fstab_target(entry);
		cleanup(free) char *dir = mem_printf("%s/tree%s", work, target);

		if (target[0] != '/' || strstr(target, "..") || strlen(target) > 200)
			continue;
		for (char *slash = strchr(dir + strlen(work) + 6, '/'); slash;
		     slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			mkdir(dir, 0755);
			*slash = '/';
		}
		mkdir(dir, 0755);
	}
	if (file_replace(path, text->s, text->len, 0644, &err) < 0)
		shell("false");
}

static void examine(const struct str *text, const struct disks *disks, struct findings *findings,
		    struct could_not_tells *unknown)
{
	cleanup(free) char *dir = mem_printf("%s/tree", work);
	cleanup(fd_close) int fd = -1;
	cleanup(tree_close) struct tree *tree = NULL;
	cleanup(machine_free) struct machine *machine = NULL;
	struct err err = ERR_INIT;

	make_tree(text);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || tree_open_dir_with_attrs(fd, "", &tree, &err) < 0)
		shell("false");
	machine = machine_new(&(struct machine_given){ .tree = tree, .disks = disks });
	for (size_t i = 0; i < check_count; i++)
		if (str_starts(checks[i]->name, "fstab-"))
			check_run(checks[i], machine, findings, unknown);
}

/* Which lines does findmnt itself refuse? "findmnt: FILE: parse error at line 3 -- ignored" */
static void ask_findmnt(const char *path, struct str *into)
{
	const char *argv[] = { "findmnt", "--verify", "--tab-file", path, NULL };
	const struct proc_run run = { .argv = argv,
				      .deadline_s = 30,
				      .max_output_bytes = 1u << 20 };
	cleanup(proc_result_done) struct proc_result got = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	if (!proc_run(&run, &got, &err))
		str_add_bytes(into, got.errout.s, got.errout.len);
}

static bool findmnt_refuses(const struct str *said, uint32_t line)
{
	cleanup(free) char *text = mem_printf("parse error at line %u --", line);

	return strstr(said->s, text) != NULL;
}

/* origin of a corpus file, from the manifest: kind, file, repo, path, commit, sha256, licence,
 * origin, note. */
static bool is_of_a_machine(const struct str *manifest, const char *name)
{
	cleanup(free) char *key = mem_printf("\tfstab/%s\t", name);
	const char *row = strstr(manifest->s, key);
	cleanup(free) char *line = row ? mem_strndup(row, strcspn(row, "\n")) : mem_strdup("");

	return strstr(line, "\tmachine\t") || strstr(line, "\timage\t") ||
	       strstr(line, "\tupstream\t");
}

static void judge_claims(const struct str *text, const char *path, const char *name, bool is_real)
{
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str said = STR_INIT, why = STR_INIT;
	struct could_not_tells unknown = { 0 };

	examine(text, NULL, &findings, &unknown);
	ask_findmnt(path, &said);
	vec_foreach (f, &findings) {
		bool is_malformed = str_eq(f->check->name, "fstab-malformed") && f->line;

		if ((is_malformed && !findmnt_refuses(&said, f->line)) ||
		    (is_real && f->severity > SEVERITY_NOTE))
			str_addf(&why, "%s line %u: %s; ", f->check->name, f->line, f->message);
	}
	vec_foreach (u, &unknown)
		str_addf(&why, "could not tell: %s; ", u->err.text);
	vec_done(&unknown);
	result(!why.len, "no fault that the real programs do not see", name, &why);
}

/* "mnt-data\x2d1.mount" -> "/mnt/data-1" */
static char *path_of_unit(const char *unit)
{
	char *path = mem_printf("/%s", str_starts(unit, "-.") ? "" : unit), *to = path + 1;
	unsigned value;

	if (!path[1])
		return path;
	*strrchr(path, '.') = '\0';
	for (const char *p = path + 1; *p; p++) {
		if (*p == '-') {
			*to++ = '/';
		} else if (*p == '\\' && sscanf(p + 1, "x%2x", &value) == 1) {
			*to++ = (char)value;
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return path;
}

/* The mounts that the generator makes a target require, one a line, sorted as they are listed. */
static bool is_required(const char *target, const char *path)
{
	cleanup(free) char *dir = mem_printf("%s/units/%s.requires", work, target);
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);
	bool found = false;

	for (int i = 0; i < n; i++) {
		if (str_ends(list[i]->d_name, ".mount")) {
			cleanup(free) char *have = path_of_unit(list[i]->d_name);

			found |= str_eq(have, path);
		}
		free(list[i]);
	}
	free(list);
	return found;
}

/* Symbolic links and the working directory of this machine would come in. */
static bool is_comparable(const struct fstab *fstab, const struct fstab_entry *entry,
			  const char *target)
{
	struct stat st;

	if (target[0] != '/' || fstab_is_swap(entry) || strlen(target) > 150 ||
	    strstr(target, "..") ||
	    target[strspn(target, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "/._-")] ||
	    (!lstat(target, &st) && S_ISLNK(st.st_mode)) || str_starts(target, "/var/run") ||
	    str_starts(target, "/var/lock") || strchr(entry->field[FSTAB_OPTS], '"') ||
	    strchr(entry->field[FSTAB_OPTS], '\\'))
		return false;
	for (const struct fstab_entry *e = fstab->items; e < entry; e++) {
		cleanup(free) char *other = fstab_target(e);

		if (str_eq(other, target))
			return false; /* the first of two counts */
	}
	return true;
}

static bool agrees_with_generator(const struct str *text, struct str *why)
{
	cleanup(free) char *path = mem_printf("%s/fstab", work),
			   *units = mem_printf("%s/units", work);
	cleanup(free) char *clear = mem_printf("rm -rf %s && mkdir %s", units, units);
	cleanup(free) char *variable = mem_printf("SYSTEMD_FSTAB=%s", path);
	const char *argv[] = { generator, units, units, units, NULL };
	const char *env[] = { variable, "SYSTEMD_LOG_TARGET=null", NULL };
	const struct proc_run run = { .argv = argv, .env = env, .deadline_s = 30 };
	cleanup(proc_result_done) struct proc_result got = PROC_RESULT_INIT;
	cleanup(fstab_done) struct fstab fstab;
	struct err err = ERR_INIT;

	shell(clear);
	if (file_replace(path, text->s, text->len, 0644, &err) < 0 ||
	    proc_run(&run, &got, &err) < 0)
		shell("false");
	fstab_parse(text, &fstab);
	vec_foreach (entry, &fstab) {
		cleanup(free) char *target = fstab_target(entry);
		enum fstab_pull pull = fstab_pull(entry);

		if (pull == PULL_ROOT || !is_comparable(&fstab, entry, target))
			continue;
		if (is_required("local-fs.target", target) != (pull == PULL_LOCAL) ||
		    is_required("remote-fs.target", target) != (pull == PULL_REMOTE))
			str_addf(why, "line %u: %s: pull %d; ", entry->line, target, (int)pull);
	}
	return !why->len;
}

/* Slips that change what a line means to systemd. */
static void mutate(const struct str *text, unsigned seed, struct str *into)
{
	static const char *const options[] = { "nofail",
					       "noauto",
					       "_netdev",
					       "noauto,auto",
					       "x-systemd.automount",
					       "nofail,fail",
					       "x-systemd.wanted-by=a.target",
					       "defaults,",
					       "comment=systemd.automount" };
	cleanup(fstab_done) struct fstab fstab;
	unsigned number = 0;

	str_clear(into);
	fstab_parse(text, &fstab);
	vec_foreach (entry, &fstab) {
		unsigned pick = (seed * 7 + number++ * 5) % (ARRAY_LEN(options) + 3);

		if (pick < ARRAY_LEN(options) && entry->span[FSTAB_TYPE].len)
			fstab_line_add_options(entry, options[pick], into);
		else if (pick == ARRAY_LEN(options) && entry->span[FSTAB_TYPE].len)
			fstab_line_set(entry, FSTAB_TYPE, seed % 2 ? "nfs4" : "fuse.sshfs", into);
		else
			str_add_bytes(into, entry->raw, entry->raw_len);
		if (into->len && into->s[into->len - 1] != '\n')
			str_add_char(into, '\n');
	}
}

static void judge_file(const char *dir, const char *name, const struct str *manifest)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);
	cleanup(str_done) struct str text = STR_INIT, mutant = STR_INIT, why = STR_INIT;
	struct err err = ERR_INIT;
	bool ok;

	if (file_read(path, 1u << 20, &text, &err) < 0)
		shell("false");
	judge_claims(&text, path, name, is_of_a_machine(manifest, name));
	if (access(generator, X_OK) != 0)
		return;
	ok = agrees_with_generator(&text, &why);
	for (unsigned i = 1; ok && i <= MUTATIONS; i++) {
		mutate(&text, i, &mutant);
		ok = agrees_with_generator(&mutant, &why);
	}
	result(ok, "requires what systemd-fstab-generator requires", name, &why);
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *dir = mem_printf("%s/fstab", corpus);
	cleanup(free) char *list_path = mem_printf("%s/MANIFEST.tsv", corpus);
	cleanup(str_done) struct str manifest = STR_INIT;
	struct err err = ERR_INIT;
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);
	char *clear;

	if (n < 0 || file_read(list_path, 16u << 20, &manifest, &err) < 0 ||
	    !proc_have("findmnt")) {
		printf("1..1\nok 1 - checks over real fstabs # SKIP %s\n",
		       n < 0 ? "no corpus beside the checkout" : "no manifest or no findmnt");
		return 0;
	}
	strcpy(work, "/tmp/corpus-XXXXXX");
	if (!mkdtemp(work))
		shell("false");
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			judge_file(dir, list[i]->d_name, &manifest);
		free(list[i]);
	}
	free(list);
	clear = mem_printf("rm -rf %s", work);
	shell(clear);
	free(clear);
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
