/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks of the boot chain over real menus and entries, with the files that they name made: silent.
 * Then the default's kernel is taken away: found, and GRUB's own grub-script-check takes what the repair
 * makes. The same with lines of the menu taken out at random: whatever is left leads to an end. */
#include "base/proc.h"
#include "checks/boot_choice.h"
#include "tests/checks/corpus.h"

#define MUTATIONS 60u

static bool has_oracle;

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
	say(findings.count > 0, name, "a kernel that is gone is found", "");
	is_repaired = scratch_repair(s, &findings, &why);
	say(!why.len && (!is_script || oracle_takes(s, path)), name,
	    is_repaired ? "the repair is taken by GRUB" : "there is no repair, and no harm", why.s);
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
	say(!findings.count && !why.len, name, "a whole system is silent", why.s);
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
			if (scratch_repair(&s, &findings, &why))
				refused += !oracle_takes(&s, path);
		} else {
			examine(&s, &findings, &ignored);
		}
		scratch_close(&s);
	}
	printf("# %s: %u of %u were scripts after lines were taken out\n", name, scripts,
	       MUTATIONS);
	say(!refused && !why.len, name, "repaired without lines, too", why.s);
}

int main(void)
{
	static const struct {
		const char *note, *path;
	} places[] = {
		{ "subtype=grub2-cfg", "/boot/grub2/grub.cfg" },
		{ "subtype=grub-legacy", "/boot/grub/menu.lst" },
		{ "subtype=bls", "/boot/loader/entries/x-1.conf" },
		{ "subtype=default-grub", "/etc/default/grub" },
	};
	cleanup(corpus_done) struct corpus c;

	if (!corpus_open(&c))
		return corpus_skip("menus", "is not there");
	has_oracle = proc_have("grub-script-check");
	while (corpus_next(&c)) {
		const char *path = NULL;

		for (size_t i = 0; i < ARRAY_LEN(places) && !path; i++)
			if (str_eq(c.kind, "grub") && str_starts(c.note, places[i].note))
				path = places[i].path;
		if (!path)
			continue;
		judge_file(c.name, &c.text, path, str_ends(path, ".cfg"));
		if (str_ends(path, ".cfg"))
			mutate(c.name, &c.text, path);
	}
	return corpus_end();
}
