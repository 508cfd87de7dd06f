/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree.h"

#include <stdio.h>

#define LINKS_MAX 40 /* as the kernel's own limit, path_resolution(7) */

struct tree {
	const struct tree_ops *ops;
	void *private;
};

struct tree *tree_new_backend(const struct tree_ops *ops, void *private)
{
	struct tree *tree = mem_alloc(sizeof(*tree));

	tree->ops = ops;
	tree->private = private;
	return tree;
}

void *tree_private(const struct tree *tree, const struct tree_ops *ops)
{
	return tree->ops == ops ? tree->private : NULL;
}

void tree_close(struct tree *tree)
{
	if (!tree)
		return;
	if (tree->ops->close)
		tree->ops->close(tree->private);
	free(tree);
}

void tree_names_done(struct tree_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	vec_done(names);
}

int(tree_path_err)(struct err *err, enum err_code code, const char *path, const char *what)
{
	cleanup(str_done) struct str shown = STR_INIT;

	str_add_escaped(&shown, path, strnlen(path, 256));
	return err_set(err, code, "%s: %s", shown.s, what);
}

static int valid(const char *path, struct err *err)
{
	if (path[0] != '/')
		return tree_path_err(err, ERR_INTERNAL, path, "a path in a tree must be absolute");
	if (strnlen(path, TREE_PATH_MAX) == TREE_PATH_MAX)
		return tree_path_err(err, ERR_MALFORMED, path, "the path is too long");
	return 0;
}

/* Every operation of a backend: refuses bad paths and what the backend cannot do. */
#define DISPATCH(tree, op, path, err, ...)                                             \
	({                                                                             \
		int rc_ = valid(path, err);                                            \
		if (!rc_ && !(tree)->ops->op)                                          \
			rc_ = tree_path_err(err, ERR_UNSUPPORTED, path,                \
					    "this way of access is read-only");        \
		rc_ ? -1 : (tree)->ops->op((tree)->private, path, ##__VA_ARGS__, err); \
	})

int tree_stat(struct tree *tree, const char *path, enum tree_follow follow, struct tree_stat *ret,
	      struct err *err)
{
	return DISPATCH(tree, stat, path, err, follow, ret);
}

int tree_read(struct tree *tree, const char *path, size_t max_bytes, struct str *into,
	      struct err *err)
{
	return DISPATCH(tree, read, path, err,
			max_bytes < TREE_FILE_MAX ? max_bytes : TREE_FILE_MAX, into);
}

int tree_read_at(struct tree *tree, const char *path, uint64_t offset, size_t len, struct str *into,
		 struct err *err)
{
	if (len > TREE_FILE_MAX || offset > INT64_MAX - TREE_FILE_MAX)
		return tree_path_err(err, ERR_MALFORMED, path, "no file reaches that far");
	return DISPATCH(tree, read_at, path, err, offset, len, into);
}

int tree_readlink(struct tree *tree, const char *path, struct str *into, struct err *err)
{
	return DISPATCH(tree, readlink, path, err, into);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int tree_list(struct tree *tree, const char *dir, struct tree_names *ret, struct err *err)
{
	struct tree_names names = { 0 };

	if (DISPATCH(tree, list, dir, err, &names) < 0) {
		tree_names_done(&names);
		return -1;
	}
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), compare_names);
	*ret = names;
	return 0;
}

int tree_getxattr(struct tree *tree, const char *path, const char *name, struct str *into,
		  struct err *err)
{
	return DISPATCH(tree, getxattr, path, err, name, into);
}

int tree_write(struct tree *tree, const char *path, const void *data, size_t len, struct err *err)
{
	if (len > TREE_FILE_MAX)
		return tree_path_err(err, ERR_MALFORMED, path, "too large to be written");
	return DISPATCH(tree, write, path, err, data, len);
}

int tree_create(struct tree *tree, const char *path, const struct tree_new *new, const void *data,
		size_t len, struct err *err)
{
	return DISPATCH(tree, create, path, err, new, data, len);
}

int tree_mkdir(struct tree *tree, const char *path, const struct tree_new *new, struct err *err)
{
	return DISPATCH(tree, mkdir, path, err, new);
}

int tree_symlink(struct tree *tree, const char *path, const char *target,
		 const struct tree_new *new, struct err *err)
{
	return DISPATCH(tree, symlink, path, err, target, new);
}

int tree_remove(struct tree *tree, const char *path, struct err *err)
{
	return DISPATCH(tree, remove, path, err);
}

