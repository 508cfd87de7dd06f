/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "fs/lines.h"

/* The three files, each with the copy that the tools of shadow leave before they change it. */
static const struct kind {
	enum account_file kind;
	const char *path, *copy, *root, *effect;
	uint32_t mode;
} kinds[] = {
	{ ACCOUNT_PASSWD, "/etc/passwd", "/etc/passwd-", "root:x:0:0:root:/root:/bin/sh",
	  "there are no accounts, nobody gets in", 0644 },
	{ ACCOUNT_SHADOW, "/etc/shadow", "/etc/shadow-", "root:*::0:99999:7:::",
	  "PAM knows of no account whether it has expired, and lets nobody in", 0 },
	{ ACCOUNT_GROUP, "/etc/group", "/etc/group-",
	  "root:x:0:", "services, and rules of sudo, that name a group fail", 0644 },
};

struct scene {
	const struct machine *machine;
	const struct kind *kind;
	const struct str *text, *copy; /* NULL: not there */
	struct account_lines lines, copy_lines;
	struct findings *out;
};

static bool has_accounts(const struct account_lines *lines)
{
	vec_foreach (line, lines)
		if (line->is_account)
			return true;
	return false;
}

/* Does something on the volume say that the file should be there? */
static bool is_expected(const struct scene *scene)
{
	static const char *const siblings[] = { "/etc/gshadow", "/etc/login.defs",
						"/etc/pam.d/common-account",
						"/etc/pam.d/system-auth" };
	struct tree *tree = machine_tree(scene->machine);
	bool ret = scene->copy != NULL;

	for (size_t i = 0; i < ARRAY_LEN(siblings); i++)
		ret |= tree_exists(tree, siblings[i]);
	return ret;
}

/* pwconv(8): an account each, none with a password. */
static void make_shadow(const struct machine *machine, struct str *into)
{
	const struct machine_users *users = machine_users(machine);

	vec_foreach (user, users)
		str_addf(into, "%s:%s::0:99999:7:::\n", user->name, user->uid ? "!" : "*");
}

/* Mode and group of a new shadow: the group that may read it where there is one. */
static struct tree_new new_file(const struct machine *machine, const struct kind *kind)
{
	struct tree_new as = { .mode = kind->mode };
	struct err err = ERR_INIT;
	const struct str *group = machine_file(machine, "/etc/group", &err);
	const char *p = group ? strstr(group->s, "\nshadow:") : NULL;

	p = p && kind->kind == ACCOUNT_SHADOW ? strchr(p + 8, ':') : NULL;
	if (p) {
		as.gid = (uint32_t)strtoul(p + 1, NULL, 10);
		as.mode = 0640;
	}
	return as;
}

/* The file is gone, or nothing in it is an account. */
static void report_gone(struct scene *scene)
{
	const struct kind *kind = scene->kind;
	cleanup(str_done) struct str made = STR_INIT;
	const struct str *new = has_accounts(&scene->copy_lines) ? scene->copy : NULL;
	struct finding *finding;

	if (!new && kind->kind == ACCOUNT_SHADOW && machine_users(scene->machine)->count) {
		make_shadow(scene->machine, &made);
		new = &made;
	}
	finding = finding_add(
		scene->out, kind->kind == ACCOUNT_GROUP ? SEVERITY_DELAYS : SEVERITY_BLOCKS_LOGIN,
		new ? REPAIR_SURE : REPAIR_NONE, "100", kind->path, 0,
		scene->text ? "%s holds no account at all: %s" : "%s is not there: %s", kind->path,
		kind->effect);
	if (!new)
		return;
	if (scene->text) {
		edit_replace(&finding->edits, kind->path, scene->text, new);
		return;
	}
	const struct tree_new as = new_file(scene->machine, kind);
	edit_create(&finding->edits, kind->path, &as, new->s, new->len);
}

