/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/spec.h"

#include "base/str.h"

#include <ctype.h>

static const struct {
	const char *name, *link;
} tags[] = {
	[SPEC_UUID] = { "UUID", "by-uuid/" },
	[SPEC_LABEL] = { "LABEL", "by-label/" },
	[SPEC_PARTUUID] = { "PARTUUID", "by-partuuid/" },
	[SPEC_PARTLABEL] = { "PARTLABEL", "by-partlabel/" },
};

const char *spec_tag_name(enum spec_kind kind)
{
	return kind < ARRAY_LEN(tags) ? tags[kind].name : NULL;
}

/* A value in quotes of either kind, as libblkid and systemd take it; an open quote stays. */
static char *unquote(const char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value)
		return mem_strndup(value + 1, len - 2);
	return mem_strdup(value);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* udev writes other bytes in its link names as \xNN. */
static char *decode_link(const char *name)
{
	char *text = mem_alloc(strlen(name) + 1);
	size_t n = 0;

	for (; *name; n++) {
		int high = name[0] == '\\' && name[1] == 'x' ? hex_value(name[2]) : -1;
		int low = high >= 0 ? hex_value(name[3]) : -1;

		text[n] = low >= 0 ? (char)(high * 16 + low) : *name;
		name += low >= 0 ? 4 : 1;
	}
	return text;
}

static uint32_t parse_number(const char *digits)
{
	return strlen(digits) < 9 ? (uint32_t)strtoul(digits, NULL, 10) : 0;
}

/* "nvme-Amazon_Elastic_Block_Store_vol0123…[-ns-1][-part2]", also "_1" for the name space. */
static bool parse_ebs(const char *id, struct spec *ret)
{
	static const char prefix[] = "nvme-Amazon_Elastic_Block_Store_vol";
	const char *part = strstr(id, "-part");
	size_t digits;

	if (!str_starts(id, prefix))
		return false;
	id += strlen(prefix);
	id += *id == '-';
	digits = strspn(id, "0123456789abcdef");
	if (digits < 8)
		return false;
	ret->kind = SPEC_EBS;
	ret->value = mem_printf("vol-%.*s", (int)digits, id);
	ret->partition = part ? parse_number(part + 5) : 0;
	return true;
}

/* sda1, vdb, hda2, xvdf1 (letters then digits); nvme0n1p1, mmcblk0p1 (a number, then p and digits).
 */
static bool parse_kernel(const char *name, struct spec *ret)
{
	static const char *const lettered[] = { "xvd", "sd", "vd", "hd" };
	static const char *const numbered[] = { "nvme", "mmcblk" };
	size_t disk = 0;

	for (size_t i = 0; i < ARRAY_LEN(lettered) && !disk; i++) {
		size_t at = strlen(lettered[i]);
		size_t letters = str_starts(name, lettered[i])
					 ? strspn(name + at, "abcdefghijklmnopqrstuvwxyz")
					 : 0;

		if (letters && letters <= 2)
			disk = at + letters;
	}
	if (disk && strspn(name + disk, "0123456789") == strlen(name + disk)) {
		ret->partition = parse_number(name + disk);
	} else {
		disk = 0;
		for (size_t i = 0; i < ARRAY_LEN(numbered) && !disk; i++)
			if (str_starts(name, numbered[i]))
				disk = strspn(name, i ? "mcblk0123456789" : "nvme0123456789");
		if (!disk || !isdigit((unsigned char)name[disk - 1]))
			return false;
		if (name[disk] == 'p' && name[disk + 1] &&
		    strspn(name + disk + 1, "0123456789") == strlen(name + disk + 1))
			ret->partition = parse_number(name + disk + 1);
		else if (name[disk])
			return false;
	}
	ret->kind = SPEC_KERNEL;
	ret->disk = mem_strndup(name, disk);
	ret->value = mem_strdup(name);
	return true;
}

static void parse_dev(const char *node, struct spec *ret)
{
	if (str_starts(node, "disk/")) {
		const char *link = node + strlen("disk/");

		for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
			if (!str_starts(link, tags[i].link))
				continue;
			ret->kind = (enum spec_kind)i;
			ret->value = decode_link(link + strlen(tags[i].link));
			return;
		}
		if (str_starts(link, "by-id/") && parse_ebs(link + strlen("by-id/"), ret))
			return;
	} else if (parse_kernel(node, ret)) {
		return;
	}
	ret->kind = SPEC_DEVICE;
	ret->value = mem_strdup(node);
}

void spec_parse(const char *text, struct spec *ret)
{
	*ret = (struct spec){ .kind = SPEC_OTHER };
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		size_t len = strlen(tags[i].name);

		if (strncmp(text, tags[i].name, len) != 0 || text[len] != '=')
			continue;
		ret->kind = (enum spec_kind)i;
		ret->is_tag = true;
		ret->value = unquote(text + len + 1);
		return;
	}
	if (str_starts(text, "/dev/") && text[5])
		parse_dev(text + 5, ret);
	else if (text[0] == '/' && text[1] != '/')
		ret->kind = SPEC_PATH;
	if (!ret->value)
		ret->value = mem_strdup(text);
}

void spec_done(struct spec *spec)
{
	free(spec->value);
	free(spec->disk);
}

const char *spec_tag_of(const struct disk_fs *fs, enum spec_kind kind)
{
	switch (kind) {
	case SPEC_UUID:
		return fs->uuid;
	case SPEC_LABEL:
		return fs->label;
	case SPEC_PARTUUID:
		return fs->partuuid;
	case SPEC_PARTLABEL:
		return fs->partlabel;
	default:
		return NULL;
	}
}

bool spec_is(const struct disk_fs *fs, const struct spec *spec)
{
	const char *tag = spec_tag_of(fs, spec->kind);

	if (spec->kind == SPEC_EBS)
		return fs->disk && str_eq(fs->disk, spec->value) &&
		       fs->partition == spec->partition;
	return tag && str_eq(tag, spec->value);
}

void spec_find(const struct disks *disks, const struct spec *spec, struct spec_matches *ret)
{
	for (const struct disk_fs *fs = disks->items; fs < disks->items + disks->count; fs++)
		if (spec_is(fs, spec))
			vec_push(ret, fs);
}
