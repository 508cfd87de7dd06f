/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_conf.h"

#include <strings.h>

/* Algorithm names by release. A name of the list on an sshd outside its years is fatal for that
 * sshd; the binary on the volume is the second witness (vendors carry some longer). Source: the
 * release notes and `ssh -Q` of the releases. */

struct algorithm {
	const char *name;
	uint16_t since, gone; /* 0: always, never */
};

static const struct algorithm ciphers[] = {
	{ "3des-cbc", 0, 0 },
	{ "aes128-cbc", 0, 0 },
	{ "aes192-cbc", 0, 0 },
	{ "aes256-cbc", 0, 0 },
	{ "aes128-ctr", 0, 0 },
	{ "aes192-ctr", 0, 0 },
	{ "aes256-ctr", 0, 0 },
	{ "rijndael-cbc@lysator.liu.se", 0, 1000 },
	{ "aes128-gcm@openssh.com", 602, 0 },
	{ "aes256-gcm@openssh.com", 602, 0 },
	{ "chacha20-poly1305@openssh.com", 605, 0 },
	{ "blowfish-cbc", 0, 706 },
	{ "cast128-cbc", 0, 706 },
	{ "arcfour", 0, 706 },
	{ "arcfour128", 0, 706 },
	{ "arcfour256", 0, 706 },
};
static const struct algorithm macs[] = {
	{ "hmac-sha1", 0, 0 },
	{ "hmac-sha1-96", 0, 0 },
	{ "hmac-md5", 0, 0 },
	{ "hmac-md5-96", 0, 0 },
	{ "umac-64@openssh.com", 0, 0 },
	{ "hmac-ripemd160", 0, 706 },
	{ "hmac-ripemd160@openssh.com", 0, 706 },
	{ "hmac-sha2-256", 509, 0 },
	{ "hmac-sha2-512", 509, 0 },
	{ "hmac-sha2-256-96", 509, 600 },
	{ "hmac-sha2-512-96", 509, 600 },
	{ "umac-128@openssh.com", 602, 0 },
	{ "hmac-sha1-etm@openssh.com", 602, 0 },
	{ "hmac-sha1-96-etm@openssh.com", 602, 0 },
	{ "hmac-sha2-256-etm@openssh.com", 602, 0 },
	{ "hmac-sha2-512-etm@openssh.com", 602, 0 },
	{ "hmac-md5-etm@openssh.com", 602, 0 },
	{ "hmac-md5-96-etm@openssh.com", 602, 0 },
	{ "hmac-ripemd160-etm@openssh.com", 602, 706 },
	{ "umac-64-etm@openssh.com", 602, 0 },
	{ "umac-128-etm@openssh.com", 602, 0 },
};
static const struct algorithm kexs[] = {
	{ "diffie-hellman-group1-sha1", 0, 0 },
	{ "diffie-hellman-group14-sha1", 0, 0 },
	{ "diffie-hellman-group-exchange-sha1", 0, 0 },
	{ "diffie-hellman-group-exchange-sha256", 0, 0 },
	{ "diffie-hellman-group14-sha256", 703, 0 },
	{ "diffie-hellman-group16-sha512", 703, 0 },
	{ "diffie-hellman-group18-sha512", 703, 0 },
	{ "ecdh-sha2-nistp256", 507, 0 },
	{ "ecdh-sha2-nistp384", 507, 0 },
	{ "ecdh-sha2-nistp521", 507, 0 },
	{ "curve25519-sha256@libssh.org", 605, 0 },
	{ "curve25519-sha256", 704, 0 },
	{ "sntrup4591761x25519-sha512@tinyssh.org", 800, 805 },
	{ "sntrup761x25519-sha512@openssh.com", 805, 0 },
	{ "sntrup761x25519-sha512", 909, 0 },
	{ "mlkem768x25519-sha256", 909, 0 },
};
#define CERT "-cert-v01@openssh.com"
static const struct algorithm keyalgs[] = {
	{ "ssh-rsa", 0, 0 },
	{ "ssh-dss", 0, 1000 },
	{ "ssh-rsa" CERT, 506, 0 },
	{ "ssh-dss" CERT, 506, 1000 },
	{ "ssh-rsa-cert-v00@openssh.com", 504, 700 },
	{ "ssh-dss-cert-v00@openssh.com", 504, 700 },
	{ "ecdsa-sha2-nistp256", 507, 0 },
	{ "ecdsa-sha2-nistp384", 507, 0 },
	{ "ecdsa-sha2-nistp521", 507, 0 },
	{ "ecdsa-sha2-nistp256" CERT, 507, 0 },
	{ "ecdsa-sha2-nistp384" CERT, 507, 0 },
	{ "ecdsa-sha2-nistp521" CERT, 507, 0 },
	{ "ssh-ed25519", 605, 0 },
	{ "ssh-ed25519" CERT, 605, 0 },
	{ "rsa-sha2-256", 702, 0 },
	{ "rsa-sha2-512", 702, 0 },
	{ "rsa-sha2-256" CERT, 708, 0 },
	{ "rsa-sha2-512" CERT, 708, 0 },
	{ "sk-ssh-ed25519@openssh.com", 802, 0 },
	{ "sk-ssh-ed25519-cert-v01@openssh.com", 802, 0 },
	{ "sk-ecdsa-sha2-nistp256@openssh.com", 802, 0 },
	{ "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", 802, 0 },
	{ "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", 803, 0 },
};
/* Short names are accepted in the place of key types, whatever their case. */
static const char *const short_names[] = { "RSA",	 "RSA-CERT",	  "DSA",
					   "DSA-CERT",	 "ECDSA",	  "ECDSA-CERT",
					   "ED25519",	 "ED25519-CERT",  "ECDSA-SK",
					   "ED25519-SK", "ECDSA-SK-CERT", "ED25519-SK-CERT" };

