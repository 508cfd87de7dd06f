/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/patient.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/tree_mem.h"

#include <stdio.h>

/* The next part: its name and its bytes. False at the end. */
static bool next_part(const char **at, const char *end, char **ret_name, const char **ret_bytes,
		      size_t *ret_len)
{
	const char *p = *at, *line_end, *stop;

	if (end - p < 4 || memcmp(p, "=== ", 4))
		return false;
	line_end = memchr(p, '\n', (size_t)(end - p));
	if (!line_end)
		line_end = end;
	*ret_name = mem_strndup(p + 4, (size_t)(line_end - p - 4));
	p = line_end < end ? line_end + 1 : end;
	stop = memmem(p, (size_t)(end - p), "\n=== ", 5);
	/* An empty file: its separator's newline is the one that ended the name. */
	if (end - p >= 4 && !memcmp(p, "=== ", 4))
		stop = p - 1;
	*ret_bytes = p;
	*ret_len = stop ? (stop < p ? 0 : (size_t)(stop - p)) : (size_t)(end - p);
	*at = stop ? stop + 1 : end;
	return true;
}

static void take_facts(struct patient *patient, const char *text, size_t len)
{
	json_t *json = json_loadb(text, len, 0, NULL);
	json_t *disks = json_object_get(json, "disks"), *cloud = json_object_get(json, "cloud");
	const char *console = json_string_value(json_object_get(json, "console"));
	struct err ignored;

	if (disks && !patient->has_disks && !disks_from_json(disks, &patient->disks, &ignored))
		patient->has_disks = true;
	if (cloud && !patient->has_cloud)
		patient->has_cloud = !cloud_facts_from_json(cloud, &patient->cloud, &ignored);
	if (console && !patient->console)
		patient->console = mem_strdup(console);
	json_decref(json);
}

static void take_row(struct tree *tree, char *row)
{
	unsigned mode, uid, gid;
	int path;
	char *space = strchr(row, ' '), *target;

	if (sscanf(row, "%o %u %u %n", &mode, &uid, &gid, &path) == 3) {
		tree_mem_own(tree, row + path, mode, uid, gid);
	} else if (space && str_starts(row, "dir ")) {
		tree_mem_add(tree, space + 1, S_IFDIR | 0755, "", 0);
	} else if (space && str_starts(row, "fifo ")) {
		tree_mem_add(tree, space + 1, S_IFIFO | 0644, "", 0);
	} else if (space && str_starts(row, "link ") && (target = strchr(space + 1, ' '))) {
		*target++ = '\0';
		tree_mem_add(tree, space + 1, S_IFLNK | 0777, target, strlen(target));
	}
}

void patient_read(const uint8_t *data, size_t size, struct patient *ret)
{
	const char *at = (const char *)data, *end = at + size, *bytes;
	cleanup(str_done) struct str attrs = STR_INIT;
	size_t len;
	char *name;

	*ret = (struct patient){ .tree = tree_open_mem() };
	while (next_part(&at, end, &name, &bytes, &len)) {
		if (str_eq(name, "facts.json"))
			take_facts(ret, bytes, len);
		else if (str_eq(name, "attrs"))
			str_add_bytes(&attrs, bytes, len), str_add_char(&attrs, '\n');
		else
			tree_mem_add(ret->tree, name, S_IFREG | 0644, bytes, len);
		free(name);
	}
	for (char *save = NULL, *row = attrs.len ? strtok_r(attrs.s, "\n", &save) : NULL; row;
	     row = strtok_r(NULL, "\n", &save))
		take_row(ret->tree, row);
}

void patient_done(struct patient *patient)
{
	tree_close(patient->tree);
	disks_done(&patient->disks);
	cloud_facts_done(&patient->cloud);
	free(patient->console);
}
