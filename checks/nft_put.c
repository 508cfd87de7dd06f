/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One more rule in files of nft commands, written as those around it are. */
#include "checks/nft.h"

void nft_files_start(const struct machine *machine, const char *path, struct nft_files *ret)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct nft_file *file;

	if (!text)
		return;
	file = vec_add(ret);
	file->path = mem_strdup(path);
	file->text = (struct str)STR_INIT;
	str_add_bytes(&file->text, text->s, text->len);
}

/* Before a lone "}" a rule is one step further in: as far as the line above it, where that is a rule. */
static void add_step(struct str *into, const char *text, size_t line, size_t blanks)
{
	size_t above = line ? line - 1 : 0;

	while (above > 0 && text[above - 1] != '\n')
		above--;
	size_t has = strspn(text + above, " \t");
	if (has > blanks && above + has < line)
		str_add_bytes(into, text + above + blanks, has - blanks);
	else
		str_add(into, blanks && text[line] == ' ' ? "    " : "\t");
}

/* Puts a rule in at an offset: as a line of its own where the statement begins one, else before it in
 * the same line. */
static void put_in(struct str *text, size_t at, bool is_end, const char *rule)
{
	struct str next = STR_INIT;
	size_t line = at, blanks;

	while (line > 0 && text->s[line - 1] != '\n')
		line--;
	blanks = at - line;
	str_add_bytes(&next, text->s, at);
	if (strspn(text->s + line, " \t") >= blanks) {
		if (is_end)
			add_step(&next, text->s, line, blanks);
		str_addf(&next, "%s\n", rule);
		str_add_bytes(&next, text->s + line, blanks);
	} else
		str_addf(&next, "%s%s; ", is_end ? "; " : "", rule);
	str_add_bytes(&next, text->s + at, text->len - at);
	str_done(text);
	*text = next;
}

/* The chain's own block has no end when its rules are added by commands: then the rule is one too. */
static bool put_in_command(struct nft_files *files, const struct nft_place *place, const char *rule)
{
	const struct ipt_rule *by = place->before;
	struct nft_file *file = &files->items[by ? by->file : place->chain->file];
	const char *command = by ? file->text.s + by->at : NULL;
	size_t at = by ? by->at : file->text.len;
	cleanup(free) char *line = NULL;
	struct str next = STR_INIT;

	if (by) { /* the statement behind "add rule inet filter input" */
		while (at > 0 && file->text.s[at - 1] != '\n')
			at--;
		if (!strstr(file->text.s + at, "rule ") ||
		    strstr(file->text.s + at, "rule ") > command)
			return false;
		line = mem_printf("%.*s%s\n", (int)(command - (file->text.s + at)),
				  file->text.s + at, rule);
	} else
		line = mem_printf("add rule %s %s %s\n", place->table->name, place->chain->name,
				  rule);
	str_add_bytes(&next, file->text.s, at);
	if (next.len && next.s[next.len - 1] != '\n')
		str_add_char(&next, '\n');
	str_add(&next, line);
	str_add_bytes(&next, file->text.s + at, file->text.len - at);
	str_done(&file->text);
	file->text = next;
	return true;
}

bool nft_put(struct nft_files *files, const struct nft_place *place, const char *rule)
{
	const struct ipt_chain *chain = place->chain;
	const struct ipt_rule *before = place->before;

	if (!chain->end_at ||
	    (before && (before->at > chain->end_at || before->file != chain->file)))
		return put_in_command(files, place, rule);
	put_in(&files->items[chain->file].text, before ? before->at : chain->end_at, !before, rule);
	return true;
}
