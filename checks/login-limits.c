/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "checks/pam.h"
#include "fs/lines.h"

/* Who a line is for, the closest first: a closer one wins, of two the later. */
enum scope { SCOPE_USER, SCOPE_GROUP, SCOPE_ALL_GROUP, SCOPE_ALL, SCOPE_DEFAULT, SCOPE_NONE };

static const char *const items[] = { "nproc", "nofile",	   "as",	"data",
				     "stack", "maxlogins", "nonewprivs" };
enum { NPROC, NOFILE, AS, DATA, STACK, LOGINS, NO_NEW_PRIVS, ITEM_COUNT };

struct limit {
	enum scope scope;
	char *path; /* NULL: not set */
	uint32_t line;
	long long value; /* -1: unlimited */
	bool is_syslogins;
};
struct scene {
	const struct machine *machine;
	const struct person *person;
	struct limit limits[ITEM_COUNT];
	struct findings *out;
};

static bool in_group(const struct person *person, const char *name)
{
	vec_foreach (group, &person->groups)
		if (str_eq(*group, name))
			return true;
	return false;
}

static enum scope scope_of(const struct person *person, const char *domain)
{
	char *end;

	if (str_eq(domain, person->user->name))
		return SCOPE_USER;
	if (str_eq(domain, "*"))
		return SCOPE_DEFAULT;
	if (str_eq(domain, "%"))
		return SCOPE_ALL;
	if (*domain == '@' && in_group(person, domain + 1))
		return SCOPE_GROUP;
	if (*domain == '%' && in_group(person, domain + 1))
		return SCOPE_ALL_GROUP;
	/* "1000:", ":1000", "1000:2000" */
	if (strchr(domain, ':') && *domain != '@' && *domain != '%') {
		unsigned long low = strtoul(domain, &end, 10), high;
		if (*end != ':')
			return SCOPE_NONE;
		high = end[1] ? strtoul(end + 1, NULL, 10) : *domain == ':' ? 0 : UINT32_MAX;
		return person->user->uid >= low && person->user->uid <= high ? SCOPE_USER
									     : SCOPE_NONE;
	}
	return SCOPE_NONE;
}

static long long value_of(const char *text)
{
	char *end;
	long long value;

	if (str_eq(text, "unlimited") || str_eq(text, "infinity") || str_eq(text, "-1") ||
	    str_eq(text, "-"))
		return -1;
	value = strtoll(text, &end, 10);
	return end == text ? -2 : value; /* not a number: the line is passed over */
}

static void take_line(struct scene *scene, const char *path, uint32_t number, char *line)
{
	char *field[4] = { 0 }, *save = NULL;
	size_t count = 0;
	enum scope scope;
	long long value;

	line[strcspn(line, "#")] = '\0';
	for (char *word = strtok_r(line, " \t\r", &save); word && count < 4;
	     word = strtok_r(NULL, " \t\r", &save))
		field[count++] = word;
	if (count < 4 || (scope = scope_of(scene->person, field[0])) == SCOPE_NONE)
		return;
	bool is_syslogins = str_eq(field[2], "maxsyslogins");
	value = value_of(field[3]);
	for (int i = 0; i < ITEM_COUNT; i++) {
		struct limit *limit = &scene->limits[i];
		if (!str_eq(field[2], items[i]) && !(i == LOGINS && is_syslogins))
			continue;
		if (value == -2 || (limit->path && limit->scope < scope) ||
		    ((scope == SCOPE_ALL || scope == SCOPE_ALL_GROUP) && i != LOGINS))
			return;
		/* A soft limit alone hurts as much as a hard one, if it is the lower. */
		if (limit->path && str_eq(field[1], "hard") && limit->scope == scope &&
		    limit->value >= 0 && (value < 0 || value > limit->value))
			return;
		free(limit->path);
		*limit = (struct limit){ scope, mem_strdup(path), number, value, is_syslogins };
	}
}

