/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot.h"

#include <ctype.h>

static void file_done(struct boot_file *file)
{
	free(file->written);
	free(file->path);
}

static void search_done(struct boot_search *search)
{
	free(search->by);
	free(search->what);
}

static void boot_free(void *value)
{
	struct boot *boot = value;

	vec_foreach (e, &boot->entries) {
		file_done(&e->kernel);
		vec_foreach (file, &e->initrds)
			file_done(file);
		vec_done(&e->initrds);
		free(e->id);
		free(e->title);
		free(e->number);
		free(e->name);
		free(e->file);
		free(e->args);
		search_done(&e->search);
		free(e->version);
	}
	vec_done(&boot->entries);
	search_done(&boot->search);
	free(boot->path);
	free(boot->default_text);
	free(boot->default_path);
	free(boot->env_path);
	free(boot);
}

/* ---- names of files -------------------------------------------------------------------------- */

static bool is_file(const struct machine *machine, const char *path)
{
	struct err ignored = ERR_INIT;
	struct tree_stat st;

	return !tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &ignored) &&
	       S_ISREG(st.mode) && st.size_bytes;
}

/* A loader's path begins at the root of the file system that it searched for: that of /boot, or the
 * root's, perhaps with a subvolume in front. The first place that has the file is the one. */
static char *path_of(const struct machine *machine, const char *written)
{
	const char *p = written;

	while (*p == '(' && strchr(p, ')')) /* "(hd0)/boot/vmlinuz", "($root)/vmlinuz" */
		p = strchr(p, ')') + 1;
	for (const char *rest = p; rest && *rest; rest = strchr(rest + 1, '/')) {
		cleanup(free) char *in_boot = mem_printf("/boot%s", rest);

		if (*rest != '/')
			break;
		if (is_file(machine, in_boot))
			return TAKE(in_boot);
		if (is_file(machine, rest))
			return mem_strdup(rest);
	}
	return strstr(p, "/boot/") ? mem_strdup(strstr(p, "/boot/"))
				   : mem_printf("/boot%s%s", *p == '/' ? "" : "/", p);
}

static struct boot_file file_of(const struct machine *machine, const char *written)
{
	char *path = path_of(machine, written);

	return (struct boot_file){ .written = mem_strdup(written),
				   .path = path,
				   .exists = is_file(machine, path) };
}

/* "vmlinuz-6.1.0-18-cloud-amd64"; what does not begin with a digit is no version, but "vmlinuz-linux"
 * or a link such as "vmlinuz" may lead to one that is. */
static char *version_in(const char *path)
{
	static const char *const prefixes[] = { "vmlinuz-", "vmlinux-", "kernel-",
						"bzImage-", "linux-",	"Image-" };
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(base, prefixes[i]) &&
		    isdigit((unsigned char)base[strlen(prefixes[i])]))
			return mem_strdup(base + strlen(prefixes[i]));
	return NULL;
}

static char *version_of(const struct machine *machine, const struct boot_file *kernel)
{
	cleanup(str_done) struct str real = STR_INIT;
	struct err ignored = ERR_INIT;
	char *version = version_in(kernel->written);

	if (!version && kernel->exists &&
	    !tree_resolve(machine_tree(machine), kernel->path, &real, &ignored))
		version = version_in(real.s);
	return version ? version : mem_strdup("");
}

/* ---- modules --------------------------------------------------------------------------------- */

#define WHOLE_LIB 8u /* names */
static const char *const module_parents[] = { "/usr/lib", "/lib" };
static const char *const module_tops[] = { "/usr/lib/modules", "/lib/modules" };

const char *boot_modules_dir(const struct machine *machine, const char *version)
{
	for (size_t i = 0; *version && i < ARRAY_LEN(module_tops); i++)
		if (machine_list(machine, module_tops[i]) &&
		    machine_may_be_in(machine, module_tops[i], version))
			return module_tops[i];
	return NULL;
}

/* Would they be seen if they were there? An excerpt of a system, as the tests have it, shows neither
 * the directory nor what stands beside it. */
static bool has_shown_modules(const struct machine *machine)
{
	bool is_shown = false;

	for (size_t i = 0; i < ARRAY_LEN(module_tops); i++) {
		const struct tree_names *names = machine_list(machine, module_tops[i]);
		const struct tree_names *beside = machine_list(machine, module_parents[i]);

		if (!names || !beside)
			return false;
		is_shown |= beside->count >= WHOLE_LIB ||
			    tree_is_dir(machine_tree(machine), module_tops[i]);
	}
	return is_shown;
}

enum boot_modules boot_modules_state(const struct machine *machine, const char *version)
{
	static const char *const indexes[] = { "modules.dep.bin", "modules.dep" };
	const char *top = boot_modules_dir(machine, version);

