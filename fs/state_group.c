/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that make one thing together: who is in the group, and who should be. */
#include "base/encode.h"
#include "base/str.h"
#include "fs/bytes.h"
#include "fs/state.h"

#define METADATA_MAX (1u << 20)
#define PVS_MAX	     256u

static char *hex_text(const unsigned char *bytes, size_t len)
{
	cleanup(str_done) struct str text = STR_INIT;

	str_add_hex(&text, bytes, len);
	return str_take(&text);
}

/* Source: linux fs/btrfs/ctree.h, struct btrfs_super_block: fsid at 32, num_devices at 136, dev_item at
 * 201 that begins with the device's number. Which devices it can do without is in its chunks. */
static void read_btrfs(struct overlay *overlay, struct disk_fs *row)
{
	struct fs_state *state = &row->state;
	unsigned char sb[1024];
	struct err ignored;
	uint64_t devices;

	if (overlay_pread(overlay, sb, sizeof(sb), row->offset_bytes + 65536, &ignored) < 0)
		return;
	devices = le64_at(sb + 136);
	state->is_counted = devices == 1 && le64_at(sb + 112) >= le64_at(sb + 120);
	if (state->is_counted)
		state->bytes_free = le64_at(sb + 112) - le64_at(sb + 120);
	if (devices < 2 || devices > PVS_MAX)
		return;
	state->group = hex_text(sb + 32, 16);
	state->member = mem_printf("%llu", (unsigned long long)le64_at(sb + 201));
	state->members = (uint32_t)devices;
}

/* Source: linux include/uapi/linux/raid/md_p.h, struct mdp_superblock_1. */
static bool read_md_at(struct overlay *overlay, struct disk_fs *row, uint64_t at)
{
	struct fs_state *state = &row->state;
	unsigned char sb[1024];
	struct err ignored;
	uint32_t disks, number, role;
	int32_t level;

	if (at > row->size_bytes || row->size_bytes - at < sizeof(sb) ||
	    overlay_pread(overlay, sb, sizeof(sb), row->offset_bytes + at, &ignored) < 0 ||
	    le32_at(sb) != 0xa92b4efc || le32_at(sb + 4) != 1)
		return false;
	disks = le32_at(sb + 92);
	level = (int32_t)le32_at(sb + 72);
	number = le32_at(sb + 160);
	role = number < 256 && 256 + 2 * (size_t)number + 2 <= sizeof(sb)
		       ? le16_at(sb + 256 + 2 * (size_t)number)
		       : 0xffff;
	if (!disks || disks > PVS_MAX)
		return true;
	state->group = hex_text(sb + 16, 16);
	state->group_name = mem_strndup((char *)sb + 32, 32);
	state->member = role < disks ? mem_printf("%u", role) : mem_strdup("spare");
	state->members = disks;
	state->members_needed = level == 1		   ? 1
				: level == 4 || level == 5 ? disks - 1
				: level == 6 && disks > 2  ? disks - 2
				: level == 10		   ? (disks + 1) / 2
							   : disks;
	return true;
}

static void read_md(struct overlay *overlay, struct disk_fs *row)
{
	uint64_t end = row->size_bytes / 4096 * 4096;

	if (!read_md_at(overlay, row, 4096) && !read_md_at(overlay, row, 0) && end >= 8192)
		(void)read_md_at(overlay, row, end - 8192);
}

/* --- LVM. Source: lvm2 lib/format_text/layout.h and lib/label/label.h --------------------------------- */

/* The live text of the volume group from one metadata area, which is a ring behind its header. */
static bool read_metadata(struct overlay *overlay, const struct disk_fs *row, uint64_t at,
			  uint64_t size, struct str *into)
{
	static const char magic[] = " LVM2 x[5A%r0N*>";
	unsigned char header[512];
	uint64_t offset, len, wrapped;
	cleanup(free) char *text = NULL;
	struct err ignored;

	if (size < 1024 || at > row->size_bytes || size > row->size_bytes - at ||
	    overlay_pread(overlay, header, sizeof(header), row->offset_bytes + at, &ignored) < 0 ||
	    memcmp(header + 4, magic, 16))
		return false;
	offset = le64_at(header + 40);
	len = le64_at(header + 48);
	if (offset < 512 || offset >= size || !len || len > METADATA_MAX || len > size - 512)
		return false;
	text = mem_alloc(len);
	wrapped = len > size - offset ? len - (size - offset) : 0;
	if (overlay_pread(overlay, text, len - wrapped, row->offset_bytes + at + offset, &ignored) <
		    0 ||
	    overlay_pread(overlay, text + len - wrapped, wrapped, row->offset_bytes + at + 512,
			  &ignored) < 0)
		return false;
	str_add_bytes(into, text, len);
	return true;
}

