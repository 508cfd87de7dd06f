/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands of a script come to: never ending, waiting for the network, switching off. */
#include "checks/shell_scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define FOREVER_S 3600u /* who sleeps for an hour in a boot sleeps for ever */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_one_of(const char *word, const char *const list[])
{
	for (size_t i = 0; list[i]; i++)
		if (str_eq(word, list[i]))
			return true;
	return false;
}

static bool is_assignment(const char *word)
{
	size_t len =
		strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	return len && word[len] == '=' && !isdigit((unsigned char)*word);
}

/* The letters of its options that take a word of their own; NULL: no wrapper. */
static const char *wrapper_options(const char *name)
{
	static const struct {
		const char *name, *letters;
	} wrappers[] = { { "sudo", "ugpCT" }, { "env", "uC" },	 { "nohup", "" },
			 { "exec", "a" },     { "nice", "n" },	 { "ionice", "cn" },
			 { "setsid", "" },    { "command", "" }, { "builtin", "" },
			 { "stdbuf", "oei" }, { "chronic", "" } };

	for (size_t i = 0; i < ARRAY_LEN(wrappers); i++)
		if (str_eq(wrappers[i].name, name))
			return wrappers[i].letters;
	return NULL;
}

const char *shell_program(const struct tree_names *words, size_t *ret_first)
{
	size_t i = 0;

	while (i < words->count) {
		const char *letters = wrapper_options(base_name(words->items[i]));

		if (is_assignment(words->items[i])) {
			i++;
			continue;
		}
		if (!letters)
			break;
		for (i++; i < words->count && words->items[i][0] == '-'; i++)
			if (words->items[i][1] && !words->items[i][2] &&
			    strchr(letters, words->items[i][1]))
				i++;
	}
	if (i >= words->count)
		return NULL;
	if (ret_first)
		*ret_first = i;
	return base_name(words->items[i]);
}

uint64_t shell_sleep_seconds(const struct tree_names *words, size_t first)
{
	uint64_t total = 0;

	for (size_t i = first; i < words->count; i++) {
		char *end;
		double number;

		if (str_eq(words->items[i], "infinity") || str_eq(words->items[i], "inf"))
			return UINT64_MAX;
		number = strtod(words->items[i], &end);
		if (end == words->items[i] || !(number >= 0))
			return 0; /* a variable */
		number *= *end == 'm' ? 60 : *end == 'h' ? 3600 : *end == 'd' ? 86400 : 1;
		if (number > 1e12)
			return UINT64_MAX;
		total += (uint64_t)number;
	}
	return total;
}

/* Has it an option of these letters ("f" finds -f and -nf), or one of the long ones? */
static bool has_option(const struct tree_names *words, size_t first, char letter, const char *word)
{
	for (size_t i = first; i < words->count; i++) {
		const char *w = words->items[i];

		if (word && str_starts(w, word))
			return true;
		if (letter && w[0] == '-' && w[1] != '-' && strchr(w + 1, letter))
			return true;
	}
	return false;
}

enum shell_end shell_words_end(const struct tree_names *words)
{
	size_t at = 0;
	const char *name = shell_program(words, &at);

	if (!name)
		return SHELL_ENDS;
	at++;
	if (str_eq(name, "sleep"))
		return shell_sleep_seconds(words, at) >= FOREVER_S ? SHELL_NEVER : SHELL_ENDS;
	if (str_eq(name, "tail"))
		return has_option(words, at, 'f', "--follow") || has_option(words, at, 'F', NULL)
			       ? SHELL_NEVER
			       : SHELL_ENDS;
	if (str_eq(name, "journalctl"))
		return has_option(words, at, 'f', "--follow") ? SHELL_NEVER : SHELL_ENDS;
	if (str_eq(name, "dmesg"))
		return has_option(words, at, 'w', "--follow") ? SHELL_NEVER : SHELL_ENDS;
	if (str_eq(name, "ping") || str_eq(name, "ping6"))
		return at < words->count && !has_option(words, at, 'c', NULL) &&
				       !has_option(words, at, 'w', NULL)
			       ? SHELL_NEVER
			       : SHELL_ENDS;
	if (str_eq(name, "yes") || (str_eq(name, "watch") && at < words->count))
		return SHELL_NEVER;
	if (str_starts(name, "python") && at + 1 < words->count)
		return str_eq(words->items[at], "-m") && str_eq(words->items[at + 1], "http.server")
			       ? SHELL_NEVER
			       : SHELL_ENDS;
	if ((str_eq(name, "sh") || str_eq(name, "bash") || str_eq(name, "dash")) &&
	    at + 1 < words->count && words->items[at][0] == '-' && strchr(words->items[at], 'c')) {
		cleanup(shell_script_done) struct shell_script inner = { 0 };

		shell_scan(words->items[at + 1], strlen(words->items[at + 1]), &inner);
		return shell_script_end(&inner, NULL);
	}
	return SHELL_ENDS;
}

/* Programs that ask somebody on the network. */
static bool asks_network(const struct tree_names *words)
{
	static const char *const names[] = { "ping",	   "ping6",	"curl",	   "wget",
					     "nc",	   "ncat",	"host",	   "dig",
					     "nslookup",   "telnet",	"nmap",	   "ssh",
					     "aws",	   "showmount", "rpcinfo", "mysqladmin",
					     "pg_isready", NULL };
	const char *name = shell_program(words, NULL);

	if (!name)
		return false;
	if (str_eq(name, "getent"))
		return words->count > 2 && str_eq(words->items[1], "hosts");
	return is_one_of(name, names);
}

