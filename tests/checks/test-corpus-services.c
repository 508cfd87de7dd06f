/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl and cloud-init files of the real world in a small system: nothing of somebody's machine, image
 * or distribution is called a fault, and nothing crashes. CORPUS names the folder. */
#include "tests/checks/corpus.h"

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
	say(!is_real || !alarms.len || is_really_so(file, check), file, "no false alarm", alarms.s);
	vec_done(&unknown);
	scratch_close(&s);
}

int main(void)
{
	cleanup(corpus_done) struct corpus c;

	if (!corpus_open(&c))
		return corpus_skip("services' files", "is not there");
	while (corpus_next(&c)) {
		bool is_sysctl = str_eq(c.kind, "sysctl");

		if (is_sysctl || str_eq(c.kind, "cloudcfg"))
			judge(&c.text, c.name,
			      is_sysctl ? "/etc/sysctl.d/50-x.conf" : "/etc/cloud/cloud.cfg",
			      is_sysctl ? "sysctl-memory" : "cloud-init", c.is_real);
	}
	return corpus_end();
}
