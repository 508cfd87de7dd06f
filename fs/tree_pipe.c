/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reading side. A question costs two changes of process, and checks ask a lot, mostly for what is
 * not there: so answers are remembered, and the names in a directory are asked for once and answer
 * for everything that is not among them. */
#include "fs/tree_pipe.h"
#include "fs/tree_pipe_names.h"
#include "fs/tree_pipe_wire.h"

#include <errno.h>
#include <sys/socket.h>

#define MEMORY_BUCKETS	  512u
#define MEMORY_ANSWER_MAX (64u << 10)
#define MEMORY_MAX	  (16u << 20)

/* An answer that was had before. */
struct memory {
	struct memory *next;
	struct str request, answer; /* the whole frame; the payload */
	uint32_t code;
};

struct pipe_tree {
	int fd;
	bool is_broken;
	struct str out;
	struct memory *memories[MEMORY_BUCKETS];
	size_t memory_bytes;
	struct name_sets names;
	size_t at, have; /* in `in`: used, received */
	char in[16384];	 /* as a rule a whole answer */
};

/* FNV-1a */
static size_t bucket_of(const struct str *request)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < request->len; i++)
		hash = (hash ^ (unsigned char)request->s[i]) * 16777619u;
	return hash % MEMORY_BUCKETS;
}

static const struct memory *recall(const struct pipe_tree *t)
{
	for (const struct memory *m = t->memories[bucket_of(&t->out)]; m; m = m->next)
		if (m->request.len == t->out.len && !memcmp(m->request.s, t->out.s, t->out.len))
			return m;
	return NULL;
}

static void remember(struct pipe_tree *t, uint32_t code, const char *answer, size_t len)
{
	struct memory **bucket = &t->memories[bucket_of(&t->out)], *m;

	if (len > MEMORY_ANSWER_MAX || t->memory_bytes > MEMORY_MAX)
		return;
	m = mem_alloc(sizeof(*m));
	m->request = m->answer = (struct str)STR_INIT;
	str_add_bytes(&m->request, t->out.s, t->out.len);
	str_add_bytes(&m->answer, answer, len);
	m->code = code;
	m->next = *bucket;
	*bucket = m;
	t->memory_bytes += sizeof(*m) + t->out.len + len;
}

/* Blocking: the other side is this side's keeper, and kills it when it takes too long. */
static int put_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t put = sendto(fd, p, len, MSG_NOSIGNAL, NULL, 0);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}

