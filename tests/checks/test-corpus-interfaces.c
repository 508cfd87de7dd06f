/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/network/interfaces of the real world, and the same files with mistakes made in them: our
 * verdict is ifup's, what is repaired ifup takes, and no file of somebody's machine is called a fault
 * without a reason. CORPUS names the folder. */
#include "base/proc.h"
#include "checks/ifupdown.h"
#include "tests/checks/corpus.h"

static unsigned judged, refused, repaired;

static bool write_file(const char *path, const char *data, size_t len)
{
	FILE *file = fopen(path, "w");
	bool is_whole = file && fwrite(data, 1, len, file) == len;

	return file && !fclose(file) && is_whole;
}

/* Does ifup refuse the file? -1: it is not here. */
static int is_refused(const char *dir, const char *data, size_t len)
{
	cleanup(free) char *path = mem_printf("%s/oracle", dir);
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *argv[] = { "ifup", "--no-act", "--no-scripts", "--state-dir", dir,
			       "-a",   "-i",	   path,	   NULL };
	const struct proc_run run = { .argv = argv, .deadline_s = 20 };
	struct err err = ERR_INIT;

	if (!write_file(path, data, len) || proc_run(&run, &result, &err) < 0)
		return -1;
	unlink(path);
	return strstr(result.errout.s, "couldn't read interfaces file") != NULL;
}

static bool has_error_in_main(const struct ifupdown *model)
{
	vec_foreach (error, &model->errors)
		if (str_eq(error->path, IFUPDOWN_PATH))
			return true;
	return false;
}

/* One text, the oracle's verdict beside ours; and the repair's result back to the oracle. */
static bool judge(struct scratch *s, const char *data, size_t len, const char *name)
{
	int theirs = is_refused(s->dir, data, len);
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };
	struct err ignored = ERR_INIT;
	bool ours, all_mended = true;

	scratch_write(s, IFUPDOWN_PATH, data, len);
	{
		const struct machine_given given = { .tree = s->tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		ours = has_error_in_main(ifupdown_model(machine));
		check_run(check_find("interfaces-syntax"), machine, &findings, &unknown);
	}
	vec_done(&unknown);
	judged++;
	refused += theirs == 1;
	if (theirs >= 0 && ours != theirs) {
		say(false, name, ours ? "ifup takes it, we do not" : "ifup refuses it, we do not",
		    "");
		printf("# %.300s\n", data);
		return false;
	}
	vec_foreach (finding, &findings)
		all_mended &= finding->edits.count > 0;
	if (ours && all_mended) {
		cleanup(str_done) struct str after = STR_INIT, why = STR_INIT;

		scratch_repair(s, &findings, &why);
		if (why.len ||
		    tree_read(s->tree, IFUPDOWN_PATH, TREE_FILE_MAX, &after, &ignored) < 0 ||
		    is_refused(s->dir, after.s, after.len) == 1) {
			say(false, name, "ifup refuses what was repaired: ", why.s);
			printf("# %.600s\n", after.s);
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
	scratch_enable(s, "networking.service");
}

static void look_for_alarms(struct scratch *s, const struct str *text, const char *name)
{
	cleanup(findings_done) struct findings findings = { 0 };
	struct could_not_tells unknown = { 0 };
	cleanup(str_done) struct str alarms = STR_INIT;
	bool is_refused_file = is_refused(s->dir, text->s, text->len) == 1;

	scratch_write(s, IFUPDOWN_PATH, text->s, text->len);
	{
		const struct machine_given given = { .tree = s->tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		check_run(check_find("interfaces-syntax"), machine, &findings, &unknown);
		check_run(check_find("interfaces-card"), machine, &findings, &unknown);
	}
	vec_done(&unknown);
	vec_foreach (finding, &findings)
		str_addf(&alarms, " [%s] %s", finding->check->name, finding->message);
	/* "#auto eth0" above the only card's stanza: it does stay down. */
	say(is_refused_file || !alarms.len || strstr(name, "buildroot__buildroot__8."), name,
	    "no false alarm", alarms.s);
}

int main(void)
{
	cleanup(corpus_done) struct corpus c;
	struct scratch s;

	if (!corpus_open(&c))
		return corpus_skip("interfaces", "is not there");
	if (!proc_have("ifup"))
		return corpus_skip("interfaces", "has no ifup beside it");
	system_open(&s);
	while (corpus_next(&c)) {
		bool agrees;

		if (!str_eq(c.kind, "interfaces") || strstr(c.name, "ifupdown2") || !c.text.len ||
		    memchr(c.text.s, '\0', c.text.len))
			continue;
		agrees = judge(&s, c.text.s, c.text.len, c.name);
		for (unsigned i = 0; i < 24 && agrees; i++) {
			cleanup(str_done) struct str other = STR_INIT;

			scratch_mutate(&c.text, i + tests_run * 31, &other);
			agrees = judge(&s, other.s, other.len, c.name);
		}
		say(agrees, c.name, "read as ifup reads it, and 24 mutations of it", "");
		if (c.is_real)
			look_for_alarms(&s, &c.text, c.name);
	}
	scratch_close(&s);
	printf("# %u texts judged, %u refused by ifup, %u repaired and taken\n", judged, refused,
	       repaired);
	return corpus_end();
}