	if (!*version || strchr(version, '/'))
		return BOOT_MODULES_UNKNOWN;
	for (size_t i = 0; top && i < ARRAY_LEN(indexes); i++) {
		cleanup(free) char *path = mem_printf("%s/%s/%s", top, version, indexes[i]);

		if (is_file(machine, path))
			return BOOT_MODULES_THERE;
	}
	if (top) {
		cleanup(free) char *kernel = mem_printf("%s/%s/kernel", top, version);

		/* A kernel that has all built in has no module to be in an index. */
		return tree_is_dir(machine_tree(machine), kernel) ? BOOT_MODULES_NO_INDEX
								  : BOOT_MODULES_UNKNOWN;
	}
	return has_shown_modules(machine) ? BOOT_MODULES_MISSING : BOOT_MODULES_UNKNOWN;
}

bool boot_entry_is_complete(const struct machine *machine, const struct boot_entry *entry)
{
	if (!entry->kernel.written || !entry->kernel.exists ||
	    boot_kernel_fault(machine, entry->kernel.path))
		return false;
	vec_foreach (file, &entry->initrds)
		if (!file->exists)
			return false;
	return !entry->version[0] ||
	       boot_modules_state(machine, entry->version) == BOOT_MODULES_THERE;
}

/* ---- words and commands ---------------------------------------------------------------------- */

void boot_words_split(const char *line, size_t len, struct boot_words *ret)
{
	cleanup(str_done) struct str word = STR_INIT;
	bool is_word = false;
	char quote = 0;

	*ret = (struct boot_words){ 0 };
	for (size_t i = 0; i < len; i++) {
		char c = line[i];

		if (c == '\\' && quote != '\'' && i + 1 < len) {
			str_add_char(&word, line[++i]);
			is_word = true;
		} else if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? 0 : c;
			is_word = true;
		} else if (!quote && isspace((unsigned char)c)) {
			if (is_word)
				vec_push(ret, str_take(&word));
			is_word = false;
		} else if (!quote && c == '#' && !is_word) {
			break;
		} else {
			str_add_char(&word, c);
			is_word = true;
		}
	}
	if (is_word)
		vec_push(ret, str_take(&word));
}

void boot_words_done(struct boot_words *words)
{
	vec_foreach (word, words)
		free(*word);
	vec_done(words);
}

char *boot_words_join(const struct boot_words *words, size_t first)
{
	cleanup(str_done) struct str text = STR_INIT;

	for (size_t i = first; i < words->count; i++)
		str_addf(&text, "%s%s", i > first ? " " : "", words->items[i]);
	return str_take(&text);
}

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (str_eq(word, *list))
			return true;
	return false;
}

static void set_kernel(const struct machine *machine, struct boot_entry *entry,
		       const struct boot_words *words, uint32_t line)
{
	size_t at = 1;

	while (at < words->count && str_starts(words->items[at], "--")) /* legacy: --type=... */
		at++;
	if (at >= words->count || entry->kernel.written)
		return;
	entry->kernel = file_of(machine, words->items[at]);
	entry->kernel_line = line;
	free(entry->version);
	entry->version = version_of(machine, &entry->kernel);
	if (at + 1 < words->count) {
		free(entry->args);
		entry->args = boot_words_join(words, at + 1);
		entry->args_line = line;
	}
}

void boot_search_read(struct boot_search *search, const struct boot_words *words, uint32_t line)
{
	const char *by = NULL;

	for (size_t i = 1; i < words->count; i++) {
		const char *word = words->items[i];

		if (str_eq(word, "--fs-uuid") || str_eq(word, "-u"))
			by = "fs-uuid";
		else if (str_eq(word, "--label") || str_eq(word, "-l") ||
			 str_eq(word, "--fs-label"))
			by = "label";
		else if (str_eq(word, "--file") || str_eq(word, "-f"))
			by = "file";
	}
	if (!by || str_starts(words->items[words->count - 1], "-"))
		return;
	/* The last search counts: the ones before are its fallback for old firmware. */
	search_done(search);
	search->by = mem_strdup(by);
	search->what = mem_strdup(words->items[words->count - 1]);
	search->line = line;
}

bool boot_entry_command(const struct machine *machine, struct boot_entry *entry,
			const struct boot_words *words, uint32_t line)
{
	static const char *const kernels[] = { "linux", "linux16", "linuxefi", "kernel", NULL };
	static const char *const initrds[] = { "initrd", "initrd16", "initrdefi", NULL };

	if (words->count < 2)
		return false;
	if (is_one_of(words->items[0], kernels)) {
		set_kernel(machine, entry, words, line);
		return true;
	}
	if (is_one_of(words->items[0], initrds)) {
		for (size_t i = 1; i < words->count; i++)
			if (words->items[i][0] != '$')
				vec_push(&entry->initrds, file_of(machine, words->items[i]));
		entry->initrd_line = line;
		return true;
	}
	/* Ubuntu's cloud images, GRUB_FORCE_PARTUUID: `if [ "${initrdfail}" = 1 ]`. */
	if (str_eq(words->items[0], "if") && words->count > 2)
		entry->tries_without_initrd |= strstr(words->items[2], "initrdfail") != NULL;
	if (str_eq(words->items[0], "search"))
		boot_search_read(&entry->search, words, line);
	return str_eq(words->items[0], "search");
}

