/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

/* Lines into words, in the two ways of OpenSSH. */

#define WHITESPACE " \t\r\n"

char *sshd_strdelim(char **s)
{
	if (!*s)
		return NULL;
	char *old = *s;
	char *end = strpbrk(old, WHITESPACE "\"=");
	if (!end) {
		*s = NULL;
		return old;
	}
	if (*end == '"') { /* the quote's text belongs to the word it stands in */
		memmove(end, end + 1, strlen(end));
		char *close = strchr(end, '"');
		if (!close) {
			*s = NULL;
			return NULL;
		}
		*close = '\0';
		*s = close + 1 + strspn(close + 1, WHITESPACE);
		return old;
	}
	bool had_equals = *end == '=';
	*end = '\0';
	end += 1 + strspn(end + 1, WHITESPACE);
	if (*end == '=' && !had_equals)
		end += 1 + strspn(end + 1, WHITESPACE);
	*s = end;
	return old;
}

static void add_arg(struct sshd_words *w, char *arg)
{
	w->args = mem_realloc(w->args, (w->count + 1) * sizeof(*w->args));
	w->args[w->count++] = arg;
}

/* One shell-like word of s at *i into a new string; NULL when a quote is left open. */
static char *split_word(const char *s, size_t *i)
{
	char *word = mem_alloc(strlen(s + *i) + 1);
	size_t len = 0;
	char quote = '\0';

	for (; s[*i]; (*i)++) {
		char c = s[*i], next = s[*i + 1];
		if (c == '\\' &&
		    (next == '\'' || next == '"' || next == '\\' || (!quote && next == ' '))) {
			word[len++] = next;
			(*i)++;
		} else if (!quote && (c == ' ' || c == '\t')) {
			break;
		} else if (!quote && (c == '"' || c == '\'')) {
			quote = c;
		} else if (quote && c == quote) {
			quote = '\0';
		} else {
			word[len++] = c;
		}
	}
	if (!quote)
		return word;
	free(word);
	return NULL;
}

static bool split_like_shell(const char *s, struct sshd_words *ret)
{
	for (size_t i = 0; s[i];) {
		if (s[i] == ' ' || s[i] == '\t') {
			i++;
			continue;
		}
		if (s[i] == '#')
			break;
		char *word = split_word(s, &i);
		if (!word)
			return false;
		add_arg(ret, word);
	}
	return true;
}

void sshd_words_split(const char *line, uint32_t version, struct sshd_words *ret)
{
	bool is_modern = version >= 807;
	cleanup(free) char *copy = mem_strdup(line + strspn(line, " \t\r"));
	size_t len = strlen(copy);

	*ret = (struct sshd_words){ 0 };
	char *hash = is_modern ? NULL : strchr(copy, '#');
	if (hash)
		len = (size_t)(hash - copy);
	while (len > 0 && strchr(WHITESPACE "\f", copy[len - 1]))
		len--;
	copy[len] = '\0';

	char *str = copy;
	char *name = sshd_strdelim(&str);
	if (name && !*name)
		name = sshd_strdelim(&str);
	if (!name || !*name || *name == '#')
		return;
	ret->name = mem_strdup(name);
	ret->rest = mem_strdup(str ? str : "");
	if (is_modern) {
		if (!*ret->rest)
			ret->fatal = mem_printf("the keyword has no argument");
		else if (!split_like_shell(ret->rest, ret))
			ret->fatal = mem_printf("a quote is not closed");
		return;
	}
	for (char *arg; (arg = sshd_strdelim(&str)) && *arg;)
		add_arg(ret, mem_strdup(arg));
}

void sshd_words_done(struct sshd_words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->args[i]);
	free(w->args);
	free(w->name);
	free(w->rest);
	free(w->fatal);
	*w = (struct sshd_words){ 0 };
}
