/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl and cloud-init files of the real world in a small system: nothing of somebody's machine, image
 * or distribution is called a fault, and nothing crashes. CORPUS names the folder. */
#include "tests/checks/scratch.h"

static unsigned tests_run, tests_failed;

/* What these really say, seen with the programs that read them. "machine" says where a file came from,
 * not that the machine was healthy, nor that it was on EC2. */
static bool is_really_so(const char *file, const char *check)
{
	static const struct {
		const char *file, *check;
	} known[] = {
		/* Clouds of their own, which do not name Ec2. */
		{ "hashbang__shell-etc", "cloud-init" },
		{ "sas1m1__kagoya-etc", "cloud-init" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(file, known[i].file) && str_eq(known[i].check, check))
			return true;
	return false;
}

static void judge(const struct str *text, const char *file, const char *where, const char *check,
		  bool is_real)
{
	struct scratch s;
	struct could_not_tells unknown = { 0 };
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str alarms = STR_INIT;

	scratch_open(&s);
	scratch_text(&s, "/etc/os-release", "ID=debian\nVERSION_ID=12\n");
	scratch_write(&s, where, text->s, text->len);
	{
		const struct machine_given given = { .tree = s.tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		check_run(check_find(check), machine, &findings, &unknown);
	}
	vec_foreach (finding, &findings) {
		if (finding->severity == SEVERITY_NOTE)
			printf("# note on %s: %s\n", file, finding->message);
		else
			str_addf(&alarms, " [%s] %s", check, finding->message);
	}
	bool ok = !is_real || !alarms.len || is_really_so(file, check);
	printf("%sok %u - %s%s\n", ok ? "" : "not ", ++tests_run, file, alarms.s);
	tests_failed += !ok;
	vec_done(&unknown);
	scratch_close(&s);
}

int main(void)
{
	const char *corpus = getenv("CORPUS") ? getenv("CORPUS") : "../shared/corpus";
	cleanup(free) char *manifest = mem_printf("%s/MANIFEST.tsv", corpus);
	cleanup(str_done) struct str table = STR_INIT;
	struct err err = ERR_INIT;
	const char *at;
	char *line, *f[12];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (file_read(manifest, 1 << 22, &table, &err) < 0) {
		printf("ok 1 - the corpus of services' files # SKIP %s is not there\n1..1\n",
		       corpus);
		return 0;
	}
	for (at = table.s; scratch_row(&at, &line, f); free(line)) {
		cleanup(free) char *path = mem_printf("%s/%s", corpus, f[1]);
		cleanup(str_done) struct str text = STR_INIT;
		bool is_sysctl = str_eq(f[0], "sysctl");
		bool is_real = str_eq(f[7], "machine") || str_eq(f[7], "image") ||
			       str_eq(f[7], "upstream");

		if ((!is_sysctl && !str_eq(f[0], "cloudcfg")) ||
		    file_read(path, 1 << 20, &text, &err) < 0)
			continue;
		judge(&text, f[1], is_sysctl ? "/etc/sysctl.d/50-x.conf" : "/etc/cloud/cloud.cfg",
		      is_sysctl ? "sysctl-memory" : "cloud-init", is_real);
	}
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
