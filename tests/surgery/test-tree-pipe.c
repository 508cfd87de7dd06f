/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A tree over a socket pair: the same answers as the tree itself, and no frame hurts the server. */
#include "surgery.h"

#include "fs/tree_pipe.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static const struct tree_pipe_limits roomy = {
	.requests = 1000, .reply_bytes = 1u << 20, .result_bytes = 1000, .deadline_s = 20
};

/* Runs `client` in a child on the other end; what the server made of it is the result. */
static int serve(struct patient *p, const struct tree_pipe_limits *limits, void (*client)(int fd),
		 struct str *result, struct err *err)
{
	int ends[2], status, rc;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pid = fork();
	if (!pid) {
		close(ends[0]);
		client(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	rc = tree_pipe_serve(p->tree, ends[0], limits, result, err);
	close(ends[0]);
	if (rc < 0)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_true(rc < 0 || status == 0);
	return rc;
}

static void check_true(int fd, bool ok, const char *what)
{
	struct err err = ERR_INIT;

	if (ok)
		return;
	(void)!tree_pipe_finish(fd, what, strlen(what), &err);
	_exit(1);
}

static void honest_client(int fd)
{
	struct tree *tree = tree_open_pipe(fd);
	struct str text = STR_INIT;
	struct tree_names names = { 0 };
	struct tree_space space;
	struct tree_stat st;
	struct err err = ERR_INIT;

	check_true(fd, !tree_read(tree, "/etc/motd", 100, &text, &err) && str_eq(text.s, "hello\n"),
		   "read");
	check_true(fd, !tree_stat(tree, "/link", TREE_NOFOLLOW, &st, &err) && S_ISLNK(st.mode),
		   "lstat");
	check_true(fd, !tree_stat(tree, "/link", TREE_FOLLOW, &st, &err) && st.size_bytes == 6,
		   "stat");
	str_clear(&text);
	check_true(fd,
		   !tree_read_at(tree, "/link", 2, 3, &text, &err) &&
			   !tree_read_at(tree, "/link", 4, 100, &text, &err) &&
			   !tree_read_at(tree, "/link", 100, 100, &text, &err) &&
			   str_eq(text.s, "lloo\n"),
		   "read at");
	str_clear(&text);
	check_true(fd, !tree_readlink(tree, "/link", &text, &err) && str_eq(text.s, "/etc/motd"),
		   "readlink");
	str_clear(&text);
	check_true(fd, !tree_resolve(tree, "/link", &text, &err) && str_eq(text.s, "/etc/motd"),
		   "resolve");
	check_true(fd,
		   !tree_list(tree, "/etc", &names, &err) && names.count == 2 &&
			   str_eq(names.items[0], "motd") && str_eq(names.items[1], "os-release"),
		   "list");
	check_true(fd, !tree_space(tree, &space, &err) && space.bytes > 0, "space");
	check_true(fd,
		   tree_read(tree, "/etc/none", 100, &text, &err) < 0 && err.code == ERR_NOTFOUND &&
			   strstr(err.text, "/etc/none"),
		   "not found");
	check_true(fd,
		   tree_read(tree, "/etc/motd", 3, &text, &err) < 0 && err.code == ERR_MALFORMED,
		   "too large");
	check_true(fd, tree_getxattr(tree, "/etc/motd", "user.x", &text, &err) < 0, "no xattr");
	check_true(fd, tree_write(tree, "/etc/motd", "x", 1, &err) < 0, "write");
	check_true(fd, !tree_pipe_finish(fd, "done", 4, &err), "finish");
	str_done(&text);
	tree_names_done(&names);
	tree_close(tree);
}

static void answers_are_the_tree_s(void **state)
{
	struct patient *p = *state;
	cleanup(str_done) struct str result = STR_INIT;
	cleanup(free) char *link = mem_printf("%s/link", p->dir);
	struct err err = ERR_INIT;

	assert_int_equal(symlink("/etc/motd", link), 0);
	assert_int_equal(serve(p, &roomy, honest_client, &result, &err), 0);
	assert_string_equal(result.s, "done");
}

/* ---- whatever is there and whatever is asked: what the tree itself says ---- */

/* Few names, so that questions hit, and each of its kind: two that differ in case only, one that is no ASCII,
 * one that FAT would shorten. */
static const char *const words[] = {
	"a", "b", "B", "conf.d", "x~1", "\xc3\xa9", "link", "up", "."
};

static unsigned seed;

static unsigned draw(unsigned below)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % below;
}

static void draw_path(struct str *into)
{
	static const char *const ends[] = { "", "", "", "", "/", "/.", "/..", "//b" };

	str_clear(into);
	for (unsigned i = 0, depth = 1 + draw(4); i < depth; i++)
		str_addf(into, "/%s", words[draw(ARRAY_LEN(words))]);
	str_add(into, ends[draw(ARRAY_LEN(ends))]);
}

/* Directories, files and links, to anywhere. What cannot be made is not made. */
static void grow(const struct patient *p)
{
	cleanup(str_done) struct str path = STR_INIT, target = STR_INIT;

	for (unsigned i = 0; i < 60; i++) {
		cleanup(free) char *real = NULL;
		int fd;

		draw_path(&path);
		draw_path(&target);
		real = mem_printf("%s%s", p->dir, path.s);
		switch (draw(3)) {
		case 0:
			(void)mkdir(real, 0755);
			break;
		case 1:
			fd = open(real, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
			if (fd >= 0)
				assert_int_equal(write(fd, path.s, path.len), path.len);
			if (fd >= 0)
				close(fd);
			break;
		default:
			(void)!symlink(draw(2) ? target.s : words[draw(ARRAY_LEN(words))], real);
		}
	}
}

/* One question, and all that is answered, as text. */
static void question(struct tree *tree, unsigned which, const char *path, struct str *into)
{
	struct tree_names names = { 0 };
	struct tree_stat st;
	struct err err = ERR_INIT;
	int rc;

	str_clear(into);
	switch (which) {
	case 0:
	case 1:
		rc = tree_stat(tree, path, which ? TREE_FOLLOW : TREE_NOFOLLOW, &st, &err);
		if (!rc)
			str_addf(into, "%o %llu %llu", st.mode, (unsigned long long)st.ino,
				 (unsigned long long)st.size_bytes);
		break;
	case 2:
		rc = tree_read(tree, path, 1000, into, &err);
		break;
	case 3:
		rc = tree_read_at(tree, path, 1, 5, into, &err);
		break;
	case 4:
		rc = tree_readlink(tree, path, into, &err);
		break;
	case 5:
		rc = tree_list(tree, path, &names, &err);
		for (size_t i = 0; i < names.count; i++)
			str_addf(into, "%s/", names.items[i]);
		tree_names_done(&names);
		break;
	case 6:
		rc = tree_getxattr(tree, path, "security.selinux", into, &err);
		break;
	default:
		rc = tree_resolve(tree, path, into, &err);
	}
	str_addf(into, " %d %s %s", rc, err_name(err.code), rc ? err.text : "");
}

/* A file system that knows one file by many names, as FAT does: below are small letters, it shows capitals; "x~1"
 * has a long name, and "up" is shown with a letter that folds to u for all we know. */
static struct tree *below;
static void small(const char *path, struct str *into)
{
	str_clear(into);
	for (; *path; path++)
		str_add_char(into, *path >= 'A' && *path <= 'Z' ? (char)(*path + 32) : *path);
}
static int fat_stat(void *private, const char *path, enum tree_follow follow, struct tree_stat *ret,
		    struct err *err)
{
	small(path, private);
	return tree_stat(below, ((struct str *)private)->s, follow, ret, err);
}
static int fat_read(void *private, const char *path, size_t max, struct str *into, struct err *err)
{
	small(path, private);
	return tree_read(below, ((struct str *)private)->s, max, into, err);
}
static int fat_list(void *private, const char *path, struct tree_names *ret, struct err *err)
{
	small(path, private);
	if (tree_list(below, ((struct str *)private)->s, ret, err) < 0)
		return -1;
	vec_foreach (name, ret) {
		const char *shown = str_eq(*name, "x~1")  ? "x and more"
				    : str_eq(*name, "up") ? "\xc9\xb1p"
							  : *name;
		char *at = mem_strdup(shown);

		free(*name);
		*name = at;
		for (; *at; at++)
			if (*at >= 'a' && *at <= 'z')
				*at = (char)(*at - 32);
	}
	return 0;
}
static const struct tree_ops fat_ops = { .stat = fat_stat, .read = fat_read, .list = fat_list };
static const unsigned fat_questions[] = { 0, 1, 2, 5 };

static bool is_fat;
static struct patient *asked;

/* The trees are read-only now: the child's own copy answers as the parent's does. */
static void curious_client(int fd)
{
	struct tree *tree = tree_open_pipe(fd);
	cleanup(str_done) struct str path = STR_INIT, here = STR_INIT, there = STR_INIT;
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < 400; i++) {
		unsigned which = is_fat ? fat_questions[draw(ARRAY_LEN(fat_questions))] : draw(8);

		draw_path(&path);
		question(asked->tree, which, path.s, &here);
		question(tree, which, path.s, &there);
		/* This file system's own words name the small letters. */
		if (is_fat && strstr(here.s, " -1 ERR_NOTFOUND ") &&
		    strstr(there.s, " -1 ERR_NOTFOUND "))
			continue;
		if (!str_eq(here.s, there.s)) {
			str_addf(&path, " %u: %s, and through the channel %s", which, here.s,
				 there.s);
			(void)!tree_pipe_finish(fd, path.s, path.len, &err);
			_exit(0);
		}
	}
	tree_close(tree);
	(void)!tree_pipe_finish(fd, "done", 4, &err);
}

static void any_tree_answers_the_same(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 60; n++) {
		void *own = NULL;
		struct patient *p;
		cleanup(str_done) struct str result = STR_INIT, path = STR_INIT;
		struct tree_pipe_limits limits = roomy;
		struct err err = ERR_INIT;

		seed = n + 1;
		assert_int_equal(patient_setup(&own), 0);
		p = asked = own;
		grow(p);
		is_fat = n % 3 == 2;
		below = p->tree;
		if (is_fat)
			p->tree = tree_new_backend(&fat_ops, &path);
		limits.requests = 10000;
		assert_int_equal(serve(p, &limits, curious_client, &result, &err), 0);
		assert_string_equal(result.s, "done");
		if (is_fat) {
			tree_close(p->tree);
			p->tree = below;
		}
		patient_teardown(&own);
	}
}

