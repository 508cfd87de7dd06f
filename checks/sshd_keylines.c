/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hash.h"
#include "checks/sshd_people.h"

#include <ctype.h>
#include <strings.h>

/* authorized_keys, line by line, as sshd reads it. Source: sshd(8) "AUTHORIZED_KEYS FILE FORMAT",
 * and trials with a running sshd: CRLF, leading blanks and a missing last newline are harmless; a
 * byte order mark, a wrapped or a cut line, an unknown option lose the key. */

#define LINES_MAX 100000u

static const char *const types[] = {
	"ssh-ed25519",
	"ssh-rsa",
	"ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com",
	"sk-ecdsa-sha2-nistp256@openssh.com",
	"ssh-dss",
};
static const char *const options_known[] = {
	"agent-forwarding",
	"cert-authority",
	"command",
	"environment",
	"expiry-time",
	"from",
	"no-agent-forwarding",
	"no-port-forwarding",
	"no-pty",
	"no-user-rc",
	"no-x11-forwarding",
	"permitlisten",
	"permitopen",
	"port-forwarding",
	"principals",
	"pty",
	"no-touch-required",
	"verify-required",
	"restrict",
	"tunnel",
	"user-rc",
	"x11-forwarding",
	"touch-required",
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Is the blob exactly the fields that a key of the type has? */
static bool blob_is_whole(const char *type, const struct str *blob)
{
	size_t fields = str_eq(type, "ssh-ed25519")			     ? 2
			: str_eq(type, "ssh-dss")			     ? 5
			: str_eq(type, "sk-ecdsa-sha2-nistp256@openssh.com") ? 4
									     : 3;
	const uint8_t *p = (const uint8_t *)blob->s;
	size_t left = blob->len;

	for (size_t i = 0; i < fields; i++) {
		if (left < 4 || be32(p) > left - 4)
			return false;
		uint32_t len = be32(p);
		if (!i && (len != strlen(type) || memcmp(p + 4, type, len)))
			return false;
		if (i == 1 && str_eq(type, "ssh-ed25519") && len != 32)
			return false;
		p += 4 + len;
		left -= 4 + len;
	}
	return !left;
}

static const char *type_at(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		size_t len = strlen(types[i]);
		if (!strncmp(s, types[i], len) && (s[len] == ' ' || s[len] == '\t'))
			return types[i];
	}
	return NULL;
}

/* "TYPE BLOB..." at s: the type and the blob's text; NULL: no whole key stands there. */
static const char *key_at(const char *s, const char **blob, size_t *blob_len)
{
	const char *type = type_at(s);
	cleanup(str_done) struct str bytes = STR_INIT;

	if (!type)
		return NULL;
	s += strlen(type);
	s += strspn(s, " \t");
	*blob = s;
	*blob_len = strcspn(s, " \t\r\n");
	if (str_add_from_base64(&bytes, s, *blob_len) < 0 || !blob_is_whole(type, &bytes))
		return NULL;
	return type;
}

/* Behind the options: quotes protect blanks, a backslash protects a quote. */
static const char *skip_options(const char *s)
{
	bool in_quote = false;

	for (; *s && (in_quote || (*s != ' ' && *s != '\t')); s++) {
		if (*s == '\\' && s[1] == '"')
			s++;
		else if (*s == '"')
			in_quote = !in_quote;
	}
	return s;
}

/* The next option of the list: name and value ("" without). False: malformed. */
static bool next_option(const char **s, struct str *name, struct str *value)
{
	str_clear(name);
	str_clear(value);
	size_t len = strcspn(*s, "=,");
	str_add_bytes(name, *s, len);
	*s += len;
	if (**s == '=') {
		if (*++*s != '"')
			return false;
		for (++*s; **s && **s != '"'; ++*s) {
			if (**s == '\\' && (*s)[1] == '"')
				++*s;
			str_add_char(value, **s);
		}
		if (**s != '"')
			return false;
		++*s;
	}
	if (**s == ',')
		return *++*s != '\0';
	return !**s;
}

static bool options_are_known(const char *options)
{
	cleanup(str_done) struct str name = STR_INIT, value = STR_INIT;

	for (const char *s = options; *s;) {
		bool known = false;
		if (!next_option(&s, &name, &value))
			return false;
		for (size_t i = 0; i < ARRAY_LEN(options_known); i++)
			known |= !strcasecmp(options_known[i], name.s);
		if (!known)
			return false;
	}
	return true;
}

char *key_option(const char *options, const char *wanted)
{
	cleanup(str_done) struct str name = STR_INIT, value = STR_INIT;

	for (const char *s = options ? options : ""; *s;) {
		bool ok = next_option(&s, &name, &value);
		if (!strcasecmp(name.s, wanted))
			return str_take(&value);
		if (!ok)
			break;
	}
	return NULL;
}

