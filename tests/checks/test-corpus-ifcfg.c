/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ifcfg files and /etc/sysconfig/network of the real world: what we read in them bash reads too,
 * nothing crashes, and without the cloud's word no file of somebody's machine, image or
 * distribution is called a fault. CORPUS names the folder. */
#include "base/proc.h"
#include "fs/shellvars.h"
#include "tests/checks/corpus.h"

/* Files that this reader really makes nothing of. "machine" says where a file came from, not that
 * the machine was healthy, nor which of the readers it had. */
static bool is_really_broken(const char *file, const struct str *text, bool is_nm)
{
	static const struct {
		const char *file;
		bool is_nm;
	} known[] = {
		{ "sumanta23__linuxfiles__1", false }, /* BOOTPROTO=static and no IPADDR */
		{ "sumanta23__linuxfiles__1", true },
		{ "ayanecen__linux__1", false }, /* CRLF, which bash takes for a part of values */
		{ "mndar__rbf__1", false },	 /* neither DEVICE nor HWADDR */
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(file, known[i].file) && known[i].is_nm == is_nm)
			return true;
	/* Where NetworkManager is alone, nobody brings these up. */
	return is_nm &&
	       (strstr(text->s, "NM_CONTROLLED=no") || strstr(text->s, "NM_CONTROLLED=\"no\""));
}

/* Sources the file with no program in reach and prints the names that we know. Only files without
 * code come here. */
static void compare_with_bash(const struct str *text, const char *name)
{
	cleanup(shellvars_done) struct shellvars vars = { 0 };
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	cleanup(str_done) struct str script = STR_INIT, want = STR_INIT;
	const char *argv[] = { "bash", "--norc", "-s", NULL };
	struct err err = ERR_INIT;

	shellvars_parse(text->s, text->len, &vars);
	if (vars.has_code || memchr(text->s, '\0', text->len)) {
		say(true, name, "holds what only a shell can tell", "");
		return;
	}
	str_add(&script, "PATH=/nonexistent\n");
	str_add(&script, text->s);
	str_add(&script, "\n");
	vec_foreach (var, &vars) {
		const char *value;

		if (var->kind != SHELLVAR_SET ||
		    shellvars_get(&vars, var->name, &value) != SHELLVAR_IS)
			continue;
		str_addf(&script, "printf '%%s=[%%s]\\n' %s \"$%s\"\n", var->name, var->name);
		str_addf(&want, "%s=[%s]\n", var->name, value);
	}
	const struct proc_run run = {
		.argv = argv, .input = script.s, .input_len = script.len, .deadline_s = 20
	};
	if (proc_run(&run, &result, &err) < 0)
		say(false, name, "bash: ", err.text);
	else
		say(str_eq(result.out.s, want.s), name, "read as bash reads it", "");
}

static void examine(const struct machine *machine, struct findings *findings)
{
	static const char *const names[] = { "network-off",	   "ifcfg-syntax",  "ifcfg-onboot",
					     "ifcfg-hwaddr",	   "ifcfg-address", "gatewaydev",
					     "udev-persistent-net" };
	struct could_not_tells unknown = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_run(check_find(names[i]), machine, findings, &unknown);
	vec_done(&unknown);
}

static void judge(const struct str *text, const char *file, const char *path, bool is_real,
		  bool is_nm)
{
	struct scratch s;
	cleanup(findings_done) struct findings findings = { 0 };
	cleanup(str_done) struct str alarms = STR_INIT;
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	bool is_ifcfg = str_starts(file, "ifcfg/");
	cleanup(free) char *where =
		mem_printf("/etc/sysconfig/network-scripts/%s",
			   str_starts(base, "ifcfg-") && !strchr(base, '#') ? base : "ifcfg-eth0");

	scratch_open(&s);
	scratch_text(&s, "/etc/os-release",
		     is_nm ? "ID=rhel\nID_LIKE=fedora\nVERSION_ID=8.9\n"
			   : "ID=centos\nID_LIKE=\"rhel fedora\"\nVERSION_ID=7\n");
	scratch_enable(&s, is_nm ? "NetworkManager.service" : "network.service");
	scratch_text(&s, "/etc/sysconfig/network", "NETWORKING=yes\n");
	/* A file of another interface stands beside the real eth0. */
	scratch_text(&s, "/etc/sysconfig/network-scripts/ifcfg-eth0",
		     "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n");
	if (is_ifcfg)
		scratch_write(&s, where, text->s, text->len);
	else
		scratch_write(&s, "/etc/sysconfig/network", text->s, text->len);
	{
		const struct machine_given given = { .tree = s.tree };
		cleanup(machine_free) struct machine *machine = machine_new(&given);

		examine(machine, &findings);
	}
	vec_foreach (finding, &findings) {
		if (finding->severity == SEVERITY_NOTE)
			printf("# note on %s: %s\n", file, finding->message);
		else
			str_addf(&alarms, " [%s] %s", finding->check->name, finding->message);
	}
	say(!is_real || !alarms.len || is_really_broken(file, text, is_nm), file,
	    is_nm ? "under NetworkManager" : "under initscripts", alarms.s);
	scratch_close(&s);
}

int main(void)
{
	cleanup(corpus_done) struct corpus c;

	if (!corpus_open(&c))
		return corpus_skip("ifcfg files", "is not there");
	while (corpus_next(&c)) {
		if (!str_eq(c.kind, "ifcfg") && !str_eq(c.kind, "sysconfig_network"))
			continue;
		if (proc_have("bash"))
			compare_with_bash(&c.text, c.name);
		judge(&c.text, c.name, c.path_there, c.is_real, false);
		judge(&c.text, c.name, c.path_there, c.is_real, true);
	}
	return corpus_end();
}
