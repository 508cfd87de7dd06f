/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "tests/cloud/instance.h"
#include "tests/cloud/machine.h"

#include <stdio.h>
#include <sys/wait.h>

/* What happens when an instance boots: console output, the verdict of the status checks, sshd.
 * "boot" of an instance: {"console_script": PROGRAM} is run as PROGRAM ROOT-VOLUME-FILE
 * INSTANCE-ID; its stdout is the console, its exit status 0 means the instance is healthy. Without
 * it "console" and "verdict" ("ok", "impaired") are used as they stand. */

#define SCRIPT_DEADLINE_S 120
#define MAX_CONSOLE_BYTES 65536

static char *console_path(struct sim *sim, const char *id, const char *suffix)
{
	return mem_printf("%s/console/%s%s", sim->dir, id, suffix);
}

struct boot_run {
	char *id;
	json_int_t count;
};

static void console_write(struct sim *sim, const char *id, const char *suffix, const char *text)
{
	cleanup(free) char *path = console_path(sim, id, suffix);
	struct err err = ERR_INIT;

	if (file_replace(path, text, strlen(text), 0600, &err))
		fprintf(stderr, "ec2-sim: %s\n", err.text);
}

/* The checks report once both the verdict is known and their time has come. */
static void status_settle(struct res *inst)
{
	const char *verdict = js(inst->truth, "boot_verdict");

	if (!js_is(inst->truth, "state", "running") || !*verdict || timer_is_set(inst, "status"))
		return;
	jset_s(inst->truth, "status", verdict);
	world_touch(inst);
}

static void verdict_set(struct sim *sim, struct res *inst, const char *verdict)
{
	jset_s(inst->truth, "boot_verdict", verdict);
	world_touch(inst);
	timer_set(inst, "console", sim->now + latency(sim, inst, "console"));
	if (str_eq(verdict, "ok") && jhas(jget(inst->truth, "boot"), "sshd_listen"))
		timer_set(inst, "sshd", sim->now + latency(sim, inst, "sshd_up"));
	status_settle(inst);
}

static void script_done(struct sim *sim, void *arg, int status)
{
	struct boot_run *run = arg;
	struct res *inst = world_get(sim, run->id);

	/* It may have been stopped, or booted again, meanwhile. */
	if (!sim->stopping && inst && ji(inst->truth, "boot_count") == run->count &&
	    js_is(inst->truth, "state", "running")) {
		jset_i(inst->truth, "boot_exit", WIFEXITED(status) ? WEXITSTATUS(status) : 128);
		verdict_set(sim, inst, status ? "impaired" : "ok");
	}
	free(run->id);
	free(run);
}

static void script_run(struct sim *sim, struct res *inst, const char *script)
{
	const json_t *root = mapping_find(inst->truth, js(inst->truth, "root_device_name"));
	cleanup(free) char *image = volume_path(sim, js(root, "volume"));
	cleanup(free) char *out = console_path(sim, inst->id, ".new");
	const char *argv[] = { script, image, inst->id, NULL };
	struct boot_run *run = mem_alloc(sizeof(*run));

	run->id = mem_strdup(inst->id);
	run->count = ji(inst->truth, "boot_count");
	job_run(sim, argv, out, SCRIPT_DEADLINE_S, script_done, run);
}

void boot_begin(struct sim *sim, struct res *inst)
{
	const json_t *boot = jget(inst->truth, "boot");
	const char *verdict = js(boot, "verdict");

	jset_i(inst->truth, "boot_count", ji(inst->truth, "boot_count") + 1);
	jset_n(inst->truth, "boot_time", sim->now);
	jset_s(inst->truth, "boot_verdict", "");
	jset_s(inst->truth, "status", "initializing");
	timer_set(inst, "status", sim->now + latency(sim, inst, "status_checks"));
	if (*js(boot, "console_script")) {
		script_run(sim, inst, js(boot, "console_script"));
		return;
	}
	console_write(sim, inst->id, ".new",
		      jhas(boot, "console")
			      ? js(boot, "console")
			      : "[    0.000000] Linux version 6.1.0\r\n\r\nlocalhost login: ");
	verdict_set(sim, inst, *verdict ? verdict : "ok");
}

void boot_end(struct sim *sim, struct res *inst)
{
	sshd_close(sim, inst->id);
	jset_s(inst->truth, "status", "");
	json_object_del(inst->truth, "sshd_open");
	timer_drop(inst, "status");
	timer_drop(inst, "sshd");
	timer_drop(inst, "shutdown");
	world_touch(inst);
}

void boot_timer(struct sim *sim, struct res *inst, const char *name)
{
	cleanup(free) char *fresh = console_path(sim, inst->id, ".new");
	cleanup(free) char *shown = console_path(sim, inst->id, "");

	if (str_eq(name, "status")) {
		status_settle(inst);
	} else if (str_eq(name, "console")) {
		if (!rename(fresh, shown))
			jset_n(inst->truth, "console_time", sim->now);
		world_touch(inst);
	} else if (str_eq(name, "shutdown")) {
		machine_shutdown_due(sim, inst);
	} else if (str_eq(name, "sshd") && js_is(inst->truth, "state", "running")) {
		jset_b(inst->truth, "sshd_open", !sshd_open(sim, inst));
		world_touch(inst);
	}
}

/* After a restart: listeners again, and boots that were cut off run once more. */
void boot_restore(struct sim *sim)
{
	sim_foreach (inst, sim, &kind_instance) {
		if (!js_is(inst->truth, "state", "running"))
			continue;
		if (jb(inst->truth, "sshd_open"))
			(void)!sshd_open(sim, inst);
		if (jhas(inst->truth, "boot_verdict") && !*js(inst->truth, "boot_verdict"))
			script_run(sim, inst, js(jget(inst->truth, "boot"), "console_script"));
	}
	sim_foreach (vol, sim, &kind_volume)
		if (jb(vol->truth, "copying"))
			volume_copy_resume(sim, vol);
}

/* ---- what a world description says of an instance that already runs */
int boot_load(struct sim *sim, json_t *in, struct err *err)
{
	cleanup(free) char *path = console_path(sim, js(in, "id"), "");
	cleanup(str_done) struct str text = STR_INIT;

	if (*js(in, "console_file")) {
		if (file_read(js(in, "console_file"), 1 << 24, &text, err))
			return -1;
	} else if (jhas(in, "console")) {
		str_add_bytes(&text, json_string_value(jget(in, "console")),
			      json_string_length(jget(in, "console")));
	} else {
		return 0;
	}
	json_object_del(in, "console");
	json_object_del(in, "console_file");
	jset_n(in, "console_time", sim->now);
	return file_replace(path, text.s, text.len, 0600, err);
}

int console_read(struct sim *sim, const char *id, struct str *into)
{
	cleanup(free) char *path = console_path(sim, id, "");
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	if (file_read(path, 1 << 24, &text, &err))
		return -1;
	if (text.len > MAX_CONSOLE_BYTES)
		str_add_bytes(into, text.s + text.len - MAX_CONSOLE_BYTES, MAX_CONSOLE_BYTES);
	else
		str_add_bytes(into, text.s, text.len);
	return 0;
}
