/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cloud/machine.h"

#include "base/encode.h"
#include "base/file.h"
#include "base/proc.h"
#include "tests/cloud/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define FIRST_UID 61000

/* Run by sh in new namespaces: the instance's view of this machine. */
static const char stage[] =
	"set -e; d=$1; mount --make-rprivate /\n"
	"mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/sshd /run/keys\n"
	"cp $d/keys/* /run/keys/; chmod 644 /run/keys/*\n"
	"for f in passwd shadow group sudoers; do mount --bind $d/$f /etc/$f; done\n"
	"mount -t tmpfs -o mode=755 tmpfs $d/dev\n"
	"for n in null zero full random urandom tty; do touch $d/dev/$n; mount --bind /dev/$n "
	"$d/dev/$n; done\n"
	"mkdir -p $d/dev/disk/by-id $d/dev/shm; ln -s /proc/self/fd $d/dev/fd\n"
	"mount --bind $d/by-id $d/dev/disk/by-id; mount --rbind $d/dev /dev\n"
	"mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin; cp $d/shutdown.sh "
	"/usr/local/sbin/shutdown\n"
	"chmod 755 /usr/local/sbin/shutdown\n"
	/* Not exec: what has changed its user outlives its parent, and this shell does not. */
	"/usr/sbin/sshd -i -f $d/sshd_config -E $d/sshd.log || true\n"
	"exit 0\n";

/* "shutdown -P +N" and "shutdown -c": the simulator looks when the time has come. */
static const char shutdown_shim[] =
	"#!/bin/sh\n"
	"for a in \"$@\"; do case $a in +*|-c) echo \"$a\" >%s/shutdown.new; mv %s/shutdown.new "
	"%s/shutdown; exit 0;; esac; done\n"
	"exit 1\n";

static const char sshd_config[] = "HostKey %s/host\nPasswordAuthentication "
				  "no\nKbdInteractiveAuthentication no\nStrictModes no\n"
				  "UsePAM no\nUseDNS no\nPermitRootLogin "
				  "prohibit-password\nAuthorizedKeysFile /run/keys/%%u\n"
				  "Subsystem sftp internal-sftp\nPrintMotd no\nPidFile none\n";

static const char sudoers[] =
	"Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n"
	"root ALL=(ALL:ALL) ALL\n";

bool machine_is_real(const json_t *inst)
{
	return js_is(jget(inst, "boot"), "sshd_listen", "real");
}

char *machine_dir(struct sim *sim, const char *instance_id)
{
	return mem_printf("%s/instances/%s", sim->dir, instance_id);
}

/* What it was told at its launch, when that is cloud-config in JSON; NULL: nothing of the kind. */
static json_t *user_data(const struct res *inst)
{
	static const char head[] = "#cloud-config\n";
	cleanup(str_done) struct str text = STR_INIT;
	const char *packed = js(inst->truth, "user_data");

	if (str_add_from_base64(&text, packed, strlen(packed)) < 0 || !text.len ||
	    !str_starts(text.s, head))
		return NULL;
	return json_loads(text.s + strlen(head), 0, NULL);
}

static int put(const char *dir, const char *name, const char *text, mode_t mode, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);

	return file_replace(path, text, strlen(text), mode, err);
}

/* This machine's, and more lines. */
static int put_with(const char *dir, const char *name, const char *more, mode_t mode,
		    struct err *err)
{
	cleanup(free) char *from = mem_printf("/etc/%s", name);
	cleanup(str_done) struct str text = STR_INIT;

	if (file_read(from, 1 << 20, &text, err) < 0)
		return -1;
	if (text.len && text.s[text.len - 1] != '\n')
		str_add_char(&text, '\n');
	str_add(&text, more);
	return put(dir, name, text.s, mode, err);
}

static int put_users(const char *dir, const json_t *data, struct err *err)
{
	cleanup(str_done) struct str passwd = STR_INIT, shadow = STR_INIT, group = STR_INIT;
	cleanup(str_done) struct str rights = STR_INIT;
	cleanup(free) char *keys_dir = mem_printf("%s/keys", dir);
	const json_t *user, *key;
	size_t i, k;

	str_add(&rights, sudoers);
	if (put(keys_dir, "none", "", 0644, err) < 0)
		return -1;
	json_array_foreach (jget(data, "users"), i, user) {
		const char *name = js(user, "name");
		cleanup(str_done) struct str keys = STR_INIT;
		unsigned uid = FIRST_UID + (unsigned)i;

		if (!*name)
			continue;
		str_addf(&passwd, "%s:x:%u:%u::/:/bin/sh\n", name, uid, uid);
		str_addf(&shadow, "%s:*:19000:0:99999:7:::\n", name);
		str_addf(&group, "%s:x:%u:\n", name, uid);
		if (*js(user, "sudo"))
			str_addf(&rights, "%s %s\n", name, js(user, "sudo"));
		json_array_foreach (jget(user, "ssh_authorized_keys"), k, key)
			str_addf(&keys, "%s\n", json_string_value(key));
		if (put(keys_dir, name, keys.len ? keys.s : "", 0644, err) < 0)
			return -1;
	}
	return put_with(dir, "passwd", passwd.len ? passwd.s : "", 0644, err) < 0 ||
			       put_with(dir, "shadow", shadow.len ? shadow.s : "", 0600, err) < 0 ||
			       put_with(dir, "group", group.len ? group.s : "", 0644, err) < 0 ||
			       put(dir, "sudoers", rights.s, 0440, err) < 0
		       ? -1
		       : 0;
}

