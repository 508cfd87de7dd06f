/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/helper.h"

#include "base/file.h"
#include "base/proc.h"

#include <jansson.h>
#include <sys/stat.h>

enum { KEYGEN_S = 20, KEY_MAX_BYTES = 8192 };

const char *const helper_types[] = { "t3.nano",	 "t3a.nano", "t3.micro",  "t3a.micro", "t3.small",
				     "m5.large", "c5.large", "m6i.large", "m7i.large", NULL };
/* AWS documentation, "Reference the latest AMIs using Systems Manager public parameters"; Debian wiki,
 * "Cloud/AmazonEC2Image". */
const char *const helper_images[2] = {
	"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
	"/aws/service/debian/release/12/latest/amd64",
};

static int make_key(const char *path, struct err *err)
{
	const char *const argv[] = { "ssh-keygen", "-q",	"-t", "ed25519", "-N", "",
				     "-C",	   HELPER_USER, "-f", path,	 NULL };
	const struct proc_run run = { .argv = argv, .deadline_s = KEYGEN_S };
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	cleanup(free) char *public = mem_printf("%s.pub", path);

	if (proc_run(&run, &result, err) < 0)
		return -1;
	chmod(public, 0600); /* as everything in the state directory */
	return result.status
		       ? err_set(err, ERR_TOOL, "ssh-keygen made no key (status %d)", result.status)
		       : 0;
}

static int read_key(const char *dir, const char *name, struct str *into, struct err *err)
{
	cleanup(free) char *path = mem_printf("%s/%s", dir, name);

	return file_read(path, KEY_MAX_BYTES, into, err);
}

int helper_keys_make(const char *dir, struct err *err)
{
	cleanup(free) char *login = mem_printf("%s/login", dir), *host = mem_printf("%s/host", dir);
	cleanup(free) char *known = mem_printf("%s/known_hosts", dir);
	cleanup(str_done) struct str text = STR_INIT;

	if (!access(known, F_OK)) /* it is written last */
		return 0;
	dir_remove_all(dir);
	str_add(&text, HELPER_USER " ");
	if (dir_make(dir, err) < 0 || make_key(login, err) < 0 || make_key(host, err) < 0 ||
	    read_key(dir, "host.pub", &text, err) < 0)
		return err_in(err, "the helper's keys");
	return file_replace(known, text.s, text.len, 0600, err);
}

/* cloud-init, "Module reference": users, ssh_keys and write_files are done before sshd starts, power_state at the
 * end of the boot. Amazon's own repo_upgrade would update packages first. */
static json_t *config(const struct str *login, const struct str *host, const struct str *host_pub,
		      bool lasts)
{
	json_t *json = json_pack(
		"{s:[{s:s, s:s, s:b, s:s, s:[s#]}], s:b, s:[], s:{s:s#, s:s#}, s:b, s:s, s:b, s:b,"
		" s:[{s:s, s:s}]}",
		"users", "name", HELPER_USER, "sudo", "ALL=(ALL) NOPASSWD:ALL", "lock_passwd", 1,
		"shell", "/bin/sh", "ssh_authorized_keys", login->s, (int)login->len,
		"ssh_deletekeys", 1, "ssh_genkeytypes", "ssh_keys", "ed25519_private", host->s,
		(int)host->len, "ed25519_public", host_pub->s, (int)host_pub->len, "ssh_pwauth", 0,
		"repo_upgrade", "none", "package_update", 0, "package_upgrade", 0, "write_files",
		"path", "/etc/ssh/sshd_config.d/00-ec2-rescue.conf", "content",
		"ClientAliveInterval 30\nClientAliveCountMax 4\n");

	if (!lasts)
		json_object_set_new(
			json, "power_state",
			json_pack("{s:s, s:s}", "mode", "poweroff", "delay", "+" HELPER_LASTS_MIN));
	return json;
}

static void trim(struct str *text)
{
	while (text->len && text->s[text->len - 1] == '\n')
		text->s[--text->len] = '\0';
}

int helper_user_data(const char *keys_dir, bool lasts, struct str *into, struct err *err)
{
	cleanup(str_done) struct str login = STR_INIT, host = STR_INIT, host_pub = STR_INIT;
	json_t *json;
	char *text;

	if (read_key(keys_dir, "login.pub", &login, err) < 0 ||
	    read_key(keys_dir, "host", &host, err) < 0 ||
	    read_key(keys_dir, "host.pub", &host_pub, err) < 0)
		return err_in(err, "the helper's keys");
	trim(&login);
	trim(&host_pub);
	json = config(&login, &host, &host_pub, lasts);
	text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!text)
		return err_set(err, ERR_INTERNAL, "the helper's user data");
	str_addf(into, "#cloud-config\n%s\n", text);
	free(text);
	return 0;
}
