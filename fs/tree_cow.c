/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree_cow.h"
#include "base/mem.h"

#define SELINUX_LABEL "security.selinux"

/* What was changed at one path. Paths are canonical: no link, "." or ".." in them. */
struct node {
	char *path;
	bool exists;
	bool is_new;	/* nothing of the base shows through, here or below */
	bool has_bytes; /* contents or link target are `bytes`, not the base's */
	bool has_label;
	struct tree_stat st;
	struct str bytes, label;
};

struct cow {
	struct tree *base;
	VEC(struct node) nodes;
	struct tree *bare;
	uint64_t last_ino; /* numbers for new objects, from the top down */
};

static struct node *find(struct cow *c, const char *path)
{
	vec_foreach (n, &c->nodes)
		if (str_eq(n->path, path))
			return n;
	return NULL;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/* Is the base hidden at this path, because something above it was removed or is new? */
static bool is_hidden(struct cow *c, const char *path)
{
	vec_foreach (n, &c->nodes)
		if ((n->is_new || !n->exists) && is_below(path, n->path))
			return true;
	return false;
}

static int look(struct cow *c, const char *path, struct tree_stat *ret, struct err *err)
{
	struct node *n = find(c, path);

	if (n && n->exists) {
		*ret = n->st;
		return 0;
	}
	if (n || is_hidden(c, path))
		return tree_path_err(err, ERR_NOTFOUND, path, "no such file");
	return tree_stat(c->base, path, TREE_NOFOLLOW, ret, err);
}

static int link_target(struct cow *c, const char *path, struct str *into, struct err *err)
{
	struct node *n = find(c, path);

	if (!n || !n->has_bytes)
		return tree_readlink(c->base, path, into, err);
	str_add_bytes(into, n->bytes.s, n->bytes.len);
	return 0;
}

/* The bare view, for paths whose directory part is canonical already: tree_resolve walks on it. */
static int bare_stat(void *private, const char *path, enum tree_follow follow,
		     struct tree_stat *ret, struct err *err)
{
	(void)follow;
	return look(private, path, ret, err);
}

static int bare_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	return link_target(private, path, into, err);
}

static const struct tree_ops bare_ops = { .stat = bare_stat, .readlink = bare_readlink };

/* The path as nodes know it: without links, the last component resolved or not. */
static int canonical(struct cow *c, const char *path, enum tree_follow follow, struct str *into,
		     struct err *err)
{
	const char *name = strrchr(path, '/') + 1;
	cleanup(free) char *parent = mem_strndup(path, (size_t)(name - path));
	struct tree_stat st;

	if (follow == TREE_FOLLOW || !*name || str_eq(name, ".") || str_eq(name, ".."))
		return tree_resolve(c->bare, path, into, err);
	if (tree_resolve(c->bare, parent, into, err) < 0 || look(c, into->s, &st, err) < 0)
		return -1;
	if (!S_ISDIR(st.mode))
		return tree_path_err(err, ERR_NOTFOUND, path, "no such file");
	if (into->len > 1)
		str_add_char(into, '/');
	str_add(into, name);
	return 0;
}

static int cow_stat(void *private, const char *path, enum tree_follow follow, struct tree_stat *ret,
		    struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;

	if (canonical(c, path, follow, &where, err) < 0)
		return -1;
	return look(c, where.s, ret, err);
}

/* Where the file is, and its own bytes; *ret NULL: they are the base's. */
static int own_bytes(struct cow *c, const char *path, struct str *where, const struct str **ret,
		     struct err *err)
{
	struct tree_stat st;
	struct node *n;

	*ret = NULL;
	if (canonical(c, path, TREE_FOLLOW, where, err) < 0 || look(c, where->s, &st, err) < 0)
		return -1;
	n = find(c, where->s);
	if (!n || !n->has_bytes)
		return 0;
	if (!S_ISREG(st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "not a regular file");
	*ret = &n->bytes;
	return 0;
}

static int cow_read(void *private, const char *path, size_t max_bytes, struct str *into,
		    struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	const struct str *bytes;

	if (own_bytes(c, path, &where, &bytes, err) < 0)
		return -1;
	if (!bytes)
		return tree_read(c->base, where.s, max_bytes, into, err);
	if (bytes->len > max_bytes)
		return tree_path_err(err, ERR_MALFORMED, path, "too large");
	str_add_bytes(into, bytes->s, bytes->len);
	return 0;
}

static int cow_read_at(void *private, const char *path, uint64_t offset, size_t len,
		       struct str *into, struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	const struct str *bytes;

	if (own_bytes(c, path, &where, &bytes, err) < 0)
		return -1;
	if (!bytes)
		return tree_read_at(c->base, where.s, offset, len, into, err);
	if (offset < bytes->len)
		str_add_bytes(into, bytes->s + offset,
			      len < bytes->len - offset ? len : bytes->len - offset);
	return 0;
}

static int cow_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	struct tree_stat st;

