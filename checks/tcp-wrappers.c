/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "checks/sshd_witness.h"
#include "fs/lines.h"

#include <strings.h>

static const char allow_path[] = "/etc/hosts.allow", deny_path[] = "/etc/hosts.deny";

/* A rule: daemons : clients : options. Lines that end in a backslash go on. */
struct rule {
	uint32_t line, line_count;
	char *daemons, *clients, *options;
	bool is_against_known; /* refuses somebody who has logged in before, from here: */
	struct ip known;
};
VEC_TYPE(rules, struct rule);

static void rules_done(struct rules *rules)
{
	vec_foreach (rule, rules) {
		free(rule->daemons);
		free(rule->clients);
		free(rule->options);
	}
	vec_done(rules);
}
DEFINE_CLEANUP_DONE(struct rules, rules_done)

/* Up to a colon that is not escaped and not in brackets (an IPv6 address). */
static char *take_part(const char **p)
{
	size_t len = 0;
	bool in_brackets = false;

	while ((*p)[len] && (in_brackets || (*p)[len] != ':')) {
		in_brackets = (*p)[len] == '[' || (in_brackets && (*p)[len] != ']');
		len += (*p)[len] == '\\' && (*p)[len + 1] ? 2 : 1;
	}
	char *part = mem_strndup(*p, len);
	*p += len + ((*p)[len] == ':');
	return part;
}

static void read_rules(const struct str *text, struct rules *ret)
{
	uint32_t number = 0;

	for (const char *p = text ? text->s : ""; *p && ret->count < 10000;) {
		cleanup(str_done) struct str line = STR_INIT;
		uint32_t first = ++number;
		size_t len = strcspn(p, "\n");
		str_add_bytes(&line, p, len);
		p += len + (p[len] == '\n');
		while (line.len && line.s[line.len - 1] == '\\' && *p) {
			line.s[--line.len] = '\0';
			len = strcspn(p, "\n");
			str_add_bytes(&line, p, len);
			p += len + (p[len] == '\n');
			number++;
		}
		const char *s = line.s;
		if (*s == '#' || !s[strspn(s, " \t\r\n")] || !strchr(s, ':'))
			continue;
		struct rule *rule = vec_add(ret);
		*rule = (struct rule){ .line = first, .line_count = number - first + 1 };
		rule->daemons = take_part(&s);
		rule->clients = take_part(&s);
		rule->options = mem_strdup(s);
	}
}

static bool next_word(const char **p, const char **word, size_t *len)
{
	*p += strspn(*p, " \t\r,");
	*word = *p;
	*len = strcspn(*p, " \t\r,");
	*p += *len;
	return *len > 0;
}

static bool is_for_sshd(const struct rule *rule)
{
	const char *p = rule->daemons, *word;
	bool ret = false;
	size_t len;

	while (next_word(&p, &word, &len)) {
		if (str_is_nocase(word, len, "EXCEPT")) {
			while (next_word(&p, &word, &len))
				if (str_is_nocase(word, len, "sshd") ||
				    str_is_nocase(word, len, "ALL"))
					return false;
			return ret;
		}
		ret |= str_is_nocase(word, len, "ALL") || str_is_nocase(word, len, "sshd") ||
		       (len > 5 && !strncasecmp(word, "sshd@", 5));
	}
	return ret;
}

/* "ALL" and nothing that is excepted from it. */
static bool is_for_everybody(const struct rule *rule)
{
	const char *p = rule->clients, *word;
	bool all = false;
	size_t len;

	while (next_word(&p, &word, &len)) {
		if (str_is_nocase(word, len, "EXCEPT"))
			return false;
		all |= str_is_nocase(word, len, "ALL") || str_is_nocase(word, len, "0.0.0.0/0") ||
		       str_is_nocase(word, len, "0.0.0.0/0.0.0.0");
	}
	return all;
}

