/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_hostkey.h"
#include "checks/sshd_people.h"

/* What ssh clients from OpenSSH 7.6 to today offer by default, by keyword. A server list without
 * any of these leaves nobody who did not change the client's settings. Source: ssh_config(5) of
 * those releases. */
static const struct {
	const char *key;
	const char *offered[20];
} clients[] = {
	{ "ciphers",
	  { "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr",
	    "aes128-gcm@openssh.com", "aes256-gcm@openssh.com" } },
	{ "macs",
	  { "umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
	    "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com", "umac-64@openssh.com",
	    "umac-128@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1" } },
	{ "kexalgorithms",
	  { "mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
	    "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
	    "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256",
	    "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
	    "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1",
	    "diffie-hellman-group-exchange-sha1" } },
	{ "hostkeyalgorithms",
	  { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	    "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa", "sk-ssh-ed25519@openssh.com",
	    "sk-ecdsa-sha2-nistp256@openssh.com" } },
};

/* Is something of the list left for an ordinary client? A list that adds to or takes from the
 * default is judged by what it takes away. */
static bool list_has(const char *list, const char *const *offered)
{
	bool takes_away = *list == '-';

	if (*list == '+' || *list == '^' || !*list)
		return true;
	/* The AEAD ciphers need no MAC, but a client offers MACs all the same. */
	for (size_t i = 0; i < 20 && offered[i]; i++)
		if ((sshd_pattern_list(list + takes_away, offered[i]) > 0) != takes_away)
			return true;
	return false;
}

/* With ciphers that authenticate by themselves alone, the MACs do not matter. */
static bool macs_matter(const struct sshd_conf *conf)
{
	const struct sshd_directive *d = sshd_conf_global(conf, "ciphers");
	const char *list = sshd_directive_arg(d);

	return strchr("+-^", *list) ? false : !strstr(list, "gcm@") && !strstr(list, "chacha20");
}

/* HostKeyAlgorithms without the kind of any host key that is there. What boot will make, or what
 * cannot be read, is not judged. */
static void check_host_keys(const struct machine *machine, const struct sshd_conf *conf,
			    struct findings *out)
{
	static const char *const defaults[] = { "/etc/ssh/ssh_host_rsa_key",
						"/etc/ssh/ssh_host_ecdsa_key",
						"/etc/ssh/ssh_host_ed25519_key" };
	const struct sshd_directive *d = sshd_conf_global(conf, "hostkeyalgorithms");
	const char *list = sshd_directive_arg(d);
	bool named = sshd_conf_global(conf, "hostkey") != NULL, any = false;
	VEC(const char *) paths = { 0 };

	vec_foreach (h, &conf->directives)
		if (sshd_directive_is(h, "hostkey") && !h->fatal)
			vec_push(&paths, sshd_directive_arg(h));
	for (size_t i = 0; !named && i < ARRAY_LEN(defaults); i++)
		vec_push(&paths, defaults[i]);
	for (size_t i = 0; d && i < paths.count; i++) {
		struct err err = ERR_INIT;
		const struct str *bytes = machine_file(machine, paths.items[i], &err);
		const char *type = bytes && bytes->len ? hostkey_type(bytes) : NULL;
		if (bytes && bytes->len && !type)
			d = NULL; /* unknown kind */
		any |= type != NULL;
		if (d && type && sshd_keyalgs_accept(list, type, conf->program.version))
			d = NULL;
	}
	vec_done(&paths);
	if (!d || !any)
		return;
	struct finding *f = finding_add(
		out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, sshd_rows(conf, d, "84", "80,84"), d->path,
		d->line, "HostKeyAlgorithms %s leaves out every host key that there is",
		machine_quote(machine, list, strlen(list)));
	sshd_edit_comment(&f->edits, d);
	sshd_finding_end(f);
}

static int examine(const struct machine *machine, struct findings *out, struct err *err)
{
	const struct sshd_conf *conf = NULL;

	if (sshd_model(machine, &conf, NULL, err) < 0)
		return -1;
	if (!conf)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
		const struct sshd_directive *d = sshd_conf_global(conf, clients[i].key);
		if (!d || list_has(sshd_directive_arg(d), clients[i].offered) ||
		    (str_eq(clients[i].key, "macs") && !macs_matter(conf)))
			continue;
		const char *list = sshd_directive_arg(d);
		struct finding *f = finding_add(
			out, SEVERITY_BLOCKS_LOGIN, REPAIR_SURE, sshd_rows(conf, d, "84", "80,84"),
			d->path, d->line, "%s %s holds nothing that today's ssh clients offer",
			d->name, machine_quote(machine, list, strlen(list)));
		sshd_edit_comment(&f->edits, d);
		sshd_finding_end(f);
	}
	const struct sshd_directive *d = sshd_conf_global(conf, "hostkeyalgorithms");
	if (d && list_has(sshd_directive_arg(d), clients[3].offered))
		check_host_keys(machine, conf, out);
	return 0;
}

const struct check check_sshd_key_exchange = {
	.name = "sshd-key-exchange",
	.title = "sshd offers no algorithm that ssh clients still speak",
	.explain =
		"Client and server must share a cipher, a MAC, a key exchange and a kind of host "
		"key; if "
		"they do not, the connection ends before anybody is asked for a key. A list of old "
		"algorithms alone (diffie-hellman-group1-sha1, aes128-cbc, hmac-md5, ssh-dss) is "
		"refused "
		"by every client since 2017 unless its user switched them on. The repair makes the "
		"line "
		"a comment: the default of the volume's sshd counts again.",
	.source = "ssh_config(5) and release notes of OpenSSH 7.0 to 9.9",
	.rows = "80,84",
	.repair = REPAIR_SURE,
	.examine = examine,
};
