/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/elf.h"
#include "fs/lines.h"

#define PRELOAD "/etc/ld.so.preload"

enum verdict { FINE, IGNORED, FATAL };

/* What the loader makes of the object, by trials with glibc 2.36: one that it cannot open or that is no
 * ELF file is ignored with a complaint; one that it can map and whose own needs are missing, or that is
 * cut off behind its headers, ends every program. */
static enum verdict judge(const struct machine *machine, const char *path, const char **why)
{
	const struct elf *elf = elf_read(machine, path);
	cleanup(libraries_done) struct libraries libraries = { 0 };
	struct elf program = *elf;
	const struct library *missing;

	switch (elf->kind) {
	case ELF_ABSENT:
		*why = "is not there";
		return IGNORED;
	case ELF_EMPTY:
	case ELF_NONE:
		*why = "is no library";
		return IGNORED;
	case ELF_DAMAGED:
		*why = "is cut off";
		return elf->is_cut ? FATAL : IGNORED;
	case ELF_UNKNOWN:
		return FINE;
	case ELF_WHOLE:
		break;
	}
	/* A library has no loader of its own: it is loaded by glibc's where the shell is. */
	program.interp = elf_read(machine, "/bin/sh")->interp;
	if (!program.interp || program.class != elf_read(machine, "/bin/sh")->class ||
	    !libraries_find(machine, &program, &libraries))
		return FINE;
	missing = libraries_missing(&libraries);
	if (!missing)
		return FINE;
	*why = machine_quote(machine, missing->name, strlen(missing->name));
	return FATAL;
}

/* A name without a slash is sought like any library; $LIB and $PLATFORM depend on the program. */
static bool is_judged(const char *word)
{
	return word[0] == '/' && !strchr(word, '$');
}

static size_t word_end(const char *s, size_t len)
{
	size_t at = 0;

	while (at < len && !strchr(" \t\r:#", s[at]))
		at++;
	return at;
}

/* The other words of the line, behind the line as a comment. */
static char *without(const char *line, size_t len, size_t at, size_t word)
{
	cleanup(str_done) struct str rest = STR_INIT, text = STR_INIT;

	str_add_bytes(&rest, line, at);
	str_add_bytes(&rest, line + at + word, len - at - word);
	str_addf(&text, LINES_MARK "%.*s\n", (int)len, line);
	if (rest.s[strspn(rest.s, " \t\r:")] && rest.s[strspn(rest.s, " \t\r:")] != '#')
		str_addf(&text, "%s\n", rest.s);
	return str_take(&text);
}

static void report(const struct machine *machine, const struct str *text, uint32_t number,
		   const char *line, size_t len, size_t at, size_t word, struct findings *out)
{
	cleanup(free) char *path = mem_strndup(line + at, word);
	cleanup(free) char *new = without(line, len, at, word);
	const char *why = "", *quoted = machine_quote(machine, path, strlen(path));
	enum verdict verdict = is_judged(path) ? judge(machine, path, &why) : FINE;
	struct finding *finding;

	if (verdict == FINE)
		return;
	if (verdict == IGNORED)
		finding = finding_add(
			out, SEVERITY_NOTE, REPAIR_OFFERED, "41", PRELOAD, number,
			"%s %s; the loader complains at every program's start and goes on", quoted,
			why);
	else
		finding = finding_add(
			out, SEVERITY_BLOCKS_BOOT, REPAIR_SURE, "41", PRELOAD, number,
			why[0] == '"' ? "%s is loaded into every program and needs %s, which "
					"is not there: no program starts, not even init"
				      : "%s is loaded into every program and %s: every program "
					"dies, even init",
			quoted, why);
	lines_edit_replace(&finding->edits, PRELOAD, text, number, 1, new);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct str *text = machine_file(machine, PRELOAD, err);
	uint32_t number = 0;

	if (!text)
		return err->code == ERR_NOTFOUND ? 0 : -1;
	for (const char *line = text->s; *line;) {
		size_t len = strcspn(line, "\n"), at = 0;

		number++;
		while (at < len && line[at] != '#') {
			size_t word = word_end(line + at, len - at);

			if (word)
				report(machine, text, number, line, len, at, word, out);
			at += word ? word : 1;
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

const struct check check_ld_preload = {
	.name = "ld-preload",
	.title = "ld.so.preload names a library that cannot be loaded",
	.explain =
		"What /etc/ld.so.preload names is loaded into every program, init included. An "
		"object "
		"that is not there is only complained about. One that is there, but needs a "
		"library "
		"that is not, or was cut off by a full disk, ends every program at its start: the "
		"kernel panics with \"Attempted to kill init\". Security agents and profilers "
		"leave "
		"such lines when they are removed by half. The repair takes the word out and keeps "
		"the old line as a comment; what is only complained about is offered.",
	.source = "ld.so(8) FILES; trials with glibc 2.36: ignored are \"cannot open shared object "
		  "file\", \"file too short\", \"cannot read file data\"",
	.rows = "41",
	.repair = REPAIR_SURE,
	.examine = examine,
};
