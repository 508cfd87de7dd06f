/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libcurl on the event loop, and what does without it, against a server that misbehaves: each reply here is one that must end
 * as a typed error, in time, with the right verdict on whether the request may have been executed.
 */
#include "ec2/http.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#define MAX_REPLY 4096

static struct fixture {
	struct loop *loop;
	struct transport *transport;
	char url[64];
	int port;
	bool is_done;
	pid_t server;
} fx;

/* ---- the server: the path says how to misbehave ---- */

static void put(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

static void put_many(int fd, const char *data, size_t len, int times)
{
	while (times-- && write(fd, data, len) > 0)
		;
}

static void misbehave(int fd, const char *path)
{
	char big[8192];

	memset(big, 'x', sizeof(big));
	if (str_starts(path, "/good"))
		put(fd, "HTTP/1.1 200 OK\r\nX-One: a \r\nContent-Length: 5\r\n\r\nhello");
	else if (str_starts(path, "/continue"))
		put(fd,
		    "HTTP/1.1 100 Continue\r\nX-One: no\r\n\r\nHTTP/1.1 200 OK\r\nX-One: yes\r\n"
		    "Content-Length: 0\r\n\r\n");
	else if (str_starts(path, "/truncated"))
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello");
	else if (str_starts(path, "/chunk"))
		put(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello");
	else if (str_starts(path, "/big")) {
		put(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		(void)!write(fd, big, 8192);
	} else if (str_starts(path, "/endless"))
		for (put(fd, "HTTP/1.1 200 OK\r\n\r\n"); write(fd, big, sizeof(big)) > 0;)
			;
	else if (str_starts(path, "/garbage"))
		put(fd, "\x16\x03\x01 not HTTP at all\r\n\r\n");
	else if (str_starts(path, "/headers"))
		for (put(fd, "HTTP/1.1 200 OK\r\n"); write(fd, "A: b\r\n", 6) > 0;)
			;
	else if (str_starts(path, "/banner"))
		put(fd, "SSH-2.0-OpenSSH_9.6\r\n");
	else if (str_starts(path, "/long-header"))
		put(fd, "HTTP/1.1 200 OK\r\nX-Long: "), put_many(fd, big, sizeof(big), 20);
	else if (str_starts(path, "/slow"))
		poll(NULL, 0, 3000);
	else if (str_starts(path, "/redirect"))
		put(fd, "HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n");
	/* "/drop": nothing at all */
}

static void serve_one(int listener)
{
	int fd = accept(listener, NULL, NULL);
	char request[4096] = { 0 }, path[64] = { 0 };
	struct timeval limit = { .tv_sec = 5 };
	ssize_t got, total = 0;

	/* a child each, so that a slow answer keeps nobody waiting; its life is short */
	if (fork()) {
		close(fd);
		return;
	}
	alarm(5);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while (!strstr(request, "\r\n\r\n") && total < (ssize_t)sizeof(request) - 1 &&
	       (got = read(fd, request + total, sizeof(request) - 1 - (size_t)total)) > 0)
		total += got;
	if (sscanf(request, "%*s %63s", path) == 1)
		misbehave(fd, strstr(path, "://") ? strchr(strstr(path, "://") + 3, '/') : path);
	shutdown(fd, SHUT_WR);
	_exit(0);
}

static int listen_anywhere(int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -1;
	*port = ntohs(address.sin_port);
	return fd;
}

static int set_up_server(void)
{
	struct err err = ERR_INIT;
	int listener = listen_anywhere(&fx.port);

	fx.server = fork();
	if (!fx.server) {
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN); /* nobody to wait for */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			serve_one(listener);
	}
	close(listener);
	snprintf(fx.url, sizeof(fx.url), "http://127.0.0.1:%d", fx.port);
	return loop_open(&fx.loop, &err);
}

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return set_up_server() < 0 ? -1 : curl_transport_open(fx.loop, NULL, &fx.transport, &err);
}

static int set_up_plain(void **state)
{
	(void)state;
	if (set_up_server() < 0)
		return -1;
	fx.transport = plain_transport_open(fx.loop);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	transport_close(fx.transport);
	loop_close(fx.loop);
	kill(fx.server, SIGKILL);
	waitpid(fx.server, NULL, 0);
	return 0;
}

/* ---- the client ---- */

static void on_reply(void *arg, struct http_reply *reply)
{
	struct http_reply *into = arg;

	*into = *reply;
	*reply = (struct http_reply)HTTP_REPLY_INIT;
	fx.is_done = true;
}

static struct http_reply ask_with(const char *method, const char *base, const char *path,
				  unsigned flags, const char *value)
{
	cleanup(free) char *url = mem_printf("%s%s", base, path);
	struct http_header headers[] = { { "X-Secret", value } };
	struct http_request request = { .method = method,
					.url = url,
					.headers = headers,
					.header_count = 1,
					.body = "a=b",
					.body_len = 3,
					.connect_timeout_ms = 500,
					.total_timeout_ms = 700,
					.max_reply_bytes = MAX_REPLY,
					.flags = flags };
	struct http_reply reply = HTTP_REPLY_INIT;
	struct err err = ERR_INIT;

	fx.is_done = false;
	fx.transport->ops->send(fx.transport, &request, on_reply, &reply);
	while (!fx.is_done)
		assert_int_equal(loop_step(fx.loop, 1000, &err), 0);
	return reply;
}

static struct http_reply ask(const char *method, const char *base, const char *path, unsigned flags)
{
	return ask_with(method, base, path, flags, "s");
}

static struct http_reply fetch(const char *base, const char *path, unsigned flags)
{
	return ask("POST", base, path, flags);
}

static void test_good(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		cleanup(http_reply_done) struct http_reply reply = fetch(fx.url, "/good", 0);

		assert_int_equal(reply.err.code, ERR_NONE);
		assert_int_equal(reply.status, 200);
		assert_string_equal(reply.body.s, "hello");
		assert_string_equal(http_reply_header(&reply, "x-one"), "a");
		assert_null(http_reply_header(&reply, "x-two"));
	}
}

