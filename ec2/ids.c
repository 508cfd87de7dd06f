/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ec2/ids.h"
#include "base/str.h"

const struct id_form instance_id_form = { "i-", "instance" };
const struct id_form volume_id_form = { "vol-", "volume" };
const struct id_form snapshot_id_form = { "snap-", "snapshot" };
const struct id_form image_id_form = { "ami-", "image" };

#define MAX_QUOTED 80 /* bytes of a wrong id that are shown */

int id_parse(const struct id_form *form, const char *text, char ret[ID_SIZE], struct err *err)
{
	cleanup(str_done) struct str quoted = STR_INIT;
	size_t prefix = strlen(form->prefix), len = strnlen(text, ID_SIZE);
	size_t digits = str_starts(text, form->prefix) ? len - prefix : 0;

	if ((digits == 8 || digits == 17) && strspn(text + prefix, "0123456789abcdef") == digits) {
		memset(ret, 0, ID_SIZE);
		memcpy(ret, text, len);
		return 0;
	}
	str_add_escaped(&quoted, text, strnlen(text, MAX_QUOTED));
	return err_set(
		err, ERR_USAGE,
		"\"%s%s\" is not the id of %s %s: that is %s and 8 or 17 hexadecimal digits, "
		"such as %s0123456789abcdef0",
		quoted.s, strnlen(text, MAX_QUOTED + 1) > MAX_QUOTED ? "..." : "",
		strchr("aeiou", form->noun[0]) ? "an" : "a", form->noun, form->prefix,
		form->prefix);
}

int instance_id_parse(const char *text, struct instance_id *ret, struct err *err)
{
	return id_parse(&instance_id_form, text, ret->s, err);
}

int volume_id_parse(const char *text, struct volume_id *ret, struct err *err)
{
	return id_parse(&volume_id_form, text, ret->s, err);
}

int snapshot_id_parse(const char *text, struct snapshot_id *ret, struct err *err)
{
	return id_parse(&snapshot_id_form, text, ret->s, err);
}

int image_id_parse(const char *text, struct image_id *ret, struct err *err)
{
	return id_parse(&image_id_form, text, ret->s, err);
}
