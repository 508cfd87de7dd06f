/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/accounts.h"
#include "fs/lines.h"

#include <ctype.h>

#define LINES_MAX 10000u /* names are looked for one by one */

/* Moves over fields and their colons; false at the end of the line. */
static bool skip_fields(const char **p, unsigned count)
{
	while (count--) {
		*p += strcspn(*p, ":");
		if (!**p)
			return false;
		(*p)++;
	}
	return true;
}

/* A field that strtol() reads to its end; moves on behind its colon. False: it is none. */
static bool take_number(const char **p, bool may_be_empty)
{
	const char *end = *p + strspn(*p, " \t\r\v\f"), *digits;

	digits = end + (*end == '+' || *end == '-');
	end = digits + strspn(digits, "0123456789");
	if (end == digits)
		end = *p;
	if (end == *p && (!may_be_empty || !**p))
		return false;
	/* 32 bits, none below zero. */
	if (end != *p && (strtoull(digits, NULL, 10) > UINT32_MAX ||
			  (digits[-1] == '-' && strspn(digits, "0") != (size_t)(end - digits))))
		return false;
	if (*end && *end != ':')
		return false;
	*p = end + (*end == ':');
	return true;
}

static bool is_shadow(const char *p)
{
	if (!skip_fields(&p, 2))
		return false;
	for (int field = SHADOW_CHANGED; field <= SHADOW_MAX; field++)
		if (!take_number(&p, true))
			return false;
	p += strspn(p, " \t\r\v\f");
	if (!*p)
		return true; /* the old form ends here */
	for (int field = SHADOW_WARN; field <= SHADOW_EXPIRE; field++)
		if (!take_number(&p, true))
			return false;
	return !*p || (take_number(&p, false) && !*p && p[-1] != ':');
}

static bool is_account(enum account_file kind, const char *p)
{
	if (kind == ACCOUNT_SHADOW)
		return is_shadow(p);
	return skip_fields(&p, 2) && take_number(&p, false) &&
	       (kind == ACCOUNT_GROUP || take_number(&p, false));
}

void account_lines_read(enum account_file kind, const struct str *text, struct account_lines *ret)
{
	uint32_t number = 0;

	for (size_t at = 0; at < text->len && ret->count < LINES_MAX;) {
		const char *p = text->s + at, *end = memchr(p, '\n', text->len - at);
		size_t len = end ? (size_t)(end - p) : text->len - at;
		struct account_line *line = vec_add(ret);
		line->line = ++number;
		line->text = mem_strndup(p, strnlen(p, len));
		const char *s = line->text;
		while (isspace((unsigned char)*s))
			s++;
		line->name = mem_strndup(s, strcspn(s, ":"));
		line->is_ignored = !*s || *s == '#' || *s == '+' || *s == '-';
		/* A NUL byte hides the rest of the line. */
		line->is_account = !line->is_ignored && *line->name && strnlen(p, len) == len &&
				   is_account(kind, s);
		at += len + 1;
	}
}

void account_lines_done(struct account_lines *lines)
{
	vec_foreach (line, lines) {
		free(line->text);
		free(line->name);
	}
	vec_done(lines);
}

const struct account_line *account_find(const struct account_lines *lines, const char *name)
{
	const struct account_line *broken = NULL;

	vec_foreach (line, lines) {
		if (line->is_ignored || !str_eq(line->name, name))
			continue;
		if (line->is_account)
			return line;
		broken = broken ? broken : line;
	}
	return broken;
}

int64_t account_number(const struct account_line *line, unsigned field)
{
	const char *p = line->text;
	char *end;

	if (!skip_fields(&p, field))
		return -1;
	long long value = strtoll(p, &end, 10);
	return end == p || value < 0 ? -1 : value;
}

static void edit(const struct account_line *line, const char *path, const struct str *text,
		 unsigned field, const char *value, const char *stop, struct edits *edits)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
	const char *p;

	lines_copy(text->s, text->len, line->line, 1, &old);
	p = old.s;
	while (field--) {
		size_t len = strcspn(p, ":\n");
		if (p[len] != ':')
			return;
		p += len + 1;
	}
	str_add_bytes(&new, old.s, (size_t)(p - old.s));
	str_add(&new, value);
	str_add(&new, p + strcspn(p, stop));
	lines_edit_replace(edits, path, text, line->line, 1, new.s);
}

void account_edit_field(const struct account_line *line, const char *path, const struct str *text,
			unsigned field, const char *value, struct edits *edits)
{
	edit(line, path, text, field, value, ":\n", edits);
}

void account_edit_rest(const struct account_line *line, const char *path, const struct str *text,
		       unsigned field, const char *value, struct edits *edits)
{
	edit(line, path, text, field, value, "\n", edits);
}

int64_t accounts_newest_day(const struct machine *machine)
{
	static const char *const paths[] = { "/etc/shadow",
					     "/etc/passwd",
					     "/var/log",
					     "/var/log/wtmp",
					     "/var/log/lastlog",
					     "/var/log/syslog",
					     "/var/log/messages",
					     "/var/log/auth.log",
					     "/var/log/secure",
					     "/var/log/cloud-init.log",
					     "/var/lib/systemd/timesync/clock",
					     "/var/lib/systemd/random-seed",
					     "/var/lib/dpkg/status",
					     "/var/log/journal" };
	int64_t newest = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct err err = ERR_INIT;
		struct tree_stat st;
		if (!tree_stat(machine_tree(machine), paths[i], TREE_FOLLOW, &st, &err) &&
		    st.mtime > newest)
			newest = st.mtime;
	}
	return newest / 86400;
}

struct kept {
	struct sshd_conf *conf;
	struct people people;
};

static void free_kept(void *value)
{
	struct kept *kept = value;

	people_done(&kept->people);
	sshd_conf_free(kept->conf);
	free(kept);
}

int accounts_people(const struct machine *machine, const struct sshd_conf **ret_conf,
		    const struct people **ret, struct err *err)
{
	static const char key;
	const struct sshd_conf *conf = NULL;
	struct kept *kept = machine_kept(machine, &key);

	if (!kept) {
		if (sshd_model(machine, &conf, ret, err) < 0)
			return -1;
		if (*ret) {
			if (ret_conf)
				*ret_conf = conf;
			return 0;
		}
		kept = mem_alloc(sizeof(*kept));
		kept->conf = sshd_conf_new(machine);
		if (people_load(machine, kept->conf, &kept->people, err) < 0) {
			free_kept(kept);
			return -1;
		}
		machine_keep(machine, &key, kept, free_kept);
	}
	if (ret_conf)
		*ret_conf = kept->conf;
	*ret = &kept->people;
	return 0;
}

bool account_has_way_in(const struct person *person)
{
	return person->keys.count || person->home_keys.count || person->is_default ||
	       person->has_password;
}

bool accounts_use_pam(const struct machine *machine)
{
	const struct sshd_conf *conf = NULL;
	struct err err = ERR_INIT;

	return sshd_model(machine, &conf, NULL, &err) < 0 || !conf ||
	       sshd_conf_flag(conf, "usepam", false);
}
