/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/boot_past.h"
#include "checks/journals.h"

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

static bool find_in_journal(void *arg, const struct str *bytes)
{
	char **found = arg;

	return (*found = last_in(bytes));
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
	if (!found)
		journals_each(machine, find_in_journal, &found);
	return found;
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
