/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"
#include "fs/lines.h"

#include <ctype.h>

static const char path[] = "/etc/nsswitch.conf";

/* One line: the database and where it is looked up, in order. */
struct lookup {
	uint32_t line;
	char *name, *text; /* text: behind the colon, without the comment */
	bool has_files;	   /* passwd and its like are found without any network */
	bool is_cut_off; /* something before them ends the search for users that are files' alone */
	const char *slow; /* a directory service in front of them; NULL: none */
};

/* "[NOTFOUND=return]", "[!SUCCESS=return]": does it end the search for who is not found there? */
static bool ends_search(const char *p, size_t len)
{
	cleanup(free) char *action = mem_strndup(p, len);

	for (char *c = action; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	return strstr(action, "NOTFOUND=RETURN") || strstr(action, "!SUCCESS=RETURN") ||
	       strstr(action, "!UNAVAIL=RETURN") || strstr(action, "!TRYAGAIN=RETURN");
}

static void parse_sources(struct lookup *lookup)
{
	static const char *const local[] = { "files", "compat", "altfiles", "db" };
	static const char *const slow[] = { "ldap", "nis", "nisplus" };
	const char *p = lookup->text;

	while (*(p += strspn(p, " \t\r"))) {
		bool is_action = *p == '[';
		size_t len = is_action ? strcspn(p, "]") + 1 : strcspn(p, " \t\r[");
		if (is_action && p[len - 1] != ']')
			len = strlen(p);
		if (is_action && !lookup->has_files)
			lookup->is_cut_off |= ends_search(p, len);
		for (size_t i = 0; !is_action && i < ARRAY_LEN(local); i++)
			lookup->has_files |= str_is(p, len, local[i]);
		for (size_t i = 0; !is_action && !lookup->has_files && i < ARRAY_LEN(slow); i++)
			if (str_is(p, len, slow[i]))
				lookup->slow = slow[i];
		p += len;
	}
	lookup->is_cut_off &= lookup->has_files;
}

/* "files" in front of what is there, or moved there. */
static void put_files_first(const struct str *text, const struct lookup *lookup,
			    struct edits *edits)
{
	cleanup(str_done) struct str old = STR_INIT, new = STR_INIT;
	const char *p, *sources;

	lines_copy(text->s, text->len, lookup->line, 1, &old);
	p = strchr(old.s, ':') + 1;
	sources = p + strspn(p, " \t");
	str_add_bytes(&new, old.s, (size_t)(sources - old.s));
	if (sources == p)
		str_add_char(&new, ' ');
	str_add(&new, "files");
	for (p = sources; *p && *p != '#' && *p != '\n';) {
		size_t blanks = strspn(p, " \t\r"), len;
		len = p[blanks] == '[' ? strcspn(p + blanks, "]\n") + 1
				       : strcspn(p + blanks, " \t\r\n[#");
		if (!len)
			break;
		if (!str_is(p + blanks, len, "files")) {
			str_add_char(&new, ' ');
			str_add_bytes(&new, p + blanks, len);
		}
		p += blanks + len;
	}
	str_add(&new, p);
	lines_edit_replace(edits, path, text, lookup->line, 1, new.s);
}

static void report(const struct machine *machine, const struct str *text,
		   const struct lookup *lookup, struct findings *out)
{
	bool is_group = str_eq(lookup->name, "group");
	const char *sources = machine_quote(machine, lookup->text, strlen(lookup->text));
	struct finding *finding;

	if (!lookup->has_files)
		finding = finding_add(
			out, is_group ? SEVERITY_DELAYS : SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, "107",
			path, lookup->line,
			"%s is looked up in %s, not in files: root, services and all accounts of "
			"this machine are unknown, dbus and logins fail",
			lookup->name, sources);
	else if (lookup->is_cut_off)
		finding = finding_add(out, is_group ? SEVERITY_DELAYS : SEVERITY_BLOCKS_LOGIN,
				      REPAIR_SURE, "107", path, lookup->line,
				      "%s is looked up in %s: the search ends before the files, so "
				      "that the accounts of this machine are not found",
				      lookup->name, sources);
	else
		finding = finding_add(
			out, SEVERITY_DELAYS, REPAIR_OFFERED, "107", path, lookup->line,
			"%s is looked up in %s: while %s does not answer, every look-up "
			"waits for it, also those at boot and of local accounts",
			lookup->name, sources, lookup->slow);
	put_files_first(text, lookup, &finding->edits);
}

static bool is_database(const char *p, size_t len)
{
	return str_is(p, len, "passwd") || str_is(p, len, "group") || str_is(p, len, "shadow");
}

/* sssd can serve the local files itself. */
static bool sssd_serves_files(const struct machine *machine)
{
	struct err err = ERR_INIT;
	const struct str *conf = machine_file(machine, "/etc/sssd/sssd.conf", &err);

	return conf && (strstr(conf->s, "enable_files_domain") ||
			strstr(conf->s, "id_provider = files") || strstr(conf->s, "proxy"));
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	struct err read_err = ERR_INIT;
	const struct str *text = machine_file(machine, path, &read_err);
	uint32_t number = 0;

	if (!text && read_err.code != ERR_NOTFOUND) {
		*err = read_err;
		return -1;
	}
	/* Without the file glibc looks into files. */
	for (const char *p = text ? text->s : ""; *p && out->count < 20;) {
		size_t len = strcspn(p, "\n"), comment = strcspn(p, "#\n");
		const char *s = p + strspn(p, " \t"), *colon = memchr(p, ':', comment);
		struct lookup lookup = { .line = ++number };
		p += len + (p[len] == '\n');
		if (!colon || colon < s)
			continue;
		size_t name = (size_t)(colon - s);
		while (name && isspace((unsigned char)s[name - 1]))
			name--;
		if (!is_database(s, name))
			continue;
		const char *rest = colon + 1 + strspn(colon + 1, " \t");
		size_t rest_len = strcspn(rest, "#\r\n");
		while (rest_len && isspace((unsigned char)rest[rest_len - 1]))
			rest_len--;
		lookup.name = mem_strndup(s, name);
		lookup.text = mem_strndup(rest, rest_len);
		parse_sources(&lookup);
		if ((!lookup.has_files && !sssd_serves_files(machine)) || lookup.is_cut_off ||
		    (lookup.has_files && lookup.slow))
			report(machine, text, &lookup, out);
		free(lookup.name);
		free(lookup.text);
	}
	return 0;
}

const struct check check_nsswitch = {
	.name = "nsswitch",
	.title = "accounts are looked up elsewhere than in the files of this machine",
	.explain =
		"/etc/nsswitch.conf says where accounts are looked up. Without \"files\" for "
		"passwd "
		"nobody is known, not even the users of system services: dbus does not start, and "
		"no login works. With a directory service in front that ends the search, the "
		"same; with one that is not reachable, each look-up waits. The repair puts "
		"\"files\" in front and leaves the rest; where the order only costs time it is "
		"offered.",
	.source = "nsswitch.conf(5); seen by booting with \"passwd: ldap\": dbus fails",
	.rows = "107",
	.repair = REPAIR_SURE,
	.examine = examine,
};
