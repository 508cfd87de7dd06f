/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/accounts.c beside glibc: of random damages to lines of passwd, shadow and group, both take
 * the same for accounts. */
#include "checks/accounts.h"

#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdio.h>

#define MUTATIONS 20000u

static unsigned tests_run, tests_failed;

static void result(bool ok, const char *name)
{
	tests_run++;
	tests_failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests_run, name);
}

/* Mutations have to be the same in every run: xorshift64*. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 2685821657736338717u;
}

static const char *next_name(enum account_file kind, FILE *file)
{
	const struct passwd *pw;
	const struct spwd *sp;
	const struct group *gr;

	switch (kind) {
	case ACCOUNT_PASSWD:
		return (pw = fgetpwent(file)) ? pw->pw_name : NULL;
	case ACCOUNT_SHADOW:
		return (sp = fgetspent(file)) ? sp->sp_namp : NULL;
	default:
		return (gr = fgetgrent(file)) ? gr->gr_name : NULL;
	}
}

/* Names, one a line; those for NIS are nobody's. */
static void their_names(enum account_file kind, struct str *text, struct str *ret)
{
	FILE *file = fmemopen(text->s, text->len, "r");

	for (const char *name; file && (name = next_name(kind, file));)
		if (*name && *name != '+' && *name != '-')
			str_addf(ret, "%s\n", name);
	if (file)
		fclose(file);
}

static void our_names(enum account_file kind, const struct str *text, struct str *ret)
{
	cleanup(account_lines_done) struct account_lines lines = { 0 };

	account_lines_read(kind, text, &lines);
	vec_foreach (line, &lines)
		if (line->is_account)
			str_addf(ret, "%s\n", line->name);
}

static void mutate(const char *text, uint64_t *state, struct str *ret)
{
	static const char bytes[] = "::::0123456789-+# \tx,\r\n";
	size_t len = strlen(text), at = next_random(state) % len;

	str_add_bytes(ret, text, at);
	switch (next_random(state) % 4) {
	case 3:
		str_add(ret, "99999999999");
		str_add(ret, text + at);
		break;
	case 0:
		str_add_char(ret, bytes[next_random(state) % (sizeof(bytes) - 1)]);
		str_add(ret, text + at);
		break;
	case 1:
		str_add(ret, text + at + 1);
		break;
	default:
		str_add_char(ret, bytes[next_random(state) % (sizeof(bytes) - 1)]);
		str_add(ret, text + at + 1);
	}
}

int main(void)
{
	static const struct {
		enum account_file kind;
		const char *name, *text;
	} files[] = {
		{ ACCOUNT_PASSWD, "passwd",
		  "root:x:0:0:root:/root:/bin/bash\nadmin:x:1000:1000::/home/admin:/bin/sh\n" },
		{ ACCOUNT_SHADOW, "shadow",
		  "root:*:19000:0:99999:7:::\nadmin:!:19000:0:99999:7:30:20000:\n" },
		{ ACCOUNT_GROUP, "group", "root:x:0:\nsudo:x:27:admin,root\n" },
	};
	uint64_t state = 88172645463325252u;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		unsigned differ = 0;
		for (unsigned k = 0; k < MUTATIONS; k++) {
			cleanup(str_done) struct str once = STR_INIT, text = STR_INIT;
			cleanup(str_done) struct str theirs = STR_INIT, ours = STR_INIT;
			mutate(files[i].text, &state, &once);
			mutate(once.s, &state, &text);
			their_names(files[i].kind, &text, &theirs);
			our_names(files[i].kind, &text, &ours);
			if (str_eq(theirs.s, ours.s))
				continue;
			if (differ++ < 5) {
				cleanup(str_done) struct str shown = STR_INIT;
				str_add_escaped(&shown, text.s, text.len);
				printf("# %s: glibc %s, we %s\n", shown.s, theirs.s, ours.s);
			}
		}
		printf("# %s: %u of %u differ\n", files[i].name, differ, MUTATIONS);
		result(!differ, files[i].name);
	}
	printf("1..%u\n", tests_run);
	return tests_failed > 0;
}
