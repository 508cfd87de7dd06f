/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_service.h"
#include "checks/units.h"

#include <ctype.h>

static const char *const services[] = { "ssh.service", "sshd.service" };
static const char *const sockets[] = { "ssh.socket", "sshd.socket" };

/* Is the unit's file its own, not a link that names the other unit? */
static bool is_own_unit(const struct machine *machine, const char *unit)
{
	const char *path = machine_unit_path(machine, unit);
	cleanup(str_done) struct str real = STR_INIT;
	struct err err = ERR_INIT;

	if (!path)
		return false;
	if (tree_resolve(machine_tree(machine), path, &real, &err) < 0)
		return true;
	const char *base = strrchr(real.s, '/');
	return base && str_eq(base + 1, unit);
}

const char *sshd_service_unit(const struct machine *machine)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (is_own_unit(machine, services[i]))
			return services[i];
	return NULL;
}

const char *sshd_service_socket(const struct machine *machine)
{
	for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
		if (machine_unit(machine, sockets[i]) == UNIT_ENABLED)
			return sockets[i];
	return NULL;
}

static void reset(struct unit_values *values)
{
	vec_foreach (v, values) {
		free(v->value);
		free(v->path);
	}
	values->count = 0;
}

void unit_values_done(struct unit_values *values)
{
	reset(values);
	vec_done(values);
}

static void add_value(struct unit_values *values, const char *text, const char *path, uint32_t line)
{
	struct unit_value *v = vec_add(values);

	v->value = mem_strdup(text);
	v->path = mem_strdup(path);
	v->line = line;
}

