/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-measure FILE COMMAND [ARG...] - runs the command and writes to FILE: wall seconds, processor seconds of all
 * its processes, and the peak memory in KiB of the largest of them. A process that is started by a large
 * one (an interpreter) begins its own account with the large one's peak and is started late, so the
 * starter has to be small. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct rusage use;
	int status = 0;
	double start;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 2;
	start = now();
	pid = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork): what is measured */
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &use) < 0)
		return 2;
	start = now() - start;
	out = fopen(argv[1], "w");
	if (!out ||
	    fprintf(out, "%.6f %.6f %ld\n", start, seconds(use.ru_utime) + seconds(use.ru_stime),
		    use.ru_maxrss) < 0 ||
	    fclose(out))
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