static enum shell_end loop_end(const struct shell_script *script, const struct shell_loop *loop)
{
	static const char *const true_words[] = { "true", ":", NULL };
	static const char *const false_words[] = { "false", NULL };
	const struct tree_names *words;
	const char *name;

	if (loop->has_exit || loop->is_conditional || loop->is_background ||
	    loop->body != loop->first + 1)
		return SHELL_ENDS;
	words = &script->commands.items[loop->first].words;
	name = shell_program(words, NULL);
	if (!name)
		return SHELL_ENDS;
	if (is_one_of(name, loop->is_until ? false_words : true_words))
		return SHELL_NEVER;
	if (!loop->is_until && str_eq(name, "[") && words->count == 3 &&
	    (str_eq(words->items[1], "1") || str_eq(words->items[1], "true")))
		return SHELL_NEVER;
	return asks_network(words) ? SHELL_NEEDS_NETWORK : SHELL_ENDS;
}

enum shell_end shell_script_end(const struct shell_script *script, uint32_t *ret_line)
{
	enum shell_end end = SHELL_ENDS;

	vec_foreach (command, &script->commands) {
		if (command->is_conditional || command->is_background || command->is_after_exit ||
		    shell_words_end(&command->words) != SHELL_NEVER)
			continue;
		if (ret_line)
			*ret_line = command->line;
		end = SHELL_NEVER;
		break;
	}
	vec_foreach (loop, &script->loops) {
		enum shell_end this = loop_end(script, loop);

		if (this == SHELL_ENDS || end != SHELL_ENDS)
			continue;
		/* What may end the script before the loop is in doubt. */
		if (script->commands.items[loop->first].is_after_exit)
			continue;
		if (ret_line)
			*ret_line = loop->line;
		end = this;
	}
	return end;
}

/* ---- switching off --------------------------------------------------------------------------- */

/* shutdown [-rhPH] [TIME]: in a minute when nothing says when. */
static bool shutdown_is_soon(const struct tree_names *words, size_t first, uint64_t soon_s)
{
	for (size_t i = first; i < words->count; i++) {
		const char *w = words->items[i];
		char *end;

		if (w[0] == '-' && w[1] != '-') {
			if (strpbrk(w, "ck")) /* cancel, only a warning */
				return false;
			if (str_eq(w, "-t"))
				i++;
			continue;
		}
		if (w[0] == '-') {
			if (str_eq(w, "--help") || str_eq(w, "--show"))
				return false;
			continue;
		}
		if (str_eq(w, "now"))
			return true;
		if (strchr(w, ':'))
			return false; /* at a time of the day */
		errno = 0;
		unsigned long minutes = strtoul(w + (*w == '+'), &end, 10);
		if (errno || *end || end == w + (*w == '+'))
			return false;
		return minutes <= soon_s / 60;
	}
	return true;
}

static bool systemctl_is_reboot(const struct tree_names *words, size_t first)
{
	static const char *const verbs[] = { "reboot",	    "poweroff", "halt",	     "kexec",
					     "soft-reboot", "rescue",	"emergency", NULL };
	static const char *const targets[] = {
		"reboot.target",    "poweroff.target",	"halt.target",	    "rescue.target",
		"emergency.target", "runlevel0.target", "runlevel6.target", "reboot",
		"poweroff",	    "rescue",		"emergency",	    NULL
	};
	static const char *const starts[] = { "isolate", "start", NULL };
	bool is_start = false;

	for (size_t i = first; i < words->count; i++) {
		const char *w = words->items[i];

		if (w[0] == '-') {
			if (str_starts(w, "--when") || str_eq(w, "--help"))
				return false;
			continue;
		}
		if (is_start)
			return is_one_of(w, targets);
		if (is_one_of(w, verbs))
			return true;
		is_start = is_one_of(w, starts);
		if (!is_start)
			return false;
	}
	return false;
}

bool shell_words_reboot(const struct tree_names *words, uint64_t soon_s)
{
	static const char *const names[] = { "reboot", "poweroff", "halt", NULL };
	size_t at = 0;
	const char *name = shell_program(words, &at);

	if (!name)
		return false;
	at++;
	if (is_one_of(name, names))
		return !has_option(words, at, 'w', "--wtmp-only") &&
		       !has_option(words, at, 0, "--help");
	if (str_eq(name, "shutdown"))
		return shutdown_is_soon(words, at, soon_s);
	if (str_eq(name, "init") || str_eq(name, "telinit"))
		return at + 1 == words->count && strlen(words->items[at]) == 1 &&
		       strchr("016sS", words->items[at][0]);
	if (str_eq(name, "systemctl"))
		return systemctl_is_reboot(words, at);
	if ((str_eq(name, "sh") || str_eq(name, "bash") || str_eq(name, "dash")) &&
	    at + 1 < words->count && words->items[at][0] == '-' && strchr(words->items[at], 'c')) {
		cleanup(shell_script_done) struct shell_script inner = { 0 };

		shell_scan(words->items[at + 1], strlen(words->items[at + 1]), &inner);
		return shell_script_reboot(&inner, soon_s);
	}
	return false;
}

const struct shell_command *shell_script_reboot(const struct shell_script *script, uint64_t soon_s)
{
	vec_foreach (command, &script->commands) {
		size_t at = 0;
		const char *name = shell_program(&command->words, &at);

		if (command->is_conditional || command->is_after_exit)
			continue;
		/* Sleeping before is delaying, as shutdown +N is. */
		if (name && str_eq(name, "sleep")) {
			uint64_t sleeps = shell_sleep_seconds(&command->words, at + 1);

			if (sleeps > soon_s)
				return NULL;
			soon_s -= sleeps;
		}
		if (shell_words_reboot(&command->words, soon_s))
			return command;
	}
	return NULL;
}
