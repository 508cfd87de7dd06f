/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The examiner's confinement: what a check must not do is stopped, told, and stops no other check.
 */
#include "surgery.h"

#include "base/hash.h"
#include "rescue/examiner.h"
#include "rescue/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#else
#define HAS_ASAN 0
#endif

static int note(struct findings *out, const char *text)
{
	finding_add(out, SEVERITY_NOTE, REPAIR_NONE, "0", "/etc/motd", 1, "%s", text);
	return 0;
}

static int reads(const struct machine *m, struct findings *out, struct err *err)
{
	const struct str *motd = machine_file(m, "/etc/motd", err);

	return motd && str_eq(motd->s, "hello\n") ? 0 : note(out, "motd is not as it should be");
}

static int opens_file(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)err;
	return open("/etc/passwd", O_RDONLY) < 0 ? 0 : note(out, "opened");
}

static int opens_socket(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)err;
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? 0 : note(out, "socket");
}

static int forks(const struct machine *m, struct findings *out, struct err *err)
{
	pid_t pid = fork();

	(void)m, (void)err;
	if (!pid)
		_exit(0);
	return note(out, "forked");
}

static int runs(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)err;
	execl("/bin/true", "true", (char *)NULL);
	return note(out, "ran");
}

static int writes(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)err;
	(void)!write(1, "x", 1);
	return note(out, "wrote");
}

static int kills(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)err;
	kill(getppid(), 0);
	return note(out, "killed");
}

static int executes_memory(const struct machine *m, struct findings *out, struct err *err)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	(void)m, (void)err;
	return note(out, p == MAP_FAILED ? "refused" : "mapped");
}

static int crashes(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)out, (void)err;
	signal(SIGSEGV, SIG_DFL);
	raise(SIGSEGV);
	return 0;
}

static int eats_memory(const struct machine *m, struct findings *out, struct err *err)
{
	size_t total = 0;

	(void)m, (void)err;
	while (total < (2048ull << 20)) {
		void *p = mem_alloc(32u << 20);

		memset(p, 1, 1);
		total += 32u << 20;
	}
	return note(out, "got 2 GiB");
}

static int loops(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)out, (void)err;
	for (volatile unsigned i = 0; i < UINT_MAX; i = i / 2)
		;
	return 0;
}

static int hashes(const struct machine *m, struct findings *out, struct err *err)
{
	static const uint8_t secret[32] = { 1 };
	struct sha256 hash = sha256_of("abc", 3);
	uint8_t public[32];

	(void)m, (void)err;
	return hash.b[0] == 0xba && !ed25519_public(secret, public) ? 0 : note(out, "wrong");
}

static int gives_up(const struct machine *m, struct findings *out, struct err *err)
{
	(void)m, (void)out;
	return err_set(err, ERR_IO, "/etc/shadow\xff: damaged");
}

#define CHECK(func, check_name) \
	static const struct check check_##func = { .name = check_name, .examine = func }
CHECK(reads, "reads");
CHECK(opens_file, "opens-file");
CHECK(opens_socket, "opens-socket");
CHECK(forks, "forks");
CHECK(runs, "runs");
CHECK(writes, "writes");
CHECK(kills, "kills");
CHECK(executes_memory, "executes-memory");
CHECK(crashes, "crashes");
CHECK(eats_memory, "eats-memory");
CHECK(loops, "loops");
CHECK(hashes, "hashes");
CHECK(gives_up, "gives-up");

static void examine(struct patient *p, const struct check *const *list, size_t count,
		    uint32_t deadline_s, struct examination *ret)
{
	const struct examiner_job job = {
		.tree = p->tree, .checks = list, .check_count = count, .deadline_s = deadline_s
	};
	struct err err = ERR_INIT;
	int rc = examiner_run(&job, ret, &err);

	if (rc < 0)
		print_error("%s\n", err.text);
	assert_int_equal(rc, 0);
}

/* One bad check between two good ones: it is named with its reason, and they ran. */
static void assert_stopped(struct patient *p, const struct check *bad, const char *reason)
{
	const struct check *const list[] = { &check_reads, bad, &check_reads };
	cleanup(examination_done) struct examination e = EXAMINATION_INIT;

	examine(p, list, ARRAY_LEN(list), 20, &e);
	assert_int_equal(e.findings.count, 0);
	assert_int_equal(e.could_not_tell.count, 1);
	assert_ptr_equal(e.could_not_tell.items[0].check, bad);
	assert_non_null(strstr(e.could_not_tell.items[0].err.text, reason));
	assert_non_null(e.machine); /* a second process finished the examination */
}