/* The account's line as it was, or as it has to be; the caller frees. NULL: nobody can tell. */
static char *right_line(const struct scene *scene, const char *name)
{
	const struct account_line *old = account_find(&scene->copy_lines, name);

	if (old && old->is_account)
		return mem_printf("%s\n", old->text);
	if (str_eq(name, "root")) {
		const char *shell = tree_exists(machine_tree(scene->machine), "/bin/bash")
					    ? "/bin/bash"
					    : "/bin/sh";
		return scene->kind->kind == ACCOUNT_PASSWD
			       ? mem_printf("root:x:0:0:root:/root:%s\n", shell)
			       : mem_printf("%s\n", scene->kind->root);
	}
	return scene->kind->kind == ACCOUNT_SHADOW ? mem_printf("%s:!::0:99999:7:::\n", name)
						   : NULL;
}

static void report_account(struct scene *scene, const char *name, enum severity severity,
			   const struct account_line *line)
{
	cleanup(free) char *right = right_line(scene, name);
	const char *path = scene->kind->path;
	struct finding *finding = finding_add(
		scene->out, severity, right ? REPAIR_SURE : REPAIR_NONE, "100", path,
		line ? line->line : 0,
		line ? "the line of %s in %s is broken and is skipped: there is no such account"
		     : "%s has no line in %s: there is no such account",
		machine_quote(scene->machine, name, strlen(name)), path);

	if (!right)
		return;
	if (line)
		lines_edit_replace(&finding->edits, path, scene->text, line->line, 1, right);
	else if (str_eq(name, "root"))
		lines_edit_insert(&finding->edits, path, scene->text, 1, right);
	else
		lines_edit_insert(&finding->edits, path, scene->text,
				  lines_count(scene->text->s, scene->text->len) + 1, right);
}

/* A mark of the byte order, or blanks, in front of the first name. */
static bool report_mark(struct scene *scene)
{
	static const char mark[] = "\xef\xbb\xbf";
	cleanup(str_done) struct str line = STR_INIT;

	if (!str_starts(scene->text->s, mark))
		return false;
	lines_copy(scene->text->s, scene->text->len, 1, 1, &line);
	struct finding *finding = finding_add(scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "100",
					      scene->kind->path, 1,
					      "%s begins with a byte order mark: the first "
					      "account, mostly root, has a wrong name",
					      scene->kind->path);
	lines_edit_replace(&finding->edits, scene->kind->path, scene->text, 1, 1,
			   line.s + strlen(mark));
	return true;
}

/* root has to be 0, whatever else is. */
static void look_at_root(struct scene *scene)
{
	const struct account_line *root = account_find(&scene->lines, "root");
	enum severity severity =
		scene->kind->kind == ACCOUNT_PASSWD ? SEVERITY_BLOCKS_BOOT : SEVERITY_DELAYS;

	if (!root || !root->is_account) {
		report_account(scene, "root", severity, root);
		return;
	}
	if (scene->kind->kind == ACCOUNT_SHADOW || !account_number(root, 2))
		return;
	struct finding *finding =
		finding_add(scene->out, severity, REPAIR_SURE, "100", scene->kind->path, root->line,
			    "root has the number %lld in %s: what needs root's rights fails",
			    (long long)account_number(root, 2), scene->kind->path);
	account_edit_field(root, scene->kind->path, scene->text, 2, "0", &finding->edits);
}

/* Who is to log in: whoever has a line in one of the two files and a folder of keys. */
static bool is_to_log_in(const struct machine *machine, const char *passwd_line)
{
	cleanup(free) char *copy = mem_strdup(passwd_line);
	char *rest = copy, *home = NULL;

	for (int i = 0; i < 6; i++)
		home = strsep(&rest, ":");
	if (!home || home[0] != '/')
		return false;
	cleanup(free) char *keys = mem_printf("%s/.ssh/authorized_keys", home);
	return tree_exists(machine_tree(machine), keys);
}

