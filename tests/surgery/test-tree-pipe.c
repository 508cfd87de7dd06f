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

/* Something new each time: what was asked before is remembered. */
static void endless_client(int fd)
{
	struct tree *tree = tree_open_pipe(fd);
	struct str text = STR_INIT;
	struct err err = ERR_INIT;

	for (unsigned i = 0; err.code != ERR_IO; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/etc/none-%u", i);
		(void)!tree_read(tree, path, 100, &text, &err);
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
		cmocka_unit_test_setup_teardown(hostile_frames_end_the_session, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(limits_end_the_session, patient_setup,
						patient_teardown),
	};

	return cmocka_run_group_tests_name("tree-pipe", tests, NULL, NULL);
}
