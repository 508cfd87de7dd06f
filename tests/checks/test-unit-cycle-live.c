/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Circles of units: our verdict against systemd's own, over small systems drawn at random (always the
 * same ones) and over the cases of unit-cycle. `systemd-analyze verify --root` loads the units and
 * builds the boot's transaction as the manager would. */
#include "base/proc.h"
#include "tests/checks/scratch.h"

#define SYSTEMS	 60
#define SERVICES 6

static unsigned tests_run, tests_failed;
static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static bool ours(struct tree *tree)
{
	const struct machine_given given = { .tree = tree };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };

	check_run(check_find("unit-cycle"), machine, &findings, &unknown);
	vec_done(&unknown);
	return findings.count > 0;
}

/* -1: it cannot be asked. */
static int theirs(const char *dir)
{
	cleanup(free) char *root = mem_printf("--root=%s", dir);
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *argv[] = { "systemd-analyze", "verify", root, "default.target", NULL };
	const struct proc_run run = { .argv = argv, .deadline_s = 60 };
	struct err err = ERR_INIT;

	if (proc_run(&run, &result, &err) < 0 || strstr(result.errout.s, "unrecognized option"))
		return -1;
	return strstr(result.errout.s, "ordering cycle") != NULL;
}

static void compare(const char *name, struct tree *tree, const char *dir)
{
	bool we = ours(tree);
	int they = theirs(dir);

	tests_run++;
	if (they < 0) {
		printf("ok %u - %s # SKIP systemd-analyze cannot say\n", tests_run, name);
		return;
	}
	tests_failed += we != they;
	printf("%sok %u - %s: systemd finds %s circle, we %s\n", we == they ? "" : "not ",
	       tests_run, name, they ? "a" : "no", we ? "one" : "none");
}

static void make_targets(struct scratch *s)
{
	static const struct {
		const char *name, *text;
	} targets[] = {
		{ "multi-user.target", "[Unit]\nRequires=basic.target\nAfter=basic.target\n" },
		{ "basic.target", "[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\n" },
		{ "sysinit.target", "[Unit]\nWants=local-fs.target\nAfter=local-fs.target\n" },
		{ "local-fs.target", "[Unit]\nDefaultDependencies=no\n" },
		{ "network.target", "[Unit]\nAfter=network-pre.target\n" },
		{ "network-pre.target", "[Unit]\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		cleanup(free) char *path =
			mem_printf("/usr/lib/systemd/system/%s", targets[i].name);

		scratch_text(s, path, targets[i].text);
	}
	scratch_text(s, "/etc/systemd/system/default.target",
		     "[Unit]\nRequires=multi-user.target\nAfter=multi-user.target\n"
		     "Wants=network.target network-pre.target\n");
}

static void make_service(struct scratch *s, unsigned number, unsigned links)
{
	static const char *const targets[] = { "sysinit.target", "local-fs.target",
					       "network.target", "network-pre.target" };
	cleanup(free) char *path = mem_printf("/etc/systemd/system/s%u.service", number);
	cleanup(free) char *link = mem_printf(
		"%s/etc/systemd/system/multi-user.target.wants/s%u.service", s->dir, number);
	cleanup(str_done) struct str text = STR_INIT;

	str_add(&text, "[Unit]\n");
	if (!draw(3))
		str_add(&text, "DefaultDependencies=no\n");
	for (unsigned i = 0; i < links; i++)
		str_addf(&text, "%s=s%u.service\n", draw(2) ? "After" : "Before", draw(SERVICES));
	if (!draw(4))
		str_addf(&text, "%s=%s\n", draw(2) ? "After" : "Before",
			 targets[draw(ARRAY_LEN(targets))]);
	str_add(&text, "[Service]\nType=oneshot\nExecStart=/bin/true\n");
	scratch_text(s, path, text.s);
	scratch_text(s, "/etc/systemd/system/multi-user.target.wants/x", "");
	scratch_text(s, "/bin/true", "");
	if (symlink(path, link) < 0)
		printf("# %s: not linked\n", link);
}

static void drawn(void)
{
	for (unsigned i = 0; i < SYSTEMS; i++) {
		cleanup(free) char *name = mem_printf("drawn system %u", i);
		unsigned links = i % 3;
		struct scratch s;

		scratch_open(&s);
		make_targets(&s);
		for (unsigned k = 0; k < SERVICES; k++)
			make_service(&s, k, links);
		compare(name, s.tree, s.dir);
		scratch_close(&s);
	}
}

static void cases(void)
{
	static const char folder[] = "tests/checks/unit-cycle";
	struct dirent **list = NULL;
	int n = scandir(folder, &list, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		cleanup(free) char *dir = mem_printf("%s/%s/tree", folder, list[i]->d_name);
		cleanup(fd_close) int fd = -1;
		cleanup(tree_close) struct tree *tree = NULL;
		struct err err = ERR_INIT;

		if (list[i]->d_name[0] != '.' &&
		    (fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 &&
		    !tree_open_dir(fd, &tree, &err))
			compare(dir, tree, dir);
		free(list[i]);
	}
	free(list);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!proc_have("systemd-analyze")) {
		printf("ok 1 - circles of units # SKIP systemd-analyze is not here\n1..1\n");
		return 0;
	}
	cases();
	drawn();
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
