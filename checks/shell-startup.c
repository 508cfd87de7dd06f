/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "fs/lines.h"

#include <ctype.h>

/* Start-up files are code: only what stands outside of any if, loop, case or function is certain to
 * run. Blocks are counted by the words that begin and end them; a file in which they do not add up
 * is left alone. */

struct blocks {
	int depth;
	bool is_lost; /* a quote over several lines, a here document: no word is certain */
};

static bool is_one_of(const char *p, size_t len, const char *const *words)
{
	for (; *words; words++)
		if (str_is(p, len, *words))
			return true;
	return false;
}

/* The length of a quoted string at the place; 0: it does not end in this line. */
static size_t quoted_len(const char *p)
{
	char quote = *p;
	size_t n = 1;

	while (p[n] && p[n] != quote)
		n += p[n] == '\\' && quote != '\'' && p[n + 1] ? 2 : 1;
	return p[n] ? n + 1 : 0;
}

static void count_blocks(struct blocks *blocks, const char *p)
{
	static const char *const opening[] = { "if", "case", "do", "{", NULL };
	static const char *const closing[] = { "fi", "esac", "done", "}", NULL };
	static const char *const leading[] = { "then", "else",	"do",	 "{",	 "elif", "if",
					       "!",    "while", "until", "time", NULL };
	bool at_command = true;

	while (*p) {
		size_t len = strcspn(p, " \t\r;&|'\"`");
		if (*p == '#' && at_command)
			return;
		if (p[0] == '<' && p[1] == '<')
			blocks->is_lost = true;
		if (*p == '\'' || *p == '"' || *p == '`') {
			size_t quoted = quoted_len(p);
			blocks->is_lost |= !quoted;
			p += quoted ? quoted : strlen(p);
			at_command = false;
			continue;
		}
		if (!len) {
			at_command |= strchr(";&|", *p) != NULL;
			if (isspace((unsigned char)*p) && p[1] == '#')
				return;
			p++;
			continue;
		}
		if (at_command) {
			blocks->depth += is_one_of(p, len, opening);
			blocks->depth -= is_one_of(p, len, closing);
		}
		/* "name() {", "pattern) command" */
		at_command = (at_command && is_one_of(p, len, leading)) || p[len - 1] == ')';
		p += len;
	}
}

enum ending { ENDS_NOT, ENDS_FILE, ENDS_SHELL, ENDS_IN_A_LOOP };

/* What a command outside of all blocks does to the shell that reads it. */
static enum ending ending_of(const char *s, bool is_read_by_each)
{
	static const char *const ends[] = { "exit", "logout", NULL };
	static const char *const shells[] = { "bash",	"/bin/bash",  "/usr/bin/bash",
					      "$SHELL", "\"$SHELL\"", NULL };
	static const char *const nothing[] = { "false",
					       "true",
					       "/bin/false",
					       "/bin/true",
					       "/usr/bin/false",
					       "/usr/bin/true",
					       "/sbin/nologin",
					       "/usr/sbin/nologin",
					       NULL };
	size_t len = strcspn(s, " \t\r;#"), arg;
	const char *p = s + len + strspn(s + len, " \t");

	/* Not the first of several that depend on each other: it alone decides nothing. */
	if (strstr(s, "||") || strstr(s, "&&"))
		return ENDS_NOT;
	if (str_is(s, len, "return"))
		return ENDS_FILE;
	if (is_one_of(s, len, ends))
		return ENDS_SHELL;
	if (!str_is(s, len, "exec"))
		return str_starts(s, "kill -9 $$") ? ENDS_SHELL : ENDS_NOT;
	arg = strcspn(p, " \t\r;#");
	if (is_one_of(p, arg, nothing))
		return ENDS_SHELL;
	return is_read_by_each && is_one_of(p, arg, shells) ? ENDS_IN_A_LOOP : ENDS_NOT;
}

struct scene {
	const struct machine *machine;
	const char *whose;
	struct findings *out;
};