	if (canonical(c, path, TREE_NOFOLLOW, &where, err) < 0 || look(c, where.s, &st, err) < 0)
		return -1;
	if (!S_ISLNK(st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "not a symbolic link");
	return link_target(c, where.s, into, err);
}

/* The name of `path` in `dir`, NULL when it is somewhere else; "/" is in nothing, not even in itself. */
static const char *name_in(const char *path, const char *dir)
{
	const char *name = strrchr(path, '/') + 1;
	size_t len = str_eq(dir, "/") ? 0 : strlen(dir);

	return *name && !strncmp(path, dir, len) && path + len + 1 == name ? name : NULL;
}

static void merge_name(struct tree_names *names, const char *name, bool exists)
{
	vec_foreach (old, names) {
		if (!str_eq(*old, name))
			continue;
		if (!exists) {
			free(*old);
			*old = names->items[--names->count];
		}
		return;
	}
	if (exists)
		vec_push(names, mem_strdup(name));
}

static int cow_list(void *private, const char *dir, struct tree_names *ret, struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct tree_stat st;
	struct node *n;

	if (canonical(c, dir, TREE_FOLLOW, &where, err) < 0 || look(c, where.s, &st, err) < 0)
		return -1;
	if (!S_ISDIR(st.mode))
		return tree_path_err(err, ERR_NOTFOUND, dir, "no such file");
	n = find(c, where.s);
	if (!(n && n->is_new) && !is_hidden(c, where.s) &&
	    tree_list(c->base, where.s, &names, err) < 0)
		return -1;
	vec_foreach (changed, &c->nodes) {
		const char *name = name_in(changed->path, where.s);

		if (name)
			merge_name(&names, name, changed->exists);
	}
	vec_foreach (name, &names)
		vec_push(ret, *name);
	vec_done(&names);
	return 0;
}

static int cow_getxattr(void *private, const char *path, const char *name, struct str *into,
			struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	struct tree_stat st;
	struct node *n;

	if (canonical(c, path, TREE_FOLLOW, &where, err) < 0 || look(c, where.s, &st, err) < 0)
		return -1;
	n = find(c, where.s);
	if (!n || !n->is_new)
		return tree_getxattr(c->base, where.s, name, into, err);
	if (!n->has_label || !str_eq(name, SELINUX_LABEL))
		return tree_path_err(err, ERR_NOTFOUND, path, "has no such attribute");
	str_add_bytes(into, n->label.s, n->label.len);
	return 0;
}

static int cow_resolve(void *private, const char *path, struct str *into, struct err *err)
{
	cleanup(str_done) struct str where = STR_INIT;

	if (canonical(private, path, TREE_FOLLOW, &where, err) < 0)
		return -1;
	str_add_bytes(into, where.s, where.len);
	return 0;
}

static int cow_space(void *private, struct tree_space *ret, struct err *err)
{
	return tree_space(((struct cow *)private)->base, ret, err);
}

/* The node for changing what exists at a canonical path. */
static int node_of(struct cow *c, const char *path, struct node **ret, struct err *err)
{
	struct node *n = find(c, path);
	struct tree_stat st;

	if (look(c, path, &st, err) < 0)
		return -1;
	if (!n) {
		n = vec_add(&c->nodes);
		n->path = mem_strdup(path);
		n->exists = true;
		n->st = st;
		n->bytes = n->label = (struct str)STR_INIT;
	}
	*ret = n;
	return 0;
}

static int cow_write(void *private, const char *path, const void *data, size_t len, struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	struct node *n;

	if (len > TREE_FILE_MAX)
		return tree_path_err(err, ERR_MALFORMED, path, "too large");
	if (canonical(c, path, TREE_FOLLOW, &where, err) < 0 || node_of(c, where.s, &n, err) < 0)
		return -1;
	if (!S_ISREG(n->st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "not a regular file");
	str_clear(&n->bytes);
	str_add_bytes(&n->bytes, data, len);
	n->has_bytes = true;
	n->st.size_bytes = len;
	return 0;
}

/* A new object of this type at a name that is free, in a directory that exists. */
static int make(struct cow *c, const char *path, uint32_t mode, const struct tree_new *new,
		struct node **ret, struct err *err)
{
	cleanup(str_done) struct str where = STR_INIT;
	struct err missing = ERR_INIT;
	struct tree_stat st;
	struct node *n;

	if (canonical(c, path, TREE_NOFOLLOW, &where, err) < 0)
		return -1;
	if (!look(c, where.s, &st, &missing))
		return tree_path_err(err, ERR_CONFLICT, where.s, "exists already");
	if (missing.code != ERR_NOTFOUND) {
		*err = missing;
		return -1;
	}
	n = find(c, where.s);
	if (!n) {
		n = vec_add(&c->nodes);
		n->path = mem_strdup(where.s);
		n->bytes = n->label = (struct str)STR_INIT;
	}
	n->exists = n->is_new = n->has_bytes = true;
	n->st = (struct tree_stat){ .mode = mode,
				    .uid = new->uid,
				    .gid = new->gid,
				    .nlink = S_ISDIR(mode) ? 2 : 1,
				    .ino = --c->last_ino };
	n->has_label = new->label != NULL;
	str_clear(&n->bytes);
	str_clear(&n->label);
	if (new->label)
		str_add_bytes(&n->label, new->label, new->label_len);
	*ret = n;
	return 0;
}

static int cow_create(void *private, const char *path, const struct tree_new *new, const void *data,
		      size_t len, struct err *err)
{
	struct node *n;

	if (len > TREE_FILE_MAX)
		return tree_path_err(err, ERR_MALFORMED, path, "too large");
	if (make(private, path, S_IFREG | (new->mode & 07777), new, &n, err) < 0)
		return -1;
	str_add_bytes(&n->bytes, data, len);
	n->st.size_bytes = len;
	return 0;
}

static int cow_mkdir(void *private, const char *path, const struct tree_new *new, struct err *err)
{
	struct node *n;

	return make(private, path, S_IFDIR | (new->mode & 07777), new, &n, err);
}

static int cow_symlink(void *private, const char *path, const char *target,
		       const struct tree_new *new, struct err *err)
{
	struct node *n;

	if (make(private, path, S_IFLNK | 0777, new, &n, err) < 0)
		return -1;
	str_add(&n->bytes, target);
	n->st.size_bytes = n->bytes.len;
	return 0;
}

static int cow_remove(void *private, const char *path, struct err *err)
{
	struct cow *c = private;
	cleanup(str_done) struct str where = STR_INIT;
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct node *n;

	if (canonical(c, path, TREE_NOFOLLOW, &where, err) < 0 || node_of(c, where.s, &n, err) < 0)
		return -1;
	if (S_ISDIR(n->st.mode)) {
		if (cow_list(c, where.s, &names, err) < 0)
			return -1;
		if (names.count)
			return tree_path_err(err, ERR_CONFLICT, where.s,
					     "the directory is not empty");
	}
	n->exists = n->is_new = n->has_bytes = false;
	return 0;
}

static int cow_chmod(void *private, const char *path, uint32_t mode, struct err *err)
{
	cleanup(str_done) struct str where = STR_INIT;
	struct node *n;

	if (canonical(private, path, TREE_NOFOLLOW, &where, err) < 0 ||
	    node_of(private, where.s, &n, err) < 0)
		return -1;
	n->st.mode = (n->st.mode & S_IFMT) | (mode & 07777);
	return 0;
}

static int cow_chown(void *private, const char *path, uint32_t uid, uint32_t gid, struct err *err)
{
	cleanup(str_done) struct str where = STR_INIT;
	struct node *n;

	if (canonical(private, path, TREE_NOFOLLOW, &where, err) < 0 ||
	    node_of(private, where.s, &n, err) < 0)
		return -1;
	n->st.uid = uid;
	n->st.gid = gid;
	return 0;
}

static int cow_chflags(void *private, const char *path, uint32_t flags, struct err *err)
{
	cleanup(str_done) struct str where = STR_INIT;
	struct node *n;

	if (canonical(private, path, TREE_NOFOLLOW, &where, err) < 0 ||
	    node_of(private, where.s, &n, err) < 0)
		return -1;
	if (!S_ISREG(n->st.mode) && !S_ISDIR(n->st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "neither a file nor a directory");
	n->st.attr_flags = flags;
	return 0;
}

static void cow_close(void *private)
{
	struct cow *c = private;

	vec_foreach (n, &c->nodes) {
		free(n->path);
		str_done(&n->bytes);
		str_done(&n->label);
	}
	vec_done(&c->nodes);
	tree_close(c->bare);
	free(c);
}

static const struct tree_ops cow_ops = {
	.stat = cow_stat,
	.read = cow_read,
	.read_at = cow_read_at,
	.readlink = cow_readlink,
	.list = cow_list,
	.getxattr = cow_getxattr,
	.resolve = cow_resolve,
	.space = cow_space,
	.write = cow_write,
	.create = cow_create,
	.mkdir = cow_mkdir,
	.symlink = cow_symlink,
	.remove = cow_remove,
	.chmod = cow_chmod,
	.chown = cow_chown,
	.chflags = cow_chflags,
	.close = cow_close,
};

struct tree *tree_open_cow(struct tree *base)
{
	struct cow *c = mem_alloc(sizeof(*c));

	c->base = base;
	c->bare = tree_new_backend(&bare_ops, c);
	return tree_new_backend(&cow_ops, c);
}
