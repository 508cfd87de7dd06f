/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/secrets.h"
#include "base/str.h"
#include "rescue/parse.h"
#include "rescue/boot.h"
#include "rescue/surgery.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void options_done(struct options *options)
{
	vec_done(&options->targets);
	vec_done(&options->fix);
	vec_done(&options->with);
	vec_done(&options->types);
	vec_done(&options->zones);
	vec_done(&options->volumes);
	vec_done(&options->freeze);
	free(options->key_line);
}

static int run(const struct parsed *parsed)
{
	struct report *report;
	int status;

	if (parsed->wants_version) {
		printf("ec2-rescue %s\n", VERSION);
		return 0;
	}
	if (parsed->wants_help && !parsed->command && parsed->options.targets.count &&
	    print_family(stdout, parsed->options.targets.items[0]))
		return 0;
	if (parsed->wants_help) {
		print_usage(stdout, parsed->command);
		return 0;
	}
	report = report_open(parsed->options.json ? REPORT_JSON : REPORT_AUTO);
	status = parsed->command->run(&parsed->options, report);
	report_close(report);
	return status;
}

int main(int argc, char **argv)
{
	struct parsed parsed = { 0 };
	struct err err = ERR_INIT;
	int rc;

	/* Credentials may be in memory: no core file, no ptrace by other processes of the same
	 * user. */
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && str_eq(argv[1], "surgeon"))
		return surgeon_main(3);
	if (argc == 2 && str_eq(argv[1], "rehearser"))
		return rehearser_main();
	if (argc == 2 && str_eq(argv[1], "completion")) {
		print_completion(stdout);
		return 0;
	}
	if (argc == 3 && str_eq(argv[1], "manual"))
		rc = print_manual(stdout, argv[2], &err);
	else if (!(rc = parse_arguments(argc, argv, &parsed, &err)))
		rc = run(&parsed);
	options_done(&parsed.options);
	secrets_forget();
	if (rc < 0) {
		fprintf(stderr, "ec2-rescue: %s\n", err.text);
		return err.code;
	}
	return rc;
}
