/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "tests/cloud/sim.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/signalfd.h>

/* ec2-sim: an EC2 on the loopback interface, with its whole state in one directory. */

static const char usage[] =
	"usage: ec2-sim --state DIR [--config FILE.json] [--port N] [--speed X] [--seed N]\n"
	"Serves EC2, STS, Auto Scaling and IMDSv2 on 127.0.0.1 until SIGTERM; prints the address "
	"when\n"
	"ready. FILE.json is a world description (tests/cloud/README), read when DIR is new.\n"
	"  --port N   0 or absent: the port DIR had before, else a free one\n"
	"  --speed X  simulated seconds a real second (default 1)\n"
	"  --seed N   chance: ids, latencies, delays (default 1)\n";

static int open_state(struct sim *sim, struct err *err)
{
	static const char *const folders[] = { "volumes", "snapshots", "console",
					       "dev/disk/by-id" };
	cleanup(free) char *lock = mem_printf("%s/lock", sim->dir);
	cleanup(free) char *calls = mem_printf("%s/calls.jsonl", sim->dir);
	cleanup(str_done) struct str text = STR_INIT;
	char *full;
	int fd;

	if (dir_make(sim->dir, err))
		return -1;
	full = realpath(sim->dir, NULL);
	if (!full)
		return err_errno(err, errno, "%s", sim->dir);
	free(sim->dir);
	sim->dir = full;
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		cleanup(free) char *path = mem_printf("%s/%s", sim->dir, folders[i]);

		if (dir_make(path, err))
			return -1;
	}
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* held until the process ends */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return err_set(err, ERR_BUSY, "%s: another ec2-sim runs on this directory",
			       sim->dir);
	if (!access(calls, F_OK) && file_read(calls, (size_t)1 << 30, &text, err))
		return -1;
	for (char *p = text.s, *end; (end = strchr(p, '\n')); p = end + 1) {
		json_t *row = json_loadb(p, (size_t)(end - p), 0, NULL);

		if (row && ji(row, "n") > (json_int_t)sim->call_count)
			sim->call_count = (uint64_t)ji(row, "n");
		if (row)
			json_array_append_new(sim->calls, row);
	}
	sim->calls_fd = open(calls, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (sim->calls_fd < 0)
		return err_errno(err, errno, "%s", calls);
	return world_open(sim, err);
}

static int load_config(struct sim *sim, const char *config, struct err *err)
{
	json_error_t where = { 0 };
	json_t *world;
	int result;

	if (jhas(sim->settings->truth, "account"))
		return 0; /* a state that was there before */
	world = config ? json_load_file(config, 0, &where) : json_object();
	if (!world)
		return err_set(err, ERR_MALFORMED, "%s:%d: %s", config, where.line, where.text);
	result = world_load(sim, world, err);
	json_decref(world);
	world_commit(sim);
	return result ? err_in(err, "%s", config ? config : "the empty world") : 0;
}

static unsigned old_port(const struct sim *sim)
{
	cleanup(free) char *path = mem_printf("%s/endpoint", sim->dir);
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	const char *colon;

	if (file_read(path, 256, &text, &err) || !(colon = strrchr(text.s, ':')))
		return 0;
	return (unsigned)strtoul(colon + 1, NULL, 10);
}

static int listen_on(struct sim *sim, unsigned port, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/endpoint", sim->dir), *url = NULL;
	unsigned before = port ? port : old_port(sim);

	if (http_open(sim, before, err)) {
		if (port || !before || (err_clear(err), http_open(sim, 0, err)))
			return -1;
	}
	url = mem_printf("http://127.0.0.1:%u\n", sim->port);
	if (file_replace(path, url, strlen(url), 0644, err))
		return -1;
	printf("listening on %s", url);
	fflush(stdout);
	return 0;
}

static void on_signal(void *arg, int fd, uint32_t events)
{
	struct signalfd_siginfo info;
	struct sim *sim = arg;

	(void)events;
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		sim->stopping = true;
}

static int watch_signals(struct sim *sim, struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_errno(err, errno, "signalfd");
	loop_watch(sim->loop, fd, EPOLLIN, on_signal, sim);
	return 0;
}

static int serve(struct sim *sim, struct err *err)
{
	while (!sim->stopping) {
		double due_s = world_next_due(sim) - sim_clock(sim);
		int wait_ms = http_wait_ms(sim);

		if (due_s < 60 * sim->speed && sim_real_ms(sim, due_s) < wait_ms)
			wait_ms = (int)sim_real_ms(sim, due_s);
		if (loop_step(sim->loop, wait_ms, err))
			return -1;
		world_advance(sim);
		http_run(sim);
	}
	return 0;
}

static void sim_done(struct sim *sim)
{
	sim->stopping = true;
	jobs_close(sim);
	http_close(sim);
	sshd_close_all(sim);
	if (sim->settings)
		world_commit(sim);
	world_close(sim);
	vec_foreach (b, &sim->buckets)
		free(b->name);
	vec_done(&sim->buckets);
	json_decref(sim->counters);
	json_decref(sim->calls);
	loop_close(sim->loop);
	fd_close(sim->calls_fd);
	free(sim->dir);
}

struct arguments {
	const char *state, *config;
	unsigned long port;
};

static int parse(struct sim *sim, struct arguments *ret, int argc, char **argv)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "config", required_argument, NULL, 'c' },
		{ "port", required_argument, NULL, 'p' },
		{ "speed", required_argument, NULL, 'x' },
		{ "seed", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 's')
			ret->state = optarg;
		else if (c == 'c')
			ret->config = optarg;
		else if (c == 'p')
			ret->port = strtoul(optarg, NULL, 10);
		else if (c == 'x')
			sim->speed = strtod(optarg, NULL);
		else if (c == 'r')
			sim->seed = strtoull(optarg, NULL, 10);
		else if (c == 'h')
			return 1;
		else
			return -1;
	}
	return ret->state && optind == argc && ret->port < 65536 && sim->speed > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct sim sim = { .speed = 1, .seed = 1, .journal_fd = -1, .calls_fd = -1 };
	struct arguments args = { 0 };
	struct err err = ERR_INIT;
	int result = parse(&sim, &args, argc, argv);

	if (result) {
		fputs(usage, result > 0 ? stdout : stderr);
		return result > 0 ? 0 : 2;
	}
	sim.dir = mem_strdup(args.state);
	sim.counters = json_pack("{s:{},s:{}}", "calls", "throttled");
	sim.calls = json_array();
	result = loop_open(&sim.loop, &err) || watch_signals(&sim, &err) ||
		 open_state(&sim, &err) || load_config(&sim, args.config, &err);
	if (!result) {
		devices_restore(&sim);
		boot_restore(&sim);
		world_advance(&sim);
		result = listen_on(&sim, (unsigned)args.port, &err) || serve(&sim, &err);
	}
	if (result)
		fprintf(stderr, "ec2-sim: %s\n", err.text);
	sim_done(&sim);
	return result ? 1 : 0;
}
