/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/packages.h"

#define PACKAGES_MAX 50000u

static void packages_free(void *value)
{
	struct packages *packages = value;

	vec_foreach (package, packages) {
		free(package->name);
		free(package->version);
		free(package->want);
		free(package->flag);
		free(package->state);
	}
	vec_done(packages);
	free(packages);
}

/* "install ok installed" */
static void take_status(struct package *package, const char *value, size_t len, uint32_t line)
{
	char *words[3] = { NULL };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t skip = strspn(value, " "), word;

		skip = skip < len ? skip : len;
		value += skip;
		len -= skip;
		word = strcspn(value, " \n");
		word = word < len ? word : len;
		words[i] = mem_strndup(value, word);
		value += word;
		len -= word;
	}
	free(package->want);
	free(package->flag);
	free(package->state);
	package->want = words[0];
	package->flag = words[1];
	package->state = words[2];
	package->line = line;
}

static const char *value_of(const char *line, size_t len, const char *key)
{
	size_t key_len = strlen(key);

	if (len <= key_len || strncmp(line, key, key_len))
		return NULL;
	return line + key_len + strspn(line + key_len, " ");
}

static void take_line(struct packages *packages, struct package **current, const char *line,
		      size_t len, uint32_t number)
{
	const char *value;

	if ((value = value_of(line, len, "Package:")) && packages->count < PACKAGES_MAX) {
		*current = vec_add(packages);
		(*current)->name = mem_strndup(value, (size_t)(line + len - value));
	} else if (*current && (value = value_of(line, len, "Status:"))) {
		take_status(*current, value, (size_t)(line + len - value), number);
	} else if (*current && (value = value_of(line, len, "Version:"))) {
		free((*current)->version);
		(*current)->version = mem_strndup(value, (size_t)(line + len - value));
	}
}

static const char packages_key;

const struct packages *packages_read(const struct machine *machine)
{
	struct packages *packages = machine_kept(machine, &packages_key);
	struct package *current = NULL;
	struct err ignored = ERR_INIT;
	const struct str *text;
	uint32_t number = 0;

	if (packages)
		return packages;
	packages = mem_alloc(sizeof(*packages));
	machine_keep(machine, &packages_key, packages, packages_free);
	text = machine_file(machine, "/var/lib/dpkg/status", &ignored);
	packages->is_known = text != NULL;
	for (const char *line = text ? text->s : ""; *line;) {
		size_t len = strcspn(line, "\n");

		number++;
		if (!len)
			current = NULL;
		else
			take_line(packages, &current, line, len, number);
		line += len + (line[len] == '\n');
	}
	return packages;
}

const struct package *package_find(const struct machine *machine, const char *name)
{
	const struct packages *packages = packages_read(machine);

	vec_foreach (package, packages)
		if (str_eq(package->name, name) && package->state)
			return package;
	return NULL;
}

static bool has_line(const struct str *text, const char *path)
{
	size_t len = strlen(path);

	for (const char *line = text->s; *line;) {
		size_t n = strcspn(line, "\n");

		if (n == len && !strncmp(line, path, len))
			return true;
		line += n + (line[n] == '\n');
	}
	return false;
}

bool package_lists(const struct machine *machine, const char *name, const char *path)
{
	static const char *const forms[] = { "", ":amd64", ":arm64" };
	const struct package *package = package_find(machine, name);
	cleanup(free) char *below_usr = mem_printf("/usr%s", path);

	if (!package || !str_eq(package->state, "installed"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		cleanup(free) char *list =
			mem_printf("/var/lib/dpkg/info/%s%s.list", name, forms[i]);
		struct err ignored = ERR_INIT;
		const struct str *text = machine_file(machine, list, &ignored);

		if (text && (has_line(text, path) || has_line(text, below_usr) ||
			     (str_starts(path, "/usr/") && has_line(text, path + 4))))
			return true;
	}
	return false;
}