int tree_chmod(struct tree *tree, const char *path, uint32_t mode, struct err *err)
{
	return DISPATCH(tree, chmod, path, err, mode);
}

int tree_chown(struct tree *tree, const char *path, uint32_t uid, uint32_t gid, struct err *err)
{
	return DISPATCH(tree, chown, path, err, uid, gid);
}

int tree_chflags(struct tree *tree, const char *path, uint32_t flags, struct err *err)
{
	return DISPATCH(tree, chflags, path, err, flags);
}

int tree_sync(struct tree *tree, struct err *err)
{
	return tree->ops->sync ? tree->ops->sync(tree->private, err) : 0;
}

int tree_space(struct tree *tree, struct tree_space *ret, struct err *err)
{
	if (!tree->ops->space)
		return err_set(err, ERR_UNSUPPORTED, "the free space cannot be told");
	return tree->ops->space(tree->private, ret, err);
}

bool tree_exists(struct tree *tree, const char *path)
{
	struct tree_stat st;
	struct err ignored = ERR_INIT;

	return !tree_stat(tree, path, TREE_FOLLOW, &st, &ignored);
}

bool tree_is_dir(struct tree *tree, const char *path)
{
	struct tree_stat st;
	struct err ignored = ERR_INIT;

	return !tree_stat(tree, path, TREE_FOLLOW, &st, &ignored) && S_ISDIR(st.mode);
}

/* Drops the last component of an absolute resolved path; "/" is "". */
static void go_up(struct str *done)
{
	while (done->len && done->s[done->len - 1] != '/')
		done->len--;
	if (done->len)
		done->len--;
	if (done->room)
		done->s[done->len] = '\0';
}

/* One component: what it leads to is put in front of the rest when it is a link. */
static int step_into(struct tree *tree, struct str *done, const char *name, struct str *rest,
		     unsigned *links, struct err *err)
{
	cleanup(str_done) struct str here = STR_INIT, target = STR_INIT, joined = STR_INIT;
	struct tree_stat st;
	struct err missing = ERR_INIT;

	str_add_bytes(&here, done->s, done->len);
	str_add_char(&here, '/');
	str_add(&here, name);
	if (tree_stat(tree, here.s, TREE_NOFOLLOW, &st, &missing) < 0) {
		if (missing.code == ERR_NOTFOUND && !rest->len) {
			str_clear(done);
			str_add_bytes(done, here.s, here.len);
			return 0;
		}
		*err = missing;
		return -1;
	}
	if (!S_ISLNK(st.mode)) {
		str_clear(done);
		str_add_bytes(done, here.s, here.len);
		return 0;
	}
	if (++*links > LINKS_MAX)
		return tree_path_err(err, ERR_MALFORMED, here.s, "too many symbolic links");
	if (tree_readlink(tree, here.s, &target, err) < 0)
		return -1;
	if (target.s[0] == '/')
		str_clear(done);
	str_addf(&joined, "%s/%s", target.s, rest->s);
	if (joined.len >= TREE_PATH_MAX)
		return tree_path_err(err, ERR_MALFORMED, here.s,
				     "the link leads to too long a path");
	str_clear(rest);
	str_add_bytes(rest, joined.s, joined.len);
	return 0;
}

static int resolve_by_steps(struct tree *tree, const char *path, struct str *into, struct err *err)
{
	cleanup(str_done) struct str done = STR_INIT, rest = STR_INIT;
	unsigned links = 0;

	str_add(&rest, path);
	for (;;) {
		cleanup(free) char *name = NULL;
		size_t skip = strspn(rest.s, "/"), len = strcspn(rest.s + skip, "/");
		cleanup(free) char *after = mem_strdup(rest.s + skip + len);

		if (!len)
			break;
		name = mem_strndup(rest.s + skip, len);
		str_clear(&rest);
		str_add(&rest, after + strspn(after, "/"));
		if (str_eq(name, ".."))
			go_up(&done);
		else if (!str_eq(name, ".") && step_into(tree, &done, name, &rest, &links, err) < 0)
			return -1;
	}
	str_add(into, done.len ? done.s : "/");
	return 0;
}

int tree_resolve(struct tree *tree, const char *path, struct str *into, struct err *err)
{
	if (valid(path, err) < 0)
		return -1;
	if (tree->ops->resolve)
		return tree->ops->resolve(tree->private, path, into, err);
	return resolve_by_steps(tree, path, into, err);
}
