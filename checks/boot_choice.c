/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_choice.h"
#include "checks/kernel_cmdline.h"
#include "fs/fstab.h"
#include "fs/lines.h"
#include "fs/spec.h"

/* ---- which entry ----------------------------------------------------------------------------- */

const struct boot_entry *boot_other(const struct machine *machine, const struct boot *boot,
				    const struct boot_entry *not_this)
{
	const struct boot_entry *best = NULL;

	vec_foreach (entry, &boot->entries) {
		bool is_same = entry == not_this ||
			       (entry->version[0] && str_eq(entry->version, not_this->version));

		if (is_same || entry->is_rescue || !entry->version[0] || !entry->args[0] ||
		    strstr(entry->version, "kdump") || !boot_entry_is_complete(machine, entry))
			continue;
		if (!best || version_compare(entry->version, best->version) > 0)
			best = entry;
	}
	return best;
}

bool boot_is_seen(const struct machine *machine, const char *path)
{
	static const char *const kinds[] = { "vmlinu", "initr", "System.map-", "config-",
					     "Image-" };
	const char *slash = strrchr(path, '/');
	cleanup(free) char *dir = mem_strndup(path, slash > path ? (size_t)(slash - path) : 1);
	const struct tree_names *names = machine_list(machine, dir);

	if (!names)
		return false;
	vec_foreach (name, names)
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (str_starts(*name, kinds[i]))
				return true;
	return false;
}

/* The line of fstab for /boot; "" when there is none. The caller frees. */
static char *boot_spec(const struct machine *machine)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, "/etc/fstab", &ignored);
	cleanup(fstab_done) struct fstab fstab = { 0 };
	const char *found = "";

	if (text)
		fstab_parse(text, &fstab);
	vec_foreach (entry, &fstab)
		if (!entry->rejected && str_eq(entry->field[FSTAB_FILE], "/boot"))
			found = entry->field[FSTAB_SPEC];
	return mem_strdup(found);
}

bool boot_is_separate(const struct machine *machine)
{
	cleanup(free) char *spec = boot_spec(machine);

	return spec[0] != '\0';
}

const struct disk_fs *boot_root_fs(const struct machine *machine)
{
	const struct disks *disks = machine_disks(machine);

	if (disks)
		vec_foreach (fs, disks)
			if (fs->is_root)
				return fs->type && fs->uuid ? fs : NULL;
	return NULL;
}

const struct disk_fs *boot_boot_fs(const struct machine *machine)
{
	cleanup(free) char *text = boot_spec(machine);
	cleanup(spec_done) struct spec spec = { 0 };
	cleanup(spec_matches_done) struct spec_matches found = { 0 };

	if (!text[0])
		return boot_root_fs(machine);
	spec_parse(text, &spec);
	if (machine_disks(machine))
		spec_find(machine_disks(machine), &spec, &found);
	return found.count == 1 && found.items[0]->uuid ? found.items[0] : NULL;
}

/* ---- the default ----------------------------------------------------------------------------- */

bool boot_edit_grubenv(const struct machine *machine, const char *path, const char *name,
		       const char *value, struct edits *edits)
{
	struct err ignored = ERR_INIT;
	const struct str *old = machine_file(machine, path, &ignored);
	cleanup(str_done) struct str new = STR_INIT;
	size_t name_len = strlen(name);
	bool is_set = false;

	if (!old || !str_starts(old->s, GRUBENV_SIGNATURE) || (value && strpbrk(value, "\n\\")))
		return false;
	for (const char *p = old->s; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		size_t len = strcspn(p, "\n");

		if (!strncmp(p, name, name_len) && p[name_len] == '=') {
			if (value && !is_set)
				str_addf(&new, "%s=%s\n", name, value);
			is_set = true;
		} else if (p[len] == '\n') { /* what has no line end is the padding */
			str_add_bytes(&new, p, len + 1);
		}
	}
	if (value && !is_set)
		str_addf(&new, "%s=%s\n", name, value);
	if (new.len > GRUBENV_LEN)
		return false;
	while (new.len < GRUBENV_LEN)
		str_add_char(&new, '#');
	edit_replace(edits, path, old, &new);
	return true;
}