/* `is_read_by_each`: by every shell, not by that of a login alone. False: the login goes no further
 * than this file. */
static void look_at(const struct scene *scene, const char *path, bool is_read_by_each)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(scene->machine, path, &err);
	struct blocks blocks = { 0 };
	enum ending ending = ENDS_NOT;
	uint32_t number = 0, at = 0;

	for (const char *p = text ? text->s : ""; *p && !blocks.is_lost;) {
		size_t len = strcspn(p, "\n");
		cleanup(free) char *line = mem_strndup(p, len);
		const char *s = line + strspn(line, " \t");
		number++;
		if (!at && !blocks.depth && *s != '#') {
			ending = ending_of(s, is_read_by_each);
			at = ending != ENDS_NOT ? number : 0;
		}
		/* A line that goes on may hold anything. */
		blocks.is_lost |= len && line[len - 1] == '\\';
		count_blocks(&blocks, line);
		blocks.is_lost |= blocks.depth < 0;
		p += len + (p[len] == '\n');
	}
	if (!at || blocks.is_lost || blocks.depth || ending == ENDS_FILE)
		return;
	cleanup(str_done) struct str bad = STR_INIT;
	lines_copy(text->s, text->len, at, 1, &bad);
	struct finding *finding = finding_add(
		scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "108", path, at,
		ending == ENDS_SHELL ? "%s ends the shell of %s as soon as it starts"
				     : "%s starts the shell of %s again, which reads this line "
				       "again, without end",
		machine_quote(scene->machine, bad.s, strcspn(bad.s, "\r\n")), scene->whose);
	lines_edit_comment(&finding->edits, path, text, at, 1);
}

static void look_at_home(const struct machine *machine, const struct person *person,
			 struct findings *out)
{
	static const char *const logins[] = { ".bash_profile", ".bash_login", ".profile" };
	const struct scene scene = {
		machine, machine_quote(machine, person->user->name, strlen(person->user->name)), out
	};
	cleanup(free) char *rc = mem_printf("%s/.bashrc", person->user->home);

	/* bash reads the first that is there. */
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", person->user->home, logins[i]);
		if (!tree_exists(machine_tree(machine), path))
			continue;
		look_at(&scene, path, false);
		break;
	}
	look_at(&scene, rc, true);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct tree_names *names = machine_list(machine, "/etc/profile.d");
	const struct scene everybody = { machine, "everybody", out };
	const struct people *people = NULL;

	if (accounts_people(machine, NULL, &people, err) < 0)
		return -1;
	look_at(&everybody, "/etc/profile", false);
	look_at(&everybody, "/etc/bash.bashrc", true);
	look_at(&everybody, "/etc/bashrc", true);
	for (size_t i = 0; names && i < names->count && i < 500; i++) {
		cleanup(free) char *path = mem_printf("/etc/profile.d/%s", names->items[i]);
		if (str_ends(path, ".sh"))
			look_at(&everybody, path, false);
	}
	vec_foreach (person, &people->persons)
		if (account_has_way_in(person) && out->count < 50 && person->user->home[0] == '/' &&
		    (str_ends(person->user->shell, "bash") || str_ends(person->user->shell, "/sh")))
			look_at_home(machine, person, out);
	return 0;
}

const struct check check_shell_startup = {
	.name = "shell-startup",
	.title = "a start-up file of the shell ends every login",
	.explain = "The shell of a login reads /etc/profile, /etc/profile.d and files in the home "
		   "into "
		   "itself: an \"exit\" there ends it before the first prompt, and an \"exec "
		   "bash\" in "
		   "a file that every shell reads never comes to an end. Only commands outside of "
		   "any block are judged, and a file whose blocks do not add up is left alone. The "
		   "repair makes the line a comment; as these files are code, it is offered.",
	.source = "bash(1), INVOCATION, exit, exec",
	.rows = "108",
	.repair = REPAIR_OFFERED,
	.examine = examine,
};
