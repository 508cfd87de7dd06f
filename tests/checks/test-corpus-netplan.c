/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netplan's YAML of the real world, and the same files with mistakes made in them: what netplan's
 * generator takes we do not call an error, what was repaired it takes, and no file of somebody's
 * machine is called a fault without a reason. What it refuses and we do not see is counted: the keys
 * of bridges, bonds, tunnels and wireless are not ours. CORPUS names the folder. */
#include "base/proc.h"
#include "checks/netplan.h"
#include "tests/checks/corpus.h"

#define FILE_PATH "/etc/netplan/50-x.yaml"

static unsigned judged, refused, missed, repaired;
static const char *generator;

/* Does the generator refuse what is in the folder? -1: it cannot be asked. */
static int is_refused(const struct scratch *s)
{
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *argv[] = { generator, "--root-dir", s->dir, NULL };
	const struct proc_run run = { .argv = argv, .deadline_s = 20 };
	struct err err = ERR_INIT;

	if (proc_run(&run, &result, &err) < 0)
		return -1;
	return result.status || strstr(result.errout.s, "Error in network definition") ||
	       strstr(result.errout.s, "Invalid YAML");
}

/* What may be wrong in these we do not know. */
static bool has_others(const char *text)
{
	static const char *const kinds[] = { "bridges", "bonds", "vlans",  "tunnels",
					     "wifis",	"vrfs",	 "modems", "infiniband" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strstr(text, kinds[i]))
			return true;
	return false;
}

/* One text, the oracle's verdict beside ours; and the repair's result back to the oracle. */
static bool judge(struct scratch *s, const char *data, size_t len, const char *name)
{
	int theirs;
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };
	struct err ignored = ERR_INIT;
	bool ours, all_mended = true;

	scratch_write(s, FILE_PATH, data, len);
	theirs = is_refused(s);
	{
		const struct machine_given given = { .tree = s->tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);
		const struct netplan *model = netplan_model(machine);

		ours = model && model->is_refused;
		check_run(check_find("netplan-yaml"), machine, &findings, &unknown);
	}
	vec_done(&unknown);
	judged++;
	refused += theirs == 1;
	missed += theirs == 1 && !ours;
	if (theirs == 1 && !ours && getenv("SHOW"))
		printf("# missed in %s:\n%s\n", name, data);
	if (theirs == 0 && ours) {
		say(false, name, "the generator takes it, we do not", "");
		printf("# %.900s\n", data);
		return false;
	}
	vec_foreach (finding, &findings)
		all_mended &= finding->edits.count > 0;
	if (ours && all_mended && !has_others(data)) {
		cleanup(str_done) struct str after = STR_INIT, why = STR_INIT;

		scratch_repair(s, &findings, &why);
		if (why.len || tree_read(s->tree, FILE_PATH, TREE_FILE_MAX, &after, &ignored) < 0 ||
		    is_refused(s) == 1) {
			say(false, name, "the generator refuses what was repaired: ", why.s);
			printf("# %.900s\n# was: %.900s\n", after.s, data);
			return false;
		}
		repaired++;
	}
	return true;
}

static void system_open(struct scratch *s)
{
	scratch_open(s);
	scratch_text(s, "/etc/os-release", "ID=debian\nVERSION_ID=12\n");
	scratch_enable(s, "systemd-networkd.service");
}

static void look_for_alarms(struct scratch *s, const struct str *text, const char *name)
{
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };
	cleanup(str_done) struct str alarms = STR_INIT;
	bool is_refused_file;

	scratch_write(s, FILE_PATH, text->s, text->len);
	is_refused_file = is_refused(s) == 1;
	{
		const struct machine_given given = { .tree = s->tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		check_run(check_find("netplan-yaml"), machine, &findings, &unknown);
		check_run(check_find("netplan-card"), machine, &findings, &unknown);
	}
	vec_done(&unknown);
	vec_foreach (finding, &findings)
		str_addf(&alarms, " [%s] %s", finding->check->name, finding->message);
	say(is_refused_file || !alarms.len, name, "no false alarm", alarms.s);
}

int main(void)
{
	cleanup(corpus_done) struct corpus c;
	struct scratch s;

	if (!corpus_open(&c))
		return corpus_skip("netplan files", "is not there");
	generator = proc_have("/usr/lib/netplan/generate")	 ? "/usr/lib/netplan/generate"
		    : proc_have("/usr/libexec/netplan/generate") ? "/usr/libexec/netplan/generate"
								 : NULL;
	if (!generator)
		return corpus_skip("netplan files", "has no netplan beside it");
	system_open(&s);
	while (corpus_next(&c)) {
		bool agrees;

		if (!str_eq(c.kind, "netplan") || !c.text.len || memchr(c.text.s, '\0', c.text.len))
			continue;
		agrees = judge(&s, c.text.s, c.text.len, c.name);
		for (unsigned i = 0; i < 40 && agrees; i++) {
			cleanup(str_done) struct str other = STR_INIT;

			scratch_mutate(&c.text, i + tests_run * 31, &other);
			agrees = judge(&s, other.s, other.len, c.name);
		}
		say(agrees, c.name, "read as netplan reads it, and 40 mutations of it", "");
		if (c.is_real)
			look_for_alarms(&s, &c.text, c.name);
	}
	scratch_close(&s);
	printf("# %u texts judged, %u refused by netplan, %u of them not seen, %u repaired and "
	       "taken\n",
	       judged, refused, missed, repaired);
	return corpus_end();
}