static struct key_damage *add_damage(struct key_damages *damages, const char *path, uint32_t line,
				     const char *what)
{
	struct key_damage *d = vec_add(damages);

	*d = (struct key_damage){ mem_strdup(path), line, 1, what, NULL };
	return d;
}

/* A whole key in the text? Adds it. */
static bool add_key(const char *text, const char *path, uint32_t line, struct key_lines *keys,
		    const char **why)
{
	const char *blob, *options = NULL;
	size_t blob_len;
	const char *type = key_at(text, &blob, &blob_len);

	if (!type) {
		const char *behind = skip_options(text);
		options = text;
		type = key_at(behind + strspn(behind, " \t"), &blob, &blob_len);
		if (!type)
			return false;
		cleanup(free) char *list = mem_strndup(text, (size_t)(behind - text));
		if (!options_are_known(list)) {
			*why = "has an option that sshd does not know";
			return false;
		}
	}
	struct key_line *k = vec_add(keys);
	k->path = mem_strdup(path);
	k->line = line;
	k->type = mem_strdup(type);
	k->options = options ? mem_strndup(text, (size_t)(skip_options(text) - text)) : NULL;
	k->blob = mem_strndup(blob, blob_len);
	return true;
}

/* Every key's blob begins with the length of its type's name, which is less than 256. */
static const char blob_begin[] = "AAAA";

/* Does it look like a (broken) key: a type's name, or a blob? */
static bool is_meant_as_key(const char *text)
{
	if (strstr(text, blob_begin))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const char *at = strstr(text, types[i]);
		if (at)
			return true;
	}
	return false;
}

/* Would sshd take the line for a key? */
static bool is_key(const char *text)
{
	struct key_lines keys = { 0 };
	const char *why = NULL;
	bool whole = add_key(text, "", 0, &keys, &why);

	key_lines_done(&keys);
	return whole;
}

/* A key broken over lines: joins following lines while they are nothing but base64. */
static bool try_join(const char *text, const char *next, struct key_damage *damage)
{
	cleanup(str_done) struct str joined = STR_INIT;

	str_add(&joined, text);
	for (uint32_t count = 2; *next && count <= 32; count++) {
		size_t len = strcspn(next, "\r\n");
		size_t base64 = strspn(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					     "0123456789+/=");
		if (!len || (base64 < len && next[base64] != ' ' && next[base64] != '\t') ||
		    !base64)
			return false;
		str_add_bytes(&joined, next, len);
		next += len;
		next += strspn(next, "\r");
		next += *next == '\n';
		if (is_key(joined.s)) {
			str_add_char(&joined, '\n');
			damage->count = count;
			damage->repaired = str_take(&joined);
			damage->what = "is broken over several lines";
			return true;
		}
	}
	return false;
}

/* The same line without what people put around a key by mistake. */
static bool try_strip(const char *text, struct key_damage *damage)
{
	static const char bom[] = "\xef\xbb\xbf";
	const char *start = text;
	size_t len;

	if (str_starts(text, bom))
		start += strlen(bom);
	else if (*text == '"' || *text == '\'')
		start++;
	else
		return false;
	len = strlen(start);
	if (start == text + 1 && len && start[len - 1] == *text)
		len--;
	cleanup(free) char *inner = mem_strndup(start, len);
	if (!is_key(inner))
		return false;
	damage->repaired = mem_printf("%s\n", inner);
	damage->what = start == text + 1 ? "stands in quotes" : "begins with a byte order mark";
	return true;
}

/* The blob is whole and tells its type; what stands before it, one word, is another one or runs into it. */
static bool try_type(const char *text, struct key_damage *damage)
{
	const char *blob = strstr(text, blob_begin);
	const char *behind = text + strcspn(text, " \t,=\"");

	if (!blob || (behind < blob && behind + strspn(behind, " \t") != blob))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		cleanup(free) char *mended = mem_printf("%s %s", types[i], blob);

		if (!is_key(mended))
			continue;
		damage->repaired = mem_printf("%s\n", mended);
		damage->what = "does not have its type before it";
		return true;
	}
	return false;
}

void key_lines_read(const struct machine *machine, const char *path, struct key_lines *keys,
		    struct key_damages *damages)
{
	struct err err = ERR_INIT;
	const struct str *bytes = machine_file(machine, path, &err);
	uint32_t number = 0;

