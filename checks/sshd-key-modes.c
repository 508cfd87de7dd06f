/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_people.h"

static void report(const struct machine *machine, const struct sshd_conf *conf,
		   const struct person *person, enum repair_class repair, struct findings *out)
{
	enum severity severity = repair == REPAIR_SURE ? SEVERITY_BLOCKS_LOGIN : SEVERITY_NOTE;
	cleanup(mode_faults_done) struct mode_faults faults = { 0 };

	vec_foreach (key, &person->keys) {
		bool seen = false;
		for (struct key_line *k = person->keys.items; k < key; k++)
			seen |= str_eq(k->path, key->path);
		if (!seen)
			mode_faults_find(conf, machine, person, key->path, &faults);
	}
	vec_foreach (f, &faults) {
		bool seen = false;
		for (struct mode_fault *o = faults.items; o < f; o++)
			seen |= str_eq(o->path, f->path);
		if (seen)
			continue;
		struct finding *finding = finding_add(
			out, severity, repair, "87", f->path, 0,
			"%s (%04o, owner %u:%u) %s: sshd ignores the keys of %s",
			machine_quote(machine, f->path, strlen(f->path)), f->now.mode & 07777,
			f->now.uid, f->now.gid, f->why,
			machine_quote(machine, person->user->name, strlen(person->user->name)));
		edit_mode(&finding->edits, f->path, &f->now, f->mode, f->uid, f->gid);
	}
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	cleanup(sshd_conf_free) struct sshd_conf *conf = NULL;
	cleanup(people_done) struct people people = { 0 };

	if (sshd_conf_effective(machine, &conf, err) < 0)
		return -1;
	if (people_load(machine, conf, &people, err) < 0)
		return -1;
	const struct person *stopped = people_stopped(&people, GATE_MODES);
	vec_foreach (person, &people.persons) {
		if (person == stopped)
			report(machine, conf, person, people_repair(&people), out);
		else if (person->gates[GATE_MODES] == GATE_FAIL && person->user->uid)
			report(machine, conf, person, REPAIR_OFFERED, out);
	}
	return 0;
}

const struct check check_sshd_key_modes = {
	.name = "sshd-key-modes",
	.title = "modes or owners make sshd ignore somebody's keys",
	.explain = "With StrictModes (the default) sshd ignores authorized_keys when the file, "
		   "~/.ssh or the "
		   "home can be written by others or belongs to somebody else; and it opens the "
		   "file with the "
		   "user's own rights, so every directory from / down must let the user in. chmod "
		   "777 on a "
		   "home and chown -R by mistake are the usual causes. The repair takes away "
		   "exactly the "
		   "bits, or sets exactly the owner, that sshd objects to. Where others with sudo "
		   "can still "
		   "log in, it is only offered.",
	.source = "sshd_config(5) StrictModes; sshd(8) FILES, ~/.ssh/authorized_keys; Debian's "
		  "patch for "
		  "private groups",
	.rows = "87",
	.repair = REPAIR_SURE,
	.examine = examine,
};
