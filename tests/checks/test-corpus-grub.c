/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks of the boot chain over real menus and entries, with the files that they name made: silent.
 * Then the default's kernel is taken away: found, and GRUB's own grub-script-check takes what the repair
 * makes. The same with lines of the menu taken out at random: whatever is left leads to an end. */
#include "base/proc.h"
#include "checks/boot_choice.h"
#include "tests/checks/scratch.h"

#define MUTATIONS 60u

static unsigned tests_run, tests_failed;
static bool has_oracle;

static void result(bool ok, const char *what, const char *name, const char *why)
{
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s: %s\n", ok ? "" : "not ", tests_run, name, what);
	if (!ok && why && *why)
		printf("# %s\n", why);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

static bool is_ours(const char *name)
{
	static const char *const starts[] = { "boot-",	 "grub",  "initramfs", "kernel-",
					      "module-", "nvme-", "esp-" };

	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (str_starts(name, starts[i]))
			return true;
	return false;
}

static void examine(struct scratch *s, struct findings *findings, struct str *why)
{
	const struct machine_given given = { .tree = s->tree };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	struct could_not_tells unknown = { 0 };

	for (size_t i = 0; i < check_count; i++)
		if (is_ours(checks[i]->name))
			check_run(checks[i], machine, findings, &unknown);
	vec_foreach (f, findings)
		str_addf(why, "%s line %u: %s; ", f->check->name, f->line, f->message);
	vec_foreach (u, &unknown)
		str_addf(why, "could not tell: %s; ", u->err.text);
	vec_done(&unknown);
}

/* Every kernel and initramfs that the menu names, and modules of each version. */
static void make_files(struct scratch *s)
{
	const struct machine_given given = { .tree = s->tree };
	cleanup(machine_free) struct machine *machine = machine_new(&given);
	const struct boot *boot = boot_model(machine);

	cleanup(str_done) struct str cpio = STR_INIT;

	str_addf(&cpio, "070701%088d%08X%08dTRAILER!!!", 0, 11, 0);
	while (cpio.len < 512)
		str_add_char(&cpio, '\0');
	scratch_text(s, "/boot/config-0", "x");
	vec_foreach (entry, &boot->entries) {
		cleanup(free) char *dep =
			mem_printf("/usr/lib/modules/%s/modules.dep", entry->version);

		if (entry->kernel.path && !strstr(entry->kernel.path, ".."))
			scratch_text(s, entry->kernel.path, "MZ");
		vec_foreach (file, &entry->initrds)
			if (!strstr(file->path, ".."))
				scratch_write(s, file->path, cpio.s, cpio.len);
		if (entry->version[0] && !strchr(entry->version, '/'))
			scratch_text(s, dep, "x:");
	}
}

static bool oracle_takes(struct scratch *s, const char *path)
{
	cleanup(free) char *full = mem_printf("%s%s", s->dir, path);
	const char *argv[] = { "grub-script-check", full, NULL };
	const struct proc_run run = { .argv = argv,
				      .deadline_s = 30,
				      .max_output_bytes = 1u << 16 };
	cleanup(proc_result_done) struct proc_result got = PROC_RESULT_INIT;
	struct err err = ERR_INIT;

	return !has_oracle || (!proc_run(&run, &got, &err) && got.status == 0);
}

/* Applies all repairs; true when there was one. */
static bool repair(struct scratch *s, const struct findings *findings, struct str *why)
{
	cleanup(edits_done) struct edits edits = { 0 };
	cleanup(patch_done) struct patch patch = { 0 };
	struct err err = ERR_INIT;

	vec_foreach (f, findings)
		edits_add_all(&edits, &f->edits);
	if (!edits.count)
		return false;
	if (patch_make(s->tree, &edits, &patch, &err) < 0 || patch_apply(s->tree, &patch, &err) < 0)
		str_addf(why, "repair: %s", err.text);
	return true;
}

/* The default entry's kernel is gone: found, and the repair is a script of GRUB's. */
static void break_it(struct scratch *s, const char *name, const char *path, bool is_script)
{
	const struct machine_given given = { .tree = s->tree };
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str why = STR_INIT, ignored = STR_INIT;
	cleanup(free) char *kernel = NULL;
	bool is_repaired;

	{
		cleanup(machine_free) struct machine *machine = machine_new(&given);
		const struct boot_entry *entry = boot_default(boot_model(machine));

		if (entry && entry->kernel.exists)
			kernel = mem_printf("%s%s", s->dir, entry->kernel.path);
	}
	if (!kernel)
		return;
	unlink(kernel);
	examine(s, &findings, &ignored);
	result(findings.count > 0, "a kernel that is gone is found", name, NULL);
	is_repaired = repair(s, &findings, &why);
	result(!why.len && (!is_script || oracle_takes(s, path)),
	       is_repaired ? "the repair is taken by GRUB" : "there is no repair, and no harm",
	       name, why.s);
}

static void judge_file(const char *name, const struct str *text, const char *path, bool is_script)
{
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str why = STR_INIT;
	struct scratch s;

	scratch_open(&s);
	scratch_write(&s, path, text->s, text->len);
	if (str_starts(path, "/boot/loader"))
		scratch_text(&s, "/boot/grub2/grub.cfg",
			     "set kernelopts=\"root=UUID=1-2 ro\"\ninsmod blscfg\nblscfg\n");
	make_files(&s);
	examine(&s, &findings, &why);
	result(!findings.count && !why.len, "a whole system is silent", name, why.s);
	break_it(&s, name, path, is_script);
	scratch_close(&s);
}

/* Lines taken out: no crash, and a repair leaves a script that was one a script. */
static void mutate(const char *name, const struct str *text, const char *path)
{
	uint64_t state = 99 + text->len;
	cleanup(str_done) struct str why = STR_INIT;
	unsigned scripts = 0, refused = 0;

	for (unsigned i = 0; i < MUTATIONS; i++) {
		cleanup(str_done) struct str less = STR_INIT, ignored = STR_INIT;
		cleanup(findings_done) struct findings findings = { 0 };
		struct scratch s;

		size_t lines = 0, out = 0;

		for (const char *p = text->s; *p; p++)
			lines += *p == '\n';
		out = next_random(&state) % (lines + 1);
		for (const char *p = text->s; *p; lines--) {
			size_t len = strcspn(p, "\n");

			len += p[len] == '\n';
			if (lines != out && next_random(&state) % 200)
				str_add_bytes(&less, p, len);
			p += len;
		}
		scratch_open(&s);
		scratch_write(&s, path, less.s ? less.s : "", less.len);
		make_files(&s);
		scratch_text(&s, "/boot/grub2/i386-pc/normal.mod", "x");
		if (oracle_takes(&s, path)) {
			scripts++;
			examine(&s, &findings, &ignored);
			if (repair(&s, &findings, &why))
				refused += !oracle_takes(&s, path);
		} else {
			examine(&s, &findings, &ignored);
		}
		scratch_close(&s);
	}
	printf("# %s: %u of %u were scripts after lines were taken out\n", name, scripts,
	       MUTATIONS);
	result(!refused && !why.len, "repaired without lines, too", name, why.s);
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *list = mem_printf("%s/MANIFEST.tsv", corpus);
	cleanup(str_done) struct str manifest = STR_INIT;
	struct err err = ERR_INIT;
	const char *at;
	char *line, *fields[12];

	if (file_read(list, TREE_FILE_MAX, &manifest, &err) < 0) {
		printf("1..1\nok 1 - real menus # SKIP no corpus at %s\n", corpus);
		return 0;
	}
	has_oracle = !system("command -v grub-script-check >/dev/null 2>&1");
	at = manifest.s;
	while (scratch_row(&at, &line, fields)) {
		cleanup(free) char *to_free = line;
		cleanup(free) char *file = mem_printf("%s/%s", corpus, fields[1]);
		cleanup(str_done) struct str text = STR_INIT;
		bool is_cfg = str_starts(fields[8], "subtype=grub2-cfg");
		const char *path =
			is_cfg					       ? "/boot/grub2/grub.cfg"
			: str_starts(fields[8], "subtype=grub-legacy") ? "/boot/grub/menu.lst"
			: str_starts(fields[8], "subtype=bls") ? "/boot/loader/entries/x-1.conf"
			: str_starts(fields[8], "subtype=default-grub") ? "/etc/default/grub"
									: NULL;

		if (!str_eq(fields[0], "grub") || !path ||
		    file_read(file, TREE_FILE_MAX, &text, &err) < 0)
			continue;
		judge_file(fields[1], &text, path, is_cfg);
		if (is_cfg)
			mutate(fields[1], &text, path);
	}
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