/* `set default="0"`: only what is behind the sign. */
static void edit_set_line(const struct str *text, const struct boot *boot, const char *name,
			  struct edits *edits)
{
	cleanup(str_done) struct str line = STR_INIT, new = STR_INIT;
	const char *at;

	lines_copy(text->s, text->len, boot->set_line, 1, &line);
	at = strstr(line.s, "default=");
	if (!at)
		return;
	at += strlen("default=");
	str_addf(&new, "%.*s\"%s\"%s", (int)(at - line.s), line.s, name,
		 strchr(at, '\n') ? "\n" : "");
	lines_edit_replace(edits, boot->path, text, boot->set_line, 1, new.s);
}

/* `default=1` or `default 1`; without a line for it the first entry starts. */
static void edit_legacy(const struct str *text, const struct boot *boot, const char *number,
			struct edits *edits)
{
	cleanup(free) char *line = mem_printf("default=%s\n", number);

	if (boot->default_line)
		lines_edit_replace(edits, boot->path, text, boot->default_line, 1, line);
	else
		lines_edit_insert(edits, boot->path, text, 1, line);
}

bool boot_edit_default(const struct machine *machine, const struct boot *boot,
		       const struct boot_entry *entry, struct edits *edits)
{
	struct err ignored = ERR_INIT;
	const struct str *text = boot->path ? machine_file(machine, boot->path, &ignored) : NULL;
	/* A name that another entry has, too, means the first of them. */
	bool is_own_name = entry->name[0] && boot_named(boot, entry->name) == entry;
	const char *name = is_own_name ? entry->name : entry->number;
	size_t before = edits->count;

	if (!text || !name[0] || strpbrk(name, "\"\\\n") || boot_named(boot, name) != entry)
		return false;
	if (boot->loader == BOOT_LEGACY) {
		edit_legacy(text, boot, entry->number, edits);
	} else if (boot->default_is_saved && boot->env_is_valid) {
		return boot_edit_grubenv(machine, boot->env_path, "saved_entry", name, edits);
	} else if (boot->set_line) {
		edit_set_line(text, boot, name, edits);
	} else {
		cleanup(free) char *line = mem_printf("set default=\"%s\"\n", name);

		lines_edit_insert(edits, boot->path, text, 1, line);
	}
	return edits->count > before;
}

/* ---- words of the command line --------------------------------------------------------------- */

/* Puts `new` in the place of the word `old`, or takes it out with the blank before it. */
static bool replace_word(const struct str *line, const char *old, const char *new, struct str *into)
{
	size_t len = strlen(old), done = 0;
	bool is_found = false;

	for (const char *p = line->s; (p = strstr(p, old)); p++) {
		size_t at = (size_t)(p - line->s);

		if ((at && !strchr(" \t\"'=", line->s[at - 1])) ||
		    (at && line->s[at - 1] == '=' && !strstr(line->s, "kernelopts=")) ||
		    (p[len] && !strchr(" \t\r\n\"'", p[len])))
			continue;
		if (at < done)
			continue;
		is_found = true;
		str_add_bytes(into, line->s + done, at - done);
		done = at + len;
		if (new)
			str_add(into, new);
		else if (into->len && strchr(" \t", into->s[into->len - 1]))
			into->s[--into->len] = '\0';
		else
			done += strspn(line->s + done, " \t");
	}
	str_add_bytes(into, line->s + done, line->len - done);
	return is_found;
}

struct word_edit {
	const struct machine *machine;
	const char *old, *new;
	struct edits *edits;
	bool is_edited;
};

static bool gives_arguments(const char *line)
{
	static const char *const words[] = { "linux", "linux16", "linuxefi", "kernel", "options" };
	const char *p = line + strspn(line, " \t");
	size_t len = strcspn(p, " \t\r\n");

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len && !strncmp(p, words[i], len))
			return true;
	return false;
}