static void look_at_passwd(struct scene *scene)
{
	vec_foreach (old, &scene->copy_lines) {
		const struct account_line *now =
			old->is_account ? account_find(&scene->lines, old->name) : NULL;
		/* Only a broken line: an account that is not there was perhaps deleted. */
		if (now && !now->is_account && !str_eq(old->name, "root"))
			report_account(scene, old->name,
				       is_to_log_in(scene->machine, old->text)
					       ? SEVERITY_BLOCKS_LOGIN
					       : SEVERITY_DELAYS,
				       now);
	}
}

static const char *number_or(const char *field, const char *other)
{
	return *field && !field[strspn(field, "0123456789")] ? field : other;
}

/* The line with the numbers of its home's owner in the place of what is none; NULL: that does not mend
 * it. The caller frees. */
static char *by_home(const struct scene *scene, const struct account_line *line)
{
	cleanup(free) char *copy = mem_strdup(line->text);
	cleanup(account_lines_done) struct account_lines mended = { 0 };
	cleanup(free) char *text = NULL;
	cleanup(free) char *uid = NULL, *gid = NULL;
	char *rest = copy, *fields[7];
	struct err ignored = ERR_INIT;
	struct tree_stat st;
	size_t count = 0;

	while (rest && count < ARRAY_LEN(fields))
		fields[count++] = strsep(&rest, ":");
	if (count < ARRAY_LEN(fields) || rest ||
	    tree_stat(machine_tree(scene->machine), fields[5], TREE_FOLLOW, &st, &ignored) < 0 ||
	    !st.uid)
		return NULL;
	uid = mem_printf("%u", st.uid);
	gid = mem_printf("%u", st.gid);
	text = mem_printf("%s:%s:%s:%s:%s:%s:%s\n", fields[0], fields[1], number_or(fields[2], uid),
			  number_or(fields[3], gid), fields[4], fields[5], fields[6]);
	const struct str as_str = { .s = text, .len = strlen(text) };
	account_lines_read(ACCOUNT_PASSWD, &as_str, &mended);
	return mended.count == 1 && mended.items[0].is_account ? TAKE(text) : NULL;
}

/* A broken line that the copy does not know, of somebody whose keys are there. */
static void look_at_unknown(struct scene *scene)
{
	vec_foreach (line, &scene->lines) {
		cleanup(free) char *right = NULL;
		struct finding *finding;

		if (line->is_ignored || line->is_account || !*line->name ||
		    str_eq(line->name, "root") || account_find(&scene->copy_lines, line->name) ||
		    !is_to_log_in(scene->machine, line->text) || scene->out->count >= 100)
			continue;
		right = by_home(scene, line);
		finding = finding_add(
			scene->out, SEVERITY_BLOCKS_LOGIN, right ? REPAIR_SURE : REPAIR_NONE, "100",
			scene->kind->path, line->line,
			"the line of %s in %s is broken and is skipped: there is no "
			"such account%s",
			machine_quote(scene->machine, line->name, strlen(line->name)),
			scene->kind->path, right ? "; whose the home is tells the numbers" : "");
		if (right)
			lines_edit_replace(&finding->edits, scene->kind->path, scene->text,
					   line->line, 1, right);
	}
}

/* Accounts that log in, whose passwd line sends everybody who asks to shadow. */
static void look_at_shadow(struct scene *scene)
{
	struct err err = ERR_INIT;
	const struct str *passwd = machine_file(scene->machine, "/etc/passwd", &err);
	cleanup(account_lines_done) struct account_lines users = { 0 };

	if (!passwd || !accounts_use_pam(scene->machine))
		return;
	account_lines_read(ACCOUNT_PASSWD, passwd, &users);
	vec_foreach (user, &users) {
		const char *password = strchr(user->text, ':');
		const struct account_line *line;
		if (!user->is_account || !str_starts(password, ":x:") ||
		    str_eq(user->name, "root") || !is_to_log_in(scene->machine, user->text))
			continue;
		line = account_find(&scene->lines, user->name);
		if (!line || !line->is_account)
			report_account(scene, user->name, SEVERITY_BLOCKS_LOGIN, line);
	}
}

