/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patches: the state of each path before and after. Made in patch_make.c, shown in patch_show.c. */
#include "fs/patch_side.h"

static void item_done(struct patch_item *item)
{
	free(item->path);
	patch_side_done(&item->before);
	patch_side_done(&item->after);
}

void patch_done(struct patch *patch)
{
	vec_foreach (item, patch)
		item_done(item);
	vec_done(patch);
}

static struct patch_item *find_item(struct patch *patch, const char *path)
{
	vec_foreach (item, patch)
		if (str_eq(item->path, path))
			return item;
	return NULL;
}

/* One of them without bytes has not changed them: they are those of the other. */
static void take_bytes(struct patch_side *side, const struct patch_side *from)
{
	if (!side->exists || !side->is_bare || !from->exists || from->is_bare)
		return;
	str_add_bytes(&side->bytes, from->bytes.s, from->bytes.len);
	side->is_bare = false;
}

void patch_compose(struct patch *to, const struct patch *next)
{
	size_t kept = 0;

	vec_foreach (item, next) {
		struct patch_item *old = find_item(to, item->path);

		struct patch_side last = { .bytes = STR_INIT, .label = STR_INIT };

		if (old) {
			take_bytes(&old->before, &item->before);
			last = old->after;
		} else {
			old = vec_add(to);
			old->path = mem_strdup(item->path);
			patch_side_copy(&old->before, &item->before);
		}
		patch_side_copy(&old->after, &item->after);
		take_bytes(&old->after, &last);
		patch_side_done(&last);
	}
	vec_foreach (item, to) {
		if (patch_side_eq(&item->before, &item->after))
			item_done(item);
		else
			to->items[kept++] = *item;
	}
	to->count = kept;
}

int patch_apply(struct tree *tree, const struct patch *patch, struct err *err)
{
	vec_foreach (item, patch) {
		bool as_before = false;

		if (patch_side_is_at(tree, item->path, &item->before, &as_before, err) < 0)
			return -1;
		if (!as_before)
			return tree_path_err(err, ERR_CONFLICT, item->path,
					     "changed between examination and repair");
		if (patch_side_go(tree, item->path, &item->before, &item->after, err) < 0)
			return -1;
	}
	return 0;
}

int patch_revert(struct tree *tree, const struct patch *patch, struct tree_names *changed,
		 struct err *err)
{
	for (size_t i = patch->count; i-- > 0;) {
		const struct patch_item *item = &patch->items[i];
		struct err why = ERR_INIT;
		bool as_after = false;

		if (patch_side_eq(&item->before, &item->after))
			continue;
		if (patch_side_is_at(tree, item->path, &item->after, &as_after, err) < 0)
			return -1;
		/* A directory made by the repair that something lives in now stays. */
		if (as_after &&
		    patch_side_go(tree, item->path, &item->after, &item->before, &why) < 0) {
			if (!S_ISDIR(item->after.mode) || item->before.exists) {
				*err = why;
				return -1;
			}
			as_after = false;
		}
		if (!as_after)
			vec_push(changed, mem_strdup(item->path));
	}
	return 0;
}