/* Addresses that nobody outside has. */
static bool is_for_itself_alone(const struct rule *rule)
{
	static const char *const names[] = { "LOCAL", "localhost",  "127.0.0.1",
					     "127.",  "[::1]",	    "localhost.localdomain",
					     "::1",   "127.0.0.0/8" };
	const char *p = rule->clients, *word;
	size_t len, count = 0;

	while (next_word(&p, &word, &len)) {
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			known |= str_is_nocase(word, len, names[i]);
		if (!known)
			return false;
		count++;
	}
	return count > 0;
}

enum match { MATCH_NO, MATCH_MAYBE, MATCH_YES };

/* "10." and "10.*": the first numbers of an address. */
static bool is_prefix_of(const char *pattern, const struct ip *ip)
{
	char text[IP_TEXT_MAX + 1];
	size_t len = strlen(pattern);

	if (len > 2 && str_ends(pattern, ".*"))
		len--;
	ip_text(ip, text);
	return len && pattern[len - 1] == '.' && !strncmp(text, pattern, len);
}

/* Names, netgroups and files of patterns are what only the running system knows. */
static enum match match_one(const char *pattern, const struct ip *ip)
{
	const char *slash = strchr(pattern, '/');
	struct ip_net net;

	if (!strcasecmp(pattern, "ALL") || is_prefix_of(pattern, ip))
		return MATCH_YES;
	if (!ip_net_parse(pattern, &net))
		return ip_in(ip, &net) ? MATCH_YES : MATCH_NO;
	if (slash && ip_netmask_parse(slash + 1) >= 0) {
		cleanup(free) char *text = mem_printf("%.*s/%d", (int)(slash - pattern), pattern,
						      ip_netmask_parse(slash + 1));
		if (!ip_net_parse(text, &net))
			return ip_in(ip, &net) ? MATCH_YES : MATCH_NO;
	}
	return pattern[strspn(pattern, "0123456789.")] ? MATCH_MAYBE : MATCH_NO;
}

static enum match match_clients(const struct rule *rule, const struct ip *ip)
{
	const char *p = rule->clients, *word;
	enum match ret = MATCH_NO;
	bool is_exception = false;
	size_t len;

	while (next_word(&p, &word, &len)) {
		cleanup(free) char *pattern = mem_strndup(word, len);
		enum match is;

		if (str_is_nocase(word, len, "EXCEPT")) {
			is_exception = true;
			continue;
		}
		is = match_one(pattern, ip);
		if (!is_exception)
			ret = is > ret ? is : ret;
		else if (is != MATCH_NO)
			ret = is == MATCH_YES || ret == MATCH_NO ? MATCH_NO : MATCH_MAYBE;
	}
	return ret;
}

/* The last word of the options decides, whichever file the rule is in. */
static bool is_refusal(const struct rule *rule, bool is_in_deny)
{
	const char *last = strrchr(rule->options, ':');

	last = last ? last + 1 : rule->options;
	last += strspn(last, " \t\r");
	size_t len = strcspn(last, " \t\r");
	if (str_is_nocase(last, len, "deny"))
		return true;
	return str_is_nocase(last, len, "allow") ? false : is_in_deny;
}

/* The rule that refuses sshd's clients, all of them; *ret_open: somebody may be let in before. */
static const struct rule *refusal(const struct rules *rules, bool is_in_deny, bool *ret_open)
{
	vec_foreach (rule, rules) {
		if (!is_for_sshd(rule))
			continue;
		if (!is_refusal(rule, is_in_deny)) {
			if (!is_for_itself_alone(rule)) {
				*ret_open = true;
				return NULL;
			}
		} else if (is_for_everybody(rule))
			return rule;
	}
	return NULL;
}