static bool row_known(const struct algorithm *row, uint32_t version)
{
	return row->since <= version && (!row->gone || version < row->gone);
}

static bool list_knows(const struct algorithm *rows, size_t count, const char *name,
		       uint32_t version)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(rows[i].name, name) && row_known(&rows[i], version))
			return true;
	return false;
}

/* A pattern is accepted where it matches some key type. */
static bool keyalg_known(const char *name, uint32_t version)
{
	if (list_knows(keyalgs, ARRAY_LEN(keyalgs), name, version))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(short_names); i++)
		if (!strcasecmp(short_names[i], name))
			return true;
	if (!strpbrk(name, "*?"))
		return false;
	if (*name == '!')
		name++;
	for (size_t i = 0; i < ARRAY_LEN(keyalgs); i++)
		if (row_known(&keyalgs[i], version) && sshd_pattern(name, keyalgs[i].name))
			return true;
	return false;
}

static const struct {
	enum sshd_kind kind;
	const struct algorithm *rows;
	size_t count;
} tables[] = {
	{ SSHD_CIPHERS, ciphers, ARRAY_LEN(ciphers) },
	{ SSHD_MACS, macs, ARRAY_LEN(macs) },
	{ SSHD_KEX, kexs, ARRAY_LEN(kexs) },
	{ SSHD_KEYALGS, keyalgs, ARRAY_LEN(keyalgs) },
};

/* The binary has the string: does that make it an algorithm of this kind? Not a plain word such as
 * "yes", and not the name of another kind of algorithm. */
static bool binary_may_know(enum sshd_kind kind, const char *name)
{
	bool is_listed = false, is_of_kind = false;

	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		for (size_t i = 0; i < tables[t].count; i++)
			if (str_eq(tables[t].rows[i].name, name)) {
				is_listed = true;
				is_of_kind |= tables[t].kind == kind;
			}
	return is_listed ? is_of_kind : strpbrk(name, "-@") && strlen(name) >= 6;
}

bool sshd_algorithm_known(enum sshd_kind kind, const char *name, const struct sshd_program *program)
{
	if (!*name)
		return false;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++)
		if (tables[t].kind == kind && kind != SSHD_KEYALGS &&
		    list_knows(tables[t].rows, tables[t].count, name, program->version))
			return true;
	if (kind == SSHD_KEYALGS && keyalg_known(name, program->version))
		return true;
	return binary_may_know(kind, name) && sshd_program_has(program, name);
}

/* The signature algorithms that a key of the type can make with that sshd. */
static size_t signatures_of(const char *type, uint32_t version, const char *ret[3])
{
	size_t n = 0;

	if (str_eq(type, "ssh-rsa")) {
		ret[n++] = "rsa-sha2-512";
		ret[n++] = "rsa-sha2-256";
		ret[n++] = "ssh-rsa";
	} else {
		ret[n++] = type;
	}
	/* Before 7.2 there were no rsa-sha2 names; key types and algorithms were one. */
	if (version && version < 702 && n == 3) {
		ret[0] = "ssh-rsa";
		n = 1;
	}
	return n;
}

/* Not in the default list: SHA-1 RSA since 8.8, DSA since 7.0. */
static bool in_default(const char *algorithm, uint32_t version)
{
	if (str_eq(algorithm, "ssh-dss"))
		return version && version < 700;
	if (str_eq(algorithm, "ssh-rsa"))
		return version < 808; /* also when it is not known */
	return true;
}

/* A list may hold a key type by its short name. */
static bool short_name_in(const char *list, const char *type)
{
	const char *name = str_starts(type, "ecdsa-sha2-")	? "ECDSA"
			   : str_eq(type, "ssh-ed25519")	? "ED25519"
			   : str_eq(type, "ssh-rsa")		? "RSA"
			   : str_starts(type, "sk-ecdsa-sha2-") ? "ECDSA-SK"
			   : str_starts(type, "sk-ssh-ed25519") ? "ED25519-SK"
								: NULL;
	cleanup(free) char *copy = mem_strdup(list);
	char *rest = copy;

	for (char *p; name && (p = strsep(&rest, ","));)
		if (!strcasecmp(p, name))
			return true;
	return false;
}

bool sshd_keyalgs_accept(const char *list, const char *key_type, uint32_t version)
{
	const char *algorithms[3];
	size_t n = signatures_of(key_type, version, algorithms);
	char sign = list && *list ? *list : '\0';

	if (!list || !*list)
		list = NULL;
	else if (strchr("+-^", sign))
		list++;
	for (size_t i = 0; i < n; i++) {
		bool listed = list && sshd_pattern_list(list, algorithms[i]) > 0;
		bool by_default = in_default(algorithms[i], version);
		if (!list || sign == '-'	 ? by_default && !listed
		    : sign == '+' || sign == '^' ? by_default || listed
						 : listed)
			return true;
	}
	/* Between 7.2 and 8.4 the list held key types: ssh-rsa there let the SHA-2 kinds in too. */
	return list && !strchr("+-^", sign) && short_name_in(list, key_type);
}