	const char *end = bytes ? bytes->s + bytes->len : NULL;
	for (const char *p = bytes ? bytes->s : NULL; p < end && number < LINES_MAX;) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline ? newline + 1 : end;
		/* Up to a NUL, as sshd sees it. */
		cleanup(free) char *line = mem_strndup(p, (size_t)((newline ? newline : end) - p));
		const char *why = NULL;
		number++;
		for (size_t n = strlen(line); n && isspace((unsigned char)line[n - 1]); n--)
			line[n - 1] = '\0';
		const char *text = line + strspn(line, " \t");
		p = next;
		if (!*text || *text == '#' || add_key(text, path, number, keys, &why))
			continue;
		if (!is_meant_as_key(text))
			continue;
		struct key_damage *d =
			add_damage(damages, path, number, why ? why : "is cut off or altered");
		if (!why && !try_strip(text, d) && !try_type(text, d) && try_join(text, next, d)) {
			for (uint32_t i = 1; i < d->count; i++) {
				p += strcspn(p, "\n");
				p += *p == '\n';
			}
			number += d->count - 1;
		}
	}
}

uint32_t key_rsa_bits(const struct key_line *key)
{
	cleanup(str_done) struct str bytes = STR_INIT;

	if (!str_eq(key->type, "ssh-rsa") ||
	    str_add_from_base64(&bytes, key->blob, strlen(key->blob)) < 0)
		return 0;
	/* type, exponent, modulus: add_key has seen that they fit. */
	const uint8_t *p = (const uint8_t *)bytes.s;
	p += 4 + be32(p);
	p += 4 + be32(p);
	uint32_t len = be32(p);
	p += 4;
	while (len && !*p)
		p++, len--;
	uint32_t bits = len * 8;
	for (uint8_t top = len ? *p : 0; len && !(top & 0x80); top = (uint8_t)(top << 1))
		bits--;
	return bits;
}

char *key_options_without(const char *options, const char *wanted)
{
	cleanup(str_done) struct str name = STR_INIT, value = STR_INIT, kept = STR_INIT;

	for (const char *s = options ? options : ""; *s;) {
		const char *start = s;
		if (!next_option(&s, &name, &value) && *s)
			break;
		size_t len = (size_t)(s - start);
		len -= len && start[len - 1] == ',';
		if (!strcasecmp(name.s, wanted))
			continue;
		if (kept.len)
			str_add_char(&kept, ',');
		str_add_bytes(&kept, start, len);
	}
	return kept.len ? str_take(&kept) : NULL;
}

void key_lines_done(struct key_lines *keys)
{
	vec_foreach (k, keys) {
		free(k->path);
		free(k->type);
		free(k->options);
		free(k->blob);
	}
	vec_done(keys);
}

void key_damages_done(struct key_damages *damages)
{
	vec_foreach (d, damages) {
		free(d->path);
		free(d->repaired);
	}
	vec_done(damages);
}

#define PUBLIC_KEY_MAX 16384u

/* What is in the file instead of a public key. */
static const char *not_a_key(const char *line, size_t len)
{
	if (len >= 10 && !strncmp(line, "-----BEGIN", 10))
		return "is a private key or a certificate; the public key is in the file that ends "
		       "in "
		       ".pub";
	if (len >= 7 && !strncmp(line, "PuTTY-U", 7))
		return "is PuTTY's own form; PuTTYgen shows the OpenSSH form of the public key";
	if (len >= 4 && !strncmp(line, "----", 4))
		return "is a key in the form of RFC 4716; `ssh-keygen -i -f` makes it OpenSSH's";
	return "is no public key as ssh-keygen makes it";
}

int public_key_read(const struct str *text, char **ret_line, struct err *err)
{
	const char *line = text->s, *type = NULL, *blob;
	size_t len = 0, blob_len;

	if (text->len > PUBLIC_KEY_MAX)
		return err_set(err, ERR_USAGE, "is too large to be one public key");
	for (; *line; line += len + (line[len] == '\n')) {
		len = strcspn(line, "\n");
		if (line[0] != '#' && strspn(line, " \t\r") < len)
			break;
	}
	len = strcspn(line, "\r\n");
	type = key_at(line, &blob, &blob_len);
	if (!type)
		return err_set(err, ERR_USAGE, "%s", not_a_key(line, len));
	if (str_eq(type, "ssh-dss"))
		return err_set(err, ERR_USAGE, "is a DSA key, which sshd has refused since 2015");
	if (strlen(text->s) != text->len || line[len + strspn(line + len, " \t\r\n")] != '\0')
		return err_set(err, ERR_USAGE,
			       "holds more than one line; one key is added at a time");
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)line[i]) && line[i] != '\t')
			return err_set(err, ERR_USAGE, "holds a control character");
	*ret_line = mem_strndup(line, len);
	return 0;
}