/* A rule that names sshd alone was made for it; another keeps its word for the rest. */
static void mend(const struct rule *rule, const char *path, const struct str *text,
		 const struct str *allow, struct finding *finding)
{
	const char *p = rule->daemons, *word;
	const struct tree_new as = { .mode = 0644 };
	size_t len;

	next_word(&p, &word, &len);
	if (str_is_nocase(word, len, "sshd") && !next_word(&p, &word, &len))
		lines_edit_comment(&finding->edits, path, text, rule->line, rule->line_count);
	else if (path == allow_path)
		lines_edit_insert(&finding->edits, path, text, rule->line, "sshd : ALL\n");
	else if (allow)
		lines_edit_insert(&finding->edits, allow_path, allow,
				  lines_count(allow->s, allow->len) + 1, "sshd : ALL\n");
	else
		edit_create(&finding->edits, allow_path, &as, "sshd : ALL\n", 11);
}

static bool refuses_some(const struct rules *rules, bool is_in_deny)
{
	vec_foreach (rule, rules)
		if (is_for_sshd(rule) && is_refusal(rule, is_in_deny))
			return true;
	return false;
}

/* Is the client refused by a rule of these before one may let it in? Marks those that do. */
static bool refuse(struct rules *rules, bool is_in_deny, const struct ip *client, bool *ret_ended)
{
	bool refused = false;

	*ret_ended = false;
	vec_foreach (rule, rules) {
		enum match is = is_for_sshd(rule) ? match_clients(rule, client) : MATCH_NO;

		if (is == MATCH_NO)
			continue;
		if (!is_refusal(rule, is_in_deny)) {
			*ret_ended = true;
			break;
		}
		if (is == MATCH_MAYBE)
			continue;
		rule->is_against_known = refused = true;
		rule->known = *client;
	}
	return refused;
}

/* sshd is taken out of the rule; a rule for nothing else becomes a comment. */
static void except_sshd(const struct rule *rule, const char *path, const struct str *text,
			struct finding *finding)
{
	cleanup(str_done) struct str new = STR_INIT, old = STR_INIT;
	const char *p = rule->daemons, *word;
	bool has_exception = false;
	bool is_sshd_alone = true;
	size_t len, end = 0;

	while (next_word(&p, &word, &len)) {
		has_exception |= str_is_nocase(word, len, "EXCEPT");
		is_sshd_alone &= str_is_nocase(word, len, "sshd");
		end = (size_t)(word + len - rule->daemons);
	}
	if (is_sshd_alone) {
		lines_edit_comment(&finding->edits, path, text, rule->line, rule->line_count);
		return;
	}
	lines_copy(text->s, text->len, rule->line, rule->line_count, &old);
	if (rule->line_count > 1 || strncmp(old.s, rule->daemons, end)) {
		finding->repair = REPAIR_NONE;
		return;
	}
	str_add_bytes(&new, old.s, end);
	str_add(&new, has_exception ? " sshd" : " EXCEPT sshd");
	str_add(&new, old.s + end);
	lines_edit_replace(&finding->edits, path, text, rule->line, 1, new.s);
}

static void report_against_known(const struct machine *machine, const struct rules *rules,
				 const char *path, const struct str *text, struct findings *out)
{
	vec_foreach (rule, rules) {
		const char *at = rule->clients + strspn(rule->clients, " \t");
		struct finding *finding;
		char client[IP_TEXT_MAX];
		size_t len = strlen(at);

		if (!rule->is_against_known)
			continue;
		while (len && strchr(" \t\r", at[len - 1]))
			len--;
		ip_text(&rule->known, client);
		finding = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "95", path, rule->line,
			"%s refuses sshd's clients at %s, among them %s, and the logs tell of no "
			"login but from addresses that are refused: the connection is closed at "
			"once",
			path, machine_quote(machine, at, len), client);
		except_sshd(rule, path, text, finding);
	}
}

/* A list of addresses to refuse, and on it all from which anybody has logged in. Where everybody is
 * refused but for some that are named, that is somebody's intention. */
