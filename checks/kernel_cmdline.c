/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/kernel_cmdline.h"

#define CMDLINES_MAX 256u

/* The rest of a line behind one of these words is a command line; with `skips_file` its first word
 * is the kernel. */
static const struct keyword {
	const char *word;
	bool skips_file;
} keywords[] = {
	{ "linux", true },    { "linux16", true }, { "linuxefi", true }, { "kernel", true },
	{ "options", false }, { "append", false }, { "APPEND", false },
};

static const char *skip_blank(const char *p)
{
	return p + strspn(p, " \t");
}

static char *args_of_line(const char *line)
{
	const char *p = skip_blank(line);
	size_t len = strcspn(p, " \t\r\n");

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if (strlen(keywords[i].word) != len || strncmp(p, keywords[i].word, len) != 0)
			continue;
		p = skip_blank(p + len);
		if (keywords[i].skips_file)
			p = skip_blank(p + strcspn(p, " \t\r\n"));
		return mem_strndup(p, strcspn(p, "\r\n"));
	}
	return NULL;
}

static void add_file(const struct machine *machine, const char *path, struct cmdlines *ret)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	uint32_t line = 0;

	for (const char *p = text ? text->s : ""; *p && ret->count < CMDLINES_MAX;
	     p += strcspn(p, "\n"), p += *p == '\n') {
		char *args = args_of_line(p);

		line++;
		/* grub.cfg also has menu entries for other things that are loaded this way. */
		if (args && *args)
			vec_push(ret, ((struct cmdline){ mem_strdup(path), line, TAKE(args) }));
		free(args);
	}
}

static void add_entries(const struct machine *machine, const char *dir, struct cmdlines *ret)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(machine_tree(machine), dir, &names, &ignored) < 0)
		return;
	/* The newest version sorts last, and is the default. */
	for (size_t i = names.count; i-- > 0;) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, names.items[i]);

		if (str_ends(names.items[i], ".conf"))
			add_file(machine, path, ret);
	}
}

static void put_kernelopts(const struct machine *machine, struct cmdlines *ret)
{
	static const char *const paths[] = { "/boot/grub2/grubenv", "/boot/grub/grubenv" };
	struct err ignored = ERR_INIT;
	const char *value = NULL;

	for (size_t i = 0; i < ARRAY_LEN(paths) && !value; i++) {
		const struct str *env = machine_file(machine, paths[i], &ignored);

		value = env ? strstr(env->s, "\nkernelopts=") : NULL;
	}
	if (!value)
		return;
	value += strlen("\nkernelopts=");
	vec_foreach (cmdline, ret) {
		const char *at = strstr(cmdline->args, "$kernelopts");
		char *args;

		if (!at)
			continue;
		args = mem_printf("%.*s%.*s%s", (int)(at - cmdline->args), cmdline->args,
				  (int)strcspn(value, "\r\n"), value, at + strlen("$kernelopts"));
		free(cmdline->args);
		cmdline->args = args;
	}
}

void cmdlines_find(const struct machine *machine, struct cmdlines *ret)
{
	static const char *const files[] = {
		"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",	       "/boot/grub/grub.conf",
		"/boot/grub/menu.lst", "/boot/extlinux/extlinux.conf", "/boot/syslinux/syslinux.cfg"
	};

	*ret = (struct cmdlines){ 0 };
	add_entries(machine, "/boot/loader/entries", ret);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		add_file(machine, files[i], ret);
	put_kernelopts(machine, ret);
}

void cmdlines_done(struct cmdlines *cmdlines)
{
	vec_foreach (cmdline, cmdlines) {
		free(cmdline->path);
		free(cmdline->args);
	}
	vec_done(cmdlines);
}

const char *cmdline_word(const char *args, const char *word)
{
	size_t len = strlen(word);
	bool is_prefix = len && word[len - 1] == '=';
	const char *found = NULL;

	for (const char *p = skip_blank(args); *p; p = skip_blank(p + strcspn(p, " \t"))) {
		size_t have = strcspn(p, " \t");

		if ((is_prefix ? have >= len : have == len) && !strncmp(p, word, len))
			found = p;
	}
	return found;
}

enum cmdline_root cmdline_root_mode(const struct machine *machine)
{
	cleanup(cmdlines_done) struct cmdlines cmdlines;
	enum cmdline_root mode = CMDLINE_ROOT_UNKNOWN;

	cmdlines_find(machine, &cmdlines);
	vec_foreach (cmdline, &cmdlines) {
		const char *ro = cmdline_word(cmdline->args, "ro");
		const char *rw = cmdline_word(cmdline->args, "rw");
		const char *flags = cmdline_word(cmdline->args, "rootflags=");

		if (!cmdline_word(cmdline->args, "root="))
			continue;
		/* Without either word the kernel mounts it read-only. */
		if (rw > ro || (flags && !strncmp(flags, "rootflags=rw", 12)))
			return CMDLINE_ROOT_RW;
		mode = CMDLINE_ROOT_RO;
	}
	return mode;
}