/* One word of LVM's text: a name, a number, a string without its quotes, or one of { } [ ] = , */
static bool next_word(const char **p, struct str *word, bool *ret_is_string)
{
	str_clear(word);
	*ret_is_string = false;
	for (;;) {
		*p += strspn(*p, " \t\n");
		if (**p != '#')
			break;
		*p += strcspn(*p, "\n");
	}
	if (!**p)
		return false;
	if (**p == '"') {
		*ret_is_string = true;
		for (++*p; **p && **p != '"'; ++*p) {
			if (**p == '\\' && (*p)[1])
				++*p;
			str_add_char(word, **p);
		}
		*p += **p == '"';
	} else if (strchr("{}[]=,", **p)) {
		str_add_char(word, *(*p)++);
	} else {
		size_t len = strcspn(*p, " \t\n{}[]=,\"#");

		str_add_bytes(word, *p, len);
		*p += len;
	}
	return true;
}

/* VG { id = "…" … physical_volumes { pv0 { id = "…" … } … } … } */
static void parse_group(const char *text, struct fs_state *state)
{
	cleanup(str_done) struct str word = STR_INIT, last = STR_INIT, key = STR_INIT;
	unsigned depth = 0;
	bool is_in_pvs = false, is_string, is_value = false;

	while (next_word(&text, &word, &is_string)) {
		if (is_string && is_value && str_eq(key.s, "id") && depth == 1 && !state->group) {
			state->group = mem_strdup(word.s);
		} else if (is_string && is_value && str_eq(key.s, "id") && depth == 3 &&
			   is_in_pvs && state->other_member_count < PVS_MAX) {
			state->other_members =
				mem_realloc(state->other_members,
					    (state->other_member_count + 1) * sizeof(char *));
			state->other_members[state->other_member_count++] = mem_strdup(word.s);
		}
		is_value = false;
		if (is_string)
			continue;
		if (str_eq(word.s, "{")) {
			if (!depth && !state->group_name)
				state->group_name = mem_strdup(last.s);
			if (depth == 1)
				is_in_pvs = str_eq(last.s, "physical_volumes");
			depth++;
		} else if (str_eq(word.s, "}")) {
			depth -= depth > 0;
		} else if (str_eq(word.s, "=")) {
			str_clear(&key);
			str_add(&key, last.s);
			is_value = true;
		}
		str_clear(&last);
		str_add(&last, word.s);
	}
	state->members = state->members_needed = (uint32_t)state->other_member_count;
}

/* "abcdef-ghij-…": as the text writes it and as lvm shows it. */
static char *pv_id(const unsigned char *bytes)
{
	cleanup(str_done) struct str text = STR_INIT;

	for (int i = 0; i < 32; i++) {
		if (i == 6 || i == 10 || i == 14 || i == 18 || i == 22 || i == 26)
			str_add_char(&text, '-');
		str_add_char(&text, (char)bytes[i]);
	}
	return str_take(&text);
}

#define LABELS_BYTES 2048u /* the label is in one of the first four sectors */

static void read_lvm(struct overlay *overlay, struct disk_fs *row)
{
	cleanup(str_done) struct str text = STR_INIT;
	unsigned char head[LABELS_BYTES + 512] = { 0 };
	const unsigned char *label = NULL, *p, *end;
	struct err ignored;
	uint32_t offset;
	int list = 0;

	if (overlay_pread(overlay, head, LABELS_BYTES, row->offset_bytes, &ignored) < 0)
		return;
	for (size_t at = 0; at < LABELS_BYTES && !label; at += 512)
		if (!memcmp(head + at, "LABELONE", 8) && !memcmp(head + at + 24, "LVM2 001", 8))
			label = head + at;
	if (!label)
		return;
	offset = le32_at(label + 20);
	if (offset < 32 || offset > 400)
		return;
	row->state.member = pv_id(label + offset);
	/* Two lists, each ended by a zero: data areas, then areas of metadata. */
	end = label + 512 - 16;
	for (p = label + offset + 40; p <= end && list < 2; p += 16) {
		uint64_t at = le64_at(p), size = le64_at(p + 8);

		if (!at)
			list++;
		else if (list == 1 && read_metadata(overlay, row, at, size, &text))
			break;
	}
	if (text.len)
		parse_group(text.s, &row->state);
}

void state_read_group(struct overlay *overlay, struct disk_fs *row)
{
	if (str_eq(row->type, "btrfs"))
		read_btrfs(overlay, row);
	else if (str_eq(row->type, "linux_raid_member"))
		read_md(overlay, row);
	else if (str_eq(row->type, "LVM2_member"))
		read_lvm(overlay, row);
}
