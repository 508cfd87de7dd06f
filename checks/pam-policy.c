/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/pam.h"
#include "fs/lines.h"

#include <ctype.h>
#include <strings.h>

/* Modules of sshd's account and session stacks that decide by name: they are in order, and refuse
 * everybody who could log in. */

#define LIST_MAX (256u << 10) /* bytes of a list that is read for each account */

enum answer { ANSWER_NO, ANSWER_MAYBE, ANSWER_YES };

struct scene {
	const struct machine *machine;
	const struct people *people;
	const struct person *admin;
	struct findings *out;
};

static bool in_group(const struct person *person, const char *name, size_t len)
{
	vec_foreach (group, &person->groups)
		if (strlen(*group) == len && !strncmp(*group, name, len))
			return true;
	return false;
}

/* --- pam_access ---------------------------------------------------------------------------- */

/* Does a word of the users' field stand for the person? */
static enum answer match_user(const struct person *person, const char *p, size_t len)
{
	if (str_is_nocase(p, len, "ALL"))
		return ANSWER_YES;
	if (*p == '@' || memchr(p, '@', len))
		return ANSWER_MAYBE; /* netgroups, user@host */
	if (*p == '(' && p[len - 1] == ')')
		return in_group(person, p + 1, len - 2) ? ANSWER_YES : ANSWER_NO;
	return (strlen(person->user->name) == len && !strncmp(p, person->user->name, len)) ||
			       in_group(person, p, len)
		       ? ANSWER_YES
		       : ANSWER_NO;
}

/* Does a word of the origins' field stand for wherever an operator comes from? */
static enum answer match_origin(const struct person *person, const char *p, size_t len)
{
	(void)person;
	if (str_is_nocase(p, len, "ALL"))
		return ANSWER_YES;
	/* Terminals, and what has no dot: not a login over the network. */
	if (str_is_nocase(p, len, "LOCAL") || str_is_nocase(p, len, "cron") ||
	    str_is_nocase(p, len, "crond") || str_is_nocase(p, len, "localhost") ||
	    str_is_nocase(p, len, "127.0.0.1") || str_is_nocase(p, len, "::1") ||
	    !strncmp(p, "tty", 3) || *p == ':')
		return ANSWER_NO;
	return ANSWER_MAYBE;
}

typedef enum answer match_func(const struct person *, const char *, size_t);

/* A list with EXCEPT: the list matches and what is excepted does not. */
static enum answer match_list(const struct person *person, const char *list, size_t len,
			      match_func *match)
{
	enum answer ret = ANSWER_NO;
	const char *p = list, *end = list + len;

	while (p < end) {
		size_t skip = strspn(p, " \t,"), n;
		p += skip;
		if (p >= end)
			break;
		n = strcspn(p, " \t,");
		n = n < (size_t)(end - p) ? n : (size_t)(end - p);
		if (str_is_nocase(p, n, "EXCEPT")) {
			enum answer except =
				match_list(person, p + n, (size_t)(end - p) - n, match);
			if (ret == ANSWER_NO || except == ANSWER_NO)
				return ret;
			return except == ANSWER_YES ? ANSWER_NO : ANSWER_MAYBE;
		}
		enum answer one = match(person, p, n);
		ret = one > ret ? one : ret;
		p += n;
	}
	return ret;
}

struct access_line {
	uint32_t number;
	bool is_allow;
	const char *users, *origins;
	size_t users_len, origins_len;
};

static bool parse_access(const char *p, size_t len, struct access_line *ret)
{
	const char *end = p + len, *first, *second;

	/* A last line without its end is passed over, like everything that has no three fields. */
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	first = memchr(p, ':', (size_t)(end - p));
	second = first ? memchr(first + 1, ':', (size_t)(end - first - 1)) : NULL;
	if (*p == '#' || !second || second + 1 >= end || (*p != '+' && *p != '-'))
		return false;
	ret->is_allow = *p == '+';
	ret->users = first + 1;
	ret->users_len = (size_t)(second - first - 1);
	ret->origins = second + 1;
	ret->origins_len = (size_t)(end - second - 1);
	return true;
}

/* The line that certainly refuses the person; 0: none does. */
static uint32_t refused_at(const struct str *text, const struct person *person)
{
	uint32_t number = 0;

	for (const char *p = text->s; *p;) {
		size_t len = strcspn(p, "\n");
		struct access_line line;
		number++;
		if (p[len] && parse_access(p, len, &line)) {
			enum answer user =
				match_list(person, line.users, line.users_len, match_user);
			enum answer origin =
				match_list(person, line.origins, line.origins_len, match_origin);
			enum answer both = user < origin ? user : origin;
			if (both != ANSWER_NO && line.is_allow)
				return 0;
			if (both == ANSWER_YES)
				return number;
		}
		p += len + (p[len] == '\n');
	}
	return 0;
}

