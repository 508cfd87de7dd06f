/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sysctl.h"
#include "checks/conf_dirs.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#define SYSCTLS_MAX 20000u
#define KEY_MAX	    1000u

static const char *const dirs[] = { "/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
				    "/usr/lib/sysctl.d", "/lib/sysctl.d" };

/* Whichever of "." and "/" comes first is the separator; with dots, a "/" stands for a dot of a name
 * ("net.ipv4.conf.eth0/7.rp_filter"). */
static char *slashed(const char *key, size_t len)
{
	char *s = mem_strndup(key, len);
	bool has_dots = s[strcspn(s, "./")] == '.';

	for (char *p = s; has_dots && *p; p++) {
		if (*p == '.')
			*p = '/';
		else if (*p == '/')
			*p = '.';
	}
	return s;
}

static size_t trim(const char **p, const char *end)
{
	while (*p < end && isspace((unsigned char)**p))
		++*p;
	while (end > *p && isspace((unsigned char)end[-1]))
		end--;
	return (size_t)(end - *p);
}

/* One line without its end; neither empty nor a comment. */
static void parse_line(const char *p, const char *end, const char *path, uint32_t line,
		       struct sysctls *ret)
{
	const char *equals = memchr(p, '=', (size_t)(end - p)), *value = equals ? equals + 1 : NULL;
	size_t value_len = equals ? trim(&value, end) : 0, len;
	bool may_fail;

	len = trim(&p, equals ? equals : end);
	may_fail = len && *p == '-';
	if (may_fail)
		p++, len--;
	if (!len || len > KEY_MAX || memchr(p, '\0', len) || (!equals && !may_fail))
		return; /* no assignment: said and passed over */
	vec_push(ret, ((struct sysctl_item){
			      .key = slashed(p, len),
			      .value = value ? mem_strndup(value, value_len) : NULL,
			      .path = mem_strdup(path),
			      .line = line,
			      .may_fail = may_fail,
		      }));
	ret->items[ret->count - 1].is_glob = strpbrk(ret->items[ret->count - 1].key, "*?[");
}

void sysctl_parse(const struct str *text, const char *path, struct sysctls *ret)
{
	const char *p = text->s, *end = text->s + text->len;
	uint32_t line = 0;

	for (const char *next; p < end && ret->count < SYSCTLS_MAX; p = next) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));

		next = eol ? eol + 1 : end;
		line++;
		if (trim(&p, eol ? eol : end) && !strchr("#;", *p))
			parse_line(p, eol ? eol : end, path, line, ret);
	}
}

void sysctls_done(struct sysctls *sysctls)
{
	vec_foreach (item, sysctls) {
		free(item->key);
		free(item->value);
		free(item->path);
	}
	vec_done(sysctls);
}

static void free_kept(void *value)
{
	sysctls_done(value);
	free(value);
}

static bool has_systemd_sysctl(const struct machine *machine)
{
	struct tree *tree = machine_tree(machine);

	return tree_exists(tree, "/usr/lib/systemd/systemd-sysctl") ||
	       tree_exists(tree, "/lib/systemd/systemd-sysctl");
}

const struct sysctls *sysctl_model(const struct machine *machine)
{
	static const char key, conf[] = "/etc/sysctl.conf";
	struct sysctls *model = machine_kept(machine, &key);
	cleanup(tree_names_done) struct tree_names files = { 0 };
	struct err ignored = ERR_INIT;
	bool has_conf = false;

	if (model)
		return model;
	model = mem_alloc(sizeof(*model));
	machine_keep(machine, &key, model, free_kept);
	conf_dirs_list(machine, dirs, ARRAY_LEN(dirs), ".conf", &files);
	vec_foreach (file, &files)
		has_conf |= str_eq(*file, conf);
	if (!has_conf && !has_systemd_sysctl(machine))
		vec_push(&files, mem_strdup(conf));
	vec_foreach (file, &files) {
		const struct str *text = machine_file(machine, *file, &ignored);

		if (text)
			sysctl_parse(text, *file, model);
	}
	return model;
}

const struct sysctl_item *sysctl_find(const struct machine *machine, const char *key)
{
	const struct sysctls *model = sysctl_model(machine);
	cleanup(free) char *wanted = slashed(key, strlen(key));
	const struct sysctl_item *own = NULL, *pattern = NULL;

	vec_foreach (item, model) {
		if (!item->is_glob && str_eq(item->key, wanted))
			own = item;
		else if (item->is_glob && item->value &&
			 !fnmatch(item->key, wanted, FNM_PATHNAME | FNM_PERIOD))
			pattern = item;
	}
	if (own)
		return own->value ? own : NULL;
	return pattern;
}

const struct sysctl_item *sysctl_last(const struct machine *machine, const char *const keys[])
{
	const struct sysctl_item *last = NULL;

	for (size_t i = 0; keys[i]; i++) {
		const struct sysctl_item *item = sysctl_find(machine, keys[i]);

		if (item && (!last || item > last)) /* all are of the one array */
			last = item;
	}
	return last;
}

bool sysctl_number(const struct sysctl_item *item, int64_t *ret)
{
	char *end;
	long long number;

	if (!item || !item->value || !*item->value)
		return false;
	errno = 0;
	number = strtoll(item->value, &end, 0);
	if (errno || end == item->value || (*end && !isspace((unsigned char)*end)))
		return false;
	*ret = number;
	return true;
}
