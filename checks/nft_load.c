/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/nft.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>

#define DEPTH_MAX 16u

struct define {
	char *name;
	struct nft_tokens value;
};
struct loader {
	const struct machine *machine;
	struct nft_files *files;
	struct nft_rules *ret;
	struct nft_tokens *all;
	VEC(struct define) defines;
	unsigned depth;
};

void nft_problem(struct nft_rules *ret, const struct nft_token *at, const char *fmt, ...)
{
	cleanup(str_done) struct str text = STR_INIT;
	char raw[300];
	va_list ap;

	if (ret->problem)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	str_add_escaped(&text, raw, strlen(raw));
	ret->problem = str_take(&text);
	ret->problem_line = at->line;
	ret->problem_file = at->file;
}

void nft_odd(struct nft_rules *ret, const struct nft_token *at)
{
	struct ipt_rules *rules = &ret->rules;

	if (!rules->is_odd)
		rules->odd_line = at->line;
	rules->is_odd = true;
}

void nft_token_push(struct nft_tokens *into, const struct nft_token *token)
{
	struct nft_token copy = *token;

	copy.text = mem_strdup(token->text);
	vec_push(into, copy);
}

/* --- includes and definitions: one stream of tokens ---------------------------------------- */

static struct define *find_define(struct loader *p, const char *name)
{
	for (size_t i = p->defines.count; i > 0; i--)
		if (str_eq(p->defines.items[i - 1].name, name))
			return &p->defines.items[i - 1];
	return NULL;
}

/* A token, or what its variable stands for, which has no variables of its own any more. */
static void push_value(struct loader *p, struct nft_tokens *into, const struct nft_token *token)
{
	struct define *define;
	bool is_within;
	size_t first, count;

	if (token->kind != NFT_VARIABLE || into->count > NFT_TOKENS_MAX) {
		nft_token_push(into, token);
		return;
	}
	define = find_define(p, token->text);
	if (!define) {
		nft_problem(p->ret, token, "$%s is not defined", token->text);
		return;
	}
	/* A set within a set is its elements. */
	count = define->value.count;
	is_within = into->count && count > 2 && nft_is(&define->value.items[0], "{") &&
		    (nft_is(&into->items[into->count - 1], "{") ||
		     nft_is(&into->items[into->count - 1], ","));
	first = is_within;
	count -= is_within;
	for (size_t i = first; i < count; i++) {
		nft_token_push(into, &define->value.items[i]);
		into->items[into->count - 1].line = token->line;
		into->items[into->count - 1].file = token->file;
		into->items[into->count - 1].at = token->at;
	}
}

/* "define name = value" up to the statement's end; braces may span lines. Returns where it ends. */
static size_t read_define(struct loader *p, const struct nft_tokens *tokens, size_t i)
{
	struct define define = { 0 };
	unsigned depth = 0;

	if (i + 3 >= tokens->count || !nft_is(&tokens->items[i + 2], "=")) {
		nft_odd(p->ret, &tokens->items[i]);
		return i + 1;
	}
	define.name = mem_strdup(tokens->items[i + 1].text);
	for (i += 3; i < tokens->count; i++) {
		const struct nft_token *token = &tokens->items[i];

		depth += nft_is(token, "{");
		depth -= nft_is(token, "}") && depth > 0;
		if (token->kind == NFT_END && !depth)
			break;
		if (token->kind != NFT_END)
			push_value(p, &define.value, token);
	}
	vec_push(&p->defines, define);
	return i;
}

static void load(struct loader *p, const char *path, const struct nft_token *from);

static void include(struct loader *p, const struct nft_token *name)
{
	cleanup(free) char *path =
		name->text[0] == '/' ? mem_strdup(name->text) : mem_printf("/etc/%s", name->text);
	char *slash = strrchr(path, '/');
	const struct tree_names *names;

	if (!strpbrk(slash, "*?[")) {
		load(p, path, name);
		return;
	}
	*slash = '\0';
	if (strpbrk(path, "*?[")) {
		nft_odd(p->ret, name);
		return;
	}
	names = machine_list(p->machine, path);
	if (!names) {
		nft_odd(p->ret, name);
		return;
	}
	vec_foreach (file, names)
		if (!fnmatch(slash + 1, *file, FNM_PERIOD)) {
			cleanup(free) char *full = mem_printf("%s/%s", path, *file);

			if (!tree_is_dir(machine_tree(p->machine), full))
				load(p, full, name);
		}
}

/* The text of a file: as repaired when it is known already. */
static const struct str *text_of(struct loader *p, const char *path, const struct nft_token *from,
				 uint16_t *ret)
{
	struct err why = ERR_INIT;
	const struct str *text;
	struct nft_file *file;

	for (size_t i = 0; i < p->files->count; i++)
		if (str_eq(p->files->items[i].path, path)) {
			*ret = (uint16_t)i;
			return &p->files->items[i].text;
		}
	text = machine_file(p->machine, path, &why);
	if (!text && why.code == ERR_NOTFOUND && from)
		nft_problem(p->ret, from, "the included file %s is not there", path);
	else if (!text || p->files->count == NFT_FILES_MAX)
		p->ret->rules.is_odd = true;
	if (!text || p->files->count == NFT_FILES_MAX)
		return NULL;
	file = vec_add(p->files);
	file->path = mem_strdup(path);
	file->text = (struct str)STR_INIT;
	str_add_bytes(&file->text, text->s, text->len);
	*ret = (uint16_t)(p->files->count - 1);
	return &file->text;
}

static void load(struct loader *p, const char *path, const struct nft_token *from)
{
	struct nft_tokens tokens = { 0 };
	const char *why = NULL;
	uint32_t line = 0;
	uint16_t number = 0;
	const struct str *text = p->depth == DEPTH_MAX ? NULL : text_of(p, path, from, &number);

	if (!text) {
		p->ret->rules.is_odd |= p->depth == DEPTH_MAX;
		return;
	}
	p->depth++;
	if (!nft_split(text, number, &tokens, &why, &line))
		nft_problem(p->ret, &(struct nft_token){ .file = number, .line = line }, "%s", why);
	for (size_t i = 0; i < tokens.count && p->all->count < NFT_TOKENS_MAX; i++) {
		const struct nft_token *token = &tokens.items[i];
		bool is_first = i == 0 || tokens.items[i - 1].kind == NFT_END ||
				nft_is(&tokens.items[i - 1], "{");

		if (is_first && i + 1 < tokens.count && nft_is(token, "include"))
			include(p, &tokens.items[++i]);
		else if (is_first && (nft_is(token, "define") || nft_is(token, "redefine")))
			i = read_define(p, &tokens, i);
		else
			push_value(p, p->all, token);
	}
	p->ret->rules.is_odd |= p->all->count >= NFT_TOKENS_MAX;
	nft_tokens_done(&tokens);
	p->depth--;
}

void nft_load(const struct machine *machine, struct nft_files *files, struct nft_rules *ret,
	      struct nft_tokens *all)
{
	struct loader p = { .machine = machine, .files = files, .ret = ret, .all = all };

	load(&p, files->items[0].path, NULL);
	vec_foreach (define, &p.defines) {
		free(define->name);
		nft_tokens_done(&define->value);
	}
	vec_done(&p.defines);
}

void nft_files_done(struct nft_files *files)
{
	vec_foreach (file, files) {
		free(file->path);
		str_done(&file->text);
	}
	vec_done(files);
}
