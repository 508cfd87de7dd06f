/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/tree_mem.h"
#include "tests/fuzz/fuzz.h"

struct node {
	char *path; /* canonical: "/etc/fstab", "" is the root */
	struct tree_stat st;
	struct str bytes;
};
struct mem {
	VEC(struct node) nodes; /* sorted by path */
	struct tree *bare;	/* sees canonical paths only: tree_resolve walks on it */
};

static size_t place_of(const struct mem *mem, const char *path)
{
	size_t low = 0, high = mem->nodes.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(mem->nodes.items[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct node *find(const struct mem *mem, const char *path)
{
	size_t i = place_of(mem, path[1] ? path : "");

	return i < mem->nodes.count && str_eq(mem->nodes.items[i].path, path[1] ? path : "")
		       ? &mem->nodes.items[i]
		       : NULL;
}

static int no_such(const char *path, struct err *err)
{
	return tree_path_err(err, ERR_NOTFOUND, path, "no such file");
}

/* The node at a path of any form; a path that is canonical already needs no walk. */
static struct node *look(struct mem *mem, const char *path, enum tree_follow follow,
			 struct err *err)
{
	cleanup(str_done) struct str where = STR_INIT;
	cleanup(free) char *parent = NULL;
	struct node *node = find(mem, path);
	const char *name = strrchr(path, '/') + 1;

	if (node && (follow == TREE_NOFOLLOW || !S_ISLNK(node->st.mode)))
		return node;
	if (follow == TREE_FOLLOW || !*name || str_eq(name, ".") || str_eq(name, "..")) {
		if (tree_resolve(mem->bare, path, &where, err) < 0)
			return NULL;
	} else {
		parent = mem_strndup(path, (size_t)(name - path));
		if (tree_resolve(mem->bare, parent, &where, err) < 0)
			return NULL;
		if (where.len > 1)
			str_add_char(&where, '/');
		str_add(&where, name);
	}
	node = find(mem, where.s);
	if (!node)
		no_such(path, err);
	return node;
}

static int bare_stat(void *private, const char *path, enum tree_follow follow,
		     struct tree_stat *ret, struct err *err)
{
	const struct node *node = find(private, path);

	(void)follow;
	if (!node)
		return no_such(path, err);
	*ret = node->st;
	return 0;
}

static int bare_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	const struct node *node = find(private, path);

	if (!node)
		return no_such(path, err);
	str_add_bytes(into, node->bytes.s, node->bytes.len);
	return 0;
}

static int mem_stat(void *private, const char *path, enum tree_follow follow, struct tree_stat *ret,
		    struct err *err)
{
	const struct node *node = look(private, path, follow, err);

	if (!node)
		return -1;
	*ret = node->st;
	return 0;
}

static int mem_read(void *private, const char *path, size_t max_bytes, struct str *into,
		    struct err *err)
{
	const struct node *node = look(private, path, TREE_FOLLOW, err);

	if (!node)
		return -1;
	if (!S_ISREG(node->st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "is not a regular file");
	if (node->bytes.len > max_bytes)
		return tree_path_err(err, ERR_MALFORMED, path, "too large");
	str_add_bytes(into, node->bytes.s, node->bytes.len);
	return 0;
}

static int mem_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	const struct node *node = look(private, path, TREE_NOFOLLOW, err);

	if (!node)
		return -1;
	if (!S_ISLNK(node->st.mode))
		return tree_path_err(err, ERR_MALFORMED, path, "not a symbolic link");
	str_add_bytes(into, node->bytes.s, node->bytes.len);
	return 0;
}

static int mem_list(void *private, const char *dir, struct tree_names *ret, struct err *err)
{
	struct mem *mem = private;
	const struct node *node = look(mem, dir, TREE_FOLLOW, err);
	size_t len;

	if (!node)
		return -1;
	if (!S_ISDIR(node->st.mode))
		return no_such(dir, err);
	len = strlen(node->path);
	vec_foreach (n, &mem->nodes)
		if (!strncmp(n->path, node->path, len) && n->path[len] == '/' &&
		    !strchr(n->path + len + 1, '/'))
			vec_push(ret, mem_strdup(n->path + len + 1));
	return 0;
}

static int mem_getxattr(void *private, const char *path, const char *name, struct str *into,
			struct err *err)
{
	(void)private;
	(void)name;
	(void)into;
	return tree_path_err(err, ERR_NOTFOUND, path, "has no such attribute");
}

static void mem_close(void *private)
{
	struct mem *mem = private;

	vec_foreach (node, &mem->nodes) {
		free(node->path);
		str_done(&node->bytes);
	}
	vec_done(&mem->nodes);
	tree_close(mem->bare);
	free(mem);
}

static const struct tree_ops bare_ops = { .stat = bare_stat, .readlink = bare_readlink };
static const struct tree_ops mem_ops = {
	.stat = mem_stat,
	.read = mem_read,
	.readlink = mem_readlink,
	.list = mem_list,
	.getxattr = mem_getxattr,
	.close = mem_close,
};

static struct node *insert(struct mem *mem, const char *path, uint32_t mode)
{
	size_t at = place_of(mem, path);
	struct node *node;

	(void)vec_add(&mem->nodes);
	node = &mem->nodes.items[at];
	memmove(node + 1, node, (mem->nodes.count - 1 - at) * sizeof(*node));
	*node = (struct node){ .path = mem_strdup(path),
			       .st = { .mode = mode, .nlink = 1, .ino = mem->nodes.count },
			       .bytes = STR_INIT };
	return node;
}

struct tree *tree_open_mem(void)
{
	struct mem *mem = mem_alloc(sizeof(*mem));

	mem->bare = tree_new_backend(&bare_ops, mem);
	insert(mem, "", S_IFDIR | 0755);
	return tree_new_backend(&mem_ops, mem);
}

/* "/a/b" and nothing like "/a//b", "/a/../b" or "/a/". */
static bool is_canonical(const char *path)
{
	if (path[0] != '/' || strlen(path) >= TREE_PATH_MAX)
		return false;
	while (*path == '/') {
		size_t len = strcspn(++path, "/");

		if (!len || len > 255 || (len <= 2 && !strncmp(path, "..", len)))
			return false;
		path += len;
	}
	return true;
}

static bool make_parents(struct mem *mem, const char *path)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		cleanup(free) char *parent = mem_strndup(path, (size_t)(slash - path));
		const struct node *node = find(mem, parent);

		if (node && !S_ISDIR(node->st.mode))
			return false;
		if (!node)
			insert(mem, parent, S_IFDIR | 0755);
	}
	return true;
}

