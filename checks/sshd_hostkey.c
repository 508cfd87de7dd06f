/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sshd_hostkey.h"

#include "base/hash.h"

#include <stdio.h>

#define TYPE "ssh-ed25519"

static void add_u32(struct str *s, uint32_t value)
{
	uint8_t b[4] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			 (uint8_t)value };

	str_add_bytes(s, b, sizeof(b));
}

static void add_string(struct str *s, const void *data, size_t len)
{
	add_u32(s, (uint32_t)len);
	str_add_bytes(s, data, len);
}

int hostkey_write(const uint8_t secret[32], const char *comment, struct str *private_text,
		  struct str *public_text)
{
	static const char magic[] = "openssh-key-v1";
	uint8_t public[32], pair[64];
	cleanup(str_done) struct str blob = STR_INIT, hidden = STR_INIT, all = STR_INIT,
				     base64 = STR_INIT;

	if (ed25519_public(secret, public) < 0)
		return -1;
	memcpy(pair, secret, 32);
	memcpy(pair + 32, public, 32);
	add_string(&blob, TYPE, strlen(TYPE));
	add_string(&blob, public, sizeof(public));

	struct sha256 check = sha256_of(pair, sizeof(pair));
	for (int i = 0; i < 2;
	     i++) /* the same number twice shows a right passphrase; there is none */
		str_add_bytes(&hidden, check.b, 4);
	str_add_bytes(&hidden, blob.s, blob.len);
	add_string(&hidden, pair, sizeof(pair));
	add_string(&hidden, comment, strlen(comment));
	for (char pad = 1; hidden.len % 8; pad++)
		str_add_char(&hidden, pad);

	str_add_bytes(&all, magic, sizeof(magic)); /* with its NUL */
	add_string(&all, "none", 4);
	add_string(&all, "none", 4);
	add_string(&all, "", 0);
	add_u32(&all, 1);
	add_string(&all, blob.s, blob.len);
	add_string(&all, hidden.s, hidden.len);
	str_add_base64(&base64, all.s, all.len);

	str_add(private_text, "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (size_t i = 0; i < base64.len; i += 70)
		str_addf(private_text, "%.70s\n", base64.s + i);
	str_add(private_text, "-----END OPENSSH PRIVATE KEY-----\n");
	str_add(public_text, TYPE " ");
	str_add_base64(public_text, blob.s, blob.len);
	str_addf(public_text, " %s\n", comment);
	explicit_bzero(pair, sizeof(pair));
	return 0;
}

const char *hostkey_type(const struct str *bytes)
{
	static const char *const types[] = { "ssh-ed25519",	    "ssh-rsa",
					     "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
					     "ecdsa-sha2-nistp521", "ssh-dss" };
	static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
	const char *p = strstr(bytes->s, begin);
	cleanup(str_done) struct str base64 = STR_INIT, blob = STR_INIT;

	if (!p)
		return strstr(bytes->s, "-----BEGIN RSA PRIVATE KEY-----")   ? "ssh-rsa"
		       : strstr(bytes->s, "-----BEGIN DSA PRIVATE KEY-----") ? "ssh-dss"
		       : strstr(bytes->s, "-----BEGIN EC PRIVATE KEY-----")  ? "ecdsa-sha2-nistp256"
									     : NULL;
	for (p += strlen(begin); *p && *p != '-'; p++)
		if (*p != '\n' && *p != '\r')
			str_add_char(&base64, *p);
	if (str_add_from_base64(&blob, base64.s, base64.len) < 0)
		return NULL;
	/* The public half comes first, in the clear. */
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (memmem(blob.s, blob.len < 120 ? blob.len : 120, types[i], strlen(types[i])))
			return types[i];
	return NULL;
}

/* The seed that the system carries from boot to boot. */
static const struct str *random_seed(const struct machine *machine)
{
	static const char *const paths[] = { "/var/lib/systemd/random-seed",
					     "/var/lib/urandom/random-seed", "/var/lib/random-seed",
					     "/var/lib/misc/random-seed" };

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct err err = ERR_INIT;
		struct tree_stat st;
		const struct str *seed = machine_file(machine, paths[i], &err);
		if (seed && seed->len >= 32 &&
		    tree_stat(machine_tree(machine), paths[i], TREE_FOLLOW, &st, &err) == 0 &&
		    !st.uid && !(st.mode & 077))
			return seed;
	}
	return NULL;
}

static void put(const struct machine *machine, struct edits *edits, const char *path, uint32_t mode,
		const struct str *text)
{
	struct err err = ERR_INIT;
	const struct str *old = machine_file(machine, path, &err);
	struct tree_stat st;

	if (!old) {
		edit_create(edits, path, &(struct tree_new){ .mode = mode }, text->s, text->len);
		return;
	}
	edit_replace(edits, path, old, text);
	if (tree_stat(machine_tree(machine), path, TREE_FOLLOW, &st, &err) == 0 &&
	    (st.mode & 077 & ~mode))
		edit_mode(edits, path, &st, mode, st.uid, st.gid);
}

void hostkey_edit(const struct machine *machine, const char *path, struct edits *edits)
{
	static const char purpose[] = "ec2-rescue: ed25519 host key for ";
	const struct str *seed = random_seed(machine);
	cleanup(str_done) struct str label = STR_INIT, private_text = STR_INIT,
				     public_text = STR_INIT;
	cleanup(free) char *pub = mem_printf("%s.pub", path);

	if (!seed)
		return;
	str_addf(&label, "%s%s", purpose, path);
	struct sha256 secret = hmac_sha256(seed->s, seed->len, label.s, label.len);
	if (hostkey_write(secret.b, "made-by-ec2-rescue", &private_text, &public_text) == 0) {
		put(machine, edits, path, 0600, &private_text);
		put(machine, edits, pub, 0644, &public_text);
	}
	explicit_bzero(&secret, sizeof(secret));
	explicit_bzero(private_text.s, private_text.len);
}