static void good_checks_run(void **state)
{
	const struct check *const list[] = { &check_reads, &check_gives_up };
	cleanup(examination_done) struct examination e = EXAMINATION_INIT;

	examine(*state, list, ARRAY_LEN(list), 20, &e);
	assert_int_equal(e.findings.count, 0);
	assert_int_equal(e.could_not_tell.count, 1);
	assert_ptr_equal(e.could_not_tell.items[0].check, &check_gives_up);
	assert_int_equal(e.could_not_tell.items[0].err.code, ERR_IO);
	assert_string_equal(e.could_not_tell.items[0].err.text, "/etc/shadow\\xff: damaged");
	assert_string_equal(json_string_value(json_object_get(e.machine, "id")), "debian");
}

/* libcrypto opens files when it is first used, which an examiner may not. */
static void checks_may_hash(void **state)
{
	const struct check *const list[] = { &check_reads, &check_hashes };
	cleanup(examination_done) struct examination e = EXAMINATION_INIT;

	assert_false(hash_is_prepared());
	for (int i = 0; i < 2; i++) {
		examination_done(&e);
		examine(*state, list, ARRAY_LEN(list), 20, &e);
		assert_int_equal(e.findings.count, 0);
		assert_int_equal(e.could_not_tell.count, 0);
		assert_true(hash_is_prepared());
	}
}

/* What a surgeon can reach: 0 nothing. */
static int reach(void)
{
	struct err err = ERR_INIT;
	int pair[2];

	if (sandbox_surgeon(false, &err) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 1;
	for (int family = AF_UNIX; family <= AF_NETLINK; family++)
		if (socket(family, SOCK_DGRAM, 0) >= 0 || errno != EACCES)
			return 2;
	return 0;
}

static void a_surgeon_reaches_nobody(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid)
		_exit(reach());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void forbidden_calls_are_stopped(void **state)
{
	assert_stopped(*state, &check_opens_file, "system call");
	assert_stopped(*state, &check_opens_socket, "system call");
	assert_stopped(*state, &check_forks, "system call");
	assert_stopped(*state, &check_runs, "system call");
	assert_stopped(*state, &check_writes, "system call");
	assert_stopped(*state, &check_kills, "system call");
	assert_stopped(*state, &check_executes_memory, "system call");
}

static void crashes_and_greed_are_stopped(void **state)
{
	assert_stopped(*state, &check_crashes, "crashed");
	if (!HAS_ASAN)
		assert_stopped(*state, &check_eats_memory, "memory");
}

static void endless_checks_are_stopped(void **state)
{
	const struct check *const list[] = { &check_loops, &check_reads };
	cleanup(examination_done) struct examination e = EXAMINATION_INIT;

	examine(*state, list, ARRAY_LEN(list), 6, &e);
	assert_int_equal(e.could_not_tell.count, 1);
	assert_ptr_equal(e.could_not_tell.items[0].check, &check_loops);
	assert_non_null(e.machine);
}

/* A finding made up by test checks names no row of the table, so it is refused as malformed. */
static void unknown_checks_have_no_say(void **state)
{
	static int (*const func)(const struct machine *, struct findings *, struct err *) =
		executes_memory;
	const struct check liar = { .name = "liar", .examine = func };
	const struct check *const list[] = { &liar };
	cleanup(examination_done) struct examination e = EXAMINATION_INIT;

	examine(*state, list, ARRAY_LEN(list), 5, &e);
	assert_int_equal(e.findings.count, 0);
	assert_int_equal(e.could_not_tell.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_checks_run, patient_setup, patient_teardown),
		cmocka_unit_test_setup_teardown(checks_may_hash, patient_setup, patient_teardown),
		cmocka_unit_test(a_surgeon_reaches_nobody),
		cmocka_unit_test_setup_teardown(forbidden_calls_are_stopped, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(crashes_and_greed_are_stopped, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(endless_checks_are_stopped, patient_setup,
						patient_teardown),
		cmocka_unit_test_setup_teardown(unknown_checks_have_no_say, patient_setup,
						patient_teardown),
	};

	return cmocka_run_group_tests_name("examiner", tests, NULL, NULL);
}