static void look_at_access(const struct scene *scene, const struct pam_item *item)
{
	cleanup(free) char *named = pam_item_arg(item, "accessfile");
	const char *path = named ? named : "/etc/security/access.conf";
	struct err err = ERR_INIT;
	const struct str *text = machine_file(scene->machine, path, &err);
	const struct tree_names *more = machine_list(scene->machine, "/etc/security/access.d");
	uint32_t line;

	/* Other separators and further files are read in ways of their own. */
	if (!text || text->len > LIST_MAX || strstr(item->args, "fieldsep") ||
	    strstr(item->args, "listsep") || (more && more->count))
		return;
	vec_foreach (person, &scene->people->persons)
		if (account_has_way_in(person) && person->user->uid && !refused_at(text, person))
			return;
	line = refused_at(text, scene->admin);
	if (!line)
		return;
	cleanup(free) char *rule = mem_printf("+:%s:ALL\n", scene->admin->user->name);
	struct finding *finding =
		finding_add(scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "93", path, line,
			    "pam_access refuses everybody who could log in, wherever from: nobody "
			    "gets in, keys or "
			    "not");
	lines_edit_insert(&finding->edits, path, text, line, rule);
}

/* --- pam_listfile -------------------------------------------------------------------------- */

static bool lists(const struct str *text, const char *name)
{
	for (const char *p = text->s; *p;) {
		size_t len = strcspn(p, "\n");
		if (str_is(p, len, name))
			return true;
		p += len + (p[len] == '\n');
	}
	return false;
}

static void look_at_listfile(const struct scene *scene, const struct pam_item *item)
{
	cleanup(free) char *what = pam_item_arg(item, "item"), *sense = pam_item_arg(item, "sense");
	cleanup(free) char *path = pam_item_arg(item, "file"), *onerr = pam_item_arg(item, "onerr");
	struct err err = ERR_INIT;
	const struct str *text = path ? machine_file(scene->machine, path, &err) : NULL;
	bool allows = sense && str_eq(sense, "allow");
	struct finding *finding;

	if (text && text->len > LIST_MAX)
		return;
	if (!what || !str_eq(what, "user") || !sense || !path || strstr(item->args, "apply="))
		return;
	if (!text) {
		if (err.code != ERR_NOTFOUND || (onerr && !str_eq(onerr, "fail")) || !onerr)
			return;
		finding = finding_add(scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "93",
				      item->path, item->line,
				      "the list %s that this line asks is not there, and it then "
				      "refuses everybody",
				      machine_quote(scene->machine, path, strlen(path)));
		pam_edit_disable(scene->machine, item, &finding->edits);
		return;
	}
	vec_foreach (person, &scene->people->persons)
		if (account_has_way_in(person) && person->user->uid &&
		    lists(text, person->user->name) == allows)
			return;
	finding = finding_add(scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "93", path, 0,
			      allows ? "nobody who could log in is on the list %s of those who may"
				     : "everybody who could log in is on the list %s of those who "
				       "may not",
			      path);
	if (allows) {
		cleanup(free) char *name = mem_printf("%s\n", scene->admin->user->name);
		lines_edit_insert(&finding->edits, path, text, lines_count(text->s, text->len) + 1,
				  name);
	} else
		pam_edit_disable(scene->machine, item, &finding->edits);
}

/* --- pam_succeed_if ------------------------------------------------------------------------ */

static enum answer compare(long long left, const char *op, const char *right)
{
	char *end;
	long long value = strtoll(right, &end, 10);
	int order = left < value ? -1 : left > value;

	if (end == right || *end)
		return ANSWER_MAYBE;
	if (str_eq(op, "lt") || str_eq(op, "<"))
		return order < 0 ? ANSWER_YES : ANSWER_NO;
	if (str_eq(op, "le") || str_eq(op, "<="))
		return order <= 0 ? ANSWER_YES : ANSWER_NO;
	if (str_eq(op, "gt") || str_eq(op, ">"))
		return order > 0 ? ANSWER_YES : ANSWER_NO;
	if (str_eq(op, "ge") || str_eq(op, ">="))
		return order >= 0 ? ANSWER_YES : ANSWER_NO;
	if (str_eq(op, "eq") || str_eq(op, "="))
		return order ? ANSWER_NO : ANSWER_YES;
	if (str_eq(op, "ne") || str_eq(op, "!="))
		return order ? ANSWER_YES : ANSWER_NO;
	return ANSWER_MAYBE;
}

static enum answer in_list(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ":");
		if (n == len && !strncmp(p, name, n))
			return ANSWER_YES;
		p += n + (p[n] == ':');
	}
	return ANSWER_NO;
}