/* What the channel is for: few questions. */
static void thrifty_client(int fd)
{
	struct tree *tree = tree_open_pipe(fd);
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < 500; i++) {
		cleanup(free) char *path = mem_printf("/etc/none-%u/deep", i);

		check_true(fd, !tree_exists(tree, path), "exists");
		check_true(fd, tree_exists(tree, "/etc/motd"), "motd");
	}
	tree_close(tree);
	check_true(fd, !tree_pipe_finish(fd, "done", 4, &err), "finish");
}

static void what_is_missing_is_not_asked_for(void **state)
{
	cleanup(str_done) struct str result = STR_INIT;
	struct tree_pipe_limits limits = roomy;
	struct err err = ERR_INIT;

	limits.requests = 4; /* the names in "/" and in "/etc", motd, the result */
	assert_int_equal(serve(*state, &limits, thrifty_client, &result, &err), 0);
	assert_string_equal(result.s, "done");
}

/* As in fs/tree_pipe_wire.h. */
struct frame {
	uint32_t op, path_len;
	uint64_t data_len, number, offset;
};

static struct frame hostile;
static char hostile_bytes[64];
static size_t hostile_len;

static void hostile_client(int fd)
{
	char byte;

	send(fd, &hostile, sizeof(hostile), MSG_NOSIGNAL);
	send(fd, hostile_bytes, hostile_len, MSG_NOSIGNAL);
	while (recv(fd, &byte, 1, 0) > 0)
		;
}