/* A second account of number 0 whose home belongs to somebody else was not meant to be root. */
static void look_at_zeroes(struct scene *scene)
{
	vec_foreach (line, &scene->lines) {
		struct err err = ERR_INIT;
		struct tree_stat st;
		if (!line->is_account || account_number(line, 2) || str_eq(line->name, "root") ||
		    !is_to_log_in(scene->machine, line->text))
			continue;
		cleanup(free) char *copy = mem_strdup(line->text);
		char *rest = copy, *home = NULL;
		for (int i = 0; i < 6; i++)
			home = strsep(&rest, ":");
		if (tree_stat(machine_tree(scene->machine), home, TREE_FOLLOW, &st, &err) < 0 ||
		    !st.uid)
			continue;
		cleanup(free) char *number = mem_printf("%u", st.uid);
		struct finding *finding = finding_add(
			scene->out, SEVERITY_BLOCKS_LOGIN, REPAIR_OFFERED, "100", scene->kind->path,
			line->line,
			"%s has root's number 0, and a home that belongs to %u: sshd ignores the "
			"keys in it",
			machine_quote(scene->machine, line->name, strlen(line->name)), st.uid);
		account_edit_field(line, scene->kind->path, scene->text, 2, number,
				   &finding->edits);
	}
}

static int look_at(struct scene *scene, struct err *err)
{
	struct err read_err = ERR_INIT;
	struct tree_stat st;

	scene->text = machine_file(scene->machine, scene->kind->path, &read_err);
	if (!scene->text && read_err.code != ERR_NOTFOUND) {
		*err = read_err;
		return -1;
	}
	/* A link that leads nowhere is not ours to replace. */
	if (!scene->text && !tree_stat(machine_tree(scene->machine), scene->kind->path,
				       TREE_NOFOLLOW, &st, &read_err))
		return 0;
	scene->copy = machine_file(scene->machine, scene->kind->copy, &read_err);
	if (scene->text)
		account_lines_read(scene->kind->kind, scene->text, &scene->lines);
	if (scene->copy)
		account_lines_read(scene->kind->kind, scene->copy, &scene->copy_lines);
	if (!scene->text || !has_accounts(&scene->lines)) {
		if (is_expected(scene))
			report_gone(scene);
		return 0;
	}
	if (report_mark(scene))
		return 0;
	if (scene->kind->kind != ACCOUNT_GROUP && is_expected(scene))
		look_at_root(scene);
	if (scene->kind->kind == ACCOUNT_PASSWD) {
		look_at_passwd(scene);
		look_at_unknown(scene);
		look_at_zeroes(scene);
	}
	if (scene->kind->kind == ACCOUNT_SHADOW)
		look_at_shadow(scene);
	return 0;
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds) && !ret; i++) {
		struct scene scene = { .machine = machine, .kind = &kinds[i], .out = out };
		ret = look_at(&scene, err);
		account_lines_done(&scene.lines);
		account_lines_done(&scene.copy_lines);
	}
	return ret;
}

const struct check check_account_files = {
	.name = "account-files",
	.title = "passwd, shadow or group is gone or broken",
	.explain =
		"A line that is not well formed is skipped without a word, and with it the "
		"account. Without root nothing of the boot works; without its line in shadow an "
		"account is refused by PAM, keys or not. The repair takes the line, or the whole "
		"file when nothing is left of it, from passwd-, shadow- or group-, which the "
		"tools leave before each change; without a copy, shadow is made anew as pwconv "
		"would make it, with no passwords. Other lines are left as they are.",
	.source =
		"passwd(5), shadow(5), group(5), pwconv(8); glibc's nss_files parsers; pam_unix(8)",
	.rows = "100",
	.repair = REPAIR_SURE,
	.examine = examine,
};