static enum answer negate(enum answer answer)
{
	return answer == ANSWER_MAYBE ? answer : answer == ANSWER_YES ? ANSWER_NO : ANSWER_YES;
}

static enum answer ask(const struct person *person, const char *left, const char *op,
		       const char *right)
{
	enum answer member = ANSWER_NO;

	for (const char *p = right; *p;) {
		size_t n = strcspn(p, ":");
		if (in_group(person, p, n))
			member = ANSWER_YES;
		p += n + (p[n] == ':');
	}
	if (str_eq(left, "uid"))
		return compare(person->user->uid, op, right);
	if (str_eq(left, "gid"))
		return compare(person->user->gid, op, right);
	if (!str_eq(left, "user"))
		return ANSWER_MAYBE;
	if (str_eq(op, "ingroup"))
		return member;
	if (str_eq(op, "notingroup"))
		return negate(member);
	if (str_eq(op, "="))
		return str_eq(person->user->name, right) ? ANSWER_YES : ANSWER_NO;
	if (str_eq(op, "!="))
		return str_eq(person->user->name, right) ? ANSWER_NO : ANSWER_YES;
	if (str_eq(op, "in"))
		return in_list(right, person->user->name);
	return str_eq(op, "notin") ? negate(in_list(right, person->user->name)) : ANSWER_MAYBE;
}

/* All conditions have to hold. */
static enum answer succeeds(const struct pam_item *item, const struct person *person)
{
	cleanup(free) char *args = mem_strdup(item->args);
	char *word[3], *save = NULL;
	enum answer ret = ANSWER_YES;
	size_t count = 0;

	for (char *w = strtok_r(args, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (!count && (str_starts(w, "quiet") || str_eq(w, "debug") ||
			       str_eq(w, "use_uid") || str_eq(w, "audit"))) {
			if (str_eq(w, "use_uid"))
				return ANSWER_MAYBE;
			continue;
		}
		word[count++] = w;
		if (count < 3)
			continue;
		count = 0;
		enum answer one = ask(person, word[0], word[1], word[2]);
		ret = one < ret ? one : ret;
	}
	return count ? ANSWER_MAYBE : ret;
}

static void look_at_succeed_if(const struct scene *scene, const struct pam_item *item)
{
	vec_foreach (person, &scene->people->persons)
		if (account_has_way_in(person) && person->user->uid &&
		    succeeds(item, person) != ANSWER_NO)
			return;
	struct finding *finding = finding_add(
		scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "93", item->path, item->line,
		"the condition %s holds for nobody who could log in: sshd lets nobody in",
		machine_quote(scene->machine, item->args, strlen(item->args)));
	pam_edit_disable(scene->machine, item, &finding->edits);
}

/* ------------------------------------------------------------------------------------------- */

static int look_at_stack(const struct scene *scene, enum pam_type type, struct err *err)
{
	cleanup(pam_stack_done) struct pam_stack stack = { 0 };

	if (pam_stack_read(scene->machine, "sshd", type, &stack, err) < 0)
		return -1;
	vec_foreach (item, &stack) {
		if (item->broken || item->may_be_passed || !pam_action_refuses(item->on_failure))
			continue;
		if (pam_item_is(item, "pam_access"))
			look_at_access(scene, item);
		else if (pam_item_is(item, "pam_listfile"))
			look_at_listfile(scene, item);
		else if (pam_item_is(item, "pam_succeed_if"))
			look_at_succeed_if(scene, item);
	}
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct scene scene = { .machine = machine, .out = out };

	if (!accounts_use_pam(machine) || !pam_is_configured(machine))
		return 0;
	if (accounts_people(machine, NULL, &scene.people, err) < 0)
		return -1;
	scene.admin = scene.people->primary;
	if (!scene.admin || !scene.admin->user->uid || scene.people->others_possible)
		return 0;
	if (look_at_stack(&scene, PAM_ACCOUNT, err) < 0)
		return -1;
	return look_at_stack(&scene, PAM_SESSION, err);
}

const struct check check_pam_policy = {
	.name = "pam-policy",
	.title = "a rule of PAM refuses everybody who could log in",
	.explain = "pam_access, pam_listfile and pam_succeed_if in sshd's account stack decide by "
		   "name, also about those who have shown a key. A list that nobody is on, or a "
		   "\"-:ALL:ALL\" before anything is allowed, locks everybody out. Rules are "
		   "evaluated for every account that could log in; one that depends on the "
		   "address is taken for passed. The repair lets the instance's user through "
		   "before the line of access.conf that refuses, and takes out a line that asks a "
		   "list which is gone; other changes of a policy are offered.",
	.source = "access.conf(5), pam_access(8); pam_listfile(8), onerr; pam_succeed_if(8)",
	.rows = "93",
	.repair = REPAIR_SURE,
	.examine = examine,
};