static void test_last_answer_counts(void **state)
{
	cleanup(http_reply_done) struct http_reply reply = fetch(fx.url, "/continue", 0);

	(void)state;
	assert_int_equal(reply.status, 200);
	assert_string_equal(http_reply_header(&reply, "X-One"), "yes");
}

static void test_misbehaviour(void **state)
{
	static const struct {
		const char *path;
		enum err_code code;
	} rows[] = {
		{ "/truncated", ERR_NETWORK },	   { "/chunk", ERR_NETWORK },
		{ "/drop", ERR_NETWORK },	   { "/big", ERR_MALFORMED },
		{ "/endless", ERR_MALFORMED },	   { "/slow", ERR_TIMEOUT },
		{ "/banner", ERR_MALFORMED },	   { "/headers", ERR_MALFORMED },
		{ "/long-header", ERR_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup(http_reply_done) struct http_reply reply = fetch(fx.url, rows[i].path, 0);

		if (reply.err.code != rows[i].code || !reply.was_sent)
			fail_msg("%s: %s %s", rows[i].path, err_name(reply.err.code),
				 reply.err.text);
	}
}

/* Whatever libcurl makes of them: an error, in time, and no flood of memory. */
static void test_nonsense(void **state)
{
	static const char *const paths[] = { "/garbage", "/headers" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		cleanup(http_reply_done) struct http_reply reply = fetch(fx.url, paths[i], 0);

		assert_int_not_equal(reply.err.code, ERR_NONE);
		assert_true(reply.was_sent);
		assert_true(reply.headers.count <= 64);
	}
}

static void test_redirect_is_not_followed(void **state)
{
	cleanup(http_reply_done) struct http_reply reply = fetch(fx.url, "/redirect", 0);

	(void)state;
	assert_int_equal(reply.status, 302);
}

/* What an answer put into a header of the next request is no further header. */
static void test_header_stays_one(void **state)
{
	static const char *const values[] = { "a\r\nX-Injected: yes", "a\nb", "\033[2J", "\x7f" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		cleanup(http_reply_done) struct http_reply reply =
			ask_with("GET", fx.url, "/good", 0, values[i]);

		assert_int_equal(reply.err.code, ERR_MALFORMED);
		assert_false(reply.was_sent);
	}
}

static void test_not_sent(void **state)
{
	cleanup(free) char *tls = mem_printf("https://127.0.0.1:%d", fx.port);
	const char *const urls[] = { "http://127.0.0.1:1", "http://nowhere.invalid", tls };
	int port, unused = listen_anywhere(&port);

	(void)state;
	close(unused);
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		cleanup(http_reply_done) struct http_reply reply = fetch(urls[i], "/good", 0);

		assert_true(reply.err.code == ERR_NETWORK || reply.err.code == ERR_TIMEOUT);
		assert_false(reply.was_sent);
	}
}

static void test_other_schemes(void **state)
{
	static const char *const urls[] = { "file:///etc/passwd", "ftp://127.0.0.1", "gopher://x" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		cleanup(http_reply_done) struct http_reply reply = fetch(urls[i], "/x", 0);

		assert_int_not_equal(reply.err.code, ERR_NONE);
		assert_false(reply.was_sent);
	}
}

/* A proxy from the environment is used, but never for link-local services. */
static void test_proxy(void **state)
{
	(void)state;
	setenv("http_proxy", fx.url, 1);
	{
		cleanup(http_reply_done) struct http_reply reply =
			fetch("http://ec2.example.invalid", "/good", 0);

		assert_int_equal(reply.status, 200);
	}
	{
		cleanup(http_reply_done) struct http_reply reply =
			fetch("http://ec2.example.invalid", "/good", HTTP_DIRECT);

		assert_int_equal(reply.status, 0);
	}
	unsetenv("http_proxy");
}