static void examine_known(const struct machine *machine, struct rules *allow,
			  const struct str *allow_text, struct rules *deny,
			  const struct str *deny_text, struct findings *out)
{
	cleanup(witness_clients_done) struct witness_clients clients = { 0 };

	witness_clients(machine, &clients);
	vec_foreach (client, &clients) {
		bool is_ended, refused = refuse(allow, false, client, &is_ended);

		if (!is_ended)
			refused |= refuse(deny, true, client, &is_ended);
		if (!refused)
			return;
	}
	vec_foreach (rule, allow)
		if (rule->is_against_known && is_for_everybody(rule))
			return;
	vec_foreach (rule, deny)
		if (rule->is_against_known && is_for_everybody(rule))
			return;
	report_against_known(machine, allow, allow_path, allow_text, out);
	report_against_known(machine, deny, deny_path, deny_text, out);
}

/* Only an sshd that is linked with the library asks these files; from 9.8 on it is the program of a
 * session that does. */
static bool asks_wrappers(const struct machine *machine)
{
	static const char *const paths[] = { "/usr/sbin/sshd", "/usr/lib/openssh/sshd-session",
					     "/usr/libexec/openssh/sshd-session",
					     "/usr/lib/ssh/sshd-session" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct err err = ERR_INIT;
		const struct str *bytes = machine_file(machine, paths[i], &err);
		if (bytes && memmem(bytes->s, bytes->len, "libwrap.so", strlen("libwrap.so")))
			return true;
	}
	return false;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(rules_done) struct rules allow = { 0 }, deny = { 0 };
	struct err allow_err = ERR_INIT, deny_err = ERR_INIT;
	const struct str *allow_text, *deny_text;
	const struct rule *rule;
	bool is_open = false;

	if (!asks_wrappers(machine))
		return 0;
	allow_text = machine_file(machine, allow_path, &allow_err);
	deny_text = machine_file(machine, deny_path, &deny_err);
	if ((!allow_text && allow_err.code != ERR_NOTFOUND) ||
	    (!deny_text && deny_err.code != ERR_NOTFOUND)) {
		*err = allow_text || allow_err.code == ERR_NOTFOUND ? deny_err : allow_err;
		return -1;
	}
	read_rules(allow_text, &allow);
	read_rules(deny_text, &deny);
	const char *path = allow_path;
	rule = refusal(&allow, false, &is_open);
	if (!rule && !is_open) {
		path = deny_path;
		rule = refusal(&deny, true, &is_open);
	}
	if (!rule) {
		/* Else no log has to be read. */
		if (refuses_some(&allow, false) || refuses_some(&deny, true))
			examine_known(machine, &allow, allow_text, &deny, deny_text, out);
		return 0;
	}
	struct finding *finding = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "95", path, rule->line,
		"%s refuses every client of sshd, and no rule before it lets one in: the "
		"connection is closed at once",
		path);
	mend(rule, path, path == allow_path ? allow_text : deny_text, allow_text, finding);
	return 0;
}

const struct check check_tcp_wrappers = {
	.name = "tcp-wrappers",
	.title = "hosts.deny refuses every client of sshd",
	.explain =
		"An sshd that is linked with libwrap (Debian's, Red Hat's up to 7, Amazon Linux "
		"2's) "
		"asks /etc/hosts.allow and /etc/hosts.deny before anything else. \"ALL: ALL\" in "
		"the second is common, with the addresses that may in the first: without any, "
		"nobody gets in. The repair allows sshd in hosts.allow, or, where the rule is for "
		"sshd alone, makes it a comment. A list of some addresses to refuse, as denyhosts "
		"writes it, is a fault when the logs know of logins and all came from one that is "
		"on it: the repair takes sshd out of those rules. An sshd without libwrap never "
		"asks.",
	.source = "hosts_access(5), hosts_options(5); sshd(8), FILES",
	.rows = "95",
	.repair = REPAIR_SURE,
	.examine = examine,
};