void unit_values_add(struct unit_values *ret, const struct machine *machine, const char *path,
		     const char *section, const char *key)
{
	struct err err = ERR_INIT;
	const struct str *bytes = machine_file(machine, path, &err);
	bool in_section = false;
	uint32_t number = 0;
	size_t key_len = strlen(key);

	for (const char *p = bytes ? bytes->s : NULL; p && *p;) {
		size_t len = strcspn(p, "\n");
		cleanup(str_done) struct str line = STR_INIT;
		uint32_t first = ++number;
		str_add_bytes(&line, p, len);
		p += len + (p[len] == '\n');
		while (line.len && line.s[line.len - 1] == '\\' && *p) { /* continued */
			line.s[--line.len] = '\0';
			len = strcspn(p, "\n");
			str_add_char(&line, ' ');
			str_add_bytes(&line, p, len);
			p += len + (p[len] == '\n');
			number++;
		}
		char *s = line.s + strspn(line.s, " \t");
		for (size_t n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
			s[n - 1] = '\0';
		if (*s == '[')
			in_section = !strncmp(s + 1, section, strlen(section)) &&
				     str_eq(s + 1 + strlen(section), "]");
		if (!in_section || strncmp(s, key, key_len))
			continue;
		s += key_len;
		s += strspn(s, " \t");
		if (*s++ != '=')
			continue;
		s += strspn(s, " \t");
		if (!*s)
			reset(ret);
		else
			add_value(ret, s, path, first);
	}
}

/* Drop-ins are read in the order of their names; a name in /etc hides the same in /usr/lib. */
static void list_drop_ins(const struct machine *machine, const char *unit, struct tree_names *ret)
{
	static const char *const dirs[] = { "/etc/systemd/system", "/usr/lib/systemd/system",
					    "/lib/systemd/system" };

	for (size_t d = 0; d < ARRAY_LEN(dirs); d++) {
		cleanup(free) char *dir = mem_printf("%s/%s.d", dirs[d], unit);
		cleanup(tree_names_done) struct tree_names names = { 0 };
		struct err err = ERR_INIT;
		if (tree_list(machine_tree(machine), dir, &names, &err) < 0)
			continue;
		for (size_t i = 0; i < names.count; i++) {
			bool hidden = !str_ends(names.items[i], ".conf");
			for (size_t k = 0; k < ret->count; k++)
				hidden |= str_eq(strrchr(ret->items[k], '/') + 1, names.items[i]);
			if (!hidden)
				vec_push(ret, mem_printf("%s/%s", dir, names.items[i]));
		}
	}
}

static int by_base_name(const void *a, const void *b)
{
	return strcmp(strrchr(*(char *const *)a, '/'), strrchr(*(char *const *)b, '/'));
}

void unit_values_read(const struct machine *machine, const char *unit, const char *section,
		      const char *key, struct unit_values *ret)
{
	const char *path = machine_unit_path(machine, unit);
	cleanup(tree_names_done) struct tree_names drop_ins = { 0 };

	if (path)
		unit_values_add(ret, machine, path, section, key);
	list_drop_ins(machine, unit, &drop_ins);
	if (drop_ins.count)
		qsort(drop_ins.items, drop_ins.count, sizeof(*drop_ins.items), by_base_name);
	for (size_t i = 0; i < drop_ins.count; i++)
		unit_values_add(ret, machine, drop_ins.items[i], section, key);
}

/* The last NAME=value of a shell-like environment file. */
static bool variable(const struct machine *machine, const char *path, const char *name, size_t len,
		     struct unit_value *ret)
{
	struct err err = ERR_INIT;
	const struct str *bytes = machine_file(machine, path, &err);
	uint32_t number = 0;
	bool found = false;

	for (const char *p = bytes ? bytes->s : NULL; p && *p; p += *p == '\n') {
		size_t line_len = strcspn(p, "\n");
		const char *s = p + strspn(p, " \t");
		number++;
		if (!strncmp(s, name, len) && s[len] == '=') {
			free(ret->value);
			free(ret->path);
			s += len + 1;
			size_t n = (size_t)(p + line_len - s);
			while (n && isspace((unsigned char)s[n - 1]))
				n--;
			if (n > 1 && (*s == '"' || *s == '\'') && s[n - 1] == *s)
				s++, n -= 2;
			*ret = (struct unit_value){ mem_strndup(s, n), mem_strdup(path), number };
			found = true;
		}
		p += line_len;
	}
	return found;
}

/* Splits at blanks; quotes group. */
static void add_words(struct unit_values *ret, const struct unit_value *from)
{
	const char *s = from->value;

	while (*(s += strspn(s, " \t"))) {
		cleanup(str_done) struct str word = STR_INIT;
		char quote = '\0';
		for (; *s && (quote || (*s != ' ' && *s != '\t')); s++) {
			if (quote ? *s == quote : *s == '"' || *s == '\'')
				quote = quote ? '\0' : *s;
			else
				str_add_char(&word, *s);
		}
		add_value(ret, word.s, from->path, from->line);
	}
}

static void add_variable(const struct machine *machine, const struct unit_values *files,
			 const char *word, struct unit_values *ret)
{
	const char *name = word + 1 + (word[1] == '{');
	size_t len =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
	struct unit_value value = { 0 };

	for (size_t i = 0; len && i < files->count; i++) {
		const char *path = files->items[i].value;
		variable(machine, path + (*path == '-'), name, len, &value);
	}
	if (value.value)
		add_words(ret, &value);
	free(value.value);
	free(value.path);
}

void sshd_service_options(const struct machine *machine, struct unit_values *ret)
{
	const char *unit = sshd_service_unit(machine);
	cleanup(unit_values_done) struct unit_values commands = { 0 }, files = { 0 }, words = { 0 };

	if (!unit) { /* the init scripts of Red Hat's old releases */
		struct unit_value value = { 0 };
		if (variable(machine, "/etc/sysconfig/sshd", "OPTIONS", 7, &value))
			add_words(ret, &value);
		free(value.value);
		free(value.path);
		return;
	}
	unit_values_read(machine, unit, "Service", "ExecStart", &commands);
	unit_values_read(machine, unit, "Service", "EnvironmentFile", &files);
	if (!commands.count)
		return;
	add_words(&words, &commands.items[commands.count - 1]);
	for (size_t i = 1; i < words.count; i++) {
		if (words.items[i].value[0] == '$')
			add_variable(machine, &files, words.items[i].value, ret);
		else
			add_value(ret, words.items[i].value, words.items[i].path,
				  words.items[i].line);
	}
}