static int put_host_key(const char *dir, const json_t *data, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/host", dir);
	const char *const argv[] = {
		"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, NULL
	};
	const struct proc_run run = { .argv = argv, .deadline_s = 20 };
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	const char *given = js(jget(data, "ssh_keys"), "ed25519_private");

	if (*given)
		return put(dir, "host", given, 0600, err);
	return access(path, F_OK) ? proc_run(&run, &result, err) : 0;
}

/* "+60": in so many minutes after this moment. */
static void arm(struct sim *sim, struct res *inst, const char *delay, double from)
{
	double minute = latency_of(sim, inst->id, 0, "shutdown_minute");

	timer_set(inst, "shutdown", from + strtod(delay + 1, NULL) * minute);
}

int machine_prepare(struct sim *sim, struct res *inst, struct err *err)
{
	cleanup(free) char *dir = machine_dir(sim, inst->id), *by_id = mem_printf("%s/by-id", dir);
	cleanup(free) char *dev = mem_printf("%s/dev", dir), *keys = mem_printf("%s/keys", dir);
	cleanup(free) char *shim = mem_printf(shutdown_shim, dir, dir, dir);
	cleanup(free) char *config = mem_printf(sshd_config, dir);
	json_t *data = user_data(inst);
	const char *delay = js(jget(data, "power_state"), "delay");
	int rc = -1;

	if (geteuid())
		err_set(err, ERR_DENIED, "an sshd in namespaces of its own needs root");
	else if (access("/usr/sbin/sshd", X_OK))
		err_set(err, ERR_TOOL, "there is no sshd (openssh-server)");
	else if (!dir_make(by_id, err) && !dir_make(dev, err) && !dir_make(keys, err) &&
		 !put_users(dir, data, err) && !put_host_key(dir, data, err) &&
		 !put(dir, "shutdown.sh", shim, 0755, err) &&
		 !put(dir, "sshd_config", config, 0644, err))
		rc = 0;
	if (!rc && delay[0] == '+' && !timer_is_set(inst, "shutdown"))
		arm(sim, inst, delay, jd(inst->truth, "boot_time"));
	json_decref(data);
	return rc;
}

/* ---- connections */

static void session_over(struct sim *sim, void *arg, int status)
{
	(void)status;
	for (size_t i = 0; i < sim->sessions.count; i++)
		if (sim->sessions.items[i].id == *(uint64_t *)arg) {
			free(sim->sessions.items[i].instance);
			sim->sessions.items[i] = sim->sessions.items[--sim->sessions.count];
			break;
		}
	free(arg);
}

void machine_serve(struct sim *sim, const struct res *inst, int fd)
{
	cleanup(free) char *dir = machine_dir(sim, inst->id);
	cleanup(free) char *log = mem_printf("%s/stage.log", dir);
	const char *const argv[] = { "unshare",	     "--mount", "--net",  "--uts",
				     "--ipc",	     "--pid",	"--fork", "--kill-child",
				     "--mount-proc", "sh",	"-c",	  stage,
				     "sh",	     dir,	NULL };
	uint64_t *id = mem_alloc(sizeof(*id));
	struct session session = { .instance = mem_strdup(inst->id), .id = ++sim->serial };

	*id = session.id;
	session.pid = job_serve(sim, argv, fd, log, session_over, id);
	vec_push(&sim->sessions, session);
	close(fd);
}

void machine_kill(struct sim *sim, const char *instance_id)
{
	vec_foreach (session, &sim->sessions)
		if (!instance_id || str_eq(session->instance, instance_id))
			kill(session->pid, SIGKILL);
}

void machine_shutdown_due(struct sim *sim, struct res *inst)
{
	cleanup(free) char *dir = machine_dir(sim, inst->id);
	cleanup(free) char *path = mem_printf("%s/shutdown", dir);
	cleanup(str_done) struct str text = STR_INIT;
	struct err err = ERR_INIT;
	struct stat st;

	if (!js_is(inst->truth, "state", "running"))
		return;
	if (!stat(path, &st) && !file_read(path, 64, &text, &err)) {
		double written = (double)st.st_mtim.tv_sec + (double)st.st_mtim.tv_nsec / 1e9;

		unlink(path);
		if (text.len && text.s[0] == '+')
			arm(sim, inst, text.s, sim->now - (real_now() - written) * sim->speed);
		if (text.len && (text.s[0] == '-' || timer_is_set(inst, "shutdown")))
			return;
	}
	if (js_is(inst->truth, "shutdown_behavior", "terminate"))
		instance_terminate(sim, inst, "Client.InstanceInitiatedShutdown");
	else
		instance_stop(sim, inst, false);
}
