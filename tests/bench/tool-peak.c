/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool-peak FILE COMMAND [ARG...] - runs the command and writes the peak memory in KiB of the largest of its
 * processes to FILE. A process that is started by a large one (an interpreter) begins its own account
 * with the large one's peak, so the starter has to be small. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage use;
	int status = 0;
	FILE *out;
	pid_t pid;

	if (argc < 3)
		return 2;
	pid = fork();
	if (!pid) {
		execvp(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &use) < 0)
		return 2;
	out = fopen(argv[1], "w");
	if (!out || fprintf(out, "%ld\n", use.ru_maxrss) < 0 || fclose(out))
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
