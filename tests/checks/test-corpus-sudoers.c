/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/sudoers_*.c beside visudo -c, over real sudoers and mutations of them: an error on the same
 * lines, or on none. */
#include "checks/sudoers.h"
#include "tests/checks/scratch.h"

#include <ctype.h>

#define MUTATIONS 25 /* of each file; more with MUTATIONS in the environment */

static unsigned tests_run, tests_failed;

static void result(bool ok, const char *name)
{
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, name);
}

/* Mutations have to be the same in every run: xorshift64*. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

/* What visudo says of a good grammar: values and names that it does not know. sudo reads on. */
static bool is_no_syntax_error(const char *message)
{
	static const char *const texts[] = { "unknown defaults entry",
					     "invalid for option",
					     "no value specified",
					     "does not take a value",
					     "invalid operator",
					     "referenced but not defined",
					     "cycle in",
					     "unused ",
					     "problem with defaults" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strstr(message, texts[i]))
			return true;
	/* Of Defaults; CWD and CHROOT, whose values are part of the grammar, may be "~" too. */
	return strstr(message, "must start with a '/'") && !strstr(message, "'~'");
}

/* visudo alone compiles the expressions, and then says nothing else of the line. */
static bool is_of_an_expression(const char *message)
{
	return strstr(message, "Unmatched ") || strstr(message, "nvalid preceding regular");
}

/* "12 15 ": lines in which visudo finds an error. */
static void visudo_lines(const char *path, struct str *ret, struct str *ret_left_out)
{
	cleanup(free) char *command = mem_printf("LC_ALL=C visudo -c -f %s 2>&1", path);
	FILE *pipe = popen(command, "r");
	char line[4096];
	unsigned last = 0;

	while (pipe && fgets(line, sizeof(line), pipe)) {
		unsigned number;
		if (strncmp(line, path, strlen(path)) || is_no_syntax_error(line))
			continue;
		if (sscanf(line + strlen(path), ":%u:", &number) != 1 || number == last)
			continue;
		last = number;
		str_addf(is_of_an_expression(line) ? ret_left_out : ret, " %u ", number);
	}
	if (pipe)
		pclose(pipe);
}

static void our_lines(const struct str *text, const struct str *left_out, struct str *ret)
{
	cleanup(sudoers_done) struct sudoers sudoers;
	uint32_t last = 0;

	sudoers_parse(text, 10913, &sudoers);
	vec_foreach (problem, &sudoers.problems) {
		cleanup(free) char *number = mem_printf(" %u ", problem->line);
		if (problem->line != last && !strstr(left_out->s, number))
			str_add(ret, number);
		last = problem->line;
	}
}

/* Includes would lead to this machine's own files: each becomes a comment. */
static void without_includes(struct str *text)
{
	static const char *const words[] = { "#include", "@include" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		for (char *p = text->s; (p = strstr(p, words[i])); p++) {
			p[0] = '#';
			p[1] = 'x';
		}
}

/* Cuts, doubles, swaps or replaces some bytes at a random place. */
static void mutate(const struct str *text, uint64_t *state, struct str *ret)
{
	static const char bytes[] = " \t:=,!\\\"()#%+-/@^$*[]{}ALuz0\n\r~";
	size_t at = text->len ? next_random(state) % text->len : 0;
	size_t len = next_random(state) % 8;

	/* Comments are many and dull. */
	for (unsigned i = 0; i < 20 && text->len; i++) {
		size_t line = at;
		while (line && text->s[line - 1] != '\n')
			line--;
		if (text->s[line] != '#' && text->s[line] != '\n')
			break;
		at = next_random(state) % text->len;
	}

	str_add_bytes(ret, text->s, at);
	len = len < text->len - at ? len : text->len - at;
	switch (next_random(state) % 4) {
	case 0:
		break;
	case 1:
		str_add_bytes(ret, text->s + at, len);
		str_add_bytes(ret, text->s + at, len);
		break;
	case 2:
		str_add_char(ret, bytes[next_random(state) % (sizeof(bytes) - 1)]);
		str_add_bytes(ret, text->s + at, len);
		break;
	default:
		str_add_char(ret, bytes[next_random(state) % (sizeof(bytes) - 1)]);
		break;
	}
	str_add_bytes(ret, text->s + at + len, text->len - at - len);
}

static bool compare(const char *scratch, const struct str *text, const char *name)
{
	cleanup(str_done) struct str theirs = STR_INIT, ours = STR_INIT, left_out = STR_INIT;
	struct err err = ERR_INIT;

	if (file_replace(scratch, text->s, text->len, 0440, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	visudo_lines(scratch, &theirs, &left_out);
	our_lines(text, &left_out, &ours);
	if (str_eq(theirs.s, ours.s))
		return true;
	printf("# %s: visudo has errors on lines %s, we on %s\n", name,
	       theirs.len ? theirs.s : "none", ours.len ? ours.s : "none");
	if (getenv("KEEP"))
		printf("#--\n%s#--\n", text->s);
	return false;
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *dir = mem_printf("%s/sudoers", corpus);
	char scratch_dir[] = "/tmp/sudoers-XXXXXX";
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);
	unsigned mutations = 0, differ = 0;
	const char *count_text = getenv("MUTATIONS");
	unsigned count = count_text ? (unsigned)strtoul(count_text, NULL, 10) : MUTATIONS;
	uint64_t state = 88172645463325252u;

	if (n < 0 || system("command -v visudo >/dev/null 2>&1") != 0) {
		printf("1..0 # SKIP %s\n", n < 0 ? "no corpus" : "visudo is not installed");
		return 0;
	}
	if (!mkdtemp(scratch_dir))
		return 1;
	cleanup(free) char *scratch = mem_printf("%s/sudoers", scratch_dir);
	for (int i = 0; i < n; i++) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, list[i]->d_name);
		cleanup(str_done) struct str text = STR_INIT;
		struct err err = ERR_INIT;

		if (list[i]->d_name[0] != '.' && !file_read(path, TREE_FILE_MAX, &text, &err)) {
			without_includes(&text);
			result(compare(scratch, &text, list[i]->d_name), list[i]->d_name);
			for (unsigned k = 0; k < count; k++, mutations++) {
				cleanup(str_done) struct str changed = STR_INIT;
				mutate(&text, &state, &changed);
				without_includes(&changed);
				differ += !compare(scratch, &changed, list[i]->d_name);
			}
		}
		free(list[i]);
	}
	free(list);
	printf("# %u mutations, %u differ\n", mutations, differ);
	result(!differ, "the same lines as visudo in every mutation");
	unlink(scratch);
	rmdir(scratch_dir);
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