static void read_file(struct scene *scene, const char *path)
{
	struct err err = ERR_INIT;
	const struct str *text = machine_file(scene->machine, path, &err);
	uint32_t number = 0;

	for (const char *p = text ? text->s : ""; *p;) {
		cleanup(free) char *line = mem_strndup(p, strcspn(p, "\n"));
		take_line(scene, path, ++number, line);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
}

/* fs.nr_open is 1048576 unless somebody raises it; systemd does from version 240 on. */
#define NR_OPEN 1048576
static bool is_refused_by_kernel(const struct machine *machine, long long value)
{
	const struct machine_os *os = machine_os(machine);
	long major = strtol(os->version_id, NULL, 10);
	bool is_amazon = str_eq(os->id, "amzn");
	bool is_old =
		(is_amazon && major == 2) ||
		(!is_amazon && machine_os_is_like(machine, "rhel") && major >= 6 && major <= 7);
	bool is_8 = !is_amazon && machine_os_is_like(machine, "rhel") && major == 8;
	const struct tree_names *names = machine_list(machine, "/etc/sysctl.d");
	struct err err = ERR_INIT;
	const struct str *sysctl = machine_file(machine, "/etc/sysctl.conf", &err);

	if (!(value < 0 ? is_old : value > NR_OPEN && (is_old || is_8)))
		return false;
	if (sysctl && strstr(sysctl->s, "nr_open"))
		return false;
	for (size_t i = 0; names && i < names->count; i++) {
		cleanup(free) char *path = mem_printf("/etc/sysctl.d/%s", names->items[i]);
		const struct str *text = machine_file(machine, path, &err);
		if (text && strstr(text->s, "nr_open"))
			return false;
	}
	return true;
}

static const char *effect(const struct machine *machine, int item, const struct limit *limit)
{
	switch (item) {
	case NPROC:
		return limit->value >= 0 && limit->value <= 2
			       ? "the session of a login may not start a process"
			       : NULL;
	case NOFILE:
		if (limit->value >= 0 && limit->value < 5)
			return "the shell of a login cannot open its libraries";
		return is_refused_by_kernel(machine, limit->value)
			       ? "more than the kernel allows, and PAM ends the session"
			       : NULL;
	case AS:
	case DATA:
	case STACK: /* KiB */
		return limit->value >= 0 && limit->value < (item == AS ? 2048 : 64)
			       ? "no program gets enough memory to start"
			       : NULL;
	case LOGINS:
		return limit->value == 0 ? "PAM lets nobody in that it is for" : NULL;
	default:
		return limit->value == 1 ? "sudo and su do not work in such a session" : NULL;
	}
}

static void look_at(struct scene *scene)
{
	for (int i = 0; i < ITEM_COUNT; i++) {
		const struct limit *limit = &scene->limits[i];
		const char *what = limit->path ? effect(scene->machine, i, limit) : NULL;
		struct err err = ERR_INIT;
		if (!what)
			continue;
		const struct str *text = machine_file(scene->machine, limit->path, &err);
		cleanup(str_done) struct str line = STR_INIT;
		lines_copy(text->s, text->len, limit->line, 1, &line);
		struct finding *finding =
			finding_add(scene->out, SEVERITY_BLOCKS_LOGIN,
				    i == NO_NEW_PRIVS ? REPAIR_OFFERED : REPAIR_SURE, "66",
				    limit->path, limit->line, "%s counts for %s: %s",
				    machine_quote(scene->machine, line.s, strcspn(line.s, "\r\n")),
				    machine_quote(scene->machine, scene->person->user->name,
						  strlen(scene->person->user->name)),
				    what);
		lines_edit_comment(&finding->edits, limit->path, text, limit->line, 1);
	}
}

/* Does a session of sshd set limits? Taken for granted where PAM's files are not seen. */
static int sets_limits(const struct machine *machine, bool *ret, struct err *err)
{
	cleanup(pam_stack_done) struct pam_stack stack = { 0 };

	*ret = accounts_use_pam(machine);
	if (!*ret || !pam_is_configured(machine))
		return 0;
	if (pam_stack_read(machine, "sshd", PAM_SESSION, &stack, err) < 0)
		return -1;
	*ret = stack.is_other;
	vec_foreach (item, &stack)
		*ret |= pam_item_is(item, "pam_limits");
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct tree_names *names = machine_list(machine, "/etc/security/limits.d");
	struct scene scene = { .machine = machine, .out = out };
	const struct people *people = NULL;
	bool counts;

	if (accounts_people(machine, NULL, &people, err) < 0 ||
	    sets_limits(machine, &counts, err) < 0)
		return -1;
	scene.person = people->primary;
	if (!counts || !scene.person || !scene.person->user->uid)
		return 0;
	read_file(&scene, "/etc/security/limits.conf");
	for (size_t i = 0; names && i < names->count && i < 1000; i++) {
		cleanup(free) char *path = mem_printf("/etc/security/limits.d/%s", names->items[i]);
		if (str_ends(path, ".conf"))
			read_file(&scene, path);
	}
	look_at(&scene);
	for (int i = 0; i < ITEM_COUNT; i++)
		free(scene.limits[i].path);
	return 0;
}

const struct check check_login_limits = {
	.name = "login-limits",
	.title = "a limit leaves a login without what it needs",
	.explain = "pam_limits sets the limits of /etc/security/limits.conf for each session. With "
		   "no process, no file or hardly any memory the shell does not start; maxlogins 0 "
		   "lets nobody in; more open files than the kernel's fs.nr_open makes PAM end the "
		   "session on Red Hat's systems before version 9 and on Amazon Linux 2. The "
		   "repair makes the line that counts for the one who logs in a comment.",
	.source = "limits.conf(5); Linux-PAM's pam_limits.c, setup_limits(); setrlimit(2), EPERM; "
		  "Debian's patch that EPERM is not fatal",
	.rows = "66",
	.repair = REPAIR_SURE,
	.examine = examine,
};