/* ---- the default ----------------------------------------------------------------------------- */

char *grubenv_get(const struct str *env, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = env->s; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, name, len) && p[len] == '=')
			return mem_strndup(p + len + 1, strcspn(p + len + 1, "\r\n"));
	return NULL;
}

/* "1>2", a title, an id, or "A>B" of those: does it name the entry? */
static bool names_entry(const struct boot_entry *entry, const char *text)
{
	const char *inner = strrchr(text, '>');

	return str_eq(text, entry->number) || str_eq(text, entry->id) ||
	       str_eq(text, entry->title) ||
	       (inner && (str_eq(inner + 1, entry->id) || str_eq(inner + 1, entry->title)));
}

const struct boot_entry *boot_named(const struct boot *boot, const char *text)
{
	/* Entries of two submenus may have one title: the whole name counts first. */
	vec_foreach (entry, &boot->entries)
		if (str_eq(text, entry->number) || (*text && str_eq(text, entry->name)))
			return entry;
	vec_foreach (entry, &boot->entries)
		if (names_entry(entry, text))
			return entry;
	return NULL;
}

static void find_default(struct boot *boot)
{
	const struct boot_entry *entry = boot_named(boot, boot->default_text);

	boot->default_entry = entry ? (size_t)(entry - boot->entries.items) : SIZE_MAX;
	if (boot->default_entry != SIZE_MAX || !boot->entries.count)
		return;
	boot->default_is_gone = boot->default_text[0] != '\0';
	/* Without a default, or with one that is gone, the first one starts. */
	if (!strchr(boot->default_text, '$'))
		boot->default_entry = 0;
}

/* What "saved" stands for. */
static void read_saved(const struct machine *machine, struct boot *boot)
{
	static const char *const paths[] = { "/boot/grub2/grubenv", "/boot/grub/grubenv" };
	struct err ignored = ERR_INIT;
	const struct str *env = NULL;
	char *saved;

	for (size_t i = 0; i < ARRAY_LEN(paths) && !env; i++) {
		env = machine_file(machine, paths[i], &ignored);
		if (env) {
			boot->env_path = mem_strdup(paths[i]);
			boot->env_is_valid = str_starts(env->s, GRUBENV_SIGNATURE);
		}
	}
	if (boot->loader != BOOT_GRUB2 || !strstr(boot->default_text, "saved_entry"))
		return;
	boot->default_is_saved = true;
	saved = env && boot->env_is_valid ? grubenv_get(env, "saved_entry") : NULL;
	free(boot->default_text);
	boot->default_text = saved ? saved : mem_strdup("");
	if (!saved)
		return;
	free(boot->default_path);
	boot->default_path = mem_strdup(boot->env_path);
	boot->default_line = 0;
}

static void judge_entries(struct boot *boot)
{
	static const char *const words[] = { " single ",    " systemd.unit=rescue", " recovery ",
					     " emergency ", " rd.rescue ",	    " 1 " };

	vec_foreach (entry, &boot->entries) {
		cleanup(free) char *args = mem_printf(" %s ", entry->args);

		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			entry->is_rescue |= strstr(args, words[i]) != NULL;
		entry->is_rescue |= strstr(entry->version, "rescue") != NULL;
	}
}

static struct boot *read_boot(const struct machine *machine)
{
	static const struct {
		const char *path;
		enum boot_loader loader;
	} files[] = { { "/boot/grub2/grub.cfg", BOOT_GRUB2 },
		      { "/boot/grub/grub.cfg", BOOT_GRUB2 },
		      { "/boot/grub/menu.lst", BOOT_LEGACY },
		      { "/boot/grub/grub.conf", BOOT_LEGACY } };
	struct boot *boot = mem_alloc(sizeof(*boot));
	const struct str *text = NULL;
	struct err ignored = ERR_INIT;

	boot->default_text = mem_strdup("");
	for (size_t i = 0; i < ARRAY_LEN(files) && !text; i++) {
		text = machine_file(machine, files[i].path, &ignored);
		if (!text || !text->len) {
			text = NULL;
			continue;
		}
		boot->path = mem_strdup(files[i].path);
		boot->loader = files[i].loader;
	}
	if (boot->loader == BOOT_GRUB2)
		boot_read_grub_cfg(machine, text, boot);
	else if (boot->loader == BOOT_LEGACY)
		boot_read_legacy(machine, text, boot);
	/* Without a grub.cfg the entries still say what was there. */
	if (boot->uses_bls || !boot->path)
		boot_read_bls(machine, boot);
	read_saved(machine, boot);
	find_default(boot);
	judge_entries(boot);
	return boot;
}

const struct boot *boot_model(const struct machine *machine)
{
	static const char key;
	struct boot *boot = machine_kept(machine, &key);

	if (!boot) {
		boot = read_boot(machine);
		machine_keep(machine, &key, boot, boot_free);
	}
	return boot;
}

const struct boot_entry *boot_default(const struct boot *boot)
{
	return boot->default_entry == SIZE_MAX ? NULL : &boot->entries.items[boot->default_entry];
}
