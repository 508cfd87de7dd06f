/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reading side. */
#include "fs/tree_pipe.h"
#include "fs/tree_pipe_wire.h"

#include <errno.h>
#include <sys/socket.h>

#define MEMORY_BUCKETS	  512u
#define MEMORY_ANSWER_MAX (64u << 10)
#define MEMORY_MAX	  (16u << 20)

/* An answer that was had before. Checks ask the same things again and again, and a question costs
 * two changes of process. */
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

/* An answer that is one struct. */
static int ask_struct(struct pipe_tree *t, enum tree_pipe_op op, const char *path, void *ret,
		      size_t len, struct err *err)
{
	cleanup(str_done) struct str into = STR_INIT;

	if (ask(t, (struct tree_pipe_request){ .op = op }, path, "", &into, err) < 0)
		return -1;
	if (into.len != len)
		return broken(t, err);
	memcpy(ret, into.s, len);
	return 0;
}

static int pipe_stat(void *private, const char *path, enum tree_follow follow,
		     struct tree_stat *ret, struct err *err)
{
	return ask_struct(private, follow == TREE_FOLLOW ? OP_STAT : OP_LSTAT, path, ret,
			  sizeof(*ret), err);
}

static int pipe_read(void *private, const char *path, size_t max_bytes, struct str *into,
		     struct err *err)
{
	struct tree_pipe_request r = { .op = OP_READ,
				       .number = max_bytes < TREE_FILE_MAX ? max_bytes
									   : TREE_FILE_MAX };

	return ask(private, r, path, "", into, err);
}

static int pipe_read_at(void *private, const char *path, uint64_t offset, size_t len,
			struct str *into, struct err *err)
{
	struct tree_pipe_request r = { .op = OP_READ_AT, .number = len, .offset = offset };

	return ask(private, r, path, "", into, err);
}

static int pipe_readlink(void *private, const char *path, struct str *into, struct err *err)
{
	return ask(private, (struct tree_pipe_request){ .op = OP_READLINK }, path, "", into, err);
}

static int pipe_list(void *private, const char *dir, struct tree_names *ret, struct err *err)
{
	cleanup(str_done) struct str into = STR_INIT;
	size_t at = 0;

	if (ask(private, (struct tree_pipe_request){ .op = OP_LIST }, dir, "", &into, err) < 0)
		return -1;
	if (into.len && into.s[into.len - 1])
		return broken(private, err);
	while (at < into.len) {
		vec_push(ret, mem_strdup(into.s + at));
		at += strlen(into.s + at) + 1;
	}
	return 0;
}

static int pipe_getxattr(void *private, const char *path, const char *name, struct str *into,
			 struct err *err)
{
	return ask(private, (struct tree_pipe_request){ .op = OP_GETXATTR }, path, name, into, err);
}

static int pipe_resolve(void *private, const char *path, struct str *into, struct err *err)
{
	return ask(private, (struct tree_pipe_request){ .op = OP_RESOLVE }, path, "", into, err);
}

static int pipe_space(void *private, struct tree_space *ret, struct err *err)
{
	return ask_struct(private, OP_SPACE, "", ret, sizeof(*ret), err);
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
	.resolve = pipe_resolve,
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
