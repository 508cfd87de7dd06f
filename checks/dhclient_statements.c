/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/dhclient_statements.h"
#include "checks/ifupdown.h"
#include "checks/units.h"

#include <ctype.h>

#define STATEMENTS_MAX 10000u
#define DEPTH_MAX      32u

struct reader {
	struct dhclient_statements *ret;
	struct str word;
	uint32_t line, first, last_end;
	/* Names of the interface blocks that are open now; NULL: a block of another kind. */
	char *blocks[DEPTH_MAX];
	size_t depth;
};

/* interface "eth0" */
static char *block_name(const char *head)
{
	const char *name = str_starts(head, "interface ") ? head + strlen("interface ") : NULL;

	if (!name)
		return NULL;
	name += *name == '"';
	return mem_strndup(name, strcspn(name, "\" "));
}

static char *interface_now(const struct reader *r)
{
	for (size_t i = r->depth < DEPTH_MAX ? r->depth : DEPTH_MAX; i; i--)
		if (r->blocks[i - 1])
			return mem_strdup(r->blocks[i - 1]);
	return NULL;
}

static void end_statement(struct reader *r, char by, bool is_alone)
{
	if (r->word.len)
		vec_push(r->ret,
			 ((struct dhclient_statement){
				 .text = mem_strdup(r->word.s),
				 .interface = interface_now(r),
				 .line = r->first,
				 .count = r->line - r->first + 1,
				 .is_alone = by == ';' && r->first != r->last_end && is_alone }));
	if (by == '{') {
		if (r->depth < DEPTH_MAX)
			r->blocks[r->depth] = block_name(r->word.s);
		r->depth++;
	} else if (by == '}' && r->depth) {
		r->depth--;
		if (r->depth < DEPTH_MAX)
			free(TAKE(r->blocks[r->depth]));
	}
	r->last_end = r->line;
	str_clear(&r->word);
}

/* Words in quotes and comments are kept apart; braces end a statement like a semicolon. */
void dhclient_statements_read(const struct str *text, struct dhclient_statements *ret)
{
	struct reader r = { .ret = ret, .word = STR_INIT, .line = 1 };
	bool in_quotes = false;

	for (size_t i = 0; i < text->len && ret->count < STATEMENTS_MAX; i++) {
		char c = text->s[i];

		if (!in_quotes && c == '#')
			while (i + 1 < text->len && text->s[i + 1] != '\n')
				i++;
		else if (!in_quotes && strchr(";{}", c) && c) {
			size_t rest = i + 1;

			while (rest < text->len && strchr(" \t\r", text->s[rest]))
				rest++;
			end_statement(&r, c, rest >= text->len || strchr("\n#", text->s[rest]));
		} else if (isspace((unsigned char)c) && !in_quotes) {
			if (r.word.len && r.word.s[r.word.len - 1] != ' ')
				str_add_char(&r.word, ' ');
		} else {
			if (!r.word.len)
				r.first = r.line;
			in_quotes ^= c == '"';
			str_add_char(&r.word, c);
		}
		r.line += c == '\n';
	}
	for (size_t i = 0; i < r.depth && i < DEPTH_MAX; i++)
		free(r.blocks[i]);
	str_done(&r.word);
}

void dhclient_statements_done(struct dhclient_statements *list)
{
	vec_foreach (s, list) {
		free(s->text);
		free(s->interface);
	}
	vec_done(list);
}

bool dhclient_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at++)
		if ((at == list || strchr(" ,", at[-1])) && (!at[len] || strchr(" ,", at[len])))
			return true;
	return false;
}

bool dhclient_is_used(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);
	const struct ifupdown *model = ifupdown_model(machine);
	bool has_dhclient =
		tree_exists(tree, "/sbin/dhclient") || tree_exists(tree, "/usr/sbin/dhclient");

	if (!has_dhclient &&
	    (tree_exists(tree, "/usr/sbin/dhcpcd") || tree_exists(tree, "/sbin/dhcpcd")))
		return false;
	if (machine_unit(machine, "network.service") == UNIT_ENABLED)
		return true;
	for (size_t i = 0; model && i < model->stanzas.count; i++)
		if (str_eq(model->stanzas.items[i].method, "dhcp"))
			return true;
	return false;
}