static int get_all(struct pipe_tree *t, void *into, size_t len)
{
	char *p = into;

	while (len) {
		size_t part = t->have - t->at < len ? t->have - t->at : len;
		ssize_t got;

		memcpy(p, t->in + t->at, part);
		t->at += part;
		p += part;
		len -= part;
		if (!len)
			break;
		got = recvfrom(t->fd, t->in, sizeof(t->in), 0, NULL, NULL);
		if (got == 0 || (got < 0 && errno != EINTR))
			return -1;
		t->at = 0;
		t->have = got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int get_bytes(struct pipe_tree *t, struct str *into, uint64_t len)
{
	char buf[16384];

	while (len) {
		size_t part = len < sizeof(buf) ? (size_t)len : sizeof(buf);

		if (get_all(t, buf, part) < 0)
			return -1;
		str_add_bytes(into, buf, part);
		len -= part;
	}
	return 0;
}

static int broken(struct pipe_tree *t, struct err *err)
{
	t->is_broken = true;
	return err_set(err, ERR_IO, "the channel to the tree is broken");
}

static int ask(struct pipe_tree *t, struct tree_pipe_request r, const char *path, const char *data,
	       struct str *into, struct err *err)
{
	cleanup(str_done) struct str text = STR_INIT;
	size_t path_len = strlen(path), data_len = strlen(data), before;
	const struct memory *known;
	struct str *answer;
	struct tree_pipe_reply head;

	if (t->is_broken)
		return broken(t, err);
	/* What the other side would take for an attack is refused here. */
	if (path_len > TREE_PATH_MAX || data_len > XATTR_NAME_LONGEST)
		return err_set(err, ERR_MALFORMED, "a path of %zu bytes is too long", path_len);
	if (path[0] != '/' && r.op != OP_SPACE)
		return err_set(err, ERR_MALFORMED, "a path in a tree has to be absolute");
	r.path_len = (uint32_t)path_len;
	r.data_len = data_len;
	str_clear(&t->out);
	str_add_bytes(&t->out, &r, sizeof(r));
	str_add_bytes(&t->out, path, path_len);
	str_add_bytes(&t->out, data, data_len);
	known = recall(t);
	if (known) {
		str_add_bytes(known->code ? &text : into, known->answer.s, known->answer.len);
		return known->code ? err_set(err, (enum err_code)known->code, "%s", text.s) : 0;
	}
	if (put_all(t->fd, t->out.s, t->out.len) < 0 || get_all(t, &head, sizeof(head)) < 0 ||
	    head.len > REPLY_MAX)
		return broken(t, err);
	answer = head.code ? &text : into;
	before = answer->len;
	if (get_bytes(t, answer, head.len) < 0)
		return broken(t, err);
	remember(t, head.code, answer->s + before, head.len);
	return head.code ? err_set(err, (enum err_code)head.code, "%s", text.s) : 0;
}

static int list(struct pipe_tree *t, const char *dir, struct tree_names *ret, struct err *err)
{
	cleanup(str_done) struct str into = STR_INIT;
	size_t at = 0;

	if (ask(t, (struct tree_pipe_request){ .op = OP_LIST }, dir, "", &into, err) < 0)
		return -1;
	if (into.len && into.s[into.len - 1])
		return broken(t, err);
	while (at < into.len) {
		vec_push(ret, mem_strdup(into.s + at));
		at += strlen(into.s + at) + 1;
	}
	return 0;
}

/* What may be in the directory; asked for when it is not known yet. */
static const struct name_set *names_in(struct pipe_tree *t, const char *dir, size_t len)
{
	const struct name_set *known = name_sets_find(&t->names, dir, len);
	cleanup(tree_names_done) struct tree_names names = { 0 };
	cleanup(free) char *path = NULL;
	struct err ignored = ERR_INIT;

	if (known)
		return known;
	path = mem_strndup(dir, len);
	if (list(t, path, &names, &ignored) < 0)
		return name_sets_add(&t->names, dir, len, NULL);
	return name_sets_add(&t->names, dir, len, &names);
}

/* Is a directory on the way, or the last one, without the next name? False when only the other side
 * can tell. */
static bool is_missing(struct pipe_tree *t, const char *path)
{
	size_t at = 0;

	if (!name_path_is_plain(path))
		return false;
	while (path[at]) {
		size_t len = strcspn(path + at + 1, "/");
		const struct name_set *in = names_in(t, path, at ? at : 1);

		if (!name_set_may_hold(in, path + at + 1, len))
			return true;
		at += 1 + len;
	}
	return false;
}

/* ask() about something that may not be there. */
static int ask_for(struct pipe_tree *t, struct tree_pipe_request r, const char *path,
		   const char *data, struct str *into, struct err *err)
{
	if (is_missing(t, path))
		return tree_path_err(err, ERR_NOTFOUND, path, "no such file on the volume");
	return ask(t, r, path, data, into, err);
}

/* An answer that is one struct. */
static int take_struct(struct pipe_tree *t, const struct str *answer, void *ret, size_t len,
		       struct err *err)
{
	if (answer->len != len)
		return broken(t, err);
	memcpy(ret, answer->s, len);
	return 0;
}

static int ask_stat(struct pipe_tree *t, enum tree_pipe_op op, const char *path,
		    struct tree_stat *ret, struct err *err)
{
	cleanup(str_done) struct str answer = STR_INIT;

	if (ask_for(t, (struct tree_pipe_request){ .op = op }, path, "", &answer, err) < 0)
		return -1;
	return take_struct(t, &answer, ret, sizeof(*ret), err);
}

/* What is no link is the same followed or not: asked for in one way, it is remembered for both. */
static int pipe_stat(void *private, const char *path, enum tree_follow follow,
		     struct tree_stat *ret, struct err *err)
{
	bool is_own = name_path_is_plain(path); /* "/link/" and "/link/." are its target's */

	if (follow == TREE_NOFOLLOW || is_own) {
		if (ask_stat(private, OP_LSTAT, path, ret, err) < 0)
			return -1;
		if (follow == TREE_NOFOLLOW || !S_ISLNK(ret->mode))
			return 0;
	}
	return ask_stat(private, OP_STAT, path, ret, err);
}

static int pipe_read(void *private, const char *path, size_t max_bytes, struct str *into,
		     struct err *err)
{
	struct tree_pipe_request r = { .op = OP_READ,
				       .number = max_bytes < TREE_FILE_MAX ? max_bytes
									   : TREE_FILE_MAX };

	return ask_for(private, r, path, "", into, err);
}

static int pipe_read_at(void *private, const char *path, uint64_t offset, size_t len,
			struct str *into, struct err *err)
{
	struct tree_pipe_request r = { .op = OP_READ_AT, .number = len, .offset = offset };

	return ask_for(private, r, path, "", into, err);
}

static int pipe_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	return ask_for(private, (struct tree_pipe_request){ .op = OP_READLINK }, path, "", into,
		       err);
}

static int pipe_list(void *private, const char *dir, struct tree_names *ret, struct err *err)
{
	if (is_missing(private, dir))
		return tree_path_err(err, ERR_NOTFOUND, dir, "no such file on the volume");
	return list(private, dir, ret, err);
}

static int pipe_getxattr(void *private, const char *path, const char *name, struct str *into,
			 struct err *err)
{
	return ask_for(private, (struct tree_pipe_request){ .op = OP_GETXATTR }, path, name, into,
		       err);
}

static int pipe_space(void *private, struct tree_space *ret, struct err *err)
{
	cleanup(str_done) struct str answer = STR_INIT;

	if (ask(private, (struct tree_pipe_request){ .op = OP_SPACE }, "", "", &answer, err) < 0)
		return -1;
	return take_struct(private, &answer, ret, sizeof(*ret), err);
}

static void pipe_close(void *private)
{
	struct pipe_tree *t = private;

	for (size_t i = 0; i < MEMORY_BUCKETS; i++) {
		for (struct memory *m = t->memories[i], *next; m; m = next) {
			next = m->next;
			str_done(&m->request);
			str_done(&m->answer);
			free(m);
		}
	}
	name_sets_done(&t->names);
	str_done(&t->out);
	free(t);
}

static const struct tree_ops pipe_ops = {
	.stat = pipe_stat,
	.read = pipe_read,
	.read_at = pipe_read_at,
	.readlink = pipe_readlink,
	.list = pipe_list,
	.getxattr = pipe_getxattr,
	.space = pipe_space,
	.close = pipe_close,
};

struct tree *tree_open_pipe(int fd)
{
	struct pipe_tree *t = mem_alloc(sizeof(*t));

	t->fd = fd;
	t->out = (struct str)STR_INIT;
	return tree_new_backend(&pipe_ops, t);
}

int tree_pipe_finish(int fd, const void *result, size_t len, struct err *err)
{
	struct tree_pipe_request r = { .op = OP_RESULT, .data_len = len };

	if (put_all(fd, (const char *)&r, sizeof(r)) < 0 || put_all(fd, result, len) < 0)
		return err_set(err, ERR_IO, "the channel to the tree is broken");
	return 0;
}