static void assert_refused(struct patient *p, struct frame frame, const char *bytes, size_t len)
{
	cleanup(str_done) struct str result = STR_INIT;
	struct err err = ERR_INIT;

	hostile = frame;
	memcpy(hostile_bytes, bytes, len);
	hostile_len = len;
	assert_int_equal(serve(p, &roomy, hostile_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	assert_int_equal(result.len, 0);
}

static void hostile_frames_end_the_session(void **state)
{
	struct patient *p = *state;

	assert_refused(p, (struct frame){ .op = 0 }, "", 0);
	assert_refused(p, (struct frame){ .op = 99, .path_len = 1 }, "/", 1);
	assert_refused(p, (struct frame){ .op = 1, .path_len = UINT32_MAX }, "/", 1);
	assert_refused(p, (struct frame){ .op = 1, .path_len = 4097 }, "/", 1);
	assert_refused(p, (struct frame){ .op = 1, .path_len = 3 }, "etc", 3);
	assert_refused(p, (struct frame){ .op = 1, .path_len = 0 }, "", 0);
	assert_refused(p, (struct frame){ .op = 1, .path_len = 4 }, "/e\0x", 4);
	assert_refused(p, (struct frame){ .op = 1, .path_len = 1, .data_len = 1 }, "/x", 2);
	assert_refused(p, (struct frame){ .op = 3, .path_len = 1, .number = UINT64_MAX }, "/", 1);
	assert_refused(p, (struct frame){ .op = 6, .path_len = 1, .data_len = 256 }, "/", 1);
	assert_refused(p, (struct frame){ .op = 9, .data_len = UINT64_MAX }, "", 0);
	assert_refused(p, (struct frame){ .op = 9, .data_len = 1001 }, "", 0);
	assert_refused(p, (struct frame){ .op = 9, .path_len = 1, .data_len = 1 }, "/x", 2);
}

static void dead_client(int fd)
{
	(void)fd;
	_exit(0);
}

static void half_client(int fd)
{
	send(fd, "half", 4, MSG_NOSIGNAL);
	_exit(0);
}

static void silent_client(int fd)
{
	(void)fd;
	pause();
}

/* Something new each time, and of a file that is there: what was asked before is remembered, and what
 * is not among the names of its directory is not asked for. */
static void endless_client(int fd)
{
	struct tree *tree = tree_open_pipe(fd);
	struct str text = STR_INIT;
	struct err err = ERR_INIT;

	for (unsigned i = 0; err.code != ERR_IO; i++) {
		(void)!tree_read_at(tree, "/etc/motd", i, 1, &text, &err);
		str_clear(&text);
	}
	_exit(0);
}

/* Asks without ever reading an answer. */
static void deaf_client(int fd)
{
	struct {
		struct frame frame;
		char path[9];
	} __attribute__((packed)) ask = { { .op = 3, .path_len = 9, .number = 100 },
					  { '/', 'e', 't', 'c', '/', 'm', 'o', 't', 'd' } };

	while (send(fd, &ask, sizeof(ask), MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

static void limits_end_the_session(void **state)
{
	struct patient *p = *state;
	cleanup(str_done) struct str result = STR_INIT;
	struct tree_pipe_limits limits = roomy;
	struct err err = ERR_INIT;

	assert_int_equal(serve(p, &limits, dead_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(serve(p, &limits, half_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(serve(p, &limits, endless_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	limits.requests = UINT32_MAX;
	assert_int_equal(serve(p, &limits, endless_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_MALFORMED);
	limits.reply_bytes = UINT64_MAX;
	limits.deadline_s = 1;
	assert_int_equal(serve(p, &limits, endless_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_int_equal(serve(p, &limits, silent_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_int_equal(serve(p, &limits, deaf_client, &result, &err), -1);
	assert_int_equal(err.code, ERR_TIMEOUT);
	assert_int_equal(result.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_are_the_tree_s, patient_setup,
						patient_teardown),
		cmocka_unit_test(any_tree_answers_the_same),
		cmocka_unit_test_setup_teardown(what_is_missing_is_not_asked_for, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(hostile_frames_end_the_session, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(limits_end_the_session, patient_setup,
						patient_teardown),
	};

	return cmocka_run_group_tests_name("tree-pipe", tests, NULL, NULL);
}