void tree_mem_add(struct tree *tree, const char *path, uint32_t mode, const void *data, size_t len)
{
	struct mem *mem = tree_private(tree, &mem_ops);
	struct node *node;

	if (!is_canonical(path) || !make_parents(mem, path))
		return;
	node = find(mem, path);
	if (node && (S_ISDIR(node->st.mode) || S_ISDIR(mode)))
		return;
	if (!node)
		node = insert(mem, path, mode);
	node->st.mode = mode;
	node->st.size_bytes = len;
	str_clear(&node->bytes);
	str_add_bytes(&node->bytes, data, len);
}

void tree_mem_own(struct tree *tree, const char *path, uint32_t mode, uint32_t uid, uint32_t gid)
{
	struct node *node = path[0] == '/' ? find(tree_private(tree, &mem_ops), path) : NULL;

	if (!node)
		return;
	node->st.mode = (node->st.mode & S_IFMT) | (mode & 07777);
	node->st.uid = uid;
	node->st.gid = gid;
}

void tree_snapshot(struct tree *tree, const char *dir, struct str *into)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err err;

	if (tree_list(tree, dir, &names, &err) < 0)
		fuzz_broken("%s", err.text);
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s%s%s", dir, dir[1] ? "/" : "", *name);
		struct tree_stat st;

		if (tree_stat(tree, path, TREE_NOFOLLOW, &st, &err) < 0)
			fuzz_broken("%s", err.text);
		str_addf(into, "\n%s %o %u:%u ", path, st.mode, st.uid, st.gid);
		if ((S_ISLNK(st.mode) && tree_readlink(tree, path, into, &err) < 0) ||
		    (S_ISREG(st.mode) && tree_read(tree, path, TREE_FILE_MAX, into, &err) < 0))
			fuzz_broken("%s", err.text);
		if (S_ISDIR(st.mode))
			tree_snapshot(tree, path, into);
	}
}
