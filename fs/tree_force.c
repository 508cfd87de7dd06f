/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/commit.h"
#include "fs/patch_side.h"

/* Contents are written in place, so a write that was cut off leaves each byte as it was, as it
 * should become, or never written (zero). */
static bool is_torn_write(const struct patch_side *now, const struct patch_item *item)
{
	const struct str *old = &item->before.bytes, *new = &item->after.bytes;

	if (now->bytes.len > old->len && now->bytes.len > new->len)
		return false;
	for (size_t i = 0; i < now->bytes.len; i++) {
		char c = now->bytes.s[i];

		if (c && !(i < old->len && old->s[i] == c) && !(i < new->len &&new->s[i] == c))
			return false;
	}
	return true;
}

static bool is_ours(const struct patch_side *now, const struct patch_item *item)
{
	bool like_old = item->before.exists && !((now->mode ^ item->before.mode) & S_IFMT);
	bool like_new = item->after.exists && !((now->mode ^ item->after.mode) & S_IFMT);

	if (!now->exists)
		return true;
	if (!like_old && !like_new)
		return false;
	return !S_ISREG(now->mode) || item->before.is_bare || is_torn_write(now, item);
}

static int force_item(struct tree *tree, const struct patch_item *item, const struct patch_side *to,
		      struct err *err)
{
	cleanup(patch_side_done) struct patch_side now;

	if ((item->before.is_bare ? patch_side_read_bare(tree, item->path, &now, err)
				  : patch_side_read(tree, item->path, &now, err)) < 0)
		return -1;
	if (!is_ours(&now, item))
		return tree_path_err(err, ERR_CONFLICT, item->path,
				     "was changed by somebody else; put it right by hand, the "
				     "record has both contents");
	return patch_side_go(tree, item->path, &now, to, err);
}

int tree_force(struct tree *tree, const struct patch *patch, enum record_direction direction,
	       struct err *err)
{
	for (size_t i = 0; i < patch->count; i++) {
		bool forward = direction == RECORD_FINISH;
		const struct patch_item *item = &patch->items[forward ? i : patch->count - 1 - i];

		if (force_item(tree, item, forward ? &item->after : &item->before, err) < 0)
			return -1;
	}
	return 0;
}

bool tree_is_at(struct tree *tree, const char *path, const struct patch_side *side)
{
	struct err ignored = ERR_INIT;
	bool is_at = false;

	return !patch_side_is_at(tree, path, side, &is_at, &ignored) && is_at;
}
