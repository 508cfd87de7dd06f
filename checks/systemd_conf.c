/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/systemd_conf.h"
#include "checks/conf_dirs.h"

#include <stdlib.h>

/* By precedence; /lib is /usr/lib where that is not merged. */
static const char *const dirs[] = { "/etc/systemd", "/run/systemd", "/usr/local/lib/systemd",
				    "/usr/lib/systemd", "/lib/systemd" };

static void add(const struct machine *machine, const char *path, struct systemd_conf *ret)
{
	struct err ignored = ERR_INIT;
	const struct str *text = machine_file(machine, path, &ignored);
	struct systemd_conf_part *part;

	if (!text)
		return;
	part = vec_add(ret);
	part->path = mem_strdup(path);
	sections_parse(text, SECTIONS_SYSTEMD, &part->sections);
}

void systemd_conf_read(const struct machine *machine, const char *name, struct systemd_conf *ret)
{
	cleanup(tree_names_done) struct tree_names files = { 0 }, below = { 0 };
	const char *in[ARRAY_LEN(dirs)];

	for (size_t i = 0; i < ARRAY_LEN(dirs) && !ret->count; i++) {
		cleanup(free) char *path = mem_printf("%s/%s.conf", dirs[i], name);

		add(machine, path, ret);
	}
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		vec_push(&below, mem_printf("%s/%s.conf.d", dirs[i], name));
		in[i] = below.items[i];
	}
	conf_dirs_list(machine, in, ARRAY_LEN(in), ".conf", &files);
	vec_foreach (file, &files)
		add(machine, *file, ret);
}

void systemd_conf_done(struct systemd_conf *conf)
{
	vec_foreach (part, conf) {
		free(part->path);
		sections_done(&part->sections);
	}
	vec_done(conf);
}

const struct section_item *systemd_conf_find(const struct systemd_conf *conf, const char *section,
					     const char *key,
					     const struct systemd_conf_part **ret_part)
{
	const struct section_item *found = NULL;

	vec_foreach (part, conf) {
		const struct section_item *item = sections_find(&part->sections, section, key);

		if (item && *item->value) {
			found = item;
			*ret_part = part;
		}
	}
	return found;
}
