/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree_table.h"

#include <stdlib.h>

struct attr_row *tree_table_find(struct tree_table *table, const char *path)
{
	vec_foreach (row, &table->rows)
		if (str_eq(row->path, path))
			return row;
	return NULL;
}

struct attr_row tree_table_default(uint32_t type)
{
	return (struct attr_row){ .mode = S_ISDIR(type) ? 0755 : S_ISLNK(type) ? 0777 : 0644 };
}

struct attr_row *tree_table_set(struct tree_table *table, const char *path, uint32_t mode,
				uint32_t uid, uint32_t gid)
{
	struct attr_row *row = tree_table_find(table, path);

	if (!row) {
		row = vec_add(&table->rows);
		row->path = mem_strdup(path);
	}
	row->mode = mode & 07777;
	row->uid = uid;
	row->gid = gid;
	return row;
}

static struct label_row *find_label(struct tree_table *table, const char *path)
{
	vec_foreach (row, &table->labels)
		if (str_eq(row->path, path))
			return row;
	return NULL;
}

const char *tree_table_label(struct tree_table *table, const char *path)
{
	const struct label_row *row = find_label(table, path);

	return row ? row->label : NULL;
}

void tree_table_set_label(struct tree_table *table, const char *path, const char *label, size_t len)
{
	struct label_row *row = find_label(table, path);

	if (!row) {
		row = vec_add(&table->labels);
		row->path = mem_strdup(path);
	}
	free(row->label);
	row->label = mem_strndup(label, len);
}

void tree_table_drop(struct tree_table *table, const char *path)
{
	struct attr_row *row = tree_table_find(table, path);
	struct label_row *label = find_label(table, path);

	if (row) {
		free(row->path);
		*row = table->rows.items[--table->rows.count];
	}
	if (label) {
		free(label->path);
		free(label->label);
		*label = table->labels.items[--table->labels.count];
	}
}

static bool take_number(char **p, int base, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(*p, &end, base);

	if (end == *p || value > UINT32_MAX)
		return false;
	*p = end;
	*ret = (uint32_t)value;
	return true;
}

/* "0644ia 0 0 PATH" */
static bool take_attrs(struct tree_table *table, char *p)
{
	uint32_t mode, uid, gid;
	uint32_t flags = 0;

	if (!take_number(&p, 8, &mode))
		return false;
	for (; *p == 'i' || *p == 'a'; p++)
		flags |= *p == 'i' ? TREE_IMMUTABLE : TREE_APPEND;
	if (!take_number(&p, 10, &uid) || !take_number(&p, 10, &gid))
		return false;
	p += strspn(p, " ");
	if (*p != '/')
		return false;
	tree_table_set(table, p, mode, uid, gid)->flags = flags;
	return true;
}

/* "MODE UID GID PATH" or "label PATH LABEL" */
static int take_line(struct tree_table *table, char *line, struct err *err)
{
	char *label;

	if (str_starts(line, "label /") && (label = strchr(line + 6, ' '))) {
		*label++ = '\0';
		tree_table_set_label(table, line + 6, label, strlen(label));
		return 0;
	}
	if (!take_attrs(table, line))
		return err_set(err, ERR_MALFORMED, "attrs: \"%s\" is not MODE UID GID PATH", line);
	return 0;
}

int tree_table_read(struct tree_table *table, const char *text, struct err *err)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		cleanup(free) char *copy = mem_strndup(line, strcspn(line, "\n"));

		if (copy[0] && copy[0] != '#' && take_line(table, copy, err) < 0)
			return -1;
	}
	return 0;
}

static int compare_rows(const void *a, const void *b)
{
	return strcmp(((const struct attr_row *)a)->path, ((const struct attr_row *)b)->path);
}

static int compare_labels(const void *a, const void *b)
{
	return strcmp(((const struct label_row *)a)->path, ((const struct label_row *)b)->path);
}

void tree_table_sort(struct tree_table *table)
{
	if (table->rows.count)
		qsort(table->rows.items, table->rows.count, sizeof(*table->rows.items),
		      compare_rows);
	if (table->labels.count)
		qsort(table->labels.items, table->labels.count, sizeof(*table->labels.items),
		      compare_labels);
}

void tree_table_done(struct tree_table *table)
{
	vec_foreach (row, &table->rows)
		free(row->path);
	vec_foreach (row, &table->labels) {
		free(row->path);
		free(row->label);
	}
	vec_done(&table->rows);
	vec_done(&table->labels);
}