static void edit_line(struct word_edit *e, const char *path, const struct str *text,
		      uint32_t number, const struct str *line)
{
	cleanup(str_done) struct str new = STR_INIT;

	if (!replace_word(line, e->old, e->new, &new))
		return;
	lines_edit_replace(e->edits, path, text, number, 1, new.s);
	e->is_edited = true;
}

/* The lines [first, end) of a file that give arguments. */
static void edit_lines_of(struct word_edit *e, const char *path, uint32_t first, uint32_t end)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(e->machine, path, &ignored);
	uint32_t number = 0;

	for (const char *p = text ? text->s : ""; *p && number + 1 < end;) {
		size_t len = strcspn(p, "\n");
		cleanup(str_done) struct str line = STR_INIT;

		len += p[len] == '\n';
		str_add_bytes(&line, p, len);
		number++;
		if (number >= first && gives_arguments(line.s))
			edit_line(e, path, text, number, &line);
		p += len;
	}
}

/* Where $kernelopts comes from: grubenv, or `set kernelopts=` of grub.cfg. */
static void edit_kernelopts(struct word_edit *e, const struct boot *boot)
{
	struct err ignored = ERR_INIT;
	const struct str *env =
		boot->env_is_valid ? machine_file(e->machine, boot->env_path, &ignored) : NULL;
	const struct str *text = boot->path ? machine_file(e->machine, boot->path, &ignored) : NULL;
	cleanup(free) char *value = env ? grubenv_get(env, "kernelopts") : NULL;
	uint32_t number = 0;

	if (value) {
		struct str line = { .s = value, .len = strlen(value) };
		cleanup(str_done) struct str new = STR_INIT;

		if (replace_word(&line, e->old, e->new, &new))
			e->is_edited |= boot_edit_grubenv(e->machine, boot->env_path, "kernelopts",
							  new.s, e->edits);
		return;
	}
	for (const char *p = text ? text->s : ""; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		cleanup(str_done) struct str line = STR_INIT;

		number++;
		str_add_bytes(&line, p, strcspn(p, "\n") + (strchr(p, '\n') != NULL));
		if (strstr(line.s, "set kernelopts="))
			edit_line(e, boot->path, text, number, &line);
	}
}

/* One after the entry's last line: where the next entry of the file begins. */
static uint32_t end_of(const struct boot *boot, const struct boot_entry *entry)
{
	uint32_t end = UINT32_MAX;

	vec_foreach (other, &boot->entries)
		if (str_eq(other->file, entry->file) && other->line > entry->line &&
		    other->line < end)
			end = other->line;
	return end;
}

bool boot_edit_word(const struct machine *machine, const struct boot *boot,
		    const struct boot_entry *entry, const char *old, const char *new,
		    bool everywhere, struct edits *edits)
{
	struct word_edit e = { machine, old, new, edits, false };

	if (everywhere && boot->path)
		edit_lines_of(&e, boot->path, 1, UINT32_MAX);
	vec_foreach (one, &boot->entries) {
		bool is_in_menu = boot->path && str_eq(one->file, boot->path);

		if (everywhere ? !is_in_menu : one == entry)
			edit_lines_of(&e, one->file, one->line, end_of(boot, one));
	}
	if (!e.is_edited || everywhere)
		edit_kernelopts(&e, boot);
	return e.is_edited;
}

char *boot_word(const struct boot_entry *entry, const char *word)
{
	const char *at = cmdline_word(entry->args, word);

	return at ? mem_strndup(at, strcspn(at, " \t")) : NULL;
}

struct finding *boot_find_word(const struct machine *machine, const struct boot_entry *entry,
			       struct findings *out, enum severity severity,
			       enum repair_class repair, const char *rows, const char *word,
			       const char *new, const char *why)
{
	struct finding *finding =
		finding_add(out, severity, repair, rows, entry->file, entry->args_line,
			    "%s on the kernel's command line %s",
			    machine_quote(machine, word, strlen(word)), why);

	if (repair != REPAIR_NONE &&
	    !boot_edit_word(machine, boot_model(machine), entry, word, new, false, &finding->edits))
		finding->repair = REPAIR_NONE;
	return finding;
}
