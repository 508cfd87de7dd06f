/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_past.h"

static const char mark[] = "Command line: ";

/* The last one in the text; NULL: none. The caller frees. */
static char *last_in(const struct str *text)
{
	const char *found = NULL, *end = text->s + text->len, *p = text->s;
	size_t len = 0;

	while (p && (p = memmem(p, (size_t)(end - p), mark, strlen(mark)))) {
		p += strlen(mark);
		found = p;
	}
	/* A journal's field ends where its length says; what follows is no printable text. */
	while (found && found + len < end && len < 4096 && found[len] >= ' ' && found[len] <= '~')
		len++;
	return len ? mem_strndup(found, len) : NULL;
}

static char *in_journal(const struct machine *machine)
{
	static const char top[] = "/var/log/journal";
	const struct tree_names *ids = machine_list(machine, top);
	struct err ignored = ERR_INIT;
	char *found = NULL;

	if (!ids)
		return NULL;
	for (size_t i = 0; i < ids->count && i < 4 && !found; i++) {
		cleanup(free) char *path = mem_printf("%s/%s/system.journal", top, ids->items[i]);
		cleanup(str_done) struct str text = STR_INIT;

		if (!tree_read(machine_tree(machine), path, TREE_FILE_MAX, &text, &ignored))
			found = last_in(&text);
	}
	return found;
}

static char *find(const struct machine *machine)
{
	static const char *const logs[] = { "/var/log/kern.log", "/var/log/dmesg",
					    "/var/log/messages", "/var/log/syslog" };
	struct err ignored = ERR_INIT;
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(logs) && !found; i++) {
		cleanup(str_done) struct str text = STR_INIT;

		if (!tree_read(machine_tree(machine), logs[i], TREE_FILE_MAX, &text, &ignored))
			found = last_in(&text);
	}
	return found ? found : in_journal(machine);
}

struct past {
	char *cmdline;
};

static void past_free(void *value)
{
	struct past *past = value;

	free(past->cmdline);
	free(past);
}

const char *boot_past_cmdline(const struct machine *machine)
{
	static const char key;
	struct past *past = machine_kept(machine, &key);

	if (!past) {
		past = mem_alloc(sizeof(*past));
		past->cmdline = find(machine);
		machine_keep(machine, &key, past, past_free);
	}
	return past->cmdline;
}