static void test_ca_bundle(void **state)
{
	struct transport *transport;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(curl_transport_open(fx.loop, "/nonexistent/ca.pem", &transport, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
}

/* Ends the TLS server and its key whatever the assertions do. */
struct tls_server {
	char dir[32];
	pid_t pid;
};

static void tls_server_stop(struct tls_server *server)
{
	cleanup(free) char *remove = mem_printf("rm -rf '%s'", server->dir);

	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		waitpid(server->pid, NULL, 0);
	}
	(void)!system(remove);
}
DEFINE_CLEANUP_DONE(struct tls_server, tls_server_stop)

static int tls_server_start(struct tls_server *server, char url[64])
{
	cleanup(free) char *make = NULL;
	char port_text[16];
	int port = 0, unused = listen_anywhere(&port);

	close(unused);
	snprintf(url, 64, "https://127.0.0.1:%d", port);
	snprintf(port_text, sizeof(port_text), "%d", port);
	strcpy(server->dir, "/tmp/ec2-tls.XXXXXX");
	if (!mkdtemp(server->dir))
		return -1;
	make = mem_printf(
		"cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
		"-days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 -keyout key "
		"-out cert >/dev/null 2>&1",
		server->dir);
	if (system(make))
		return -1;
	server->pid = fork();
	if (!server->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(server->dir) < 0)
			_exit(127);
		execlp("openssl", "openssl", "s_server", "-accept", port_text, "-cert", "cert",
		       "-key", "key", "-www", "-quiet", (char *)NULL);
		_exit(127);
	}
	return 0;
}

/* A certificate that the system does not know is refused; with AWS_CA_BUNDLE's file it is accepted.
 */
static void test_tls(void **state)
{
	cleanup(tls_server_stop) struct tls_server server = { .pid = -1 };
	struct transport *before = fx.transport, *with_bundle;
	cleanup(free) char *bundle = NULL;
	struct err err = ERR_INIT;
	int status = 0;
	char url[64];

	(void)state;
	if (tls_server_start(&server, url) < 0)
		skip();
	bundle = mem_printf("%s/cert", server.dir);
	assert_int_equal(curl_transport_open(fx.loop, bundle, &with_bundle, &err), 0);
	fx.transport = with_bundle;
	for (int i = 0; i < 40 && !status; i++) {
		struct http_reply reply = ask("GET", url, "/", 0);

		status = reply.status;
		http_reply_done(&reply);
		if (!status)
			poll(NULL, 0, 20); /* it does not listen yet */
	}
	fx.transport = before;
	transport_close(with_bundle);
	assert_int_not_equal(status, 0);
	{
		cleanup(http_reply_done) struct http_reply reply = ask("GET", url, "/", 0);

		assert_int_equal(reply.err.code, ERR_NETWORK);
		assert_false(reply.was_sent);
		assert_non_null(strstr(reply.err.text, "certificate"));
	}
}

static void cancel_and_close(struct transport *transport)
{
	cleanup(free) char *url = mem_printf("%s/slow", fx.url);
	struct http_request request = { .method = "GET",
					.url = url,
					.connect_timeout_ms = 500,
					.total_timeout_ms = 5000,
					.max_reply_bytes = 10 };
	struct http_reply never = HTTP_REPLY_INIT;
	struct transfer *transfer;
	struct err err = ERR_INIT;

	transfer = transport->ops->send(transport, &request, on_reply, &never);
	transport->ops->send(transport, &request, on_reply, &never);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(fx.loop, 10, &err), 0);
	transport->ops->cancel(transport, transfer);
	transport_close(transport);
	for (int i = 0; i < 5; i++)
		assert_int_equal(loop_step(fx.loop, 10, &err), 0);
	assert_int_equal(never.status, 0);
}

static void test_cancel_and_close(void **state)
{
	struct transport *transport;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(curl_transport_open(fx.loop, NULL, &transport, &err), 0);
	cancel_and_close(transport);
}

static void test_plain_cancel_and_close(void **state)
{
	(void)state;
	cancel_and_close(plain_transport_open(fx.loop));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_last_answer_counts),
		cmocka_unit_test(test_misbehaviour),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_redirect_is_not_followed),
		cmocka_unit_test(test_header_stays_one),
		cmocka_unit_test(test_not_sent),
		cmocka_unit_test(test_other_schemes),
		cmocka_unit_test(test_proxy),
		cmocka_unit_test(test_ca_bundle),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_cancel_and_close),
	};

	static const struct CMUnitTest plain_tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_last_answer_counts),
		cmocka_unit_test(test_misbehaviour),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_redirect_is_not_followed),
		cmocka_unit_test(test_header_stays_one),
		cmocka_unit_test(test_not_sent),
		cmocka_unit_test(test_other_schemes),
		cmocka_unit_test(test_plain_cancel_and_close),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down) +
	       cmocka_run_group_tests(plain_tests, set_up_plain, tear_down);
}
